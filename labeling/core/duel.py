"""Duel: did an hour on the data or an hour on the model move the score, at equal effort?

Four models, the data before and after with the plain and the tuned model, are scored on the same
items (METHODS 2): a 2 x 2 experiment whose effects are worked out item by item. The model is tuned
again on the later data, so that neither arm is held back. Fits and searches are passed in.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Generic, NamedTuple, TypeVar

import numpy as np
import numpy.typing as npt

from labeling.core import sequential, verified
from labeling.core.comparison import (
    MIN_GOLD,
    Interval,
    about,
    excludes_zero,
    labels_needed,
    t_interval,
)
from labeling.core.sequential import Look
from labeling.core.verified import Verified

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Version = TypeVar("Version")
Configuration = TypeVar("Configuration")
Cell = TypeVar("Cell")

UNEVEN = 1.25  # efforts further apart than this are not called equal
UNDECIDED = "not decided"


class Cells(NamedTuple, Generic[Cell]):
    """One thing for each model: data old or new, model plain or tuned (tuned on those data)."""

    old_plain: Cell
    old_tuned: Cell
    new_plain: Cell
    new_tuned: Cell


class Effects(NamedTuple, Generic[Cell]):
    """What moved the score, as fractions: data + model = total, exactly.

    `interaction` below 0: better data and a better model replace each other. `difference` is data
    less model.
    """

    data: Cell
    model: Cell
    interaction: Cell
    difference: Cell
    total: Cell


class Hours(NamedTuple):
    """Work on the two arms: active labeling hours; an analyst's declared hours and the search."""

    data: float
    model: float


@dataclass(frozen=True)
class Duel:
    """A decided or undecided duel; `scores` are the four models' shares of right gold items."""

    scores: Cells[float]
    effects: Effects[Interval]
    hours: Hours
    n_gold: int
    to_verify: Ints
    verdict: str

    @property
    def is_decided(self) -> bool:
        """Whether one of the two moved the score more, beyond chance."""
        return not self.verdict.startswith(UNDECIDED)


def fight(
    old: Version,
    new: Version,
    *,
    plain: Configuration,
    search: Callable[[Version], Configuration],
    predict: Callable[[Version, Configuration], Ints],
) -> tuple[Cells[Ints], Cells[Configuration]]:
    """Predicted codes of the four models, int (rows,) each, and their configurations.

    `search` tunes within a version's training rows, `predict` trains and scores the reservoir.
    """
    used = Cells(plain, search(old), plain, search(new))
    versions = Cells(old, old, new, new)
    said = [predict(version, chosen) for version, chosen in zip(versions, used, strict=True)]
    return Cells(*said), used


def judge(
    predicted: Cells[Ints],
    *,
    at: Ints,
    truth: Ints,
    hours: Hours,
    rng: np.random.Generator,
) -> Duel:
    """The effects, the verdict and where more labels would decide it.

    `predicted` are codes of all reservoir rows, `at` int (n,) those that are random gold, `truth`
    their codes.
    """
    right = Cells(*[(codes[at] == truth).astype(np.float64) for codes in predicted])
    found, to_verify = effects(right), rows_to_verify(predicted, at, rng)
    scores = Cells(*[float(each.mean()) if len(each) else math.nan for each in right])
    needed = verify_labels_needed(right, predicted)
    n_open = int(crossed(predicted)[to_verify].sum())
    words = _verdict(found, needed, n_gold=len(at), n_open=n_open, hours=hours)
    return Duel(scores, found, hours, len(at), to_verify, words)


def per_item(right: Cells[Floats]) -> Effects[Floats]:
    """Every item's effects, float (n,) each, from the four models' scores of it."""
    c00, c01, c10, c11 = right
    data, model = (c10 - c00 + c11 - c01) / 2, (c01 - c00 + c11 - c10) / 2
    return Effects(data, model, c11 - c10 - c01 + c00, data - model, c11 - c00)


def effects(right: Cells[Floats], *, level: float = 0.95) -> Effects[Interval]:
    """Means of the per-item effects with Student's intervals; scores are float (n,) in [0, 1].

    The spread counts two items more on which one model alone is right, one for and one against:
    where models seldom differ, plain intervals hold the truth in as few as 78 %. The means stay
    as they are.
    """
    reach = Effects(0.5, 0.5, 1.0, 1.0, 1.0)
    return Effects(
        *[_mean(each, end, level=level) for each, end in zip(per_item(right), reach, strict=True)]
    )


def _mean(effect: Floats, reach: float, *, level: float) -> Interval:
    if len(effect) < 2:
        return t_interval(effect, level=level)
    wide, value = t_interval(np.append(effect, [reach, -reach]), level=level), float(effect.mean())
    return Interval(value, value - wide.value + wide.low, value - wide.value + wide.high)


