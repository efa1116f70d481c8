"""The labeling session of one person: what their browser asks, and what it is told.

Everything here goes in and out as plain values for JSON. Who the person is was settled before: they
reach their own leases, answers and history, and nobody else's.
"""

from __future__ import annotations

import json
import statistics
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any, NamedTuple
from uuid import UUID

from labeling import answers, images, queue, review
from labeling.answers import Operation, Value
from labeling.errors import ForbiddenError, InputError, NotFoundError
from labeling.project import Project
from labeling.store import changes, events, items, slots
from labeling.store.slots import REVIEW, Slot

CUT = 100_000  # characters of a field that are sent at once
EXCERPT = 200
MOST_OPERATIONS = 500
MOST_ROWS = 100
PRESENT_SECONDS = 120
FEWEST_ANSWERS = 5  # before the pace is told
BATCH = "batch"

Json = dict[str, Any]


class Request(NamedTuple):
    """What a browser sends: what was done, what it holds, how many items it wants to have."""

    queue: int | None
    operations: list[Operation]
    holding: list[int]
    want: int
    beyond: bool
    leaving: bool
    label_set: int


def read_request(body: Mapping[str, Any]) -> Request:
    """Check what came over the network. Raises InputError naming what is wrong with it."""
    sent = body.get("ops", [])
    if not isinstance(sent, list) or len(sent) > MOST_OPERATIONS:
        raise InputError(f"ops: expected a list of at most {MOST_OPERATIONS} operations")
    wished = body.get("queue", BATCH)
    return Request(
        None if wished == BATCH else _number(wished, "queue"),
        [_operation(op) for op in sent],
        [_number(slot, "holding") for slot in _list(body.get("holding", []), "holding")],
        max(0, min(_number(body.get("want", 0), "want"), queue.MOST_IN_HAND)),
        bool(body.get("beyond")),
        bool(body.get("leaving")),
        _number(body.get("label_set", 0), "label_set"),
    )


def _operation(op: Any) -> Operation:
    if not isinstance(op, dict):
        raise InputError("ops: expected objects")
    kind, item = _text(op.get("kind"), "kind"), _text(op.get("item", ""), "item")
    if kind != "undo" and not item:
        raise InputError("item: expected the id of the item that was shown")
    return Operation(
        _uid(op.get("uid")),
        kind,
        item,
        None if op.get("slot") is None else _number(op["slot"], "slot"),
        _value(op.get("value")),
        None if op.get("target") is None else _text(op["target"], "target"),
        _number(op.get("ms", 0), "ms"),
        bool(op.get("shown")),
        None if op.get("label_set") is None else _number(op["label_set"], "label_set"),
    )


def _uid(value: Any) -> str:
    try:
        return str(UUID(value))
    except (ValueError, TypeError, AttributeError) as error:
        raise InputError("uid: expected a UUID") from error


def _text(value: Any, name: str) -> str:
    if not isinstance(value, str):
        raise InputError(f"{name}: expected text")
    if any("\ud800" <= letter <= "\udfff" for letter in value):
        raise InputError(f"{name}: expected text, found half a sign (a lone surrogate)")
    return value


def _number(value: Any, name: str) -> int:
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) < 2**53:
        raise InputError(f"{name}: expected a number")
    return int(value)


def _list(value: Any, name: str) -> list[Any]:
    if not isinstance(value, list) or len(value) > MOST_OPERATIONS:
        raise InputError(f"{name}: expected a list of at most {MOST_OPERATIONS}")
    return value


def _value(value: Any) -> Value:
    if value is None or isinstance(value, str):
        return value if value is None else _text(value, "value")
    return [_text(name, "value") for name in _list(value, "value")]


# -- the exchange ---------------------------------------------------------------------------------


def exchange(project: Project, person: str, request: Request, *, may_rule: bool) -> Json:
    """Record what was done, then fill the person's hand; receipts come after it is on disk.

    Raises ForbiddenError when a review queue is asked for by somebody who may not rule.
    """
    _check_queue(project, request.queue, may_rule)
    hand = queue.Hand([], [])
    with project.writing():
        receipts = answers.record(project, person, request.operations, may_rule=may_rule)
        if not request.leaving:
            hand = queue.take(
                project,
                person,
                queue=request.queue,
                want=request.want,
                holding=request.holding,
                beyond=request.beyond,
            )
    told: Json = {"receipts": [receipt._asdict() for receipt in receipts]}
    if request.leaving:
        return told
    with project.reading():
        return told | _told(project, person, request, hand)


