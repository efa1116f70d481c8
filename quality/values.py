"""Values that are likely wrong, cell by cell, found from the table itself.

Each detector is a plain function of a `Table`; `DETECTORS` is their registry. What they find is put
together by `suspicious_cells`: one line a cell, with a proposed value where one can be told.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping

import numpy as np
import pandas as pd

from quality.cells import BLANK
from quality.contradictions import broken_dependencies, outvoted_sources, swapped_cells
from quality.patterns import Pattern, learn
from quality.ranges import usual_range
from quality.tables import FEWEST_ROWS, TYPICAL, Floats, Suspect, Table, shown
from quality.typos import misspelt

COLUMNS = ("row", "column", "value", "score", "message", "proposed", "confidence", "why")
FEWEST_ROWS_FOR_BLANKS = 50
FEW_BLANKS = 0.02
MOST_VALUES = 20_000
MARKER = 0.01  # a word in a column of numbers, this frequent, is a sign for "missing"
SLIPS = (10.0, 100.0, 1000.0)

# -- single columns ----------------------------------------------------------------------------


def typos(table: Table) -> list[Suspect]:
    """Rare values that are written almost like a frequent one."""
    found = []
    for name, counts in table.counts.items():
        if name in table.numbers or len(counts) > MOST_VALUES:
            continue
        meant = misspelt(counts)
        for row, value in table.rows_of(name, meant):
            message = (
                f"'{value}' ({counts[value]} times) is written almost like '{meant[value]}' "
                f"({counts[meant[value]]:,} times)."
            )
            found.append(Suspect(row, name, 0.1, message, meant[value], 0.9))
    return found


def broken_patterns(table: Table) -> list[Suspect]:
    """Values that do not look like the others of their column, and words among numbers."""
    found: list[Suspect] = []
    for name, counts in table.counts.items():
        if name in table.numbers:
            found += _words_among_numbers(table, name)
            continue
        pattern = learn(counts)
        if pattern is not None:
            odd = [value for value in counts if not pattern.fits(value)]
            found += [_odd_looking(name, row, v, pattern) for row, v in table.rows_of(name, odd)]
    return found


def _odd_looking(name: str, row: int, value: str, pattern: Pattern) -> Suspect:
    message = f"'{value}' does not look like the others: {pattern.share:.1%} of them look like "
    mended = pattern.mended(value)
    return Suspect(row, name, 0.2, f"{message}'{pattern.example}'.", mended, 0.9 if mended else 0)


def _words_among_numbers(table: Table, name: str) -> Iterator[Suspect]:
    numbers, counts = table.numbers[name], table.counts[name]
    for row in np.flatnonzero(np.isnan(numbers) & (table.cells.codes[name] != BLANK)).tolist():
        value = str(table.cells.text(name, row))
        if counts[value] < max(2, MARKER * table.cells.n):
            yield Suspect(row, name, 0.1, f"'{value}' in a column of numbers.")


def unusual_blanks(table: Table) -> list[Suspect]:
    """Blank cells in columns that are filled in nearly every row."""
    found: list[Suspect] = []
    for name, codes in table.cells.codes.items():
        blank = np.flatnonzero(codes == BLANK)
        if table.cells.n >= FEWEST_ROWS_FOR_BLANKS and 0 < len(blank) <= FEW_BLANKS * len(codes):
            message = f"Blank, while {1 - len(blank) / len(codes):.1%} of the rows are filled."
            found += [Suspect(row, name, 0.4, message) for row in blank.tolist()]
    return found


def far_numbers(table: Table) -> list[Suspect]:
    """Numbers far from all others, and what they are after a slip of the decimal point."""
    found = []
    for name, numbers in table.numbers.items():
        known = numbers[np.isfinite(numbers)]
        limits = usual_range(known) if len(known) >= FEWEST_ROWS else None
        if limits is not None:
            inside = known[(known >= limits[0]) & (known <= limits[1])]
            far = np.flatnonzero((numbers < limits[0]) | (numbers > limits[1]))
            found += [_far_number(table, name, row, inside) for row in far.tolist()]
    return found


def _far_number(table: Table, name: str, row: int, inside: Floats) -> Suspect:
    number = float(table.numbers[name][row])
    low, high = np.quantile(inside, TYPICAL)
    message = (
        f"{shown(table.cells.text(name, row))} is far from the other numbers: nearly all are "
        f"from {low:.6g} to {high:.6g}"
    )
    meant = [
        slipped
        for factor in SLIPS
        for slipped in (number / factor, number * factor)
        if low <= slipped <= high
    ]
    if len(meant) != 1:
        return Suspect(row, name, 0.1, f"{message}.")
    proposed = f"{meant[0]:.12g}"
    return Suspect(row, name, 0.1, f"{message}; '{proposed}' with the point moved.", proposed, 0.7)


# -- all of them -------------------------------------------------------------------------------

Detectors = Mapping[str, Callable[[Table], list[Suspect]]]

DEPENDENCY = "dependency"
DETECTORS: Detectors = {
    DEPENDENCY: broken_dependencies,
    "sources": outvoted_sources,
    "swap": swapped_cells,
    "typo": typos,
    "pattern": broken_patterns,
    "number": far_numbers,
    "blank": unusual_blanks,
}


def suspicious_cells(table: Table, *, detectors: Detectors = DETECTORS) -> pd.DataFrame:
    """Every doubted cell once, `COLUMNS`, most doubtful first.

    `score` in [0, 1], low = surely wrong; `why` the detectors that doubt it, most doubtful first;
    `proposed` (None where it cannot be told) is that of the most confident one, so is the message.
    """
    doubts: dict[tuple[int, str], list[tuple[str, Suspect]]] = defaultdict(list)
    for why, detect in detectors.items():
        for suspect in detect(table):
            doubts[suspect.row, suspect.column].append((why, suspect))
    rows = [_line(table, found) for found in doubts.values()]
    lines = pd.DataFrame(rows, columns=list(COLUMNS)).astype({"row": np.int64, "score": float})
    return lines.sort_values(["score", "row"], kind="stable", ignore_index=True)


def _line(table: Table, found: list[tuple[str, Suspect]]) -> tuple[object, ...]:
    found = sorted(found, key=lambda each: each[1].score)
    best = max((suspect for _, suspect in found), key=lambda suspect: suspect.confidence)
    reasons = ", ".join(dict.fromkeys(why for why, _ in found))
    value = table.cells.text(best.column, best.row)
    score = found[0][1].score
    return (
        best.row,
        best.column,
        value,
        score,
        best.message,
        best.proposed,
        best.confidence,
        reasons,
    )
