"""Duels: an hour on the data against an hour on the model, held still in the log beforehand.

A duel is a change that says what both sides start from: data version, model, gold, the list that
the search may try, and the minutes. Everything after it is read off the log.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from labeling import duel_log
from labeling.core import duel, search
from labeling.core.comparison import MIN_GOLD, Interval
from labeling.core.duel import Effects
from labeling.core.log import DataVersion, content_hash
from labeling.duel_log import DUEL, OVER, VERIFIES, Clock, Frozen, Outcome
from labeling.errors import InputError
from labeling.four_models import FourModels
from labeling.ingest import Progress, silent
from labeling.project import Project, now
from labeling.store import changes, evidence, items, slots
from labeling.store import rounds as store
from labeling.store.slots import NewSlot
from labeling.versions import Snapshot

RUNNING, UP, OPEN, DECIDED, GIVEN_UP = "running", "up", "open", "decided", "given up"
MOST_MINUTES = 100_000
COLUMNS = ["change_id", "author", "at", "minutes", "analyst_minutes", "state", "verdict"]
SCORES = ["data", "labels", "plain", "tuned", "tuned_model"]
EFFECTS = ["effect", "points", "low", "high", "hours", "points_per_hour", "rate_low", "rate_high"]
TRIED = ["configuration", "old_data", "new_data", "chosen"]


class Standing(NamedTuple):
    """Where a duel is. Of `asked` verify rows `ruled` are answered, by a ruling or a skip."""

    frozen: Frozen
    clock: Clock
    state: str
    outcome: Outcome | None
    asked: int
    ruled: int

    @property
    def is_over(self) -> bool:
        """Whether another duel may begin."""
        return self.state in (DECIDED, GIVEN_UP)

    @property
    def minutes_left(self) -> float:
        """Of the budget of the data's arm."""
        return max(0.0, self.frozen.minutes - self.clock.seconds / 60)

    def in_words(self) -> str:
        """Where it is, as one sentence."""
        done, budget = self.clock.seconds / 60, self.frozen.minutes
        said = "" if self.outcome is None else self.outcome.words[0]
        if self.state == GIVEN_UP:
            return f"This duel was given up. {said}".strip()
        if said:
            return said
        if self.clock.end is None:
            return (
                f"The clock is running: {_short(done)} of {budget:g} minutes of labeling are done."
            )
        return f"The {budget:g} minutes of labeling are done: the duel can be decided."


def _short(minutes: float) -> str:
    return f"{minutes:.0f}" if minutes >= 10 or minutes == 0 else f"{minutes:.1f}"


# -- freeze ---------------------------------------------------------------------------------------


def cannot_start(project: Project) -> str | None:
    """Why no duel can begin just now, or None."""
    if project.label_set.multi:
        return "a duel needs one class an item; in this project an item may have several"
    newest = standing(project)
    if newest is not None and not newest.is_over:
        return f"the duel of change {newest.frozen.change_id} is neither decided nor given up"
    closed = store.every(project.db)
    if not closed:
        return "no round is closed, so there is no model yet that could be held still"
    if closed[-1].config.get("wish") != asdict(project.config.wish):
        return "the model's settings have changed since the last round: close a round with them"
    missing = MIN_GOLD - len(items.trusted(project.db))
    if missing > 0:
        return f"{missing} more gold labels are needed first: under {MIN_GOLD} nothing is decided"
    return None


def start(
    project: Project,
    *,
    minutes: float,
    author: str,
    analyst_minutes: float | None = None,
    names: Sequence[str] = tuple(search.CONFIGURATIONS),
) -> int:
    """Freeze data, model, gold and budget as one change, which is returned. Nothing is trained.

    `minutes` of active labeling are the data's arm; `analyst_minutes` (as many, unless declared)
    are what somebody spends on the model, beside the search over `names`. Raises InputError in
    the words of `cannot_start`, and for a budget that is none.
    """
    declared = minutes if analyst_minutes is None else analyst_minutes
    for amount in (minutes, declared):
        if not 0 < amount <= MOST_MINUTES:
            raise InputError(f"expected more than 0 and at most 100,000 minutes, found {amount:g}")
    snapshot = Snapshot(project)
    with project.writing():
        reason = cannot_start(project)
        if reason is not None:
            raise InputError(reason)
        held = _held(snapshot) | {"minutes": minutes, "analyst_minutes": declared}
        return changes.add(
            project.db,
            "settings",
            title=f"Duel: {minutes:g} minutes on the data against {declared:g} on the model",
            author=author,
            at=now(),
            payload={DUEL: held | {"search": list(names)}},
        )


