from __future__ import annotations

import json
import re
import socket
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pandas as pd
import pytest

from quality import expectations
from quality.expectations import (
    EXPECTATIONS,
    columns_of,
    expectation,
    rule_of,
    suggest,
    suite_from_json,
    title_of,
    validate,
)

Case = tuple[dict[str, object], dict[str, list[object]], list[int]]

# per type: its arguments, a table that breaks the rule, and the rows that break it
BROKEN: dict[str, Case] = {
    "expect_column_to_exist": ({"column": "gone"}, {"a": ["x"]}, []),
    "expect_column_values_to_not_be_null": ({"column": "a"}, {"a": ["x", None, " "]}, [1, 2]),
    "expect_column_values_to_be_of_type": (
        {"column": "a", "type_": "float"},
        {"a": ["1.5", "x", None, "-3e2", "?"]},
        [1, 4],
    ),
    "expect_column_values_to_be_in_set": (
        {"column": "a", "value_set": ["긍정", "부정"]},
        {"a": ["긍정", "중립", None]},
        [1],
    ),
    "expect_column_values_to_be_between": (
        {"column": "a", "min_value": 0, "max_value": 120},
        {"a": ["17", "999", None, "-5", "x"]},
        [1, 3],
    ),
    "expect_column_values_to_be_unique": ({"column": "a"}, {"a": ["x", "y", "x", None]}, [0, 2]),
    "expect_column_value_lengths_to_be_between": (
        {"column": "a", "min_value": 2},
        {"a": ["가나다", "가", None]},
        [1],
    ),
    "expect_column_values_to_match_regex": (
        {"column": "a", "regex": r"^\d{3}$"},
        {"a": ["123", "12", None]},
        [1],
    ),
    "expect_column_values_to_not_be_in_set": (
        {"column": "a", "value_set": ["?"]},
        {"a": ["x", "?", None]},
        [1],
    ),
    "expect_compound_columns_to_be_unique": (
        {"column_list": ["a", "b"]},
        {"a": ["x", "x", "x"], "b": ["1", "2", "1"]},
        [0, 2],
    ),
    "expect_column_pair_values_a_to_be_greater_than_b": (
        {"column_A": "a", "column_B": "b"},
        {"a": ["10", "9", None], "b": ["9", "10", "1"]},
        [1],
    ),
    "expect_table_row_count_to_be_between": ({"min_value": 5}, {"a": ["x"]}, []),
}


def people(n: int = 400, seed: int = 0) -> pd.DataFrame:
    """A clean table of words: an id, a number, skewed money, a category, free text."""
    rng = np.random.default_rng(seed)
    words = np.array(["the", "cat", "sat", "on", "a", "mat", "while", "it", "rained", "outside"])
    money = np.where(rng.random(n) < 0.8, 0, rng.lognormal(8, 1, n)).round()
    return pd.DataFrame(
        {
            "id": [f"p{k}" for k in range(n)],
            "age": rng.integers(17, 91, n).astype(str),
            "height": rng.normal(170, 9, n).round(1).astype(str),
            "gain": money.astype(int).astype(str),
            "city": rng.choice(["Seoul", "Busan", "Daejeon"], n),
            "note": [" ".join(rng.choice(words, rng.integers(4, 30))) for _ in range(n)],
            "label": rng.choice(["yes", "no"], n),
        }
    ).astype(object)


@pytest.mark.parametrize("kind", EXPECTATIONS)
def test_every_expectation_finds_exactly_the_planted_rows(kind: str) -> None:
    kwargs, data, rows = BROKEN[kind]
    (found,) = validate(pd.DataFrame(data, dtype=object), [expectation(kind, **kwargs)])
    assert found.status == "found"
    assert found.rows.tolist() == rows
    assert len(found.row_messages) == len(rows)
    assert found.message.endswith(".")


@pytest.mark.parametrize("kind", EXPECTATIONS)
def test_every_expectation_has_words_for_people(kind: str) -> None:
    item = expectation(kind, **BROKEN[kind][0])
    assert title_of(item).startswith(EXPECTATIONS[kind][1])
    assert " must " in rule_of(item)
    assert all(column in rule_of(item) for column in columns_of(item))
    assert item["code"].startswith(EXPECTATIONS[kind][0])


def test_the_message_names_the_value_and_the_limits() -> None:
    rule = expectation("expect_column_values_to_be_between", column="age", max_value=120)
    (found,) = validate(pd.DataFrame({"age": ["30", "999"]}), [rule])
    assert found.row_messages == ("age is '999'; age must be at most 120.",)


def test_results_come_back_in_the_order_of_the_suite() -> None:
    kinds = [k for k in EXPECTATIONS if not k.startswith(("expect_table", "expect_column_to"))]
    frame = pd.DataFrame({"a": ["5", "6"], "b": ["1", "2"]})
    suite = [expectation(kind, **{**BROKEN[kind][0]}) for kind in kinds]
    assert [result.expectation for result in validate(frame, suite)] == suite


