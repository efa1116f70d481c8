"""Balance: how often each class and each slice of the data occurs, and where too little is known.

A slice is the rows with one value of a column, with its numbers between two quartiles, or with
texts of a quarter of the lengths. Shares are in [0, 1] with Wilson's intervals of 95 %.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from quality.inference import holm, surely_below, wilson
from quality.kinds import kind_of, lengths, names, numbers

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Labels = npt.NDArray[Any]

FEW = 5
QUARTERS = 4
LEVEL = 0.01


class Slice(NamedTuple):
    """Rows that have something in common: which column, what in words, and their positions."""

    column: str
    name: str
    rows: Ints


def class_shares(label: Labels, classes: Sequence[str] = ()) -> pd.DataFrame:
    """A row a class, the most frequent first: label, n, share, low, high.

    `label` (rows,) has None where there is none; `classes` adds those that never occur.
    """
    given = pd.Series(label, dtype=object).dropna().map(str)
    counts = given.value_counts().reindex(list(dict.fromkeys([*given.unique(), *classes])))
    counts = counts.fillna(0).sort_values(ascending=False, kind="stable")
    n = counts.to_numpy(dtype=np.float64)
    share = n / max(n.sum(), 1.0)
    low, high = wilson(share, np.full(len(n), n.sum()))
    columns = {"label": counts.index.to_numpy(dtype=object), "n": n.astype(np.int64)}
    return pd.DataFrame({**columns, "share": share, "low": low, "high": high})


def imbalance(shares: pd.DataFrame) -> tuple[float, float]:
    """How many times as frequent the first class of `class_shares` is as the last, and at least.

    The second number is the lower end of the first share over the upper end of the last.
    """
    if len(shares) < 2:
        return 1.0, 1.0
    most, least = shares.iloc[0], shares.iloc[-1]
    ratio = most["share"] / least["share"] if least["n"] else np.inf
    return float(ratio), max(1.0, float(most["low"] / max(least["high"], 1e-12)))


def slices(frame: pd.DataFrame, columns: Sequence[str]) -> Iterator[Slice]:
    """Every slice of these columns, column by column; a row without a value is in none."""
    for column in columns:
        kind = kind_of(frame[column])
        if kind == "categories":
            yield from _by_value(column, names(frame[column]))
        elif kind == "numbers":
            yield from _by_quarter(column, "{} to {}", numbers(frame[column]))
        elif kind == "texts":
            length = lengths(frame, [column]).astype(np.float64)
            length[length == 0] = np.nan
            yield from _by_quarter(column, "{} to {} characters", length)


def _by_value(column: str, values: npt.NDArray[np.object_]) -> Iterator[Slice]:
    codes, found = pd.factorize(pd.Series(values, dtype=object), sort=True)
    for at, value in enumerate(found):
        yield Slice(column, str(value), np.flatnonzero(codes == at))


def _by_quarter(column: str, words: str, values: Floats) -> Iterator[Slice]:
    known = values[~np.isnan(values)]
    if not len(known):
        return
    edges = np.unique(np.quantile(known, np.linspace(0, 1, QUARTERS + 1)))
    upper = edges[1:] if len(edges) > 1 else edges
    part = np.searchsorted(upper[:-1], values, side="left")
    for at in range(len(upper)):
        rows = np.flatnonzero((part == at) & ~np.isnan(values))
        if len(rows):
            low, high = values[rows].min(), values[rows].max()
            yield Slice(column, words.format(f"{low:g}", f"{high:g}"), rows)


def slice_table(frame: pd.DataFrame, label: Labels, columns: Sequence[str]) -> pd.DataFrame:
    """A row a slice: column, slice, n rows, k of them labelled, share with low and high, thin.

    Thin is a slice with fewer than five labels although as many rows of all would have ten, surely
    (binomial test, Holm over all slices); where most rows are labelled, also a value so rare that
    it has fewer than five rows.
    """
    labelled = pd.Series(label, dtype=object).notna().to_numpy()
    found = list(slices(frame, columns))
    n = np.array([len(part.rows) for part in found], dtype=np.float64)
    k = np.array([labelled[part.rows].sum() for part in found], dtype=np.float64)
    usual = float(labelled.mean()) if len(labelled) else 0.0
    share = k / np.maximum(n, 1.0)
    low, high = wilson(share, n)
    table = pd.DataFrame(
        {
            "column": [part.column for part in found],
            "slice": [part.name for part in found],
            "n": n.astype(np.int64),
            "k": k.astype(np.int64),
            "share": share,
            "low": low,
            "high": high,
        }
    )
    unlikely = holm(surely_below(k, n, np.full(len(n), usual))) < LEVEL
    passed_by = unlikely & (n * usual >= 2 * FEW)
    rare = (n < FEW) & (usual >= 0.5)
    return table.assign(thin=(k < FEW) & (passed_by | rare))


def classes_by_slice(frame: pd.DataFrame, label: Labels, columns: Sequence[str]) -> pd.DataFrame:
    """A row a slice and class: column, slice, label, k of n labelled rows, share, low, high.

    `overall` is the class's share of all labelled rows.
    """
    given = pd.Series(label, dtype=object)
    overall = given.value_counts(normalize=True)
    rows = []
    for part in slices(frame, columns):
        counts = given.iloc[part.rows].value_counts().reindex(overall.index, fill_value=0)
        n = int(counts.sum())
        rows += [(part.column, part.name, name, int(k), n) for name, k in counts.items()]
    table = pd.DataFrame(rows, columns=["column", "slice", "label", "k", "n"])
    k, n = table["k"].to_numpy(dtype=float), table["n"].to_numpy(dtype=float)
    low, high = wilson(k / np.maximum(n, 1.0), n)
    share = np.where(n > 0, k / np.maximum(n, 1.0), np.nan)
    return table.assign(share=share, low=low, high=high, overall=table["label"].map(overall))
