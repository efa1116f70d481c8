from __future__ import annotations

import unicodedata
from collections.abc import Iterable

import numpy as np
import pytest

from quality import shingles as module
from quality.hashes import decode, encode, mixed, mixed_long, parts, sorted_once
from quality.shingles import (
    COARSE,
    FINE,
    Ragged,
    fingerprints,
    jaccard,
    sets,
    shingles,
    stacked,
    symbols,
)

KOREAN = "정말 재미있는 영화였다"


def runs(text: str, sizes: tuple[int, int]) -> set[str]:
    """The shingles of a text without digits, from its letters: another way to the same sets."""
    letters = unicodedata.normalize("NFKD", text.casefold())
    marked = "^" + "".join(c for c in letters if unicodedata.category(c)[0] in "LM") + "$"
    size = [sizes["\u1100" <= c <= "\u11ff"] for c in marked]
    return {marked[i : i + n] for i, n in enumerate(size) if i + n <= len(marked)}


def rows(ragged: Ragged) -> list[list[int]]:
    return [part.tolist() for part in np.split(ragged.values, ragged.starts[1:-1])]


def fine(texts: Iterable[str]) -> Ragged:
    return sets(shingles(symbols(list(texts)), FINE))


def similarity(one: str, other: str) -> float:
    return float(jaccard(fine([one, other]), np.array([0]), np.array([1]))[0])


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Hello, World!", "  hello\tWORLD"),
        ("\uff28\uff45\uff4c\uff4c\uff4f", "hello"),
        (KOREAN, unicodedata.normalize("NFD", KOREAN)),
        (KOREAN, KOREAN.replace(" ", "")),
        ("call 0800-123 456", "Call 0800 123 456"),
        ("ㅋㅋ", "\u110f\u110f"),  # the letter as it is typed, and as it stands in a syllable
        ("one\ntwo", "one two"),
    ],
)
def test_case_width_composition_blanks_and_punctuation_make_no_difference(
    one: str, other: str
) -> None:
    assert len(set(fingerprints(symbols([one, other])).tolist())) == 1
    assert similarity(one, other) == 1.0


def test_different_letters_or_another_order_of_them_are_different() -> None:
    texts = [
        "ab",
        "ba",
        "abb",
        "aab",
        "가나",
        "나가",
        "감",
        "가마",
        "1 2",
        "2 1",
        ":)",
        ":(",
        "é",
        "a",
    ]
    assert len(set(fingerprints(symbols(texts)).tolist())) == len(texts)


def test_blank_texts_have_no_symbols_and_nothing_in_common() -> None:
    blank = symbols(["", "  ", "\u3000\n", "\x00"])
    assert blank.lengths.tolist() == [0, 0, 0, 0]
    assert jaccard(fine(["", " "]), np.array([0]), np.array([1])).tolist() == [0.0]


def test_a_text_without_letters_counts_with_what_can_be_seen() -> None:
    assert symbols(["!!!", "!!! a", ":)"]).lengths.tolist() == [5, 3, 4]


def test_a_hangul_syllable_counts_as_its_jamo() -> None:
    values = symbols(["한국"]).values[1:-1]
    assert "".join(map(chr, values)) == unicodedata.normalize("NFD", "한국")


def test_a_number_counts_as_a_whole() -> None:
    assert similarity("text 12", "text 13") == similarity("text 12", "text 99")
    assert similarity("text 12", "text 13") < 0.5
    assert similarity("we meet at 12", "we meet at 12") == 1.0
    assert symbols(["a1", "a1234567", "1b2"]).lengths.tolist() == [6, 6, 9]


@pytest.mark.parametrize("sizes", [FINE, COARSE])
def test_shingles_are_the_runs_of_letters(sizes: tuple[int, int]) -> None:
    texts = [
        "a",
        "ab",
        "banana",
        "Great film",
        KOREAN,
        "ㅋㅋㅋㅋ",
        "한글 and English",
        "ọmọ Yorùbá",
    ]
    found = sets(shingles(symbols(texts), sizes))
    assert found.lengths.tolist() == [len(runs(text, sizes)) for text in texts]


def test_jaccard_is_that_of_the_sets_whatever_the_order_of_the_two() -> None:
    rng = np.random.default_rng(0)
    alphabet = list("abc 가나다")
    texts = ["".join(rng.choice(alphabet, rng.integers(1, 12))) + "x" for _ in range(60)]
    first, second = (part.ravel() for part in np.meshgrid(np.arange(60), np.arange(60)))
    values = jaccard(fine(texts), first, second)
    own = [runs(text, FINE) for text in texts]
    truth = [
        len(own[a] & own[b]) / len(own[a] | own[b]) for a, b in zip(first, second, strict=True)
    ]
    assert values == pytest.approx(truth)
    assert values == pytest.approx(jaccard(fine(texts), second, first))


def test_one_wrong_jamo_costs_korean_what_one_wrong_letter_costs_english() -> None:
    korean = similarity("정말 재미있는 영화였다", "정말 재미잇는 영화였다")
    english = similarity("what a really fun movie", "what a realky fun movie")
    assert korean == pytest.approx(english, abs=0.05)
    assert korean > 0.75


def test_sets_hold_each_value_once_in_order_row_by_row() -> None:
    given = Ragged(np.array([3, 1, 3, 2, 2, 9], dtype=np.uint32), np.array([0, 3, 3, 6]))
    assert rows(sets(given)) == [[1, 3], [], [2, 9]]


def test_pairs_compared_in_parts_are_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    texts = ["a red house", "a red horse", "red", "ein rotes Haus", "house a red"]
    first, second = np.triu_indices(5)
    whole = jaccard(fine(texts), first, second)
    monkeypatch.setattr(module, "VALUES_AT_ONCE", 20)
    assert jaccard(fine(texts), first, second).tolist() == whole.tolist()


def test_parts_are_as_long_as_they_may_be_and_cover_all() -> None:
    sizes = np.random.default_rng(0).integers(0, 20, 200)
    cuts = list(parts(sizes, 30))
    assert [part.start for part in cuts[1:]] == [part.stop for part in cuts[:-1]]
    assert (cuts[0].start, cuts[-1].stop) == (0, 200)
    for part in cuts:
        assert sizes[part].sum() <= 30
        assert part.stop == 200 or sizes[part.start : part.stop + 1].sum() > 30


def test_texts_read_in_parts_are_the_same() -> None:
    texts = ["one 1", "", "둘 2", "!!", "three", "a b c d e"]
    whole = fine(texts)
    parts = stacked([fine(texts[at : at + 2]) for at in range(0, 6, 2)])
    assert rows(whole) == rows(parts)
    assert rows(stacked([fine([])])) == [[]]


def test_scrambling_is_one_to_one_and_pairs_come_back() -> None:
    values = np.arange(100_000)
    assert len(set(mixed(values.astype(np.uint32)).tolist())) == 100_000
    assert len(set(mixed_long(values.astype(np.uint64)).tolist())) == 100_000
    first, second = decode(encode(np.array([7, 2**32 - 1]), np.array([3, 0])))
    assert (first.tolist(), second.tolist()) == ([3, 0], [7, 2**32 - 1])
    assert sorted_once(np.array([5, 1, 5], dtype=np.uint64)).tolist() == [1, 5]
