"""Queues and batches: what is asked, who gets it, and that no answer is lost or counted twice."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from labeling import answer_files, answers, batches, history, project, queue
from labeling.choosing import Learned, Pick
from labeling.core import fitting
from labeling.core.log import DataVersion
from labeling.core.strategies import STRATEGIES
from labeling.errors import InputError
from labeling.project import Project
from labeling.store import changes, events, items, slots
from labeling.versions import Snapshot
from tests.factories import answer_queue, make_project, more_rows, text_frame, truth_of

FRAME = text_frame(120)
TRUTH = truth_of(FRAME)


@pytest.fixture
def asked(tmp_path: Path) -> Iterator[Project]:
    with make_project(tmp_path / "p.db", FRAME) as made:
        yield made


def open_slots(of: Project) -> list[slots.Slot]:
    return slots.open_slots(of.db, queue.current_batch(of))


def take(of: Project, name: str = "ann") -> queue.Asked:
    found = queue.next_item(of, name)
    assert found is not None
    return found


def learned(of: Project) -> Learned:
    """Models that differ, as a round hands them on: what they were taught does not matter here."""
    snapshot = Snapshot(of)
    rows = np.arange(12)
    models = [
        fitting.fit(snapshot.features[rows], (rows // by) % 2, n_classes=len(snapshot.classes))
        for by in (1, 2, 3)
    ]
    return Learned(models, snapshot.features, snapshot.position, rows)


def publish(of: Project, round_no: int) -> list[Pick]:
    """Plan and write a batch as closing a round does."""
    planned = batches.plan(of, round_no=round_no, learned=learned(of))
    slots.close_queue(of.db, queue.current_batch(of), now=1e12)
    batches.write(of, planned, round_no=round_no, strategy="x")
    return planned.asked


# What is asked


def test_the_seed_batch_has_twenty_items_and_ten_gold_draws(asked: Project) -> None:
    found = open_slots(asked)
    assert Counter(slot.why for slot in found) == {"seed": 20, "gold": 10}
    assert [slot.rank for slot in found] == list(range(1, 31))
    side = Snapshot(asked).side
    assert {side[s.item_id] for s in found if s.why == "seed"} == {"pool"}
    assert {side[s.item_id] for s in found if s.why == "gold"} == {"reservoir"}


def test_gold_is_spread_over_the_batch_so_that_nobody_can_tell(asked: Project) -> None:
    ranks = [slot.rank for slot in open_slots(asked) if slot.why == "gold"]
    assert min(ranks) < 15 < max(ranks)
    assert ranks != sorted(ranks)[:1] + list(range(2, 11))


def test_a_later_batch_has_control_items(asked: Project) -> None:
    answer_queue(asked, TRUTH)
    publish(asked, 2)
    why = Counter(slot.why for slot in open_slots(asked))
    assert why == {"margin_spread": 18, "random": 2, "gold": 10}


@pytest.mark.parametrize(("share", "control"), [("0", 0), ("0.5", 10), ("1", 20)])
def test_the_share_of_control_items_is_a_setting(asked: Project, share: str, control: int) -> None:
    project.change_settings(asked, {"control_share": share}, author="t")
    answer_queue(asked, TRUTH)
    why = Counter(pick.why for pick in publish(asked, 2))
    assert (why["random"], why["margin_spread"]) == (control, 20 - control)


def test_a_batch_of_one_is_mostly_chosen_and_sometimes_control(asked: Project) -> None:
    project.change_settings(asked, {"control_share": "0.3", "batch_size": "1"}, author="t")
    known = learned(asked)
    plans = [batches.plan(asked, round_no=n, learned=known) for n in range(2, 42)]
    why = Counter(pick.why for plan in plans for pick in plan.asked if pick.why != "gold")
    assert why["random"] + why["margin_spread"] == 40
    assert 4 <= why["random"] <= 22, "the share holds on average"


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_every_strategy_fills_a_batch(asked: Project, strategy: str) -> None:
    project.change_settings(asked, {"strategy": strategy}, author="t")
    answer_queue(asked, TRUTH)
    picks = publish(asked, 2)
    assert len({pick.item_id for pick in picks}) == 30
    assert strategy in {pick.why for pick in picks}


def test_what_the_model_is_least_sure_of_is_asked_first(asked: Project) -> None:
    answer_queue(asked, TRUTH)
    picks = [pick for pick in publish(asked, 2) if pick.why == "margin_spread"]
    scores = [pick.score for pick in picks]
    assert scores == sorted(scores, reverse=True)  # type: ignore[type-var]


def test_the_control_arm_is_a_random_sample_of_all_that_could_be_asked(tmp_path: Path) -> None:
    """Over many projects every pool item is drawn about equally often."""
    counts: Counter[str] = Counter()
    small = text_frame(24)
    for seed in range(30):
        with make_project(
            tmp_path / f"{seed}.db",
            small,
            seed=seed,
            reserve=0.0,
            settings={"control_share": "0.5", "batch_size": "8"},
        ) as made:
            counts.update(p.item_id for p in publish(made, 2) if p.why == "random")
    assert len(counts) == 24
    assert max(counts.values()) <= 15, "120 draws over 24 items: 5 each, give or take"


def test_gold_stops_at_the_target(asked: Project) -> None:
    project.change_settings(asked, {"gold_target": "13"}, author="t")
    answer_queue(asked, TRUTH)
    assert Counter(pick.why for pick in publish(asked, 2))["gold"] == 3
    answer_queue(asked, TRUTH)
    assert Counter(pick.why for pick in publish(asked, 3))["gold"] == 0
    assert len(Snapshot(asked).gold()) == 13


def test_gold_that_was_not_answered_is_asked_again_first(asked: Project) -> None:
    before = {slot.item_id for slot in open_slots(asked) if slot.why == "gold"}
    assert {p.item_id for p in publish(asked, 2) if p.why == "gold"} == before


def test_no_labelled_item_and_no_look_alike_is_asked_again(asked: Project) -> None:
    more_rows(asked, FRAME.assign(text=FRAME["text"].str.upper()).astype(object))
    asked_for: list[str] = []
    cluster = {item.item_id: item.cluster for item in items.every(asked.db)}
    for round_no in (2, 3):
        answer_queue(asked, TRUTH)
        picks = [p for p in publish(asked, round_no) if p.why != "gold"]
        asked_for += [cluster[pick.item_id] for pick in picks]
    labelled = {cluster[i] for i in items.labelled(asked.db)}
    assert len(labelled) > 30
    assert max(Counter(asked_for).values()) == 1


def test_a_pool_that_is_used_up_gives_a_short_batch_and_then_none(tmp_path: Path) -> None:
    small = text_frame(50)
    with make_project(tmp_path / "p.db", small) as made:
        for round_no, left in ((2, 5), (3, 0)):
            answer_queue(made, TRUTH | truth_of(small))
            assert sum(pick.why != "gold" for pick in publish(made, round_no)) == left


def test_an_item_answered_while_the_batch_was_computed_is_left_out(asked: Project) -> None:
    planned = batches.plan(asked, round_no=2, learned=None)
    slot = take(asked).slot
    answers.answer(asked, slot.slot_id, "sport", annotator="ann")
    batches.write(
        asked,
        planned._replace(asked=[*planned.asked, Pick(slot.item_id, "seed")]),
        round_no=2,
        strategy="x",
    )
    assert slot.item_id not in {s.item_id for s in open_slots(asked)}


# Who gets what


def test_two_people_never_get_the_same_item(asked: Project) -> None:
    given = [take(asked, name).item_id for name in ("ann", "bob", "cy")]
    assert len(set(given)) == 3
    assert take(asked, "ann").item_id == given[0], "until it is answered"


def test_items_come_in_the_order_of_the_batch(asked: Project) -> None:
    ranks = []
    for _ in range(5):
        slot = take(asked).slot
        ranks.append(slot.rank)
        answers.answer(asked, slot.slot_id, "sport", annotator="ann")
    assert ranks == [1, 2, 3, 4, 5]


def test_an_answer_is_on_disk_and_counted(asked: Project) -> None:
    slot = take(asked).slot
    event_id = answers.answer(asked, slot.slot_id, " sport ", annotator=" ann ", ms=1234)
    with project.opened(asked.path) as again:
        stored = events.get(again.db, event_id)
        assert stored is not None
        assert (stored.kind, stored.item_id, stored.annotator) == ("label", slot.item_id, "ann")
        assert (stored.value, stored.ms, stored.label_set) == ("sport", 1234, 1)
        assert queue.progress(again, "ann", queue=slot.change_id) == (1, 30, 1)
        assert queue.progress(again, "bob", queue=slot.change_id) == (1, 30, 0)


def test_the_same_event_id_twice_is_one_answer(asked: Project) -> None:
    first = take(asked).slot
    for _ in range(2):
        answers.answer(asked, first.slot_id, "sport", annotator="ann", event_id="client-1")
    with pytest.raises(InputError, match="answer the item once more"):
        answers.answer(asked, first.slot_id, "money", annotator="ann", event_id="client-1")
    assert events.annotations_of(asked.db, first.item_id) == [("ann", "label", "sport")]
    assert queue.progress(asked, "ann", queue=first.change_id) == (1, 30, 1)
    second = take(asked).slot
    with pytest.raises(InputError, match="answer the item once more"):
        answers.answer(asked, second.slot_id, "sport", annotator="ann", event_id="client-1")
    assert take(asked).slot == second, "a replayed id answers nothing else"


def test_a_replay_of_what_one_took_back_oneself_changes_nothing(asked: Project) -> None:
    slot = take(asked).slot
    answers.answer(asked, slot.slot_id, "sport", annotator="ann", event_id="client-1")
    answers.undo(asked, "ann")
    assert take(asked).slot.slot_id == slot.slot_id
    again = answers.answer(asked, slot.slot_id, "sport", annotator="ann", event_id="client-1")
    assert again == "client-1", "its receipt may have been lost; nothing is missing"
    assert events.annotations_of(asked.db, slot.item_id) == []


def test_an_answer_that_a_revert_took_back_is_not_acknowledged_again(asked: Project) -> None:
    slot = take(asked).slot
    answers.answer(asked, slot.slot_id, "sport", annotator="ann", event_id="client-1")
    history.revert(asked, slot.change_id, author="olga")
    with pytest.raises(InputError, match="taken back in the meantime"):
        answers.answer(asked, slot.slot_id, "sport", annotator="ann", event_id="client-1")
    assert events.annotations_of(asked.db, slot.item_id) == []


def test_undoing_a_skip_brings_the_very_item_back(asked: Project) -> None:
    skipped = take(asked).slot
    answers.skip(asked, skipped.slot_id, annotator="ann")
    assert take(asked).slot != skipped
    assert answers.undo(asked, "ann") == skipped.item_id
    assert take(asked).slot.slot_id == skipped.slot_id


def test_undo_after_a_round_closed_asks_the_item_in_the_current_batch(asked: Project) -> None:
    slot = take(asked).slot
    answers.answer(asked, slot.slot_id, "sport", annotator="ann")
    publish(asked, 2)
    assert answers.undo(asked, "ann") == slot.item_id
    assert take(asked).slot.item_id == slot.item_id


def test_an_answer_that_comes_after_the_lease_ran_out_is_kept(asked: Project) -> None:
    slot = take(asked).slot
    answers.answer(asked, slot.slot_id, "sport", annotator="bob")
    answers.answer(asked, slot.slot_id, "money", annotator="ann")
    assert len(events.annotations_of(asked.db, slot.item_id)) == 2
    assert queue.progress(asked, "ann", queue=slot.change_id).answered == 1


def test_a_skip_passes_the_item_on_and_does_not_lose_it(asked: Project) -> None:
    slot = take(asked).slot
    answers.skip(asked, slot.slot_id, annotator="ann")
    assert take(asked).item_id != slot.item_id
    assert take(asked, "bob").item_id == slot.item_id
    answers.answer(asked, slot.slot_id, "sport", annotator="bob")
    assert slot.item_id in items.labelled(asked.db)


def test_an_item_that_everybody_skips_stays_in_the_queue_and_comes_last_later(
    asked: Project,
) -> None:
    first = take(asked).slot
    skipped = first if first.why == "seed" else None
    while skipped is None:
        answers.answer(asked, first.slot_id, TRUTH[source(asked, first.item_id)], annotator="ann")
        first = take(asked).slot
        skipped = first if first.why == "seed" else None
    answers.skip(asked, skipped.slot_id, annotator="ann")
    answer_queue(asked, TRUTH, annotator="ann")
    assert [slot.item_id for slot in open_slots(asked)] == [skipped.item_id]
    batches_seen = []
    for round_no in range(2, 6):
        batches_seen.append({pick.item_id for pick in publish(asked, round_no)})
        answer_queue(asked, TRUTH)
    assert skipped.item_id not in batches_seen[0]
    assert skipped.item_id in set().union(*batches_seen)


def source(of: Project, item_id: str) -> str:
    item = items.get(of.db, item_id)
    assert item is not None
    return item.source_id


def test_a_flag_keeps_the_comment_and_the_item(asked: Project) -> None:
    slot = take(asked).slot
    answers.flag(asked, slot.slot_id, "두 언어", annotator="ann")
    assert take(asked).slot == slot
    assert [row[6] for row in events.table(asked.db) if row[3] == "flag"] == ["두 언어"]


def test_undo_reopens_the_slot_for_the_same_person_and_counts(asked: Project) -> None:
    slot = take(asked).slot
    answers.answer(asked, slot.slot_id, "sport", annotator="ann")
    take(asked)
    assert answers.undo(asked, "ann") == slot.item_id
    assert events.annotations_of(asked.db, slot.item_id) == []
    assert queue.progress(asked, "ann", queue=slot.change_id) == (0, 30, 0)
    assert take(asked, "bob").item_id != slot.item_id
    assert answers.undo(asked, "ann") is None


def test_after_an_undo_the_item_comes_again_next(asked: Project) -> None:
    slot = take(asked).slot
    answers.answer(asked, slot.slot_id, "sport", annotator="ann")
    answers.undo(asked, "ann")
    assert take(asked).slot == slot
    answers.answer(asked, slot.slot_id, "money", annotator="ann")
    assert events.annotations_of(asked.db, slot.item_id) == [("ann", "label", "money")]


def test_undo_takes_back_ones_own_answers_only_newest_first(asked: Project) -> None:
    mine = [take(asked).slot]
    answers.answer(asked, mine[0].slot_id, "sport", annotator="ann")
    mine.append(take(asked).slot)
    answers.answer(asked, mine[1].slot_id, "sport", annotator="ann")
    answers.answer(asked, take(asked, "bob").slot.slot_id, "sport", annotator="bob")
    assert [answers.undo(asked, "ann") for _ in range(3)] == [
        mine[1].item_id,
        mine[0].item_id,
        None,
    ]
    assert answers.undo(asked, "bob") is not None


@pytest.mark.parametrize("label", ["", "weird", "Sport"])
def test_an_unknown_class_is_refused_and_nothing_is_written(asked: Project, label: str) -> None:
    slot = take(asked).slot
    before = events.last(asked.db)
    with pytest.raises(InputError, match="is no class"):
        answers.answer(asked, slot.slot_id, label, annotator="ann")
    assert events.last(asked.db) == before


@pytest.mark.parametrize("name", ["", "  ", "x" * 256, "a\x00b", "import:me", "gold:me"])
def test_a_name_that_cannot_be_is_refused(asked: Project, name: str) -> None:
    with pytest.raises(InputError):
        queue.next_item(asked, name)


@pytest.mark.parametrize("act", [answers.answer, answers.flag])
def test_an_unknown_slot_is_refused(asked: Project, act: object) -> None:
    with pytest.raises(InputError, match="no slot"):
        act(asked, 999, "sport", annotator="ann")  # type: ignore[operator]


# Relabeling


def relabel_queue(of: Project, item_id: str) -> int:
    with of.writing():
        change = changes.add(of.db, "correct", title="Relabel", author="t", at="now")
        slots.publish(of.db, [slots.NewSlot("relabel", change, item_id, 1, "relabel")])
    return change


def test_an_answer_in_a_relabel_queue_is_a_ruling(asked: Project) -> None:
    slot = next(s for s in open_slots(asked) if s.why == "seed")
    answers.answer(asked, slot.slot_id, "sport", annotator="ann")
    change = relabel_queue(asked, slot.item_id)
    given = queue.next_item(asked, "ann", queue=change)
    assert given is not None, "also for the person who labelled it first"
    assert given.current_label == "sport"
    answers.answer(asked, given.slot.slot_id, "money", annotator="ann")
    snapshot = Snapshot(asked)
    labels = snapshot.labels(snapshot_version(snapshot))
    assert labels[slot.item_id] == "money"
    rulings = snapshot.standing(snapshot_version(snapshot)).rulings
    assert {item: ruling.value for item, ruling in rulings.items()} == {slot.item_id: "money"}
    assert events.annotations_of(asked.db, slot.item_id) == [("ann", "label", "sport")]
    answers.undo(asked, "ann")
    snapshot = Snapshot(asked)
    assert snapshot.labels(snapshot_version(snapshot))[slot.item_id] == "sport"


def snapshot_version(snapshot: Snapshot) -> DataVersion:
    return DataVersion(snapshot.upto)


def test_skipping_in_a_relabel_queue_leaves_the_label(asked: Project) -> None:
    slot = next(s for s in open_slots(asked) if s.why == "seed")
    answers.answer(asked, slot.slot_id, "sport", annotator="ann")
    change = relabel_queue(asked, slot.item_id)
    given = queue.next_item(asked, "bob", queue=change)
    assert given is not None
    answers.skip(asked, given.slot.slot_id, annotator="bob")
    assert queue.next_item(asked, "bob", queue=change) is None
    assert events.annotations_of(asked.db, slot.item_id) == [("ann", "label", "sport")]


# Answers from a file


def from_file(of: Project, rows: list[tuple[object, str, object]]) -> str:
    frame = pd.DataFrame(rows, columns=["item", "who", "label"], dtype=object)
    change, _ = answer_files.label_from_table(
        of, frame, item="item", annotator="who", label="label", source="a.csv", author="t"
    )
    found = changes.get(of.db, change)
    assert found is not None
    return found.kind


def ids(of: Project, side: str) -> list[str]:
    return [item.item_id for item in items.every(of.db) if item.side == side]


def test_a_file_may_name_items_by_their_id_or_their_source(asked: Project) -> None:
    one, two = ids(asked, "pool")[:2]
    from_file(asked, [(one, "ann", "sport"), (source(asked, two), "ann", "money")])
    assert items.labelled(asked.db) == {one, two}


def test_the_kind_of_a_file_follows_from_what_it_answers(asked: Project) -> None:
    pool, reserved = ids(asked, "pool"), ids(asked, "reservoir")
    assert from_file(asked, [(pool[0], "ann", "sport"), (reserved[0], "ann", "sport")]) == "round"
    assert from_file(asked, [(pool[0], "ann", "money")]) == "correct"
    assert from_file(asked, [(pool[0], "bob", "money")]) == "round"
    drawn = [s.item_id for s in slots.open_slots(asked.db, queue.current_batch(asked))]
    drawn = [item for item in drawn if item in reserved]
    assert from_file(asked, [(drawn[0], "ann", "sport")]) == "gold"
    undrawn = next(item for item in reserved if item not in drawn)
    assert from_file(asked, [(undrawn, "ann", "sport")]) == "round"
    assert drawn[0] in items.trusted(asked.db)
    assert undrawn not in items.trusted(asked.db)


def test_a_file_fills_the_slots_that_asked(asked: Project) -> None:
    slot = open_slots(asked)[3]
    from_file(asked, [(slot.item_id, "ann", "sport")])
    assert slot.item_id not in {s.item_id for s in open_slots(asked)}
    assert slots.broken(asked.db) == []


@pytest.mark.parametrize(
    ("row", "words"),
    [
        (("nobody", "ann", "sport"), "row 1: there is no item 'nobody'"),
        (("r0-0003", "ann", "weird"), "row 1: 'weird' is no class"),
        (("r0-0003", "import:x", "sport"), "reserved"),
        (("r0-0003", "ann", None), "row 1 lacks"),
        (("twice", "ann", "sport"), "names 2 items"),
    ],
)
def test_a_bad_row_refuses_the_whole_file(
    asked: Project, row: tuple[object, str, object], words: str
) -> None:
    twin = text_frame(2, seed=8).assign(id="twice").astype(object)
    more_rows(asked, twin)
    before = list(asked.db.conn.iterdump())
    with pytest.raises(InputError, match=words):
        from_file(asked, [("r0-0001", "ann", "sport"), row])
    assert list(asked.db.conn.iterdump()) == before
