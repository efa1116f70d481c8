from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.spatial.distance import pdist, squareform

from quality.minhash import CROWD
from quality.near_rows import (
    cells_of,
    chance_radius,
    close_pairs,
    row_keys,
    row_pairs,
)
from quality.pairs import Pairs, clusters

KINDS = ("red", "green", "blue")


def table(n: int = 300, seed: int = 0) -> pd.DataFrame:
    """Rows of six numbers and a category, as they are read from a file: all of it text."""
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame({f"x{k}": rng.normal(50, 10, n).round(3).astype(str) for k in range(6)})
    frame["kind"] = [KINDS[k % 3] for k in range(n)]
    return frame.astype(object)


def jittered(frame: pd.DataFrame, rows: list[int], by: float, seed: int = 1) -> pd.DataFrame:
    """Some rows again, each number moved by up to `by`."""
    rng = np.random.default_rng(seed)
    new = frame.iloc[rows].copy()
    for name in frame.columns.drop("kind"):
        new[name] = [value and str(float(value) + rng.uniform(-by, by)) for value in new[name]]
    return new


def stacked(*frames: pd.DataFrame) -> pd.DataFrame:
    return pd.concat(frames, ignore_index=True)


def rows_of(pairs: Pairs) -> list[tuple[int, int]]:
    return list(zip(pairs.first.tolist(), pairs.second.tolist(), strict=True))


def test_planted_rows_with_slightly_other_numbers_are_found_and_nothing_else_is() -> None:
    frame = table()
    assert rows_of(row_pairs(frame)) == []
    found = row_pairs(stacked(frame, jittered(frame, [3, 50, 7], by=0.2)))
    assert rows_of(found) == [(3, 300), (7, 302), (50, 301)]
    assert ((found.similarity > 0.98) & (found.similarity < 1)).all()


def test_rows_of_another_category_or_further_away_are_not_near() -> None:
    frame = table()
    other = frame.iloc[[3]].assign(kind="green" if frame["kind"][3] == "red" else "red")
    assert rows_of(row_pairs(stacked(frame, other))) == []
    assert rows_of(row_pairs(stacked(frame, jittered(frame, [3], by=20.0)))) == []


def test_a_copy_that_is_only_written_otherwise_is_the_same() -> None:
    frame = table(20)
    copy = frame.iloc[[4]].copy()
    copy["x0"], copy["kind"] = f"{copy['x0'].iloc[0]}00", f" {copy['kind'].iloc[0].upper()}"
    found = row_pairs(stacked(frame, copy))
    assert rows_of(found) == [(4, 20)]
    assert found.similarity.tolist() == [1.0]


def test_missing_is_near_to_missing_only_and_empty_rows_are_near_to_nothing() -> None:
    frame = table(40)
    frame.loc[5, "x1"] = None
    empty = pd.DataFrame([[None] * 7, [None] * 7], columns=frame.columns, dtype=object)
    copies = jittered(frame, [5, 6], by=0.1)
    copies.iloc[1, 1] = None
    found = row_pairs(stacked(frame, copies, empty))
    assert rows_of(found) == [(5, 40)]


def test_where_rows_lie_dense_only_what_is_closer_than_chance_is_near() -> None:
    rng = np.random.default_rng(0)
    dense = pd.DataFrame({name: rng.normal(size=4000).astype(str) for name in "ab"}, dtype=object)
    strangers = clusters(row_pairs(dense), 4000)
    assert np.mean(np.bincount(strangers, minlength=4000)[strangers] > 1) < 0.02
    copy = dense.iloc[[9]].assign(a=[str(float(dense["a"][9]) + 1e-7)])
    assert (9, 4000) in rows_of(row_pairs(stacked(dense, copy)))


def test_few_coarse_values_that_coincide_by_chance_are_no_near_duplicates() -> None:
    rng = np.random.default_rng(0)
    ages = pd.DataFrame({"age": rng.integers(18, 80, 500), "grade": rng.integers(1, 6, 500)})
    found = row_pairs(ages)
    assert (found.similarity == 1.0).all()


def test_the_radius_of_chance_holds_what_it_says() -> None:
    rng = np.random.default_rng(0)
    points, block = rng.normal(size=(3000, 3)), rng.integers(0, 4, 3000)
    radius = chance_radius(points, block)
    near = squareform(pdist(points)) <= radius
    strangers = (near & (block[:, None] == block[None, :])).sum() - 3000
    assert 0.25 < strangers / 3000 / 0.005 < 4.0
    assert chance_radius(points[:10], block[:10]) == np.inf


