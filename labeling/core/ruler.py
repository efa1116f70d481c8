"""The ruler: how much of a headline's movement is the model, and how much the gold itself.

When gold labels are corrected or gold grows, two figures that stand one after the other mix both.
Predictions are stored for the whole reservoir, so every model can be scored by every ruler; the
movement is split two-sidedly (METHODS 1.6). Figures are fractions.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from labeling.core import intervals
from labeling.core.comparison import Interval
from labeling.core.intervals import Part

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Measure = Callable[[Ints, Ints], float]


@dataclass(frozen=True)
class Split:
    """A headline's movement: model + ruler = headline. The ruler's part is no improvement."""

    headline: float
    model: Interval
    ruler: Interval


def accuracy(truth: Ints, predicted: Ints) -> float:
    """Share of rows predicted right; nan without rows."""
    return float((truth == predicted).mean()) if len(truth) else math.nan


def score(predicted: Ints, gold: Ints, *, measure: Measure = accuracy) -> float:
    """A model by a ruler: codes of all reservoir rows, int (N,); gold is -1 where unlabelled."""
    at = gold >= 0
    return measure(gold[at], predicted[at])


def rescored(predictions: Sequence[Ints], gold: Ints, *, measure: Measure = accuracy) -> Floats:
    """Every version by the current ruler, float (versions,): figures that may be compared.

    Gold that only grew by random draws needs no bar of its own when all versions are scored anew.
    """
    return np.array([score(predicted, gold, measure=measure) for predicted in predictions])


def halves(table: Floats) -> tuple[float, float]:
    """Model's and ruler's part of a 2 x 2 table of scores, rows models, columns rulers."""
    ((m0g0, m0g1), (m1g0, m1g1)) = table
    model = ((m1g0 - m0g0) + (m1g1 - m0g1)) / 2
    ruler = ((m0g1 - m0g0) + (m1g1 - m1g0)) / 2
    return float(model), float(ruler)


def split(models: tuple[Ints, Ints], rulers: tuple[Ints, Ints], *, level: float = 0.95) -> Split:
    """Accuracy's movement from (models[0], rulers[0]) to (models[1], rulers[1]), with intervals.

    Rows of either ruler count as a sample of future data; a row in both is one row. Raises
    ValueError when a ruler has no row, for then nothing was measured by it.
    """
    if not all((gold >= 0).any() for gold in rulers):
        raise ValueError("expected two rulers with labels, found one without any")
    table = np.array([[score(model, gold) for gold in rulers] for model in models])
    model, ruler = halves(table)
    of_model, of_ruler = _influences(models, rulers)
    return Split(
        float(table[1, 1] - table[0, 0]),
        _interval(model, of_model, level),
        _interval(ruler, of_ruler, level),
    )


def split_by(measure: Measure, models: tuple[Ints, Ints], rulers: tuple[Ints, Ints]) -> Split:
    """The same for any measure of (truth, predicted), without intervals (they are nan)."""
    scores = [[score(model, gold, measure=measure) for gold in rulers] for model in models]
    model, ruler = halves(np.array(scores))
    bare = (Interval(part, math.nan, math.nan) for part in (model, ruler))
    return Split(scores[1][1] - scores[0][0], *bare)


def _influences(models: tuple[Ints, Ints], rulers: tuple[Ints, Ints]) -> tuple[Floats, Floats]:
    """What each row of either ruler adds to the two parts, beyond the mean, float (rows,) each."""
    rows = (rulers[0] >= 0) | (rulers[1] >= 0)
    pull = np.array([[_pull(model, gold)[rows] for gold in rulers] for model in models])
    model = (pull[1, 0] - pull[0, 0] + pull[1, 1] - pull[0, 1]) / 2
    ruler = (pull[0, 1] - pull[0, 0] + pull[1, 1] - pull[1, 0]) / 2
    return model, ruler


def _pull(predicted: Ints, gold: Ints) -> Floats:
    """Each row's share in a score's deviation from its mean; 0 where there is no gold."""
    at, right = gold >= 0, (gold == predicted).astype(float)
    pull: Floats = np.where(at, right - right[at].mean(), 0.0) / at.sum()
    return pull


def _interval(value: float, influences: Floats, level: float) -> Interval:
    n = len(influences)
    if n < 2:
        return Interval(value, -1.0, 1.0)
    variance = n / (n - 1) * float((influences**2).sum())
    return intervals.student(value, [Part(variance, n - 1)], level=level)


def in_words(found: Split) -> str:
    """A split as one line, in points.

    >>> in_words(Split(0.028, Interval(0.006, 0, 0.012), Interval(0.022, 0.01, 0.034)))
    '+2.8 points: the model +0.6, the ruler +2.2 (gold changed; no improvement)'
    """
    parts = (100 * x for x in (found.headline, found.model.value, found.ruler.value))
    headline, model, ruler = (f"{x:+.1f}" for x in parts)
    return f"{headline} points: the model {model}, the ruler {ruler} (gold changed; no improvement)"
