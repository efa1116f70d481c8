"""Rows unlike all others, and items that nobody can learn from."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from quality.consensus import encode, standing, votes

Floats = npt.NDArray[np.float64]

DIMENSIONS = 10
NEIGHBOURS = 10
REFERENCE = 4_000
CHUNK = 2_000
FIT = 10_000
FEWEST = 50
CLOSEST = 1e-6  # a cosine of nothing
WIDE = 1_000  # more terms than this, none negative: words, where the direction counts
MOST_DISPUTED = 5
UNLEARNABLE = ("item", "reason", "score", "message")


def distances(features: Any, *, seed: int = 0) -> Floats:
    """How far each row is from its tenth neighbour, float (rows,), in a plane of ten dimensions.

    `features` is a matrix (rows, terms), sparse or dense. The dimensions are those of a truncated
    singular value decomposition learned from ten thousand rows; what they leave over of a row has
    nothing in common with any other. Neighbours are looked for among four thousand rows, so that
    time grows with the rows and not with their square. Of words (many terms, none negative) the
    direction counts: there it is the inverse of the cosine.
    """
    rng = np.random.default_rng(seed)
    places, left = _places(features, rng)
    reference = np.sort(rng.permutation(len(places))[:REFERENCE])
    if _are_words(features):
        return 1.0 / np.maximum(-_nth_lowest(places, reference, _opposition), CLOSEST)
    return np.sqrt(np.maximum(_nth_lowest(places, reference, _squared_distance), 0.0) + left)


def oddness(features: Any, *, seed: int = 0) -> Floats:
    """A score per row, float (rows,) in [0, 1], low = odd; 1 for everything under fifty rows.

    It is how rarely a row would lie so far from its neighbours (`distances`), were the logs of
    these normally distributed, with centre and spread by median and quartiles.
    """
    if features.shape[0] < FEWEST:
        return np.ones(features.shape[0])
    from scipy.special import erfc

    apart = distances(features, seed=seed)
    log = np.log(apart + 1e-9 + 1e-3 * np.median(apart))
    low, middle, high = np.quantile(log, [0.25, 0.5, 0.75])
    spread = max((high - low) / 1.349, 0.05)
    return np.asarray(np.minimum(erfc((log - middle) / spread / np.sqrt(2.0)), 1.0))


def _nth_lowest(
    places: Floats, reference: npt.NDArray[np.int64], apart: Callable[[Floats, Floats], Floats]
) -> Floats:
    """What `apart` is between each row and its tenth neighbour in `reference`, itself left out."""
    others = places[reference]
    nth = min(NEIGHBOURS, len(reference) - 1) - 1
    found = np.empty(len(places))
    for start in range(0, len(places), CHUNK):
        rows = np.arange(start, min(start + CHUNK, len(places)))
        table = apart(places[rows], others)
        own = np.minimum(np.searchsorted(reference, rows), len(reference) - 1)
        mine = reference[own] == rows
        table[mine, own[mine]] = np.inf
        found[rows] = np.partition(table, nth, axis=1)[:, nth]
    return found


def _squared_distance(rows: Floats, others: Floats) -> Floats:
    squares: Floats = _squares(rows)[:, None] - 2.0 * rows @ others.T + _squares(others)
    return squares


def _opposition(rows: Floats, others: Floats) -> Floats:
    """Minus the cosine of rows of length one, as far as the dimensions show it."""
    table: Floats = -(rows @ others.T)
    return table


def _are_words(features: Any) -> bool:
    return bool(features.shape[1] > WIDE and features.min() >= 0)


def _places(features: Any, rng: np.random.Generator) -> tuple[Floats, Floats]:
    """The rows in few dimensions, float (rows, dimensions), and the squared length left over.

    Words are scaled to length one before.
    """
    n, terms = features.shape
    if terms <= DIMENSIONS:
        dense = features.toarray() if hasattr(features, "toarray") else features
        return np.asarray(dense, dtype=np.float64), np.zeros(n)
    from sklearn.decomposition import TruncatedSVD

    chosen = np.sort(rng.permutation(n)[:FIT])
    svd = TruncatedSVD(DIMENSIONS, n_iter=2, random_state=int(rng.integers(2**31)))
    svd.fit(features[chosen])
    places = np.asarray(svd.transform(features), dtype=np.float64)
    squares = _squares(features)
    if _are_words(features):
        places /= np.sqrt(np.maximum(squares, 1e-12))[:, None]
    return places, np.maximum(squares - _squares(places), 0.0)


def _squares(matrix: Any) -> Floats:
    """The squared length of each row, float (rows,)."""
    squared = matrix.multiply(matrix) if hasattr(matrix, "multiply") else matrix * matrix
    return np.asarray(squared.sum(axis=1), dtype=np.float64).ravel()


def unlearnable(annotations: pd.DataFrame) -> pd.DataFrame:
    """Items that cost time and teach nothing, `UNLEARNABLE`, the worst first.

    `annotations` has item, annotator, label and optionally kind ("label", "skip" or "flag") and
    order. reason is "flagged" by somebody; "skipped" by two or more and labelled by nobody; or
    "disputed": five answers or more, of which no class has more than half. score in [0, 1], low =
    bad: the share of people who did not flag, who labelled, or who gave the most frequent label.
    """
    kind = annotations.get("kind", pd.Series("label", index=annotations.index)).fillna("label")
    given = annotations.assign(kind=kind).dropna(subset=["item", "annotator"])
    parts = [_flagged(given), _skipped(given), _disputed(given[given["kind"] == "label"])]
    table = pd.concat([pd.DataFrame(columns=list(UNLEARNABLE)), *parts], ignore_index=True)
    return table.sort_values("score", kind="stable", ignore_index=True)


def _flagged(given: pd.DataFrame) -> pd.DataFrame:
    people = given.groupby("item", sort=False)["annotator"].nunique()
    by = given[given["kind"] == "flag"].groupby("item", sort=False)["annotator"]
    flags = by.nunique()
    names = [", ".join(map(str, who)) for who in by.unique()]
    score = 1.0 - flags / people.reindex(flags.index)
    return _reasons("flagged", score, [f"Flagged by {who}." for who in names])


def _skipped(given: pd.DataFrame) -> pd.DataFrame:
    labelled = set(given.loc[given["kind"] == "label", "item"])
    skips = given[(given["kind"] == "skip") & ~given["item"].isin(labelled)]
    people = skips.groupby("item", sort=False)["annotator"].nunique()
    people = people[people >= 2]
    return _reasons("skipped", people * 0.0, [f"Skipped by all {n} people asked." for n in people])


def _disputed(given: pd.DataFrame) -> pd.DataFrame:
    answers = encode(standing(given))
    counts = votes(answers)
    size = counts.sum(axis=1)
    share = counts.max(axis=1, initial=0.0) / np.maximum(size, 1.0)
    rows = np.flatnonzero((size >= MOST_DISPUTED) & (share <= 0.5))
    score = pd.Series(share[rows], index=answers.items[rows])
    messages = [
        f"{int(n)} answers, and no class has more than half of them." for n in size[rows]
    ]  # fmt: skip
    return _reasons("disputed", score, messages)


def _reasons(reason: str, score: pd.Series[float], messages: list[str]) -> pd.DataFrame:
    columns = (score.index.to_numpy(dtype=object), reason, score.to_numpy(dtype=float), messages)
    return pd.DataFrame(dict(zip(UNLEARNABLE, columns, strict=True)))
