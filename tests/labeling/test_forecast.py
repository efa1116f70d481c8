"""Forecast: intervals that cover what comes, words that keep their promise, and no promise more."""

from __future__ import annotations

import json
from collections.abc import Sequence

import numpy as np
import pytest
from sklearn.datasets import load_digits

from labeling.core import fitting, forecast
from labeling.core.forecast import LEVELS, Forecast, Past, Point

BATCH = 25
CURVES = [(0.95, 2.0, 0.5), (0.99, 6.0, 1.0), (0.8, 0.9, 0.35), (0.7, 1.2, 0.6), (1.0, 1.5, 0.4)]


def score(curve: tuple[float, float, float], n: float) -> float:
    a, b, c = curve
    return max(a - b * n**-c, 0.0)


def exact_rounds(curve: tuple[float, float, float], rounds: int) -> list[Point]:
    return [Point(n, score(curve, n)) for n in range(BATCH, BATCH * rounds + 1, BATCH)]


def level_rounds(*scores: float) -> list[Point]:
    return [Point(BATCH * (i + 1), y) for i, y in enumerate(scores)]


def fresh_of(curve: tuple[float, float, float], n: int) -> list[Point]:
    subsets = forecast.subsets(n, np.random.default_rng(0))
    return [Point(len(subset), score(curve, len(subset))) for subset in subsets]


def said(
    rounds: Sequence[Point], growth: float = 1.5, *, n_gold: int = 300, **others: object
) -> Forecast:
    """The forecast from the history alone, for so many times the labels."""
    at = round(growth * rounds[-1].n)
    return forecast.forecasts(rounds, [], [at], n_gold=n_gold, **others)[0]  # type: ignore[arg-type]


# -- what comes out of a known curve ---------------------------------------------------------------


@pytest.mark.parametrize("curve", CURVES)
@pytest.mark.parametrize("with_fresh", [True, False])
def test_a_known_power_law_is_foreseen(curve: tuple[float, float, float], with_fresh: bool) -> None:
    rounds = exact_rounds(curve, 12)
    fresh = fresh_of(curve, rounds[-1].n) if with_fresh else []
    ats = [325, 375, 475, 900]
    for one in forecast.forecasts(rounds, fresh, ats, n_gold=300):
        truth = score(curve, one.at)
        low, high = one.interval(0.8)
        assert low <= truth <= high
        assert one.median == pytest.approx(truth, abs=0.01)
        assert one.gain == pytest.approx(truth - rounds[-1].score, abs=0.01)


def test_the_curve_is_followed_and_not_the_last_score() -> None:
    """Far ahead on a steep curve a forecast of 'as now' would be off by twelve points."""
    curve = (0.95, 2.0, 0.5)
    one = forecast.forecasts(exact_rounds(curve, 6), fresh_of(curve, 150), [600], n_gold=300)[0]
    still = score(curve, 600) - score(curve, 150)
    assert still > 0.08
    assert abs(one.median - score(curve, 600)) < 0.25 * still


@pytest.mark.parametrize("curve", CURVES)
def test_more_rounds_of_an_exact_curve_never_widen_the_interval(
    curve: tuple[float, float, float],
) -> None:
    """The same target, ever nearer."""
    rounds = exact_rounds(curve, 26)
    spreads = [
        forecast.forecasts(rounds[:k], [], [675], n_gold=300)[0].halves[3] for k in range(7, 27)
    ]
    assert np.all(np.diff(spreads) <= 0)
    assert spreads[-1] < 0.5 * spreads[0]


