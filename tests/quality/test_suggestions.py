from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
import pytest

from quality.expectations import validate
from quality.suggestions import suggest
from quality.suites import Expectation
from tests.quality.planted import people, planted, stations


@pytest.mark.parametrize("seed", range(3))
def test_suggestions_find_nothing_in_clean_tables(seed: int) -> None:
    suite = suggest(people(seed=seed), label="label", classes=("yes", "no"))
    assert {item["severity"] for item in suite} <= {"warning", "info"}
    fresh = validate(people(seed=seed + 100), suite)
    assert [r.message for r in validate(people(seed=seed), suite) if r.status != "ok"] == []
    assert [r.expectation["code"] for r in fresh if r.status == "error"] == []


def test_suggestions_find_planted_faults_in_the_very_data_that_they_come_from() -> None:
    frame, faults = planted()
    results = validate(frame, suggest(frame, label="label"))
    assert [r.message for r in results if r.status == "error"] == []
    found = {r.expectation["code"]: set(r.rows.tolist()) for r in results if r.status == "found"}
    assert found.pop("S103:city") >= {12, 13}
    del faults["S103:city"]
    assert found == faults


def test_rare_but_rightful_values_are_allowed() -> None:
    grades = ["9th"] * 300 + ["11th"] * 250 + ["12th"] * 2 + ["Married-AF-spouse"] * 1
    (rule,) = [r for r in suggest(pd.DataFrame({"g": grades})) if r["code"] == "S103:g"]
    assert set(rule["kwargs"]["value_set"]) == set(grades)


def test_few_missing_values_are_tolerated_and_many_are_not_mentioned() -> None:
    sex = np.array(["f", "m"] * 100, dtype=object)
    few, many = sex.copy(), sex.copy()
    few[:6] = None
    many[:80] = None
    frame = pd.DataFrame({"few": few, "many": many, "none": sex})
    rules = {r["code"]: r["kwargs"].get("mostly") for r in suggest(frame) if "S101" in r["code"]}
    assert rules == {"S101:few": 0.94, "S101:none": None}


def test_tiny_tables_get_no_guesses() -> None:
    frame = people(10)
    codes = [item["code"] for item in suggest(frame, label="label", id_column="id")]
    assert codes == ["S101:id", "S105:id", "S114:label", "S116:label"]


def test_nothing_is_suggested_for_images_and_empty_columns() -> None:
    frame = pd.DataFrame({"image": [b"\x89PNG"] * 30, "void": [None] * 30}, dtype=object)
    assert suggest(frame) == []


def rules(suite: Sequence[Expectation], code: str) -> dict[str, dict[str, object]]:
    """The arguments of the expectations of one kind, by what they are about."""
    found = (item for item in suite if item["code"].startswith(f"{code}:"))
    return {item["code"].split(":", 1)[1]: item["kwargs"] for item in found}


def test_codes_dates_and_phone_numbers_get_a_pattern_that_their_faults_break() -> None:
    rng = np.random.default_rng(1)
    frame = pd.DataFrame(
        {
            "phone": [f"010-{a}-{b}" for a, b in rng.integers(1000, 9999, (200, 2))],
            "seen": [f"2024-{m:02d}-{d:02d}" for m, d in rng.integers(1, 13, (200, 2))],
            "dose": [f"{n} mg" for n in rng.integers(1, 400, 200)],
            "mail": [f"user{k}@example.kr" for k in range(200)],
        },
        dtype=object,
    )
    faults = {"phone": "010-12-3456", "seen": "03/04/2024", "dose": "12 mgg", "mail": "user5"}
    for row, (column, value) in enumerate(faults.items()):
        frame.loc[row, column] = value
    suite = suggest(frame)
    assert rules(suite, "S107")["seen"]["regex"] == r"^\d{4}-\d{2}-\d{2}$"
    found = {r.expectation["code"]: r.rows.tolist() for r in validate(frame, suite) if len(r.rows)}
    assert found == {f"S107:{column}": [row] for row, column in enumerate(faults)}


def test_a_zip_code_says_its_city_in_spite_of_errors() -> None:
    frame = stations(600)
    frame.loc[[3, 70, 500], "city"] = ["Seoul", "부산산", "서 울"]
    suite = suggest(frame)
    assert {"zip,city", "city,zip"} <= set(rules(suite, "S113"))
    found = {r.expectation["code"]: r.rows.tolist() for r in validate(frame, suite)}
    assert found["S113:zip,city"] == [3, 70, 500]


def test_a_value_that_other_columns_contradict_is_not_allowed() -> None:
    frame = stations(600)
    frame.loc[3, "city"] = "Seoul"
    allowed = rules(suggest(frame), "S103")["city"]["value_set"]
    assert allowed == sorted(stations(600)["city"].unique())


def test_one_column_above_another_is_found_and_chance_is_not() -> None:
    rng = np.random.default_rng(2)
    day = rng.integers(0, 300, 300)
    start = pd.Timestamp("2024-01-01") + pd.to_timedelta(day, unit="D")
    end = start + pd.to_timedelta(rng.integers(0, 60, 300), unit="D")
    low = rng.integers(0, 100, 300)
    frame = pd.DataFrame(
        {
            "start": start.strftime("%Y-%m-%d"),
            "end": end.strftime("%Y-%m-%d"),
            "low": low.astype(str),
            "high": (low + rng.integers(0, 50, 300)).astype(str),
            "other": rng.integers(0, 100, 300).astype(str),
        },
        dtype=object,
    )
    assert set(rules(suggest(frame), "S110")) == {"end,start", "high,low"}


def test_two_columns_that_say_the_same_must_be_equal() -> None:
    frame = people().assign(town=lambda table: table["city"])
    frame.loc[9, "town"] = "Busan" if frame.loc[9, "city"] == "Seoul" else "Seoul"
    suite = suggest(frame)
    assert set(rules(suite, "S112")) == {"city,town"}
    assert rules(suite, "S113") == {}
    found = {r.expectation["code"]: r.rows.tolist() for r in validate(frame, suite)}
    assert found["S112:city,town"] == [9]


def test_labels_get_their_own_rules() -> None:
    frame = people()
    suite = suggest(frame, label="label", classes=("yes", "no", "maybe"), content=("note",))
    codes = [item["code"] for item in suite]
    assert {"S114:label", "S115:note,label"} <= set(codes)
    assert "S116:label" not in codes, "a class without labels has no share to keep"
    frame.loc[5, ["note", "label"]] = [frame.loc[6, "note"].upper(), "yes"]
    frame.loc[6, "label"] = "no"
    (copies,) = [item for item in suite if item["code"] == "S115:note,label"]
    assert validate(frame, [copies])[0].rows.tolist() == [5, 6]


@pytest.mark.parametrize("seed", range(3))
def test_suggestions_are_never_critical_and_few_rows_break_them(seed: int) -> None:
    for frame in (people(seed=seed), stations(300, seed=seed)):
        suite = suggest(frame, label="label" if "label" in frame else None)
        assert {item["severity"] for item in suite} <= {"warning", "info"}
        assert [r.message for r in validate(frame, suite) if r.status != "ok"] == []
