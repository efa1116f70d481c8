"""Reviewing: what rulings on suspected labels have found, and about where going on stops paying."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd

from labeling import issues
from labeling.core.log import DataVersion
from labeling.project import Project
from labeling.store import audits as store
from labeling.store import changes, events
from labeling.versions import Snapshot
from quality import review_progress
from quality.inference import wilson
from quality.review_progress import Progress

SUSPECTED = "L203"
RULINGS = [
    "nth", "item_id", "was", "ruling", "wrong", "seconds", "found", "precision", "low", "high",
]  # fmt: skip


class Reviewing(NamedTuple):
    """How the review of suspected labels stands.

    `estimate` says in words how many labels the newest audit takes for wrong, with an interval;
    `rulings` has a row a reviewed label, in the order of the rulings (RULINGS): `found` errors up
    to it, `precision` their share among the reviewed with its 95 % interval (Wilson, 1927).
    """

    estimate: str
    progress: Progress
    rulings: pd.DataFrame


def state(project: Project) -> Reviewing | None:
    """The review of the labels that check L203 suspects; None before it has suspected one.

    A label counts as wrong where the newest ruling on it says something else than the label would
    say without these rulings. Skipped items are not reviewed; what a file answered took no known
    time.
    """
    known = issues.table(project)
    known = known[known["code"] == SUSPECTED].sort_values("score", kind="stable")
    if known.empty:
        return None
    ruled = _rulings(project, set(known["item_id"]))
    ahead = known[known["status"].isin(["open", "queued"])]
    ahead = ahead[~ahead["item_id"].isin(ruled["item_id"])]
    seen = known.set_index("item_id")["score"].loc[ruled["item_id"]]
    found = review_progress.progress(
        ruled["wrong"].to_numpy(dtype=bool),
        np.concatenate([seen.to_numpy(dtype=float), ahead["score"].to_numpy(dtype=float)]),
        ruled["seconds"].to_numpy(dtype=float),
        label_seconds=_label_seconds(project),
    )
    return Reviewing(_estimate(project), found, ruled)


def rulings(project: Project) -> pd.DataFrame:
    """Rulings on suspected labels in order: what was found up to each, and how precisely."""
    found = state(project)
    return pd.DataFrame(columns=RULINGS) if found is None else found.rulings


def _rulings(project: Project, suspected: set[str]) -> pd.DataFrame:
    """The newest ruling on each suspected label, as long as it stands, in order: RULINGS."""
    asked = frozenset(
        c.change_id for c in changes.every(project.db)
        if c.kind == "correct" and SUSPECTED in (c.answers or "").split(",")
    )  # fmt: skip
    rows = _ruled(project, asked, suspected) if asked else []
    frame = pd.DataFrame(rows, columns=["item_id", "was", "ruling", "seconds"])
    wrong = (frame["was"] != frame["ruling"]).to_numpy(dtype=bool)
    nth = np.arange(1, len(frame) + 1)
    share = wrong.cumsum() / nth
    low, high = wilson(share, nth.astype(float))
    told = {"nth": nth, "wrong": wrong, "found": wrong.cumsum(), "precision": share}
    return frame.assign(**told, low=low, high=high)[RULINGS]


def _ruled(
    project: Project, asked: frozenset[int], suspected: set[str]
) -> list[tuple[str, str, str | None, float]]:
    snapshot, took = Snapshot(project), dict(events.milliseconds(project.db))
    policy = snapshot.config()["policy"]
    standing = snapshot.standing(DataVersion(snapshot.upto, policy=policy))
    before = snapshot.labels(DataVersion(snapshot.upto, asked, policy))
    return [
        (e.item_id, before[e.item_id], e.value, took.get(e.seq, 0) / 1000 or np.nan)
        for e in sorted(standing.rulings.values())
        if e.change_id in asked and e.item_id in suspected and e.item_id in before
    ]


def _label_seconds(project: Project) -> float | None:
    """What a plain label takes at a screen, the median; None where nobody sat at one."""
    took = events.label_milliseconds(project.db)
    return float(np.median(took)) / 1000 if took else None


def _estimate(project: Project) -> str:
    """What the newest audit says of how many labels are wrong."""
    newest = store.last(project.db)
    told = pd.DataFrame(
        store.outcomes(project.db, newest) if newest else [], columns=store.OUTCOME_COLUMNS
    )
    return " ".join(told.loc[told["code"] == SUSPECTED, "message"])
