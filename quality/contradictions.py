"""Contradictions: cells that other cells speak against.

Other columns of the row, other sources of the same thing, or the cell that it has changed places
with.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from itertools import combinations
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from quality import sources
from quality.cells import BLANK
from quality.dependencies import Majority, departs, explained_rows, majority
from quality.tables import FEWEST_ROWS, TYPICAL, Floats, Suspect, Table, shown

FEWEST_NATIVES = 3

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
        f"{shown(table.cells.text(name, row))} where {by} is "
        f"{shown(table.cells.text(by, row))}: {share:.0%} of such rows have '{proposed}'"
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
            f"{shown(table.cells.text(name, row))}, but {verdict.votes[row]} of "
            f"{verdict.voices[row]} sources ({reports.source}) say '{proposed}' of "
            f"{reports.thing} {shown(table.cells.text(reports.thing, row))}."
        )
        yield Suspect(row, name, 1 - confidence, message, proposed, float(confidence))


# -- swapped cells -----------------------------------------------------------------------------


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
