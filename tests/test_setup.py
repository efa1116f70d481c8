"""What a fresh checkout promises: pinned packages, one command for all tests, no telemetry."""

from __future__ import annotations

import csv
import os
import re
import shutil
import subprocess
import tomllib
from pathlib import Path

import pytest

PINNED = re.compile(r"[A-Za-z0-9._-]+==[0-9][A-Za-z0-9.]*")


def lines(path: Path) -> list[str]:
    stripped = (line.split("#")[0].strip() for line in path.read_text().splitlines())
    return [line for line in stripped if line]


def names(path: Path) -> dict[str, str]:
    pairs = (line.split("==") for line in lines(path) if "==" in line)
    return {re.sub(r"[-_.]+", "-", name).lower(): version for name, version in pairs}


@pytest.mark.parametrize("file", ["requirements.txt", "requirements-dev.txt", "constraints.txt"])
def test_every_requirement_is_pinned(root: Path, file: str) -> None:
    listed = [line for line in lines(root / file) if line != "-r requirements.txt"]
    assert listed
    assert [line for line in listed if not PINNED.fullmatch(line)] == []


@pytest.mark.parametrize("file", ["requirements.txt", "requirements-dev.txt"])
def test_the_constraints_agree_with_the_requirements(root: Path, file: str) -> None:
    asked, pinned = names(root / file), names(root / "constraints.txt")
    assert {name: pinned.get(name) for name in asked} == asked


def test_the_app_asks_for_no_test_tool(root: Path) -> None:
    assert not {"pytest", "playwright", "ruff", "mypy"} & names(root / "requirements.txt").keys()


def test_the_pipeline_calls_make_test_and_nothing_else(root: Path) -> None:
    script = root / ".ci" / "run"
    assert os.access(script, os.X_OK)
    text = lines(script)
    assert text[0] == "set -euo pipefail"
    assert text[-1] == "make test"
    assert all(line.startswith(("set ", "cd ", "make test")) for line in text)


def test_the_licence_is_the_one_that_is_declared(root: Path) -> None:
    licence = (root / "LICENSE").read_text()
    declared = tomllib.loads((root / "pyproject.toml").read_text())["project"]["license"]
    assert declared == "Apache-2.0"
    assert "Apache License" in licence
    assert "END OF TERMS AND CONDITIONS" in licence


def test_make_refuses_an_old_python_in_one_sentence(root: Path, tmp_path: Path) -> None:
    old = tmp_path / "python-old"
    old.write_text('#!/bin/sh\n[ "$1" = --version ] && echo "Python 3.8.18" && exit 0\nexit 1\n')
    old.chmod(0o755)
    shutil.copy(root / "Makefile", tmp_path)
    for file in ("requirements.txt", "requirements-dev.txt", "constraints.txt"):
        shutil.copy(root / file, tmp_path)
    done = subprocess.run(
        ["make", "lint", f"PYTHON={old}"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode != 0
    assert "needs Python 3.11 or newer" in done.stderr
    assert "Python 3.8.18" in done.stderr


# The settings


@pytest.fixture(scope="module")
def config(root: Path) -> dict[str, dict[str, object]]:
    return tomllib.loads((root / ".streamlit" / "config.toml").read_text(encoding="utf-8"))


def test_nothing_is_reported_to_anybody(config: dict[str, dict[str, object]]) -> None:
    assert config["browser"]["gatherUsageStats"] is False
    assert config["logger"]["hideWelcomeMessage"] is True  # it asks the internet for our address
    assert config["client"]["showErrorLinks"] is False


def test_no_traceback_reaches_the_screen(config: dict[str, dict[str, object]]) -> None:
    assert config["client"]["showErrorDetails"] == "none"


def test_the_app_listens_to_its_own_machine_only(config: dict[str, dict[str, object]]) -> None:
    assert config["server"]["address"] == "127.0.0.1"
    assert config["client"]["allowedOrigins"] == []


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize(
    ("ink", "paper", "ratio"),
    [
        ("textColor", "backgroundColor", 7.0),
        ("textColor", "secondaryBackgroundColor", 7.0),
        ("linkColor", "backgroundColor", 4.5),
        ("linkColor", "secondaryBackgroundColor", 4.5),
        ("primaryColor", "backgroundColor", 3.0),
        ("dataframeHeaderTextColor", "secondaryBackgroundColor", 4.5),
    ],
)
def test_colours_have_the_contrast_of_wcag_aa(
    config: dict[str, dict[str, object]], theme: str, ink: str, paper: str, ratio: float
) -> None:
    colours = config["theme"][theme]
    assert isinstance(colours, dict)
    assert contrast(colours[ink], colours[paper]) >= ratio


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_white_words_on_a_primary_button_can_be_read(
    config: dict[str, dict[str, object]], theme: str
) -> None:
    colours = config["theme"][theme]
    assert isinstance(colours, dict)
    assert contrast("#ffffff", colours["primaryColor"]) >= 4.5


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_chart_colours_stand_out_from_the_background(
    config: dict[str, dict[str, object]], theme: str
) -> None:
    colours = config["theme"][theme]
    assert isinstance(colours, dict)
    for colour in colours["chartCategoricalColors"]:
        assert contrast(colour, colours["backgroundColor"]) >= 3.0


def contrast(one: str, other: str) -> float:
    """WCAG 2.2's contrast ratio of two #rrggbb colours, 1 to 21."""
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


def luminance(colour: str) -> float:
    channels = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


# The samples


@pytest.mark.parametrize(
    ("file", "rows", "classes"),
    [
        ("sms_spam.csv", 5574, {"ham", "spam"}),
        ("nsmc_6k.csv", 6000, {"positive", "negative"}),
        ("penguins.csv", 344, {"Adelie", "Chinstrap", "Gentoo"}),
    ],
)
def test_a_sample_is_whole_and_described(
    samples: Path, file: str, rows: int, classes: set[str]
) -> None:
    with (samples / file).open(encoding="utf-8", newline="") as stream:
        table = list(csv.DictReader(stream))
    assert len(table) == rows
    assert {row["label"] for row in table} == classes
    about = (samples / "README.md").read_text(encoding="utf-8")
    assert f"`{file}`" in about
    section = about.split(f"## {file}")[1].split("\n## ")[0]
    assert "**Licence**" in section
    assert "**Origin**" in section


def test_the_readme_warns_of_the_column_that_leaks_the_label(samples: Path) -> None:
    assert "`rating` leaks the label" in (samples / "README.md").read_text(encoding="utf-8")