def test_a_review_and_its_stars_are_near_where_both_are() -> None:
    reviews = pd.DataFrame(
        {
            "text": [
                "오늘 본 영화는 정말 재미있었다",
                "오늘 본 영화는 정말 재미잇었다",
                "오늘 본 영화는 정말 재미있었다",
                "배우들의 연기가 아주 훌륭했다",
                "음악이 좋아서 두 번이나 봤다",
            ],
            "stars": ["9", "9", "1", "9", "5"],
        },
        dtype=object,
    )
    found = row_pairs(reviews)
    assert rows_of(found) == [(0, 1)]
    assert 0.7 < found.similarity[0] < 1.0


def test_rows_without_their_text_are_compared_by_the_rest() -> None:
    frame = table(60).assign(
        note=[f"quite another sentence {'abcdefgh'[k % 8] * k}" for k in range(60)]
    )
    frame.loc[7, "note"] = None
    again = frame.iloc[[7, 8]].copy()
    again.iloc[1, 7] = None
    assert rows_of(row_pairs(stacked(frame, again))) == [(7, 60)]


def test_cells_are_told_apart_by_kind() -> None:
    frame = table(120).assign(note=[f"{'abcdefghij'[k % 10] * (k + 1)} x" for k in range(120)])
    cells = cells_of(frame)
    assert cells.numbers.shape == (120, 6)
    assert cells.numbers.std(axis=0) == pytest.approx(np.ones(6))
    assert (cells.n_texts, len(set(cells.block.tolist()))) == (1, 3)
    huge = cells_of(pd.DataFrame({"x": ["1e300", "-1e300", "0", "0"]}, dtype=object))
    assert np.isfinite(huge.numbers).all()


@pytest.mark.parametrize("columns", [1, 3, 12])
def test_all_close_pairs_are_found_and_no_other(columns: int) -> None:
    rng = np.random.default_rng(columns)
    points = rng.uniform(0, 1, (400, columns))
    points = np.vstack([points, points[:60] + rng.normal(0, 0.02 / columns, (60, columns))])
    block = rng.integers(0, 2, 460)
    for radius in (0.001, 0.02):
        near = (squareform(pdist(points)) <= radius) & (block[:, None] == block[None, :])
        first, second = close_pairs(points, block, radius=radius)
        truth = list(zip(*np.nonzero(np.triu(near, 1)), strict=True))
        assert list(zip(first, second, strict=True)) == truth
    assert [len(part) for part in close_pairs(points, block, radius=0.0)] == [0, 0]


def test_a_crowd_in_one_place_is_chained() -> None:
    points = np.random.default_rng(0).uniform(0, 0.01, (CROWD * 20, 2))
    first, second = close_pairs(points, np.zeros(len(points), dtype=np.int64), radius=1.0)
    assert len(first) < 20 * len(points)
    pairs = Pairs(first, second, np.ones(len(first)))
    assert set(clusters(pairs, len(points))) == {0}


def test_keys_tell_every_row_from_every_other() -> None:
    points = np.array([[0.0, 1.0], [-0.0, 1.0], [1.0, 0.0], [0.0, 1.0 + 1e-12]])
    keys = row_keys(points, np.zeros(4, dtype=np.int64))
    assert keys[0] == keys[1]
    assert len(set(keys.tolist())) == 3
    assert keys[0] != row_keys(points, np.ones(4, dtype=np.int64))[0]


@pytest.mark.parametrize("n", [0, 1, 2])
def test_few_rows_have_no_pair(n: int) -> None:
    assert rows_of(row_pairs(table(n))) == []


def test_shuffled_rows_give_the_same_pairs() -> None:
    frame = stacked(table(), jittered(table(), list(range(0, 100, 5)), by=0.3))
    order = np.random.default_rng(3).permutation(len(frame))
    shuffled = row_pairs(frame.iloc[order].reset_index(drop=True))
    back = {frozenset((order[a], order[b])) for a, b in rows_of(shuffled)}
    assert back == {frozenset(pair) for pair in rows_of(row_pairs(frame))}
    assert len(back) == 20
