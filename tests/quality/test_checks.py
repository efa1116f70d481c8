from __future__ import annotations

import dataclasses
from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest

from quality import checks
from quality.checks import (
    CHECKS,
    FINDING_COLUMNS,
    ISSUE_COLUMNS,
    OUTCOME_COLUMNS,
    SEVERITIES,
    STATUSES,
    Check,
    Dataset,
    Outcome,
    exceeds,
    issues_table,
    outcomes_table,
    run_checks,
    worst,
)
from quality.duplicates import exact_keys
from quality.pairs import Pairs
from quality.suites import expectation
from tests.quality.faults import FAULTS

CLASSES = ("긍정", "부정", "중립")
LONG = "오늘 본 영화는 정말 재미있었고 배우들의 연기도 좋았다"


def clean(n: int = 60) -> Dataset:
    """A dataset without any fault: separable classes, unanimous people, no copy, no leak."""
    label = np.array([CLASSES[k % 3] for k in range(n)], dtype=object)
    frame = pd.DataFrame(
        {
            "text": [f"문장 {k}" for k in range(n)],
            "extra": ["x"] * n,
            "zip": [f"0{k % 6}100" for k in range(n)],
            "city": [("서울", "부산", "대구", "인천", "광주", "대전")[k % 6] for k in range(n)],
            "station": [f"{k % 6}호선" for k in range(n)],
        },
        dtype=object,
    )
    proba = np.full((n, 3), 0.02)
    proba[np.arange(n), np.arange(n) % 3] = 0.96
    asked = [*range(n), *range(50, 60)]  # the last ten twice
    annotations = pd.DataFrame(
        [(f"i{k}", who, label[k], 5.0 + 0.1 * (k % 7)) for k in asked for who in ("민수", "지우")],
        columns=["item_id", "annotator", "label", "seconds"],
    )
    annotations["order"] = np.arange(len(annotations))
    return Dataset(
        frame=frame,
        content=("text",),
        item_id=np.array([f"i{k}" for k in range(n)]),
        label=label,
        classes=CLASSES,
        annotations=annotations,
        proba=proba,
        duplicate_key=exact_keys(frame, ["text"]),
        reviewed=np.zeros(n, dtype=bool),
        label_column="label",
        side=np.array(["reservoir" if k % 5 == 2 else "pool" for k in range(n)], dtype=object),
        features=np.random.default_rng(0).normal(size=(n, 4)),
        imports=np.arange(n) // 6 % 2,
        rounds=np.arange(n) // 6 % 2,
    )


def outcome_of(code: str, dataset: Dataset) -> Outcome:
    others = {other: "not asked here" for other in CHECKS if other != code}
    (found,) = [o for o in run_checks(dataset, muted=others) if o.code == code]
    return found


def changed(dataset: Dataset, **changes: object) -> Dataset:
    return dataclasses.replace(dataset, **changes)  # type: ignore[arg-type]


def relabelled(dataset: Dataset, cells: dict[int, object]) -> Dataset:
    assert dataset.label is not None
    label = dataset.label.copy()
    for row, value in cells.items():
        label[row] = value
    return changed(dataset, label=label)


def with_text(dataset: Dataset, cells: dict[int, object]) -> Dataset:
    return with_cells(dataset, "text", cells)


def with_cells(dataset: Dataset, column: str, cells: dict[int, object]) -> Dataset:
    frame = dataset.frame.copy()
    for row, value in cells.items():
        frame.loc[row, column] = value
    return changed(dataset, frame=frame, duplicate_key=exact_keys(frame, ["text"]))


def plant_wrong_cells(dataset: Dataset) -> tuple[Dataset, list[int]]:
    return with_cells(with_text(dataset, {21: "문장 x2"}), "extra", {5: None}), [5, 21]


def plant_broken_dependencies(dataset: Dataset) -> tuple[Dataset, list[int]]:
    return with_cells(dataset, "city", {2: "부산", 30: None}), [2, 30]


def plant_unknown_labels(dataset: Dataset) -> tuple[Dataset, list[int]]:
    assert dataset.annotations is not None
    annotations = dataset.annotations.copy()
    annotations.loc[annotations["item_id"] == "i9", "label"] = "몰라"
    return changed(relabelled(dataset, {4: "긍 정"}), annotations=annotations), [4, 9]


