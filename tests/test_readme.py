"""The README names what there is: every command, check, table, strategy, setting and policy."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from labeling import commands, config, export
from labeling.core import strategies
from quality import checks, consensus


def command_names() -> list[str]:
    usage = commands.parser().format_help()
    return [f"labeling {name}" for name in re.findall(r"^    (\w+) ", usage, flags=re.MULTILINE)]


NAMES = [
    *command_names(),
    *(
        f"quality {name}"
        for name in ("check", "label-errors", "consensus", "agreement", "annotators")
    ),
    *strategies.STRATEGIES,
    *config.SETTINGS,
    *export.TABLES,
    *checks.CHECKS,
    *consensus.POLICIES,
]


@pytest.mark.parametrize("name", NAMES)
def test_the_readme_names_it(name: str, root: Path) -> None:
    assert f"`{name}`" in (root / "README.md").read_text(encoding="utf-8")


def test_all_sixteen_commands_are_looked_for() -> None:
    assert len(command_names()) == 16


def test_its_pictures_are_there(root: Path) -> None:
    pictures = re.findall(r"!\[.*?\]\((.*?)\)", (root / "README.md").read_text(encoding="utf-8"))
    assert len(pictures) == 3
    assert all((root / picture).is_file() for picture in pictures)
