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
