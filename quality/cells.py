"""A table as codes: what dependencies, typos and sources are counted on."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from quality.columns import filled

Codes = npt.NDArray[np.int64]
BLANK = -1


@dataclass(frozen=True)
class Cells:
    """A table of n rows, column by column.

    `codes[name]` int (n,): the place of each row's value among `values[name]`, -1 where blank.
    `values[name]`: the different values as text, in the order in which they first occur.
    """

    n: int
    codes: dict[str, Codes]
    values: dict[str, list[str]]

    @property
    def names(self) -> list[str]:
        """The columns, in the table's order."""
        return list(self.codes)

    def without(self, names: Collection[str]) -> Cells:
        """The same table without some columns."""
        kept = [name for name in self.codes if name not in names]
        return Cells(self.n, {k: self.codes[k] for k in kept}, {k: self.values[k] for k in kept})

    def blanks(self, name: str) -> int:
        """How many rows have nothing in a column."""
        return int((self.codes[name] == BLANK).sum())

    def counts(self, name: str) -> Codes:
        """How often each of `values[name]` occurs, int (values,)."""
        known = self.codes[name][self.codes[name] >= 0]
        return np.bincount(known, minlength=len(self.values[name]))

    def text(self, name: str, row: int) -> str | None:
        """What stands in a cell, None where it is blank."""
        code = self.codes[name][row]
        return None if code == BLANK else self.values[name][code]


def encode(frame: pd.DataFrame, *, leave_out: Collection[str] = ()) -> Cells:
    """The table's cells, without the columns of `leave_out` and those that hold bytes.

    Rows are counted from 0, whatever the frame's index.
    """
    codes: dict[str, Codes] = {}
    values: dict[str, list[str]] = {}
    for column in frame.columns:
        known = filled(frame[column])
        if str(column) in leave_out or _holds_bytes(known):
            continue
        places, distinct = pd.factorize(known)
        codes[str(column)] = places.astype(np.int64)
        values[str(column)] = [str(value) for value in distinct]
    return Cells(len(frame), codes, values)


def _holds_bytes(values: pd.Series) -> bool:
    known = values.dropna()
    return len(known) > 0 and isinstance(known.iloc[0], bytes)
