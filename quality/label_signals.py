"""Label signals: what speaks for and against each given label, and one belief made of it all.

`gather` collects the evidence, every entry of `SIGNALS` reads one score per row off it, and
`belief` weighs it into class probabilities; `labels.ranking` of those is the work list. No truth is
used anywhere, and no model is asked about a row that it or a copy of it was trained on.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from quality import consensus, labels
from quality.detectors import held_out, prepared
from quality.neighbours import class_shares, space

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]

WEIGHTS = {"models": 2.0, "second_look": 2.0, "neighbours": 1.0}
SURE = 1e-9


@dataclass(frozen=True)
class Answered:
    """What people said of each row: `posterior` and `shares` of the classes, (rows, classes).

    The posterior is the cautious Dawid and Skene's, the shares are the plain votes; NaN where fewer
    than two people answered: one answer has nobody to disagree with.
    """

    posterior: Floats
    shares: Floats


@dataclass(frozen=True)
class Evidence:
    """Class probabilities from several sides, tempered to the given labels `codes` (rows,).

    `models` and `second_look` are (detectors, rows, classes); `neighbours` (rows, classes).
    `alone` bool (rows,): the class has no other row outside its group to compare with.
    """

    codes: Ints
    models: Floats
    second_look: Floats
    neighbours: Floats
    alone: Bools
    answers: Answered | None = None


def gather(
    features: Any,
    codes: Ints,
    *,
    kind: str,
    n_classes: int,
    groups: npt.NDArray[Any] | None = None,
    answers: Answered | None = None,
    seed: int = 0,
) -> Evidence:
    """The evidence about the labels `codes`, int (rows,), -1 for none.

    `features`, `kind` and `groups` as for `detectors.held_out`; with names of groups the order of
    rows does not matter. The second look trains without the rows that confident learning doubts
    after the first, so that wrong labels vouch for each other less.
    """
    names = np.arange(len(codes)) if groups is None else groups
    member = np.unique(names, return_inverse=True)[1]
    alone = _alone(codes, member, n_classes)
    order = np.lexsort((codes, member))
    first, second, near = _looks(
        features[order],
        codes[order],
        member[order],
        judged=np.where(alone, -1, codes)[order],
        kind=kind,
        n_classes=n_classes,
        seed=seed,
    )
    back = np.argsort(order)
    return Evidence(codes, first[:, back], second[:, back], near[back], alone, answers)


def _looks(
    features: Any,
    codes: Ints,
    member: Ints,
    *,
    judged: Ints,
    kind: str,
    n_classes: int,
    seed: int,
) -> tuple[Floats, Floats, Floats]:
    """Both looks, (detectors, rows, classes), and the neighbours, (rows, classes), tempered.

    `judged` are the codes without the labels that nothing can be said about.
    """
    rest: dict[str, Any] = {"n_classes": n_classes, "groups": member}
    first = _tempered(held_out(features, codes, kind=kind, seed=seed, **rest), judged)
    dense, how = prepared(features, kind)
    points = space(dense, kind="text" if how == "wide" else how, seed=seed)
    near = labels.tempered(class_shares(points, codes, seed=seed, **rest), judged)
    proba = _weighed({"models": first.mean(axis=0), "neighbours": near})
    trusted = _trusted(labels.likely_errors(proba, judged), codes, n_classes)
    second = held_out(features, codes, kind=kind, seed=seed + 1, trusted=trusted, **rest)
    return first, _tempered(second, judged), near


def _tempered(each: Floats, codes: Ints) -> Floats:
    return np.array([labels.tempered(proba, codes) for proba in each])


def _trusted(doubted: Bools, codes: Ints, n_classes: int) -> Bools:
    """Rows that may train, bool (rows,); a class that would lose all but one row keeps all."""
    left = np.bincount(codes[(codes >= 0) & ~doubted], minlength=n_classes)
    return np.asarray(~doubted | (left < 2)[codes], dtype=bool)


def _alone(codes: Ints, member: Ints, n_classes: int) -> Bools:
    pairs = np.unique(np.column_stack([codes, member])[codes >= 0], axis=0)
    few = np.bincount(pairs[:, 0], minlength=n_classes) < 2
    return np.asarray((codes >= 0) & few[codes], dtype=bool)


def answered(
    annotations: pd.DataFrame, items: Sequence[Any] | npt.NDArray[Any], classes: Sequence[Any]
) -> Answered | None:
    """What the annotators (columns item, annotator, label) said of the rows `items` (rows,).

    Answers outside `classes` do not count. None if no row has two answers. Rows of the same item
    share its answers.
    """
    known = annotations[annotations["label"].isin(list(classes))]
    said = consensus.encode(known)
    if not len(said.items):
        return None
    shares = consensus.votes(said)
    several = shares.sum(axis=1) > 1
    column = pd.Index(classes, dtype=object).get_indexer(said.classes)
    belief = consensus.cautious(said).items
    place = pd.Index(said.items).get_indexer(pd.Index(items))
    asked = np.flatnonzero((place >= 0) & several[place])
    if not len(asked):
        return None
    spread = np.full((2, len(place), len(classes)), np.nan)
    spread[:, asked] = 0.0
    spread[0, asked[:, None], column] = belief[place[asked]]
    spread[1, asked[:, None], column] = (shares / shares.sum(axis=1, keepdims=True))[place[asked]]
    return Answered(spread[0], spread[1])


# -- the signals: float (rows,) in [0, 1], low = suspicious, NaN where there is nothing to say ----


def first_look(evidence: Evidence) -> Floats:
    """The margin of the models' averaged probabilities; 0.5 is a tie."""
    return labels.normalised_margin(evidence.models.mean(axis=0), evidence.codes)