def plant_conflicts(dataset: Dataset) -> tuple[Dataset, list[int]]:
    assert dataset.annotations is not None
    annotations = dataset.annotations.copy()
    annotations.loc[annotations.index[annotations["item_id"] == "i8"][0], "label"] = "긍정"
    return changed(with_text(dataset, {7: "  문장\u3000 3 "}), annotations=annotations), [3, 7, 8]


def plant_label_errors(dataset: Dataset) -> tuple[Dataset, list[int]]:
    return relabelled(dataset, {0: "부정", 10: "중립"}), [0, 10]


def plant_thin_class(dataset: Dataset) -> tuple[Dataset, list[int]]:
    return changed(dataset, classes=(*CLASSES, "새것"), proba=None), [-1]


def plant_duplicates(dataset: Dataset) -> tuple[Dataset, list[int]]:
    return with_text(dataset, {9: "문장  3", 15: "문장 3"}), [9, 15]


def plant_near_duplicates(dataset: Dataset) -> tuple[Dataset, list[int]]:
    near = LONG.replace("재미있", "재미잇")
    return with_text(dataset, {9: LONG, 14: near, 20: LONG.replace(" ", "  ")}), [14]


def plant_leak(dataset: Dataset) -> tuple[Dataset, list[int]]:
    """Row 2 lies in the reservoir; of rows 12 and 14, which are near to it, only 14 trains."""
    return with_text(dataset, {2: LONG, 12: f"{LONG} 그치만 길다", 14: f"{LONG} ㅋㅋ"}), [14]


def plant_group(dataset: Dataset) -> tuple[Dataset, list[int]]:
    frame = dataset.frame.assign(patient=[f"p{k // 5}" for k in range(len(dataset.frame))])
    return changed(dataset, frame=frame), [-1]


PLANTED: dict[str, Callable[[Dataset], tuple[Dataset, list[int]]]] = {
    "S201": plant_wrong_cells,
    "S202": plant_broken_dependencies,
    "L201": plant_unknown_labels,
    "L202": plant_conflicts,
    "L203": plant_label_errors,
    "B401": plant_thin_class,
    "D301": plant_duplicates,
    "D302": plant_near_duplicates,
    "D303": plant_leak,
    "D304": plant_group,
    **FAULTS,
}


@pytest.mark.parametrize("code", CHECKS)
def test_every_check_finds_exactly_its_planted_faults(code: str) -> None:
    dataset, rows = PLANTED[code](clean())
    found = outcome_of(code, dataset)
    assert found.status == "found"
    assert sorted(found.findings["row"]) == rows
    assert found.n_found == len(rows)
    assert list(found.findings.columns) == list(FINDING_COLUMNS)
    assert found.findings["score"].between(0, 1).all()
    assert found.findings["message"].str.endswith(".").all()
    about_the_table = found.findings[found.findings["row"] < 0]
    assert not about_the_table.duplicated(["column", "subject"]).any(), "each is known again"


@pytest.mark.parametrize("code", CHECKS)
def test_every_check_is_silent_on_clean_data(code: str) -> None:
    assert outcome_of(code, clean()).status == "passed"


@pytest.mark.parametrize("code", [code for code, check in CHECKS.items() if check.of_items])
def test_a_check_of_items_finds_the_same_whatever_is_said_of_them(code: str) -> None:
    """What is kept of it until an item changes may depend on nothing else."""
    faulty, _ = PLANTED[code](clean())
    assert faulty.annotations is not None and faulty.label is not None
    others = changed(
        faulty,
        label=faulty.label[::-1],
        classes=(*CLASSES, "other"),
        annotations=faulty.annotations.head(20),
        proba=None,
        reviewed=np.ones(len(faulty.frame), dtype=bool),
        rounds=None,
        side=np.full(len(faulty.frame), "pool", dtype=object),
        duplicate_key=None,
    )
    first, second = (outcome_of(code, dataset) for dataset in (faulty, others))
    pd.testing.assert_frame_equal(first.findings, second.findings)
    assert first.message == second.message
    assert first.status == "found"


