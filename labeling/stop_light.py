"""The stop light: whether more labels are worth asking for, in words, with how often they hold.

What it rests on is measured when a round is closed and kept in its report; the rule that reads it
is a setting, so that another rule speaks at once. When a target will be reached is never said.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np

from labeling import forecasts, impact
from labeling.core import forecast, stopping
from labeling.core.stopping import Evidence, Light
from labeling.fits import Fits
from labeling.project import Project
from labeling.store.rounds import Round

KEY = "light"  # in the report of a round
WORDS = {
    stopping.GO_ON: "go on",
    stopping.NEARLY: "nearly enough",
    stopping.STOP: "enough for now",
}


class Outlook(NamedTuple):
    """The light of a project by its rule, and what is to be known beside it, sentence by sentence.

    `chance` says how likely a gain of MIN_GAIN is and how often such words were right, `bound` what
    the score can have moved by at most, `record` what the rule did in simulated projects.
    """

    rule: str
    light: Light
    chance: str
    bound: str | None
    record: str


# -- when a round is closed -----------------------------------------------------------------------


def measure(fits: Fits, closed: Sequence[Round], ahead: Mapping[str, Any]) -> dict[str, Any]:
    """What the rules look at after the last of `closed`, as plain JSON values.

    `ahead` is what `forecasts.after` said. `changed` is the share of the reservoir that the last
    two models answer differently, None without two models or without a reservoir.
    """
    said = _codes(impact.predictions(fits, closed[-stopping.WINDOW - 1 :]))
    pairs = list(pairwise(said))
    labels = fits.snapshot.training_set(impact.version_of(closed[-1])).labels
    targets = fits.snapshot.targets(labels.values())
    seen = targets.any(axis=0).sum() if fits.snapshot.multi else len(np.unique(targets))
    reach = ahead["reach"]
    return {
        "rounds": len(closed),
        "classes_seen": int(seen),
        "n_classes": len(fits.snapshot.classes),
        "kappas": [stopping.kappa(*pair) for pair in pairs],
        "gain": reach["gain"] if reach else None,
        "changed": stopping.largest_change(*pairs[-1]) if pairs else None,
    }


def _codes(predicted: Sequence[np.ndarray]) -> list[np.ndarray]:
    """One code an item, also where it has several classes; nothing where there are no items."""
    if not predicted[0].size:
        return []
    rows = np.vstack([each.reshape(len(each), -1) for each in predicted])
    _, codes = np.unique(rows, axis=0, return_inverse=True)
    return list(codes.reshape(len(predicted), -1))


# -- in words -------------------------------------------------------------------------------------


def outlook(project: Project) -> Outlook | None:
    """The light of the newest round by the rule in force; None before a round has measured it."""
    stored = impact.cached(project, impact.REPORT)
    if stored is None or KEY not in stored[1]:
        return None
    ahead, measured = stored[1][forecasts.KEY], dict(stored[1][KEY])
    changed, rule = measured.pop("changed"), project.config["stop_rule"]
    light = stopping.RULES[rule](Evidence(**measured))
    return Outlook(rule, light, _chance(ahead), _bound(changed), _record(rule))


def line(project: Project) -> str | None:
    """The light and the chance in one line; None before there is a light."""
    found = outlook(project)
    return None if found is None else f"More labels: {WORDS[found.light.word]}. {found.chance}"


def _chance(ahead: Mapping[str, Any]) -> str:
    """How likely a point more is, with the hit rate of the word that says so."""
    if ahead["why_not"] or not ahead["reach"]:
        words = ahead["why_not"] or "the next rounds are beyond what any forecast was scored for"
        return f"No forecast yet: {words}."
    told = forecasts.read(ahead["reach"])
    gain, reach = f"{100 * stopping.MIN_GAIN:g} point", _reach(told.at - told.n, ahead["step"])
    word = forecast.word(told.chance(told.last + stopping.MIN_GAIN))
    if word == forecast.OPEN:
        return (
            f"It is open whether the score gains {gain} {reach}: the chance is between 10 % and "
            "90 %."
        )
    rate = forecast.HIT_RATES[word]
    return (
        f"{word.capitalize()} to gain {gain} {reach}; such words were right in "
        f"{rate.share:.0%} of {rate.said:,} cases in simulated projects."
    )


def _reach(n: int, step: int) -> str:
    """The labels that a forecast reaches ahead: some rounds, or what is left of the pool."""
    if n == stopping.ROUNDS_AHEAD * step:
        return f"in the next {stopping.ROUNDS_AHEAD} rounds ({n:,} labels)"
    return f"with the {n:,} items that the pool has left"


def _bound(changed: float | None) -> str | None:
    if changed is None:
        return None
    return (
        f"The last two models answer {changed:.1%} of the reserved items differently: their "
        "accuracy there cannot have moved by more."
    )


def _record(rule: str) -> str:
    found = stopping.MEASURED[rule]
    return (
        f"In simulated projects the {rule} rule stopped at {found.labels:.0%} of the labels; "
        f"{found.shortfall:g} points were missed on average, and {found.shortfall_p90:g} in one "
        "project of ten."
    )
