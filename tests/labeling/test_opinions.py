"""Asked again: doubted labels in a batch, by somebody else, with their seconds of work."""

from __future__ import annotations

from pathlib import Path

import pytest

from labeling import answers, export, opinions, queue, rounds
from labeling.config import SETTINGS as SETTINGS_OF
from labeling.core.log import DataVersion
from labeling.core.models import ModelConfig
from labeling.project import Project
from labeling.store import evidence, items, slots
from labeling.store.slots import Slot
from labeling.versions import Snapshot
from tests.factories import make_project, text_frame, truth_of

FRAME = text_frame(300)
TRUTH = truth_of(FRAME)
OTHER = {"money": "sport", "sport": "money"}
SETTINGS = {"batch_size": "60", "control_share": "0", "gold_per_batch": "0"}


def label(into: Project, person: str, *, wrong: int = 0, limit: int = 1_000) -> list[str]:
    """Answer the queue, the first `wrong` pool items wrongly; the items answered wrongly."""
    turned: list[str] = []
    for _ in range(limit):
        asked = queue.next_item(into, person)
        if asked is None:
            break
        item = items.get(into.db, asked.item_id)
        assert item is not None
        said = TRUTH[item.source_id]
        if item.side == "pool" and len(turned) < wrong:
            said = OTHER[said]
            turned.append(item.item_id)
        answers.answer(into, asked.slot.slot_id, said, annotator=person, ms=2_000)
    return turned


def doubted(of: Project) -> list[Slot]:
    """The slots of the current batch that ask a label again."""
    batch = queue.current_batch(of)
    rows = of.db.execute("SELECT slot_id FROM slot WHERE change_id = ? AND why = 'doubt'", (batch,))
    found = [slots.get(of.db, row[0]) for row in rows]
    return [slot for slot in found if slot is not None]


def test_a_doubted_label_is_asked_again_of_somebody_else_and_counted(tmp_path: Path) -> None:
    with make_project(tmp_path / "p.db", FRAME, settings=SETTINGS) as made:
        label(made, "ann", limit=17)
        assert known(made) is None, "one person alone has nobody to ask"
        label(made, "bo")
        rounds.close_round(made)
        wrong = set(label(made, "ann", wrong=6))
        rounds.close_round(made)
        again = doubted(made)
        assert again, "six labels are wrong"
        assert {slot.item_id for slot in again} & wrong, "the wrong ones are among the doubted"
        assert {slot.queue for slot in again} == {"second"}
        sides = {item.item_id: item.side for item in items.every(made.db)}
        assert {sides[slot.item_id] for slot in again} == {"pool"}
        assert all(slot.score is not None and slot.score < 0.15 for slot in again)
        assert all(slot.suggested is None for slot in again), "nothing leads the second person"
        planned = slots.n_items(made.db, queue.current_batch(made))
        gold = sum(
            sides[slot.item_id] == "reservoir"
            for slot in slots.open_slots(made.db, queue.current_batch(made))
        )
        assert planned - gold + len(again) == 60, "votes are shared out, not added"
        text = queue.why(again[0])
        assert text.startswith("asked again: the model doubts this label (score .")

        by_whom = {
            item: set(
                row[0]
                for row in made.db.execute(
                    "SELECT annotator FROM annotation WHERE item_id = ?", (item,)
                )
            )
            for item in (slot.item_id for slot in again)
        }
        mine = {item for item, who in by_whom.items() if who == {"ann"}}
        label(made, "ann")
        left = {slot.item_id for slot in doubted(made) if is_open(made, slot)}
        assert left >= mine, "nobody gives a second opinion on an answer of their own"
        label(made, "bo")
        assert not {slot.item_id for slot in doubted(made) if is_open(made, slot)} & mine
        given = opinions.table(made)
        row = given[given["kind"] == "doubted"].iloc[0]
        assert (row["round"], row["answers"]) == (3, len(again))
        assert row["seconds"] == 2 * len(again)
        assert row["apart"] >= len({slot.item_id for slot in again} & wrong & mine)
        assert export.table(made, "opinions").equals(given)
        _, n_pairs = evidence.random_pairs(made.db)
        assert n_pairs == given.loc[given["kind"] == "random", "answers"].sum()


def is_open(of: Project, slot: Slot) -> bool:
    (row,) = of.db.execute("SELECT answered_by FROM slot WHERE slot_id = ?", (slot.slot_id,))
    return row[0] is None


def known(of: Project) -> opinions.Voted | None:
    """The labels that could be asked again now."""
    snapshot = Snapshot(of)
    version = DataVersion(snapshot.upto)
    return opinions.voted(snapshot, version, snapshot.training_set(version), ModelConfig())


def test_a_project_says_by_name_or_number_who_is_asked_again() -> None:
    read = SETTINGS_OF["second_opinions"].read
    assert read(SETTINGS_OF["second_opinions"].default) == ("value_rule", 0.05)
    assert read("half") == ("half", 0.05)
    assert read("0.3") == ("none", 0.3), "as projects of earlier versions have it"
    with pytest.raises(ValueError, match=r"one of value_rule, .* or a number from 0 to 1"):
        read("some")