def _check_queue(project: Project, change_id: int | None, may_rule: bool) -> None:
    if change_id is None:
        return
    if not slots.is_review(project.db, change_id):
        raise NotFoundError(f"there is no review queue {change_id}")
    if not may_rule:
        raise ForbiddenError("review queues are for reviewers")


def _told(project: Project, person: str, request: Request, hand: queue.Hand) -> Json:
    change = queue.current_batch(project) if request.queue is None else request.queue
    nothing = not hand.new and len(request.holding) == len(hand.gone)
    label_set = project.label_set
    return {
        "items": [view(project, person, slot) for slot in hand.new],
        "gone": hand.gone,
        "progress": progress(project, person, change),
        "done": summary(project, person, change) if nothing and request.want else None,
        "label_set": None if request.label_set == label_set.version else label_set_view(project),
    }


def progress(project: Project, person: str, change_id: int) -> Json:
    """How far the queue is, at what pace, who is labeling, and how long it will take."""
    db = project.db
    change = changes.get(db, change_id)
    answered, total, mine = queue.progress(project, person, queue=change_id)
    pace = events.recent_ms(db, person)
    seconds = statistics.median(pace) / 1000 if len(pace) >= FEWEST_ANSWERS else None
    people = present(project) | {person}
    left = total - answered
    return {
        "queue": change_id,
        "title": change.title if change else "",
        "round": change.payload.get("round") if change else None,
        "answered": answered,
        "total": total,
        "items": slots.n_items(db, change_id),
        "mine": mine,
        "left": left,
        "people": len(people),
        "seconds_per_item": seconds,
        "minutes_left": None if seconds is None else left * seconds / len(people) / 60,
        "saved": events.count_of(db, change_id, person),
    }


def present(project: Project) -> set[str]:
    """Who has said something in the last two minutes."""
    since = datetime.now(UTC) - timedelta(seconds=PRESENT_SECONDS)
    return events.lately(project.db, since=since.isoformat(timespec="milliseconds"))


def summary(project: Project, person: str, change_id: int) -> Json:
    """What somebody did in a queue, for when nothing is left in it for them."""
    db = project.db
    answered, total, mine = queue.progress(project, person, queue=change_id)
    facts = events.tally(db, change_id, person)
    given = [fact for fact in facts if fact[0] in ("label", "adjudicate")]
    return {
        "answered": answered,
        "total": total,
        "mine": mine,
        "minutes": events.ms_in(db, change_id, person) / 60_000,
        "skipped": sum(n for kind, _, n in facts if kind == "skip"),
        "flagged": sum(n for kind, _, n in facts if kind == "flag"),
        "by_class": [{"label": _shown(project, value), "n": n} for _, value, n in given],
        "with_others": total - answered,
        "can_go_on": slots.has_extra(db, change_id),
    }


def label_set_view(project: Project) -> Json:
    """The label set as a session shows it: classes in the order of their keys, with examples."""
    label_set = project.label_set
    return {
        "version": label_set.version,
        "multi": label_set.multi,
        "guideline": label_set.guideline,
        "classes": [
            {
                "name": name,
                "means": label_set.examples.get(name, {}).get("means", ""),
                "examples": label_set.examples.get(name, {}).get("examples", []),
            }
            for name in label_set.classes
        ],
    }


# -- an item --------------------------------------------------------------------------------------


def view(project: Project, person: str, slot: Slot) -> Json:
    """A slot as it is shown."""
    seen = _item(project, person, slot.item_id, cut=CUT)
    shown = queue.suggestion_shown(project, slot, person)
    in_review = slot.queue in REVIEW
    change = changes.get(project.db, slot.change_id)
    return seen | {
        "slot": slot.slot_id,
        "queue": slot.queue,
        "why": {
            "text": queue.why(slot),
            "strategy": slot.why,
            "score": slot.score,
            "round": change.payload.get("round") if change else None,
            "next_best": slot.queue == "extra",
        },
        "suggestion": _suggestion(project, slot) if shown else None,
        "current": _shown(project, queue.current_label(project, slot.item_id))
        if in_review
        else None,
        "answers": _evidence(project, slot.item_id) if in_review else [],
    }


