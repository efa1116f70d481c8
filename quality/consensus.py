"""Consensus: from several annotators' answers to one label per item.

A policy takes a frame with the columns item, annotator, label and optionally order (higher =
later; without it the later row is later) and returns item, label, confidence in [0, 1], one row
per item in the order of first appearance. An annotator's last answer to an item counts; empty
labels do not, and an item without any label is left out.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from quality.labels import out_of_fold

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

SLIGHT = (0.0, 0.0)
TRUSTING = (4.0, 1.0)
SMOOTHING = 0.01
MAX_ROUNDS = 100
TOLERANCE = 1e-4
MIN_ITEMS = 50
MACHINE = "\x00model"  # no person has this name


@dataclass(frozen=True)
class Answers:
    """Standing answers as codes, int (answers,) each, oldest first, with what the codes mean."""

    item: Ints
    annotator: Ints
    label: Ints
    items: npt.NDArray[np.object_]
    annotators: npt.NDArray[np.object_]
    classes: npt.NDArray[np.object_]


def standing(annotations: pd.DataFrame) -> pd.DataFrame:
    """The last answer of each annotator to each item, oldest first; empty labels dropped."""
    ordered = annotations.dropna(subset=["item", "annotator", "label"])
    if "order" in ordered:
        ordered = ordered.sort_values("order", kind="stable")
    return ordered.drop_duplicates(["item", "annotator"], keep="last")


def encode(annotations: pd.DataFrame) -> Answers:
    """The standing answers as codes; items keep the order in which they first appear."""
    items = annotations.dropna(subset=["item", "annotator", "label"])["item"].drop_duplicates()
    answers = standing(annotations)
    label, classes = pd.factorize(answers["label"].astype(object), sort=True)
    annotator, annotators = pd.factorize(answers["annotator"].astype(object), sort=True)
    item = pd.Index(items).get_indexer(answers["item"])
    return Answers(
        item.astype(np.int64),
        annotator.astype(np.int64),
        label.astype(np.int64),
        items.to_numpy(dtype=object),
        np.asarray(annotators, dtype=object),
        np.asarray(classes, dtype=object),
    )


def votes(answers: Answers) -> Floats:
    """How many annotators gave each class, float (items, classes)."""
    n_classes = len(answers.classes)
    flat = np.bincount(
        answers.item * n_classes + answers.label, minlength=len(answers.items) * n_classes
    )
    return flat.reshape(len(answers.items), n_classes).astype(np.float64)


def _table(answers: Answers, confidence: Floats, winner: Ints) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "item": answers.items,
            "label": answers.classes[winner],
            "confidence": confidence[np.arange(len(winner)), winner],
        }
    )


def _empty() -> pd.DataFrame:
    columns = {"item": object, "label": object, "confidence": np.float64}
    return pd.DataFrame({name: pd.Series(dtype=kind) for name, kind in columns.items()})


def majority(annotations: pd.DataFrame) -> pd.DataFrame:
    """The most frequent answer; a tie goes to the latest one. Confidence = its share."""
    answers = encode(annotations)
    if not len(answers.items):
        return _empty()
    count = votes(answers)
    latest = np.zeros_like(count)
    latest[answers.item, answers.label] = np.arange(1, len(answers.item) + 1)
    winner = (count + 0.5 * latest / (len(answers.item) + 1)).argmax(axis=1)
    return _table(answers, count / count.sum(axis=1, keepdims=True), winner)


def posterior(answers: Answers, *, prior: tuple[float, float] = SLIGHT) -> Floats:
    """Dawid and Skene's (1979) class probabilities per item, float (items, classes), by log EM.

    Each annotator has a confusion matrix. `prior` = (right, wrong) are answers that every
    annotator is taken to have given before, per true class (MAP instead of maximum likelihood).
    """
    from scipy.sparse import csr_matrix

    n_items, n_classes = len(answers.items), len(answers.classes)
    pair, cell = np.unique(answers.annotator * n_classes + answers.label, return_inverse=True)
    owner, given = np.divmod(pair, n_classes)
    ones = np.ones(len(cell))
    by_item = csr_matrix((ones, (answers.item, cell)), shape=(n_items, len(pair)))
    by_owner = csr_matrix((np.ones(len(pair)), (owner, np.arange(len(pair)))))
    before = _prior_counts(given, n_classes, prior)
    total_before = prior[0] + prior[1] + n_classes * SMOOTHING
    count = votes(answers)
    belief: Floats = count / count.sum(axis=1, keepdims=True)
    for _ in range(MAX_ROUNDS):
        counts = by_item.T @ belief
        totals = (by_owner @ counts + total_before)[owner]
        share = (belief.sum(axis=0) + SMOOTHING) / (n_items + n_classes * SMOOTHING)
        updated = _softmax(by_item @ np.log((counts + before) / totals) + np.log(share))
        moved, belief = np.abs(updated - belief).max(), updated
        if moved < TOLERANCE:
            break
    return belief


def _prior_counts(given: Ints, n_classes: int, prior: tuple[float, float]) -> Floats:
    """Earlier answers per (annotator and given label, true class), float (cells, classes)."""
    wrong = prior[1] / max(n_classes - 1, 1)
    before = np.full((len(given), n_classes), wrong + SMOOTHING)
    before[np.arange(len(given)), given] = prior[0] + SMOOTHING
    return before


def _softmax(logits: Floats) -> Floats:
    shifted = np.exp(logits - logits.max(axis=1, keepdims=True))
    proba: Floats = shifted / shifted.sum(axis=1, keepdims=True)
    return proba


def dawid_skene(annotations: pd.DataFrame) -> pd.DataFrame:
    """The most probable class when each annotator has an own confusion matrix, as published.

    It needs several answers per item and many per annotator; see `default` for thin data.
    """
    answers = encode(annotations)
    if not len(answers.items):
        return _empty()
    belief = posterior(answers)
    return _table(answers, belief, belief.argmax(axis=1))


def default(annotations: pd.DataFrame) -> pd.DataFrame:
    """Dawid-Skene that trusts people until they prove unreliable; unanimous answers stand.

    Every annotator starts with five earlier answers a class, four of them right. With few answers
    that is close to the majority vote, with many to plain Dawid-Skene, so nothing has to choose
    between them. Unanimous items keep their label, at the model's confidence in it.
    """
    answers = encode(annotations)
    if not len(answers.items):
        return _empty()
    belief = posterior(answers, prior=TRUSTING)
    given = votes(answers) > 0
    unanimous = given.sum(axis=1) == 1
    winner = np.where(unanimous, given.argmax(axis=1), belief.argmax(axis=1))
    return _table(answers, belief, winner)


def with_content(
    annotations: pd.DataFrame,
    items: npt.NDArray[np.object_],
    *,
    features: Any,
    kind: str,
    seed: int = 0,
) -> pd.DataFrame:
    """`default`, helped by a model of the content as one more annotator, as good as it proves.

    `items` (rows,) names the rows of `features` (rows, terms) of that `kind`; rows without answers
    are not used. The model learns from a first consensus and answers for items that it did not
    see (after Raykar et al. 2010). Under `MIN_ITEMS` items, answers alone decide.
    """
    first = default(annotations)
    place = pd.Index(items).get_indexer(first["item"])
    known = first[place >= 0]
    codes, classes = pd.factorize(known["label"], sort=True)
    if len(known) < MIN_ITEMS or len(classes) < 2:
        return first
    proba = out_of_fold(
        features[place[place >= 0]],
        codes.astype(np.int64),
        kind=kind,
        n_classes=len(classes),
        seed=seed,
    )
    guesses = np.asarray(classes, dtype=object)[proba.argmax(axis=1)]
    machine = pd.DataFrame({"item": known["item"], "annotator": MACHINE, "label": guesses})
    answers = encode(pd.concat([standing(annotations)[machine.columns], machine]))
    belief = posterior(answers, prior=TRUSTING)
    table = _table(answers, belief, belief.argmax(axis=1))
    return table.set_index("item").loc[first["item"]].reset_index()


POLICIES: dict[str, Callable[[pd.DataFrame], pd.DataFrame]] = {
    "default": default,
    "majority": majority,
    "dawid_skene": dawid_skene,
}
