"""Honest numbers: what decides may not report, what was chosen may not be a headline."""

from __future__ import annotations

import numpy as np
import pytest

from labeling.core import comparison, gold, verified
from labeling.core.comparison import Interval
from labeling.core.gold import Age, Figure

# -- half decides, half reports -------------------------------------------------------------------


def test_the_coin_of_a_label_falls_the_same_in_any_order_and_company() -> None:
    ids = [f"항목-{i}" for i in range(400)]
    whole = gold.decides(ids, seed=3)
    assert (gold.decides(ids[::-1], seed=3)[::-1] == whole).all()
    assert (gold.decides(ids[:50], seed=3) == whole[:50]).all()
    assert 0.4 < whole.mean() < 0.6
    other = gold.decides(ids, seed=4)
    assert 0.4 < (whole == other).mean() < 0.6
    assert len(gold.decides([], seed=0)) == 0


LABELS, ROWS = 60, 3000  # a candidate changes 2 % of the rows; all of these are labelled


def fresh_labels(rng: np.random.Generator, effect: float) -> np.ndarray:
    """Differences of a candidate with this gain in the long run, NaN where nothing differs."""
    differences = np.full(ROWS, np.nan)
    wins = rng.random(LABELS) < 0.5 + effect * ROWS / LABELS / 2
    differences[:LABELS] = np.where(wins, 1.0, -1.0)
    return differences


def after_forty_candidates(seed: int, *, split: bool) -> tuple[float, float]:
    """Reported and true gain of what was kept of 40 candidates without an effect on average."""
    rng, differs = np.random.default_rng([seed, 40]), np.arange(ROWS) < LABELS
    reported = truly = 0.0
    for nth in range(40):
        effect, coins = float(rng.normal(0, 0.004)), np.zeros(ROWS, dtype=bool)
        differences = fresh_labels(rng, effect)
        coins[:LABELS] = gold.decides([f"{nth}-{row}" for row in range(LABELS)], seed=seed)
        found = gold.decide(differences, differs, coins if split else differs)
        told = found.reported if split else verified.estimate(differences, differs)
        if found.keep:
            reported += told.interval.value
            truly += effect
    return reported, truly


def test_forty_null_candidates_are_reported_as_what_they_are() -> None:
    runs = [after_forty_candidates(seed, split=True) for seed in range(40)]
    bias = np.mean([reported - truly for reported, truly in runs])
    assert abs(bias) <= 0.005
    assert np.mean([truly for _, truly in runs]) > 0, "what is kept is better than nothing"


def test_labels_that_decide_and_report_make_up_a_gain() -> None:
    runs = [after_forty_candidates(seed, split=False) for seed in range(10)]
    assert np.mean([reported - truly for reported, truly in runs]) > 0.02


def test_a_decision_reads_one_half_and_reports_the_other() -> None:
    differs, coins = np.ones(40, dtype=bool), np.arange(40) < 10
    differences = np.where(coins, 1.0, -1.0)
    found = gold.decide(differences, differs, coins)
    assert (found.keep, found.n_decided, found.reported.n_labels) == (True, 10, 30)
    assert found.reported.interval.value == -1.0
    assert not gold.decide(-differences, differs, coins).keep
    assert not gold.decide(differences, differs, np.zeros(40, dtype=bool)).keep


# -- age ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("decisions", "n", "worn"), [(4, 200, False), (5, 200, True), (1, 49, True)]
)
def test_gold_wears_out_after_a_decision_for_every_fifty_labels(
    decisions: int, n: int, worn: bool
) -> None:
    age = Age(decisions, n)
    assert age.is_worn is worn
    assert ("rotate" in age.in_words()) is worn
    assert Age(age.most, n).is_worn is False


# -- headlines ------------------------------------------------------------------------------------

LEVEL = Interval(0.8, 0.7, 0.9)


def test_cross_validation_on_chosen_labels_is_never_a_headline() -> None:
    figures = [
        Figure("cross-validation", LEVEL, 500, chosen=True),
        Figure("cross-validation", LEVEL, 500),
        Figure("pool", LEVEL, 500),
        Figure("gold", LEVEL, 500, chosen=True),
        Figure("gold", LEVEL, comparison.MIN_GOLD - 1),
    ]
    assert gold.headline(figures) is None
    best = Figure("gold", LEVEL, 40)
    assert gold.headline([*figures, best]) is best
    assert "not comparable" in gold.caption(figures[0])


