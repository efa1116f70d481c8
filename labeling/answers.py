"""Answers: what people say, written once each, and acknowledged only when it is on disk.

An answer is an operation with an id made where it was given. The same operation sent again gets the
same receipt and changes nothing.
"""

from __future__ import annotations

import json
import logging
import time
import uuid
from collections.abc import Sequence
from typing import NamedTuple

from labeling.core import labels
from labeling.errors import InputError
from labeling.imports import clean
from labeling.project import Project, now
from labeling.store import changes, events, items, slots
from labeling.store.events import NewEvent
from labeling.store.slots import REVIEW, Slot

MAX_NAME = 255
MOST_ACTIVE_MS = 120_000  # longer than this, nobody was working
MAX_COMMENT = 10_000
CANNOT_DECIDE = "cannot decide"
SAVED, REFUSED = "saved", "refused"

Value = str | Sequence[str] | None

_log = logging.getLogger("groundwork")


class Operation(NamedTuple):
    """One thing that a person did.

    `kind` is label, skip, flag or undo. `slot` is None for a correction of an earlier answer, whose
    id is `target` then; for undo `target` is the answer taken back. `ms` are active milliseconds;
    `shown` tells whether the model's suggestion was on the screen, None where there was no screen;
    `label_set` which version was.
    """

    uid: str
    kind: str
    item: str = ""
    slot: int | None = None
    value: Value = None
    target: str | None = None
    ms: int = 0
    shown: bool | None = None
    label_set: int | None = None


class Receipt(NamedTuple):
    """What became of an operation: saved, or refused with a sentence that says why."""

    uid: str
    state: str
    message: str = ""


def annotator_name(name: str) -> str:
    """A name as it is stored. Raises InputError for a blank, overlong or reserved one."""
    name = clean(name)
    if not name or len(name) > MAX_NAME or any(ord(ch) < 32 for ch in name):
        raise InputError(f"a name has 1 to {MAX_NAME} characters, found '{name[:20]}'")
    if name.split(":")[0] in ("import", "gold"):
        raise InputError(f"'{name}' is reserved for files: choose another name")
    return name


def record(
    project: Project, annotator: str, operations: Sequence[Operation], *, may_rule: bool = True
) -> list[Receipt]:
    """Write what a person did, in order, in one transaction; one receipt an operation.

    A refused operation leaves no trace and does not hold up the others. Only who `may_rule` can
    answer in a review queue.
    """
    annotator = annotator_name(annotator)
    with project.writing():
        return [_receipt(project, annotator, op, may_rule) for op in operations]


def _receipt(project: Project, annotator: str, op: Operation, may_rule: bool) -> Receipt:
    try:
        if op.kind not in _WRITERS:
            raise InputError(f"there is no operation '{op.kind[:20]}'")
        with project.attempt():
            _WRITERS[op.kind](_Writing(project, annotator, op, may_rule))
    except InputError as error:
        return Receipt(op.uid, REFUSED, str(error))
    except Exception as error:
        if project.is_outage(error):
            raise
        _log.exception("An operation could not be written")  # it must not hold up the others
        return Receipt(op.uid, REFUSED, f"a fault of ours ({type(error).__name__}): tell us of it")
    return Receipt(op.uid, SAVED)


