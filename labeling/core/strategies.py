"""Query strategies: a utility per item (higher = ask sooner), then a selector of ranked indices.

modAL's measures are used as plain functions (Danka & Horvath, 2018): its learner objects are not.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Utility = Callable[[Floats, np.random.Generator], Floats]
Selector = Callable[[Floats, Any, int, np.random.Generator], Ints]


@dataclass(frozen=True)
class _Probabilities:
    """What modAL's measures ask of a fitted classifier: they only ever call `predict_proba`."""

    proba: Floats

    def predict_proba(self, features: object) -> Floats:
        return self.proba


def _modal(measure: str) -> Callable[[Floats], Floats]:
    def call(proba: Floats) -> Floats:
        from modAL import uncertainty

        return np.asarray(getattr(uncertainty, measure)(_Probabilities(proba), proba), dtype=float)

    return call


def margin(proba: Floats, rng: np.random.Generator) -> Floats:
    """1 - (largest - second largest probability), (n,) in [0, 1] (Scheffer et al., 2001)."""
    return 1.0 - _modal("classifier_margin")(proba)


def entropy(proba: Floats, rng: np.random.Generator) -> Floats:
    """Shannon entropy of the class probabilities in nats, (n,) (Shannon, 1948)."""
    return _modal("classifier_entropy")(proba)


def least_confident(proba: Floats, rng: np.random.Generator) -> Floats:
    """1 - the largest probability, (n,) in [0, 1] (Lewis & Gale, 1994)."""
    return _modal("classifier_uncertainty")(proba)


def random(proba: Floats, rng: np.random.Generator) -> Floats:
    """Uniform noise, (n,) in [0, 1): the control."""
    return rng.random(len(proba))


def top(utilities: Floats, features: Any, n: int, rng: np.random.Generator) -> Ints:
    """The `n` highest utilities, best first; ties go to the lower row. Int (min(n, rows),)."""
    return np.argsort(-utilities, kind="stable")[:n].astype(np.int64)


UTILITIES: dict[str, Utility] = {
    "margin": margin,
    "entropy": entropy,
    "least_confident": least_confident,
    "random": random,
}

SELECTORS: dict[str, Selector] = {"top": top}


class Strategy(NamedTuple):
    """A query strategy: which utility, which selector, and what it is good and bad at."""

    utility: str
    selector: str
    note: str


STRATEGIES: dict[str, Strategy] = {
    "margin": Strategy(
        "margin",
        "top",
        "Asks where the two likeliest classes are closest: a sound default; may ask look-alikes.",
    ),
    "entropy": Strategy(
        "entropy",
        "top",
        "Asks where all classes are open: fine with two, often worse than margin with many.",
    ),
    "least_confident": Strategy(
        "least_confident",
        "top",
        "Asks where the best guess is weakest: like margin with two classes, noisier with many.",
    ),
    "random": Strategy(
        "random", "top", "Asks at random: unbiased and hard to beat when the classes are mixed."
    ),
}

DEFAULT = "margin"


def resolve(name: str) -> str:
    """The strategy behind `name`: `default` is what the product would choose itself."""
    return DEFAULT if name == "default" else name


def choose(
    name: str, proba: Floats, *, features: Any, n: int, rng: np.random.Generator
) -> tuple[Ints, Floats]:
    """Rank a batch: positions int (min(n, rows),), best first, and their utilities.

    `proba` is float (rows, classes). Raises ValueError on NaN, KeyError on an unknown strategy.
    """
    if np.isnan(proba).any():
        raise ValueError("class probabilities must be numbers, found NaN")
    strategy = STRATEGIES[resolve(name)]
    if len(proba) == 0 or n <= 0:
        return np.empty(0, dtype=np.int64), np.empty(0)
    utilities = UTILITIES[strategy.utility](proba, rng)
    picks = SELECTORS[strategy.selector](utilities, features, n, rng)
    return picks, utilities[picks]
