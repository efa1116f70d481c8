"""What a browser is told: its own items and history, whatever it sends, and nobody else's."""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from labeling import (
    answer_files,
    answers,
    batches,
    imports,
    project,
    queue,
    rounds,
    session,
    verification,
)
from labeling.core.features import Content
from labeling.errors import ForbiddenError, InputError, NotFoundError
from labeling.ingest import Roles
from labeling.project import Project
from labeling.store import changes, events, items, slots
from labeling.store.slots import NewSlot
from tests.factories import (
    answer_queue,
    answers_frame,
    make_project,
    table_frame,
    text_frame,
    truth_of,
)

FRAME = text_frame(200)
TRUTH = truth_of(FRAME)
SETTINGS = {"second_opinions": "0"}


@pytest.fixture
def made(tmp_path: Path) -> Iterator[Project]:
    with make_project(tmp_path / "p.db", FRAME, settings=SETTINGS) as one:
        yield one


def sync(of: Project, who: str = "ann", *, may_rule: bool = False, **body: Any) -> dict[str, Any]:
    request = session.read_request({"queue": "batch", "want": 5, **body})
    return session.exchange(of, who, request, may_rule=may_rule)


def label(item: dict[str, Any], value: object = "sport", **more: Any) -> dict[str, Any]:
    return {
        "uid": str(uuid.uuid4()), "kind": "label", "slot": item["slot"], "item": item["item"],
        "value": value, "ms": 900, **more,
    }  # fmt: skip


def ids(told: dict[str, Any]) -> list[str]:
    return [item["item"] for item in told["items"]]


# Handing out


def test_a_hand_is_filled_kept_and_topped_up_in_order(made: Project) -> None:
    first = sync(made)
    ranks = [slots.get(made.db, item["slot"]).rank for item in first["items"]]  # type: ignore[union-attr]
    assert ranks == [1, 2, 3, 4, 5]
    holding = [item["slot"] for item in first["items"]]
    more = sync(made, ops=[label(first["items"][0])], holding=holding[1:])
    assert len(more["items"]) == 1
    assert more["receipts"][0]["state"] == "saved"
    assert more["gone"] == []
    assert more["progress"]["mine"] == more["progress"]["saved"] == 1


def test_after_a_reload_one_has_the_same_items_in_hand(made: Project) -> None:
    before = ids(sync(made))
    assert ids(sync(made)) == before
    assert not set(ids(sync(made, "bob"))) & set(before)


def test_what_somebody_else_has_answered_meanwhile_is_gone(made: Project) -> None:
    project.change_settings(made, {"lease_minutes": "0.1"}, author="t")
    told = sync(made, want=2)
    holding = [item["slot"] for item in told["items"]]
    made.db.execute("UPDATE slot SET leased_until = 1 WHERE leased_by = 'ann'")
    other = sync(made, "bob", want=2)
    assert ids(other) == ids(told), "the leases ran out"
    sync(made, "bob", ops=[label(other["items"][0])], want=0)
    assert sync(made, holding=holding)["gone"] == holding


def test_the_last_items_are_shared_out_and_then_the_next_best_follow(made: Project) -> None:
    answer_queue(made, TRUTH, limit=24)  # 6 of 30 are left
    ann = sync(made, "ann", want=10)
    asked = [item for item in ann["items"] if item["queue"] == "batch"]
    assert len(asked) == 6, "alone she gets what is left"
    bob = sync(made, "bob", want=10)
    assert bob["done"] is None
    assert [item["queue"] for item in bob["items"]] == ["extra"] * queue.FEW
    assert all(item["why"]["next_best"] for item in bob["items"])
    assert "next best" in bob["items"][0]["why"]["text"]
    assert not set(ids(ann)) & set(ids(bob))


def test_two_people_at_the_end_of_a_batch_share_it(made: Project) -> None:
    sync(made, "bob", want=1)
    answer_queue(made, TRUTH, annotator="ann", limit=21)
    told = sync(made, "ann", want=10)
    assert len(told["items"]) == 4, "half of the 8 that are free, bob holds one"
    assert {item["queue"] for item in told["items"]} == {"batch"}


