"""Verified gain: few labels of disagreements, an interval that holds for future data."""

from __future__ import annotations

import math

import numpy as np
import pytest

from labeling.core import comparison, verified
from labeling.core.comparison import Interval
from labeling.core.verified import Verified
from tests import simulated

N_ROWS = 800


def rng_of(*seed: int) -> np.random.Generator:
    return np.random.default_rng(seed)


def versions(*coalitions: set[int]) -> np.ndarray:
    """Predicted codes of some stages of the digits history on its future, int (versions, 897)."""
    story = simulated.seven_changes()
    labels = [story.labels(frozenset(coalition)) for coalition in coalitions]
    return np.array([
        simulated.fit_and_predict([*own], [*own.values()], story.future) for own in labels
    ])  # fmt: skip


def truth() -> np.ndarray:
    return simulated.digits()[1][simulated.History.future]


def labelled(differs: np.ndarray, n: int, rng: np.random.Generator) -> np.ndarray:
    known = np.zeros(len(differs), dtype=bool)
    known[verified.ask(differs, known, n=n, rng=rng)] = True
    return known


def unknown_but(truth: np.ndarray, known: np.ndarray) -> np.ndarray:
    return np.where(known, truth, -1)


def rate(hits: list[bool]) -> float:
    return float(np.mean(hits))


# -- acceptance: coverage for future data, labels saved, the trap ----------------------------------


@pytest.mark.parametrize(
    ("before", "after"), [(set(), {0}), ({0, 1}, {0, 1, 2, 3}), ({3}, {0, 1, 2, 3, 4, 5})]
)
def test_digits_two_hundred_reservoirs_cover_the_future_with_a_third_of_the_labels(
    before: set[int], after: set[int]
) -> None:
    (old, new), right = versions(before, after), truth()
    future = (new == right).mean() - (old == right).mean()
    covered, saved = [], []
    for nth in range(200):
        rng = rng_of(nth)
        rows = rng.integers(len(right), size=N_ROWS)
        differs = verified.differ(old[rows], new[rows])
        known = labelled(differs, 40, rng)
        found = verified.gain(old[rows], new[rows], unknown_but(right[rows], known))
        covered.append(found.interval.low <= future <= found.interval.high)
        saved.append(found.instead_of / found.n_labels)
    assert 0.92 <= rate(covered) <= 0.995
    assert np.median(saved) >= 3


def coverage(*, labelled_share: float, future_term: bool) -> float:
    """How often the interval holds the truth about the future."""
    (old, new), right = versions({0, 1}, {0, 1, 2, 3}), truth()
    truly = (new == right).mean() - (old == right).mean()
    covered = []
    for nth in range(200):
        rng = rng_of(nth)
        rows = rng.integers(len(right), size=N_ROWS)
        gained = (new[rows] == right[rows]).astype(float) - (old[rows] == right[rows])
        given = np.where(rng.random(N_ROWS) < labelled_share, gained, np.nan)
        found = verified.estimate(given, verified.differ(old[rows], new[rows]), future=future_term)
        covered.append(found.interval.low <= truly <= found.interval.high)
    return rate(covered)


@pytest.mark.parametrize("share", [0.75, 1.0])
def test_without_the_future_term_the_promise_is_broken(share: float) -> None:
    assert coverage(labelled_share=share, future_term=True) >= 0.92
    assert coverage(labelled_share=share, future_term=False) < 0.8


def test_a_chain_of_versions_covers_every_step_and_the_whole_with_labels_used_again() -> None:
    """Each step asks some labels by lot; the whole way is estimated from all of them."""
    codes, right = versions(set(), {0}, {0, 1}, {0, 1, 2}, {0, 1, 2, 5}), truth()
    true_scores = (codes == right).mean(axis=1)
    covered: dict[str, list[bool]] = {"steps": [], "whole": []}
    for nth in range(150):
        rng = rng_of(9, nth)
        rows = rng.integers(len(right), size=N_ROWS)
        seen, known = codes[:, rows], rng.random(N_ROWS) < 0.1
        for step in verified.steps(seen):
            known[verified.ask(step, known, n=25, rng=rng)] = True
        given = unknown_but(right[rows], known)
        whole = verified.between(seen, given, 0, len(codes) - 1).interval
        covered["whole"].append(whole.low <= true_scores[-1] - true_scores[0] <= whole.high)
        for k, step_gain in enumerate(verified.chain(seen, given)):
            low, high = step_gain.interval[1:]
            covered["steps"].append(low <= true_scores[k + 1] - true_scores[k] <= high)
    assert rate(covered["steps"]) >= 0.92
    assert rate(covered["whole"]) >= 0.92


