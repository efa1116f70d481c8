from __future__ import annotations

import re
from collections import Counter

import numpy as np
import pytest

from quality.patterns import learn, parts, shape


def counted(values: list[str]) -> Counter[str]:
    return Counter(values)


def dates(n: int = 200) -> list[str]:
    rng = np.random.default_rng(0)
    return [
        f"{y}-{m:02d}-{d:02d}" for y, m, d in rng.integers((1990, 1, 1), (2025, 13, 29), (n, 3))
    ]


@pytest.mark.parametrize(
    ("value", "expected"),
    [("2024-01-05", "9-9-9"), ("서울 3가", "가 9가"), ("Ab 12", "Aa 9"), ("", ""), ("ñ", "字")],
)
def test_a_shape_has_one_sign_a_run(value: str, expected: str) -> None:
    assert shape(value) == expected


@pytest.mark.parametrize("value", ["2024-01-05", "서울 3가", "--x--", "a\nb", ""])
def test_parts_make_up_the_value_and_match_its_shape(value: str) -> None:
    assert "".join(parts(value)) == value
    assert len(parts(value)) == len(shape(value))


def test_the_lengths_of_parts_are_kept_where_they_are_always_the_same() -> None:
    found = learn(counted(dates()))
    assert found is not None
    assert found.regex == r"\d{4}-\d{2}-\d{2}"
    assert found.share == 1.0
    assert found.fits("1999-12-31")
    assert not found.fits("99-12-31")
    assert not found.fits("1999-12-31 ")


def test_words_are_kept_where_they_are_always_the_same_and_mended() -> None:
    values = [f"{n} patients" for n in range(300)]
    found = learn(counted([*values, "7 patixnts", "x7 patients"]))
    assert found is not None
    assert found.regex == r"\d+ patients"
    assert found.mended("7 patixnts") == "7 patients"
    assert found.mended("x7 patients") is None
    assert found.mended("7 patients a day") is None


def test_one_of_two_words_is_kept_but_not_mended() -> None:
    found = learn(
        counted(
            [f"{h}:{m:02d} {(h % 2 and 'a') or 'p'}.m." for h in range(1, 13) for m in range(60)]
        )
    )
    assert found is not None
    assert found.regex == r"\d{1,2}:\d{2} (?:a|p)\.m\."
    assert found.mended("7:05 x.m.") is None


def test_a_rare_word_that_is_no_misspelling_is_rightful() -> None:
    values = [f"scip-inf-{k % 9}" for k in range(200)] + ["cac-1", "cac-2", "cac-3"] * 4
    values = [value.replace("inf", ("inf", "card", "vte")[k % 3]) for k, value in enumerate(values)]
    found = learn(counted(values))
    assert found is None or all(map(found.fits, values))


def test_a_frequent_word_of_its_own_is_part_of_the_pattern() -> None:
    found = learn(counted([*(f"{n}%" for n in range(100)), *["empty"] * 150, "x%"]))
    assert found is not None
    assert found.fits("empty")
    assert found.fits("55%")
    assert not found.fits("x%")


def test_mail_addresses_are_known_by_form_whatever_their_parts() -> None:
    found = learn(
        counted([f"{'abc'[k % 3] * (k % 7 + 1)}.x{k}@mail.example.kr" for k in range(60)])
    )
    assert found is not None
    assert found.fits("kim@example.com")
    assert not found.fits("kim.example.com")


@pytest.mark.parametrize(
    "values",
    [
        ["서울", "부산"] * 50,
        [f"word{'abcdefghij'[k % 10]}" for k in range(100)],
        [" ".join(f"w{k * j % 97}" for j in range(40)) for k in range(100)],
        ["1-2", "3-4"] * 5,
        [],
    ],
    ids=["few values", "plain words", "long texts", "few rows", "nothing"],
)
def test_what_is_no_code_has_no_pattern(values: list[str]) -> None:
    assert learn(counted(values)) is None


@pytest.mark.parametrize("seed", range(20))
def test_a_pattern_fits_at_least_the_share_it_says_and_always_compiles(seed: int) -> None:
    rng = np.random.default_rng(seed)
    signs = list("ab1209.-+*()[]{}|\\^$ 가")
    form = "".join(rng.choice(signs, 6)) + "{}"
    values = [form.replace("{}", str(n)) for n in rng.integers(0, 9999, 150)]
    found = learn(counted(values))
    if found is not None:
        fine = [value for value in values if re.fullmatch(found.regex, value)]
        assert len(fine) / len(values) == pytest.approx(found.share)
        assert found.fits(found.example)
