from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from quality.cells import encode
from quality.dependencies import Dependency, departs, find_dependencies, majority
from tests.quality.planted import people, stations


def found_in(frame: pd.DataFrame) -> dict[tuple[str, str], Dependency]:
    return {(d.determinant, d.dependent): d for d in find_dependencies(encode(frame))}


def codes(*values: int) -> np.ndarray:
    return np.array(values, dtype=np.int64)


def test_all_dependencies_of_a_clean_table_are_found_and_no_other() -> None:
    assert set(found_in(stations())) == {
        ("station", "zip"),
        ("station", "city"),
        ("station", "line"),
        ("zip", "city"),
        ("city", "zip"),
    }


@pytest.mark.parametrize("seed", range(5))
def test_typos_in_both_columns_do_not_hide_a_dependency(seed: int) -> None:
    frame, rng = stations(600, seed=seed), np.random.default_rng(seed)
    for column in ("zip", "city"):
        for row in rng.choice(600, 24, replace=False):
            frame.loc[row, column] = f"{frame.loc[row, column]}{rng.integers(10)}"
    found = found_in(frame)
    assert ("zip", "city") in found
    assert 0.9 < found["zip", "city"].agreement < 0.99


@pytest.mark.parametrize("seed", range(5))
def test_what_only_goes_along_with_something_is_no_dependency(seed: int) -> None:
    rng = np.random.default_rng(seed)
    job = rng.integers(0, 12, 1500)
    often = np.where(rng.random(1500) < 0.85, job % 4, rng.integers(0, 4, 1500))
    rare = np.where(rng.random(1500) < 0.92, "0", rng.integers(1, 99, 1500).astype(str))
    frame = pd.DataFrame({"job": job.astype(str), "sex": often.astype(str), "gain": rare})
    assert found_in(frame) == {}


def test_independent_columns_have_none() -> None:
    assert found_in(people(1500)) == {}


def test_exceptions_that_a_third_column_explains_are_no_errors() -> None:
    frame = stations(600)
    frame["country"] = "KR"
    frame.loc[:20, "country"] = "US"
    frame["currency"] = frame["city"] + " won"
    frame.loc[:20, "currency"] = frame["city"][:21] + " dollar"
    found = found_in(frame)
    assert found["city", "currency"].explained > 0
    assert found["zip", "city"].explained == 0


def test_a_dependency_is_the_same_in_any_order_of_rows() -> None:
    frame = stations(500)
    frame.loc[[1, 2], "city"] = ["x", "y"]
    shuffled = frame.sample(frac=1, random_state=1)
    assert found_in(shuffled) == found_in(frame)


def test_columns_of_measurements_say_nothing() -> None:
    rng = np.random.default_rng(0)
    weight = rng.normal(60, 5, 400).round(1)
    frame = pd.DataFrame({"weight": weight.astype(str), "class": (weight > 60).astype(str)})
    assert ("weight", "class") not in found_in(frame)


def test_a_group_says_its_most_frequent_value_and_counts_its_rows() -> None:
    a = codes(0, 0, 0, 0, 1, 1, 2, -1)
    b = codes(5, 5, 6, -1, 7, 8, 9, 5)
    found = majority(a, b)
    assert found.value.tolist() == [5, 5, 5, 5, -1, -1, 9, -1]
    assert found.votes.tolist() == [2, 2, 2, 2, 1, 1, 1, 0]
    assert found.own.tolist() == [2, 2, 1, 0, 1, 1, 1, 0]
    assert found.size.tolist() == [3, 3, 3, 3, 2, 2, 1, 0]
    assert found.rows.tolist() == [4, 4, 4, 4, 2, 2, 1, 0]


def test_ties_are_let_be() -> None:
    a, b = codes(0, 0, 0, 1, 1), codes(1, 1, 2, 3, 4)
    assert departs(a, b).tolist() == [False, False, True, False, False]


@pytest.mark.parametrize("n", [0, 1, 2])
def test_tables_with_hardly_a_row_have_none(n: int) -> None:
    assert found_in(stations(400)[:n]) == {}
