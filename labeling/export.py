"""Every table of a project as CSV: UTF-8, a header, formulas neutralised, written whole or not."""

from __future__ import annotations

import csv
import json
import os
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd

from labeling import (
    audits,
    datasets,
    fixes,
    forecasts,
    history,
    impact,
    issues,
    opinions,
    queue,
    reliability,
    requirements,
    review,
    reviewing,
    rounds,
    team,
)  # fmt: skip
from labeling.core.log import DataVersion
from labeling.errors import InputError
from labeling.project import Project
from labeling.store import events, items, slots
from labeling.store.connection import is_project
from labeling.versions import Snapshot

FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")


def neutralise(cell: object) -> object:
    """Text that a spreadsheet would run as a formula gets a leading apostrophe; numbers do not.

    >>> neutralise("=1+1"), neutralise("-0.5"), neutralise("hello")
    ("'=1+1", '-0.5', 'hello')
    """
    if not isinstance(cell, str) or not cell.startswith(FORMULA_STARTS):
        return cell
    try:
        float(cell)
    except ValueError:
        return f"'{cell}"
    return cell


def to_csv(frame: pd.DataFrame) -> str:
    """A frame as CSV text."""
    safe = frame.copy()
    safe.columns = [str(neutralise(str(column))) for column in frame.columns]
    for column in range(len(safe.columns)):
        if not pd.api.types.is_numeric_dtype(safe.iloc[:, column]):
            safe.isetitem(column, safe.iloc[:, column].astype(object).map(neutralise))
    quoting = csv.QUOTE_NONNUMERIC if _has_carriage_returns(safe) else csv.QUOTE_MINIMAL
    return str(safe.to_csv(index=False, lineterminator="\n", quoting=quoting))


def _has_carriage_returns(frame: pd.DataFrame) -> bool:
    """Whether a cell holds one: alone it ends a line for readers, and the writer leaves it bare."""
    words = frame.to_numpy(dtype=object).ravel()
    return any(isinstance(word, str) and "\r" in word for word in words)


def check_target(path: Path) -> Path:
    """The path, before any work is done for it. Raises InputError if no file may stand there."""
    try:
        problem = _problem_with(path)
    except OSError as error:
        problem = str(error.strerror)
    if problem:
        raise InputError(f"cannot write {path}: {problem}")
    return path


def _problem_with(path: Path) -> str | None:
    folder = path.resolve().parent
    if path.is_dir() or not folder.is_dir():
        return "its folder does not exist or it is a folder"
    if path.exists() and not path.is_file():
        return "it is no file but a device or a pipe"
    if not os.access(folder, os.W_OK | os.X_OK):
        return "its folder may not be written to"
    return "it is a Groundwork project: choose another name" if is_project(path) else None


def write_csv(frame: pd.DataFrame, path: Path) -> None:
    """Write a frame as UTF-8 CSV, whole or not at all."""
    write_text(to_csv(frame), path)


def write_text(text: str, path: Path) -> None:
    """Write a text as UTF-8, whole or not at all."""
    write_whole(text.encode(), path)


def write_whole(data: bytes, path: Path) -> None:
    """Write beside the target, then put it in place, so that no half file is ever seen."""
    path = check_target(Path(path))
    try:
        handle, name = tempfile.mkstemp(dir=path.resolve().parent, suffix=".part")
    except OSError as error:
        raise InputError(f"cannot write {path}: {error.strerror}") from error
    temporary = Path(name)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
        temporary.chmod(0o644)
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def items_table(project: Project) -> pd.DataFrame:
    """Every item: its original columns, its label, pool, gold, reservoir or aside, if it is out."""
    snapshot = Snapshot(project)
    version = DataVersion(snapshot.upto, policy=snapshot.config()["policy"])
    labels, gold = snapshot.labels(version), snapshot.gold(version)
    excluded = snapshot.standing(version).excluded
    original, side = datasets.table(snapshot), items.sides(project.db)
    ids = [item.item_id for item in snapshot.items]
    own = pd.DataFrame(
        {
            "item_id": ids,
            "source_id": [item.source_id for item in snapshot.items],
            "part": ["gold" if item in gold else side[item] for item in ids],
            "label": [gold.get(item, labels.get(item)) for item in ids],
            "excluded": [item in excluded for item in ids],
        },
        dtype=object,
    )
    taken = {*own.columns, *original.columns}
    names = {}
    for column in original.columns.intersection(own.columns):
        names[column] = _free_name(column, taken)
        taken.add(names[column])
    return pd.concat([own, original.rename(columns=names)], axis=1)


def _free_name(column: str, taken: set[str]) -> str:
    """`original_label` for label, and `original_original_label` if the file has that as well."""
    name = f"original_{column}"
    return _free_name(name, taken) if name in taken else name


def labels_table(project: Project) -> pd.DataFrame:
    """Every item's label with how many answers it rests on and whether a reviewer ruled."""
    snapshot = Snapshot(project)
    version = DataVersion(snapshot.upto, policy=snapshot.config()["policy"])
    standing, labels = snapshot.standing(version), snapshot.labels(version)
    gold = snapshot.gold(version)
    labels |= gold
    rows = []
    for item in snapshot.items:
        if item.item_id in labels:
            votes = [
                e for e in standing.answers.get(item.item_id, {}).values() if e.kind == "label"
            ]
            agree = sum(e.value == labels[item.item_id] for e in votes)
            ruled = item.item_id in standing.rulings
            part = "gold" if item.item_id in gold else item.side
            rows.append(
                (item.item_id, item.source_id, labels[item.item_id], part, len(votes), agree, ruled)
            )
    columns = ["item_id", "source_id", "label", "part", "n_answers", "n_agree", "ruled"]
    return pd.DataFrame(rows, columns=columns)


