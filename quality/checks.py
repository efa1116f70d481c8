"""Checks: a dataset in, exactly one outcome per check out. The table `CHECKS` is the registry."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from quality import (
    contradictions,
    crowd_checks,
    groups,
    label_estimates,
    label_signals,
    labels,
    pairs,
    table_checks,
    values,
)
from quality.consensus import standing
from quality.expectations import Result, validate_once
from quality.findings import TABLE
from quality.findings import Dataset as Dataset
from quality.findings import Findings as Findings
from quality.suites import (
    EXPECTATIONS,
    SEVERITIES,
    Expectation,
    checked_suite,
    doubted_columns,
    title_of,
)

log = logging.getLogger(__name__)

FAMILIES = {
    "S": "schema",
    "D": "duplicates and leakage",
    "L": "labels",
    "A": "annotators",
    "B": "balance and thin slices",
    "R": "drift",
    "O": "outliers and unlearnable items",
}
STATUSES = ("found", "passed", "not applicable", "muted", "failed")
FINDING_COLUMNS = ("row", "item_id", "column", "score", "message", "subject")
THIN = 5


@dataclass(frozen=True)
class Outcome:
    """What became of one check. `findings` has the columns of `FINDING_COLUMNS`."""

    code: str
    title: str
    family: str
    severity: str
    status: str
    n_found: int
    message: str
    findings: pd.DataFrame = field(repr=False)


@dataclass(frozen=True)
class Check:
    """A rule. `needs` names attributes of a Dataset; "a|b" is satisfied by either.

    `of_items`: what it finds follows from `frame`, `content`, `features`, `imports` and the
    near-duplicates alone; no label, answer or side moves it.
    """

    code: str
    title: str
    severity: str
    family: str
    needs: tuple[str, ...]
    run: Callable[[Dataset], Findings]
    of_items: bool = False


# What a check of items found before: by its name, what decides it beside the items, and how it is
# found out anew.
Recall = Callable[[str, Any, Callable[[], list[Outcome]]], list[Outcome]]
SUITE = "suite"


# -- the checks --------------------------------------------------------------------------------


def unknown_labels(dataset: Dataset) -> Findings:
    """Labels and annotations outside the label set; score 0.

    A row that a reviewer has put into a known class is settled, whatever was answered before.
    """
    classes = set(dataset.classes)
    said: dict[int, list[str]] = {}
    for row, label in enumerate(_labels(dataset)):
        if label is not None and label not in classes:
            said.setdefault(row, []).append(f"the label is '{label}'")
    settled = _reviewed(dataset) & (_codes(dataset) >= 0)
    for row, person, label in _answers(dataset):
        if label not in classes and not settled[row]:
            said.setdefault(row, []).append(f"{person} answered '{label}'")
    rows = sorted(said)
    allowed = ", ".join(map(str, dataset.classes))
    messages = [_sentence(f"{', '.join(said[row])}; the label set is {allowed}") for row in rows]
    return Findings(rows, [0.0] * len(rows), messages, dataset.label_column)


def conflicting_labels(dataset: Dataset) -> Findings:
    """One item or one duplicate cluster with different labels; score = the share that agrees.

    Reviewed rows are settled; other rows of their cluster are still held against them.
    """
    people = _conflicting_answers(dataset)
    copies = _conflicting_copies(dataset)
    reviewed = _reviewed(dataset)
    rows = [row for row in sorted({*people, *copies}) if not reviewed[row]]
    found = [[side[row] for side in (people, copies) if row in side] for row in rows]
    scores = [min(score for score, _ in sides) for sides in found]
    messages = [" ".join(message for _, message in sides) for sides in found]
    return Findings(rows, scores, messages, dataset.label_column)


def _conflicting_answers(dataset: Dataset) -> dict[int, tuple[float, str]]:
    """Per row with different answers: the share of the most frequent one, and a sentence."""
    answers = pd.DataFrame(_answers(dataset), columns=["row", "person", "label"])
    found = {}
    for row, group in _mixed(answers, "row"):
        counts = Counter(group["label"].tolist())
        message = f"{group['person'].nunique()} annotators gave {_tally(counts)}."
        found[int(row)] = (max(counts.values()) / counts.total(), message)
    return found


def _conflicting_copies(dataset: Dataset) -> dict[int, tuple[float, str]]:
    """Per row of a cluster with different labels: the share with this row's, and a sentence."""
    if dataset.label is None:
        return {}
    rows = pd.DataFrame({"key": _cluster_keys(dataset), "label": _labels(dataset)})
    rows["row"] = np.arange(len(rows))
    found = {}
    for _, group in _mixed(rows[dataset.filled].dropna(subset=["label"]), "key"):
        given = group["label"].tolist()
        counts = Counter(given)
        message = f"{len(given)} rows with the same content have {_tally(counts)}."
        for row, label in zip(group["row"].tolist(), given, strict=True):
            found[row] = (counts[label] / len(given), message)
    return found


