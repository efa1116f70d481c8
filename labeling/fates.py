"""Fates: whether an issue that is no longer found was fixed, or went because an estimate moved."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from labeling.datasets import BETWEEN
from labeling.project import Project
from labeling.store import audits as store
from labeling.store import changes, decisions, events
from labeling.store.changes import Change

FIXES = frozenset({"drop", "dedupe", "repair"})


class _Audit(NamedTuple):
    """An audit: its id, when it was written, and the last event that it saw."""

    audit_id: int
    at: str
    upto: int


def fixed(project: Project, history: pd.DataFrame) -> npt.NDArray[np.bool_]:
    """Which issues a fix or an answer touched between their last audit and the next, bool (n,).

    `history` has the columns issue_id, item_id and last_audit. An answer, a ruling, a repair or a
    removal touches its item, a merge every issue that it names, "not the same" both items of the
    pair; any of these touches an issue about the table as a whole (no item). Issues of the newest
    audit have no next one: False.
    """
    ran = [_Audit(number, at, upto) for number, at, upto, *_ in store.every(project.db)]
    then = {one.audit_id: (one, other) for one, other in pairwise(ran)}
    wanted = [then.get(audit) for audit in history["last_audit"]]
    gone = [str(i) for i, span in zip(history["item_id"], wanted, strict=True) if span]
    touched = _Touched(project, gone)
    rows = zip(history["issue_id"], history["item_id"], wanted, strict=True)
    found = [span is not None and touched.has(issue, item, *span) for issue, item, span in rows]
    return np.array(found, dtype=bool)


class _Touched:
    """What was done to items and issues, and when."""

    def __init__(self, project: Project, item_ids: Sequence[str]) -> None:
        every = changes.every(project.db) if item_ids else []
        self.named = _named(every)
        self.apart = _kept_apart(project) if item_ids else {}
        self.facts = events.touches(project.db, sorted({*item_ids} - {""}))
        self.any = events.touches_of_all(project.db) if "" in item_ids else []

    def has(self, issue: str, item: str, last: _Audit, after: _Audit) -> bool:
        """Whether something touched the issue after the audit `last` and by the audit `after`."""
        facts = self.facts.get(item, ()) if item else self.any
        if bisect_right(facts, last.upto) < bisect_right(facts, after.upto):
            return True
        named = any(last.upto <= event < after.upto for event in self.named.get(issue, ()))
        return named or any(last.at <= at <= after.at for at in self.apart.get(item, ()))


def _named(every: Sequence[Change]) -> Mapping[str, list[int]]:
    """The last event before each fix that names an issue, by issue."""
    found: dict[str, list[int]] = {}
    for change in every:
        if change.kind in FIXES:
            for issue in change.payload.get("issues", ()):
                found.setdefault(issue, []).append(change.after_event)
    return found


def _kept_apart(project: Project) -> Mapping[str, list[str]]:
    """When each item was marked as not the same as another, by item."""
    found: dict[str, list[str]] = {}
    for decision in decisions.log(project.db):
        if decision.kind == decisions.APART:
            for item in decision.subject.split(BETWEEN):
                found.setdefault(item, []).append(decision.at)
    return found
