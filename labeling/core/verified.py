"""Verified gain: two models compared by labels of the rows on which they disagree, and of no other.

Where both models say the same, both are right or both are wrong: only disagreements carry news of
the gain. The reservoir is itself a sample, so every interval here is for future data and holds the
reservoir's own chance as well; without that term it would cover next to nothing (METHODS 1.4, 1.9).
Scores are per item in [0, 1], 1 is right; gains are new - old, as fractions.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from labeling.core import comparison, intervals
from labeling.core.comparison import Interval

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]

Z = 1.959963984540054  # 95 %
MIN_LABELS = 5  # of a post-stratum that stands alone
FEW_LABELS = 30  # below it a stratum's spread is smoothed
RULE_OF_THREE = 3.0  # nothing seen in N rows: at most 3 / N, with 95 %


@dataclass(frozen=True)
class Verified:
    """A gain with its 95 % interval for future data, and what it rests on.

    `n_rows` reservoir rows, `n_differ` of them told apart by the models, `n_labels` of these with
    a known truth. `instead_of` random gold labels would give an interval of the same width.
    """

    interval: Interval
    n_rows: int
    n_differ: int
    n_labels: int
    instead_of: int

    @property
    def disagreement(self) -> float:
        """Share of the reservoir on which the models differ: no gain there can be larger."""
        return self.n_differ / self.n_rows if self.n_rows else 0.0

    @property
    def width(self) -> float:
        """From the lower bound to the upper."""
        return self.interval.high - self.interval.low


# -- what to ask ----------------------------------------------------------------------------------


def differ(old: npt.NDArray[np.generic], new: npt.NDArray[np.generic]) -> Bools:
    """Where two models' predictions differ, bool (N,), from codes (N,) or scored outputs (N, k)."""
    apart: Bools = np.not_equal(old, new)
    return apart if apart.ndim == 1 else np.asarray(apart.any(axis=1))


def ask(differs: Bools, known: Bools, *, n: int, rng: np.random.Generator) -> Ints:
    """Reservoir rows to label next, at most `n`, int: disagreements not yet known, by lot.

    The lot matters: labels may only be taken for the whole if no row had a better chance.
    """
    waiting = np.flatnonzero(differs & ~known)
    return rng.permutation(waiting)[:n].astype(np.int64)


# -- the estimate ---------------------------------------------------------------------------------


def estimate(
    differences: Floats,
    differs: Bools,
    *,
    strata: Ints | None = None,
    level: float = 0.95,
    future: bool = True,
) -> Verified:
    """The gain of a new model, from labelled disagreements (METHODS 1.4).

    `differences` are the scores new - old, float (N,) in [-1, 1], NaN where the truth is unknown;
    those of rows outside `differs` are never read, for they are 0. Labelled rows must be a random
    part of their stratum (int codes (N,), see `signatures`). `future=False` leaves out the chance
    of the reservoir itself: the interval is then about these N rows, and false about any others.
    """
    groups = list(_pooled(differences, differs, strata))
    n, found = len(differs), int(differs.sum())
    labels = sum(len(group.seen) for group in groups)
    if not labels:
        return Verified(_unseen(n, found), n, found, 0, 0)
    value = sum(group.size * group.mean for group in groups) / n
    variance = sum(group.variance() for group in groups) / n**2
    spread = max(found / n - value**2, 0.0)
    interval = intervals.normal(value, variance + (spread / n if future else 0.0), level=level)
    squares = sum(group.size * group.square for group in groups) / n
    interval = _cut(interval, _unseen(n, found) if future else Interval(0.0, -found / n, found / n))
    instead = _instead_of(max(squares - value**2, 0.0), interval)
    return Verified(interval, n, found, labels, instead)


@dataclass(frozen=True)
class _Group:
    """One post-stratum: how many disagreements it holds, and the differences seen of them."""

    size: int
    seen: Floats

    @property
    def mean(self) -> float:
        """Of the differences; 0 where none was seen."""
        return float(self.seen.mean()) if len(self.seen) else 0.0

    @property
    def square(self) -> float:
        """The mean square of the differences; 1, the most there can be, where none was seen."""
        return float((self.seen**2).mean()) if len(self.seen) else 1.0

    def variance(self) -> float:
        """Of the group's total. Few labels are joined by a win and a loss that nobody saw.

        Without any the mean may lie anywhere between -1 and 1.
        """
        m = len(self.seen)
        if not m:
            return self.size**2 / 3
        smooth = np.append(self.seen, [1.0, -1.0]) if m < FEW_LABELS else self.seen
        return self.size * (self.size - m) * float(smooth.var(ddof=1)) / m


