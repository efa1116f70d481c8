"""Exact duplicates after normalisation: the cheapest and surest kind of near-duplicate."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Sequence
from hashlib import blake2b

import numpy as np
import numpy.typing as npt
import pandas as pd

KEY_BYTES = 16
UNIT = "\x1f"  # separates the values of one row, so that ("a b", "c") is not ("a", "b c")
MISSING = "\x00"


def normalise(text: str) -> str:
    """The text with width, composition, case and white space evened out (NFKC, casefold).

    >>> normalise("  Hello\\tWORLD ")
    'hello world'
    """
    if not text.isascii():
        text = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())
    else:
        text = text.lower()
    return " ".join(text.split())


def exact_keys(frame: pd.DataFrame, columns: Sequence[str]) -> npt.NDArray[np.str_]:
    """A key per row, str (rows,), equal exactly where the normalised values of `columns` are.

    Keys are the same on every machine and in every process (BLAKE2b, 128 bits in hex). A cell of
    bytes (an image) counts as it is. A missing value equals only a missing value.
    """
    parts = [_normalised(frame[column]) for column in columns]
    rows = parts[0] if len(parts) == 1 else [UNIT.join(values) for values in zip(*parts)]  # noqa: B905
    keys = [
        blake2b(row.encode("utf-8", "surrogatepass"), digest_size=KEY_BYTES).hexdigest()
        for row in rows
    ]
    return np.array(keys, dtype=f"<U{2 * KEY_BYTES}")


def _normalised(values: Iterable[object]) -> list[str]:
    return [_text(value) for value in values]


def _text(value: object) -> str:
    if isinstance(value, str):
        return normalise(value)
    if isinstance(value, bytes):
        return value.hex()
    return MISSING if pd.isna(value) else normalise(str(value))
