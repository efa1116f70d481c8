"""Suites of expectations as data: what JSON holds, checked, named and put into words.

An expectation is a dict: `{"code": "S101:age", "type": "expect_column_values_to_not_be_null",
"kwargs": {"column": "age"}, "severity": "warning"}`; a suite is a list of them. The types and
arguments are Great Expectations' own, or those of `quality.custom_expectations`; this module needs
neither.
"""

from __future__ import annotations

import json
import math
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

Expectation = dict[str, Any]

SEVERITIES = ("critical", "warning", "info")


class Kind(NamedTuple):
    """A type of expectation.

    `options`: the keyword arguments that a page offers for editing; `columns`: those that name
    columns. `ignoring`: the rows that Great Expectations leaves out, in its own words.
    """

    code: str
    title: str
    options: tuple[str, ...] = ("mostly",)
    columns: tuple[str, ...] = ("column",)
    ignoring: str = ""


_PAIR = ("column_A", "column_B")
_RANGE = ("min_value", "max_value")

EXPECTATIONS: dict[str, Kind] = {
    "expect_column_to_exist": Kind("S100", "Column is there", ()),
    "expect_column_values_to_not_be_null": Kind("S101", "No missing values"),
    "expect_column_values_to_be_of_type": Kind("S102", "Values are numbers", ("type_", "mostly")),
    "expect_column_values_to_be_in_set": Kind("S103", "Allowed values", ("value_set", "mostly")),
    "expect_column_values_to_be_between": Kind("S104", "Numbers in range", (*_RANGE, "mostly")),
    "expect_column_values_to_be_unique": Kind("S105", "No value twice"),
    "expect_column_value_lengths_to_be_between": Kind("S106", "Text length", (*_RANGE, "mostly")),
    "expect_column_values_to_match_regex": Kind("S107", "Text pattern", ("regex", "mostly")),
    "expect_column_values_to_not_be_in_set": Kind(
        "S108", "Forbidden values", ("value_set", "mostly")
    ),
    "expect_compound_columns_to_be_unique": Kind(
        "S109", "No combination twice", columns=("column_list",)
    ),
    "expect_column_pair_values_a_to_be_greater_than_b": Kind(
        "S110", "One column above another", ("or_equal", "mostly"), _PAIR, "either_value_is_missing"
    ),
    "expect_table_row_count_to_be_between": Kind("S111", "Number of rows", _RANGE, ()),
    "expect_column_pair_values_to_be_equal": Kind(
        "S112", "Two columns equal", ("mostly",), _PAIR, "either_value_is_missing"
    ),
    "expect_column_pair_values_b_to_follow_from_a": Kind(
        "S113", "One column says another", ("mostly",), _PAIR, "either_value_is_missing"
    ),
    "expect_column_values_to_be_in_label_set": Kind(
        "S114", "Labels of the label set", ("value_set", "separator", "mostly")
    ),
    "expect_multicolumn_copies_to_agree": Kind(
        "S115", "Copies have one label", columns=("column_list",), ignoring="never"
    ),
    "expect_column_rarest_value_share_to_be_between": Kind(
        "S116", "Share of the rarest class", (*_RANGE, "value_set")
    ),
}
CUSTOM = ("S113", "S114", "S115", "S116")
CUSTOM_MODULE = "quality.custom_expectations"
OPTIONAL_SET = ("expect_column_rarest_value_share_to_be_between",)

TYPES = {"float": "a number", "int": "a whole number"}


def column_arguments(kind: str) -> tuple[str, ...]:
    """The keyword arguments of an expectation type that name columns."""
    return EXPECTATIONS[kind].columns


def columns_of(expectation: Mapping[str, Any]) -> tuple[str, ...]:
    """The columns that an expectation speaks of, in its own order."""
    kwargs = expectation["kwargs"]
    names: list[str] = []
    for argument in column_arguments(expectation["type"]):
        value = kwargs[argument]
        names.extend(value if isinstance(value, list | tuple) else [value])
    return tuple(names)


def doubted_columns(expectation: Mapping[str, Any]) -> tuple[str, ...]:
    """The columns that may be wrong in a row that breaks the rule: those that it decides on."""
    columns = columns_of(expectation)
    says_another = EXPECTATIONS[expectation["type"]].code in ("S113", "S115")
    return columns[-1:] if says_another else columns


def code_of(kind: str, kwargs: Mapping[str, Any]) -> str:
    """The stable code: the type's own, then its columns, for example `S104:age`."""
    columns = columns_of({"type": kind, "kwargs": kwargs})
    return ":".join([EXPECTATIONS[kind].code, *([",".join(columns)] if columns else [])])


def expectation(kind: str, *, severity: str = "warning", **kwargs: Any) -> Expectation:
    """A checked expectation. Raises ValueError with one sentence that says what is wrong."""
    return _checked({"type": kind, "kwargs": kwargs, "severity": severity})


