"""The values of one column: what counts as missing, as a number, as a number of a kind."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd

NUMERIC_SHARE = 0.9
CODE_NAME = re.compile(
    r"(zip|postal|postcode|phone|fax|code|number|((^|[_\W])(nr|no)))$", re.IGNORECASE
)
LEADING_ZEROS = 0.05
LONG_CODE = 8


def is_number(values: pd.Series) -> bool:
    """Whether the column is stored as numbers."""
    return values.dtype.kind in "iuf"


def filled(values: pd.Series) -> pd.Series:
    """The column with None for missing and for blank text; numbers stay float64 or int64."""
    if is_number(values):
        return values.astype("float64" if values.dtype.kind == "f" else "int64")
    cells = values.to_numpy(dtype=object)
    blank = [cell.__class__ is str and (not cell or cell.isspace()) for cell in cells]
    empty = pd.isna(cells) | np.array(blank, dtype=bool)
    if empty.any():
        cells = cells.copy()
        cells[empty] = None
    return pd.Series(cells, index=values.index, dtype=object, copy=False)


def as_words(values: pd.Series) -> pd.Series:
    """The filled cells as text; a column that is stored as numbers stays so."""
    if is_number(values) or pd.api.types.infer_dtype(values, skipna=True) == "string":
        return values
    return values.map(lambda cell: None if cell is None else str(cell)).astype(object)


def as_numbers(values: pd.Series) -> pd.Series:
    """The column as float64; what is not a finite number becomes NaN."""
    numbers = pd.to_numeric(values, errors="coerce").astype("float64")
    return numbers.where(np.isfinite(numbers))


def looks_numeric(values: pd.Series) -> bool:
    """Whether at least nine in ten of the filled values parse as numbers."""
    if is_number(values):
        return bool(values.notna().any())
    known = filled(values).dropna()
    return len(known) > 0 and bool(as_numbers(known).notna().mean() >= NUMERIC_SHARE)


def typed(values: pd.Series, type_: str) -> pd.Series:
    """Objects: parsed values where they parse as `type_`, else as they were; None for missing."""
    known = filled(values).astype(object)
    numbers = as_numbers(known)
    fits = numbers.notna() & ((numbers == numbers.round()) if type_ == "int" else True)
    kind = int if type_ == "int" else float
    parsed = [kind(n) if ok else raw for n, ok, raw in zip(numbers, fits, known, strict=True)]
    return pd.Series(parsed, index=values.index, dtype=object).where(known.notna(), None)


def are_codes(name: str, values: pd.Series) -> bool:
    """Whether figures are names (zip codes, phone numbers) and not amounts.

    By the column's name, by leading zeros, or by their one length of eight figures and more.
    """
    if CODE_NAME.search(name):
        return True
    words = filled(values).dropna().map(str)
    lengths = words.str.len()
    zeros = words.str.match(r"0\d").mean() if len(words) else 0.0
    one_length = len(words) > 0 and (lengths == lengths.iloc[0]).mean() >= NUMERIC_SHARE
    whole = one_length and bool(words.str.fullmatch(r"\d+").mean() >= NUMERIC_SHARE)
    return bool(zeros >= LEADING_ZEROS or (whole and lengths.iloc[0] >= LONG_CODE))
