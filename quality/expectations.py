"""Schema checks: Great Expectations behind one door, as plain data in and plain results out.

An expectation is a dict that JSON can hold, a suite a list of them:
`{"code": "S101:age", "type": "expect_column_values_to_not_be_null", "kwargs": {"column": "age"},
"severity": "warning"}`. Great Expectations is imported inside `validate` only (it takes seconds).
"""

from __future__ import annotations

import importlib
import json
import math
import os
import re
import sys
import threading
import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

Expectation = dict[str, Any]
Floats = npt.NDArray[np.float64]
Rows = npt.NDArray[np.int64]

SEVERITIES = ("critical", "warning", "info")
NO_ROWS: Rows = np.zeros(0, dtype=np.int64)

# type -> (code, title, the keyword arguments that a page offers for editing)
EXPECTATIONS: dict[str, tuple[str, str, tuple[str, ...]]] = {
    "expect_column_to_exist": ("S100", "Column is there", ()),
    "expect_column_values_to_not_be_null": ("S101", "No missing values", ("mostly",)),
    "expect_column_values_to_be_of_type": ("S102", "Values are numbers", ("type_", "mostly")),
    "expect_column_values_to_be_in_set": ("S103", "Allowed values", ("value_set", "mostly")),
    "expect_column_values_to_be_between": (
        "S104",
        "Numbers in range",
        ("min_value", "max_value", "mostly"),
    ),
    "expect_column_values_to_be_unique": ("S105", "No value twice", ("mostly",)),
    "expect_column_value_lengths_to_be_between": (
        "S106",
        "Text length",
        ("min_value", "max_value", "mostly"),
    ),
    "expect_column_values_to_match_regex": ("S107", "Text pattern", ("regex", "mostly")),
    "expect_column_values_to_not_be_in_set": ("S108", "Forbidden values", ("value_set", "mostly")),
    "expect_compound_columns_to_be_unique": ("S109", "No combination twice", ("mostly",)),
    "expect_column_pair_values_a_to_be_greater_than_b": (
        "S110",
        "One column above another",
        ("or_equal", "mostly"),
    ),
    "expect_table_row_count_to_be_between": ("S111", "Number of rows", ("min_value", "max_value")),
}

NUMERIC = frozenset(
    {
        "expect_column_values_to_be_between",
        "expect_column_pair_values_a_to_be_greater_than_b",
    }
)
TYPES = {"float": "a number", "int": "a whole number"}
NUMERIC_SHARE = 0.9

_lock = threading.Lock()


# -- one expectation ---------------------------------------------------------------------------


def column_arguments(kind: str) -> tuple[str, ...]:
    """The keyword arguments of an expectation type that name columns."""
    if kind.startswith("expect_column_pair_"):
        return ("column_A", "column_B")
    if kind.startswith("expect_compound_columns_"):
        return ("column_list",)
    return () if kind.startswith("expect_table_") else ("column",)


def columns_of(expectation: Mapping[str, Any]) -> tuple[str, ...]:
    """The columns that an expectation speaks of, in its own order."""
    kwargs = expectation["kwargs"]
    names: list[str] = []
    for argument in column_arguments(expectation["type"]):
        value = kwargs[argument]
        names.extend(value if isinstance(value, list | tuple) else [value])
    return tuple(names)


def code_of(kind: str, kwargs: Mapping[str, Any]) -> str:
    """The stable code: the type's own, then its columns, for example `S104:age`."""
    columns = columns_of({"type": kind, "kwargs": kwargs})
    return ":".join([EXPECTATIONS[kind][0], *([",".join(columns)] if columns else [])])


def expectation(kind: str, *, severity: str = "warning", **kwargs: Any) -> Expectation:
    """A checked expectation. Raises ValueError with one sentence that says what is wrong."""
    return _checked({"type": kind, "kwargs": kwargs, "severity": severity})


def title_of(item: Mapping[str, Any]) -> str:
    """A heading for people: what is checked and on which columns."""
    columns = columns_of(item)
    title = EXPECTATIONS[item["type"]][1]
    return f"{title}: {', '.join(columns)}" if columns else title


