"""Models: a fit over all classes, the constant predictor, and no row judged by itself."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from scipy.sparse import csr_matrix
from sklearn.linear_model import LogisticRegression

from labeling.core import fitting, models
from labeling.core.models import MODELS, ModelConfig

NAMES = ["default", *MODELS]


def blobs(n: int = 60, *, classes: int = 3, seed: int = 0) -> tuple[csr_matrix, np.ndarray]:
    rng = np.random.default_rng(seed)
    y = rng.integers(0, classes, n)
    centres = rng.normal(size=(classes, 8))
    return csr_matrix(centres[y] + 0.5 * rng.normal(size=(n, 8))), y.astype(np.int64)


@pytest.mark.parametrize("name", NAMES)
def test_every_model_learns_what_can_be_learned(name: str) -> None:
    x, y = blobs(90)
    proba = fitting.fit(x, y, n_classes=3, config=ModelConfig(model=name)).predict_proba(x)
    assert proba.shape == (90, 3)
    assert proba.sum(axis=1) == pytest.approx(1.0)
    assert (proba.argmax(axis=1) == y).mean() > 0.9


@pytest.mark.parametrize("name", NAMES)
def test_dense_and_sparse_features_give_the_same_model(name: str) -> None:
    x, y = blobs()
    config = ModelConfig(model=name)
    sparse = fitting.fit(x, y, n_classes=3, config=config).predict_proba(x)
    dense = fitting.fit(x.toarray(), y, n_classes=3, config=config).predict_proba(x.toarray())
    assert sparse == pytest.approx(dense, abs=1e-6)


def test_no_rows_predict_every_class_alike() -> None:
    x, _ = blobs(4)
    fitted = fitting.fit(x[:0], np.empty(0, dtype=np.int64), n_classes=4)
    assert (fitted.predict_proba(x) == 0.25).all()


def test_one_class_only_is_always_predicted() -> None:
    x, _ = blobs(4)
    fitted = fitting.fit(x, np.full(4, 2), n_classes=3)
    assert fitted.predict_proba(x).tolist() == [[0.0, 0.0, 1.0]] * 4


@pytest.mark.parametrize("name", NAMES)
def test_a_class_that_was_never_seen_gets_probability_zero(name: str) -> None:
    x, y = blobs(classes=2)
    proba = fitting.fit(
        x, np.where(y == 0, 1, 3), n_classes=5, config=ModelConfig(model=name)
    ).predict_proba(x)
    assert (proba[:, [0, 2, 4]] == 0).all()
    assert proba.sum(axis=1) == pytest.approx(1.0)


def test_rows_without_any_feature_still_train_a_model() -> None:
    """A constant column is scaled to zeros: nothing is known, so the class shares are predicted."""
    x = csr_matrix((8, 3))
    fitted = fitting.fit(x, np.array([0, 0, 0, 0, 0, 0, 1, 1]), n_classes=2)
    proba = fitted.predict_proba(x)
    assert proba[0].tolist() == [0.75, 0.25]


def test_predicting_no_rows_gives_no_rows() -> None:
    x, y = blobs()
    assert fitting.fit(x, y, n_classes=3).predict_proba(x[:0]).shape == (0, 3)


def test_columns_unseen_in_training_change_nothing() -> None:
    """Leaving out the empty columns is a matter of speed only."""
    x, y = blobs()
    wide = csr_matrix(np.hstack([x.toarray(), np.zeros((60, 5))]))
    full = LogisticRegression(C=10.0, class_weight="balanced", solver="newton-cg", tol=1e-8)
    ours = fitting.fit(wide, y, n_classes=3).predict_proba(wide)
    assert ours == pytest.approx(full.fit(wide, y).predict_proba(wide), abs=1e-4)


@pytest.mark.parametrize(
    "other", [ModelConfig(regularisation=0.001), ModelConfig(class_weight="none")]
)
def test_each_setting_changes_the_fit(other: ModelConfig) -> None:
    x, y = blobs()
    y[:40] = 0
    plain = fitting.fit(x, y, n_classes=3).predict_proba(x)
    assert (
        np.abs(fitting.fit(x, y, n_classes=3, config=other).predict_proba(x) - plain).max() > 0.01
    )


def test_a_fit_is_the_same_to_the_bit_on_any_number_of_threads(root: Path) -> None:
    script = (
        "import hashlib, numpy as np\n"
        "from labeling.core import fitting\n"
        "rng = np.random.default_rng(0)\n"
        "x, y = rng.normal(size=(400, 120)), rng.integers(0, 3, 400)\n"
        "proba = fitting.fit(x, y, n_classes=3).predict_proba(x)\n"
        "print(hashlib.sha256(proba.tobytes()).hexdigest())\n"
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
    one, two = (run.communicate(timeout=60)[0] for run in runs)
    assert len(one) > 60
    assert one == two


@pytest.mark.parametrize("name", NAMES)
def test_every_model_takes_many_dense_columns_with_signs(name: str) -> None:
    """Images: edges and pixels are never negative, groups are."""
    x, y = blobs(90)
    wide = np.hstack([np.abs(x.toarray()).repeat(130, axis=1), x.toarray()]) / 10
    proba = fitting.fit(wide, y, n_classes=3, config=ModelConfig(model=name)).predict_proba(wide)
    assert (proba.argmax(axis=1) == y).mean() > 0.6


# Models by path


def test_a_classifier_of_scikit_learn_can_be_named_by_its_path() -> None:
    x, y = blobs(90)
    config = ModelConfig(model="sklearn.ensemble.ExtraTreesClassifier")
    fitted = fitting.fit(x, y, n_classes=3, config=config, seed=3)
    assert type(fitted.estimator).__name__ == "ExtraTreesClassifier"
    assert fitted.estimator.random_state == 3
    assert fitted.estimator.class_weight == "balanced"
    assert (fitted.predict_proba(x).argmax(axis=1) == y).all()


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("wisdom", "one of default, logistic"),
        ("os.system", "a path such as"),
        ("sklearn.ensemble.NoSuchClassifier", "scikit-learn has no"),
        ("sklearn.nowhere.Thing", "scikit-learn has no"),
        ("sklearn.linear_model.LinearRegression", "is no classifier"),
        ("sklearn.svm.LinearSVC", "gives no probabilities"),
        ("sklearn.ensemble.VotingClassifier", "must be told more"),
    ],
)
def test_what_cannot_be_a_model_is_refused_in_words(path: str, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        models.maker(path)


@pytest.mark.parametrize("name", MODELS)
def test_every_model_says_what_it_is_good_and_bad_at(name: str) -> None:
    assert MODELS[name].note.endswith(".")


# Several classes an item, weights, precision


@pytest.mark.parametrize("name", NAMES)
def test_an_item_may_have_several_classes(name: str) -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(120, 4))
    y = x[:, :3] > 0
    fitted = fitting.fit(x, y, n_classes=3, config=ModelConfig(model=name))
    proba = fitted.predict_proba(x)
    assert proba.shape == (120, 3)
    assert (fitting.decide(proba, multi=True) == y).mean() > 0.85
    assert proba.sum(axis=1).max() > 1.5, "classes do not share one probability"


def test_a_class_that_no_item_has_is_never_said() -> None:
    x, y = blobs(classes=2)
    targets = np.column_stack([y == 0, y == 1, np.zeros(60, dtype=bool)])
    assert not fitting.fit(x, targets, n_classes=3).predict_proba(x)[:, 2].any()


@pytest.mark.parametrize("name", sorted(set(NAMES) - {"neighbours"}))
def test_a_row_of_weight_two_counts_as_two_rows(name: str) -> None:
    """Half of the rows are mislabelled: with weight on the right ones the model says the right."""
    x, y = blobs(120)
    wrong = np.where(np.arange(120) % 2 == 0, y, (y + 1) % 3)
    weights = np.where(wrong == y, 1.0, 1e-6)
    config = ModelConfig(model=name, class_weight="none")
    plain = fitting.fit(x, wrong, n_classes=3, config=config).predict_proba(x)
    weighed = fitting.fit(x, wrong, n_classes=3, config=config, weights=weights).predict_proba(x)
    right = (np.arange(120), y)
    assert weighed[right].mean() > 0.8
    assert weighed[right].mean() > plain[right].mean() + 0.1


@pytest.mark.parametrize("classes", [2, 5])
@pytest.mark.parametrize("temperature", [1.0, 1.7])
def test_quick_and_exact_probabilities_are_those_of_the_model(
    classes: int, temperature: float
) -> None:
    sparse, y = blobs(300, classes=classes)
    x = sparse.toarray()
    config = ModelConfig(temperature=temperature)
    fitted = fitting.fit(x, y, n_classes=classes + 1, config=config)
    proba = fitted.predict_proba(x)
    assert np.abs(fitted.exact_proba(x) - proba).max() < 1e-12
    assert np.abs(fitted.quick_proba(x.astype(np.float32)) - proba).max() < fitting.QUICK_ERROR
    alone = np.concatenate([fitted.exact_proba(x[[i]]) for i in range(50)])
    assert (alone == fitted.exact_proba(x)[:50]).all(), "other rows change no bit"


def test_a_temperature_above_one_draws_probabilities_together() -> None:
    proba = np.array([[0.9, 0.1], [0.5, 0.5]])
    softer = fitting.tempered(proba, 2.0)
    assert softer[0] == pytest.approx([0.75, 0.25])
    assert softer[1].tolist() == [0.5, 0.5]
    assert (fitting.tempered(proba, 1.0) == proba).all()
