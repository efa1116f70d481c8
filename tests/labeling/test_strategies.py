"""Query strategies: higher utility = ask sooner, and the same contract for every one of them."""

from __future__ import annotations

import os
import subprocess
import sys
import tracemalloc
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from modAL import batch, disagreement, uncertainty
from modAL.models import ActiveLearner
from scipy.sparse import csr_matrix
from sklearn.linear_model import LogisticRegression
from threadpoolctl import threadpool_limits

from labeling.core import fitting, geometry, scoring, seeds, selectors, strategies, utilities
from labeling.core.scoring import Best
from labeling.core.selectors import SELECTORS, Candidates
from labeling.core.strategies import ALL, STRATEGIES, Pool, Some
from labeling.core.utilities import OF_COMMITTEES, UTILITIES

NAMES = ["default", *STRATEGIES]
DETERMINED = sorted(set(STRATEGIES) - {"random", "badge"})
OF_ONE = sorted(set(UTILITIES) - OF_COMMITTEES - {"random"})
ROWS = np.array([[0.5, 0.5, 0.0], [0.98, 0.01, 0.01], [0.4, 0.3, 0.3], [0.7, 0.2, 0.1]])
SURE, TORN = 1, (0, 2)


@dataclass(frozen=True)
class Said:
    """A model whose answers are the last columns of the features: for tests of choosing alone."""

    classes: int
    shift: int = 0

    def predict_proba(self, features: Any) -> np.ndarray:
        rows = features.toarray() if hasattr(features, "toarray") else features
        proba = np.asarray(rows[:, -self.classes :], dtype=float)
        return np.roll(proba, self.shift, axis=1)

    quick_proba = exact_proba = predict_proba


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def some_proba(rows: int = 50, classes: int = 4, *, seed: int = 0) -> np.ndarray:
    return rng(seed).dirichlet(np.ones(classes), rows)


def pool_of(proba: np.ndarray, *, sparse: bool = False, labelled: int = 3) -> Pool:
    """Items with four random features, and what two models say of them."""
    features = np.hstack([rng(1).random((len(proba), 4)), proba])
    own = np.hstack([rng(2).random((labelled, 4)), np.zeros((labelled, proba.shape[1]))])
    if sparse:
        features, own = csr_matrix(features), csr_matrix(own)
    return Pool(features, own, [Said(proba.shape[1]), Said(proba.shape[1], shift=1)])


def chosen(name: str, proba: np.ndarray, n: int, *, seed: int = 0) -> list[int]:
    return strategies.choose(name, pool_of(proba), n, rng(seed)).rows.tolist()


def learned(rows: int = 400, *, seed: int = 0) -> Pool:
    """A pool of dense items and a model that was fitted to some of them."""
    x = rng(seed).normal(size=(rows + 40, 6)).astype(np.float32)
    y = (x[:, 0] + x[:, 1] ** 2 > 0.5).astype(np.int64)
    fitted = fitting.fit(x[:40], y[:40], n_classes=2)
    again = fitting.fit(x[:40], np.roll(y[:40], 1), n_classes=2)
    return Pool(x[40:], x[:40], [fitted, again])


# Utilities


@pytest.mark.parametrize("name", OF_ONE)
def test_what_the_model_is_sure_of_is_asked_last(name: str) -> None:
    values = UTILITIES[name](ROWS, rng())
    assert values.argmin() == SURE
    assert values.argmax() in TORN


@pytest.mark.parametrize("name", sorted(OF_COMMITTEES))
def test_what_a_committee_agrees_on_is_asked_last(name: str) -> None:
    other = ROWS[:, [1, 0, 2]].copy()
    other[SURE] = ROWS[SURE]
    together = np.stack([ROWS, other, np.roll(ROWS, 1, axis=1)])
    together[:, SURE] = ROWS[SURE]
    values = UTILITIES[name](together, rng())
    assert values.argmin() == SURE