def test_history_and_subsample_curve_count_alike_and_their_quarrel_widens_the_interval() -> None:
    """A flat history and a steep subsample curve that meet in the last round."""
    flat, steep = level_rounds(*[0.8] * 12), (0.95, 2.6, 0.5)
    end = Point(300, score(steep, 300))
    rounds = [*flat[:-1], end]
    fresh = fresh_of(steep, 300)
    both = forecast.forecasts(rounds, fresh, [600], n_gold=300)[0]
    history = forecast.forecasts(rounds, [], [600], n_gold=300)[0]
    curve = forecast.forecasts(exact_rounds(steep, 12), fresh, [600], n_gold=300)[0]
    assert curve.gain - history.gain > 0.02
    assert both.gain == pytest.approx((history.gain + curve.gain) / 2, abs=0.005)
    assert both.spread > 1.1 * max(history.spread, curve.spread)


def test_further_ahead_is_less_certain() -> None:
    rounds = exact_rounds(CURVES[0], 8)
    widths = [said(rounds, growth).halves[3] for growth in (1.05, 1.2, 1.5, 2, 3, 4)]
    assert np.all(np.diff(widths) > 0)


def test_a_small_gold_set_makes_the_interval_wider() -> None:
    rounds = exact_rounds(CURVES[0], 8)
    widths = [said(rounds, n_gold=n).halves[3] for n in (1000, 300, 100, 30)]
    assert np.all(np.diff(widths) > 0)


def test_old_rounds_fade() -> None:
    """A curve that broke long ago is forecast by what came since."""
    early = level_rounds(*np.linspace(0.2, 0.7, 10))
    since = [Point(BATCH * k, 0.7) for k in range(11, 61)]
    assert said([*early, *since], 1.25).gain < 0.005


# -- curves that are no power laws -----------------------------------------------------------------


def test_a_flat_curve_is_forecast_flat() -> None:
    one = said(level_rounds(*[0.8] * 12))
    assert one.gain < 0.006
    assert one.interval(0.8)[0] <= 0.8 <= one.interval(0.8)[1]


def test_a_falling_curve_is_never_forecast_to_fall_on_nor_to_jump() -> None:
    one = said(level_rounds(*np.linspace(0.9, 0.7, 9)))
    assert 0.0 <= one.gain < 0.02
    assert one.interval(0.95)[0] <= 0.7 <= one.median < 0.76


def test_a_perfect_score_stays_and_no_interval_leaves_zero_to_one() -> None:
    one = said(level_rounds(*[1.0] * 6))
    low, high = one.interval(0.95)
    assert one.gain == pytest.approx(0.0, abs=0.002)
    assert (one.median, high) == (pytest.approx(1.0, abs=0.002), 1.0)
    assert 0.97 < low < 1.0, "it may fall again: the gold set is finite"
    assert said(level_rounds(0.5, 0.8, 1.0)).median <= 1.0
    zero = said(level_rounds(*[0.0] * 6))
    assert zero.interval(0.95)[0] == 0.0


@pytest.mark.parametrize("scores", [(0.5,), (0.5, 0.6), (0.9, 0.7)])
def test_one_or_two_rounds_give_a_wide_interval(scores: tuple[float, ...]) -> None:
    few, many = said(level_rounds(*scores)), said(level_rounds(*[scores[-1]] * 12))
    assert few.spread > 1.2 * many.spread
    assert few.interval(0.95)[0] < scores[-1] < few.interval(0.95)[1]


def test_before_there_is_a_curve_the_prior_speaks() -> None:
    """One round at 50 %: an exponent near 0.5 and any asymptote, (1 - 0.5) / 2 x (1 - 2^-0.5)."""
    assert said(level_rounds(0.5), 2.0).gain == pytest.approx(0.25 * (1 - 2**-0.5), abs=0.012)


# -- what is said ----------------------------------------------------------------------------------


def test_intervals_are_nested_and_the_chance_falls_with_the_target() -> None:
    one = said(exact_rounds(CURVES[2], 7))
    bounds = [one.interval(level) for level in LEVELS]
    lows, highs = zip(*bounds, strict=True)
    assert list(lows) == sorted(lows, reverse=True)
    assert list(highs) == sorted(highs)
    chances = [one.chance(target) for target in np.linspace(0, 1, 400)]
    assert chances[0] == 1.0
    assert np.all(np.diff(chances) <= 0)
    assert 0.0 <= chances[-1] < 0.01


