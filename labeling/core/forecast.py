"""Forecast: where the score will stand after more labels, as intervals whose hit rate is known.

A power law, score = a - b n^-c, is weighed on a grid of a and c, with b by least squares: once
against the rounds so far and once against a fresh subsample curve. The two are mixed, the level is
anchored near the last score, and the spread is scaled by how far such forecasts were off in
simulated projects (split conformal prediction: Papadopoulos et al., 2002; Lei et al., 2018), then
by how far this project's own were. Power laws fit learning curves best among simple families
(Brumen et al., 2021). How many labels a target needs is never answered: the number that had a
chance of one in ten was beaten about every second time (METHODS 3). Scores are fractions in [0, 1].
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from labeling.core.comparison import wilson

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

MIN_ROUNDS = 3  # before that no forecast was ever scored
MAX_GROWTH = 4.0  # nor one that reached beyond so many times the labels

SHARES = (0.2, 0.35, 0.5, 0.7, 0.85)
REPETITIONS = 3

ASYMPTOTES = np.linspace(0.0, 1.0, 401)
EXPONENTS = np.linspace(0.1, 1.7, 33)
EXPONENT_PRIOR = 0.5, 0.4  # mean and sd of a normal distribution
NOISE_FLOOR, NOISE_WORTH = 0.004, 3  # how many rounds the gold set's own noise counts for
FADING = 8.0  # rounds: a round of age t weighs exp(-t / FADING)
FIT_SHARE = 0.25  # how far the level is drawn from the last score to the fitted curve

LIKELY, OPEN, UNLIKELY = "likely", "open", "unlikely"
LEVELS = (0.5, 0.6, 0.7, 0.8, 0.9, 0.95)
NORMAL_REACH = 1.3859038243496777  # erf of it is the last of LEVELS
MIN_OWN, TABLE_WORTH = 10, 20  # own forecasts until they count; how many the table counts for

Table = Sequence[tuple[float, Sequence[float]]]

# Quantiles of |error| / spread at LEVELS by growth of the labels. Made by
#   python -m benchmarks.forecast --data FOLDER --cache FOLDER
# from 180 simulated projects: nine data sets, random and margin, ten seeds, 44 to 300 gold items.
TABLE: Table = (
    (1.06, (0.30, 0.43, 0.64, 0.85, 1.23, 1.54)),
    (1.11, (0.42, 0.61, 0.83, 1.06, 1.50, 1.95)),
    (1.17, (0.45, 0.65, 0.92, 1.21, 1.65, 2.16)),
    (1.26, (0.60, 0.80, 1.08, 1.41, 1.93, 2.45)),
    (1.37, (0.69, 0.93, 1.18, 1.55, 2.22, 2.84)),
    (1.58, (0.89, 1.18, 1.48, 1.94, 2.62, 3.36)),
    (1.86, (0.99, 1.27, 1.58, 2.06, 2.95, 3.74)),
    (2.39, (1.10, 1.43, 1.74, 2.24, 3.28, 4.34)),
    (3.18, (1.10, 1.43, 1.80, 2.47, 3.71, 5.37)),
)


class Point(NamedTuple):
    """A model trained on `n` labels, and its score on the gold set."""

    n: int
    score: float


class Forecast(NamedTuple):
    """What is said, when `n` labels stand, about the score when `at` labels will stand.

    `gain` is what the curve alone says will be added; `median` is the score itself. `spread` is the
    scale of the error before it is calibrated; `halves` are the half widths of the intervals of
    LEVELS. All plain numbers, to be stored as they were said.
    """

    n: int
    last: float
    at: int
    gain: float
    median: float
    spread: float
    halves: tuple[float, ...]

    def interval(self, level: float) -> tuple[float, float]:
        """The interval of one of LEVELS, within [0, 1]."""
        half = self.halves[LEVELS.index(level)]
        return max(0.0, self.median - half), min(1.0, self.median + half)

    def chance(self, target: float) -> float:
        """The probability that the score at `at` labels will be `target` or more.

        A score on gold may touch the target for a round before that: HIT_RATES count it as reached.
        """
        inside = _level_of(abs(target - self.median), self.halves)
        below = (1 + inside) / 2 if target > self.median else (1 - inside) / 2
        return 1.0 - below if 0.0 < target <= 1.0 else float(target <= 0.0)


def _level_of(distance: float, halves: Sequence[float]) -> float:
    """The level of the interval that just reaches so far; beyond the last with a normal's tail."""
    if distance <= halves[-1]:
        return float(np.interp(distance, [0.0, *halves], [0.0, *LEVELS]))
    return math.erf(NORMAL_REACH * distance / halves[-1])


def word(chance: float) -> str:
    """LIKELY from 90 % on, UNLIKELY below 10 %, OPEN between; how often they hold: HIT_RATES."""
    return LIKELY if chance >= 0.9 else UNLIKELY if chance < 0.1 else OPEN


