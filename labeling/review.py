"""Review: what people disagree about, the queues of rulings, and the evidence beside each item."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import pandas as pd

from labeling import fixes, issues
from labeling.core import labels
from labeling.errors import InputError
from labeling.project import Project, now
from labeling.store import changes, items, slots
from labeling.store import evidence as store
from labeling.store.evidence import ReviewQueue, Said, Vote
from labeling.store.slots import NewSlot

COLUMNS = ["item_id", "n_answers", "agreement", "answers", "queued"]


class Evidence(NamedTuple):
    """What one person said of an item: the label (None: skipped or only a comment) and comments.

    A `ruling` is the reviewer's that stands so far.
    """

    annotator: str
    label: str | None
    at: str
    seconds: float
    comments: tuple[str, ...] = ()
    ruling: bool = False


def disagreements(project: Project) -> pd.DataFrame:
    """Items whose standing labels differ and that no later ruling settles, least agreement first.

    Agreement is the share of pairs of answers that are equal, in [0, 1); among equals the item
    with more answers comes first, then the one disputed longest. Pool and gold, without what was
    taken out of the data. `queued`: a ruling is asked for already.
    """
    out, waiting = items.excluded(project.db), store.queued_for_review(project.db)
    votes: dict[str, list[Vote]] = {}
    for vote in store.disputed(project.db):
        if vote.item_id not in out:
            votes.setdefault(vote.item_id, []).append(vote)
    multi = project.label_set.multi
    rows = [
        (item_id, len(given), _agreement(given), _in_words(given, multi=multi), item_id in waiting)
        for item_id, given in votes.items()
    ]
    frame = pd.DataFrame(rows, columns=COLUMNS)
    order = frame.sort_values(
        ["agreement", "n_answers"], ascending=[True, False], kind="stable", ignore_index=True
    )
    return order.astype({"queued": bool})


def _by_label(given: Iterable[Vote]) -> dict[str, list[str]]:
    """Who said what, the label with most voices first."""
    people: dict[str, list[str]] = {}
    for vote in given:
        people.setdefault(vote.label, []).append(vote.annotator)
    return dict(sorted(people.items(), key=lambda each: -len(each[1])))


def _agreement(given: Sequence[Vote]) -> float:
    sizes = [len(people) for people in _by_label(given).values()]
    return sum(n * (n - 1) for n in sizes) / (len(given) * (len(given) - 1))


def _in_words(given: Iterable[Vote], *, multi: bool) -> str:
    return " · ".join(
        f"{words(label, multi=multi)}: {', '.join(people)}"
        for label, people in _by_label(given).items()
    )


def words(value: str, *, multi: bool) -> str:
    """A stored label for people; in a multi-label project several classes, or none.

    >>> words("spam", multi=False), words('["a", "c"]', multi=True), words("[]", multi=True)
    ('spam', 'a + c', '(none of the classes)')
    """
    if not multi:
        return value
    return " + ".join(labels.decode(value)) or "(none of the classes)"


def open_disagreements(project: Project) -> int:
    """How many disagreements nobody has queued for a ruling yet."""
    return int((~disagreements(project)["queued"]).sum())


def adjudicate(project: Project, which: int | Sequence[str], *, author: str) -> int:
    """Queue disagreements for a ruling, as one change: the first `which`, or these items.

    What waits for a ruling already is left out. Raises InputError when nothing is left.
    """
    with project.writing():
        found = disagreements(project)
        found = found[~found["queued"]]
        found = found.head(which) if isinstance(which, int) else found[found["item_id"].isin(which)]
        if found.empty:
            raise InputError("none of these items is in dispute and not yet queued for a ruling")
        change = changes.add(
            project.db, "adjudicate", title=_title(len(found)), author=author, at=now()
        )
        slots.publish(project.db, [
            NewSlot("adjudicate", change, row.item_id, rank, "disagreement")
            for rank, row in enumerate(found.itertuples(index=False), start=1)
        ])  # fmt: skip
    return change


def _title(n: int) -> str:
    return f"Adjudicate {n} disagreement{'s' if n > 1 else ''}"


def suspects(project: Project) -> pd.DataFrame:
    """Open issues about a label, one an item, the most suspicious first, as in `issues.table`."""
    found = issues.table(project)
    open_ = fixes.relabelable(found[found["status"] == "open"])
    return open_.drop_duplicates("item_id").reset_index(drop=True)


def relabel(project: Project, n: int, *, author: str) -> int:
    """Queue the `n` most suspicious labels for a ruling, as one change.

    Raises InputError when no check suspects a label.
    """
    return fixes.relabel(project, list(suspects(project)["issue_id"].head(n)), author=author)


def queues(project: Project) -> list[ReviewQueue]:
    """The review queues that still ask for rulings, oldest first."""
    return [queue for queue in store.review_queues(project.db) if queue.open]


def titles(project: Project, *, keep: int | None = None) -> dict[int, str]:
    """The open review queues by change, as a list names them; `keep` one that may be done."""
    found = [q for q in store.review_queues(project.db) if q.open or q.change_id == keep]
    return {queue.change_id: f"{queue.change_id} · {queue.title}" for queue in found}


def table(project: Project) -> pd.DataFrame:
    """Every review queue: what is open and answered in it, and its seconds of work."""
    frame = pd.DataFrame(store.review_queues(project.db), columns=ReviewQueue._fields)
    return frame.assign(seconds=frame["seconds"].astype(float).round(1))


def evidence(project: Project, item_id: str) -> list[Evidence]:
    """What was said of an item, for the side-by-side view: answers oldest first, then the ruling.

    Comments stand with the answer of the person who made them.
    """
    said = store.of_item(project.db, item_id)
    notes: dict[str, list[Said]] = {}
    for note in (each for each in said if each.kind == "flag"):
        notes.setdefault(note.annotator, []).append(note)
    voices = [each for each in said if each.kind in ("label", "skip")]
    ruling = [each for each in said if each.kind == "adjudicate"][-1:]
    heard = {each.annotator for each in [*voices, *ruling]}
    voices += [own[0] for who, own in notes.items() if who not in heard]
    return [_evidence(each, notes.pop(each.annotator, [])) for each in [*voices, *ruling]]


def _evidence(voice: Said, notes: Iterable[Said]) -> Evidence:
    return Evidence(
        voice.annotator,
        None if voice.kind == "flag" else voice.value,
        voice.at,
        voice.ms / 1000,
        tuple(str(note.value) for note in notes),
        voice.kind == "adjudicate",
    )
