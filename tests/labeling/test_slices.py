"""Slices: intervals that hold for small groups, dots that are nearer to the truth than shares."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from labeling.core import comparison, slices


def test_bounds_are_wilsons_and_under_five_items_only_the_count_is_shown() -> None:
    found = slices.of_counts({"긴 글": (9, 12), "short": (3, 4), "five": (5, 5)})
    assert (found[0].low, found[0].high) == comparison.wilson(9, 12)
    assert (found[1].low, found[1].high, found[1].dot) == (None, None, None)
    assert found[1].in_words() == "3/4"
    assert found[2].in_words().endswith("100]")
    assert [each.name for each in found] == ["긴 글", "short", "five"]


def drawn(rng: np.random.Generator, k: int, n: int) -> tuple[np.ndarray, np.ndarray]:
    truth = rng.beta(12, 3, k)
    return truth, rng.binomial(n, truth)


def counts(hits: np.ndarray, n: int) -> dict[str, tuple[int, int]]:
    return {str(i): (int(h), n) for i, h in enumerate(hits)}


@pytest.mark.parametrize(("n", "most"), [(5, 0.6), (10, 0.7), (20, 0.85)])
def test_the_dot_is_nearer_to_the_truth_than_the_share(n: int, most: float) -> None:
    rng, dots, shares = np.random.default_rng(0), [], []
    for _ in range(150):
        truth, hits = drawn(rng, 12, n)
        found = slices.of_counts(counts(hits, n))
        dots += [(each.dot - p) ** 2 for each, p in zip(found, truth, strict=True)]  # type: ignore[operator]
        shares += [(h / n - p) ** 2 for h, p in zip(hits, truth, strict=True)]
    assert np.mean(dots) < most * np.mean(shares)


@pytest.mark.parametrize("n", [5, 10, 20])
def test_the_bounds_cover_where_wald_does_not(n: int) -> None:
    rng, wilson, wald = np.random.default_rng(1), [], []
    for _ in range(100):
        truth, hits = drawn(rng, 12, n)
        for each, p in zip(slices.of_counts(counts(hits, n)), truth, strict=True):
            assert each.low is not None and each.high is not None
            wilson.append(each.low <= p <= each.high)
            share = each.hits / n
            wald.append(abs(p - share) <= 1.96 * np.sqrt(share * (1 - share) / n))
    assert np.mean(wilson) >= 0.93
    assert np.mean(wald) < np.mean(wilson) - 0.05


def test_a_slice_that_stands_out_with_many_items_keeps_its_share() -> None:
    found = slices.of_counts({"bad": (200, 1000)} | {str(i): (90, 100) for i in range(8)})
    dot, high = found[0].dot, found[0].high
    assert dot is not None and high is not None and dot <= high < 0.25


def test_equal_slices_draw_a_small_one_all_the_way() -> None:
    found = slices.of_counts({"small": (3, 5)} | {str(i): (80, 100) for i in range(8)})
    assert found[0].dot == pytest.approx(0.8, abs=0.03)


def test_the_prior_of_many_slices_is_the_one_they_were_drawn_from() -> None:
    hits = stats.betabinom.rvs(60, 12, 3, size=4000, random_state=2)
    a, b = slices.prior(hits.astype(float), np.full(4000, 60.0))
    assert (a, b) == pytest.approx((12, 3), rel=0.1)


def test_too_few_others_lend_nothing() -> None:
    found = slices.of_counts({"one": (4, 5), "two": (1, 8)})
    assert [each.dot for each in found] == [0.8, 0.125]
    assert slices.of_counts({}) == []


def test_more_hits_than_items_are_refused() -> None:
    with pytest.raises(ValueError, match="slice 'x': expected 0 to 3 hits, found 4"):
        slices.of_counts({"x": (4, 3)})
