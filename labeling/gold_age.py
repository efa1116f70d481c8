"""The age of gold: the decisions that were taken by looking at scores on it, read off the log.

Each look that decides something fits the choice to these very labels a little; after enough of
them it is time to rotate (METHODS 1.8).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from labeling.core.gold import Age
from labeling.project import Project
from labeling.store import changes, evidence, items
from labeling.store import rounds as store
from labeling.store.changes import Change
from labeling.verified_gain import VERIFY, pair_of
from labeling.versions import RULERS


class Taken(NamedTuple):
    """A decision: the change in which it was taken, when, what it was, in words.

    `wears`: it was read off gold. One that has fresh labels of its own leaves gold as it was.
    """

    change_id: int
    at: str
    words: str
    wears: bool


def taken(project: Project) -> list[Taken]:
    """Every decision since there was a score to look at, oldest first.

    These are models and settings of models that were adopted, strategies that were switched,
    changes that were reverted, and gains that were verified by rulings, a pair of rounds each.
    """
    closed = store.every(project.db)
    if not closed:
        return []
    known = {change.change_id: change for change in changes.every(project.db)}
    told = [change for change in known.values() if change.after_event >= closed[0].upto_event]
    ruled = {each.change_id for each in evidence.review_queues(project.db) if each.answered}
    found = []
    for change in told:
        words = _words(project, change, known)
        if words:
            found.append(Taken(change.change_id, change.at, words, wears=True))
    return sorted([*found, *_verified(told, ruled)])


def age(project: Project) -> Age:
    """How many decisions today's gold has borne."""
    worn = sum(each.wears for each in taken(project))
    return Age(worn, len(items.trusted(project.db)))


def _words(project: Project, change: Change, known: Mapping[int, Change]) -> str | None:
    """What a change decided by a score, or None."""
    undone = known.get(change.payload.get("reverts", 0))
    if undone is not None:
        return None if undone.kind in RULERS else f"reverted: {undone.title}"
    if change.kind == "model":
        return f"adopted: {change.title}"
    if "strategy" in changes.settings_of(project.db, change.change_id):
        return f"switched: {change.title}"
    return None


def _verified(told: list[Change], ruled: set[int]) -> list[Taken]:
    """One decision a pair of rounds, in the first queue of it that has a ruling."""
    first: dict[tuple[int, int], Change] = {}
    for change in told:
        if VERIFY in change.payload and change.change_id in ruled:
            first.setdefault(pair_of(change), change)
    return [
        Taken(change.change_id, change.at, f"verified: round {b} against round {a}", wears=False)
        for (a, b), change in first.items()
    ]