def rule_of(item: Mapping[str, Any]) -> str:
    """What must hold, as the end of a sentence: `age must be from 0 to 115`."""
    kind, kwargs = item["type"], item["kwargs"]
    name = " and ".join(columns_of(item)) or "the number of rows"
    if kind.endswith("_to_be_between"):
        length = "the length of " if "lengths" in kind else ""
        return f"{length}{name} must be {_span(kwargs)}"
    if kind.endswith("_in_set"):
        negation = "not " if kind.endswith("_not_be_in_set") else ""
        return f"{name} must {negation}be one of {_listing(kwargs['value_set'])}"
    if kind.endswith("_a_to_be_greater_than_b"):
        least = "at least" if kwargs.get("or_equal") else "greater than"
        return f"{kwargs['column_A']} must be {least} {kwargs['column_B']}"
    rest = {
        "expect_column_to_exist": "must be a column of the table",
        "expect_column_values_to_not_be_null": "must not be empty",
        "expect_column_values_to_be_of_type": f"must be {TYPES.get(kwargs.get('type_', ''), '')}",
        "expect_column_values_to_be_unique": "must not repeat",
        "expect_column_values_to_match_regex": f"must match {kwargs.get('regex')}",
        "expect_compound_columns_to_be_unique": "together must not repeat",
    }
    return f"{name} {rest[kind]}"


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
    """The suite in `text`. Raises ValueError with one sentence on the first thing wrong."""
    try:
        entries = json.loads(text)
    except (json.JSONDecodeError, RecursionError) as error:
        raise ValueError(f"the suite is not JSON: {error}") from error
    if not isinstance(entries, list):
        raise ValueError(f"a suite is a list of expectations, found {type(entries).__name__}")
    return checked_suite(entries)


def checked_suite(entries: Iterable[Any]) -> list[Expectation]:
    """The expectations with their codes, no two alike. Raises ValueError on the first fault."""
    suite = [_checked(entry) for entry in entries]
    codes = [item["code"] for item in suite]
    for code in codes:
        if codes.count(code) > 1:
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


def _check_arguments(kind: str, kwargs: Mapping[str, Any]) -> None:
    editable = EXPECTATIONS[kind][2]
    for name, value in kwargs.items():
        if name not in (*editable, *column_arguments(kind)):
            raise ValueError(f"{kind} does not take {name}; it takes {', '.join(editable) or '-'}")
        problem = _PROBLEMS.get(name, lambda _: None)(value)
        if problem:
            raise ValueError(f"{name} of {kind} must be {problem}, found {value!r}")
    for name in ("value_set", "regex", "type_"):
        if name in editable and name not in kwargs:
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
}


# -- values ------------------------------------------------------------------------------------


def _is_number(values: pd.Series) -> bool:
    return values.dtype.kind in "iuf"


def filled(values: pd.Series) -> pd.Series:
    """The column with None for missing and for blank text; numbers stay float64 or int64."""
    if _is_number(values):
        return values.astype("float64" if values.dtype.kind == "f" else "int64")
    plain = values.astype(object)
    blank = plain.map(lambda v: isinstance(v, str) and not v.strip()).astype(bool)
    return plain.where(plain.notna() & ~blank, None)


def as_numbers(values: pd.Series) -> pd.Series:
    """The column as float64; what is not a finite number becomes NaN."""
    numbers = pd.to_numeric(values, errors="coerce").astype("float64")
    return numbers.where(np.isfinite(numbers))


def looks_numeric(values: pd.Series) -> bool:
    """Whether at least nine in ten of the filled values parse as numbers."""
    known = filled(values).dropna()
    return len(known) > 0 and bool(as_numbers(known).notna().mean() >= NUMERIC_SHARE)


def _typed(values: pd.Series, type_: str) -> pd.Series:
    """Objects: parsed values where they parse as `type_`, else as they were; None for missing."""
    known = filled(values).astype(object)
    numbers = as_numbers(known)
    fits = numbers.notna() & ((numbers == numbers.round()) if type_ == "int" else True)
    kind = int if type_ == "int" else float
    parsed = [kind(n) if ok else raw for n, ok, raw in zip(numbers, fits, known, strict=True)]
    return pd.Series(parsed, index=values.index, dtype=object).where(known.notna(), None)


