"""Vectors that the user brings (embeddings): how they join what is read off the content.

All is learned from the rows themselves, without a label, and gives the same bits each time.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.floating[Any]]
Bools = npt.NDArray[np.bool_]

VERSION = 1  # of what is made of vectors: another number makes every stored matrix void
FLAT = 1e-6  # of a column's largest number: what spreads less is rounding
LOUDEST = 4.0  # times the median column's spread
ALONE = 2.0  # the typical length of a row of vectors alone, about that of a text's own features


def joined(content: Any, rows: Floats, known: Bools) -> Any:
    """Features of the content with the vectors beside them, float32 (rows, terms + dims + 1).

    `content` is CSR or dense, and so is what comes back; `rows` are float32 (rows, dims), and
    `known` says which of them are vectors at all. Both sides have the same typical length (root
    mean square over rows), so that neither drowns the other.
    """
    length = typical_length(content)
    beside = scaled(rows, known, length=length if length > 0 else ALONE)
    if not hasattr(content, "tocsr"):
        return np.concatenate([np.asarray(content, dtype=np.float32), beside], axis=1)
    from scipy.sparse import csr_matrix, hstack

    return hstack([content, csr_matrix(beside)], format="csr", dtype=np.float32)


def scaled(rows: Floats, known: Bools, *, length: float = ALONE) -> npt.NDArray[np.float32]:
    """Vectors as features, float32 (rows, dims + 1), dense.

    Each column is centred over the known rows, and a loud one is drawn in, so that no dimension
    rules; then each row has the given length. (To divide every column by its spread measured
    worse.) A row that is not known is 0, and carries the mark (`length`) in the last column, which
    is 0 for all others.
    """
    found = np.zeros((len(rows), rows.shape[1] + 1), dtype=np.float32)
    found[~known, -1] = length
    if known.any():
        found[known, :-1] = _unit(_levelled(rows[known])) * np.float32(length)
    return found


def _levelled(rows: Floats) -> npt.NDArray[np.float32]:
    """Columns of mean 0, none more than `LOUDEST` times as wide as the median one.

    Columns that hardly spread are 0. Large numbers are safe.
    """
    largest = float(np.abs(rows).max(initial=0.0)) or 1.0
    small = rows / np.float32(largest)
    centre = small.mean(axis=0, dtype=np.float64)
    spread = small.std(axis=0, dtype=np.float64)
    told = spread > FLAT * np.abs(small).max(axis=0, initial=0.0)
    most = LOUDEST * float(np.median(spread[told])) if told.any() else 0.0
    factors = np.where(told, np.minimum(1.0, most / np.where(told, spread, 1.0)), 0.0)
    return np.asarray((small - centre.astype(np.float32)) * factors.astype(np.float32))


def _unit(rows: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Rows of length 1; a row of zeros stays as it is."""
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    return np.asarray(rows / np.where(lengths > 0, lengths, 1.0), dtype=np.float32)


def typical_length(features: Any) -> float:
    """The root mean square of the rows' lengths, CSR or dense; 0 for no rows."""
    squared = features.multiply(features) if hasattr(features, "multiply") else np.square(features)
    return float(np.sqrt(squared.sum(dtype=np.float64) / max(1, features.shape[0])))
