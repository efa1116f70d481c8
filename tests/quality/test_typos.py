from __future__ import annotations

import pytest

from quality.typos import almost_same, misspelt


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Daejon", "Daejeon"),
        ("Soeul", "Seoul"),
        ("mael", "male"),
        ("seoul ", "Seoul"),
        ("hospxtal", "hospital"),
        ("acute  care", "Acute Care"),
        ("대전광역사", "대전광역시"),
        ("702 x main street", "702 n main street"),
    ],
)
def test_misprints_are_almost_the_same(one: str, other: str) -> None:
    assert almost_same(one, other)
    assert almost_same(other, one)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("11th", "12th"),
        ("yes", "yos"),
        ("angle", "glean"),
        ("north", "south"),
        ("21st", "12st"),
        ("12:00 a.m.", "12:00 p.m."),
        ("hospital 1", "hospital 2"),
        ("A-100x", "A-100y"),
        ("서울", "서을"),
        ("male", "female"),
        ("Married-AF-spouse", "Married-civ-spouse"),
    ],
)
def test_values_that_differ_in_meaning_are_not(one: str, other: str) -> None:
    assert not almost_same(one, other)


def test_a_rare_value_means_the_frequent_one_that_it_resembles() -> None:
    counts = {"Seoul": 100, "Busan": 80, "Soeul": 1, "Busam": 5, "Daegu": 1, "Seooul": 2}
    assert misspelt(counts) == {"Seooul": "Seoul", "Soeul": "Seoul"}
    assert misspelt({"Seoul": 100, "Seooul": 6}) == {}
    assert misspelt({}) == {}
