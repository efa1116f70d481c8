from __future__ import annotations

import numpy as np
import pytest

from quality import minhash
from quality.minhash import CROWD, band_keys, estimate, meetings, signatures
from quality.shingles import Ragged


def ragged(rows: list[np.ndarray]) -> Ragged:
    starts = np.cumsum([0, *(len(row) for row in rows)])
    return Ragged(np.concatenate(rows).astype(np.uint32), starts)


def overlapping(shared: int, alone: int, seed: int) -> list[np.ndarray]:
    """Two sets of random numbers with the Jaccard similarity shared / (shared + 2 alone)."""
    values = np.random.default_rng(seed).choice(2**32, shared + 2 * alone, replace=False)
    return [values[: shared + alone], np.concatenate([values[:shared], values[shared + alone :]])]


@pytest.mark.parametrize(("shared", "alone"), [(10, 45), (30, 35), (60, 20), (90, 5), (6, 2)])
def test_the_share_of_equal_places_estimates_jaccard_without_bias(shared: int, alone: int) -> None:
    truth, pairs, n_hashes = shared / (shared + 2 * alone), 400, 128
    found = signatures(ragged([s for k in range(pairs) for s in overlapping(shared, alone, k)]))
    estimates = estimate(found[0::2], found[1::2])
    sd = np.sqrt(truth * (1 - truth) / n_hashes)
    assert abs(estimates.mean() - truth) < 4 * sd / np.sqrt(pairs)
    assert 0.8 * sd < estimates.std() < 1.25 * sd


def test_a_signature_is_that_of_a_set_and_of_the_seed() -> None:
    one, other = signatures(ragged([np.array([5, 1, 9]), np.array([9, 9, 1, 5])]))
    assert np.array_equal(one, other)
    assert np.array_equal(one, signatures(ragged([np.array([1, 5, 9])]))[0])
    assert not np.array_equal(one, signatures(ragged([np.array([1, 5, 9])]), seed=1)[0])
    assert estimate(one, other) == 1.0


def test_rows_hashed_in_parts_have_the_same_signatures(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    rows = ragged([rng.integers(0, 2**32, n) for n in rng.integers(1, 20, 50)])
    whole = signatures(rows)
    monkeypatch.setattr(minhash, "VALUES_AT_ONCE", 30)
    assert np.array_equal(signatures(rows), whole)


def test_band_keys_are_equal_where_the_whole_band_is() -> None:
    rng = np.random.default_rng(0)
    found = rng.integers(0, 3, (500, 13)).astype(np.uint32)
    keys = band_keys(found, 4)
    assert keys.shape == (3, 500)
    for band, key in enumerate(keys):
        part = found[:, 4 * band : 4 * band + 4]
        same = (part[:, None, :] == part[None, :, :]).all(axis=2)
        assert np.array_equal(key[:, None] == key[None, :], same)


def test_all_that_hold_the_same_key_meet_once() -> None:
    key = np.random.default_rng(0).integers(0, 40, 300).astype(np.uint32)
    met = sorted(tuple(sorted(pair)) for pair in zip(*meetings(key), strict=True))
    assert met == [(a, b) for a in range(300) for b in range(a + 1, 300) if key[a] == key[b]]


def test_a_crowd_is_joined_by_a_chain_at_a_price_that_does_not_explode() -> None:
    for n in (CROWD, CROWD + 1, 5000):
        first, second = meetings(np.zeros(n, dtype=np.uint32))
        assert len(first) <= max(CROWD * (CROWD - 1) // 2, minhash.REACH * n)
        assert set(zip(first.tolist(), second.tolist(), strict=True)) >= {
            (k, k + 1) for k in range(n - 1)
        }


@pytest.mark.parametrize("n", [0, 1])
def test_nobody_meets_where_there_is_nobody(n: int) -> None:
    assert [part.tolist() for part in meetings(np.zeros(n, dtype=np.uint32))] == [[], []]
