"""Misspellings: rare values that are written almost like a frequent one."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Mapping

TIMES_AS_FREQUENT = 20
FEWEST_LETTERS = 4
FEWEST_HANGUL_LETTERS = 8


def misspelt(counts: Mapping[str, int]) -> dict[str, str]:
    """The misspelt values of a column and what is meant: a value twenty times as frequent.

    `counts`: how often each value occurs.
    """
    most = max(counts.values(), default=0)
    frequent = sorted((v for v, n in counts.items() if n >= TIMES_AS_FREQUENT),
                      key=lambda value: -counts[value])  # fmt: skip
    found = {}
    for value, count in counts.items():
        if TIMES_AS_FREQUENT * count <= most:
            meant = nearest(value, _rivals(frequent, counts, count))
            if meant is not None:
                found[value] = meant
    return found


def _rivals(frequent: Iterable[str], counts: Mapping[str, int], count: int) -> list[str]:
    return [value for value in frequent if counts[value] >= TIMES_AS_FREQUENT * count]


def nearest(value: str, words: Iterable[str]) -> str | None:
    """The first of `words` that is written almost the same as `value`, or None."""
    return next((word for word in words if almost_same(value, word)), None)


def almost_same(one: str, other: str) -> bool:
    """Equal but for case and spaces, or words of four letters and more a misprint apart.

    Hangul is compared by single letters (two or three a syllable), of which it takes eight.
    """
    a, b = _evened(one), _evened(other)
    return a == b or (_is_long(a) and _is_long(b) and not _is_code(b) and _misprint(a, b))


def _is_long(text: str) -> bool:
    hangul = any("\u1100" <= letter <= "\u11ff" for letter in text)
    return len(text) >= (FEWEST_HANGUL_LETTERS if hangul else FEWEST_LETTERS)


def _is_code(text: str) -> bool:
    """Whether figures carry the meaning: one word with figures, or more figures than letters."""
    figures, letters = sum(map(str.isdigit, text)), sum(map(str.isalpha, text))
    return figures > 0 and (" " not in text or figures >= letters)


def _evened(text: str) -> str:
    return " ".join(unicodedata.normalize("NFD", text).casefold().split())


def _misprint(one: str, other: str) -> bool:
    """A letter added or left out, two neighbours in each other's place, or letters replaced.

    One letter may be replaced, two from eight letters on, and so forth. Figures are never taken for
    misprints: "11th" is not a wrong "12th".
    """
    if len(one) == len(other):
        odd = [k for k, (a, b) in enumerate(zip(one, other, strict=True)) if a != b]
        letters = "".join(one[k] + other[k] for k in odd)
        few = len(odd) <= 1 + len(one) // 8 or _changed_places(one, other, odd)
        return few and not _has_digit(letters)
    short, long = sorted((one, other), key=len)
    if len(long) - len(short) > 1:
        return False
    at = next((k for k, a in enumerate(short) if a != long[k]), len(short))
    return short[at:] == long[at + 1 :] and not long[at].isdigit()


def _changed_places(one: str, other: str, odd: list[int]) -> bool:
    neighbours = len(odd) == 2 and odd[1] == odd[0] + 1
    return neighbours and one[odd[0]] == other[odd[1]] and one[odd[1]] == other[odd[0]]


def _has_digit(letters: str) -> bool:
    return any(letter.isdigit() for letter in letters)
