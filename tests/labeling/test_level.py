"""The level: random gold, and with enough of it the confidences of the whole reservoir."""

from __future__ import annotations

import numpy as np
import pytest

from labeling.core import comparison, level


def reservoir(
    rng: np.random.Generator, n: int, *, informative: bool = True
) -> tuple[np.ndarray, np.ndarray]:
    """Who is right and how much the model doubts: a calibrated model, or one that knows nothing."""
    doubt = rng.beta(1.2, 5, n)
    right = rng.random(n) < (1 - doubt if informative else 1 - doubt.mean())
    return right, doubt


FUTURE = 1 - 1.2 / 6.2


@pytest.mark.parametrize(("n", "m"), [(100, 2000), (300, 700)])
def test_the_controlled_level_covers_the_future_and_is_narrower(n: int, m: int) -> None:
    rng = np.random.default_rng(0)
    covered, narrower = [], []
    for _ in range(500):
        right, doubt = reservoir(rng, n + m)
        found = level.accuracy(right[:n], doubt[:n], doubt[n:])
        low, high = comparison.wilson(int(right[:n].sum()), n)
        covered.append(found.interval.low <= FUTURE <= found.interval.high)
        narrower.append((found.interval.high - found.interval.low) / (high - low))
    assert np.mean(covered) == pytest.approx(0.945, abs=0.03)
    assert np.mean(narrower) < 0.97
    assert max(narrower) <= 1


def test_the_controlled_level_is_nearer_to_the_truth() -> None:
    rng, plain, controlled = np.random.default_rng(1), [], []
    for _ in range(600):
        right, doubt = reservoir(rng, 2100)
        found = level.accuracy(right[:100], doubt[:100], doubt[100:])
        controlled.append(found.interval.value - FUTURE)
        plain.append(right[:100].mean() - FUTURE)
    assert np.std(controlled) < 0.97 * np.std(plain)
    assert abs(np.mean(controlled)) < 0.005


def test_the_weight_and_the_interval_are_those_of_the_least_variance() -> None:
    """By hand, where the rest of the reservoir is as small as the gold."""
    right, doubt = reservoir(np.random.default_rng(5), 400)
    hits, own, other = right[:200].astype(float), doubt[:200], doubt[200:]
    spread = doubt.var(ddof=1)
    weight = np.cov(hits, own)[0, 1] / spread / 2
    value = hits.mean() - weight * (own.mean() - other.mean())
    error = np.sqrt((hits - weight * own).var(ddof=1) / 200 + weight**2 * spread / 200)
    found = level.accuracy(right[:200], own, other)
    assert found.weight == pytest.approx(weight)
    assert found.interval == pytest.approx(
        (value, value - 1.96 * error, value + 1.96 * error), 1e-5
    )


@pytest.mark.parametrize(("n", "m"), [(99, 1000), (150, 0), (0, 10)])
def test_with_little_gold_or_nothing_else_it_is_wilson(n: int, m: int) -> None:
    right, doubt = reservoir(np.random.default_rng(2), n + m)
    found = level.accuracy(right[:n], doubt[:n], doubt[n:])
    assert not found.is_controlled
    assert found.interval[1:] == comparison.wilson(int(right[:n].sum()), n)


def test_doubts_that_are_all_the_same_control_nothing() -> None:
    right, _ = reservoir(np.random.default_rng(3), 200)
    assert not level.accuracy(right, np.full(200, 0.2), np.full(500, 0.2)).is_controlled


def test_doubts_that_say_nothing_do_no_harm() -> None:
    rng, covered = np.random.default_rng(4), []
    for _ in range(500):
        right, doubt = reservoir(rng, 1100, informative=False)
        found = level.accuracy(right[:100], doubt[:100], doubt[100:])
        covered.append(found.interval.low <= FUTURE <= found.interval.high)
    assert np.mean(covered) >= 0.91
