"""Attribution: bars that add up item by item, and are the Shapley values."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest

from labeling.core import attribution
from labeling.core.attribution import Coalition, Credit

ITEMS = 12


def random_game(seed: int, *, idle: frozenset[int] = frozenset()) -> Credit:
    """Right or wrong by item and coalition at random; idle players change nothing."""

    def credit(coalition: Coalition) -> np.ndarray:
        acting = sorted(coalition - idle)
        rng = np.random.default_rng([seed, len(acting), *acting])
        return (rng.random(ITEMS) < 0.5).astype(float)

    return credit


def by_all_orders(players: list[int], credit: Credit) -> np.ndarray:
    """The definition: the mean of marginal credits over every order."""
    bars = np.zeros((len(players), ITEMS))
    orders = list(permutations(players))
    for order in orders:
        present: Coalition = frozenset()
        for player in order:
            with_it = present | {player}
            bars[players.index(player)] += credit(with_it) - credit(present)
            present = with_it
    return bars / len(orders)


def bars_of(players: list[int], credit: Credit, *, seed: int = 0) -> np.ndarray:
    return attribution.shapley(players, credit, np.random.default_rng(seed))


@pytest.mark.parametrize("k", [1, 2, 3, 5, 7, 8, 11])
def test_bars_add_up_to_the_total_on_every_item(k: int) -> None:
    credit, players = random_game(k), list(range(10, 10 + k))
    total = credit(frozenset(players)) - credit(frozenset())
    assert np.abs(bars_of(players, credit).sum(axis=0) - total).max() < 1e-9


@pytest.mark.parametrize("k", [1, 2, 4, 6])
def test_bars_are_the_mean_over_all_orders(k: int) -> None:
    credit, players = random_game(40 + k), list(range(k))
    assert np.abs(bars_of(players, credit) - by_all_orders(players, credit)).max() < 1e-12


@pytest.mark.parametrize("k", [4, 7, 9])
def test_a_change_that_does_nothing_gets_exactly_zero(k: int) -> None:
    credit = random_game(7, idle=frozenset({2}))
    bars = bars_of(list(range(k)), credit)
    assert (bars[2] == 0.0).all()
    assert np.abs(bars[1]).max() > 0


@pytest.mark.parametrize("k", [3, 7, 9])
def test_a_game_without_interplay_gives_back_what_was_planted(k: int) -> None:
    worth = np.random.default_rng(0).normal(size=(k, ITEMS))

    def credit(coalition: Coalition) -> np.ndarray:
        return worth[sorted(coalition)].sum(axis=0) if coalition else np.zeros(ITEMS)

    assert bars_of(list(range(k)), credit) == pytest.approx(worth)


def test_substitutes_share_their_worth() -> None:
    def credit(coalition: Coalition) -> np.ndarray:
        return np.full(ITEMS, float(bool(coalition)))

    assert bars_of([3, 4], credit) == pytest.approx(np.full((2, ITEMS), 0.5))


def test_many_changes_are_near_the_exact_bars(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(5)
    worth, pairs = rng.normal(0, 0.05, (8, ITEMS)), rng.normal(0, 0.03, (8, 8))

    def credit(coalition: Coalition) -> np.ndarray:
        chosen = sorted(coalition)
        if not chosen:
            return np.zeros(ITEMS)
        return worth[chosen].sum(axis=0) + pairs[np.ix_(chosen, chosen)].sum()

    near = bars_of(list(range(8)), credit)
    monkeypatch.setattr(attribution, "EXACT_UP_TO", 8)
    exact = bars_of(list(range(8)), credit)
    assert np.abs(near - exact).max() > 0, "the first was an estimate"
    assert np.sqrt(((near - exact) ** 2).mean()) < 0.02


def test_an_order_and_its_reverse_cancel_what_pairs_of_changes_do_to_each_other() -> None:
    """Plain orders would miss the exact bars of a game of pairs; antithetic ones hit them."""
    pairs = np.triu(np.random.default_rng(6).normal(size=(9, 9)), 1)

    def credit(coalition: Coalition) -> np.ndarray:
        chosen = sorted(coalition)
        return np.full(ITEMS, pairs[np.ix_(chosen, chosen)].sum())

    expected = (pairs.sum(axis=0) + pairs.sum(axis=1)) / 2
    assert bars_of(list(range(9)), credit)[:, 0] == pytest.approx(expected)


def test_the_same_seed_draws_the_same_orders() -> None:
    credit = random_game(3)
    once, again = (bars_of(list(range(9)), credit, seed=4) for _ in range(2))
    assert (once == again).all()


def test_no_changes_have_no_bars() -> None:
    assert len(bars_of([], random_game(0))) == 0


def test_the_placebo_band_is_the_largest_effect_in_size() -> None:
    assert attribution.placebo_band([0.01, -0.04, 0.02]) == 0.04
    assert attribution.placebo_band([]) == 0.0