def forecasts(
    rounds: Sequence[Point],
    fresh: Sequence[Point],
    ats: Sequence[int],
    *,
    n_gold: int,
    past: Sequence[Past] = (),
    table: Table = TABLE,
) -> list[Forecast]:
    """What to expect of the score when `ats` labels stand, from the last of `rounds` on.

    `rounds` are oldest first, all scored on the same `n_gold` gold items; `fresh` is the subsample
    curve of the last round's labels (see `subsets`): without it the history speaks alone. `past`
    are this project's own forecasts whose time has come. Raises ValueError for points that are no
    scores, and for `ats` that are not beyond the last round or beyond MAX_GROWTH times its labels.
    """
    _check(rounds, fresh, ats)
    last, noise = rounds[-1], _gold_noise(rounds[-1].score, n_gold)
    inputs = [_weigh(rounds, np.exp(-np.arange(len(rounds))[::-1] / FADING), noise)]
    if fresh:
        inputs.append(_weigh([*fresh, last], np.ones(len(fresh) + 1), noise))
    own = own_factors(past, table)
    said = []
    for at in ats:
        gain, median, spread = _mix(inputs, last, at, noise)
        halves = widths(spread, at / last.n, factors=own, table=table)
        said.append(Forecast(last.n, last.score, at, gain, median, spread, halves))
    return said


def _check(rounds: Sequence[Point], fresh: Sequence[Point], ats: Sequence[int]) -> None:
    if not rounds:
        raise ValueError("expected at least one round, found none")
    for point in (*rounds, *fresh):
        if point.n < 1 or not 0.0 <= point.score <= 1.0:
            raise ValueError(f"expected a label at least and a score in [0, 1], found {point}")
    n = rounds[-1].n
    for at in ats:
        if not n < at <= MAX_GROWTH * n:
            raise ValueError(
                f"expected more than {n} labels and at most {MAX_GROWTH:g} times as many: further "
                f"no forecast was ever scored; found {at}"
            )


class HitRate(NamedTuple):
    """How often a word about a target was `right` of the times that it was `said`."""

    right: int
    said: int

    @property
    def share(self) -> float:
        return self.right / self.said


# Targets of half a point to five points above the last score, one to ten rounds ahead; a target
# that any round reached counts as reached. Made by the same command, each data set with a table
# that never saw it; the forecasts overlap, so that these are far fewer trials than they look.
HIT_RATES: dict[str, HitRate] = {LIKELY: HitRate(659, 675), UNLIKELY: HitRate(11_902, 12_758)}


# -- what is asked of the caller -------------------------------------------------------------------


def subsets(n: int, rng: np.random.Generator) -> list[Ints]:
    """Positions in 0..n-1 of the labels to fit again for `fresh`, smallest subset first.

    Random subsets at each of SHARES, REPETITIONS times; fewer where `n` is too small to tell the
    shares apart. The caller fits each and scores it on the gold set: Point(len(subset), score).
    """
    sizes = sorted({round(share * n) for share in SHARES} - {0, n})
    return [np.sort(rng.permutation(n)[:size]) for size in sizes for _ in range(REPETITIONS)]


# -- the curves ------------------------------------------------------------------------------------


class _Curves(NamedTuple):
    """Power laws on the grid, arrays (exponents, asymptotes): weights sum to 1, drop at `unit`."""

    weight: Floats
    drop: Floats
    unit: float

    def at(self, n: float) -> Floats:
        """The score of each curve at `n` labels."""
        return ASYMPTOTES - self.drop * (n / self.unit) ** -EXPONENTS[:, None]

    def moments(self, values: Floats) -> tuple[float, float]:
        """Mean and variance over the curves."""
        mean = float((self.weight * values).sum())
        return mean, float((self.weight * (values - mean) ** 2).sum())


def _gold_noise(score: float, n_gold: int) -> float:
    """The part of a gold set's sampling variance that two scores on it do not share: a quarter."""
    share = (score * n_gold + 1) / (n_gold + 2)
    return share * (1 - share) / max(n_gold, 1) / 4


def _weigh(points: Sequence[Point], weights: Floats, gold_noise: float) -> _Curves:
    """The posterior of the grid after these points.

    Their noise, a variance, is what the best curve leaves, together with what a gold set of this
    size would give: three points that lie on a curve by chance are not taken for exact.
    """
    n, y = np.array(points, dtype=np.float64).T
    unit = float(n.max())
    x = (n / unit) ** -EXPONENTS[:, None]
    xx, xy, wx = ((weights * each).sum(1)[:, None] for each in (x * x, x * y, x))
    below = ASYMPTOTES * wx - xy  # the weighted sum of x (a - y)
    drop = np.maximum(below / xx, 0.0)
    level = _squares(weights, y)
    misfit = np.maximum(level - 2 * drop * below + drop**2 * xx, 0.0)
    worth = max(float(weights.sum()) - 3, 0.0) + NOISE_WORTH
    noise = max(NOISE_FLOOR**2, (float(misfit.min()) + NOISE_WORTH * gold_noise) / worth)
    centre, width = EXPONENT_PRIOR
    log = -misfit / (2 * noise) - 0.5 * ((EXPONENTS[:, None] - centre) / width) ** 2
    weight = np.exp(log - log.max())
    return _Curves(weight / weight.sum(), drop, unit)