def test_numbers_stay_numbers_and_any_index_is_taken_by_position() -> None:
    frame = pd.DataFrame({"n": [1.0, 200.0, np.nan], "k": [1, 2, 3]}, index=[7, 8, 9])
    suite = [
        expectation("expect_column_values_to_be_between", column="n", max_value=100),
        expectation("expect_column_values_to_be_in_set", column="k", value_set=[1, 2]),
        expectation("expect_column_values_to_be_of_type", column="n", type_="float"),
        expectation("expect_column_values_to_be_of_type", column="k", type_="int"),
    ]
    results = validate(frame, suite)
    assert [r.rows.tolist() for r in results] == [[1], [2], [], []]


def test_whole_numbers_are_told_from_fractions() -> None:
    rule = expectation("expect_column_values_to_be_of_type", column="a", type_="int")
    (found,) = validate(pd.DataFrame({"a": ["1", "2.0", "2.5", "x"]}), [rule])
    assert found.rows.tolist() == [2, 3]


def test_mostly_lets_a_few_rows_through() -> None:
    frame = pd.DataFrame({"a": ["x"] * 19 + [None]})
    kind = "expect_column_values_to_not_be_null"
    assert validate(frame, [expectation(kind, column="a", mostly=0.9)])[0].status == "ok"
    assert validate(frame, [expectation(kind, column="a", mostly=0.99)])[0].rows.tolist() == [19]


def test_a_missing_column_and_an_empty_table_are_errors_not_findings() -> None:
    suite = [expectation("expect_column_values_to_not_be_null", column="a")]
    (missing,) = validate(pd.DataFrame({"b": ["x"]}), suite)
    (empty,) = validate(pd.DataFrame({"a": []}), suite)
    assert (missing.status, empty.status) == ("error", "error")
    assert "no column a" in missing.message
    assert "no rows" in empty.message


def test_a_raising_expectation_is_an_error_and_the_others_are_judged() -> None:
    suite = [
        expectation("expect_column_pair_values_a_to_be_greater_than_b", column_A="a", column_B="b"),
        expectation("expect_column_values_to_not_be_null", column="b"),
    ]
    frame = pd.DataFrame({"a": [b"x", b"y"], "b": ["word", None]}, dtype=object)
    raising, judged = validate(frame, suite)
    assert raising.status == "error"
    assert judged.rows.tolist() == [1]


def test_columns_may_have_any_name() -> None:
    names = ["a.b", "한국어 열", "__row", 'quo"te', "c0"]
    frame = pd.DataFrame({name: ["x", None] for name in names})
    suite = [expectation("expect_column_values_to_not_be_null", column=name) for name in names]
    assert [r.rows.tolist() for r in validate(frame, suite)] == [[1]] * len(names)


def test_several_threads_get_their_own_results() -> None:
    def rows(k: int) -> list[int]:
        frame = pd.DataFrame({"a": [str(n) for n in range(20)]})
        suite = [expectation("expect_column_values_to_be_between", column="a", max_value=k)]
        return validate(frame, suite)[0].rows.tolist()

    with ThreadPoolExecutor(6) as pool:
        assert list(pool.map(rows, range(18))) == [list(range(k + 1, 20)) for k in range(18)]


def test_validation_is_silent_and_opens_no_socket(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("a socket was opened")

    monkeypatch.setattr(socket, "socket", refuse)
    monkeypatch.setattr(socket, "create_connection", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    frame = people()
    assert all(result.status == "ok" for result in validate(frame, suggest(frame)))
    assert capfd.readouterr() == ("", "")


def test_a_suite_survives_json() -> None:
    suite = suggest(people(), label="label")
    assert suite_from_json(json.dumps(suite)) == suite


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("{", "not JSON"),
        ("{}", "list of expectations"),
        ("[1]", "an object"),
        ('[{"type": "expect_magic", "kwargs": {}}]', "unknown expectation type 'expect_magic'"),
        ('[{"type": ["x"], "kwargs": {}}]', "unknown expectation type"),
        ("[" * 100_000, "not JSON"),
        (
            '[{"type": "expect_table_row_count_to_be_between", "kwargs": {"min_value": 1%s}}]'
            % ("0" * 400),
            "must be a number",
        ),
        (
            '[{"type": "expect_column_values_to_match_regex", '
            '"kwargs": {"column": "a", "regex": "a{99999999999}"}}]',
            "a regular expression",
        ),
        ('[{"type": "expect_column_to_exist"}]', "needs kwargs"),
        ('[{"type": "expect_column_to_exist", "kwargs": {}}]', "name of a column as column"),
        (
            '[{"type": "expect_column_to_exist", "kwargs": {"column": "a"}, "severity": "fatal"}]',
            "severity must be one of critical, warning, info, found 'fatal'",
        ),
        (
            '[{"type": "expect_column_to_exist", "kwargs": {"column": "a", "regex": "x"}}]',
            "does not take regex",
        ),
        (
            '[{"type": "expect_column_values_to_match_regex", "kwargs": {"column": "a",'
            ' "regex": "("}}]',
            "a regular expression",
        ),
        (
            '[{"type": "expect_column_values_to_be_between", "kwargs": {"column": "a"}}]',
            "needs min_value or max_value",
        ),
        (
            '[{"type": "expect_column_values_to_be_between", "kwargs": {"column": "a",'
            ' "min_value": 3, "max_value": 2}}]',
            "above",
        ),
        (
            '[{"type": "expect_column_values_to_not_be_null", "kwargs": {"column": "a",'
            ' "mostly": 2}}]',
            "a share from 0 to 1",
        ),
        (
            '[{"type": "expect_column_values_to_be_in_set", "kwargs": {"column": "a"}}]',
            "needs value_set",
        ),
        (
            '[{"type": "expect_column_to_exist", "kwargs": {"column": "a"}},'
            ' {"type": "expect_column_to_exist", "kwargs": {"column": "a"}}]',
            "two expectations S100:a",
        ),
    ],
)
def test_a_bad_suite_is_refused_in_one_clear_sentence(text: str, complaint: str) -> None:
    with pytest.raises(ValueError, match=re.escape(complaint)) as error:
        suite_from_json(text)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("seed", range(3))
