"""Every page, run by Streamlit itself: fresh, worked on, and without a project."""

from __future__ import annotations

from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

PAGES = (
    "overview",
    "label",
    "review",
    "quality",
    "impact",
    "duel",
    "learner",
    "data",
    "requirements",
    "team",
    "reports",
)
TITLES = {"duel": "data or model?"}


def run(root: Path, page: str, project: str | None = None) -> AppTest:
    app = AppTest.from_file(str(root / "pages" / f"{page}.py"), default_timeout=30)
    app.session_state["name"] = "Ann"
    if project:
        app.session_state["project"] = project
    return app.run()


@pytest.mark.parametrize("page", PAGES)
def test_a_page_says_how_to_begin_without_a_project(root: Path, projects: Path, page: str) -> None:
    app = run(root, page)
    assert not app.exception
    assert not app.error
    words = [block.value for block in app.subheader]
    assert "No project yet" in words or "New project" in words


@pytest.mark.parametrize("project", ["sms-tour", "nsmc-reviews"])
@pytest.mark.parametrize("page", PAGES)
def test_a_page_shows_a_fresh_project_and_one_at_work(
    root: Path, both: Path, page: str, project: str
) -> None:
    app = run(root, page, project)
    assert not app.exception
    assert [block.value for block in app.error] == []
    assert app.title[0].value.lower() == TITLES.get(page, page)


def test_the_impact_page_tells_the_story(root: Path, both: Path) -> None:
    app = run(root, "impact", "sms-tour")
    words = " ".join(block.value for block in app.markdown)
    assert "Round 4 against round 3" in words
    assert any(verdict in words for verdict in ("real", "within placebo", "not decided"))
    assert "Accuracy" in words and "on 100 gold labels" in words
    assert [metric.label for metric in app.metric] == ["Macro recall", "Macro F1"]


def test_the_reports_page_offers_the_newest_round_once_there_is_one(root: Path, both: Path) -> None:
    for project, offered in (("sms-tour", ["Report of round 4"]), ("nsmc-reviews", [])):
        buttons = [each.label for each in run(root, "reports", project).get("download_button")]
        assert [label for label in buttons if label.startswith("Report of")] == offered


def test_without_gold_there_is_no_headline(root: Path, both: Path) -> None:
    app = run(root, "overview", "nsmc-reviews")
    assert "No round is closed yet" in " ".join(block.value for block in app.markdown)


def test_an_unknown_setting_value_is_refused_in_words(root: Path, both: Path) -> None:
    app = run(root, "requirements", "nsmc-reviews")
    app.text_input(key="setting-nsmc-reviews-batch_size").set_value("many")
    next(button for button in app.button if button.label == "Save the settings").click().run()
    assert "expected a whole number" in app.error[0].value


def test_a_suite_that_is_no_json_is_refused_and_kept_on_the_screen(root: Path, both: Path) -> None:
    app = run(root, "quality", "sms-tour")
    app.text_area(key="suite").set_value("[{]").run()
    next(button for button in app.button if button.label == "Save the suite").click().run()
    assert "was not saved" in app.error[0].value
    assert app.text_area(key="suite").value == "[{]"
