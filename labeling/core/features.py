"""Features: the content of items in, a matrix out. Nothing here needs a network or a tokenizer.

Two steps. What is read off a row depends on that row alone, is slow, and can be kept for ever; what
is learned from all rows, without any label, is quick: how rare a term is, what a number's spread
is, which rows resemble each other.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from labeling.core import images, tables, texts
from labeling.core.threads import one_thread

KINDS = ("text", "columns", "image")
VERSION = 2  # of what is read and learned: another number makes every stored matrix void

Chunks = Callable[[], Iterable[Any]]


@dataclass(frozen=True)
class Content:
    """What is shown and learned from: one text column, several table columns, or an image."""

    kind: str
    columns: tuple[str, ...]

    def __post_init__(self) -> None:
        if self.kind not in KINDS or not self.columns:
            raise ValueError(f"content needs a kind of {KINDS} and a column, found {self}")


class Reading(NamedTuple):
    """How one kind of content is read row by row, and what is learned from all that was read."""

    read: Callable[[pd.DataFrame, Content, Mapping[str, str]], Any]
    learn: Callable[[Chunks, int], Any]


@dataclass(frozen=True)
class Featurizer:
    """How items become features. `learned` is scikit-learn's own steps, on what was read.

    `kinds` says what each table column is. Features are float32 (rows, terms): CSR, or dense where
    most numbers are not 0.
    """

    content: Content
    learned: Any
    kinds: Mapping[str, str] = field(default_factory=dict)

    def transform(self, frame: pd.DataFrame) -> Any:
        """Features of any rows, those too that nothing was learned from."""
        return self.of_read(read(frame, self.content, self.kinds))

    def of_read(self, rows: Any) -> Any:
        """Features of rows that were read already."""
        if not rows.shape[0] or self.learned is None:
            return _nothing(rows.shape[0])
        with one_thread():
            return _tidy(self.learned.transform(rows))


def _read_text(frame: pd.DataFrame, content: Content, kinds: Mapping[str, str]) -> Any:
    filled = frame[list(content.columns)].fillna("").astype(str)
    joined = filled.agg(" ".join, axis=1) if len(content.columns) > 1 else filled.iloc[:, 0]
    return texts.hash_terms(joined.tolist())


def _read_columns(frame: pd.DataFrame, content: Content, kinds: Mapping[str, str]) -> Any:
    return tables.prepared(frame, kinds)


def _read_image(frame: pd.DataFrame, content: Content, kinds: Mapping[str, str]) -> Any:
    return images.vectors(frame[content.columns[0]].tolist())


FEATURES: dict[str, Reading] = {
    "text": Reading(_read_text, texts.learn),
    "columns": Reading(_read_columns, tables.learn),
    "image": Reading(_read_image, images.learn),
}


def read(frame: pd.DataFrame, content: Content, kinds: Mapping[str, str]) -> Any:
    """What is read off each row: counts, columns or vectors; a row's depend on that row alone."""
    return FEATURES[content.kind].read(frame, content, kinds)


def kinds_of(frame: pd.DataFrame, content: Content) -> dict[str, str]:
    """What each table column is, seen over all rows; nothing to say of texts and images."""
    return tables.kinds(frame, content.columns) if content.kind == "columns" else {}


def learn(chunks: Chunks, rows: int, content: Content, kinds: Mapping[str, str]) -> Featurizer:
    """Learn from all rows, as they were read, in chunks; no labels. No rows: nothing is learned."""
    learned = FEATURES[content.kind].learn(chunks, rows) if rows else None
    return Featurizer(content, learned, kinds)


def learned_with_matrix(frame: pd.DataFrame, content: Content) -> tuple[Featurizer, Any]:
    """What is learned from a table, and the table's own features."""
    kinds = kinds_of(frame, content)
    if frame.empty:
        return Featurizer(content, None, kinds), _nothing(0)
    rows = read(frame, content, kinds)
    featurizer = learn(lambda: [rows], len(frame), content, kinds)
    return featurizer, featurizer.of_read(rows)


def matrix(frame: pd.DataFrame, content: Content) -> Any:
    """The features of a table, float32 (rows, terms), learned without any label."""
    return learned_with_matrix(frame, content)[1]


def _nothing(rows: int) -> Any:
    from scipy.sparse import csr_matrix

    return csr_matrix((rows, 1), dtype=np.float32)


def _tidy(found: Any) -> Any:
    """Float32; CSR without stored zeros, or dense rows one behind the other."""
    from scipy.sparse import csr_matrix, issparse

    if not issparse(found):
        return np.ascontiguousarray(found, dtype=np.float32)
    rows = csr_matrix(found, dtype=np.float32)
    rows.eliminate_zeros()
    return rows


def stacked(chunks: Sequence[Any]) -> Any:
    """Chunks of features under each other."""
    from scipy.sparse import issparse, vstack

    return vstack(chunks, format="csr") if issparse(chunks[0]) else np.concatenate(chunks)
