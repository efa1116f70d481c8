from __future__ import annotations

import numpy as np
import pytest

from quality.ranges import usual_range


@pytest.mark.parametrize(
    "values",
    [
        [5.0] * 30,
        [0.0] * 30,
        list(range(30)),
        [-1.0] * 15 + [1.0] * 15,
        [1e12 + k for k in range(40)],
    ],
)
def test_limits_never_reject_what_they_were_drawn_from(values: list[float]) -> None:
    numbers = np.array(values, dtype=np.float64)
    limits = usual_range(numbers)
    assert limits is None or ((numbers >= limits[0]) & (numbers <= limits[1])).all()


@pytest.mark.parametrize("odd", [[4.2], [42_000.0], [-4_200.0], [3.9, 5.1, 40_500.0]])
def test_numbers_in_another_unit_lie_outside(odd: list[float]) -> None:
    rng = np.random.default_rng(0)
    weights = np.concatenate([rng.normal(4_200, 800, 300), odd])
    limits = usual_range(weights)
    assert limits is not None
    assert [w for w in weights if not limits[0] <= w <= limits[1]] == odd


def test_amounts_of_money_are_skewed_and_not_wrong() -> None:
    money = np.random.default_rng(1).lognormal(8, 1, 500)
    limits = usual_range(money)
    assert limits is not None
    assert ((money >= limits[0]) & (money <= limits[1])).all()
