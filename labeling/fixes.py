"""Fixes: from issues to acts in the log: relabel, merge, drop, repair; and what each one did.

Every fix is a change that names the issues it answers. Nothing is deleted: `history.revert` undoes
any of them by a new change.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from labeling import audits, images, impact, issues
from labeling.datasets import BETWEEN
from labeling.errors import InputError
from labeling.project import Project, now
from labeling.store import changes, decisions, events, items, slots
from labeling.store import rounds as results
from labeling.store.changes import Change
from labeling.store.events import NewEvent
from labeling.store.slots import NewSlot
from quality import pairs as near

KINDS = ("correct", "adjudicate", "drop", "dedupe", "repair")


def _open(project: Project, issue_ids: Sequence[str]) -> pd.DataFrame:
    known = issues.table(project)
    return known[known["issue_id"].isin(issue_ids) & (known["status"] == "open")]


def _write(
    project: Project,
    kind: str,
    facts: Mapping[str, str | None],
    *,
    word: str,
    title: str,
    author: str,
    chosen: pd.DataFrame,
    **payload: Any,
) -> int:
    """One change of a kind with an event (`word`) for each item and its value."""
    version, at = project.label_set.version, now()
    with project.writing():
        change = changes.add(
            project.db,
            kind,
            title=title,
            author=author,
            at=at,
            answers=",".join(sorted(set(chosen["code"]))),
            payload={"issues": list(chosen["issue_id"])} | payload,
        )
        events.append(project.db, [
            NewEvent(str(uuid.uuid4()), change, word, item, author, value, 0, version, None, at)
            for item, value in facts.items()
        ])  # fmt: skip
        if word == "exclude":
            slots.withdraw(project.db, facts)
    return change


# -- labels ---------------------------------------------------------------------------------------


def relabelable(found: pd.DataFrame) -> pd.DataFrame:
    """The issues that are about one item's label, the most suspicious first."""
    about_a_label = found["code"].str.startswith("L") & (found["item_id"] != "")
    return found[about_a_label].sort_values("score", kind="stable")


def relabel(project: Project, issue_ids: Sequence[str], *, author: str) -> int:
    """Queue the items of label issues for a ruling, as one change that answers them.

    Raises InputError when none of the issues is open and about a label.
    """
    chosen = relabelable(_open(project, issue_ids))
    targets = list(dict.fromkeys(chosen["item_id"]))
    if not targets:
        raise InputError("none of these issues is open and about a label: choose others")
    codes = ", ".join(sorted(set(chosen["code"])))
    title = f"Relabel {len(targets)} item(s): {codes}"
    with project.writing():
        change = _write(
            project, "correct", {}, word="label", title=title, author=author, chosen=chosen
        )
        slots.publish(
            project.db,
            [
                NewSlot("relabel", change, item_id, rank, "relabel")
                for rank, item_id in enumerate(targets, start=1)
            ],
        )
    return change


# -- rows -----------------------------------------------------------------------------------------


def drop(project: Project, issue_ids: Sequence[str], *, author: str, reason: str) -> int:
    """Take the items of open issues out of the data, as one change that answers them.

    Only the pool: taking out chosen rows of what measures would bend the ruler. Raises InputError
    when none of the issues is about an item of the pool, and without a reason.
    """
    if not reason.strip():
        raise InputError("say why these items go: it stands in the log")
    chosen = _open(project, issue_ids)
    gone = _of_the_pool(project, chosen["item_id"])
    if not gone:
        raise InputError(
            "none of these issues is open and about an item of the pool; what measures stays"
        )
    chosen = chosen[chosen["item_id"].isin(gone)]
    title = f"Drop {_items(len(gone))}: {reason.strip()}"
    return _write(
        project, "drop", dict.fromkeys(gone), word="exclude", title=title, author=author,
        chosen=chosen,
    )  # fmt: skip


def _of_the_pool(project: Project, item_ids: Iterable[str]) -> list[str]:
    out = items.excluded(project.db)
    stored = [items.get(project.db, item) for item in dict.fromkeys(item_ids) if item not in out]
    return [item.item_id for item in stored if item is not None and item.side == "pool"]


def _items(n: int) -> str:
    return f"{n} item{'' if n == 1 else 's'}"


# -- duplicates -----------------------------------------------------------------------------------

CLUSTER = ["cluster", "item_id", "side", "label", "similarity", "content"]


def clusters(project: Project, item_ids: Sequence[str] = ()) -> pd.DataFrame:
    """Near-duplicates as the newest audit found them, side by side, the nearest first: CLUSTER.

    Of clusters that hold one of `item_ids`, or all. Without pairs that somebody marked "not the
    same" and items that are out. `similarity` is that to the nearest other of the cluster.
    """
    pairs = _standing_pairs(project)
    group = _groups(pairs)
    wanted = (
        {group[item] for item in item_ids if item in group} if item_ids else set(group.values())
    )
    nearest: dict[str, float] = {}
    for a, b, similarity in pairs:
        for item in (a, b):
            nearest[item] = max(nearest.get(item, 0.0), similarity)
    members = [item for item in group if group[item] in wanted]
    texts, labels = items.contents(project.db, members), _labels(project, members)
    rows = [
        (group[item], item, _side(project, item), labels.get(item, ""), nearest[item],
         issues.excerpt(texts.get(item)))
        for item in members
    ]  # fmt: skip
    frame = pd.DataFrame(rows, columns=CLUSTER)
    best = frame.groupby("cluster")["similarity"].transform("max")
    order = np.lexsort((frame["cluster"].to_numpy(dtype=str), -best.to_numpy(dtype=float)))
    return frame.iloc[order].reset_index(drop=True)