def _squares(weights: Floats, y: Floats) -> Floats:
    """The weighted sum of (a - y)^2 for each asymptote a, without the loss of digits of a^2."""
    return np.asarray((weights * (ASYMPTOTES[:, None] - y) ** 2).sum(1))


def _mix(
    inputs: Sequence[_Curves], last: Point, at: int, gold_noise: float
) -> tuple[float, float, float]:
    """Gain, median and spread at `at` labels: the inputs as equal parts of one mixture.

    The spread also holds the sampling noise of the gold set, so that it fits gold sets of any size.
    """
    gains, medians, variances = [], [], []
    for curves in inputs:
        now, then = curves.at(last.n), curves.at(at)
        gains.append(curves.moments(then - now)[0])
        free, variance = curves.moments(then - (1 - FIT_SHARE) * now)
        medians.append(free + (1 - FIT_SHARE) * last.score)
        variances.append(variance)
    spread = math.sqrt(float(np.mean(variances) + np.var(medians)) + gold_noise)
    return float(np.mean(gains)), min(max(float(np.mean(medians)), 0.0), 1.0), spread


# -- calibration -----------------------------------------------------------------------------------


class Past(NamedTuple):
    """A forecast and the score that was reached at its `at` labels, on the gold of that day."""

    forecast: Forecast
    came: float

    @property
    def error(self) -> float:
        """How far the median was off, 0 or more."""
        return abs(self.came - self.forecast.median)


def widths(
    spread: float, growth: float, *, factors: Floats, table: Table = TABLE
) -> tuple[float, ...]:
    """Half widths of the intervals of LEVELS, rising, for `growth` times the labels."""
    raw = spread * quantiles(growth, table) * factors
    return tuple(float(half) for half in np.maximum.accumulate(raw))


def quantiles(growth: float, table: Table = TABLE) -> Floats:
    """Quantiles of |error| / spread at LEVELS for `growth` times the labels, float (levels,)."""
    knots = np.log([row[0] for row in table])
    columns = np.array([row[1] for row in table]).T
    return np.array([np.interp(math.log(growth), knots, column) for column in columns])


def own_factors(past: Sequence[Past], table: Table = TABLE) -> Floats:
    """What this project's intervals are wider by than the table's, per level; 1 below MIN_OWN.

    The split-conformal quantile of its own errors in units of the table's half widths, weighed
    against the table as if that were TABLE_WORTH forecasts more.
    """
    if len(past) < MIN_OWN:
        return np.ones(len(LEVELS))
    said = [one.forecast for one in past]
    halves = np.array([f.spread * quantiles(f.at / f.n, table) for f in said])
    off = np.sort(np.array([one.error for one in past])[:, None] / halves, axis=0)
    ranks = [min(math.ceil((len(past) + 1) * level), len(past)) - 1 for level in LEVELS]
    own = off[ranks, range(len(LEVELS))]
    return np.asarray((TABLE_WORTH + len(past) * own) / (TABLE_WORTH + len(past)))


class Coverage(NamedTuple):
    """A point of the calibration plot: what `level` promised, what `share` of `n` came true."""

    level: float
    n: int
    hits: int
    share: float
    low: float
    high: float


def calibration(past: Sequence[Past]) -> list[Coverage]:
    """One point a level, with Wilson's 95 % bounds; nothing for no forecasts.

    Forecasts of one project overlap in time, so the bounds are narrower than they should be.
    """
    if not past:
        return []
    points = []
    for level, bounds in ((level, [p.forecast.interval(level) for p in past]) for level in LEVELS):
        hits = sum(low <= p.came <= high for p, (low, high) in zip(past, bounds, strict=True))
        points.append(Coverage(level, len(past), hits, hits / len(past), *wilson(hits, len(past))))
    return points


class Misses(NamedTuple):
    """Mean absolute errors over `n` forecasts: of the median, and of 'it stays as it is'."""

    n: int
    median: float
    last_value: float


def misses(past: Sequence[Past]) -> Misses | None:
    """How far off the forecasts were; None for none."""
    if not past:
        return None
    still = [abs(one.came - one.forecast.last) for one in past]
    return Misses(len(past), float(np.mean([p.error for p in past])), float(np.mean(still)))
