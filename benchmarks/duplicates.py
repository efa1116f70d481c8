"""Near-duplicates planted in many short texts: how many are found, how many wrong, at what cost?

python -m benchmarks.duplicates [--quick] [--data FILE.csv …]

Texts are made of the words of real ones (half English messages, half Korean film reviews, unless
--data names other files with a column text), a tenth of them edited copies. The search runs in a
process of its own, so that its CPU seconds and memory are its own; so does the floor, one pass of
scikit-learn's HashingVectorizer over the same texts. Then rows of 16 numbers, a hundredth of them
copies with a little noise, beside scikit-learn's exact neighbours within the same radius.
"""

from __future__ import annotations

import argparse
import csv
import json
import multiprocessing
import resource
import tempfile
import time
import unicodedata
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
REAL = (ROOT / "samples" / "sms_spam.csv", ROOT / "samples" / "nsmc_6k.csv")
SHARE = 0.1
FEWEST_LETTERS = 12
LONGEST_WORD = {True: 6, False: 12}  # of Hangul, of other letters
JUDGED = 20_000
COLUMNS, NOISE, RADIUS = 16, 0.005, 0.1
BRUTE_UP_TO = 20_000
TAILS = (" thanks", " ok?", " lol", " pls", " ㅋㅋㅋ", " 강추", " 정말로", " ^^")
LATIN = "abcdefghijklmnopqrstuvwxyz"
HANGUL, SYLLABLES = 0xAC00, 11172

Rng = np.random.Generator


# -- texts and their edited copies --------------------------------------------------------------


