"""Patterns of characters: what the values of a column look like, learned from the values.

Every character is replaced by its class ('9' a figure, 'a' and 'A' Latin letters, '가' Hangul,
'字' other letters, itself for all else), runs of one class by one sign: '2024-01-05' and
'1999-12-31' share the shape '9-9-9'. Parts that are nearly always the same word keep the word,
parts of one length keep the length: the pattern becomes `\\d{4}-\\d{2}-\\d{2}`.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import islice

from quality.typos import nearest

CLASSES = {"9": r"\d", "a": "[a-z]", "A": "[A-Z]", "가": "[가-힣]", "字": r"[^\W\d_]"}
FEWEST_VALUES = 20
FEWEST_DIFFERENT = 10
MOST_DIFFERENT = 5_000
LONGEST = 60  # letters; what is longer on average is text
MOST_SHAPES = 5
FREQUENT = 0.02
COVERED = 0.95
COVERED_WITHOUT_WORDS = 0.9
WORD_SHARE = 0.05
FIXED = 0.98
MOST_WORDS = 5
WORD_FREQUENT = 0.02
NAMED = {
    "an e-mail address": r"[^@\s]+@[^@\s.]+(?:\.[^@\s.]+)+",
    "a web address": r"https?://\S+",
    "a UUID": r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}",
}

Parts = tuple[str, ...]


class _Classes(dict[int, str]):
    """For str.translate: the class of each character, worked out once."""

    def __missing__(self, code: int) -> str:
        self[code] = found = _class_of(chr(code))
        return found


def _class_of(sign: str) -> str:
    if sign.isdigit():
        return "9"
    if not sign.isalpha():
        return sign
    if sign.isascii():
        return "A" if sign.isupper() else "a"
    return "가" if "가" <= sign <= "힣" else "字"


_CLASSES = _Classes()
_RUNS = re.compile(r"9+|a+|A+|가+|字+|.", re.DOTALL)


def shape(value: str) -> str:
    """The classes of the value's characters, one sign a run.

    >>> shape("12/02/2011 6:55 a.m.")
    '9/9/9 9:9 a.a.'
    """
    return "".join(run[0] for run in _RUNS.findall(_classes(value)))


def parts(value: str) -> Parts:
    """The runs of one class that the value consists of; as many as its shape has signs."""
    at, found = 0, []
    for run in _RUNS.findall(_classes(value)):
        found.append(value[at : at + len(run)])
        at += len(run)
    return tuple(found)


def _classes(value: str) -> str:
    return value.translate(_CLASSES)


@dataclass(frozen=True)
class Pattern:
    """What most values of a column look like.

    `regex` matches a whole value that is fine; `share` in [0, 1] of the values are. `example` is
    the most frequent of them. `words`, per frequent shape: for each part the words it may be, none
    where it is free.
    """

    regex: str
    share: float
    example: str
    words: Mapping[str, tuple[tuple[str, ...], ...]]

    def fits(self, value: str) -> bool:
        """Whether the value looks like the others."""
        return re.fullmatch(self.regex, value) is not None

    def mended(self, value: str) -> str | None:
        """The value with its one wrong word put right, where only one word can be meant."""
        allowed = self.words.get(shape(value))
        if allowed is None:
            return None
        pairs = list(zip(parts(value), allowed, strict=True))
        wrong = [k for k, (part, words) in enumerate(pairs) if words and part not in words]
        if len(wrong) != 1 or len(pairs[wrong[0]][1]) != 1:
            return None
        fixed = [part for part, _ in pairs]
        fixed[wrong[0]] = pairs[wrong[0]][1][0]
        mended = "".join(fixed)
        return mended if self.fits(mended) else None


def learn(counts: Mapping[str, int]) -> Pattern | None:
    """The pattern of a column's values, given how often each occurs; None where there is none.

    There is one where a few shapes with figures in them cover nearly all values (words of their
    own, as 'unknown', are set aside if frequent), or where nearly all are of a well-known form.
    Plain words have none: other rules say more about them. Of many different values some are
    looked at.
    """
    some = _some(counts)
    total = sum(some.values())
    if total < FEWEST_VALUES or len(some) < FEWEST_DIFFERENT:
        return None
    if sum(len(value) * count for value, count in some.items()) > LONGEST * total:
        return None
    return _well_known(some) or _by_shapes(some, total)


def _some(counts: Mapping[str, int]) -> dict[str, int]:
    step = -(-len(counts) // MOST_DIFFERENT)
    return dict(islice(counts.items(), 0, None, max(1, step)))


def _well_known(counts: Mapping[str, int]) -> Pattern | None:
    found = (_pattern(regex, counts, {}) for regex in NAMED.values())
    return next((pattern for pattern in found if pattern is not None), None)


def _by_shapes(counts: Mapping[str, int], total: int) -> Pattern | None:
    words = {v for v, n in counts.items() if n >= WORD_SHARE * total and "9" not in shape(v)}
    by_shape: dict[str, Counter[str]] = defaultdict(Counter)
    for value, count in counts.items():
        if value not in words:
            by_shape[shape(value)][value] = count
    left = sum(values.total() for values in by_shape.values())
    frequent = {s: v for s, v in by_shape.items() if v.total() >= FREQUENT * left}
    if not _is_regular(frequent, total, left):
        return None
    columns = {signs: _columns(values) for signs, values in frequent.items()}
    allowed = {signs: tuple(map(_words, seen)) for signs, seen in columns.items()}
    forms = [_form(signs, columns[signs], allowed[signs]) for signs in frequent]
    alternatives = [*forms, *map(_escaped, sorted(words))]
    regex = "|".join(alternatives)
    return _pattern(f"(?:{regex})" if len(alternatives) > 1 else regex, counts, allowed)


def _is_regular(frequent: Mapping[str, Counter[str]], total: int, left: int) -> bool:
    covered = sum(values.total() for values in frequent.values())
    return (
        0 < len(frequent) <= MOST_SHAPES
        and all("9" in signs for signs in frequent)
        and covered >= COVERED_WITHOUT_WORDS * left
        and left - covered <= (1 - COVERED) * total
    )


def _columns(values: Counter[str]) -> list[Counter[str]]:
    """Per part of values of one shape, how often it is which word."""
    split = [(parts(value), count) for value, count in values.items()]
    seen = [Counter[str]() for _ in split[0][0]]
    for words, count in split:
        for column, word in zip(seen, words, strict=True):
            column[word] += count
    return seen


def _words(seen: Counter[str]) -> tuple[str, ...]:
    """The few words that a part is; none where it varies.

    A rare word speaks against it, unless it is a misspelling of a frequent one.
    """
    least = WORD_FREQUENT * seen.total()
    often = sorted(word for word, n in seen.items() if n >= least)
    few = 0 < len(often) <= MOST_WORDS and all(word[0].isalpha() for word in often)
    fine = few and all(n >= least or nearest(word, often) for word, n in seen.items())
    return tuple(often) if fine else ()


def _form(signs: str, columns: list[Counter[str]], allowed: tuple[tuple[str, ...], ...]) -> str:
    """The regular expression of one shape."""
    pieces = []
    for sign, seen, words in zip(signs, columns, allowed, strict=True):
        if words:
            pieces.append(words[0] if len(words) == 1 else f"(?:{'|'.join(words)})")
        elif sign in CLASSES:
            pieces.append(CLASSES[sign] + _length(seen))
        else:
            pieces.append(_escaped(sign))
    return "".join(pieces)


def _length(seen: Counter[str]) -> str:
    """`{4}` where the part is nearly always of one length, `{1,2}` where of these alone, or `+`."""
    lengths = Counter[int]()
    for word, count in seen.items():
        lengths[len(word)] += count
    length, often = lengths.most_common(1)[0]
    if often >= FIXED * lengths.total():
        return "" if length == 1 else f"{{{length}}}"
    return "{1,2}" if set(lengths) == {1, 2} else "+"


def _pattern(
    regex: str,
    counts: Mapping[str, int],
    words: Mapping[str, tuple[tuple[str, ...], ...]],
) -> Pattern | None:
    """The pattern if enough of the values fit it."""
    fine = {value: n for value, n in counts.items() if re.fullmatch(regex, value)}
    share = sum(fine.values()) / sum(counts.values())
    if share < COVERED:
        return None
    return Pattern(regex, share, max(sorted(fine), key=lambda value: fine[value]), dict(words))


def _escaped(literal: str) -> str:
    """The literal in a regular expression, readable: re.escape also marks blanks and hyphens."""
    return re.sub(r"([.^$*+?{}\[\]\\|()])", r"\\\1", literal)
