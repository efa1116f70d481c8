"""Faults to plant in the clean dataset of `test_checks`, with the rows where they must be found.

A row of -1 is a finding about the table as a whole.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import numpy as np
import pandas as pd

from quality.findings import Dataset

Planted = tuple[Dataset, list[int]]


def changed(dataset: Dataset, **changes: object) -> Dataset:
    return dataclasses.replace(dataset, **changes)  # type: ignore[arg-type]


def answers_of(dataset: Dataset, *people: str, right: bool = True) -> pd.DataFrame:
    """Answers of more people to every item, in about five seconds each."""
    assert dataset.label is not None
    rows = [
        (item, who, label if right else dataset.classes[0], 5.0 + 0.1 * (k % 7))
        for k, (item, label) in enumerate(zip(dataset.item_id, dataset.label, strict=True))
        for who in people
    ]
    return pd.DataFrame(rows, columns=["item_id", "annotator", "label", "seconds"])


def with_answers(dataset: Dataset, *more: pd.DataFrame) -> Dataset:
    annotations = pd.concat([dataset.annotations, *more], ignore_index=True)
    return changed(dataset, annotations=annotations.assign(order=np.arange(len(annotations))))


def careless(dataset: Dataset) -> Planted:
    return with_answers(dataset, answers_of(dataset, "ann", right=False)), [-1]


def hasty(dataset: Dataset) -> Planted:
    mine = answers_of(dataset, "ann")
    chosen = np.arange(len(mine)) % 4 == 0
    mine.loc[chosen, "seconds"] = 0.4
    mine.loc[chosen, "label"] = np.roll(mine["label"], 1)[chosen]
    return with_answers(dataset, mine, answers_of(dataset, "bob")), np.flatnonzero(chosen).tolist()


def contradictory(dataset: Dataset) -> Planted:
    assert dataset.annotations is not None
    annotations = dataset.annotations.copy()
    again = annotations.duplicated(["item_id", "annotator"]) & (annotations["annotator"] == "지우")
    turned = dict(zip(dataset.classes, np.roll(dataset.classes, 1), strict=True))
    annotations.loc[again, "label"] = annotations.loc[again, "label"].map(turned)
    rows = [int(item[1:]) for item in annotations.loc[again, "item_id"]]
    return changed(dataset, annotations=annotations), sorted(rows)


def tired(dataset: Dataset) -> Planted:
    mine = answers_of(dataset, "ann")
    late = np.arange(len(mine)) >= 2 * len(mine) // 3
    mine.loc[late, "label"] = np.roll(mine["label"], 1)[late]
    return with_answers(dataset, mine, answers_of(dataset, "bob")), [-1]


def by_lot(dataset: Dataset) -> Planted:
    assert dataset.annotations is not None
    drawn = np.random.default_rng(0).choice(dataset.classes, len(dataset.annotations))
    return changed(dataset, annotations=dataset.annotations.assign(label=drawn)), [-1]


def rare_value(dataset: Dataset) -> Planted:
    frame = dataset.frame.copy()
    frame.loc[[3, 4], "extra"] = "드묾"
    return changed(dataset, frame=frame), [-1]


def rare_class(dataset: Dataset) -> Planted:
    first, second, _ = dataset.classes
    label = np.array([first] * 290 + [second] * 10, dtype=object)
    frame = pd.DataFrame({"text": [f"문장 {k}" for k in range(300)]}, dtype=object)
    ids = np.array([f"i{k}" for k in range(300)])
    return Dataset(frame, ("text",), ids, label=label, label_column="label"), [-1]


def new_values(dataset: Dataset) -> Planted:
    assert dataset.imports is not None
    frame = dataset.frame.copy()
    frame.loc[dataset.imports == 1, "extra"] = "새값"
    return changed(dataset, frame=frame), [-1]


def new_labels(dataset: Dataset) -> Planted:
    assert dataset.imports is not None
    label = np.where(dataset.imports == 1, dataset.classes[0], dataset.label).astype(object)
    return changed(dataset, label=label), [-1]


def unsure_model(dataset: Dataset) -> Planted:
    assert dataset.rounds is not None
    proba = np.array(dataset.proba)
    last = dataset.rounds == 1
    proba[last] = 0.5 * proba[last] + 0.5 / proba.shape[1]
    return changed(dataset, proba=proba), [-1]


def far_away(dataset: Dataset) -> Planted:
    features = np.array(dataset.features)
    features[5] += 100.0
    return changed(dataset, features=features), [5]


def hopeless(dataset: Dataset) -> Planted:
    assert dataset.annotations is not None
    known = dataset.annotations[dataset.annotations["item_id"] != "i6"]
    rows = [
        ("i5", "민수", None, "flag"),
        ("i6", "민수", None, "skip"),
        ("i6", "지우", None, "skip"),
    ]
    more = pd.DataFrame(rows, columns=["item_id", "annotator", "label", "kind"])
    return changed(dataset, annotations=pd.concat([known, more], ignore_index=True)), [5, 6]


FAULTS: dict[str, Callable[[Dataset], Planted]] = {
    "A101": careless,
    "A102": hasty,
    "A103": contradictory,
    "A104": tired,
    "A105": by_lot,
    "B402": rare_value,
    "B403": rare_class,
    "R501": new_values,
    "R502": new_labels,
    "R503": unsure_model,
    "O601": far_away,
    "O602": hopeless,
}
