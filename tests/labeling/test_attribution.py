"""Attribution: bars that add up item by item, and are the Shapley values."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest

from labeling.core import attribution, comparison, log
from labeling.core.attribution import Coalition, Credit, Interaction
from tests import simulated

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


# -- a project that was really trained -------------------------------------------------------------


def test_seven_changes_of_a_trained_project_add_up_and_a_no_op_gets_nothing() -> None:
    story = simulated.seven_changes()
    bars = bars_of(story.players, story.credit)
    total = story.credit(frozenset(story.players)) - story.credit(frozenset())
    assert np.abs(bars.sum(axis=0) - total).max() < 1e-9
    assert (bars[6] == 0.0).all(), story.changes[6].name
    assert bars[0].mean() > 0.01 and bars[3].mean() < 0, "good batches help, bad ones harm"


def test_a_change_taken_out_and_made_again_gives_the_same_data() -> None:
    story, everyone = simulated.seven_changes(), frozenset(range(7))

    def data(coalition: Coalition) -> str:
        labels = story.labels(coalition)
        return log.content_hash({f"{row:04d}": str(y) for row, y in labels.items()}, {})

    for player in story.players:
        assert data((everyone - {player}) | {player}) == data(everyone)
        assert (data(everyone - {player}) == data(everyone)) is (player == 6)


@pytest.mark.parametrize("n", [100, 200, 500])
def test_the_interval_of_a_bar_covers_the_future(n: int) -> None:
    """Two hundred gold sets drawn from it, every bar of a trained project."""
    story, rng = simulated.seven_changes(), np.random.default_rng(n)
    bars, covered = bars_of(story.players, story.credit), []
    for _ in range(200):
        rows = rng.integers(bars.shape[1], size=n)
        found = [comparison.t_interval(bar[rows]) for bar in bars[:6]]
        truly = bars[:6].mean(axis=1)
        covered += [low <= x <= high for (_, low, high), x in zip(found, truly, strict=True)]
    assert np.mean(covered) == pytest.approx(0.95, abs=0.03)


def test_bars_are_much_narrower_than_two_separate_numbers() -> None:
    story = simulated.seven_changes()
    bars = bars_of(story.players, story.credit)[:, :500]
    width = np.mean([high - low for _, low, high in map(comparison.t_interval, bars[:6])])
    shares = [story.credit(frozenset(which))[:500].mean() for which in ((), range(7))]
    apart = 2 * 1.96 * np.sqrt(sum(p * (1 - p) for p in shares) / 500)
    assert apart > 2.5 * width


def test_eight_pairs_of_orders_are_within_two_points_of_the_exact_bars(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    story = simulated.seven_changes()
    exact = bars_of(story.players, story.credit)
    monkeypatch.setattr(attribution, "EXACT_UP_TO", 6)
    for seed in range(10):
        near = bars_of(story.players, story.credit, seed=seed)
        assert 0 < np.abs((near - exact).mean(axis=1)).max() < 0.02
        assert np.abs(near.sum(axis=0) - exact.sum(axis=0)).max() < 1e-9


# -- preview and interactions ---------------------------------------------------------------------


def asked_of(credit: Credit) -> tuple[Credit, set[Coalition]]:
    """The same credit, and the coalitions that it is asked for."""
    seen = set[Coalition]()

    def counting(coalition: Coalition) -> np.ndarray:
        seen.add(coalition)
        return credit(coalition)

    return counting, seen


@pytest.mark.parametrize("k", [1, 2, 5, 12])
def test_a_preview_adds_up_and_takes_two_fits_a_change(k: int) -> None:
    credit, seen = asked_of(random_game(20 + k, idle=frozenset({1})))
    bars = attribution.preview(list(range(k)), credit)
    total = credit(frozenset(range(k))) - credit(frozenset())
    assert np.abs(bars.sum(axis=0) - total).max() < 1e-9
    assert len(seen) <= 2 * k + 2
    assert k < 2 or not bars[1].any(), "what does nothing gets nothing"


def test_a_preview_is_nearer_to_the_exact_bars_than_either_end_or_a_chain() -> None:
    story = simulated.seven_changes()
    exact = bars_of(story.players, story.credit).mean(axis=1)
    everyone, order = frozenset(story.players), story.players
    chain = [story.credit(frozenset(order[:k])).mean() for k in range(8)]
    without = [story.credit(everyone - {player}).mean() for player in order]

    def error(bars: np.ndarray) -> float:
        return float(np.sqrt(((bars - exact) ** 2).mean()))

    preview = error(attribution.preview(order, story.credit).mean(axis=1))
    assert preview < 0.6 * error(np.diff(chain))
    assert preview < 0.6 * error(chain[-1] - np.array(without))


def test_a_preview_of_changes_that_cancel_or_do_nothing_is_still_whole() -> None:
    bars = attribution.preview([0, 1, 2], lambda s: np.full(ITEMS, float(len(s) == 2)))
    assert np.abs(bars.sum(axis=0)).max() < 1e-12
    only_together = attribution.preview([0, 1, 2, 3], lambda s: np.full(ITEMS, float(len(s) == 2)))
    assert np.abs(only_together.sum(axis=0)).max() < 1e-12
    assert len(attribution.preview([], random_game(0))) == 0


@pytest.mark.parametrize("k", [3, 6, 9])
def test_the_interactions_of_a_game_of_pairs_are_those_planted(k: int) -> None:
    pairs = np.triu(np.random.default_rng(k).normal(size=(k, k)), 1)

    def credit(coalition: Coalition) -> np.ndarray:
        chosen = sorted(coalition)
        return np.full(ITEMS, pairs[np.ix_(chosen, chosen)].sum())

    found = attribution.interactions(list(range(k)), credit)
    assert len(found) == k * (k - 1) // 2
    for each in found:
        low, high = sorted((each.first, each.second))
        assert each.value == pytest.approx(pairs[low, high])
    sizes = [abs(each.value) for each in found]
    assert sizes == sorted(sizes, reverse=True)


def test_a_batch_added_after_cleaning_is_the_largest_interaction_and_is_said() -> None:
    story = simulated.add_after_clean()
    largest = attribution.interactions(story.players, story.credit)[0]
    assert {largest.first, largest.second} == {1, 2}
    assert largest.value < -0.03
    assert largest.alone - largest.after > 0.05
    said = attribution.in_words(largest, {k: c.name for k, c in enumerate(story.changes)})
    assert "correct the first labels" in said and "noisy batch" in said
    assert f"{100 * largest.alone:+.1f} points alone" in said


def test_a_repair_and_its_import_belong_together() -> None:
    story = simulated.seven_changes()
    largest = attribution.interactions(story.players, story.credit)[0]
    assert {largest.first, largest.second} == {3, 4} and largest.value > 0


def test_one_change_has_no_interaction() -> None:
    assert attribution.interactions([4], random_game(1)) == []


def test_the_sentence_names_both_and_gives_points() -> None:
    found = Interaction(7, 3, -0.02, 0.055, 0.005)
    said = attribution.in_words(found, {7: "임의 배치", 3: "the import"})
    assert said == (
        "임의 배치 is worth +5.5 points alone, +0.5 after all the others; most with the import"
    )


def test_the_placebo_band_is_the_largest_effect_in_size() -> None:
    assert attribution.placebo_band([0.01, -0.04, 0.02]) == 0.04
    assert attribution.placebo_band([]) == 0.0
