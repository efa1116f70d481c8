"""Forecasts and the stop light of real projects: said at closing, kept, set against what came."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from streamlit.testing.v1 import AppTest

from labeling import export, forecasts, impact, project, rounds, rulers, stop_light
from labeling.core import forecast, stopping
from labeling.core.forecast import LEVELS, Forecast, Point
from labeling.fits import Fits
from labeling.forecasts import Said
from labeling.project import Project
from labeling.store import rounds as store
from labeling.versions import Snapshot
from tests.factories import answer_queue, make_project, text_frame, truth_of

FRAME = text_frame(220)
SETTINGS = {"batch_size": "10", "gold_per_batch": "40", "gold_target": "40"}
ROUNDS = 5


def noisy() -> dict[str, str]:
    """The truth with every fifth label turned: no model gets them all."""
    truth, other = truth_of(FRAME), {"sport": "money", "money": "sport"}
    rng = np.random.default_rng(0)
    return {i: other[label] if rng.random() < 0.2 else label for i, label in truth.items()}


@pytest.fixture(scope="module")
def young(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    """All rounds but the last: the first brings twenty labels, each of the others ten."""
    path = tmp_path_factory.mktemp("forecasts") / "young.db"
    with make_project(path, FRAME, settings=SETTINGS) as made:
        for _ in range(ROUNDS - 1):
            play(made)
        yield made


@pytest.fixture(scope="module")
def played(young: Project) -> Iterator[Project]:
    """Five closed rounds, all on 40 gold labels."""
    path = young.path.with_name("p.db")
    project.back_up(young, path)
    with project.opened(path) as made:
        play(made)
        yield made


def play(on: Project) -> None:
    answer_queue(on, noisy())
    rounds.close_round(on)


@pytest.fixture
def copy(played: Project, tmp_path: Path) -> Iterator[Project]:
    project.back_up(played, tmp_path / "copy.db")
    with project.opened(tmp_path / "copy.db") as one:
        yield one


def report_of(of: Project) -> dict[str, Any]:
    stored = impact.cached(of, impact.REPORT)
    assert stored is not None
    return dict(stored[1])


def put(into: Project, report: dict[str, Any]) -> None:
    with into.writing():
        upto = Snapshot(into).upto
        store.put_result(into.db, impact.REPORT, upto_event=upto, body=report)


def again(of: Project) -> dict[str, Any]:
    """What the newest round says, worked out once more."""
    return forecasts.after(Fits(Snapshot(of)), store.every(of.db), report_of(of))


# What is said


def test_every_round_from_the_third_on_says_what_comes_one_three_and_seven_rounds_later(
    played: Project,
) -> None:
    found = forecasts.table(played)
    pool = sum(item.side == "pool" for item in Snapshot(played).items)
    labels = {r.round_no: r.n_labels for r in store.every(played.db)}
    meant = [(r, k) for r in range(forecast.MIN_ROUNDS, ROUNDS + 1) for k in forecasts.AHEAD]
    in_reach = [(r, k) for r, k in meant if labels[r] + 10 * k <= pool]
    assert list(zip(found["round"], found["rounds_ahead"], strict=True)) == in_reach
    assert 0 < len(in_reach) < len(meant), "some would be beyond the pool"
    assert (found["at_labels"] - found["n_labels"] == 10 * found["rounds_ahead"]).all()
    order = ["low_95", "low_80", "predicted", "high_80", "high_95"]
    assert (found[order].diff(axis=1)[order[1:]] >= 0).all(axis=None)
    assert found["low_95"].min() >= 0
    assert found["high_95"].max() <= 1


def test_what_came_true_is_the_score_of_the_round_that_was_meant(played: Project) -> None:
    scores = export.table(played, "scores").query("arm == 'active' and metric == 'accuracy'")
    score = dict(zip(scores["round"], scores["value"], strict=True))
    past = forecasts.past_forecasts(played)
    assert len(past) == 2, "one round ahead, twice"
    for row in past.itertuples():
        assert row.came_true == pytest.approx(score[row.round + row.rounds_ahead])
        assert row.inside_80 == (row.low_80 <= row.came_true <= row.high_80)
        assert row.inside_95 == (row.low_95 <= row.came_true <= row.high_95)
    assert len(score) == ROUNDS
    assert len(set(score.values())) > 1, "a score that never moves would test nothing"


def test_a_forecast_worked_out_again_is_the_same_bit_for_bit(played: Project) -> None:
    stored, fresh = report_of(played)[forecasts.KEY], again(played)
    newest = [row for row in stored["said"] if row["round"] == ROUNDS]
    assert newest
    assert fresh["said"] == [*stored["said"], *newest]
    assert {k: fresh[k] for k in ("fresh", "reach", "step", "why_not")} == {
        k: stored[k] for k in ("fresh", "reach", "step", "why_not")
    }


def test_later_rounds_do_not_alter_what_was_said(young: Project, played: Project) -> None:
    before = forecasts.said(young)
    assert forecasts.said(played)[: len(before)] == before
    assert len(forecasts.past_forecasts(young)) == 1


def test_the_fresh_curve_is_the_score_of_subsets_of_the_labels(played: Project) -> None:
    fresh = report_of(played)[forecasts.KEY]["fresh"]
    assert len(fresh) == forecast.REPETITIONS * len(forecast.SHARES)
    assert all(0 < n < 60 and 0.3 < score <= 1 for n, score in fresh)


def test_many_labels_are_forecast_from_the_rounds_alone_and_it_is_said(
    played: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(forecasts, "MOST_FRESH", 59)
    found = again(played)
    assert found["fresh"] == []
    assert "rests on the rounds alone" in found["note"]
    assert found["reach"] is not None


def test_ten_own_forecasts_that_were_far_off_widen_the_next(copy: Project) -> None:
    before, report = again(copy)["reach"]["halves"], report_of(copy)
    row = next(row for row in report[forecasts.KEY]["said"] if row["ahead"] == 1)
    off = row | {"median": max(row["median"] - 0.3, 0.0), "spread": 0.01}
    report[forecasts.KEY]["said"] = [off] * forecast.MIN_OWN
    put(copy, report)
    after = again(copy)["reach"]["halves"]
    assert all(new > 1.2 * old for new, old in zip(after, before, strict=True))
    assert len(forecasts.calibration(copy)) == len(LEVELS)
    assert "scaled by them" in forecasts.hits(forecasts.past_forecasts(copy))


# What came true of it


def said(n: int, at: int, *, last: float = 0.7, median: float = 0.8) -> Said:
    return Said(1, 1, Forecast(n, last, at, 0.1, median, 0.02, (0.01,) * len(LEVELS)))


def test_a_forecast_is_open_until_a_round_has_so_many_labels() -> None:
    curve = {1: Point(50, 0.7), 2: Point(60, 0.72)}
    assert forecasts.judge([said(50, 61)], curve)[0].came is None
    assert forecasts.judge([said(50, 60)], curve)[0].came == 0.72


def test_between_two_rounds_the_score_is_read_on_a_log_scale() -> None:
    curve = {1: Point(50, 0.7), 2: Point(60, 0.72), 3: Point(240, 0.78)}
    assert forecasts.judge([said(50, 120)], curve)[0].came == pytest.approx(0.75)


def test_gold_that_was_added_since_moves_a_forecast_with_its_start() -> None:
    curve = {1: Point(50, 0.65), 2: Point(60, 0.75)}
    (one,) = forecasts.judge([said(50, 60)], curve)
    assert one.said.forecast.median == pytest.approx(0.75)
    assert forecasts.come_true([one])[0].error == pytest.approx(0.0)


# The stop light


def test_the_light_rests_on_what_the_models_say_of_the_reservoir(played: Project) -> None:
    fits = Fits(Snapshot(played))
    old, new = impact.predictions(fits, store.every(played.db)[-2:])
    light = report_of(played)[stop_light.KEY]
    assert light["changed"] == float(np.mean(old != new))
    assert light["kappas"][-1] == stopping.kappa(old, new)
    assert len(light["kappas"]) == stopping.WINDOW
    assert (light["rounds"], light["classes_seen"], light["n_classes"]) == (ROUNDS, 2, 2)


def test_the_score_never_moves_by_more_than_the_models_differ(played: Project) -> None:
    """Read on the gold itself, where both figures are known."""
    fits = Fits(Snapshot(played))
    ruler = rulers.current(fits.snapshot)
    said = impact.predictions(fits, store.every(played.db))
    for old, new in pairwise(said):
        moved = abs(ruler.right(old).mean() - ruler.right(new).mean())
        assert moved <= stopping.largest_change(old[ruler.at], new[ruler.at]) + 1e-12


@pytest.mark.parametrize("rule", stopping.RULES)
def test_another_rule_speaks_at_once(copy: Project, rule: str) -> None:
    project.change_settings(copy, {"stop_rule": rule}, author="t")
    found = stop_light.outlook(copy)
    assert found is not None
    evidence = {k: v for k, v in report_of(copy)[stop_light.KEY].items() if k != "changed"}
    assert found.light == stopping.RULES[rule](stopping.Evidence(**evidence))
    assert f"the {rule} rule stopped at" in found.record
    assert f"{stopping.MEASURED[rule].shortfall:g} points" in found.record


def test_every_light_has_its_words() -> None:
    assert set(stop_light.WORDS) == {stopping.GO_ON, stopping.NEARLY, stopping.STOP}


@pytest.mark.parametrize(
    ("half", "median", "n", "words"),
    [
        (
            0.004,
            0.5,
            50,
            "Unlikely to gain 1 point in the next 5 rounds (50 labels); such words were",
        ),
        (
            0.004,
            0.6,
            50,
            "Likely to gain 1 point in the next 5 rounds (50 labels); such words were",
        ),
        (
            0.4,
            0.5,
            50,
            "It is open whether the score gains 1 point in the next 5 rounds (50 labels)",
        ),
        (0.004, 0.5, 37, "Unlikely to gain 1 point with the 37 items that the pool has left; such"),
    ],
)
def test_the_words_follow_the_chance_and_say_how_often_they_hold(
    copy: Project, half: float, median: float, n: int, words: str
) -> None:
    report = report_of(copy)
    reach = report[forecasts.KEY]["reach"]
    halves = [half * level for level in LEVELS]
    forced = {"last": 0.5, "median": median, "halves": halves, "at": reach["n"] + n}
    report[forecasts.KEY]["reach"] = reach | forced
    put(copy, report)
    said = stop_light.line(copy) or ""
    assert words in said
    rates = [f"{rate.share:.0%} of {rate.said:,} cases" for rate in forecast.HIT_RATES.values()]
    assert any(rate in said for rate in rates) == ("; such" in words)


def test_a_project_of_the_version_before_has_no_light_yet(copy: Project) -> None:
    report = report_of(copy)
    del report[forecasts.KEY], report[stop_light.KEY]
    put(copy, report)
    assert stop_light.outlook(copy) is None
    assert stop_light.line(copy) is None
    assert forecasts.table(copy).empty


def test_several_classes_an_item_have_a_light_and_what_is_missing_is_said_in_plain_words(
    tmp_path: Path,
) -> None:
    frame, few = text_frame(120), SETTINGS | {"gold_per_batch": "20"}
    with make_project(tmp_path / "p.db", frame, settings=few, multi=True) as several:
        for words in ("30 gold labels: 20 more", "3 closed rounds with labels: 1 more"):
            answer_queue(several, truth_of(frame))
            rounds.close_round(several)
            assert words in report_of(several)[forecasts.KEY]["why_not"]
            assert words in (stop_light.line(several) or "")
        assert forecasts.table(several).empty
        light = report_of(several)[stop_light.KEY]
        assert light["classes_seen"] == 2
        (agreement,) = light["kappas"]
        assert 0 < agreement <= 1


# The table and the screen


def test_the_table_is_exported_with_what_came_true(played: Project, tmp_path: Path) -> None:
    export.write_csv(export.table(played, "forecasts"), tmp_path / "f.csv")
    back = pd.read_csv(tmp_path / "f.csv")
    assert list(back.columns) == forecasts.COLUMNS
    assert back["came_true"].notna().sum() == len(forecasts.past_forecasts(played)) == 2


@pytest.fixture
def shown(played: Project, projects: Path) -> Path:
    project.back_up(played, projects / "six.db")
    return projects


def run(root: Path, page: str) -> AppTest:
    app = AppTest.from_file(str(root / "pages" / f"{page}.py"), default_timeout=30)
    app.session_state["name"] = "Ann"
    app.session_state["project"] = "six"
    return app.run()


def test_the_impact_page_shows_the_light_the_forecast_and_what_came_true(
    root: Path, shown: Path
) -> None:
    app = run(root, "impact")
    assert not app.exception
    assert "What more labels would bring" in [block.value for block in app.subheader]
    words = " ".join(block.value for block in app.markdown)
    assert sum(f": {word.capitalize()}]" in words for word in stop_light.WORDS.values()) == 1
    assert "Earlier forecasts and what came true" in words
    assert any("came_true" in table.value.columns for table in app.dataframe)


def test_the_overview_has_one_line_of_it(root: Path, shown: Path) -> None:
    app = run(root, "overview")
    assert not app.exception
    assert sum(block.value.startswith("More labels") for block in app.markdown) == 1
