from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from quality.near_texts import THRESHOLD, text_pairs
from quality.pairs import Pairs, clusters
from quality.shingles import FINE, jaccard, sets, shingles, symbols

Rng = np.random.Generator


def texts_of(samples: Path, name: str, n: int = 700) -> list[str]:
    """Real short texts of at least a dozen letters."""
    texts = pd.read_csv(samples / f"{name}.csv")["text"].drop_duplicates()
    return texts[texts.str.count(r"\w") >= 12].head(n).tolist()


@pytest.fixture(params=["sms_spam", "nsmc_6k"])
def real(request: pytest.FixtureRequest, samples: Path) -> list[str]:
    return texts_of(samples, request.param)


def typo(text: str, rng: Rng) -> str:
    """One letter becomes another; of a Hangul syllable, its vowel does."""
    at = rng.choice([i for i, c in enumerate(text) if c.isalpha()])
    code = ord(text[at]) - 0xAC00
    if 0 <= code < 11172:
        lead, vowel, tail = code // 588, code // 28 % 21, code % 28
        return (
            text[:at] + chr(0xAC00 + 588 * lead + 28 * ((vowel + 3) % 21) + tail) + text[at + 1 :]
        )
    return text[:at] + ("x" if text[at] != "x" else "y") + text[at + 1 :]


def swapped(text: str, rng: Rng) -> str:
    words = text.split()
    if len(words) < 5:
        return f"{text}."
    at = int(rng.integers(len(words) - 1))
    return " ".join([*words[:at], words[at + 1], words[at], *words[at + 2 :]])


def shorter(text: str, rng: Rng) -> str:
    words = text.split()
    short = [i for i, word in enumerate(words) if 4 * len(word) < len(text)]
    return (
        " ".join(words[:i] + words[i + 1 :]) if (i := next(iter(short), None)) is not None else text
    )


EDITS: dict[str, Callable[[str, Rng], str]] = {
    "a typo": typo,
    "another case": lambda text, _: text.swapcase(),
    "other blanks": lambda text, _: f" {text.replace(' ', '')}\t",
    "other punctuation": lambda text, _: f"{text.replace('.', '')}!!",
    "two words swapped": swapped,
    "a word dropped": shorter,
    "a tail": lambda text, _: f"{text} ok",
}


def triples(pairs: Pairs) -> list[tuple[int, int, float]]:
    return list(zip(*(part.tolist() for part in pairs), strict=True))


def partition(labels: np.ndarray) -> set[frozenset[int]]:
    rows = pd.Series(np.arange(len(labels)))
    return {frozenset(group) for _, group in rows.groupby(labels)}


@pytest.mark.parametrize("edit", EDITS)
def test_planted_copies_are_found(real: list[str], edit: str) -> None:
    rng = np.random.default_rng(0)
    copies = [EDITS[edit](text, rng) for text in real[:200]]
    label = clusters(text_pairs(real + copies), len(real) + 200)
    found = label[:200] == label[len(real) :]
    assert found.mean() >= 0.98


def test_no_pair_is_found_that_is_not_similar_enough_and_hardly_one_is_missed(
    real: list[str],
) -> None:
    texts = real[:400] + [typo(text, np.random.default_rng(1)) for text in real[:100]]
    first, second = np.triu_indices(len(texts), 1)
    truth = jaccard(sets(shingles(symbols(texts), FINE)), first, second)
    true = {
        (a, b) for a, b in zip(first[truth >= THRESHOLD], second[truth >= THRESHOLD], strict=True)
    }
    found = {(a, b) for a, b, _ in triples(text_pairs(texts))}
    assert found <= true
    assert len(true - found) <= 0.01 * len(true)


def test_the_similarity_is_the_jaccard_similarity(real: list[str]) -> None:
    short = [text for text in real if len(text) < 120][:100]
    texts = short + [f"{text} ok" for text in short]
    pairs = text_pairs(texts)
    exact = jaccard(sets(shingles(symbols(texts), FINE)), pairs.first, pairs.second)
    assert pairs.similarity == pytest.approx(exact)
    assert (pairs.first < pairs.second).all()


