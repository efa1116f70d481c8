"""Undoing a whole change by a new one; settings as changes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest

from labeling import answer_files, answers, history, people, project, queue
from labeling.config import SETTINGS
from labeling.core.log import DataVersion
from labeling.errors import InputError
from labeling.project import Project
from labeling.store import changes, events, slots
from labeling.verification import verify
from labeling.versions import Snapshot
from tests.factories import (
    answer_queue,
    answers_frame,
    flipped,
    make_project,
    more_rows,
    text_frame,
    truth_of,
)

FRAME = text_frame(100)
TRUTH, WRONG = truth_of(FRAME), truth_of(flipped(FRAME))


@pytest.fixture
def made(tmp_path: Path) -> Iterator[Project]:
    with make_project(tmp_path / "p.db", FRAME) as one:
        yield one


def file_of_answers(into: Project, truth: dict[str, str], frame: pd.DataFrame | None = None) -> int:
    answers = answers_frame(into, truth) if frame is None else frame
    change, _ = answer_files.label_from_table(
        into, answers, item="item", annotator="who", label="label", source="a.csv", author="t"
    )
    return change


def version_hash(of: Project, *without: int) -> str:
    snapshot = Snapshot(of)
    return snapshot.training_set(DataVersion(snapshot.upto, frozenset(without))).hash


def test_a_reverted_change_leaves_the_data_as_before_bit_for_bit(made: Project) -> None:
    answers = answers_frame(made, TRUTH)
    file_of_answers(made, TRUTH)
    before = version_hash(made)
    wrong = file_of_answers(made, {}, answers.assign(label=answers["label"].map(swap(answers))))
    after = version_hash(made)
    assert after != before
    undone = history.revert(made, wrong, author="t")
    assert version_hash(made) == before
    assert version_hash(made, undone) == after
    assert version_hash(made, wrong, undone) == before
    assert verify(made).empty


def swap(answers: pd.DataFrame) -> dict[str, str]:
    one, two = sorted(set(answers["label"]))
    return {one: two, two: one}


def test_reverting_a_revert_brings_the_answers_back(made: Project) -> None:
    change = file_of_answers(made, TRUTH)
    before = version_hash(made)
    again = history.revert(made, history.revert(made, change, author="t"), author="t")
    assert version_hash(made) == before
    assert changes.get(made.db, again) is not None
    assert verify(made).empty


def test_a_revert_opens_the_slots_again_and_nothing_is_deleted(made: Project) -> None:
    before = len(slots.open_slots(made.db, queue.current_batch(made)))
    change = file_of_answers(made, TRUTH)
    n = events.last(made.db)
    history.revert(made, change, author="t")
    assert len(slots.open_slots(made.db, queue.current_batch(made))) == before
    assert events.last(made.db) == 2 * n
    assert answer_queue(made, TRUTH) == before


def test_a_change_without_facts_cannot_be_reverted(made: Project) -> None:
    dump = list(made.db.conn.iterdump())
    with pytest.raises(InputError, match="no fact"):
        history.revert(made, 1, author="t")
    with pytest.raises(InputError, match="no change 77"):
        history.revert(made, 77, author="t")
    assert list(made.db.conn.iterdump()) == dump


def test_a_change_is_reverted_once(made: Project) -> None:
    change = file_of_answers(made, TRUTH)
    history.revert(made, change, author="t")
    with pytest.raises(InputError, match="no fact"):
        history.revert(made, change, author="t")


def test_a_change_whose_answers_were_all_undone_leaves_nothing_to_revert(made: Project) -> None:
    asked = queue.next_item(made, "ann")
    assert asked is not None
    answers.answer(made, asked.slot.slot_id, "sport", annotator="ann")
    answers.undo(made, "ann")
    with pytest.raises(InputError, match="no fact"):
        history.revert(made, asked.slot.change_id, author="t")


# Settings

OTHER = {
    "strategy": "entropy",
    "batch_size": "7",
    "gold_per_batch": "3",
    "gold_target": "50",
    "control_share": "0.25",
    "lease_minutes": "2",
    "overlap": "3",
    "second_opinions": "0.5",
    "suggestions_hidden": "1",
    "embeddings": "alone",
    "gate": "warning",
    "stop_rule": "conservative",
    "policy": "dawid_skene",
    "model": "logistic",
    "regularisation": "0.5",
    "class_weight": "none",
    "soft_labels": "on",
}


def test_every_setting_has_an_example_here() -> None:
    assert set(OTHER) == set(SETTINGS)


@pytest.mark.parametrize("key", SETTINGS)
def test_a_setting_is_a_change_of_its_kind_and_can_be_reverted(made: Project, key: str) -> None:
    default = made.config.text[key]
    (change,) = project.change_settings(made, {key: OTHER[key]}, author="t")
    stored = changes.get(made.db, change)
    assert stored is not None
    assert stored.kind == SETTINGS[key].change
    assert made.config.text[key] == OTHER[key]
    history.revert(made, change, author="t")
    assert made.config.text[key] == default


@pytest.mark.parametrize("key", SETTINGS)
@pytest.mark.parametrize("value", ["", "nonsense", "-1", "nan", "inf", "1e99"])
def test_a_value_that_is_not_allowed_is_refused(made: Project, key: str, value: str) -> None:
    dump = list(made.db.conn.iterdump())
    with pytest.raises(InputError, match=f"setting {key}: expected"):
        project.change_settings(made, {"strategy": "random", key: value}, author="t")
    assert list(made.db.conn.iterdump()) == dump


@pytest.mark.parametrize("key", SETTINGS)
def test_the_default_of_a_setting_is_allowed(key: str) -> None:
    SETTINGS[key].read(SETTINGS[key].default)


def test_an_unknown_setting_is_refused(made: Project) -> None:
    with pytest.raises(InputError, match="no setting 'speed'"):
        project.change_settings(made, {"speed": "9"}, author="t")


def test_a_setting_that_stays_the_same_is_no_change(made: Project) -> None:
    assert project.change_settings(made, {"batch_size": "20"}, author="t") == []


def test_reverting_an_older_setting_leaves_the_newer_one(made: Project) -> None:
    (old,) = project.change_settings(made, {"regularisation": "1"}, author="t")
    project.change_settings(made, {"regularisation": "5"}, author="t")
    with pytest.raises(InputError, match="no fact"):
        history.revert(made, old, author="t")
    assert made.config.text["regularisation"] == "5"


# Names of project files


@pytest.mark.parametrize(
    "name", ["../x", "a/b", "", ".", "..", ".hidden", "a..b", "a\x00", "x" * 99]
)
def test_a_name_never_leads_out_of_the_folder(tmp_path: Path, name: str) -> None:
    with pytest.raises(InputError, match="cannot name a project"):
        project.path_for(tmp_path, name)


@pytest.mark.parametrize("name", ["reviews", "영화 리뷰", "a.b-c_d 2"])
def test_a_decent_name_is_a_file_of_the_folder(tmp_path: Path, name: str) -> None:
    assert project.path_for(tmp_path, name) == tmp_path / f"{name}.db"


def test_the_list_of_projects_passes_over_what_is_none(made: Project) -> None:
    (made.path.parent / "other.db").write_text("no project")
    assert [p.name for p in project.list_projects(made.path.parent)] == ["p"]


def test_reverting_a_later_import_takes_its_items_out_and_back_again(made: Project) -> None:
    more = more_rows(made, text_frame(30, seed=9)).change_id
    new = {item for item, by in Snapshot(made).made_by.items() if by == more}
    assert new
    undone = history.revert(made, more, author="t")
    out = Snapshot(made)
    assert out.standing(DataVersion(out.upto)).excluded == new
    history.revert(made, undone, author="t")
    back = Snapshot(made)
    assert back.standing(DataVersion(back.upto)).excluded == set()


def test_a_correction_survives_that_an_earlier_change_is_reverted_and_restored(
    made: Project,
) -> None:
    """Restoring old answers does not make them newer than what was corrected since."""
    answers = answers_frame(made, TRUTH)
    first = file_of_answers(made, {}, answers)
    corrected = answers.head(5)
    file_of_answers(made, {}, corrected.assign(label=corrected["label"].map(swap(answers))))
    before = version_hash(made)
    undone = history.revert(made, first, author="t")
    history.revert(made, undone, author="t")
    assert version_hash(made) == before
    assert verify(made).empty


def test_what_comes_later_does_not_change_a_counterfactual_of_the_past(made: Project) -> None:
    answers = answers_frame(made, TRUTH)
    first = file_of_answers(made, {}, answers)
    corrected = answers.head(5)
    file_of_answers(made, {}, corrected.assign(label=corrected["label"].map(swap(answers))))
    snapshot = Snapshot(made)
    past = snapshot.training_set(DataVersion(snapshot.upto, frozenset({first}))).hash
    undone = history.revert(made, first, author="t")
    now = Snapshot(made)
    assert now.training_set(DataVersion(snapshot.upto, frozenset({first}))).hash == past
    assert now.training_set(DataVersion(now.upto, frozenset({first, undone}))).hash == past


def test_labels_that_came_along_in_a_file_stay_untrusted_through_revert_and_back(
    tmp_path: Path,
) -> None:
    with make_project(tmp_path / "l.db", FRAME, label="label") as labelled:
        undone = history.revert(labelled, 1, author="t")
        assert Snapshot(labelled).training_set(DataVersion(10**9)).labels == {}
        history.revert(labelled, undone, author="t")
        snapshot = Snapshot(labelled)
        assert len(snapshot.training_set(DataVersion(snapshot.upto)).labels) > 0
        assert snapshot.gold() == {}


def test_an_item_that_another_import_brought_too_stays(made: Project) -> None:
    extra = text_frame(30, seed=9)
    one = more_rows(made, extra).change_id
    more_rows(made, extra.head(10), source="again.csv")
    history.revert(made, one, author="t")
    snapshot = Snapshot(made)
    out = snapshot.standing(DataVersion(snapshot.upto)).excluded
    assert len(out) == 20
    more_rows(made, extra, source="third.csv")
    back = Snapshot(made)
    assert back.standing(DataVersion(back.upto)).excluded == set()


def test_roles_are_set_back_too(made: Project) -> None:
    people.set_roles(made, {"Olga": "owner", "Rita": "reviewer"}, author="t")
    wrong = people.set_roles(made, {"Rita": "none", "Eve": "owner", "Ann": "reviewer"}, author="t")
    people.set_roles(made, {"Ann": "annotator"}, author="t")
    assert wrong is not None
    undone = history.revert(made, wrong, author="t")
    standing = {"Olga": "owner", "Rita": "reviewer", "Ann": "annotator"}
    assert dict(people.table(made).to_numpy().tolist()) == standing, "the later word on Ann stays"
    with pytest.raises(InputError, match="no fact"):
        history.revert(made, wrong, author="t")
    history.revert(made, undone, author="t")
    assert people.role_of(made, "Eve") == "owner"
    assert verify(made).empty


def test_a_revert_leaves_no_list_without_an_owner(made: Project) -> None:
    first = people.set_roles(made, {"Olga": "owner"}, author="t")
    people.set_roles(made, {"Rita": "reviewer"}, author="t")
    assert first is not None
    with pytest.raises(InputError, match="at least one owner"):
        history.revert(made, first, author="t")
    assert people.role_of(made, "Olga") == "owner"