@pytest.mark.parametrize(
    ("name", "measure", "sign"),
    [
        ("margin", uncertainty.classifier_margin, -1),
        ("entropy", uncertainty.classifier_entropy, 1),
        ("least_confident", uncertainty.classifier_uncertainty, 1),
    ],
)
def test_the_order_is_that_of_modal(name: str, measure: Any, sign: int) -> None:
    proba = some_proba(200)
    theirs = sign * measure(Said(4), proba)
    assert chosen(name, proba, 200) == np.argsort(-theirs.round(9), kind="stable").tolist()


class Committee:
    """As much of modAL's committee as its disagreement measures ask for."""

    def __init__(self, together: np.ndarray) -> None:
        self.together = together
        self.estimators_ = list(together)
        self.classes_ = np.arange(together.shape[2])

    def __len__(self) -> int:
        return len(self.together)

    def __iter__(self) -> Iterator[np.ndarray]:
        return iter(self.together)

    def vote(self, _rows: object) -> np.ndarray:
        return self.together.argmax(axis=2).T

    def vote_proba(self, _rows: object) -> np.ndarray:
        return np.transpose(self.together, (1, 0, 2))

    def predict_proba(self, _rows: object) -> np.ndarray:
        return self.together.mean(axis=0)


@pytest.mark.parametrize(
    ("name", "measure"),
    [
        ("vote_entropy", disagreement.vote_entropy),
        ("consensus_entropy", disagreement.consensus_entropy),
        ("max_disagreement", disagreement.KL_max_disagreement),
    ],
)
def test_a_committee_measures_as_modal_does(name: str, measure: Any) -> None:
    together = np.stack([some_proba(60, seed=seed) for seed in range(5)])
    theirs = measure(Committee(together), np.zeros((60, 1)))
    assert UTILITIES[name](together, rng()) == pytest.approx(theirs)


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


@pytest.mark.parametrize("name", OF_ONE)
def test_where_an_item_may_have_several_classes_each_is_a_question(name: str) -> None:
    proba = np.array([[0.99, 0.01, 0.02], [0.99, 0.5, 0.02], [0.5, 0.5, 0.5]])
    values = utilities.per_class(UTILITIES[name], proba, rng())
    assert (np.diff(values) > 0).all()
    one = UTILITIES[name](np.array([[0.5, 0.5]]), rng())
    assert values[2] == pytest.approx(one[0])


# The contract


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("sparse", [False, True])
def test_every_strategy_keeps_the_contract(name: str, sparse: bool) -> None:
    rows, values = strategies.choose(name, pool_of(some_proba(), sparse=sparse), 7, rng())
    assert rows.dtype == np.int64
    assert len(set(rows.tolist())) == len(rows) == 7
    assert ((rows >= 0) & (rows < 50)).all()
    assert values.dtype == np.float64
    assert np.isfinite(values).all()


@pytest.mark.parametrize("name", NAMES)
def test_sparse_and_dense_items_are_chosen_alike(name: str) -> None:
    dense, sparse = (
        strategies.choose(name, pool_of(some_proba(), sparse=sparse), 9, rng()).rows.tolist()
        for sparse in (False, True)
    )
    assert dense == sparse


@pytest.mark.parametrize("name", NAMES)
def test_the_same_seed_gives_the_same_batch(name: str) -> None:
    assert chosen(name, some_proba(), 9, seed=3) == chosen(name, some_proba(), 9, seed=3)


def test_random_asks_differently_with_another_seed_and_ignores_the_model() -> None:
    assert chosen("random", some_proba(), 9, seed=1) != chosen("random", some_proba(), 9, seed=2)
    other = some_proba(seed=5)
    assert chosen("random", some_proba(), 9, seed=1) == chosen("random", other, 9, seed=1)