def rows_to_verify(predicted: Cells[Ints], labelled: Ints, rng: np.random.Generator) -> Ints:
    """Unlabelled rows on which not all four models agree, int (m,), in the order to ask them.

    All other rows add the same to every model. Data less model is, item by item, new data with the
    plain model less old data with the tuned one: where these two differ comes first. The order is
    random within either part, so that every beginning is a random sample of it.
    """
    codes = np.stack(predicted)
    open_ = np.ones(codes.shape[1], dtype=bool)
    open_[labelled] = False
    differ = open_ & (codes != codes[0]).any(axis=0)
    decisive = differ & crossed(predicted)
    first, then = np.flatnonzero(decisive), np.flatnonzero(differ & ~decisive)
    return np.concatenate([rng.permutation(first), rng.permutation(then)]).astype(np.int64)


def crossed(predicted: Cells[Ints]) -> npt.NDArray[np.bool_]:
    """Rows that tell new data with the plain model from old data with the tuned one, bool (rows,).

    Data less model is the difference of these two, item by item: no other row bears on it.
    """
    return np.asarray(predicted.new_plain != predicted.old_tuned)


def per_hour(effect: Interval, hours: float) -> Interval | None:
    """An effect as points per hour with its interval; None when no hours were recorded."""
    if hours <= 0:
        return None
    return Interval(*[100 * bound / hours for bound in effect])


def verify_labels_needed(right: Cells[Floats], predicted: Cells[Ints]) -> int | None:
    """Verify labels, beside the gold there is, that would decide data against model.

    With 80 % power, if the difference is the one seen; None if none was seen. Random labels decide
    only where the two crossed models differ, so that share of them does the same.
    """
    apart = per_item(right).difference
    n = len(apart)
    needed = labels_needed(float(apart.mean()), float((apart**2).mean())) if n else None
    if needed is None:
        return None
    more = max(needed - n, math.ceil(0.1 * n))
    return max(1, math.ceil(more * float(crossed(predicted).mean())))


def _verdict(
    found: Effects[Interval], needed: int | None, *, n_gold: int, n_open: int, hours: Hours
) -> str:
    if n_gold < MIN_GOLD:
        return f"not decided: needs about {MIN_GOLD - n_gold} more gold labels before any verdict"
    if excludes_zero(found.difference):
        return _won(found.difference.value, hours)
    if needed is None:
        return "not decided: data and model moved the score alike"
    words = f"not decided, needs about {about(needed)} more verify labels"
    if needed <= n_open:
        return words
    there = f"only {about(n_open)} open rows tell" if n_open else "no open row tells"
    return f"{words}, but {there} the two sides apart: call it a draw"


def _won(difference: float, hours: Hours) -> str:
    return f"the {'data' if difference > 0 else 'model'} moved the score more{_effort(hours)}"


def settle(judged: Duel, found: Verified, look: Look) -> Duel:
    """The same duel after verify labels: these may say who moved the score more, and nothing else.

    `found` is data less model with every label that bears on it, for future data; `look` what may
    be read after each ruling, however often one looked. A winner needs both: the look speaks of
    these rows alone, and the interval holds for one reading only. The effects stay as they are.
    """
    if judged.is_decided or not look.n_labels:
        return judged
    if excludes_zero(found.interval) and look.direction * found.interval.value > 0:
        return replace(judged, verdict=_won(found.interval.value, judged.hours))
    after = f"{UNDECIDED} after {look.n_labels} verify label{'' if look.n_labels == 1 else 's'}"
    return replace(judged, verdict=f"{after}, {_missing(found, look)}")


def _missing(found: Verified, look: Look) -> str:
    left = found.n_differ - found.n_labels
    if look.is_complete or not left:
        return "and no row is left that would decide it: call it a draw"
    more = verified.more_labels(found) if look.direction else look.more
    if more is None:
        return "too early to say how many more"
    if look.is_long:
        return f"and more than {sequential.ENOUGH} would be needed: call it a draw"
    if more >= left:
        return f"may need all {left:,} open rows that are left"
    return f"needs about {about(more)} more"


def _effort(hours: Hours) -> str:
    low, high = sorted(hours)
    if low > 0 and high <= UNEVEN * low:
        return ""
    return (
        f", but the efforts were not equal ({hours.data:.1f} hours on the data, {hours.model:.1f} "
        "on the model): compare the points per hour"
    )


def in_words(duel: Duel) -> list[str]:
    """What came out: the verdict first, then what stands behind it, one sentence a line."""
    found = duel.effects
    lines = [f"{duel.verdict[:1].upper()}{duel.verdict[1:]}."]
    lines += [
        f"{name} {_points(effect)}{_rate(effect, hours)}."
        for name, effect, hours in (
            ("The data moved the score by", found.data, duel.hours.data),
            ("The model moved it by", found.model, duel.hours.model),
        )
    ]
    if excludes_zero(found.interaction):
        word = "replace" if found.interaction.value < 0 else "strengthen"
        lines.append(f"Better data and a better model {word} each other.")
    return lines


def _points(effect: Interval) -> str:
    value, low, high = (f"{100 * bound:+.1f}" for bound in effect)
    return f"{value} points [{low}, {high}]"


def _rate(effect: Interval, hours: float) -> str:
    rate = per_hour(effect, hours)
    if rate is None:
        return ", no hours recorded"
    return f", {rate.value:+.1f} points an hour [{rate.low:+.1f}, {rate.high:+.1f}]"
