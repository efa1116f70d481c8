"""Schema checks: Great Expectations behind one door, as plain data in and plain results out.

Great Expectations is imported when the first suite is validated (it takes seconds).
"""

from __future__ import annotations

import importlib
import json
import os
import sys
import threading
import warnings
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from quality.columns import as_numbers, as_words, filled, is_number, looks_numeric, typed
from quality.fingerprints import content_hash
from quality.suites import (
    CUSTOM_MODULE,
    EXPECTATIONS,
    Expectation,
    checked_suite,
    column_arguments,
    columns_of,
    rule_of,
)

Rows = npt.NDArray[np.int64]

NO_ROWS: Rows = np.zeros(0, dtype=np.int64)
NUMERIC = frozenset(
    {
        "expect_column_values_to_be_between",
        "expect_column_pair_values_a_to_be_greater_than_b",
    }
)

# All failing rows by position; writing a query that finds them again would cost a tenth more.
ALL_ROWS = {"result_format": "COMPLETE", "return_unexpected_index_query": False}
REMEMBERED = 4

_lock = threading.Lock()
_lately: OrderedDict[tuple[str, str], list[Result]] = OrderedDict()
_lately_lock = threading.Lock()


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


def validate_once(frame: pd.DataFrame, suite: Sequence[Mapping[str, Any]]) -> list[Result]:
    """What `validate` gives; the same content and suite as lately are not judged again."""
    key = (content_hash(frame), json.dumps(list(map(dict, suite)), sort_keys=True, default=str))
    with _lately_lock:
        if key in _lately:
            _lately.move_to_end(key)
            return list(_lately[key])
    results = validate(frame, suite)
    with _lately_lock:
        _lately[key] = results
        while len(_lately) > REMEMBERED:
            _lately.popitem(last=False)
    return results


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

    Great Expectations hashes the whole frame (once with `get_validator`, twice by the shorter way
    of `batch.validate`) and is fast on an unnamed RangeIndex only. Where a
    rule needs parsed values, they are a column of their own, so that no other rule loses any.
    """
    used = dict.fromkeys(column for item in items for column in columns_of(item))
    rows = pd.RangeIndex(len(frame))
    known = pd.DataFrame({c: filled(frame[c]).set_axis(rows) for c in used}, index=rows)
    views = [_view(known, item) for item in items]
    needed = dict.fromkeys(
        (column, view)
        for item, view in zip(items, views, strict=True)
        for column in columns_of(item)
    )
    names = {key: f"c{k}" for k, key in enumerate(needed)}
    cells = {name: _VIEWS[view](known[column]) for (column, view), name in names.items()}
    table = pd.DataFrame(cells or {"c0": np.zeros(len(frame))})
    return table, [
        (item["type"], _arguments(frame, item, {c: names[c, view] for c in columns_of(item)}))
        for item, view in zip(items, views, strict=True)
    ]


_VIEWS: dict[str, Callable[[pd.Series], pd.Series]] = {
    "filled": lambda values: values,
    "words": as_words,
    "number": as_numbers,
    "float": lambda values: typed(values, "float"),
    "int": lambda values: typed(values, "int"),
}


def _view(frame: pd.DataFrame, item: Expectation) -> str:
    if item["type"] == "expect_column_values_to_be_of_type":
        return str(item["kwargs"]["type_"])
    if item["type"].endswith("_in_set"):
        return "words"
    numeric = item["type"] in NUMERIC
    if item["type"].startswith("expect_column_pair_"):
        numeric = numeric and all(looks_numeric(frame[column]) for column in columns_of(item))
    return "number" if numeric else "filled"


def _arguments(frame: pd.DataFrame, item: Expectation, names: Mapping[str, str]) -> dict[str, Any]:
    """The keyword arguments with the columns under their plain names."""
    kwargs = dict(item["kwargs"])
    kind = EXPECTATIONS[item["type"]]
    for argument in column_arguments(item["type"]):
        value = kwargs[argument]
        kwargs[argument] = names[value] if isinstance(value, str) else [names[c] for c in value]
    if kind.ignoring:
        kwargs["ignore_row_if"] = kind.ignoring
    if "value_set" in kwargs:
        number = is_number(frame[columns_of(item)[0]])
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
        configured = [
            implementation(kind)(**kwargs, meta={"order": order}).configuration
            for order, (kind, kwargs) in enumerate(configurations)
        ]
        results = context.get_validator(batch_list=[batch]).graph_validate(
            configurations=configured, runtime_configuration={"result_format": ALL_ROWS}
        )
        return sorted(results, key=lambda r: r.expectation_config.meta["order"])


def _great_expectations() -> tuple[Any, Any]:
    """The library, analytics off, and what makes an expectation; only the first import warns."""
    if "great_expectations" not in sys.modules:
        os.environ["GX_ANALYTICS_ENABLED"] = "false"
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            importlib.import_module("great_expectations")
    importlib.import_module(CUSTOM_MODULE)
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
    cells = [filled(frame[column].iloc[rows]).tolist() for column in columns]
    return [
        " and ".join(f"{c} is {_shown(v)}" for c, v in zip(columns, values, strict=True))
        for values in zip(*cells, strict=True)
    ]


def _shown(value: Any, most: int = 60) -> str:
    if value is None or pd.isna(value):
        return "empty"
    text = f"{value:.12g}" if isinstance(value, float) else str(value)
    return repr(text if len(text) <= most else text[: most - 1] + "…")
