"""A project with a past, made once for all tests that only look at it."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from labeling import project, replays, rounds
from labeling.core import cards
from labeling.project import Project
from tests.factories import (
    answer_queue,
    by_file,
    flipped,
    make_project,
    more_rows,
    reservoir_answers,
    text_frame,
    truth_of,
)


@pytest.fixture(scope="session")
def told(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with 감정.db: two closed rounds, a bad import between them, a card of each claim."""
    folder = tmp_path_factory.mktemp("told")
    frame, bad = text_frame(110, korean=True), text_frame(16, seed=3, korean=True)
    truth = truth_of(frame, bad)
    with make_project(folder / "감정.db", frame) as made:
        answer_queue(made, truth, annotator="<b>가람</b>")
        by_file(made, reservoir_answers(made, truth))
        rounds.close_round(made)
        more_rows(made, flipped(bad), label="label", source="나쁜 <script>.csv", reserve=0.0)
        answer_queue(made, truth, annotator="oracle")
        rounds.close_round(made)
        for claim in replays.CLAIMS:
            card = replays.make_card(made, claim)
            (folder / f"{claim}.json").write_text(cards.to_json(card), encoding="utf-8")
    return folder


@pytest.fixture
def copy(told: Path, tmp_path: Path) -> Iterator[Project]:
    """The project of `told` to work on."""
    with project.opened(Path(shutil.copy(told / "감정.db", tmp_path / "copy.db"))) as one:
        yield one
