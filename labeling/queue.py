"""Queues as an annotator sees them: next item, answer, skip, flag, undo, progress.

Every answer is on disk before the call returns; a repeated call with the same event id changes
nothing.
"""

from __future__ import annotations

import json
import time
import uuid
from typing import NamedTuple

import pandas as pd

from labeling.errors import InputError
from labeling.imports import clean
from labeling.project import Project, now
from labeling.store import changes, events, items, slots
from labeling.store.events import NewEvent
from labeling.store.slots import Slot

MAX_NAME = 80
MOST_ACTIVE_MS = 120_000  # longer than this, nobody was working
MAX_COMMENT = 10_000
WHY = {
    "seed": "the first batch is drawn at random, before there is a model",
    "random": "drawn at random: the control arm that shows what active choice saves",
    "gold": "drawn at random from the reservoir: it measures the model and never trains it",
    "margin": "the model's two best classes are closest here",
    "entropy": "the model is least sure over all classes here",
    "least_confident": "the model's best guess is weakest here",
    "relabel": "a check suspects this label",
}


class Asked(NamedTuple):
    """An item as it is shown to an annotator."""

    slot: Slot
    item_id: str
    content: dict[str, str | None]
    image: bytes | None
    why: str
    current_label: str | None


class Progress(NamedTuple):
    """How far a queue is: answered and asked in all, and answers of this annotator in it."""

    answered: int
    total: int
    mine: int


class QueueInfo(NamedTuple):
    """A queue that an annotator may choose."""

    change_id: int
    title: str
    open: int


def annotator_name(name: str) -> str:
    """A name as it is stored. Raises InputError for a blank, overlong or reserved one."""
    name = clean(name)
    if not name or len(name) > MAX_NAME or any(ord(ch) < 32 for ch in name):
        raise InputError(f"a name has 1 to {MAX_NAME} characters, found '{name[:20]}'")
    if name.split(":")[0] in ("import", "gold"):
        raise InputError(f"'{name}' is reserved for files: choose another name")
    return name


def current_batch(project: Project) -> int:
    """The change of the newest batch."""
    return max(c.change_id for c in changes.every(project.db) if "round" in c.payload)


def queues(project: Project) -> list[QueueInfo]:
    """The current batch, then the relabel queues with open slots."""
    found = []
    for change_id in [current_batch(project), *slots.open_relabel_queues(project.db)]:
        change = changes.get(project.db, change_id)
        title = change.title if change else ""
        found.append(QueueInfo(change_id, title, len(slots.open_slots(project.db, change_id))))
    return found


def next_item(project: Project, annotator: str, *, queue: int | None = None) -> Asked | None:
    """Lease the next item for this person; None when nothing is left in the queue for them."""
    annotator = annotator_name(annotator)
    lease = 60 * project.config["lease_minutes"]
    with project.writing():
        moment = time.time()
        slot = slots.lease(
            project.db,
            current_batch(project) if queue is None else queue,
            annotator,
            now=moment,
            until=moment + lease,
        )
    return None if slot is None else _asked(project, slot)


def _asked(project: Project, slot: Slot) -> Asked:
    item = items.get(project.db, slot.item_id)
    if item is None:
        raise InputError(f"there is no item {slot.item_id}")
    is_image = project.content.kind == "image"
    standing = _standing_label(project, slot.item_id) if slot.queue == "relabel" else None
    return Asked(
        slot,
        slot.item_id,
        {} if is_image else json.loads(item.content),
        items.image(project.db, slot.item_id) if is_image else None,
        WHY.get(slot.why, slot.why),
        standing,
    )


def _standing_label(project: Project, item_id: str) -> str | None:
    answers = events.annotations_of(project.db, item_id)
    labels = [value for _, kind, value in answers if kind == "label"]
    return labels[-1] if labels else None


def answer(
    project: Project,
    slot_id: int,
    label: str,
    *,
    annotator: str,
    event_id: str | None = None,
    ms: int = 0,
) -> str:
    """Record a label for a leased slot; in a relabel queue it is a ruling. Returns the event id.

    Raises InputError for an unknown class or slot; then nothing is written.
    """
    label = clean(label)
    if label not in project.classes:
        raise InputError(f"'{label}' is no class; the classes are: {', '.join(project.classes)}")
    slot = _slot(project, slot_id)
    kind = "adjudicate" if slot.queue == "relabel" else "label"
    return _record(project, slot, kind, label, annotator=annotator, event_id=event_id, ms=ms)


