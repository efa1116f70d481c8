"""Audits: all checks run on a project's data, what they found kept, and what blocks a round."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from labeling import datasets, leaks, mutes
from labeling.core.log import DataVersion
from labeling.errors import BlockedError, InputError
from labeling.fits import Fits
from labeling.ingest import Progress, silent
from labeling.project import Project, now
from labeling.store import audits as store
from labeling.store import changes, decisions
from labeling.store import rounds as results
from labeling.versions import Snapshot
from quality import checks, repairs, report, suggestions, suites, values

MOST_FINDINGS = 10_000
SUITE, LEAK = "suite", "D303"
PAIRS, REPAIRS = "pairs", "repairs"
URGENCY = ("found", "failed", "passed", "not applicable", "muted")
AUDIT_COLUMNS = ["audit_id", "at", "upto_event", "version_hash", "round_no"]


class Audit(NamedTuple):
    """One run of all checks, not yet written.

    `muted` are the issues that somebody muted one by one. `pairs` are near-duplicates (item, item,
    similarity) and `repairs` proposed values of cells, for the fixes.
    """

    upto_event: int
    version_hash: str
    outcomes: list[checks.Outcome]
    suite: list[dict[str, Any]]
    gate: str = "critical"
    muted: frozenset[str] = frozenset()
    pairs: Sequence[tuple[str, str, float]] = ()
    repairs: Sequence[dict[str, Any]] = ()


def run(fits: Fits, *, progress: Progress = silent) -> Audit:
    """Run the suite and all checks on the snapshot of some fits, without writing anything."""
    snapshot = fits.snapshot
    progress(0.05, "checking the data")
    config = snapshot.config()
    version = DataVersion(snapshot.upto, policy=config["policy"])
    suite = stored_suite(snapshot.project)
    if suite is None:
        suite = suggestions.suggest(datasets.table(snapshot), **_columns_of(snapshot))
    dataset, found = datasets.dataset(snapshot, version, suite=suite)
    muted = mutes.standing(snapshot.project)
    outcomes = checks.run_checks(
        dataset,
        severities=severities(snapshot.project),
        progress=lambda share, message: progress(0.05 + 0.15 * share, message),
        recall=found.outcomes,
    )
    outcomes = [_with_inflation(outcome, fits, dataset) for outcome in outcomes]
    return Audit(
        snapshot.upto,
        snapshot.training_set(version).hash,
        [_marked(outcome, muted) for outcome in outcomes],
        suite,
        config["gate"],
        frozenset(muted),
        _pairs(dataset),
        found.plain(REPAIRS, dataset.label_column, lambda: _repairs(dataset)),
    )


def _columns_of(snapshot: Snapshot) -> dict[str, Any]:
    first = next((c.payload for c in snapshot.changes if c.kind == "import"), {})
    label = datasets.label_column(snapshot) or None
    return {"label": label, "classes": snapshot.classes, "id_column": first.get("id")}


def severities(project: Project) -> dict[str, str]:
    """The severities that people chose instead of a check's own, by code."""
    chosen = decisions.standing(project.db, decisions.SEVERITY)
    return {code: each.value for code, each in chosen.items()}


def _marked(outcome: checks.Outcome, muted: Mapping[str, mutes.Mute]) -> checks.Outcome:
    """The outcome as muted where its check is; what it found is kept all the same."""
    mute = mutes.of_check(muted, outcome.code)
    if mute is None or outcome.status != "found":
        return outcome
    return replace(outcome, status="muted", message=f"{mute.words} {outcome.message}")


def _with_inflation(outcome: checks.Outcome, fits: Fits, dataset: checks.Dataset) -> checks.Outcome:
    """The leak across the wall with what it adds to the score, where that can be measured."""
    if outcome.code != LEAK or outcome.status != "found":
        return outcome
    found = leaks.measured(fits, dataset)
    return outcome if found is None else replace(outcome, message=leaks.in_words(found))


def _pairs(dataset: checks.Dataset) -> list[tuple[str, str, float]]:
    """The near-duplicates, the nearest first."""
    near = dataset.near
    order = np.argsort(-near.similarity, kind="stable")[:MOST_FINDINGS]
    ids = dataset.item_id
    return [
        (str(ids[near.first[i]]), str(ids[near.second[i]]), round(float(near.similarity[i]), 4))
        for i in order
    ]


def _repairs(dataset: checks.Dataset) -> list[dict[str, Any]]:
    """Proposed values of doubted cells, the surest first, by item."""
    proposed = repairs.propose(values.suspicious_cells(dataset.table)).head(MOST_FINDINGS)
    proposed.insert(0, "item_id", dataset.item_id[proposed["row"].to_numpy()])
    plain = proposed.drop(columns="row").astype(object)
    return list(plain.where(plain.notna(), None).to_dict("records"))


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
        for name, body in ((PAIRS, audit.pairs), (REPAIRS, audit.repairs)):
            results.put_result(project.db, name, upto_event=audit.upto_event, body=list(body))
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
        found = outcome.findings.sort_values("score", kind="stable").head(MOST_FINDINGS)
        for finding, issue in zip(
            found.itertuples(index=False), issue_ids(outcome.code, found), strict=True
        ):
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


def issue_ids(code: str, findings: pd.DataFrame) -> list[str]:
    """The id of each finding's issue: the same fault of the same item, or of the same subject.

    The label is one thing whatever its column was called in a file.
    """
    columns = "" if code.startswith("L") else findings["column"]
    about = findings.assign(column=columns)[["item_id", "subject", "column"]].to_numpy()
    return [issue_id(code, str(item) or str(subject), str(col)) for item, subject, col in about]


