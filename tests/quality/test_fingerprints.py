from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from quality.fingerprints import content_hash


def base() -> pd.DataFrame:
    return pd.DataFrame({"a": ["x", None, "가"], "n": [1, 2, 3]}).astype({"a": object})


CHANGES = {
    "a cell": lambda f: f.assign(a=["x", None, "나"]),
    "a blank filled": lambda f: f.assign(a=["x", "", "가"]),
    "rows in another order": lambda f: f.iloc[::-1],
    "a row less": lambda f: f.iloc[:2],
    "a column's name": lambda f: f.rename(columns={"a": "b"}),
    "columns in another order": lambda f: f[["n", "a"]],
    "numbers for words": lambda f: f.assign(n=["1", "2", "3"]),
    "numbers of another kind": lambda f: f.assign(n=[1.0, 2.0, 3.0]),
    "a value moved to the next column": lambda f: f.assign(a=[1, 2, 3], n=["x", None, "가"]),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_another_content_is_another_hash(change: object) -> None:
    assert content_hash(change(base())) != content_hash(base())  # type: ignore[operator]


@pytest.mark.parametrize(
    "same",
    [
        lambda f: f.copy(),
        lambda f: f.set_axis([7, 8, 9]),
        lambda f: f.assign(a=["x", np.nan, "가"]),
        lambda f: f.assign(a=pd.Series(["x", None, "가"], dtype="str")),
    ],
    ids=["a copy", "another index", "another kind of missing", "another store of words"],
)
def test_the_same_content_is_the_same_hash(same: object) -> None:
    assert content_hash(same(base())) == content_hash(base())  # type: ignore[operator]


def test_the_hash_is_the_same_on_every_machine() -> None:
    assert content_hash(base()).startswith("df004bd0ce5add15")


def test_cells_of_any_type_are_taken() -> None:
    odd = pd.DataFrame({"a": [b"\x00", 3, None, [1, 2], "b"]}, dtype=object)
    assert content_hash(odd) == content_hash(odd.copy())
    assert content_hash(odd) != content_hash(odd.assign(a=[b"\x01", 3, None, [1, 2], "b"]))
    assert len(content_hash(pd.DataFrame())) == 64