def _mixed(frame: pd.DataFrame, by: str) -> list[tuple[Any, pd.DataFrame]]:
    """The groups that hold more than one label."""
    if frame.empty:
        return []
    several = frame.groupby(by)["label"].transform("nunique") > 1
    return list(frame[several].groupby(by, sort=False))


def _tally(counts: Counter[Any]) -> str:
    names = ", ".join(f"{label} ({count})" for label, count in counts.most_common())
    return f"{len(counts)} different labels: {names}"


def likely_label_errors(dataset: Dataset) -> Findings:
    """The most suspicious labels, as many as are estimated to be wrong; none on clean data.

    Score = margin of the given label, under 0.5 where another class leads. Models that never saw
    the row and, where several people answered, their consensus speak (`label_signals`).
    """
    assert dataset.proba is not None
    codes = np.where(_reviewed(dataset), -1, _codes(dataset))
    answers = _answered(dataset)
    found = label_estimates.estimate(dataset.proba, codes, answers)
    proba = dataset.proba if answers is None else label_signals.with_answers(dataset.proba, answers)
    scores, better = labels.ranking(proba, codes)
    rows = np.argsort(scores, kind="stable")[: found.listed]
    rows = rows[scores[rows] < 0.5]
    witness = "models that never saw the row" + (" and other answers" if answers else "")
    messages = [
        f"Labelled '{dataset.classes[codes[row]]}' ({proba[row, codes[row]]:.2f}), but {witness} "
        f"say '{dataset.classes[better[row]]}' ({proba[row, better[row]]:.2f})."
        for row in rows
    ]
    summary = f"{len(rows):,} to look at, the most suspicious first. {found.words}"
    return Findings(rows, scores[rows], messages, dataset.label_column, summary)


def _answered(dataset: Dataset) -> label_signals.Answered | None:
    if dataset.annotations is None:
        return None
    said = dataset.annotations.rename(columns={"item_id": "item"})
    return label_signals.answered(said, dataset.item_id, dataset.classes)


def thin_classes(dataset: Dataset) -> Findings:
    """Classes of the label set with fewer than five labels; score = the share of five."""
    given = [label for label in _labels(dataset) if label is not None]
    counts = {name: given.count(name) for name in dataset.classes}
    thin = {name: count for name, count in counts.items() if count < THIN}
    messages = [
        f"Class '{name}' has {count or 'no'} label{'' if count == 1 else 's'}; under {THIN} "
        "it can neither be learned nor checked."
        for name, count in thin.items()
    ]
    scores = [count / THIN for count in thin.values()]
    summary = f"{len(thin)} of {len(counts)} classes have under {THIN} labels: {', '.join(thin)}."
    return Findings(
        [TABLE] * len(thin), scores, messages, dataset.label_column, summary, list(thin)
    )


def likely_wrong_cells(dataset: Dataset) -> Findings:
    """Cells that look wrong beside the others of their column, or to most sources.

    The score is low where hardly anything speaks for what stands there.
    """
    every = values.DETECTORS.items()
    detectors = {why: detect for why, detect in every if why != values.DEPENDENCY}
    return _doubts(values.suspicious_cells(dataset.table, detectors=detectors))


def broken_dependencies(dataset: Dataset) -> Findings:
    """Cells that contradict what other columns say of them; score = the share that agrees."""
    detectors = {values.DEPENDENCY: contradictions.broken_dependencies}
    return _doubts(values.suspicious_cells(dataset.table, detectors=detectors))


def _doubts(cells: pd.DataFrame) -> Findings:
    rows, columns = cells["row"].to_numpy(), cells["column"].tolist()
    return Findings(rows, cells["score"].to_numpy(), cells["message"].tolist(), columns)


