"""What checks look at and what they find: a Dataset in, Findings out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from quality.duplicates import exact_keys
from quality.kinds import lengths
from quality.near_duplicates import near_duplicates
from quality.pairs import Pairs
from quality.suites import Expectation
from quality.tables import Table, table_of

TABLE = -1
POOL = "pool"


@dataclass(frozen=True)
class Dataset:
    """What the checks look at: n rows in a frame with an unnamed RangeIndex, and what is known.

    `content` names the columns that are shown and learned from. `label` (n,) object, None where
    unlabelled; `classes` the label set, empty = unknown; `annotations` a frame item_id, annotator,
    label, and optionally order (of time), seconds (that the answer took) and kind ("label", "skip"
    or "flag"; then label may be None): an earlier answer of one person to one item is there only
    if it was asked again. `proba` float64 (n, classes), what the content alone makes believe of
    rows kept from the models, NaN where unlabelled; `duplicate_key` (n,) str, equal within a
    cluster; `reviewed` bool (n,), the label is a reviewer's ruling; `suite` expectations about the
    frame; `label_column` the label's name in findings. `features` a matrix (n, terms), sparse or
    dense; `imports` int (n,), ascending with time, which import brought a row; `rounds` int (n,)
    the round that a row was labelled in, -1 for none. `kind` is that of the content: text, columns
    or image, empty = guessed; `side` (n,) object says what a row is for: "pool" trains, any other
    word ("reservoir") measures, None is on neither side; `pairs` the near-duplicates where they
    are known, without those that somebody marked "not the same".
    """

    frame: pd.DataFrame
    content: tuple[str, ...]
    item_id: npt.NDArray[Any]
    label: npt.NDArray[Any] | None = None
    classes: tuple[str, ...] = ()
    annotations: pd.DataFrame | None = None
    proba: npt.NDArray[np.float64] | None = None
    duplicate_key: npt.NDArray[Any] | None = None
    reviewed: npt.NDArray[np.bool_] | None = None
    suite: tuple[Expectation, ...] = ()
    label_column: str = ""
    features: Any = None
    imports: npt.NDArray[np.int64] | None = None
    rounds: npt.NDArray[np.int64] | None = None
    kind: str = ""
    side: npt.NDArray[Any] | None = None
    pairs: Pairs | None = None

    @cached_property
    def near(self) -> Pairs:
        """The near-duplicates: `pairs`, or searched for once."""
        if self.pairs is not None:
            return self.pairs
        return near_duplicates(self.frame, self.content, kind=self.kind)

    @cached_property
    def table(self) -> Table:
        """What the value checks look at: all columns but the label."""
        return table_of(self.frame, leave_out=(self.label_column,))

    @cached_property
    def filled(self) -> npt.NDArray[np.bool_]:
        """Whether any content cell is filled, bool (n,): two empty rows are not duplicates."""
        if not self.content:
            return np.ones(len(self.frame), dtype=bool)
        present = self.frame[list(self.content)].notna().any(axis=1)
        return np.asarray(present.to_numpy(), dtype=bool)

    @cached_property
    def keys(self) -> npt.NDArray[np.str_]:
        """What makes the content of rows exactly the same, str (n,)."""
        return exact_keys(self.frame, self.content)

    @cached_property
    def first_rows(self) -> npt.NDArray[np.int64]:
        """The earliest row with the same content, int (n,); itself where content is none."""
        keys = pd.Series(self.keys)
        first = keys.map(pd.Series(keys.index, index=keys).groupby(level=0).min()).to_numpy()
        return np.where(self.filled, first, np.arange(len(keys))).astype(np.int64)

    @cached_property
    def crowd(self) -> pd.DataFrame:
        """The annotations as `crowd_of` gives them, worked out once. Not to be written to."""
        return crowd_of(self)

    def on_side(self) -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.bool_]]:
        """Which rows train and which measure, bool (n,) each; all do both where nothing is said."""
        if self.side is None:
            everywhere = np.ones(len(self.frame), dtype=bool)
            return everywhere, everywhere
        trains = np.asarray(self.side == POOL, dtype=bool)
        return trains, ~trains & np.asarray(pd.notna(self.side), dtype=bool)

    @property
    def seconds(self) -> pd.Series[Any] | None:
        """How long the answers took, where that is known."""
        return self._of_answers("seconds")

    @property
    def order(self) -> pd.Series[Any] | None:
        """When the answers were given, where that is known."""
        return self._of_answers("order")

    def _of_answers(self, column: str) -> pd.Series[Any] | None:
        if self.annotations is None or column not in self.annotations:
            return None
        return self.annotations[column].dropna()

    @property
    def repeated_answers(self) -> pd.DataFrame | None:
        """The answers that somebody had given to the same item before."""
        if self.annotations is None:
            return None
        given = self.annotations.dropna(subset=["item_id", "annotator", "label"])
        return given[given.duplicated(["item_id", "annotator"])]

    def has(self, need: str) -> bool:
        """Whether an attribute is there and not empty."""
        value = getattr(self, need)
        size = value.shape[0] if hasattr(value, "shape") else len(value or ())
        return bool(size)


@dataclass(frozen=True)
class Findings:
    """What a check found: row positions (-1 = the table), a score in [0, 1] and a sentence each.

    `column` is one name for all, or one each. `summary` is a sentence about all of them. `subjects`
    says of each finding about the table what it is about (a class, a person), in words that stay
    the same while its figures move: by them it is known again.
    """

    rows: Sequence[int] | npt.NDArray[np.int64] = ()
    scores: Sequence[float] | npt.NDArray[np.float64] = ()
    messages: Sequence[str] = ()
    column: str | Sequence[str] = ""
    summary: str = ""
    subjects: Sequence[str] = ()


def crowd_of(dataset: Dataset) -> pd.DataFrame:
    """The annotations of items of the dataset, `item_id` as `item`, with two more columns.

    `row` is the item's first row; `length` the characters of its content, if there is any.
    """
    columns = ["item_id", "annotator", "label"]
    given = pd.DataFrame(columns=columns) if dataset.annotations is None else dataset.annotations
    first: dict[Any, int] = {}
    for row, item in enumerate(dataset.item_id):
        first.setdefault(item, row)
    rows = np.array([first.get(item, -1) for item in given["item_id"]], dtype=np.int64)
    known = given.assign(row=rows)[rows >= 0].rename(columns={"item_id": "item"})
    if dataset.content:
        known["length"] = lengths(dataset.frame.iloc[known["row"]], dataset.content)
    return known.reset_index(drop=True)
