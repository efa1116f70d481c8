"""Drift: whether new rows differ from old ones, in so many ways that chance has to be paid for.

Every comparison of two groups of rows tests all its columns and aspects at once, with Holm's
correction. It is drift only if it is both sure (adjusted p under 0.01) and of some size (an effect
of a tenth or more): a huge table makes every trifle sure, and a tiny one every chance large.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from quality.inference import holm
from quality.kinds import kind_of, lengths, names, numbers, words

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]
Objects = npt.NDArray[np.object_]

COLUMNS = ("column", "aspect", "effect", "p", "drift", "message")
LEVEL = 0.01
LEAST = 0.1
FEWEST = 20
SHUFFLES = 4999
MOST_READ = 20_000
LABEL, CONFIDENCE = "(label)", "(confidence)"


class Comparison(NamedTuple):
    """One aspect of one column: an effect in [0, 1], its p before correction, and a sentence."""

    column: str
    aspect: str
    effect: float
    p: float
    message: str


def drift(
    frame: pd.DataFrame,
    new: Bools,
    *,
    columns: Sequence[str] = (),
    label: Objects | None = None,
    confidence: Floats | None = None,
    seed: int = 0,
) -> pd.DataFrame:
    """A row a test, `COLUMNS`, the largest drift first: the rows where `new` against the others.

    `columns` are compared by what they hold: numbers and lengths of texts by the Kolmogorov-Smirnov
    distance, categories and missing cells by the share that would have to change (total variation;
    G-test, by lot with fixed margins where counts are small), texts by the share of words that
    were never seen before. `label` (rows,), None where there is none: the class shares.
    `confidence` (rows,), NaN where there is none: of the model in its answer. Groups with under
    twenty known values are not compared. p is adjusted.
    """
    rng = np.random.default_rng(seed)
    tests = [test for column in columns for test in _column(column, frame[column], new, rng)]
    if label is not None:
        tests += _shares(LABEL, "classes", label, new, rng)
    if confidence is not None:
        tests += _distances(CONFIDENCE, "confidence", confidence, new)
    table = pd.DataFrame(tests, columns=list(Comparison._fields))
    table["p"] = holm(table["p"].to_numpy(dtype=np.float64))
    table["drift"] = (table["p"] < LEVEL) & (table["effect"] >= LEAST)
    order = ["drift", "effect"]
    return table.sort_values(order, ascending=False, kind="stable", ignore_index=True)[
        list(COLUMNS)
    ]


def _column(
    column: str, values: pd.Series, new: Bools, rng: np.random.Generator
) -> Iterator[Comparison]:
    kind = kind_of(values)
    known = names(values)
    missing = np.array([value is None for value in known])
    if missing.any():
        empty = np.where(missing, "empty", "filled").astype(object)
        yield from _shares(column, "missing", empty, new, rng)
    if kind == "numbers":
        yield from _distances(column, "numbers", numbers(values), new)
    elif kind == "categories":
        yield from _shares(column, "categories", known, new, rng)
    elif kind == "texts":
        length = np.where(missing, np.nan, lengths(values.to_frame(), [values.name]))
        yield from _distances(column, "length", length, new)
        yield from _novelty(column, words(values), new & ~missing, ~new & ~missing, rng)


def _enough(old: npt.NDArray[np.generic], new: npt.NDArray[np.generic]) -> bool:
    return min(len(old), len(new)) >= FEWEST


# -- the tests ---------------------------------------------------------------------------------


def _distances(column: str, aspect: str, values: Floats, new: Bools) -> Iterator[Comparison]:
    """Kolmogorov and Smirnov's distance of the two distributions."""
    from scipy.stats import ks_2samp

    known = ~np.isnan(values)
    old_values, new_values = values[known & ~new], values[known & new]
    if _enough(old_values, new_values):
        found = ks_2samp(old_values, new_values, method="auto")
        middle = f"median {np.median(old_values):.4g} before, {np.median(new_values):.4g} now"
        yield Comparison(column, aspect, float(found.statistic), float(found.pvalue), middle)


