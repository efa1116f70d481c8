from __future__ import annotations

import json
import re

import pytest

from quality.suggestions import suggest
from quality.suites import (
    EXPECTATIONS,
    Expectation,
    columns_of,
    doubted_columns,
    expectation,
    great_expectations_form,
    rule_of,
    suite_from_json,
    title_of,
)
from tests.quality.planted import BROKEN, people


@pytest.mark.parametrize("kind", EXPECTATIONS)
def test_every_expectation_has_words_for_people(kind: str) -> None:
    item = expectation(kind, **BROKEN[kind][0])
    assert title_of(item).startswith(EXPECTATIONS[kind][1])
    assert " must " in rule_of(item)
    assert all(column in rule_of(item) for column in columns_of(item))
    assert item["code"].startswith(EXPECTATIONS[kind][0])


def every_kind() -> list[Expectation]:
    """One expectation of each type, with a severity that is nobody's default."""
    return [expectation(kind, severity="info", **BROKEN[kind][0]) for kind in EXPECTATIONS]


def test_a_suite_survives_json() -> None:
    for suite in (suggest(people(), label="label", content=("note",)), every_kind()):
        assert suite_from_json(json.dumps(suite)) == suite


def test_a_suite_survives_great_expectations_own_form() -> None:
    text = json.dumps(great_expectations_form(every_kind(), name="번호"))
    assert suite_from_json(text) == every_kind()
    assert json.loads(text)["name"] == "번호"


def test_the_form_names_our_module_only_where_it_is_needed() -> None:
    plain = [expectation("expect_column_to_exist", column="a")]
    assert great_expectations_form(plain)["meta"] == {}
    assert "quality.custom_expectations" in great_expectations_form(every_kind())["meta"].values()


def test_a_rule_about_several_columns_doubts_what_it_decides_on() -> None:
    doubted = {item["code"][:4]: doubted_columns(item) for item in every_kind()}
    assert doubted["S113"] == doubted["S115"] == ("b",)
    assert doubted["S109"] == doubted["S110"] == ("a", "b")
    assert doubted["S104"] == ("a",)


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
            '[{"type": "expect_column_values_to_be_in_label_set", "kwargs": {"column": "a",'
            ' "value_set": ["x"], "separator": ""}}]',
            "a text that is not empty",
        ),
        (
            '[{"type": "expect_multicolumn_copies_to_agree", "kwargs": {"column_list": ["a"]}}]',
            "needs the columns of the content, then that of the label",
        ),
        ('{"expectations": [{"type": "expect_magic", "kwargs": {}}]}', "expect_magic"),
        ('{"expectations": [7]}', "an object"),
        (
            '{"expectations": [{"type": "expect_column_to_exist", "kwargs": {"column": "a",'
            ' "row_condition": "b > 3"}}]}',
            "does not take row_condition",
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