class _Writing:
    """One operation on its way into the log."""

    def __init__(self, project: Project, annotator: str, op: Operation, may_rule: bool) -> None:
        self.project, self.db, self.annotator, self.op = project, project.db, annotator, op
        self.may_rule = may_rule
        self.slot = self._find_slot()

    def _find_slot(self) -> Slot | None:
        if self.op.slot is None:
            return None
        slot = slots.get(self.db, self.op.slot)
        is_gone = slot is None or slot.item_id != (self.op.item or slot.item_id)
        if is_gone and self.op.item:
            return None  # the answer to what was shown is kept all the same
        if slot is None or is_gone:
            raise InputError(f"there is no slot {self.op.slot} for this item: take the next item")
        if slot.queue in REVIEW:
            self.check_rights()
        return slot

    def check_rights(self) -> None:
        """Raise InputError where a ruling is made or taken back by somebody who may not rule."""
        if not self.may_rule:
            raise InputError("only a reviewer may answer in a review queue")

    @property
    def item_id(self) -> str:
        """The item spoken of. Raises InputError if there is none."""
        item_id = self.slot.item_id if self.slot else self.op.item
        if items.get(self.db, item_id) is None:
            raise InputError(f"there is no item '{item_id[:80]}'")
        return item_id

    @property
    def change_id(self) -> int:
        """The change that the answer belongs to: its slot's, or the current batch's."""
        return self.slot.change_id if self.slot else changes.last_batch(self.db)

    def write(
        self,
        kind: str,
        value: str | None,
        *,
        change: int | None = None,
        item: str | None = None,
        target: str | None = None,
        context: str | None = None,
    ) -> bool:
        """Append the event; False if this very one is there already.

        Raises InputError if its id is used by another one, or if somebody else took it back since:
        else an answer would be acknowledged that is not there. What one took back oneself is known.
        """
        new = NewEvent(
            self.op.uid,
            self.change_id if change is None else change,
            kind,
            item or self.item_id,
            self.annotator,
            value,
            min(max(int(self.op.ms), 0), MOST_ACTIVE_MS),
            self._label_set(),
            target,
            now(),
            context,
        )
        if events.append(self.db, [new]):
            return True
        known = events.get(self.db, new.event_id)
        same = known is not None and known[2:6] == new[2:6] and known.target == target
        if not same:
            raise InputError("this answer's id is used by another one: answer the item once more")
        if events.taken_back_by(self.db, new.event_id) not in (None, self.annotator):
            raise InputError("this answer was taken back in the meantime: answer it once more")
        return False

    def _label_set(self) -> int:
        newest = self.project.label_set.version
        seen = self.op.label_set
        return seen if seen is not None and 1 <= seen <= newest else newest

    def fill_any(self, item_id: str) -> None:
        """Fill an open slot of the item, if there is one that this person may fill."""
        slots.answer_by_item(self.db, [(self.op.uid, item_id, self.annotator)])

    def context(self) -> str | None:
        """What the model suggested for the item, and whether that was on the screen."""
        if self.slot is None or self.slot.suggested is None or self.op.shown is None:
            return None
        said = {
            "suggested": self.slot.suggested,
            "probability": self.slot.probability,
            "shown": self.op.shown,
        }
        return json.dumps(said, ensure_ascii=False)


def _label(writing: _Writing) -> None:
    value = label_value(writing.project, writing.op.value)
    if writing.op.target is not None:
        _correct(writing, value)
        return
    slot = writing.slot
    kind = "adjudicate" if slot and slot.queue in REVIEW else "label"
    if not writing.write(kind, value, context=writing.context() if kind == "label" else None):
        return
    if slot is not None:
        slots.answer(writing.db, slot, writing.op.uid, writing.annotator)
    else:
        writing.fill_any(writing.item_id)


def _correct(writing: _Writing, value: str) -> None:
    """Answer again what one has answered: a ruling stays in its queue's change."""
    old = _own(writing)
    is_ruling = old.kind in ("adjudicate", "flag")
    change = old.change_id if is_ruling else None
    kind = "adjudicate" if is_ruling else "label"
    if writing.write(kind, value, change=change, item=old.item_id) and old.kind == "skip":
        writing.fill_any(old.item_id)


def _skip(writing: _Writing) -> None:
    """Pass an item on. In a batch others are still asked; in a review queue the label stays."""
    slot = writing.slot
    if slot is not None and slot.queue in REVIEW:
        if writing.write("flag", CANNOT_DECIDE):
            slots.answer(writing.db, slot, writing.op.uid, writing.annotator)
    elif events.standing_label(writing.db, writing.annotator, writing.item_id) is not None:
        return  # answered in another tab meanwhile: that stands
    elif writing.write("skip", None) and slot is not None:
        slots.release(writing.db, slot.slot_id, writing.annotator)


def _flag(writing: _Writing) -> None:
    """Note what is wrong with an item; the item stays in front of the annotator."""
    comment = writing.op.value.strip() if isinstance(writing.op.value, str) else ""
    if not comment or len(comment) > MAX_COMMENT:
        raise InputError(f"a comment has 1 to {MAX_COMMENT:,} characters, found {len(comment):,}")
    writing.write("flag", comment)


