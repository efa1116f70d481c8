"""Issues: what the checks found, how long it has been there, who is on it, what became of it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd

from labeling import audits, fates, mutes
from labeling.errors import InputError
from labeling.project import Project, now
from labeling.store import audits as store
from labeling.store import changes, decisions, events, items, slots
from labeling.store import people as members
from quality import suites
from quality.checks import FAMILIES

STATUSES = ("open", "queued", "muted", "fixed", "gone")
PAST = ("fixed", "gone")
COLUMNS = [
    *store.FINDING_COLUMNS, "first_audit", "last_audit", "since", "status", "assignee", "muted",
]  # fmt: skip


def table(project: Project) -> pd.DataFrame:
    """Every issue ever found: open while the newest audit finds it, queued, muted; fixed or gone.

    What is not found any more is fixed where somebody touched its row since, and else just gone.
    `since` is when an audit first found it, `assignee` who is on it, `muted` why it is set aside.
    """
    history = pd.DataFrame(
        store.issue_history(project.db),
        columns=[*store.FINDING_COLUMNS, "first_audit", "last_audit"],
    )
    at = {audit_id: when for audit_id, when, *_ in store.every(project.db)}
    on_it = decisions.standing(project.db, decisions.ASSIGN)
    reasons = _reasons(project, history)
    frame = history.assign(
        since=[at[audit] for audit in history["first_audit"]],
        status=_statuses(project, history, reasons),
        assignee=[on_it[i].value if i in on_it else "" for i in history["issue_id"]],
        muted=reasons,
    )
    return frame[COLUMNS]


def _reasons(project: Project, history: pd.DataFrame) -> list[str]:
    """Why each issue is muted, "" where it is not."""
    muted = mutes.standing(project)
    both = zip(history["issue_id"], history["code"], strict=True)
    found = [muted.get(issue) or mutes.of_check(muted, code) for issue, code in both]
    return [mute.words if mute else "" for mute in found]


def _statuses(project: Project, history: pd.DataFrame, reasons: Sequence[str]) -> np.ndarray:
    queued = slots.queued_items(project.db, "relabel")
    is_found = (history["last_audit"] == store.last(project.db)).to_numpy()
    waits = (history["item_id"].isin(queued) & history["code"].str.startswith("L")).to_numpy()
    muted = np.array([bool(reason) for reason in reasons], dtype=bool)
    fixed = fates.fixed(project, history)
    cases = [~is_found & fixed, ~is_found, muted, waits]
    return np.select(cases, ["fixed", "gone", "muted", "queued"], "open").astype(object)


# -- one look -------------------------------------------------------------------------------------


class Summary(NamedTuple):
    """Open issues by severity, how many block a round, and how the newest audit went, in words."""

    open: dict[str, int]
    blocking: int
    words: str


def summary(project: Project, found: pd.DataFrame | None = None) -> Summary:
    """One look: what is wrong, how bad, what is new. `found` is `table`, if it is there already."""
    found, ran = table(project) if found is None else found, audits.audits_table(project)
    is_open = found[found["status"].isin(["open", "queued"])]
    counts = {s: int((is_open["severity"] == s).sum()) for s in suites.SEVERITIES}
    gate = project.config["gate"]
    blocking = sum(n for severity, n in counts.items() if audits.blocks_at(severity, gate))
    if ran.empty:
        return Summary(counts, 0, "The checks have not run yet.")
    moved = difference(project)
    change = f"; since the one before: {moved.new} new, {moved.gone} gone" if moved else ""
    last = ran.iloc[-1]
    at = str(last["at"])[:16].replace("T", " ")
    return Summary(counts, blocking, f"Audit {last['audit_id']} at {at} UTC{change}.")


BOARD = [
    "code", "title", "family", "severity", "open", "queued", "muted", "since", "assignees", "trend",
]  # fmt: skip


def board(project: Project, found: pd.DataFrame | None = None) -> pd.DataFrame:
    """One row a check with issues that are still there, the gravest first: what, how bad, since
    when, who is on it, and how many it found in the last audits (`trend`, a list, oldest first)."""
    found = table(project) if found is None else found
    found = found[~found["status"].isin(PAST)]
    told = store.history(project.db)
    titles = {code: (title, family) for code, title, family, *_ in told}
    rows = [
        (code, *titles[code], own["severity"].iloc[-1], *_counts(own), *_who_and_when(own), trend)
        for code, own in found.groupby("code")
        for trend in [[n for each, _, _, _, n in told if each == code]]
    ]
    frame = pd.DataFrame(rows, columns=BOARD)
    frame["family"] = frame["family"].map(FAMILIES).fillna(frame["family"])
    rank = frame["severity"].map(suites.SEVERITIES.index).to_numpy(dtype=np.int64)
    order = np.lexsort((-frame["open"].to_numpy(dtype=np.int64), rank))
    return frame.iloc[order].reset_index(drop=True)


def _counts(own: pd.DataFrame) -> list[int]:
    return [int((own["status"] == status).sum()) for status in ("open", "queued", "muted")]


def _who_and_when(own: pd.DataFrame) -> tuple[str, str]:
    people = sorted({name for name in own["assignee"] if name})
    return str(own["since"].min())[:10], ", ".join(people)


TREND = ["audit_id", "at", "round_no", "import", "family", "severity", "found"]


def trend(project: Project) -> pd.DataFrame:
    """What every audit found, by family and severity, with the round and the imports before it."""
    brought = [c.after_event for c in changes.every(project.db) if c.kind == "import"]
    rows = [
        (audit_id, at, round_no, sum(n <= upto for n in brought), family, severity, found)
        for audit_id, at, upto, round_no, family, severity, found in store.trend(project.db)
    ]
    frame = pd.DataFrame(rows, columns=TREND)
    frame["family"] = frame["family"].map(FAMILIES).fillna(frame["family"])
    return frame


class Moved(NamedTuple):
    """What the newest audit changed: issues that are new and gone, and a row a check that moved."""

    new: int
    gone: int
    by_check: pd.DataFrame


def difference(project: Project) -> Moved | None:
    """The newest audit beside the one before it, by check; None before the second."""
    ran = [row[0] for row in store.every(project.db)]
    if len(ran) < 2:
        return None
    before, after = (_found(project, audit) for audit in ran[-2:])
    codes = sorted({*before, *after})
    rows = [
        (code, len(before.get(code, ())), len(after.get(code, ())),
         len(after.get(code, set()) - before.get(code, set())),
         len(before.get(code, set()) - after.get(code, set())))
        for code in codes
    ]  # fmt: skip
    frame = pd.DataFrame(rows, columns=["code", "before", "after", "new", "gone"])
    moved = frame[(frame["new"] > 0) | (frame["gone"] > 0)].reset_index(drop=True)
    return Moved(int(frame["new"].sum()), int(frame["gone"].sum()), moved)


def _found(project: Project, audit_id: int) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for issue, code, *_ in store.findings(project.db, audit_id):
        found.setdefault(code, set()).add(issue)
    return found


# -- who is on it ---------------------------------------------------------------------------------


def people(project: Project) -> list[str]:
    """Whom an issue can be given to: everybody listed, and everybody who ever decided or ruled."""
    known = set(members.members(project.db)) | {c.author for c in changes.every(project.db)}
    known |= {who for _, who, *_ in events.answers(project.db)}
    return sorted(name for name in known if name and ":" not in name)


def assign(project: Project, issue_ids: Sequence[str], name: str, *, author: str) -> int:
    """Say who is on some issues ("" = nobody), as one change; returns it.

    Raises InputError when there is no such issue.
    """
    known = table(project)
    chosen = known[known["issue_id"].isin(issue_ids)]["issue_id"].tolist()
    if not chosen:
        raise InputError("none of these is an issue: choose others")
    title = f"{name or 'Nobody'} is on {len(chosen)} issue{'' if len(chosen) == 1 else 's'}"
    with project.writing():
        change = changes.add(project.db, "settings", title=title, author=author, at=now())
        decisions.add(project.db, change, decisions.ASSIGN, [(issue, name) for issue in chosen])
    return change


# -- for reading ----------------------------------------------------------------------------------


def with_content(project: Project, found: pd.DataFrame) -> pd.DataFrame:
    """Issues with the start of what their items say, for reading."""
    texts = items.contents(project.db, list(dict.fromkeys(found["item_id"])))
    words = [excerpt(texts.get(item_id)) for item_id in found["item_id"]]
    return found.assign(content=words)


def excerpt(content: str | None, length: int = 300) -> str:
    """The start of what an item says, in one line."""
    if content is None:
        return ""
    values = json.loads(content)
    if len(values) == 1:
        return str(next(iter(values.values())))[:length]
    return ", ".join(f"{k}: {'(missing)' if v is None else v}" for k, v in values.items())[:length]
