"""Behind a bar: the rows that a change touched, and the gold items that it won or lost."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

import pandas as pd

from labeling.core.log import DataVersion
from labeling.issues import excerpt
from labeling.project import Project
from labeling.store import items
from labeling.versions import Snapshot, reached_by
from labeling.waterfall import Told

TOUCHED = ["item_id", "item", "without", "with"]
MOVED = ["item_id", "item", "truth", "effect"]


class Behind(NamedTuple):
    """What stands behind one bar.

    `touched` has a row for every pool item that the change's facts are about, with the label that
    it has in today's data without the change and with it, those that differ first; empty text is
    no label. `moved` has the gold items whose score the change moved, the largest effect first:
    1.0 is from wrong to right. `words` say both in one line.
    """

    touched: pd.DataFrame
    moved: pd.DataFrame
    words: str


def look(project: Project, change_id: int, told: Told) -> Behind:
    """What a change of a measured waterfall touched, and what it did to single gold items."""
    snapshot = Snapshot(project)
    touched = _touched(snapshot, change_id)
    moved = _moved(snapshot, told.gold, told.credits.get(str(change_id), []))
    return Behind(touched, moved, _in_words(touched, moved))


def _touched(snapshot: Snapshot, change_id: int) -> pd.DataFrame:
    version = DataVersion(snapshot.upto, policy=snapshot.config()["policy"])
    reached = sorted(reached_by(snapshot, version).get(change_id, ()))
    after = snapshot.training_set(version).labels
    gone = frozenset({change_id})
    policy = snapshot.config(without=gone)["policy"]
    before = snapshot.training_set(DataVersion(snapshot.upto, gone, policy)).labels
    said = _contents(snapshot.project, reached)
    rows = [(i, said[i], before.get(i, ""), after.get(i, "")) for i in reached]
    rows.sort(key=lambda row: row[2] == row[3])
    return pd.DataFrame(rows, columns=TOUCHED)


def _moved(snapshot: Snapshot, gold: list[str], credits: list[float]) -> pd.DataFrame:
    truth = snapshot.gold()
    effects = {item: credit for item, credit in zip(gold, credits, strict=False) if credit}
    order = sorted(effects, key=lambda item: (-abs(effects[item]), item))
    said = _contents(snapshot.project, order)
    rows = [(i, said[i], truth.get(i, ""), effects[i]) for i in order]
    return pd.DataFrame(rows, columns=MOVED)


def _contents(project: Project, wanted: Iterable[str]) -> Mapping[str, str]:
    wanted = list(wanted)
    found = items.contents(project.db, wanted)
    return {item: excerpt(found.get(item)) for item in wanted}


def _in_words(touched: pd.DataFrame, moved: pd.DataFrame) -> str:
    won, lost = (moved["effect"] > 0).sum(), (moved["effect"] < 0).sum()
    new = ((touched["without"] == "") & (touched["with"] != "")).sum()
    other = ((touched["without"] != "") & (touched["without"] != touched["with"])).sum()
    told = [
        f"{n:,} {words}"
        for n, words in (
            (new, "got their label by it"),
            (other, "have another label because of it, or none"),
            (len(touched) - new - other, "would have the same label without it"),
        )
        if n
    ]
    return (
        f"{len(touched):,} items touched{': ' if told else ''}{', '.join(told)}; "
        f"{won:,} gold items are answered better with it, {lost:,} worse"
    )
