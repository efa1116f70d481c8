"""What is asked of the data: the label set, its guideline and its examples, in versions."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from labeling.errors import InputError
from labeling.project import Project, now
from labeling.store import changes, evidence
from labeling.store.changes import LabelSet

MAX_GUIDELINE = 100_000
MAX_MEANING = 2_000
MAX_EXAMPLE = 2_000
MOST_EXAMPLES = 20
Examples = Mapping[str, Mapping[str, Any]]


def save_guideline(
    project: Project,
    text: str,
    *,
    author: str,
    examples: Examples | None = None,
    since: int | None = None,
) -> LabelSet:
    """A new version of the guideline, as a change of kind guideline; the classes stay.

    `examples` by class: {"means": what belongs there, "examples": [text, ...]}; a class that is
    not named has none. Without `examples` they stay as they are. When nothing differs, no version
    is made. `since` is the version that the author saw: raises InputError if there is a newer one.
    """
    text = _short(text, MAX_GUIDELINE, "a guideline")
    with project.writing():
        current = project.label_set
        _check_seen(current, since)
        wanted = current.examples if examples is None else check_examples(current, examples)
        if (text, wanted) == (current.guideline, current.examples):
            return current
        title = f"Guideline version {current.version + 1}"
        change = changes.add(project.db, "guideline", title=title, author=author, at=now())
        return changes.add_label_set(
            project.db, change, classes=current.classes, guideline=text, examples=wanted,
            multi=current.multi,
        )  # fmt: skip


def _check_seen(current: LabelSet, since: int | None) -> None:
    if since is not None and since != current.version:
        raise InputError(
            f"not saved: version {current.version} was made in the meantime. Look at it under "
            "Versions, then save yours once more"
        )


def check_examples(label_set: LabelSet, examples: Examples) -> dict[str, Any]:
    """Examples as they are stored: in the order of the classes, trimmed, without what is empty.

    Raises InputError for an unknown class and for what is too long.
    """
    unknown = sorted(set(examples) - set(label_set.classes))
    if unknown:
        raise InputError(
            f"'{unknown[0]}' is no class; the classes are: {', '.join(label_set.classes)}"
        )
    tidy = {name: _entry(name, examples[name]) for name in label_set.classes if name in examples}
    return {name: entry for name, entry in tidy.items() if entry["means"] or entry["examples"]}


def _entry(name: str, entry: Mapping[str, Any]) -> dict[str, Any]:
    means = _short(str(entry.get("means") or ""), MAX_MEANING, f"what belongs to '{name}'")
    lines = [" ".join(str(each).split()) for each in entry.get("examples") or ()]
    given = [_short(each, MAX_EXAMPLE, f"an example of '{name}'") for each in lines]
    kept = list(dict.fromkeys(each for each in given if each))
    if len(kept) > MOST_EXAMPLES:
        raise InputError(f"a class has at most {MOST_EXAMPLES} examples, '{name}' has {len(kept)}")
    return {"means": means, "examples": kept}


def _short(text: str, most: int, what: str) -> str:
    text = text.strip()
    if len(text) > most:
        raise InputError(f"{what} has at most {most:,} characters, found {len(text):,}")
    return text


def versions(project: Project) -> list[LabelSet]:
    """All versions of the label set and guideline, oldest first."""
    return changes.label_sets(project.db)


class Version(NamedTuple):
    """A version with who made it, when, and what it changed, a line each."""

    label_set: LabelSet
    author: str
    at: str
    changed: list[str]


def history(project: Project) -> list[Version]:
    """All versions, the newest first, each against the one before it."""
    made = evidence.label_set_makers(project.db)
    found: list[Version] = []
    before: LabelSet | None = None
    for label_set in versions(project):
        author, at = made[label_set.version]
        changed = what_changed(before, label_set) if before else []
        found.append(Version(label_set, author, at, changed))
        before = label_set
    return found[::-1]


def what_changed(before: LabelSet, after: LabelSet) -> list[str]:
    """The difference of two versions, a line each: "+" came, "-" went, as in a patch."""
    lines = difflib.unified_diff(written(before), written(after), lineterm="", n=0)
    return [line for line in lines if not line.startswith(("---", "+++", "@@"))]


def written(label_set: LabelSet) -> Sequence[str]:
    """A version as lines of text: its classes, its guideline, and each class with examples."""
    lines = [f"Classes: {', '.join(label_set.classes)}", *label_set.guideline.splitlines()]
    for name, entry in label_set.examples.items():
        lines += [f"{name}: {entry['means']}"] if entry["means"] else []
        lines += [f"{name}, for example: {example}" for example in entry["examples"]]
    return lines
