"""Table columns as features: numbers scaled, few values one-hot, free text as texts are.

Cells are strings or None. Which columns are what is read off all rows once; the rest is
scikit-learn's own steps.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from labeling.core import texts

MAX_LEVELS = 50
NUMERIC_SHARE = 0.98
MISSING_WORDS = frozenset({"", "?", "na", "n/a", "nan", "null", "none", "-"})
FARTHEST = 3.0  # standard deviations: a single huge value neither leads nor spreads a batch
NUMBER, CATEGORY, TEXT = "number", "category", "text"


def as_numbers(values: pd.Series) -> pd.Series | None:
    """The column as float64 with NaN for gaps, or None when it holds words. Infinity is a gap.

    A few odd cells do not turn a numeric column into text: they become gaps.
    """
    numbers, known = _parsed(values)
    if numbers.notna().sum() < NUMERIC_SHARE * known or not np.isfinite(numbers).any():
        return None
    return numbers.where(np.isfinite(numbers))


def _parsed(values: pd.Series) -> tuple[pd.Series, int]:
    """Every cell as a number where it is one, and how many cells hold anything."""
    words = values.map(lambda v: None if v is None else str(v).strip().lower())
    filled = words.where(~words.isin(MISSING_WORDS), None)
    return pd.to_numeric(filled, errors="coerce").astype("float64"), int(filled.notna().sum())


def kinds(frame: pd.DataFrame, columns: Sequence[str]) -> dict[str, str]:
    """What each column is: number, category or text."""
    return {column: _kind(frame[column]) for column in columns}


def _kind(values: pd.Series) -> str:
    if as_numbers(values) is not None:
        return NUMBER
    return CATEGORY if values.fillna("").astype(str).nunique() <= MAX_LEVELS else TEXT


def prepared(frame: pd.DataFrame, kinds: Mapping[str, str]) -> pd.DataFrame:
    """The columns as the steps take them: float64 with gaps, or strings."""
    read = {
        column: _numbers(frame[column])
        if kind == NUMBER
        else frame[column].fillna("").astype(str).astype(object)
        for column, kind in kinds.items()
    }
    return pd.DataFrame(read, columns=list(kinds), index=frame.index)


def _numbers(values: pd.Series) -> pd.Series:
    """Numbers small enough for their squares: beyond 1e100 nothing is measured any more."""
    numbers, _ = _parsed(values)
    return numbers.where(np.isfinite(numbers)).clip(-1e100, 1e100)


def learn(chunks: Callable[[], Iterable[pd.DataFrame]], rows: int) -> Any:
    """The step from prepared columns to features, learned without labels."""
    from sklearn.compose import ColumnTransformer

    whole = pd.concat(list(chunks()))
    steps = [(str(name), *_step(whole[name], name)) for name in whole.columns]
    return ColumnTransformer(steps, sparse_threshold=1.0).fit(whole)


def _step(values: pd.Series, name: str) -> tuple[Any, Any]:
    """What a column goes through, and how it is taken: texts as a list, the rest as a table."""
    from sklearn.preprocessing import OneHotEncoder

    if pd.api.types.is_float_dtype(values.dtype):
        return _number_step(values), [name]
    if values.nunique() <= MAX_LEVELS:
        return OneHotEncoder(handle_unknown="ignore"), [name]
    return _text_step(values), name


def _number_step(values: pd.Series) -> Any:
    from sklearn.impute import MissingIndicator, SimpleImputer
    from sklearn.pipeline import FeatureUnion, Pipeline
    from sklearn.preprocessing import FunctionTransformer, StandardScaler

    filled = SimpleImputer(strategy="median", keep_empty_features=True)
    clipped = FunctionTransformer(np.clip, kw_args={"a_min": -FARTHEST, "a_max": FARTHEST})
    scaled = Pipeline([("gaps", filled), ("scale", StandardScaler()), ("clip", clipped)])
    if not values.isna().any():
        return scaled
    return FeatureUnion([("number", scaled), ("missing", MissingIndicator(features="all"))])


def _text_step(values: pd.Series) -> Any:
    from sklearn.pipeline import Pipeline

    counts = texts.hash_terms(values.tolist())
    learned = texts.learn(lambda: [counts], len(values))
    return Pipeline([("terms", texts.hashers()), ("learned", learned)])
