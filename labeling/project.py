"""A project: one file, opened, listed, changed in its settings, backed up, reconciled."""

from __future__ import annotations

import hashlib
import json
import re
import unicodedata
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

from labeling.config import SETTINGS, Config, check_settings
from labeling.core.features import Content
from labeling.errors import InputError
from labeling.store import changes, connection
from labeling.store.changes import LabelSet
from labeling.store.connection import Database

SUFFIX = ".db"
_NAME = re.compile(r"[\w가-힣][\w가-힣 .-]{0,80}", re.UNICODE)


class ProjectInfo(NamedTuple):
    """A project in a folder: its name, which is the file's without the ending, and its file."""

    name: str
    path: Path


def now() -> str:
    """The present moment as ISO 8601 in UTC, to the millisecond."""
    return datetime.now(UTC).isoformat(timespec="milliseconds")


class Project:
    """An open project. Services are functions that take one; close it when the run ends."""

    def __init__(self, db: Database, path: Path, *, wait: float = connection.WAIT_SECONDS) -> None:
        self.db, self.path, self.wait = db, path, wait

    def __enter__(self) -> Project:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def close(self) -> None:
        """Give the connection back."""
        self.db.close()

    def writing(self) -> AbstractContextManager[None]:
        """One transaction, written whole or not at all."""
        return connection.writing(self.db, self.path, wait=self.wait)

    def attempt(self) -> AbstractContextManager[None]:
        """A part of a transaction that may fail alone."""
        return connection.attempt(self.db)

    def is_outage(self, error: Exception) -> bool:
        """Whether the disk or another program is to blame for an error."""
        return connection.is_outage(error)

    def reading(self) -> AbstractContextManager[None]:
        """Several reads of one and the same state."""
        return connection.reading(self.db)

    @cached_property
    def facts(self) -> dict[str, str]:
        """What never changes: title, seed, content, created_at."""
        return changes.project_facts(self.db)

    @property
    def identity(self) -> str:
        """What tells this project from every other, whatever its file is called; 16 hex digits."""
        said = json.dumps([self.facts["seed"], self.facts["created_at"], self.facts["content"]])
        return hashlib.sha256(said.encode()).hexdigest()[:16]

    @property
    def name(self) -> str:
        """The file's name without its ending."""
        return self.path.stem

    @property
    def title(self) -> str:
        """The title for people."""
        return self.facts["title"]

    @property
    def seed(self) -> int:
        """The seed that every random draw of the project is derived from."""
        return int(self.facts["seed"])

    @property
    def content(self) -> Content:
        """What is shown and learned from."""
        stored = json.loads(self.facts["content"])
        return Content(stored["kind"], tuple(stored["columns"]))

    @property
    def config(self) -> Config:
        """The settings in force."""
        return Config(changes.settings(self.db))

    @property
    def label_set(self) -> LabelSet:
        """The newest label set."""
        return changes.label_sets(self.db)[-1]

    @property
    def classes(self) -> tuple[str, ...]:
        """The allowed classes, in the order of their number keys."""
        return self.label_set.classes


def derive_seed(seed: int, *names: object) -> int:
    """A seed for one purpose, the same on every machine; 0 <= seed < 2**32."""
    text = ":".join(str(name) for name in (seed, *names))
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:4], "big")


def new_project(path: Path, *, title: str, content: Content, seed: int) -> Project:
    """Make an empty project file with its fixed facts."""
    project = Project(connection.create(path), path)
    facts = {
        "title": title,
        "seed": str(seed),
        "content": json.dumps({"kind": content.kind, "columns": list(content.columns)}),
        "created_at": now(),
    }
    with project.writing():
        changes.set_project(project.db, facts)
    return project


def open_project(path: Path, *, wait: float = connection.WAIT_SECONDS) -> Project:
    """Open an existing project file; its writers wait for others at most `wait` seconds."""
    return Project(connection.connect(path, wait=wait), path, wait=wait)


@contextmanager
def opened(path: Path) -> Iterator[Project]:
    """Open a project for the length of a block."""
    project = open_project(path)
    try:
        yield project
    finally:
        project.close()


def list_projects(folder: Path) -> list[ProjectInfo]:
    """The projects of a folder by name, told by their first bytes: none is opened for it."""
    paths = sorted(folder.glob(f"*{SUFFIX}")) if folder.is_dir() else []
    return [ProjectInfo(path.stem, path) for path in paths if connection.is_project(path)]


def path_for(folder: Path, name: str) -> Path:
    """The file that a project of this name would have, inside the folder and nowhere else."""
    clean = unicodedata.normalize("NFC", name).strip()
    if not _NAME.fullmatch(clean) or ".." in clean:
        raise InputError(
            f"'{name}' cannot name a project: use letters, digits, blanks, '.', '-' and '_'"
        )
    return folder / f"{clean}{SUFFIX}"


def change_settings(project: Project, values: Mapping[str, str], *, author: str) -> list[int]:
    """Record new settings as changes of kind model or settings; returns the changes' ids."""
    check_settings(values)
    current, made = project.config.text, []
    with project.writing():
        for kind in ("settings", "model"):
            new = {k: v for k, v in values.items() if SETTINGS[k].change == kind}
            new = {k: v for k, v in new.items() if v != current[k]}
            if not new:
                continue
            title = ", ".join(f"{key} {current[key]} → {value}" for key, value in new.items())
            change = changes.add(project.db, kind, title=title, author=author, at=now())
            changes.add_settings(project.db, change, new)
            made.append(change)
    return made


def back_up(project: Project, target: Path) -> None:
    """A consistent copy while in use; to restore, open the copy."""
    connection.copy_to(project.db, target)
