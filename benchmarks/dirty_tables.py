"""How many wrong cells are found: by plain rules, by the suggested suite, by value checks, by both.

python -m benchmarks.dirty_tables [--quick] [--dirty FOLDER ...] [--clean FILE.csv ...]

Each FOLDER holds a `dirty.csv` and its corrected `clean.csv`, cell by cell. In the other tables
(penguins, two of scikit-learn's, and every FILE.csv) errors are planted, and what is claimed in
them as they are is counted too: it should be hardly anything.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator
from pathlib import Path
from time import process_time
from typing import NamedTuple

import numpy as np
import pandas as pd
from sklearn import datasets

from quality.expectations import validate
from quality.suggestions import suggest
from quality.suites import doubted_columns
from quality.tables import table_of
from quality.values import suspicious_cells

SHARE = 0.005  # of the cells, for each kind of planted error
SAMPLE = Path(__file__).resolve().parents[1] / "samples" / "penguins.csv"
Cell = tuple[int, str]


# -- ways to find them -------------------------------------------------------------------------


def plain_rules(frame: pd.DataFrame) -> set[Cell]:
    """Blanks, rare values of columns with few, and numbers beyond three standard deviations."""
    found: set[Cell] = set()
    for name in frame.columns:
        values = frame[name]
        numbers = pd.to_numeric(values, errors="coerce")
        counts = values.map(values.value_counts())
        odd = values.isna()
        if numbers.notna().mean() > 0.9:
            odd |= (numbers - numbers.mean()).abs() > 3 * numbers.std()
        elif values.nunique() < 0.3 * len(values):
            odd |= counts <= max(1, 0.002 * len(values))
        found |= {(int(row), name) for row in np.flatnonzero(odd)}
    return found


def by_suite(frame: pd.DataFrame) -> set[Cell]:
    """What breaks the suite that is suggested from this very table."""
    return {
        (int(row), column)
        for result in validate(frame, suggest(frame))
        for row in result.rows
        for column in doubted_columns(result.expectation)
    }


def by_values(frame: pd.DataFrame) -> set[Cell]:
    """What the value checks doubt."""
    doubts = suspicious_cells(table_of(frame))
    return set(zip(doubts["row"], doubts["column"], strict=True))


def by_both(frame: pd.DataFrame) -> set[Cell]:
    """Suite and value checks together."""
    return by_suite(frame) | by_values(frame)


WAYS: dict[str, Callable[[pd.DataFrame], set[Cell]]] = {
    "plain rules": plain_rules,
    "suite": by_suite,
    "value checks": by_values,
    "both": by_both,
}


# -- errors planted ----------------------------------------------------------------------------


def misspell(value: str, rng: np.random.Generator) -> str:
    """One letter left out, doubled, replaced, or changed places with the next."""
    at = int(rng.integers(len(value) - 1))
    letter = "abcdefghijklmnopqrstuvwxyz"[rng.integers(26)]
    return [
        value[:at] + value[at + 1 :],
        value[: at + 1] + value[at:],
        value[:at] + letter + value[at + 1 :],
        value[:at] + value[at + 1] + value[at] + value[at + 2 :],
    ][rng.integers(4)]


def plant(frame: pd.DataFrame, seed: int) -> tuple[pd.DataFrame, dict[Cell, str]]:
    """The table with typos, swapped cells, blanks and slipped units, and the kind of each."""
    rng = np.random.default_rng(seed)
    dirty, kinds = frame.copy(), dict[Cell, str]()
    for kind, fault in FAULTS.items():
        for _ in range(max(5, round(SHARE * frame.size))):
            for cell, value in fault(dirty, rng).items():
                if cell not in kinds and dirty.loc[cell] != value:
                    dirty.loc[cell] = value
                    kinds[cell] = kind
    return dirty, {cell: kind for cell, kind in kinds.items() if dirty.loc[cell] != frame.loc[cell]}


Fault = Callable[[pd.DataFrame, np.random.Generator], dict[Cell, object]]


def typo(frame: pd.DataFrame, rng: np.random.Generator) -> dict[Cell, object]:
    """A misspelt word; nothing where the cell that was drawn holds none."""
    cell = _draw(frame, rng)
    value = frame.loc[cell]
    word = isinstance(value, str) and len(value) > 2 and any(map(str.isalpha, value))
    return {cell: misspell(value, rng)} if word else {}


def swap(frame: pd.DataFrame, rng: np.random.Generator) -> dict[Cell, object]:
    """Two neighbouring cells of a row in each other's column."""
    row, column = _draw(frame, rng)
    at = list(frame.columns).index(column)
    other = frame.columns[at - 1]
    one, two = frame.loc[row, column], frame.loc[row, other]
    return (
        {(row, column): two, (row, other): one}
        if isinstance(one, str) == isinstance(two, str)
        else {}
    )


def blank(frame: pd.DataFrame, rng: np.random.Generator) -> dict[Cell, object]:
    """An empty cell."""
    return {_draw(frame, rng): None}


def slip(frame: pd.DataFrame, rng: np.random.Generator) -> dict[Cell, object]:
    """A number in another unit: ten, a hundred or a thousand times as large or as small."""
    cell = _draw(frame, rng)
    try:
        number = float(frame.loc[cell])
    except (TypeError, ValueError):
        return {}
    return {cell: f"{number * 10.0 ** rng.choice([-3, -2, -1, 1, 2, 3]):.12g}"}


def _draw(frame: pd.DataFrame, rng: np.random.Generator) -> Cell:
    return int(rng.integers(len(frame))), str(rng.choice(frame.columns))


