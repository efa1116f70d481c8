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

from labeling.core import models
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
    proba = models.fit(x, y, n_classes=3, config=ModelConfig(model=name)).predict_proba(x)
    assert proba.shape == (90, 3)
    assert proba.sum(axis=1) == pytest.approx(1.0)
    assert (proba.argmax(axis=1) == y).mean() > 0.9


@pytest.mark.parametrize("name", NAMES)
def test_dense_and_sparse_features_give_the_same_model(name: str) -> None:
    x, y = blobs()
    config = ModelConfig(model=name)
    sparse = models.fit(x, y, n_classes=3, config=config).predict_proba(x)
    dense = models.fit(x.toarray(), y, n_classes=3, config=config).predict_proba(x.toarray())
    assert sparse == pytest.approx(dense, abs=1e-6)


def test_no_rows_predict_every_class_alike() -> None:
    x, _ = blobs(4)
    fitted = models.fit(x[:0], np.empty(0, dtype=np.int64), n_classes=4)
    assert (fitted.predict_proba(x) == 0.25).all()


def test_one_class_only_is_always_predicted() -> None:
    x, _ = blobs(4)
    fitted = models.fit(x, np.full(4, 2), n_classes=3)
    assert fitted.predict_proba(x).tolist() == [[0.0, 0.0, 1.0]] * 4


@pytest.mark.parametrize("name", NAMES)
def test_a_class_that_was_never_seen_gets_probability_zero(name: str) -> None:
    x, y = blobs(classes=2)
    proba = models.fit(
        x, np.where(y == 0, 1, 3), n_classes=5, config=ModelConfig(model=name)
    ).predict_proba(x)
    assert (proba[:, [0, 2, 4]] == 0).all()
    assert (proba[:, [1, 3]] > 0).all()
    assert proba.sum(axis=1) == pytest.approx(1.0)


def test_rows_without_any_feature_still_train_a_model() -> None:
    """A constant column is scaled to zeros: nothing is known, so the class shares are predicted."""
    x = csr_matrix((8, 3))
    fitted = models.fit(x, np.array([0, 0, 0, 0, 0, 0, 1, 1]), n_classes=2)
    proba = fitted.predict_proba(x)
    assert proba[0].tolist() == [0.75, 0.25]


def test_predicting_no_rows_gives_no_rows() -> None:
    x, y = blobs()
    assert models.fit(x, y, n_classes=3).predict_proba(x[:0]).shape == (0, 3)


def test_columns_unseen_in_training_change_nothing() -> None:
    """Leaving out the empty columns is a matter of speed only."""
    x, y = blobs()
    wide = csr_matrix(np.hstack([x.toarray(), np.zeros((60, 5))]))
    full = LogisticRegression(C=10.0, class_weight="balanced", max_iter=2000).fit(wide, y)
    ours = models.fit(wide, y, n_classes=3).predict_proba(wide)
    assert ours == pytest.approx(full.predict_proba(wide), abs=1e-5)


@pytest.mark.parametrize(
    "other", [ModelConfig(regularisation=0.001), ModelConfig(class_weight="none")]
)
def test_each_setting_changes_the_fit(other: ModelConfig) -> None:
    x, y = blobs()
    y[:40] = 0
    plain = models.fit(x, y, n_classes=3).predict_proba(x)
    assert np.abs(models.fit(x, y, n_classes=3, config=other).predict_proba(x) - plain).max() > 0.01


def test_a_fit_is_the_same_to_the_bit_on_any_number_of_threads(root: Path) -> None:
    script = (
        "import hashlib, numpy as np\n"
        "from labeling.core import models\n"
        "rng = np.random.default_rng(0)\n"
        "x, y = rng.normal(size=(400, 120)), rng.integers(0, 3, 400)\n"
        "proba = models.fit(x, y, n_classes=3).predict_proba(x)\n"
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
