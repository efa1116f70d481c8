"""Projects made and kept from the browser: in the projects folder and nowhere else."""

from __future__ import annotations

import tempfile
from datetime import UTC, datetime
from pathlib import Path

import pandas as pd

from labeling import imports, people, vector_files
from labeling.core.labels import read_cell
from labeling.errors import InputError
from labeling.ingest import Progress, Roles
from labeling.project import Project, path_for
from labeling.project import back_up as copy_project
from labeling.vectors import Vectors

MOST_GUESSED = 100


def guess_classes(frame: pd.DataFrame, label: str | None, *, multi: bool = False) -> list[str]:
    """The classes that a label column holds, sorted; nothing if there are too many."""
    if label is None:
        return []
    cells = [imports.clean(value) for value in frame[label] if value is not None]
    found = sorted({name for cell in cells for name in (read_cell(cell) if multi else [cell])})
    return found if len(found) <= MOST_GUESSED else []


def create(
    folder: Path,
    name: str,
    frame: pd.DataFrame,
    *,
    roles: Roles,
    classes: str,
    source: str,
    author: str,
    progress: Progress,
    owner: str | None = None,
    embeddings: Vectors | None = None,
) -> tuple[str, str]:
    """A new project in the folder; returns its name and what was imported, in a sentence.

    `classes` has one class a line. `owner` is listed as the project's owner, if there is one.
    Raises InputError and changes nothing.
    """
    path = path_for(folder, name)
    if path.exists():
        raise InputError(f"a project named '{path.stem}' exists: choose another name")
    folder.mkdir(parents=True, exist_ok=True)
    chosen = tuple(line.strip() for line in classes.splitlines() if line.strip())
    project, summary = imports.create_project(
        path,
        frame,
        roles=roles._replace(classes=chosen),
        source=source,
        author=author,
        embeddings=embeddings,
        progress=progress,
    )
    with project:
        people.set_roles(project, {owner: people.OWNER} if owner else {}, author=author)
    return path.stem, imports.describe(summary)


def vectors_of(
    frame: pd.DataFrame, roles: Roles, *, sent: tuple[str, bytes] | None, prefix: str
) -> tuple[Vectors | None, pd.DataFrame]:
    """The vectors of a file that the browser sent (its name and bytes), or of columns.

    With the table without such columns; no vectors where neither is there. Raises InputError.
    """
    if sent is None:
        return vector_files.asked_for(None, prefix or None, frame, roles)
    name, data = sent
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"vectors{Path(name).suffix.lower()}"
        path.write_bytes(data)
        return vector_files.asked_for(path, prefix or None, frame, roles, name=name)


def back_up(project: Project, folder: Path) -> Path:
    """A dated copy in the folder `backups`; returns where it is."""
    target = folder / "backups"
    target.mkdir(parents=True, exist_ok=True)
    stamp = datetime.now(UTC).strftime("%Y-%m-%d_%H%M%S")
    path = target / f"{project.name}_{stamp}.db"
    copy_project(project, path)
    return path


def copy(project: Project) -> bytes:
    """A consistent copy as bytes, for a download."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "copy.db"
        copy_project(project, path)
        return path.read_bytes()
