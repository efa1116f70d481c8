"""Export: every table as CSV that gives back what was there, and runs nothing in a spreadsheet."""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest

from labeling import answers, export, queue, rounds
from labeling.errors import InputError
from labeling.export import FORMULA_STARTS, TABLES, neutralise
from labeling.project import Project
from labeling.versions import Snapshot
from tests.factories import answer_queue, make_project, text_frame, truth_of

FRAME = text_frame(60, korean=True).assign(note="=SUM(A1)", **{"=x": "plain"}).astype(object)
COLUMNS = {
    "items": ["item_id", "source_id", "part", "label", "excluded", "text", "id", "original_label"],
    "labels": ["item_id", "source_id", "label", "part", "n_answers", "n_agree", "ruled"],
    "annotations": ["item_id", "source_id", "annotator", "kind", "label", "seq"],
    "changes": ["change_id", "kind", "title", "author", "at", "events", "seconds", "answers"],
    "queue": ["item_id", "source_id", "rank", "why"],
    "impact": ["change_id", "kind", "title", "n_rows", "delta", "low", "high", "verdict", "fits"],
}


@pytest.fixture(scope="module")
def closed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    with make_project(tmp_path_factory.mktemp("export") / "p.db", FRAME) as made:
        answer_queue(made, truth_of(FRAME), annotator="김철수")
        asked = queue.next_item(made, "ann")
        rounds.close_round(made)
        asked = queue.next_item(made, "ann")
        assert asked is not None
        answers.flag(made, asked.slot.slot_id, "@cmd", annotator="ann")
        yield made


@pytest.fixture
def fresh(tmp_path: Path) -> Iterator[Project]:
    with make_project(tmp_path / "p.db", FRAME) as made:
        yield made


@pytest.mark.parametrize("name", TABLES)
def test_every_table_comes_back_from_its_csv(closed: Project, tmp_path: Path, name: str) -> None:
    frame = export.table(closed, name)
    export.write_csv(frame, tmp_path / "t.csv")
    found = pd.read_csv(tmp_path / "t.csv", dtype=str, keep_default_na=False)
    assert list(found.columns) == [neutralise(str(c)) for c in frame.columns]
    assert len(found) == len(frame)
    assert [p.name for p in tmp_path.iterdir()] == ["t.csv"]
    for cell in found.to_numpy().ravel():
        assert neutralise(cell) == cell, "nothing is left that a spreadsheet would run"


@pytest.mark.parametrize("name", TABLES)
def test_every_table_exists_before_anything_was_done(fresh: Project, name: str) -> None:
    assert len(export.table(fresh, name).columns) > 0


@pytest.mark.parametrize("name", COLUMNS)
def test_a_table_has_the_promised_columns(closed: Project, name: str) -> None:
    assert list(export.table(closed, name).columns)[: len(COLUMNS[name])] == COLUMNS[name]


def test_an_unknown_table_is_named_with_those_that_exist(closed: Project) -> None:
    with pytest.raises(InputError, match="no table 'secrets'; there are: items"):
        export.table(closed, "secrets")


def test_items_say_their_part_and_label(closed: Project) -> None:
    found = export.table(closed, "items")
    parts = found["part"].value_counts().to_dict()
    assert parts == {"pool": 30, "gold": 10, "reservoir": 20}
    told = found[found["label"].notna()]
    assert (told["label"] == told["original_label"]).all()
    assert len(told) == 30
    assert found["text"].tolist() == FRAME["text"].tolist()


def test_every_column_of_the_items_has_a_name_of_its_own(tmp_path: Path) -> None:
    again = FRAME.assign(item_id="x", original_item_id="y", original_label="z").astype(object)
    with make_project(tmp_path / "p.db", again) as made:
        found = export.table(made, "items")
    assert found.columns.is_unique
    old = found[["original_original_item_id", "original_item_id", "original_label"]]
    assert old.drop_duplicates().to_numpy().tolist() == [["x", "y", "z"]]
    assert found["original_original_label"].tolist() == FRAME["label"].tolist()


def test_gold_in_the_table_is_the_gold_that_measures(closed: Project) -> None:
    found = export.table(closed, "labels")
    gold = found[found["part"] == "gold"].set_index("item_id")["label"].to_dict()
    assert gold == Snapshot(closed).gold()


def test_annotators_are_counted(closed: Project) -> None:
    found = export.table(closed, "annotators").set_index("annotator")
    assert found.loc["김철수", "labels"] == 30
    assert found.loc["ann", "flags"] == 1
    assert found.loc["김철수", "per_hour"] == pytest.approx(4000)


DANGEROUS = ["=1+1", "+cmd|'/C calc'!A0", "-2+3", "@SUM(A1)", "\t=1", "\r=1", "=", "--1"]
HARMLESS = [
    "-0.5",
    "+1",
    "-1e5",
    "3.14",
    "",
    "a=b",
    "가나다",
    "'=1",
    "2-1",
    "e-mail@x.y",
    None,
    -4,
    0.5,
]


@pytest.mark.parametrize("cell", DANGEROUS)
def test_a_formula_is_neutralised(cell: str) -> None:
    assert cell.startswith(FORMULA_STARTS)
    assert neutralise(cell) == f"'{cell}"


@pytest.mark.parametrize("cell", HARMLESS)
def test_numbers_and_plain_words_are_left_alone(cell: object) -> None:
    assert neutralise(cell) == cell


@pytest.mark.parametrize(
    "text", ['한글, "따옴표"', "two\nlines", "win\r\nline", "mac\rline", " blank ", "émoji 🎉", "'"]
)
def test_a_cell_comes_back_as_it_was(text: str) -> None:
    written = export.to_csv(pd.DataFrame({"text": ["x", text], "n": [1, -2]}))
    rows = list(csv.reader(io.StringIO(written, newline="")))
    assert rows == [["text", "n"], ["x", "1"], [text, "-2"]]


def test_columns_of_the_same_name_are_both_written() -> None:
    frame = pd.DataFrame([["=a", "b"]], columns=["x", "x"])
    assert export.to_csv(frame) == "x,x\n'=a,b\n"


def test_a_table_replaces_its_file_whole_or_not_at_all(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("old")

    class Broken:
        def __str__(self) -> str:
            raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        export.write_csv(pd.DataFrame({"a": [Broken()]}), path)
    assert path.read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["t.csv"]


def test_a_project_is_never_overwritten(fresh: Project) -> None:
    before = fresh.path.read_bytes()
    with pytest.raises(InputError, match="is a Groundwork project"):
        export.write_csv(export.table(fresh, "items"), fresh.path)
    assert fresh.path.read_bytes() == before


@pytest.mark.parametrize("name", ["pipe", "x" * 300])
def test_what_can_be_no_file_is_refused_before_any_work(tmp_path: Path, name: str) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(InputError, match="cannot write"):
        export.check_target(tmp_path / name)


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    for place in (tmp_path, tmp_path / "no" / "t.csv"):
        with pytest.raises(InputError, match="cannot write"):
            export.write_csv(pd.DataFrame({"a": [1]}), place)