def test_every_figure_but_that_of_random_gold_has_a_caption() -> None:
    for source in ("gold", "cross-validation", "pool"):
        for chosen in (True, False):
            said = gold.caption(Figure(source, LEVEL, 100, chosen=chosen))
            assert (said == "") is (source == "gold" and not chosen)


def test_missing_gold_is_said_in_labels_until_they_are_there() -> None:
    assert gold.missing_in_words(0) == "no gold yet: 97 labels for a width of 20 points"
    assert gold.missing_in_words(1) == "1 gold label: 96 more labels for a width of 20 points"
    assert gold.missing_in_words(97) == ""
    low, high = comparison.wilson(gold.missing(0, width=0.1) // 2, gold.missing(0, width=0.1))
    assert high - low == pytest.approx(0.1, abs=0.001)


# -- leaks ----------------------------------------------------------------------------------------


SYLLABLES = [*"가나다라마바사아자차카타파하거너더러머버", *"bdfgklmnprstvz"]
WORDS = ["".join(row) for row in np.random.default_rng(9).choice(SYLLABLES, size=(120, 5))]


def messages(n: int, seed: int) -> tuple[list[str], np.ndarray]:
    """Texts of twelve words, and labels that most of their words point to."""
    drawn = np.random.default_rng(seed).integers(len(WORDS), size=(n, 12))
    return [" ".join(WORDS[k] for k in row) for row in drawn], (drawn < 60).mean(axis=1) > 0.5


def similarities(ours: list[str], theirs: list[str]) -> np.ndarray:
    """Cosine of character trigrams, float (ours, theirs)."""
    from sklearn.feature_extraction.text import TfidfVectorizer

    vectors = TfidfVectorizer(analyzer="char_wb", ngram_range=(3, 3)).fit_transform(ours + theirs)
    return np.asarray((vectors[: len(ours)] @ vectors[len(ours) :].T).toarray())


def test_a_planted_leak_is_found_and_the_score_comes_back_to_the_honest_one() -> None:
    """One of ten gold rows comes into training with a comma more; the nearest neighbour answers."""
    (of_gold, truth), (clean, labels) = messages(1200, 1), messages(500, 2)
    copied = np.random.default_rng(4).choice(len(of_gold), size=120, replace=False)
    training = clean + [of_gold[i].replace(" ", ", ", 1) for i in copied]
    near = similarities(of_gold, training)
    right = np.concatenate([labels, truth[copied]])[near.argmax(axis=1)] == truth
    honest = (labels[near[:, : len(clean)].argmax(axis=1)] == truth).mean()
    found = gold.check_leaks(
        ((f"g{i}", f"t{j}", near[i, j]) for i, j in zip(*np.nonzero(near > 0.9), strict=True)),
        {f"g{i}": bool(hit) for i, hit in enumerate(right)},
        frozenset(f"t{j}" for j in range(len(training))),
    )
    assert {leak.gold for leak in found.leaks} == {f"g{i}" for i in copied}
    assert found.share == 0.1
    assert found.reported > honest + 0.02
    assert found.honest == pytest.approx(honest, abs=0.01)
    assert "120 of 1,200 gold rows" in found.in_words()


def test_the_closest_leak_of_a_row_is_told_in_whichever_order_its_pair_stands() -> None:
    pairs = [("a", "t1", 0.91), ("t2", "a", 0.97), ("a", "b", 1.0), ("t1", "t2", 1.0)]
    found = gold.check_leaks(pairs, {"a": True, "b": False}, frozenset({"t1", "t2"}))
    assert [(leak.gold, leak.training, leak.similarity) for leak in found.leaks] == [
        ("a", "t2", 0.97)
    ]
    assert (found.reported, found.honest) == (0.5, 0.0)


def test_clean_data_has_no_leak() -> None:
    found = gold.check_leaks([("a", "b", 1.0)], {"a": True, "b": True}, frozenset({"t"}))
    assert found.leaks == () and found.reported == found.honest == 1.0
    assert found.in_words().startswith("no leak")
    assert np.isnan(gold.check_leaks([("a", "t", 1.0)], {"a": True}, frozenset({"t"})).honest)
