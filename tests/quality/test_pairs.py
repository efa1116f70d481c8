from __future__ import annotations

import numpy as np
import pytest

from quality.pairs import Pairs, across, clusters, copies, distinct, earlier, paired, without

N = 8


def made(*triples: tuple[int, int, float]) -> Pairs:
    first, second, similarity = zip(*triples, strict=True) if triples else ((), (), ())
    return Pairs(
        np.array(first, dtype=np.int64),
        np.array(second, dtype=np.int64),
        np.array(similarity, dtype=np.float64),
    )


def side(*rows: int) -> np.ndarray:
    return np.isin(np.arange(N), rows)


def marks(*pairs: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    return np.array([a for a, _ in pairs]), np.array([b for _, b in pairs])


CHAIN = made((0, 1, 0.9), (1, 2, 0.8), (4, 6, 0.7))


def test_a_cluster_is_what_a_chain_of_pairs_joins_under_its_earliest_row() -> None:
    assert clusters(CHAIN, N).tolist() == [0, 0, 0, 3, 4, 5, 4, 7]
    assert clusters(made(), 3).tolist() == [0, 1, 2]
    assert clusters(made(), 0).tolist() == []


def test_a_pair_marked_not_the_same_joins_nothing_whichever_row_is_named_first() -> None:
    for marked in (marks((0, 1)), marks((1, 0))):
        assert clusters(CHAIN, N, apart=marked).tolist() == [0, 1, 1, 3, 4, 5, 4, 7]
    assert clusters(CHAIN, N, apart=marks()).tolist() == clusters(CHAIN, N).tolist()
    assert clusters(CHAIN, N, apart=marks((3, 7))).tolist() == clusters(CHAIN, N).tolist()


def test_a_third_row_bridges_a_marked_pair_until_it_is_marked_too() -> None:
    triangle = made((0, 1, 0.9), (0, 2, 0.8), (1, 2, 0.8))
    assert clusters(triangle, 3, apart=marks((0, 1))).tolist() == [0, 0, 0]
    assert clusters(triangle, 3, apart=marks((0, 1), (0, 2))).tolist() == [0, 1, 1]


def test_a_mark_holds_for_the_copies_of_its_rows() -> None:
    twins = made((0, 1, 1.0), (0, 5, 0.8))  # the pair of 0 and 5 stands for 1 and 5 too
    assert without(twins, N, apart=marks((5, 1))).similarity.tolist() == [1.0]
    assert without(twins, N, apart=marks((0, 1))).similarity.tolist() == [0.8]


def test_copies_are_the_same_as_their_earliest_and_near_ones_are_not() -> None:
    found = made((0, 3, 1.0), (0, 5, 1.0), (0, 6, 0.99), (1, 2, 1.0))
    assert copies(found, N).tolist() == [0, 1, 1, 0, 4, 0, 6, 7]


def test_earlier_names_the_most_similar_row_before() -> None:
    near = earlier(made((0, 4, 0.7), (1, 4, 0.9), (2, 4, 0.9), (4, 5, 0.6)))
    assert near.row.tolist() == [4, 5]
    assert near.other.tolist() == [1, 4]
    assert near.similarity.tolist() == [0.9, 0.6]


def test_across_finds_the_nearest_on_the_other_side_and_nothing_within_one() -> None:
    found = made((0, 1, 0.95), (1, 2, 0.7), (1, 3, 0.8), (4, 5, 0.9))
    near = across(found, here=side(0, 1, 4, 5), there=side(2, 3))
    assert (near.row.tolist(), near.other.tolist(), near.similarity.tolist()) == ([1], [3], [0.8])
    back = across(found, here=side(2, 3), there=side(0, 1, 4, 5))
    assert (back.row.tolist(), back.other.tolist()) == ([2, 3], [1, 1])


def test_across_sees_through_copies_that_have_no_pair_of_their_own() -> None:
    found = made((0, 1, 1.0), (0, 5, 0.8), (5, 6, 1.0))
    near = across(found, here=side(6), there=side(1))
    assert (near.row.tolist(), near.other.tolist(), near.similarity.tolist()) == ([6], [1], [0.8])
    same = across(found, here=side(1), there=side(0))
    assert (same.row.tolist(), same.other.tolist(), same.similarity.tolist()) == ([1], [0], [1.0])


def test_across_agrees_with_looking_at_every_two_rows() -> None:
    rng = np.random.default_rng(0)
    for _ in range(50):
        group = rng.integers(0, 6, N)
        levels = rng.choice([0.0, 0.6, 0.7, 0.9], (6, 6))
        whole = np.triu(levels, 1) + np.triu(levels, 1).T + np.eye(6)
        same = np.array([int(np.flatnonzero(group == g)[0]) for g in group])
        stored = [
            (a, b, float(whole[group[a], group[b]]))
            for a in range(N)
            for b in range(a + 1, N)
            if whole[group[a], group[b]] and (same[b] == a or (same[a] == a and same[b] == b))
        ]
        here = rng.random(N) < 0.5
        near = across(made(*stored), here=here, there=~here)
        closeness = np.where(~here, whole[group][:, group], 0.0)
        truth = [row for row in np.flatnonzero(here) if closeness[row].max() > 0]
        assert near.row.tolist() == truth
        assert near.other.tolist() == [int(closeness[row].argmax()) for row in truth]
        assert near.similarity.tolist() == [closeness[row].max() for row in truth]


def test_distinct_rows_come_in_the_order_of_their_keys_and_unknown_ones_stand_alone() -> None:
    keys = np.array([9, 3, 9, 3, 3], dtype=np.uint64)
    first, earliest = distinct(keys, np.array([True, True, True, True, False]))
    assert first.tolist() == [1, 0]
    assert earliest.tolist() == [0, 1, 0, 1, 4]


@pytest.mark.parametrize("near", [([3, 1], [1, 0]), ([], [])])
def test_pairs_stand_in_order_with_those_of_the_copies(near: tuple[list[int], list[int]]) -> None:
    first, second = (np.array(part, dtype=np.int64) for part in near)
    found = paired(np.array([0, 1, 0, 3]), first, second, np.full(len(first), 0.5))
    assert found.first.tolist() == sorted(found.first.tolist())
    assert (found.first < found.second).all()
    assert (0, 2, 1.0) in set(zip(*(part.tolist() for part in found), strict=True))
    assert len(found.first) == 1 + len(first)
