from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from quality.cells import encode
from quality.sources import Reports, find_reports, reliability, settle
from tests.quality.planted import people, reports, stations


def test_thing_source_and_what_is_told_are_found() -> None:
    frame = reports().drop(columns="truth")
    assert find_reports(encode(frame)) == Reports("flight", "site", ("time",))


@pytest.mark.parametrize("frame", [people(), stations()], ids=["people", "stations"])
def test_other_tables_are_no_reports(frame: pd.DataFrame) -> None:
    assert find_reports(encode(frame)) is None


def test_repeated_measurements_are_no_reports() -> None:
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(
        [
            (f"p{k}", f"visit {v}", f"{60 + rng.normal(k, 2):.1f}")
            for k in range(40)
            for v in range(6)
        ],
        columns=["patient", "visit", "weight"],
        dtype=object,
    )
    assert find_reports(encode(frame)) is None


def test_what_most_sources_say_is_the_truth() -> None:
    frame = reports()
    cells = encode(frame.drop(columns="truth"))
    verdict = settle(cells, Reports("flight", "site", ("time",)), "time")
    said = [cells.values["time"][code] for code in verdict.value]
    assert (np.array(said) == frame["truth"]).mean() > 0.97
    assert (verdict.voices == 9).all()
    assert (verdict.votes <= verdict.voices).all()


def test_a_tie_goes_to_the_more_reliable_sources() -> None:
    frame = reports(wrong=0.0)
    first = frame["flight"] == "KE0"
    frame.loc[first, "time"] = ["07:00"] * 4 + [None] + ["08:00"] * 4
    cells = encode(frame.drop(columns="truth"))
    about = Reports("flight", "site", ("time",))
    trust = reliability(cells, about, "time")
    assert trust[:4].sum() > trust[5:].sum()
    verdict = settle(cells, about, "time")
    assert cells.values["time"][verdict.value[0]] == "07:00"
    assert verdict.votes[0] == 4


def test_nothing_is_settled_where_no_two_sources_agree() -> None:
    frame = reports(wrong=0.0)
    frame.loc[frame["flight"] == "KE3", "time"] = [f"0{k}:00" for k in range(9)]
    cells = encode(frame.drop(columns="truth"))
    verdict = settle(cells, Reports("flight", "site", ("time",)), "time")
    assert (verdict.value[(frame["flight"] == "KE3").to_numpy()] == -1).all()
