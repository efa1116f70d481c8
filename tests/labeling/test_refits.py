"""Refits: models with some rows left out say what a fit of the other rows says by itself."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy.sparse import csr_matrix
from threadpoolctl import threadpool_limits

from labeling.core import fitting, refits
from labeling.core.models import ModelConfig

ROWS, ASKED = 240, 400
SETTINGS = [
    ModelConfig(regularisation=c, class_weight=w)
    for c in (1.0, 100.0)
    for w in ("balanced", "none")
]


def words(n: int, classes: int, seed: int) -> tuple[Any, np.ndarray]:
    """Sparse rows of a few terms out of many, some of them telling; one class is rarer."""
    rng = np.random.default_rng(seed)
    y = np.minimum(rng.integers(classes + 1, size=n), classes - 1)
    telling = 3 * y[:, np.newaxis] + rng.integers(9, size=(n, 3))
    terms = np.concatenate([telling, rng.integers(30, 3_000, size=(n, 9))], axis=1)
    rows = csr_matrix(
        (np.ones(terms.size), terms.ravel(), np.arange(0, terms.size + 1, 12)), shape=(n, 3_000)
    )
    return csr_matrix(rows / 12**0.5, dtype=np.float32), y


def numbers(n: int, classes: int, seed: int) -> tuple[Any, np.ndarray]:
    """Dense rows around a centre for each class."""
    rng = np.random.default_rng(seed)
    y = rng.integers(classes, size=n)
    centres = np.random.default_rng(99).normal(size=(classes, 8))
    return (centres[y] + rng.normal(size=(n, 8)) * 1.5).astype(np.float32), y


def draws(n: int, size: int, times: int = 5) -> np.ndarray:
    """Nothing left out, then rows at random."""
    left_out = np.zeros((times + 1, n), dtype=bool)
    rng = np.random.default_rng(7)
    for row in left_out[1:]:
        row[rng.choice(n, size, replace=False)] = True
    return left_out


def by_itself(features: Any, y: Any, asked: Any, kept: np.ndarray, **rest: Any) -> np.ndarray:
    """Probabilities of a fit of the rows that are kept."""
    weights = rest.pop("weights", None)
    own = None if weights is None else weights[kept]
    return fitting.fit(features[kept], y[kept], weights=own, **rest).predict_proba(asked)


def sure(proba: np.ndarray, *, multi: bool = False) -> np.ndarray:
    """Where no rounding turns a decision."""
    if multi:
        return np.abs(proba - 0.5) > 0.01
    ordered = np.sort(proba, axis=1)
    return ordered[:, -1] - ordered[:, -2] > 0.01


@pytest.mark.parametrize("size", [3, 110])
@pytest.mark.parametrize("config", SETTINGS, ids=str)
@pytest.mark.parametrize("classes", [2, 4])
@pytest.mark.parametrize("make", [words, numbers])
def test_each_says_what_a_fit_by_itself_says(
    make: Any, classes: int, config: ModelConfig, size: int
) -> None:
    features, y = make(ROWS, classes, 1)
    asked, _ = make(ASKED, classes, 2)
    left_out = draws(ROWS, size)
    assert refits.can_refit(y, left_out, config)
    found = refits.without(features, y, asked, left_out=left_out, config=config)
    assert found.shape == (6, ASKED)
    moved = 0
    for gone, said in zip(left_out, found, strict=True):
        proba = by_itself(features, y, asked, ~gone, n_classes=classes, config=config)
        certain = sure(proba)
        assert certain.mean() > 0.8
        np.testing.assert_array_equal(said[certain], proba.argmax(axis=1)[certain])
        moved += int((said != found[0]).sum())
    assert moved or size < 100, "many rows that are left out move something"


def test_rows_that_count_for_less_do_so_here_too() -> None:
    features, y = words(ROWS, 3, 1)
    asked, _ = words(ASKED, 3, 2)
    weights = np.where(np.arange(ROWS) % 2, 0.05, 1.0)
    left_out = draws(ROWS, 20)
    config = ModelConfig()
    found = refits.without(features, y, asked, left_out=left_out, config=config, weights=weights)
    alike = refits.without(features, y, asked, left_out=left_out, config=config)
    assert (found != alike).any()
    for gone, said in zip(left_out, found, strict=True):
        proba = by_itself(features, y, asked, ~gone, n_classes=3, config=config, weights=weights)
        np.testing.assert_array_equal(said[sure(proba)], proba.argmax(axis=1)[sure(proba)])


def test_an_item_with_several_classes_is_told_class_by_class() -> None:
    features, y = words(ROWS, 4, 1)
    asked, _ = words(ASKED, 4, 2)
    several = np.column_stack([y == 0, y >= 2, np.zeros(ROWS, dtype=bool), y < 9])
    left_out = draws(ROWS, 20)
    assert refits.can_refit(several, left_out, ModelConfig())
    found = refits.without(features, several, asked, left_out=left_out, config=ModelConfig())
    assert found.shape == (6, ASKED, 4)
    for gone, said in zip(left_out, found, strict=True):
        proba = by_itself(features, several, asked, ~gone, n_classes=4, config=ModelConfig())
        certain = sure(proba, multi=True)
        np.testing.assert_array_equal(said[certain], fitting.decide(proba, multi=True)[certain])


def test_the_codes_are_those_of_the_label_set_also_where_a_class_has_no_row() -> None:
    features, y = words(ROWS, 2, 1)
    said = refits.without(
        features, 1 + 2 * y, features, left_out=draws(ROWS, 5), config=ModelConfig()
    )
    assert set(np.unique(said)) == {1, 3}


def test_without_a_class_of_its_own_no_model_is_refitted() -> None:
    y = np.array([0, 0, 0, 1, 1])
    every = np.array([[False, False, False, True, True]])
    one = np.array([[True, False, False, True, False]])
    assert not refits.can_refit(y, every, ModelConfig())
    assert refits.can_refit(y, one, ModelConfig())
    assert not refits.can_refit(y, one, ModelConfig("forest"))
    several = np.column_stack([y == 1, np.zeros(5, dtype=bool)])
    assert not refits.can_refit(several, every, ModelConfig())
    assert refits.can_refit(several, one, ModelConfig())


def test_one_class_alone_is_what_all_models_say() -> None:
    features, _ = numbers(9, 2, 1)
    said = refits.without(
        features, np.full(9, 3), features, left_out=draws(9, 2), config=ModelConfig()
    )
    np.testing.assert_array_equal(said, np.full((6, 9), 3))


def test_threads_and_memory_change_no_decision(monkeypatch: pytest.MonkeyPatch) -> None:
    features, y = words(ROWS, 4, 1)
    left_out = draws(ROWS, 30)

    def said() -> np.ndarray:
        return refits.without(features, y, features, left_out=left_out, config=ModelConfig())

    first = said()
    with threadpool_limits(4):
        np.testing.assert_array_equal(said(), first)
    monkeypatch.setattr(refits, "COLUMNS", 1)
    np.testing.assert_array_equal(said(), first)