def test_when_the_batch_is_answered_there_is_a_summary_and_more_only_on_request(
    made: Project,
) -> None:
    answer_queue(made, TRUTH, annotator="ann")
    done = sync(made)["done"]
    assert done["answered"] == done["total"] == done["mine"] == 30
    assert sum(each["n"] for each in done["by_class"]) == 30
    assert done["minutes"] == pytest.approx(30 * 0.9 / 60)
    assert done["can_go_on"]
    more = sync(made, beyond=True)
    assert [item["queue"] for item in more["items"]] == ["extra"] * 5
    told = sync(made, ops=[label(more["items"][0])], beyond=True)["progress"]
    assert (told["mine"], told["saved"]) == (30, 31), "what lies behind the batch is not its own"
    assert slots.progress(made.db, queue.current_batch(made)) == (30, 30)
    assert verification.verify(made).empty


def test_a_late_answer_to_a_next_best_item_fills_the_place_that_the_next_batch_gave_it(
    made: Project,
) -> None:
    answer_queue(made, TRUTH, annotator="ann")
    mine = sync(made, beyond=True, want=20)["items"]
    made.db.execute("UPDATE slot SET leased_until = 1 WHERE leased_by = 'ann'")
    rounds.close_round(made)
    again = {slot.item_id for slot in slots.open_slots(made.db, queue.current_batch(made))}
    late = next(item for item in mine if item["item"] in again)
    other = next(item for item in mine if item["item"] not in again)
    for item in (late, other):
        assert slots.get(made.db, item["slot"]) is None, "what was not answered is not kept"
        told = sync(made, ops=[label(item)], want=0)["receipts"][0]
        assert told["state"] == "saved"
        assert ("ann", "label", "sport") in events.annotations_of(made.db, item["item"])
    assert slots.progress(made.db, queue.current_batch(made))[0] == 1
    assert verification.verify(made).empty


def test_what_people_took_in_hand_while_a_batch_was_computed_is_not_asked_again(
    made: Project,
) -> None:
    answer_queue(made, TRUTH, annotator="ann")
    planned = batches.plan(made, round_no=2, learned=None)
    held = sync(made, "bob", beyond=True, want=20)["items"]
    assert {i["item"] for i in held} & {pick.item_id for pick in planned.asked}
    slots.close_queue(made.db, queue.current_batch(made), now=0)
    batches.write(made, planned, round_no=2, strategy="x")
    asked = sync(made, "cy", want=20)["items"]
    assert not {i["item"] for i in held} & {i["item"] for i in asked}


# Several answers an item


@pytest.fixture
def double(tmp_path: Path) -> Iterator[Project]:
    """Every item of the batch is asked of two people."""
    with make_project(tmp_path / "d.db", FRAME) as one:
        project.change_settings(one, SETTINGS | {"overlap": "2", "batch_size": "4"}, author="t")
        answer_queue(one, TRUTH)
        rounds.close_round(one)
        yield one


def undo(target: str) -> dict[str, Any]:
    return {"uid": str(uuid.uuid4()), "kind": "undo", "target": target}


def filled_by_ann(of: Project, item: str) -> int:
    return int(of.db.execute(
        "SELECT count(*) FROM slot s JOIN event e ON e.event_id = s.answered_by "
        "WHERE s.item_id = ? AND e.annotator = 'ann'", (item,),
    ).fetchone()[0])  # fmt: skip