def second_look(evidence: Evidence) -> Floats:
    """The same of models trained without the rows doubted at the first look."""
    return labels.normalised_margin(evidence.second_look.mean(axis=0), evidence.codes)


def neighbours(evidence: Evidence) -> Floats:
    """The margin of the given label among the nearest rows of other groups."""
    return labels.normalised_margin(evidence.neighbours, evidence.codes)


def class_thresholds(evidence: Evidence) -> Floats:
    """Confident learning's margin: by how much the given label clears its class's threshold more
    than the best other class does; under 0.5 another class is the more confident one."""
    proba = _weighed(_content(evidence))
    lead = proba - labels.thresholds(proba, evidence.codes)
    return np.clip(labels.normalised_margin(lead, evidence.codes), 0.0, 1.0)


def agreement(evidence: Evidence) -> Floats:
    """The share of all models and of the neighbours whose most probable class is the given one."""
    each = np.concatenate(
        [evidence.models, evidence.second_look, evidence.neighbours[np.newaxis]], axis=0
    )
    share = (each.argmax(axis=2) == evidence.codes).mean(axis=0)
    return np.where(evidence.codes >= 0, share, np.nan)


def annotators(evidence: Evidence) -> Floats:
    """The consensus's probability of the given label, where several people answered."""
    if evidence.answers is None:
        return np.full(len(evidence.codes), np.nan)
    return labels.self_confidence(evidence.answers.posterior, evidence.codes)


SIGNALS: dict[str, Callable[[Evidence], Floats]] = {
    "models": first_look,
    "second_look": second_look,
    "neighbours": neighbours,
    "class_thresholds": class_thresholds,
    "agreement": agreement,
    "annotators": annotators,
}


# -- the belief -----------------------------------------------------------------------------------


def belief(evidence: Evidence) -> Floats:
    """Probabilities of the true class, float (rows, classes), for `labels.ranking`.

    Of the content: the weighed mean of both looks and the neighbours. Where people answered, their
    posterior multiplies it as an independent witness. A label that stands `alone` is a tie.
    """
    proba = _weighed(_content(evidence))
    rows = np.flatnonzero(evidence.alone)
    proba[rows, evidence.codes[rows]] = proba[rows].max(axis=1)
    proba /= proba.sum(axis=1, keepdims=True)
    return proba if evidence.answers is None else with_answers(proba, evidence.answers)


def with_answers(proba: Floats, answers: Answered) -> Floats:
    """Content and people as two witnesses, float (rows, classes); where one is NaN the other.

    Their product, divided by the class shares that both already contain.
    """
    said = answers.posterior
    known = np.asarray(np.isfinite(said).all(axis=1))
    share = np.maximum(said[known].mean(axis=0), SURE) if known.any() else 1.0
    joint = np.maximum(proba, SURE) * np.maximum(said, SURE) / share
    joint /= joint.sum(axis=1, keepdims=True)
    both = known & np.isfinite(proba).all(axis=1)
    return np.where(both[:, None], joint, np.where(known[:, None], said, proba))


def _content(evidence: Evidence) -> dict[str, Floats]:
    return {
        "models": evidence.models.mean(axis=0),
        "second_look": evidence.second_look.mean(axis=0),
        "neighbours": evidence.neighbours,
    }


def _weighed(parts: dict[str, Floats]) -> Floats:
    weights = [WEIGHTS[name] for name in parts]
    return np.asarray(np.average(list(parts.values()), axis=0, weights=weights), dtype=np.float64)
