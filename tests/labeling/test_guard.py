"""The guard and the age of gold: what is wrong with the figures is said, and nothing else."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd

from labeling import audits, gold_age, guard, history, project, queue, verified_gain
from labeling.answers import Operation, record
from labeling.guard import BAD, GOOD, OPEN
from labeling.project import Project, now
from labeling.store import changes, events, items, slots
from labeling.store.events import NewEvent
from labeling.versions import Snapshot
from tests.factories import answer_queue, make_project, more_rows, text_frame, texts_in, truth_of


def hard_frame(n: int) -> pd.DataFrame:
    """Texts that are half of one topic and half of another."""
    first, second = (text_frame(n, seed=seed, korean=True) for seed in (8, 9))
    return first.assign(text=first["text"] + " " + second["text"]).astype(object)


HARD = hard_frame(120)
TRUTH = truth_of(text_frame(110, korean=True), HARD)


def states(of: Project) -> dict[str, str]:
    return {reason.what: reason.state for reason in guard.guard(of)}


def words(of: Project, what: str) -> str:
    return next(reason.words for reason in guard.guard(of) if reason.what == what)


def adopt(into: Project, value: str) -> int:
    (change,) = project.change_settings(into, {"regularisation": value}, author="t")
    return change


def verify(on: Project) -> int:
    """Rule on some disagreements of the two rounds on new rows; the change."""
    more_rows(on, HARD, reserve=0.5)
    change = verified_gain.ask(on, 6, author="t")
    assert answer_queue(on, TRUTH, annotator="rev", queue_id=change) > 0
    return change


# -- the guard ------------------------------------------------------------------------------------


def test_an_honest_project_has_nothing_bad_to_say(copy: Project) -> None:
    assert [reason.what for reason in guard.guard(copy)] == list(guard.REASONS)
    found = states(copy)
    assert found.pop("Decide or report") == OPEN
    assert set(found.values()) == {GOOD}


def test_a_project_without_gold_is_not_called_bad(tmp_path: Path) -> None:
    with make_project(tmp_path / "p.db", text_frame(60)) as made:
        assert BAD not in states(made).values()
        assert states(made)["Random gold"] == OPEN
        assert words(made, "Random gold").startswith("no headline yet: 30 more")


def test_gold_that_a_strategy_chose_makes_no_headline(copy: Project) -> None:
    item = next(iter(Snapshot(copy).gold()))
    with copy.writing():
        batch = changes.last_batch(copy.db)
        slots.publish(copy.db, [slots.NewSlot("batch", batch, item, 999, "margin")])
    assert states(copy)["Random gold"] == BAD


def test_a_near_duplicate_cluster_on_both_sides_is_found(copy: Project) -> None:
    snapshot = Snapshot(copy)
    trained = next(e.item_id for e in snapshot.log if snapshot.side[e.item_id] == "pool")
    own = snapshot.items[snapshot.position[trained]]
    with copy.writing():
        kept = own.change_id, own.source_id, own.cluster, "reservoir", own.content
        items.insert(copy.db, [("f" * 64, *kept)])
    assert words(copy, "Apart from training").startswith("1 reserved item")


def test_skipped_gold_draws_are_said_to_flatter(tmp_path: Path) -> None:
    with make_project(tmp_path / "p.db", text_frame(60)) as made:
        drawn, asked = changes.drawn(made.db), queue.next_item(made, "a")
        while asked is not None and asked.item_id not in drawn:
            record(made, "a", [Operation(f"u{asked.item_id}", "label", asked.item_id,
                                         asked.slot.slot_id, "sport")])  # fmt: skip
            asked = queue.next_item(made, "a")
        assert asked is not None
        assert states(made)["Hard items"] == OPEN, "nobody has answered one yet"
        record(made, "a", [Operation("skip", "skip", asked.item_id, asked.slot.slot_id)])
        assert "1 gold draws were skipped" in words(made, "Hard items")


def test_fresh_rulings_are_split_into_those_that_decide_and_those_that_report(
    copy: Project,
) -> None:
    verify(copy)
    decided = verified_gain.decide(copy)
    said = words(copy, "Decide or report")
    n = decided.n_decided + decided.reported.n_labels
    assert said.startswith(f"of {n} fresh rulings {decided.n_decided} decide ")
    assert f" and {decided.reported.n_labels} report " in said


def test_a_leak_that_a_repair_brought_is_found_by_the_next_audit(copy: Project) -> None:
    """A training row is edited into what a gold item says."""
    snapshot, texts = Snapshot(copy), texts_in(copy)
    trained = next(e.item_id for e in snapshot.log if snapshot.side[e.item_id] == "pool")
    edit = json.dumps({"text": texts[next(iter(snapshot.gold()))]}, ensure_ascii=False)
    with copy.writing():
        change = changes.add(copy.db, "repair", title="edit", author="t", at=now())
        events.append(copy.db, [
            NewEvent("e1", change, "edit", trained, "t", edit, 0, 1, None, now())
        ])  # fmt: skip
    assert states(copy)["Leaks"] == OPEN, "nobody has looked since"
    assert "not looked at since “edit”" in words(copy, "Leaks")
    audits.recheck(copy)
    assert states(copy)["Leaks"] == BAD
    assert "gold items have a near-duplicate" in words(copy, "Leaks")
    assert guard.leaks(copy) == next(r for r in guard.guard(copy) if r.what == "Leaks")


def test_gold_that_decided_too_often_is_to_be_rotated(copy: Project) -> None:
    bears = gold_age.age(copy).most
    for nth in range(bears):
        adopt(copy, f"0.{nth + 1}")
    assert states(copy)["Age of gold"] == GOOD
    adopt(copy, "0.9")
    assert states(copy)["Age of gold"] == BAD
    assert "rotate" in words(copy, "Age of gold")


# -- the age of gold ------------------------------------------------------------------------------


def test_models_adopted_changes_reverted_and_strategies_switched_are_decisions(
    copy: Project,
) -> None:
    assert gold_age.taken(copy) == []
    model = adopt(copy, "0.5")
    history.revert(copy, model, author="t")
    project.change_settings(copy, {"strategy": "random", "batch_size": "7"}, author="t")
    found = gold_age.taken(copy)
    assert [each.words.split(":")[0] for each in found] == ["adopted", "reverted", "switched"]
    assert gold_age.age(copy).decisions == 3
    assert gold_age.age(copy).n_gold == len(Snapshot(copy).gold())


def test_what_nobody_decided_by_a_score_is_no_decision(copy: Project, tmp_path: Path) -> None:
    (change,) = project.change_settings(copy, {"batch_size": "7"}, author="t")
    history.revert(copy, change, author="t")
    answer_queue(copy, TRUTH, limit=2)
    assert gold_age.taken(copy) == []
    with make_project(tmp_path / "p.db", text_frame(40)) as young:
        adopt(young, "0.5")
        assert gold_age.taken(young) == [], "there was no score to look at"


def test_a_verified_gain_is_a_decision_that_does_not_wear_gold(copy: Project) -> None:
    change = verify(copy)
    (found,) = gold_age.taken(copy)
    assert (found.change_id, found.words) == (change, "verified: round 2 against round 1")
    assert not found.wears and gold_age.age(copy).decisions == 0
