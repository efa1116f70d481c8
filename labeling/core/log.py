"""Replay: the log of events in, the standing answers of any data version out.

A data version is `(upto_event, without, policy)`. Replaying it gives the same training set, and
the same content hash, on every machine.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import compress, product
from typing import Any, NamedTuple

ANSWERS = frozenset({"label", "skip"})
RULES = ANSWERS | {"adjudicate"}
ANYBODY = ""
MOST_EDITS = 6
CORRECTIVE = frozenset({"correct", "adjudicate", "drop", "dedupe", "repair"})


class Event(NamedTuple):
    """One fact of the log, as the store keeps it."""

    seq: int
    event_id: str
    change_id: int
    change_kind: str
    kind: str
    item_id: str
    annotator: str
    value: str | None
    target: str | None


@dataclass(frozen=True)
class DataVersion:
    """An exact training set, past or counterfactual, in a few words."""

    upto_event: int
    without: frozenset[int] = frozenset()
    policy: str = "majority"


@dataclass
class Standing:
    """What stands after a replay: answers by item and annotator, rulings, exclusions, edits."""

    answers: dict[str, dict[str, Event]] = field(default_factory=dict)
    rulings: dict[str, Event] = field(default_factory=dict)
    excluded: set[str] = field(default_factory=set)
    edits: dict[str, dict[str, str]] = field(default_factory=dict)

    def apply(self, event: Event) -> None:
        """Take in one live event; flags and retractions change nothing by themselves."""
        if event.kind in ANSWERS:
            self.answers.setdefault(event.item_id, {})[event.annotator] = event
        elif event.kind == "adjudicate":
            self.rulings[event.item_id] = event
        elif event.kind == "exclude":
            self.excluded.add(event.item_id)
        elif event.kind == "restore":
            self.excluded.discard(event.item_id)
        elif event.kind == "edit":
            self.edits.setdefault(event.item_id, {}).update(json.loads(event.value or "{}"))


class _Telling:
    """The log told event by event: what is live at this moment of it."""

    def __init__(self) -> None:
        self.told: dict[str, Event] = {}
        self.live: dict[str, Event] = {}
        self.by_item: dict[str, dict[str, Event]] = {}

    def hear(self, event: Event) -> None:
        """Take in one event; a retraction or restoration turns an earlier one off or on."""
        if event.target is None:
            self.told[event.event_id] = event
            self._turn(event, on=True)
        elif event.target in self.told:
            self._turn(self.told[event.target], on=event.kind == "restore")

    def _turn(self, event: Event, *, on: bool) -> None:
        answers = self.by_item.setdefault(event.item_id, {})
        if on:
            self.live[event.event_id] = event
            if event.kind in ANSWERS or event.kind == "adjudicate":
                answers[event.event_id] = event
        else:
            self.live.pop(event.event_id, None)
            answers.pop(event.event_id, None)

    def has_answer(self, item_id: str, annotator: str) -> bool:
        """Whether the item has a live answer: of this annotator, or of anybody for ANYBODY."""
        answers = self.by_item.get(item_id, {}).values()
        if annotator == ANYBODY:
            return bool(answers)
        return any(e.annotator == annotator and e.kind in ANSWERS for e in answers)


def needs(events: Iterable[Event]) -> dict[str, str]:
    """Whose answer each event builds on, by event id: an annotator's own, or ANYBODY's.

    An answer builds on the annotator's own earlier one; one of a corrective change, on any. Worked
    out at the moment of the event, so that what comes later cannot change it.
    """
    telling, found = _Telling(), {}
    for event in events:
        if event.kind in ANSWERS and telling.has_answer(event.item_id, event.annotator):
            found[event.event_id] = event.annotator
        elif (
            event.kind in RULES
            and event.change_kind in CORRECTIVE
            and telling.has_answer(event.item_id, ANYBODY)
        ):
            found[event.event_id] = ANYBODY
        telling.hear(event)
    return found


def replay(
    events: Sequence[Event],
    *,
    without: frozenset[int] = frozenset(),
    made_by: Mapping[str, int] | None = None,
    builds_on: Mapping[str, str] | None = None,
) -> Standing:
    """The state of the log without some changes, events in order of `seq`.

    An event that builds on an answer which a missing change made is a no-op, and so is one on an
    item that a missing import brought (`made_by`: item to import). `builds_on` is `needs(events)`,
    for callers who replay often.
    """
    telling, made_by = _Telling(), made_by or {}
    built = needs(events) if builds_on is None and without else builds_on or {}
    for event in events:
        if event.change_id in without or made_by.get(event.item_id) in without:
            continue
        whose = built.get(event.event_id) if without else None
        if whose is None or telling.has_answer(event.item_id, whose):
            telling.hear(event)
    standing = Standing()
    for event in sorted(telling.live.values()):
        standing.apply(event)
    return standing


_encode = json.JSONEncoder(ensure_ascii=False).encode  # one for all: making it takes longer


def edited_states(
    events: Sequence[Event], columns: Sequence[str]
) -> list[tuple[str, dict[str, Any]]]:
    """Every state of an item's `columns` that some of the edits of it make: item, new values.

    A version may lack any of the changes that edited an item, so all their subsets are there, up
    to `MOST_EDITS` changes an item (the newest).
    """
    by_item: dict[str, dict[int, dict[str, Any]]] = {}
    for event in events:
        if event.kind == "edit":
            values = {k: v for k, v in json.loads(event.value or "{}").items() if k in columns}
            by_item.setdefault(event.item_id, {}).setdefault(event.change_id, {}).update(values)
    found: dict[str, tuple[str, dict[str, Any]]] = {}
    for item_id, by_change in by_item.items():
        edits = list(by_change.values())[-MOST_EDITS:]
        for chosen in product((True, False), repeat=len(edits)):
            state: dict[str, Any] = {}
            for values in compress(edits, chosen):
                state.update(values)
            if state:
                found.setdefault(state_key(item_id, state), (item_id, state))
    return list(found.values())


def state_key(item_id: str, values: Mapping[str, Any]) -> str:
    """What tells one state of an item from another."""
    return json.dumps([item_id, sorted(values.items())], ensure_ascii=False)


def repaired(row: Any, values: Mapping[str, Any]) -> dict[str, Any]:
    """A row of a table with some of its values replaced."""
    return {**dict(row), **values}


def content_hash(labels: Mapping[str, str], edits: Mapping[str, Mapping[str, str]]) -> str:
    """SHA-256 of a training set: its items' ids (content hashes), labels and edits; hex."""
    digest = hashlib.sha256()
    for item_id in sorted(labels):
        row = [item_id, labels[item_id], sorted(edits.get(item_id, {}).items())]
        digest.update(_encode(row).encode() + b"\n")
    return digest.hexdigest()
