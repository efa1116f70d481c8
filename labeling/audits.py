"""Audits: all checks run on a project's data, findings as issues, and the way from issue to fix."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from labeling.core.log import DataVersion
from labeling.errors import BlockedError, InputError
from labeling.ingest import Progress, silent
from labeling.project import Project, derive_seed, now
from labeling.store import audits as store
from labeling.store import changes, items, slots
from labeling.store.slots import NewSlot
from labeling.versions import Snapshot
from quality import checks, label_signals, suggestions, suites

MOST_FINDINGS = 10_000
FEWEST_LABELS = 20
SUITE = "suite"
URGENCY = ("found", "failed", "passed", "not applicable", "muted")
ISSUE_COLUMNS = [*store.FINDING_COLUMNS, "first_audit", "last_audit", "status"]


class Audit(NamedTuple):
    """One run of all checks, not yet written."""

    upto_event: int
    version_hash: str
    outcomes: list[checks.Outcome]
    suite: list[dict[str, Any]]


def run(snapshot: Snapshot, *, progress: Progress = silent) -> Audit:
    """Run the suite and all checks on a snapshot, without writing anything."""
    progress(0.1, "checking the data")
    version = DataVersion(snapshot.upto, policy=snapshot.config()["policy"])
    training = snapshot.training_set(version)
    frame = table(snapshot)
    suite = stored_suite(snapshot.project)
    if suite is None:
        suite = suggestions.suggest(frame, **_columns_of(snapshot))
    dataset = _dataset(snapshot, frame, version, suite)
    return Audit(snapshot.upto, training.hash, checks.run_checks(dataset), suite)


def table(snapshot: Snapshot) -> pd.DataFrame:
    """Every item with its content and the other columns of its first source, row = item."""
    extras: dict[str, dict[str, Any]] = {}
    for _, _, item_id, _, extra in items.sources(snapshot.project.db):
        extras.setdefault(item_id, json.loads(extra))
    rest = pd.DataFrame([extras.get(i.item_id, {}) for i in snapshot.items], dtype=object)
    content = pd.DataFrame() if snapshot.content.kind == "image" else snapshot.frame
    return pd.concat([content, rest.drop(columns=list(content.columns), errors="ignore")], axis=1)


def _columns_of(snapshot: Snapshot) -> dict[str, Any]:
    first = next((c.payload for c in snapshot.changes if c.kind == "import"), {})
    label = None if snapshot.label_sets[-1].multi else first.get("label")
    return {"label": label, "classes": snapshot.classes, "id_column": first.get("id")}


def _dataset(
    snapshot: Snapshot, frame: pd.DataFrame, version: DataVersion, suite: list[dict[str, Any]]
) -> checks.Dataset:
    standing = snapshot.standing(version)
    several = snapshot.label_sets[-1].multi  # the checks of labels know one class an item
    given = {} if several else snapshot.labels(version) | snapshot.gold(version)
    ids = np.array([item.item_id for item in snapshot.items], dtype=object)
    votes = [
        (item_id, event.annotator, event.value)
        for item_id, answers in standing.answers.items()
        for event in answers.values()
        if event.kind == "label" and not several
    ]
    return checks.Dataset(
        frame=frame,
        content=() if snapshot.content.kind == "image" else snapshot.content.columns,
        item_id=ids,
        label=np.array([given.get(i) for i in ids], dtype=object),
        classes=snapshot.classes,
        annotations=pd.DataFrame(votes, columns=["item_id", "annotator", "label"]),
        proba=_out_of_fold(snapshot, version),
        duplicate_key=np.array([item.cluster for item in snapshot.items], dtype=object),
        reviewed=np.array([i in standing.rulings for i in ids], dtype=bool),
        suite=tuple(suite),
    )


def _out_of_fold(snapshot: Snapshot, version: DataVersion) -> np.ndarray | None:
    """What models that never saw a labelled pool item believe of it; NaN elsewhere."""
    training = snapshot.training_set(version)
    rows, y = snapshot.rows(training.labels)
    if len(np.unique(y)) < 2 or len(y) < FEWEST_LABELS:
        return None
    proba = np.full((len(snapshot.items), len(snapshot.classes)), np.nan)
    clusters = np.array([item.cluster for item in snapshot.items], dtype=object)
    evidence = label_signals.gather(
        snapshot.features[rows],
        y,
        kind=snapshot.content.kind,
        n_classes=len(snapshot.classes),
        groups=clusters[rows],
        seed=derive_seed(snapshot.seed, "fold"),
    )
    proba[rows] = label_signals.belief(evidence)
    return proba


def write(project: Project, audit: Audit, *, round_no: int | None = None) -> int:
    """Append an audit with its outcomes and findings; returns its id."""
    with project.writing():
        if stored_suite(project) is None:
            _store_suite(
                project, audit.suite, title="Checks suggested from the data", author="groundwork"
            )
        audit_id = store.add(
            project.db,
            at=now(),
            upto_event=audit.upto_event,
            version_hash=audit.version_hash,
            round_no=round_no,
        )
        store.add_outcomes(project.db, audit_id, [_outcome_row(o) for o in audit.outcomes])
        store.add_findings(project.db, audit_id, _finding_rows(audit.outcomes))
    return audit_id


def _outcome_row(outcome: checks.Outcome) -> tuple[Any, ...]:
    return (
        outcome.code,
        outcome.title,
        outcome.family,
        outcome.severity,
        outcome.status,
        outcome.n_found,
        outcome.message,
    )


def _finding_rows(outcomes: Sequence[checks.Outcome]) -> list[tuple[Any, ...]]:
    rows: dict[str, tuple[Any, ...]] = {}
    for outcome in outcomes:
        if outcome.status != "found":
            continue
        found = outcome.findings.sort_values("score", kind="stable").head(MOST_FINDINGS)
        for finding in found.itertuples(index=False):
            about = str(finding.item_id) or str(finding.message)
            issue = issue_id(outcome.code, about, str(finding.column))
            rows.setdefault(
                issue,
                (
                    issue,
                    outcome.code,
                    outcome.severity,
                    str(finding.item_id),
                    str(finding.column),
                    float(str(finding.score)),
                    str(finding.message),
                ),
            )
    return list(rows.values())


def issue_id(code: str, about: str, column: str) -> str:
    """The id of an issue: the same fault of the same item is the same issue in every audit."""
    return hashlib.sha256(f"{code}|{about}|{column}".encode()).hexdigest()[:16]


def block(audit: Audit) -> None:
    """Raise BlockedError when critical issues are open, naming them."""
    blocking = ("found", "failed")  # what could not be checked is not known to be fine
    open_ = [o for o in audit.outcomes if o.status in blocking and o.severity == "critical"]
    if open_:
        named = "; ".join(f"{o.code} {o.title}: {o.message}" for o in open_)
        raise BlockedError(
            f"the round stays open: {named}. Fix this on the quality page, then close again"
        )


# -- what the pages and commands show -------------------------------------------------------------


def audits_table(project: Project) -> pd.DataFrame:
    """All audits, oldest first."""
    columns = ["audit_id", "at", "upto_event", "version_hash", "round_no"]
    return pd.DataFrame(store.every(project.db), columns=columns)


def outcomes(project: Project, *, audit_id: int | None = None) -> pd.DataFrame:
    """The outcomes of an audit, the newest unless one is named; what was found comes first."""
    chosen = audit_id or store.last(project.db)
    rows = store.outcomes(project.db, chosen) if chosen else []
    frame = pd.DataFrame(rows, columns=store.OUTCOME_COLUMNS)
    rank = frame["status"].map(URGENCY.index) * 10 + frame["severity"].map(suites.SEVERITIES.index)
    return frame.iloc[np.argsort(rank.to_numpy(), kind="stable")].reset_index(drop=True)


def issues(project: Project) -> pd.DataFrame:
    """Every issue ever found: open while the newest audit finds it, queued when asked, or fixed."""
    frame = pd.DataFrame(store.issue_history(project.db), columns=ISSUE_COLUMNS[:-1])
    queued = slots.queued_items(project.db, "relabel")
    newest = store.last(project.db)
    is_open = frame["last_audit"] == newest
    is_queued = is_open & frame["item_id"].isin(queued) & frame["code"].str.startswith("L")
    frame["status"] = np.where(is_queued, "queued", np.where(is_open, "open", "fixed"))
    return frame


class Summary(NamedTuple):
    """Open issues by severity, and when and how the newest audit went, in words."""

    open: dict[str, int]
    words: str


def summary(project: Project) -> Summary:
    """One look: what is wrong, how bad, since when it is known."""
    found, ran = issues(project), audits_table(project)
    is_open = found[found["status"] != "fixed"]
    counts = {s: int((is_open["severity"] == s).sum()) for s in suites.SEVERITIES}
    if ran.empty:
        return Summary(counts, "The checks have not run yet.")
    last, before = ran.iloc[-1], ran["audit_id"].iloc[-2] if len(ran) > 1 else None
    fixed = int((found["last_audit"] == before).sum())
    new = int((found["first_audit"] == last["audit_id"]).sum()) if before is not None else 0
    change = f"; since the one before: {new} new, {fixed} gone" if before is not None else ""
    return Summary(counts, f"Audit {last['audit_id']} at {str(last['at'])[:16]} UTC{change}.")


def with_content(project: Project, found: pd.DataFrame) -> pd.DataFrame:
    """Issues with the start of what their items say, for reading."""
    texts = items.contents(project.db, list(dict.fromkeys(found["item_id"])))
    words = [_excerpt(texts.get(item_id)) for item_id in found["item_id"]]
    return found.assign(content=words)


def _excerpt(content: str | None, length: int = 300) -> str:
    if content is None:
        return ""
    values = json.loads(content)
    if len(values) == 1:
        return str(next(iter(values.values())))[:length]
    return ", ".join(f"{k}: {'(missing)' if v is None else v}" for k, v in values.items())[:length]


def stored_suite(project: Project) -> list[dict[str, Any]] | None:
    """The project's suite of expectations, or None before the first audit."""
    text = changes.settings(project.db).get(SUITE)
    return None if text is None else json.loads(text)


