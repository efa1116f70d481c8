"""Verified gain: a queue of the reservoir rows on which two rounds disagree, and what it showed.

The rulings of a verify queue never train: they are about reservoir items. Rows are drawn by lot,
and the lot is written down, so that labels of all rounds can be weighed together later.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from labeling.core import gold, sequential, verified
from labeling.core.gold import Decision
from labeling.core.log import DataVersion, Standing
from labeling.core.models import ModelConfig
from labeling.core.sequential import Look
from labeling.core.verified import Verified
from labeling.errors import InputError
from labeling.fits import Fits
from labeling.project import Project, derive_seed, now
from labeling.store import changes, evidence, slots
from labeling.store import rounds as store
from labeling.store.changes import Change
from labeling.store.items import Item
from labeling.store.rounds import Round
from labeling.store.slots import NewSlot
from labeling.versions import Snapshot

VERIFY = "verify"


class Gain(NamedTuple):
    """What round `last` gained over round `first`, from every label that bears on it.

    `look` is what may be read after each ruling: the direction; None while nothing was asked.
    `waiting` verify rows are still to be ruled on, of `skipped` nobody could say what they are.
    """

    first: int
    last: int
    found: Verified
    look: Look | None
    waiting: int
    skipped: int

    def in_words(self) -> str:
        """The gain as one line."""
        return f"round {self.last} against round {self.first}: {verified.in_words(self.found)}"


def measure(project: Project, *, first: int | None = None, last: int | None = None) -> Gain:
    """The verified gain between two closed rounds, the last two if none is named.

    Predictions are read from the store; those of a reservoir that has grown since are computed and
    stored. Raises InputError when there are no two such rounds.
    """
    return _Pair(project, first, last).gain()


def newest(project: Project) -> Gain | None:
    """The gain of the last two closed rounds, where somebody has ruled on rows asked for it.

    None without such a ruling, which costs next to nothing to say.
    """
    closed, queues = store.every(project.db), _queues(changes.every(project.db))
    pair = [each.round_no for each in closed[-2:]]
    if project.label_set.multi or not any(q.payload[VERIFY] == pair for q in queues):
        return None
    found = measure(project)
    return found if found.look is not None and found.look.n_labels else None


def ask(
    project: Project, n: int, *, author: str, first: int | None = None, last: int | None = None
) -> int:
    """Queue up to `n` disagreements of two closed rounds for a ruling, as one change.

    Raises InputError when every one of them is known or asked already.
    """
    if n < 1:
        raise InputError(f"expected one label or more, found {n}")
    return _Pair(project, first, last).publish(n, author=author)


def plan(
    project: Project, delta: float, *, first: int | None = None, last: int | None = None
) -> verified.Plan:
    """What it would take to decide a gain of `delta`, a fraction, between two closed rounds."""
    differs = _Pair(project, first, last).differs
    return verified.plan(delta, n_differ=int(differs.sum()), n_rows=len(differs))


def decide(project: Project, *, first: int | None = None, last: int | None = None) -> Decision:
    """Whether to keep what came between two closed rounds, by half of the rulings.

    The other half reports the gain, so that the report is not flattered by the choice. The coin of
    an item falls the same for every pair, so that no ruling ever does both. Nothing is kept before
    a ruling was given that was asked for this pair; gold has no voice, it may have decided before.
    """
    return _Pair(project, first, last).decision()


class _Pair:
    """Two closed rounds, their predictions of the reservoir, and what is known of its rows."""

    def __init__(self, project: Project, first: int | None, last: int | None) -> None:
        if project.label_set.multi:
            raise InputError("a gain is verified where an item has one class; here it has several")
        self.project, self.snapshot = project, Snapshot(project)
        self.rounds = _two(store.every(project.db), first, last)
        self.queues = _queues(self.snapshot.changes)
        standing = self.snapshot.standing(DataVersion(self.snapshot.upto))
        reserved = [self.snapshot.items[row] for row in self.snapshot.reservoir]
        self.kept = np.array([item.item_id not in standing.excluded for item in reserved], bool)
        self.items = [item for item in reserved if item.item_id not in standing.excluded]
        self.ids = [item.item_id for item in self.items]
        self.rulings = self._rulings(standing)
        self.old, self.new = self._predictions()
        self.differs = verified.differ(self.old, self.new)

    def _rulings(self, standing: Standing) -> dict[str, tuple[int, str]]:
        """What was said of rows that a lot fell on: when, and the label."""
        asked = self._asked(self.queues)
        return {
            item: (event.seq, str(event.value))
            for item, event in standing.rulings.items()
            if item in asked
        }

    def _predictions(self) -> tuple[np.ndarray, np.ndarray]:
        fits = Fits(self.snapshot)
        old, new = (
            fits.of_version(_version(closed), ModelConfig(**closed.config["model"]))[self.kept]
            for closed in self.rounds
        )
        if fits.new:
            fits.save(self.project)
        return old, new

    def truth(self) -> np.ndarray:
        """True codes of the rows, int64 (N,), -1 where nobody drew and labelled them."""
        known = self.snapshot.gold() | {item: label for item, (_, label) in self.rulings.items()}
        code = self.snapshot.code
        return np.array([code.get(known.get(item, ""), -1) for item in self.ids], dtype=np.int64)

    def gain(self) -> Gain:
        truth, own = self.truth(), self._own_queues()
        asked = self._asked(own)
        unsaid = asked - self.rulings.keys()
        waiting = unsaid & evidence.queued_for_review(self.project.db)
        found = verified.gain(self.old, self.new, truth, strata=strata(self.items, self.queues))
        skipped = len(unsaid - waiting)
        return Gain(*self._numbers, found, self._look(truth, own), len(waiting), skipped)

    def decision(self) -> Decision:
        """Rows that other pairs asked about are a stratum of their own: they are no fair sample.

        Without them the rest would stand for the whole: rows on which models seldom disagree, and
        the older one is too often right. Gold is drawn by chance, so that it can be left out.
        """
        own = self._asked(self._own_queues())
        asked = self._asked(self.queues)
        drawn = self.snapshot.gold().keys() - asked
        rows = np.array([item not in drawn for item in self.ids], dtype=bool)
        ids = [item for item in self.ids if item not in drawn]
        told = self.rulings.keys() if own & self.rulings.keys() else set()
        known = np.array([item in told for item in ids], dtype=bool)
        elsewhere = np.array([item in asked - own for item in ids], dtype=np.int64)
        return gold.decide(
            np.where(known, self._won(self.truth())[rows], np.nan),
            self.differs[rows],
            gold.decides(ids, seed=self.snapshot.seed),
            strata=elsewhere,
        )

    @staticmethod
    def _asked(queues: Sequence[Change]) -> set[str]:
        return {item for queue in queues for item in queue.payload["asked"]}

    def _won(self, truth: np.ndarray, at: np.ndarray | slice = slice(None)) -> np.ndarray:
        """Right with the new model less right with the old, float, at some rows."""
        new, old = (model[at] == truth[at] for model in (self.new, self.old))
        return np.asarray(new.astype(float) - old)

    @property
    def _numbers(self) -> tuple[int, int]:
        return self.rounds[0].round_no, self.rounds[1].round_no

    def _own_queues(self) -> list[Change]:
        return [queue for queue in self.queues if queue.payload[VERIFY] == [*self._numbers]]

    def _look(self, truth: np.ndarray, own: Sequence[Change]) -> Look | None:
        """The direction among the rows that were left when this pair's first lot fell."""
        if not own:
            return None
        row = {item: nth for nth, item in enumerate(self.ids)}
        asked = self._asked(own) & row.keys()
        told = sorted((self.rulings[item][0], item) for item in asked & self.rulings.keys())
        at = np.array([row[item] for _, item in told], dtype=np.int64)
        at = at[truth[at] >= 0]
        return sequential.look(self._won(truth, at), n_differ=own[0].payload["left"])

    def publish(self, n: int, *, author: str) -> int:
        """Draw a lot and write the queue: what was asked, among which rows, how many were left."""
        first, last = self._numbers
        with self.project.writing():
            self.queues = _queues(changes.every(self.project.db))  # one may have come meanwhile
            lot = self._lot()
            if not len(lot):
                raise InputError("no disagreement of these rounds is left to ask about")
            drawn = [self.ids[row] for row in lot[:n]]
            among = [self.ids[row] for row in np.flatnonzero(self.differs)]
            change = changes.add(
                self.project.db,
                "adjudicate",
                title=f"Verify {len(drawn)} disagreements of rounds {first} and {last}",
                author=author,
                at=now(),
                payload={VERIFY: [first, last], "asked": drawn, "among": among, "left": len(lot)},
            )
            slots.publish(self.project.db, [
                NewSlot(VERIFY, change, item, rank, VERIFY)
                for rank, item in enumerate(drawn, start=1)
            ])  # fmt: skip
        return change

    def _lot(self) -> np.ndarray:
        """Disagreements that no lot fell on and that are no gold, in random order.

        Rows that wait for a ruling of another kind stay in: to leave them out would be a choice.
        """
        asked = self._asked(self.queues)
        known = np.array([item in asked for item in self.ids], dtype=bool) | (self.truth() >= 0)
        seed = derive_seed(self.project.seed, VERIFY, *self._numbers, len(self.queues))
        rng = np.random.default_rng(seed)
        return verified.ask(self.differs, known, n=len(self.ids), rng=rng)