def test_labels_of_other_steps_mislead_when_their_chances_are_ignored() -> None:
    """Strata matter: one queue labelled all of its half, where the new model always wins."""
    n, rng = 400, rng_of(3)
    differs, first = np.ones(n, dtype=bool), np.arange(n) < 200
    gained = np.where(first, 1.0, -1.0)
    known = first | (rng.random(n) < 0.1)
    given = np.where(known, gained, np.nan)
    strata = verified.signatures(np.stack([first, differs]))
    assert verified.estimate(given, differs, strata=strata).interval.value == pytest.approx(0.0)
    assert verified.estimate(given, differs).interval.low > 0.5


# -- the formula ----------------------------------------------------------------------------------


def by_hand(
    sizes: list[int], seen: list[list[float]], n: int, differ: int
) -> tuple[float, float, float]:
    value, variance = 0.0, 0.0
    for size, own in zip(sizes, seen, strict=True):
        m, value = len(own), value + size * float(np.mean(own)) / n
        spread = float(np.var([*own, 1, -1] if m < 30 else own, ddof=1))
        variance += size * (size - m) * spread / m / n**2
    half = 1.959964 * math.sqrt(variance + (differ / n - value**2) / n)
    most = differ / n + 1.959964 * math.sqrt(differ) / n  # no gain is more than the disagreement
    return value, max(value - half, -most), min(value + half, most)


def in_groups(sizes: list[int], seen: list[list[float]], n: int) -> tuple[np.ndarray, ...]:
    differences, strata = np.full(n, np.nan), np.zeros(n, dtype=np.int64)
    differs, start = np.zeros(n, dtype=bool), 0
    for group, (size, own) in enumerate(zip(sizes, seen, strict=True)):
        differs[start : start + size], strata[start : start + size] = True, group + 1
        differences[start : start + len(own)] = own
        start += size
    return differences, differs, strata


def test_the_estimate_is_the_formula_of_methods() -> None:
    sizes, seen = [60, 40], [[1.0] * 20 + [-1.0] * 12, [1.0, 1.0, 0.0, -1.0, 1.0, 1.0]]
    differences, differs, strata = in_groups(sizes, seen, 500)
    found = verified.estimate(differences, differs, strata=strata)
    assert found.interval == pytest.approx(by_hand(sizes, seen, 500, 100), abs=1e-6)
    assert (found.n_rows, found.n_differ, found.n_labels) == (500, 100, 38)


@pytest.mark.parametrize(
    ("labels", "groups"),
    [
        ([10, 9, 8], [0, 1, 2]),
        ([10, 3, 4], [0, 1, 1]),
        ([10, 12, 3], [0, 1, 2]),
        ([2, 1, 0], [0, 0, 0]),
        ([0, 1, 39], [0, 0, 1]),
    ],
)
def test_strata_with_under_five_labels_are_one(labels: list[int], groups: list[int]) -> None:
    """The poor are joined with each other, and never with one that was looked at."""
    sizes, rng = [60, 50, 40], rng_of(1)
    seen = [rng.choice([1.0, 0.0, -1.0], size=m).tolist() for m in labels]
    differences, differs, strata = in_groups(sizes, seen, 700)
    names = sorted(set(groups))
    of = {name: [k for k, group in enumerate(groups) if group == name] for name in names}
    merged = (
        [sum(sizes[k] for k in of[name]) for name in names],
        [[x for k in of[name] for x in seen[k]] for name in names],
    )
    expected = by_hand(*merged, 700, 150)
    found = verified.estimate(differences, differs, strata=strata)
    assert found.interval == pytest.approx(expected, abs=1e-6)


def test_every_disagreement_labelled_is_as_good_as_the_whole_reservoir_labelled() -> None:
    codes, right = versions(set(), {0, 1}), truth()
    differs = verified.differ(*codes)
    found = verified.gain(*codes, unknown_but(right, differs))
    old, new = codes == right
    whole = comparison.agresti_min(old, new)
    assert found.interval.value == pytest.approx(whole.value)
    both_wrong = math.sqrt(found.disagreement / (old != new).mean())  # taken for news, to be safe
    assert found.width == pytest.approx(both_wrong * (whole.high - whole.low), rel=0.03)
    assert found.width <= verified.width_floor(found.disagreement, found.n_rows)
    assert found.instead_of < found.n_rows