def test_random_asks_every_item_equally_often() -> None:
    counts = np.zeros(10)
    for seed in range(2000):
        counts[chosen("random", some_proba(10), 3, seed=seed)] += 1
    assert np.abs(counts / 2000 - 0.3).max() < 0.05


@pytest.mark.parametrize("name", [name for name in DETERMINED if STRATEGIES[name].reach != ALL])
def test_ties_go_to_the_lower_row(name: str) -> None:
    proba = np.array([[0.9, 0.1], [0.6, 0.4], [0.6, 0.4], [0.6, 0.4], [0.9, 0.1]])
    pool = Pool(proba, proba[:1], [Said(2), Said(2)])
    rows = strategies.choose(name, pool, 5, rng()).rows.tolist()
    expected = (
        [0, 1, 2, 3, 4]
        if name in {"vote_entropy", "max_disagreement", "model_votes"}
        else [1, 2, 3, 0, 4]
    )
    assert rows == expected


@pytest.mark.parametrize("name", NAMES)
def test_fewer_items_than_asked_are_all_taken(name: str) -> None:
    assert sorted(chosen(name, some_proba(3), 10)) == [0, 1, 2]


@pytest.mark.parametrize("name", NAMES)
def test_items_that_are_all_alike_are_asked_once_each(name: str) -> None:
    proba = np.full((30, 2), 0.5)
    pool = Pool(proba, proba[:2], [Said(2), Said(2)])
    assert len(set(strategies.choose(name, pool, 8, rng()).rows.tolist())) == 8


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(("rows", "n"), [(0, 5), (5, 0)])
def test_nothing_to_ask_gives_nothing(name: str, rows: int, n: int) -> None:
    assert chosen(name, np.ones((rows, 2)) / 2, n) == []


@pytest.mark.parametrize("name", NAMES)
def test_one_class_only_still_gives_a_batch(name: str) -> None:
    assert len(chosen(name, np.ones((6, 1)), 4)) == 4


@pytest.mark.parametrize("name", sorted(set(NAMES) - {"random"}))
def test_probabilities_that_are_no_numbers_are_refused(name: str) -> None:
    proba = some_proba(5)
    proba[2, 1] = np.nan
    with pytest.raises(ValueError, match="NaN"):
        chosen(name, proba, 2)


def test_an_unknown_strategy_is_refused() -> None:
    with pytest.raises(KeyError):
        chosen("wisdom", some_proba(), 2)


@pytest.mark.parametrize("name", NAMES)
def test_nothing_is_labelled_yet_is_no_fault(name: str) -> None:
    rows = strategies.choose(name, pool_of(some_proba(), labelled=0), 6, rng()).rows
    assert len(set(rows.tolist())) == 6


@pytest.mark.parametrize("name", STRATEGIES)
def test_a_strategy_is_made_of_what_is_listed_and_says_what_it_is_good_and_bad_at(
    name: str,
) -> None:
    strategy = STRATEGIES[name]
    assert strategy.utility in UTILITIES
    assert strategy.selector in SELECTORS
    assert strategy.seed in seeds.SEEDS
    assert strategy.committee in ("", strategies.RESAMPLED, strategies.DIFFERENT)
    assert bool(strategy.committee) == (strategy.utility in OF_COMMITTEES)
    assert len(strategy.note) < 100
    assert strategy.note.endswith(".")


@pytest.mark.parametrize("name", NAMES)
def test_the_next_best_are_the_highest_utilities(name: str) -> None:
    pool = learned()
    found = strategies.next_best(name, pool, 12, rng())
    whole = strategies.next_best(name, pool, pool.rows, rng())
    assert found.rows.tolist() == whole.rows[:12].tolist()
    assert (np.diff(whole.utilities) <= 0).all()


# The same picks everywhere