def image(project: Project, item_id: str) -> bytes | None:
    """The image of an item as a browser can show it; None where items are no images."""
    data = items.image(project.db, item_id) if project.content.kind == "image" else None
    return None if data is None else images.for_browser(data)[0]


def _standing_pairs(project: Project) -> list[tuple[str, str, float]]:
    stored = results.get_result(project.db, audits.PAIRS)
    out = items.excluded(project.db)
    apart = set(decisions.standing(project.db, decisions.APART))
    return [
        (a, b, similarity)
        for a, b, similarity in (stored[1] if stored else ())
        if a not in out and b not in out and _pair(a, b) not in apart
    ]


def _groups(pairs: Sequence[tuple[str, str, float]]) -> dict[str, str]:
    """The cluster of each item that is in a pair: the first item that a chain of pairs reaches."""
    ids = list(dict.fromkeys(item for a, b, _ in pairs for item in (a, b)))
    place = {item: n for n, item in enumerate(ids)}
    first = np.array([place[a] for a, _, _ in pairs], dtype=np.int64)
    second = np.array([place[b] for _, b, _ in pairs], dtype=np.int64)
    similarity = np.array([p[2] for p in pairs], dtype=np.float64)
    found = near.clusters(near.Pairs(first, second, similarity), len(ids))
    return {item: ids[found[n]] for item, n in place.items()}


def _pair(a: str, b: str) -> str:
    return BETWEEN.join(sorted((a, b)))


def _side(project: Project, item_id: str) -> str:
    stored = items.get(project.db, item_id)
    return stored.side if stored else ""


def _labels(project: Project, item_ids: Iterable[str]) -> dict[str, str]:
    """What people said of each item: the ruling, or the different labels."""
    found = {}
    for item in item_ids:
        said = [
            v for _, kind, v in events.annotations_of(project.db, item) if kind == "label" and v
        ]
        words = events.ruling_of(project.db, item) or ", ".join(dict.fromkeys(said))
        if words:
            found[item] = words
    return found


def merge(project: Project, item_ids: Sequence[str], *, author: str) -> int:
    """Keep one item of a cluster of near-duplicates and take the others out, as one change.

    A reservoir item is kept in any case, so that what measures never trains by its copy; else the
    one that a reviewer or most people labelled, then the earliest. Raises InputError when nothing
    of the pool would go.
    """
    found = issues.table(project)
    chosen = found[found["item_id"].isin(item_ids) & found["code"].str.startswith("D")]
    pool = _of_the_pool(project, item_ids)
    measured = [item for item in item_ids if _side(project, item) == "reservoir"]
    kept = measured or sorted(pool, key=lambda item: _worth(project, item))[:1]
    gone = [item for item in pool if item not in kept]
    if not gone:
        raise InputError("nothing to merge: all of these measure, or are out already")
    title = f"Merge {_items(len(gone) + len(kept))} into {len(kept)}"
    return _write(
        project, "dedupe", dict.fromkeys(gone), word="exclude", title=title, author=author,
        chosen=chosen, kept=kept,
    )  # fmt: skip


def _worth(project: Project, item_id: str) -> tuple[bool, int, int]:
    """Sorts the item that should be kept first."""
    ruled = events.ruling_of(project.db, item_id) is not None
    said = [kind for _, kind, _ in events.annotations_of(project.db, item_id) if kind == "label"]
    stored = items.get(project.db, item_id)
    return not ruled, -len(said), stored.item_seq if stored else 0


def keep_apart(project: Project, item_ids: Sequence[str], *, author: str) -> int:
    """Mark some items as not the same, every two of them, as one change; returns it.

    From the next audit on they are no near-duplicates of each other. Raises InputError for fewer
    than two items.
    """
    chosen = sorted(set(item_ids))
    if len(chosen) < 2:
        raise InputError("choose two items or more that are not the same")
    pairs = [_pair(a, b) for n, a in enumerate(chosen) for b in chosen[n + 1 :]]
    title = f"Not the same: {_items(len(chosen))}"
    with project.writing():
        change = changes.add(project.db, "settings", title=title, author=author, at=now())
        decisions.add(project.db, change, decisions.APART, [(pair, "apart") for pair in pairs])
    return change


# -- cells ----------------------------------------------------------------------------------------

AS_LIKELY_AS_NOT = 0.5
PROPOSALS = ["item_id", "column", "before", "after", "why", "confidence"]


