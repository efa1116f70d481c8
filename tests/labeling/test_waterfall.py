"""The waterfall over stretches of the log, by more than one score, and what stands behind a bar."""

from __future__ import annotations

import pytest

from labeling import answers, drill_down, export, fixes, impact, issues, rounds, rulers, waterfall
from labeling import queue as answering
from labeling.errors import InputError
from labeling.fits import Fits
from labeling.impact import BAR_COLUMNS
from labeling.project import Project, opened
from labeling.store import rounds as store
from labeling.versions import Snapshot
from labeling.waterfall import PREVIEW, WHOLE, Stretch


@pytest.fixture
def project(copy: Project) -> Project:
    """Two closed rounds with a bad import between them."""
    return copy


def score_of(project: Project, nth: int, scale: str) -> float:
    """What the data of a closed round score on today's gold, with today's choice of a model."""
    fits = Fits(Snapshot(project))
    ruler, version = rulers.current(fits.snapshot), impact.version_of(store.every(project.db)[nth])
    predicted = fits.of_version(version, fits.model_of(fits.snapshot.config()))
    by_name = {each.name: each for each in ruler.scales}
    return by_name[scale].mean(ruler.right(predicted))


@pytest.mark.parametrize("scale", ["accuracy", "macro_recall"])
def test_the_bars_of_either_score_add_up_to_its_own_way(project: Project, scale: str) -> None:
    waterfall.measure(project)
    _, told = waterfall.stored(project) or pytest.fail("nothing is kept")
    start, end = told.ends[scale]
    assert start == pytest.approx(0.5)
    assert end == pytest.approx(score_of(project, -1, scale), abs=1e-9)
    assert told.frame(scale)["delta"].sum() == pytest.approx(end - start, abs=1e-9)


def test_macro_recall_is_another_figure_where_classes_are_uneven(project: Project) -> None:
    waterfall.measure(project)
    _, told = waterfall.stored(project) or pytest.fail("nothing is kept")
    accuracy, recall = (told.frame(name).set_index("change_id") for name in told.bars)
    assert list(told.bars) == ["accuracy", "macro_recall"]
    assert not accuracy["delta"].equals(recall["delta"])
    assert (recall["low"] <= recall["delta"]).all() and (recall["delta"] <= recall["high"]).all()


def test_a_stretch_begins_where_a_round_ended(project: Project) -> None:
    found = waterfall.measure(project, stretch=Stretch(first=1))
    assert "Import 나쁜 <script>.csv" in set(found["title"])
    whole = waterfall.measure(project)
    assert len(found) < len(whole)
    way = score_of(project, 1, "accuracy") - score_of(project, 0, "accuracy")
    assert found["delta"].sum() == pytest.approx(way, abs=1e-9)


def test_a_stretch_ends_where_a_round_ended_and_the_two_make_the_whole(project: Project) -> None:
    early = waterfall.measure(project, stretch=Stretch(last=1))
    assert early["delta"].sum() == pytest.approx(score_of(project, 0, "accuracy") - 0.5, abs=1e-9)
    assert "Import 나쁜 <script>.csv" not in set(early["title"])


def suspects(project: Project) -> list[str]:
    """Open issues about labels of the pool."""
    found = fixes.relabelable(issues.table(project))
    return list(found[found["status"] == "open"]["issue_id"])


def test_a_queue_made_early_and_ruled_late_has_its_bar_where_the_rulings_were(
    project: Project,
) -> None:
    """The queue of a round is answered after it: its bar is in the later stretch, none is lost."""
    queue = fixes.relabel(project, suspects(project), author="t")
    rounds.close_round(project)
    while (asked := answering.next_item(project, "rev", queue=queue)) is not None:
        answers.answer(project, asked.slot.slot_id, "긍정", annotator="rev")
    rounds.close_round(project)
    early = waterfall.measure(project, stretch=Stretch(first=1, last=3))
    late = waterfall.measure(project, stretch=Stretch(first=3, last=4))
    assert queue not in set(early["change_id"])
    assert set(late["change_id"]) >= {queue}