def _undo(writing: _Writing) -> None:
    """Take back one's own answer; its slot is open again, in one's own hands."""
    old = _own(writing)
    if not events.is_live(writing.db, old.event_id):
        return
    writing.write("retract", None, change=old.change_id, item=old.item_id, target=old.event_id)
    slot = _slot_of(writing, old)
    if slot is None:
        return
    other = None if slot.queue in REVIEW else slots.another_answer(writing.db, slot)
    if other is not None:
        slots.refill(writing.db, slot, other)
        return
    slots.reopen(
        writing.db,
        slot,
        writing.annotator,
        until=time.time() + 60 * writing.project.config["lease_minutes"],
        batch=changes.last_batch(writing.db),
    )
    if items.is_excluded(writing.db, old.item_id):
        slots.withdraw(writing.db, [old.item_id])


def _slot_of(writing: _Writing, old: NewEvent) -> Slot | None:
    """The slot that an undone answer filled, or that an undone skip passed on."""
    if old.kind == "skip":
        return slots.skipped_slot(writing.db, old.item_id, writing.annotator, now=time.time())
    return slots.filled_by(writing.db, old.event_id)


def _own(writing: _Writing) -> NewEvent:
    """The answer spoken of, if it is this person's own and was given to a question."""
    target = writing.op.target or ""
    old, asked = events.get(writing.db, target), events.was_asked(writing.db, target)
    if old is None or old.annotator != writing.annotator or not asked:
        raise InputError("there is no such answer of yours")
    if old.kind in ("adjudicate", "flag"):
        writing.check_rights()
    return old


_WRITERS = {"label": _label, "skip": _skip, "flag": _flag, "undo": _undo}


def label_value(project: Project, value: Value) -> str:
    """An answer as it is stored: a class, or JSON of classes in order where there may be many.

    Raises InputError for what is no class of the label set.
    """
    label_set = project.label_set
    named = [value] if isinstance(value, str) else list(value or ())
    chosen = {clean(name) for name in named}
    unknown = sorted(chosen - set(label_set.classes))
    if unknown:
        known = ", ".join(label_set.classes)
        raise InputError(f"'{unknown[0][:80]}' is no class; the classes are: {known}")
    if label_set.multi:
        return labels.encode(chosen, label_set.classes)
    if len(chosen) != 1:
        raise InputError(f"an item has one class here, found {len(chosen)}")
    return chosen.pop()


# -- one at a time --------------------------------------------------------------------------------


def answer(
    project: Project,
    slot_id: int,
    label: Value,
    *,
    annotator: str,
    event_id: str | None = None,
    ms: int = 0,
) -> str:
    """Record a label for a slot; in a review queue it is a ruling. Returns the event id.

    Raises InputError for an unknown class or slot; then nothing is written.
    """
    op = Operation(event_id or _new_id(), "label", slot=slot_id, value=label, ms=ms)
    return _record_one(project, annotator, op)


def skip(
    project: Project, slot_id: int, *, annotator: str, event_id: str | None = None, ms: int = 0
) -> str:
    """Pass an item on; returns the event id."""
    op = Operation(event_id or _new_id(), "skip", slot=slot_id, ms=ms)
    return _record_one(project, annotator, op)


def flag(
    project: Project, slot_id: int, comment: str, *, annotator: str, event_id: str | None = None
) -> str:
    """Note what is wrong with an item; returns the event id."""
    op = Operation(event_id or _new_id(), "flag", slot=slot_id, value=comment)
    return _record_one(project, annotator, op)


def undo(project: Project, annotator: str) -> str | None:
    """Take back one's newest standing answer. Returns the item, or None if there is no answer."""
    last = events.last_of(project.db, annotator_name(annotator))
    if last is None:
        return None
    _record_one(project, annotator, Operation(_new_id(), "undo", target=last.event_id))
    return last.item_id


def _new_id() -> str:
    return str(uuid.uuid4())


def _record_one(project: Project, annotator: str, op: Operation) -> str:
    receipt = record(project, annotator, [op])[0]
    if receipt.state == REFUSED:
        raise InputError(receipt.message)
    return op.uid
