"""Label errors: probabilities of a model that never saw the row against the label it was given.

Class codes are int (rows,), -1 for a row without a label. Probabilities are float (rows, classes);
a row of NaN has none. Rows without a label or without probabilities are never suspicious.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]


def usable(proba: Floats, codes: Ints) -> Bools:
    """Whether a row has both a label and probabilities, bool (rows,)."""
    known: Bools = (codes >= 0) & ~np.isnan(proba).any(axis=1)
    return known


def self_confidence(proba: Floats, codes: Ints) -> Floats:
    """The probability of the given label, float (rows,) in [0, 1], low = suspicious; else NaN."""
    scores = np.full(len(codes), np.nan)
    rows = np.flatnonzero(usable(proba, codes))
    scores[rows] = proba[rows, codes[rows]]
    return scores


def normalised_margin(proba: Floats, codes: Ints) -> Floats:
    """How far the given label leads the best other, float (rows,) in [0, 1], low = suspicious.

    0.5 is a tie, below it another class leads (Northcutt, Jiang and Chuang 2021); NaN if unusable.
    """
    scores = self_confidence(proba, codes)
    rows = np.flatnonzero(~np.isnan(scores))
    others = proba[rows].copy()
    others[np.arange(len(rows)), codes[rows]] = -np.inf
    best = others.max(axis=1) if proba.shape[1] > 1 else np.zeros(len(rows))
    scores[rows] = (scores[rows] - best + 1.0) / 2.0
    return scores


def thresholds(proba: Floats, codes: Ints) -> Floats:
    """Per class the mean self-confidence of its rows, float (classes,); inf for an empty class."""
    n_classes = proba.shape[1]
    rows = np.flatnonzero(usable(proba, codes))
    given = codes[rows]
    count = np.bincount(given, minlength=n_classes)
    total = np.bincount(given, weights=proba[rows, given], minlength=n_classes)
    return np.where(count > 0, total / np.maximum(count, 1), np.inf)


def confident_class(proba: Floats, codes: Ints) -> Ints:
    """The most probable class among those that reach their threshold, int (rows,), -1 if none."""
    reached = np.where(proba >= thresholds(proba, codes) - 1e-12, proba, -1.0)
    best = reached.argmax(axis=1)
    confident = usable(proba, codes) & (reached.max(axis=1) >= 0.0)
    return np.where(confident, best, -1).astype(np.int64)


def likely_errors(proba: Floats, codes: Ints) -> Bools:
    """Whether another class reaches its threshold and beats the given label, bool (rows,).

    Confident learning (Northcutt, Jiang and Chuang 2021). Such cut-offs miss many real errors:
    for a work list take `ranking` and a budget.
    """
    best = confident_class(proba, codes)
    own = np.nan_to_num(self_confidence(proba, codes), nan=np.inf)
    top = proba[np.arange(len(codes)), np.maximum(best, 0)]
    errors: Bools = (best >= 0) & (best != codes) & (top > own)
    return errors


def ranking(proba: Floats, codes: Ints) -> tuple[Floats, Ints]:
    """Score per row, float in [0, 1], low = suspicious, and the class code suggested instead.

    The score is the normalised margin (NaN if unusable); the suggestion the most probable class,
    which is the given one where the model agrees, and -1 where there are no probabilities.
    """
    blank = np.isnan(proba).any(axis=1)
    suggested = np.where(blank, -1, np.nan_to_num(proba).argmax(axis=1))
    return normalised_margin(proba, codes), suggested.astype(np.int64)


def _bayes(seed: int) -> Any:
    """Complement naive Bayes (Rennie et al. 2003): learns little from a single wrong row."""
    from sklearn.naive_bayes import ComplementNB

    return ComplementNB(alpha=0.1)


def _forest(seed: int) -> Any:
    from sklearn.ensemble import ExtraTreesClassifier

    return ExtraTreesClassifier(200, min_samples_leaf=2, random_state=seed, n_jobs=1)


def _logistic(seed: int) -> Any:
    from sklearn.linear_model import LogisticRegression

    return LogisticRegression(C=10.0, class_weight="balanced", max_iter=2000, random_state=seed)


# The models whose averaged out-of-fold probabilities ranked errors best on each kind of content:
# AUROC of the margin on real errors 0.83 (yoruba_news; logistic 0.75), 0.95 (mnist_verified; 0.84).
DETECTORS: dict[str, tuple[Callable[[int], Any], ...]] = {
    "text": (_bayes,),
    "columns": (_forest, _logistic),
    "image": (_forest,),
    "wide": (_logistic,),  # columns among which is text: too many terms for a forest
}
WIDE = 1000


def _prepared(features: Any, kind: str) -> tuple[Any, str]:
    """The features as the detectors of their kind like them, and that kind."""
    if kind == "text":
        return _terms(features), kind
    if kind == "columns" and features.shape[1] > WIDE:
        return features, "wide"
    narrow = hasattr(features, "toarray") and features.shape[1] <= WIDE
    return features.toarray().astype(np.float32) if narrow else features, kind


def _terms(features: Any) -> Any:
    """The columns that occur and are never negative: words are, what texts are about is not."""
    found = np.flatnonzero(features.getnnz(axis=0))
    lowest = np.asarray(features[:, found].min(axis=0).toarray()).ravel() if len(found) else found
    return features[:, found[lowest >= 0]]


def out_of_fold(
    features: Any, codes: Ints, *, kind: str, n_classes: int, folds: int = 5, seed: int = 0
) -> Floats:
    """Probabilities for finding label errors, float (rows, classes); no model sees its own row.

    `features` is a matrix (rows, terms), non-negative for `kind` "text"; `kind` names the
    detectors. Rows without a label do not train but get probabilities too.
    """
    features, kind = _prepared(features, kind)
    fold = _folds(codes, folds, seed)
    proba = np.zeros((len(codes), n_classes))
    for held_out in np.unique(fold):
        train = np.flatnonzero((fold != held_out) & (codes >= 0))
        test = np.flatnonzero(fold == held_out)
        seen = np.unique(codes[train])
        if len(seen) < 2:
            proba[np.ix_(test, seen if len(seen) else np.arange(n_classes))] = 1.0
        else:
            fitted = [make(seed).fit(features[train], codes[train]) for make in DETECTORS[kind]]
            proba[np.ix_(test, seen)] = _averaged(fitted, features[test])
    proba /= proba.sum(axis=1, keepdims=True)
    return proba


def _averaged(estimators: list[Any], features: Any) -> Floats:
    """The mean of their class probabilities, float (rows, classes seen)."""
    proba = [estimator.predict_proba(features) for estimator in estimators]
    return np.asarray(np.mean(proba, axis=0), dtype=np.float64)


def _folds(codes: Ints, folds: int, seed: int) -> Ints:
    """A fold per row, int (rows,), each class dealt out evenly after a shuffle."""
    order = np.random.default_rng(seed).permutation(len(codes))
    order = order[np.argsort(codes[order], kind="stable")]
    fold = np.empty(len(codes), dtype=np.int64)
    fold[order] = np.arange(len(codes)) % folds
    return fold
