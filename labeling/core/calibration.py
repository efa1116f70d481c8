"""Calibration: whether a model that says 80 % is right in 80 of 100 cases.

Judged on gold alone: labels that were chosen by the model say nothing of how sure it may be.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from labeling.core.comparison import Interval, wilson

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]

MOST_BINS, FEWEST_IN_BIN = 10, 15
COLUMNS = ["bin", "n", "said_low", "said_high", "said", "right", "low", "high"]
DRAWS = 1_000
STRETCHES = np.concatenate([np.linspace(0.0, 2.0, 81), np.linspace(2.1, 12.0, 100)])


class Calibration(NamedTuple):
    """How far what a model says is from how often it is right, and the table behind it.

    `error` is the expected calibration error in [0, 1], 0 = says what it is worth; `raw` the same
    as commonly computed, which is above 0 by chance alone. `overconfidence` is what it says minus
    how often it is right, on the whole.
    """

    error: Interval
    raw: float
    overconfidence: float
    table: pd.DataFrame


def calibration(said: Floats, right: Bools, rng: np.random.Generator) -> Calibration | None:
    """Confidence in what a model says, float (n,) in [0, 1], against where it is right, bool (n,).

    None when n is 0.
    """
    if not len(said):
        return None
    table = reliability(said, right)
    gap = (table["right"] - table["said"]).to_numpy()
    raw = float((table["n"] * np.abs(gap)).sum() / len(said))
    error = expected_error(table["n"].to_numpy(), table["right"].to_numpy(), gap, rng)
    return Calibration(error, raw, float(said.mean() - right.mean()), table)


def bins(said: Floats) -> Ints:
    """Bins of equal mass, int (n,) from 0, least sure first; what is said alike stays together.

    At most ten, with about fifteen items each at least (Nguyen & O'Connor, 2015).
    """
    n = len(said)
    n_bins = max(1, min(MOST_BINS, n // FEWEST_IN_BIN))
    rank = np.searchsorted(np.sort(said), said, side="left")
    return np.asarray(rank * n_bins // max(n, 1), dtype=np.int64)


def reliability(said: Floats, right: Bools) -> pd.DataFrame:
    """One row a bin: its items, what was said (range and mean), how often that was right.

    `low` and `high` are Wilson's 95 % bounds of `right`.
    """
    own = bins(said)
    rows = []
    for number, each in enumerate(np.unique(own)):
        inside, hits = said[own == each], int(right[own == each].sum())
        n = len(inside)
        spread = (float(inside.min()), float(inside.max()), float(inside.mean()))
        rows.append((number, n, *spread, hits / n, *wilson(hits, n)))
    return pd.DataFrame(rows, columns=COLUMNS)


def expected_error(n: Ints, right: Floats, gap: Floats, rng: np.random.Generator) -> Interval:
    """Expected calibration error over bins, with its 95 % interval: what chance adds is taken off.

    The common estimate, sum of |gap| by mass, is too high by what chance alone does to every bin.
    So gaps of the same shape are stretched by a factor, chance is added to them, and the factors
    are taken at which an estimate as high as the one seen is as rare as 97.5, 50 and 2.5 % (a test
    inverted, as in Carpenter, 1999).
    """
    mass = n / n.sum()
    share = (right * n + 1) / (n + 2)
    chance = np.sqrt(share * (1 - share) / n) * rng.standard_normal((DRAWS, len(n)))
    seen = float((mass * np.abs(gap)).sum())
    reached = np.array(
        [(np.abs(stretch * gap + chance) @ mass >= seen).mean() for stretch in STRETCHES]
    )
    low, value, high = (
        seen * float(STRETCHES[min((reached < share).sum(), len(STRETCHES) - 1)])
        for share in (0.025, 0.5, 0.975)
    )
    return Interval(value, low, min(1.0, high))
