"""Verify: silent on a project that was worked on, and loud on every kind of planted tampering."""

from __future__ import annotations

import shutil
import sqlite3
from pathlib import Path

import pytest

from labeling import answers, history, project, queue, rounds
from labeling.__main__ import main
from labeling.store.inspection import ANSWER_TRIGGERS
from labeling.store.schema import LOG_TABLES
from labeling.verification import verify
from tests.factories import answer_queue, make_project, more_rows, text_frame, truth_of

FRAME = text_frame(60)
TRUTH = truth_of(FRAME)


@pytest.fixture(scope="module")
def lived_in(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project file with answers, skips, an undo, a flag, a round, a revert and two imports."""
    path = tmp_path_factory.mktemp("verify") / "p.db"
    with make_project(path, FRAME) as made:
        answer_queue(made, TRUTH)
        answers.undo(made, "oracle")
        rounds.close_round(made)
        more_rows(made, text_frame(10, seed=4), label="label")
        history.revert(made, max(history.table(made)["change_id"]), author="t")
        for act in (answers.skip, answers.answer):
            asked = queue.next_item(made, "bob")
            assert asked is not None
            extra = ("sport",) if act is answers.answer else ()
            act(made, asked.slot.slot_id, *extra, annotator="bob")  # type: ignore[operator]
        answers.flag(made, asked.slot.slot_id, "odd", annotator="bob")
    return path


@pytest.fixture
def path(lived_in: Path, tmp_path: Path) -> Path:
    return Path(shutil.copy(lived_in, tmp_path / "p.db"))


def tamper(path: Path, *statements: str, without: str = "") -> None:
    """Run SQL past the app, dropping a guard for as long as it is in the way."""
    file = sqlite3.connect(path)
    row = file.execute("SELECT sql FROM sqlite_master WHERE name = ?", (without,)).fetchone()
    if without:
        file.execute(f"DROP TRIGGER {without}")
    for statement in statements:
        assert file.execute(statement).rowcount != 0
    if without:
        file.execute(row[0])
    file.commit()
    file.close()


def guard_against(statement: str) -> str:
    """The trigger in the way of a statement, or nothing: derived tables have none."""
    words = statement.split()
    table = words[2] if words[0] == "DELETE" else words[1]
    return f"{table}_no_{words[0].lower()}" if table in LOG_TABLES else ""


def found(path: Path) -> set[str]:
    with project.opened(path) as opened:
        return set(verify(opened)["what"])


def test_a_project_that_was_worked_on_is_clean(path: Path) -> None:
    assert found(path) == set()
    assert main(["verify", str(path)]) == 0


FIRST = "(SELECT min(seq) FROM event WHERE kind = 'label')"
LAST = "(SELECT max(seq) FROM event)"
ANSWER = f"(SELECT event_id FROM event WHERE seq = {FIRST})"
AFTER = "(SELECT max(after_event) FROM change)"
MADE_UP = "INSERT INTO annotation SELECT item_id, 'eve', kind, value, seq FROM annotation LIMIT 1"
TAMPERING = {
    "what was answered": ("log", f"UPDATE event SET value = 'x' WHERE seq = {FIRST}"),
    "who answered": ("log", f"UPDATE event SET annotator = 'eve' WHERE seq = {FIRST}"),
    "when it was answered": ("log", f"UPDATE event SET at = '2020' WHERE seq = {FIRST}"),
    "an event deleted": ("log", f"DELETE FROM event WHERE seq = {FIRST} + 3"),
    "the last answer deleted": ("annotations", f"DELETE FROM event WHERE seq >= {LAST} - 1"),
    "the log cut off": ("log", f"DELETE FROM event WHERE seq >= {AFTER}"),
    "an annotation": ("annotations", "UPDATE annotation SET value = 'x' WHERE rowid = 2"),
    "an annotation deleted": ("annotations", "DELETE FROM annotation WHERE rowid = 2"),
    "an annotation made up": ("annotations", MADE_UP),
    "an item": ("items", "UPDATE item SET content = '{}' WHERE item_seq = 5"),
    "sides of the wall": ("rounds", "UPDATE item SET side = 'reservoir' WHERE side = 'pool'"),
    "a source deleted": ("sources", "DELETE FROM source WHERE source_seq = 5"),
    "a round": ("rounds", "UPDATE round SET version_hash = 'x'"),
    "a receipt made up": (
        "receipts",
        f"UPDATE slot SET answered_by = {ANSWER} WHERE slot_id = (SELECT max(slot_id) FROM slot)",
    ),
}


@pytest.mark.parametrize("name", TAMPERING)
def test_tampering_is_found(path: Path, name: str) -> None:
    what, statement = TAMPERING[name]
    tamper(path, statement, without=guard_against(statement))
    assert what in found(path)
    assert main(["verify", str(path), "--quiet"]) == 1


GUARDS = [f"{table}_no_{act}" for table in LOG_TABLES for act in ("update", "delete")]


@pytest.mark.parametrize("trigger", [*GUARDS, *ANSWER_TRIGGERS])
def test_a_missing_trigger_is_found(path: Path, trigger: str) -> None:
    tamper(path, f"DROP TRIGGER {trigger}")
    assert found(path) == {"append-only guard"}


def test_a_guard_that_guards_nothing_is_found(path: Path) -> None:
    tamper(
        path,
        "DROP TRIGGER event_no_update",
        "CREATE TRIGGER event_no_update BEFORE UPDATE ON event BEGIN SELECT 1; END",
    )
    assert "append-only guard" in found(path)


def test_a_slot_that_still_asks_for_an_answered_item_is_found(path: Path) -> None:
    with project.opened(path) as one:
        asked = queue.next_item(one, "cara")
        assert asked is not None
        answers.answer(one, asked.slot.slot_id, "sport", annotator="cara")
    tamper(path, f"UPDATE slot SET answered_by = NULL WHERE slot_id = {asked.slot.slot_id}")
    assert found(path) == {"receipts"}


def test_two_answers_to_one_slot_and_one_taken_back_are_no_mismatch(path: Path) -> None:
    """The lease ran out, both answered, the first one took it back: asking again is on purpose."""
    with project.opened(path) as one:
        asked = queue.next_item(one, "cara")
        assert asked is not None
        for name in ("cara", "dan"):
            answers.answer(one, asked.slot.slot_id, "sport", annotator=name)
        assert answers.undo(one, "cara") == asked.item_id
    assert found(path) == set()
