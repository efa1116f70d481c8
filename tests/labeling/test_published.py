"""A published result comes out again: Lu et al. (2023) on scikit-learn's breast cancer set."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.published import PUBLISHED, areas

SPLITS = 3
SPREAD = 0.014  # of one split by asking at random, over these


@pytest.fixture(scope="module")
def ours() -> dict[str, np.ndarray]:
    return {name: areas(name, range(SPLITS)) for name in PUBLISHED}


@pytest.mark.parametrize("name", PUBLISHED)
def test_the_area_lies_within_the_spread_of_the_published_one(
    ours: dict[str, np.ndarray], name: str
) -> None:
    assert ours[name].mean() == pytest.approx(PUBLISHED[name], abs=2 * SPREAD / SPLITS**0.5)


def test_uncertainty_beats_chance_over_the_splits(ours: dict[str, np.ndarray]) -> None:
    assert ours["margin"].mean() > ours["random"].mean()
