"""Tables as the detectors of wrong cells see them, and what a detector says of a cell."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from quality.cells import BLANK, Cells, encode
from quality.columns import NUMERIC_SHARE, are_codes, as_numbers
from quality.dependencies import Dependency, find_dependencies

Floats = npt.NDArray[np.float64]

FEWEST_ROWS = 20  # of which anything is said about a column of numbers
TYPICAL = (0.01, 0.99)  # the quantiles between which a number is nothing special


class Suspect(NamedTuple):
    """A cell that one detector doubts.

    `score` in [0, 1], low = surely wrong. `proposed` with its `confidence` in [0, 1]: what should
    stand there; None where it cannot be told.
    """

    row: int
    column: str
    score: float
    message: str
    proposed: str | None = None
    confidence: float = 0.0


@dataclass(frozen=True)
class Table:
    """A table with what several detectors need of it, worked out once and when first asked for."""

    cells: Cells

    @cached_property
    def dependencies(self) -> list[Dependency]:
        """Which columns say which."""
        return find_dependencies(self.cells)

    @cached_property
    def numbers(self) -> dict[str, Floats]:
        """The columns of amounts as float64 (n,), NaN where there is no number."""
        found = {}
        for name, words in self.cells.values.items():
            values = pd.Series(words, dtype=object)
            parsed = np.append(as_numbers(values).to_numpy(), np.nan)
            numbers, known = parsed[self.cells.codes[name]], self.cells.codes[name] != BLANK
            numeric = known.any() and np.isfinite(numbers[known]).mean() >= NUMERIC_SHARE
            if numeric and not are_codes(name, values):
                found[name] = numbers
        return found

    @cached_property
    def counts(self) -> dict[str, dict[str, int]]:
        """How often each value of each column occurs."""
        return {
            name: dict(zip(self.cells.values[name], self.cells.counts(name).tolist(), strict=True))
            for name in self.cells.names
        }

    def rows_of(self, name: str, values: Collection[str]) -> Iterator[tuple[int, str]]:
        """The rows of a column that hold one of `values`, with the value, in order."""
        words = self.cells.values[name]
        wanted = set(values)
        places = [place for place, word in enumerate(words) if word in wanted]
        for row in np.flatnonzero(np.isin(self.cells.codes[name], places)):
            yield int(row), words[self.cells.codes[name][row]]


def table_of(frame: pd.DataFrame, *, leave_out: Collection[str] = ()) -> Table:
    """What the detectors look at: `frame` without the columns of `leave_out`."""
    return Table(encode(frame, leave_out=leave_out))


def shown(value: str | None) -> str:
    """What stands in a cell, for a sentence."""
    return "blank" if value is None else f"'{value}'"
