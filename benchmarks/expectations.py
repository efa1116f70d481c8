"""What twelve expectations with all failing rows cost beside plain pandas, in CPU seconds.

python -m benchmarks.expectations [--quick]

The floor is pandas by hand on the same frame, in the same run; "naive" is Great Expectations as one
would write it at first: a validation an expectation, with the rows named by a column. In the first
table numbers are numbers; in the second all cells are words, as our own import reads them, and the
floor has to parse too.
"""

from __future__ import annotations

import argparse
import warnings
from collections.abc import Callable
from time import process_time
from typing import Any

import numpy as np
import pandas as pd

from quality.expectations import validate
from quality.fingerprints import content_hash
from quality.suites import Expectation, expectation

CITIES = ["Seoul", "Busan", "Daejeon", "Incheon"]
DATE = r"^\d{4}-\d{2}-\d{2}$"
FAULTS = 0.01  # of the rows, for each rule that can be broken
GOAL_AT_A_MILLION = 6.0
GOAL_AT_TEN_THOUSAND = 0.3


def table(rows: int) -> pd.DataFrame:
    """Ids, numbers, dates, categories and notes; one row in a hundred wrong in each column."""
    rng = np.random.default_rng(0)
    dates = [f"2024-{month:02d}-{day:02d}" for month in range(1, 13) for day in range(1, 29)]
    low = rng.integers(0, 100, rows)
    frame = pd.DataFrame(
        {
            "id": np.array([f"p{k}" for k in range(rows)], dtype=object),
            "age": rng.integers(17, 91, rows),
            "height": rng.normal(170, 9, rows).round(1),
            "city": rng.choice(np.array(CITIES, dtype=object), rows),
            "date": rng.choice(np.array(dates, dtype=object), rows),
            "note": rng.choice(np.array([f"note {k} " * 3 for k in range(1000)], object), rows),
            "low": low,
            "high": low + rng.integers(0, 50, rows),
        }
    ).astype({name: object for name in ("id", "city", "date", "note")})
    wrong = {"age": 999, "city": "Soeul", "note": None, "date": "n/a", "high": -1, "id": "p0"}
    for column, value in {**wrong, "height": np.nan}.items():
        frame.loc[rng.random(rows) < FAULTS, column] = value
    return frame


def as_words(frame: pd.DataFrame) -> pd.DataFrame:
    """The same table as it is read from a file: text, None where blank."""
    words = {name: [None if pd.isna(v) else str(v) for v in frame[name]] for name in frame.columns}
    return pd.DataFrame(words, dtype=object)


SUITE: list[Expectation] = [
    expectation("expect_column_values_to_not_be_null", column="note"),
    expectation("expect_column_values_to_not_be_null", column="height"),
    expectation("expect_column_values_to_be_unique", column="id"),
    expectation("expect_column_values_to_be_between", column="age", min_value=0, max_value=120),
    expectation("expect_column_values_to_be_between", column="height", min_value=130),
    expectation("expect_column_values_to_be_in_set", column="city", value_set=CITIES),
    expectation("expect_column_values_to_match_regex", column="date", regex=DATE),
    expectation("expect_column_value_lengths_to_be_between", column="note", max_value=29),
    expectation(
        "expect_column_pair_values_a_to_be_greater_than_b",
        column_A="high",
        column_B="low",
        or_equal=True,
    ),
    expectation("expect_compound_columns_to_be_unique", column_list=["id", "date"]),
    expectation("expect_column_values_to_not_be_in_set", column="note", value_set=["?", "n/a"]),
    expectation("expect_table_row_count_to_be_between", min_value=10),
]


def by_hand(frame: pd.DataFrame) -> list[list[int]]:
    """The failing rows of each expectation, in plain pandas."""
    numbers = [frame[name] for name in ("age", "height", "high", "low")]
    if frame["age"].dtype == object:
        numbers = [pd.to_numeric(column, errors="coerce") for column in numbers]
    age, height, high, low = numbers
    note, date = frame["note"], frame["date"]
    length = note.str.len()
    masks = [
        note.isna(),
        height.isna(),
        frame["id"].duplicated(keep=False),
        (age < 0) | (age > 120),
        height < 130,
        ~frame["city"].isin(CITIES),
        ~date.str.match(DATE).astype(bool),
        length > 29,
        high < low,
        frame.duplicated(["id", "date"], keep=False),
        note.isin(["?", "n/a"]),
    ]
    return [np.flatnonzero(mask.to_numpy(dtype=bool)).tolist() for mask in masks] + [[]]


