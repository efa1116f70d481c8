"""The models on the Reports page: chosen, made by a process of its own, read and taken away."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from labeling import handover, rounds
from labeling.errors import InputError
from labeling.project import Project
from labeling.store import rounds as store
from tests.factories import answer_queue, make_project, text_frame, truth_of

FRAME = text_frame(60, korean=True)


@pytest.fixture
def made(projects: Path) -> Iterator[Project]:
    with make_project(projects / "영화.db", FRAME) as one:
        yield one


@pytest.fixture
def closed(made: Project) -> Project:
    answer_queue(made, truth_of(FRAME))
    rounds.close_round(made)
    return made


def open_reports(root: Path) -> AppTest:
    app = AppTest.from_file(str(root / "pages" / "reports.py"), default_timeout=120)
    app.session_state["name"] = "Ann"
    app.session_state["project"] = "영화"
    return app.run()


def button(app: AppTest) -> list:
    return [one for one in app.button if one.label == "Make its card and files"]


def test_before_the_first_round_there_is_nothing_to_take(root: Path, made: Project) -> None:
    app = open_reports(root)
    assert not app.exception
    assert "No round is closed yet" in app.info[0].value
    assert button(app) == []


def test_a_model_is_made_shown_and_offered(root: Path, closed: Project) -> None:
    app = open_reports(root)
    app.checkbox[0].check()
    button(app)[0].click().run()
    assert not app.exception
    assert [block.value for block in app.error] == []
    card = next(
        b.value for b in app.markdown if b.value.startswith("#### 영화: the model of round 1")
    )
    assert store.every(closed.db)[0].version_hash in card
    assert any(one.label.startswith("Download the model of round 1") for one in app.download_button)
    _, given, whole = app.session_state["handed_over"]
    assert list(handover.from_zip(whole).files) == list(given.files)
    assert "model.onnx" in given.files


def test_another_choice_takes_the_old_card_away(root: Path, closed: Project) -> None:
    app = open_reports(root)
    button(app)[0].click().run()
    assert any("the model of round 1" in block.value for block in app.markdown)
    app.checkbox[0].check().run()
    assert not any("the model of round 1" in block.value for block in app.markdown)


def test_what_the_other_process_refuses_is_said_in_its_words(closed: Project) -> None:
    with pytest.raises(InputError, match=r"^round 7 is not closed; closed are: 1$"):
        handover.make_beside(closed.path, 7)
