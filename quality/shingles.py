"""Shingles: a text as a set of short overlapping runs of its letters, each a 32-bit hash.

Only letters, marks and digits count: case, width, composition, blanks and punctuation make no
difference. A Hangul syllable counts as its two or three jamo, so that one wrong jamo is as small a
change in Korean as one wrong letter is in English. A number counts as a whole: 12 is as far from
13 as from 99.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from quality.hashes import Ints, Longs, Words, mixed, mixed_long, parts, sorted_once, within

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]
Sizes = tuple[int, int]

# Letters in a shingle, and jamo, of which each says less. On messages and film reviews with a typo,
# a word dropped or two words swapped, the fine ones tell copies from strangers best; the coarse
# ones are rarer, so that they find the copies among fewer candidates.
FINE: Sizes = (2, 3)
COARSE: Sizes = (3, 4)
LONG: Sizes = (6, 9)
NUMBER_SYMBOLS = 3
JAMO = (0x1100, 0x11FF)
BOUNDARY = 0
SEPARATOR = "\n"
PRIME = np.uint32(0x9E3779B1)
VALUES_AT_ONCE = 10_000_000


class Ragged(NamedTuple):
    """Rows of different lengths in one array: row r is `values[starts[r] : starts[r + 1]]`."""

    values: Words
    starts: Ints

    @property
    def lengths(self) -> Ints:
        """How many values each row has, int (rows,)."""
        return np.diff(self.starts)


def take(ragged: Ragged, rows: Ints) -> Ragged:
    """Some of the rows, in the order given."""
    lengths = ragged.lengths[rows]
    where = np.repeat(ragged.starts[rows], lengths) + within(lengths)
    return Ragged(ragged.values[where], _starts(lengths))


# -- from texts to symbols ---------------------------------------------------------------------


def symbols(texts: Sequence[str]) -> Ragged:
    """The letters of each text between two boundary marks; a blank text has no symbol at all.

    A text without a letter or digit ("!!!", ":)") counts with all that can be seen of it.
    """
    joined = SEPARATOR.join([text.replace(SEPARATOR, " ") for text in texts])
    folded = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", joined).casefold())
    codes = np.frombuffer(folded.encode("utf-32-le", "surrogatepass"), dtype=np.uint32)
    kinds, row = _kinds(codes), np.cumsum(codes == ord(SEPARATOR))
    kept = _kept(kinds, row, len(texts))
    return _bounded(*_with_whole_numbers(codes[kept], row[kept], kinds[kept] == ord("N")), texts)


def _kinds(codes: Words) -> npt.NDArray[np.uint8]:
    """The first letter of each code point's category in Unicode: L, M, N, P, S, Z or C."""
    table = np.zeros(0x110000, dtype=np.uint8)
    present = np.flatnonzero(np.bincount(codes))
    table[present] = [ord(unicodedata.category(chr(code))[0]) for code in present]
    return table[codes]


def _kept(kinds: npt.NDArray[np.uint8], row: Ints, n_rows: int) -> Bools:
    spoken = np.isin(kinds, list(b"LMN"))
    silent = np.bincount(row[spoken], minlength=n_rows) == 0
    kept: Bools = spoken | (np.isin(kinds, list(b"PS")) & silent[row])
    return kept


def _with_whole_numbers(codes: Words, row: Ints, digit: Bools) -> tuple[Words, Ints]:
    """Each run of digits as three symbols, all of which depend on the whole run."""
    follows = np.zeros(len(codes), dtype=bool)
    follows[1:] = digit[1:] & digit[:-1] & (row[1:] == row[:-1])
    opens = digit & ~follows
    codes = codes.copy()
    codes[opens] = _numbers(codes, digit, opens)
    times = np.where(opens, NUMBER_SYMBOLS, ~digit)
    return np.repeat(codes, times) + within(times).astype(np.uint32), np.repeat(row, times)


def _numbers(codes: Words, digit: Bools, opens: Bools) -> Words:
    """A hash of each run of digits, uint32, beyond all code points."""
    run, where = np.cumsum(opens)[digit] - 1, np.flatnonzero(digit)
    place = where - np.flatnonzero(opens)[run]
    longest = int(place.max(initial=0)) + 1
    powers = np.cumprod(np.full(longest, PRIME, dtype=np.uint32), dtype=np.uint32)
    sums = np.zeros(int(opens.sum()), dtype=np.uint32)
    np.add.at(sums, run, codes[digit] * powers[place])
    return mixed(sums) | np.uint32(1 << 31)


