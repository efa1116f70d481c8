"""Triage: which batch, import or annotator to look at first when the score moved, without a fit.

The worth of every training row is its Shapley value in the game "accuracy of a nearest-neighbour
classifier on the gold", which has a closed form (Jia et al., 2019). Sums over groups find bad
batches; how many points a group costs is then measured by `attribution`, for the flagged ones only.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from labeling.core.comparison import holm
from labeling.core.threads import one_thread

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

NEIGHBOURS = 10
CELLS = 4_000_000  # distances in memory at a time
FEWEST_ROWS = 5  # a group of fewer rows is never flagged
FEWEST_GROUPS = 3  # below that nothing is "usual"
LEAST_LACK = 0.3  # of the usual value: clean batches of hard items, chosen early, lack as much


@dataclass(frozen=True)
class Group:
    """Rows that came together, against the usual group of their size.

    `value` is the sum of the rows' values, `deficit` how far it is below the median group's, per
    row and times the rows, so that a small batch is not blamed for its size; `share` is its part
    of all deficits, in [0, 1]. `flagged`: lower than chance explains, all groups taken together.
    """

    name: str
    rows: int
    value: float
    deficit: float
    share: float
    flagged: bool


def knn_shapley(
    features: Any, y: Ints, *, gold_features: Any, gold_y: Ints, k: int = NEIGHBOURS
) -> Floats:
    """Each training row's share of a k-nearest-neighbour classifier's accuracy, float (rows,).

    Lower is worse; below 0 does harm. Features are (rows, terms), dense or CSR; distances are
    Euclidean, equally far rows keep their order. The values sum to the classifier's mean share of
    right neighbours on the gold. Exact; memory is bounded by CELLS. Without rows or gold: zeros.
    """
    n, n_gold = len(y), len(gold_y)
    values = np.zeros(n)
    if not n or not n_gold:
        return values
    step = max(1, CELLS // n)
    with one_thread():
        squares = _squares(features)
        for start in range(0, n_gold, step):
            part = slice(start, start + step)
            order = _nearest_first(features, squares, gold_features[part])
            shares = _shares((y[order] == gold_y[part, None]).astype(np.float64), k)
            values += np.bincount(order.ravel(), weights=shares.ravel(), minlength=n)
    return values / n_gold


def _squares(features: Any) -> Floats:
    product = features.multiply(features) if hasattr(features, "multiply") else features**2
    return np.asarray(product.sum(axis=1), dtype=np.float64).ravel()


def _nearest_first(features: Any, squares: Floats, gold: Any) -> Ints:
    """Training rows by distance from each gold row, int (gold, rows)."""
    product = gold @ features.T
    dense = product.toarray() if hasattr(product, "toarray") else product
    order: Ints = np.argsort(squares - 2 * dense, axis=1, kind="stable")
    return order


def _shares(match: Floats, k: int) -> Floats:
    """The recursion from the farthest row to the nearest, for rows sorted by distance.

    `match` is float (gold, rows), 1 where the labels agree; so is the result.
    """
    n = match.shape[1]
    rank = np.arange(1, n, dtype=np.float64)
    steps = (match[:, :-1] - match[:, 1:]) * (np.minimum(k, rank) / (rank * k))
    shares = np.empty_like(match)
    shares[:, -1] = match[:, -1] * min(k, n) / (n * k)
    shares[:, :-1] = shares[:, -1:] + np.cumsum(steps[:, ::-1], axis=1)[:, ::-1]
    return shares


def beyond_class(values: Floats, y: Ints) -> Floats:
    """The values less what is usual of their label, moved back to the mean of all, float (rows,).

    Where a class is rare its rows are worth less: without this a batch that went looking for them
    would stand there like a careless one.
    """
    _, code = np.unique(y, return_inverse=True)
    means = np.bincount(code, weights=values) / np.maximum(np.bincount(code), 1)
    return values - means[code] + (values.mean() if len(values) else 0.0)


def by_group(values: Floats, names: Sequence[str], *, level: float = 0.01) -> list[Group]:
    """The groups with the largest deficit first; `names` says each row's group.

    A flag needs a mean below the median group's by LEAST_LACK of it and by more than chance at
    `level`, one-sided and for all groups at once (Holm, 1979).
    """
    known, code = np.unique(np.asarray(names, dtype=str), return_inverse=True)
    if not len(known):
        return []
    rows = np.bincount(code)
    sums = np.bincount(code, weights=values)
    means = sums / rows
    usual = float(np.median(means))
    deficits = np.maximum(0.0, usual - means) * rows
    whole = float(deficits.sum())
    chance = [_chance(values[code == g], values[code != g], usual=usual) for g in range(len(known))]
    flags = holm(chance, level=level) if len(known) >= FEWEST_GROUPS else [False] * len(known)
    groups = [
        Group(str(name), int(n), float(value), float(lack), _share(lack, whole), flag)
        for name, n, value, lack, flag in zip(known, rows, sums, deficits, flags, strict=True)
    ]
    return sorted(groups, key=lambda group: (-group.deficit, group.name))


def _share(part: float, whole: float) -> float:
    return float(part / whole) if whole > 0 else 0.0


def _chance(own: Floats, others: Floats, *, usual: float) -> float:
    """How often chance alone would put a group's mean so far below the usual one."""
    from scipy.special import ndtr

    if len(own) < FEWEST_ROWS or len(others) < FEWEST_ROWS:
        return 1.0
    spread = max(float(own.std(ddof=1)), float(others.std(ddof=1))) / math.sqrt(len(own))
    lack = usual - float(own.mean())
    if lack < LEAST_LACK * usual:
        return 1.0
    return float(ndtr(-lack / spread)) if spread > 0 else float(lack <= 0)


def in_words(groups: Sequence[Group], *, what: str = "batch") -> str:
    """What to look at first, as one sentence."""
    flagged = [group for group in groups if group.flagged]
    if not flagged:
        return f"No {what} stands out: their labels fit the gold about equally well."
    named = ", ".join(group.name for group in flagged)
    share = sum(group.share for group in flagged)
    return (
        f"Look at {named} first: {share:.0%} of what the labels lack against the usual {what} "
        f"lies there. This is triage, no measure: the bars say how many points it costs."
    )
