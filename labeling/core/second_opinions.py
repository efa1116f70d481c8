"""Second opinions: which labels one more person is asked about, and what is left for new items.

A vote is worth most where it may turn a wrong label, or where the model learns from a new item;
METHODS 4 measured the rules. A policy sees a `Situation` and names the labels that are asked again.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from labeling.core import fitting
from labeling.core.models import ModelConfig

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]

DOUBTED = 0.15  # out-of-fold probability of the given label, below which it is worth a vote
MUCH_DISAGREEMENT = 0.2  # share of random pairs of votes that differ
FEWEST_PAIRS = 20  # fewer measure no disagreement
OVERLAP = 0.05  # share of a batch that one more person is always asked about, at random
FOLDS = 5
TINY = 1e-6


@dataclass(frozen=True)
class Situation:
    """What a policy knows when a batch of `size` votes is planned.

    For each label: `confidence`, its probability by a model that did not see it, float (labels,),
    low = doubtful; `n_votes`, int (labels,); `may_ask`, bool (labels,), whether somebody is left
    who has not voted; `value`, ActiveLab's score, float (labels,), low = ask first. `pool_value` is
    the same for the unlabelled items, float (pool,). `disagreement` is the share of random pairs of
    votes that differ, None while too few are known.
    """

    size: int
    confidence: Floats
    n_votes: Ints
    may_ask: Bools
    value: Floats = field(default_factory=lambda: np.empty(0))
    pool_value: Floats = field(default_factory=lambda: np.empty(0))
    disagreement: float | None = None

    @property
    def single(self) -> Bools:
        """Labels that rest on one vote and that somebody else can be asked about."""
        return np.asarray(self.may_ask & (self.n_votes == 1))


Policy = Callable[[Situation], Ints]


def none(now: Situation) -> Ints:
    """Every vote goes to a new item."""
    return np.empty(0, dtype=np.int64)


def half(now: Situation) -> Ints:
    """Half of the votes go to the most doubtful labels, however sure they are."""
    return _lowest(now.confidence, now.single, now.size // 2)


def value_rule(now: Situation) -> Ints:
    """Up to half of the votes go to labels that the model doubts; half where votes differ much."""
    if now.disagreement is not None and now.disagreement > MUCH_DISAGREEMENT:
        return half(now)
    return _lowest(now.confidence, now.single & (now.confidence < DOUBTED), now.size // 2)


def activelab(now: Situation) -> Ints:
    """Votes go where ActiveLab's score is lowest, labelled or not (Goh & Mueller, 2023)."""
    ranked = _lowest(now.value, now.may_ask, now.size)
    pool = np.sort(now.pool_value)
    together = np.concatenate([now.value[ranked], pool[: now.size]])
    best = np.argsort(together, kind="stable")[: now.size]
    return ranked[best[best < len(ranked)]]


POLICIES: dict[str, Policy] = {
    "value_rule": value_rule,
    "half": half,
    "activelab": activelab,
    "none": none,
}
DEFAULT = "value_rule"
OF_SCORES = frozenset({"activelab"})  # those that read `value` and `pool_value`


class Share(NamedTuple):
    """How a batch's votes are shared out: labels to ask again, doubtful first; new items."""

    again: Ints
    n_new: int


def share(policy: str, now: Situation) -> Share:
    """What a policy makes of a batch; raises KeyError for an unknown one."""
    again = POLICIES[policy](now)
    return Share(again, now.size - len(again))


def overlap(n: int, share: float, rng: np.random.Generator) -> Ints:
    """Which of a batch's `n` items one more person is asked about, at random, whatever they are.

    The expected number is `share` of them, so that small batches take their turn.
    """
    return rng.permutation(n)[: int(share * n + rng.random())].astype(np.int64)


def measured_disagreement(n_apart: int, n_pairs: int) -> float | None:
    """The share of random pairs of votes that differ; None under FEWEST_PAIRS of them."""
    return n_apart / n_pairs if n_pairs >= FEWEST_PAIRS else None


def _lowest(scores: Floats, allowed: Bools, n: int) -> Ints:
    """The positions of the `n` lowest allowed scores, lowest first; ties in order."""
    rows = np.flatnonzero(allowed)
    return rows[np.argsort(scores[rows], kind="stable")[:n]].astype(np.int64)


def out_of_fold(
    features: Any, y: Ints, *, n_classes: int, config: ModelConfig, seed: int
) -> Floats:
    """Each row's class probabilities by a model that did not see it, float (rows, classes).

    Each class is dealt out evenly over five folds.
    """
    order = np.random.default_rng(seed).permutation(len(y))
    order = order[np.argsort(y[order], kind="stable")]
    fold = np.empty(len(y), dtype=np.int64)
    fold[order] = np.arange(len(y)) % FOLDS
    proba = np.zeros((len(y), n_classes))
    for held_out in np.unique(fold):
        kept = fold != held_out
        fitted = fitting.fit(features[kept], y[kept], n_classes=n_classes, config=config, seed=seed)
        proba[~kept] = fitted.predict_proba(features[~kept])
    return proba


