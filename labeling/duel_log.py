"""Duels in the log: what a change holds still, the clock that runs from there, what was measured.

The clock counts the log's own seconds. The data's arm ends with the fact that used the budget up.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from labeling.core.log import DataVersion
from labeling.project import Project
from labeling.store import changes, events
from labeling.store import rounds as store
from labeling.store.changes import Change
from labeling.store.events import Work

DUEL, OVER, VERIFIES = "duel", "duel_over", "duel_verify"  # in a change's payload
NOT_DATA_WORK = frozenset({"model", "settings", "gold"})


class Frozen(NamedTuple):
    """What a duel holds still: the change's facts, then what its payload says."""

    change_id: int
    author: str
    at: str
    minutes: float
    analyst_minutes: float
    upto: int
    policy: str
    model: dict[str, Any]
    classes: list[str]
    data: str
    n_labels: int
    n_gold: int
    search: list[str]

    def version(self, upto: int) -> DataVersion:
        """The data up to an event, resolved as they were when the duel began."""
        return DataVersion(upto, policy=self.policy)


class Clock(NamedTuple):
    """Active seconds of work on the data since the freeze, until the budget was used up.

    `end` is the event that used it up, None while some is left. `measuring` are seconds on
    reservoir items: they measure both arms and count for neither. Of `n_labels` pool labels
    `untimed` came without any seconds, from files.
    """

    seconds: float
    measuring: float
    end: int | None
    n_labels: int
    untimed: int


class Outcome(NamedTuple):
    """A measured duel as plain JSON: fractions by model and effect, and what they rest on.

    `verdict` and `words` count verify labels in, `effects` and `scores` are of the random gold
    alone. `to_verify` are the open rows that would decide it, in the order of the lot; `verified`
    is data less model with its interval once rulings are in. `upto` and `labels` say by old and
    new which data they are, `searched` what the search found on them (`model_arm.Searched`).
    """

    verdict: str
    decided: bool
    words: list[str]
    scores: dict[str, float]
    effects: dict[str, list[float]]
    hours: dict[str, float]
    n_gold: int
    needed: int | None
    to_verify: list[str]
    n_ruled: int
    verified: list[float] | None
    upto: dict[str, int]
    labels: dict[str, int]
    searched: dict[str, dict[str, Any]]
    n_answered: int = 0  # rulings and skips when it was measured


def every(project: Project) -> list[Frozen]:
    """All duels, the oldest first."""
    return [_frozen(change) for change in changes.every(project.db) if DUEL in change.payload]


def _frozen(change: Change) -> Frozen:
    held = {name: value for name, value in change.payload[DUEL].items() if name != "gold"}
    return Frozen(change.change_id, change.author, change.at, **held)


def is_given_up(project: Project, number: int) -> bool:
    """Whether somebody ended the duel without a winner."""
    return any(each.payload.get(OVER) == number for each in changes.every(project.db))


def queues(made: Iterable[Change], number: int) -> list[Change]:
    """The verify queues of a duel, the oldest first."""
    return [change for change in made if change.payload.get(VERIFIES) == number]


def asked_in(made: Iterable[Change]) -> set[str]:
    """The items that verify queues asked about."""
    return {item for queue in made for item in queue.payload["asked"]}


def outcome(project: Project, number: int) -> Outcome | None:
    """What was measured of a duel last, or None."""
    stored = store.get_result(project.db, f"{DUEL}-{number}")
    return None if stored is None else Outcome(**stored[1])


def put_outcome(project: Project, number: int, measured: Outcome, *, upto: int) -> None:
    """Keep what was measured of a duel in place of what was there."""
    with project.writing():
        body = measured._asdict()
        store.put_result(project.db, f"{DUEL}-{number}", upto_event=upto, body=body)


def clock(project: Project, frozen: Frozen) -> Clock:
    """The seconds since the freeze, fact by fact, until they reach the budget.

    Work on pool items counts, whatever became of it; that of changes of model, settings or gold
    is no work on the data.
    """
    made = changes.every(project.db)
    kinds = {change.change_id: change.kind for change in made}
    facts = events.work_since(project.db, frozen.upto)
    beside, budget = _beside_facts(frozen, made, facts), round(60_000 * frozen.minutes)
    end, spent, measuring, labels = frozen.upto, beside.get(frozen.upto, 0), 0, list[Work]()
    for fact in facts:
        if spent >= budget:
            break
        end, is_pool = fact.seq, fact.side == "pool"
        if is_pool and kinds[fact.change_id] not in NOT_DATA_WORK:
            spent += fact.ms
        spent += beside.get(fact.seq, 0)
        measuring += 0 if is_pool else fact.ms
        labels += [fact] if is_pool and fact.kind in ("label", "adjudicate") else []
    untimed = sum(label.ms == 0 for label in labels)
    used_up = end if spent >= budget else None
    return Clock(spent / 1000, measuring / 1000, used_up, len(labels), untimed)


def _beside_facts(frozen: Frozen, made: Iterable[Change], facts: Sequence[Work]) -> dict[int, int]:
    """Milliseconds that changes of the data took beside their facts, by the event they are due at.

    A change is done with the last of its facts; one without any, with the fact before it.
    """
    last, due = {fact.change_id: fact.seq for fact in facts}, dict[int, int]()
    for change in made:
        if change.change_id > frozen.change_id and change.kind not in NOT_DATA_WORK:
            at = last.get(change.change_id, max(change.after_event, frozen.upto))
            due[at] = due.get(at, 0) + round(1000 * change.seconds)
    return due
