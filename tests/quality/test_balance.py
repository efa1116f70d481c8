from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from quality.balance import class_shares, classes_by_slice, imbalance, slice_table, slices


def table(n: int = 400, seed: int = 0) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    return pd.DataFrame(
        {
            "text": ["글 " * int(k) for k in rng.integers(1, 60, n)],
            "source": rng.choice(["웹", "앱", "전화"], n, p=[0.6, 0.35, 0.05]),
            "price": rng.gamma(2, 10, n).round(2).astype(str),
            "id": [f"r{k}" for k in range(n)],
        },
        dtype=object,
    )


COLUMNS = ("text", "source", "price", "id")


def labels(n: int = 400, share: float = 1.0, seed: int = 1) -> np.ndarray:
    rng = np.random.default_rng(seed)
    given = rng.choice(["yes", "no"], n, p=[0.3, 0.7]).astype(object)
    given[rng.random(n) >= share] = None
    return given


def test_class_shares_have_wilsons_intervals_and_name_classes_that_never_occur() -> None:
    label = np.array(["a"] * 30 + ["b"] * 10 + [None] * 5, dtype=object)
    shares = class_shares(label, ("a", "b", "c")).set_index("label")
    assert shares["n"].to_dict() == {"a": 30, "b": 10, "c": 0}
    theirs = stats.binomtest(10, 40).proportion_ci(method="wilson")
    assert shares.loc["b", ["low", "high"]].tolist() == pytest.approx([theirs.low, theirs.high])
    assert imbalance(shares.loc[["a", "b"]])[0] == pytest.approx(3.0)
    assert imbalance(shares)[0] == np.inf
    assert 1.0 < imbalance(shares.loc[["a", "b"]])[1] < 3.0


def test_class_shares_of_nothing_are_nothing() -> None:
    assert class_shares(np.array([None, None], dtype=object)).empty
    assert imbalance(class_shares(np.array([], dtype=object))) == (1.0, 1.0)


@pytest.mark.parametrize(("column", "count"), [("text", 4), ("source", 3), ("price", 4), ("id", 0)])
def test_the_slices_of_a_column_hold_every_row_once(column: str, count: int) -> None:
    found = list(slices(table(), [column]))
    assert len(found) == count
    rows = np.concatenate([part.rows for part in found]) if found else np.arange(400)
    assert sorted(rows) == list(range(400))
    assert len({part.name for part in found}) == count


def test_numbers_are_cut_at_quartiles_and_named_by_their_ends() -> None:
    found = list(slices(table(), ["price"]))
    sizes = [len(part.rows) for part in found]
    assert max(sizes) - min(sizes) <= 2
    values = table()["price"].astype(float)
    assert found[0].name == f"{values.min():g} to {values[found[0].rows].max():g}"


def test_rows_without_a_value_are_in_no_slice() -> None:
    frame = table()
    frame.loc[:49, ["source", "price", "text"]] = None
    for column in ("source", "price", "text"):
        assert min(np.concatenate([p.rows for p in slices(frame, [column])])) == 50


def test_a_slice_that_was_passed_by_is_thin() -> None:
    frame, label = table(), labels(share=0.4)
    web = (frame["source"] == "앱").to_numpy()
    label[web] = None
    label[np.flatnonzero(web)[:2]] = "yes"
    found = slice_table(frame, label, COLUMNS)
    thin = found[found["thin"]]
    assert thin[["column", "slice", "k"]].to_numpy().tolist() == [["source", "앱", 2]]
    assert thin["n"].iloc[0] == web.sum()
    assert thin["high"].iloc[0] < 0.1


def test_a_value_that_hardly_occurs_is_thin_where_most_rows_have_labels() -> None:
    frame = table()
    frame.loc[:1, "source"] = "팩스"
    found = slice_table(frame, labels(), COLUMNS)
    assert found.loc[found["thin"], "slice"].tolist() == ["팩스"]
    few = slice_table(frame, labels(share=0.1), COLUMNS)
    assert not few["thin"].any(), "with forty labels in all, a rare value says nothing"


@pytest.mark.parametrize("share", [0.05, 0.3, 1.0])
def test_labels_given_by_lot_leave_no_slice_thin(share: float) -> None:
    alarms = [
        slice_table(table(seed=seed), labels(share=share, seed=seed + 50), COLUMNS)["thin"].any()
        for seed in range(30)
    ]
    assert np.mean(alarms) <= 0.05


def test_classes_by_slice_count_every_label_once_a_column() -> None:
    frame, label = table(), labels(share=0.5)
    label[(frame["source"] == "전화").to_numpy()] = "yes"
    found = classes_by_slice(frame, label, COLUMNS)
    given = pd.notna(label).sum()
    assert found.groupby("column")["k"].sum().to_dict() == dict.fromkeys(COLUMNS[:3], given)
    row = found[(found["slice"] == "전화") & (found["label"] == "yes")].iloc[0]
    assert row["share"] == 1.0
    assert row["low"] > row["overall"]
