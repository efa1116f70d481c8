"""Review: what is in dispute, the queue of rulings, the evidence beside an item."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest

from labeling import answers, audits, export, history, queue, review
from labeling.core.log import DataVersion
from labeling.errors import InputError
from labeling.project import Project, now
from labeling.store import changes, events, items, slots
from labeling.store.events import NewEvent
from labeling.versions import Snapshot
from tests.factories import flipped, make_project, text_frame

_numbers = count()


@pytest.fixture
def labelled(tmp_path: Path) -> Iterator[Project]:
    with make_project(tmp_path / "p.db", text_frame(60)) as made:
        yield made


def say(
    of: Project,
    item: str,
    who: str,
    value: str | None,
    *,
    kind: str = "label",
    ms: int = 1000,
    change: int | None = None,
    target: str | None = None,
) -> str:
    """One event, as any part of the app would write it; returns its id."""
    name = f"e{next(_numbers)}"
    change = changes.last_batch(of.db) if change is None else change
    with of.writing():
        events.append(of.db, [NewEvent(name, change, kind, item, who, value, ms, 1, target, now())])
    return name


def pool(of: Project, n: int) -> list[str]:
    return [item.item_id for item in items.every(of.db) if item.side == "pool"][:n]


def reserved(of: Project) -> str:
    return next(item.item_id for item in items.every(of.db) if item.side == "reservoir")


def disputed(of: Project) -> list[str]:
    return list(review.disagreements(of)["item_id"])


def dispute(of: Project, item: str) -> None:
    say(of, item, "ann", "sport")
    say(of, item, "bob", "money")


def labels(of: Project) -> dict[str, str]:
    snapshot = Snapshot(of)
    return snapshot.labels(DataVersion(snapshot.upto))


# What is in dispute


def test_the_same_answer_twice_and_one_answer_alone_are_no_dispute(labelled: Project) -> None:
    same, alone, apart = pool(labelled, 3)
    say(labelled, same, "ann", "sport")
    say(labelled, same, "bob", "sport")
    say(labelled, alone, "ann", "sport")
    dispute(labelled, apart)
    found = review.disagreements(labelled)
    assert list(found["item_id"]) == [apart]
    assert found.loc[0, "answers"] == "sport: ann · money: bob"
    assert found.loc[0, ["n_answers", "agreement", "queued"]].tolist() == [2, 0.0, False]


def test_only_what_stands_is_in_dispute(labelled: Project) -> None:
    undone, skipped, changed = pool(labelled, 3)
    for item in (undone, skipped, changed):
        say(labelled, item, "ann", "sport")
    back = say(labelled, undone, "bob", "money")
    say(labelled, undone, "bob", None, kind="retract", target=back)
    say(labelled, skipped, "bob", None, kind="skip")
    say(labelled, changed, "bob", "money")
    say(labelled, changed, "bob", "sport")
    assert disputed(labelled) == []


def test_the_least_agreement_comes_first_and_then_the_most_answers(labelled: Project) -> None:
    mostly, evenly, widely = pool(labelled, 3)
    for who, value in zip("abc", ["sport", "sport", "money"], strict=True):
        say(labelled, mostly, who, value)
    dispute(labelled, evenly)
    for who, value in zip("abc", ["sport", "money", "weather"], strict=True):
        say(labelled, widely, who, value)
    found = review.disagreements(labelled)
    assert list(found["item_id"]) == [widely, evenly, mostly]
    assert list(found["agreement"]) == pytest.approx([0.0, 0.0, 1 / 3])
    assert found.loc[2, "answers"] == "sport: a, b · money: c"


def test_a_ruling_settles_it_until_somebody_answers_anew(labelled: Project) -> None:
    (item,) = pool(labelled, 1)
    dispute(labelled, item)
    say(labelled, item, "eve", "sport", kind="adjudicate")
    assert disputed(labelled) == []
    say(labelled, item, "cem", "money")
    assert disputed(labelled) == [item], "an answer that the ruling did not know of"
    say(labelled, item, "eve", "money", kind="adjudicate")
    assert disputed(labelled) == []
    assert labels(labelled)[item] == "money"


def test_a_ruling_that_was_taken_back_settles_nothing(labelled: Project) -> None:
    (item,) = pool(labelled, 1)
    dispute(labelled, item)
    ruling = say(labelled, item, "eve", "sport", kind="adjudicate")
    say(labelled, item, "eve", None, kind="retract", target=ruling)
    assert disputed(labelled) == [item]


def test_what_was_taken_out_of_the_data_is_left_out(labelled: Project) -> None:
    (item,) = pool(labelled, 1)
    dispute(labelled, item)
    say(labelled, item, "eve", None, kind="exclude")
    assert disputed(labelled) == []


def test_gold_counts_but_a_label_that_came_along_for_it_does_not(tmp_path: Path) -> None:
    frame = text_frame(60)
    with make_project(tmp_path / "p.db", frame, label="label") as made:
        item = reserved(made)
        came_along = next(v for i, _, _, v, _ in events.answers(made.db) if i == item)
        other = "money" if came_along == "sport" else "sport"
        say(made, item, "ann", other)
        assert disputed(made) == []
        say(made, item, "bob", came_along)
        assert disputed(made) == [item]
        twice = pool(made, 1)[0]
        say(made, twice, "ann", "weather")
        assert twice in disputed(made), "in the pool a file's label is an answer like any other"


def test_several_classes_in_another_order_are_no_dispute_and_others_are(labelled: Project) -> None:
    with labelled.writing():
        changes.add_label_set(labelled.db, 1, classes=("money", "sport"), guideline="", multi=True)
    change = changes.last_batch(labelled.db)
    first, second = slots.open_slots(labelled.db, change)[:2]
    for slot, theirs in ((first, ["sport", "money"]), (second, ["sport"])):
        answers.answer(labelled, slot.slot_id, ["money", "sport"], annotator="ann", ms=900)
        answers.answer(labelled, slot.slot_id, theirs, annotator="bob", ms=900)
    found = review.disagreements(labelled)
    assert list(found["item_id"]) == [second.item_id]
    assert found.loc[0, "answers"] == "money + sport: ann · sport: bob"


def test_answers_with_several_classes_are_told_in_words() -> None:
    assert review.words('["a", "c"]', multi=True) == "a + c"
    assert review.words("[]", multi=True) == "(none of the classes)"
    assert review.words('["a"]', multi=False) == '["a"]'


# The queue of rulings


def test_one_change_asks_for_all_the_rulings(labelled: Project) -> None:
    for item in pool(labelled, 3):
        dispute(labelled, item)
    change = review.adjudicate(labelled, 2, author="eve")
    made = changes.get(labelled.db, change)
    assert made is not None
    assert (made.kind, made.title, made.author) == (
        "adjudicate",
        "Adjudicate 2 disagreements",
        "eve",
    )
    asked = slots.open_slots(labelled.db, change)
    assert [(s.queue, s.item_id, s.why, s.rank) for s in asked] == [
        ("adjudicate", item, "disagreement", rank)
        for rank, item in enumerate(disputed(labelled)[:2], start=1)
    ]
    assert list(review.disagreements(labelled)["queued"]) == [True, True, False]
    (queue,) = review.queues(labelled)
    assert (queue.change_id, queue.queue, queue.open, queue.answered) == (
        change,
        "adjudicate",
        2,
        0,
    )


def test_what_waits_for_a_ruling_already_is_not_asked_twice(labelled: Project) -> None:
    one, two = pool(labelled, 2)
    dispute(labelled, one)
    dispute(labelled, two)
    review.adjudicate(labelled, [one], author="eve")
    change = review.adjudicate(labelled, [one, two], author="eve")
    assert [slot.item_id for slot in slots.open_slots(labelled.db, change)] == [two]
    assert review.queues(labelled)[1].title == "Adjudicate 1 disagreement"
    before = changes.every(labelled.db)
    for which in (5, [one], ["no such item"], 0):
        with pytest.raises(InputError, match="none of these items is in dispute"):
            review.adjudicate(labelled, which, author="eve")
    assert changes.every(labelled.db) == before


def test_rulings_are_one_change_with_seconds_of_work_and_they_win(labelled: Project) -> None:
    one, two, three = pool(labelled, 3)
    for item in (one, two, three):
        dispute(labelled, item)
    before = labels(labelled)
    change = review.adjudicate(labelled, [one, two], author="eve")
    for value in ("money", "sport"):
        (slot,) = queue.take(labelled, "eve", queue=change).new
        answers.answer(labelled, slot.slot_id, value, annotator="eve", ms=2250)
    assert queue.take(labelled, "eve", queue=change).new == []
    assert labels(labelled) | {one: "", two: ""} == before | {one: "", two: ""}
    assert (labels(labelled)[one], labels(labelled)[two]) == ("money", "sport")
    assert disputed(labelled) == [three]
    assert review.queues(labelled) == []
    row = history.table(labelled).set_index("change_id").loc[change]
    assert row[["kind", "events", "seconds"]].tolist() == ["adjudicate", 2, 4.5]
    assert review.table(labelled).loc[0, ["open", "answered", "seconds"]].tolist() == [0, 2, 4.5]


def test_undoing_the_queue_brings_the_dispute_back(labelled: Project) -> None:
    (item,) = pool(labelled, 1)
    dispute(labelled, item)
    change = review.adjudicate(labelled, 1, author="eve")
    (slot,) = queue.take(labelled, "eve", queue=change).new
    answers.answer(labelled, slot.slot_id, "sport", annotator="eve", ms=10)
    history.revert(labelled, change, author="eve")
    assert disputed(labelled) == [item]


# Suspected label errors


def test_the_most_suspicious_labels_become_a_queue_each_item_once(tmp_path: Path) -> None:
    frame = text_frame(160)
    wrong = frame.sample(12, random_state=0).index
    frame.loc[wrong, "label"] = flipped(frame).loc[wrong, "label"]
    with make_project(tmp_path / "p.db", frame, label="label") as made:
        with pytest.raises(InputError, match="none of these issues is open"):
            review.relabel(made, 5, author="eve")
        audits.recheck(made)
        found = review.suspects(made)
        assert found["item_id"].is_unique
        assert found["score"].is_monotonic_increasing
        worst = list(found["item_id"].head(3))
        change = review.relabel(made, 3, author="eve")
        asked = slots.open_slots(made.db, change)
        assert [(slot.queue, slot.item_id) for slot in asked] == [("relabel", i) for i in worst]
        assert set(review.suspects(made)["item_id"]).isdisjoint(worst)
        assert list(review.titles(made)) == [change]


def test_a_queue_that_is_done_stays_in_the_list_only_where_it_is_chosen(labelled: Project) -> None:
    (item,) = pool(labelled, 1)
    dispute(labelled, item)
    change = review.adjudicate(labelled, 1, author="eve")
    assert review.titles(labelled) == {change: f"{change} · Adjudicate 1 disagreement"}
    (slot,) = queue.take(labelled, "eve", queue=change).new
    answers.answer(labelled, slot.slot_id, "sport", annotator="eve", ms=10)
    assert review.titles(labelled) == {}
    assert list(review.titles(labelled, keep=change)) == [change]


# The evidence beside an item


def test_evidence_has_each_answer_with_its_time_and_comments_and_the_ruling(
    labelled: Project,
) -> None:
    (item,) = pool(labelled, 1)
    say(labelled, item, "ann", "money", ms=700)
    say(labelled, item, "ann", "sport", ms=2500)
    say(labelled, item, "bob", "which team?", kind="flag")
    say(labelled, item, "bob", "and when?", kind="flag")
    say(labelled, item, "bob", None, kind="skip", ms=400)
    say(labelled, item, "cem", "two languages", kind="flag")
    say(labelled, item, "dee", "money", kind="adjudicate", ms=300)
    say(labelled, item, "eve", "sport", kind="adjudicate", ms=1500)
    found = review.evidence(labelled, item)
    assert [(e.annotator, e.label, e.seconds, e.comments, e.ruling) for e in found] == [
        ("ann", "sport", 2.5, (), False),
        ("bob", None, 0.4, ("which team?", "and when?"), False),
        ("cem", None, 1.0, ("two languages",), False),
        ("eve", "sport", 1.5, (), True),
    ]
    assert all(e.at.startswith("20") for e in found)
    assert review.evidence(labelled, pool(labelled, 2)[1]) == []


def test_the_tables_of_reviews_can_be_exported(labelled: Project) -> None:
    (item,) = pool(labelled, 1)
    dispute(labelled, item)
    review.adjudicate(labelled, 1, author="eve")
    assert list(export.table(labelled, "disagreements")["item_id"]) == [item]
    reviews = export.table(labelled, "reviews")
    assert list(reviews["title"]) == ["Adjudicate 1 disagreement"]
    assert "Adjudicate 1 disagreement" in export.to_csv(reviews)
    assert history.table(labelled)["seconds"].iloc[-1] == 0