def annotations_table(project: Project) -> pd.DataFrame:
    """Every standing answer: item, annotator, kind, label."""
    rows = events.answers(project.db)
    frame = pd.DataFrame(rows, columns=["item_id", "annotator", "kind", "label", "seq"])
    source = {item.item_id: item.source_id for item in items.every(project.db)}
    frame.insert(1, "source_id", frame["item_id"].map(source))
    return frame


def events_table(project: Project) -> pd.DataFrame:
    """The whole log, in order."""
    return pd.DataFrame(events.table(project.db), columns=events.TABLE_COLUMNS)


def queue_table(project: Project) -> pd.DataFrame:
    """The open items of the current batch, gold included."""
    open_ = slots.open_slots(project.db, queue.current_batch(project))
    source = {item.item_id: item.source_id for item in items.every(project.db)}
    rows = [(s.item_id, source[s.item_id], s.rank, s.why) for s in open_]
    frame = pd.DataFrame(rows, columns=["item_id", "source_id", "rank", "why"])
    return frame.drop_duplicates("item_id", ignore_index=True)  # asked of several people


def scores_table(project: Project) -> pd.DataFrame:
    """Every round's metrics on the current gold, active choice and random control."""
    stored = impact.cached(project, impact.REPORT)
    columns = ["arm", "round", "n_labels", "metric", "value", "low", "high", "n"]
    if stored is None:
        return pd.DataFrame(columns=columns)
    arms = {"active": stored[1]["curve"], "random": stored[1]["control_curve"]}
    rows = [{"arm": arm, **row} for arm, curve in arms.items() for row in curve]
    return pd.DataFrame(rows, columns=columns)


def classes_table(project: Project) -> pd.DataFrame:
    """The newest model's metrics per class."""
    stored = impact.cached(project, impact.REPORT)
    columns = ["class", "n", "precision", "recall", "recall_low", "recall_high", "f1"]
    return pd.DataFrame(stored[1]["per_class"] if stored else [], columns=columns)


def impact_table(project: Project) -> pd.DataFrame:
    """The bars as they were last measured."""
    stored = impact.cached(project, impact.WATERFALL)
    return pd.DataFrame(stored[1] if stored else [], columns=impact.BAR_COLUMNS)


def annotators_table(project: Project) -> pd.DataFrame:
    """Who did how much: labels, skips, flags, rulings, active hours, labels an hour."""
    log = events_table(project)
    gone = set(log["target"].dropna())
    log = log[~log["event_id"].isin(gone) & (log["kind"] != "retract")]
    rows = []
    for annotator, own in log.groupby("annotator", sort=True):
        counts = own["kind"].value_counts()
        hours = own["ms"].sum() / 3_600_000
        answers = int(counts.get("label", 0) + counts.get("adjudicate", 0))
        rows.append(
            (
                annotator,
                int(counts.get("label", 0)),
                int(counts.get("skip", 0)),
                int(counts.get("flag", 0)),
                int(counts.get("adjudicate", 0)),
                round(hours, 3),
                round(answers / hours, 1) if hours else np.nan,
                own["at"].max(),
            )
        )
    columns = ["annotator", "labels", "skips", "flags", "rulings", "hours", "per_hour", "last_at"]
    return pd.DataFrame(rows, columns=columns)


def flags_table(project: Project) -> pd.DataFrame:
    """What annotators noted on items, newest first."""
    log = events_table(project)
    flags = log[log["kind"] == "flag"].iloc[::-1]
    return flags[["item_id", "annotator", "value", "at"]].rename(columns={"value": "comment"})


def settings_table(project: Project) -> pd.DataFrame:
    """The settings in force."""
    return pd.DataFrame(project.config.text.items(), columns=["setting", "value"])


def guidelines_table(project: Project) -> pd.DataFrame:
    """Every version of the label set, its guideline and its examples by class."""
    rows = [
        (v.version, _json(v.classes), v.guideline, _json(v.examples))
        for v in requirements.versions(project)
    ]
    return pd.DataFrame(rows, columns=["version", "classes", "guideline", "examples"])


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)


def influence_table(project: Project) -> pd.DataFrame:
    """How often people give the label that the model suggests: shown against hidden."""
    found = team.influence(project)
    return pd.DataFrame(columns=team.INFLUENCE) if found is None else found


TABLES: dict[str, Callable[[Project], pd.DataFrame]] = {
    "items": items_table,
    "labels": labels_table,
    "annotations": annotations_table,
    "events": events_table,
    "changes": history.table,
    "rounds": rounds.table,
    "scores": scores_table,
    "classes": classes_table,
    "impact": impact_table,
    "issues": issues.table,
    "outcomes": audits.outcomes,
    "trend": issues.trend,
    "fixes": fixes.table,
    "audits": audits.audits_table,
    "annotators": annotators_table,
    "flags": flags_table,
    "queue": queue_table,
    "settings": settings_table,
    "guidelines": guidelines_table,
    "reviews": review.table,
    "rulings": reviewing.rulings,
    "disagreements": review.disagreements,
    "influence": influence_table,
    "opinions": opinions.table,
    "reliability": reliability.table,
    "forecasts": forecasts.table,
}


def table(project: Project, name: str) -> pd.DataFrame:
    """One table by name. Raises InputError for a name that does not exist."""
    if name not in TABLES:
        raise InputError(f"there is no table '{name}'; there are: {', '.join(TABLES)}")
    return TABLES[name](project)


def describe(name: str) -> str:
    """What a table holds, in one line."""
    return (TABLES[name].__doc__ or "").strip().splitlines()[0].rstrip(".")
