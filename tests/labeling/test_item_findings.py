"""Findings kept on disk: used while nothing changes, and never when something did."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from labeling import audits, export, fixes, item_findings
from labeling.feature_cache import folder_of
from labeling.fits import Fits
from labeling.item_findings import Found
from labeling.project import Project
from labeling.versions import Snapshot
from quality import checks
from quality.checks import CHECKS, Outcome
from quality.pairs import Pairs
from tests.factories import (
    answer_queue,
    by_file,
    frame_with_copies,
    make_project,
    more_rows,
    truth_of,
)

FRAME = frame_with_copies()


@pytest.fixture
def made(tmp_path: Path) -> Iterator[Project]:
    with make_project(tmp_path / "p.db", FRAME) as project:
        answer_queue(project, truth_of(FRAME))
        yield project


def told(project: Project) -> list[object]:
    """All that an audit says."""
    audit = audits.run(Fits(Snapshot(project)))
    plain = [item_findings._plain(outcome) for outcome in audit.outcomes]
    return [plain, list(map(list, audit.pairs)), list(audit.repairs)]


def kept(project: Project) -> dict[str, Path]:
    """The files of what is kept, by name."""
    every = folder_of(project.path).glob("found-*.json")
    return {path.stem.removeprefix("found-"): path for path in every}


def test_an_audit_says_the_same_from_the_disk_and_anew(made: Project) -> None:
    first = told(made)
    of_items = {code for code, check in CHECKS.items() if check.of_items}
    assert kept(made).keys() == of_items | {"pairs", "repairs", "suite"}
    assert told(made) == first
    shutil.rmtree(folder_of(made.path))
    assert told(made) == first
    assert len(json.dumps(first)) > 2_000


def test_what_is_kept_is_not_worked_out_again(made: Project) -> None:
    told(made)
    path = kept(made)["D302"]
    body = json.loads(path.read_text(encoding="utf-8"))
    body["value"][0]["message"] = "as it was kept"
    path.write_text(json.dumps(body), encoding="utf-8")
    assert "as it was kept" in json.dumps(told(made))


def audits_pair(project: Project) -> list[str]:
    """The two items of the first near-duplicates."""
    first, second, _ = audits.run(Fits(Snapshot(project))).pairs[0]
    return [first, second]


def anew(project: Project) -> list[object]:
    """The same as `told`, with nothing kept."""
    away = folder_of(project.path)
    held = away.with_name("held")
    away.rename(held)
    try:
        return told(project)
    finally:
        shutil.rmtree(away)
        held.rename(away)


def test_new_items_and_new_marks_are_seen(made: Project) -> None:
    before = told(made)
    audits.recheck(made)
    fixes.keep_apart(made, audits_pair(made), author="t")
    marked = told(made)
    assert marked != before
    assert marked == anew(made)
    more = FRAME.head(5).assign(id=[f"n{k}" for k in range(5)], text=lambda f: f["text"] + " ?")
    more_rows(made, more.astype(object), source="more.csv")
    grown = told(made)
    assert grown != marked
    assert grown == anew(made)


def test_labels_that_come_later_are_seen(made: Project) -> None:
    before = told(made)
    rows = export.labels_table(made).head(6)
    turned = rows["label"].map({"money": "sport", "sport": "money"})
    said = pd.DataFrame({"item": rows["item_id"], "who": "bo", "label": turned}, dtype=object)
    by_file(made, said)
    after = told(made)
    assert after != before
    assert after == anew(made)


@pytest.mark.parametrize("content", ["", "{", "[]", '{"address": "x"}'])
def test_a_damaged_file_is_written_again(tmp_path: Path, content: str) -> None:
    found = Found(tmp_path / "p.db", "a")
    assert found.plain("n", [], lambda: [1]) == [1]
    path = folder_of(tmp_path / "p.db") / "found-n.json"
    path.write_text(content)
    assert found.plain("n", [], lambda: [2]) == [2]
    assert found.plain("n", [], lambda: [3]) == [2]


def test_another_address_or_another_side_condition_is_found_anew(tmp_path: Path) -> None:
    first, second = Found(tmp_path / "p.db", "a"), Found(tmp_path / "p.db", "b")
    assert first.plain("n", [1], lambda: "one") == "one"
    assert first.plain("n", [2], lambda: "two") == "two"
    assert second.plain("n", [2], lambda: "three") == "three"
    assert second.plain("n", [2], lambda: "four") == "three"


def test_what_could_not_run_is_tried_again(tmp_path: Path) -> None:
    found = Found(tmp_path / "p.db", "a")
    head = ("S1", "t", "S", "info")
    states = iter(["failed", "passed", "found"])

    def find() -> list[Outcome]:
        return [Outcome(*head, next(states), 0, "m", checks.NO_FINDINGS)]

    got = [found.outcomes("S1", [], find)[0].status for _ in range(3)]
    assert got == ["failed", "passed", "passed"]


def test_findings_and_pairs_come_back_bit_for_bit(tmp_path: Path) -> None:
    found = Found(tmp_path / "p.db", "a")
    pairs = Pairs(np.array([0, 1]), np.array([2, 3]), np.array([1 / 3, 0.1 + 0.2]))
    for _ in range(2):
        back = found.pairs(lambda: pairs)
        assert all(a.dtype == b.dtype and (a == b).all() for a, b in zip(pairs, back, strict=True))
    table = checks.NO_FINDINGS.copy()
    table.loc[0] = [3, "가", "text", 1 / 3, "말", ""]
    table = table.astype(checks.NO_FINDINGS.dtypes)
    outcome = Outcome("O601", "t", "O", "info", "found", 1, "한 마디", table)
    for _ in range(2):
        (read,) = found.outcomes("O601", [], lambda: [outcome])
        pd.testing.assert_frame_equal(read.findings, table)


def test_a_disk_that_takes_nothing_costs_time_and_nothing_else(tmp_path: Path) -> None:
    folder_of(tmp_path / "p.db").write_text("no folder")
    found = Found(tmp_path / "p.db", "a")
    assert found.plain("n", [], lambda: 1) == 1
    assert found.plain("n", [], lambda: 2) == 2
