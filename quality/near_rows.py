"""Near-duplicates among table rows: the same categories, near texts, numbers closer than chance."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd

from quality.columns import as_numbers, filled, looks_numeric
from quality.duplicates import exact_keys
from quality.hashes import Ints, Longs, decode, encode, mixed_long, sorted_once
from quality.minhash import meetings
from quality.near_texts import text_pairs
from quality.pairs import Bools, Floats, Pairs, distinct, paired

TOLERANCE = 0.1
CHANCE = 5e-3  # strangers that a row may expect within the distance of a near-duplicate
TEXT, TEXTS = 0.6, 0.8  # what one text, or several together, must at least be alike
MAX_LEVELS = 50
NEIGHBOURS = 5
ASKED, AMONG = 500, 20_000
AXES = 8
CELL = 5.0
SEED = 20_250_102
NO_TEXT = "\u2205"
PRIME = np.uint64(0x9E3779B97F4A7C15)


class Cells(NamedTuple):
    """A table's cells by kind.

    `numbers` float (rows, numeric columns), in standard deviations, 0 where missing; `texts` those
    of a row as one, empty where no column holds texts, and `n_texts` how many do; `block` int
    (rows,), equal where all categories are and the same numbers are missing; `filled` bool (rows,).
    """

    numbers: Floats
    texts: list[str]
    n_texts: int
    block: Ints
    filled: Bools


def row_pairs(frame: pd.DataFrame, *, tolerance: float = TOLERANCE) -> Pairs:
    """The pairs of rows with equal categories, near texts and numbers at most `tolerance` apart.

    Numbers are measured in standard deviations of their column, all columns together (Euclid).
    Without texts to go by, numbers must also be closer than strangers come by chance. Similarity
    is 1 less the root mean square of the columns' distances; that of texts is 1 less Jaccard's.
    Copies have the same categories, letters and numbers. Empty rows are near to nothing.
    """
    cells = cells_of(frame)
    pairs = _by_texts(cells) if cells.n_texts else _by_numbers(cells, tolerance)
    gaps = _gaps(cells.numbers, pairs.first, pairs.second)
    squares = gaps**2 + cells.n_texts * (1.0 - pairs.similarity) ** 2
    similarity = np.maximum(1.0 - np.sqrt(squares / max(frame.shape[1], 1)), 0.0)
    near = gaps <= tolerance
    return pairs._replace(similarity=similarity).where(near)


def _by_texts(cells: Cells) -> Pairs:
    keys = row_keys(cells.numbers, np.zeros_like(cells.block))
    threshold = TEXT if cells.n_texts == 1 else TEXTS
    return text_pairs(cells.texts, threshold=threshold, block=cells.block, besides=keys)


def _by_numbers(cells: Cells, tolerance: float) -> Pairs:
    """The near pairs, all with the similarity 1: the texts, which are not there, do not differ."""
    first, earliest = distinct(row_keys(cells.numbers, cells.block), cells.filled)
    points, block = cells.numbers[first], cells.block[first]
    radius = min(tolerance, chance_radius(points, block))
    one, other = close_pairs(points, block, radius=radius)
    return paired(earliest, first[one], first[other], np.ones(len(one)))


# -- the cells of a table ----------------------------------------------------------------------


def cells_of(frame: pd.DataFrame) -> Cells:
    """The cells by kind: numbers as `looks_numeric` has it; texts differ in most rows or widely."""
    numbers, texts, rest = [], [], {}
    known = pd.DataFrame({name: filled(frame[name]) for name in frame}, index=frame.index)
    has_content = known.notna().any(axis=1).to_numpy(dtype=bool)
    for name, values in known.items():
        if looks_numeric(values):
            figures = as_numbers(values)
            numbers.append(_in_spreads(figures.to_numpy()))
            rest[name] = values.astype(object).where(figures.isna(), "")
        elif values.nunique() > min(MAX_LEVELS, len(values) // 2):
            texts.append(values.fillna("").astype(str).tolist())
        else:
            rest[name] = values
    return Cells(
        numbers=np.column_stack([np.zeros((len(frame), 0)), *numbers]),
        texts=[_joined(row, some) for *row, some in zip(*texts, has_content, strict=True)],
        n_texts=len(texts),
        block=_codes(pd.DataFrame(rest, index=frame.index)),
        filled=has_content,
    )


def _joined(cells: Sequence[str], has_content: bool) -> str:
    """The texts of a row as one; a row that only lacks its texts has another text than blank."""
    return " ".join(cells).strip() or (NO_TEXT if has_content else "")


def _in_spreads(figures: Floats) -> Floats:
    """The numbers in standard deviations from their mean, 0 where missing or all the same."""
    scaled, known = np.zeros(len(figures)), ~np.isnan(figures)
    if known.any():
        values = figures[known]
        values = values / max(1.0, np.abs(values).max())  # so that no square overflows
        spread = float(values.std())
        scaled[known] = (values - values.mean()) / spread if spread > 1e-12 else 0.0
    return scaled


def _codes(frame: pd.DataFrame) -> Ints:
    """A number per row, int (rows,), equal exactly where the normalised rows are."""
    if frame.empty:
        return np.zeros(len(frame), dtype=np.int64)
    return np.asarray(pd.factorize(exact_keys(frame, list(frame.columns)))[0], dtype=np.int64)


def row_keys(points: Floats, block: Ints) -> Longs:
    """64 bits a row, uint64 (rows,), equal where the block and all the numbers are."""
    keys = mixed_long(block.astype(np.uint64))
    for column in (points + 0.0).T:  # + 0.0: there is a 0 and a -0
        keys = mixed_long(keys ^ np.ascontiguousarray(column).view(np.uint64))
    return keys


# -- rows that lie close together --------------------------------------------------------------


def close_pairs(points: Floats, block: Ints, *, radius: float) -> tuple[Ints, Ints]:
    """The pairs of rows of one block at most `radius` apart (Euclid), int (pairs,) each, in order.

    `points` float (rows, columns), no two the same within a block. Every such pair is found, but
    for crowds: of more than 64 rows within a few radii not every pair is looked at.
    """
    if radius <= 0 or not points.size:
        return np.zeros(0, np.int64), np.zeros(0, np.int64)
    rows, cells = _in_cells(points, block, radius)
    one, other = meetings(cells.astype(np.uint32))
    first, second = decode(sorted_once(encode(rows[one], rows[other])))
    apart = (first == second) | (block[first] != block[second])  # met by accident of hashing
    near = ~apart & (_gaps(points, first, second) <= radius)
    return first[near], second[near]


def _in_cells(points: Floats, block: Ints, radius: float) -> tuple[Ints, Longs]:
    """Rows with the cells of a grid that they lie in, or so close before that a mate may.

    Two rows within a radius share at least one cell: on each axis the later of their two.
    """
    shadows = points @ _axes(points.shape[1]) / (CELL * radius)
    rows, cells = np.arange(len(points)), mixed_long(block.astype(np.uint64))
    for shadow in shadows.T:
        place = shadow[rows]
        own = np.floor(place)
        late = place - own > 1.0 - 1.0 / CELL - 1e-9
        near_cells = np.concatenate([own, own[late] + 1.0]).astype(np.int64).astype(np.uint64)
        cells = mixed_long(np.concatenate([cells, cells[late]]) * PRIME + near_cells)
        rows = np.concatenate([rows, rows[late]])
    return rows, cells


def _axes(columns: int) -> Floats:
    """At most `AXES` directions at right angles, float (columns, axes)."""
    if columns <= AXES:
        return np.eye(columns)
    random = np.random.default_rng(SEED).normal(size=(columns, AXES))
    return np.asarray(np.linalg.qr(random)[0])


def _gaps(points: Floats, first: Ints, second: Ints) -> Floats:
    return np.asarray(np.linalg.norm(points[first] - points[second], axis=1))


def chance_radius(points: Floats, block: Ints) -> float:
    """How near a row may expect `CHANCE` strangers of its own block, in the measure of `points`.

    From the typical distances of the 5th and 10th neighbours and how fast the number of neighbours
    grows between them (Pettis et al., 1979), blocks taken as independent of the numbers. Infinite
    where there are too few rows to tell.
    """
    from scipy.spatial.distance import cdist

    order = np.random.default_rng(SEED).permutation(len(points))
    among = points[order[:AMONG]]
    if len(among) <= 2 * NEIGHBOURS or not points.shape[1]:
        return math.inf
    reach = np.partition(cdist(among[:ASKED], among), (NEIGHBOURS, 2 * NEIGHBOURS), axis=1)
    near, far = np.median(reach[:, [NEIGHBOURS, 2 * NEIGHBOURS]], axis=0).tolist()
    if near == 0.0:
        return 0.0
    same_block = float((np.bincount(block) ** 2).sum()) / len(block) ** 2
    strangers = NEIGHBOURS * len(points) / len(among) * same_block
    return float(near * (CHANCE / strangers) ** (math.log2(far / near)))
