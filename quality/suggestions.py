"""Suggestions: expectations that fit most of a table, so that what they reject is worth a look."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import combinations, permutations

import numpy as np
import numpy.typing as npt
import pandas as pd

from quality.cells import BLANK, Cells, encode
from quality.columns import CODE_NAME, is_number
from quality.contradictions import broken_dependencies
from quality.dependencies import Dependency
from quality.patterns import learn
from quality.ranges import usual_range
from quality.suites import Expectation, expectation
from quality.tables import Table
from quality.typos import misspelt

Floats = npt.NDArray[np.float64]

MIN_ROWS = 20
MAX_LEVELS = 60
FEW_MISSING = 0.05
ID_NAME = re.compile(r"(^|[_\W])(id|uuid|guid|key|index)$", re.IGNORECASE)
SURE = 0.5  # the score below which a cell is not taken as an example
HOLDS = 0.97
SAYERS = 2
ORDERED = 0.99
MOST_NUMBERS = 40  # columns whose pairs are compared
BY_CHANCE = 0.9
DATE = re.compile(r"\d{4}-\d{2}-\d{2}")


def suggest(
    frame: pd.DataFrame,
    *,
    label: str | None = None,
    classes: Sequence[str] = (),
    id_column: str | None = None,
    content: Sequence[str] = (),
) -> list[Expectation]:
    """Expectations that fit most of `frame`, so that what they reject is worth a look.

    Never "critical": they are guesses until somebody has read them. Under twenty rows nothing is
    guessed but what `label`, `classes`, `id_column` and `content` (the columns that are labelled)
    say themselves.
    """
    cells = encode(frame)
    ids = [name for name in cells.names if name == id_column or _is_id(cells, name)]
    table = Table(cells.without([*ids, label or ""]))
    enough = len(frame) >= MIN_ROWS
    trusted = _trusted_counts(table) if enough else {}
    suite: list[Expectation] = []
    for name in cells.names:
        if name == label:
            suite += _label_rules(cells, name, classes, content)
        elif name in ids:
            suite += _id_rules(name)
        elif trusted.get(name):
            stored = is_number(frame[name]) if name in frame.columns else False
            suite += _column_rules(table, name, trusted[name], stored=stored)
    return suite + (_rules_about_pairs(table) if enough else [])


def _trusted_counts(table: Table) -> dict[str, Counter[str]]:
    """How often each value occurs, without the cells that other columns contradict.

    Those set no example.
    """
    counts = {name: Counter(values) for name, values in table.counts.items()}
    for doubt in broken_dependencies(table):
        value = table.cells.text(doubt.column, doubt.row)
        if doubt.score < SURE and value is not None:
            counts[doubt.column][value] -= 1
    return {name: +values for name, values in counts.items()}


# -- labels and ids ----------------------------------------------------------------------------


def _label_rules(
    cells: Cells, name: str, classes: Sequence[str], content: Sequence[str]
) -> list[Expectation]:
    counts = Counter(dict(zip(cells.values[name], cells.counts(name).tolist(), strict=True)))
    allowed = list(classes) or _known_classes(counts)
    if not allowed:
        return []
    rules = [expectation("expect_column_values_to_be_in_label_set", column=name, value_set=allowed)]
    if content:
        kind = "expect_multicolumn_copies_to_agree"
        rules.append(expectation(kind, column_list=[*content, name], severity="info"))
    rarest = min(counts[str(value)] for value in allowed)
    if rarest:
        least = float(f"{rarest / counts.total() / 2:.2g}")
        kind = "expect_column_rarest_value_share_to_be_between"
        rules.append(
            expectation(kind, column=name, min_value=least, value_set=allowed, severity="info")
        )
    return rules


def _known_classes(counts: Counter[str]) -> list[str]:
    """The allowed values, without labels that occur once where the others occur often."""
    often = sum(n for n in counts.values() if n >= MIN_ROWS)
    once_is_odd = often >= 0.95 * counts.total()
    return [value for value in _allowed(counts) if not (once_is_odd and counts[value] == 1)]


def _is_id(cells: Cells, name: str) -> bool:
    different = len(cells.values[name])
    return ID_NAME.search(name) is not None and different >= max(1, 0.95 * cells.n)


def _id_rules(name: str) -> list[Expectation]:
    return [
        expectation("expect_column_values_to_not_be_null", column=name),
        expectation("expect_column_values_to_be_unique", column=name),
    ]


# -- single columns ----------------------------------------------------------------------------


def _column_rules(
    table: Table, name: str, counts: Counter[str], *, stored: bool
) -> list[Expectation]:
    """Rules about one column; `stored`: it holds numbers and no words that look like numbers."""
    if name in table.numbers:
        return _null_rules(table.cells, name) + _number_rules(name, table.numbers[name], stored)
    allowed = [] if CODE_NAME.search(name) else _allowed(counts)
    if allowed:
        kind = "expect_column_values_to_be_in_set"
        return [*_null_rules(table.cells, name), expectation(kind, column=name, value_set=allowed)]
    return _null_rules(table.cells, name, strict=True) + _word_rules(name, counts)


def _null_rules(cells: Cells, name: str, *, strict: bool = False) -> list[Expectation]:
    """Not empty: without exception in free text, else up to twice today's share of few."""
    missing = cells.blanks(name) / cells.n
    if missing > FEW_MISSING:
        return []
    kind = "expect_column_values_to_not_be_null"
    if strict or missing == 0:
        return [expectation(kind, column=name)]
    return [expectation(kind, column=name, mostly=math.floor(100 * (1 - 2 * missing)) / 100)]