def exact_duplicates(dataset: Dataset) -> Findings:
    """Rows whose normalised content stood in an earlier row; score 0."""
    first = dataset.first_rows
    rows = np.flatnonzero(first != np.arange(len(first)))
    messages = [
        f"Same content as {_called(dataset, first[row])}, once case, width and spaces are evened "
        "out."
        for row in rows
    ]
    return Findings(rows, np.zeros(len(rows)), messages, _content_column(dataset))


def near_duplicates_in_table(dataset: Dataset) -> Findings:
    """Rows nearly the same as an earlier one, but not exactly; score = 1 - similarity."""
    near = pairs.earlier(dataset.near)
    if dataset.content:
        exact = dataset.first_rows != np.arange(len(dataset.frame))
        near = near.where(~exact[near.row])
    messages = [
        f"Nearly the same as {_called(dataset, other)}: similarity {similarity:.2f}."
        for other, similarity in zip(near.other, near.similarity, strict=True)
    ]
    return Findings(near.row, 1.0 - near.similarity, messages, _content_column(dataset))


def near_duplicates_across(dataset: Dataset) -> Findings:
    """Rows of the pool with a near-duplicate among those that measure; score = 1 - similarity."""
    assert dataset.side is not None
    trains, measures = dataset.on_side()
    near = pairs.across(dataset.near, here=trains, there=measures)
    messages = [
        f"Trained on, it flatters the score: the {dataset.side[other]} has nearly the same in "
        f"{_called(dataset, other)}, similarity {similarity:.2f}."
        for other, similarity in zip(near.other, near.similarity, strict=True)
    ]
    return Findings(near.row, 1.0 - near.similarity, messages, _content_column(dataset))


def group_leakage(dataset: Dataset) -> Findings:
    """Columns whose equal values (a person, a premise) lie on both sides of the wall.

    Score = the share of rows that measure without such a mate. Where no side is known, what a
    split at random would do: then a tenth of the rows must have a mate.
    """
    trains, measures = dataset.on_side()
    skip = {dataset.label_column, *_columns_of_answers(dataset)}
    names = groups.group_columns(dataset.frame, content=dataset.content, skip=skip)
    found = {
        name: groups.leak(dataset.frame[name], trains=trains, measures=measures) for name in names
    }
    least = groups.MATED if dataset.side is None else 0.0
    leaks = {name: leak for name, leak in found.items() if leak and leak.share > least}
    messages = [_group_message(dataset, name, leak) for name, leak in leaks.items()]
    scores = [1.0 - leak.share for leak in leaks.values()]
    return Findings([TABLE] * len(leaks), scores, messages, list(leaks))


def _group_message(dataset: Dataset, name: str, leak: groups.Leak) -> str:
    example = (
        f"for example '{leak.example}' in {_called(dataset, leak.measures)} and "
        f"{_called(dataset, leak.trains)}"
    )
    if dataset.side is None:
        return (
            f"{leak.share:.0%} of the rows share their '{name}' with others ({leak.groups:,} "
            f"values, {example}): split by it, or the score will flatter."
        )
    return (
        f"{leak.share:.0%} of the rows that measure share their '{name}' with rows of the pool "
        f"({leak.groups:,} values, {example}): the score may flatter."
    )


def _columns_of_answers(dataset: Dataset) -> set[str]:
    """The columns that hold nothing but labels, or nothing but annotators."""
    people = set() if dataset.annotations is None else set(dataset.annotations["annotator"])
    known = [{str(name) for name in names} for names in (dataset.classes, people) if len(names)]
    filled = {name: dataset.frame[name].dropna() for name in dataset.frame}
    return {name for name, cells in filled.items() if any(cells.isin(each).all() for each in known)}


