"""The Impact page: stretches, what stands behind a bar, the verify queue, and the evidence."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path

import pandas as pd
import pytest
from streamlit.testing.v1 import AppTest

from labeling import history, project, verified_gain, waterfall
from labeling.core import cards, verified
from labeling.project import Project
from labeling.waterfall import Stretch
from pages.shared import charts, pictures, proof, widgets
from tests.test_pages import run

TOUR = "sms-tour"


@pytest.fixture
def tour(both: Path) -> Project:
    return project.open_project(both / f"{TOUR}.db")


def words(app: AppTest) -> str:
    assert not app.exception
    assert [block.value for block in app.error] == []
    said = (block.value for block in [*app.markdown, *app.caption, *app.info])
    return " ".join(said).replace("\\", "")


def evidence(root: Path, tab: str) -> AppTest:
    app = AppTest.from_file(str(root / "pages" / "impact.py"), default_timeout=60)
    app.session_state["name"] = "Ann"
    app.session_state["project"] = TOUR
    app.session_state["evidence"] = tab
    return app.run()


def test_the_first_line_is_the_number_its_change_and_the_verdict(root: Path, tour: Project) -> None:
    app = run(root, "impact", TOUR)
    first, moved = (block.value for block in app.markdown[:2])
    assert first.startswith("### Accuracy 9") and "on 100 gold labels" in first
    assert "Round 4 against round 3" in moved and "points" in moved
    assert "badge" in moved.split("Round 4")[0], "the verdict comes before the points"


def test_a_stretch_is_measured_on_its_own_and_shown(root: Path, tour: Project) -> None:
    waterfall.measure(tour, stretch=Stretch(2))
    app = run(root, "impact", TOUR)
    whole = words(app)
    app.selectbox(key="bars-from").select(2).run()
    assert "From 50.0%" in whole
    assert "From 50.0%" not in words(app) and "From 9" in words(app)
    app.selectbox(key="bars-from").select(1).run()
    assert "This stretch has not been measured yet." in words(app)


def test_behind_a_bar_stand_its_labels_and_the_gold_that_it_moved(
    root: Path, tour: Project
) -> None:
    table = history.table(tour).set_index("title")["change_id"]
    vendor = int(table["Answers from vendor.csv"])
    app = run(root, "impact", TOUR)
    app.selectbox(key="behind").select(vendor).run()
    assert "250 items touched" in words(app)
    shown = [frame.value for frame in app.dataframe if "effect" in frame.value]
    assert len(shown) == 1 and (shown[0]["effect"] != 0).all()


def test_disagreements_are_queued_for_a_ruling_from_the_page(root: Path, tour: Project) -> None:
    app = evidence(root, "Verified gain")
    assert "Round 4 against round 3" in words(app)
    app.number_input(key="gain-n").set_value(6).run()
    next(b for b in app.button if b.label == "Ask for 6").click().run()
    assert "6 of them wait on the Review page" in words(app)
    assert verified_gain.measure(tour).waiting == 6
    assert int(history.table(tour)["kind"].eq("adjudicate").sum()) == 1


def test_a_plan_says_how_many_labels_a_gain_needs(root: Path, tour: Project) -> None:
    app = evidence(root, "Verified gain")
    app.number_input(key="gain-worth").set_value(8.0).run()
    planned = verified.plan_in_words(verified_gain.plan(tour, 0.08))
    assert "8.0 points" in planned and planned[1:] in words(app)


@pytest.mark.parametrize(
    ("tab", "said"),
    [
        ("Who did it", "**Annotator.**"),
        ("Classes and slices", "Intervals are Wilson's"),
        ("Why believe it", "100 gold labels; all were drawn by chance"),
        ("Changes", "What each change did"),
    ],
)
def test_every_part_of_the_evidence_is_shown(
    root: Path, tour: Project, tab: str, said: str
) -> None:
    app = evidence(root, tab)
    heads = " ".join(block.value for block in app.subheader)
    assert said in words(app) + heads


def test_only_the_part_that_is_open_is_worked_out(root: Path, tour: Project) -> None:
    shown = words(evidence(root, "Why believe it"))
    assert "Evidence cards" in shown
    assert "**Annotator.**" not in shown


def test_what_to_do_next_comes_with_a_reason_and_a_way_there(root: Path, tour: Project) -> None:
    said = words(run(root, "impact", TOUR))
    assert "points an hour" in said or "worth a try" in said


def test_a_card_from_the_page_is_a_card_of_the_project(tour: Project) -> None:
    made = widgets.deferred(tour, partial(proof.card, claim="round", kind="json"))
    tour.close()  # as it is when the page is done
    card, intact = cards.from_json(made().decode())
    assert intact and card.project["identity"]
    page = widgets.deferred(tour, partial(proof.card, claim="waterfall", kind="html"))
    assert page().lower().startswith(b"<!doctype html>")


# -- pictures -------------------------------------------------------------------------------------

BARS = pd.DataFrame({
    "change_id": [1, 2], "title": ["업체 파일 <b>", "Relabel"], "delta": [-0.05, 0.06],
    "low": [-0.08, 0.02], "high": [-0.02, 0.1], "verdict": ["real", "within placebo"],
    "band": [0.01, None],
})  # fmt: skip


def test_a_chart_becomes_a_picture_with_korean_words_and_no_link_outside() -> None:
    drawn = pictures.svg(charts.waterfall(BARS, start=0.9)).decode()
    assert drawn.startswith("<svg") and "업체 파일" in drawn
    assert "<b>" not in drawn
    assert "href" not in drawn.replace("xlink", "")
    assert pictures.png(charts.waterfall(BARS, start=0.9)).startswith(b"\x89PNG")


def test_bars_of_a_waterfall_begin_where_the_last_one_ended() -> None:
    rows = json.loads(charts.waterfall(BARS, start=0.9).to_json())["datasets"]
    first, second = next(iter(rows.values()))
    assert (first["from"], first["to"]) == pytest.approx((90.0, 85.0))
    assert (second["from"], second["to"]) == pytest.approx((85.0, 91.0))
    assert (first["least"], first["most"]) == pytest.approx((89.0, 91.0))
    assert first["words"] == "real loss" and second["words"] == "within placebo"
