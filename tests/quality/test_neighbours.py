from __future__ import annotations

import numpy as np
import pytest
from scipy.sparse import csr_matrix
from sklearn.datasets import make_blobs

from quality import neighbours
from quality.neighbours import class_shares, space


def blobs() -> tuple[np.ndarray, np.ndarray]:
    points, codes = make_blobs(300, 5, centers=3, cluster_std=1.0, random_state=0)
    return points.astype(np.float32), codes.astype(np.int64)


def slow_shares(points: np.ndarray, codes: np.ndarray, groups: np.ndarray, k: int) -> np.ndarray:
    """The same row by row, as it is said."""
    shares = np.zeros((len(codes), 3))
    for row in range(len(codes)):
        others = np.flatnonzero((groups != groups[row]) & (codes >= 0))
        distance = ((points[others] - points[row]) ** 2).sum(axis=1)
        near = codes[others[np.argsort(distance)[:k]]]
        shares[row] = (np.bincount(near, minlength=3) + 2 / 3) / (len(near) + 2)
    return shares


def test_the_shares_are_those_of_the_nearest_rows_of_other_groups(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(neighbours, "BLOCK", 64)
    points, codes = blobs()
    codes[::7] = -1
    groups = np.arange(300) // 3
    shares = class_shares(points, codes, n_classes=3, groups=groups)
    assert shares == pytest.approx(slow_shares(points, codes, groups, 10), abs=1e-6)


def test_copies_do_not_vouch_for_each_other() -> None:
    points, codes = blobs()
    row = int(np.flatnonzero(codes == 0)[0])
    points = np.vstack([points, np.repeat(points[[row]], 12, axis=0)])
    codes = np.append(codes, np.full(12, 1))
    groups = np.append(np.arange(300), np.full(12, 300))
    apart = class_shares(points, codes, n_classes=3, groups=groups)
    assert apart[300:].argmax(axis=1).tolist() == [0] * 12
    assert class_shares(points, codes, n_classes=3)[300:].argmax(axis=1).tolist() == [1] * 12


def test_without_any_other_labelled_row_all_classes_are_equal() -> None:
    points, _ = blobs()
    one = class_shares(points[:4], np.array([0, -1, -1, -1]), n_classes=3)
    assert one[0] == pytest.approx(1 / 3)
    assert (one[1:].argmax(axis=1) == 0).all()
    assert class_shares(points, np.full(300, -1), n_classes=3) == pytest.approx(1 / 3)


def test_with_many_rows_a_sample_of_them_votes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(neighbours, "REFERENCES", 100)
    points, codes = blobs()
    shares = class_shares(points, codes, n_classes=3)
    assert (shares.argmax(axis=1) == codes).mean() > 0.95
    assert (shares == class_shares(points, codes, n_classes=3)).all()


def test_texts_are_compared_by_angle_and_wide_features_in_few_dimensions() -> None:
    rng = np.random.default_rng(0)
    words = csr_matrix(rng.poisson(0.2, (150, 400)).astype(float))
    longer = csr_matrix(np.vstack([words.toarray(), 3 * words.toarray()[:10]]))
    points = space(longer, kind="text")
    assert points.shape == (160, neighbours.COMPONENTS)
    assert np.linalg.norm(points, axis=1) == pytest.approx(1.0, abs=1e-5)
    assert points[:10] == pytest.approx(points[150:], abs=1e-4)
    assert space(words[:, :30], kind="columns").shape == (150, 30)
