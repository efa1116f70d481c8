"""The checks in one table: what is found, how much of it is right, what it costs, beside others.

python -m benchmarks.quality [DATA] [--quick]

One line a task and way: ours beside cleanlab, plain Great Expectations and pandas, on the same
rows in the same run. Found is the share of the planted or known faults that is claimed, right the
share of what is claimed that is a fault; for a ranking both are taken at as many rows as are wrong,
and the area under its curve stands beside. Seconds are of CPU. DATA is a folder with the sets
`yoruba_news`, `mnist_verified`, `dirty_hospital`, `dirty_flights`, `rte_crowd`, `weather_crowd`;
without it planted faults alone are measured. The parts' own benchmarks say more.
"""

from __future__ import annotations

import argparse
import warnings
from collections.abc import Callable, Iterator
from itertools import combinations
from pathlib import Path
from time import process_time
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from benchmarks import crowds, dirty_tables, duplicates, expectations, label_errors
from quality import labels, outliers
from quality.duplicates import exact_keys
from quality.near_texts import text_pairs
from tests.quality.crowds import SHAPES, accuracy, simulate


class Line(NamedTuple):
    """One line of the table; None where a figure says nothing."""

    task: str
    data: str
    way: str
    found: float | None
    right: float | None
    curve: float | None
    seconds: float


def timed(work: Callable[[], Any]) -> tuple[Any, float]:
    """What a call returns, and its CPU seconds."""
    started = process_time()
    return work(), process_time() - started


# -- label errors ---------------------------------------------------------------------------------


def wrong_labels(data: Path | None, *, quick: bool) -> Iterator[Line]:
    """Our ranking beside cleanlab's and plain cross-validation, on real and on planted errors."""
    digits = label_errors.from_sklearn("digits")
    cases = [label_errors.planted(digits, "confusable", 0.02)]
    if not quick:
        cases.append(label_errors.planted(digits, "slice", 0.1))
    if data is not None:
        cases.append(label_errors.yoruba_news(data))
        cases += [] if quick else [label_errors.mnist_verified(data)]
    for case in cases:
        yield from _rankings(case)


def _rankings(case: label_errors.Labelled) -> Iterator[Line]:
    plain, plain_took = timed(
        lambda: label_errors.logistic(case.features, case.codes, case.n_classes)
    )
    ours, took = timed(lambda: label_errors.believed(case))
    ranked, more = timed(lambda: label_errors.cleanlab_scores(plain, case.codes))
    name = f"{case.name}, {case.noise}"
    for way, scores, seconds in (
        ("Groundwork", labels.ranking(ours, case.codes)[0], took),
        ("cleanlab", ranked, plain_took + more),
        ("plain 5-fold", labels.self_confidence(plain, case.codes), plain_took),
    ):
        order = np.argsort(scores, kind="stable")[: int(case.wrong.sum())]
        share = float(case.wrong[order].mean())
        curve = label_errors.quality_of(scores, case.wrong)[0]
        yield Line("wrong labels", name, way, share, share, curve, seconds)


# -- cells ----------------------------------------------------------------------------------------


def plain_expectations(frame: pd.DataFrame) -> set[dirty_tables.Cell]:
    """What a first suite of Great Expectations' own, written by hand, finds: no blanks, frequent
    values only where a column has few, numbers within three standard deviations."""
    from quality.expectations import validate
    from quality.suites import doubted_columns, expectation

    suite = []
    for name in frame.columns:
        suite.append(expectation("expect_column_values_to_not_be_null", column=name))
        values = frame[name].dropna()
        numbers = pd.to_numeric(values, errors="coerce").dropna()
        if len(numbers) > 0.9 * len(values):
            low, high = numbers.mean() + np.array([-3, 3]) * numbers.std()
            between = {"min_value": float(low), "max_value": float(high)}
            kind = "expect_column_values_to_be_between"
            suite.append(expectation(kind, column=name, **between))
        elif values.nunique() < 0.3 * len(values):
            counts = values.value_counts()
            usual = counts[counts > max(1, 0.002 * len(values))].index.tolist()
            kind = "expect_column_values_to_be_in_set"
            suite.append(expectation(kind, column=name, value_set=usual))
    return {
        (int(row), column)
        for result in validate(frame, suite)
        for row in result.rows
        for column in doubted_columns(result.expectation)
    }


CELLS: dict[str, Callable[[pd.DataFrame], set[dirty_tables.Cell]]] = {
    "Groundwork": dirty_tables.by_both,
    "plain Great Expectations": plain_expectations,
    "pandas rules": dirty_tables.plain_rules,
}


def wrong_cells(data: Path | None, *, quick: bool) -> Iterator[Line]:
    """Suggested suite and value checks beside a plain suite and plain rules."""
    tables = list(dirty_tables.clean_tables([]))[: 1 if quick else None]
    cases = [(f"{name}, planted", dirty_tables.plant(frame, 0)[0], frame) for name, frame in tables]
    for name in ("dirty_hospital", "dirty_flights") if data is not None else ():
        both = (dirty_tables.read(Path(data, name, f"{k}.csv")) for k in ("dirty", "clean"))
        cases.append((name, *both))
    dirty_tables.by_suite(pd.DataFrame({"a": ["x"] * 30}))  # the first one imports for seconds
    for name, dirty, clean in cases:
        wrong = dirty_tables.differences(dirty, clean)
        for way, find in CELLS.items():
            claimed, took = timed(lambda find=find, dirty=dirty: find(dirty))
            score = dirty_tables.score(claimed, wrong)
            yield Line("wrong cells", name, way, score.recall, score.precision, score.f1, took)


