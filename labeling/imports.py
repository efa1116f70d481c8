"""Bring a table into a project: items by content hash, sides by cluster, labels as events."""

from __future__ import annotations

import hashlib
import json
import unicodedata
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from labeling import batches, sides, vectors
from labeling.core import labels
from labeling.core.features import Content
from labeling.errors import InputError
from labeling.ingest import Progress, Roles, check_roles, name_column, need_columns, silent
from labeling.project import Project, new_project, now, open_project
from labeling.sides import ASIDE, POOL, RESERVOIR, Newcomers, Placed
from labeling.store import changes, events, items
from labeling.store.changes import LabelSet
from labeling.store.events import NewEvent
from labeling.vectors import ItemVectors, Vectors

MARKED = {"1", "true", "yes", "y", "gold", "t", "x", "예"}
UNMARKED = {"0", "false", "no", "n", "f", "", "아니오"}


class ImportSummary(NamedTuple):
    """What an import did."""

    change_id: int
    rows: int
    new_items: int
    known_items: int
    blank_rows: int
    pool: int
    reservoir: int
    labels: int
    gold: int
    gold_refused: int
    repeated: int
    unknown: int
    vectors: int = 0
    dims: int = 0
    aside: int = 0


def create_project(
    path: Path,
    frame: pd.DataFrame,
    *,
    roles: Roles,
    source: str,
    author: str,
    title: str | None = None,
    seed: int = 0,
    embeddings: Vectors | None = None,
    progress: Progress = silent,
) -> tuple[Project, ImportSummary]:
    """A new project from its first table; publishes the seed batch. Nothing stays on failure.

    It is made beside its place and moved there when it is whole, so that no half project is seen.
    `embeddings` are a vector of the user's own for each row.
    """
    if path.exists():
        raise InputError(f"expected a new file, but {path} exists: choose another name")
    plan = _plan(frame, roles, classes=_classes(frame, roles), embeddings=embeddings)
    draft = path.with_name(f".{path.name}.part")
    _remove(draft)
    try:
        with (
            new_project(
                draft, title=title or path.stem, content=roles.content, seed=seed
            ) as project,
            project.writing(),
        ):
            summary = _write(
                project, frame, plan, _arrivals(project, frame, plan, progress),
                source=source, author=author, progress=progress,
            )  # fmt: skip
            batches.publish_seed(project)
        draft.rename(path)
    finally:
        _remove(draft)
    return open_project(path), summary


def _remove(draft: Path) -> None:
    for ending in ("", "-wal", "-shm", "-journal", ".lock"):
        draft.with_name(f"{draft.name}{ending}").unlink(missing_ok=True)


def import_table(
    project: Project,
    frame: pd.DataFrame,
    *,
    roles: Roles,
    source: str,
    author: str,
    embeddings: Vectors | None = None,
    progress: Progress = silent,
) -> ImportSummary:
    """Bring more rows into a project, as one change.

    `embeddings` are a vector of the user's own for each row; an item's newest one counts.
    """
    if roles.content != project.content:
        want, found = project.content, roles.content
        raise InputError(
            f"this project learns from {want.kind} {', '.join(want.columns)}; "
            f"the import names {found.kind} {', '.join(found.columns)}: use the same columns"
        )
    new = [name for name in map(clean, roles.classes) if name not in project.classes]
    if new:
        raise InputError(
            f"'{new[0]}' is no class of this project; the classes are: "
            f"{', '.join(project.classes)}: an import does not change them"
        )
    roles = roles._replace(multi=project.label_set.multi)
    plan = _plan(frame, roles, classes=project.classes, embeddings=embeddings)
    plan = plan._replace(new_classes=None)
    with project.reading():  # takes seconds: nobody waits for it, and another import may come
        arrivals = _arrivals(project, frame, plan, progress)
    with project.writing():
        if arrivals.placed.beside != len(items.ids(project.db)):
            arrivals = _arrivals(project, frame, plan, progress)
        return _write(
            project, frame, plan, arrivals, source=source, author=author, progress=progress
        )


