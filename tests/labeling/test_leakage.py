from __future__ import annotations

import math

import numpy as np
import pytest

from labeling.core.comparison import Interval, excludes_zero, newcombe
from labeling.core.leakage import inflation


def flags(n: int, ones: int) -> np.ndarray:
    return np.arange(n) < ones


def test_a_leak_adds_what_the_leaked_rows_are_better_times_their_share() -> None:
    leaked = flags(100, 20)
    right = np.concatenate([flags(20, 19), flags(80, 56)])
    found = inflation(right, leaked)
    assert (found.all, found.clean) == (0.75, 0.7)
    assert found.added.value == pytest.approx(0.05)
    assert found.added.value == pytest.approx(0.2 * newcombe(19, 20, 56, 80).value)
    assert found.added.low < 0.05 < found.added.high
    assert (found.n, found.n_leaked) == (100, 20)


def test_without_a_leaked_row_nothing_is_added() -> None:
    found = inflation(flags(10, 7), flags(10, 0))
    assert (found.all, found.clean, found.added) == (0.7, 0.7, Interval(0.0, 0.0, 0.0))


def test_where_every_row_leaked_nothing_is_known() -> None:
    found = inflation(flags(10, 7), flags(10, 10))
    assert math.isnan(found.clean)
    assert (found.added.low, found.added.high) == (-1.0, 1.0)
    assert math.isnan(inflation(flags(0, 0), flags(0, 0)).all)


@pytest.mark.parametrize(("p_leaked", "p_clean", "n"), [(0.95, 0.8, 100), (0.8, 0.8, 300)])
def test_the_interval_covers_the_truth(p_leaked: float, p_clean: float, n: int) -> None:
    rng = np.random.default_rng(0)
    leaked = flags(n, n // 5)
    truth = 0.2 * (p_leaked - p_clean)
    chances = np.where(leaked, p_leaked, p_clean)
    found = [inflation(rng.random(n) < chances, leaked).added for _ in range(2000)]
    covered = np.mean([each.low <= truth <= each.high for each in found])
    assert 0.935 <= covered <= 0.985


def test_a_model_that_learned_gold_rows_by_heart_is_caught() -> None:
    """A nearest neighbour on labels that mean nothing: right by half, and on copies always."""
    rng = np.random.default_rng(0)
    gold, answers = rng.normal(size=(400, 8)), rng.integers(0, 2, 400)
    leaked = flags(400, 120)
    train = np.vstack([rng.normal(size=(600, 8)), gold[leaked] + 0.001])
    labels = np.concatenate([rng.integers(0, 2, 600), answers[leaked]])
    far = ((gold[:, None, :] - train[None, :, :]) ** 2).sum(axis=2)
    found = inflation(labels[far.argmin(axis=1)] == answers, leaked)
    assert found.added.value == pytest.approx(0.3 * (1 - found.clean))
    assert excludes_zero(found.added)
    honest = inflation(labels[far[:, :600].argmin(axis=1)] == answers, leaked)
    assert not excludes_zero(honest.added)