@pytest.mark.parametrize("name", sorted(set(NAMES) - {"random"}))
def test_the_size_of_a_chunk_changes_no_pick(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = strategies.choose(name, learned(), 9, rng())

    def in_chunks_of(chunk: int) -> Best:
        def best(*args: Any, **options: Any) -> Best:
            return scoring.best(*args, **(options | {"chunk": chunk}))

        with monkeypatch.context() as patch:
            patch.setattr(strategies, "scoring", Chunked(best))
            return strategies.choose(name, learned(), 9, rng())

    for chunk in (1, 7, 399):
        assert in_chunks_of(chunk).rows.tolist() == whole.rows.tolist()


class Chunked:
    """The module of scoring with another size of chunks."""

    def __init__(self, best: Any) -> None:
        self.best = best


def test_the_number_of_threads_changes_no_pick(root: Path) -> None:
    script = (
        "import numpy as np\n"
        "from labeling.core import fitting, strategies\n"
        "from labeling.core.strategies import Pool\n"
        "rng = np.random.default_rng(0)\n"
        "x = rng.normal(size=(30_000, 64)).astype(np.float32)\n"
        "y = (x[:300, 0] > 0).astype(int)\n"
        "fitted = fitting.fit(x[:300], y, n_classes=2)\n"
        "for name in ('margin', 'default', 'coreset', 'badge', 'ranked_batch'):\n"
        "    pool = Pool(x[300:], x[:300], [fitted])\n"
        "    print(strategies.choose(name, pool, 20, np.random.default_rng(1)).rows.tolist())\n"
    )
    runs = [
        subprocess.Popen(
            [sys.executable, "-c", script],
            cwd=root,
            stdout=subprocess.PIPE,
            text=True,
            env=os.environ | {"OMP_NUM_THREADS": n, "OPENBLAS_NUM_THREADS": n},
        )
        for n in ("1", "2")
    ]
    one, two = (run.communicate(timeout=120)[0] for run in runs)
    assert one.count("\n") == 5
    assert one == two


def test_the_best_of_a_stream_are_the_best_of_all() -> None:
    values = rng(4).random(5_000).round(3)  # with ties
    noise = rng(5).uniform(-4e-4, 4e-4, 5_000)
    found = scoring.best(
        lambda rows: (values + noise)[rows],
        lambda rows: values[rows],
        5_000,
        40,
        slack=1e-3,
        chunk=64,
    )
    expected = np.lexsort((np.arange(5_000), -values))[:40]
    assert found.rows.tolist() == expected.tolist()
    assert found.utilities.tolist() == values[expected].tolist()


@pytest.mark.parametrize("is_sparse", [False, True])
@pytest.mark.parametrize("name", STRATEGIES)
def test_a_pool_that_is_some_rows_of_a_matrix_is_asked_as_its_copy_is(
    name: str, is_sparse: bool
) -> None:
    x = rng().normal(size=(400, 6)).astype(np.float32)
    x, y = (csr_matrix(x), (x[:, 0] > 0).astype(int)) if is_sparse else (x, (x[:, 0] > 0) * 1)
    rows = rng(1).permutation(np.arange(40, 400))[:300]
    models = [fitting.fit(x[:n], y[:n], n_classes=2) for n in (40, 20)]
    copied, read = (
        strategies.choose(name, Pool(features, x[:40], models), 9, rng())
        for features in (x[rows], Some(x, rows))
    )
    np.testing.assert_array_equal(copied.rows, read.rows)
    np.testing.assert_array_equal(copied.utilities, read.utilities)


def test_choosing_from_some_rows_holds_a_chunk_of_them_in_memory() -> None:
    x = rng().normal(size=(80_000, 32)).astype(np.float32)
    y = (x[:300, 0] > 0).astype(int)
    pool = Pool(
        Some(x, rng(1).permutation(80_000)), x[:300], [fitting.fit(x[:300], y, n_classes=2)]
    )
    tracemalloc.start()
    strategies.choose("margin_spread", pool, 10, rng())
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert most < x.nbytes / 2


# Selectors


def seen(features: np.ndarray, *, labelled: Sequence[int] = (), proba: Any = None) -> Candidates:
    own = features[list(labelled)] if len(labelled) else features[:0]
    said = np.full((len(features), 2), 0.5) if proba is None else proba
    return Candidates(features, own, features, said, len(features))


def kinds_of_points(kinds: int, each: int, columns: int = 8) -> np.ndarray:
    """Tight groups of points far from each other, in no order."""
    centres = np.random.default_rng(3).normal(size=(kinds, columns)) * 10
    points = np.repeat(centres, each, axis=0)
    points = points + np.random.default_rng(4).normal(size=points.shape) * 0.01
    return np.asarray(points[np.random.default_rng(5).permutation(len(points))])


def kinds_among(points: np.ndarray) -> int:
    return len(np.unique(points.round(0), axis=0))


@pytest.mark.parametrize("n", [selectors.WHOLE // 2, selectors.WHOLE])
def test_an_ordinary_batch_is_clustered_as_a_whole(n: int) -> None:
    """One item of each kind: no part could know of the kinds of another."""
    points, weights = kinds_of_points(n, 5), np.linspace(1.0, 2.0, 5 * n)
    picks = selectors.nearest_to_centres(points, n, rng(), weights=weights)
    cluster, centres = geometry.clusters(points, n, rng(), weights=weights)
    far = ((points - centres[cluster]) ** 2).sum(axis=1)
    nearest = [min(np.flatnonzero(cluster == k), key=lambda i: far[i]) for k in range(n)]
    np.testing.assert_array_equal(picks, np.sort(nearest))


def test_a_large_batch_is_spread_too_and_always_the_same() -> None:
    n = 3 * selectors.WHOLE
    points = kinds_of_points(n, 10)
    picks = selectors.nearest_to_centres(points, n, rng())
    assert len(np.unique(picks)) == n
    by_chance = kinds_among(points[rng().permutation(len(points))[:n]])
    assert kinds_among(points[picks]) > 0.85 * n > 1.2 * by_chance
    np.testing.assert_array_equal(picks, selectors.nearest_to_centres(points, n, rng()))
    with threadpool_limits(4):
        np.testing.assert_array_equal(picks, selectors.nearest_to_centres(points, n, rng()))


@pytest.mark.parametrize("rows", [601, 900, 5_000])
@pytest.mark.parametrize("alike", [False, True])
def test_a_large_batch_is_full_whatever_the_points(rows: int, alike: bool) -> None:
    points = np.ones((rows, 3)) if alike else rng().normal(size=(rows, 3))
    picks = selectors.nearest_to_centres(points, 601, rng())
    assert len(np.unique(picks)) == 601


def test_parts_hold_every_point_once_and_share_what_is_due() -> None:
    points = rng().normal(size=(1_003, 5))
    cut = list(geometry.parts(points, 333, rng(), at_most=50))
    np.testing.assert_array_equal(np.sort(np.concatenate([rows for rows, _ in cut])), range(1_003))
    assert sum(due for _, due in cut) == 333
    assert all(0 < due <= 50 and abs(due - len(rows) * 333 / 1_003) < 2 for rows, due in cut)
    inside = [points[rows].var(axis=0).sum() for rows, _ in cut]
    assert np.mean(inside) < 0.75 * points.var(axis=0).sum()


@pytest.mark.parametrize("name", ["spread", "farthest", "gradients"])
def test_a_batch_that_is_spread_holds_one_item_of_each_kind(name: str) -> None:
    """Five tight groups that are all equally uncertain: the five best lie in one of them."""
    kind = np.repeat(np.arange(5), 20)
    points = 10 * np.eye(5)[kind] + 0.01 * rng().normal(size=(100, 5))
    values = np.linspace(1.0, 0.9, 100)
    proba = np.column_stack([np.full(100, 0.55), np.full(100, 0.45)])
    picks = SELECTORS[name](values, seen(points, proba=proba), 5, rng())
    assert sorted(kind[picks].tolist()) == [0, 1, 2, 3, 4]
    top = SELECTORS["top"](values, seen(points, proba=proba), 5, rng())
    assert set(kind[top].tolist()) == {0}


def test_typical_items_are_asked_before_outliers_of_the_same_utility() -> None:
    thick = rng().normal(size=(90, 3))
    far = 40 + 30 * rng(1).normal(size=(10, 3))
    picks = SELECTORS["typical_spread"](np.ones(100), seen(np.vstack([far, thick])), 6, rng())
    assert (picks >= 10).all()


def test_the_ranked_batch_is_that_of_modal() -> None:
    """Picks of modAL's ranked batch, which needs minutes where this needs seconds."""
    x = rng(3).normal(size=(150, 5))
    model = LogisticRegression()
    learner = ActiveLearner(model, X_training=x[:12], y_training=np.arange(12) % 3)
    pool = x[12:]
    values = uncertainty.classifier_uncertainty(learner, pool)
    theirs, _ = batch.ranked_batch(learner, pool, values, 15, "euclidean", 1)
    among = Candidates(pool, x[:12], pool, learner.predict_proba(pool), len(pool))
    ours = selectors.ranked(values, among, 15, rng())
    assert ours.tolist() == theirs.tolist()


def test_badge_draws_by_the_gradients_of_the_paper() -> None:
    """Distances by products are those of the gradients written out (Ash et al., 2020)."""
    x, proba = rng().normal(size=(20, 4)), some_proba(20, 3)
    guess = np.eye(3)[proba.argmax(axis=1)]
    gradients = np.einsum("ik,ij->ikj", proba - guess, x).reshape(20, -1)
    lengths = (gradients**2).sum(axis=1)
    near = selectors._gradient_distances(proba - guess, x, lengths, [7])
    assert near == pytest.approx(((gradients - gradients[7]) ** 2).sum(axis=1))


def test_coreset_takes_the_item_farthest_from_all_labels_each_time() -> None:
    points = np.array([[0.0], [1.0], [10.0], [11.0], [5.0]])
    picks = selectors.farthest(np.zeros(5), seen(points, labelled=[0]), 3, rng())
    assert picks.tolist() == [3, 4, 1]


# Seed sets


@pytest.mark.parametrize("name", seeds.SEEDS)
@pytest.mark.parametrize("sparse", [False, True])
def test_a_seed_set_is_of_different_items(name: str, sparse: bool) -> None:
    points: Any = rng().normal(size=(60, 4))
    points = csr_matrix(points) if sparse else points
    picks = seeds.SEEDS[name](points, 9, rng())
    assert len(set(picks.tolist())) == 9
    assert sorted(seeds.SEEDS[name](points[:5], 9, rng()).tolist()) == [0, 1, 2, 3, 4]
    assert len(set(seeds.SEEDS[name](points[[0] * 30], 9, rng()).tolist())) == 9


@pytest.mark.parametrize("name", ["kmeans", "typical"])
def test_a_diverse_seed_set_holds_each_kind(name: str) -> None:
    kind = np.repeat(np.arange(6), [50, 10, 10, 10, 10, 10])
    points = 10 * np.eye(6)[kind] + 0.1 * rng().normal(size=(100, 6))
    picks = seeds.SEEDS[name](points, 6, rng())
    assert sorted(kind[picks].tolist()) == [0, 1, 2, 3, 4, 5]


def test_the_most_typical_item_of_a_group_lies_in_its_thick() -> None:
    points = np.vstack([rng().normal(size=(50, 2)), [[3.0, 3.0], [-3.0, 3.0]]])
    assert seeds.typical(points, 1, rng())[0] < 50
    typicality = geometry.typicality(points, points)
    assert typicality[:50].min() < typicality[:50].max()
    assert typicality[50:].max() < np.median(typicality[:50])
