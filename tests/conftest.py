"""Fixtures for every test. Nothing here needs the network or a file outside the repository."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import streamlit
from streamlit import config
from streamlit.runtime.secrets import Secrets

from tests.duelists import before_a_duel

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="session")
def root() -> Path:
    """The repository."""
    return ROOT


@pytest.fixture(scope="session")
def samples(root: Path) -> Path:
    """The folder of the bundled data sets."""
    return root / "samples"


@pytest.fixture(scope="session")
def digits_project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project file on which a duel can begin, made once: copy it."""
    path = tmp_path_factory.mktemp("duel") / "digits.db"
    before_a_duel(path).close()
    return path


@pytest.fixture
def projects(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty projects folder that the app's code sees in this test."""
    folder = tmp_path / "projects"
    folder.mkdir()
    monkeypatch.setenv("GROUNDWORK_PROJECTS", str(folder))
    return folder


@pytest.fixture
def secrets_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[[str], None]]:
    """Writes Streamlit's secrets, anew each time; outside a script run they are read from there."""
    path, before = tmp_path / "secrets.toml", config.get_option("secrets.files")

    def write(text: str) -> None:
        path.write_text(text, encoding="utf-8")
        monkeypatch.setattr(streamlit, "secrets", Secrets())

    config.set_option("secrets.files", [str(path)])
    yield write
    config.set_option("secrets.files", before)


@pytest.fixture(scope="session")
def worked_on(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that `make app` opens: one project with four rounds of work, one fresh."""
    from samples import tour

    folder = tmp_path_factory.mktemp("tour")
    tour.main(folder)
    return folder


@pytest.fixture
def both(worked_on: Path, projects: Path) -> Path:
    """Copies of them, in the folder that the app's code sees in this test."""
    for path in worked_on.glob("*.db"):
        shutil.copy(path, projects)
    return projects