# -- validation --------------------------------------------------------------------------------


@dataclass(frozen=True)
class Result:
    """What became of one expectation: status "ok", "found" or "error" (it could not be judged).

    `rows` are the positions of the rows that break the rule, int (found,), ascending, with a
    sentence each; a broken rule about the table has none. `message` is one sentence.
    """

    expectation: Expectation
    status: str
    message: str
    rows: Rows
    row_messages: tuple[str, ...]


def validate(frame: pd.DataFrame, suite: Sequence[Mapping[str, Any]]) -> list[Result]:
    """One result per expectation, in order; safe to call from several threads.

    `frame` has one row per item in any index; strings that should be numbers are parsed first.
    """
    items = checked_suite(suite)
    problems = [_obstacle(frame, item) for item in items]
    able = [k for k, problem in enumerate(problems) if problem is None]
    table, configurations = _batch_table(frame, [items[k] for k in able])
    raw = dict(zip(able, _run(table, configurations), strict=True)) if able else {}
    return [
        _result(frame, item, raw[k]) if problem is None else problem
        for k, (item, problem) in enumerate(zip(items, problems, strict=True))
    ]


def _obstacle(frame: pd.DataFrame, item: Expectation) -> Result | None:
    """The result of an expectation that need not or cannot be given to Great Expectations."""
    missing = [name for name in columns_of(item) if name not in frame.columns]
    if missing:
        message = f"The table has no column {', '.join(missing)}."
        status = "found" if item["type"] == "expect_column_to_exist" else "error"
        return Result(item, status, message, NO_ROWS, ())
    if frame.empty and not item["type"].startswith("expect_table_"):
        return Result(item, "error", "The table has no rows, so nothing was checked.", NO_ROWS, ())
    return None


def _batch_table(
    frame: pd.DataFrame, items: Sequence[Expectation]
) -> tuple[pd.DataFrame, list[tuple[str, dict[str, Any]]]]:
    """A frame of just the columns needed, under plain names, and the expectations about it.

    Great Expectations hashes the whole frame and is fast on an unnamed RangeIndex only. Where a
    rule needs parsed values, they are a column of their own, so that no other rule loses any.
    """
    views = [_view(frame, item) for item in items]
    used = dict.fromkeys(
        (column, view)
        for item, view in zip(items, views, strict=True)
        for column in columns_of(item)
    )
    names = {key: f"c{k}" for k, key in enumerate(used)}
    cells = {
        name: _VIEWS[view](frame[column]).reset_index(drop=True)
        for (column, view), name in names.items()
    }
    table = pd.DataFrame(cells or {"c0": np.zeros(len(frame))})
    return table, [
        (item["type"], _arguments(frame, item, {c: names[c, view] for c in columns_of(item)}))
        for item, view in zip(items, views, strict=True)
    ]


_VIEWS: dict[str, Callable[[pd.Series], pd.Series]] = {
    "filled": filled,
    "number": as_numbers,
    "float": lambda values: _typed(values, "float"),
    "int": lambda values: _typed(values, "int"),
}


def _view(frame: pd.DataFrame, item: Expectation) -> str:
    if item["type"] == "expect_column_values_to_be_of_type":
        return str(item["kwargs"]["type_"])
    numeric = item["type"] in NUMERIC
    if item["type"].startswith("expect_column_pair_"):
        numeric = all(looks_numeric(frame[column]) for column in columns_of(item))
    return "number" if numeric else "filled"


