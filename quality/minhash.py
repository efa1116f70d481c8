"""MinHash: sets as short signatures, and the pairs of sets whose signatures meet (Broder, 1997).

Two sets have the same value at one place of their signatures with the probability of their Jaccard
similarity. Signatures are cut into bands; sets that are equal in a whole band meet (locality
sensitive hashing: Indyk and Motwani, 1998).
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from quality.hashes import Ints, Words, decode, parts, within
from quality.shingles import Ragged

N_HASHES = 128
CROWD = 64
REACH = 3
SEED = 20_250_101
VALUES_AT_ONCE = 250_000  # so that what is hashed again and again stays in the processor's cache


def signatures(rows: Ragged, *, n_hashes: int = N_HASHES, seed: int = SEED) -> Words:
    """The smallest hash of each row under each of `n_hashes` functions, uint32 (rows, n_hashes).

    Every row holds at least one value; a value that stands twice counts once.
    """
    rng = np.random.default_rng(seed)
    flips = rng.integers(0, 2**32, n_hashes, dtype=np.uint32)
    factors = rng.integers(0, 2**31, n_hashes, dtype=np.uint32) * np.uint32(2) + np.uint32(1)
    n_rows = len(rows.starts) - 1
    found = np.empty((n_rows, n_hashes), dtype=np.uint32)
    for part in parts(rows.lengths, VALUES_AT_ONCE):
        starts = rows.starts[part.start : part.stop + 1]
        values, offsets = rows.values[starts[0] : starts[-1]], starts[:-1] - starts[0]
        for k, (flip, factor) in enumerate(zip(flips, factors, strict=True)):
            found[part, k] = np.minimum.reduceat((values ^ flip) * factor, offsets)
    return found


def estimate(one: Words, other: Words) -> npt.NDArray[np.float64]:
    """The Jaccard similarity of sets from their signatures, float, in the shape of the rows."""
    shares: npt.NDArray[np.float64] = np.mean(one == other, axis=-1)
    return shares


def band_keys(signature: Words, size: int) -> Words:
    """Each row's bands of `size` values as one number each, uint32 (bands, rows)."""
    n_rows, n_hashes = signature.shape
    keys = np.zeros((n_hashes // size, n_rows), dtype=np.uint32)
    for band, key in enumerate(keys):
        for value in signature.T[band * size : (band + 1) * size]:
            key ^= value
            key *= np.uint32(0x9E3779B1)
            key ^= key >> np.uint32(15)
    return keys


def meetings(key: Words) -> tuple[Ints, Ints]:
    """The pairs of places that hold the same key, int (pairs,) each.

    Where more than `CROWD` meet, each meets only the next `REACH`: enough to join what is alike
    by a chain, without the million pairs of a thousand.
    """
    places = np.arange(len(key), dtype=np.uint64)
    held, order = decode(np.sort(key.astype(np.uint64) << np.uint64(32) | places))
    new = np.ones(len(key), dtype=bool)
    new[1:] = held[1:] != held[:-1]
    size = np.diff(np.append(np.flatnonzero(new), len(key)))
    sizes = np.repeat(size, size)
    left = sizes - 1 - within(size)
    partners = np.where(sizes > CROWD, np.minimum(left, REACH), left)
    first = np.repeat(np.arange(len(key)), partners)
    return order[first], order[first + 1 + within(partners)]
