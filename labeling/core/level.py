"""The level: a model's accuracy itself, from random gold and, with enough of it, its confidences.

Confidences of the whole reservoir are free. Where they go with being right, the chance that gold
fell on easy rows can be taken out (a control variate; Angelopoulos et al., PPI++, 2023).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from labeling.core import comparison, intervals
from labeling.core.comparison import Interval

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]

FROM = 100  # gold labels: below, the control can do harm (PPI++ on finite samples, 2025)


@dataclass(frozen=True)
class Level:
    """Accuracy with its 95 % interval from `n` gold labels; `weight` 0 is Wilson, no control."""

    interval: Interval
    n: int
    weight: float

    @property
    def is_controlled(self) -> bool:
        """Whether confidences had a part in it."""
        return self.weight != 0


def accuracy(right: Bools, doubt: Floats, doubt_elsewhere: Floats) -> Level:
    """Accuracy on future data.

    `right`, bool (n,), and `doubt` = 1 - the highest probability, float (n,), of random gold rows;
    `doubt_elsewhere`, float (m,), of the other reservoir rows. Under 100 gold labels, without other
    rows, or where the control would not narrow it: Wilson.
    """
    n, m = len(right), len(doubt_elsewhere)
    low, high = comparison.wilson(int(right.sum()), n)
    plain = Level(Interval(float(right.mean()) if n else 0.0, low, high), n, 0.0)
    if n < FROM or m == 0:
        return plain
    controlled = _controlled(right.astype(float), doubt, doubt_elsewhere)
    narrower = controlled.interval.high - controlled.interval.low < high - low
    return controlled if narrower else plain


def _controlled(right: Floats, doubt: Floats, elsewhere: Floats) -> Level:
    """The mean less what the drawn doubts lie off, weighed for the least variance."""
    n, m = len(right), len(elsewhere)
    both = np.concatenate([doubt, elsewhere])
    spread = float(both.var(ddof=1))
    if spread == 0:
        return Level(Interval(float(right.mean()), 0.0, 1.0), n, 0.0)
    weight = float(np.cov(right, doubt)[0, 1]) / spread / (1 + n / m)
    value = float(right.mean() - weight * (doubt.mean() - elsewhere.mean()))
    variance = float((right - weight * doubt).var(ddof=1)) / n + weight**2 * spread / m
    _, low, high = intervals.normal(value, variance)
    return Level(Interval(value, max(0.0, low), high), n, weight)
