from __future__ import annotations

import socket
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pandas as pd
import pytest

from quality.expectations import validate, validate_once
from quality.suggestions import suggest
from quality.suites import EXPECTATIONS, Expectation, expectation
from tests.quality.planted import BROKEN, people


@pytest.mark.parametrize("kind", EXPECTATIONS)
def test_every_expectation_finds_exactly_the_planted_rows(kind: str) -> None:
    kwargs, data, rows = BROKEN[kind]
    (found,) = validate(pd.DataFrame(data, dtype=object), [expectation(kind, **kwargs)])
    assert found.status == "found"
    assert found.rows.tolist() == rows
    assert len(found.row_messages) == len(rows)
    assert found.message.endswith(".")


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


def test_allowed_values_are_compared_as_words_whatever_is_stored() -> None:
    frame = pd.DataFrame({"flag": [True, False, None], "mixed": ["1", 1, 2]}, dtype=object)
    suite = [
        expectation("expect_column_values_to_be_in_set", column="flag", value_set=["True"]),
        expectation("expect_column_values_to_be_in_set", column="mixed", value_set=["1"]),
        expectation("expect_column_values_to_not_be_in_set", column="mixed", value_set=[2]),
    ]
    assert [r.rows.tolist() for r in validate(frame, suite)] == [[1], [2], [2]]


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


def every_custom_kind() -> list[Expectation]:
    follows = "expect_column_pair_values_b_to_follow_from_a"
    labels = "expect_column_values_to_be_in_label_set"
    return [
        expectation(follows, column_A="id", column_B="city"),
        expectation(labels, column="city", value_set=["Seoul"], mostly=0.1),
    ]


def test_the_same_content_and_suite_are_judged_once() -> None:
    frame = pd.DataFrame({"a": ["x", None]})
    suite = [expectation("expect_column_values_to_not_be_null", column="a")]
    (first,) = validate_once(frame, suite)
    (again,) = validate_once(frame.set_axis([5, 6]), list(suite))
    assert again is first
    (other,) = validate_once(frame.assign(a=["x", "y"]), suite)
    assert (first.rows.tolist(), other.rows.tolist()) == ([1], [])
    (milder,) = validate_once(frame, [{**suite[0], "kwargs": {"column": "a", "mostly": 0.5}}])
    assert milder.status == "ok"


def test_validation_is_silent_and_opens_no_socket(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("a socket was opened")

    monkeypatch.setattr(socket, "socket", refuse)
    monkeypatch.setattr(socket, "create_connection", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    frame = people()
    suite = [*suggest(frame, label="label", content=("note",)), *every_custom_kind()]
    assert {result.status for result in validate(frame, suite)} == {"ok"}
    assert capfd.readouterr() == ("", "")
