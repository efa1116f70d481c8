from __future__ import annotations

import json
import warnings
from typing import Any

import pandas as pd
import pytest

from quality.expectations import validate
from quality.suites import EXPECTATIONS, expectation, great_expectations_form
from tests.quality.planted import BROKEN

TABLES = [kind for kind in EXPECTATIONS if kind != "expect_column_values_to_be_between"]


def judged_elsewhere(text: str, frame: pd.DataFrame) -> Any:
    """What Great Expectations makes of a suite of ours by the way of its own documentation."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import great_expectations as gx

        import quality.custom_expectations  # noqa: F401

        context = gx.get_context(mode="ephemeral")
        asset = context.data_sources.add_pandas("mine").add_dataframe_asset("table")
        batch = asset.add_batch_definition_whole_dataframe("all").get_batch({"dataframe": frame})
        suite = context.suites.add(gx.ExpectationSuite(**json.loads(text)))
        (result,) = batch.validate(suite, result_format="COMPLETE").results
    return result


@pytest.mark.parametrize("kind", TABLES)
def test_a_suite_that_is_taken_away_finds_the_same_rows(kind: str) -> None:
    kwargs, data, rows = BROKEN[kind]
    frame = pd.DataFrame(data, dtype=object)
    frame = frame.where(frame.map(lambda cell: cell != " "), None)
    if kind.endswith("_a_to_be_greater_than_b"):
        frame = frame.astype(float)
    suite = [expectation(kind, severity="info", **kwargs)]
    assert validate(frame, suite)[0].rows.tolist() == rows
    elsewhere = judged_elsewhere(json.dumps(great_expectations_form(suite)), frame)
    assert elsewhere.exception_info.get("raised_exception") is not True
    assert not elsewhere.success
    if kind != "expect_column_values_to_be_of_type":  # words are no numbers elsewhere
        assert sorted(elsewhere.result.get("unexpected_index_list") or []) == rows
    assert elsewhere.expectation_config.meta["code"] == suite[0]["code"]
    assert elsewhere.expectation_config.severity == "info"


def judged(kind: str, data: dict[str, list[object]], **kwargs: object) -> list[int]:
    (result,) = validate(pd.DataFrame(data, dtype=object), [expectation(kind, **kwargs)])
    assert result.status != "error", result.message
    return result.rows.tolist()


def test_one_column_says_another_and_ties_are_let_be() -> None:
    kind = "expect_column_pair_values_b_to_follow_from_a"
    data = {
        "zip": ["1", "1", "1", "2", "2", "3", None, "1"],
        "city": ["가", "가", "나", "다", "라", "마", "바", None],
    }
    assert judged(kind, data, column_A="zip", column_B="city") == [2]
    assert judged(kind, data, column_A="zip", column_B="city", mostly=0.5) == []


def test_one_label_or_several_must_be_of_the_label_set() -> None:
    kind = "expect_column_values_to_be_in_label_set"
    data = {"label": ["a", "b", "a|b", "a|c", " a | b", None, 1]}
    classes = ["a", "b", 1]
    assert judged(kind, data, column="label", value_set=classes) == [2, 3, 4]
    assert judged(kind, data, column="label", value_set=classes, separator="|") == [3]


def test_copies_must_have_one_label_whatever_their_case_and_blanks() -> None:
    kind = "expect_multicolumn_copies_to_agree"
    data = {
        "title": ["Film", "film ", "film", None, None, "other"],
        "text": ["a  b", "A b", "c", None, None, None],
        "label": ["+", "-", "+", "+", "-", None],
    }
    assert judged(kind, data, column_list=["title", "text", "label"]) == [0, 1]
    assert judged(kind, data, column_list=["title", "label"]) == [0, 1, 2]


@pytest.mark.parametrize(
    ("arguments", "holds"),
    [
        ({"min_value": 0.25}, True),
        ({"min_value": 0.26}, False),
        ({"max_value": 0.2}, False),
        ({"min_value": 0.1, "value_set": ["a", "b"]}, True),
        ({"min_value": 0.1, "value_set": ["a", "b", "c"]}, False),
    ],
)
def test_the_rarest_class_has_its_share(arguments: dict[str, object], holds: bool) -> None:
    kind = "expect_column_rarest_value_share_to_be_between"
    frame = pd.DataFrame({"label": ["a", "a", "a", "b", None]}, dtype=object)
    (result,) = validate(frame, [expectation(kind, column="label", **arguments)])
    assert result.status == ("ok" if holds else "found")
    assert len(result.rows) == 0
