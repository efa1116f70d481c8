from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest

from quality import values
from quality.tables import table_of
from quality.values import COLUMNS, DETECTORS, suspicious_cells
from tests.quality.planted import people, reports, stations

Planted = tuple[pd.DataFrame, dict[tuple[int, str], str | None]]


def broken_dependency() -> Planted:
    frame = stations()
    city = frame["city"].tolist()
    frame.loc[5, "city"], frame.loc[9, "city"] = "서을", None
    return frame, {(5, "city"): city[5], (9, "city"): city[9]}


def outvoted_source() -> Planted:
    frame = reports(wrong=0.1)
    odd = frame.index[frame["time"] != frame["truth"]]
    truth = {(int(row), "time"): frame["truth"][row] for row in odd}
    frame.loc[2, "time"] = None
    return frame.drop(columns="truth"), {**truth, (2, "time"): frame["truth"][2]}


def typo() -> Planted:
    frame = people()
    before = frame["city"].tolist()
    frame.loc[3, "city"] = f"{before[3][:-1]}x"
    return frame, {(3, "city"): before[3]}


def broken_pattern() -> Planted:
    frame = people().assign(dose=[f"{k % 90 + 1} mg" for k in range(400)])
    frame.loc[4, "dose"], frame.loc[6, "age"] = "4x mg", "forty"
    return frame, {(4, "dose"): None, (6, "age"): None}


def slipped_number() -> Planted:
    frame = people()
    height = float(frame.loc[8, "height"])
    frame.loc[8, "height"], frame.loc[11, "height"] = f"{height * 100:g}", "-99999"
    return frame, {(8, "height"): f"{height:g}", (11, "height"): None}


def unusual_blank() -> Planted:
    frame = people()
    frame.loc[7, "age"], frame.loc[8, "city"] = None, "  "
    return frame, {(7, "age"): None, (8, "city"): None}


def swapped() -> Planted:
    frame = people()
    row = frame.loc[5, ["city", "label"]].tolist()
    frame.loc[5, ["city", "label"]] = row[::-1]
    frame.loc[6, ["age", "height"]] = frame.loc[6, ["height", "age"]].tolist()
    return frame, {
        (5, "city"): row[0],
        (5, "label"): row[1],
        (6, "age"): frame.loc[6, "height"],
        (6, "height"): frame.loc[6, "age"],
    }


PLANTED: dict[str, Callable[[], Planted]] = {
    "dependency": broken_dependency,
    "sources": outvoted_source,
    "typo": typo,
    "pattern": broken_pattern,
    "number": slipped_number,
    "blank": unusual_blank,
    "swap": swapped,
}


@pytest.mark.parametrize("why", DETECTORS)
def test_every_detector_finds_exactly_the_planted_cells_and_their_values(why: str) -> None:
    frame, wrong = PLANTED[why]()
    doubts = suspicious_cells(table_of(frame), detectors={why: DETECTORS[why]})
    cells = zip(doubts["row"], doubts["column"], strict=True)
    proposed = dict(
        zip(cells, doubts["proposed"].where(doubts["proposed"].notna(), None), strict=True)
    )
    if why == "sources":  # a minority may be right, and a majority may be missing
        hits = [cell for cell in wrong if proposed.get(cell) == wrong[cell]]
        assert len(hits) > 0.9 * len(wrong)
        assert len(set(proposed) - set(wrong)) < 0.1 * len(wrong)
    else:
        assert {
            cell: None if pd.isna(value) else value for cell, value in proposed.items()
        } == wrong
    assert doubts.columns.tolist() == list(COLUMNS)
    assert doubts["score"].between(0, 1).all()
    assert doubts["confidence"].between(0, 1).all()
    assert ((doubts["confidence"] > 0) == doubts["proposed"].notna()).all()
    assert doubts["message"].str.endswith(".").all()
    assert set(doubts["why"]) == {why}


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("make", [people, stations], ids=["people", "stations"])
def test_nothing_is_doubted_in_clean_tables(make: Callable[..., pd.DataFrame], seed: int) -> None:
    for n in (60, 400, 3000):
        assert suspicious_cells(table_of(make(n, seed=seed))).empty


def test_the_penguins_have_eight_blanks_and_nothing_else_to_doubt(root: object) -> None:
    frame = pd.read_csv(f"{root}/samples/penguins.csv", dtype=str)
    doubts = suspicious_cells(table_of(frame))
    assert set(doubts["why"]) == {"blank"}
    assert len(doubts) == 8


def test_a_cell_that_several_detectors_doubt_is_one_line_with_the_best_proposal() -> None:
    frame = stations()
    frame.loc[5, "station"] = f"{frame.loc[5, 'station'][:-2]}x{frame.loc[5, 'station'][-1]}"
    frame.loc[6, "line"] = "second lixe"
    doubts = suspicious_cells(table_of(frame))
    assert not doubts.duplicated(["row", "column"]).any()
    (line,) = doubts[doubts["column"] == "line"].to_dict("records")
    assert set(line["why"].split(", ")) == {"dependency", "typo"}
    assert line["proposed"] == stations().loc[6, "line"]
    assert line["value"] == "second lixe"


def test_where_either_of_two_cells_may_be_wrong_both_are_doubted_with_half_the_confidence() -> None:
    frame = stations()[["zip", "city"]]
    other = frame.loc[frame["city"] != frame.loc[5, "city"], "city"].iloc[0]
    frame.loc[5, "city"] = other
    doubts = suspicious_cells(table_of(frame))
    assert set(zip(doubts["row"], doubts["column"], strict=True)) == {(5, "zip"), (5, "city")}
    assert (doubts["confidence"] <= 0.5).all()
    assert doubts["message"].str.contains("or else").all()


def test_a_cell_in_doubt_does_not_bear_witness_against_others() -> None:
    frame = stations()
    other = frame.loc[frame["city"] != frame.loc[5, "city"]].iloc[0]
    frame.loc[5, "zip"] = other["zip"]
    doubts = suspicious_cells(table_of(frame))
    assert doubts[["row", "column"]].to_numpy().tolist() == [[5, "zip"]]


def test_any_index_and_any_column_names_are_taken_by_position() -> None:
    frame, wrong = typo()
    odd = frame.set_axis(range(1000, 1400)).rename(columns={"city": "열 이름.x"})
    doubts = suspicious_cells(table_of(odd))
    assert doubts[["row", "column"]].to_numpy().tolist() == [[3, "열 이름.x"]]
    assert len(wrong) == 1


@pytest.mark.parametrize(
    "frame",
    [
        pd.DataFrame(),
        pd.DataFrame({"a": []}),
        pd.DataFrame({"a": [None] * 60}, dtype=object),
        pd.DataFrame({"a": ["x"]}),
        pd.DataFrame({"image": [b"\x89PNG"] * 60}, dtype=object),
        pd.DataFrame({"n": np.arange(60.0), "k": np.arange(60)}),
    ],
    ids=["nothing", "no rows", "all blank", "one row", "bytes", "numbers"],
)
def test_odd_tables_are_taken_too(frame: pd.DataFrame) -> None:
    doubts = suspicious_cells(table_of(frame))
    assert doubts.columns.tolist() == list(COLUMNS)
    assert doubts.empty


def test_columns_can_be_left_out() -> None:
    frame, _ = typo()
    assert suspicious_cells(table_of(frame, leave_out=("city",))).empty


def test_a_sign_for_missing_among_numbers_is_no_error() -> None:
    frame = people()
    frame.loc[:20, "age"] = "N/A"
    assert suspicious_cells(table_of(frame), detectors={"p": values.broken_patterns}).empty