def _arguments(frame: pd.DataFrame, item: Expectation, names: Mapping[str, str]) -> dict[str, Any]:
    """The keyword arguments with the columns under their plain names."""
    kwargs = dict(item["kwargs"])
    for argument in column_arguments(item["type"]):
        value = kwargs[argument]
        kwargs[argument] = names[value] if isinstance(value, str) else [names[c] for c in value]
    if item["type"].startswith("expect_column_pair_"):
        kwargs["ignore_row_if"] = "either_value_is_missing"
    if "value_set" in kwargs:
        number = _is_number(frame[columns_of(item)[0]])
        kwargs["value_set"] = [v if number else str(v) for v in kwargs["value_set"]]
    return kwargs


def _run(table: pd.DataFrame, configurations: Sequence[tuple[str, dict[str, Any]]]) -> list[Any]:
    """Great Expectations' results in the order of `configurations`; one validation at a time."""
    with _lock:
        gx, implementation = _great_expectations()
        context = gx.get_context(mode="ephemeral")
        _silence(context)
        source = context.data_sources.add_pandas("frame").add_dataframe_asset("frame")
        batch = source.add_batch_definition_whole_dataframe("frame").get_batch({"dataframe": table})
        suite = gx.ExpectationSuite(name="suite")
        for order, (kind, kwargs) in enumerate(configurations):
            suite.add_expectation(implementation(kind)(**kwargs, meta={"order": order}))
        outcome = batch.validate(suite, result_format="COMPLETE")
        return sorted(outcome.results, key=lambda r: r.expectation_config.meta["order"])


def _great_expectations() -> tuple[Any, Any]:
    """The library, analytics off, and what makes an expectation; only the first import warns."""
    if "great_expectations" not in sys.modules:
        os.environ["GX_ANALYTICS_ENABLED"] = "false"
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            importlib.import_module("great_expectations")
    import great_expectations as gx
    from great_expectations.expectations.registry import get_expectation_impl

    return gx, get_expectation_impl


def _silence(context: Any) -> None:
    from great_expectations.data_context.types.base import (
        ProgressBarsConfig,
    )

    context.variables.progress_bars = ProgressBarsConfig(globally=False, metric_calculations=False)


def _result(frame: pd.DataFrame, item: Expectation, raw: Any) -> Result:
    fault = _fault(raw.exception_info)
    if fault:
        message = f"It could not be judged whether {rule_of(item)}: {fault}"
        return Result(item, "error", message, NO_ROWS, ())
    if raw.success:
        return Result(item, "ok", f"It holds that {rule_of(item)}.", NO_ROWS, ())
    found = raw.result.get("unexpected_index_list") or []
    rows = np.sort(np.asarray(found, dtype=np.int64))
    if not len(rows):
        seen = raw.result.get("observed_value")
        message = f"{rule_of(item)}, but it is {seen}."
        return Result(item, "found", message, rows, ())
    seen, rule = _seen(frame, item, rows), rule_of(item)
    verb = "row breaks" if len(rows) == 1 else "rows break"
    message = f"{len(rows):,} {verb} the rule that {rule}; for example {seen[0]}."
    sentences = tuple(f"{cell}; {rule}." for cell in seen)
    return Result(item, "found", message, rows, sentences)


def _fault(info: Any) -> str | None:
    """The message of the exception in either of the two shapes of the record, or None."""
    records = [info] if "raised_exception" in (info or {}) else list((info or {}).values())
    for record in records:
        if isinstance(record, Mapping) and record.get("raised_exception"):
            return str(record.get("exception_message") or "unknown error").splitlines()[0]
    return None


def _seen(frame: pd.DataFrame, item: Expectation, rows: Rows) -> list[str]:
    """What stands in the columns of the rule, per row: `age is '999'`."""
    columns = columns_of(item)
    cells = [filled(frame[column]).iloc[rows].tolist() for column in columns]
    return [
        " and ".join(f"{c} is {_shown(v)}" for c, v in zip(columns, values, strict=True))
        for values in zip(*cells, strict=True)
    ]


def _shown(value: Any, most: int = 60) -> str:
    if value is None or pd.isna(value):
        return "empty"
    text = f"{value:.12g}" if isinstance(value, float) else str(value)
    return repr(text if len(text) <= most else text[: most - 1] + "…")


# -- suggestions -------------------------------------------------------------------------------

