"""Verify: reconcile the log with itself, with the derived tables, with the rounds and receipts."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator

import pandas as pd

from labeling.core.log import DataVersion
from labeling.imports import item_id
from labeling.project import Project
from labeling.store import changes, events, inspection, rounds, slots, vectors
from labeling.vectors import PAYLOAD, fingerprint
from labeling.versions import Snapshot


def verify(project: Project) -> pd.DataFrame:
    """Everything that does not add up: one row a mismatch, columns what, found. Empty is clean.

    It is worked out from one consistent state, so people may label meanwhile. It finds damage and
    careless edits; it is no proof against somebody who rewrites the file with intent.
    """
    with project.reading():
        rows = [found for check in CHECKS for found in check(project)]
    return pd.DataFrame(rows, columns=["what", "found"])


def _file(project: Project) -> Iterator[tuple[str, str]]:
    for line in inspection.integrity(project.db):
        yield "the file", line
    for trigger in inspection.missing_triggers(project.db):
        yield "append-only guard", f"the trigger {trigger} is missing or altered"


def _log(project: Project) -> Iterator[tuple[str, str]]:
    for position, row in enumerate(events.table(project.db), start=1):
        seq, *fact, digest = row
        if seq != position:
            yield "log", f"event {position} is missing: the next one has number {seq}"
            return
        if events.digest(fact) != digest:
            yield "log", f"event {seq} ({fact[0]}) was altered after it was written"
    last, counted = events.last(project.db), inspection.last_counted(project.db)
    if last < counted:
        yield "log", f"event {counted} is missing: the log ends with number {last}"


def _items(project: Project) -> Iterator[tuple[str, str]]:
    snapshot = Snapshot(project)
    sides: dict[str, set[str]] = {}
    for item in snapshot.items:
        if item_id(item.content) != item.item_id:
            yield "items", f"item {item.item_id} does not hold the content that its id names"
        sides.setdefault(item.cluster, set()).add(item.side)
    for name, data in snapshot.images.items():
        content = json.loads(snapshot.items[snapshot.position[name]].content)
        if hashlib.sha256(data).hexdigest() not in content.values():
            yield "items", f"item {name} does not hold the image that its id names"
    for cluster, both in sides.items():
        if len(both) > 1:
            yield "reservoir", f"cluster {cluster} lies on both sides of the wall"
    for change, expected, found in inspection.source_counts(project.db):
        if expected != found:
            yield "sources", f"import {change} brought {expected} rows, {found} are there"


def _vectors(project: Project) -> Iterator[tuple[str, str]]:
    """Whether every import's vectors are what its change says they are."""
    brought = {c.change_id: c.payload.get(PAYLOAD) for c in changes.every(project.db)}
    for change, said in brought.items():
        pairs = list(vectors.of_changes(project.db, [change]))
        if said is None:
            if pairs:
                yield "vectors", f"change {change} brought none, {len(pairs)} are there"
        elif fingerprint(pairs) != said["hash"]:
            yield "vectors", f"those of import {change} are not what it brought from {said['file']}"


def _derived(project: Project) -> Iterator[tuple[str, str]]:
    stored = set(events.answers(project.db))
    worked_out = set(events.standing(project.db))
    for row in sorted(stored ^ worked_out, key=str):
        where = "is only in the table" if row in stored else "is missing from the table"
        yield "annotations", f"{json.dumps(row, ensure_ascii=False)} {where}"


def _receipts(project: Project) -> Iterator[tuple[str, str]]:
    for slot_id, item in slots.broken(project.db):
        yield "receipts", f"slot {slot_id} counts an answer for item {item} that does not stand"


def _queue(project: Project) -> Iterator[tuple[str, str]]:
    for slot_id, item in slots.unfilled(project.db):
        yield "receipts", f"item {item} is answered, but slot {slot_id} still asks for it"


def _rounds(project: Project) -> Iterator[tuple[str, str]]:
    snapshot = Snapshot(project)
    for closed in rounds.every(project.db):
        version = DataVersion(closed.upto_event, policy=closed.config["policy"])
        training = snapshot.training_set(version)
        if training.hash != closed.version_hash:
            yield "rounds", f"round {closed.round_no} does not replay to the data it learned from"
        for item in training.labels:
            if snapshot.side[item] != "pool":
                yield "rounds", f"round {closed.round_no} trained on reservoir item {item}"


CHECKS = (_file, _log, _items, _vectors, _derived, _receipts, _queue, _rounds)
