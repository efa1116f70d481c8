"""Utilities: how much would be learned from an item's label. Higher = ask sooner.

A utility of one model takes its class probabilities, float (rows, classes); one of a committee
takes all members', float (members, rows, classes). modAL's measures are used as plain functions
(Danka & Horvath, 2018): its learner objects are not.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Utility = Callable[[Floats, np.random.Generator], Floats]


@dataclass(frozen=True)
class _Probabilities:
    """What modAL's measures ask of a fitted classifier: they only ever call `predict_proba`."""

    proba: Floats

    def predict_proba(self, features: object) -> Floats:
        return self.proba


def _modal(measure: str, proba: Floats) -> Floats:
    from modAL import uncertainty

    return np.asarray(getattr(uncertainty, measure)(_Probabilities(proba), proba), dtype=float)


def margin(proba: Floats, rng: np.random.Generator) -> Floats:
    """1 - (largest - second largest probability), (rows,) in [0, 1] (Scheffer et al., 2001)."""
    gap: Floats = _modal("classifier_margin", proba)
    return np.asarray(1.0 - gap)


def entropy(proba: Floats, rng: np.random.Generator) -> Floats:
    """Shannon entropy of the class probabilities in nats, (rows,) (Shannon, 1948)."""
    return _modal("classifier_entropy", proba)


def least_confident(proba: Floats, rng: np.random.Generator) -> Floats:
    """1 - the largest probability, (rows,) in [0, 1] (Lewis & Gale, 1994)."""
    return _modal("classifier_uncertainty", proba)


def random(proba: Floats, rng: np.random.Generator) -> Floats:
    """Uniform noise, (rows,) in [0, 1): the control."""
    return rng.random((proba.shape[-2],))


def _entropy(shares: Floats) -> Floats:
    """Entropy over the last axis in nats; 0 log 0 = 0."""
    logs = np.log(shares, out=np.zeros_like(shares), where=shares > 0)
    return np.asarray(-(shares * logs).sum(axis=-1))


def vote_entropy(proba: Floats, rng: np.random.Generator) -> Floats:
    """Entropy of the members' votes in nats, (rows,) (Dagan & Engelson, 1995).

    As modAL's, which counts votes in a Python loop and takes six times as long.
    """
    votes = proba.argmax(axis=2)
    shares = [(votes == code).mean(axis=0) for code in range(proba.shape[2])]
    return _entropy(np.stack(shares, axis=1))


def consensus_entropy(proba: Floats, rng: np.random.Generator) -> Floats:
    """Entropy of the members' mean probabilities in nats, (rows,) (Settles, 2009)."""
    return _entropy(proba.mean(axis=0))


def max_disagreement(proba: Floats, rng: np.random.Generator) -> Floats:
    """The largest Kullback-Leibler divergence of a member from the mean, in nats, (rows,).

    After McCallum & Nigam (1998), who take the mean over members; modAL takes the largest.
    """
    mean = proba.mean(axis=0)
    ratio = np.divide(proba, mean, out=np.ones_like(proba), where=(proba > 0) & (mean > 0))
    divergence: Floats = (proba * np.log(ratio)).sum(axis=2).max(axis=0)
    return divergence


UTILITIES: dict[str, Utility] = {
    "margin": margin,
    "entropy": entropy,
    "least_confident": least_confident,
    "random": random,
    "vote_entropy": vote_entropy,
    "consensus_entropy": consensus_entropy,
    "max_disagreement": max_disagreement,
}

# Those that ask several models.
OF_COMMITTEES = frozenset({"vote_entropy", "consensus_entropy", "max_disagreement"})


def _quick_margin(proba: Floats, rng: np.random.Generator) -> Floats:
    """As `margin`, without putting each row's classes in order."""
    classes = np.moveaxis(proba, -1, 0)
    first: Floats = classes[0]
    second: Floats = np.zeros_like(first)
    for own in classes[1:]:
        second = np.maximum(second, np.minimum(first, own))
        first = np.maximum(first, own)
    return 1.0 - (first - second)


def _quick_entropy(proba: Floats, rng: np.random.Generator) -> Floats:
    """As `entropy`; what lies below the smallest number has none."""
    logs = np.log(np.maximum(proba, np.finfo(proba.dtype).tiny))
    return np.asarray(-(proba * logs).sum(axis=-1))


def _quick_doubt(proba: Floats, rng: np.random.Generator) -> Floats:
    """As `least_confident`."""
    return np.asarray(1.0 - proba.max(axis=-1))


# The same within rounding, for the first look at millions of rows.
QUICK: dict[str, Utility] = {
    "margin": _quick_margin,
    "entropy": _quick_entropy,
    "least_confident": _quick_doubt,
}


def per_class(utility: Utility, proba: Floats, rng: np.random.Generator) -> Floats:
    """A utility where an item may have several classes, (rows,): its mean over the classes.

    `proba` is each class's own probability, float (..., rows, classes); each class is a question
    of its own, yes or no.
    """
    both = np.stack([1.0 - proba, proba], axis=-1)
    each = [utility(both[..., code, :], rng) for code in range(proba.shape[-1])]
    return np.asarray(np.mean(each, axis=0))