MIN_ROWS = 20
MAX_LEVELS = 60
FEW_MISSING = 0.05
RARE = 0.02
ID_NAME = re.compile(r"(^|[_\W])(id|uuid|guid|key|index)$", re.IGNORECASE)
CODE_NAME = re.compile(r"(zip|postal|postcode|phone|fax|code|number|nr|no)$", re.IGNORECASE)


def suggest(
    frame: pd.DataFrame,
    *,
    label: str | None = None,
    classes: Sequence[str] = (),
    id_column: str | None = None,
) -> list[Expectation]:
    """Expectations that fit most of `frame`, so that what they reject is worth a look.

    Never "critical": they are guesses until somebody has read them. Under twenty rows nothing is
    guessed but what `label`, `classes` and `id_column` say themselves.
    """
    suite: list[Expectation] = []
    for column in frame.columns:
        name = str(column)
        if column == label:
            suite += _label_rules(name, frame[column], classes)
        elif column == id_column or (ID_NAME.search(name) and _nearly_unique(frame[column])):
            suite += _id_rules(name)
        elif len(frame) >= MIN_ROWS:
            suite += _column_rules(name, filled(frame[column]))
    return suite


def _label_rules(name: str, values: pd.Series, classes: Sequence[str]) -> list[Expectation]:
    allowed = list(classes) or _known_classes(filled(values))
    kind = "expect_column_values_to_be_in_set"
    return [expectation(kind, column=name, value_set=allowed)] if allowed else []


def _known_classes(values: pd.Series) -> list[Any]:
    """The allowed values, without labels that occur once where the others occur often."""
    counts = values.dropna().map(str).value_counts()
    allowed = _allowed(values)
    often = counts[counts >= MIN_ROWS]
    once = set(counts[counts == 1].index) if often.sum() >= 0.95 * counts.sum() else set()
    return [value for value in allowed if value not in once]


def _id_rules(name: str) -> list[Expectation]:
    return [
        expectation("expect_column_values_to_not_be_null", column=name),
        expectation("expect_column_values_to_be_unique", column=name),
    ]


def _column_rules(name: str, values: pd.Series) -> list[Expectation]:
    known = values.dropna()
    if known.empty or isinstance(known.iloc[0], bytes):
        return []
    if looks_numeric(known):
        return _null_rules(name, values) + _number_rules(name, known)
    allowed = _allowed(known)
    if allowed:
        kind = "expect_column_values_to_be_in_set"
        return [*_null_rules(name, values), expectation(kind, column=name, value_set=allowed)]
    return _null_rules(name, values, strict=True) + _length_rules(name, known)


def _null_rules(name: str, values: pd.Series, *, strict: bool = False) -> list[Expectation]:
    """Not empty: without exception in free text, else up to twice today's share of few."""
    missing = float(values.isna().mean())
    if missing > FEW_MISSING:
        return []
    kind = "expect_column_values_to_not_be_null"
    if strict or missing == 0:
        return [expectation(kind, column=name)]
    return [expectation(kind, column=name, mostly=math.floor(100 * (1 - 2 * missing)) / 100)]


def _number_rules(name: str, known: pd.Series) -> list[Expectation]:
    numbers = as_numbers(known).dropna().to_numpy()
    kind = "expect_column_values_to_be_of_type"
    rules = [] if _is_number(known) else [expectation(kind, column=name, type_="float")]
    limits = None if CODE_NAME.search(name) else _limits(numbers)
    if limits:
        kind = "expect_column_values_to_be_between"
        low, high = limits
        rules.append(expectation(kind, column=name, min_value=low, max_value=high))
    return rules


def _length_rules(name: str, known: pd.Series) -> list[Expectation]:
    lengths = known.map(lambda value: len(str(value))).to_numpy(dtype=np.float64)
    limits = _limits(lengths)
    if limits is None:
        return []
    low, high = max(1, math.floor(limits[0])), math.ceil(limits[1])
    kind = "expect_column_value_lengths_to_be_between"
    return [expectation(kind, column=name, min_value=low, max_value=high, severity="info")]


