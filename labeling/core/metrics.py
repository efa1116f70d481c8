"""Metrics as functions of confusion matrices, so that one call scores any number of resamples.

A confusion matrix is a float array (..., classes, classes): rows true, columns predicted.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import pandas as pd

from labeling.core import comparison

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Metric = Callable[[Floats], Floats]

CHUNK = 2_000_000  # cells of resampled matrices in memory at a time


def _ratio(part: Floats, whole: Floats) -> Floats:
    shares: Floats = np.zeros_like(part, dtype=float)
    np.divide(part, whole, out=shares, where=whole > 0)
    return shares


def _diagonal(confusion: Floats) -> Floats:
    return np.diagonal(confusion, axis1=-2, axis2=-1).astype(float)


def _mean_over_present(per_class: Floats, confusion: Floats) -> Floats:
    present = (confusion.sum(-1) + confusion.sum(-2)) > 0
    return _ratio((per_class * present).sum(-1), present.sum(-1).astype(float))


def accuracy(confusion: Floats) -> Floats:
    """Share of items predicted right, in [0, 1]."""
    return _ratio(_diagonal(confusion).sum(-1), confusion.sum((-2, -1)).astype(float))


def macro_recall(confusion: Floats) -> Floats:
    """Mean recall over the classes that occur in the truth, in [0, 1] (balanced accuracy)."""
    truth = confusion.sum(-1).astype(float)
    recall = _ratio(_diagonal(confusion), truth)
    return _ratio(recall.sum(-1), (truth > 0).sum(-1).astype(float))


def macro_f1(confusion: Floats) -> Floats:
    """Mean F1 over the classes that occur in truth or prediction, in [0, 1]."""
    both = (confusion.sum(-1) + confusion.sum(-2)).astype(float)
    return _mean_over_present(_ratio(2 * _diagonal(confusion), both), confusion)


METRICS: dict[str, Metric] = {
    "accuracy": accuracy,
    "macro_recall": macro_recall,
    "macro_f1": macro_f1,
}


def confusion_matrix(truth: Ints, predicted: Ints, n_classes: int) -> Floats:
    """Counts, float (classes, classes), from codes int (n,)."""
    flat = np.bincount(truth * n_classes + predicted, minlength=n_classes * n_classes)
    return flat.reshape(n_classes, n_classes).astype(float)


def bootstrap(confusion: Floats, rng: np.random.Generator, *, resamples: int = 2000) -> Floats:
    """Confusion matrices of items drawn again with replacement, (resamples, classes, classes).

    Resampling the counts (multinomial) is the same as resampling the items, and much faster.
    """
    n, cells = int(confusion.sum()), confusion.ravel()
    filled = np.flatnonzero(cells)
    many = np.zeros((resamples, cells.size))
    if n:
        many[:, filled] = rng.multinomial(n, cells[filled] / n, size=resamples)
    return many.reshape(resamples, *confusion.shape)


def _resampled(confusion: Floats, rng: np.random.Generator, resamples: int) -> dict[str, Floats]:
    """Every metric of every resample, float (resamples,), in chunks that fit in memory.

    Classes without any item are left out first: no metric counts them.
    """
    present = (confusion.sum(0) + confusion.sum(1)) > 0
    small = confusion[np.ix_(present, present)]
    step = max(1, CHUNK // small.size)
    sizes = [min(step, resamples - start) for start in range(0, resamples, step)]
    parts = []
    for size in sizes:
        draws = bootstrap(small, rng, resamples=size)
        parts.append([metric(draws) for metric in METRICS.values()])
    return dict(zip(METRICS, np.concatenate(parts, axis=1), strict=True))


def summary(confusion: Floats, *, seed: int = 0, level: float = 0.95) -> pd.DataFrame:
    """One row a metric: metric, value, low, high, n. Accuracy by Wilson, the others by bootstrap.

    The bootstrap intervals are approximate; no items at all gives an empty table.
    """
    n = int(confusion.sum())
    columns = ["metric", "value", "low", "high", "n"]
    if n == 0:
        return pd.DataFrame(columns=columns)
    many = 2000 if len(confusion) <= 20 else 500
    spread = _resampled(confusion, np.random.default_rng(seed), many)
    tails = [(1 - level) / 2, (1 + level) / 2]
    rows = []
    for name, metric in METRICS.items():
        low, high = np.quantile(spread[name], tails)
        if name == "accuracy":
            low, high = comparison.wilson(int(np.trace(confusion)), n, level=level)
        rows.append((name, float(metric(confusion)), float(low), float(high), n))
    return pd.DataFrame(rows, columns=columns)


def per_class(confusion: Floats, classes: tuple[str, ...]) -> pd.DataFrame:
    """One row a class: class, n (true items), precision, recall with Wilson bounds, f1."""
    rows = []
    for k, name in enumerate(classes):
        hit, truth, said = confusion[k, k], confusion[k].sum(), confusion[:, k].sum()
        low, high = comparison.wilson(int(hit), int(truth))
        rows.append(
            {
                "class": name,
                "n": int(truth),
                "precision": hit / said if said else np.nan,
                "recall": hit / truth if truth else np.nan,
                "recall_low": low,
                "recall_high": high,
                "f1": 2 * hit / (truth + said) if truth + said else np.nan,
            }
        )
    return pd.DataFrame(rows)
