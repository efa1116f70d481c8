"""What a column of a table holds, so that checks can count, compare and cut it."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd

from quality.columns import as_numbers, filled, looks_numeric
from quality.duplicates import normalise

Floats = npt.NDArray[np.float64]

MOST_VALUES = 20
FEW_NUMBERS = 10
HARDLY_RECUR = 0.9
WORD = re.compile(r"\w+")
DAY = r"\d{1,4}[-/.]\d{1,2}[-/.]\d{1,4}"


def kind_of(values: pd.Series) -> str:
    """ "numbers", "categories" (few values that recur), "texts" (several words), else "names".

    A number that takes few values (a code, a mark) is a category; whole numbers that hardly recur
    and days are names: they move on from one import to the next by themselves.
    """
    known = filled(values).dropna()
    if not len(known):
        return "names"
    text = known.astype(str)
    different = text.nunique()
    if looks_numeric(known):
        few = different <= min(FEW_NUMBERS, len(known) // 2)
        return "categories" if few else "names" if _are_numbered(known, different) else "numbers"
    if different <= min(MOST_VALUES, len(known) // 2):
        return "categories"
    some = text.iloc[:1000]
    if some.str.match(DAY).mean() > 0.5:
        return "names"
    return "texts" if some.map(lambda cell: len(WORD.findall(cell))).median() >= 2 else "names"


def _are_numbered(known: pd.Series, different: int) -> bool:
    """Whether these are row numbers or ids: whole, and nearly all different."""
    found = as_numbers(known).dropna()
    return different > HARDLY_RECUR * len(known) and bool((found == found.round()).all())


def numbers(values: pd.Series) -> Floats:
    """The column as float64, NaN where it is no number."""
    found: Floats = as_numbers(filled(values)).to_numpy(dtype=np.float64)
    return found


def names(values: pd.Series) -> npt.NDArray[np.object_]:
    """The column as text, None where it is empty."""
    known = filled(values)
    return np.array([None if pd.isna(v) else str(v).strip() for v in known], dtype=object)


def lengths(frame: pd.DataFrame, columns: Sequence[str]) -> npt.NDArray[np.int64]:
    """Characters in these columns of each row, int (rows,); an empty cell has none."""
    total = np.zeros(len(frame), dtype=np.int64)
    for column in columns:
        cells = filled(frame[column])
        total += np.array([0 if pd.isna(v) else len(str(v)) for v in cells], dtype=np.int64)
    return total


def words(values: pd.Series) -> list[list[str]]:
    """The words of each row, normalised (Unicode, case); none where it is empty."""
    known = filled(values)
    return [[] if pd.isna(v) else WORD.findall(normalise(str(v))) for v in known]