def save_suite(project: Project, text: str, *, author: str) -> int:
    """Record an edited suite as a change. Raises InputError in one sentence if it is not valid."""
    try:
        suite = suites.suite_from_json(text)
    except ValueError as error:
        raise InputError(f"the suite was not saved: {error}") from error
    with project.writing():
        return _store_suite(project, suite, title="Checks edited", author=author)


def _store_suite(project: Project, suite: list[dict[str, Any]], *, title: str, author: str) -> int:
    change = changes.add(project.db, "settings", title=title, author=author, at=now())
    changes.add_settings(project.db, change, {SUITE: json.dumps(suite, ensure_ascii=False)})
    return change


def relabel(project: Project, issue_ids: Sequence[str], *, author: str) -> int:
    """Queue the items of label issues for a ruling, as one change that answers them.

    Raises InputError when none of the issues is open and about a label.
    """
    known = issues(project)
    chosen = relabelable(known[known["issue_id"].isin(issue_ids) & (known["status"] == "open")])
    targets = list(dict.fromkeys(chosen["item_id"]))
    if not targets:
        raise InputError("none of these issues is open and about a label: choose others")
    codes = sorted(set(chosen["code"]))
    title = f"Relabel {len(targets)} item(s): {', '.join(codes)}"
    with project.writing():
        change = changes.add(
            project.db,
            "correct",
            title=title,
            author=author,
            at=now(),
            answers=",".join(codes),
            payload={"issues": list(chosen["issue_id"])},
        )
        slots.publish(
            project.db,
            [
                NewSlot("relabel", change, item_id, rank, "relabel")
                for rank, item_id in enumerate(targets, start=1)
            ],
        )
    return change


def relabelable(found: pd.DataFrame) -> pd.DataFrame:
    """The issues that are about one item's label, the most suspicious first."""
    about_a_label = found["code"].str.startswith("L") & (found["item_id"] != "")
    return found[about_a_label].sort_values("score", kind="stable")


def recheck(project: Project, *, progress: Progress = silent) -> int:
    """Run all checks again and store the audit; returns its id."""
    audit = run(Snapshot(project), progress=progress)
    return write(project, audit)
