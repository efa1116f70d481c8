"""Slices: shares of small groups, each with its own interval and a dot drawn to the others.

A group of five items says little by itself: the interval stays the group's own (Wilson), the dot
borrows from the other groups, and under five items only the count is shown (METHODS 5).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from labeling.core.comparison import wilson

FEW = 5
FLATTEST = 0.5  # pseudo-items that a prior weighs at least


@dataclass(frozen=True)
class Slice:
    """`hits` of `n` items right; bounds are Wilson's 95 %; `dot`, inside, is drawn to the others.

    Under five items there are no bounds and no dot (None), only the count.
    """

    name: str
    hits: int
    n: int
    low: float | None
    high: float | None
    dot: float | None

    def in_words(self) -> str:
        """The slice as a table shows it: "3/4", or "80 % [61, 91]" by its dot and bounds."""
        if self.dot is None or self.low is None or self.high is None:
            return f"{self.hits}/{self.n}"
        return f"{100 * self.dot:.0f} % [{100 * self.low:.0f}, {100 * self.high:.0f}]"


def of_counts(counts: Mapping[str, tuple[int, int]]) -> list[Slice]:
    """Slices of (hits, n) by name, in the order given.

    Raises ValueError when there are more hits than items.
    """
    for name, (hits, n) in counts.items():
        if not 0 <= hits <= n:
            raise ValueError(f"slice '{name}': expected 0 to {n} hits, found {hits}")
    names = list(counts)
    table = np.array([counts[name] for name in names], dtype=float).reshape(-1, 2)
    return [
        _slice(name, *counts[name], others=np.delete(table, k, axis=0))
        for k, name in enumerate(names)
    ]


def _slice(name: str, hits: int, n: int, *, others: np.ndarray) -> Slice:
    if n < FEW:
        return Slice(name, hits, n, None, None, None)
    low, high = wilson(hits, n)
    return Slice(name, hits, n, low, high, min(max(_drawn(hits, n, others), low), high))


def _drawn(hits: int, n: int, others: np.ndarray) -> float:
    """The mean of the share after the prior that the other slices make (empirical Bayes).

    Without two others there is nothing to borrow: the plain share.
    """
    others = others[others[:, 1] > 0]
    if len(others) < 2:
        return hits / n
    a, b = prior(others[:, 0], others[:, 1])
    return (hits + a) / (n + a + b)


def prior(hits: np.ndarray, n: np.ndarray) -> tuple[float, float]:
    """A beta distribution of shares by its first two moments (Kleinman, 1973); float (k,) each.

    The spread of the shares less what chance alone makes. It weighs no more pseudo-items than so
    many slices can tell: where they look all the same, that may be chance too.
    """
    share, k = float(hits.sum() / n.sum()), len(n)
    mean = float((hits.sum() + 0.5) / (n.sum() + 1))  # never quite 0 or 1
    room = mean * (1 - mean)
    between = float((n * (hits / n - share) ** 2).sum())
    size = float(n.sum() - (n**2).sum() / n.sum())
    spread = (between - (k - 1) * room) / (size * room)
    sharpest = float(n.mean()) * math.sqrt((k - 1) / 2)
    weight = max(1 / max(spread, 1 / (1 + sharpest)) - 1, FLATTEST)
    return mean * weight, (1 - mean) * weight
