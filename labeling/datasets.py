"""What the checks look at in a project: the items that stand, as a Dataset."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from labeling.core.log import DataVersion, Event, Standing
from labeling.core.threads import one_thread
from labeling.item_findings import Found
from labeling.project import derive_seed
from labeling.store import decisions, events, items, slots
from labeling.store.items import Item
from labeling.versions import Snapshot
from quality import label_signals, near_duplicates, pairs
from quality.checks import Dataset
from quality.fingerprints import content_hash
from quality.pairs import Pairs

FEWEST_LABELS = 20
BETWEEN = "|"  # of the two items of a pair, in a decision's subject; ids are hex digits


def table(snapshot: Snapshot, standing: Standing | None = None) -> pd.DataFrame:
    """Every item with its content and the other columns of its first source, row = item.

    As it came, or with the repairs of a `standing` made.
    """
    extras: dict[str, dict[str, Any]] = {}
    for _, _, item_id, _, extra in items.sources(snapshot.project.db):
        extras.setdefault(item_id, json.loads(extra))
    rest = pd.DataFrame([extras.get(i.item_id, {}) for i in snapshot.items], dtype=object)
    content = pd.DataFrame() if snapshot.content.kind == "image" else snapshot.frame
    rest = rest.drop(columns=list(content.columns), errors="ignore")
    frame = pd.concat([content, rest], axis=1)
    return frame if standing is None else _repaired(frame, snapshot.position, standing.edits)


def _repaired(
    frame: pd.DataFrame, position: Mapping[str, int], edits: Mapping[str, Mapping[str, Any]]
) -> pd.DataFrame:
    frame = frame.copy()
    for item_id, values in edits.items():
        for column, value in values.items():
            if column in frame.columns:
                frame.loc[position[item_id], column] = value
    return frame


def dataset(
    snapshot: Snapshot, version: DataVersion, *, suite: Sequence[Mapping[str, Any]]
) -> tuple[Dataset, Found]:
    """All that is known of the items that nobody took out, in the order they came.

    And what was found in just these items before.
    """
    standing = snapshot.standing(version)
    kept = [i for i, item in enumerate(snapshot.items) if item.item_id not in standing.excluded]
    rows = np.array(kept, dtype=np.int64)
    chosen = [snapshot.items[row] for row in kept]
    frame = table(snapshot, standing).iloc[rows].reset_index(drop=True)
    several = snapshot.label_sets[-1].multi  # the checks of labels know one class an item
    given = {} if several else snapshot.labels(version) | snapshot.gold(version)
    proba = None if several else believed(snapshot, version)
    is_image = snapshot.content.kind == "image"
    found = _found(snapshot, frame, chosen)
    known = Dataset(
        frame=frame,
        content=() if is_image else snapshot.content.columns,
        item_id=np.array([item.item_id for item in chosen], dtype=object),
        label=np.array([given.get(item.item_id) for item in chosen], dtype=object),
        classes=snapshot.classes,
        annotations=None if several else said(snapshot, standing),
        proba=None if proba is None else proba[rows],
        duplicate_key=np.array([i.item_id for i in chosen], dtype=object) if is_image else None,
        reviewed=np.array([item.item_id in standing.rulings for item in chosen], dtype=bool),
        suite=tuple(dict(expectation) for expectation in suite),
        label_column=label_column(snapshot),
        features=_features(snapshot, [snapshot.row(i.item_id, standing.edits) for i in chosen]),
        imports=_imports(snapshot, rows),
        rounds=_rounds(snapshot, standing, rows),
        kind=snapshot.content.kind,
        side=np.array([item.side for item in chosen], dtype=object),
        pairs=near(snapshot, frame, rows, found),
    )
    return known, found


def _found(snapshot: Snapshot, frame: pd.DataFrame, chosen: Sequence[Item]) -> Found:
    content, came = snapshot.content, [(item.item_id, item.change_id) for item in chosen]
    decides = [snapshot.features_address, content.kind, content.columns, came, content_hash(frame)]
    return Found(snapshot.project.path, decides)


def _features(snapshot: Snapshot, rows: Sequence[int]) -> Any:
    """Rows of the features, without a copy where these are all of them in their order."""
    whole = snapshot.features
    return whole if list(rows) == list(range(whole.shape[0])) else whole[rows]


def label_column(snapshot: Snapshot) -> str:
    """What the label was called in the file that the project began with; "" if it had none."""
    first = next((c.payload for c in snapshot.changes if c.kind == "import"), {})
    return "" if snapshot.label_sets[-1].multi else str(first.get("label") or "")


def believed(snapshot: Snapshot, version: DataVersion) -> np.ndarray | None:
    """What models that never saw a labelled pool item believe of it; NaN elsewhere.

    None while there are few labels, and where an item may have several classes.
    """
    if snapshot.multi:
        return None
    training = snapshot.training_set(version)
    rows, y = snapshot.rows(training.labels)
    seen, _ = snapshot.rows(training.labels, training.edits)
    if len(np.unique(y)) < 2 or len(y) < FEWEST_LABELS:
        return None
    proba = np.full((len(snapshot.items), len(snapshot.classes)), np.nan)
    clusters = np.array([item.cluster for item in snapshot.items], dtype=object)
    with one_thread():
        evidence = label_signals.gather(
            snapshot.features[seen],
            y,
            kind=snapshot.content.kind,
            n_classes=len(snapshot.classes),
            groups=clusters[rows],
            seed=derive_seed(snapshot.seed, "fold"),
        )
    proba[rows] = label_signals.belief(evidence)
    return proba


def near(snapshot: Snapshot, frame: pd.DataFrame, rows: np.ndarray, found: Found) -> Pairs:
    """The near-duplicates among some items, without the pairs that somebody marked apart."""
    columns, kind = snapshot.content.columns, snapshot.content.kind
    shown = snapshot.frame.iloc[rows].reset_index(drop=True) if kind == "image" else frame
    every = found.pairs(lambda: near_duplicates.near_duplicates(shown, columns, kind=kind))
    place = {snapshot.items[row].item_id: i for i, row in enumerate(rows)}
    marked = [pair.split(BETWEEN) for pair in decisions.standing(snapshot.project.db, "apart")]
    both = [(place[a], place[b]) for a, b in marked if a in place and b in place]
    first, second = (np.array([pair[side] for pair in both], dtype=np.int64) for side in (0, 1))
    return pairs.without(
        every, len(rows), apart=(np.minimum(first, second), np.maximum(first, second))
    )


# -- people ---------------------------------------------------------------------------------------


def said(snapshot: Snapshot, standing: Standing) -> pd.DataFrame:
    """Standing answers and flags, and earlier answers where the same item was asked again.

    Columns item_id, annotator, label (None unless it is one), kind, seconds (NaN where nobody sat
    at a screen) and order.
    """
    took = dict(events.milliseconds(snapshot.project.db))
    told = [*_answers(standing), *_asked_before(snapshot, standing), *_flags(snapshot, standing)]
    told.sort()
    rows = [
        (
            event.item_id,
            event.annotator,
            event.value if event.kind == "label" else None,
            event.kind,
            took.get(event.seq, 0) / 1000 or np.nan,
            event.seq,
        )
        for event in told
    ]
    columns = ["item_id", "annotator", "label", "kind", "seconds", "order"]
    frame = pd.DataFrame(rows, columns=columns)
    return frame if frame["seconds"].notna().any() else frame.drop(columns="seconds")


def _answers(standing: Standing) -> list[Event]:
    return [event for people in standing.answers.values() for event in people.values()]


def _asked_before(snapshot: Snapshot, standing: Standing) -> list[Event]:
    """Answers that filled a slot, of people who filled another slot for the same item later."""
    filled = slots.answers(snapshot.project.db)
    newest = {(e.item_id, e.annotator): e for e in _answers(standing) if e.event_id in filled}
    return [
        event
        for event in snapshot.log
        if event.event_id in filled
        and event.kind in ("label", "skip")
        and (event.item_id, event.annotator) in newest
        and event.seq < newest[event.item_id, event.annotator].seq
    ]


def _flags(snapshot: Snapshot, standing: Standing) -> list[Event]:
    """Flags that nobody took back and that no ruling came after."""
    taken_back = {event.target for event in snapshot.log if event.kind == "retract"}
    rulings = standing.rulings
    return [
        event
        for event in snapshot.log
        if event.kind == "flag"
        and event.event_id not in taken_back
        and (event.item_id not in rulings or rulings[event.item_id].seq < event.seq)
    ]


# -- when rows came, and when they were answered --------------------------------------------------


def _imports(snapshot: Snapshot, rows: np.ndarray) -> np.ndarray | None:
    """The change that brought each item, int (rows,); None while there was one import only."""
    brought = np.array([item.change_id for item in snapshot.items], dtype=np.int64)[rows]
    return brought if len(np.unique(brought)) > 1 else None


def _rounds(snapshot: Snapshot, standing: Standing, rows: np.ndarray) -> np.ndarray | None:
    """The round of each item's first answer, int (rows,), -1 for none; None before two rounds."""
    number = {c.change_id: c.payload["round"] for c in snapshot.changes if "round" in c.payload}
    first: dict[str, int] = {}
    for event in sorted(_answers(standing)):
        if event.change_id in number:
            first.setdefault(event.item_id, int(number[event.change_id]))
    found = [first.get(snapshot.items[row].item_id, -1) for row in rows]
    return np.array(found, dtype=np.int64) if len({*found} - {-1}) > 1 else None