def _pooled(differences: Floats, differs: Bools, strata: Ints | None) -> Iterator[_Group]:
    """The post-strata of the disagreements; those with under 5 labels are one together."""
    codes = np.zeros(len(differs), dtype=np.int64) if strata is None else strata
    rows = np.flatnonzero(differs)
    known = ~np.isnan(differences[rows])
    names, which = np.unique(codes[rows], return_inverse=True)
    labels = np.bincount(which[known], minlength=len(names))
    joined = _joined(labels)
    for part in np.unique(joined):
        own = joined[which] == part
        yield _Group(int(own.sum()), differences[rows[own & known]])


def _joined(labels: Ints) -> Ints:
    """Number of the group that each stratum joins, given its labels.

    What was hardly looked at never joins what was: a lot that another pair of versions was asked
    for is no sample of the rows outside it, and its labels would speak for them.
    """
    groups = np.arange(len(labels))
    groups[labels < MIN_LABELS] = len(labels)
    return groups


def _cut(interval: Interval, most: Interval) -> Interval:
    """An interval within what is known without any label."""
    low, high = max(interval.low, most.low), min(interval.high, most.high)
    return Interval(interval.value, min(low, interval.value), max(high, interval.value))


def _unseen(n: int, found: int) -> Interval:
    """What is known without a label: no gain exceeds the share of disagreements."""
    if n == 0:
        return Interval(0.0, -1.0, 1.0)
    share = found / n
    most = min(1.0, share + Z * math.sqrt(share / n) if found else RULE_OF_THREE / n)
    return Interval(0.0, -most, most)


def _instead_of(spread: float, interval: Interval) -> int:
    """Random gold labels for an interval as wide, where a row's difference has this variance."""
    width = interval.high - interval.low
    return math.ceil(spread * (2 * Z / width) ** 2) if width > 0 else 0


def gain(
    old: Ints, new: Ints, truth: Ints, *, strata: Ints | None = None, level: float = 0.95
) -> Verified:
    """The gain in accuracy, from predicted codes (N,) and true codes (N,), -1 where unknown."""
    return estimate(_by_code(old, new, truth), differ(old, new), strata=strata, level=level)


def score_gain(
    old: Floats, new: Floats, known: Bools, *, differs: Bools | None = None, level: float = 0.95
) -> Verified:
    """The gain of a mean score in [0, 1], float (N,) each, valid where `known`.

    `differs` are the rows whose output differs; without it, those whose known scores do, which
    needs the score of every row. Raises ValueError for scores outside [0, 1].
    """
    told = np.concatenate([old[known], new[known]])
    if told.size and (told.min() < 0 or told.max() > 1):
        raise ValueError(f"expected scores in [0, 1], found {told.min():g} to {told.max():g}")
    if differs is None and not known.all():
        raise ValueError("unknown scores cannot say where models differ: pass `differs`")
    apart = old != new if differs is None else differs
    return estimate(np.where(known, new - old, np.nan), apart, level=level)


def _by_code(old: Ints, new: Ints, truth: Ints) -> Floats:
    difference = (new == truth).astype(np.float64) - (old == truth)
    return np.where(truth >= 0, difference, np.nan)


# -- a chain of versions --------------------------------------------------------------------------


def signatures(eligible: Bools) -> Ints:
    """Post-stratum of each row, int (N,): rows eligible in the same rounds share one.

    `eligible`, bool (rounds, N), is which rows a round's lot was drawn among. Rows of one
    signature had the same chances throughout, so the labelled ones are a random part of them.
    """
    if not len(eligible):
        return np.zeros(eligible.shape[1], dtype=np.int64)
    _, codes = np.unique(eligible.T, axis=0, return_inverse=True)
    return codes.reshape(-1).astype(np.int64)


def steps(predictions: Ints) -> Bools:
    """Rows eligible in a chain where each version is verified against the one before.

    `predictions`, int (versions, N), oldest first; the result is bool (versions - 1, N).
    """
    return np.asarray(predictions[1:] != predictions[:-1])


def between(
    predictions: Ints, truth: Ints, first: int, last: int, *, eligible: Bools | None = None
) -> Verified:
    """The gain from version `first` to `last` of a chain, from every label that there is.

    Labels asked for one step serve all others: they are weighed by the rounds in which a row could
    have been asked. `truth`, int (N,), holds -1 where unknown; labels drawn at random from the
    whole reservoir may be among them.
    """
    strata = signatures(steps(predictions) if eligible is None else eligible)
    return gain(predictions[first], predictions[last], truth, strata=strata)


