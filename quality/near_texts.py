"""Near-duplicates among texts: found by MinHash over coarse shingles, judged by fine ones."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

import numpy as np

from quality.hashes import Ints, Longs, Words, decode, encode, mixed, mixed_long, sorted_once
from quality.minhash import band_keys, meetings, signatures
from quality.pairs import Bools, Floats, Pairs, distinct, paired
from quality.shingles import (
    COARSE,
    FINE,
    Ragged,
    fingerprints,
    jaccard,
    sets,
    shingles,
    stacked,
    symbols,
)

THRESHOLD = 0.6
CHUNK = 20_000


class Banding(NamedTuple):
    """Texts of at most `longest` symbols meet where `size` values in a row of a signature agree."""

    size: int
    longest: float


# One changed letter takes most from the shortest texts: these also meet in shorter bands.
BANDINGS = (Banding(4, np.inf), Banding(3, 24))


class _Table(NamedTuple):
    """The band keys of some rows: int (rows,) and uint32 (bands, rows)."""

    rows: Ints
    keys: Words


class _Read(NamedTuple):
    """What is kept of texts once they are read."""

    fingerprints: Longs
    fine: Ragged
    tables: list[_Table]


def text_pairs(
    texts: Sequence[str],
    *,
    threshold: float = THRESHOLD,
    block: Ints | None = None,
    besides: Longs | None = None,
    chunk: int = CHUNK,
) -> Pairs:
    """The pairs of texts whose fine shingles have a Jaccard similarity of at least `threshold`.

    Texts with the same letters in the same order are copies, whatever their case, blanks and
    punctuation. Blank texts are near to nothing. Only texts of one `block`, int (texts,), are
    compared; where `besides`, uint64 (texts,), differs, the same text is a near pair and no copy.
    `chunk` texts at a time are taken apart, which bounds the memory and changes no result.

    Of a crowd, more than 64 texts that meet in one band, not every pair is looked at.
    """
    read = _read(texts, chunk)
    _tell_apart(read, block, besides)
    first, earliest = distinct(read.fingerprints, read.fine.lengths > 0)
    codes, similarity = _judged(read.fine, _met(read.tables, first, len(texts)), threshold)
    return paired(earliest, *decode(codes), similarity)


def _tell_apart(read: _Read, block: Ints | None, besides: Longs | None) -> None:
    """Let `block` and `besides` take part in the fingerprints, and `block` in the band keys."""
    prints = read.fingerprints
    if besides is not None:
        prints ^= mixed_long(besides)
    if block is not None:
        prints[:] = mixed_long(prints ^ mixed_long(block.astype(np.uint64)))
        for rows, keys in read.tables:
            keys ^= mixed(block[rows].astype(np.uint32))


def _read(texts: Sequence[str], chunk: int) -> _Read:
    prints, fine, tables = [], [], []
    for at in range(0, max(len(texts), 1), chunk):
        letters = symbols(texts[at : at + chunk])
        prints.append(fingerprints(letters))
        fine.append(sets(shingles(letters, FINE)))
        tables.append(_tables(letters, at))
    joined = [_joined(each) for each in zip(*tables, strict=True)]
    return _Read(np.concatenate(prints), stacked(fine), joined)


def _tables(letters: Ragged, at: int) -> list[_Table]:
    """A table for each banding; the first of the rows is row `at`. Blank texts are in none."""
    coarse, rows = shingles(letters, COARSE), np.flatnonzero(letters.lengths)
    signature = signatures(Ragged(coarse.values, np.append(coarse.starts[rows], coarse.starts[-1])))
    chosen = [letters.lengths[rows] <= banding.longest for banding in BANDINGS]
    return [
        _Table(at + rows[some], band_keys(signature[some], banding.size))
        for banding, some in zip(BANDINGS, chosen, strict=True)
    ]


def _joined(tables: Sequence[_Table]) -> _Table:
    rows, keys = zip(*tables, strict=True)
    return _Table(np.concatenate(rows), np.concatenate(keys, axis=1))


def _met(tables: Iterable[_Table], first: Ints, n: int) -> Iterator[Longs]:
    """Band by band, the pairs that meet in it, each once. Only the rows `first` take part."""
    for rows, keys in tables:
        place = np.full(n, -1, dtype=np.int64)
        place[rows] = np.arange(len(rows))
        chosen = place[first][place[first] >= 0]
        for key in keys:
            one, other = meetings(key[chosen])
            yield sorted_once(encode(rows[chosen[one]], rows[chosen[other]]))


def _judged(fine: Ragged, met: Iterable[Longs], threshold: float) -> tuple[Longs, Floats]:
    """Of the pairs that met, those similar enough, in order, and how similar they are."""
    codes, similarity = np.zeros(0, np.uint64), np.zeros(0)
    for candidates in met:
        fresh = candidates[~_among(candidates, codes)]
        values = jaccard(fine, *decode(fresh))
        near = values >= threshold
        codes = np.concatenate([codes, fresh[near]])
        similarity = np.concatenate([similarity, values[near]])
        order = np.argsort(codes, kind="stable")
        codes, similarity = codes[order], similarity[order]
    return codes, similarity


def _among(values: Longs, known: Longs) -> Bools:
    """Which values stand in `known`, which is sorted."""
    place = np.searchsorted(known, values)
    inside = place < len(known)
    inside[inside] = known[place[inside]] == values[inside]
    return inside
