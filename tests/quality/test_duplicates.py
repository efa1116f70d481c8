from __future__ import annotations

import time

import numpy as np
import pandas as pd
import pytest

from quality.duplicates import exact_keys, normalise

HANGUL = "\ud55c\uad6d\uc5b4 \ubb38\uc7a5"  # 한국어 문장
DECOMPOSED = "\u1112\u1161\u11ab\u1100\u116e\u11a8\u110b\u1165 \u1106\u116e\u11ab\u110c\u1161\u11bc"


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("  Hello\t World ", "hello world"),
        ("\uff28\uff45\uff4c\uff4c\uff4f", "HELLO"),  # full width
        ("Stra\u00dfe", "STRASSE"),
        (HANGUL, DECOMPOSED),
        (HANGUL, f"\u3000{HANGUL}\u00a0"),
    ],
)
def test_case_width_composition_and_spaces_make_no_difference(one: str, other: str) -> None:
    assert normalise(one) == normalise(other)


@pytest.mark.parametrize("text", ["", "  ", HANGUL, DECOMPOSED, "\u0130stanbul", "\ufb03 \u1e9e"])
def test_normalising_twice_changes_nothing(text: str) -> None:
    assert normalise(normalise(text)) == normalise(text)


def test_different_words_stay_different() -> None:
    assert normalise("spam") != normalise("span")
    assert normalise("ab c") != normalise("a bc")
    assert normalise("\uac00") != normalise("\uac01")


def test_keys_are_equal_exactly_where_the_normalised_rows_are() -> None:
    frame = pd.DataFrame({"a": ["X y", "x  Y", "x", None, ""], "b": ["z", "Z", "y z", "z", "z"]})
    keys = exact_keys(frame, ["a", "b"])
    assert keys[0] == keys[1]
    assert len(set(keys)) == 4


def test_keys_are_the_same_on_every_machine() -> None:
    keys = exact_keys(pd.DataFrame({"t": ["Hello", HANGUL]}), ["t"])
    assert keys.dtype == np.dtype("<U32")
    assert keys.tolist() == [
        "46fb7408d4f285228f4af516ea25851b",
        exact_keys(pd.DataFrame({"t": [DECOMPOSED]}), ["t"])[0],
    ]


def test_bytes_and_numbers_have_keys_too() -> None:
    frame = pd.DataFrame({"image": [b"\x89PNG", b"\x89PNG", b"GIF"], "n": [1.5, 1.5, 1.5]})
    keys = exact_keys(frame, ["image", "n"])
    assert keys[0] == keys[1] != keys[2]


def test_a_hundred_thousand_texts_take_about_half_a_second() -> None:
    frame = pd.DataFrame({"t": [f"A short text, number {k}" for k in range(100_000)]})
    start = time.process_time()
    exact_keys(frame, ["t"])
    assert time.process_time() - start < 2.0