def pair_of(queue: Change) -> tuple[int, int]:
    """The two rounds that a verify queue was asked for, the earlier first."""
    first, last = queue.payload[VERIFY]
    return int(first), int(last)


def ruled_on(snapshot: Snapshot) -> list[str]:
    """Items of all verify queues that somebody has ruled on."""
    rulings = snapshot.standing(DataVersion(snapshot.upto)).rulings
    asked = {item for queue in _queues(snapshot.changes) for item in queue.payload["asked"]}
    return sorted(asked & rulings.keys())


def strata(rows: Sequence[Item], queues: Sequence[Change]) -> np.ndarray:
    """Rows that had the same chances: in which lots they were, and which import brought them.

    Gold is drawn from what is there, so that earlier imports have more of it. One code a row, int.
    """
    ids, lots = [item.item_id for item in rows], [set(each.payload["among"]) for each in queues]
    eligible = [[item in lot for item in ids] for lot in lots]
    imports = sorted({item.change_id for item in rows})
    eligible += [[item.change_id == each for item in rows] for each in imports]
    return verified.signatures(np.array(eligible, dtype=bool).reshape(-1, len(rows)))


def _queues(made: Sequence[Change]) -> list[Change]:
    return [change for change in made if VERIFY in change.payload]


def two_rounds(project: Project, first: int | None, last: int | None) -> tuple[Round, Round] | None:
    """Two closed rounds, the last two if none is named; None while there are not two to choose.

    Raises InputError when a named one is not closed.
    """
    closed = store.every(project.db)
    if len(closed) < 2 and first is None and last is None:
        return None
    return _two(closed, first, last)


def _two(closed: Sequence[Round], first: int | None, last: int | None) -> tuple[Round, Round]:
    by_number = {each.round_no: each for each in closed}
    newest = max(by_number, default=0)
    last = newest if last is None else last
    first = last - 1 if first is None else first
    if first not in by_number or last not in by_number or first == last:
        raise InputError(
            f"expected two closed rounds, found {first} and {last}: "
            f"{len(closed)} round{'s are' if len(closed) != 1 else ' is'} closed"
        )
    return by_number[first], by_number[last]


def _version(closed: Round) -> DataVersion:
    return DataVersion(closed.upto_event, policy=closed.config["policy"])
