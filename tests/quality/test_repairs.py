from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from quality import repairs
from quality.repairs import COLUMNS, Edit
from quality.tables import table_of
from quality.values import suspicious_cells
from tests.quality.planted import stations


def damaged() -> pd.DataFrame:
    frame = stations()
    frame.loc[5, "city"], frame.loc[9, "city"], frame.loc[12, "line"] = "서을", None, "second lixe"
    frame.loc[20, "riders"] = "no idea"
    return frame


def proposals(frame: pd.DataFrame) -> pd.DataFrame:
    return repairs.propose(suspicious_cells(table_of(frame)))


def test_repairs_make_the_table_what_it_was_and_leave_the_old_one() -> None:
    frame, before = damaged(), damaged()
    preview = proposals(frame)
    assert preview.columns.tolist() == list(COLUMNS)
    repaired = repairs.apply(frame, preview)
    expected = stations()
    expected.loc[20, "riders"] = "no idea"
    pd.testing.assert_frame_equal(repaired, expected)
    pd.testing.assert_frame_equal(frame, before)


def test_a_repaired_table_needs_no_repair() -> None:
    frame = damaged()
    assert proposals(repairs.apply(frame, proposals(frame))).empty


def test_the_preview_says_what_stands_there_and_what_should() -> None:
    line = proposals(damaged()).set_index(["row", "column"]).loc[(5, "city")]
    assert (line["before"], line["after"]) == ("서을", stations().loc[5, "city"])
    assert 0.5 < line["confidence"] <= 1
    assert "서을" in line["why"]


def test_the_surest_come_first_and_the_unsure_can_be_left_out() -> None:
    doubts = suspicious_cells(table_of(damaged()))
    confidence = repairs.propose(doubts)["confidence"]
    assert confidence.is_monotonic_decreasing
    least = float(confidence.median())
    kept = repairs.propose(doubts, least=least)["confidence"]
    assert kept.tolist() == confidence[confidence >= least].tolist()


def test_rows_are_counted_from_the_top_whatever_the_index() -> None:
    frame = damaged().set_axis(range(100, 500))
    repaired = repairs.apply(frame, proposals(frame))
    assert repaired.index.tolist() == list(range(100, 500))
    assert repaired["city"].tolist() == stations()["city"].tolist()


def test_numbers_stay_numbers() -> None:
    frame = pd.DataFrame({"n": [1, 20, 3], "x": [1.5, np.nan, 2.5]})
    lines = [(1, "n", "20", "2", "slip", 0.7), (1, "x", None, "3.5", "blank", 0.7)]
    repaired = repairs.apply(frame, pd.DataFrame(lines, columns=list(COLUMNS)))
    assert repaired["n"].tolist() == [1, 2, 3]
    assert repaired.dtypes.tolist() == frame.dtypes.tolist()
    assert repaired["x"].tolist() == [1.5, 3.5, 2.5]


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        ((0, "city", "x", "y", "", 1.0), "not 'x' as when the repair was proposed"),
        ((0, "town", "x", "y", "", 1.0), "no column town"),
        ((400, "city", "x", "y", "", 1.0), "400 rows"),
        ((-1, "city", "x", "y", "", 1.0), "400 rows"),
    ],
)
def test_a_repair_that_does_not_fit_is_refused(line: tuple[object, ...], complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        repairs.apply(stations(), pd.DataFrame([line], columns=list(COLUMNS)))


def test_a_cell_cannot_be_repaired_twice() -> None:
    lines = proposals(damaged())
    with pytest.raises(ValueError, match="two repairs of"):
        repairs.apply(damaged(), pd.concat([lines, lines[:1]]))


def test_edits_name_the_item_the_column_and_the_value() -> None:
    ids = [f"item {k}" for k in range(400)]
    lines = pd.DataFrame(
        [(5, "city", "x", "서울", "", 1.0), (6, "line", "y", None, "", 1.0)], columns=list(COLUMNS)
    )
    assert repairs.edits(lines, ids) == [
        Edit("item 5", "city", "서울"),
        Edit("item 6", "line", None),
    ]


def test_no_doubts_no_repairs() -> None:
    assert proposals(stations()).empty
    pd.testing.assert_frame_equal(repairs.apply(stations(), proposals(stations())), stations())