_ALL = (
    Check("S201", "Likely wrong cell", "warning", "S", ("frame",), likely_wrong_cells, True),
    Check("S202", "Broken dependency", "warning", "S", ("frame",), broken_dependencies, True),
    Check("L201", "Unknown label", "critical", "L", ("classes", "label|annotations"),
          unknown_labels),
    Check("L202", "Same content, different labels", "warning", "L", ("label|annotations",),
          conflicting_labels),
    Check("L203", "Likely label error", "warning", "L", ("label", "classes", "proba"),
          likely_label_errors),
    Check("A101", "Annotator agrees little", "warning", "A", ("annotations",),
          crowd_checks.low_agreement),
    Check("A102", "Hasty answers that agree less", "warning", "A", ("annotations", "seconds"),
          crowd_checks.hasty_answers),
    Check("A103", "Annotator contradicts oneself", "warning", "A",
          ("annotations", "repeated_answers"), crowd_checks.self_contradictions),
    Check("A104", "Annotator's agreement fades", "warning", "A", ("annotations", "order"),
          crowd_checks.fading_agreement),
    Check("A105", "Labels not reliable", "info", "A", ("annotations",),
          crowd_checks.unreliable_labels),
    Check("B401", "Thin class", "info", "B", ("label", "classes"), thin_classes),
    Check("B402", "Thin slice", "info", "B", ("label",), table_checks.thin_slices),
    Check("B403", "Unbalanced classes", "info", "B", ("label",), table_checks.rare_classes),
    Check("R501", "Column drifted between imports", "warning", "R", ("imports",),
          table_checks.drifted_columns, True),
    Check("R502", "Class shares drifted between imports", "warning", "R", ("imports", "label"),
          table_checks.drifted_classes),
    Check("R503", "Labels or confidence drifted between rounds", "info", "R",
          ("rounds", "label"), table_checks.drifted_rounds),
    Check("O601", "Row unlike all others", "info", "O", ("features",), table_checks.odd_rows,
          True),
    Check("O602", "Nobody can learn from it", "info", "O", ("annotations",),
          crowd_checks.unlearnable_items),
    Check("D301", "Exact duplicate", "info", "D", ("content",), exact_duplicates, True),
    Check("D302", "Near duplicate", "info", "D", ("content|pairs",), near_duplicates_in_table,
          True),
    Check("D303", "Near duplicate across pool and reservoir", "warning", "D",
          ("content|pairs", "side"), near_duplicates_across),
    Check("D304", "Group on both sides", "warning", "D", ("content|side",), group_leakage),
)  # fmt: skip
CHECKS: dict[str, Check] = {check.code: check for check in _ALL}


# -- what several checks need ------------------------------------------------------------------


def _labels(dataset: Dataset) -> list[Any]:
    """The label of each row, None where there is none."""
    if dataset.label is None:
        return [None] * len(dataset.frame)
    return [None if pd.isna(label) else label for label in dataset.label]


def _codes(dataset: Dataset) -> npt.NDArray[np.int64]:
    """The label of each row as a position in `classes`, int (n,), -1 for none or unknown."""
    places = pd.Index(dataset.classes, dtype=object).get_indexer(_labels(dataset))
    return np.asarray(places, dtype=np.int64)


def _reviewed(dataset: Dataset) -> npt.NDArray[np.bool_]:
    if dataset.reviewed is None:
        return np.zeros(len(dataset.frame), dtype=bool)
    return np.asarray(dataset.reviewed, dtype=bool)


def _answers(dataset: Dataset) -> list[tuple[int, str, Any]]:
    """(row, annotator, label) of each standing answer to an item of the dataset, labels only."""
    given = standing(dataset.crowd)
    triples = zip(given["row"], given["annotator"], given["label"], strict=True)
    return [(int(row), str(who), label) for row, who, label in triples]


def _cluster_keys(dataset: Dataset) -> npt.NDArray[Any]:
    """What makes rows copies of each other, (n,); without key and content no row has a copy."""
    if dataset.duplicate_key is not None:
        return dataset.duplicate_key
    return dataset.keys if dataset.content else np.arange(len(dataset.frame))


def _called(dataset: Dataset, row: int) -> str:
    return f"row {row} ({dataset.item_id[row]})"


def _content_column(dataset: Dataset) -> str:
    """The name of the content where it is one column."""
    return dataset.content[0] if len(dataset.content) == 1 else ""


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}."


# -- running them ------------------------------------------------------------------------------


def _silent(share: float, message: str) -> None:
    """A progress callback that shows nothing."""


def _anew(name: str, beside: Any, find: Callable[[], list[Outcome]]) -> list[Outcome]:
    """A memory that holds nothing."""
    return find()