def issue_id(code: str, about: str, column: str) -> str:
    """The id of an issue, the same in every audit: no figure that moves is in it."""
    return hashlib.sha256(f"{code}|{about}|{column}".encode()).hexdigest()[:16]


def block(audit: Audit) -> None:
    """Raise BlockedError when issues at or above the gate are open and not muted, naming them."""
    open_ = [o for o in audit.outcomes if _blocks(o, audit)]
    if open_:
        named = "; ".join(f"{o.code} {o.title}: {o.message}" for o in open_)
        raise BlockedError(
            f"the round stays open: {named}. Fix this on the quality page, then close again"
        )


def _blocks(outcome: checks.Outcome, audit: Audit) -> bool:
    """What could not be checked is not known to be fine."""
    if not blocks_at(outcome.severity, audit.gate) or outcome.status not in ("found", "failed"):
        return False
    ids = issue_ids(outcome.code, outcome.findings)
    return outcome.status == "failed" or not audit.muted.issuperset(ids)


def blocks_at(severity: str, gate: str) -> bool:
    """Whether an open issue of a severity keeps a round from closing.

    >>> blocks_at("critical", "warning"), blocks_at("info", "warning"), blocks_at("info", "none")
    (True, False, False)
    """
    return gate != "none" and suites.SEVERITIES.index(severity) <= suites.SEVERITIES.index(gate)


# -- what the pages and commands show -------------------------------------------------------------


def audits_table(project: Project) -> pd.DataFrame:
    """All audits, oldest first."""
    return pd.DataFrame(store.every(project.db), columns=AUDIT_COLUMNS)


def outcomes(project: Project, *, audit_id: int | None = None) -> pd.DataFrame:
    """The outcomes of an audit, the newest unless one is named; what was found comes first."""
    chosen = audit_id or store.last(project.db)
    rows = store.outcomes(project.db, chosen) if chosen else []
    frame = pd.DataFrame(rows, columns=store.OUTCOME_COLUMNS)
    rank = frame["status"].map(URGENCY.index) * 10 + frame["severity"].map(suites.SEVERITIES.index)
    return frame.iloc[np.argsort(rank.to_numpy(), kind="stable")].reset_index(drop=True)


def html(project: Project) -> str:
    """The newest audit as one page that needs no net; raises InputError before the first."""
    every = store.every(project.db)
    if not every:
        raise InputError("the checks have not run yet: run them first")
    audit_id, at, upto, version, round_no = every[-1]
    found = pd.DataFrame(store.findings(project.db, audit_id), columns=store.FINDING_COLUMNS)
    rows = store.outcomes(project.db, audit_id)
    outcomes = [_stored_outcome(row, found) for row in rows]
    about = {
        "project": project.title,
        "audit": f"{audit_id} at {at[:16].replace('T', ' ')} UTC",
        "data": f"up to event {upto}, version {version[:16]}",
        "round": "none" if round_no is None else str(round_no),
    }
    title = f"Checks of {project.title}"
    return report.html_report(outcomes, title=title, about=about, suite=stored_suite(project) or ())


def _stored_outcome(row: tuple[Any, ...], found: pd.DataFrame) -> checks.Outcome:
    code, title, family, severity, status, n_found, message = row
    own = _findings(found, code)
    return checks.Outcome(code, title, family, severity, status, n_found, message, own)


def _findings(found: pd.DataFrame, code: str) -> pd.DataFrame:
    """Stored findings in the shape that a report reads; the row of a table is not stored."""
    own = found[found["code"] == code].rename(columns={"col": "column"})
    return own.assign(row=-1, subject="")[list(checks.FINDING_COLUMNS)]


def recheck(project: Project, *, progress: Progress = silent) -> int:
    """Run all checks again and store the audit; returns its id."""
    audit = run(Fits(Snapshot(project)), progress=progress)
    return write(project, audit)


# -- the suite and the gate -----------------------------------------------------------------------


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


GATE_COLUMNS = ["code", "title", "severity", "own_severity", "blocks"]


def gate(project: Project) -> pd.DataFrame:
    """Every check with its severity here, its own one, and whether it blocks a round."""
    chosen, at = severities(project), project.config["gate"]
    known = [(c.code, c.title, c.severity) for c in checks.CHECKS.values()]
    suite = stored_suite(project) or []
    known = [(str(e["code"]), suites.title_of(e), str(e["severity"])) for e in suite] + known
    rows = [
        (code, title, chosen.get(code, own), own, blocks_at(chosen.get(code, own), at))
        for code, title, own in known
    ]
    return pd.DataFrame(rows, columns=GATE_COLUMNS)


def set_severities(project: Project, chosen: Mapping[str, str], *, author: str) -> int | None:
    """Make checks graver or lighter in this project; returns the change, None if nothing differs.

    Raises InputError for an unknown check or severity. From the next audit on.
    """
    table = gate(project).set_index("code")
    _check_severities(table.index, chosen)
    new = {code: level for code, level in chosen.items() if table["severity"][code] != level}
    if not new:
        return None
    words = ", ".join(f"{code} {table['severity'][code]} → {new[code]}" for code in sorted(new))
    kept = [(code, "" if new[code] == table["own_severity"][code] else new[code]) for code in new]
    with project.writing():
        change = changes.add(project.db, "settings", title=words, author=author, at=now())
        decisions.add(project.db, change, decisions.SEVERITY, kept)
    return change


def _check_severities(codes: Iterable[str], chosen: Mapping[str, str]) -> None:
    known = set(codes)
    for code, severity in chosen.items():
        if code not in known:
            raise InputError(f"there is no check '{code}'")
        if severity not in suites.SEVERITIES:
            raise InputError(
                f"a severity is one of {', '.join(suites.SEVERITIES)}, found '{severity}'"
            )