def _number_rules(name: str, numbers: Floats, stored: bool) -> list[Expectation]:
    kind = "expect_column_values_to_be_of_type"
    rules = [] if stored else [expectation(kind, column=name, type_="float")]
    limits = usual_range(numbers[np.isfinite(numbers)])
    if limits:
        kind = "expect_column_values_to_be_between"
        low, high = limits
        rules.append(expectation(kind, column=name, min_value=low, max_value=high))
    return rules


def _word_rules(name: str, counts: Mapping[str, int]) -> list[Expectation]:
    """What the values look like, or at least how long they are."""
    pattern = learn(counts)
    if pattern is not None:
        regex = f"^{pattern.regex}$"
        return [expectation("expect_column_values_to_match_regex", column=name, regex=regex)]
    lengths = np.repeat([len(value) for value in counts], list(counts.values())).astype(np.float64)
    limits = usual_range(lengths)
    if limits is None:
        return []
    low, high = max(1, math.floor(limits[0])), math.ceil(limits[1])
    kind = "expect_column_value_lengths_to_be_between"
    return [expectation(kind, column=name, min_value=low, max_value=high, severity="info")]


def _allowed(counts: Mapping[str, int]) -> list[str]:
    """The values of a column with few of them, without rare misspellings of frequent ones."""
    total = sum(counts.values())
    frequent = [n for n in counts.values() if n >= max(2, 0.005 * total)]
    if not total or len(frequent) > MAX_LEVELS or sum(frequent) < 0.9 * total:
        return []
    wrong = misspelt(counts)
    return sorted(value for value in counts if value not in wrong)


# -- pairs of columns --------------------------------------------------------------------------


def _rules_about_pairs(table: Table) -> list[Expectation]:
    equal = _equal_columns(table.cells)
    kind = "expect_column_pair_values_to_be_equal"
    rules = [expectation(kind, column_A=a, column_B=b, severity="info") for a, b in equal]
    said = [d for d in table.dependencies if {d.determinant, d.dependent} not in map(set, equal)]
    return rules + _order_rules(table) + _dependency_rules(said)


def _equal_columns(cells: Cells) -> list[tuple[str, str]]:
    """Pairs of columns that are equal in nearly every row, and not by chance."""
    return [(a, b) for a, b in combinations(cells.names, 2) if _equality(cells, a, b) > HOLDS]


def _equality(cells: Cells, a: str, b: str) -> float:
    """The share of rows where two columns are equal, beyond chance (Cohen 1960); 1 = all."""
    places = pd.Index(cells.values[b], dtype=object).get_indexer(cells.values[a])
    left, right = cells.codes[a], cells.codes[b]
    both = (left != BLANK) & (right != BLANK)
    if both.sum() < MIN_ROWS:
        return 0.0
    same = float((places[left[both]] == right[both]).mean())
    shared = np.flatnonzero(places >= 0)
    shares = cells.counts(a)[shared] * cells.counts(b)[places[shared]]
    chance = float(shares.sum() / (cells.counts(a).sum() * cells.counts(b).sum()))
    return (same - chance) / (1 - chance) if chance < 1 else 0.0


def _dependency_rules(found: Sequence[Dependency]) -> list[Expectation]:
    """The strongest two dependencies a column that hold for all rows but for a few errors."""
    kind = "expect_column_pair_values_b_to_follow_from_a"
    said = Counter[str]()
    rules = []
    for d in found:
        if d.explained == 0 and d.agreement >= 1 - FEW_MISSING and said[d.dependent] < SAYERS:
            said[d.dependent] += 1
            columns = {"column_A": d.determinant, "column_B": d.dependent}
            rules.append(expectation(kind, **columns, severity="info"))
    return rules


def _order_rules(table: Table) -> list[Expectation]:
    """Pairs of amounts, or of dates, of which one is at least as great as the other."""
    kind = "expect_column_pair_values_a_to_be_greater_than_b"
    pairs = sorted(
        (_by_chance(columns[high], columns[low]), high, low)
        for columns in (table.numbers, _dates(table.cells))
        for high, low in permutations(list(columns)[:MOST_NUMBERS], 2)
        if _is_ordered(columns[high], columns[low])
    )
    rules, taken = [], set[str]()
    for _, high, low in pairs:
        if not {high, low} & taken:
            taken |= {high, low}
            rules.append(
                expectation(kind, column_A=high, column_B=low, or_equal=True, severity="info")
            )
    return rules


def _dates(cells: Cells) -> dict[str, Floats]:
    """The columns of ISO dates in the order of time, float64 (n,); text of one form sorts so."""
    names = [name for name in cells.names if _holds_dates(cells.values[name])]
    places = {word: k for k, word in enumerate(sorted({w for n in names for w in cells.values[n]}))}
    dates = {}
    for name in names:
        order = np.array([*(places[word] for word in cells.values[name]), np.nan])
        dates[name] = order[cells.codes[name]]
    return dates


def _holds_dates(words: Sequence[str]) -> bool:
    dates = sum(DATE.match(word) is not None for word in words)
    return len(words) > 1 and dates > HOLDS * len(words)


def _is_ordered(high: Floats, low: Floats) -> bool:
    """At least as great in nearly all rows, sometimes greater, and more often than by chance."""
    both = np.isfinite(high) & np.isfinite(low)
    a, b = high[both], low[both]
    if len(a) < MIN_ROWS or np.mean(a >= b) < ORDERED or not np.any(a > b):
        return False
    return _by_chance(a, b) < BY_CHANCE


def _by_chance(high: Floats, low: Floats) -> float:
    """How often a value of one column is at least as great as one of another row of the other."""
    a, b = high[np.isfinite(high)], np.sort(low[np.isfinite(low)])
    return float(np.searchsorted(b, a, side="right").mean() / len(b))