# -- duplicates -----------------------------------------------------------------------------------


def near_copies(*, quick: bool) -> Iterator[Line]:
    """Edited copies of short texts in English and Korean, beside equal ones after normalising."""
    n, rng = 3_000 if quick else 20_000, np.random.default_rng(0)
    texts = [t for file in duplicates.REAL for t in duplicates.recombined(file, n // 2, rng)]
    source = rng.choice(len(texts), n // 10, replace=False)
    kinds = rng.choice(list(duplicates.EDITS), len(source))
    both = texts + [
        duplicates.EDITS[k](texts[row], rng) for k, row in zip(kinds, source, strict=True)
    ]
    planted = {(int(row), len(texts) + k) for k, row in enumerate(source)}
    ways: dict[str, Callable[[], set[tuple[int, int]]]] = {
        "Groundwork": lambda: _pairs(both),
        "pandas, normalised": lambda: _equal(both),
    }
    for way, find in ways.items():
        claimed, took = timed(find)
        right = np.mean([p in planted or _alike(both, p) for p in claimed]) if claimed else 1.0
        found = len(claimed & planted) / len(planted)
        yield Line("near copies", f"{len(both):,} texts", way, found, float(right), None, took)


def _pairs(texts: list[str]) -> set[tuple[int, int]]:
    found = text_pairs(texts)
    return set(zip(found.first.tolist(), found.second.tolist(), strict=True))


def _equal(texts: list[str]) -> set[tuple[int, int]]:
    keys = pd.Series(exact_keys(pd.DataFrame({"text": texts}), ["text"]))
    groups = keys.groupby(keys).groups.values()
    return {pair for rows in groups if len(rows) > 1 for pair in combinations(sorted(rows), 2)}


def _alike(texts: list[str], pair: tuple[int, int]) -> bool:
    return duplicates.alike(texts[pair[0]], texts[pair[1]])


# -- outliers, people, suites ---------------------------------------------------------------------


def odd_rows(*, quick: bool) -> Iterator[Line]:
    """Rows far from all others among normal ones, beside three standard deviations by column."""
    n, rng = 2_000 if quick else 20_000, np.random.default_rng(0)
    rows = rng.normal(size=(n, 12)) @ rng.normal(size=(12, 12))
    spread = rows.std(axis=0)
    rows[: n // 100] = rng.normal(size=(n // 100, 12)) * spread * 4
    planted = np.arange(n) < n // 100
    ways: dict[str, Callable[[], np.ndarray]] = {
        "Groundwork": lambda: outliers.oddness(rows) < 1e-5,
        "pandas, 3 sigma": lambda: (np.abs(rows - rows.mean(0)) > 3 * rows.std(0)).any(axis=1),
    }
    for way, find in ways.items():
        claimed, took = timed(find)
        hits = int((claimed & planted).sum())
        right = hits / max(int(claimed.sum()), 1)
        yield Line("odd rows", f"{n:,} rows", way, hits / planted.sum(), right, None, took)


def consensus(data: Path | None, *, quick: bool) -> Iterator[Line]:
    """Items that a policy labels right, beside the majority and crowd-kit's Dawid-Skene."""
    cases = []
    for name in ("rte_crowd", "weather_crowd") if data is not None else ():
        crowd = crowds.read_crowd(Path(data, name))
        cases.append((name, crowd.answers, crowd.truth))
    shapes = list(SHAPES.items())[: 2 if quick else None]
    cases += [(f"simulated: {name}", *simulate(shape, 1000)) for name, shape in shapes]
    ways = {"Groundwork": "default", "pandas, majority": "majority", "crowd-kit": "crowd-kit DS"}
    for name, answers, truth in cases:
        for way, method in ways.items():
            table, took = timed(lambda method=method, a=answers: crowds.METHODS[method](a))
            yield Line("consensus", name, way, None, accuracy(table, truth), None, took)


def suite_speed(*, quick: bool) -> Iterator[Line]:
    """Twelve expectations with all failing rows."""
    rows = 10_000 if quick else 100_000
    frame = expectations.table(rows)
    expectations.check(expectations.table(2_000))
    for way, work in (
        ("Groundwork", expectations.fast),
        ("plain Great Expectations", expectations.naive),
        ("pandas by hand", expectations.by_hand),
    ):
        took = expectations.seconds(lambda work=work: work(frame), 3)
        yield Line("12 expectations", f"{rows:,} rows", way, 1.0, 1.0, None, took)


def lines(data: Path | None, *, quick: bool) -> Iterator[Line]:
    """The whole table."""
    yield from wrong_labels(data, quick=quick)
    yield from wrong_cells(data, quick=quick)
    yield from near_copies(quick=quick)
    yield from odd_rows(quick=quick)
    yield from consensus(data, quick=quick)
    yield from suite_speed(quick=quick)


def main() -> None:
    """One table, as Markdown."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", nargs="?", type=Path, help="the folder of the sets")
    parser.add_argument("--quick", action="store_true", help="few sets, few rows")
    args = parser.parse_args()
    warnings.simplefilter("ignore")
    print("| task | data | way | found | right | AUROC or F1 | CPU s |")
    print("|---|---|---|---|---|---|---|")
    for line in lines(args.data, quick=args.quick):
        figures = ("" if f is None else f"{f:.3f}" for f in (line.found, line.right, line.curve))
        print(
            f"| {line.task} | {line.data} | {line.way} | {' | '.join(figures)} | "
            f"{line.seconds:.2f} |",
            flush=True,
        )


if __name__ == "__main__":
    main()
