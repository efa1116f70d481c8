"""Answers from a file, as one change."""

from __future__ import annotations

import pandas as pd

from labeling.answers import annotator_name, label_value
from labeling.core.labels import read_cell
from labeling.errors import InputError
from labeling.imports import clean
from labeling.project import Project, now
from labeling.store import changes, events, items, slots
from labeling.store.events import NewEvent


def label_from_table(
    project: Project,
    frame: pd.DataFrame,
    *,
    item: str,
    annotator: str,
    label: str,
    source: str,
    author: str,
) -> tuple[int, int]:
    """A file of answers as one change; returns (change id, number of answers).

    `item` holds item ids or source ids. An unknown item or class raises InputError; then nothing
    is written. The change is a correction when every row re-answers the annotator's own label.
    """
    names, people, labels = _answer_columns(project, frame, item, annotator, label)
    found = items.resolve(project.db, list(dict.fromkeys(names)))
    _check_items(names, found)
    ids = [next(iter(found[name])) for name in names]
    with project.writing():
        known = {(i, a) for i, a, kind, _, _ in events.answers(project.db) if kind == "label"}
        kind = _kind_of_file(project, list(zip(ids, people, strict=True)), known)
        change = changes.add(
            project.db, kind, title=f"Answers from {source}", author=author, at=now()
        )
        version, at = project.label_set.version, now()
        new = [
            NewEvent(
                f"file-{change}-{row}",
                change, "label", ids[row], people[row], labels[row], 0, version, None, at,
            )
            for row in range(len(ids))
        ]  # fmt: skip
        events.append(project.db, new)
        slots.answer_by_item(project.db, [(e.event_id, e.item_id, e.annotator) for e in new])
    return change, len(new)


def _answer_columns(
    project: Project, frame: pd.DataFrame, item: str, annotator: str, label: str
) -> tuple[list[str], list[str], list[str]]:
    blank = frame[[item, annotator, label]].isna().any(axis=1)
    if blank.any():
        raise InputError(f"row {int(blank.idxmax())} lacks an item, an annotator or a label")
    labels = [_label(project, row, clean(value)) for row, value in enumerate(frame[label])]
    people = [clean(value) for value in frame[annotator]]
    for person in dict.fromkeys(people):
        annotator_name(person)
    return [clean(value) for value in frame[item]], people, labels


def _label(project: Project, row: int, cell: str) -> str:
    try:
        return label_value(project, read_cell(cell) if project.label_set.multi else cell)
    except InputError as error:
        raise InputError(f"row {row}: {error}") from None


def _check_items(names: list[str], found: dict[str, set[str]]) -> None:
    for row, name in enumerate(names):
        if name not in found:
            raise InputError(f"row {row}: there is no item '{name}' (by item id or source id)")
        if len(found[name]) > 1:
            raise InputError(f"row {row}: '{name}' names {len(found[name])} items: use item ids")


def _kind_of_file(
    project: Project, rows: list[tuple[str, str]], known: set[tuple[str, str]]
) -> str:
    reservoir = {item for item, _ in items.clusters(project.db, "reservoir")}
    trained = [row for row in rows if row[0] not in reservoir]
    if not trained and {item for item, _ in rows} <= changes.drawn(project.db):
        return "gold"
    return "correct" if trained and all(row in known for row in trained) else "round"
