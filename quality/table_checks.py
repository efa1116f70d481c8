"""Checks on the table as a whole: thin slices, balance, drift, outliers (B4xx, R5xx, O601)."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from quality import balance, outliers
from quality.drift import drift
from quality.findings import TABLE, Dataset, Findings

Bools = npt.NDArray[np.bool_]

UNBALANCED = 10.0
FEWEST_LABELS = 50
ODD = 1e-5


def thin_slices(dataset: Dataset) -> Findings:
    """Slices of the table with too few labels to say anything about (`balance.slice_table`).

    score = the share of five labels that it has.
    """
    assert dataset.label is not None
    table = balance.slice_table(dataset.frame, dataset.label, _columns(dataset))
    found = table[table["thin"]]
    messages = [
        f"Slice {row.column} = {row.slice}: {row.k} of {row.n:,} rows have a label, "
        f"{row.share:.0%} [{row.low:.0%}, {row.high:.0%}]; under {balance.FEW} labels nothing can "
        "be learned or checked."
        for row in found.itertuples()
    ]
    scores = found["k"].to_numpy() / balance.FEW
    subjects = [f"{row.column}={row.slice}" for row in found.itertuples()]
    columns = list(found["column"])
    return Findings([TABLE] * len(found), scores, messages, columns, subjects=subjects)


def rare_classes(dataset: Dataset) -> Findings:
    """Classes surely ten times as rare as the most frequent one; score = their share times ten.

    Asked from fifty labels on; both ends of the intervals count.
    """
    assert dataset.label is not None
    shares = balance.class_shares(dataset.label, dataset.classes)
    if shares["n"].sum() < FEWEST_LABELS or len(shares) < 2:
        return Findings()
    top = shares.iloc[0]
    found = shares[shares["high"] * UNBALANCED <= top["low"]]
    messages = [
        f"Class '{row.label}' is {row.share:.1%} [{row.low:.1%}, {row.high:.1%}] of the labels, "
        f"'{top['label']}' {top['share']:.1%}."
        for row in found.itertuples()
    ]
    scores = found["share"].to_numpy() * UNBALANCED
    column, subjects = dataset.label_column, [str(name) for name in found["label"]]
    return Findings([TABLE] * len(found), scores, messages, column, subjects=subjects)


def drifted_columns(dataset: Dataset) -> Findings:
    """Columns in which the newest import differs from those before; score = 1 - effect."""
    new, newest = _newest(dataset.imports)
    table = drift(dataset.frame, new, columns=_columns(dataset))
    return _drifted(table, f"since import {newest}")


def drifted_classes(dataset: Dataset) -> Findings:
    """Class shares of the newest import that differ from those before; score = 1 - effect."""
    new, newest = _newest(dataset.imports)
    table = drift(dataset.frame, new, label=_labels(dataset))
    return _drifted(table, f"since import {newest}", column=dataset.label_column)


def drifted_rounds(dataset: Dataset) -> Findings:
    """Class shares and model confidence of the last round beside the rounds before.

    Batches are chosen, so such drift need not be wrong; score = 1 - effect.
    """
    assert dataset.rounds is not None
    asked = np.asarray(dataset.rounds) >= 0
    new, newest = _newest(np.asarray(dataset.rounds)[asked])
    confidence = None if dataset.proba is None else dataset.proba.max(axis=1)[asked]
    frame = dataset.frame[asked].reset_index(drop=True)
    table = drift(frame, new, label=_labels(dataset)[asked], confidence=confidence)
    return _drifted(table, f"in round {newest}", column=dataset.label_column)


def odd_rows(dataset: Dataset) -> Findings:
    """Rows farther from their neighbours than chance would put them; score = how rarely it does."""
    scores = outliers.oddness(dataset.features)
    rows = np.flatnonzero(scores < ODD)
    rows = rows[np.argsort(scores[rows], kind="stable")]
    messages = ["Unlike all other rows: its nearest neighbours are far away."] * len(rows)
    return Findings(rows, scores[rows], messages)


def _columns(dataset: Dataset) -> list[str]:
    return [str(c) for c in dataset.frame.columns if c != dataset.label_column]


def _labels(dataset: Dataset) -> npt.NDArray[Any]:
    given = np.array(dataset.label, dtype=object)
    given[pd.isna(given)] = None
    return given


def _newest(groups: Any) -> tuple[Bools, int]:
    """Which rows are of the newest group, and its number; none if there is no other."""
    numbers = np.asarray(groups)
    newest = int(numbers.max()) if len(numbers) else 0
    return np.asarray(numbers == newest, dtype=bool), newest


def _drifted(table: pd.DataFrame, when: str, *, column: str = "") -> Findings:
    found = table[table["drift"]]
    messages = [
        f"Drift {when}: {row.column} ({row.aspect}): {row.message}; "
        f"effect {row.effect:.2f} of at most 1."
        for row in found.itertuples()
    ]
    scores = 1.0 - found["effect"].to_numpy(dtype=np.float64)
    columns = [column or str(name) for name in found["column"]]
    subjects = [f"{row.column} ({row.aspect})" for row in found.itertuples()]
    return Findings([TABLE] * len(found), scores, messages, columns, subjects=subjects)
