"""Repairs: proposed values for doubted cells, to be looked at, and put into a table.

A repair is one line: which cell, what stands there, what should, why, how sure. The table of
repairs is the preview. `apply` gives a new table; `edits` are the same repairs as facts about
items, the shape in which a log of changes holds them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from quality.columns import is_number

COLUMNS = ("row", "column", "before", "after", "why", "confidence")


class Edit(NamedTuple):
    """One item's new value in one column; None empties it."""

    item_id: str
    column: str
    value: str | None


def propose(doubts: pd.DataFrame, *, least: float = 0.0) -> pd.DataFrame:
    """The repairs, `COLUMNS`, among what `values.suspicious_cells` doubts; the surest first.

    `least`: the confidence in [0, 1] below which a proposal is left out. `before` is None where
    the cell is blank.
    """
    known = doubts[doubts["proposed"].notna() & (doubts["confidence"] >= least)]
    table = pd.DataFrame(
        {
            "row": known["row"].to_numpy(np.int64),
            "column": known["column"].to_numpy(object),
            "before": known["value"].to_numpy(object),
            "after": known["proposed"].to_numpy(object),
            "why": known["message"].to_numpy(object),
            "confidence": known["confidence"].to_numpy(np.float64),
        }
    )
    return table.sort_values("confidence", ascending=False, kind="stable", ignore_index=True)


def apply(frame: pd.DataFrame, repairs: pd.DataFrame) -> pd.DataFrame:
    """A copy of `frame` with every repair made; rows are counted from 0, whatever the index.

    Raises ValueError where a repair does not fit the table: an unknown cell, a cell named twice, or
    one that no longer holds what it held when the repair was proposed.
    """
    _check_cells(frame, repairs)
    repaired = frame.copy()
    for column, lines in repairs.groupby("column", sort=False):
        values = frame[column].astype(object).to_numpy(copy=True)
        for row, before, after in lines[["row", "before", "after"]].itertuples(index=False):
            if not _same(values[row], before):
                raise ValueError(
                    f"row {row} has {_shown(values[row])} in {column}, not {_shown(before)} as "
                    "when the repair was proposed: propose repairs again"
                )
            values[row] = None if pd.isna(after) else after
        repaired[column] = _as_before(values, frame[column])
    return repaired


def edits(repairs: pd.DataFrame, item_ids: Sequence[str]) -> list[Edit]:
    """The repairs as edits of items; `item_ids` has the item of each row."""
    lines = repairs[["row", "column", "after"]].itertuples(index=False)
    return [
        Edit(str(item_ids[row]), str(column), None if pd.isna(after) else str(after))
        for row, column, after in lines
    ]


def _check_cells(frame: pd.DataFrame, repairs: pd.DataFrame) -> None:
    twice = repairs[repairs.duplicated(["row", "column"])]
    if len(twice):
        row, column = twice[["row", "column"]].iloc[0]
        raise ValueError(f"two repairs of {column} in row {row}: keep one of them")
    unknown = [column for column in repairs["column"].unique() if column not in frame.columns]
    if unknown:
        raise ValueError(f"the table has no column {', '.join(map(str, unknown))}")
    outside = repairs["row"][~repairs["row"].between(0, len(frame) - 1)]
    if len(outside):
        raise ValueError(
            f"the table has {len(frame)} rows, and a repair is about row {outside.iloc[0]}"
        )


def _same(value: Any, before: Any) -> bool:
    """Whether a cell holds what the preview says: equal as text, or both empty."""
    if _is_empty(value) or _is_empty(before):
        return _is_empty(value) and _is_empty(before)
    return str(value) == str(before)


def _is_empty(value: Any) -> bool:
    return bool(pd.isna(value)) or (isinstance(value, str) and not value.strip())


def _shown(value: Any) -> str:
    return "nothing" if _is_empty(value) else f"'{value}'"


def _as_before(values: Any, old: pd.Series) -> pd.Series:
    """The column with numbers as numbers again, where it was stored as numbers."""
    column = pd.Series(values, index=old.index, dtype=object)
    return pd.to_numeric(column) if is_number(old) else column
