"""The duel's page, run by Streamlit itself: from the freeze to a verdict, step by step."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from labeling import duels, people, review
from labeling.duel_log import Outcome
from labeling.project import Project, change_settings, open_project
from tests.duelists import FEW, MINUTES, TRUTH
from tests.factories import answer_queue


@pytest.fixture
def project(digits_project: Path, projects: Path) -> Iterator[Project]:
    """One folder with one project, opened: the page opens it too."""
    with open_project(Path(shutil.copy(digits_project, projects / "digits.db"))) as opened:
        yield opened


def run(root: Path, *, name: str = "Ann") -> AppTest:
    app = AppTest.from_file(str(root / "pages" / "duel.py"), default_timeout=60)
    app.session_state["name"], app.session_state["project"] = name, "digits"
    return app.run()


def words(app: AppTest) -> str:
    blocks = [*app.subheader, *app.markdown, *app.caption, *app.info]
    return " ".join(block.value for block in blocks).replace("\\", "")


def press(app: AppTest, label: str) -> AppTest:
    return next(button for button in app.button if button.label == label).click().run()


def buttons(app: AppTest) -> dict[str, bool]:
    """Every button by its label, and whether it can be pressed."""
    return {button.label: not button.disabled for button in app.button}


def fight(on: Project) -> Outcome:
    duels.start(on, minutes=MINUTES, author="Ann", names=FEW)
    answer_queue(on, TRUTH)
    return duels.measure(on)


def test_an_owner_freezes_and_the_page_shows_the_clock(root: Path, project: Project) -> None:
    app = run(root)
    assert "A duel measures both at equal effort" in words(app)
    app.number_input(key="duel-minutes").set_value(45).run()
    app = press(app, "Freeze and start")
    assert not app.error
    found = duels.standing(project)
    assert found is not None
    assert (found.frozen.minutes, found.frozen.author) == (45, "Ann")
    assert "The clock is running: 0 of 45 minutes" in words(app)
    assert buttons(app) == {"Decide the duel": False, "Give this duel up": True}
    assert "Not yet: the clock is still running" in words(app)
    app = press(app, "Give this duel up")
    assert "This duel was given up" in words(app)
    assert buttons(app) == {"Freeze and start": True}


def test_work_moves_the_clock_until_the_duel_can_be_decided(root: Path, project: Project) -> None:
    duels.start(project, minutes=MINUTES, author="Ann", names=FEW)
    answer_queue(project, TRUTH, limit=8)
    assert "labels so far" in words(run(root))
    answer_queue(project, TRUTH)
    app = run(root)
    assert "20 labels came in these minutes" in words(app)
    assert "more minutes went into gold: they count for neither side" in words(app)
    assert buttons(app)["Decide the duel"]


def test_an_open_verdict_says_what_would_decide_it_and_queues_it(
    root: Path, project: Project
) -> None:
    outcome = fight(project)
    app = run(root)
    assert not app.exception
    assert app.subheader[0].value.replace("\\", "") == outcome.words[0]
    assert outcome.words[0].startswith("Not decided")
    assert outcome.words[1] in words(app)
    scores, tried = (frame.value for frame in app.dataframe)
    shown = [100 * outcome.scores[name] for name in ("old_plain", "new_plain")]
    assert list(scores["plain"]) == pytest.approx(shown)
    assert set(tried["configuration"]) == {"the project's own model", *FEW}
    app.number_input(key="n-verify").set_value(7).run()
    app = press(app, "Queue 7 items to verify")
    found = duels.standing(project)
    assert found is not None
    assert found.asked == 7
    assert "Decide again" not in buttons(app), "nobody has ruled yet"
    queue = review.queues(project)[-1].change_id
    answer_queue(project, TRUTH, annotator="Rita", queue_id=queue)
    assert buttons(run(root))["Decide again"]


def test_a_decided_duel_shows_points_an_hour_and_lets_another_begin(
    root: Path, project: Project
) -> None:
    fight(project)
    answer_queue(
        project, TRUTH, annotator="Rita", queue_id=duels.ask_verify(project, 1000, author="Rita")
    )
    outcome = duels.measure(project)
    app = run(root)
    assert not app.exception
    assert app.subheader[0].value == "The model moved the score more\\."
    assert "verify labels in, data less model is" in words(app)
    labels = [metric.label for metric in app.metric]
    assert labels == ["Points an hour: data", "Points an hour: model"]
    rate = outcome.effects["model"][0] * 100 / outcome.hours["model"]
    assert app.metric[1].value == f"{rate:+.1f}"
    assert buttons(app)["Freeze and start"]
    assert "What would decide it" not in words(app)


def test_reviewers_look_and_owners_start(root: Path, project: Project) -> None:
    people.set_roles(project, {"Olga": "owner", "Rita": "reviewer"}, author="test")
    app = run(root, name="Rita")
    assert "This is for owners" in words(app)
    assert not app.button
    assert buttons(run(root, name="Olga"))["Freeze and start"]
    duels.start(project, minutes=MINUTES, author="Olga", names=FEW)
    assert "Give this duel up" not in buttons(run(root, name="Rita"))


def test_what_keeps_a_duel_from_starting_stands_beside_the_button(
    root: Path, project: Project
) -> None:
    change_settings(project, {"model": "forest"}, author="Ann")
    app = run(root)
    assert not buttons(app)["Freeze and start"]
    assert "Not yet: the model's settings have changed" in words(app)


def test_text_from_data_is_shown_as_it_is(root: Path, project: Project) -> None:
    duels.start(project, minutes=MINUTES, author="**<b>가람</b>** $x$", names=FEW)
    app = run(root, name="Ann")
    shown = next(block.value for block in app.markdown if "froze" in block.value)
    assert shown.startswith("\\*\\*\\<b\\>가람")
