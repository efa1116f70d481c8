"""Values that are likely wrong, cell by cell, found from the table itself.

Each detector is a plain function of a `Table`; `DETECTORS` is their registry. What they find is put
together by `suspicious_cells`: one line a cell, with a proposed value where one can be told.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from quality import sources
from quality.cells import BLANK, Cells, encode
from quality.columns import NUMERIC_SHARE, are_codes, as_numbers
from quality.dependencies import (
    Dependency,
    Majority,
    departs,
    explained_rows,
    find_dependencies,
    majority,
)
from quality.patterns import Pattern, learn
from quality.ranges import usual_range
from quality.typos import misspelt

Floats = npt.NDArray[np.float64]

COLUMNS = ("row", "column", "value", "score", "message", "proposed", "confidence", "why")
FEWEST_ROWS = 20
FEWEST_ROWS_FOR_BLANKS = 50
FEW_BLANKS = 0.02
MOST_VALUES = 20_000
MARKER = 0.01  # a word in a column of numbers, this frequent, is a sign for "missing"
FEWEST_NATIVES = 3
TYPICAL = (0.01, 0.99)
SLIPS = (10.0, 100.0, 1000.0)


class Suspect(NamedTuple):
    """A cell that one detector doubts.

    `score` in [0, 1], low = surely wrong. `proposed` with its `confidence` in [0, 1]: what should
    stand there; None where it cannot be told.
    """

    row: int
    column: str
    score: float
    message: str
    proposed: str | None = None
    confidence: float = 0.0


@dataclass(frozen=True)
class Table:
    """A table with what several detectors need of it, worked out once and when first asked for."""

    cells: Cells

    @cached_property
    def dependencies(self) -> list[Dependency]:
        """Which columns say which."""
        return find_dependencies(self.cells)

    @cached_property
    def numbers(self) -> dict[str, Floats]:
        """The columns of amounts as float64 (n,), NaN where there is no number."""
        found = {}
        for name, words in self.cells.values.items():
            values = pd.Series(words, dtype=object)
            parsed = np.append(as_numbers(values).to_numpy(), np.nan)
            numbers, known = parsed[self.cells.codes[name]], self.cells.codes[name] != BLANK
            numeric = known.any() and np.isfinite(numbers[known]).mean() >= NUMERIC_SHARE
            if numeric and not are_codes(name, values):
                found[name] = numbers
        return found

    @cached_property
    def counts(self) -> dict[str, dict[str, int]]:
        """How often each value of each column occurs."""
        return {
            name: dict(zip(self.cells.values[name], self.cells.counts(name).tolist(), strict=True))
            for name in self.cells.names
        }

    def rows_of(self, name: str, values: Collection[str]) -> Iterator[tuple[int, str]]:
        """The rows of a column that hold one of `values`, with the value, in order."""
        words = self.cells.values[name]
        wanted = set(values)
        places = [place for place, word in enumerate(words) if word in wanted]
        for row in np.flatnonzero(np.isin(self.cells.codes[name], places)):
            yield int(row), words[self.cells.codes[name][row]]


def table_of(frame: pd.DataFrame, *, leave_out: Collection[str] = ()) -> Table:
    """What the detectors look at: `frame` without the columns of `leave_out`."""
    return Table(encode(frame, leave_out=leave_out))


# -- dependencies ------------------------------------------------------------------------------


class Vote(NamedTuple):
    """What one determinant says of a cell: a code, and the shares for it and for what is there."""

    by: str
    code: int
    share: float
    own: float


def broken_dependencies(table: Table) -> list[Suspect]:
    """Cells that differ from what other columns say they should be, by majority in the group.

    Where several columns say something, the average counts. A column whose own cell is in doubt
    says nothing, unless nobody else does: then either of the two may be wrong.
    """
    votes = _votes(table)
    doubted = {cell for cell, said in votes.items() if _verdict(said) is not None}
    found = []
    for (row, name), said in votes.items():
        sound = [vote for vote in said if (row, vote.by) not in doubted]
        verdict = _verdict(sound or said)
        if verdict is not None:
            code, share, own = verdict
            found.append(_departure(table, row, name, (code, share, own), said, sure=bool(sound)))
    return found


def _departure(
    table: Table,
    row: int,
    name: str,
    verdict: tuple[int, float, float],
    said: list[Vote],
    *,
    sure: bool,
) -> Suspect:
    code, share, own = verdict
    proposed = table.cells.values[name][code]
    by = max((vote for vote in said if vote.code == code), key=lambda vote: vote.share).by
    message = (
        f"{_shown(table.cells.text(name, row))} where {by} is "
        f"{_shown(table.cells.text(by, row))}: {share:.0%} of such rows have '{proposed}'"
    )
    doubt = "" if sure else f", or else {by} is wrong"
    score = own if sure else max(own, 0.5)
    return Suspect(row, name, score, f"{message}{doubt}.", proposed, share if sure else share / 2)


def _verdict(votes: Iterable[Vote]) -> tuple[int, float, float] | None:
    """The code that the votes agree on, with its share and that of what stands there, or None."""
    said = list(votes)
    if not said:
        return None
    shares: dict[int, float] = defaultdict(float)
    for vote in said:
        shares[vote.code] += vote.share / len(said)
    own = sum(vote.own for vote in said) / len(said)
    code = max(sorted(shares), key=lambda each: shares[each])
    return (code, shares[code], own) if shares[code] > max(0.5, 2 * own) else None


def _votes(table: Table) -> dict[tuple[int, str], list[Vote]]:
    """Per cell that some determinant contradicts: what every determinant says."""
    by_dependent: dict[str, list[str]] = defaultdict(list)
    for dependency in table.dependencies:
        by_dependent[dependency.dependent].append(dependency.determinant)
    votes: dict[tuple[int, str], list[Vote]] = {}
    for name, determinants in by_dependent.items():
        said = {by: _say(table, by, name) for by in determinants}
        odd = np.any([against for _, against in said.values()], axis=0)
        for row in np.flatnonzero(odd).tolist():
            votes[row, name] = [
                _vote(by, found, row, filled=table.cells.codes[name][row] != BLANK)
                for by, (found, _) in said.items()
                if found.value[row] != BLANK and found.size[row] > 1
            ]
    return votes


def _say(table: Table, by: str, name: str) -> tuple[Majority, npt.NDArray[np.bool_]]:
    """What column `by` says of `name`, and where it contradicts what stands there, bool (n,).

    Exceptions that a third column explains are none. A blank is one where most of the group is
    filled.
    """
    codes = table.cells.codes
    found = majority(codes[by], codes[name])
    odd = departs(codes[by], codes[name]) & (found.votes >= 2)
    odd &= ~explained_rows(table.cells, odd, without=(by, name))
    blank = (codes[name] == BLANK) & (found.votes >= 2) & (2 * found.votes > found.rows)
    return found, np.asarray((odd | blank) & (found.value != BLANK))


def _vote(by: str, found: Majority, row: int, *, filled: bool) -> Vote:
    others = found.size[row] - filled
    same = filled and found.own[row] == found.votes[row]
    share = (found.votes[row] - same) / others
    own = (found.own[row] - 1) / others if filled else 0.0
    return Vote(by, int(found.value[row]), float(share), float(own))


# -- sources -----------------------------------------------------------------------------------


def outvoted_sources(table: Table) -> list[Suspect]:
    """Cells where one of several sources says something else, or nothing, than most of them."""
    settled = {dependency.dependent for dependency in table.dependencies}
    reports = sources.find_reports(table.cells, settled=settled)
    if reports is None:
        return []
    return [
        suspect
        for name in reports.told
        for suspect in _outvoted(table, name, reports, sources.settle(table.cells, reports, name))
    ]


def _outvoted(
    table: Table, name: str, reports: sources.Reports, verdict: sources.Verdict
) -> Iterator[Suspect]:
    codes = table.cells.codes[name]
    for row in np.flatnonzero((verdict.value != BLANK) & (codes != verdict.value)).tolist():
        proposed = table.cells.values[name][verdict.value[row]]
        confidence = (verdict.votes[row] + 1) / (verdict.voices[row] + 2)
        message = (
            f"{_shown(table.cells.text(name, row))}, but {verdict.votes[row]} of "
            f"{verdict.voices[row]} sources ({reports.source}) say '{proposed}' of "
            f"{reports.thing} {_shown(table.cells.text(reports.thing, row))}."
        )
        yield Suspect(row, name, 1 - confidence, message, proposed, float(confidence))


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
        f"{_shown(table.cells.text(name, row))} is far from the other numbers: nearly all are "
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


# -- two columns -------------------------------------------------------------------------------


def swapped_cells(table: Table) -> list[Suspect]:
    """Two cells of a row that fit each other's column and not their own."""
    words = [name for name in table.cells.names if name not in table.numbers]
    found = [s for pair in combinations(words, 2) for s in _swapped_words(table, *pair)]
    return found + [
        s for pair in combinations(table.numbers, 2) for s in _swapped_numbers(table, *pair)
    ]


