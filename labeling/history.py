"""The log for people: the table of changes, and undoing a whole change by a new one."""

from __future__ import annotations

import uuid

import pandas as pd

from labeling import people, queue, vectors
from labeling.config import SETTINGS
from labeling.errors import InputError
from labeling.project import Project, now
from labeling.store import audits, changes, decisions, events, items, rounds, slots
from labeling.store import people as member
from labeling.store.changes import Change
from labeling.store.events import NewEvent

COLUMNS = [
    "change_id", "kind", "title", "author", "at", "events", "seconds", "answers",
]  # fmt: skip
AS_BEFORE = {"gold": "gold", "model": "model", "settings": "settings"}


def moment(project: Project) -> tuple[int, ...]:
    """The last event, change, audit and ended job: while they stand, so does all that follows."""
    db = project.db
    return events.last(db), changes.newest(db), audits.last(db) or 0, rounds.finished_jobs(db)


def table(project: Project) -> pd.DataFrame:
    """Every change, oldest first, with its facts and seconds of human work."""
    sums = changes.event_sums(project.db)
    rows = []
    for change in changes.every(project.db):
        n_events, seconds = sums.get(change.change_id, (0, 0.0))
        seconds += change.seconds
        rows.append((*change[:5], n_events, round(seconds, 1), change.answers or ""))
    return pd.DataFrame(rows, columns=COLUMNS)


def revert(project: Project, change_id: int, *, author: str) -> int:
    """Undo a whole change by a new one, which is returned. Nothing is deleted.

    Answers are retracted, settings, roles and decisions set back; the items of a later import are
    taken out, and those that a drop or a merge took out come back. The vectors of an import go.

    Raises InputError for an unknown change, for one that leaves nothing to undo, and for one
    without which people would be listed, but no owner.
    """
    with project.writing():
        change = changes.get(project.db, change_id)
        if change is None:
            last = changes.every(project.db)[-1].change_id
            raise InputError(f"there is no change {change_id}; changes run from 1 to {last}")
        facts = _facts(project, change)
        settings = _settings_before(project, change)
        made, roles = _items_to_exclude(project, change), people.roles_before(project, change_id)
        settled = decisions.before(project.db, change_id)
        if (
            not settings
            and not roles
            and not settled
            and not made
            and not vectors.are_moved_by(change, changes.every(project.db))
            and not any(_undo(project, f, 0, author) for f in facts)
        ):
            raise InputError(
                f"change {change_id} ({change.title}) left no fact that could be undone"
            )
        new = changes.add(
            project.db,
            AS_BEFORE.get(change.kind, "correct"),
            title=f"Revert: {change.title}",
            author=author,
            at=now(),
            payload={"reverts": change_id},
        )
        changes.add_settings(project.db, new, settings)
        member.add(project.db, new, roles.items())
        for kind, subject, value in settled:
            decisions.add(project.db, new, kind, [(subject, value)])
        undone = [fact for e in facts for fact in _undo(project, e, new, author)]
        undone += [_exclusion(project, item_id, new, author) for item_id in made]
        events.append(project.db, undone)
        slots.reopen_many(
            project.db,
            [e.target for e in undone if e.kind == "retract" and e.target],
            batch=queue.current_batch(project),
        )
        slots.withdraw(project.db, made)
    return new


def _facts(project: Project, change: Change) -> list[NewEvent]:
    """What a change said; that an import put items aside goes with it and is not taken back."""
    facts = events.of_change(project.db, change.change_id)
    return [f for f in facts if change.kind != "import" or f.kind != "exclude"]


def _items_to_exclude(project: Project, change: Change) -> list[str]:
    """What only this import brought, if it is not the one that the project began with."""
    first = min(items.made_by(project.db).values(), default=0)
    if change.kind != "import" or change.change_id == first:
        return []
    own = items.only_from(project.db, change.change_id)
    return sorted(own - items.excluded(project.db))


def _exclusion(project: Project, item_id: str, change: int, author: str) -> NewEvent:
    version = project.label_set.version
    return NewEvent(
        str(uuid.uuid4()), change, "exclude", item_id, author, None, 0, version, None, now()
    )


def _settings_before(project: Project, change: Change) -> dict[str, str]:
    """The values before it of the settings that the change made and no later one did."""
    later = {c.change_id for c in changes.every(project.db) if c.change_id > change.change_id}
    newer = {key for c in later for key in changes.settings_of(project.db, c)}
    before = changes.settings(project.db, without=frozenset(later | {change.change_id}))
    return {
        key: before.get(key, SETTINGS[key].default)
        for key in changes.settings_of(project.db, change.change_id)
        if key not in newer and (key in SETTINGS or key in before)
    }


def _undo(project: Project, fact: NewEvent, change: int, author: str) -> list[NewEvent]:
    """What takes one fact back: a word on it, or the opposite word on what it spoke of."""
    if fact.kind == "flag":
        return []
    target = fact.target or fact.event_id
    old = events.get(project.db, target)
    if old is None or (fact.target and old.change_id == fact.change_id):
        return []
    word = "restore" if fact.kind == "retract" else "retract"
    return [
        NewEvent(
            str(uuid.uuid4()), change, word, fact.item_id, author, None, 0, fact.label_set,
            target, now(),
        )
    ]  # fmt: skip
