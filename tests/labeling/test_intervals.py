"""Intervals: they cover when classes, seeds or training rows vary, and items alone do not."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from labeling.core import comparison, intervals
from labeling.core.comparison import Interval
from labeling.core.intervals import Part
from tests.simulated import messages, right


def covers(found: Interval, value: float) -> bool:
    return found.low <= value <= found.high


def test_one_part_is_students_interval_and_no_variance_has_no_width() -> None:
    credits = np.random.default_rng(0).normal(0.1, 0.4, 25)
    part = Part(float(credits.var(ddof=1)) / 25, 24)
    found = intervals.student(float(credits.mean()), [part])
    assert found == pytest.approx(comparison.t_interval(credits))
    assert intervals.student(0.2, [Part(0.0, 3)]) == (0.2, 0.2, 0.2)
    with pytest.raises(ValueError, match="parts of a variance"):
        intervals.student(0.0, [Part(-1.0, 3)])


def test_two_parts_have_the_degrees_of_freedom_of_welch() -> None:
    rng = np.random.default_rng(1)
    a, b = rng.normal(0.2, 0.1, 12), rng.normal(0.1, 0.3, 30)
    parts = [Part(float(each.var(ddof=1)) / len(each), len(each) - 1) for each in (a, b)]
    found = intervals.student(float(a.mean() - b.mean()), parts)
    theirs = stats.ttest_ind(a, b, equal_var=False).confidence_interval()
    assert (found.low, found.high) == pytest.approx((theirs.low, theirs.high))


# -- macro recall ---------------------------------------------------------------------------------


def test_the_difference_of_macro_recall_is_the_mean_of_the_class_means() -> None:
    credits = np.array([1.0, 0.0, 0.0, 0.0, -1.0, 1.0, 1.0])
    classes = np.array([5, 5, 5, 5, 8, 8, 8])
    found = intervals.macro_recall(credits, classes)
    assert found.value == pytest.approx((1 / 4 + 1 / 3) / 2)
    spread = (0.25 / 4 + (4 / 3) / 3) / 4
    assert found.high - found.low > 2 * 1.96 * spread**0.5


@pytest.mark.parametrize("n", [100, 200, 500])
def test_macro_recall_covers_with_rare_classes(n: int) -> None:
    rng = np.random.default_rng(2)
    gained, lost = np.array([0.05, 0.10, 0.20, 0.08]), np.array([0.04, 0.02, 0.05, 0.08])
    covered = []
    for _ in range(800):
        classes = rng.choice(4, size=n, p=[0.6, 0.2, 0.1, 0.1])
        lot = rng.random(n)
        lose = lot > 1 - lost[classes]
        credits = np.where(lot < gained[classes], 1.0, np.where(lose, -1.0, 0.0))
        covered.append(covers(intervals.macro_recall(credits, classes), (gained - lost).mean()))
    assert np.mean(covered) == pytest.approx(0.945, abs=0.03)


def test_a_class_of_one_item_borrows_the_spread_and_too_little_decides_nothing() -> None:
    credits, classes = np.array([1.0, 0.0, 1.0, 0.0, 1.0]), np.array([0, 0, 0, 0, 1])
    found = intervals.macro_recall(credits, classes)
    assert found.value == pytest.approx(0.75)
    assert found.high - found.low > 0.5
    assert intervals.macro_recall(np.ones(2), np.arange(2))[1:] == (-1.0, 1.0)
    assert intervals.macro_recall(np.empty(0), np.empty(0, dtype=np.int64))[1:] == (-1.0, 1.0)


# -- seeds and items crossed ----------------------------------------------------------------------


def retrained(
    rng: np.random.Generator, *, seeds: int, n: int, by_seed: float, by_both: float = 0.2
) -> np.ndarray:
    """Effects of mean 0.02 that vary by item, by seed and by both."""
    items = rng.normal(0, 0.3, n)
    lots = rng.normal(0, by_seed, (seeds, 1))
    return 0.02 + items + lots + rng.normal(0, by_both, (seeds, n))


@pytest.mark.parametrize(("seeds", "by_seed"), [(5, 0.0), (5, 0.02), (10, 0.02)])
def test_crossed_covers_new_seeds_and_new_items(seeds: int, by_seed: float) -> None:
    rng = np.random.default_rng(3)
    covered = [
        covers(intervals.crossed(retrained(rng, seeds=seeds, n=400, by_seed=by_seed)), 0.02)
        for _ in range(500)
    ]
    assert 0.925 <= np.mean(covered) <= 0.995


def test_items_alone_take_the_jitter_of_training_for_an_effect() -> None:
    rng = np.random.default_rng(4)
    covered = [
        covers(intervals.crossed(retrained(rng, seeds=1, n=2000, by_seed=0.02)), 0.02)
        for _ in range(300)
    ]
    assert np.mean(covered) < 0.8


def test_the_mean_squares_are_those_of_a_two_way_analysis() -> None:
    table = np.random.default_rng(5).normal(size=(4, 30))
    seeds, items, rest = intervals.mean_squares(table)
    assert (seeds.df, items.df, rest.df) == (3, 29, 87)
    total = seeds.variance * 3 + items.variance * 29 + rest.variance * 87
    assert total == pytest.approx(((table - table.mean()) ** 2).sum())
    assert items.variance == pytest.approx(4 * table.mean(axis=0).var(ddof=1))


def test_crossed_is_the_formula_of_methods() -> None:
    table = retrained(np.random.default_rng(9), seeds=5, n=60, by_seed=0.3)
    seeds, items, rest = (part.variance for part in intervals.mean_squares(table))
    assert seeds > rest
    variance = (items + seeds - rest) / table.size
    squares = items**2 / 59 + seeds**2 / 4 + rest**2 / (4 * 59)
    df = (items + seeds - rest) ** 2 / squares
    bounds = stats.t.interval(0.95, df, loc=table.mean(), scale=variance**0.5)
    assert intervals.crossed(table) == pytest.approx((table.mean(), *bounds))


def test_seeds_that_change_nothing_leave_the_items_interval() -> None:
    credits = np.random.default_rng(6).normal(0.1, 0.3, 50)
    same = intervals.crossed(np.tile(credits, (5, 1)))
    assert same == pytest.approx(comparison.t_interval(credits))
    assert intervals.crossed(credits[None, :]) == pytest.approx(same)
    assert intervals.crossed(np.zeros((5, 40))) == (0.0, 0.0, 0.0)


# -- would it repeat ------------------------------------------------------------------------------


@pytest.mark.parametrize(("n", "by_batch"), [(200, 0.008), (500, 0.008), (2000, 0.008)])
def test_repeated_covers_the_effect_of_another_batch_where_these_models_do_not(
    n: int, by_batch: float
) -> None:
    rng = np.random.default_rng(7)
    wide, narrow = [], []
    for _ in range(300):
        items = rng.normal(0.012, 0.25, n)
        one = items + rng.normal(0, by_batch) + rng.normal(0, 0.1, n)
        lots = rng.normal(0, by_batch, (intervals.REPLICAS, 1))
        replicas = items + lots + rng.normal(0, 0.1, (intervals.REPLICAS, n))
        wide.append(covers(intervals.repeated(one, replicas), 0.012))
        narrow.append(covers(comparison.t_interval(one), 0.012))
    assert np.mean(wide) >= 0.925
    if n == 2000:
        assert np.mean(narrow) < 0.85


def batch_effect(
    rows: tuple[np.ndarray, np.ndarray], drawn: np.ndarray, gold: tuple[np.ndarray, np.ndarray]
) -> np.ndarray:
    """By gold item: right with all of some training rows, less right with their first part."""
    x, y = rows
    base = drawn[drawn < 60]
    return right(x[drawn], y[drawn], gold).astype(float) - right(x[base], y[base], gold)


def test_another_batch_of_a_trained_model_is_covered_by_rows_drawn_again() -> None:
    """Sixty labels and forty more: the mean gain of such batches, from one of them."""
    wide, narrow, gains = [], [], []
    for seed in range(120):
        rng = np.random.default_rng([5, seed])
        rows, gold = messages(rng, 100), messages(rng, 1000)
        lots = [rng.integers(100, size=100) for _ in range(intervals.REPLICAS)]
        effect = batch_effect(rows, np.arange(100), gold)
        replicas = np.array([batch_effect(rows, np.sort(lot), gold) for lot in lots])
        wide.append(intervals.repeated(effect, replicas))
        narrow.append(comparison.t_interval(effect))
        gains.append(effect.mean())
    expected = float(np.mean(gains))
    assert np.mean([covers(each, expected) for each in wide]) >= 0.92
    assert np.mean([covers(each, expected) for each in narrow]) < 0.85


def test_the_gold_items_chance_counts_once() -> None:
    """Without jitter of training, many replicas add next to nothing to the items' interval."""
    rng = np.random.default_rng(8)
    items = rng.normal(0.05, 0.3, 300)
    replicas = items + rng.normal(0, 0.3, (intervals.REPLICAS, 300))
    effect = items + rng.normal(0, 0.3, 300)
    found, alone = intervals.repeated(effect, replicas), comparison.t_interval(effect)
    assert found.high - found.low == pytest.approx(alone.high - alone.low, rel=0.15)


def test_one_replica_cannot_say_whether_it_would_repeat() -> None:
    with pytest.raises(ValueError, match="two replicas"):
        intervals.repeated(np.zeros(5), np.zeros((1, 5)))