def run_checks(
    dataset: Dataset,
    *,
    muted: Mapping[str, str] = {},
    severities: Mapping[str, str] = {},
    progress: Callable[[float, str], None] = _silent,
    recall: Recall = _anew,
) -> list[Outcome]:
    """One outcome per expectation of the suite, then one per entry of `CHECKS`; never raises.

    `muted` gives the reason for not running a check, `severities` another severity, both by code;
    `S104` stands for all expectations of its kind, `S104:age` for one. A check that raises becomes
    "failed", and the others run. `progress` is called with the share done in [0, 1] and with what
    comes next. `recall` may know what the suite and the checks `of_items` found in the same items.
    """
    suite = [_adjusted(item, severities) for item in dataset.suite]
    progress(0.0, f"{len(suite)} expectations")
    outcomes = recall(SUITE, [suite, dict(muted)], lambda: _schema_outcomes(dataset, suite, muted))
    for done, check in enumerate(CHECKS.values(), start=1):
        progress(done / (len(CHECKS) + 1), f"{check.code} {check.title}")
        outcomes += _of_check(_with_severity(check, severities), dataset, muted, recall)
    progress(1.0, "done")
    return outcomes


def _adjusted(item: Expectation, severities: Mapping[str, str]) -> Expectation:
    chosen = _by_code(severities, item.get("code", ""))
    return {**item, "severity": chosen} if chosen else item


def _by_code(settings: Mapping[str, str], code: str) -> str | None:
    return settings.get(code, settings.get(code.split(":")[0]))


def _with_severity(check: Check, severities: Mapping[str, str]) -> Check:
    severity = severities.get(check.code, check.severity)
    return replace(check, severity=severity)


def _of_check(
    check: Check, dataset: Dataset, muted: Mapping[str, str], recall: Recall
) -> list[Outcome]:
    def find() -> list[Outcome]:
        return [_outcome(check, dataset, muted)]

    if not check.of_items:
        return find()
    beside = [check.severity, muted.get(check.code), dataset.label_column]
    if dataset.pairs is not None and any("pairs" in need for need in check.needs):
        beside += [each.tolist() for each in dataset.pairs]
    return recall(check.code, beside, find)


def _outcome(check: Check, dataset: Dataset, muted: Mapping[str, str]) -> Outcome:
    head = (check.code, check.title, check.family, check.severity)
    if check.code in muted:
        return _without(head, "muted", f"Muted: {muted[check.code]}")
    missing = [need for need in check.needs if not _has(dataset, need)]
    if missing:
        listed = ", ".join(need.replace("|", " or ").replace("_", " ") for need in missing)
        return _without(head, "not applicable", f"It needs {listed}, which this data lacks.")
    try:
        findings = check.run(dataset)
        return _judged(head, dataset, findings)
    except Exception as error:
        log.exception("check %s could not run", check.code)
        return _without(head, "failed", f"The check could not run: {_reason(error)}")


def _has(dataset: Dataset, need: str) -> bool:
    return any(dataset.has(name) for name in need.split("|"))


def _reason(error: Exception) -> str:
    return f"{type(error).__name__}: {error}".splitlines()[0]


Head = tuple[str, str, str, str]


def _without(head: Head, status: str, message: str) -> Outcome:
    return Outcome(*head, status, 0, message, NO_FINDINGS)


def _judged(head: Head, dataset: Dataset, found: Findings) -> Outcome:
    count = len(found.rows)
    if not count:
        return _without(head, "passed", "Nothing found.")
    rows = np.asarray(found.rows, dtype=np.int64)
    ids = np.where(rows >= 0, np.asarray(dataset.item_id, dtype=object)[rows], "")
    distinct = int((rows < 0).sum()) + len(np.unique(rows[rows >= 0]))
    summary = found.summary or f"{distinct:,} found; for example: {found.messages[0]}"
    return Outcome(*head, "found", distinct, summary, _findings_frame(ids, found))


def _findings_frame(ids: npt.NDArray[Any], found: Findings) -> pd.DataFrame:
    count = len(ids)
    columns = [found.column] * count if isinstance(found.column, str) else found.column
    return pd.DataFrame(
        {
            "row": np.asarray(found.rows, dtype=np.int64),
            "item_id": np.asarray(ids, dtype=object),
            "column": np.asarray(columns, dtype=object),
            "score": np.clip(np.asarray(found.scores, dtype=np.float64), 0.0, 1.0),
            "message": np.asarray(found.messages, dtype=object),
            "subject": np.asarray(list(found.subjects) or [""] * count, dtype=object),
        }
    )