def test_nobody_gives_two_of_the_answers_that_are_asked_of_two_people(double: Project) -> None:
    one, two, three = sync(double, want=3)["items"]
    first = label(one)
    second = label(one, "money") | {"slot": None, "target": first["uid"]}
    sync(double, ops=[first, second, undo(second["uid"])], want=0)
    skip = label(two) | {"kind": "skip", "value": None}
    fix = [label(two, v) | {"slot": None, "target": skip["uid"]} for v in ("sport", "money")]
    sync(double, ops=[skip, *fix], want=0)
    frame = pd.DataFrame({"i": [three["item"]], "who": ["ann"], "y": ["sport"]}, dtype=object)
    for _ in range(2):
        answer_files.label_from_table(
            double, frame, item="i", annotator="who", label="y", source="f", author="t"
        )
    assert [filled_by_ann(double, item["item"]) for item in (one, two, three)] == [1, 1, 1]
    rest = answer_queue(double, TRUTH, annotator="ann")
    assert rest == 14 - 3, "she is not asked again"
    assert answer_queue(double, TRUTH, annotator="bob") == 14
    assert slots.progress(double.db, queue.current_batch(double)) == (28, 28)
    assert verification.verify(double).empty


def test_an_undone_answer_leaves_its_place_to_another_one_that_stands(made: Project) -> None:
    item = sync(made, "ann", want=1)["items"][0]
    made.db.execute("UPDATE slot SET leased_until = 1 WHERE leased_by = 'ann'")
    assert ids(sync(made, "bob", want=1)) == [item["item"]]
    mine = label(item)
    sync(made, "ann", ops=[mine], want=0)
    sync(made, "bob", ops=[label(item, "money")], want=0)
    sync(made, "ann", ops=[undo(mine["uid"])], want=0)
    assert slots.progress(made.db, queue.current_batch(made))[0] == 1, "bob's answer fills it"
    assert answer_queue(made, TRUTH, annotator="ann") == 29
    assert verification.verify(made).empty


def test_undoing_a_correction_gives_nobody_a_place_that_was_closed(double: Project) -> None:
    item = sync(double, want=1)["items"][0]
    first = label(item)
    second = label(item, "money") | {"slot": None, "target": first["uid"]}
    sync(double, ops=[first], want=0)
    rounds.close_round(double)
    before = slots.held(double.db, queue.current_batch(double), "ann")
    sync(double, ops=[second, undo(second["uid"])], want=0)
    assert slots.held(double.db, queue.current_batch(double), "ann") == before == []


