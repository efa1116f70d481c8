from __future__ import annotations

import numpy as np
import pytest
from scipy.sparse import csr_matrix
from sklearn.datasets import load_digits, make_blobs

from quality.detectors import DETECTORS, GaussianClasses, dealt, held_out, prepared


def test_rows_of_a_group_share_a_fold_and_classes_are_dealt_out_evenly() -> None:
    rng = np.random.default_rng(0)
    codes = rng.integers(0, 3, 300)
    groups = np.where(rng.random(300) < 0.3, "copy", np.arange(300).astype(str))
    fold = dealt(codes, groups, folds=5, seed=1)
    assert len(set(fold[groups == "copy"])) == 1
    counts = np.array([np.bincount(fold[(codes == k) & (groups != "copy")]) for k in range(3)])
    assert (counts.max(axis=1) - counts.min(axis=1) <= 1).all()


def test_the_folds_of_named_groups_do_not_depend_on_the_order_of_rows() -> None:
    rng = np.random.default_rng(0)
    codes, names = rng.integers(0, 3, 100), np.array([f"문서 {k // 2}" for k in range(100)])
    codes = codes[np.arange(100) // 2 * 2]
    shuffled = rng.permutation(100)
    fold = dealt(codes, names, seed=4)
    assert (dealt(codes[shuffled], names[shuffled], seed=4) == fold[shuffled]).all()


def test_a_copy_in_the_same_group_teaches_nothing_about_the_row() -> None:
    """Every row twice, labels by chance: without groups the copies give the answers away."""
    rng = np.random.default_rng(0)
    features = np.repeat(rng.normal(size=(150, 10)), 2, axis=0)
    codes = np.repeat(rng.integers(0, 2, 150), 2)
    right = {}
    for name, groups in {"kept together": np.repeat(np.arange(150), 2), "not": None}.items():
        proba = held_out(features, codes, kind="columns", n_classes=2, groups=groups)
        right[name] = (proba[0].argmax(axis=1) == codes).mean()
    assert right["not"] > 0.8
    assert right["kept together"] < 0.65


def test_rows_that_are_not_trusted_do_not_train() -> None:
    features, codes = make_blobs(200, 4, centers=2, cluster_std=1.0, random_state=0)
    spoiled = np.arange(200) < 80
    given = np.where(spoiled, 1 - codes, codes).astype(np.int64)
    proba = held_out(features, given, kind="columns", n_classes=2, trusted=~spoiled)
    assert (proba.mean(axis=0).argmax(axis=1) == codes).mean() > 0.97


@pytest.mark.parametrize("kind", DETECTORS)
def test_each_detector_of_a_kind_gives_probabilities_to_every_row(kind: str) -> None:
    rng = np.random.default_rng(0)
    features = csr_matrix(np.abs(rng.normal(size=(60, 12))))
    codes = rng.integers(-1, 3, 60)
    proba = held_out(features, codes, kind=kind, n_classes=4)
    assert proba.shape == (len(DETECTORS[kind]), 60, 4)
    assert proba.sum(axis=2) == pytest.approx(1.0)
    assert (proba[:, :, 3] == 0).all(), "nobody has the last class"


def test_gaussian_classes_tell_digits_apart_better_than_one_common_covariance() -> None:
    from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

    pixels, codes = load_digits(return_X_y=True)
    train, test = slice(0, 900), slice(900, None)
    right = [
        (
            model.fit(pixels[train], codes[train]).predict_proba(pixels[test]).argmax(1)
            == codes[test]
        )
        for model in (GaussianClasses(), LinearDiscriminantAnalysis(solver="lsqr", shrinkage=0.1))
    ]
    assert right[0].mean() > right[1].mean()


def test_gaussian_classes_take_a_class_of_one_row_and_constant_features() -> None:
    rng = np.random.default_rng(0)
    features = np.column_stack([rng.normal(size=(21, 3)), np.ones((21, 5))])
    features[20] += 9.0
    codes = np.array([0, 1] * 10 + [2])
    model = GaussianClasses().fit(features, codes)
    proba = model.predict_proba(features)
    assert model.classes_.tolist() == [0, 1, 2]
    assert np.isfinite(proba).all()
    assert proba[20].argmax() == 2


def test_columns_with_a_lot_of_text_do_not_go_to_a_forest() -> None:
    wide = csr_matrix((np.ones(4), ([0, 1, 2, 3], [0, 1, 0, 1])), shape=(4, 1001))
    assert prepared(wide, "columns")[1] == "wide"
    narrow, kind = prepared(wide[:, :5], "columns")
    assert (kind, type(narrow)) == ("columns", np.ndarray)


def test_the_detectors_of_texts_see_words_and_not_topics() -> None:
    rows = csr_matrix(np.array([[1.0, 0.0, -0.5, 0.2], [0.0, 0.0, 0.5, 0.1]]))
    assert prepared(rows, "text")[0].toarray().tolist() == [[1.0, 0.2], [0.0, 0.1]]