def test_suggestions_find_nothing_in_clean_tables(seed: int) -> None:
    suite = suggest(people(seed=seed), label="label", classes=("yes", "no"))
    assert {item["severity"] for item in suite} <= {"warning", "info"}
    fresh = validate(people(seed=seed + 100), suite)
    assert [r.message for r in validate(people(seed=seed), suite) if r.status != "ok"] == []
    assert [r.expectation["code"] for r in fresh if r.status == "error"] == []


def planted() -> tuple[pd.DataFrame, dict[str, set[int]]]:
    """The clean table with one fault of each kind, and the rows of each by code."""
    frame = people()
    faults = {
        "S104:age": ("age", {3: "999", 50: "-5", 51: "999"}),
        "S102:height": ("height", {9: "tall"}),
        "S103:city": ("city", {11: "Soeul", 12: "seoul", 13: "Daejon"}),
        "S101:note": ("note", {20: None}),
        "S105:id": ("id", {31: "p30", 30: "p30"}),
        "S103:label": ("label", {40: "yess"}),
        "S106:note": ("note", {41: "word " * 900}),
    }
    for column, cells in faults.values():
        for row, value in cells.items():
            frame.loc[row, column] = value
    return frame, {code: set(cells) for code, (_, cells) in faults.items()}


def test_suggestions_find_planted_faults_in_the_very_data_that_they_come_from() -> None:
    frame, faults = planted()
    results = validate(frame, suggest(frame, label="label"))
    found = {r.expectation["code"]: set(r.rows.tolist()) for r in results if r.status == "found"}
    assert found.pop("S103:city") >= {12, 13}
    del faults["S103:city"]
    assert found == faults


def test_rare_but_rightful_values_are_allowed() -> None:
    grades = ["9th"] * 300 + ["11th"] * 250 + ["12th"] * 2 + ["Married-AF-spouse"] * 1
    (rule,) = [r for r in suggest(pd.DataFrame({"g": grades})) if r["code"] == "S103:g"]
    assert set(rule["kwargs"]["value_set"]) == set(grades)


def test_few_missing_values_are_tolerated_and_many_are_not_mentioned() -> None:
    sex = np.array(["f", "m"] * 100, dtype=object)
    few, many = sex.copy(), sex.copy()
    few[:6] = None
    many[:80] = None
    frame = pd.DataFrame({"few": few, "many": many, "none": sex})
    rules = {r["code"]: r["kwargs"].get("mostly") for r in suggest(frame) if "S101" in r["code"]}
    assert rules == {"S101:few": 0.94, "S101:none": None}


def test_tiny_tables_get_no_guesses() -> None:
    frame = people(10)
    codes = [item["code"] for item in suggest(frame, label="label", id_column="id")]
    assert codes == ["S101:id", "S105:id", "S103:label"]


def test_nothing_is_suggested_for_images_and_empty_columns() -> None:
    frame = pd.DataFrame({"image": [b"\x89PNG"] * 30, "void": [None] * 30}, dtype=object)
    assert suggest(frame) == []


@pytest.mark.parametrize(
    "values",
    [
        [5.0] * 30,
        [0.0] * 30,
        list(range(30)),
        [-1.0] * 15 + [1.0] * 15,
        [1e12 + k for k in range(40)],
    ],
)
def test_limits_never_reject_what_they_were_drawn_from(values: list[float]) -> None:
    numbers = np.array(values, dtype=np.float64)
    limits = expectations._limits(numbers)
    assert limits is None or ((numbers >= limits[0]) & (numbers <= limits[1])).all()
