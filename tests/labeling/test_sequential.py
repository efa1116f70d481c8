"""Looking after every label: false verdicts stay rare, true ones come early."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from scipy import stats

from labeling.core import sequential
from labeling.core.sequential import Look

STREAMS = 300


def streams(
    wins: float, losses: float, *, n: int = 300, n_differ: int | None = None, seed: int = 0
) -> Iterator[np.ndarray]:
    """Differences in the order of labels: drawn with these chances, or by lot from a finite set."""
    for nth in range(STREAMS):
        rng = np.random.default_rng([seed, nth])
        if n_differ is None:
            yield rng.choice([1.0, -1.0, 0.0], size=n, p=[wins, losses, 1 - wins - losses])
        else:
            won, lost = round(wins * n_differ), round(losses * n_differ)
            whole = np.repeat([1.0, -1.0, 0.0], [won, lost, n_differ - won - lost])
            yield rng.permutation(whole)[:n]


def verdicts(
    found: Iterator[np.ndarray], n_differ: int | None = None
) -> list[tuple[int, int] | None]:
    return [sequential.first_verdict(each, n_differ=n_differ) for each in found]


@pytest.mark.parametrize(
    ("wins", "losses", "n_differ"),
    [(0.5, 0.5, None), (0.3, 0.3, None), (0.5, 0.5, 1000), (0.35, 0.35, 300)],
)
def test_peeking_at_three_hundred_streams_without_a_gain_is_seldom_wrong(
    wins: float, losses: float, n_differ: int | None
) -> None:
    found = verdicts(streams(wins, losses, n_differ=n_differ), n_differ)
    assert np.mean([each is not None for each in found]) <= 0.05


def test_peeking_with_an_ordinary_test_is_often_wrong() -> None:
    """What the sequence is for: McNemar's test read every ten labels."""
    wrong = 0
    for drawn in streams(0.5, 0.5):
        wins = (drawn > 0).cumsum()[9::10]
        n = np.arange(10, 301, 10)
        wrong += bool((2 * stats.binom.cdf(np.minimum(wins, n - wins), n, 0.5) < 0.05).any())
    assert wrong / STREAMS > 0.1


@pytest.mark.parametrize(("wins", "losses", "most"), [(0.85, 0.15, 20), (0.7, 0.2, 45)])
def test_a_clear_direction_is_found_early(wins: float, losses: float, most: int) -> None:
    found = verdicts(streams(wins, losses))
    assert np.mean([each is not None and each[1] == 1 for each in found]) >= 0.98
    assert np.median([each[0] for each in found if each]) <= most


def test_without_replacement_the_same_gain_takes_fewer_labels() -> None:
    endless = [each[0] for each in verdicts(streams(0.6, 0.35)) if each]
    finite = [each[0] for each in verdicts(streams(0.6, 0.35, n_differ=120), 120) if each]
    assert len(finite) == STREAMS, "labelling them all always decides it"
    assert np.median(finite) < np.median(endless)


def test_the_sequence_holds_the_mean_at_every_moment_together() -> None:
    held = []
    for drawn in list(streams(68 / 150, 46 / 150, n=100, n_differ=150))[:25]:
        low, high = sequential.bounds(drawn, n_differ=150)
        held.append(bool(((low <= 22 / 150) & (high >= 22 / 150)).all()))
    assert np.mean(held) >= 0.95


def test_bounds_only_close_and_end_at_the_mean() -> None:
    drawn = next(streams(0.5, 0.3, n=80, n_differ=80))
    low, high = sequential.bounds(drawn, n_differ=80)
    assert (np.diff(low) >= 0).all() and (np.diff(high) <= 0).all()
    assert low[-1] <= drawn.mean() <= high[-1]
    assert high[-1] - low[-1] <= 0.05


def test_swapping_the_models_turns_the_look_round() -> None:
    drawn = next(streams(0.7, 0.2, n=60))
    there = sequential.look(drawn, n_differ=400)
    back = sequential.look(-drawn, n_differ=400)
    assert (back.direction, back.low, back.high) == pytest.approx(
        (-there.direction, -there.high, -there.low)
    )
    assert there.direction == 1


def test_scores_between_the_models_are_allowed() -> None:
    drawn = np.random.default_rng(3).uniform(-0.2, 0.6, 200)
    assert sequential.look(drawn, n_differ=None).direction == 1


def test_what_once_stood_stands() -> None:
    drawn = np.concatenate([np.ones(20), -np.ones(20)])
    assert sequential.first_verdict(drawn, n_differ=None) == sequential.first_verdict(
        drawn[:20], n_differ=None
    )
    assert sequential.look(drawn, n_differ=None).direction == 1


def test_all_labels_decide_even_by_one_row_and_a_draw_is_said() -> None:
    narrow = np.array([1.0, -1.0, 1.0])
    assert sequential.look(narrow, n_differ=3).direction == 1
    draw = sequential.look(np.array([1.0, -1.0]), n_differ=2)
    assert (draw.direction, draw.is_complete) == (0, True)
    assert "as many rows won as lost" in sequential.in_words(draw)


def test_nothing_is_known_without_a_label_and_more_labels_than_rows_are_refused() -> None:
    assert sequential.look(np.empty(0), n_differ=40) == Look(0, 0, -1.0, 1.0, None)
    with pytest.raises(ValueError, match="at most 2 labels, found 3"):
        sequential.look(np.ones(3), n_differ=2)


def test_a_hopeless_search_is_called_off_early_and_a_good_one_is_not() -> None:
    """After 60 labels; a forecast may be wrong, but not often."""
    hopeless = [sequential.look(each[:60], n_differ=None) for each in _few(0.40, 0.38)]
    assert np.mean([each.is_long or each.direction != 0 for each in hopeless]) >= 0.7
    good = [sequential.look(each[:20], n_differ=None) for each in _few(0.75, 0.15)]
    assert np.mean([each.is_long for each in good]) <= 0.05


def _few(wins: float, losses: float) -> list[np.ndarray]:
    return list(streams(wins, losses, seed=5))[:40]


def test_a_small_set_is_never_called_too_long() -> None:
    drawn = next(streams(0.4, 0.4, n=100, n_differ=200, seed=2))
    found = sequential.look(drawn, n_differ=200)
    assert not found.is_long
    assert found.more is not None and found.more <= 100


@pytest.mark.parametrize(
    ("found", "words"),
    [
        (Look(15, 1, 0.2, 0.9, None), "the new model is better, after 15 labels"),
        (Look(1, -1, -0.9, -0.2, None), "the old model is better, after 1 label"),
        (
            Look(40, 0, -0.1, 0.5, 290),
            "not decided after 40 labels: needs more than 300 labels; st",
        ),
        (Look(40, 0, -0.1, 0.5, 123), "not decided after 40 labels: needs about 120 more"),
        (Look(4, 0, -0.9, 0.9, None), "not decided after 4 labels: too early to say"),
    ],
)
def test_a_look_says_a_direction_and_never_a_size(found: Look, words: str) -> None:
    assert sequential.in_words(found).startswith(words)
