"""Metrics as functions of counts, so that one call scores any number of resamples.

A confusion matrix is a float array (..., classes, classes): rows true, columns predicted. Where an
item may have several classes, counts are float (..., classes, 3): said and true, said in vain,
missed.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from labeling.core import comparison

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]
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


def of_answers(truth: npt.NDArray[Any], said: Ints, n_classes: int) -> dict[str, float]:
    """The metrics of a simulation by name: what models said of some items against the truth.

    Codes, int (n,); or bool and 0 or 1 (n, classes) where an item may have several classes.
    """
    if truth.ndim == 1:
        confusion = confusion_matrix(truth, said, n_classes)
        return {"accuracy": float(accuracy(confusion)), "macro_f1": float(macro_f1(confusion))}
    own = counts(truth, said > 0).sum(axis=0)
    return {
        "accuracy": float((truth == (said > 0)).all(axis=1).mean()),
        "macro_f1": float(macro_f1_of_several(own)),
        "micro_f1": float(micro_f1(own)),
    }


# -- several classes an item ----------------------------------------------------------------------


def counts(truth: Bools, said: Bools) -> Floats:
    """What an item adds to each class's counts, float (items, classes, 3)."""
    both, vain, missed = truth & said, ~truth & said, truth & ~said
    return np.stack([both, vain, missed], axis=-1).astype(float)


def _f1(counts: Floats) -> Floats:
    both, vain, missed = np.moveaxis(counts, -1, 0)
    return _ratio(2 * both, 2 * both + vain + missed)


def micro_f1(counts: Floats) -> Floats:
    """F1 of all yes-or-no answers together, in [0, 1]."""
    return _f1(counts.sum(axis=-2))


def macro_f1_of_several(counts: Floats) -> Floats:
    """Mean F1 over the classes that occur in truth or prediction, in [0, 1]."""
    occurs = counts.sum(axis=-1) > 0
    return _ratio((_f1(counts) * occurs).sum(-1), occurs.sum(-1).astype(float))


def item_f1(truth: Bools, said: Bools) -> Floats:
    """F1 of each item's own classes, float (items,) in [0, 1]; 1 where both have none."""
    both, either = (truth & said).sum(axis=1), truth.sum(axis=1) + said.sum(axis=1)
    return np.where(either == 0, 1.0, _ratio(2.0 * both, either.astype(float)))


def summary_of_several(
    truth: Bools, said: Bools, *, seed: int = 0, resamples: int = 1000
) -> pd.DataFrame:
    """One row a metric: metric, value, low, high, n, 95 %.

    Mean item F1 by Student's t, the share of items that are wholly right by Wilson, micro and macro
    F1 by resampling items (approximate).
    """
    columns = ["metric", "value", "low", "high", "n"]
    n = len(truth)
    if n == 0:
        return pd.DataFrame(columns=columns)
    each = item_f1(truth, said)
    mean, hits = comparison.t_interval(each), int((truth == said).all(axis=1).sum())
    rows: list[tuple[object, ...]] = [
        ("item_f1", mean.value, max(0.0, mean.low), min(1.0, mean.high), n),
        ("exact_match", hits / n, *comparison.wilson(hits, n), n),
    ]
    own = counts(truth, said)
    times = np.random.default_rng(seed).multinomial(n, np.full(n, 1 / n), size=resamples)
    drawn = np.tensordot(times.astype(float), own, axes=1)
    for name, metric in (("micro_f1", micro_f1), ("macro_f1", macro_f1_of_several)):
        low, high = np.quantile(metric(drawn), [0.025, 0.975])
        rows.append((name, float(metric(own.sum(axis=0))), float(low), float(high), n))
    return pd.DataFrame(rows, columns=columns)


def per_class_of_several(counts: Floats, classes: tuple[str, ...]) -> pd.DataFrame:
    """One row a class, as `per_class`, from counts float (classes, 3)."""
    rows = []
    for name, (both, vain, missed) in zip(classes, counts, strict=True):
        low, high = comparison.wilson(int(both), int(both + missed))
        rows.append(
            {
                "class": name,
                "n": int(both + missed),
                "precision": both / (both + vain) if both + vain else np.nan,
                "recall": both / (both + missed) if both + missed else np.nan,
                "recall_low": low,
                "recall_high": high,
                "f1": 2 * both / (2 * both + vain + missed) if both + vain + missed else np.nan,
            }
        )
    return pd.DataFrame(rows)