def test_different_texts_are_not_near() -> None:
    korean = ["재미있다 최고", "재미없다 최악", "배우가 연기를 잘한다", "배경 음악이 참 좋았다"]
    english = ["see you at six", "see me tomorrow then", "call him back", "what a film"]
    assert triples(text_pairs(korean + english)) == []


@pytest.mark.parametrize("texts_a_page", [4, 12, 150])
def test_pages_of_prose_are_near_where_one_was_edited_and_not_because_they_are_long(
    real: list[str], texts_a_page: int
) -> None:
    rng = np.random.default_rng(0)
    pages = [" ".join(rng.permutation(real)[:texts_a_page]) for _ in range(60)]
    edited = [f"{page[:40]}xx{page[40:]} ok" for page in pages[:30]]
    found = {(a, b) for a, b, _ in triples(text_pairs(pages + edited))}
    assert found == {(k, 60 + k) for k in range(30)}


@pytest.mark.parametrize("letters", [198, 200, 202, 396, 400, 404])
def test_a_copy_is_found_also_where_only_one_of_the_two_counts_as_long(letters: int) -> None:
    rng = np.random.default_rng(letters)
    text = "".join(rng.choice(list("abcdefghijklmnopqrstuvwxyz"), letters))
    assert [(a, b) for a, b, _ in triples(text_pairs([text, f"{text} seven"]))] == [(0, 1)]


def test_shuffled_rows_fall_into_the_same_clusters(real: list[str]) -> None:
    rng = np.random.default_rng(0)
    texts = real[:300] + [f"Re: {text}" for text in real[:100]] + real[:50]
    crowd = [f"parcel {k} is late again" for k in range(150)]
    texts += crowd
    order = rng.permutation(len(texts))
    plain = clusters(text_pairs(texts), len(texts))
    shuffled = clusters(text_pairs([texts[row] for row in order]), len(texts))
    back = np.empty(len(texts), dtype=np.int64)
    back[order] = shuffled
    assert partition(back) == partition(plain)


@pytest.mark.parametrize("chunk", [1, 100, 1_000_000])
def test_the_size_of_a_chunk_changes_nothing(real: list[str], chunk: int) -> None:
    texts = [*real[:60], *(text.upper() for text in real[:20]), "", *(f"{t} x" for t in real[:20])]
    assert triples(text_pairs(texts, chunk=chunk)) == triples(text_pairs(texts, chunk=999))


@pytest.mark.parametrize("texts", [[], ["one alone"], [""], ["", " "], ["this one", "that other"]])
def test_few_texts_or_blank_ones_have_no_pair(texts: list[str]) -> None:
    assert triples(text_pairs(texts)) == []


def test_identical_rows_are_paired_with_the_earliest_and_near_ones_with_it_too() -> None:
    texts = ["see you at the station", "", "See you at the station!", "see you at the stations", ""]
    assert [(a, b) for a, b, _ in triples(text_pairs(texts))] == [(0, 2), (0, 3)]
    assert text_pairs(texts).similarity[0] == 1.0 > text_pairs(texts).similarity[1]


def test_a_crowd_of_copies_that_differ_in_a_number_is_one_cluster_and_not_a_million_pairs() -> None:
    texts = [f"Your parcel {k} could not be delivered today, please call us" for k in range(3000)]
    pairs = text_pairs(texts)
    assert set(clusters(pairs, 3000)) == {0}
    assert len(pairs.first) < 100 * 3000


def test_texts_of_other_blocks_are_not_compared_and_what_differs_besides_is_no_copy() -> None:
    texts = ["a small red house", "a small red house", "a small red houses"]
    block = np.array([0, 1, 1])
    assert [(a, b) for a, b, _ in triples(text_pairs(texts, block=block))] == [(1, 2)]
    besides = np.array([0, 1, 1], dtype=np.uint64)
    found = text_pairs(texts, besides=besides)
    assert [(a, b) for a, b, _ in triples(found)] == [(0, 1), (0, 2), (1, 2)]
    assert found.similarity[0] == 1.0
