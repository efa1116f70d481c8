"""Review progress: what a review in ranking order has found, what lies ahead, and when to stop.

Outcomes are bool (reviewed,), True where the label was wrong, in the order of the ranking; scores
those of the ranking, low = suspicious. Of rows further down nothing is known but that they are less
suspicious: precision can only fall.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from quality.inference import wilson
from quality.label_estimates import Interval

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]

WORTH = 10.0  # an error found is worth as much time as this many plain new labels
FEWEST = 20  # reviewed rows, before anything is said about stopping
AHEAD = 50
DRAWS = 2000
# Normal priors (mean, deviation) of the falling curve: the log-odds of an error at a tied score at
# the last rank reviewed; how they fall with the logarithm of the rank; and with the score's odds.
PRIORS = ((-2.0, 3.0), (1.0, 1.0), (1.5, 1.0))
EXTREME = 0.01  # scores count as no further from 0 and 1 than this


@dataclass(frozen=True)
class Progress:
    """Where a review stands.

    `precision` is the share of errors among the reviewed, 95 % (Wilson 1927); `expected` how many
    errors the next `ahead` rows hold, 90 %; `per_minute` errors found, NaN without times;
    `seconds_per_error` what one more will cost, and `worth` what it may cost, NaN without times;
    `pays` how many further rows reviewing pays for, 0 = stop; no further than the `horizon` is
    looked: as many rows again as are reviewed, at least `ahead`.
    """

    reviewed: int
    found: int
    precision: Interval
    per_minute: float
    ahead: int
    expected: Interval
    seconds_per_error: float
    worth: float
    pays: int
    horizon: int

    @property
    def words(self) -> str:
        """Where the review stands and what to do next, as sentences."""
        if not self.reviewed:
            return f"Nothing is reviewed yet. Review the first {self.pays:,}, then look here again."
        seen = f"{self.found:,} of {self.reviewed:,} reviewed labels were wrong"
        pace = "" if np.isnan(self.per_minute) else f", {self.per_minute:.1f} errors a minute"
        return f"{seen}{pace}. {self._ahead_in_words()}{self._advice()}"

    def _ahead_in_words(self) -> str:
        if not self.ahead:
            return "The list is done."
        low, middle, high = (int(end + 0.5) for end in self.expected)
        return f"The next {self.ahead:,} hold about {middle:,} more ({low:,} to {high:,}). "

    def _advice(self) -> str:
        if not self.ahead:
            return ""
        if self.reviewed < FEWEST:
            return f"{self.pays:,} more before it can be said whether going on pays."
        cost = ""
        if not np.isnan(self.worth):
            each = f"{self.seconds_per_error:,.0f} s" if self.seconds_per_error < 1e4 else "hours"
            cost = f" An error now costs about {each} and is worth {self.worth:,.0f} s."
        if not self.pays:
            return f"Reviewing no longer pays: stop here.{cost}"
        least = "at least" if self.pays >= self.horizon else "about"
        return f"Reviewing pays for {least} {self.pays:,} more.{cost}"


def progress(
    outcomes: Bools,
    scores: Floats,
    seconds: Floats | None = None,
    *,
    label_seconds: float | None = None,
    worth: float = WORTH,
    ahead: int = AHEAD,
    seed: int = 0,
) -> Progress:
    """The state of a review of the first rows of a ranking.

    `scores` float (rows,), ascending, of all ranked rows, the first of which are reviewed;
    `seconds` float (reviewed,), NaN where unknown; `label_seconds` what a plain new label takes
    (None: as long as a review); an error found may cost `worth` such labels. `ahead` rows are
    looked ahead.
    """
    outcomes = np.asarray(outcomes, dtype=bool)
    remaining = len(scores) - len(outcomes)
    pace = _first_known(_median(seconds), label_seconds)
    value = worth * _first_known(label_seconds, pace)
    needed = 1.0 / worth if np.isnan(value) else pace / value
    ahead = min(ahead, remaining)
    horizon = min(remaining, max(ahead, len(outcomes)))
    share, expected = _expected(outcomes, scores, horizon=horizon, ahead=ahead, seed=seed)
    return Progress(
        reviewed=len(outcomes),
        found=int(outcomes.sum()),
        precision=_precision(outcomes),
        per_minute=_per_minute(outcomes, seconds),
        ahead=ahead,
        expected=expected,
        seconds_per_error=pace * ahead / expected.middle if ahead else float("nan"),
        worth=value,
        pays=_pays(share, needed, reviewed=len(outcomes), remaining=remaining),
        horizon=horizon,
    )


def total_errors(found: int, sample: Bools, rest: int) -> Interval:
    """All errors of the data, 95 % (Wilson), when some rows were reviewed at random too.

    `found` errors stand in the reviewed part of the ranking; `sample` bool (sampled,) are the
    outcomes of rows drawn at random from the `rest` rows outside it. Unbiased, whatever the ranking
    is worth; without a sample anything up to all of the rest is possible.
    """
    sample = np.asarray(sample, dtype=bool)
    if not len(sample):
        return Interval(float(found), float("nan"), float(found + rest))
    seen, unseen = int(sample.sum()), rest - len(sample)
    share = np.array([sample.mean()])
    weight = len(sample) * max(unseen, 1) / rest  # the unseen rows scatter around the share too
    low, high = (float(end[0]) for end in wilson(share, np.array([weight])))
    ends = (low, float(share[0]), high)
    return Interval(*(found + seen + end * unseen for end in ends))


def _first_known(*values: float | None) -> float:
    """The first that is neither None nor NaN, else NaN."""
    known = (value for value in values if value is not None and not np.isnan(value))
    return next(known, float("nan"))


def _median(seconds: Floats | None) -> float:
    known = np.array([]) if seconds is None else np.asarray(seconds, dtype=np.float64)
    known = known[~np.isnan(known)]
    return float(np.median(known)) if len(known) else float("nan")


def _per_minute(outcomes: Bools, seconds: Floats | None) -> float:
    if seconds is None:
        return float("nan")
    timed = ~np.isnan(np.asarray(seconds, dtype=np.float64))
    minutes = float(np.asarray(seconds, dtype=np.float64)[timed].sum()) / 60.0
    return float(outcomes[timed].sum()) / minutes if minutes > 0 else float("nan")


def _precision(outcomes: Bools) -> Interval:
    if not len(outcomes):
        return Interval(0.0, float("nan"), 1.0)
    share = np.array([outcomes.mean()])
    low, high = wilson(share, np.array([float(len(outcomes))]))
    return Interval(float(low[0]), float(share[0]), float(high[0]))


def _pays(share: Floats, needed: float, *, reviewed: int, remaining: int) -> int:
    """How many further rows are likely enough to be wrong; never none before FEWEST are seen."""
    too_few = np.flatnonzero(share < needed)
    paying = int(too_few[0]) if len(too_few) else len(share)
    return min(remaining, max(paying, FEWEST - reviewed))


# -- the falling curve -----------------------------------------------------------------------------


def _expected(
    outcomes: Bools, scores: Floats, *, horizon: int, ahead: int, seed: int
) -> tuple[Floats, Interval]:
    """The chance of an error at each further rank, (horizon,), and their number in the first ones.

    A logistic curve in rank and score that may only fall, under `PRIORS`; the interval from its
    posterior, taken for normal (Laplace), and from chance.
    """
    design = _design(scores[: len(outcomes) + horizon], reviewed=len(outcomes))
    curve, spread = _fitted(design[: len(outcomes)], outcomes)
    further = design[len(outcomes) :]
    share = _logistic(further @ _falling(curve))
    if not ahead:
        return share, Interval(0.0, 0.0, 0.0)
    rng = np.random.default_rng(seed)
    drawn = _falling(rng.multivariate_normal(curve, spread, DRAWS))
    counts = rng.binomial(1, _logistic(drawn @ further[:ahead].T)).sum(axis=1)
    low, high = np.quantile(counts, (0.05, 0.95))
    middle = float(share[:ahead].sum())
    return share, Interval(min(float(low), middle), middle, max(float(high), middle))


def _design(scores: Floats, *, reviewed: int) -> Floats:
    """One, how far before the last rank reviewed (log), and the log-odds against the score."""
    rank = np.arange(1, len(scores) + 1) / max(reviewed, 1)
    score = np.clip(scores, EXTREME, 1.0 - EXTREME)
    return np.column_stack([np.ones(len(rank)), -np.log(rank), np.log((1.0 - score) / score)])


def _falling(curve: Floats) -> Floats:
    """The curve, or rows of curves, without what would make it rise with the rank."""
    return np.concatenate([curve[..., :1], np.maximum(curve[..., 1:], 0.0)], axis=-1)


def _fitted(design: Floats, outcomes: Bools) -> tuple[Floats, Floats]:
    """The likeliest coefficients under the priors, (3,), and their covariance, (3, 3)."""
    mean = np.array([prior[0] for prior in PRIORS])
    precision = np.diag([prior[1] ** -2 for prior in PRIORS])
    curve = mean.copy()
    for _ in range(50):
        share = _logistic(design @ curve)
        slope = design.T @ (outcomes - share) - precision @ (curve - mean)
        bend = (design * (share * (1.0 - share))[:, None]).T @ design + precision
        step = np.clip(np.linalg.solve(bend, slope), -2.0, 2.0)
        curve = curve + step
        if np.abs(step).max() < 1e-8:
            break
    return curve, np.asarray(np.linalg.inv(bend), dtype=np.float64)


def _logistic(logits: Floats) -> Floats:
    return np.asarray(1.0 / (1.0 + np.exp(-np.clip(logits, -500.0, 500.0))), dtype=np.float64)