@pytest.mark.parametrize("code", CHECKS)
def test_every_check_says_what_it_lacks(code: str) -> None:
    bare = Dataset(frame=pd.DataFrame(), content=(), item_id=np.array([]))
    found = outcome_of(code, bare)
    assert found.status == "not applicable"
    assert CHECKS[code].needs[0].split("|")[0] in found.message


@pytest.mark.parametrize("code", CHECKS)
def test_every_check_has_a_code_of_its_family_a_severity_and_a_docstring(code: str) -> None:
    check = CHECKS[code]
    assert check.code == code
    assert code[0] == check.family in checks.FAMILIES
    assert check.severity in SEVERITIES
    assert check.run.__doc__


@pytest.mark.parametrize("code", CHECKS)
def test_every_check_takes_a_table_without_rows(code: str) -> None:
    empty = Dataset(
        frame=pd.DataFrame({"text": []}, dtype=object),
        content=("text",),
        item_id=np.array([], dtype=str),
        label=np.array([], dtype=object),
        classes=CLASSES,
        proba=np.zeros((0, 3)),
    )
    assert outcome_of(code, empty).status in ("passed", "not applicable", "found")


@pytest.mark.parametrize("code", CHECKS)
def test_a_muted_check_gives_its_reason_and_finds_nothing(code: str) -> None:
    dataset, _ = PLANTED[code](clean())
    muted = {o.code: o for o in run_checks(dataset, muted={code: "known since May"})}[code]
    assert (muted.status, muted.n_found) == ("muted", 0)
    assert "known since May" in muted.message


