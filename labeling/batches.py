"""Batches: which items are asked next, and why: by strategy, as control, as gold."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Container, Iterator, Sequence
from typing import NamedTuple

import numpy as np

from labeling import choosing, opinions
from labeling.choosing import RANDOM, SEED, Learned, Pick
from labeling.core import second_opinions
from labeling.project import Project, derive_seed, now
from labeling.store import changes, events, evidence, items, slots
from labeling.store.evidence import DOUBT
from labeling.store.slots import NewSlot

GOLD = "gold"


class Plan(NamedTuple):
    """What a batch asks, in order, and the next best items behind it for when it runs low."""

    asked: list[Pick]
    behind: list[Pick]


def publish_seed(project: Project) -> int:
    """The first batch, chosen before there is a model; returns its change."""
    return write(project, plan(project, round_no=1, learned=None), round_no=1, strategy=SEED)


def plan(
    project: Project,
    *,
    round_no: int,
    learned: Learned | None,
    known: Container[str] | None = None,
) -> Plan:
    """Choose a batch without writing it.

    Only `known` items are chosen, where they are named: an import may have come in meanwhile. While
    no model tells classes apart, the strategy's seed set is asked: an item of each kind there is.
    """
    config, rng = project.config, _rng(project, "batch", round_no)
    fresh = [i for i in _candidates(project, rng) if known is None or i in known]
    again = _asked_again(project, learned, fresh)
    size = min(config["batch_size"] - len(again), len(fresh))
    asked, behind = choosing.chosen_and_control(project, fresh, learned, size=size, rng=rng)
    return Plan(_interleave(asked, again + _gold_draws(project), rng), behind)


def _asked_again(project: Project, learned: Learned | None, fresh: Sequence[str]) -> list[Pick]:
    """Labels that one more person is asked about, without a suggestion: it would lead them."""
    if learned is None or learned.voted is None:
        return []
    again = opinions.asked_again(
        project,
        learned.voted,
        lambda: learned.proba(fresh),
        size=project.config["batch_size"],
        gone=_in_other_hands(project),
    )
    return [Pick(item, DOUBT, confidence) for item, confidence in again]


def _in_other_hands(project: Project) -> set[str]:
    """Labelled items that nobody need be asked about: somebody is at it, or they are out."""
    leased = slots.leased_items(project.db, now=time.time())
    return leased | evidence.queued_for_review(project.db) | items.excluded(project.db)


def write(project: Project, planned: Plan, *, round_no: int, strategy: str) -> int:
    """Publish a batch as a change of kind round.

    Items that were answered or taken in hand in the meantime are left out.
    """
    title = f"Round {round_no}: {'seed set' if strategy == SEED else strategy}"
    with project.writing():
        gone = items.labelled(project.db) - set(_reservoir_not_gold(project))
        gone |= slots.leased_items(project.db, now=time.time())  # taken while it was computed
        taken = _in_other_hands(project)
        kept = [
            pick
            for pick in planned.asked
            if pick.item_id not in (taken if pick.why == DOUBT else gone)
        ]
        behind = [pick for pick in planned.behind if pick.item_id not in gone]
        change = changes.add(
            project.db,
            "round",
            title=title,
            author="groundwork",
            at=now(),
            payload={
                "round": round_no,
                "strategy": strategy,
                "gold": [pick.item_id for pick in kept if pick.why == GOLD],
            },
        )
        slots.publish(project.db, _slots(project, change, round_no, kept, behind))
    return change


def _slots(
    project: Project, change: int, round_no: int, asked: Sequence[Pick], behind: Sequence[Pick]
) -> Iterator[NewSlot]:
    """A slot for every answer asked for: the overlap, second opinions, what comes behind."""
    overlap, second = project.config["overlap"], _second_opinions(project, round_no, asked)
    for rank, pick in enumerate(asked, start=1):
        first = 0 if pick.why == DOUBT else overlap
        for queue in ["batch"] * first + ["second"] * (pick.item_id in second):
            yield _slot(queue, change, rank, pick)
    for rank, pick in enumerate(behind, start=len(asked) + 1):
        yield _slot("extra", change, rank, pick)


def _slot(queue: str, change: int, rank: int, pick: Pick) -> NewSlot:
    facts = (pick.why, pick.score, pick.suggested, pick.probability)
    return NewSlot(queue, change, pick.item_id, rank, *facts)


def _second_opinions(project: Project, round_no: int, asked: Sequence[Pick]) -> set[str]:
    """Items that one more person is asked about: a random share of the new ones, doubted labels."""
    rng, overlap = _rng(project, "second", round_no), project.config["second_opinions"].overlap
    pool = [pick.item_id for pick in asked if pick.why not in (GOLD, DOUBT)]
    doubted = {pick.item_id for pick in asked if pick.why == DOUBT}
    return doubted | {pool[i] for i in second_opinions.overlap(len(pool), overlap, rng)}


def _rng(project: Project, *names: object) -> np.random.Generator:
    return np.random.default_rng(derive_seed(project.seed, *names))


def _candidates(project: Project, rng: np.random.Generator) -> list[str]:
    """Unlabelled pool items in random order, one a cluster; skipped ones if none is fresh."""
    db = project.db
    gone = items.labelled(db) | items.excluded(db) | slots.leased_items(db, now=time.time())
    everything = items.clusters(db, "pool")
    known = {cluster for item, cluster in everything if item in gone}
    free = [(item, cluster) for item, cluster in everything if item not in gone]
    free = [free[i] for i in rng.permutation(len(free))]
    first: dict[str, str] = {}
    for item, cluster in free:
        if cluster not in known:
            first.setdefault(cluster, item)
    skipped = items.skipped(db)
    fresh = [item for item in first.values() if item not in skipped]
    return fresh or [item for item, _ in free]


def _reservoir_not_gold(project: Project) -> list[str]:
    trusted = items.trusted(project.db)
    return [item for item, _ in items.clusters(project.db, "reservoir") if item not in trusted]


def _gold_draws(project: Project) -> list[Pick]:
    """Random draws from the reservoir, until the gold target stands, in an order fixed for ever.

    Draws that somebody skipped are asked of the others too, beside the new ones.
    """
    config, db = project.config, project.db
    missing = config["gold_target"] - len(items.trusted(db) - items.excluded(db))
    wanted = min(config["gold_per_batch"], max(0, missing))
    gone = items.excluded(db) | slots.leased_items(db, now=time.time())
    skipped, hopeless = items.skipped(db), _skipped_by_all(project)

    def lot(item: str) -> bytes:
        return hashlib.sha256(f"{project.seed}:gold:{item}".encode()).digest()

    free = sorted((i for i in _reservoir_not_gold(project) if i not in gone), key=lot)
    fresh = [item for item in free if item not in skipped][:wanted]
    waiting = [item for item in free if item in skipped and item not in hopeless][:wanted]
    return [Pick(item, GOLD, None) for item in fresh + waiting]


def skipped_gold(project: Project) -> int:
    """Gold draws that somebody skipped and nobody has answered: hard ones that gold lacks."""
    db = project.db
    return len((items.skipped(db) & changes.drawn(db)) - items.trusted(db))


def _skipped_by_all(project: Project) -> set[str]:
    """Items that nobody is left for: hard ones stay in gold as long as somebody can be asked."""
    answers = events.answers(project.db)
    people = {who for _, who, _, _, _ in answers if not who.startswith(("import:", "gold:"))}
    skips: dict[str, set[str]] = {}
    for item, who, kind, _, _ in answers:
        if kind == "skip":
            skips.setdefault(item, set()).add(who)
    return {item for item, by in skips.items() if by >= people}


def _interleave(pool: list[Pick], gold: list[Pick], rng: np.random.Generator) -> list[Pick]:
    """Chosen items stay best first; gold and control fall on random places, so nobody can tell."""
    chosen = [pick for pick in pool if pick.why not in (SEED, RANDOM)]
    mixed = [pick for pick in pool if pick.why in (SEED, RANDOM)] + gold
    places = set(rng.permutation(len(pool) + len(gold))[: len(mixed)].tolist())
    blind = iter([mixed[i] for i in rng.permutation(len(mixed))])
    ranked = iter(chosen)
    return [next(blind) if i in places else next(ranked) for i in range(len(pool) + len(gold))]
