"""Ranges of numbers that most values of a column fall into, drawn from the values themselves."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

FEW_AT_ZERO = 0.05
RARE = 0.02


def usual_range(numbers: Floats) -> tuple[float, float] | None:
    """A range around the bulk of `numbers`, float (n,): half as wide again on each side.

    Left out are the few values (at most 2 %) behind a gap wider than all of their side of the
    bulk, and few negative values where zero is plainly the floor. Large values must be behind such
    a gap on the scale of the logarithms too (amounts of money are skewed, not wrong); for small
    ones that scale is enough (a thousandth of all others is no small amount but another unit).
    """
    values = np.sort(numbers)
    spare = max(3, int(RARE * len(values)))
    if _zero_is_floor(values):
        values = values[values >= 0]
    values = values[_smallest_behind_gap(values, spare) :]
    values = values[: len(values) - _largest_behind_gap(values, spare)]
    low, middle, high = values[0], float(np.median(values)), values[-1]
    if low == high:
        return None
    step = 10.0 ** (math.floor(math.log10(high - low)) - 1)
    below = math.floor((low - 0.5 * (middle - low)) / step) * step
    above = math.ceil((high + 0.5 * (high - middle)) / step) * step
    return float(f"{max(below, 0.0) if low >= 0 else below:.12g}"), float(f"{above:.12g}")


def _zero_is_floor(values: Floats) -> bool:
    if np.mean(values < 0) > RARE:
        return False
    first, middle = np.quantile(values, [RARE, 0.5])
    return bool(first > 0.1 * (middle - first) or np.mean(values == 0) > FEW_AT_ZERO)


def _largest_behind_gap(values: Floats, spare: int) -> int:
    """How many of the largest `spare` of the sorted `values` lie behind a gap; 0 if none."""
    plain = _behind_gap(values, spare)
    return plain if values[0] < 0 else min(plain, _behind_gap(np.log1p(values), spare))


def _smallest_behind_gap(values: Floats, spare: int) -> int:
    """How many of the smallest `spare` of the sorted `values` lie behind a gap; 0 if none."""
    plain = _behind_gap(-values[::-1], spare)
    return plain if values[0] <= 0 else max(plain, _behind_gap(-np.log(values[::-1]), spare))


def _behind_gap(values: Floats, spare: int) -> int:
    middle = np.median(values)
    tail = values[-spare - 1 :]
    wide = np.flatnonzero(np.diff(tail) > np.maximum(tail[:-1] - middle, 0.0))
    wide = wide[tail[wide] > middle]
    return len(tail) - 1 - int(wide[0]) if len(wide) else 0