def make(files: Sequence[Path], n: int, folder: Path) -> None:
    """Write `n` texts made of the words of real ones, the last tenth of them edited copies.

    A text is a line of texts.txt; truth.json says of which row each copy is, and by which edit.
    """
    rng = np.random.default_rng(0)
    texts: list[str] = []
    for file in files:
        texts += recombined(file, round(n * (1 - SHARE)) // len(files), rng)
    source = rng.choice(len(texts), n - len(texts), replace=False).tolist()
    kind = [list(EDITS)[k] for k in rng.integers(len(EDITS), size=len(source))]
    copies = [EDITS[name](texts[row], rng) for name, row in zip(kind, source, strict=True)]
    (folder / "texts.txt").write_text("\n".join(texts + copies), encoding="utf-8")
    (folder / "truth.json").write_text(json.dumps([source, kind]))


def read(folder: Path) -> list[str]:
    with (folder / "texts.txt").open(encoding="utf-8", newline="\n") as lines:
        return [line.rstrip("\n") for line in lines]


def recombined(file: Path, n: int, rng: Rng) -> list[str]:
    """Distinct texts as long as real ones, of runs of one to three words that stood together."""
    with file.open(encoding="utf-8", newline="") as lines:
        real = [short_words(row["text"]) for row in csv.DictReader(lines)]
    real = [words for words in real if words]
    made: dict[str, str] = {}
    while len(made) < n:
        length, words = len(real[rng.integers(len(real))]), []
        while len(words) < length:
            text = real[rng.integers(len(real))]
            at, most = rng.integers(len(text)), min(rng.integers(1, 4), length - len(words))
            words += text[at : at + most]
        said = " ".join(words)
        if len(key := letters(said)) >= FEWEST_LETTERS:
            made.setdefault(key, said)
    return list(made.values())


def short_words(text: str) -> list[str]:
    """The words but for the longest: Korean is often written without a blank between any two."""
    return [word for word in text.split() if len(word) <= LONGEST_WORD[is_hangul(word[0])]]


def is_hangul(letter: str) -> bool:
    return 0 <= ord(letter) - HANGUL < SYLLABLES


def letters(text: str) -> str:
    """The letters and digits alone, in one case."""
    return "".join(filter(str.isalnum, unicodedata.normalize("NFKC", text).casefold()))


def typo(text: str, rng: Rng) -> str:
    """A letter wrong, missing, twice, or before the one it should follow; of Hangul, one jamo."""
    spots = [at for at, letter in enumerate(text) if letter.isalnum()]
    at, way = spots[rng.integers(len(spots))], rng.integers(4)
    before, letter, after = text[:at], text[at], text[at + 1 :]
    if is_hangul(letter):
        return before + (other_jamo(letter, rng) if way else "") + after
    wrong = LATIN[rng.integers(len(LATIN))]
    return before + ("", letter * 2, wrong, after[:1] + letter)[way] + after[int(way == 3) :]


def other_jamo(syllable: str, rng: Rng) -> str:
    """A Hangul syllable with one of its three places changed."""
    code = ord(syllable) - HANGUL
    places, sizes, which = [code // 588, code // 28 % 21, code % 28], (19, 21, 28), rng.integers(3)
    places[which] = (places[which] + rng.integers(1, sizes[which])) % sizes[which]
    return chr(int(HANGUL + 588 * places[0] + 28 * places[1] + places[2]))


def other_case(text: str, rng: Rng) -> str:
    return text.upper() if rng.random() < 0.5 else text.title()


def other_blanks(text: str, rng: Rng) -> str:
    return f" {'  '.join(text.split())}" if rng.random() < 0.5 else text.replace(" ", "", 2)


def other_punctuation(text: str, rng: Rng) -> str:
    if rng.random() < 0.5:
        return f"{text.replace(' ', ', ', 1)}!!"
    return "".join(letter for letter in text if letter.isalnum() or letter.isspace())


def swapped_words(text: str, rng: Rng) -> str:
    words = text.split()
    if len(words) < 3:
        return f"{text}."
    at = int(rng.integers(len(words) - 1))
    words[at : at + 2] = words[at + 1], words[at]
    return " ".join(words)


def dropped_word(text: str, rng: Rng) -> str:
    words = text.split()
    if len(words) < 4:
        return f"{text}."
    del words[int(rng.integers(len(words)))]
    return " ".join(words)


EDITS: dict[str, Callable[[str, Rng], str]] = {
    "typo": typo,
    "two typos": lambda text, rng: typo(typo(text, rng), rng),
    "case": other_case,
    "blanks": other_blanks,
    "punctuation": other_punctuation,
    "words swapped": swapped_words,
    "word dropped": dropped_word,
    "tail": lambda text, rng: text + TAILS[rng.integers(len(TAILS))],
}


# -- what runs in a process of its own ----------------------------------------------------------


def in_child(work: Callable[..., Any], *given: Any) -> Any:
    """Run a function in a fresh process, which does not inherit this one's memory."""
    fresh = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=fresh) as pool:
        return pool.submit(work, *given).result()


class Cost(NamedTuple):
    """CPU seconds of the work, and megabytes: with the texts read, and at the most."""

    cpu: float
    before: float
    peak: float


def costs(work: Callable[[list[str]], Any], folder: Path) -> tuple[Cost, Any]:
    """What some work on the texts costs, the texts themselves in memory."""
    texts = read(folder)
    before, started = memory(), time.process_time()
    done = work(texts)
    return Cost(time.process_time() - started, before, memory()), done


def memory() -> float:
    """The most that this process has held so far, in megabytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def search(folder: Path) -> tuple[Cost, tuple[np.ndarray, ...]]:
    from quality.near_texts import text_pairs

    return costs(lambda texts: tuple(text_pairs(texts)), folder)


def floor(folder: Path) -> tuple[Cost, None]:
    from sklearn.feature_extraction.text import HashingVectorizer

    def hash_once(texts: list[str]) -> None:
        HashingVectorizer(analyzer="char", ngram_range=(3, 4)).transform(texts)

    return costs(hash_once, folder)


# -- was it right? ------------------------------------------------------------------------------


class Judged(NamedTuple):
    """Recall by edit and of all; the share of wrong pairs; pairs of rows that nobody planted."""

    recall: dict[str, float]
    all: float
    wrong: float
    pairs: int
    unplanted: int


def judge(folder: Path, first: np.ndarray, second: np.ndarray) -> Judged:
    """Found: the copy lies in its original's cluster. Wrong: another original, and not alike."""
    from quality.pairs import Pairs, clusters

    texts, (source, kind) = read(folder), json.loads((folder / "truth.json").read_text())
    n, rows = len(texts) - len(source), np.arange(len(texts) - len(source), len(texts))
    label = clusters(Pairs(first, second, np.ones(len(first))), len(texts))
    found, kinds = label[np.array(source)] == label[rows], np.array(kind)
    origin = np.concatenate([np.arange(n), source])
    strange = np.flatnonzero(origin[first] != origin[second])
    drawn = np.random.default_rng(0).permutation(strange)[:JUDGED]
    unlike = [not alike(texts[first[k]], texts[second[k]]) for k in drawn]
    wrong = np.mean(unlike) * len(strange) / len(first) if unlike else 0.0
    recall = {name: float(found[kinds == name].mean()) for name in EDITS}
    return Judged(recall, float(found.mean()), float(wrong), len(first), len(strange))


def alike(one: str, other: str, *, least: float = 0.6) -> bool:
    """Whether so much of the longer text stays if one is edited into the other (Levenshtein)."""
    a, b = letters(one), letters(other)
    return edits(a, b) <= (1 - least) * max(len(a), len(b))


def edits(a: str, b: str) -> int:
    """The fewest letters to put in, take out or change, all columns at a time (Myers, 1999)."""
    places: dict[str, int] = {}
    for at, letter in enumerate(a):
        places[letter] = places.get(letter, 0) | 1 << at
    full, last = (1 << len(a)) - 1, 1 << len(a) - 1
    plus, minus, distance = full, 0, len(a)
    for letter in b:
        match = places.get(letter, 0)
        across = (((match & plus) + plus) ^ plus) | match | minus
        up, down = minus | (full & ~(across | plus)), plus & across
        distance += bool(up & last) - bool(down & last)
        up, down = up << 1 | 1, down << 1
        match |= minus
        plus, minus = full & (down | ~(match | up)), up & match
    return distance


# -- the report ---------------------------------------------------------------------------------


def report(files: Sequence[Path], n: int) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        in_child(make, files, n, folder)
        cost, (first, second, _) = in_child(search, folder)
        least, _ = in_child(floor, folder)
        judged = in_child(judge, folder, first, second)
    print(f"{n:,} texts, {judged.pairs:,} pairs found, {judged.unplanted:,} of them not planted")
    print(f"recall {judged.all:.4f}, wrong pairs {judged.wrong:.2%}")
    print("  " + ", ".join(f"{name} {share:.4f}" for name, share in judged.recall.items()))
    print(
        "| what | CPU s | ratio | MB with the texts read | MB at the most |\n|---|---|---|---|---|"
    )
    for name, each in (("HashingVectorizer, one pass", least), ("near-duplicates", cost)):
        ratio = each.cpu / least.cpu
        print(f"| {name} | {each.cpu:.1f} | {ratio:.2f} | {each.before:,.0f} | {each.peak:,.0f} |")


def report_rows(n: int) -> None:
    """Rows of numbers: every planted pair is within the radius, and hardly a stranger is."""
    from quality.near_rows import close_pairs

    rng = np.random.default_rng(0)
    points = rng.normal(size=(n, COLUMNS))
    points[-(n // 100) :] = points[: n // 100] + rng.normal(0, NOISE, (n // 100, COLUMNS))
    started = time.process_time()
    first, second = close_pairs(points, np.zeros(n, dtype=np.int64), radius=RADIUS)
    took = time.process_time() - started
    found = np.isin(np.arange(n // 100), first[second - first == n - n // 100]).mean()
    print(f"{n:,} rows of {COLUMNS}: {len(first):,} pairs, recall {found:.4f}, {took:.2f} CPU s")
    if n <= BRUTE_UP_TO:
        from sklearn.neighbors import NearestNeighbors

        started = time.process_time()
        near = NearestNeighbors(radius=RADIUS, algorithm="brute").fit(points)
        pairs = sum(map(len, near.radius_neighbors(return_distance=False))) // 2
        print(f"  by brute force: {pairs:,} pairs, {time.process_time() - started:.2f} CPU s")


def main() -> None:
    """Both sizes, a table each."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="20,000 texts instead of a million")
    parser.add_argument("--data", nargs="+", type=Path, default=REAL, metavar="FILE.csv")
    args = parser.parse_args()
    for n in (20_000,) if args.quick else (100_000, 1_000_000):
        report(args.data, n)
    for n in (BRUTE_UP_TO,) if args.quick else (BRUTE_UP_TO, 100_000, 1_000_000):
        report_rows(n)


if __name__ == "__main__":
    main()
