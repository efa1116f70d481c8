"""Who did it: the batches, imports and people whose labels fit the gold badly, and what they cost.

Triage takes no fit: each training row's worth to a nearest-neighbour classifier on the gold. What a
group costs in points is then measured, by models trained with its rows and without them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np

from labeling import impact, rulers
from labeling.core import comparison, triage
from labeling.core.log import DataVersion, Event
from labeling.core.triage import Group
from labeling.errors import InputError
from labeling.fits import Fits
from labeling.impact import Difference, placebo
from labeling.ingest import Progress, silent
from labeling.project import Project
from labeling.store import rounds as store
from labeling.versions import Snapshot, TrainingSet

JOB = RESULT = "culprits"
BATCH, IMPORT, ANNOTATOR = KINDS = ("batch", "import", "annotator")


class Suspect(NamedTuple):
    """A group of training rows: its kind, its name (a change or a person), a title for people.

    `share` is its part, in [0, 1], of all that groups of its kind lack against the usual one;
    `flagged`: it lacks more than chance explains.
    """

    kind: str
    name: str
    title: str
    rows: int
    share: float
    flagged: bool


class Triage(NamedTuple):
    """Suspects by kind, the worst first; a sentence a kind; `why_not` where nothing can be told."""

    suspects: dict[str, list[Suspect]]
    words: dict[str, str]
    why_not: str | None


class Answer(NamedTuple):
    """A label that takes part in triage: of which item, what it says, and who brought it."""

    item_id: str
    label: str
    group: str


# -- triage ---------------------------------------------------------------------------------------


def look(project: Project) -> Triage:
    """Which batch, import and annotator to look at first, on today's data and gold.

    A batch is what one change brought: a round, a file of answers, an import with labels, a queue
    of corrections. An import answers for the items that it brought, an annotator for what they
    said, though others may have overruled it.
    """
    snapshot = Snapshot(project)
    gold = snapshot.gold()
    why_not = impact.gold_needed(len(gold))
    if why_not:
        return Triage({}, {}, f"nobody can be told apart yet: {why_not}")
    training, titles = _training(snapshot), _titles(snapshot)
    suspects, words = {}, {}
    for kind in KINDS:
        groups = _groups(snapshot, training, gold, _answers(snapshot, training, kind))
        suspects[kind] = [_suspect(kind, group, titles) for group in groups]
        named = [replace(group, name=titles.get(group.name, group.name)) for group in groups]
        words[kind] = triage.in_words(named, what=kind) if groups else f"No {kind} to look at."
    return Triage(suspects, words, None)


def _training(snapshot: Snapshot) -> TrainingSet:
    policy = snapshot.config()["policy"]
    return snapshot.training_set(DataVersion(snapshot.upto, policy=policy))


def _titles(snapshot: Snapshot) -> dict[str, str]:
    return {str(change.change_id): change.title for change in snapshot.changes}


def _suspect(kind: str, group: Group, titles: Mapping[str, str]) -> Suspect:
    title = group.name if kind == ANNOTATOR else titles[group.name]
    return Suspect(kind, group.name, title, group.rows, group.share, group.flagged)


def _answers(snapshot: Snapshot, training: TrainingSet, kind: str) -> list[Answer]:
    if kind == ANNOTATOR:
        return _said(training)
    of_item = _members(snapshot, training, kind)
    return [Answer(item, label, of_item[item]) for item, label in training.labels.items()]


def _said(training: TrainingSet) -> list[Answer]:
    """What people said of the training rows; nobody said what merely came along in a file."""
    return [
        Answer(item, event.value, who)
        for item in training.labels
        for who, event in training.standing.answers.get(item, {}).items()
        if event.kind == "label" and event.value is not None and _is_person(who)
    ]


def _is_person(name: str) -> bool:
    return not name.startswith(("import:", "gold:"))


def _members(snapshot: Snapshot, training: TrainingSet, kind: str) -> dict[str, str]:
    """The group of each training row, by item."""
    if kind == IMPORT:
        return {i: str(snapshot.items[snapshot.position[i]].change_id) for i in training.labels}
    decisive = {item: _decisive(training, item) for item in training.labels}
    if kind == BATCH:
        return {item: str(event.change_id) for item, event in decisive.items()}
    return {item: event.annotator for item, event in decisive.items()}


def _decisive(training: TrainingSet, item: str) -> Event:
    """What gave an item its label: a ruling, or the first of the answers that say so."""
    standing = training.standing
    if item in standing.rulings:
        return standing.rulings[item]
    said = sorted(standing.answers[item].values(), key=lambda event: event.seq)
    return next((event for event in said if event.value == training.labels[item]), said[0])


def _groups(
    snapshot: Snapshot, training: TrainingSet, gold: Mapping[str, str], given: Sequence[Answer]
) -> list[Group]:
    rows = [snapshot.row(each.item_id, training.edits) for each in given]
    code = {label: n for n, label in enumerate(sorted({*gold.values(), *_labels(given)}))}
    y = np.array([code[each.label] for each in given], dtype=np.int64)
    values = triage.knn_shapley(
        snapshot.features[np.array(rows, dtype=np.int64)],
        y,
        gold_features=snapshot.features[[snapshot.position[item] for item in gold]],
        gold_y=np.array([code[label] for label in gold.values()], dtype=np.int64),
    )
    return triage.by_group(triage.beyond_class(values, y), [each.group for each in given])


def _labels(given: Iterable[Answer]) -> set[str]:
    return {each.label for each in given}


# -- what a group costs ---------------------------------------------------------------------------


def measure(project: Project, kind: str, name: str, *, progress: Progress = silent) -> Difference:
    """The score with a group's rows against the score without them, on today's gold; stored.

    Below 0 the group does harm. An annotator's rows are those that have their label from them.
    Raises InputError for an unknown group, without gold, or if no other row would be left.
    """
    fits = Fits(Snapshot(project))
    snapshot, ruler = fits.snapshot, rulers.current(fits.snapshot)
    whole = _training(snapshot)
    own = _rows_of(snapshot, whole, kind, name)
    if ruler.n == 0:
        raise InputError(f"there are no gold labels yet: {impact.gold_needed(0)}")
    config = fits.model_of(snapshot.config())
    without = whole.only(item for item in whole.labels if item not in own)
    ends = [(without, config), (whole, config)]
    progress(0.2, "training without these rows")
    old, new = (ruler.right(fits.predicted(*end)).astype(float) for end in ends)
    band = placebo(fits, ruler, ends, size=len(own), touched=own, progress=progress)
    title = f"{kind} {_titles(snapshot).get(name, name)}: {len(own)} rows"
    found = _difference(title, old, new, band)
    fits.save(project)
    _store(project, snapshot.upto, kind, name, found)
    return found


def _rows_of(snapshot: Snapshot, whole: TrainingSet, kind: str, name: str) -> set[str]:
    if kind not in KINDS:
        raise InputError(f"expected one of {', '.join(KINDS)}, found '{kind}'")
    own = {item for item, group in _members(snapshot, whole, kind).items() if group == name}
    if not own:
        raise InputError(f"no training row has its label from {kind} '{name}'")
    if len(own) == len(whole.labels):
        raise InputError(f"all training rows are of {kind} '{name}': nothing is left without them")
    return own


def _difference(title: str, old: np.ndarray, new: np.ndarray, band: float | None) -> Difference:
    interval, n = comparison.t_interval(new - old), len(old)
    words = comparison.verdict(
        interval, n=n, band=band, disagreement=float(((new - old) ** 2).mean())
    )
    return Difference(title, float(old.mean()), float(new.mean()), *interval, band, n, words)


def _store(project: Project, upto: int, kind: str, name: str, found: Difference) -> None:
    """Keep the newest measure of each group, the newest last."""
    with project.writing():
        kept = [row for row in measured(project) if (row["kind"], row["name"]) != (kind, name)]
        body = [*kept, {"kind": kind, "name": name, "upto_event": upto, **found._asdict()}]
        store.put_result(project.db, RESULT, upto_event=upto, body=body)


def measured(project: Project) -> list[dict[str, Any]]:
    """What was measured of groups: kind, name, upto_event and the fields of a Difference."""
    stored = impact.cached(project, RESULT)
    return [] if stored is None else list(stored[1])
