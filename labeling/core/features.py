"""Features: the content of items in, a matrix out. Nothing here needs a network or a tokenizer."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

KINDS = ("text", "columns", "image")
MAX_LEVELS = 50
NUMERIC_SHARE = 0.98
MISSING_WORDS = frozenset({"", "?", "na", "n/a", "nan", "null", "none", "-"})
IMAGE_SIDE = 28


@dataclass(frozen=True)
class Content:
    """What is shown and learned from: one text column, several table columns, or an image."""

    kind: str
    columns: tuple[str, ...]

    def __post_init__(self) -> None:
        if self.kind not in KINDS or not self.columns:
            raise ValueError(f"content needs a kind of {KINDS} and a column, found {self}")


def text_features(frame: pd.DataFrame, columns: Sequence[str]) -> Any:
    """TF-IDF of words and of characters inside words, CSR float64 (rows, terms).

    Characters (1 to 4) carry Korean, which is written without a stable space between morphemes.
    """
    from scipy.sparse import csr_matrix, hstack
    from sklearn.feature_extraction.text import TfidfVectorizer

    texts = frame[list(columns)].fillna("").agg(" ".join, axis=1) if len(columns) > 1 else None
    values = (frame[columns[0]].fillna("") if texts is None else texts).astype(str).tolist()
    rare = 2 if len(values) >= 200 else 1
    parts = [
        TfidfVectorizer(
            ngram_range=(1, 2), sublinear_tf=True, min_df=rare, token_pattern=r"(?u)\b\w+\b"
        ),
        TfidfVectorizer(analyzer="char_wb", ngram_range=(1, 4), sublinear_tf=True, min_df=rare),
    ]
    matrices = []
    for vectorizer in parts:
        try:
            matrices.append(vectorizer.fit_transform(values))
        except ValueError:  # no term at all: every text is blank or shorter than a term
            continue
    if not matrices:
        return csr_matrix((len(values), 1))
    return hstack(matrices, format="csr")


def as_numbers(values: pd.Series) -> pd.Series | None:
    """The column as float64 with NaN for blanks, or None if it is not numeric."""
    words = values.astype("object").map(lambda v: None if v is None else str(v).strip().lower())
    filled = words.where(~words.isin(MISSING_WORDS), None)
    numbers = pd.to_numeric(filled, errors="coerce").astype("float64")
    known, finite = int(filled.notna().sum()), numbers.where(np.isfinite(numbers))
    if numbers.notna().sum() < NUMERIC_SHARE * known or not finite.notna().any():
        return None
    return finite


def _number_columns(numbers: pd.Series) -> Any:
    missing = numbers.isna().to_numpy()
    filled = numbers.fillna(numbers.median()).to_numpy()
    filled = filled / max(1.0, np.abs(filled).max())  # so that no square overflows
    spread = filled.std()
    scaled = (filled - filled.mean()) / (spread if spread > 1e-12 else 1.0)
    return np.column_stack([scaled, missing]) if missing.any() else scaled[:, None]


def column_features(frame: pd.DataFrame, columns: Sequence[str]) -> Any:
    """Numbers scaled, few-valued columns one-hot, free text TF-IDF; CSR float64 (rows, terms)."""
    from scipy.sparse import csr_matrix, hstack

    parts = []
    for column in columns:
        numbers = as_numbers(frame[column])
        if numbers is not None:
            parts.append(csr_matrix(_number_columns(numbers)))
            continue
        values = frame[column].fillna("").astype(str)
        if values.nunique() <= MAX_LEVELS:
            parts.append(csr_matrix(pd.get_dummies(values, dtype=float).to_numpy()))
        else:
            parts.append(text_features(frame, [column]))
    return hstack(parts, format="csr")


def image_features(frame: pd.DataFrame, columns: Sequence[str]) -> Any:
    """Grey pixels of a 28 x 28 thumbnail in [0, 1], CSR (rows, 784). Cells hold encoded bytes."""
    from PIL import Image
    from scipy.sparse import csr_matrix

    def pixels(data: bytes) -> np.ndarray:
        with Image.open(io.BytesIO(data)) as image:
            small = image.convert("L").resize((IMAGE_SIDE, IMAGE_SIDE))
        return np.asarray(small, dtype=np.float64).ravel() / 255.0

    return csr_matrix(np.vstack([pixels(cell) for cell in frame[columns[0]]]))


FEATURES: dict[str, Callable[[pd.DataFrame, Sequence[str]], Any]] = {
    "text": text_features,
    "columns": column_features,
    "image": image_features,
}


def matrix(frame: pd.DataFrame, content: Content) -> Any:
    """The feature matrix of `frame`, CSR float64 (rows, terms), learned without any label."""
    if frame.empty:
        from scipy.sparse import csr_matrix

        return csr_matrix((0, 1))
    return FEATURES[content.kind](frame, content.columns)
