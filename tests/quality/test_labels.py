from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy.sparse import csr_matrix
from sklearn.datasets import load_digits, make_blobs

from quality import detectors, labels


def noisy_proba(seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Probabilities of a good model, codes with 5 % planted errors, and where they are."""
    rng = np.random.default_rng(seed)
    truth = rng.integers(0, 3, 400)
    proba = np.full((400, 3), 0.05) + rng.uniform(0, 0.02, (400, 3))
    proba[np.arange(400), truth] = 0.9
    proba /= proba.sum(axis=1, keepdims=True)
    wrong = rng.choice(400, 20, replace=False)
    codes = truth.copy()
    codes[wrong] = (codes[wrong] + 1) % 3
    return proba, codes.astype(np.int64), wrong


def test_planted_errors_are_found_and_nothing_else() -> None:
    proba, codes, wrong = noisy_proba()
    assert set(np.flatnonzero(labels.likely_errors(proba, codes))) == set(wrong)


def test_the_suggested_class_is_the_true_one() -> None:
    proba, codes, wrong = noisy_proba()
    scores, suggested = labels.ranking(proba, codes)
    assert set(np.argsort(scores)[:20]) == set(wrong)
    assert (suggested[wrong] == (codes[wrong] - 1) % 3).all()
    assert scores.min() >= 0.0
    assert scores.max() <= 1.0


def test_a_class_is_confident_where_it_reaches_its_mean_self_confidence() -> None:
    proba = np.array([[0.9, 0.1], [0.8, 0.2], [0.1, 0.9], [0.2, 0.8], [0.85, 0.15]])
    codes = np.array([0, 0, 1, 1, 1])
    thresholds = labels.thresholds(proba, codes)
    assert thresholds == pytest.approx([0.85, (0.9 + 0.8 + 0.15) / 3])
    assert labels.confident_class(proba, codes).tolist() == [0, -1, 1, 1, 0]


def test_rows_without_label_or_probabilities_are_never_suspicious() -> None:
    proba, codes, wrong = noisy_proba()
    codes[wrong[0]] = -1
    proba[wrong[1]] = np.nan
    doubted = labels.likely_errors(proba, codes)
    assert not doubted[wrong[:2]].any()
    assert doubted[wrong[2:]].all()
    scores, suggested = labels.ranking(proba, codes)
    assert np.isnan(scores[wrong[:2]]).all()
    assert suggested[wrong[1]] == -1


def test_a_class_without_any_label_is_never_suggested_by_the_thresholds() -> None:
    proba = np.array([[0.1, 0.1, 0.8], [0.9, 0.05, 0.05], [0.1, 0.85, 0.05]])
    assert not labels.likely_errors(proba, np.array([0, 0, 1])).any()


def test_one_class_alone_is_silent() -> None:
    assert not labels.likely_errors(np.ones((4, 1)), np.zeros(4, dtype=np.int64)).any()
    assert labels.normalised_margin(np.ones((2, 1)), np.zeros(2, dtype=np.int64)).tolist() == [1, 1]


def test_the_margin_is_a_half_at_a_tie() -> None:
    proba = np.array([[0.4, 0.4, 0.2], [0.6, 0.3, 0.1], [0.1, 0.9, 0.0]])
    assert labels.normalised_margin(proba, np.array([0, 0, 0])) == pytest.approx([0.5, 0.65, 0.1])


def planted(kind: str) -> tuple[object, np.ndarray, np.ndarray]:
    """Features of a kind, codes with planted errors, and whether each row is one."""
    if kind == "text":
        rng = np.random.default_rng(1)
        truth = np.repeat([0, 1, 2], 100)
        topics = rng.poisson(0.3, (300, 60)) + (np.arange(60) % 3 == truth[:, None]) * 1.0
        features: object = csr_matrix(topics)
    elif kind == "image":
        pixels, truth = load_digits(return_X_y=True)
        features, truth = csr_matrix(pixels[:500] / 16.0), truth[:500]
    else:
        features, truth = make_blobs(300, 6, centers=3, cluster_std=2.0, random_state=0)
    rng = np.random.default_rng(2)
    wrong = np.zeros(len(truth), dtype=bool)
    wrong[rng.choice(len(truth), len(truth) // 20, replace=False)] = True
    codes = np.where(wrong, (truth + 1) % (truth.max() + 1), truth)
    return features, codes.astype(np.int64), wrong


def believed(features: Any, codes: np.ndarray, **how: Any) -> np.ndarray:
    """What the detectors say of rows that they did not see, on average."""
    return detectors.held_out(features, codes, **how).mean(axis=0)


@pytest.mark.parametrize("kind", ["text", "columns", "image"])
def test_planted_errors_rank_first_on_every_kind_of_content(kind: str) -> None:
    features, codes, wrong = planted(kind)
    proba = believed(features, codes, kind=kind, n_classes=int(codes.max()) + 1, seed=3)
    scores, _ = labels.ranking(proba, codes)
    first = np.argsort(scores, kind="stable")[: wrong.sum()]
    assert wrong[first].mean() >= 0.9
    assert proba.sum(axis=1) == pytest.approx(1.0)


def test_the_same_seed_gives_the_same_probabilities() -> None:
    features, codes, _ = planted("columns")
    run = [believed(features, codes, kind="columns", n_classes=3, seed=s) for s in (1, 1)]
    assert (run[0] == run[1]).all()


def test_no_model_sees_its_own_row() -> None:
    """On pure noise a model that saw its rows would be right far more often than by chance."""
    rng = np.random.default_rng(0)
    features = rng.normal(size=(300, 10))
    codes = rng.integers(0, 2, 300)
    proba = believed(features, codes, kind="columns", n_classes=2)
    assert (proba.argmax(axis=1) == codes).mean() < 0.62


@pytest.mark.parametrize("codes", [[-1] * 6, [0] * 6, [0, 1, -1, -1, -1, -1]])
def test_too_few_labels_give_probabilities_still(codes: list[int]) -> None:
    features = np.arange(12.0).reshape(6, 2)
    proba = believed(features, np.array(codes), kind="columns", n_classes=2)
    assert proba.sum(axis=1) == pytest.approx(1.0)


# -- cleanlab as the oracle ------------------------------------------------------------------------


def crowded(seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Probabilities of a weak model of four classes of unequal size, and labels, many wrong."""
    rng = np.random.default_rng(seed)
    truth = rng.choice(4, 400, p=[0.5, 0.3, 0.15, 0.05])
    proba = rng.dirichlet(np.ones(4), 400) + 0.8 * np.eye(4)[truth]
    codes = np.where(rng.random(400) < 0.2, rng.integers(0, 4, 400), truth)
    return proba / proba.sum(axis=1, keepdims=True), codes.astype(np.int64)


@pytest.mark.parametrize("seed", range(5))
def test_the_same_rows_are_flagged_as_by_cleanlab(seed: int) -> None:
    from cleanlab.filter import find_label_issues

    proba, codes = crowded(seed)
    theirs = find_label_issues(codes, proba, filter_by="confident_learning", n_jobs=1)
    assert (labels.likely_errors(proba, codes) == theirs).mean() > 0.995, "but for ties"


@pytest.mark.parametrize("seed", range(5))
def test_scores_are_those_of_cleanlab(seed: int) -> None:
    from cleanlab.rank import (
        get_normalized_margin_for_each_label,
        get_self_confidence_for_each_label,
    )

    proba, codes = crowded(seed)
    assert labels.normalised_margin(proba, codes) == pytest.approx(
        get_normalized_margin_for_each_label(codes, proba)
    )
    assert labels.self_confidence(proba, codes) == pytest.approx(
        get_self_confidence_for_each_label(codes, proba)
    )


@pytest.mark.parametrize("seed", range(5))
def test_the_confident_joint_is_that_of_cleanlab_up_to_its_rounding(seed: int) -> None:
    from cleanlab.count import compute_confident_joint

    proba, codes = crowded(seed)
    theirs = compute_confident_joint(codes, proba, calibrate=True)
    assert np.abs(labels.confident_joint(proba, codes) - theirs).max() <= 1.0
    assert labels.confident_joint(proba, codes).sum() == pytest.approx(len(codes))


# -- tempering -------------------------------------------------------------------------------------


@pytest.mark.parametrize("power", [0.3, 3.0])
def test_tempering_undoes_timidity_and_boldness(power: float) -> None:
    rng = np.random.default_rng(0)
    honest = rng.dirichlet(np.ones(3), 4000)
    codes = (rng.random(4000)[:, None] > honest.cumsum(axis=1)).sum(axis=1)
    bent = honest**power / (honest**power).sum(axis=1, keepdims=True)
    assert np.abs(labels.tempered(bent, codes) - honest).max() < 0.05


def test_tempering_keeps_the_order_of_classes_and_rows_without_probabilities() -> None:
    proba, codes, _ = noisy_proba()
    proba[3] = np.nan
    codes[5] = -1
    after = labels.tempered(proba, codes)
    assert np.isnan(after[3]).all()
    rest = np.arange(400) != 3
    assert (after[rest].argsort(axis=1) == proba[rest].argsort(axis=1)).all()
    assert after[rest].sum(axis=1) == pytest.approx(1.0)


def test_nothing_to_temper_by_changes_nothing() -> None:
    proba, codes, _ = noisy_proba()
    assert (labels.tempered(proba, np.full_like(codes, -1)) == proba).all()