def _shares(
    column: str, aspect: str, values: Objects, new: Bools, rng: np.random.Generator
) -> Iterator[Comparison]:
    """Total variation of two lists of shares, by the G-test."""
    codes, found = pd.factorize(pd.Series(values, dtype=object), sort=True)
    known = codes >= 0
    if not _enough(codes[known & ~new], codes[known & new]) or len(found) < 2:
        return
    counts = np.array(
        [np.bincount(codes[known & side], minlength=len(found)) for side in (~new, new)]
    )
    old_share, new_share = counts / counts.sum(axis=1, keepdims=True)
    most = int(np.abs(new_share - old_share).argmax())
    moved = f"'{found[most]}' {old_share[most]:.1%} before, {new_share[most]:.1%} now"
    effect = float(np.abs(new_share - old_share).sum() / 2.0)
    yield Comparison(column, aspect, effect, g_test(counts, rng), moved)


def _novelty(
    column: str, texts: list[list[str]], new: Bools, old: Bools, rng: np.random.Generator
) -> Iterator[Comparison]:
    """Words never seen before: in new rows and in half of the old ones, beside the other half."""
    from scipy.stats import ks_2samp

    before, now = (rng.permutation(np.flatnonzero(side))[:MOST_READ] for side in (old, new))
    half = len(before) // 2
    vocabulary = {word for row in before[:half] for word in texts[row]}
    usual = _unseen(texts, before[half:], vocabulary)
    found = _unseen(texts, now, vocabulary)
    if _enough(usual, found):
        p = float(ks_2samp(usual, found, method="auto").pvalue)
        words_now = f"words never seen before: {usual.mean():.1%} before, {found.mean():.1%} now"
        yield Comparison(
            column, "vocabulary", abs(float(found.mean() - usual.mean())), p, words_now
        )


def _unseen(texts: list[list[str]], rows: npt.NDArray[np.int64], known: set[str]) -> Floats:
    """The share of a row's words that are not known, for rows that have words."""
    return np.array(
        [np.mean([word not in known for word in texts[row]]) for row in rows if texts[row]],
        dtype=np.float64,
    )


def g_test(counts: npt.NDArray[np.int64], rng: np.random.Generator) -> float:
    """p of the G-test of two rows of `counts`, int (2, classes).

    Where a cell is expected to hold fewer than five, the two rows are drawn again and again by
    lot with the margins fixed, and p is the share of draws that differ as much.
    """
    from scipy.special import chdtrc

    total = counts.sum(axis=0)
    counts, total = counts[:, total > 0], total[total > 0]
    sizes = counts.sum(axis=1)
    expected = np.outer(sizes, total) / max(sizes.sum(), 1)
    if len(total) < 2 or not sizes.all():
        return 1.0
    statistic = _g(counts[1:2], total, sizes)[0]
    if expected.min() >= 5:
        return float(chdtrc(len(total) - 1, statistic))
    drawn = rng.multivariate_hypergeometric(total, int(sizes[1]), size=SHUFFLES, method="marginals")
    as_far = (_g(drawn, total, sizes) >= statistic - 1e-9).sum()
    return float((1 + as_far) / (1 + SHUFFLES))


def _g(second: npt.NDArray[np.int64], total: npt.NDArray[np.int64], sizes: Floats) -> Floats:
    """G of each draw of the second row, int (draws, classes), float (draws,)."""
    parts = np.stack([total - second, second]).astype(np.float64)
    expected = sizes[:, None, None] * total / sizes.sum()
    with np.errstate(divide="ignore", invalid="ignore"):
        terms = np.where(parts > 0, parts * np.log(parts / expected), 0.0)
    return np.asarray(2.0 * terms.sum(axis=(0, 2)), dtype=np.float64)
