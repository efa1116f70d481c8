"""Queues: who is asked what. Items are leased, so that two people never get the same slot."""

from __future__ import annotations

import hashlib
import json
import time
from collections import Counter
from collections.abc import Collection
from typing import NamedTuple

from labeling.answers import annotator_name
from labeling.errors import InputError
from labeling.project import Project
from labeling.store import changes, events, items, slots
from labeling.store.evidence import DOUBT
from labeling.store.slots import REVIEW, Slot

MOST_IN_HAND = 20
FEW = 2  # next-best items handed out at a time, so that the batch itself comes first again
WHY = {
    "seed": "no model can tell the classes apart yet: an item of each kind is asked",
    "random": "drawn at random: the control arm that shows what active choice saves",
    "gold": "drawn at random from the reservoir: it measures the model and never trains it",
    "margin_spread": "the model wavers between two classes here, and this item stands for others",
    "typical_margin": "the model wavers between two classes here, and many items resemble this one",
    "margin": "the model's two best classes are closest here",
    "entropy": "the model is least sure over all classes here",
    "least_confident": "the model's best guess is weakest here",
    "vote_entropy": "models that saw other labels vote apart here",
    "consensus_entropy": "models that saw other labels are unsure together here",
    "max_disagreement": "one model that saw other labels stands alone here",
    "model_votes": "models of different kinds vote apart here",
    "ranked_batch": "the item is far from what is labelled, or the model is unsure of it",
    "badge": "its label would move the model far, and elsewhere than the other items do",
    "coreset": "the item is far from everything that is labelled",
    "relabel": "a check suspects this label",
    "disagreement": "people answered this item differently",
    "verify": "two models disagree here",
}
SECOND = "a second opinion, asked of a random share of the items: it measures how far people agree"
DOUBTED = "asked again: the model doubts this label"
WORTH = "asked again: of all labels one more vote is worth most here"
NEXT_BEST = "next best behind the batch"


class Asked(NamedTuple):
    """An item as it is shown to an annotator."""

    slot: Slot
    item_id: str
    content: dict[str, str | None]
    image: bytes | None
    why: str
    current_label: str | None


class Hand(NamedTuple):
    """What somebody has in hand: new slots in order, and held ones that are not theirs any more."""

    new: list[Slot]
    gone: list[int]


class Progress(NamedTuple):
    """How far a queue is: answered and asked in all, and how many of the answers are this person's.

    Second opinions and what comes behind a batch are not counted.
    """

    answered: int
    total: int
    mine: int


def current_batch(project: Project) -> int:
    """The change of the newest batch."""
    return changes.last_batch(project.db)


def take(
    project: Project,
    annotator: str,
    *,
    queue: int | None = None,
    want: int = 1,
    holding: Collection[int] = (),
    beyond: bool = False,
) -> Hand:
    """Fill somebody's hand up to `want` slots of a queue, the current batch if none is named.

    `holding` are slots that they have already: those still theirs are kept for longer. When a batch
    runs low everybody gets a fair share, and whoever would get nothing while others still hold the
    last items gets the next best ones; once it is answered these are handed out only `beyond` it.
    """
    annotator = annotator_name(annotator)
    with project.writing():
        taking = _Taking(project, annotator, queue)
        kept = taking.keep(holding)
        room = min(want, MOST_IN_HAND) - len(kept)
        new = taking.fill(kept, room) if room > 0 else []
        if taking.is_exhausted and len(kept) + len(new) < min(FEW, want):
            new += taking.next_best(room - len(new), beyond=beyond)
    return Hand(new, [slot for slot in holding if slot not in kept])


