"""Near-duplicates among texts: found by MinHash over coarse shingles, judged by fine ones."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

import numpy as np

from quality.hashes import (
    Ints,
    Longs,
    Words,
    decode,
    encode,
    mixed,
    mixed_long,
    parts,
    sorted_once,
)
from quality.minhash import band_keys, meetings, signatures
from quality.pairs import Bools, Floats, Pairs, best_of, distinct, paired
from quality.shingles import (
    COARSE,
    FINE,
    LONG,
    Ragged,
    Sizes,
    fingerprints,
    jaccard,
    sets,
    shingles,
    stacked,
    symbols,
    take,
)

THRESHOLD = 0.6
CHUNK = 1_500_000


class Banding(NamedTuple):
    """Texts of at most `longest` symbols meet where `size` values in a row of a signature agree."""

    size: int
    longest: float


class Scale(NamedTuple):
    """How texts of more than `least` and at most `most` symbols are found and judged."""

    found: Sizes
    judged: Sizes
    least: float
    most: float
    bandings: tuple[Banding, ...]


# One changed letter takes most from the shortest texts: they also meet in shorter bands. Two pages
# of prose share most pairs of letters: from a few hundred on, longer shingles tell strangers apart.
SCALES = (
    Scale(COARSE, FINE, 0, 400, (Banding(4, np.inf), Banding(3, 24))),
    Scale(LONG, LONG, 200, np.inf, (Banding(4, np.inf),)),
)


class _Table(NamedTuple):
    """The band keys of some texts: int (texts,), counted within a scale, uint32 (bands, texts)."""

    places: Ints
    keys: Words


class _Kept(NamedTuple):
    """What is kept of texts at a scale: the rows they are in, their sets and their band keys."""

    rows: Ints
    sets: Ragged
    tables: list[_Table]


class _Read(NamedTuple):
    """What is kept of all texts: 64 bits and how many symbols each, and what a scale needs."""

    fingerprints: Longs
    lengths: Ints
    scales: list[_Kept]


def text_pairs(
    texts: Sequence[str],
    *,
    threshold: float = THRESHOLD,
    block: Ints | None = None,
    besides: Longs | None = None,
    chunk: int = CHUNK,
) -> Pairs:
    """The pairs of texts whose fine shingles have a Jaccard similarity of at least `threshold`.

    Long texts, from some hundred letters on, are judged by longer shingles (`SCALES`). Texts with
    the same letters in the same order are copies, whatever their case, blanks and punctuation.
    Blank texts are near to nothing. Only texts of one `block`, int (texts,), are compared; where
    `besides`, uint64 (texts,), differs, the same text is a near pair and no copy. Texts of some
    `chunk` letters are taken apart at a time, which bounds the memory and changes no result.

    Of a crowd, more than 64 texts that meet in one band, not every pair is looked at.
    """
    read = _read(texts, chunk)
    _tell_apart(read, block, besides)
    first, earliest = distinct(read.fingerprints, read.lengths > 0)
    found = [_near(kept, first, len(texts), threshold) for kept in read.scales]
    one, other, similarity = (np.concatenate(each) for each in zip(*found, strict=True))
    best = best_of(encode(one, other), other, similarity)
    return paired(earliest, one[best], other[best], similarity[best])


# -- reading -----------------------------------------------------------------------------------


def _read(texts: Sequence[str], chunk: int) -> _Read:
    prints, lengths = [], []
    kept: list[list[_Kept]] = [[] for _ in SCALES]
    sizes = np.fromiter(map(len, texts), dtype=np.int64, count=len(texts))
    for part in [*parts(sizes, chunk)] or [slice(0, 0)]:
        letters = symbols(texts[part])
        prints.append(fingerprints(letters))
        lengths.append(letters.lengths)
        for scale, so_far in zip(SCALES, kept, strict=True):
            so_far.append(_at_scale(letters, scale, part.start))
    scales = [_joined(each) for each in kept]
    return _Read(np.concatenate(prints), np.concatenate(lengths), scales)


def _at_scale(letters: Ragged, scale: Scale, before: int) -> _Kept:
    """What a scale keeps of texts, `before` of which there were others."""
    rows = np.flatnonzero((letters.lengths > scale.least) & (letters.lengths <= scale.most))
    letters = take(letters, rows)
    signature = signatures(shingles(letters, scale.found))
    places = [np.flatnonzero(letters.lengths <= banding.longest) for banding in scale.bandings]
    tables = [
        _Table(some, band_keys(signature[some], banding.size))
        for banding, some in zip(scale.bandings, places, strict=True)
    ]
    return _Kept(before + rows, sets(shingles(letters, scale.judged)), tables)


def _joined(pieces: list[_Kept]) -> _Kept:
    before = np.cumsum([0, *(len(piece.rows) for piece in pieces)])[:-1]
    rows = np.concatenate([piece.rows for piece in pieces])
    tables = [_one_table(each, before) for each in zip(*(p.tables for p in pieces), strict=True)]
    piled = [piece.sets for piece in pieces]
    pieces.clear()
    return _Kept(rows, stacked(piled), tables)


def _one_table(tables: Sequence[_Table], before: Ints) -> _Table:
    places = [table.places + at for table, at in zip(tables, before, strict=True)]
    return _Table(np.concatenate(places), np.concatenate([table.keys for table in tables], axis=1))


def _tell_apart(read: _Read, block: Ints | None, besides: Longs | None) -> None:
    """Let `block` and `besides` take part in the fingerprints, and `block` in the band keys."""
    prints = read.fingerprints
    if besides is not None:
        prints ^= mixed_long(besides)
    if block is not None:
        prints[:] = mixed_long(prints ^ mixed_long(block.astype(np.uint64)))
        for kept in read.scales:
            for places, keys in kept.tables:
                keys ^= mixed(block[kept.rows[places]].astype(np.uint32))


# -- finding and judging -----------------------------------------------------------------------


def _near(kept: _Kept, first: Ints, n: int, threshold: float) -> tuple[Ints, Ints, Floats]:
    """The near pairs among the rows `first` at one scale, and how similar they are."""
    place = np.full(n, -1, dtype=np.int64)
    place[kept.rows] = np.arange(len(kept.rows))
    chosen = place[first][place[first] >= 0]
    codes, similarity = _judged(kept.sets, _met(kept, chosen), threshold)
    one, other = decode(codes)
    return kept.rows[one], kept.rows[other], similarity


def _met(kept: _Kept, chosen: Ints) -> Iterator[Longs]:
    """Band by band, the pairs that meet in it, each once. Only `chosen` places take part."""
    for places, keys in kept.tables:
        column = np.full(len(kept.rows), -1, dtype=np.int64)
        column[places] = np.arange(len(places))
        columns = column[chosen][column[chosen] >= 0]
        for key in keys:
            one, other = meetings(key[columns])
            yield sorted_once(encode(places[columns[one]], places[columns[other]]))


def _judged(judged: Ragged, met: Iterable[Longs], threshold: float) -> tuple[Longs, Floats]:
    """Of the pairs that met, those similar enough, in order, and how similar they are."""
    codes, similarity = np.zeros(0, np.uint64), np.zeros(0)
    for candidates in met:
        fresh = candidates[~_among(candidates, codes)]
        values = jaccard(judged, *decode(fresh))
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
