"""Tables with planted faults that several tests look for, and clean ones to keep silent about."""

from __future__ import annotations

import numpy as np
import pandas as pd

Case = tuple[dict[str, object], dict[str, list[object]], list[int]]

# per type: its arguments, a table that breaks the rule, and the rows that break it
BROKEN: dict[str, Case] = {
    "expect_column_to_exist": ({"column": "gone"}, {"a": ["x"]}, []),
    "expect_column_values_to_not_be_null": ({"column": "a"}, {"a": ["x", None, " "]}, [1, 2]),
    "expect_column_values_to_be_of_type": (
        {"column": "a", "type_": "float"},
        {"a": ["1.5", "x", None, "-3e2", "?"]},
        [1, 4],
    ),
    "expect_column_values_to_be_in_set": (
        {"column": "a", "value_set": ["긍정", "부정"]},
        {"a": ["긍정", "중립", None]},
        [1],
    ),
    "expect_column_values_to_be_between": (
        {"column": "a", "min_value": 0, "max_value": 120},
        {"a": ["17", "999", None, "-5", "x"]},
        [1, 3],
    ),
    "expect_column_values_to_be_unique": ({"column": "a"}, {"a": ["x", "y", "x", None]}, [0, 2]),
    "expect_column_value_lengths_to_be_between": (
        {"column": "a", "min_value": 2},
        {"a": ["가나다", "가", None]},
        [1],
    ),
    "expect_column_values_to_match_regex": (
        {"column": "a", "regex": r"^\d{3}$"},
        {"a": ["123", "12", None]},
        [1],
    ),
    "expect_column_values_to_not_be_in_set": (
        {"column": "a", "value_set": ["?"]},
        {"a": ["x", "?", None]},
        [1],
    ),
    "expect_compound_columns_to_be_unique": (
        {"column_list": ["a", "b"]},
        {"a": ["x", "x", "x"], "b": ["1", "2", "1"]},
        [0, 2],
    ),
    "expect_column_pair_values_a_to_be_greater_than_b": (
        {"column_A": "a", "column_B": "b"},
        {"a": ["10", "9", None], "b": ["9", "10", "1"]},
        [1],
    ),
    "expect_table_row_count_to_be_between": ({"min_value": 5}, {"a": ["x"]}, []),
    "expect_column_pair_values_to_be_equal": (
        {"column_A": "a", "column_B": "b"},
        {"a": ["x", "y", None], "b": ["x", "z", "w"]},
        [1],
    ),
    "expect_column_pair_values_b_to_follow_from_a": (
        {"column_A": "a", "column_B": "b"},
        {"a": ["1", "1", "1", "2", None], "b": ["서울", "서을", "서울", "부산", "x"]},
        [1],
    ),
    "expect_column_values_to_be_in_label_set": (
        {"column": "a", "value_set": ["긍정", "부정"], "separator": "|"},
        {"a": ["긍정", "긍정 | 부정", "긍정|중립", None]},
        [2],
    ),
    "expect_multicolumn_copies_to_agree": (
        {"column_list": ["a", "b"]},
        {"a": ["Good  film", "good film", "bad", "bad", None], "b": ["+", "-", "-", None, "+"]},
        [0, 1],
    ),
    "expect_column_rarest_value_share_to_be_between": (
        {"column": "a", "min_value": 0.2, "value_set": ["x", "y", "z"]},
        {"a": ["x", "y", "x", "y"]},
        [],
    ),
}


def people(n: int = 400, seed: int = 0) -> pd.DataFrame:
    """A clean table of words: an id, a number, skewed money, a category, free text."""
    rng = np.random.default_rng(seed)
    words = np.array(["the", "cat", "sat", "on", "a", "mat", "while", "it", "rained", "outside"])
    money = np.where(rng.random(n) < 0.8, 0, rng.lognormal(8, 1, n)).round()
    return pd.DataFrame(
        {
            "id": [f"p{k}" for k in range(n)],
            "age": rng.integers(17, 91, n).astype(str),
            "height": rng.normal(170, 9, n).round(1).astype(str),
            "gain": money.astype(int).astype(str),
            "city": rng.choice(["Seoul", "Busan", "Daejeon"], n),
            "note": [" ".join(rng.choice(words, rng.integers(4, 30))) for _ in range(n)],
            "label": rng.choice(["yes", "no"], n),
        }
    ).astype(object)


CITIES = ("서울", "부산", "대구", "인천", "광주", "대전", "울산", "세종", "수원", "창원")


def stations(n: int = 400, seed: int = 0) -> pd.DataFrame:
    """A clean table in which a station says its zip code, its city and its line, and no more."""
    rng = np.random.default_rng(seed)
    k = rng.integers(0, 20, n)
    return pd.DataFrame(
        {
            "station": [f"station {'abcdefghijklmnopqrst'[each]}" for each in k],
            "zip": [f"{each // 2:02d}{100 + each // 2}" for each in k],
            "city": [CITIES[each // 2] for each in k],
            "line": [("first line", "second line", "third line")[each % 3] for each in k],
            "riders": rng.integers(100, 900, n).astype(str),
        },
        dtype=object,
    )


def reports(things: int = 40, sources: int = 9, wrong: float = 0.2, seed: int = 0) -> pd.DataFrame:
    """Times of flights as several sites have them; the last two sites are mostly wrong."""
    rng = np.random.default_rng(seed)
    rows = []
    for k in range(things):
        hour, minute = int(rng.integers(24)), int(rng.integers(60))
        for source in range(sources):
            odd = rng.random() < (wrong if source < sources - 2 else 0.5)
            late = int(rng.integers(1, 59)) if odd else 0
            time = f"{hour:02d}:{(minute + late) % 60:02d}"
            rows.append((f"KE{k}", f"site {'abcdefghi'[source]}", time, f"{hour:02d}:{minute:02d}"))
    return pd.DataFrame(rows, columns=["flight", "site", "time", "truth"], dtype=object)


def planted() -> tuple[pd.DataFrame, dict[str, set[int]]]:
    """The clean table with one fault of each kind, and the rows of each by code."""
    frame = people()
    faults = {
        "S104:age": ("age", {3: "999", 50: "-5", 51: "999"}),
        "S102:height": ("height", {9: "tall"}),
        "S103:city": ("city", {11: "Soeul", 12: "seoul", 13: "Daejon"}),
        "S101:note": ("note", {20: None}),
        "S105:id": ("id", {31: "p30", 30: "p30"}),
        "S114:label": ("label", {40: "yess"}),
        "S106:note": ("note", {41: "word " * 900}),
    }
    for column, cells in faults.values():
        for row, value in cells.items():
            frame.loc[row, column] = value
    return frame, {code: set(cells) for code, (_, cells) in faults.items()}
