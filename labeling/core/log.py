"""Replay: the log of events in, the standing answers of any data version out.

A data version is `(upto_event, without, policy)`. Replaying it gives the same training set, and
the same content hash, on every machine.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

ANSWERS = frozenset({"label", "skip"})
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

    def has_answer(self, item_id: str, annotator: str | None = None) -> bool:
        """Whether the item has a standing answer (of this annotator, when one is named)."""
        answers = self.answers.get(item_id, {})
        if annotator is not None:
            return annotator in answers
        return bool(answers) or item_id in self.rulings

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


def _touches(event: Event, standing: Standing) -> str | None:
    """What the event builds on: the annotator's own answer, any answer of the item, or nothing."""
    if event.kind in ANSWERS and standing.has_answer(event.item_id, event.annotator):
        return event.annotator
    if event.change_kind in CORRECTIVE and standing.has_answer(event.item_id):
        return ""
    return None


def _retracted(events: Iterable[Event], without: frozenset[int]) -> set[str]:
    return {e.target for e in events if e.target is not None and e.change_id not in without}


def replay(
    events: Iterable[Event],
    *,
    without: frozenset[int] = frozenset(),
    made_by: Mapping[str, int] | None = None,
) -> Standing:
    """The state of the log without some changes, events in order of `seq`.

    An event that builds on an answer which a missing change made is a no-op, and so is one on an
    item that a missing import brought (`made_by`: item to import).
    """
    events = list(events)
    everything, kept = Standing(), Standing()
    dead_in_all, dead_in_kept = _retracted(events, frozenset()), _retracted(events, without)
    for event in events:
        needs = _touches(event, everything)
        if event.event_id not in dead_in_all:
            everything.apply(event)
        if event.event_id in dead_in_kept or event.change_id in without:
            continue
        if made_by and made_by.get(event.item_id) in without:
            continue
        if needs is None or kept.has_answer(event.item_id, needs or None):
            kept.apply(event)
    return kept


def content_hash(labels: Mapping[str, str], edits: Mapping[str, Mapping[str, str]]) -> str:
    """SHA-256 of a training set: its items' ids (content hashes), labels and edits; hex."""
    digest = hashlib.sha256()
    for item_id in sorted(labels):
        row = [item_id, labels[item_id], sorted(edits.get(item_id, {}).items())]
        digest.update(json.dumps(row, ensure_ascii=False).encode() + b"\n")
    return digest.hexdigest()
