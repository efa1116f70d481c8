"""Honest numbers: which figures may be a headline, what gold may still be used for, what leaks.

A label that decided what to keep may not report how good it is; a figure of labels that a model
chose is no figure of the model; gold that decided often wears out (METHODS 1.8, 5).
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from labeling.core import comparison, verified
from labeling.core.comparison import MIN_GOLD, Interval
from labeling.core.verified import Verified

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]

LABELS_PER_DECISION = 50
WIDTH = 0.2


# -- half decides, half reports -------------------------------------------------------------------


def decides(item_ids: Sequence[str], *, seed: int) -> Bools:
    """Which fresh labels decide, bool (n,); the others report.

    A fair coin an item, from the seed and the item's id: it falls the same in whatever order and
    however often labels come, and nobody can choose it.
    """
    return np.array([_coin(item_id, seed) for item_id in item_ids], dtype=bool)


def _coin(item_id: str, seed: int) -> bool:
    return hashlib.sha256(f"{seed}:decide:{item_id}".encode()).digest()[0] % 2 == 0


@dataclass(frozen=True)
class Decision:
    """Whether a change is kept, by one half of its labels, and its gain, by the other half."""

    keep: bool
    n_decided: int
    reported: Verified


def decide(
    differences: Floats, differs: Bools, deciding: Bools, *, strata: Ints | None = None
) -> Decision:
    """Keep a change if the deciding half says more right than wrong; report by the other half.

    Arguments as in `verified.estimate`; `deciding`, bool (N,), from `decides`. Without a label
    that decides, nothing is kept.
    """
    voice, silent = np.where(deciding, differences, np.nan), np.where(deciding, np.nan, differences)
    heard = verified.estimate(voice, differs, strata=strata)
    told = verified.estimate(silent, differs, strata=strata)
    return Decision(heard.n_labels > 0 and heard.interval.value > 0, heard.n_labels, told)


def decision_in_words(found: Decision) -> str:
    """A decision as one line: what half of the labels said, and what the others report."""
    if not found.n_decided:
        return "not decided: none of the deciding half is labelled yet"
    word = "keep it" if found.keep else "do not keep it"
    return (
        f"{word}, by {found.n_decided} label{'s' if found.n_decided > 1 else ''}; the others "
        f"report: {verified.in_words(found.reported)}"
    )


# -- the age of gold ------------------------------------------------------------------------------


@dataclass(frozen=True)
class Age:
    """How many decisions were taken on a gold set of `n_gold` labels."""

    decisions: int
    n_gold: int

    @property
    def most(self) -> int:
        """Decisions that it bears: one for every 50 labels (a rule of thumb)."""
        return self.n_gold // LABELS_PER_DECISION

    @property
    def is_worn(self) -> bool:
        """Whether it is time to rotate: draw fresh gold and retire this to deciding."""
        return self.decisions > self.n_gold / LABELS_PER_DECISION

    def in_words(self) -> str:
        """The counter as one line."""
        times = "once" if self.decisions == 1 else f"{self.decisions} times"
        said = f"this gold ({self.n_gold:,} labels) has decided {times}"
        return f"{said}: rotate, draw fresh gold for reports" if self.is_worn else said


# -- headlines ------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Figure:
    """A measured level and where it comes from.

    `source`: "gold", "cross-validation" or "pool" (what was left over). `chosen`: a strategy chose
    the labels it was measured on.
    """

    source: str
    interval: Interval
    n: int
    chosen: bool = False


def headline(figures: Iterable[Figure]) -> Figure | None:
    """The figure that may stand at the top: of random gold, with enough labels; else None."""
    fit = [f for f in figures if f.source == "gold" and not f.chosen and f.n >= MIN_GOLD]
    return max(fit, key=lambda figure: figure.n, default=None)


def caption(figure: Figure) -> str:
    """What must be said beside a figure; empty for one of random gold."""
    if figure.chosen:
        return "training-side, not comparable: a strategy chose these labels"
    if figure.source == "cross-validation":
        return "training-side, not comparable: measured on labels that also train"
    if figure.source == "pool":
        return "not comparable: what is left of a pool is easier than the whole"
    return ""


def missing(n_gold: int, *, width: float = WIDTH) -> int:
    """Random gold labels until a share's interval is `width` wide at most."""
    return max(0, comparison.labels_for_width(width) - n_gold)


def missing_in_words(n_gold: int, *, width: float = WIDTH) -> str:
    """What to say without a headline; empty when there are labels enough.

    >>> missing_in_words(0)
    'no gold yet: 97 labels for a width of 20 points'
    """
    more = missing(n_gold, width=width)
    if not more:
        return ""
    start = "no gold yet" if n_gold == 0 else f"{n_gold} gold label{'s' if n_gold > 1 else ''}"
    return (
        f"{start}: {more}{' more' if n_gold else ''} labels for a width of {100 * width:g} points"
    )


# -- leaks ----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Leak:
    """A gold row with a near-duplicate among the training rows; similarity in [0, 1]."""

    gold: str
    training: str
    similarity: float


@dataclass(frozen=True)
class LeakCheck:
    """Gold rows that training has as good as seen, one leak a row, the closest first.

    `reported` is the score with them, `honest` without; nan when no row is left.
    """

    n_gold: int
    leaks: tuple[Leak, ...]
    reported: float
    honest: float

    @property
    def share(self) -> float:
        """Part of the gold that leaks."""
        return len(self.leaks) / self.n_gold if self.n_gold else 0.0

    def in_words(self) -> str:
        """The finding as one line."""
        if not self.leaks:
            return f"no leak: none of {self.n_gold:,} gold rows has a near-duplicate in training"
        return (
            f"{len(self.leaks):,} of {self.n_gold:,} gold rows have a near-duplicate in training: "
            f"{100 * self.reported:.1f} % with them, {100 * self.honest:.1f} % without"
        )


def check_leaks(
    pairs: Iterable[tuple[str, str, float]], right: dict[str, bool], training: frozenset[str]
) -> LeakCheck:
    """Leaks among near-duplicate pairs (a, b, similarity), in whichever order a pair stands.

    `right` says by gold item whether the model is right; `training` holds the training items.
    """
    closest: dict[str, Leak] = {}
    for a, b, similarity in pairs:
        for ours, theirs in ((a, b), (b, a)):
            if ours in right and theirs in training:
                found = Leak(ours, theirs, similarity)
                known = closest.get(ours)
                closest[ours] = found if known is None or similarity > known.similarity else known
    leaks = tuple(sorted(closest.values(), key=lambda leak: (-leak.similarity, leak.gold)))
    kept = [hit for item, hit in right.items() if item not in closest]
    return LeakCheck(len(right), leaks, _mean([*right.values()]), _mean(kept))


def _mean(hits: Sequence[bool]) -> float:
    return sum(hits) / len(hits) if hits else math.nan
