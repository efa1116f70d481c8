from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from quality.kinds import kind_of, lengths, names, numbers, words

DAYS = [str(day.date()) for day in pd.date_range("2024-01-01", periods=200)]
KINDS: dict[str, tuple[list[object], str]] = {
    "prices as text": ([f"{k % 90}.5" for k in range(200)], "numbers"),
    "floats": ([k * 0.37 for k in range(200)], "numbers"),
    "marks": ([str(k % 5) for k in range(200)], "categories"),
    "row numbers": ([str(k) for k in range(200)], "names"),
    "words of a list": (["웹", "앱"] * 100, "categories"),
    "reviews": ([f"정말 재미있는 영화 {k}" for k in range(200)], "texts"),
    "ids": ([f"r{k}" for k in range(200)], "names"),
    "days": (DAYS, "names"),
    "nothing": ([None] * 200, "names"),
}


@pytest.mark.parametrize(("values", "kind"), KINDS.values(), ids=KINDS)
def test_a_column_is_of_its_kind(values: list[object], kind: str) -> None:
    assert kind_of(pd.Series(values)) == kind
    with_holes = pd.Series([None, "", *values], dtype=object)
    assert kind_of(with_holes) == kind


def test_values_are_read_whatever_the_column_holds() -> None:
    values = pd.Series(["3", None, " 4 ", "x", ""], dtype=object)
    assert np.array_equal(numbers(values), [3, np.nan, 4, np.nan, np.nan], equal_nan=True)
    assert names(values).tolist() == ["3", None, "4", "x", None]


def test_words_are_evened_out_and_lengths_added_up() -> None:
    frame = pd.DataFrame({"a": ["\uff21 Big dog", None], "b": ["한국어 문장", ""]}, dtype=object)
    assert words(frame["a"]) == [["a", "big", "dog"], []]
    assert lengths(frame, ["a", "b"]).tolist() == [9 + 6, 0]