def test_chances_and_intervals_tell_the_same() -> None:
    one = said(exact_rounds(CURVES[2], 7))
    assert one.chance(one.median) == pytest.approx(0.5)
    for level in LEVELS:
        low, high = one.interval(level)
        assert one.chance(low) == pytest.approx((1 + level) / 2)
        assert one.chance(high) == pytest.approx((1 - level) / 2)
    beyond = one.median + 2 * one.halves[-1]
    assert 0.0 < one.chance(beyond) < 0.001, "beyond the widest interval the tail is a normal's"


def test_more_than_everything_is_out_of_reach_and_nothing_is_always_reached() -> None:
    one = said(level_rounds(*[1.0] * 6))
    assert (one.chance(1.001), one.chance(0.0), one.chance(-1.0)) == (0.0, 1.0, 1.0)


@pytest.mark.parametrize(
    ("chance", "word"),
    [(1.0, "likely"), (0.9, "likely"), (0.899, "open"), (0.1, "open"), (0.099, "unlikely")],
)
def test_the_words_have_sharp_borders(chance: float, word: str) -> None:
    assert forecast.word(chance) == word


def test_the_same_input_is_forecast_the_same_and_json_keeps_it() -> None:
    rounds = exact_rounds(CURVES[1], 9)
    one = said(rounds)
    assert said(rounds) == one
    kept = json.loads(json.dumps(one._asdict()))
    assert Forecast(**kept | {"halves": tuple(kept["halves"])}) == one


