"""Numbers scrambled, counted once and packed: what the searches for near-duplicates are made of."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

Words = npt.NDArray[np.uint32]
Longs = npt.NDArray[np.uint64]
Ints = npt.NDArray[np.int64]


def mixed(values: Words) -> Words:
    """Scrambled one to one, so that near values come to lie far apart."""
    values = (values ^ (values >> np.uint32(16))) * np.uint32(0x85EBCA6B)
    values = (values ^ (values >> np.uint32(13))) * np.uint32(0xC2B2AE35)
    return values ^ (values >> np.uint32(16))


def mixed_long(values: Longs) -> Longs:
    """The same for 64 bits."""
    values = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    values = (values ^ (values >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return values ^ (values >> np.uint64(31))


def sorted_once(values: Longs) -> Longs:
    """The values sorted, each once: what `np.unique` gives, which takes a hundred times longer."""
    values = np.sort(values)
    new = np.ones(len(values), dtype=bool)
    new[1:] = values[1:] != values[:-1]
    return values[new]


def encode(first: Ints, second: Ints) -> Longs:
    """One number a pair of rows, uint64, whichever of them comes first."""
    low, high = np.minimum(first, second), np.maximum(first, second)
    return (low.astype(np.uint64) << np.uint64(32)) | high.astype(np.uint64)


def decode(codes: Longs) -> tuple[Ints, Ints]:
    """The two rows of each pair, the smaller first."""
    return (codes >> np.uint64(32)).astype(np.int64), codes.astype(np.uint32).astype(np.int64)


def within(lengths: npt.NDArray[np.integer]) -> Ints:
    """0, 1, 2, … for each of these lengths, one after the other.

    >>> within(np.array([2, 0, 3]))
    array([0, 1, 0, 1, 2])
    """
    ends: Ints = np.cumsum(lengths, dtype=np.int64)
    opens: Ints = ends - lengths
    places: Ints = np.arange(ends[-1] if len(ends) else 0) - np.repeat(opens, lengths)
    return places


def parts(sizes: npt.NDArray[np.integer], most: int) -> Iterator[slice]:
    """Runs of consecutive places whose sizes sum to at most `most`, or one place that is larger.

    >>> [(part.start, part.stop) for part in parts(np.array([1, 2, 3, 9, 1]), 5)]
    [(0, 2), (2, 3), (3, 4), (4, 5)]
    """
    ends: Ints = np.cumsum(sizes, dtype=np.int64)
    at = 0
    while at < len(ends):
        limit = int(ends[at] - sizes[at]) + most
        stop = max(at + 1, int(np.searchsorted(ends, limit, side="right")))
        yield slice(at, stop)
        at = stop
