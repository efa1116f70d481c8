"""Dependencies: one column says another (a zip code its city), found in spite of some errors.

Approximate functional dependencies in the sense of Kivinen & Mannila (1995), with two changes.
Values that are no group's majority are set aside before the strength is judged, so that typos do
not hide a dependency; and exceptions that repeat within a group speak against it, because errors
are scattered while a second rightful value is not.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import permutations
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from quality.cells import Cells, Codes

Flags = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float64]

MOST_COLUMNS = 60
SAMPLE_ROWS = 20_000
FEWEST_GROUPS = 5
FEWEST_OTHER_GROUPS = 3
FEWEST_OTHER_ROWS = 10
COVERED = 0.2
STRENGTH = 0.9
STRENGTH_WITH_STRAYS = 0.3
EXCEPTIONS = 0.15
REPEATED = 0.02
REPEATED_SHARE = 0.05  # of a group
EXPLAINED = 0.5
FEWEST_EXPLAINED = 5


@dataclass(frozen=True)
class Dependency:
    """`determinant` -> `dependent`: rows equal in the one are equal in the other, but for errors.

    `agreement` in [0, 1]: the share of comparable rows (their group has two rows or more) whose
    value is their group's most frequent one. `groups`: how many groups can be compared.
    `explained` in [0, 1]: the share of rows whose exceptions a third column explains; where it is
    above 0 the rule does not hold for all rows.
    """

    determinant: str
    dependent: str
    agreement: float
    groups: int
    explained: float = 0.0


class Strength(NamedTuple):
    """How far one column says another. All shares are of the rows where both are filled.

    `covered`: in groups of two and more; `kappa`: agreement within groups beyond chance, 1 = always
    equal (Fleiss 1971), without the values that are no group's majority, and `kappa_with_strays`
    with them; `exceptions`: not their
    group's majority, `repeated` of these as often that they are hardly errors; `other_groups` and
    `other_rows`: with another majority than the column's most frequent value; `variety`: different
    majorities a group; `chance`: of two rows to be equal.
    """

    covered: float
    groups: int
    kappa: float
    kappa_with_strays: float
    exceptions: float
    repeated: float
    other_groups: int
    other_rows: int
    variety: float
    chance: float


def find_dependencies(cells: Cells) -> list[Dependency]:
    """Every pair of columns where one says the other; strongest first.

    A column can be a determinant if its values repeat. Columns of fractions are none: equal
    measurements are no names.
    """
    names = [name for name in cells.names if _repeats(cells, name)]
    names = sorted(names, key=lambda name: len(cells.values[name]))[:MOST_COLUMNS]
    names = [name for name in cells.names if name in names]
    fractions = {name for name in names if _holds_fractions(cells.values[name])}
    found = [_dependency(cells, a, b) for a, b in permutations(names, 2) if a not in fractions]
    kept = [dependency for dependency in found if dependency is not None]
    return sorted(kept, key=lambda d: (-d.agreement, -d.groups))


def _repeats(cells: Cells, name: str) -> bool:
    known = int((cells.codes[name] >= 0).sum())
    return 2 <= len(cells.values[name]) <= (1 - COVERED / 2) * known


def _holds_fractions(values: Sequence[str]) -> bool:
    some = pd.to_numeric(pd.Series(values[:200], dtype=object), errors="coerce")
    return bool((some.notna() & (some != some.round())).mean() > 0.2)


def _dependency(cells: Cells, a: str, b: str) -> Dependency | None:
    rows = _some_groups(cells.codes[a])
    found = strength(cells.codes[a][rows], cells.codes[b][rows])
    if found is None or not is_firm(found):
        return None
    codes_a, codes_b = cells.codes[a], cells.codes[b]
    odd = departs(codes_a, codes_b)
    compared = int(((codes_b >= 0) & (majority(codes_a, codes_b).size >= 2)).sum())
    explained = float(explained_rows(cells, odd, without=(a, b)).sum()) / compared
    return Dependency(a, b, 1 - float(odd.sum()) / compared, found.groups, explained)


def is_firm(found: Strength) -> bool:
    """Whether a dependency is strong enough that its exceptions are likely errors."""
    return (
        found.covered >= COVERED
        and found.groups >= FEWEST_GROUPS
        and found.kappa >= STRENGTH
        and found.kappa_with_strays >= STRENGTH_WITH_STRAYS
        and found.exceptions <= EXCEPTIONS
        and found.repeated <= REPEATED
        and (found.other_groups >= FEWEST_OTHER_GROUPS or found.other_rows >= FEWEST_OTHER_ROWS)
    )


def _some_groups(codes: Codes) -> Codes:
    """Rows of enough whole groups to judge by; all rows of a table of moderate length."""
    step = -(-len(codes) // SAMPLE_ROWS)
    return np.flatnonzero((codes >= 0) & (codes % step == 0))


class Pairs(NamedTuple):
    """The different pairs of two columns' codes, arrays (pairs,).

    `rows`: how many rows have the pair; `size`: how many have its `a`.
    """

    a: Codes
    b: Codes
    rows: Codes
    size: Codes


def _pairs(a: Codes, b: Codes) -> tuple[Pairs, Codes, Codes]:
    """The pairs, the rows where both are filled, and the place of each such row's pair."""
    filled = np.flatnonzero((a >= 0) & (b >= 0))
    width = int(b.max(initial=0)) + 1
    keys, place, rows = np.unique(
        a[filled] * width + b[filled], return_inverse=True, return_counts=True
    )
    return _sized(keys // width, keys % width, rows), filled, place


def _sized(a: Codes, b: Codes, rows: Codes) -> Pairs:
    return Pairs(a, b, rows, np.bincount(a, weights=rows).astype(np.int64)[a] if len(a) else rows)


def strength(a: Codes, b: Codes) -> Strength | None:
    """How far the codes `a` (n,) say `b` (n,), -1 = blank; None where nothing can be compared."""
    pairs, filled, _ = _pairs(a, b)
    homely = _without_strays(pairs)
    several = homely.size >= 2
    groups, compared = len(np.unique(homely.a[several])), int(homely.rows[several].sum())
    if not compared:
        return None
    lead = several & _is_top(homely)
    other = lead & (homely.b != np.bincount(homely.b, weights=homely.rows).argmax())
    odd = (pairs.size >= 2) & ~_is_top(pairs)
    often = odd & (pairs.rows >= 2) & (pairs.rows >= REPEATED_SHARE * pairs.size)
    return Strength(
        covered=compared / len(filled),
        groups=groups,
        kappa=_kappa(homely),
        kappa_with_strays=_kappa(pairs),
        exceptions=float(pairs.rows[odd].sum()) / len(filled),
        repeated=float(pairs.rows[often].sum()) / len(filled),
        other_groups=len(np.unique(homely.a[other])),
        other_rows=int(homely.rows[other].sum()),
        variety=len(np.unique(homely.b[lead])) / groups,
        chance=_chance(homely),
    )


def _without_strays(pairs: Pairs) -> Pairs:
    """The pairs whose value is the majority of some group, if not of its own."""
    leads = (pairs.rows >= 2) & (2 * pairs.rows > pairs.size)
    kept = np.isin(pairs.b, pairs.b[leads])
    return _sized(pairs.a[kept], pairs.b[kept], pairs.rows[kept])


def _is_top(pairs: Pairs) -> Flags:
    """Whether a pair has its group's most frequent `b`, bool (pairs,); all of them where tied."""
    top = np.zeros(int(pairs.a.max(initial=0)) + 1, dtype=np.int64)
    np.maximum.at(top, pairs.a, pairs.rows)
    return np.asarray(pairs.rows == top[pairs.a])


def _kappa(pairs: Pairs) -> float:
    """How much more often two rows are equal in one group than in any two; 1 = always."""
    several, chance = pairs.size >= 2, _chance(pairs)
    equal = pairs.rows * (pairs.rows - 1) / np.maximum(pairs.size - 1, 1)
    within = float(equal[several].sum() / max(1, pairs.rows[several].sum()))
    return (within - chance) / (1 - chance) if chance < 1 else 0.0


def _chance(pairs: Pairs) -> float:
    """How often two rows, whatever their group, are equal."""
    total = np.bincount(pairs.b, weights=pairs.rows)
    n = float(total.sum())
    return float((total * (total - 1)).sum()) / (n * (n - 1)) if n > 1 else 1.0


class Majority(NamedTuple):
    """What each row's group says of a column, arrays (n,).

    `value`: the code of the most frequent value, -1 where none is alone at the top or a row has no
    group; `votes` its rows, `own` the rows with this row's value, `size` the rows that are filled,
    `rows` all rows of the group.
    """

    value: Codes
    votes: Codes
    own: Codes
    size: Codes
    rows: Codes


def majority(a: Codes, b: Codes) -> Majority:
    """What the group by `a` (n,) of each row says of `b` (n,); -1 = blank."""
    pairs, filled, place = _pairs(a, b)
    lead = _is_top(pairs)
    alone = lead & (np.bincount(pairs.a[lead])[pairs.a] == 1)
    own = np.zeros(len(a), dtype=np.int64)
    own[filled] = pairs.rows[place]
    return Majority(
        value=_of_group(a, pairs.a[alone], pairs.b[alone], none=-1),
        votes=_of_group(a, pairs.a[lead], pairs.rows[lead]),
        own=own,
        size=_of_group(a, pairs.a, pairs.size),
        rows=_of_group(a, *np.unique(a[a >= 0], return_counts=True)),
    )


def _of_group(a: Codes, groups: Codes, values: Codes, *, none: int = 0) -> Codes:
    """Per row, int (n,), the value of its group; `none` for rows without one."""
    found = np.full(int(a.max(initial=-1)) + 2, none, dtype=np.int64)
    found[groups] = values
    return found[a]


def departs(a: Codes, b: Codes) -> Flags:
    """Rows with another value than their group's most frequent one, bool (n,); ties are let be."""
    found = majority(a, b)
    return np.asarray((b >= 0) & (found.own > 0) & (found.own < found.votes))


def explained_rows(cells: Cells, odd: Flags, *, without: Sequence[str]) -> Flags:
    """Exceptions that a third column explains, bool (n,).

    Where one value of another column goes along with an exception more often than not, another
    rule holds for its rows: they are no errors.
    """
    explained = np.zeros(cells.n, dtype=bool)
    if odd.sum() < FEWEST_EXPLAINED:
        return explained
    for name in cells.names:
        if name in without:
            continue
        codes = cells.codes[name]
        size = len(cells.values[name])
        seen = np.bincount(codes[codes >= 0], minlength=size)
        hits = np.bincount(codes[odd & (codes >= 0)], minlength=size)
        cause = (hits >= FEWEST_EXPLAINED) & (hits >= EXPLAINED * seen)
        explained |= odd & (codes >= 0) & cause[np.maximum(codes, 0)]
    return explained
