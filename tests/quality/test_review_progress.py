from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import binomtest

from quality.review_progress import AHEAD, FEWEST, progress, total_errors


def ranked(n: int, errors: int, seed: int, *, sharp: float = 1.0) -> tuple[np.ndarray, np.ndarray]:
    """Scores in ascending order and which rows are wrong: about `errors`, mostly low scores."""
    rng = np.random.default_rng(seed)
    wrong = rng.random(n) < errors / n
    centre = np.where(wrong, -sharp, sharp)
    scores = 1.0 / (1.0 + np.exp(-rng.normal(centre, 1.0)))
    order = np.argsort(scores)
    return scores[order], wrong[order]


@pytest.mark.parametrize("sharp", [0.5, 1.5, 3.0])
@pytest.mark.parametrize("errors", [20, 150])
def test_the_next_rows_hold_what_was_said_nine_times_in_ten(sharp: float, errors: int) -> None:
    held = []
    for seed in range(25):
        scores, wrong = ranked(1000, errors, seed, sharp=sharp)
        for k in (20, 60, 140):
            state = progress(wrong[:k], scores)
            truth = wrong[k : k + state.ahead].sum()
            held.append(state.expected.low <= truth <= state.expected.high)
    assert np.mean(held) >= 0.85


def test_reviewing_goes_on_while_it_finds_errors_and_then_stops() -> None:
    scores, wrong = ranked(1000, 80, 3, sharp=2.5)
    k = 0
    while (state := progress(wrong[:k], scores, np.full(k, 6.0), label_seconds=6.0)).pays:
        k += 20
    assert wrong[:k].sum() >= 0.8 * wrong.sum()
    assert k <= 3 * wrong.sum()
    assert "stop here" in state.words


def test_a_review_that_finds_nothing_stops_after_the_fewest_rows() -> None:
    scores, _ = ranked(500, 0, 0)
    before = progress(np.zeros(FEWEST - 5, dtype=bool), scores)
    assert before.pays == 5
    assert "5 more before" in before.words
    assert progress(np.zeros(FEWEST, dtype=bool), scores).pays == 0


def test_an_error_that_is_worth_more_is_looked_for_longer() -> None:
    scores, wrong = ranked(1000, 60, 1, sharp=1.0)
    pays = [progress(wrong[:100], scores, worth=worth).pays for worth in (2.0, 10.0, 40.0)]
    assert pays[0] < pays[1] < pays[2]


def test_slow_reviews_pay_for_less_than_fast_ones() -> None:
    scores, wrong = ranked(1000, 60, 1, sharp=1.0)
    slow, fast = (
        progress(wrong[:100], scores, np.full(100, s), label_seconds=5.0) for s in (20.0, 2.0)
    )
    assert slow.pays < fast.pays
    assert slow.worth == fast.worth == 50.0
    assert slow.seconds_per_error == pytest.approx(10 * fast.seconds_per_error)


def test_the_precision_so_far_has_wilsons_interval() -> None:
    scores, wrong = ranked(300, 100, 2)
    state = progress(wrong[:80], scores)
    theirs = binomtest(int(wrong[:80].sum()), 80).proportion_ci(method="wilson")
    assert (state.precision.low, state.precision.high) == pytest.approx((theirs.low, theirs.high))
    assert state.precision.middle == wrong[:80].mean()


def test_errors_a_minute_count_the_timed_rows_only() -> None:
    outcomes = np.array([True, True, False, True])
    seconds = np.array([20.0, np.nan, 20.0, 20.0])
    state = progress(outcomes, np.linspace(0.1, 0.9, 30), seconds)
    assert state.per_minute == pytest.approx(2.0)
    assert "2.0 errors a minute" in state.words


def test_without_times_an_error_costs_as_many_reviews_as_labels() -> None:
    scores, wrong = ranked(1000, 60, 1)
    untimed = progress(wrong[:60], scores)
    timed = progress(wrong[:60], scores, np.full(60, 7.0))
    assert untimed.pays == timed.pays
    assert np.isnan(untimed.seconds_per_error)
    assert " s and is worth" in timed.words
    assert "nan" not in untimed.words


def test_before_anything_is_reviewed_a_first_bit_is_asked_for() -> None:
    state = progress(np.zeros(0, dtype=bool), np.linspace(0.0, 1.0, 400))
    assert state.pays >= FEWEST
    assert (state.reviewed, state.found, state.precision.low, state.precision.high) == (0, 0, 0, 1)
    assert state.words.startswith("Nothing is reviewed yet")


def test_a_finished_list_has_nothing_ahead() -> None:
    scores, wrong = ranked(40, 10, 0)
    state = progress(wrong, scores, np.full(40, 3.0))
    assert (state.ahead, state.pays, tuple(state.expected)) == (0, 0, (0.0, 0.0, 0.0))
    assert state.words.endswith("The list is done.")


def test_no_further_is_looked_than_as_far_as_was_reviewed() -> None:
    scores = np.linspace(0.01, 0.3, 5000)
    state = progress(np.ones(30, dtype=bool), scores)
    assert state.horizon == state.pays == AHEAD
    assert f"at least {AHEAD} more" in state.words
    assert progress(np.ones(200, dtype=bool), scores).horizon == 200


def test_the_same_seed_gives_the_same_interval() -> None:
    scores, wrong = ranked(500, 60, 5)
    assert progress(wrong[:50], scores) != progress(wrong[:51], scores)
    a, b = (progress(wrong[:50], scores, np.ones(50), seed=9) for _ in range(2))
    assert a == b


# -- a sample drawn at random ----------------------------------------------------------------------


def test_a_random_sample_of_the_rest_gives_the_total_without_bias() -> None:
    rng = np.random.default_rng(0)
    middles, held = [], []
    for seed in range(300):
        _, wrong = ranked(1000, 100, seed)
        rest = wrong[100:]
        sample = rest[rng.choice(900, 120, replace=False)]
        found = total_errors(int(wrong[:100].sum()), sample, 900)
        middles.append(found.middle - wrong.sum())
        held.append(found.low <= wrong.sum() <= found.high)
    assert abs(np.mean(middles)) < 2.0
    assert np.mean(held) > 0.93


def test_without_a_sample_everything_from_what_was_found_to_all_the_rest_is_possible() -> None:
    low, middle, high = total_errors(7, np.zeros(0, dtype=bool), 93)
    assert (low, high) == (7.0, 100.0)
    assert np.isnan(middle)


def test_a_sample_of_the_whole_rest_leaves_no_doubt() -> None:
    assert tuple(total_errors(5, np.array([True, False, True]), 3)) == (7.0, 7.0, 7.0)