def proposals(project: Project, item_ids: Sequence[str] = ()) -> pd.DataFrame:
    """Proposed values of doubted cells as the newest audit found them, the surest first: PROPOSALS.

    Of some items, or of all that stand; items that were repaired since are left out.
    """
    stored, out = results.get_result(project.db, audits.REPAIRS), items.excluded(project.db)
    frame = pd.DataFrame(stored[1] if stored else [], columns=PROPOSALS)
    out |= events.edited_since(project.db, stored[0]) if stored else set()
    frame = frame[~frame["item_id"].isin(out)]
    wanted = frame["item_id"].isin(item_ids) if len(item_ids) else slice(None)
    return frame[wanted].reset_index(drop=True)


def repair(
    project: Project,
    chosen: Sequence[tuple[str, str]],
    *,
    author: str,
    values: Mapping[int, str | None] = {},
) -> int:
    """Put proposed values into cells (item, column), as one change of edits; returns it.

    `values` replaces the proposal of the nth cell by another value; None empties the cell. Where
    two proposals of one item are at most as likely as not, one of the cells is right as it stands:
    only the surer one is made. Raises InputError when none of the cells has a proposal that stands.
    """
    table = proposals(project).set_index(["item_id", "column"])
    known = [(n, cell) for n, cell in enumerate(chosen) if cell in table.index]
    if not known:
        raise InputError("none of these cells has a proposed value: run the checks again")
    wanted = {cell: values.get(n, table["after"][cell]) for n, cell in known}
    wanted = _without_alternatives(wanted, table)
    edits: dict[str, dict[str, str | None]] = {}
    for (item, column), value in wanted.items():
        edits.setdefault(item, {})[column] = value
    found = issues.table(project)
    cells = set(wanted)
    both = zip(found["item_id"], found["col"], strict=True)
    about = np.array([cell in cells for cell in both], dtype=bool)
    columns = ", ".join(sorted({column for _, column in cells}))
    title = f"Repair {len(cells)} cell{'' if len(cells) == 1 else 's'}: {columns}"
    facts = {item: json.dumps(own, ensure_ascii=False) for item, own in edits.items()}
    return _write(
        project, "repair", facts, word="edit", title=title, author=author,
        chosen=found[about & found["code"].str.startswith("S2")],
    )  # fmt: skip


def _without_alternatives(
    wanted: Mapping[tuple[str, str], str | None], table: pd.DataFrame
) -> dict[tuple[str, str], str | None]:
    """The values, less those that are an alternative to a surer one in the same item."""
    kept, settled = dict[tuple[str, str], str | None](), set[str]()
    for cell in sorted(wanted, key=lambda cell: -float(table["confidence"][cell])):
        is_own = wanted[cell] != table["after"][cell]  # what somebody typed is no guess
        if is_own or table["confidence"][cell] > AS_LIKELY_AS_NOT or cell[0] not in settled:
            kept[cell] = wanted[cell]
            settled.add(cell[0])
    return kept


# -- what each fix did ----------------------------------------------------------------------------

FIXES = [
    "change_id", "kind", "title", "author", "at", "issues", "gone", "delta", "low", "high",
    "verdict", "reverted_by",
]  # fmt: skip


BAR = ["delta", "low", "high", "verdict"]


def table(project: Project) -> pd.DataFrame:
    """Every fix, newest first: how many issues it answered, how many of them are gone, its bar.

    The bar (delta, low, high in fractions of the score, with its verdict) is the one that the
    impact service measured last; empty until it has.
    """
    found = issues.table(project).set_index("issue_id")["status"]
    reverted = {c.payload["reverts"]: c.change_id for c in changes.every(project.db)
                if "reverts" in c.payload}  # fmt: skip
    measured, rows = bars(project), []
    for change in reversed(changes.every(project.db)):
        if change.kind in KINDS and "reverts" not in change.payload:
            own = [issue for issue in change.payload.get("issues", ()) if issue in found.index]
            gone = int(found.loc[own].isin(issues.PAST).sum())
            bar = [measured.get(change.change_id, {}).get(key) for key in BAR]
            rows.append((*_head(change), len(own), gone, *bar, reverted.get(change.change_id)))
    frame = pd.DataFrame(rows, columns=FIXES).fillna({"verdict": ""})
    return frame.astype({"delta": float, "low": float, "high": float, "reverted_by": "Int64"})


def _head(change: Change) -> tuple[int, str, str, str, str]:
    return change.change_id, change.kind, change.title, change.author, change.at


def bars(project: Project) -> dict[int, Mapping[str, Any]]:
    """The measured effect of each change: its bar, or else what the newest round says of it."""
    report, waterfall = (impact.cached(project, n) for n in (impact.REPORT, impact.WATERFALL))
    newest = (report[1].get("last_change") or {}) if report else {}
    found = {newest["change_id"]: newest} if newest else {}
    return found | {row["change_id"]: row for row in (waterfall[1] if waterfall else ())}


def in_words(fix: Any) -> str:
    """What one fix did, in one line."""
    if pd.isna(fix.delta):
        return "not measured yet: close a round, then measure every change on the impact page"
    low, high = impact.points(fix.low), impact.points(fix.high)
    return f"this fix: {impact.points(fix.delta)} [{low}, {high}] points, {fix.verdict}"
