"""Consensus: from several annotators' answers to one label per item.

A policy takes a frame with the columns item, annotator, label and optionally order (higher =
later; without it the later row is later) and returns item, label, confidence in [0, 1], one row
per item in the order of first appearance. An annotator's last answer to an item counts; empty
labels do not, and an item without any label is left out.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from quality.detectors import held_out

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

SMOOTHING = 0.01
TRUST = (4.0, 1.0)
OWN_WAY = 8.0
HELD = 0.5
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


class Belief(NamedTuple):
    """What the answers say: `items` float (items, classes), the probability of each true class.

    `others` float (answers, classes) is the same for the item of each answer, without that answer.
    """

    items: Floats
    others: Floats


@dataclass(frozen=True)
class _Cells:
    """Every (annotator, given label) that occurs is a cell: `owner` and `given` int (cells,).

    `of` int (answers,) is the cell of each answer; `by_item` (items, cells) and `by_owner`
    (annotators, cells) are sparse counts.
    """

    owner: Ints
    given: Ints
    of: Ints
    by_item: Any
    by_owner: Any


def _cells(answers: Answers) -> _Cells:
    from scipy.sparse import csr_matrix

    n_items, n_classes = len(answers.items), len(answers.classes)
    pair, of = np.unique(answers.annotator * n_classes + answers.label, return_inverse=True)
    owner, given = np.divmod(pair, n_classes)
    by_item = csr_matrix((np.ones(len(of)), (answers.item, of)), shape=(n_items, len(pair)))
    by_owner = csr_matrix((np.ones(len(pair)), (owner, np.arange(len(pair)))))
    return _Cells(owner, given, of, by_item, by_owner)


def _as_counted(cells: _Cells, counts: Floats) -> Floats:
    """P(given label | annotator, true class), float (cells, classes), as the counts have it."""
    totals = cells.by_owner @ counts
    share: Floats = (counts + SMOOTHING) / (totals + SMOOTHING * counts.shape[1])[cells.owner]
    return share


def _as_trusted(cells: _Cells, counts: Floats) -> Floats:
    """The same, taken to be right as often in every class until `OWN_WAY` answers say otherwise.

    How often that is starts from `TRUST` = (right, wrong) answers given before.
    """
    n_classes = counts.shape[1]
    own = np.arange(len(cells.owner)), cells.given
    totals = cells.by_owner @ counts
    right = (cells.by_owner @ counts[own] + TRUST[0]) / (totals.sum(axis=1) + sum(TRUST))
    expected = np.repeat((1.0 - right)[cells.owner, None] / max(n_classes - 1, 1), n_classes, 1)
    expected[own] = right[cells.owner]
    share: Floats = (counts + OWN_WAY * expected) / (totals + OWN_WAY)[cells.owner]
    return share


def _learned(
    answers: Answers, measure: Callable[[_Cells, Floats], Floats], *, held: float = 0.0
) -> Belief:
    """Expectation and maximisation in turn, in logs, from the shares of the votes.

    `measure` makes confusions of soft counts. `held` in [0, 1] is how much of what people are
    measured by stays the share of the votes; the rest is what the rounds have come to believe.
    """
    cells = _cells(answers)
    count = votes(answers)
    share = count / count.sum(axis=1, keepdims=True)
    belief: Floats = share
    for _ in range(MAX_ROUNDS):
        said = np.log(measure(cells, cells.by_item.T @ (held * share + (1.0 - held) * belief)))
        frequent = belief.sum(axis=0) + SMOOTHING
        evidence = cells.by_item @ said + np.log(frequent / frequent.sum())
        updated = _softmax(evidence)
        moved, belief = np.abs(updated - belief).max(), updated
        if moved < TOLERANCE:
            break
    return Belief(belief, _softmax(evidence[answers.item] - said[cells.of]))


def posterior(answers: Answers) -> Floats:
    """Dawid and Skene's (1979) class probabilities per item, float (items, classes), by log EM.

    Each annotator has a confusion matrix of the plain counts (maximum likelihood).
    """
    return _learned(answers, _as_counted).items


def cautious(answers: Answers) -> Belief:
    """Dawid and Skene's model that trusts people until they prove unreliable, held to the votes.

    Real answers to one item err together, and a model that is measured by its own beliefs gets
    surer and surer of them. So half of what people are measured by stays the votes themselves.
    """
    return _learned(answers, _as_trusted, held=HELD)


def _softmax(logits: Floats) -> Floats:
    by_class = np.asfortranarray(logits)  # a few classes, many items: ten times as fast
    shifted = np.exp(by_class - by_class.max(axis=1)[:, None])
    proba: Floats = shifted / shifted.sum(axis=1)[:, None]
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
    """The most probable class by `cautious`; unanimous answers stand, at its confidence in them.

    With few answers that is close to the majority vote, with many to plain Dawid-Skene, so
    nothing has to choose between them.
    """
    answers = encode(annotations)
    if not len(answers.items):
        return _empty()
    belief = cautious(answers).items
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
    proba = held_out(
        features[place[place >= 0]],
        codes.astype(np.int64),
        kind=kind,
        n_classes=len(classes),
        seed=seed,
    ).mean(axis=0)
    guesses = np.asarray(classes, dtype=object)[proba.argmax(axis=1)]
    machine = pd.DataFrame({"item": known["item"], "annotator": MACHINE, "label": guesses})
    answers = encode(pd.concat([standing(annotations)[machine.columns], machine]))
    belief = cautious(answers).items
    table = _table(answers, belief, belief.argmax(axis=1))
    return table.set_index("item").loc[first["item"]].reset_index()


POLICIES: dict[str, Callable[[pd.DataFrame], pd.DataFrame]] = {
    "default": default,
    "majority": majority,
    "dawid_skene": dawid_skene,
}
