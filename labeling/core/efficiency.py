"""Points per hour: which kind of data work pays, and what to do with the next hour.

The rates of the kinds are pooled partially: kind k has its own rate, drawn around a common one, and
every change shows it with error (the normal-normal model; Efron & Morris, 1975). The spread between
kinds is not fixed at an estimate, which is often 0 with few kinds, but weighed on a grid (Gelman,
2006). The next action is a Thompson draw (Thompson, 1933): one draw from what is believed, the best
kind in it is advised, so that kinds tried too little are tried. Rates are points per hour; a
forecast of the next batch counts as one more piece of `Work`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from labeling.core.comparison import Interval, excludes_zero

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

GRID = 60
REACH = 6.0  # the grid of spreads ends at so many times the rates' own size
DRAWS = 2000
LIKELY_BEST = 0.8


class Work(NamedTuple):
    """A change that was measured: its bar in points with its standard error, and hours of work."""

    kind: str
    points: float
    error: float
    hours: float


@dataclass(frozen=True)
class Rate:
    """What is believed of a kind: points per hour with a 95 % interval, after pooling.

    `raw` is what its own changes say alone: None if there were none. `best` is how often the kind
    is the best in draws from what is believed, in [0, 1].
    """

    kind: str
    changes: int
    hours: float
    raw: float | None
    pooled: Interval
    best: float


@dataclass(frozen=True)
class Advice:
    """The kind of work for the next hour and why, in words."""

    kind: str
    words: str


@dataclass(frozen=True)
class _Measured:
    """Kinds with changes: their mean rates and the variances of these, float (kinds,)."""

    at: Ints
    mean: Floats
    variance: Floats


def rates(work: Sequence[Work], kinds: Sequence[str], rng: np.random.Generator) -> list[Rate]:
    """Every kind's rate, in the order of `kinds`; changes without hours or error teach nothing."""
    usable = _usable(work)
    draws = _draws(usable, kinds, rng, DRAWS)
    best = np.bincount(draws.argmax(axis=1), minlength=len(kinds)) / DRAWS
    low, high = np.quantile(draws, [0.025, 0.975], axis=0)
    return [
        Rate(
            kind,
            sum(each.kind == kind for each in usable),
            sum(each.hours for each in usable if each.kind == kind),
            raw_rate(usable, kind),
            Interval(float(draws[:, k].mean()), float(low[k]), float(high[k])),
            float(best[k]),
        )
        for k, kind in enumerate(kinds)
    ]


def advise(work: Sequence[Work], kinds: Sequence[str], rng: np.random.Generator) -> Advice:
    """What to do next: the best kind in one draw from what is believed. Needs a kind."""
    chosen = kinds[int(_draws(_usable(work), kinds, rng, 1)[0].argmax())]
    return Advice(chosen, _why(rates(work, kinds, rng), chosen))


def raw_rate(work: Sequence[Work], kind: str) -> float | None:
    """Points per hour of a kind's own changes, the surest counting most; None without any."""
    own = [each for each in _usable(work) if each.kind == kind]
    if not own:
        return None
    weights = np.array([(each.hours / each.error) ** 2 for each in own])
    return float(np.average([each.points / each.hours for each in own], weights=weights))


def _usable(work: Sequence[Work]) -> list[Work]:
    return [each for each in work if each.hours > 0 and each.error > 0]


def _measured(work: Sequence[Work], kinds: Sequence[str]) -> _Measured:
    """Kinds with changes, weighed by precision; changes of one kind may differ in truth.

    That spread within kinds is estimated by moments (DerSimonian & Laird, 1986).
    """
    code = np.array([kinds.index(each.kind) for each in work if each.kind in kinds], dtype=int)
    known = [each for each in work if each.kind in kinds]
    rate = np.array([each.points / each.hours for each in known])
    variance = np.array([(each.error / each.hours) ** 2 for each in known])
    variance = variance + _spread_within(code, rate, 1 / variance)
    weight = np.bincount(code, weights=1 / variance, minlength=len(kinds))
    at = np.flatnonzero(weight)
    sums = np.bincount(code, weights=rate / variance, minlength=len(kinds))
    return _Measured(at, sums[at] / weight[at], 1 / weight[at])


def _spread_within(code: Ints, rate: Floats, weight: Floats) -> float:
    whole = np.bincount(code, weights=weight)[code]
    mean = np.bincount(code, weights=weight * rate)[code] / whole
    freedom = len(code) - len(np.unique(code))
    scale = float((weight - weight**2 / whole).sum())
    if freedom < 1 or scale <= 0:
        return 0.0
    return max(0.0, (float((weight * (rate - mean) ** 2).sum()) - freedom) / scale)


def _draws(work: Sequence[Work], kinds: Sequence[str], rng: np.random.Generator, n: int) -> Floats:
    """Draws of all kinds' rates from what is believed, float (n, kinds).

    The spread between kinds first, then the common rate, then each kind's own.
    """
    noise = rng.normal(size=(n, len(kinds)))
    if not any(each.kind in kinds for each in work):
        return noise  # nothing is known: any kind may be the best
    seen = _measured(work, kinds)
    spread = _spreads(seen, rng, n)[:, None]
    precision = 1 / (seen.variance + spread**2)
    centre = (precision * seen.mean).sum(axis=1) / precision.sum(axis=1)
    centre = centre + rng.normal(size=n) / np.sqrt(precision.sum(axis=1))
    kept = spread**2 * precision  # how much of its own mean a kind keeps
    found: Floats = centre[:, None] + spread * noise
    middle = kept * seen.mean + (1 - kept) * centre[:, None]
    found[:, seen.at] = middle + np.sqrt(kept * seen.variance) * noise[:, seen.at]
    return found


def _spreads(seen: _Measured, rng: np.random.Generator, n: int) -> Floats:
    """Draws of the spread between kinds, float (n,), from its posterior on a grid.

    Its prior is half-Cauchy with the size of the measured rates as its scale.
    """
    scale = math.sqrt(float((seen.mean**2).mean())) or 1.0
    grid = np.linspace(0, REACH * scale, GRID)
    precision = 1 / (seen.variance + grid[:, None] ** 2)
    whole = precision.sum(axis=1)
    centre = (precision * seen.mean).sum(axis=1) / whole
    misfit = (precision * (seen.mean - centre[:, None]) ** 2).sum(axis=1)
    log = (np.log(precision).sum(axis=1) - np.log(whole) - misfit) / 2
    log -= np.log1p((grid / scale) ** 2)
    weight = np.exp(log - log.max())
    drawn: Floats = grid[rng.choice(GRID, size=n, p=weight / weight.sum())]
    return drawn


def _why(believed: Sequence[Rate], chosen: str) -> str:
    mine = next(rate for rate in believed if rate.kind == chosen)
    if not any(rate.changes for rate in believed):
        return f"{chosen}: nothing has been measured yet, so any kind of work is worth a try."
    if not mine.changes:
        return f"{chosen}: never measured here, so it is worth a try."
    low, high = mine.pooled.low, mine.pooled.high
    said = f"{mine.pooled.value:+.1f} points an hour [{low:+.1f}, {high:+.1f}]"
    over = f"over {mine.changes} change(s) and {mine.hours:.1f} hours"
    if mine.best >= LIKELY_BEST:
        return f"{chosen}: very likely what pays best, {said} {over}."
    if excludes_zero(mine.pooled) and mine.pooled.value > 0:
        return f"{chosen}: it pays, {said} {over}; another kind may pay more."
    return f"{chosen}: too little is known to rule it out, {said} {over}."