NO_FINDINGS = _findings_frame(np.array([], dtype=object), Findings())


def _schema_outcomes(
    dataset: Dataset, suite: Sequence[Expectation], muted: Mapping[str, str]
) -> list[Outcome]:
    reasons = [_by_code(muted, item.get("code", "")) for item in suite]
    awake = [item for item, reason in zip(suite, reasons, strict=True) if reason is None]
    outcomes = iter(_awake_outcomes(dataset, awake))
    return [
        next(outcomes) if reason is None else _without(_head(item), "muted", f"Muted: {reason}")
        for item, reason in zip(suite, reasons, strict=True)
    ]


def _awake_outcomes(dataset: Dataset, suite: Sequence[Expectation]) -> list[Outcome]:
    try:
        results = validate_once(dataset.frame, checked_suite(suite)) if suite else []
        return [_schema_outcome(dataset, result) for result in results]
    except Exception as error:
        log.exception("the suite could not run")
        reason = f"The suite could not run: {_reason(error)}"
        return [_without(_head(item), "failed", reason) for item in suite]


def _head(item: Expectation) -> Head:
    known = str(item.get("type")) in EXPECTATIONS and "kwargs" in item
    title = title_of(item) if known else str(item.get("type"))
    return str(item.get("code", "S")), title, "S", str(item.get("severity", "warning"))


def _schema_outcome(dataset: Dataset, result: Result) -> Outcome:
    head = _head(result.expectation)
    if result.status == "error":
        return _without(head, "failed", result.message)
    if result.status == "ok":
        return _without(head, "passed", result.message)
    columns = doubted_columns(result.expectation) or ("",)
    if not len(result.rows):
        table = Findings([TABLE], [0.0], [result.message], columns[0], result.message)
        return _judged(head, dataset, table)
    times = len(columns)
    return _judged(
        head,
        dataset,
        Findings(
            np.repeat(result.rows, times),
            np.zeros(times * len(result.rows)),
            [message for message in result.row_messages for _ in columns],
            list(columns) * len(result.rows),
            result.message,
        ),
    )


# -- what others make of the outcomes ----------------------------------------------------------


def worst(outcomes: Iterable[Outcome]) -> str | None:
    """The gravest severity among what was found, or None.

    A critical check that could not run counts as found: what it guards is unknown, not fine.
    """
    found = {outcome.severity for outcome in outcomes if _counts(outcome)}
    return next((severity for severity in SEVERITIES if severity in found), None)


def _counts(outcome: Outcome) -> bool:
    could_not_run = outcome.status == "failed" and outcome.severity == "critical"
    return outcome.status == "found" or could_not_run


def exceeds(outcomes: Iterable[Outcome], fail_on: str) -> bool:
    """Whether what `worst` counts is at or above the severity `fail_on`; never above "none"."""
    gravest = worst(outcomes)
    if fail_on == "none" or gravest is None:
        return False
    return SEVERITIES.index(gravest) <= SEVERITIES.index(fail_on)


ISSUE_COLUMNS = ("code", "check", "severity", "row", "item_id", "column", "score", "message")
OUTCOME_COLUMNS = ("code", "check", "family", "severity", "status", "n_found", "message")


def issues_table(outcomes: Iterable[Outcome]) -> pd.DataFrame:
    """One line per check, row and column, `ISSUE_COLUMNS`; findings about the table left out."""
    parts = [
        outcome.findings.assign(code=outcome.code, check=outcome.title, severity=outcome.severity)
        for outcome in outcomes
        if len(outcome.findings)
    ]
    table = pd.concat([NO_FINDINGS, *parts], ignore_index=True)
    table = table.reindex(columns=list(ISSUE_COLUMNS))
    table = table[table["row"] >= 0].sort_values("score", kind="stable")
    return table[~table.duplicated(["code", "row", "column"])].sort_index(ignore_index=True)


def outcomes_table(outcomes: Iterable[Outcome]) -> pd.DataFrame:
    """One line per check, `OUTCOME_COLUMNS`."""
    rows = [
        (o.code, o.title, o.family, o.severity, o.status, o.n_found, o.message) for o in outcomes
    ]
    return pd.DataFrame(rows, columns=list(OUTCOME_COLUMNS))