def skip(
    project: Project, slot_id: int, *, annotator: str, event_id: str | None = None, ms: int = 0
) -> str:
    """Pass an item on. In a batch others are still asked; in a relabel queue the label stays."""
    slot = _slot(project, slot_id)
    if slot.queue == "relabel":
        return _record(
            project, slot, "flag", "cannot decide", annotator=annotator, event_id=event_id, ms=ms
        )
    return _record(project, slot, "skip", None, annotator=annotator, event_id=event_id, ms=ms)


def flag(
    project: Project, slot_id: int, comment: str, *, annotator: str, event_id: str | None = None
) -> str:
    """Note what is wrong with an item; the item stays in front of the annotator."""
    comment = comment.strip()
    if not comment or len(comment) > MAX_COMMENT:
        raise InputError(f"a comment has 1 to {MAX_COMMENT:,} characters, found {len(comment):,}")
    slot = _slot(project, slot_id)
    with project.writing():
        new = _event(project, slot, "flag", comment, annotator=annotator, event_id=event_id, ms=0)
        events.append(project.db, [new])
    return new.event_id


def undo(project: Project, annotator: str) -> str | None:
    """Take back one's newest standing answer; its slot is open again. Returns the item, or None."""
    annotator = annotator_name(annotator)
    with project.writing():
        last = events.last_of(project.db, annotator)
        if last is None:
            return None
        retract = NewEvent(
            str(uuid.uuid4()),
            last.change_id,
            "retract",
            last.item_id,
            annotator,
            None,
            0,
            project.label_set.version,
            last.event_id,
            now(),
        )
        events.append(project.db, [retract])
        until = time.time() + 60 * project.config["lease_minutes"]
        batch = current_batch(project)
        slots.reopen(project.db, last.event_id, last.item_id, annotator, until=until, batch=batch)
    return last.item_id


def progress(project: Project, annotator: str, *, queue: int) -> Progress:
    """How far a queue is."""
    answered, total = slots.progress(project.db, queue)
    return Progress(answered, total, events.count_of(project.db, queue, annotator))


def _slot(project: Project, slot_id: int) -> Slot:
    slot = slots.get(project.db, slot_id)
    if slot is None:
        raise InputError(f"there is no slot {slot_id}: take the next item")
    return slot


def _event(
    project: Project,
    slot: Slot,
    kind: str,
    value: str | None,
    *,
    annotator: str,
    event_id: str | None,
    ms: int,
) -> NewEvent:
    return NewEvent(
        event_id or str(uuid.uuid4()),
        slot.change_id,
        kind,
        slot.item_id,
        annotator_name(annotator),
        value,
        min(max(int(ms), 0), MOST_ACTIVE_MS),
        project.label_set.version,
        None,
        now(),
    )


def _record(
    project: Project,
    slot: Slot,
    kind: str,
    value: str | None,
    *,
    annotator: str,
    event_id: str | None,
    ms: int,
) -> str:
    new = _event(project, slot, kind, value, annotator=annotator, event_id=event_id, ms=ms)
    with project.writing():
        if events.append(project.db, [new]) == 0:
            return _receipt(project, new)
        if kind == "skip":
            slots.release(project.db, slot.slot_id, new.annotator)
        else:
            slots.answer(project.db, slot.slot_id, new.event_id)
    return new.event_id


def _receipt(project: Project, again: NewEvent) -> str:
    """The receipt of an answer that came twice. Raises InputError if it is not the one that stands.

    Otherwise an answer could be acknowledged that is not there: its id was used for another one,
    or it has been taken back since.
    """
    known = events.get(project.db, again.event_id)
    same = known is not None and known[2:6] == again[2:6]
    if not same or not events.is_live(project.db, again.event_id):
        raise InputError("this answer was taken back in the meantime: answer the item once more")
    return again.event_id


# -- answers from a file --------------------------------------------------------------------------


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
        slots.answer_by_item(project.db, [(e.event_id, e.item_id) for e in new])
    return change, len(new)


def _answer_columns(
    project: Project, frame: pd.DataFrame, item: str, annotator: str, label: str
) -> tuple[list[str], list[str], list[str]]:
    blank = frame[[item, annotator, label]].isna().any(axis=1)
    if blank.any():
        raise InputError(f"row {int(blank.idxmax())} lacks an item, an annotator or a label")
    labels = [clean(value) for value in frame[label]]
    unknown = sorted(set(labels) - set(project.classes))
    if unknown:
        raise InputError(
            f"row {labels.index(unknown[0])}: '{unknown[0]}' is no class; the classes are: "
            f"{', '.join(project.classes)}"
        )
    people = [clean(value) for value in frame[annotator]]
    for person in dict.fromkeys(people):
        annotator_name(person)
    return [clean(value) for value in frame[item]], people, labels


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