def _held(snapshot: Snapshot) -> dict[str, Any]:
    """What stays as it is, read off a snapshot: the last round's model, today's data and gold."""
    config, gold = snapshot.config(), snapshot.gold()
    data = snapshot.training_set(DataVersion(snapshot.upto, policy=config["policy"]))
    return {
        "upto": snapshot.upto,
        "policy": config["policy"],
        "model": store.every(snapshot.project.db)[-1].config["model"],
        "classes": list(snapshot.classes),
        "data": data.hash,
        "n_labels": len(data.labels),
        "n_gold": len(gold),
        "gold": content_hash(gold, {}),
    }


def give_up(project: Project, *, author: str) -> int:
    """End the newest duel without a winner, as a change. Raises InputError when none is open."""
    with project.writing():
        number = _open(project).frozen.change_id
        return changes.add(
            project.db,
            "settings",
            title=f"Give up the duel of change {number}",
            author=author,
            at=now(),
            payload={OVER: number},
        )


def _open(project: Project) -> Standing:
    newest = standing(project)
    if newest is None or newest.is_over:
        raise InputError("no duel is open: start one first")
    return newest


# -- where it stands ------------------------------------------------------------------------------


def standing(project: Project) -> Standing | None:
    """Where the newest duel is, or None when there never was one. Trains nothing."""
    frozen = duel_log.every(project)
    return _standing(project, frozen[-1]) if frozen else None


def in_words(project: Project) -> list[str]:
    """Where the newest duel is, the first line the verdict if there is one."""
    found = standing(project)
    if found is None:
        return ["No duel was started yet."]
    return [found.in_words(), *(found.outcome.words[1:] if found.outcome else ())]


def table(project: Project) -> pd.DataFrame:
    """Every duel, oldest first: columns COLUMNS; the verdict is empty until one was measured."""
    rows = []
    for each in duel_log.every(project):
        found = _standing(project, each)
        said = "" if found.outcome is None else found.outcome.verdict
        rows.append((*each[:5], found.state, said))
    return pd.DataFrame(rows, columns=COLUMNS)


def _standing(project: Project, frozen: Frozen) -> Standing:
    clock, number = duel_log.clock(project, frozen), frozen.change_id
    outcome = duel_log.outcome(project, number)
    state = UP if clock.end is not None else RUNNING
    if duel_log.is_given_up(project, number):
        state = GIVEN_UP
    elif outcome is not None:
        state = DECIDED if outcome.decided else OPEN
    asked = duel_log.asked_in(duel_log.queues(changes.every(project.db), number))
    ruled = asked - evidence.queued_for_review(project.db) if asked else asked
    return Standing(frozen, clock, state, outcome, len(asked), len(ruled))


# -- decide ---------------------------------------------------------------------------------------


def measure(project: Project, *, progress: Progress = silent) -> Outcome:
    """Fit the four models and say who moved the score more; kept, so that pages can show it.

    Old data are those of the freeze, new data those at the moment when the budget was used up:
    later work would be more than the minutes agreed on. All models are scored on the gold that
    stood at that moment. After rulings on verify rows call it again. Raises InputError while the
    clock runs, when no duel is open, and when the classes are others than at the freeze.
    """
    stands = _open(project)
    if stands.clock.end is None:
        left, budget = _short(stands.minutes_left), stands.frozen.minutes
        raise InputError(
            f"the clock still runs: {left} of {budget:g} minutes of labeling are left; work on the "
            "data, or give the duel up"
        )
    models = FourModels(
        Snapshot(project), stands.frozen, stands.clock, known=stands.outcome, progress=progress
    )
    outcome = models.outcome()._replace(n_answered=stands.ruled)
    models.fits.save(project)
    duel_log.put_outcome(project, stands.frozen.change_id, outcome, upto=models.snapshot.upto)
    return outcome


