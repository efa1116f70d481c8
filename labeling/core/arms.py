"""Two arms of labels: does a model learn more from what a strategy chose than from random items?

Scores are how right models are on each gold item, (n,) bool or in [0, 1]; fractions throughout.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from labeling.core.comparison import POWER_Z, Interval

Floats = npt.NDArray[np.float64]

LEVEL_Z = 1.959963984540054  # 95 %


class Contrast(NamedTuple):
    """Active minus random: the difference with its 95 % interval, and what would have shown.

    `smallest` is the true difference that would be found 4 times out of 5.
    """

    interval: Interval
    smallest: float


class Scores(NamedTuple):
    """Models on the same gold: `random` learned from all control items, (n,); `halves` from random
    halves of them, (h, n); `active` from as many chosen items, drawn several times, (d, n).

    `share` is how many control items there are for each chosen one, from 0 to 1.
    """

    random: npt.NDArray[Any]
    halves: npt.NDArray[Any]
    active: npt.NDArray[Any]
    share: float


def contrast(scores: Scores) -> Contrast:
    """What active choice gains on random at the same number of labels.

    The interval speaks of future data and of another draw of both arms: to the spread over gold
    items it adds that over training rows. For the control arm this is how far models of random
    halves differ (half-sampling: their spread is that of the whole arm; McCarthy, 1969), for the
    chosen ones the same, less by `share`, and that of their draws. Without two halves or two gold
    items nothing is known of the spread, and the interval is all there is.
    """
    gain = scores.active.astype(float).mean(axis=0) - scores.random.astype(float)
    n = len(gain)
    if n < 2 or len(scores.halves) < 2:
        return Contrast(Interval(float(gain.mean()) if n else 0.0, -1.0, 1.0), math.inf)
    with_both = np.concatenate([gain, [1.0, -1.0]])  # no spread seen is no proof of none
    over_items = float(with_both.var(ddof=1)) / n
    over_halves, over_draws = _over_rows(scores.halves), _over_rows(scores.active)
    over_rows = over_halves * (1 + scores.share) + over_draws / max(len(scores.active), 1)
    error, value = math.sqrt(over_items + over_rows), float(gain.mean())
    low, high = max(-1.0, value - LEVEL_Z * error), min(1.0, value + LEVEL_Z * error)
    return Contrast(Interval(value, low, high), (LEVEL_Z + POWER_Z) * error)


def _over_rows(scores: npt.NDArray[Any]) -> float:
    """How far the mean score of a model moves with its training rows, as a variance.

    What the mean over n items moves by chance alone is taken off.
    """
    if len(scores) < 2:
        return 0.0
    each = scores.astype(float)
    echo = float(each.var(axis=0, ddof=1).mean() / each.shape[1])
    spread = float(each.mean(axis=1).var(ddof=1))
    return max(0.0, spread - echo)


def halves(n: int, times: int, rng: np.random.Generator) -> list[npt.NDArray[np.int64]]:
    """Random halves of `n` rows and what is left beside them, `times` in all."""
    found: list[npt.NDArray[np.int64]] = []
    while len(found) < times:
        order = rng.permutation(n).astype(np.int64)
        found += [order[: n // 2], order[n // 2 :]]
    return found[:times]