class _Plan(NamedTuple):
    roles: Roles
    keep: np.ndarray
    contents: list[str]
    item_ids: list[str]
    source_ids: list[str]
    labels: list[str | None]
    annotators: list[str] | None
    gold: list[str | None]
    new_classes: tuple[str, ...] | None
    vectors: ItemVectors | None


def _classes(frame: pd.DataFrame, roles: Roles) -> tuple[str, ...]:
    need_columns(frame, [roles.label])
    if roles.classes:
        classes = tuple(dict.fromkeys(clean(name) for name in roles.classes))
        if len(classes) < 2 or "" in classes:
            raise InputError(f"expected at least two classes, found '{','.join(roles.classes)}'")
        return classes
    if roles.label is None:
        raise InputError("the classes are unknown: give --classes a,b or a --label column")
    cells = [clean(value) for value in frame[roles.label] if value is not None]
    named = [labels.read_cell(cell) if roles.multi else [cell] for cell in cells]
    classes = tuple(sorted({name for names in named for name in names}))
    if len(classes) < 2:
        raise InputError(
            f"column '{roles.label}' holds {len(classes)} class(es), expected at least two: "
            "name them with --classes a,b"
        )
    if len(classes) > 1000:
        raise InputError(
            f"column '{roles.label}' holds {len(classes)} different values: is it the label column?"
        )
    return classes


def clean(value: object) -> str:
    """A label, name or id as it is compared: NFC, without blanks at the ends."""
    return unicodedata.normalize("NFC", str(value)).strip()


def item_id(content: str) -> str:
    """The id of an item: SHA-256 of its content, 96 bits of it, hex."""
    return hashlib.sha256(unicodedata.normalize("NFC", content).encode()).hexdigest()[:24]


def _contents(frame: pd.DataFrame, content: Content) -> list[str]:
    columns = [frame[column].tolist() for column in content.columns]
    if content.kind == "image":
        name = content.columns[0]
        digests = (hashlib.sha256(data).hexdigest() for data in columns[0])
        return [json.dumps({name: digest}, ensure_ascii=False) for digest in digests]
    encode = json.JSONEncoder(ensure_ascii=False).encode
    return [
        encode(dict(zip(content.columns, row, strict=True))) for row in zip(*columns, strict=True)
    ]


def _plan(
    frame: pd.DataFrame, roles: Roles, *, classes: tuple[str, ...], embeddings: Vectors | None
) -> _Plan:
    need_columns(
        frame, [*roles.content.columns, roles.id, roles.label, roles.annotator, roles.gold]
    )
    check_roles(roles.content, label=roles.label, annotator=roles.annotator, gold=roles.gold)
    if roles.reserve is not None and not 0 <= roles.reserve <= 1:
        raise InputError(f"--reserve expects a share from 0 to 1, found {roles.reserve}")
    keep = frame[list(roles.content.columns)].notna().any(axis=1).to_numpy()
    if not keep.any():
        raise InputError(f"column(s) {', '.join(roles.content.columns)} are blank in every row")
    chosen = frame[keep]
    contents = _contents(chosen, roles.content)
    ids = [item_id(content) for content in contents]
    given: list[str | None] = [None] * len(chosen)
    if roles.label:
        given = [_label(cell, roles, classes) for cell in chosen[roles.label]]
    return _Plan(
        roles,
        keep,
        contents,
        ids,
        _source_ids(chosen, roles, keep),
        given,
        [clean(v or "") for v in chosen[roles.annotator]] if roles.annotator else None,
        _gold_labels(chosen, roles, given, classes),
        classes,
        _vectors(frame, keep, ids, embeddings),
    )


def _vectors(
    frame: pd.DataFrame, keep: np.ndarray, item_ids: list[str], brought: Vectors | None
) -> ItemVectors | None:
    """The vectors of the items, without those of blank rows."""
    if brought is None:
        return None
    if len(brought.rows) != len(frame):
        raise InputError(
            f"{brought.name} has {len(brought.rows):,} vectors, the data {len(frame):,} rows: "
            "expected one vector a row"
        )
    return vectors.by_item(brought._replace(rows=brought.rows[keep]), item_ids)


