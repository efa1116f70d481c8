"""Points per hour: bars and measured time of a real project, and advice that follows them."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from labeling import impact, project, waterfall, worth
from labeling.project import Project
from labeling.store import changes, items, slots
from labeling.store import rounds as store
from labeling.versions import Snapshot
from tests.factories import answer_queue, make_project, text_frame, truth_of

MS = 900  # what the oracle takes for an answer


@pytest.fixture(scope="module")
def worked(told: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    """Two batches at the screen, a bad import by file, its correction at the screen."""
    path = tmp_path_factory.mktemp("worth") / "p.db"
    shutil.copy(told / "감정.db", path)
    with project.opened(path) as made:
        rule_on(made, "r3-")
        waterfall.measure(made)
        yield made


@pytest.fixture
def copy(worked: Project, tmp_path: Path) -> Iterator[Project]:
    project.back_up(worked, tmp_path / "copy.db")
    with project.opened(tmp_path / "copy.db") as one:
        yield one


def rule_on(into: Project, source: str) -> None:
    """A queue of corrections for the items of an import, ruled on at the screen."""
    wrong = [i.item_id for i in items.every(into.db) if i.source_id.startswith(source)]
    with into.writing():
        change = changes.add(into.db, "correct", title="Repair", author="t", at=project.now())
        slots.publish(into.db, [
            slots.NewSlot("relabel", change, item, n, "relabel") for n, item in enumerate(wrong)
        ])  # fmt: skip
    truth = truth_of(text_frame(16, seed=3, korean=True))
    assert answer_queue(into, truth, annotator="rev", queue_id=change) == len(wrong) == 16


def put(into: Project, bars: list[dict[str, object]]) -> None:
    upto, _ = impact.cached(into, impact.WATERFALL) or (0, None)
    with into.writing():
        store.put_result(into.db, impact.WATERFALL, upto_event=upto, body=bars)


def bars_of(of: Project) -> list[dict[str, object]]:
    stored = impact.cached(of, impact.WATERFALL)
    assert stored is not None
    return list(stored[1])


def test_hours_are_the_active_time_of_each_kind_of_work(worked: Project) -> None:
    table = worth.measure(worked).table.set_index("kind")
    assert table.loc[worth.CORRECT, "hours"] == pytest.approx(16 * MS / 3.6e6)
    second, snapshot = [r for r in bars_of(worked) if r["kind"] == "round"][1], Snapshot(worked)
    given = [e for e in snapshot.log if e.change_id == second["change_id"] and e.kind == "label"]
    in_pool = [e for e in given if snapshot.side[e.item_id] == "pool"]
    assert len(in_pool) == second["n_rows"]
    assert table.loc[worth.LEARNER, "hours"] == pytest.approx(len(in_pool) * MS / 3.6e6)


def test_points_per_hour_are_bar_by_time_and_the_intervals_are_finite(worked: Project) -> None:
    table = worth.measure(worked).table.set_index("kind")
    bar = pd.DataFrame(bars_of(worked)).set_index("title").loc["Repair"]
    hours = 16 * MS / 3.6e6
    assert table.loc[worth.CORRECT, "raw"] == pytest.approx(100 * bar["delta"] / hours)
    rates = table.loc[[worth.CORRECT, worth.LEARNER], ["low", "points_per_hour", "high"]]
    assert np.isfinite(rates.to_numpy(dtype=float)).all()
    assert (rates["low"] < rates["points_per_hour"]).all()
    assert (rates["points_per_hour"] < rates["high"]).all()
    assert table["best"].sum() == pytest.approx(1)


def test_the_first_labels_are_no_reason_to_label_on(worked: Project) -> None:
    first = min(bars_of(worked), key=lambda row: int(str(row["change_id"])))
    assert float(str(first["delta"])) > 0.1
    table = worth.measure(worked).table.set_index("kind")
    assert table.loc[worth.LEARNER, "changes"] == 1, "of two batches"


def test_work_without_a_clock_is_counted_and_never_advised(worked: Project) -> None:
    found = worth.measure(worked)
    imports = found.table.set_index("kind").loc[worth.IMPORT]
    assert imports["without_time"] == 1 and imports["changes"] == 0
    assert np.isnan(imports["points_per_hour"]) and found.kind != worth.IMPORT


def test_the_same_log_gives_the_same_advice(worked: Project) -> None:
    first, again = worth.measure(worked), worth.measure(worked)
    pd.testing.assert_frame_equal(first.table, again.table)
    assert first[1:] == again[1:]


@pytest.mark.parametrize("kind", [worth.CORRECT, worth.LEARNER])
def test_what_paid_far_more_is_advised_with_the_page_where_it_is_done(
    copy: Project, kind: str
) -> None:
    """The bars are written anew: one kind of work brought much, the other nothing."""
    kinds = {"correct": worth.CORRECT, "round": worth.LEARNER}
    bars = bars_of(copy)
    for row in bars[1:]:
        delta = 0.3 if kinds.get(str(row["kind"])) == kind else 0.0
        row |= {"delta": delta, "low": delta - 0.01, "high": delta + 0.01}
    put(copy, bars)
    found = worth.measure(copy)
    assert (found.kind, found.step) == (kind, worth.STEPS[kind])
    assert found.words.startswith(f"{kind}: ") and " points an hour [+" in found.words
    assert found.table.loc[found.table["best"].idxmax(), "kind"] == kind


def test_newer_answers_are_said_not_to_be_in_the_figures(copy: Project) -> None:
    assert not any("not in these figures" in line for line in worth.measure(copy).notes)
    answer_queue(copy, truth_of(text_frame(110, korean=True)), limit=3)
    assert any("3 newer answers" in line for line in worth.measure(copy).notes)


def test_without_measured_time_no_rate_is_told(copy: Project) -> None:
    bars = bars_of(copy)
    put(copy, [bars[0], *[row for row in bars if row["kind"] == "import"]])
    found = worth.measure(copy)
    assert found.kind is None and found.step is None
    assert found.words.startswith("No time was measured for the 1 change(s)")
    assert list(found.table["kind"]) == [worth.IMPORT]
    put(copy, bars[:1])
    assert worth.measure(copy).words.startswith("Only the first labels have been measured")


def test_before_any_bar_it_says_what_is_missing_and_where(told: Path, tmp_path: Path) -> None:
    with project.opened(told / "감정.db") as bare:
        found = worth.measure(bare)
    assert found.words.startswith("No change has been measured yet") and found.step is None
    with make_project(tmp_path / "fresh.db", text_frame(40)) as fresh:
        found = worth.measure(fresh)
    assert found.words == "No change can be measured yet: there are no gold labels."
    assert found.step is not None and found.step.page == "label"
