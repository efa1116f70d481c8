"""What is asked of the data: the label set and its guideline, in versions."""

from __future__ import annotations

from labeling.errors import InputError
from labeling.project import Project, now
from labeling.store import changes
from labeling.store.changes import LabelSet

MAX_GUIDELINE = 100_000


def save_guideline(project: Project, text: str, *, author: str) -> LabelSet:
    """A new version of the guideline, as a change of kind guideline; the classes stay."""
    text = text.strip()
    if len(text) > MAX_GUIDELINE:
        raise InputError(
            f"a guideline has at most {MAX_GUIDELINE:,} characters, found {len(text):,}"
        )
    current = project.label_set
    if text == current.guideline:
        return current
    with project.writing():
        title = f"Guideline version {current.version + 1}"
        change = changes.add(project.db, "guideline", title=title, author=author, at=now())
        return changes.add_label_set(project.db, change, classes=current.classes, guideline=text)


def versions(project: Project) -> list[LabelSet]:
    """All versions of the label set and guideline, oldest first."""
    return changes.label_sets(project.db)