def _bounded(codes: Words, row: Ints, texts: Sequence[str]) -> Ragged:
    counts = np.bincount(row, minlength=len(texts))
    lengths = np.where(counts > 0, counts + 2, 0)
    starts = _starts(lengths)
    values = np.full(starts[-1], BOUNDARY, dtype=np.uint32)
    values[starts[row] + 1 + within(counts)] = codes
    return Ragged(values, starts)


def _starts(lengths: Ints | Bools) -> Ints:
    return np.concatenate([np.zeros(1, dtype=np.int64), np.cumsum(lengths)])


def fingerprints(letters: Ragged) -> Longs:
    """64 bits a row, uint64 (rows,), equal where the rows have the same symbols in one order."""
    place = within(letters.lengths).astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15)
    mix = np.cumsum(mixed_long(letters.values.astype(np.uint64) + place))
    sums: Longs = np.concatenate([np.zeros(1, np.uint64), mix])
    return np.diff(sums[letters.starts])


# -- from symbols to sets ----------------------------------------------------------------------


def shingles(letters: Ragged, sizes: Sizes) -> Ragged:
    """The hashes of each row's shingles in the order of the text; some may stand twice.

    `sizes` says how many symbols make one where it begins with a letter, and where with a jamo.
    """
    values, starts = letters
    size = np.where((values >= JAMO[0]) & (values <= JAMO[1]), sizes[1], sizes[0])
    whole = np.arange(len(values)) + size <= np.repeat(starts[1:], letters.lengths)
    short, long = (_rolled(values, length) for length in sizes)
    hashes = np.where(size == sizes[0], short, long)
    return Ragged(mixed(hashes[whole]), _starts(whole)[starts])


def _rolled(values: Words, size: int) -> Words:
    """A hash of each symbol and the size - 1 after it; wrong at the end, where too few follow."""
    total = np.full(len(values), size, dtype=np.uint32)
    for ahead in range(size):
        total[: max(len(values) - ahead, 0)] += values[ahead:]
        total *= PRIME
        total ^= total >> np.uint32(15)
    return total


def sets(hashes: Ragged) -> Ragged:
    """Each row's hashes sorted, each once."""
    n_rows = len(hashes.starts) - 1
    row = np.repeat(np.arange(n_rows, dtype=np.uint64), hashes.lengths)
    keys = sorted_once((row << np.uint64(32)) | hashes.values)
    counts = np.bincount((keys >> np.uint64(32)).astype(np.int64), minlength=n_rows)
    return Ragged(keys.astype(np.uint32), _starts(counts))


def stacked(pieces: list[Ragged]) -> Ragged:
    """The rows of all pieces. These are given up one by one, so that memory is used once."""
    starts = _starts(np.concatenate([np.zeros(0, np.int64), *(each.lengths for each in pieces)]))
    values = np.empty(starts[-1], dtype=np.uint32)
    at = 0
    while pieces:
        piece = pieces.pop(0).values
        values[at : at + len(piece)] = piece
        at += len(piece)
    return Ragged(values, starts)


def jaccard(rows: Ragged, first: Ints, second: Ints) -> Floats:
    """What two sets share of what they have together, float (pairs,) in [0, 1] (Jaccard, 1901).

    `rows` are sets; two empty ones have nothing in common.
    """
    both = rows.lengths[first] + rows.lengths[second]
    shared = np.zeros(len(first), dtype=np.int64)
    for part in parts(both, VALUES_AT_ONCE):
        shared[part] = _shared(rows, first[part], second[part])
    similarity: Floats = shared / np.maximum(both - shared, 1)
    return similarity


def _shared(rows: Ragged, first: Ints, second: Ints) -> Ints:
    """How many values two rows have in common: sets as rows of a sparse matrix, multiplied."""
    both = [_as_matrix(rows, chosen) for chosen in (first, second)]
    return np.asarray(np.diff(both[0].multiply(both[1]).indptr), dtype=np.int64)


def _as_matrix(rows: Ragged, chosen: Ints) -> Any:
    from scipy.sparse import csr_matrix

    values, starts = take(rows, chosen)
    ones = np.ones(len(values), dtype=np.int8)
    matrix = csr_matrix((ones, values.astype(np.int64), starts), shape=(len(chosen), 2**32))
    matrix.has_canonical_format = True  # sorted and each once, so that it need not look
    return matrix
