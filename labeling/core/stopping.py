"""Stopping: is the next batch worth asking? A light with its reason, and rules that were measured.

The default rule joins the forecast (core/forecast) to stabilizing predictions (Bloodgood &
Vijay-Shanker, 2009): successive models answer the same items, and Cohen's kappa between the two
says whether anything still changes. No gold label is needed for kappa.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Codes = npt.NDArray[np.integer]

MIN_ROUNDS = 5
ROUNDS_AHEAD = 5
MIN_GAIN = 0.01
KAPPA = 0.95
WINDOW, STRICT_KAPPA, NEAR_KAPPA = 3, 0.99, 0.97

GO_ON, NEARLY, STOP = "go on", "nearly", "stop"


class Evidence(NamedTuple):
    """What a rule looks at, after a round is closed.

    `kappas` are those between successive models on the same items (the reservoir or the pool),
    oldest first. `gain` is the forecast gain of the score over the next ROUNDS_AHEAD rounds, a
    fraction; None where no forecast was made, which never stops.
    """

    rounds: int
    classes_seen: int
    n_classes: int
    kappas: Sequence[float]
    gain: float | None = None


class Light(NamedTuple):
    """GO_ON, NEARLY or STOP, and why in one sentence."""

    word: str
    reason: str


def kappa(old: Codes, new: Codes) -> float:
    """Cohen's kappa (1960) of two models' class codes for the same items, int (items,): 1 = alike.

    Where both give every item one and the same class it is 1: nothing has changed. Raises
    ValueError for no items, or for two numbers of items.
    """
    _check(old, new)
    _, codes = np.unique(np.concatenate([old, new]), return_inverse=True)
    n, before, after = len(old), codes[: len(old)], codes[len(old) :]
    same = int((before == after).sum())
    counts = np.bincount(before), np.bincount(after)
    shared = min(map(len, counts))
    by_chance = int(counts[0][:shared] @ counts[1][:shared])
    if by_chance == n * n:
        return 1.0
    return (same * n - by_chance) / (n * n - by_chance)


def largest_change(old: Codes, new: Codes) -> float:
    """The share of items that two models answer differently, in [0, 1].

    No label is needed, and the accuracies of the two on these items cannot be further apart.
    Raises ValueError for no items, or for two numbers of items.
    """
    _check(old, new)
    return float((old != new).mean())


def _check(old: Codes, new: Codes) -> None:
    if len(old) != len(new) or not len(old):
        raise ValueError(
            f"expected the answers of two models to the same items, found {len(old)} and {len(new)}"
        )


def default(evidence: Evidence) -> Light:
    """Stop when the forecast sees less than a point ahead and the last two models agree."""
    waiting = _floor(evidence)
    if waiting:
        return Light(GO_ON, waiting)
    settled, spent = _settled(evidence), _spent(evidence)
    word = STOP if settled and spent else NEARLY if settled or spent else GO_ON
    joint = "and" if settled == spent else "but"
    return Light(word, f"{_gain_words(evidence.gain)}, {joint} {_kappa_words(evidence.kappas)}.")


def needs_forecast(evidence: Evidence) -> bool:
    """Whether the default rule's word hangs on the forecast: if not, its fits can be saved."""
    return not _floor(evidence) and _settled(evidence)


def conservative(evidence: Evidence) -> Light:
    """Stop when kappa, averaged over the last WINDOW pairs of models, is STRICT_KAPPA."""
    waiting = _floor(evidence)
    if waiting:
        return Light(GO_ON, waiting)
    if len(evidence.kappas) < WINDOW:
        return Light(GO_ON, f"There are not yet {WINDOW} pairs of models in a row to compare.")
    mean = round(sum(evidence.kappas[-WINDOW:]) / WINDOW, 9)  # .99 thrice is .99
    word = STOP if mean >= STRICT_KAPPA else NEARLY if mean >= NEAR_KAPPA else GO_ON
    return Light(
        word,
        f"The last {WINDOW} pairs of successive models agree with a kappa of {_cut(mean, 3)} on "
        f"average; this rule stops from {STRICT_KAPPA:g} on.",
    )


RULES: dict[str, Callable[[Evidence], Light]] = {"default": default, "conservative": conservative}


class Measured(NamedTuple):
    """What a rule did in simulated projects of 27 rounds, against never stopping.

    `labels` is the mean share of the labels that was spent; the shortfall is what the true score
    missed, in points: its mean and its 90th percentile.
    """

    labels: float
    shortfall: float
    shortfall_p90: float


# Made by: python -m benchmarks.forecast --data FOLDER --cache FOLDER (180 projects, nine data sets)
MEASURED: dict[str, Measured] = {
    "default": Measured(0.50, 0.67, 2.4),
    "conservative": Measured(0.70, 0.18, 1.3),
}


def _floor(evidence: Evidence) -> str | None:
    """What has to come first, whatever the figures say; None when nothing has."""
    unseen = evidence.n_classes - evidence.classes_seen
    if unseen > 0:
        verb = "has" if unseen == 1 else "have"
        return f"{unseen} of {evidence.n_classes} classes {verb} no label yet."
    if evidence.rounds < MIN_ROUNDS:
        closed = "1 round is" if evidence.rounds == 1 else f"{evidence.rounds} rounds are"
        return f"{closed} closed: no rule is read before {MIN_ROUNDS}."
    return None


def _settled(evidence: Evidence) -> bool:
    return bool(evidence.kappas) and evidence.kappas[-1] >= KAPPA


def _spent(evidence: Evidence) -> bool:
    return evidence.gain is not None and evidence.gain < MIN_GAIN


def _gain_words(gain: float | None) -> str:
    if gain is None:
        return "There is no forecast of the next rounds"
    side, points = "less" if gain < MIN_GAIN else "not less", _cut(100 * gain, 1)
    return (
        f"The next {ROUNDS_AHEAD} rounds are forecast to bring {points} points, {side} "
        f"than {100 * MIN_GAIN:g}"
    )


def _kappa_words(kappas: Sequence[float]) -> str:
    if not kappas:
        return "there are no two models to compare yet"
    change = "hardly differ" if kappas[-1] >= KAPPA else "still differ"
    return f"the last two models {change} (kappa {_cut(kappas[-1], 3)}, asked for: {KAPPA:g})"


def _cut(value: float, digits: int) -> str:
    """Cut, not rounded, so that a figure below a threshold is never shown as the threshold."""
    return f"{math.floor(value * 10**digits + 1e-9) / 10**digits:.{digits}f}"
