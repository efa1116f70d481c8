"""Reports: several sources say something about the same thing, and most of them agree.

Of a table with one row a thing and source (a flight as each of many websites has it),
`find_reports` finds the two columns that name thing and source, and the columns that the sources
should agree on. What most sources say wins; a tie is settled by how reliable the sources are.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from itertools import permutations

import numpy as np
import numpy.typing as npt

from quality.cells import Cells, Codes
from quality.dependencies import Strength, strength

Floats = npt.NDArray[np.float64]

FEWEST_THINGS = 10
FEWEST_SOURCES = 3  # a thing, on average; two voices have no majority
REPEATED = 0.01
STRENGTH = 0.8
COVERED = 0.2
VARIETY = 0.3
CHANCE = 0.1


@dataclass(frozen=True)
class Reports:
    """What a table of reports is about: the names of its columns."""

    thing: str
    source: str
    told: tuple[str, ...]


@dataclass(frozen=True)
class Verdict:
    """What the sources say of each row's thing, arrays (n,).

    `value`: the code that most sources give, -1 where no two agree; `votes` how many give it, of
    `voices` that say anything.
    """

    value: Codes
    votes: Codes
    voices: Codes


def find_reports(cells: Cells, *, settled: Collection[str] = ()) -> Reports | None:
    """The thing, the source and what is told of it, or None where the table is no such thing.

    `settled`: columns that need no sources, because another column says them.
    """
    best: Reports | None = None
    for thing, source in permutations(cells.names, 2):
        if _is_table_of_reports(cells, thing, source):
            told = tuple(
                name
                for name in cells.names
                if name not in {thing, source, *settled} and _is_told(cells, thing, name)
            )
            if told and (best is None or len(told) > len(best.told)):
                best = Reports(thing, source, told)
    return best


def _is_table_of_reports(cells: Cells, thing: str, source: str) -> bool:
    """Many things, each with several sources, each source with several things, no pair twice."""
    a, b = cells.codes[thing], cells.codes[source]
    things, sources = len(cells.values[thing]), len(cells.values[source])
    if things < FEWEST_THINGS or cells.n < FEWEST_SOURCES * max(things, sources):
        return False
    if sources < FEWEST_SOURCES:
        return False
    pairs = len(np.unique(a * (sources + 1) + b))
    return bool(pairs >= (1 - REPEATED) * cells.n)


def _is_told(cells: Cells, thing: str, name: str) -> bool:
    found = strength(cells.codes[thing], cells.codes[name])
    return found is not None and _is_common(found)


def _is_common(found: Strength) -> bool:
    """Agreement within things that cannot be chance, on values that tell the things apart."""
    return (
        found.kappa >= STRENGTH
        and found.covered >= COVERED
        and found.variety >= VARIETY
        and found.chance <= CHANCE
        and found.groups >= FEWEST_THINGS
    )


def settle(cells: Cells, reports: Reports, name: str) -> Verdict:
    """What most sources say about column `name` of each row's thing."""
    things, values = cells.codes[reports.thing], cells.codes[name]
    sources = cells.codes[reports.source]
    trust = 1 + reliability(cells, reports, name)[np.maximum(sources, 0)] / cells.n
    rows = np.flatnonzero((things >= 0) & (values >= 0))
    width = len(cells.values[name])
    keys, place, count = np.unique(
        things[rows] * width + values[rows], return_inverse=True, return_counts=True
    )
    weight = np.bincount(place, weights=trust[rows])
    order = np.lexsort((weight, keys // width))
    last = np.append(np.diff(keys[order] // width) > 0, True)
    winners = order[last]
    winners = winners[count[winners] >= 2]
    value = np.full(len(cells.values[reports.thing]), -1)
    votes, value[keys[winners] // width] = np.zeros_like(value), keys[winners] % width
    votes[keys[winners] // width] = count[winners]
    voices = np.bincount(things[rows], minlength=len(value))
    known = np.maximum(things, 0)
    return Verdict(np.where(things >= 0, value[known], -1), votes[known], voices[known])


def reliability(cells: Cells, reports: Reports, name: str) -> Floats:
    """Per source, the share of its statements that at least half of all voices share, in [0, 1]."""
    things, values = cells.codes[reports.thing], cells.codes[name]
    sources = cells.codes[reports.source]
    rows = np.flatnonzero((things >= 0) & (values >= 0) & (sources >= 0))
    keys = things[rows] * len(cells.values[name]) + values[rows]
    _, place, count = np.unique(keys, return_inverse=True, return_counts=True)
    voices = np.bincount(things[rows])[things[rows]]
    shared = (2 * count[place] >= voices).astype(float)
    size = len(cells.values[reports.source])
    said = np.bincount(sources[rows], minlength=size)
    agreed = np.bincount(sources[rows], weights=shared, minlength=size)
    return np.asarray(agreed / np.maximum(said, 1))
