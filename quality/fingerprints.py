"""Fingerprints of tables: equal content, equal hash, on every machine."""

from __future__ import annotations

from hashlib import sha256

import pandas as pd


def content_hash(frame: pd.DataFrame) -> str:
    """The SHA-256 of a table's columns, names and order included, in hex; the index is left out.

    Cells are compared as pandas hashes them (64 bits each): good against accidents, and no proof
    against somebody who looks for two tables with one hash. Numbers are not the words for them, and
    all kinds of missing are one.
    """
    digest = sha256(f"{frame.shape}".encode())
    for column in frame.columns:
        kind, values = _hashable(frame[column])
        digest.update(f"\x1f{column}\x1f{kind}\x1f".encode())
        digest.update(pd.util.hash_pandas_object(values, index=False).to_numpy().tobytes())
    return digest.hexdigest()


def _hashable(values: pd.Series) -> tuple[str, pd.Series]:
    """The kind of a column, and its cells as pandas can hash them: of one type, missing as None."""
    if values.dtype != object and not isinstance(values.dtype, pd.StringDtype):
        return str(values.dtype), values
    cells = values.astype(object)
    cells = cells.where(cells.notna(), None)
    if pd.api.types.infer_dtype(cells, skipna=True) in ("string", "empty"):
        return "words", cells
    return "mixed", cells.map(_word)


def _word(cell: object) -> str | None:
    return None if cell is None else f"{type(cell).__name__}:{cell}"