def _label(cell: object, roles: Roles, classes: Sequence[str]) -> str | None:
    """A cell of the label column as it is stored; a blank one is no answer."""
    text = "" if cell is None else clean(cell)
    if not text:
        return None
    return labels.encode(labels.read_cell(text), classes) if roles.multi else text


def _source_ids(chosen: pd.DataFrame, roles: Roles, keep: np.ndarray) -> list[str]:
    if roles.id is None:
        return [str(row) for row in np.flatnonzero(keep)]
    is_image = roles.content.kind == "image" and roles.id in roles.content.columns
    names = chosen[name_column(roles.id) if is_image else roles.id]
    blank = chosen.index[names.isna()]
    if len(blank):
        raise InputError(f"column '{roles.id}' is blank in row {blank[0]}: every row needs an id")
    return [clean(value) for value in names]


def _gold_labels(
    chosen: pd.DataFrame, roles: Roles, given: Sequence[str | None], classes: Sequence[str]
) -> list[str | None]:
    """The trusted label of each row, or None. The column holds marks (yes/no), or the labels."""
    if roles.gold is None:
        return [None] * len(chosen)
    cells = ["" if v is None else clean(v) for v in chosen[roles.gold]]
    if all(cell.lower() in MARKED | UNMARKED for cell in cells):
        if roles.label is None:
            raise InputError("--gold marks rows with trusted labels: name their --label column too")
        trusted = [
            label if cell.lower() in MARKED else None
            for cell, label in zip(cells, given, strict=True)
        ]
    else:
        trusted = [_label(cell, roles, classes) for cell in cells]
    if not any(trusted):
        raise InputError(f"column '{roles.gold}' marks no row as gold (expected 1, true or yes)")
    return trusted


class _Arrivals(NamedTuple):
    """The first row of every item that is new, and where the new items belong."""

    first: dict[str, int]
    placed: Placed

    def on(self, side: str) -> list[str]:
        """The new items of a side, in order."""
        return [item for item in self.first if self.placed.side[item] == side]


def _arrivals(
    project: Project, frame: pd.DataFrame, plan: _Plan, progress: Progress = silent
) -> _Arrivals:
    progress(0.1, "comparing with what is there")
    first = _first_rows(plan, items.ids(project.db))
    gold = {item for item, g in zip(plan.item_ids, plan.gold, strict=True) if g is not None}
    own = frame[plan.keep].iloc[list(first.values())]
    new = Newcomers(list(first), own, gold & first.keys())
    return _Arrivals(first, sides.place(project, new, share=plan.roles.reserve))


def _write(
    project: Project,
    frame: pd.DataFrame,
    plan: _Plan,
    arrivals: _Arrivals,
    *,
    source: str,
    author: str,
    progress: Progress,
) -> ImportSummary:
    db, at, name = project.db, now(), Path(source).name
    vectors.check_dims(project, plan.vectors)
    first = arrivals.first
    change = _add_change(project, frame, plan, arrivals, name=name, author=author, at=at)
    progress(0.3, f"writing {len(first):,} items")
    _write_items(project, frame, plan, arrivals, change=change)
    progress(0.6, f"writing {len(plan.item_ids):,} sources")
    items.insert_sources(db, _source_rows(frame, plan, change))
    vectors.write(project, change, plan.vectors)
    _put_aside(project, arrivals, change=change, author=author, at=at)
    _restore(project, plan, change=change, author=author, at=at)
    progress(0.8, "writing labels")
    side_of = items.sides(db)
    labelled = _label_events(project, plan, change=change, name=name, side_of=side_of, at=at)
    gold, refused = _gold_events(project, plan, name=name, author=author, side_of=side_of, at=at)
    progress(1.0, "done")
    distinct = len(set(plan.item_ids))
    return ImportSummary(
        change_id=change,
        rows=len(frame),
        new_items=len(first),
        known_items=distinct - len(first),
        blank_rows=int((~plan.keep).sum()),
        pool=len(arrivals.on(POOL)),
        reservoir=len(arrivals.on(RESERVOIR)),
        labels=labelled,
        gold=gold,
        gold_refused=refused,
        repeated=len(plan.item_ids) - distinct,
        unknown=sum(_is_unknown(label, project.label_set) for label in plan.labels),
        vectors=0 if plan.vectors is None else len(plan.vectors.rows),
        dims=0 if plan.vectors is None else plan.vectors.rows.shape[1],
        aside=len(arrivals.on(ASIDE)),
    )


