"""Detectors: models that learn little from a wrong label, and what they say of rows kept from them.

`DETECTORS` names them by kind of content. They were chosen by how well the margin of their averaged
probabilities ranks wrong labels, real and planted, not by how often they are right: what learns
every label learns the wrong ones too.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]


class GaussianClasses:
    """A normal distribution per class on the leading components of the features.

    Regularised discriminant analysis (Friedman 1989): each class's covariance leans on the common
    one as if on as many more rows as there are components, so that a class of one row has one too.
    """

    def __init__(self, components: int = 40, ridge: float = 0.1) -> None:
        self.components, self.ridge = components, ridge

    def fit(self, features: Floats, codes: Ints) -> GaussianClasses:
        """Learn from dense features (rows, terms) and class codes; needs one row."""
        points = self._fit_components(np.asarray(features, dtype=np.float64))
        self.classes_, place, count = np.unique(codes, return_inverse=True, return_counts=True)
        self._means = np.array([points[place == k].mean(axis=0) for k in range(len(count))])
        rest = points - self._means[place]
        common = rest.T @ rest / len(rest)
        size = len(common)
        common += np.eye(size) * (self.ridge * np.trace(common) / size + 1e-9)
        covariances = [
            (rest[place == k].T @ rest[place == k] + size * common) / (n + size)
            for k, n in enumerate(count)
        ]
        self._factors = [np.linalg.cholesky(covariance) for covariance in covariances]
        self._shares = np.log(count / count.sum())
        return self

    def _fit_components(self, features: Floats) -> Floats:
        """The features on their leading principal axes, which are kept, float (rows, axes)."""
        self._centre = features.mean(axis=0)
        centred = features - self._centre
        self._axes = _leading_axes(centred, self.components)
        return np.asarray(centred @ self._axes, dtype=np.float64)

    def predict_proba(self, features: Floats) -> Floats:
        """Class probabilities, float (rows, classes), in the order of `classes_`."""
        from scipy.linalg import solve_triangular
        from scipy.special import softmax

        points = (np.asarray(features, dtype=np.float64) - self._centre) @ self._axes
        logits = np.empty((len(points), len(self._means)))
        for k, (mean, factor) in enumerate(zip(self._means, self._factors, strict=True)):
            standard = solve_triangular(factor, (points - mean).T, lower=True)
            spread = np.log(np.diag(factor)).sum()
            logits[:, k] = self._shares[k] - spread - 0.5 * (standard**2).sum(axis=0)
        return np.asarray(softmax(logits, axis=1), dtype=np.float64)


def _leading_axes(centred: Floats, n: int) -> Floats:
    """The `n` directions of most variance, float (terms, n): of many terms as good as exact."""
    if centred.shape[1] <= WIDE:
        return np.asarray(np.linalg.eigh(centred.T @ centred)[1][:, ::-1][:, :n])
    from sklearn.utils.extmath import randomized_svd

    return np.asarray(randomized_svd(centred, n, n_iter=4, random_state=0)[2].T)


def _bayes(seed: int) -> Any:
    """Complement naive Bayes (Rennie et al. 2003): learns little from a single wrong row."""
    from sklearn.naive_bayes import ComplementNB

    return ComplementNB(alpha=0.1)


def _forest(seed: int) -> Any:
    from sklearn.ensemble import ExtraTreesClassifier

    return ExtraTreesClassifier(100, min_samples_leaf=2, random_state=seed, n_jobs=1)


def _logistic(seed: int) -> Any:
    from sklearn.linear_model import LogisticRegression

    return LogisticRegression(C=1.0, max_iter=2000, random_state=seed)


def _gaussian(seed: int) -> Any:
    return GaussianClasses()


Detector = Callable[[int], Any]
DETECTORS: dict[str, tuple[Detector, ...]] = {
    "text": (_bayes,),
    "columns": (_forest, _logistic),
    "image": (_forest, _gaussian),
    "wide": (_logistic,),  # columns among which is text: too many terms for a forest
}
WIDE = 1000


def prepared(features: Any, kind: str) -> tuple[Any, str]:
    """The features as the detectors of their kind like them, and that kind."""
    if kind == "text":
        terms = _terms(features)
        return (terms, kind) if terms.shape[1] else (_occurring(features), "wide")
    if kind == "columns" and features.shape[1] > WIDE:
        return _occurring(features), "wide"
    narrow = hasattr(features, "toarray") and features.shape[1] <= WIDE
    return features.toarray().astype(np.float32) if narrow else features, kind


def _occurring(features: Any) -> Any:
    """The columns that occur: a model need not learn of half a million others."""
    if not hasattr(features, "getnnz"):
        return features
    found = np.flatnonzero(features.getnnz(axis=0))
    return features[:, found if len(found) else [0]]


def _terms(features: Any) -> Any:
    """The columns that occur and are never negative: words are, what texts are about is not."""
    from scipy.sparse import csr_matrix

    rows = csr_matrix(features)
    found = np.flatnonzero(rows.getnnz(axis=0))
    lowest = np.asarray(rows[:, found].min(axis=0).toarray()).ravel() if len(found) else found
    return rows[:, found[lowest >= 0]]


def held_out(
    features: Any,
    codes: Ints,
    *,
    kind: str,
    n_classes: int,
    folds: int = 5,
    seed: int = 0,
    groups: npt.NDArray[Any] | None = None,
    trusted: Bools | None = None,
) -> Floats:
    """What each detector says of rows that it did not see, float (detectors, rows, classes).

    `features` is a matrix (rows, terms), non-negative for `kind` "text"; `codes` int (rows,), -1
    for a row without a label, which does not train but gets probabilities too. Rows of one group
    (`groups`, (rows,), say the key of a duplicate cluster) are never on both sides; names of groups
    make the folds independent of the order of rows. Only `trusted` rows train. A class that no
    training row has gets 0.
    """
    features, kind = prepared(features, kind)
    makers = DETECTORS[kind]
    proba = np.zeros((len(makers), len(codes), n_classes))
    may_train = (codes >= 0) & (True if trusted is None else trusted)
    for train, test in _splits(dealt(codes, groups, folds=folds, seed=seed), may_train):
        seen = np.unique(codes[train])
        if len(seen) < 2:
            proba[:, test[:, None], seen if len(seen) else np.arange(n_classes)] = 1.0
            continue
        for model, make in enumerate(makers):
            fitted = make(seed).fit(features[train], codes[train])
            proba[model, test[:, None], seen] = fitted.predict_proba(features[test])
    return np.asarray(proba / proba.sum(axis=2, keepdims=True), dtype=np.float64)


def _splits(fold: Ints, may_train: Bools) -> Iterator[tuple[Ints, Ints]]:
    for held in np.unique(fold):
        yield np.flatnonzero((fold != held) & may_train), np.flatnonzero(fold == held)


def dealt(
    codes: Ints, groups: npt.NDArray[Any] | None = None, *, folds: int = 5, seed: int = 0
) -> Ints:
    """A fold per row, int (rows,), one for all rows of a group.

    Each class is dealt out evenly after a shuffle; a group counts for its highest code.
    """
    names = np.arange(len(codes)) if groups is None else groups
    found, member = np.unique(names, return_inverse=True)
    highest = np.full(len(found), -1, dtype=np.int64)
    np.maximum.at(highest, member, codes)
    order = np.random.default_rng(seed).permutation(len(found))
    order = order[np.argsort(highest[order], kind="stable")]
    fold = np.empty(len(found), dtype=np.int64)
    fold[order] = np.arange(len(found)) % folds
    return fold[member]
