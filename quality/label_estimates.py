"""Label estimates: how many labels are wrong, with an interval that does not promise too much.

Probabilities alone cannot tell a wrong label from a row that is merely hard: in both a model
disagrees. Three numbers are honest all the same. Where the model is surest hard rows have died
out, so what still disagrees there is wrong: that floor is the lower end. All the disagreement that
the model expects of itself, taken for errors, is the upper end. The middle is the floor plus a
share of what confident learning counts beyond it: most of it where the classes are easy to tell
apart otherwise, a tenth where they are not. On data without errors that is about 0.

Errors that follow the content (one slice always mislabelled, borderline rows decided wrongly) lie
between the floor and the upper end, and only reviewed rows tell how many (`review_progress`). Where
nearly all borderline rows are decided wrongly a model learns the wrong border, and the truth may
lie above the upper end.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import numpy.typing as npt

from quality import labels

if TYPE_CHECKING:
    from quality.label_signals import Answered

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]

CONTESTED = 0.1  # least share of the rows contested beyond the floor that counts as wrong
HOPELESS = 0.4  # share of contradicted labels at which no more than that is believed
MORE = 1.25  # rows in a work list for each expected error: not every row in it is one
BINS = 200
DROP = 1.92  # of the log-likelihood at the ends of a 95 % interval
RATES = (0.0, *np.geomspace(1e-4, 0.6, 30))


class Interval(NamedTuple):
    """An estimate between two bounds."""

    low: float
    middle: float
    high: float


@dataclass(frozen=True)
class Estimate:
    """How many of `of` labels are wrong."""

    errors: Interval
    of: int

    @property
    def number(self) -> int:
        """The middle as a whole number."""
        return int(self.errors.middle + 0.5)

    @property
    def listed(self) -> int:
        """How many rows a work list should have: a quarter more than are wrong; 0 on clean data."""
        return int(np.ceil(self.errors.middle * MORE)) if self.number else 0

    @property
    def words(self) -> str:
        """The estimate as sentences.

        >>> Estimate(Interval(0.0, 0.2, 49.4), 1797).words
        'No label looks wrong. Rows that are hard to tell could hide up to 49 errors (of 1,797).'
        """
        low, _, high = (int(end + 0.5) for end in self.errors)
        if not self.number:
            hidden = f"up to {high:,} error{'s' * (high != 1)} (of {self.of:,})."
            return f"No label looks wrong. Rows that are hard to tell could hide {hidden}"
        return (
            f"About {self.number:,} of {self.of:,} labels look wrong; from the data alone anything "
            f"between {low:,} and {high:,} is possible. Reviewed rows narrow it down."
        )


def estimate(proba: Floats, codes: Ints, answers: Answered | None = None) -> Estimate:
    """The number of wrong labels among the rows with a label and probabilities.

    `proba` (rows, classes) out of fold, as `label_signals.belief` makes them of the content. Where
    several people answered, their consensus counts instead: the middle is the sum of its doubts,
    the lower end half of the doubts over a half, the upper end doubts and outvoted answers.
    """
    several = np.zeros(len(codes), dtype=bool)
    if answers is not None:
        several = ~np.isnan(answers.posterior).any(axis=1) & (codes >= 0)
    alone = labels.usable(proba, codes) & ~several
    parts = [Interval(0.0, 0.0, 0.0)]
    if alone.any():
        parts.append(_of_content(proba[alone], codes[alone]))
    if answers is not None and several.any():
        parts.append(_of_answers(answers, codes, several))
    total = Interval(*np.sum(parts, axis=0).tolist())
    return Estimate(total, int(alone.sum() + several.sum()))


def _of_content(proba: Floats, codes: Ints) -> Interval:
    standing_out = _standing_out(labels.normalised_margin(proba, codes))
    proba = labels.tempered(proba, codes)
    joint = labels.confident_joint(proba, codes)
    contested = float(joint.sum() - np.trace(joint))
    contradicted = int((proba.argmax(axis=1) != codes).sum())
    low, floor = (rate * len(codes) for rate in floor_rate(proba, codes))
    beyond = max(0.0, contested - floor)
    middle = max(floor + _believed(contested, contradicted, len(codes)) * beyond, standing_out)
    high = float((1.0 - labels.self_confidence(proba, codes)).sum())
    return Interval(low, middle, max(high, middle))


def _believed(contested: float, contradicted: int, n: int) -> float:
    """The share of contested rows taken for errors, in [CONTESTED, 1].

    It falls with the rows that are contradicted without confidence, which are merely hard: where
    half as many of those stand beside the contested ones, the contested ones may be hard too.
    """
    if contested <= 0:
        return CONTESTED
    hard = max(0.0, contradicted - contested) / contested
    clear = max(0.0, 1.0 - 2.0 * hard) * max(0.0, 1.0 - contradicted / (HOPELESS * n))
    return max(CONTESTED, clear)


def _of_answers(answers: Answered, codes: Ints, rows: Bools) -> Interval:
    place = np.flatnonzero(rows)
    doubt = 1.0 - answers.posterior[place, codes[place]]
    outvoted = 1.0 - answers.shares[place, codes[place]]
    low = 0.5 * doubt[doubt > 0.5].sum()
    return Interval(float(low), float(doubt.sum()), float(np.minimum(doubt + outvoted, 1.0).sum()))


def _standing_out(margins: Floats) -> float:
    """By how many the strongly contradicted rows outnumber those near a tie.

    Hard rows thin out from a tie (0.5) downwards, so that on clean data this is 0; in a few labels
    that are easy to tell apart, wrong ones stand alone at the end.
    """
    strong, near = (margins < 0.25).sum(), ((margins >= 0.25) & (margins < 0.75)).sum()
    return float(max(0, strong - near))


# -- the floor ------------------------------------------------------------------------------------


def floor_rate(proba: Floats, codes: Ints) -> tuple[float, float]:
    """The rate of disagreement that certainty does not reduce: lower 95 % bound, and likeliest.

    P(the given label is not the most probable class) = floor + (1 - floor) * logistic(-b - a * x),
    x being the log-odds of the most probable class: a psychometric curve with a lapse rate, fitted
    by maximum likelihood, its bound by the profile (after Wichmann and Hill 2001). That rows where
    the model is surest are right is what anchors class-conditional noise too (Liu and Tao 2016).
    """
    if (proba.argmax(axis=1) == codes).all():
        return 0.0, 0.0
    profile = _profile(*_binned(proba, codes))
    loss = [profile(rate) for rate in RATES]
    best = int(np.argmin(loss))
    rate, least = _refined(profile, best, loss[best])
    if loss[0] <= least + DROP or best == 0:
        return 0.0, rate
    return _crossing(profile, rate, least + DROP), rate


def _binned(proba: Floats, codes: Ints) -> tuple[Floats, Floats, Floats]:
    """Standardised log-odds of the most probable class, rows and disagreements per bin."""
    top = np.clip(proba.max(axis=1), 1e-9, 1.0 - 1e-9)
    odds = np.log(top / (1.0 - top))
    odds = (odds - np.median(odds)) / (odds.std() + 1e-9)
    order = np.argsort(odds, kind="stable")
    wrong = (proba.argmax(axis=1) != codes)[order].astype(np.float64)
    edges = np.unique(np.linspace(0, len(codes), min(BINS, len(codes)) + 1).astype(np.int64))[:-1]
    count = np.diff(np.append(edges, len(codes))).astype(np.float64)
    return np.add.reduceat(odds[order], edges) / count, count, np.add.reduceat(wrong, edges)


def _profile(x: Floats, count: Floats, wrong: Floats) -> Callable[[float], float]:
    """The least negative log-likelihood of a floor, over the curve's log slope and place."""
    from scipy.optimize import minimize
    from scipy.special import expit

    def loss(curve: Floats, rate: float) -> tuple[float, Floats]:
        # Weak priors keep the curve finite where nothing disagrees.
        slope = np.exp(np.clip(curve[0], -10.0, 10.0))
        hard = expit(-(curve[1] + slope * x))
        share = np.clip(rate + (1.0 - rate) * hard, 1e-9, 1.0 - 1e-9)
        fit = wrong @ np.log(share) + (count - wrong) @ np.log1p(-share)
        pull = (wrong / share - (count - wrong) / (1.0 - share)) * (1.0 - rate) * hard * (1 - hard)
        gradient = np.array([curve[0] / 2.0 + pull @ x * slope, curve[1] / 9.0 + pull.sum()])
        return float(curve[0] ** 2 / 4.0 + curve[1] ** 2 / 18.0 - fit), gradient

    def profile(rate: float) -> float:
        found = minimize(loss, np.array([0.0, 2.0]), args=(rate,), method="L-BFGS-B", jac=True)
        return float(found.fun)

    return profile


def _refined(profile: Callable[[float], float], best: int, least: float) -> tuple[float, float]:
    """The likeliest floor near a grid point and its loss; exactly 0 if nothing speaks for it."""
    from scipy.optimize import minimize_scalar

    ends = RATES[max(best - 1, 0)], RATES[min(best + 1, len(RATES) - 1)]
    found = minimize_scalar(profile, bounds=ends, method="bounded", options={"xatol": ends[1] / 50})
    if found.fun < least - 1e-6:
        return float(found.x), float(found.fun)
    return RATES[best], least


def _crossing(profile: Callable[[float], float], rate: float, level: float) -> float:
    """The floor under `rate` where the loss reaches `level`, by bisection on a log scale."""
    low, high = RATES[1] / 100, rate
    for _ in range(15):
        middle = float(np.sqrt(low * high))
        low, high = (middle, high) if profile(middle) > level else (low, middle)
    return high