def _is_unknown(label: str | None, label_set: LabelSet) -> bool:
    """Whether a stored label names what is no class."""
    if label is None:
        return False
    names = labels.decode(label) if label_set.multi else [label]
    return not set(names) <= set(label_set.classes)


def _first_rows(plan: _Plan, present: set[str]) -> dict[str, int]:
    """The first row of every item that is new."""
    first: dict[str, int] = {}
    for row, item in enumerate(plan.item_ids):
        if item not in present:
            first.setdefault(item, row)
    return first


def _add_change(
    project: Project,
    frame: pd.DataFrame,
    plan: _Plan,
    arrivals: _Arrivals,
    *,
    name: str,
    author: str,
    at: str,
) -> int:
    """The change of this import; the first one brings the label set too."""
    payload: dict[str, Any] = {
        "file": name,
        "rows": len(frame),
        "kept": len(plan.item_ids),
        "id": plan.roles.id,
        "label": plan.roles.label,
    }
    if plan.vectors is not None:
        payload[vectors.PAYLOAD] = plan.vectors.facts
    if arrivals.on(ASIDE):
        payload["aside"] = sorted(arrivals.on(ASIDE))
    title = f"Import {name}"
    change = changes.add(project.db, "import", title=title, author=author, at=at, payload=payload)
    if plan.new_classes is not None:
        changes.add_label_set(
            project.db, change, classes=plan.new_classes, guideline="", multi=plan.roles.multi
        )
    return change


def _write_items(
    project: Project,
    frame: pd.DataFrame,
    plan: _Plan,
    arrivals: _Arrivals,
    *,
    change: int,
) -> None:
    """What is put aside is stored with the reservoir, which never trains, and taken out at once."""
    first, (cluster, side, _) = arrivals.first, arrivals.placed
    rows = (
        (
            item,
            change,
            plan.source_ids[n],
            cluster[item],
            POOL if side[item] == POOL else RESERVOIR,
            plan.contents[n],
        )
        for item, n in first.items()
    )
    items.insert(project.db, rows)
    if plan.roles.content.kind == "image":
        images = frame.loc[plan.keep, plan.roles.content.columns[0]].tolist()
        items.insert_images(project.db, ((item, images[n]) for item, n in first.items()))


def _source_rows(frame: pd.DataFrame, plan: _Plan, change: int) -> list[tuple[object, ...]]:
    """Where each row came from, with the columns that are not content."""
    others = [c for c in frame.columns if c not in plan.roles.content.columns]
    chosen = frame[plan.keep]
    columns = [chosen[column].tolist() for column in others]
    encode = json.JSONEncoder(ensure_ascii=False).encode
    extras = (
        [encode(dict(zip(others, cells, strict=True))) for cells in zip(*columns, strict=True)]
        if others
        else ["{}"] * len(chosen)
    )
    rows = np.flatnonzero(plan.keep).tolist()
    return [
        (change, row, item, source_id, extra)
        for row, item, source_id, extra in zip(
            rows, plan.item_ids, plan.source_ids, extras, strict=True
        )
    ]


def _put_aside(project: Project, arrivals: _Arrivals, *, change: int, author: str, at: str) -> None:
    """Near-duplicates of items on both sides are out from the start: neither asked nor used."""
    version = project.label_set.version
    events.append(
        project.db,
        (
            NewEvent(
                f"aside-{change}-{item}", change, "exclude", item, author, None, 0, version, None,
                at,
            )
            for item in sorted(arrivals.on(ASIDE))
        ),
    )  # fmt: skip


