"""Slice scores: where the newest model is right, by classes, lengths, imports and columns."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import numpy as np
import pandas as pd

from labeling import datasets, impact, rulers
from labeling.core import labels, slices
from labeling.fits import Fits
from labeling.project import Project
from labeling.rulers import Ruler
from labeling.store import rounds as store
from labeling.versions import Snapshot

COLUMNS = ["feature", "slice", "hits", "n", "low", "high", "dot", "words"]
MOST_VALUES = 8  # a column with more different values makes no slices
EMPTY = "(empty)"

Members = list[list[str]]  # of each gold item, the slices that it is in


def table(project: Project) -> pd.DataFrame | None:
    """One row a slice of the gold: items right, of how many, Wilson's 95 % bounds and a dot.

    The dot is drawn towards the other slices of its feature; under five items there are only the
    counts (bounds and dot are NaN). Features in their order, the slices of each from the worst on.
    An item with several classes is right if all of them are, and is in a slice of each. None before
    a round is closed or without gold. Nothing is fitted: the model is that of the newest round.
    """
    closed, snapshot = store.every(project.db), Snapshot(project)
    ruler = rulers.current(snapshot)
    if not closed or not ruler.n:
        return None
    fits = Fits(snapshot)
    (predicted,) = impact.predictions(fits, closed[-1:])
    if fits.new:  # the reservoir has grown since
        fits.save(project)
    right = ruler.right(predicted) >= 1
    rows = [
        (feature, *found)
        for feature, members in _features(snapshot, ruler)
        for found in _slices(members, right)
    ]
    return pd.DataFrame(rows, columns=COLUMNS).astype({"low": float, "high": float, "dot": float})


def _slices(members: Members, right: np.ndarray) -> Iterable[tuple[object, ...]]:
    counts: dict[str, tuple[int, int]] = {}
    for own, is_right in zip(members, right, strict=True):
        for name in own:
            hits, n = counts.get(name, (0, 0))
            counts[name] = hits + int(is_right), n + 1
    found = slices.of_counts(counts)
    for each in sorted(found, key=lambda s: (s.hits / s.n if s.dot is None else s.dot, s.name)):
        yield each.name, each.hits, each.n, each.low, each.high, each.dot, each.in_words()


def _features(snapshot: Snapshot, ruler: Ruler) -> list[tuple[str, Members]]:
    """Features that tell gold items apart, each with the slices of every item.

    One that parts the gold just as an earlier one does says nothing new: it is left out.
    """
    at = snapshot.reservoir[ruler.at]
    found: dict[tuple[int, ...], tuple[str, Members]] = {}
    for name, own in (pair for feature in FEATURES for pair in feature(snapshot, at)):
        parts = tuple(pd.factorize(np.array(["\n".join(each) for each in own], dtype=object))[0])
        if len(set(parts)) > 1:
            found.setdefault(parts, (name, own))
    return list(found.values())


# -- features: gold's rows in, names and slices out -----------------------------------------------


def _classes(snapshot: Snapshot, at: np.ndarray) -> list[tuple[str, Members]]:
    gold = snapshot.gold()
    values = [gold[snapshot.items[row].item_id] for row in at]
    own = [list(labels.decode(v)) or [EMPTY] if snapshot.multi else [v] for v in values]
    return [("class", own)]


def _lengths(snapshot: Snapshot, at: np.ndarray) -> list[tuple[str, Members]]:
    """Quarters of the reservoir by the length of the text."""
    if snapshot.content.kind != "text":
        return []
    texts = snapshot.frame.fillna("").astype(str)
    length = texts.apply(lambda column: column.str.len()).sum(axis=1).to_numpy(dtype=np.int64)
    edges = np.unique(np.quantile(length[snapshot.reservoir], [0.25, 0.5, 0.75]).astype(np.int64))
    quarter = np.searchsorted(edges, length[at])
    names = [_between(edges, k) for k in range(len(edges) + 1)]
    return [("characters", [[names[k]] for k in quarter])]


def _between(edges: np.ndarray, k: int) -> str:
    """The k-th quarter in words: its longest is edges[k]."""
    if k == len(edges):
        return f"more than {edges[-1]}"
    return f"up to {edges[0]}" if k == 0 else f"{edges[k - 1] + 1} to {edges[k]}"


def _imports(snapshot: Snapshot, at: np.ndarray) -> list[tuple[str, Members]]:
    title = {change.change_id: change.title for change in snapshot.changes}
    return [("import", [[title[snapshot.items[row].change_id]] for row in at])]


def _columns(snapshot: Snapshot, at: np.ndarray) -> list[tuple[str, Members]]:
    """Columns with few different values, of the content or beside it, but for the label's own."""
    frame = datasets.table(snapshot).drop(columns=datasets.label_column(snapshot), errors="ignore")
    found = []
    for column in frame.columns:
        values = frame[column].astype(object).where(frame[column].notna(), EMPTY).astype(str)
        values = values.where(values.str.strip() != "", EMPTY)
        if 1 < values.nunique() <= MOST_VALUES:
            found.append((str(column), [[value] for value in values.iloc[at]]))
    return found


FEATURES: Sequence[Callable[[Snapshot, np.ndarray], list[tuple[str, Members]]]] = (
    _classes, _lengths, _imports, _columns,
)  # fmt: skip
