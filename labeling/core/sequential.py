"""Looking after every label: a betting confidence sequence over the disagreements of two models.

An interval that is read after each label and stopped when it pleases is wrong far more often than
it says. A confidence sequence is right at every moment at once, with 95 % (Waudby-Smith & Ramdas,
2023; without replacement 2020). It speaks of the disagreements only: take the direction from it and
the size from `verified`. Differences are scores new - old, in [-1, 1], in the order of the labels.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from labeling.core.comparison import about

Floats = npt.NDArray[np.float64]

ENOUGH = 300  # labels beyond which a direction is hardly worth it
STAKES = np.arange(1, 16) / 16  # shares of the most that may be put on a bet
GRID = 201  # means that are tried
EARLY = 10  # labels before a forecast is made


@dataclass(frozen=True)
class Look:
    """What is known after some labels: 1 the new model is better, -1 the old, 0 not decided.

    `low` and `high` bound the mean difference over all disagreements. `more` is about how many
    labels are missing, None when decided or too early to say. `is_complete`: all are labelled.
    """

    n_labels: int
    direction: int
    low: float
    high: float
    more: int | None
    is_complete: bool = False

    @property
    def is_long(self) -> bool:
        """Whether more than 300 labels in all would be needed: better stop and say so."""
        return self.more is not None and self.n_labels + self.more > ENOUGH


def look(differences: Floats, *, n_differ: int | None, level: float = 0.95) -> Look:
    """What may be said after these labels, however often one has looked before.

    Labels come by lot, without replacement from `n_differ` disagreements; None is a stream without
    end. Raises ValueError for more labels than disagreements.
    """
    m = len(differences)
    if n_differ is not None and m > n_differ:
        raise ValueError(f"expected at most {n_differ} labels, found {m}")
    lows, highs = bounds(differences, n_differ=n_differ, level=level)
    low, high = (float(lows[-1]), float(highs[-1])) if m else (-1.0, 1.0)
    found = first_verdict(differences, n_differ=n_differ, level=level)
    direction = 0 if found is None else found[1]
    complete = n_differ is not None and m == n_differ
    more = None if direction or complete else _missing(differences, n_differ, level)
    return Look(m, direction, low, high, more, complete)


def first_verdict(
    differences: Floats, *, n_differ: int | None, level: float = 0.95
) -> tuple[int, int] | None:
    """The label (1, 2, …) after which the direction stood, and the direction; None if it never did.

    What once stood stands: the sequence is right at all moments together.
    """
    for m, sign in _crossings(differences, n_differ, level):
        return m, sign
    if len(differences) == n_differ and differences.sum():
        return len(differences), int(np.sign(differences.sum()))
    return None


def _crossings(differences: Floats, n_differ: int | None, level: float) -> list[tuple[int, int]]:
    """First moments at which a bet against a mean of 0 has won enough, earliest first."""
    needed = math.log(2 / (1 - level))
    found = []
    for sign in (1, -1):
        won = np.flatnonzero(_wealth(sign * differences, np.zeros(1), n_differ)[:, 0] >= needed)
        found += [(int(won[0]) + 1, sign)] if len(won) else []
    return sorted(found)


def bounds(
    differences: Floats, *, n_differ: int | None, level: float = 0.95
) -> tuple[Floats, Floats]:
    """The confidence sequence of the mean difference: low and high after each label, float (m,).

    Means are tried on a grid of 0.01; a bound is the outermost that is left, so it errs outwards.
    """
    means, needed = np.linspace(-1, 1, GRID).round(2), math.log(2 / (1 - level))
    too_low = _wealth(differences, means, n_differ) >= needed
    too_high = _wealth(-differences, -means, n_differ) >= needed
    ruled_out = np.maximum.accumulate(too_low | too_high, axis=0)
    lows, highs = np.empty(len(differences)), np.empty(len(differences))
    for m, gone in enumerate(ruled_out):
        left = means[~gone]
        around = (left[0], left[-1]) if len(left) else (lows[m - 1], highs[m - 1])
        lows[m], highs[m] = max(-1.0, around[0] - 0.01), min(1.0, around[1] + 0.01)
    return lows.round(2), highs.round(2)


def _wealth(differences: Floats, means: Floats, n_differ: int | None) -> Floats:
    """Log wealth after each label of betting that the mean is above each of `means`, (m, means).

    The wealth is spread evenly over fixed stakes (diversified Kelly), each bet on a fair game if
    the mean is as said: without replacement that is the mean of what is left. A mean that the
    labels have made impossible pays without end.
    """
    m, n = len(differences), n_differ
    gone = np.concatenate([[0.0], np.cumsum(differences)[:-1]]) if m else np.empty(0)
    if n is None:
        fair = np.broadcast_to(means, (m, len(means)))
    else:
        fair = (n * means[None, :] - gone[:, None]) / (n - np.arange(m))[:, None]
    possible = (fair > -1 - 1e-12) & (fair < 1 + 1e-12)
    inside = np.clip(fair, -1 + 1e-9, 1 - 1e-9)
    surplus = (differences[:, None] - inside) / (1 + inside)
    per_stake = np.log1p(np.maximum(STAKES[:, None, None] * surplus, -1 + 1e-12)).cumsum(axis=1)
    wealth = np.logaddexp.reduce(per_stake, axis=0) - math.log(len(STAKES))
    wealth[np.maximum.accumulate(fair < -1 - 1e-12, axis=0)] = np.inf
    wealth[np.maximum.accumulate(~possible & (fair > 0), axis=0)] = -np.inf
    return np.asarray(wealth)


def _missing(differences: Floats, n_differ: int | None, level: float) -> int | None:
    """Labels until a verdict, if the labels to come are like those seen; None while too early.

    A win and a loss that nobody saw are added, so that a first streak promises too little.
    """
    m = len(differences)
    if m < EARLY:
        return None
    seen = np.append(differences, [1.0, -1.0])
    toward = seen * (1 if seen.mean() >= 0 else -1)
    growth = max(float(np.log1p(STAKES[:-1, None] * toward).mean(axis=1).max()), 1e-9)
    total = math.ceil((math.log(2 / (1 - level)) + math.log(4)) / growth)
    more = max(total - m, 1)
    return more if n_differ is None else min(more, n_differ - m)


def in_words(found: Look) -> str:
    """A look as one line: a direction, or what is missing; never a size.

    >>> in_words(Look(60, 0, -0.2, 0.3, 400))
    'not decided after 60 labels: needs more than 300 labels; stop?'
    """
    after = f"after {found.n_labels} label{'' if found.n_labels == 1 else 's'}"
    if found.direction:
        return f"the {'new' if found.direction > 0 else 'old'} model is better, {after}"
    if found.is_complete:
        return f"as many rows won as lost: all {found.n_labels} disagreements are labelled"
    if found.is_long:
        return f"not decided {after}: needs more than {ENOUGH} labels; stop?"
    if found.more is None:
        return f"not decided {after}: too early to say how many are missing"
    return f"not decided {after}: needs about {about(found.more)} more"