def fast(frame: pd.DataFrame) -> list[list[int]]:
    """The failing rows of each expectation by our door to Great Expectations."""
    return [result.rows.tolist() for result in validate(frame, SUITE)]


def naive(frame: pd.DataFrame) -> list[list[int]]:
    """The same by Great Expectations as one would write it: rows named by a column of ids."""
    import great_expectations as gx
    from great_expectations.expectations.registry import get_expectation_impl

    context = gx.get_context(mode="ephemeral")
    asset = context.data_sources.add_pandas("table").add_dataframe_asset("table")
    batches = asset.add_batch_definition_whole_dataframe("whole")
    named = frame.assign(row=np.arange(len(frame)))
    batch = batches.get_batch({"dataframe": named})
    form = {"result_format": "COMPLETE", "unexpected_index_column_names": ["row"]}
    return [_rows(batch, _plain(item, get_expectation_impl), form) for item in SUITE]


def _plain(item: Expectation, implementation: Callable[[str], Any]) -> Any:
    return implementation(item["type"])(**item["kwargs"])


def _rows(batch: Any, item: Any, form: dict[str, Any]) -> list[int]:
    result = batch.validate(item, result_format=form).result
    return sorted(entry["row"] for entry in result.get("unexpected_index_list") or [])


def seconds(work: Callable[[], object], runs: int) -> float:
    """The least CPU seconds of some runs: what disturbs a run only ever adds."""
    taken = []
    for _ in range(runs):
        started = process_time()
        work()
        taken.append(process_time() - started)
    return min(taken)


def measure(rows: int, frame: pd.DataFrame, *, with_naive: bool) -> tuple[float, float]:
    """Print a line of the table; returns the seconds of our path and its ratio to the floor."""
    runs = max(1, min(5, 300_000 // rows))
    floor = seconds(lambda: by_hand(frame), max(3, runs))
    ours = seconds(lambda: fast(frame), runs)
    cells = [f"{rows:,}", f"{floor:.3f}", f"{ours:.3f}", f"{ours / floor:.1f}"]
    if with_naive:
        plain = seconds(lambda: naive(frame), 1)
        cells += [f"{plain:.3f}", f"{plain / floor:.1f}"]
    else:
        cells += ["", ""]
    cells.append(f"{seconds(lambda: content_hash(frame), 3):.3f}")
    print(f"| {' | '.join(cells)} |")
    return ours, ours / floor


def check(frame: pd.DataFrame) -> None:
    """All ways find the same rows, or the figures mean nothing."""
    expected = by_hand(frame)
    for way in (fast, naive):
        if way(frame) != expected:
            raise SystemExit(f"{way.__name__} finds other rows than pandas by hand")


def main() -> None:
    """The two tables, and whether the goals are met."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="10,000 and 100,000 rows only")
    sizes = (10_000, 100_000) if parser.parse_args().quick else (10_000, 100_000, 1_000_000)
    warnings.simplefilter("ignore")
    validate(table(100), SUITE)  # the first one imports for seconds
    check(table(2_000))
    head = "| rows | pandas by hand | ours | ratio | naive | ratio | content hash |"
    print(f"numbers as numbers, CPU s\n\n{head}\n|---|---|---|---|---|---|---|")
    figures = {rows: measure(rows, table(rows), with_naive=True) for rows in sizes}
    print(f"\nall words, CPU s\n\n{head}\n|---|---|---|---|---|---|---|")
    for rows in sizes:
        measure(rows, as_words(table(rows)), with_naive=False)
    print(f"\nat 10,000 rows {figures[10_000][0]:.2f} s (goal: {GOAL_AT_TEN_THOUSAND})")
    if 1_000_000 in figures:
        ratio = figures[1_000_000][1]
        print(f"at 1,000,000 rows {ratio:.1f} times the floor (goal: {GOAL_AT_A_MILLION})")


if __name__ == "__main__":
    main()
