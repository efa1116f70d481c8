"""Impact: bars that add up to the whole way, and say of planted good and bad what they are."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from labeling import (
    answer_files,
    answers,
    control_arm,
    history,
    impact,
    project,
    queue,
    rounds,
    rulers,
    versions,
    waterfall,
)
from labeling.core.log import DataVersion
from labeling.core.models import ModelConfig
from labeling.errors import InputError
from labeling.fits import Fits
from labeling.project import Project
from labeling.store import items, slots
from labeling.store import rounds as store
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

FRAME = text_frame(140)
BAD = text_frame(40, seed=3)
TRUTH = truth_of(FRAME, BAD)


def score(of: Project, *without: int) -> float:
    """Accuracy on the gold of the data without some changes."""
    fits = Fits(Snapshot(of))
    version = DataVersion(fits.snapshot.upto, frozenset(without))
    predicted = fits.of_version(version, fits.model_of(fits.snapshot.config()))
    return float(rulers.current(fits.snapshot).right(predicted).mean())


def by_file(into: Project, frame: pd.DataFrame) -> int:
    change, _ = answer_files.label_from_table(
        into, frame, item="item", annotator="who", label="label", source="fix.csv", author="t"
    )
    return change


def gold_answers(into: Project) -> pd.DataFrame:
    """A file that answers the whole reservoir."""
    reserved = [i for i in items.every(into.db) if i.side == "reservoir"]
    rows = [(item.item_id, "ann", TRUTH[item.source_id]) for item in reserved]
    return pd.DataFrame(rows, columns=["item", "who", "label"], dtype=object)


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    """Answers, an import with all labels flipped, its correction by a ruling, a harmless import."""
    path = tmp_path_factory.mktemp("impact") / "p.db"
    with make_project(path, FRAME) as made:
        answers = answers_frame(made, TRUTH)
        by_file(made, answers[~answers["item"].isin(gold_answers(made)["item"])])
        by_file(made, gold_answers(made))
        more_rows(made, flipped(BAD), label="label", source="bad.csv", reserve=0.0)
        rulings(made, "r3-")
        more_rows(made, text_frame(20, seed=4), source="unlabelled.csv")
        rounds.close_round(made)
        yield made


def rulings(into: Project, source: str) -> None:
    from labeling.store import changes

    targets = [
        i
        for i in [i for i in items.every(into.db) if i.side == "pool"]
        if i.source_id.startswith(source)
    ]
    with into.writing():
        change = changes.add(into.db, "correct", title="Repair", author="t", at=project.now())
        rows = [
            slots.NewSlot("relabel", change, i.item_id, n, "relabel") for n, i in enumerate(targets)
        ]
        slots.publish(into.db, rows)
    assert answer_queue(into, TRUTH, annotator="rev", queue_id=change) == len(targets) > 20


def test_the_bars_add_up_to_the_whole_way(story: Project) -> None:
    bars = waterfall.measure(story)
    assert score(story) - 1 / 2 == pytest.approx(bars["delta"].sum(), abs=1e-9)
    assert list(bars.columns) == impact.BAR_COLUMNS
    assert bars["change_id"].is_monotonic_increasing


def test_a_bad_import_is_shown_as_bad_and_its_correction_as_good(story: Project) -> None:
    bars = waterfall.measure(story).set_index("title")["delta"]
    assert bars["Import bad.csv"] < -0.02
    assert bars["Repair"] > 0.02
    assert bars["Answers from fix.csv"] > 0.1


def test_all_numbers_are_finite_and_inside_their_interval(story: Project) -> None:
    bars = waterfall.measure(story)
    numbers = bars[["n_rows", "delta", "low", "high", "fits"]].astype(float)
    assert np.isfinite(numbers.to_numpy()).all()
    assert ((bars["low"] <= bars["delta"]) & (bars["delta"] <= bars["high"])).all()
    assert (bars["n_rows"] > 0).all()


def test_an_import_without_labels_has_no_bar_and_no_ruler_has_one(story: Project) -> None:
    bars = waterfall.measure(story)
    assert "Import unlabelled.csv" not in set(bars["title"])
    assert "Import first.csv" not in set(bars["title"])
    assert not set(bars["kind"]) & versions.RULERS


def test_measuring_again_gives_the_same_bars(story: Project) -> None:
    assert waterfall.measure(story).equals(waterfall.measure(story))


def test_a_reverted_change_and_its_revert_cancel_each_other(story: Project, tmp_path: Path) -> None:
    project.back_up(story, tmp_path / "copy.db")
    with project.opened(tmp_path / "copy.db") as copy:
        before = score(copy)
        bad = int(history.table(copy).query("title == 'Import bad.csv'")["change_id"].iloc[0])
        undone = history.revert(copy, bad, author="t")
        assert score(copy, undone) == before
        bars = waterfall.measure(copy).set_index("change_id")
        assert undone in bars.index
        assert bars["delta"].sum() == pytest.approx(score(copy) - 1 / 2, abs=1e-9)


def test_a_change_of_the_model_has_a_bar_too(story: Project, tmp_path: Path) -> None:
    project.back_up(story, tmp_path / "copy.db")
    with project.opened(tmp_path / "copy.db") as copy:
        (change,) = project.change_settings(copy, {"regularisation": "0.00001"}, author="t")
        bars = waterfall.measure(copy).set_index("change_id")
        assert bars.loc[change, "kind"] == "model"
        assert np.isfinite(bars.loc[change, "delta"])


def test_the_last_change_is_compared_with_the_data_without_it(story: Project) -> None:
    body = impact.cached(story, impact.REPORT)
    assert body is not None
    found = body[1]["last_change"]
    assert found["title"] == "Repair"
    assert found["after"] - found["before"] == pytest.approx(found["delta"])
    assert found["after"] == pytest.approx(score(story))
    assert found["before"] == pytest.approx(score(story, found["change_id"]))


def test_the_headline_has_three_lines_with_intervals(story: Project) -> None:
    lines = impact.headline(story)
    assert 1 <= len(lines) <= 3
    assert "on 70 gold labels" in lines[0]
    assert all("[" in line for line in lines)


def test_without_gold_there_are_no_bars(tmp_path: Path) -> None:
    made = make_project(tmp_path / "p.db", FRAME, label="label")
    with made, pytest.raises(InputError, match="no gold labels"):
        waterfall.measure(made)


def test_with_gold_alone_there_are_no_bars(tmp_path: Path) -> None:
    with make_project(tmp_path / "p.db", FRAME) as made:
        by_file(made, gold_answers(made))
        with pytest.raises(InputError, match="no change has reached"):
            waterfall.measure(made)


def test_few_gold_labels_decide_nothing(tmp_path: Path) -> None:
    with make_project(tmp_path / "p.db", FRAME) as made:
        by_file(made, answers_frame(made, TRUTH))
        bars = waterfall.measure(made)
        assert bars["verdict"].str.startswith("not decided: needs about 20 more gold").all()


def test_random_changes_of_nothing_are_within_their_own_band(story: Project) -> None:
    """The band is the largest of twenty effects of dropping rows: a true placebo stays inside."""
    fits = Fits(Snapshot(story))
    repair = history.table(story).query("title == 'Repair'")["change_id"]
    ruler, noisy = rulers.current(fits.snapshot), DataVersion(fits.snapshot.upto, frozenset(repair))
    training = fits.snapshot.training_set(noisy)
    ends = [(training, ModelConfig())] * 2
    touched = set(list(training.labels)[:25])
    band = impact.placebo(fits, ruler, ends, size=25, touched=touched)
    assert band is not None
    assert 0 < band < 0.5
    assert impact.placebo(fits, ruler, ends, size=25, touched=touched) == band
    assert impact.placebo(fits, ruler, ends, size=0) == 0.0
    assert impact.placebo(fits, ruler, ends, size=5, touched=set(training.labels)) is None


@pytest.mark.parametrize("model", ["default", "naive_bayes"])
def test_models_without_some_items_say_what_each_says_that_never_had_them(
    story: Project, model: str
) -> None:
    fits, config = Fits(Snapshot(story)), ModelConfig(model)
    training = fits.snapshot.training_set(DataVersion(fits.snapshot.upto))
    labelled, rng = list(training.labels), np.random.default_rng(1)
    gone = [[], *([labelled[i] for i in rng.permutation(len(labelled))[:9]] for _ in range(3))]
    for left, said in zip(gone, fits.without(training, config, gone), strict=True):
        own = training.without(left)
        assert len(own.labels) == len(labelled) - len(left)
        expected, sure = fits.predicted(own, config), fits.confidence(own, config) > 0.51
        assert sure.mean() > 0.8
        assert said.dtype == expected.dtype
        np.testing.assert_array_equal(said[sure], expected[sure])


# Active choice against random


def test_next_best_items_count_as_what_they_are_behind(tmp_path: Path) -> None:
    few = {"batch_size": "10", "control_share": "0.2", "second_opinions": "0"}
    with make_project(tmp_path / "p.db", FRAME, settings=few) as made:
        seeds = answered(made) | beyond(made, 6)
        filed = open_extras(made)[:5]
        rows = [(item, "ann", TRUTH[source_of(made)[item]]) for item in filed]
        by_file(made, pd.DataFrame(rows, columns=["item", "who", "label"], dtype=object))
        rounds.close_round(made)
        later = answered(made) | beyond(made, 4)
        rounds.close_round(made)
        fits = Fits(Snapshot(made))
        closed = store.every(made.db)[-1]
        training = fits.snapshot.training_set(DataVersion(closed.upto_event))
        base, random, chosen = control_arm.origins(fits, training)
        pool = {i.item_id for i in items.every(made.db) if i.side == "pool"}
        assert (len(base), len(random), len(chosen)) == (26, 2, 12)
        assert set(base) == seeds & pool
        assert {*random, *chosen} == later & pool
        assert set(training.labels) - {*base, *random, *chosen} == set(filed)
        body = impact.cached(made, impact.REPORT)
        assert body is not None
        assert body[1]["control"]["n_labels"] == 28, "the same base and two more labels in each arm"
        assert body[1]["control_curve"][-1]["n_labels"] == 28


def source_of(of: Project) -> dict[str, str]:
    return {item.item_id: item.source_id for item in items.every(of.db)}


def answered(by: Project) -> set[str]:
    """Answer the batch; the items."""
    batch = [slot.item_id for slot in slots.open_slots(by.db, queue.current_batch(by))]
    assert answer_queue(by, TRUTH) == len(batch)
    return set(batch)


def beyond(by: Project, n: int) -> set[str]:
    """Answer next-best items behind the batch; the items."""
    new = queue.take(by, "oracle", want=n, beyond=True).new
    for slot in new:
        truth = TRUTH[source_of(by)[slot.item_id]]
        answers.answer(by, slot.slot_id, truth, annotator="oracle")
    assert len(new) == n
    return {slot.item_id for slot in new}


def open_extras(of: Project) -> list[str]:
    return sorted(slots.queued_items(of.db, "extra"))