def test_what_is_outside_the_disagreements_is_never_read() -> None:
    rng = rng_of(5)
    differs = rng.random(300) < 0.2
    given = np.where(rng.random(300) < 0.5, rng.choice([1.0, -1.0], size=300), np.nan)
    nonsense = np.where(differs, given, 77.0)
    assert verified.estimate(nonsense, differs) == verified.estimate(given, differs)


def test_swapping_the_models_turns_the_gain_round() -> None:
    codes, right = versions(set(), {0}), truth()
    known = labelled(verified.differ(*codes), 30, rng_of(2))
    there = verified.gain(codes[0], codes[1], unknown_but(right, known)).interval
    back = verified.gain(codes[1], codes[0], unknown_but(right, known)).interval
    assert back == pytest.approx((-there.value, -there.high, -there.low))


def test_nine_labels_that_all_say_the_same_still_leave_room() -> None:
    differs = np.arange(1000) < 100
    given = np.where(np.arange(1000) < 9, 1.0, np.nan)
    assert verified.estimate(given, differs).width > 0.05


def test_scores_between_nought_and_one_are_compared_like_right_and_wrong() -> None:
    rng = rng_of(8)
    old = rng.beta(3, 2, 3000)
    changed = rng.random(3000) < 0.2
    new = np.where(changed, np.clip(old + rng.normal(0.1, 0.3, 3000), 0, 1), old)
    known = labelled(changed, 120, rng)
    found = verified.score_gain(old, new, known, differs=changed)
    assert found.interval.low <= (new - old).mean() <= found.interval.high
    every = verified.score_gain(old, new, np.ones(3000, dtype=bool))
    assert every.interval.value == pytest.approx((new - old).mean())
    with pytest.raises(ValueError, match="pass `differs`"):
        verified.score_gain(old, new, known)
    with pytest.raises(ValueError, match=r"in \[0, 1\]"):
        verified.score_gain(old, 2 * new, known, differs=changed)


def test_without_labels_a_gain_is_bounded_by_the_disagreement() -> None:
    differs = np.arange(1000) < 80
    found = verified.estimate(np.full(1000, np.nan), differs)
    assert found.interval == pytest.approx((0.0, -0.0975, 0.0975), abs=1e-3)
    assert verified.in_words(found) == "not verified yet: the gain is between -9.8 and +9.8"


def test_models_that_agree_everywhere_may_still_differ_on_three_rows_in_as_many() -> None:
    codes = np.zeros(600, dtype=np.int64)
    found = verified.gain(codes, codes, codes)
    assert found.interval == pytest.approx((0.0, -0.005, 0.005))
    assert verified.in_words(found).startswith("both models say the same of all 600")
    assert verified.gain(codes[:0], codes[:0], codes[:0]).interval == (0.0, -1.0, 1.0)


# -- what to ask ----------------------------------------------------------------------------------


def test_only_unlabelled_disagreements_are_asked_each_with_the_same_chance() -> None:
    rng = rng_of(4)
    differs, known = rng.random(200) < 0.3, rng.random(200) < 0.4
    open_ = differs & ~known
    counts = np.zeros(200)
    for nth in range(600):
        rows = verified.ask(differs, known, n=10, rng=rng_of(4, nth))
        assert len(set(rows.tolist())) == 10
        counts[rows] += 1
    assert not counts[~open_].any()
    expected = 600 * 10 / open_.sum()
    assert np.abs(counts[open_] - expected).max() < 5 * math.sqrt(expected)


def test_asking_more_than_there_is_asks_all() -> None:
    differs = np.array([True, False, True])
    rows = verified.ask(differs, np.zeros(3, dtype=bool), n=9, rng=rng_of(0))
    assert sorted(rows) == [0, 2]


def test_outputs_of_several_columns_differ_where_any_does() -> None:
    old = np.array([[1, 0], [1, 1], [0, 0]])
    assert verified.differ(old, np.array([[1, 0], [1, 0], [0, 0]])).tolist() == [False, True, False]


def test_rows_of_one_signature_were_eligible_in_the_same_rounds() -> None:
    eligible = rng_of(6).random((3, 90)) < 0.5
    codes = verified.signatures(eligible)
    for code in np.unique(codes):
        assert len(np.unique(eligible[:, codes == code], axis=1).T) == 1
    assert len(np.unique(codes)) == len(np.unique(eligible.T, axis=0))
    assert (verified.signatures(np.empty((0, 4), dtype=bool)) == 0).all()