def chain(predictions: Ints, truth: Ints, *, eligible: Bools | None = None) -> list[Verified]:
    """Every step of a chain of versions, oldest first."""
    return [
        between(predictions, truth, k, k + 1, eligible=eligible)
        for k in range(len(predictions) - 1)
    ]


# -- planning -------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Plan:
    """What it takes to decide a gain of `delta` with 80 % power: disagreement or random labels.

    `floor` is the narrowest interval that this reservoir can give, all disagreements labelled.
    Numbers are None when the gain is 0 or larger than the disagreement: then nothing decides it.
    """

    delta: float
    n_differ: int
    labels: int | None
    random_labels: int | None
    floor: float

    @property
    def is_possible(self) -> bool:
        """Whether the reservoir holds as many disagreements."""
        return self.labels is not None and self.labels <= self.n_differ


def plan(delta: float, *, n_differ: int, n_rows: int) -> Plan:
    """How many labels would decide a true gain of `delta`, and what they save (METHODS 1.9)."""
    share = n_differ / n_rows if n_rows else 0.0
    floor = width_floor(share, n_rows)
    if not 0 < abs(delta) <= share:
        return Plan(delta, n_differ, None, None, floor)
    drawn = comparison.labels_needed(delta, share) or 0
    return Plan(delta, n_differ, math.ceil(share * drawn), drawn, floor)


def width_floor(disagreement: float, n_rows: int) -> float:
    """Width of the interval with every disagreement labelled; only a larger reservoir beats it."""
    return 2 * Z * math.sqrt(disagreement / n_rows) if n_rows else 2.0


def labels_for_width(width: float, *, n_differ: int, n_rows: int) -> int | None:
    """Disagreement labels until the interval is `width` wide, at worst; None below the floor.

    At worst wins and losses balance, and a label's difference has the spread of 1.
    """
    share = n_differ / n_rows if n_rows else 0.0
    if width < width_floor(share, n_rows):
        return None
    return min(n_differ, math.ceil((share * 2 * Z / width) ** 2))


# -- in words -------------------------------------------------------------------------------------


def in_words(found: Verified) -> str:
    """A verified gain as one line, in points.

    >>> in_words(Verified(Interval(0.019, 0.006, 0.032), 1000, 80, 43, 421))
    'gain +1.9 [+0.6, +3.2], verified with 43 labels instead of about 420'
    """
    if not found.n_differ:
        return f"both models say the same of all {found.n_rows:,} reservoir rows: no label needed"
    if not found.n_labels:
        most = 100 * found.interval.high
        return f"not verified yet: the gain is between -{most:.1f} and +{most:.1f}"
    value, low, high = (f"{100 * x:+.1f}" for x in found.interval)
    saved = f" instead of about {comparison.about(found.instead_of)}"
    return (
        f"gain {value} [{low}, {high}], verified with {found.n_labels} label{_s(found.n_labels)}"
        f"{saved if found.instead_of > found.n_labels else ''}"
    )


def plan_in_words(planned: Plan) -> str:
    """A plan as one line.

    >>> plan_in_words(plan(0.05, n_differ=100, n_rows=1000))
    'about 32 labels decide whether this is a gain of 5.0 points (310 at random)'
    """
    points = f"{100 * abs(planned.delta):.1f} points"
    if planned.labels is None:
        return f"no number of labels decides a gain of {points} here: the models differ too seldom"
    if not planned.is_possible:
        return (
            f"the reservoir is too small to decide a gain of {points} four times in five: "
            f"all {planned.n_differ:,} disagreements leave an interval "
            f"{100 * planned.floor:.1f} points wide"
        )
    drawn = comparison.about(planned.random_labels or 0)
    return (
        f"about {comparison.about(planned.labels)} label{_s(planned.labels)} decide whether this "
        f"is a gain of {points} ({drawn} at random)"
    )


def missing_in_words(found: Verified) -> str:
    """How many more labels would decide the gain as it looks now."""
    left, more = found.n_differ - found.n_labels, more_labels(found)
    if not left:
        return "every disagreement is labelled, only a larger reservoir would help"
    if more is None or more > left:
        return f"the {left:,} disagreements left would hardly decide it"
    return f"needs about {comparison.about(more)} more verify label{_s(more)}"


def more_labels(found: Verified) -> int | None:
    """Verify labels that are missing until a gain as large as the one seen is decided."""
    planned = plan(found.interval.value, n_differ=found.n_differ, n_rows=found.n_rows)
    if planned.labels is None:
        return None
    return max(planned.labels - found.n_labels, math.ceil(0.1 * max(found.n_labels, 10)))


def _s(n: int) -> str:
    return "" if n == 1 else "s"
