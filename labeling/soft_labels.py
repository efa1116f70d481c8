"""Soft labels: where people differ, a model learns every class that may be right, by its weight.

An item on which answers differ becomes a row for each class that they make likelier than 5 %,
weighted by that probability (Dawid & Skene, 1979, with trust in people until they prove
unreliable). What all say, and what somebody ruled on, is learned as it stands: to doubt single
answers too only blurred the model. On digits with two votes an item, each right in 70 %, a model
gained two points over the majority; with three votes it gained nothing.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from labeling.core import fitting
from labeling.core.log import Standing
from labeling.core.models import ModelConfig
from quality import consensus

LIKELY = 0.05
Shares = Mapping[str, Mapping[str, float]]


class Copies(NamedTuple):
    """Training rows: which of the items, int (rows,), of which class, how much each counts.

    The weights of an item sum to 1.
    """

    item: npt.NDArray[np.int64]
    y: npt.NDArray[np.int64]
    weights: npt.NDArray[np.float64]


def in_force(config: ModelConfig, *, multi: bool) -> bool:
    """Whether a model learns soft labels: an item has one class, and the model can weigh rows.

    Neighbours cannot weigh; they learn the labels as they stand.
    """
    return config.soft_labels and not multi and fitting.takes_weights(config)


def copies(labels: Mapping[str, str], standing: Standing, code: Mapping[str, int]) -> Copies:
    """The rows of a training set: `labels` by item, and the answers that they come from."""
    soft = shares(standing)
    rows = [
        (i, code[name], weight)
        for i, (item, label) in enumerate(labels.items())
        for name, weight in _likely(soft.get(item, {}), label, code)
    ]
    item, y, weights = zip(*rows, strict=True) if rows else ((), (), ())
    return Copies(np.array(item, np.int64), np.array(y, np.int64), np.array(weights, np.float64))


def _likely(
    share: Mapping[str, float], label: str, code: Mapping[str, int]
) -> list[tuple[str, float]]:
    """The classes of one item with their weights; its label alone where answers say nothing."""
    kept = {name: p for name, p in share.items() if name in code and p > LIKELY}
    total = sum(kept.values())
    return [(name, p / total) for name, p in kept.items()] if kept else [(label, 1.0)]


def shares(standing: Standing) -> Shares:
    """How probable each class is by the answers, for disputed items that nobody ruled on."""
    votes = pd.DataFrame(_answers(standing), columns=["item", "annotator", "label", "order"])
    if votes.empty:
        return {}
    answers = consensus.encode(votes)
    belief = consensus.cautious(answers).items
    split = (consensus.votes(answers) > 0).sum(axis=1) > 1
    return {
        str(answers.items[i]): dict(zip(answers.classes.tolist(), belief[i].tolist(), strict=True))
        for i in np.flatnonzero(split)
        if answers.items[i] not in standing.rulings
    }


def _answers(standing: Standing) -> Iterator[tuple[str, str, str, int]]:
    for item, answers in standing.answers.items():
        for event in answers.values():
            if event.kind == "label":
                yield item, event.annotator, str(event.value), event.seq


def address(version_hash: str, standing: Standing) -> str:
    """A hash of a training set and of all answers that its soft labels come from, hex."""
    digest = hashlib.sha256(version_hash.encode())
    digest.update(json.dumps(sorted(row[:3] for row in _answers(standing))).encode())
    digest.update(json.dumps(sorted(standing.rulings)).encode())
    return digest.hexdigest()