FAULTS: dict[str, Fault] = {"typo": typo, "swap": swap, "blank": blank, "unit": slip}


# -- tables and figures ------------------------------------------------------------------------


def read(path: Path) -> pd.DataFrame:
    """A CSV as words, None where blank."""
    frame = pd.read_csv(path, dtype=str).astype(object)
    return frame.where(frame.notna(), None)


def clean_tables(paths: list[Path]) -> Iterator[tuple[str, pd.DataFrame]]:
    """Tables without known errors, as words, without their ids."""
    for path in [SAMPLE, *paths]:
        frame = read(path)
        yield path.parent.name if path.stem == "data" else path.stem, frame.drop(columns="id")
    for name in ("wine", "breast_cancer"):
        loaded = getattr(datasets, f"load_{name}")(as_frame=True)
        kinds = loaded.target.map(lambda k, names=loaded.target_names: str(names[k]))
        yield (
            name,
            loaded.data.map(lambda number: f"{number:.12g}").assign(kind=kinds).astype(object),
        )


class Score(NamedTuple):
    """Precision, recall and F1 of claimed cells."""

    precision: float
    recall: float
    f1: float


def score(claimed: set[Cell], wrong: set[Cell]) -> Score:
    """How well the claimed cells are the wrong ones."""
    hits = len(claimed & wrong)
    return Score(
        hits / max(1, len(claimed)),
        hits / max(1, len(wrong)),
        2 * hits / max(1, len(claimed) + len(wrong)),
    )


def differences(dirty: pd.DataFrame, clean: pd.DataFrame) -> set[Cell]:
    """The cells that are not what they should be."""
    wrong = (dirty != clean) & ~(dirty.isna() & clean.isna())
    return {(int(row), wrong.columns[k]) for row, k in zip(*np.nonzero(wrong), strict=True)}


def report(name: str, dirty: pd.DataFrame, clean: pd.DataFrame) -> None:
    """A line of figures for each way, and how many proposed repairs are right."""
    wrong = differences(dirty, clean)
    for way, find in WAYS.items():
        started = process_time()
        claimed = find(dirty)
        seconds = process_time() - started
        found = score(claimed, wrong)
        figures = " | ".join(f"{figure:.3f}" for figure in found)
        print(f"| {name} | {way} | {len(wrong):,} | {len(claimed):,} | {figures} | {seconds:.2f} |")


def report_repairs(name: str, dirty: pd.DataFrame, clean: pd.DataFrame) -> None:
    """How many of the proposed values are the true ones, for all and for confident proposals."""
    doubts = suspicious_cells(table_of(dirty)).dropna(subset="proposed")
    truth = [
        clean.loc[row, column] for row, column in zip(doubts["row"], doubts["column"], strict=True)
    ]
    right = np.array([_equal(a, b) for a, b in zip(doubts["proposed"], truth, strict=True)], bool)
    sure = doubts["confidence"].to_numpy() >= 0.8
    shares = " | ".join(
        f"{int(which.sum()):,} | {right[which].mean() if which.any() else float('nan'):.3f}"
        for which in (np.ones(len(right), bool), sure)
    )
    print(f"| {name} | {len(differences(dirty, clean)):,} | {shares} |")


def _equal(one: object, other: object) -> bool:
    try:
        return bool(np.isclose(float(str(one)), float(str(other))))
    except ValueError:
        return one == other


def main() -> None:
    """Figures for every table, as Markdown."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="one seed instead of five")
    parser.add_argument("--dirty", nargs="*", default=[], type=Path, metavar="FOLDER")
    parser.add_argument("--clean", nargs="*", default=[], type=Path, metavar="FILE.csv")
    args = parser.parse_args()
    by_suite(pd.DataFrame({"a": ["x"] * 30}))  # the first validation imports for seconds
    pairs = [(f.name, read(f / "dirty.csv"), read(f / "clean.csv")) for f in args.dirty]
    untouched = list(clean_tables(args.clean))
    planted = {
        name: [plant(frame, seed)[0] for seed in range(1 if args.quick else 5)]
        for name, frame in untouched
    }
    print("| table | way | wrong cells | claimed | precision | recall | F1 | CPU s |")
    print("|---|---|---|---|---|---|---|---|")
    for name, dirty, clean in pairs:
        report(name, dirty, clean)
    for name, frame in untouched:
        for seed, dirty in enumerate(planted[name]):
            report(f"{name}, planted {seed}", dirty, frame)
    print("\n| table | wrong cells | proposed | of these right | confident | of these right |")
    print("|---|---|---|---|---|---|")
    for name, dirty, clean in pairs:
        report_repairs(name, dirty, clean)
    for name, frame in untouched:
        report_repairs(f"{name}, planted 0", planted[name][0], frame)
    print("\n| planted, found by both | " + " | ".join(FAULTS) + " |\n|---|" + "---|" * len(FAULTS))
    for name, frame in untouched:
        dirty, kinds = plant(frame, 0)
        found = by_both(dirty)
        shares = [
            np.mean([cell in found for cell, is_a in kinds.items() if is_a == kind])
            for kind in FAULTS
        ]
        print(f"| {name} | " + " | ".join(f"{share:.2f}" for share in shares) + " |")
    print("\n| as it is | cells | claimed by plain rules | by the suite | by value checks |")
    print("|---|---|---|---|---|")
    for name, frame in [*((f"{n}, clean", clean) for n, _, clean in pairs), *untouched]:
        claims = [len(WAYS[way](frame)) for way in ("plain rules", "suite", "value checks")]
        print(f"| {name} | {frame.size:,} | " + " | ".join(f"{n:,}" for n in claims) + " |")


if __name__ == "__main__":
    main()