# -- verify ---------------------------------------------------------------------------------------


def ask_verify(project: Project, n: int, *, author: str) -> int:
    """Queue up to `n` rows that tell the two sides apart for a ruling, as one change.

    They are drawn by lot among the reservoir rows on which new data with the plain model and old
    data with the tuned one differ: every other row on which not all four models agree adds the
    same to both sides. Their labels never train. Raises InputError before the duel is measured,
    and when no such row is left.
    """
    if n < 1:
        raise InputError(f"expected one label or more, found {n}")
    with project.writing():
        stands = _open(project)
        if stands.outcome is None:
            raise InputError("decide the duel first: only then it is known which rows to ask about")
        left = _left(project, stands)
        if not left:
            raise InputError("no open row tells the two sides apart: call the duel a draw")
        drawn, number = left[:n], stands.frozen.change_id
        among = {"among": stands.outcome.to_verify, "left": len(left)}
        change = changes.add(
            project.db,
            "adjudicate",
            title=f"Verify {len(drawn)} rows for the duel of change {number}",
            author=author,
            at=now(),
            payload={VERIFIES: number, "asked": drawn} | among,
        )
        slots.publish(project.db, [
            NewSlot("verify", change, item, rank, "verify")
            for rank, item in enumerate(drawn, start=1)
        ])  # fmt: skip
    return change


def left_to_ask(project: Project, stands: Standing) -> int:
    """Rows that would tell the two sides apart and that nobody was asked about."""
    return len(_left(project, stands))


def _left(project: Project, stands: Standing) -> list[str]:
    if stands.outcome is None:
        return []
    made = duel_log.queues(changes.every(project.db), stands.frozen.change_id)
    asked = duel_log.asked_in(made)
    return [item for item in stands.outcome.to_verify if item not in asked]


# -- tables ---------------------------------------------------------------------------------------


def scores(outcome: Outcome) -> pd.DataFrame:
    """The four models' shares of right gold items: columns SCORES, old data first."""
    rows = [
        (
            f"{name} data",
            outcome.labels[name],
            outcome.scores[f"{name}_plain"],
            outcome.scores[f"{name}_tuned"],
            outcome.searched[name]["winner"],
        )
        for name in ("old", "new")
    ]
    return pd.DataFrame(rows, columns=SCORES)


def effects(outcome: Outcome) -> pd.DataFrame:
    """The five effects in points with 95 % intervals, and points an hour: columns EFFECTS.

    Only data and model have hours; the others are nan.
    """
    rows = []
    for name in Effects._fields:
        effect, hours = Interval(*outcome.effects[name]), outcome.hours.get(name, 0.0)
        rate = duel.per_hour(effect, hours) or Interval(np.nan, np.nan, np.nan)
        points = [100 * bound for bound in effect]
        rows.append((name, *points, hours or np.nan, *rate))
    return pd.DataFrame(rows, columns=EFFECTS)


def tried(outcome: Outcome) -> pd.DataFrame:
    """What the search tried, the best on the new data first: columns TRIED, `chosen` on which data.

    Accuracies on held-out training rows, for choosing: no headline.
    """
    old, new = (outcome.searched[name] for name in ("old", "new"))
    winners = {"old": old["winner"], "new": new["winner"]}
    rows = [
        (
            name,
            old["scores"].get(name, np.nan),
            new["scores"].get(name, np.nan),
            " and ".join(data for data in winners if winners[data] == name),
        )
        for name in {**new["scores"], **old["scores"]}
    ]
    frame = pd.DataFrame(rows, columns=TRIED)
    return frame.sort_values("new_data", ascending=False, kind="stable", ignore_index=True)
