"""Search: the model arm of a duel, a fixed number of configurations tried by cross-validation.

The search sees training rows only. Its budget is the table: nobody may look once more.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from labeling.core.threads import one_thread

Ints = npt.NDArray[np.int64]
Build = Callable[[int, int], Any]  # (seed, training rows) to an unfitted classifier

FOLDS = 5


class Choice(NamedTuple):
    """The configuration that won, its mean accuracy over the folds, and everybody's."""

    name: str
    score: float
    scores: dict[str, float]


def _logistic(strength: float) -> Build:
    def build(seed: int, rows: int) -> Any:
        from sklearn.linear_model import LogisticRegression

        return LogisticRegression(C=strength, max_iter=2000, random_state=seed)

    return build


def _kernel(strength: float) -> Build:
    def build(seed: int, rows: int) -> Any:
        from sklearn.svm import SVC

        return SVC(C=strength, random_state=seed)

    return build


def _neighbours(count: int) -> Build:
    def build(seed: int, rows: int) -> Any:
        from sklearn.neighbors import KNeighborsClassifier

        return KNeighborsClassifier(min(count, rows), weights="distance", algorithm="brute")

    return build


def _forest(leaf: int) -> Build:
    def build(seed: int, rows: int) -> Any:
        from sklearn.ensemble import RandomForestClassifier

        return RandomForestClassifier(100, min_samples_leaf=leaf, random_state=seed)

    return build


CONFIGURATIONS: dict[str, Build] = {
    **{f"logistic C={c:g}": _logistic(c) for c in (10, 0.03, 0.1, 0.3, 1, 3, 30)},
    **{f"kernel C={c:g}": _kernel(c) for c in (0.3, 1, 3, 10, 30, 100)},
    **{f"neighbours k={k}": _neighbours(k) for k in (1, 3, 5, 9, 15)},
    **{f"forest leaf={leaf}": _forest(leaf) for leaf in (1, 2, 5)},
}
PLAIN = "logistic C=10"  # what a project starts with


def predict(features: Any, y: Ints, rows: Any, *, name: str, seed: int = 0) -> Ints:
    """Class codes that a configuration, trained on `features` and `y`, gives to `rows`.

    One class only is what every row gets; no training rows at all give code 0.
    """
    seen = np.unique(y)
    if len(seen) < 2:
        return np.full(rows.shape[0], seen[0] if len(seen) else 0, dtype=np.int64)
    with one_thread():
        fitted = CONFIGURATIONS[name](seed, len(y)).fit(features, y)
        return np.asarray(fitted.predict(rows), dtype=np.int64)


def best(
    features: Any,
    y: Ints,
    *,
    names: Sequence[str] = tuple(CONFIGURATIONS),
    folds: int = FOLDS,
    seed: int = 0,
) -> Choice:
    """The configuration with the best accuracy on held-out training rows; ties: the first named.

    Needs two rows; these scores are for choosing, never a headline (METHODS 5).
    """
    fold = folds_of(y, min(folds, len(y)), np.random.default_rng(seed))
    scores = {name: _score(features, y, fold, name=name, seed=seed) for name in names}
    winner = max(names, key=lambda name: scores[name])
    return Choice(winner, scores[winner], scores)


def folds_of(y: Ints, folds: int, rng: np.random.Generator) -> Ints:
    """A fold for every row, int (rows,): each class is dealt out evenly, in random order."""
    mixed = rng.permutation(len(y))
    fold = np.empty(len(y), dtype=np.int64)
    fold[mixed[np.argsort(y[mixed], kind="stable")]] = np.arange(len(y)) % folds
    return fold


def _score(features: Any, y: Ints, fold: Ints, *, name: str, seed: int) -> float:
    hits = 0
    for held_out in np.unique(fold):
        train, test = np.flatnonzero(fold != held_out), np.flatnonzero(fold == held_out)
        said = predict(features[train], y[train], features[test], name=name, seed=seed)
        hits += int((said == y[test]).sum())
    return hits / len(y)