def test_an_operation_that_breaks_is_refused_alone(
    made: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, two = sync(made, want=2)["items"]
    broken = label(one) | {"uid": str(uuid.uuid4())}
    real = events.append

    def append(db: Any, new: Any) -> int:
        done = real(db, new)
        if new[0].event_id == broken["uid"]:
            raise RuntimeError("a fault of ours, planted")
        return done

    monkeypatch.setattr(events, "append", append)
    told = sync(made, ops=[broken, label(two)], want=0)["receipts"]
    assert [r["state"] for r in told] == ["refused", "saved"]
    assert "RuntimeError" in told[0]["message"]
    assert events.get(made.db, broken["uid"]) is None, "what it wrote is taken back"


def test_overlap_asks_as_many_different_people(tmp_path: Path) -> None:
    with make_project(tmp_path / "p.db", FRAME) as one:
        project.change_settings(one, SETTINGS | {"overlap": "2", "batch_size": "4"}, author="t")
        answer_queue(one, TRUTH)
        rounds.close_round(one)
        batch = queue.current_batch(one)
        assert slots.progress(one.db, batch) == (0, 2 * 14)
        assert answer_queue(one, TRUTH, annotator="ann") == 14, "nobody is asked twice"
        assert sync(one, "ann")["done"]["with_others"] == 14
        assert answer_queue(one, TRUTH, annotator="bob") == 14
        assert slots.progress(one.db, batch) == (28, 28)
        assert sync(one, "cy")["done"]["with_others"] == 0
        assert verification.verify(one).empty


def test_a_random_share_is_asked_of_a_second_person_and_does_not_hold_up_the_batch(
    tmp_path: Path,
) -> None:
    with make_project(tmp_path / "p.db", FRAME) as one:
        project.change_settings(one, {"second_opinions": "0.5"}, author="t")
        answer_queue(one, TRUTH)
        rounds.close_round(one)
        assert answer_queue(one, TRUTH, annotator="ann") == 30
        assert slots.progress(one.db, queue.current_batch(one)) == (30, 30)
        told = sync(one, "bob", want=20)
        assert [item["queue"] for item in told["items"]] == ["second"] * 10
        assert {item["why"]["strategy"] for item in told["items"]} <= {"margin_spread", "random"}
        assert "second opinion" in told["items"][0]["why"]["text"]


# What is told


def test_the_model_suggests_but_never_on_gold_and_not_on_the_hidden_share(made: Project) -> None:
    answer_queue(made, TRUTH)
    rounds.close_round(made)
    told = [sync(made, f"p{n}", want=20)["items"] for n in range(2)]
    asked = [item for each in told for item in each]
    for item in asked:
        if item["why"]["strategy"] == "gold":
            assert item["suggestion"] is None
    seen = [item["suggestion"] for item in asked if item["suggestion"]]
    assert seen
    assert all(s["label"] in made.classes and 0.5 <= s["probability"] <= 1 for s in seen)


@pytest.mark.parametrize(("share", "low", "high"), [("0", 1, 1), ("1", 0, 0), ("0.2", 0.7, 0.9)])
def test_the_hidden_share_holds_and_is_the_same_every_time(
    made: Project, share: str, low: float, high: float
) -> None:
    project.change_settings(made, {"suggestions_hidden": share}, author="t")
    suggested = [
        slots.Slot(n, "batch", 2, item.item_id, n, "margin", 0.1, "sport", 0.9)
        for n, item in enumerate(items.every(made.db))
    ]
    shown = [queue.suggestion_shown(made, slot, "ann") for slot in suggested]
    assert low <= sum(shown) / len(shown) <= high
    assert shown == [queue.suggestion_shown(made, slot, "ann") for slot in suggested]
    if share == "0.2":
        assert shown != [queue.suggestion_shown(made, slot, "bob") for slot in suggested]


def test_an_answer_keeps_what_the_model_had_suggested_and_whether_it_was_seen(
    made: Project,
) -> None:
    answer_queue(made, TRUTH)
    rounds.close_round(made)
    item = next(i for i in sync(made, want=20)["items"] if i["suggestion"])
    op = label(item, shown=True)
    sync(made, ops=[op], want=0)
    stored = events.get(made.db, op["uid"])
    assert stored is not None
    assert json.loads(stored.context or "") == {
        "suggested": item["suggestion"]["label"],
        "probability": item["suggestion"]["probability"],
        "shown": True,
    }
    assert verification.verify(made).empty


def test_a_card_says_which_fields_are_missing_and_which_a_repair_changed(tmp_path: Path) -> None:
    with make_project(tmp_path / "p.db", table_frame(40)) as one:
        told = sync(one)["items"][0]
        item = told["item"]
        with one.writing():
            change = changes.add(one.db, "repair", title="Fix", author="t", at=project.now())
            edit = json.dumps({"mass": "1", "length": None})
            events.append(
                one.db,
                [events.NewEvent("e1", change, "edit", item, "t", edit, 0, 1, None, project.now())],
            )
        fields = {f["name"]: f for f in session.whole_item(one, "ann", item)["fields"]}
        was = {f["name"]: f for f in told["fields"]}
        assert (fields["mass"]["value"], fields["mass"]["was"]) == ("1", was["mass"]["value"])
        assert fields["length"]["value"] is None
        assert fields["island"]["was"] is None


def test_a_text_of_ten_megabytes_is_cut_and_can_be_had_whole(tmp_path: Path) -> None:
    frame = pd.DataFrame(
        {"text": ["가나다 " * 2_500_000, "short"], "label": ["a", "b"]}, dtype=object
    )
    roles = Roles(Content("text", ("text",)), classes=("a", "b"), reserve=0.0)
    path = tmp_path / "p.db"
    made, _ = imports.create_project(path, frame, roles=roles, source="f", author="t")
    with made:
        long = max(sync(made)["items"], key=lambda item: item["fields"][0]["length"])
        field = long["fields"][0]
        assert len(field["value"]) == session.CUT
        assert field["length"] > 9_000_000
        whole = session.whole_item(made, "ann", long["item"])["fields"][0]
        assert len(whole["value"]) == field["length"]
        assert len(session.history(made, "ann", search="가나다")["rows"]) == 0
        sync(made, ops=[label(long, "a")], want=0)
        row = session.history(made, "ann", search="가나다")["rows"][0]
        assert len(row["excerpt"]) == session.EXCERPT


def test_only_who_answers_at_a_screen_is_told_to_be_labeling_now(made: Project) -> None:
    answer_queue(made, TRUTH, annotator="ann", limit=1)
    frame = answers_frame(made, TRUTH).assign(who="vendor")
    answer_files.label_from_table(
        made, frame, item="item", annotator="who", label="label", source="f", author="t"
    )
    assert session.present(made) == {"ann"}


# What is sent


A_UID = str(uuid.UUID(int=7, version=4))
A_LABEL = {"uid": A_UID, "kind": "label", "item": "x"}
BAD = [
    {"ops": [A_LABEL | {"item": ""}]},
    {"ops": [A_LABEL | {"value": "half a sign \ud800"}]},
    {"ops": [A_LABEL | {"value": ["\udfff"]}]},
    {"ops": [A_LABEL | {"ms": float("nan")}]},
    {"ops": "x"},
    {"ops": [1]},
    {"ops": [{"uid": "not-a-uuid", "kind": "label"}]},
    {"ops": [{"uid": A_UID, "kind": 3}]},
    {"ops": [{"uid": A_UID, "kind": "label", "slot": "1"}]},
    {"ops": [{"uid": A_UID, "kind": "label", "ms": 1e300}]},
    {"ops": [{"uid": A_UID, "kind": "label", "value": {"a": 1}}]},
    {"ops": [{"uid": A_UID, "kind": "label", "value": ["a", 1]}]},
    {"ops": [{}] * (session.MOST_OPERATIONS + 1)},
    {"holding": [None]},
    {"holding": "all"},
    {"queue": "everything"},
    {"want": True},
]


@pytest.mark.parametrize("body", BAD, ids=[str(each)[:40] for each in BAD])
def test_what_is_not_a_request_is_refused_in_a_sentence(body: dict[str, Any]) -> None:
    with pytest.raises(InputError, match="expected"):
        session.read_request(body)


REFUSED = [
    ({"value": "no class"}, "no class"),
    ({"value": None}, "one class"),
    ({"value": ["sport", "money"]}, "one class"),
    ({"item": "nonesuch"}, "no item"),
    ({"slot": None, "item": "nonesuch"}, "no item"),
    ({"kind": "drop tables"}, "no operation"),
    ({"kind": "flag", "value": "  "}, "comment"),
    ({"kind": "flag", "value": "x" * 10_001}, "comment"),
    ({"kind": "undo", "target": "nonesuch"}, "no such answer"),
]


@pytest.mark.parametrize(("wrong", "why"), REFUSED, ids=[str(each[0])[:40] for each in REFUSED])
def test_a_refused_operation_says_why_leaves_no_trace_and_holds_up_nothing(
    made: Project, wrong: dict[str, Any], why: str
) -> None:
    one, two = sync(made, want=2)["items"]
    bad, good = label(one) | wrong, label(two)
    told = sync(made, ops=[bad, good], want=0)
    assert [r["state"] for r in told["receipts"]] == ["refused", "saved"]
    assert re.search(why, told["receipts"][0]["message"])
    assert events.last(made.db) == 1


def test_the_same_operations_sent_again_get_the_same_receipts_and_change_nothing(
    made: Project,
) -> None:
    one, two, three = sync(made, want=3)["items"]
    first = label(one)
    ops = [
        first,
        label(two) | {"kind": "skip", "value": None},
        label(three) | {"kind": "flag", "value": "odd"},
        {"uid": str(uuid.uuid4()), "kind": "undo", "item": "", "target": first["uid"]},
        label(one, "money"),
    ]
    before = [r["state"] for r in sync(made, ops=ops, want=0)["receipts"]]
    assert before == ["saved"] * 5
    log = events.table(made.db)
    again = sync(made, ops=ops, want=0)["receipts"]
    assert [r["state"] for r in again] == ["saved"] * 5
    assert events.table(made.db) == log
    assert events.annotations_of(made.db, one["item"]) == [("ann", "label", "money")]
    assert verification.verify(made).empty


def test_an_id_used_by_another_answer_is_never_acknowledged_for_this_one(made: Project) -> None:
    one, two = sync(made, want=2)["items"]
    op = label(one)
    sync(made, ops=[op], want=0)
    stolen = label(two) | {"uid": op["uid"]}
    assert sync(made, ops=[stolen], want=0)["receipts"][0]["state"] == "refused"
    assert sync(made, "eve", ops=[op], want=0)["receipts"][0]["state"] == "refused"


# One's own and others'


def test_nobody_undoes_corrects_or_reads_what_is_anothers(made: Project) -> None:
    item = sync(made, "ann", want=1)["items"][0]
    op = label(item)
    sync(made, "ann", ops=[op], want=0)
    undo = {"uid": str(uuid.uuid4()), "kind": "undo", "target": op["uid"]}
    correct = label(item, "money") | {"slot": None, "target": op["uid"]}
    for foreign in (undo, correct):
        assert sync(made, "eve", ops=[foreign], want=0)["receipts"][0]["state"] == "refused"
    assert session.history(made, "eve")["rows"] == []
    with pytest.raises(NotFoundError):
        session.whole_item(made, "eve", item["item"])
    with pytest.raises(NotFoundError):
        session.image(made, "eve", item["item"])
    assert events.annotations_of(made.db, item["item"]) == [("ann", "label", "sport")]


def test_a_ruling_is_passed_on_undone_and_corrected_by_reviewers_only(made: Project) -> None:
    answer_queue(made, TRUTH, annotator="ann", limit=3)
    asked = [row[0] for row in events.answers(made.db)][:2]
    with made.writing():
        change = changes.add(made.db, "adjudicate", title="A", author="t", at=project.now())
        rows = [NewSlot("adjudicate", change, i, n, "disagreement") for n, i in enumerate(asked)]
        slots.publish(made.db, rows)
    one, two = sync(made, "rev", queue=change, may_rule=True)["items"]
    passed = label(one) | {"kind": "skip", "value": None}
    ruled = label(two, "money")
    sync(made, "rev", ops=[passed, ruled], queue=change, may_rule=True, want=0)
    assert slots.progress(made.db, change) == (2, 2)
    again = label(two, "sport") | {"slot": None, "target": ruled["uid"]}
    for op in (undo(ruled["uid"]), undo(passed["uid"]), again):
        told = sync(made, "rev", ops=[op], want=0)["receipts"][0]
        assert told["state"] == "refused", "no reviewer any more"
    kinds = [row["kind"] for row in session.history(made, "rev")["rows"]]
    assert sorted(kinds) == ["adjudicate", "skip"]
    sync(made, "rev", ops=[undo(passed["uid"])], queue=change, may_rule=True, want=0)
    assert slots.progress(made.db, change) == (1, 2)
    assert verification.verify(made).empty


def test_review_queues_are_for_reviewers_in_both_directions(made: Project) -> None:
    answer_queue(made, TRUTH, annotator="ann", limit=3)
    item_id = events.answers(made.db)[0][0]
    with made.writing():
        change = changes.add(made.db, "adjudicate", title="A", author="t", at=project.now())
        slots.publish(made.db, [NewSlot("adjudicate", change, item_id, 1, "disagreement")])
    with pytest.raises(ForbiddenError):
        sync(made, "bob", queue=change)
    told = sync(made, "rev", queue=change, may_rule=True)["items"][0]
    assert told["current"] is not None
    assert [a["annotator"] for a in told["answers"]] == ["ann"]
    smuggled = sync(made, "bob", ops=[label(told)], want=0)
    assert smuggled["receipts"][0]["state"] == "refused"
    sync(made, "rev", ops=[label(told, "money")], queue=change, may_rule=True)
    assert events.ruling_of(made.db, item_id) == "money"
    with pytest.raises(NotFoundError):
        sync(made, "rev", queue=999, may_rule=True)


# History


def test_history_lists_what_stands_newest_first_and_finds_words_in_any_spelling(
    made: Project,
) -> None:
    answer_queue(made, TRUTH, annotator="ann", limit=12)
    rows = session.history(made, "ann")["rows"]
    assert len(rows) == 12
    assert [row["seq"] for row in rows] == sorted((r["seq"] for r in rows), reverse=True)
    page = session.history(made, "ann", limit=5)
    assert page["more"]
    rest = session.history(made, "ann", before=page["rows"][-1]["seq"])
    assert [r["uid"] for r in page["rows"] + rest["rows"]] == [r["uid"] for r in rows]
    word = rows[3]["excerpt"].split()[0]
    found = session.history(made, "ann", search=f" {word.upper()} ")["rows"]
    assert rows[3]["uid"] in {row["uid"] for row in found}
    assert session.history(made, "ann", search="nothing like it")["rows"] == []


def test_a_correction_stands_alone_in_the_history_and_can_be_undone(made: Project) -> None:
    item = sync(made, want=1)["items"][0]
    first = label(item, "sport")
    sync(made, ops=[first], want=0)
    second = label(item, "money") | {"slot": None, "target": first["uid"]}
    assert sync(made, ops=[second], want=0)["receipts"][0]["state"] == "saved"
    rows = session.history(made, "ann")["rows"]
    assert [(row["uid"], row["value"]) for row in rows] == [(second["uid"], "money")]
    batch = queue.current_batch(made)
    assert session.progress(made, "ann", batch)["mine"] == 1, "one item, whatever one said"
    told = session.summary(made, "ann", batch)
    assert (told["mine"], told["by_class"]) == (1, [{"label": "money", "n": 1}])
    undo = {"uid": str(uuid.uuid4()), "kind": "undo", "target": second["uid"]}
    sync(made, ops=[undo], want=0)
    assert [row["value"] for row in session.history(made, "ann")["rows"]] == ["sport"]
    assert verification.verify(made).empty


def test_a_skipped_item_can_be_answered_from_the_history(made: Project) -> None:
    item = sync(made, want=1)["items"][0]
    skip = label(item) | {"kind": "skip", "value": None}
    sync(made, ops=[skip], want=0)
    sync(made, ops=[label(item) | {"slot": None, "target": skip["uid"]}], want=0)
    answered = slots.progress(made.db, queue.current_batch(made))[0]
    assert answered == 1, "the open slot is filled"
    assert verification.verify(made).empty


# Several classes


def test_several_classes_an_item_come_in_and_go_out_as_lists(tmp_path: Path) -> None:
    frame = text_frame(60).assign(label="b|a")
    roles = Roles(Content("text", ("text",)), id="id", label="label", multi=True)
    path = tmp_path / "m.db"
    made, summary = imports.create_project(path, frame, roles=roles, source="f", author="t")
    with made:
        assert made.classes == ("a", "b")
        assert summary.unknown == 0
        assert session.label_set_view(made)["multi"]
        item = sync(made, want=1)["items"][0]
        ops = [label(item, ["b", "a", "b"])]
        sync(made, ops=ops, want=0)
        assert session.history(made, "ann")["rows"][0]["value"] == ["a", "b"]
        assert events.annotations_of(made.db, item["item"])[-1][2] == '["a", "b"]'
        refused = sync(made, ops=[label(item, ["c"])], want=0)["receipts"][0]
        assert refused["state"] == "refused"
        none = label(item, []) | {"slot": None, "target": ops[0]["uid"]}
        sync(made, ops=[none], want=0)
        assert session.history(made, "ann")["rows"][0]["value"] == []
        closed = rounds.close_round(made)
        assert slots.progress(made.db, closed.next_batch)[1] > 0, "there is always more to label"
        assert answers.label_value(made, "a") == '["a"]'
        assert verification.verify(made).empty