def _restore(project: Project, plan: _Plan, *, change: int, author: str, at: str) -> None:
    """Items that went with a reverted import and come again are back."""
    out = items.excluded_by_revert(project.db) & set(plan.item_ids) - items.aside(project.db)
    version = project.label_set.version
    events.append(
        project.db,
        (
            NewEvent(
                f"back-{change}-{item}", change, "restore", item, author, None, 0, version, None, at
            )
            for item in sorted(out)
        ),
    )


def _label_events(
    project: Project, plan: _Plan, *, change: int, name: str, side_of: Mapping[str, str], at: str
) -> int:
    """Labels that came along become events by `import:<file>`, without the trusted ones."""
    version = project.label_set.version
    new: list[NewEvent] = []
    seen: dict[str, dict[str, int]] = {}
    for row, label in enumerate(plan.labels):
        trusted = plan.gold[row] is not None and side_of[plan.item_ids[row]] == RESERVOIR
        if label is None or label == "" or trusted:
            continue
        item = plan.item_ids[row]
        who = plan.annotators[row] if plan.annotators and plan.annotators[row] else None
        if who is None:  # a file that contradicts itself is two voices, so that the check hears it
            voices = seen.setdefault(item, {})
            nth = voices.setdefault(label, len(voices) + 1)
            who = f"import:{name}" if nth == 1 else f"import:{name}#{nth}"
        event_id = _event_id(change, row)
        new.append(NewEvent(event_id, change, "label", item, who, label, 0, version, None, at))
    return events.append(project.db, new)


def _gold_events(
    project: Project, plan: _Plan, *, name: str, author: str, side_of: Mapping[str, str], at: str
) -> tuple[int, int]:
    """Trusted labels become a change of their own; rows of the pool or put aside cannot be gold."""
    rows = [row for row, label in enumerate(plan.gold) if label is not None]
    usable = [row for row in rows if side_of[plan.item_ids[row]] == RESERVOIR]
    trusted = {str(plan.gold[row]) for row in usable}
    unknown = sorted(label for label in trusted if _is_unknown(label, project.label_set))
    if unknown:
        raise InputError(
            f"column '{plan.roles.gold}' holds the trusted label '{unknown[0]}', which is no "
            f"class; the classes are: {', '.join(project.classes)}"
        )
    if usable:
        change = changes.add(
            project.db, "gold", title=f"Trusted labels of {name}", author=author, at=at
        )
        version = project.label_set.version
        events.append(
            project.db,
            (
                NewEvent(
                    _event_id(change, row),
                    change,
                    "label",
                    plan.item_ids[row],
                    f"gold:{name}",
                    plan.gold[row],
                    0,
                    version,
                    None,
                    at,
                )
                for row in usable
            ),
        )
    return len(usable), len(rows) - len(usable)


def _event_id(change: int, row: int) -> str:
    """An id for a fact that a file states, the same whenever it is imported as this change."""
    return f"file-{change}-{row}"


def describe(summary: ImportSummary) -> str:
    """One sentence for people."""
    parts = [
        f"{summary.rows:,} rows: {summary.new_items:,} new items "
        f"({summary.pool:,} in the pool, {summary.reservoir:,} in the reservoir)"
    ]
    if summary.aside:
        parts.append(
            f"{summary.aside:,} are near-duplicates of items on both sides: they were put aside, "
            "neither asked nor used"
        )
    if summary.known_items:
        parts.append(f"{summary.known_items:,} items were there already")
    if summary.repeated:
        parts.append(f"{summary.repeated:,} rows repeat an item of the file")
    if summary.vectors:
        parts.append(f"{summary.vectors:,} items have a vector of {summary.dims:,} numbers")
    if summary.blank_rows:
        parts.append(f"{summary.blank_rows:,} rows without content were left out")
    if summary.labels:
        parts.append(f"{summary.labels:,} labels came along")
    if summary.unknown:
        parts.append(
            f"{summary.unknown:,} of them are outside the label set and block the next round"
        )
    if summary.gold:
        parts.append(f"{summary.gold:,} trusted labels are gold")
    if summary.gold_refused:
        parts.append(
            f"{summary.gold_refused:,} gold rows are in the pool or aside and cannot be gold"
        )
    return "; ".join(parts) + "."