def _limits(numbers: Floats) -> tuple[float, float] | None:
    """A range around the bulk of `numbers`, float (n,): half as wide again on each side.

    Left out are the few values (at most 2 %) behind a gap wider than all of their side of the
    bulk, on the scale of the values and of their logarithms (amounts of money are skewed, not
    wrong), and few negative values where zero is plainly the floor.
    """
    values = np.sort(numbers)
    spare = max(3, int(RARE * len(values)))
    if _zero_is_floor(values):
        values = values[values >= 0]
    values = values[_first_after_gap(-values[::-1], spare) :] if values[0] < 0 else values
    values = values[: len(values) - _first_after_gap(values, spare)]
    low, middle, high = values[0], float(np.median(values)), values[-1]
    if low == high:
        return None
    step = 10.0 ** (math.floor(math.log10(high - low)) - 1)
    below = math.floor((low - 0.5 * (middle - low)) / step) * step
    above = math.ceil((high + 0.5 * (high - middle)) / step) * step
    return float(f"{max(below, 0.0) if low >= 0 else below:.12g}"), float(f"{above:.12g}")


def _zero_is_floor(values: Floats) -> bool:
    if np.mean(values < 0) > RARE:
        return False
    first, middle = np.quantile(values, [RARE, 0.5])
    return bool(first > 0.1 * (middle - first) or np.mean(values == 0) > FEW_MISSING)


def _first_after_gap(values: Floats, spare: int) -> int:
    """How many of the largest `spare` of the sorted `values` lie behind a gap; 0 if none."""
    return (
        _behind_gap(values, spare)
        if values[0] < 0
        else min(_behind_gap(values, spare), _behind_gap(np.log1p(values), spare))
    )


def _behind_gap(values: Floats, spare: int) -> int:
    middle = np.median(values)
    tail = values[-spare - 1 :]
    wide = np.flatnonzero(np.diff(tail) > np.maximum(tail[:-1] - middle, 0.0))
    wide = wide[tail[wide] > middle]
    return len(tail) - 1 - int(wide[0]) if len(wide) else 0


def _nearly_unique(values: pd.Series) -> bool:
    known = values.dropna()
    return len(known) > 0 and known.nunique() >= 0.95 * len(values)


def _allowed(known: pd.Series) -> list[Any]:
    """The values of a column with few of them, without rare misspellings of frequent ones."""
    counts = known.dropna().map(str).value_counts()
    if not len(counts):
        return []
    frequent = counts[counts >= max(2, 0.005 * counts.sum())]
    if len(frequent) > MAX_LEVELS or frequent.sum() < 0.9 * counts.sum():
        return []
    return sorted(v for v, n in counts.items() if not _misspelt(str(v), int(n), counts))


def _misspelt(value: str, count: int, counts: pd.Series) -> bool:
    """Whether a value twenty times as frequent is written almost the same."""
    rivals = counts[counts >= 20 * count].index
    return any(_almost_same(value, str(rival)) for rival in rivals)


def _almost_same(one: str, other: str) -> bool:
    """Equal but for case and spaces, or words of five letters and more a misprint apart."""
    a, b = " ".join(one.casefold().split()), " ".join(other.casefold().split())
    is_code = " " not in b and _has_digit(b)
    return a == b or (min(len(a), len(b)) >= 5 and not is_code and _misprint(a, b))


def _misprint(one: str, other: str) -> bool:
    """A letter added or left out, or one replaced, two from eight letters on, and so forth.

    Figures are never taken for misprints: "11th" is not a wrong "12th".
    """
    if len(one) == len(other):
        odd = [a + b for a, b in zip(one, other, strict=True) if a != b]
        return len(odd) <= 1 + len(one) // 8 and not any(map(_has_digit, odd))
    short, long = sorted((one, other), key=len)
    if len(long) - len(short) > 1:
        return False
    at = next((k for k, a in enumerate(short) if a != long[k]), len(short))
    return short[at:] == long[at + 1 :] and not long[at].isdigit()


def _has_digit(letters: str) -> bool:
    return any(letter.isdigit() for letter in letters)