class _Taking:
    """One person taking slots at one moment."""

    def __init__(self, project: Project, annotator: str, queue: int | None) -> None:
        self.db, self.annotator = project.db, annotator
        batch = current_batch(project)
        self.queue = batch if queue is None else queue
        self.is_batch = self.queue == batch
        self.now, self.lease = time.time(), 60 * project.config["lease_minutes"]
        self.until = self.now + self.lease
        self.is_exhausted = False

    def keep(self, holding: Collection[int]) -> set[int]:
        """Those of the held slots that are still this person's; their leases last longer now."""
        mine = {slot.slot_id for slot in slots.held_of(self.db, holding, self.annotator)}
        stale = self.until - self.lease / 3
        slots.renew(self.db, mine, self.annotator, until=self.until, stale=stale)
        return mine

    def fill(self, kept: Collection[int], room: int) -> list[Slot]:
        """What this person had in hand before (a reload), then a fair share of what is free."""
        had = slots.held(self.db, self.queue, self.annotator)
        again = [slot for slot in had if slot.slot_id not in kept][:room]
        ids = [slot.slot_id for slot in again]
        slots.renew(self.db, ids, self.annotator, until=self.until, stale=self.until)
        enough = MOST_IN_HAND * MOST_IN_HAND
        free, others = slots.demand(self.db, self.queue, self.annotator, now=self.now, most=enough)
        share = min(room - len(again), max(1, free // (others + 1)))
        fresh = self._lease(share, extra=False) if share > 0 else []
        self.is_exhausted = self.is_batch and (len(fresh) < share or len(fresh) == free)
        return again + fresh

    def next_best(self, room: int, *, beyond: bool) -> list[Slot]:
        """Items behind the batch, if it is wished or the batch's last items are with others."""
        if beyond:
            return self._lease(room, extra=True)
        others = slots.demand(self.db, self.queue, self.annotator, now=self.now, most=1).people
        return self._lease(min(room, FEW), extra=True) if others else []

    def _lease(self, n: int, *, extra: bool) -> list[Slot]:
        return slots.lease(
            self.db, self.queue, self.annotator, now=self.now, until=self.until, n=n, extra=extra
        )


def next_item(project: Project, annotator: str, *, queue: int | None = None) -> Asked | None:
    """Lease the next item for this person; None when nothing is left in the queue for them."""
    hand = take(project, annotator, queue=queue)
    return asked(project, hand.new[0]) if hand.new else None


def asked(project: Project, slot: Slot) -> Asked:
    """A slot with its item."""
    item = items.get(project.db, slot.item_id)
    if item is None:
        raise InputError(f"there is no item {slot.item_id}")
    is_image = project.content.kind == "image"
    standing = current_label(project, slot.item_id) if slot.queue in REVIEW else None
    return Asked(
        slot,
        slot.item_id,
        {} if is_image else json.loads(item.content),
        items.image(project.db, slot.item_id) if is_image else None,
        why(slot),
        standing,
    )


def why(slot: Slot) -> str:
    """Why an item is asked, in words."""
    if slot.why == DOUBT:
        score = slot.score or 0.0
        return f"{DOUBTED if score < 0.5 else WORTH} (score {score:.2f})".replace("0.", ".")
    if slot.queue == "second":
        return SECOND
    reason = WHY.get(slot.why, slot.why)
    return f"{NEXT_BEST}; {reason}" if slot.queue == "extra" else reason


def current_label(project: Project, item_id: str) -> str | None:
    """What stands for an item so far: the newest ruling, else what most people say.

    None while nobody leads.
    """
    ruling = events.ruling_of(project.db, item_id)
    answers = events.annotations_of(project.db, item_id)
    votes = Counter(value for _, kind, value in answers if kind == "label")
    (first, n), (_, next_best) = [*votes.most_common(2), (None, 0), (None, 0)][:2]
    return ruling or (first if n > next_best else None)


def suggestion_shown(project: Project, slot: Slot, annotator: str) -> bool:
    """Whether this person sees what the model would say.

    Never on gold, which measures the model, nor on a ruling; elsewhere hidden on a random share of
    items and people that is fixed for ever, so that the suggestion's influence can be measured.
    """
    if slot.suggested is None or slot.why == "gold" or slot.queue in REVIEW:
        return False
    lot = hashlib.sha256(f"{project.seed}:hide:{slot.item_id}:{annotator}".encode()).digest()
    share = int.from_bytes(lot[:8], "big") / 2**64
    return share >= float(project.config["suggestions_hidden"])


def progress(project: Project, annotator: str, *, queue: int) -> Progress:
    """How far a queue is."""
    answered, total = slots.progress(project.db, queue)
    return Progress(answered, total, slots.answered_by(project.db, queue, annotator))
