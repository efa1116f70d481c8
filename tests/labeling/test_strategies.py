"""Query strategies: higher utility = ask sooner, the same order as modAL's own."""

from __future__ import annotations

import numpy as np
import pytest
from modAL import uncertainty
from scipy.sparse import csr_matrix

from labeling.core import strategies
from labeling.core.strategies import SELECTORS, STRATEGIES, UTILITIES

NAMES = ["default", *STRATEGIES]
ROWS = [[0.5, 0.5, 0.0], [0.98, 0.01, 0.01], [0.4, 0.3, 0.3], [0.7, 0.2, 0.1]]
SURE, TORN = 1, (0, 2)


def some_proba(rows: int = 50, classes: int = 4, *, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).dirichlet(np.ones(classes), rows)


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def chosen(name: str, proba: np.ndarray, n: int, *, features: object = None, seed: int = 0) -> list:
    picks, utilities = strategies.choose(name, proba, features=features, n=n, rng=rng(seed))
    assert len(picks) == len(utilities)
    return picks.tolist()


@pytest.mark.parametrize("name", sorted(set(UTILITIES) - {"random"}))
def test_what_the_model_is_sure_of_is_asked_last(name: str) -> None:
    utilities = UTILITIES[name](np.array(ROWS), rng())
    assert utilities.argmin() == SURE
    assert utilities.argmax() in TORN


@pytest.mark.parametrize(
    ("name", "measure", "sign"),
    [
        ("margin", uncertainty.classifier_margin, -1),
        ("entropy", uncertainty.classifier_entropy, 1),
        ("least_confident", uncertainty.classifier_uncertainty, 1),
    ],
)
def test_the_order_is_that_of_modal(name: str, measure: object, sign: int) -> None:
    class Fitted:
        def predict_proba(self, features: np.ndarray) -> np.ndarray:
            return features

    proba = some_proba(200)
    theirs = sign * measure(Fitted(), proba)  # type: ignore[operator]
    assert chosen(name, proba, 200) == np.argsort(-theirs, kind="stable").tolist()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("margin", 0.9),
        ("least_confident", 0.6),
        ("entropy", -np.log(0.4) * 0.4 - 0.6 * np.log(0.3)),
    ],
)
def test_a_utility_is_the_number_of_the_textbook(name: str, value: float) -> None:
    proba = np.array([[0.4, 0.3, 0.3]])
    assert UTILITIES[name](proba, rng()) == pytest.approx([value])


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("sparse", [False, True])
def test_every_strategy_keeps_the_contract(name: str, sparse: bool) -> None:
    dense = np.random.default_rng(1).random((50, 6))
    picks, utilities = strategies.choose(
        name, some_proba(), features=csr_matrix(dense) if sparse else dense, n=7, rng=rng()
    )
    assert picks.dtype == np.int64
    assert len(set(picks.tolist())) == len(picks) == 7
    assert ((picks >= 0) & (picks < 50)).all()
    assert utilities.dtype == np.float64
    assert np.isfinite(utilities).all()
    assert (np.diff(utilities) <= 0).all(), "best first"


@pytest.mark.parametrize("name", NAMES)
def test_the_same_seed_gives_the_same_batch(name: str) -> None:
    assert chosen(name, some_proba(), 9, seed=3) == chosen(name, some_proba(), 9, seed=3)


def test_random_asks_differently_with_another_seed_and_ignores_the_model() -> None:
    assert chosen("random", some_proba(), 9, seed=1) != chosen("random", some_proba(), 9, seed=2)
    assert chosen("random", some_proba(), 9, seed=1) == chosen(
        "random", some_proba(seed=5), 9, seed=1
    )


def test_random_asks_every_item_equally_often() -> None:
    counts = np.zeros(10)
    for seed in range(2000):
        counts[chosen("random", some_proba(10), 3, seed=seed)] += 1
    assert np.abs(counts / 2000 - 0.3).max() < 0.05


@pytest.mark.parametrize("name", sorted(set(STRATEGIES) - {"random"}))
def test_ties_go_to_the_lower_row(name: str) -> None:
    proba = np.array([[0.9, 0.1], [0.6, 0.4], [0.6, 0.4], [0.6, 0.4], [0.9, 0.1]])
    assert chosen(name, proba, 5) == [1, 2, 3, 0, 4]


@pytest.mark.parametrize("name", NAMES)
def test_fewer_items_than_asked_are_all_taken(name: str) -> None:
    assert sorted(chosen(name, some_proba(3), 10)) == [0, 1, 2]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(("rows", "n"), [(0, 5), (5, 0)])
def test_nothing_to_ask_gives_nothing(name: str, rows: int, n: int) -> None:
    assert chosen(name, np.ones((rows, 2)) / 2, n) == []


@pytest.mark.parametrize("name", NAMES)
def test_one_class_only_still_gives_a_batch(name: str) -> None:
    assert len(chosen(name, np.ones((6, 1)), 4)) == 4


@pytest.mark.parametrize("name", NAMES)
def test_probabilities_that_are_no_numbers_are_refused(name: str) -> None:
    proba = some_proba(5)
    proba[2, 1] = np.nan
    with pytest.raises(ValueError, match="NaN"):
        chosen(name, proba, 2)


def test_an_unknown_strategy_is_refused() -> None:
    with pytest.raises(KeyError):
        chosen("wisdom", some_proba(), 2)


@pytest.mark.parametrize("name", STRATEGIES)
def test_a_strategy_is_made_of_a_listed_utility_and_selector(name: str) -> None:
    strategy = STRATEGIES[name]
    assert strategy.utility in UTILITIES
    assert strategy.selector in SELECTORS
    assert strategy.note.endswith(".")


@pytest.mark.parametrize("name", SELECTORS)
def test_a_selector_takes_the_best_first(name: str) -> None:
    picks = SELECTORS[name](np.array([0.1, 0.9, 0.5]), csr_matrix(np.eye(3)), 2, rng())
    assert picks[0] == 1
    assert len(picks) == 2