# -- planning -------------------------------------------------------------------------------------


def test_a_plan_has_the_figures_of_methods() -> None:
    """METHODS 1.9: 5 points at 10 % disagreement: 312 random labels or 32 disagreements."""
    planned = verified.plan(0.05, n_differ=100, n_rows=1000)
    assert (planned.labels, planned.random_labels) == (32, 312)
    assert planned.floor == pytest.approx(2 * 1.96 * math.sqrt(0.1 / 1000), rel=1e-4)
    assert planned.is_possible


@pytest.mark.parametrize(("delta", "possible"), [(0.0, False), (0.11, False), (0.01, False)])
def test_a_plan_says_what_cannot_be_decided(delta: float, possible: bool) -> None:
    planned = verified.plan(delta, n_differ=100, n_rows=1000)
    assert planned.is_possible is possible
    said = verified.plan_in_words(planned)
    assert "no number of labels" in said or "reservoir is too small" in said


def test_the_planned_labels_decide_four_of_five_such_gains() -> None:
    """In a reservoir so large that its own chance is small."""
    planned = verified.plan(0.05, n_differ=2000, n_rows=20_000)
    assert planned.labels is not None
    decided = []
    for nth in range(400):
        rng = rng_of(11, nth)
        wins = rng.random(2000) < 0.75
        known = np.arange(2000) < planned.labels
        given = np.full(20_000, np.nan)
        given[:2000] = np.where(known, np.where(wins, 1.0, -1.0), np.nan)
        decided.append(verified.estimate(given, np.arange(20_000) < 2000).interval.low > 0)
    assert 0.72 < rate(decided) < 0.9


@pytest.mark.parametrize("width", [0.03, 0.04, 0.06])
def test_the_labels_for_a_width_reach_it_at_worst(width: float) -> None:
    """Wins and losses balance: no labels say less than these."""
    n, n_differ = 3000, 300
    m = verified.labels_for_width(width, n_differ=n_differ, n_rows=n)
    assert m is not None
    given = np.full(n, np.nan)
    given[:m] = np.where(np.arange(m) % 2 == 0, 1.0, -1.0)
    found = verified.estimate(given, np.arange(n) < n_differ)
    assert found.width == pytest.approx(width, rel=0.05)


def test_no_labels_are_enough_for_less_than_the_floor() -> None:
    floor = verified.width_floor(0.1, 1000)
    assert verified.labels_for_width(0.99 * floor, n_differ=100, n_rows=1000) is None
    assert verified.labels_for_width(1.0001 * floor, n_differ=100, n_rows=1000) == 100


@pytest.mark.parametrize(
    ("found", "words"),
    [
        (Verified(Interval(0.04, -0.01, 0.09), 1000, 100, 20, 90), "needs about"),
        (Verified(Interval(0.001, -0.02, 0.02), 1000, 100, 60, 90), "would hardly decide"),
        (Verified(Interval(0.01, -0.01, 0.03), 1000, 100, 100, 900), "only a larger reservoir"),
    ],
)
def test_an_open_gain_says_what_is_missing(found: Verified, words: str) -> None:
    assert words in verified.missing_in_words(found)


def test_rows_that_no_lot_fell_on_are_not_spoken_for_by_those_of_another_pair() -> None:
    """72 of 73 rows of another pair's lot were lost, three of 73 others known: they were won."""
    n, lot, others = 1000, slice(0, 73), slice(73, 146)
    true = np.zeros(n)
    true[lot], true[others] = -1.0, 1.0
    true[[0, 73, 74]] *= -1
    differs, strata = true != 0, np.repeat([0, 1], [73, n - 73])
    seen = np.full(n, np.nan)
    seen[:72], seen[143:146] = true[:72], true[143:146]
    found = verified.estimate(seen, differs, strata=strata)
    assert found.interval.low <= true.mean() <= found.interval.high
    assert found.width > 0.05, "three labels of 73 say little"


def test_no_interval_is_wider_than_what_is_known_without_a_label() -> None:
    differs = np.arange(500) < 40
    bare = verified.estimate(np.full(500, np.nan), differs).interval
    for labels in (1, 2, 3):
        seen = np.where(np.arange(500) < labels, 1.0, np.nan)
        found = verified.estimate(seen, differs).interval
        assert bare.low <= found.low and found.high <= bare.high