def _suggestion(project: Project, slot: Slot) -> Json:
    return {"label": _shown(project, slot.suggested), "probability": slot.probability}


def whole_item(project: Project, person: str, item_id: str) -> Json:
    """An item that this person holds or has answered, uncut. Raises NotFoundError for others."""
    _check_reach(project, person, item_id)
    return _item(project, person, item_id, cut=None)


def image(project: Project, person: str, item_id: str) -> tuple[bytes, str]:
    """The encoded image of such an item, and its media type. Raises NotFoundError."""
    _check_reach(project, person, item_id)
    data = items.image(project.db, item_id)
    if data is None:
        raise NotFoundError(f"item {item_id[:80]} is no image")
    return images.for_browser(data)


def _check_reach(project: Project, person: str, item_id: str) -> None:
    in_hand = slots.is_held(project.db, item_id, person)
    if not in_hand and not events.has_answered(project.db, person, item_id):
        raise NotFoundError(f"there is no item {item_id[:80]} in your hands or your history")


def _item(project: Project, person: str, item_id: str, *, cut: int | None) -> Json:
    item = items.get(project.db, item_id)
    if item is None:
        raise NotFoundError(f"there is no item {item_id[:80]}")
    kind = project.content.kind
    content = {} if kind == "image" else json.loads(item.content)
    repaired = events.edits_of(project.db, item_id)
    return {
        "slot": None,
        "item": item_id,
        "kind": kind,
        "fields": [_field(name, value, repaired, cut) for name, value in content.items()],
        "notes": [
            {"text": text, "at": at} for text, at in events.notes_of(project.db, person, item_id)
        ],
    }


def _field(
    name: str, value: str | None, repaired: Mapping[str, str | None], cut: int | None
) -> Json:
    now = repaired.get(name, value)
    return {
        "name": name,
        "value": now if now is None else str(now)[:cut],
        "was": value if now != value else None,
        "length": len(str(now or "")),
    }


def _evidence(project: Project, item_id: str) -> list[Json]:
    return [
        {
            "annotator": said.annotator,
            "label": _shown(project, said.label),
            "at": said.at,
            "seconds": said.seconds,
            "comment": "\n".join(said.comments),
            "ruling": said.ruling,
        }
        for said in review.evidence(project, item_id)
    ]


def _shown(project: Project, value: str | None) -> Value:
    """A stored answer for the browser: a list of classes where there may be many."""
    if value is None or not project.label_set.multi:
        return value
    return list(json.loads(value))


# -- one's own history ----------------------------------------------------------------------------


def history(
    project: Project, person: str, *, search: str = "", before: int | None = None, limit: int = 50
) -> Json:
    """One's own standing answers, newest first, whose content or label holds the words."""
    wanted = _folded(search)
    limit = max(1, min(limit, MOST_ROWS))
    rows = events.history_of(project.db, person, before=2**62 if before is None else before)
    found = list(islice(_matching(project, rows, wanted), limit + 1))
    return {"rows": found[:limit], "more": len(found) > limit}


def _matching(project: Project, rows: Iterable[Sequence[Any]], wanted: str) -> Iterable[Json]:
    is_image = project.content.kind == "image"
    for seq, uid, item_id, kind, value, at, content in rows:
        text = "" if is_image else _excerpt_source(content)
        shown = None if kind == "flag" else _shown(project, value)
        words = shown if isinstance(shown, str) else ", ".join(shown or ())
        if wanted and wanted not in _folded(f"{text}\n{words}"):
            continue
        yield {
            "seq": seq,
            "uid": uid,
            "item": item_id,
            "kind": "skip" if kind == "flag" else kind,
            "value": shown,
            "at": at,
            "excerpt": text[:EXCERPT] if text else f"image {item_id[:12]}",
            "can_correct": True,
        }


def _excerpt_source(content: str) -> str:
    values = json.loads(content)
    if len(values) == 1:
        return str(next(iter(values.values())) or "")
    return ", ".join(f"{name}: {value}" for name, value in values.items() if value is not None)


def _folded(text: str) -> str:
    return unicodedata.normalize("NFKC", text).casefold().strip()
