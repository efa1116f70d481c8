"""How often the checks of annotators, balance, drift and outliers cry wolf, and what they cost.

python -m benchmarks.clean_tables [--quick]
"""

from __future__ import annotations

import argparse
import time
from collections import Counter
from collections.abc import Callable

import numpy as np
import pandas as pd
from threadpoolctl import threadpool_limits

from labeling.core.features import Content, matrix
from quality import balance, drift, outliers
from quality.checks import CHECKS, run_checks
from tests.quality.clean_tables import WORDS, clean_table

FAMILIES = "ABRO"


def false_alarms(tables: int) -> None:
    """The share of clean tables with a finding, by code, and with any of a warning."""
    muted = {check.code: "not asked" for check in CHECKS.values() if check.family not in FAMILIES}
    found: Counter[str] = Counter()
    warned = 0
    for seed in range(10_000, 10_000 + tables):
        outcomes = [o for o in run_checks(clean_table(seed), muted=muted) if o.status == "found"]
        found.update(f"{o.code} ({o.severity})" for o in outcomes)
        warned += any(o.severity != "info" for o in outcomes)
    print(f"{tables} clean tables: {warned / tables:.1%} have a finding of a warning\n")
    print("| check | clean tables with a finding |\n|---|---|")
    for code, times in sorted(found.items()):
        print(f"| {code} | {times / tables:.1%} |")


def seconds(work: Callable[[], object]) -> float:
    """CPU seconds of one call."""
    started = time.process_time()
    work()
    return time.process_time() - started


def costs(rows: int) -> None:
    """CPU seconds of each measure, beside making the features, in the same run."""
    rng = np.random.default_rng(0)
    words = rng.choice(WORDS, (rows, 12))
    frame = pd.DataFrame(
        {
            "text": [f"{' '.join(line)} {k % 997}" for k, line in enumerate(words)],
            "source": rng.choice(["web", "app", "phone"], rows),
            "price": rng.lognormal(3, 1, rows),
        }
    )
    label = np.where(rng.random(rows) < 0.5, rng.choice(["a", "b"], rows), None)
    new = np.arange(rows) >= rows // 2
    features = matrix(frame, Content("text", ("text",)))
    columns = list(frame.columns)
    works: dict[str, Callable[[], object]] = {
        "making the features": lambda: matrix(frame, Content("text", ("text",))),
        "outliers.oddness, text": lambda: outliers.oddness(features),
        "outliers.oddness, 8 numbers": lambda: outliers.oddness(rng.normal(size=(rows, 8))),
        "drift.drift": lambda: drift.drift(frame, new, columns=columns, label=label),
        "balance.slice_table": lambda: balance.slice_table(frame, label, columns),
    }
    print(f"\n{rows:,} rows, {features.shape[1]:,} terms\n\n| what | CPU s |\n|---|---|")
    for name, work in works.items():
        print(f"| {name} | {seconds(work):.2f} |")


def main() -> None:
    """Both tables, with one thread for linear algebra."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="40 tables and 10,000 rows")
    quick = parser.parse_args().quick
    with threadpool_limits(1):
        false_alarms(40 if quick else 400)
        costs(10_000 if quick else 100_000)


if __name__ == "__main__":
    main()
