"""Scales: how per-item credits become one figure of a report, with its interval.

Accuracy weighs all items the same, macro recall all classes. A credit is a difference of scores in
[-1, 1], so a figure is a fraction.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from labeling.core import comparison, intervals
from labeling.core.comparison import Interval

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Scale:
    """A mean of per-item scores by a name, over `n` items; by class where `classes` are given.

    `classes` are the true codes, int (n,), of a mean of class means; None: a plain mean.
    """

    name: str
    n: int
    classes: Ints | None = None

    def mean(self, scores: npt.NDArray[np.generic]) -> float:
        """The figure itself, of scores or credits (n,); 0 without items."""
        if not self.n:
            return 0.0
        if self.classes is None:
            return float(scores.astype(float).mean())
        return intervals.class_mean(scores.astype(float), self.classes)

    def interval(self, credits: Floats) -> Interval:
        """The figure with its 95 % interval (METHODS 1.4)."""
        if self.classes is None:
            return comparison.t_interval(credits)
        return intervals.macro_recall(credits, self.classes)

    def p_value(self, credits: Floats) -> float:
        """Two-sided p of a figure of 0; kept inside: screens show words, never a bare p."""
        if self.classes is None:
            return comparison.t_p_value(credits)
        return intervals.macro_recall_p(credits, self.classes)

    def disagreement(self, credits: Floats) -> float | None:
        """Mean square of a credit as this scale weighs it: what a number of labels is told from."""
        if not self.n:
            return None
        if self.classes is None:
            return float((credits**2).mean())
        found = self.interval(credits)
        error = (found.high - found.low) / 2 / intervals.z(0.95)
        return float(self.n * error**2 + found.value**2)


def plain(n: int, *, name: str = "accuracy") -> Scale:
    """The scale on which every item counts the same."""
    return Scale(name, n)