@pytest.mark.parametrize("stretch", [Stretch(7), Stretch(2, 1), Stretch(1, 1), Stretch(None, 9)])
def test_a_stretch_without_such_rounds_is_refused(project: Project, stretch: Stretch) -> None:
    with pytest.raises(InputError, match="expected a stretch between closed rounds"):
        waterfall.measure(project, stretch=stretch)


def test_a_stretch_does_not_take_the_place_of_the_whole(project: Project) -> None:
    whole = waterfall.measure(project)
    waterfall.measure(project, stretch=Stretch(first=1))
    stored = export.table(project, "impact")
    assert stored["change_id"].tolist() == whole["change_id"].tolist()
    assert (waterfall.stored(project) or pytest.fail("gone"))[1].frame()[BAR_COLUMNS].equals(whole)


def test_a_preview_is_kept_before_the_exact_bars_and_adds_up_too(project: Project) -> None:
    seen = []

    def look(share: float, words: str) -> None:
        with opened(project.path) as other:
            found = waterfall.previewed(other)
            seen.append(found and found[1])

    exact = waterfall.measure(project, progress=look)
    previews = [told for told in seen if told is not None and told.preview]
    assert previews, "somebody who looks meanwhile sees a preview"
    start, end = previews[-1].ends["accuracy"]
    frame = previews[-1].frame()
    assert frame["delta"].sum() == pytest.approx(end - start, abs=1e-9)
    assert set(frame["verdict"]) == {PREVIEW}
    assert set(frame["change_id"]) == set(exact["change_id"])
    assert not (waterfall.stored(project) or pytest.fail("nothing"))[1].preview
    assert waterfall.previewed(project) is None, "the exact bars are there"


def test_the_credits_that_are_kept_are_the_bars(project: Project) -> None:
    bars = waterfall.measure(project).set_index("change_id")["delta"]
    _, told = waterfall.stored(project) or pytest.fail("nothing is kept")
    assert told.gold == rulers.current(Snapshot(project)).items
    for change, credits in told.credits.items():
        assert sum(credits) / len(told.gold) == pytest.approx(bars[int(change)], abs=1e-5)


def test_bands_are_kept_beside_the_bars(project: Project) -> None:
    waterfall.measure(project)
    _, told = waterfall.stored(project) or pytest.fail("nothing is kept")
    for name in told.bars:
        frame = told.frame(name)
        inside = frame[frame["verdict"] == "within placebo"]
        assert (inside["delta"].abs() <= inside["band"] + 1e-12).all()
        assert (frame["band"].dropna() >= 0).all()


def test_words_say_from_where_to_where_and_what_was_real(project: Project) -> None:
    waterfall.measure(project)
    _, told = waterfall.stored(project, WHOLE) or pytest.fail("nothing is kept")
    frame = told.frame()
    said = waterfall.in_words(frame, start=0.5, end=0.9)
    assert said.startswith(f"From 50.0% to 90.0% by {len(frame)} changes.")
    assert all(f"“{title}”" in said for title in frame[frame["verdict"] == "real"]["title"])
    none = frame.assign(verdict="not decided: x")
    assert "No single one is real" in waterfall.in_words(none, start=0.5, end=0.9)


# -- behind a bar ---------------------------------------------------------------------------------


def test_behind_a_bad_import_stand_its_rows_and_the_gold_that_it_broke(project: Project) -> None:
    bars = waterfall.measure(project).set_index("title")
    bad = bars.loc["Import 나쁜 <script>.csv"]
    _, told = waterfall.stored(project) or pytest.fail("nothing is kept")
    found = drill_down.look(project, int(bad["change_id"]), told)
    assert len(found.touched) == bad["n_rows"]
    assert (found.touched["without"] == "").all() and (found.touched["with"] != "").all()
    assert found.touched["item"].str.len().gt(3).all()
    total = found.moved["effect"].sum() / len(told.gold)
    assert total == pytest.approx(bad["delta"], abs=1e-5)
    assert found.moved["effect"].abs().is_monotonic_decreasing
    assert f"{len(found.touched)} items touched" in found.words


def test_nothing_stands_behind_a_change_that_has_no_bar(project: Project) -> None:
    waterfall.measure(project)
    _, told = waterfall.stored(project) or pytest.fail("nothing is kept")
    found = drill_down.look(project, 1, told)
    assert found.moved.empty