@pytest.mark.parametrize(
    ("rounds", "at", "words"),
    [
        ([], 50, "at least one round"),
        ([Point(0, 0.5)], 50, "a label at least"),
        ([Point(25, 0.5), Point(50, float("nan"))], 75, "a score in"),
        ([Point(25, 90.0)], 75, "a score in"),
        ([Point(100, 0.5)], 100, "more than 100"),
        ([Point(100, 0.5)], 401, "at most 4 times"),
    ],
)
def test_what_was_never_scored_is_not_forecast(rounds: list[Point], at: int, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        forecast.forecasts(rounds, [], [at], n_gold=100)


# -- the subsample plan ----------------------------------------------------------------------------


def test_the_plan_is_fifteen_random_subsets_that_a_seed_fixes() -> None:
    plan, again = (forecast.subsets(200, np.random.default_rng(3)) for _ in range(2))
    assert [len(s) for s in plan] == sorted([40, 70, 100, 140, 170] * 3)
    assert all(np.array_equal(a, b) for a, b in zip(plan, again, strict=True))
    other = forecast.subsets(200, np.random.default_rng(4))
    assert not all(np.array_equal(a, b) for a, b in zip(plan, other, strict=True))
    assert not np.array_equal(plan[0], plan[1]), "repetitions differ"
    for subset in plan:
        assert len(set(subset.tolist())) == len(subset)
        assert 0 <= subset.min() <= subset.max() < 200


@pytest.mark.parametrize("n", [0, 1, 2, 3, 5])
def test_few_labels_give_few_subsets_never_none_or_all_of_the_labels(n: int) -> None:
    sizes = [len(subset) for subset in forecast.subsets(n, np.random.default_rng(0))]
    assert all(0 < size < n for size in sizes)
    assert len(sizes) <= 3 * max(n - 1, 0)


# -- scoring what was said -------------------------------------------------------------------------


def past_ones(offs: Sequence[float], one: Forecast | None = None) -> list[Past]:
    """Forecasts that were off by so many of the table's 80 % half widths."""
    one = one or said(exact_rounds(CURVES[2], 8))
    half = one.halves[LEVELS.index(0.8)]
    return [Past(one, one.median + off * half) for off in offs]


def test_calibration_counts_what_fell_inside_with_wilsons_bounds() -> None:
    points = forecast.calibration(past_ones([0.0, 0.1, -0.99, 0.99, 1.01, -9.0]))
    assert [point.level for point in points] == list(LEVELS)
    at_80 = points[LEVELS.index(0.8)]
    assert (at_80.n, at_80.hits) == (6, 4)
    assert at_80.share == pytest.approx(4 / 6)
    assert (at_80.low, at_80.high) == pytest.approx((0.300, 0.903), abs=0.001)
    assert [point.hits for point in points] == sorted(point.hits for point in points)
    assert forecast.calibration([]) == []


def test_misses_compare_with_the_last_value() -> None:
    one = said(exact_rounds(CURVES[0], 6))
    found = forecast.misses([Past(one, one.median + 0.01), Past(one, one.median - 0.03)])
    assert found is not None
    assert (found.n, found.median) == (2, pytest.approx(0.02))
    assert found.last_value == pytest.approx(
        (abs(one.median + 0.01 - one.last) + abs(one.median - 0.03 - one.last)) / 2
    )
    assert forecast.misses([]) is None


def test_own_forecasts_count_from_ten_on() -> None:
    rounds = exact_rounds(CURVES[2], 8)
    assert said(rounds, past=past_ones([3.0] * 9)).halves == said(rounds).halves
    assert said(rounds, past=past_ones([3.0] * 10)).halves[3] > 1.5 * said(rounds).halves[3]


def test_own_errors_count_by_their_conformal_rank_beside_the_table() -> None:
    """Ten errors: of 80 % the ninth (8.8 rounded up), weighed as ten against the table's twenty."""
    factors = forecast.own_factors(past_ones([float(off) for off in range(1, 11)]))
    assert factors[LEVELS.index(0.8)] == pytest.approx((20 + 10 * 9) / 30)


def test_intervals_stay_nested_whatever_the_own_errors_say() -> None:
    halves = forecast.widths(0.01, 1.5, factors=np.array([9.0, 1.0, 1.0, 1.0, 1.0, 0.1]))
    assert list(halves) == sorted(halves)


def test_a_project_that_was_forecast_too_boldly_gets_wider_intervals_and_the_reverse() -> None:
    rounds = exact_rounds(CURVES[2], 8)
    plain, bold, timid = (
        said(rounds, past=past_ones(offs)) for offs in ([], [2.5] * 30, [0.05] * 30)
    )
    assert timid.median == plain.median == bold.median
    assert np.all(np.array(timid.halves) < np.array(plain.halves))
    assert np.all(np.array(bold.halves) > np.array(plain.halves))


def test_with_many_own_forecasts_their_own_quantiles_rule() -> None:
    """Errors of another law than the table's: in the end the intervals cover as they promise."""
    rng = np.random.default_rng(0)
    one = said(exact_rounds(CURVES[2], 8))
    errors = rng.normal(0, 2.0 * one.spread, 1000)
    past = [Past(one, one.median + error) for error in errors[:500]]
    later = said(exact_rounds(CURVES[2], 8), past=past)
    for half, level in zip(later.halves, LEVELS, strict=True):
        assert np.mean(np.abs(errors[500:]) <= half) == pytest.approx(level, abs=0.06)


def test_own_forecasts_of_all_horizons_count_in_units_of_their_own_width() -> None:
    """Twice the table's error is twice at any horizon: near ones do not make far ones narrow."""
    rounds = exact_rounds(CURVES[2], 8)
    near, far = said(rounds, 1.05), said(rounds, 3.0)
    factors = [forecast.own_factors(past_ones([2.0] * 20, one)) for one in (near, far)]
    at_80 = [each[LEVELS.index(0.8)] for each in factors]
    assert at_80 == pytest.approx([1.5, 1.5])


def test_the_table_rises_with_growth_and_level() -> None:
    growths = [growth for growth, _ in forecast.TABLE]
    cells = np.array([cells for _, cells in forecast.TABLE])
    assert cells.shape == (len(growths), len(LEVELS))
    assert growths == sorted(growths)
    assert np.all(np.diff(cells, axis=0) >= 0)
    assert np.all(np.diff(cells, axis=1) > 0)
    assert forecast.quantiles(growths[1]) == pytest.approx(cells[1])
    between = forecast.quantiles((growths[0] * growths[1]) ** 0.5)
    assert between == pytest.approx((cells[0] + cells[1]) / 2)


def test_the_measured_hit_rates_back_the_words() -> None:
    assert set(forecast.HIT_RATES) == {forecast.LIKELY, forecast.UNLIKELY}
    for rate in forecast.HIT_RATES.values():
        assert 0.5 < rate.share <= 1.0


# -- does it cover? --------------------------------------------------------------------------------


def noisy_project(rng: np.random.Generator, rounds: int) -> tuple[list[Point], list[Point]]:
    """A learner that follows a random curve, seen through 300 gold items; then a fresh curve.

    An item is right once the curve has passed its difficulty; one in twenty answers wavers.
    """
    a, c = rng.uniform(0.7, 1.0), rng.uniform(0.3, 1.0)
    curve = (a, rng.uniform(0.2, 0.6) * a * BATCH**c, c)
    hard = rng.random(300)

    def seen(n: int) -> Point:
        wavering = rng.random(300) < 0.05
        right = np.where(wavering, rng.random(300), hard) < score(curve, n)
        return Point(n, float(right.mean()))

    points = [seen(BATCH * k) for k in range(1, rounds + 8)]
    fresh = [seen(len(s)) for s in forecast.subsets(BATCH * rounds, rng)]
    return points, fresh


def test_intervals_cover_what_simulated_projects_reach() -> None:
    rng, past = np.random.default_rng(1), []
    for _ in range(60):
        for rounds in (6, 12):
            points, fresh = noisy_project(rng, rounds)
            ahead = [points[rounds + k - 1] for k in (1, 3, 7)]
            ones = forecast.forecasts(points[:rounds], fresh, [p.n for p in ahead], n_gold=300)
            past += [Past(one, p.score) for one, p in zip(ones, ahead, strict=True)]
    shares = {point.level: point.share for point in forecast.calibration(past)}
    assert 0.65 <= shares[0.8] <= 0.97
    assert shares[0.95] >= 0.85
    assert shares[0.5] <= 0.85, "intervals that always cover say nothing"
    found = forecast.misses(past)
    assert found is not None
    assert found.median < 0.85 * found.last_value


def labelled_at_random(seed: int) -> list[Past]:
    """Handwritten digits, 14 rounds of 25 random labels, 300 gold: what was forecast, what came."""
    x, y = load_digits(return_X_y=True)
    order = np.random.default_rng(seed).permutation(len(y))
    gold, pool = order[:300], order[300:]

    def seen(rows: np.ndarray) -> Point:
        fitted = fitting.fit(x[rows] / 16, y[rows], n_classes=10)
        right = fitted.predict_proba(x[gold] / 16).argmax(axis=1) == y[gold]
        return Point(len(rows), float(right.mean()))

    points, past = [seen(pool[: BATCH * k]) for k in range(1, 15)], []
    for rounds in (5, 9):
        labelled = pool[: BATCH * rounds]
        plan = forecast.subsets(len(labelled), np.random.default_rng(seed))
        fresh, ahead = [seen(labelled[subset]) for subset in plan], points[rounds:][:5:2]
        ones = forecast.forecasts(points[:rounds], fresh, [p.n for p in ahead], n_gold=300)
        past += [Past(one, p.score) for one, p in zip(ones, ahead, strict=True)]
    return past


def test_intervals_cover_what_real_models_reach() -> None:
    past = [one for seed in range(3) for one in labelled_at_random(seed)]
    shares = {point.level: point.share for point in forecast.calibration(past)}
    assert shares[0.95] >= 0.75
    assert shares[0.8] >= 0.5
    found = forecast.misses(past)
    assert found is not None
    assert found.median < found.last_value
