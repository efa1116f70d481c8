"""Near-duplicates of any content: the one door to texts, table rows and images."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pandas as pd

from quality.columns import looks_numeric
from quality.near_images import image_pairs
from quality.near_rows import row_pairs
from quality.near_texts import text_pairs
from quality.pairs import Pairs


def near_duplicates(frame: pd.DataFrame, columns: Sequence[str], *, kind: str = "") -> Pairs:
    """The pairs of rows of `frame` whose content, the cells of `columns`, is nearly the same.

    `kind` is a key of `NEAR`; without one it is guessed (`kind_of`). A row without content is near
    to nothing. What near means for each kind stands with its function.
    """
    return NEAR[kind or kind_of(frame, columns)](frame[list(columns)])


def kind_of(frame: pd.DataFrame, columns: Sequence[str]) -> str:
    """Image where cells are bytes, text where one column holds anything but numbers; else columns.

    >>> kind_of(pd.DataFrame({"a": ["some words"], "n": ["1.5"]}), ["a"])
    'text'
    """
    if any(isinstance(cell, bytes) for cell in frame[columns[0]].head(1)):
        return "image"
    return "columns" if len(columns) > 1 or looks_numeric(frame[columns[0]]) else "text"


def _texts(content: pd.DataFrame) -> Pairs:
    cells = [content[name].fillna("").astype(str).tolist() for name in content]
    return text_pairs([" ".join(row) for row in zip(*cells, strict=True)])


def _images(content: pd.DataFrame) -> Pairs:
    return image_pairs(content.iloc[:, 0].tolist())


NEAR: dict[str, Callable[[pd.DataFrame], Pairs]] = {
    "text": _texts,
    "columns": row_pairs,
    "image": _images,
}