def title_of(item: Mapping[str, Any]) -> str:
    """A heading for people: what is checked and on which columns."""
    columns = columns_of(item)
    title = EXPECTATIONS[item["type"]].title
    return f"{title}: {', '.join(columns)}" if columns else title


def rule_of(item: Mapping[str, Any]) -> str:
    """What must hold, as the end of a sentence: `age must be from 0 to 115`."""
    kind, kwargs = item["type"], item["kwargs"]
    columns = columns_of(item)
    name = " and ".join(columns) or "the number of rows"
    if kind.endswith("_to_be_between"):
        return f"{_measured(kind)}{name} must be {_span(kwargs)}"
    if kind.endswith("_set"):
        negation = "not " if kind.endswith("_not_be_in_set") else ""
        part = f"each part of {name}" if kwargs.get("separator") else name
        return f"{part} must {negation}be one of {_listing(kwargs['value_set'])}"
    if len(columns) > 1 and kind in _RULES_ABOUT_SEVERAL:
        return _RULES_ABOUT_SEVERAL[kind](kwargs)
    rest = {
        "expect_column_to_exist": "must be a column of the table",
        "expect_column_values_to_not_be_null": "must not be empty",
        "expect_column_values_to_be_of_type": f"must be {TYPES.get(kwargs.get('type_', ''), '')}",
        "expect_column_values_to_be_unique": "must not repeat",
        "expect_column_values_to_match_regex": f"must match {kwargs.get('regex')}",
        "expect_compound_columns_to_be_unique": "together must not repeat",
    }
    return f"{name} {rest[kind]}"


def _measured(kind: str) -> str:
    if "lengths" in kind:
        return "the length of "
    return "the share of the rarest value of " if "share" in kind else ""


def _above(kwargs: Mapping[str, Any]) -> str:
    least = "at least" if kwargs.get("or_equal") else "greater than"
    return f"{kwargs['column_A']} must be {least} {kwargs['column_B']}"


def _equal(kwargs: Mapping[str, Any]) -> str:
    return f"{kwargs['column_A']} must equal {kwargs['column_B']}"


def _follows(kwargs: Mapping[str, Any]) -> str:
    return f"{kwargs['column_B']} must be the same wherever {kwargs['column_A']} is the same"


def _agree(kwargs: Mapping[str, Any]) -> str:
    *content, label = kwargs["column_list"]
    verb = "is" if len(content) == 1 else "are"
    return f"{label} must be the same wherever {' and '.join(content)} {verb} the same"


_RULES_ABOUT_SEVERAL = {
    "expect_column_pair_values_a_to_be_greater_than_b": _above,
    "expect_column_pair_values_to_be_equal": _equal,
    "expect_column_pair_values_b_to_follow_from_a": _follows,
    "expect_multicolumn_copies_to_agree": _agree,
}


def _span(kwargs: Mapping[str, Any]) -> str:
    low, high = kwargs.get("min_value"), kwargs.get("max_value")
    if low is None:
        return f"at most {high:.12g}"
    return f"at least {low:.12g}" if high is None else f"from {low:.12g} to {high:.12g}"


def _listing(values: Sequence[Any], most: int = 8) -> str:
    shown = ", ".join(str(value) for value in values[:most])
    return shown if len(values) <= most else f"{shown} and {len(values) - most} more"


# -- suites as JSON ----------------------------------------------------------------------------


def suite_from_json(text: str) -> list[Expectation]:
    """The suite in `text`, as a list or in Great Expectations' own form.

    Raises ValueError with one sentence on the first thing wrong.
    """
    try:
        entries = json.loads(text)
    except (json.JSONDecodeError, RecursionError) as error:
        raise ValueError(f"the suite is not JSON: {error}") from error
    if isinstance(entries, dict) and isinstance(entries.get("expectations"), list):
        entries = [_without_defaults(entry) for entry in entries["expectations"]]
    if not isinstance(entries, list):
        raise ValueError(f"a suite is a list of expectations, found {type(entries).__name__}")
    return checked_suite(entries)


def _without_defaults(entry: Any) -> Any:
    """The entry without the arguments that `great_expectations_form` adds."""
    if not isinstance(entry, Mapping) or not isinstance(entry.get("kwargs"), Mapping):
        return entry
    kwargs = {k: v for k, v in entry["kwargs"].items() if k not in ("ignore_row_if", "batch_id")}
    return {**entry, "kwargs": kwargs}