# -- ActiveLab ------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Votes:
    """One row a vote: whose item, by which annotator, for which class, int (votes,) each, from 0.

    Every item has at least one vote, and an annotator at most one an item.
    """

    item: Ints
    annotator: Ints
    label: Ints

    def counts(self, n_classes: int) -> Floats:
        """Votes by item and class, float (items, classes)."""
        n_items = int(self.item.max()) + 1
        flat = np.bincount(self.item * n_classes + self.label, minlength=n_items * n_classes)
        return flat.reshape(n_items, n_classes).astype(np.float64)


class Trust(NamedTuple):
    """How much the model's word and each annotator's count, and how likely a consensus is right.

    `model` and `annotators`, float (annotators,), are weights from 0; `right` is in [0, 1].
    """

    model: float
    annotators: Floats
    right: float


def activelab_scores(votes: Votes, proba: Floats, pool: Floats) -> tuple[Floats, Floats]:
    """ActiveLab's scores of the labelled items and of the pool, in [0, 1], low = ask first.

    `proba` are out-of-fold class probabilities of the labelled items, float (items, classes),
    `pool` the model's of the others, float (pool, classes). One more annotator who knows nothing
    is counted in, so that items with many votes need them less (Goh & Mueller, 2023).
    """
    n_classes = proba.shape[1]
    counts = votes.counts(n_classes)
    trust, quality = _consensus(votes, counts, proba)
    stranger = float(trust.annotators.mean())
    known = trust.model + np.bincount(votes.item, weights=trust.annotators[votes.annotator])
    labelled = (quality * known + stranger / n_classes) / (known + stranger)
    blank = (pool.max(axis=1) * trust.model + stranger / n_classes) / (trust.model + stranger)
    return labelled, blank


def _consensus(votes: Votes, counts: Floats, proba: Floats) -> tuple[Trust, Floats]:
    """CROWDLAB (Goh et al., 2022): whom to trust, and how likely each item's label is right."""
    rows = np.arange(len(counts))
    most = np.where(counts == counts.max(axis=1, keepdims=True), proba, -1.0).argmax(axis=1)
    if counts.sum(axis=1).max() == 1:
        return Trust(1.0, np.ones(int(votes.annotator.max()) + 1), 1.0), proba[rows, most]
    first = _belief(votes, counts, proba, _trust(votes, counts, proba, most))
    label = first.argmax(axis=1)
    trust = _trust(votes, counts, proba, label)
    return trust, _belief(votes, counts, proba, trust)[rows, label]


def _trust(votes: Votes, counts: Floats, proba: Floats, label: Ints) -> Trust:
    """Weights by how much better than always naming the commonest class somebody is."""
    n_votes = counts.sum(axis=1)
    several = n_votes > 1
    agreed = counts[np.arange(len(counts)), label] / n_votes
    commonest = np.bincount(label[several]).argmax()
    naive = max(float((label[several] != commonest).mean()), TINY)
    wrong = float((proba[several].argmax(axis=1) != label[several]).mean())
    model = max(1.0 - wrong / naive, TINY) * float(np.sqrt(n_votes.mean()))
    people = np.maximum(1.0 - (1.0 - _agreement(votes, counts)) / naive, TINY)
    return Trust(model, people, float(agreed[several].mean()))


def _agreement(votes: Votes, counts: Floats) -> Floats:
    """How often each annotator's votes meet the same from others, float (annotators,) in [0, 1].

    Who shares no item with others gets the mean of those who do.
    """
    same = counts[votes.item, votes.label] - 1.0
    others = counts.sum(axis=1)[votes.item] - 1.0
    met, asked = (np.bincount(votes.annotator, weights=each) for each in (same, others))
    share = np.divide(met, asked, out=np.full(len(met), np.nan), where=asked > 0)
    return np.asarray(np.where(np.isnan(share), np.nanmean(share), share))


def _belief(votes: Votes, counts: Floats, proba: Floats, trust: Trust) -> Floats:
    """Class probabilities by all votes and the model together, float (items, classes)."""
    n_classes = counts.shape[1]
    weight = trust.annotators[votes.annotator]
    cell = votes.item * n_classes + votes.label
    named = np.bincount(cell, weights=weight, minlength=counts.size).reshape(counts.shape)
    total = named.sum(axis=1, keepdims=True)
    wrong = (1.0 - trust.right) / (n_classes - 1)
    said = named * trust.right + (total - named) * wrong
    belief: Floats = (proba * trust.model + said) / (trust.model + total)
    return belief
