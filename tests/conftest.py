"""Fixtures for every test. Nothing here needs the network or a file outside the repository."""

from __future__ import annotations

from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="session")
def root() -> Path:
    """The repository."""
    return ROOT


@pytest.fixture(scope="session")
def samples(root: Path) -> Path:
    """The folder of the bundled data sets."""
    return root / "samples"


@pytest.fixture
def projects(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty projects folder that the app's code sees in this test."""
    folder = tmp_path / "projects"
    folder.mkdir()
    monkeypatch.setenv("GROUNDWORK_PROJECTS", str(folder))
    return folder