def great_expectations_form(
    suite: Iterable[Mapping[str, Any]], *, name: str = "suite"
) -> dict[str, Any]:
    """The suite as Great Expectations' own JSON object, to be run elsewhere.

    `gx.ExpectationSuite(**json.loads(text))` reads it. Where it has types of our own, their module
    must be imported first; `meta` names it. They run on pandas, on columns of words or numbers.
    """
    entries = []
    for item in checked_suite(suite):
        ignoring = EXPECTATIONS[item["type"]].ignoring
        kwargs = {**item["kwargs"], **({"ignore_row_if": ignoring} if ignoring else {})}
        meta = {"code": item["code"], "rule": rule_of(item)}
        entries.append(
            {"type": item["type"], "kwargs": kwargs, "severity": item["severity"], "meta": meta}
        )
    custom = any(entry["meta"]["code"].startswith(CUSTOM) for entry in entries)
    return {
        "name": name,
        "expectations": entries,
        "meta": {"import_first": CUSTOM_MODULE} if custom else {},
    }


def checked_suite(entries: Iterable[Any]) -> list[Expectation]:
    """The expectations with their codes, no two alike. Raises ValueError on the first fault."""
    suite = [_checked(entry) for entry in entries]
    for code, count in Counter(item["code"] for item in suite).items():
        if count > 1:
            raise ValueError(f"the suite has two expectations {code}; keep one of them")
    return suite


def _checked(entry: Any) -> Expectation:
    if not isinstance(entry, Mapping):
        raise ValueError(f"an expectation is an object, found {entry!r}")
    kind, kwargs = entry.get("type"), entry.get("kwargs")
    if not isinstance(kind, str) or kind not in EXPECTATIONS:
        raise ValueError(f"unknown expectation type {kind!r}; known are {', '.join(EXPECTATIONS)}")
    if not isinstance(kwargs, Mapping):
        raise ValueError(f"{kind} needs kwargs, an object, found {kwargs!r}")
    severity = entry.get("severity", "warning")
    if severity not in SEVERITIES:
        raise ValueError(f"severity must be one of {', '.join(SEVERITIES)}, found {severity!r}")
    _check_columns(kind, kwargs)
    _check_arguments(kind, kwargs)
    code = code_of(kind, kwargs)
    return {"code": code, "type": kind, "kwargs": dict(kwargs), "severity": severity}


def _check_columns(kind: str, kwargs: Mapping[str, Any]) -> None:
    for argument in column_arguments(kind):
        value = kwargs.get(argument)
        names = value if argument == "column_list" else [value]
        fine = isinstance(names, list | tuple) and all(isinstance(n, str) and n for n in names)
        if not fine or not names:
            raise ValueError(f"{kind} needs the name of a column as {argument}, found {value!r}")
        if kind == "expect_multicolumn_copies_to_agree" and len(names) < 2:
            raise ValueError(f"{kind} needs the columns of the content, then that of the label")


def _check_arguments(kind: str, kwargs: Mapping[str, Any]) -> None:
    editable = EXPECTATIONS[kind].options
    for name, value in kwargs.items():
        if name not in (*editable, *column_arguments(kind)):
            raise ValueError(f"{kind} does not take {name}; it takes {', '.join(editable) or '-'}")
        problem = _PROBLEMS.get(name, lambda _: None)(value)
        if problem:
            raise ValueError(f"{name} of {kind} must be {problem}, found {value!r}")
    for name in ("value_set", "regex", "type_"):
        if name in editable and name not in kwargs and kind not in OPTIONAL_SET:
            raise ValueError(f"{kind} needs {name}")
    low, high = kwargs.get("min_value"), kwargs.get("max_value")
    if "min_value" in editable and low is None and high is None:
        raise ValueError(f"{kind} needs min_value or max_value")
    if low is not None and high is not None and low > high:
        raise ValueError(f"{kind}: min_value {low} is above max_value {high}")


def _number_problem(value: Any) -> str | None:
    if value is None:
        return None
    try:
        fine = isinstance(value, int | float) and math.isfinite(value)
    except OverflowError:  # a whole number of more than 308 digits
        fine = False
    return None if fine and not isinstance(value, bool) else "a number"


def _share_problem(value: Any) -> str | None:
    fine = _number_problem(value) is None and value is not None and 0 <= value <= 1
    return None if fine else "a share from 0 to 1"


def _set_problem(value: Any) -> str | None:
    return None if isinstance(value, list | tuple) and value else "a list of values"


def _type_problem(value: Any) -> str | None:
    return None if isinstance(value, str) and value in TYPES else f"one of {', '.join(TYPES)}"


def _flag_problem(value: Any) -> str | None:
    return None if isinstance(value, bool) else "true or false"


def _text_problem(value: Any) -> str | None:
    return None if isinstance(value, str) and value else "a text that is not empty"


def _regex_problem(value: Any) -> str | None:
    try:
        re.compile(value)
    except (re.error, TypeError, OverflowError, RecursionError):
        return "a regular expression"
    return None


_PROBLEMS = {
    "min_value": _number_problem,
    "max_value": _number_problem,
    "mostly": _share_problem,
    "value_set": _set_problem,
    "type_": _type_problem,
    "or_equal": _flag_problem,
    "regex": _regex_problem,
    "separator": _text_problem,
}
