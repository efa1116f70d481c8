"""Scoring: the best of a pool of any size, in chunks, the same on every machine.

Chunks are scored as quickly as may be; what comes near the best is scored again, row by row in
double precision, and ties go to the lower row. So neither the size of the chunks nor the number of
threads changes what is chosen, and memory is bounded by the chunk.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

CHUNK = 8_192
DIGITS = 9  # of a utility; what differs behind them is the arithmetic, not the item


class Best(NamedTuple):
    """The best rows, int (n,), best first, and their utilities, float64 (n,)."""

    rows: Ints
    utilities: Floats


def best(
    rough: Callable[[slice], Floats],
    exact: Callable[[Ints], Floats],
    rows: int,
    n: int,
    *,
    slack: float,
    chunk: int = CHUNK,
) -> Best:
    """The `n` rows of the highest utility among `rows`.

    `rough` gives the utilities of a chunk, never further than half of `slack` from the true ones;
    `exact` those of chosen rows, each independent of the others.
    """
    near = _Near(n, slack)
    for start in range(0, rows, chunk):
        part = slice(start, min(start + chunk, rows))
        near.see(start, rough(part))
    kept = near.rows()
    parts = [exact(kept[start : start + chunk]) for start in range(0, len(kept), chunk)]
    found: Floats = np.concatenate(parts) if parts else np.empty(0)
    utilities: Floats = np.asarray(np.round(found, DIGITS))
    order = np.lexsort((kept, -utilities))[:n]
    return Best(kept[order], utilities[order])


class _Near:
    """The rows seen so far that may still be among the best."""

    def __init__(self, n: int, slack: float) -> None:
        self.n, self.slack, self.threshold = n, slack, -np.inf
        self.found: list[tuple[Ints, Floats]] = []
        self.waiting = 0

    def see(self, start: int, utilities: Floats) -> None:
        """Take in the utilities of the rows from `start` on."""
        own = np.flatnonzero(utilities >= self.threshold)
        self.found.append((own + start, utilities[own]))
        self.waiting += len(own)
        if self.waiting > 4 * self.n + CHUNK:
            self._prune()

    def _prune(self) -> None:
        rows, utilities = (np.concatenate(part) for part in zip(*self.found, strict=True))
        if len(rows) > self.n:
            last = float(np.partition(utilities, len(rows) - self.n)[len(rows) - self.n])
            self.threshold = last - self.slack
            own = utilities >= self.threshold
            rows, utilities = rows[own], utilities[own]
        self.found, self.waiting = [(rows, utilities)], len(rows) - self.n

    def rows(self) -> Ints:
        """What may be among the best, in order of the rows."""
        if not self.found:
            return np.empty(0, dtype=np.int64)
        self._prune()
        return np.sort(self.found[0][0]).astype(np.int64)
