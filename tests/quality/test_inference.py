from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from quality.inference import benjamini_hochberg, fewer_hits, holm, newcombe, surely_below, wilson


def array(*values: float) -> np.ndarray:
    return np.array(values, dtype=np.float64)


@pytest.mark.parametrize(("hits", "n"), [(0, 7), (3, 10), (50, 50), (1, 400)])
def test_wilson_is_that_of_scipy(hits: int, n: int) -> None:
    low, high = wilson(array(hits / n), array(n))
    theirs = stats.binomtest(hits, n).proportion_ci(method="wilson")
    assert (low[0], high[0]) == pytest.approx((theirs.low, theirs.high), abs=1e-6)


def test_a_share_of_nothing_may_be_anything() -> None:
    low, high = wilson(array(np.nan), array(0))
    assert (low[0], high[0]) == (0.0, 1.0)


def test_newcombes_published_example_comes_out() -> None:
    """Newcombe (1998), table II: 56/70 - 48/80 = 0.2, interval 0.0524 to 0.3339."""
    low, high = newcombe(array(56 / 70), array(70), array(48 / 80), array(80))
    assert (low[0], high[0]) == pytest.approx((0.0524, 0.3339), abs=1e-4)


def test_one_sided_tests_are_those_of_scipy() -> None:
    p = surely_below(array(3, 9, 0), array(10, 10, 0), array(0.7, 0.7, 0.7))
    expected = [stats.binomtest(k, 10, 0.7, alternative="less").pvalue for k in (3, 9)]
    assert p == pytest.approx([*expected, 1.0])
    p = fewer_hits(array(2, 0), array(10, 0), array(15, 5), array(20, 9))
    table = [[2, 8], [15, 5]]
    assert p == pytest.approx([stats.fisher_exact(table, alternative="less").pvalue, 1.0])


def test_adjusted_p_values_are_those_of_scipy_and_ignore_what_is_missing() -> None:
    p = np.random.default_rng(0).random(20) ** 3
    assert benjamini_hochberg(p) == pytest.approx(stats.false_discovery_control(p))
    with_gap = np.insert(p, 4, np.nan)
    assert np.isnan(holm(with_gap)[4])
    assert np.delete(holm(with_gap), 4) == pytest.approx(holm(p))


def test_holm_keeps_false_alarms_of_a_whole_family_at_the_level() -> None:
    rng = np.random.default_rng(1)
    alarms = [holm(rng.random(15)).min() < 0.05 for _ in range(2000)]
    assert 0.035 < np.mean(alarms) < 0.065


def test_holm_is_stricter_than_benjamini_and_hochberg_and_both_than_neither() -> None:
    p = np.random.default_rng(2).random(30) ** 2
    assert (holm(p) >= benjamini_hochberg(p)).all()
    assert (benjamini_hochberg(p) >= p).all()