def _swapped_words(table: Table, one: str, other: str) -> Iterator[Suspect]:
    natives = {name: _natives(table, name) for name in (one, other)}
    if not natives[one] or not natives[other]:
        return
    strays = natives[other] - natives[one]
    for row, value in table.rows_of(one, strays & set(table.counts[one])):
        partner = table.cells.text(other, row)
        if partner in natives[one] and partner not in natives[other]:
            yield from _swap(row, (one, value), (other, str(partner)))


def _natives(table: Table, name: str) -> set[str]:
    """The values that are at home in a column: those that occur often enough there."""
    least = max(FEWEST_NATIVES, 0.002 * table.cells.n)
    return {value for value, count in table.counts[name].items() if count >= least}


def _swapped_numbers(table: Table, one: str, other: str) -> Iterator[Suspect]:
    a, b = table.numbers[one], table.numbers[other]
    if min(np.isfinite(a).sum(), np.isfinite(b).sum()) < FEWEST_ROWS:
        return
    outside = _beyond(a, a) & _beyond(b, b) & ~_beyond(b, a) & ~_beyond(a, b)
    for row in np.flatnonzero(outside).tolist():
        left, right = table.cells.text(one, row), table.cells.text(other, row)
        yield from _swap(row, (one, str(left)), (other, str(right)))


def _beyond(numbers: Floats, column: Floats) -> npt.NDArray[np.bool_]:
    """Whether numbers lie outside a column's bulk, bool (n,); the bulk's width is spared."""
    known = column[np.isfinite(column)]
    low, high = np.quantile(known, TYPICAL)
    spare = 0.1 * (high - low)
    return np.asarray((numbers < low - spare) | (numbers > high + spare))


def _swap(row: int, one: tuple[str, str], other: tuple[str, str]) -> Iterator[Suspect]:
    for (name, value), (partner, better) in ((one, other), (other, one)):
        message = f"'{value}' belongs in {partner}, and '{better}' stands there: they look swapped."
        yield Suspect(row, name, 0.1, message, better, 0.8)


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


def _shown(value: str | None) -> str:
    return "blank" if value is None else f"'{value}'"
