"""Labels saved: how many labels a strategy needs to get near the full model, beside random ones.

The target is a share of what a model of the whole pool scores on the same seed. A seed gives all
strategies the same pool and test part, so strategies are compared within seeds.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from labeling.core.comparison import Interval, t_interval

Floats = npt.NDArray[np.float64]

TARGETS = (0.95, 0.99)
RANDOM, FULL = "random", "full"
BAND_COLUMNS = ["strategy", "n_labels", "value", "low", "high", "seeds"]
COLUMNS = [
    "metric", "strategy", "target", "seeds", "reached", "labels",
    "ratio", "ratio_low", "ratio_high", "saved", "saved_low", "saved_high", "words",
]  # fmt: skip
UNKNOWN = Interval(math.nan, math.nan, math.nan)


def crossing(n_labels: npt.NDArray[np.int64], values: Floats, target: float) -> float:
    """Labels at which a curve first reaches `target`; infinity if it never does.

    `n_labels` rises, int (steps,); `values` float (steps,). Between two steps the curve is a line.
    """
    reached = np.flatnonzero(values >= target)
    if not len(reached):
        return math.inf
    at = int(reached[0])
    if at == 0:
        return float(n_labels[0])
    below, above = values[at - 1], values[at]
    part = (target - below) / (above - below)
    return float(n_labels[at - 1] + part * (n_labels[at] - n_labels[at - 1]))


def bands(curves: pd.DataFrame, metric: str) -> pd.DataFrame:
    """The mean curve of each strategy with its 95 % band over seeds (Student). BAND_COLUMNS.

    `curves` has strategy, seed, n_labels, metric, value. With one seed the bounds are NaN.
    """
    own = curves[(curves["metric"] == metric) & (curves["strategy"] != FULL)]
    rows = [
        (name, int(n), *_band(points["value"].to_numpy(dtype=float)), len(points))
        for (name, n), points in own.groupby(["strategy", "n_labels"], sort=False)
    ]
    return pd.DataFrame(rows, columns=BAND_COLUMNS)


def _band(values: Floats) -> Interval:
    if len(values) < 2:
        return Interval(float(values[0]), math.nan, math.nan)
    mean, low, high = t_interval(values)
    return Interval(mean, max(0.0, low), min(1.0, high))


def table(curves: pd.DataFrame, targets: Sequence[float] = TARGETS) -> pd.DataFrame:
    """One row a metric, target and strategy, with what it saves against random. COLUMNS.

    `curves` has strategy, seed, n_labels, metric, value, with rows `full` a seed. `reached` counts
    the seeds that got to the target, `labels` is their mean need, NaN unless all got there. `ratio`
    is labels for one of random's, below 1 is good, a geometric mean; `saved` is random's labels
    minus the strategy's, a mean; both with Student's 95 % interval over seeds, the ratio's on its
    logarithm. Where random fell short its last number of labels stands for its need: the saving is
    then "at least", without an interval. NaN is what cannot be said; `words` says why.
    """
    rows = []
    for metric, own in curves.groupby("metric", sort=False):
        for target in targets:
            needed = labels_needed(own, target)
            asked = own[own["strategy"] != FULL].groupby("strategy")["n_labels"].max()
            for name in needed:
                found = _compare(needed, str(name), asked)
                words = _words(found, str(name), target, asked)
                rows.append((metric, name, target, *found.cells(), words))
    return pd.DataFrame(rows, columns=COLUMNS)


def labels_needed(curves: pd.DataFrame, target: float) -> pd.DataFrame:
    """Labels to `target` of the full model: a row a seed, a column a strategy, infinity = never.

    `curves` of one metric; strategies in their order there.
    """
    full = curves[curves["strategy"] == FULL].set_index("seed")["value"]
    own = curves[curves["strategy"] != FULL].sort_values("n_labels", kind="stable")
    found: dict[str, dict[int, float]] = {name: {} for name in _strategies(curves)}
    for (name, seed), points in own.groupby(["strategy", "seed"]):
        n_labels, values = points["n_labels"].to_numpy(), points["value"].to_numpy(dtype=float)
        found[name][seed] = crossing(n_labels, values, target * float(full[seed]))
    return pd.DataFrame(found)


def _strategies(curves: pd.DataFrame) -> list[str]:
    return [str(name) for name in dict.fromkeys(curves["strategy"]) if name != FULL]


class _Found(NamedTuple):
    """A strategy beside random; `short` is on how many seeds random fell short, None = not run."""

    seeds: int
    reached: int
    labels: float
    ratio: Interval
    saved: Interval
    short: int | None
    at_once: bool

    def cells(self) -> tuple[float, ...]:
        return (self.seeds, self.reached, self.labels, *self.ratio, *self.saved)


def _compare(needed: pd.DataFrame, name: str, asked: pd.Series) -> _Found:
    own = needed[name].to_numpy(dtype=float)
    n, reached = len(own), int(np.isfinite(own).sum())
    labels = float(own.mean()) if reached == n else math.nan
    if RANDOM not in needed:
        return _Found(n, reached, labels, UNKNOWN, UNKNOWN, None, False)
    control = needed[RANDOM].to_numpy(dtype=float)
    short = int(np.isinf(control).sum())
    if reached < n or name == RANDOM:
        return _Found(n, reached, labels, UNKNOWN, UNKNOWN, short, False)
    control = np.where(np.isinf(control), float(asked[RANDOM]), control)
    ratio, saved = _over_seeds(np.log(own / control)), _over_seeds(control - own)
    if short:
        ratio, saved = (Interval(each.value, math.nan, math.nan) for each in (ratio, saved))
    scaled = Interval(*(math.exp(bound) for bound in ratio))
    return _Found(n, reached, labels, scaled, saved, short, not (own - control).any())


def _over_seeds(differences: Floats) -> Interval:
    """Their mean with Student's interval; one seed has no interval."""
    if len(differences) < 2:
        return Interval(float(differences[0]), math.nan, math.nan)
    return t_interval(differences)


# -- in words -------------------------------------------------------------------------------------


def _words(found: _Found, name: str, target: float, asked: pd.Series) -> str:
    if found.reached < found.seeds:
        return (
            f"{target:.0%} of the full model was not reached within {asked[name]:,} labels on "
            f"{found.seeds - found.reached} of {found.seeds} seeds"
        )
    if name == RANDOM:
        return f"{found.labels:,.0f} labels to {target:.0%} of the full model"
    if found.short is None:
        return f"{found.labels:,.0f} labels; random was not run, so nothing is known of savings"
    return _saved_words(found, asked)


def _saved_words(found: _Found, asked: pd.Series) -> str:
    value, low, high = found.saved
    said = f"labels saved against random: {value:,.0f}"
    if found.short:
        return (
            f"labels saved against random: at least {value:,.0f} (random fell short on "
            f"{found.short} of {found.seeds} seeds within {asked[RANDOM]:,} labels)"
        )
    if found.at_once:
        return f"{said}: it needs as many on every seed; smaller batches may tell more"
    if math.isnan(low):
        return f"{said} on one seed; more seeds give an interval"
    if high < 0:
        return f"{-value:,.0f} labels more than random [{-high:,.0f}, {-low:,.0f}]"
    doubt = "" if low > 0 else ", so it may be none"
    return f"{said} [{low:,.0f}, {high:,.0f}]{doubt}"