@pytest.mark.parametrize("code", CHECKS)
def test_a_check_that_raises_fails_alone(code: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def explode(_: Dataset) -> checks.Findings:
        raise RuntimeError("no luck")

    old = CHECKS[code]
    broken = Check(old.code, old.title, old.severity, old.family, old.needs, explode)
    monkeypatch.setitem(CHECKS, code, broken)
    outcomes = run_checks(clean())
    assert [o.status for o in outcomes if o.code != code] == ["passed"] * (len(CHECKS) - 1)
    (failed,) = [o for o in outcomes if o.code == code]
    assert failed.status == "failed"
    assert "no luck" in failed.message
    assert exceeds(outcomes, "info") is (old.severity == "critical")


@pytest.mark.parametrize(
    ("severity", "expected"), [("critical", True), ("warning", False), ("info", False)]
)
def test_a_critical_expectation_that_could_not_run_is_no_pass(
    severity: str, expected: bool
) -> None:
    kind = "expect_column_values_to_not_be_null"
    suite = (expectation(kind, column="gone", severity=severity),)
    outcomes = run_checks(changed(clean(), suite=suite))
    assert outcomes[0].status == "failed"
    assert exceeds(outcomes, "critical") is expected
    assert worst(outcomes) == ("critical" if expected else None)
    assert not exceeds(outcomes, "none")


def test_a_suite_that_cannot_run_leaves_what_is_muted_muted() -> None:
    suite = (
        {"code": "S1", "type": ["x"], "severity": "warning"},
        {"code": "S2", "type": "expect_magic", "severity": "critical"},
    )
    outcomes = run_checks(changed(clean(), suite=suite), muted={"S2": "of no interest"})
    assert [o.status for o in outcomes[:2]] == ["failed", "muted"]
    assert not exceeds(outcomes, "critical")


def test_a_conflict_names_the_labels_and_how_many() -> None:
    found = outcome_of("L202", plant_conflicts(clean())[0]).findings.set_index("row")
    assert found.loc[3, "message"] == (
        "2 rows with the same content have 2 different labels: 긍정 (1), 부정 (1)."
    )
    assert "2 annotators gave 2 different labels" in found.loc[8, "message"]
    assert found.loc[8, "score"] == 0.5


def test_the_outvoted_rows_of_a_cluster_score_lowest() -> None:
    dataset = with_text(clean(), {3: "같은 글", 6: "같은 글", 7: "같은 글"})
    found = outcome_of("L202", dataset).findings.set_index("row")["score"]
    assert found.to_dict() == pytest.approx({3: 2 / 3, 6: 2 / 3, 7: 1 / 3})


@pytest.mark.parametrize("code", ["L202", "L203"])
def test_reviewed_rows_are_settled(code: str) -> None:
    dataset, rows = PLANTED[code](clean())
    reviewed = np.zeros(60, dtype=bool)
    reviewed[rows] = True
    assert outcome_of(code, changed(dataset, reviewed=reviewed)).status == "passed"
    reviewed[rows[0]] = False
    assert (
        outcome_of(code, changed(dataset, reviewed=reviewed)).findings["row"].tolist() == rows[:1]
    )


def doubtful(n: int, wrong: int, spread: float) -> Dataset:
    """Three classes told apart by honest probabilities, and the first `wrong` labels spoilt."""
    rng = np.random.default_rng(0)
    odds = rng.normal(0.0, spread, (n, 3))
    proba = np.exp(odds) / np.exp(odds).sum(axis=1, keepdims=True)
    truth = (rng.random(n)[:, None] > proba.cumsum(axis=1)).sum(axis=1)
    truth[:wrong] = proba[:wrong].argmax(axis=1)
    codes = np.where(np.arange(n) < wrong, (truth + 1) % 3, truth)
    frame = pd.DataFrame({"text": [f"문장 {k}" for k in range(n)]}, dtype=object)
    ids, label = np.array([f"i{k}" for k in range(n)]), np.array(CLASSES, dtype=object)[codes]
    return Dataset(frame, ("text",), ids, label=label, classes=CLASSES, proba=proba)


def test_rows_that_are_merely_hard_are_hardly_suspected() -> None:
    """A fifth of the labels contradicts the model, none is wrong."""
    dataset = doubtful(2000, 0, 3.0)
    assert dataset.proba is not None
    contradicted = (np.array(CLASSES)[dataset.proba.argmax(axis=1)] != dataset.label).mean()
    assert contradicted > 0.15
    assert outcome_of("L203", dataset).n_found < 0.03 * 2000


def test_the_list_of_label_errors_is_ranked_and_about_as_long_as_there_are_errors() -> None:
    found = outcome_of("L203", doubtful(2000, 100, 12.0))
    assert 80 <= found.n_found <= 180
    scores = found.findings["score"]
    assert scores.is_monotonic_increasing
    assert scores.max() < 0.5
    assert (found.findings["row"] < 100).mean() > 0.5
    assert found.message.startswith(f"{found.n_found} to look at, the most suspicious first. About")
    assert "labels look wrong" in found.message


def test_an_outvoted_label_is_suspected_whatever_the_model_says() -> None:
    dataset = relabelled(clean(), {12: CLASSES[1]})
    assert dataset.proba is not None
    dataset.proba[12] = 1 / 3
    found = outcome_of("L203", dataset)
    assert found.findings["row"].tolist() == [12]
    assert "other answers say" in found.findings["message"][0]
    assert outcome_of("L203", changed(dataset, annotations=None)).status == "passed"


def test_a_row_that_was_ruled_into_a_known_class_has_no_unknown_label() -> None:
    dataset, rows = plant_unknown_labels(clean())
    reviewed = np.zeros(60, dtype=bool)
    reviewed[rows] = True
    found = outcome_of("L201", changed(dataset, reviewed=reviewed)).findings
    assert found["row"].tolist() == rows[:1], "the ruling itself is unknown there"
    ruled = relabelled(changed(dataset, reviewed=reviewed), {rows[0]: "부정"})
    assert outcome_of("L201", ruled).status == "passed"


def test_unlabelled_rows_and_foreign_annotations_disturb_nothing() -> None:
    dataset = relabelled(clean(), {0: None, 1: np.nan})
    assert dataset.proba is not None
    dataset.proba[:2] = np.nan
    assert dataset.annotations is not None
    foreign = dataset.annotations.iloc[:1].assign(item_id="elsewhere", label="몰라")
    dataset = changed(dataset, annotations=pd.concat([dataset.annotations, foreign]))
    assert {o.status for o in run_checks(dataset)} == {"passed"}


def test_rows_without_content_are_no_duplicates() -> None:
    dataset = with_text(clean(), {0: None, 1: None, 2: None})
    assert outcome_of("D301", dataset).status == "passed"
    assert outcome_of("L202", dataset).status == "passed"


def test_near_duplicates_are_named_with_their_similarity() -> None:
    found = outcome_of("D302", plant_near_duplicates(clean())[0]).findings.iloc[0]
    assert found["message"].startswith("Nearly the same as row 9 (i9): similarity 0.9")
    assert found["score"] == pytest.approx(1 - float(found["message"].split()[-1][:-1]), abs=0.01)
    assert found["column"] == "text"


def test_a_leak_names_the_row_over_there_and_exact_copies_leak_most() -> None:
    dataset, _ = plant_leak(clean())
    leak = outcome_of("D303", dataset).findings.iloc[0]
    assert "the reservoir has nearly the same in row 2 (i2)" in leak["message"]
    copied = outcome_of("D303", with_text(dataset, {15: LONG.upper()})).findings
    assert copied["row"].tolist() == [14, 15]
    assert copied["score"].tolist() == [pytest.approx(leak["score"]), 0.0]


def test_near_duplicates_that_are_known_are_not_searched_for() -> None:
    known = Pairs(np.array([4]), np.array([41]), np.array([0.75]))
    dataset = changed(clean(), content=(), pairs=known)
    assert outcome_of("D302", dataset).findings["row"].tolist() == [41]
    assert outcome_of("D303", dataset).status == "passed", "both train"
    side = np.where(np.arange(60) == 4, "reservoir", "pool").astype(object)
    assert outcome_of("D303", changed(dataset, side=side)).findings["row"].tolist() == [41]


def test_rows_on_neither_side_leak_nothing() -> None:
    dataset, _ = plant_leak(clean())
    assert dataset.side is not None
    side = np.where(np.isin(np.arange(60), [2, 12]), None, dataset.side)
    assert outcome_of("D303", changed(dataset, side=side)).status == "passed"


def test_a_group_leaks_across_the_wall_and_without_one_it_is_named_beforehand() -> None:
    dataset, _ = plant_group(clean())
    found = outcome_of("D304", dataset).findings.iloc[0]
    assert found["column"] == "patient"
    assert (
        "100% of the rows that measure share their 'patient' with rows of the pool"
        in (found["message"])
    )
    assert found["score"] == 0.0
    blind = outcome_of("D304", changed(dataset, side=None)).findings.iloc[0]
    assert "split by it" in blind["message"]
    by_group = np.array([("pool", "reservoir")[k // 5 % 4 == 0] for k in range(60)], dtype=object)
    assert outcome_of("D304", changed(dataset, side=by_group)).status == "passed"


def test_labels_and_annotators_are_no_groups() -> None:
    dataset = clean()
    classes = tuple(f"class {k}" for k in range(30))
    label = np.array([classes[k % 30] for k in range(60)], dtype=object)
    people = [f"Kim {k % 19}" for k in range(60)]
    frame = dataset.frame.assign(answer=label, who_id=people)
    votes = pd.DataFrame({"item_id": dataset.item_id, "annotator": people, "label": label})
    several = changed(dataset, frame=frame, classes=classes, annotations=votes, proba=None)
    assert outcome_of("D304", several).status == "passed"
    assert outcome_of("D304", changed(several, annotations=None)).status == "found"


def test_clusters_are_enough_where_the_content_is_not_in_the_frame() -> None:
    dataset = changed(plant_conflicts(clean())[0], content=(), annotations=None)
    assert outcome_of("L202", dataset).findings["row"].tolist() == [3, 7]
    assert outcome_of("L202", changed(dataset, duplicate_key=None)).status == "passed"


def test_the_suite_comes_first_and_each_expectation_has_an_outcome() -> None:
    dataset = changed(
        with_text(clean(), {5: None}),
        suite=(
            expectation("expect_column_values_to_not_be_null", column="text", severity="critical"),
            expectation("expect_column_to_exist", column="gone"),
            expectation("expect_column_values_to_be_unique", column="nowhere"),
            expectation("expect_table_row_count_to_be_between", min_value=1),
        ),
    )
    outcomes = run_checks(dataset, muted={"S111": "of no interest"}, severities={"S101": "info"})
    schema = outcomes[:4]
    assert [o.code for o in outcomes[4:]] == list(CHECKS)
    assert [o.status for o in schema] == ["found", "found", "failed", "muted"]
    assert schema[0].findings["row"].tolist() == [5]
    assert schema[0].findings["column"].tolist() == ["text"]
    assert schema[0].severity == "info"
    assert schema[1].findings["row"].tolist() == [-1]
    assert schema[1].findings["item_id"].tolist() == [""]


def test_a_rule_about_two_columns_has_a_line_for_each() -> None:
    kind = "expect_column_pair_values_a_to_be_greater_than_b"
    frame = pd.DataFrame({"low": ["1", "5"], "high": ["2", "4"]})
    suite = (expectation(kind, column_A="high", column_B="low"),)
    dataset = Dataset(frame, ("low",), np.array(["i", "j"]), suite=suite)
    outcome = run_checks(dataset)[0]
    assert outcome.n_found == 1
    assert issues_table([outcome])[["row", "column"]].to_numpy().tolist() == [
        [1, "high"],
        [1, "low"],
    ]


def test_progress_goes_from_nothing_to_all_and_names_every_check() -> None:
    heard: list[tuple[float, str]] = []
    run_checks(clean(), progress=lambda share, message: heard.append((share, message)))
    shares = [share for share, _ in heard]
    assert shares == sorted(shares)
    assert (shares[0], shares[-1]) == (0.0, 1.0)
    assert {message.split()[0] for _, message in heard} >= set(CHECKS)


def test_a_broken_rule_of_one_column_by_another_doubts_the_one_it_decides_on() -> None:
    kind = "expect_column_pair_values_b_to_follow_from_a"
    dataset = with_cells(clean(), "city", {2: "부산"})
    outcome = run_checks(
        changed(dataset, suite=(expectation(kind, column_A="zip", column_B="city"),))
    )[0]
    assert outcome.findings[["row", "column"]].to_numpy().tolist() == [[2, "city"]]


def test_the_label_is_not_doubted_as_a_cell() -> None:
    dataset = clean()
    frame = dataset.frame.assign(label=dataset.label)
    frame.loc[7, "label"] = None
    assert outcome_of("S201", changed(dataset, frame=frame)).status == "passed"
    assert outcome_of("S201", changed(dataset, frame=frame, label_column="")).n_found == 1


def test_severities_can_be_changed_by_code() -> None:
    dataset = with_text(clean(), {15: "문장 3"})
    assert worst(run_checks(dataset)) == "info"
    outcomes = run_checks(dataset, severities={"D301": "critical"})
    assert worst(outcomes) == "critical"


@pytest.mark.parametrize(
    ("fail_on", "expected"),
    [("none", False), ("info", True), ("warning", True), ("critical", False)],
)
def test_findings_count_from_a_severity_upwards(fail_on: str, expected: bool) -> None:
    outcomes = run_checks(plant_label_errors(clean())[0])
    assert exceeds(outcomes, fail_on) is expected
    assert not exceeds(run_checks(clean()), fail_on)


def test_the_tables_have_their_columns_also_when_there_is_nothing() -> None:
    for outcomes in ([], run_checks(clean())):
        issues = issues_table(outcomes)
        assert issues.columns.tolist() == list(ISSUE_COLUMNS)
        assert issues.empty
    table = outcomes_table(run_checks(clean()))
    assert table.columns.tolist() == list(OUTCOME_COLUMNS)
    assert table["status"].isin(STATUSES).all()


def test_issues_have_one_line_per_check_row_and_column_and_none_for_the_table() -> None:
    dataset, _ = plant_thin_class(plant_unknown_labels(plant_duplicates(clean())[0])[0])
    issues = issues_table(run_checks(dataset))
    assert not issues.duplicated(["code", "row", "column"]).any()
    assert (issues["row"] >= 0).all()
    assert "B401" not in set(issues["code"])
    assert (issues["item_id"] == "i" + issues["row"].astype(str)).all()


def test_a_hundred_thousand_rows_are_checked_in_seconds() -> None:
    n = 100_000
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"text": [f"text {k % 90_000}" for k in range(n)]}, dtype=object)
    proba = rng.dirichlet(np.ones(3), n)
    label = np.array(CLASSES, dtype=object)[proba.argmax(axis=1)]
    ids = np.arange(n).astype(str)
    dataset = Dataset(frame, ("text",), ids, label=label, classes=CLASSES, proba=proba)
    outcomes = {o.code: o for o in run_checks(dataset)}
    assert outcomes["D301"].n_found == 10_000
    assert outcomes["L203"].status == "passed"
