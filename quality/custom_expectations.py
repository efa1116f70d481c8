"""Expectations of our own, for Great Expectations: importing this module registers them.

A team that runs a suite of ours elsewhere needs `import quality.custom_expectations` before it
loads the suite. They run on pandas. Great Expectations takes seconds to import, and so does this.
"""

from __future__ import annotations

from typing import Any

import great_expectations.expectations.metrics.map_metric_provider as maps
import pandas as pd
from great_expectations.execution_engine import PandasExecutionEngine
from great_expectations.expectations import expectation as kinds
from great_expectations.expectations.metrics import (
    ColumnAggregateMetricProvider,
    column_aggregate_value,
)

from quality.dependencies import departs
from quality.duplicates import exact_keys

ON_PANDAS = {"engine": PandasExecutionEngine}
DOMAIN = ("batch_id", "table", "row_condition", "condition_parser", "ignore_row_if")


class FollowsFromA(maps.ColumnPairMapMetricProvider):
    """Per row: B is the most frequent B among the rows with this A; ties are let be."""

    condition_metric_name = "column_pair_values.b_follows_from_a"
    condition_domain_keys = (*DOMAIN, "column_A", "column_B")
    condition_value_keys = ()

    @maps.column_pair_condition_partial(**ON_PANDAS)
    def _pandas(cls, column_A: pd.Series, column_B: pd.Series, **_: Any) -> pd.Series:
        codes = [pd.factorize(column)[0] for column in (column_A, column_B)]
        return pd.Series(~departs(*codes), index=column_A.index)


class ExpectColumnPairValuesBToFollowFromA(kinds.ColumnPairMapExpectation):
    """Column A says column B, as a zip code says the city: equal in A, equal in B.

    Rows break it whose B is not the most frequent one among the rows with their A.
    """

    ignore_row_if: str = "either_value_is_missing"

    map_metric = "column_pair_values.b_follows_from_a"
    domain_keys = (*DOMAIN, "column_A", "column_B")


class InLabelSet(maps.ColumnMapMetricProvider):
    """Per value: it is a class of the label set, or each of its parts is."""

    condition_metric_name = "column_values.in_label_set"
    condition_value_keys = ("value_set", "separator")

    @maps.column_condition_partial(**ON_PANDAS)
    def _pandas(
        cls,
        column: pd.Series,
        value_set: list[str],
        separator: str | None = None,
        **_: Any,
    ) -> pd.Series:
        classes = {str(name) for name in value_set}
        return column.map(str).map(lambda value: _parts(value, separator) <= classes)


def _parts(value: str, separator: str | None) -> set[str]:
    return {value} if separator is None else {part.strip() for part in value.split(separator)}


class ExpectColumnValuesToBeInLabelSet(kinds.ColumnMapExpectation):
    """Every label is a class of the label set; missing labels are let be.

    With a `separator` a label may be several classes, as in `a|b`.
    """

    value_set: list[Any]
    separator: str | None = None

    map_metric = "column_values.in_label_set"
    success_keys = ("value_set", "separator", "mostly")
    args_keys = ("column", "value_set", "separator")


class CopiesAgree(maps.MulticolumnMapMetricProvider):
    """Per row: all rows with this content (normalised) have this label. Blanks agree with all."""

    condition_metric_name = "multicolumn_values.copies_agree"
    condition_domain_keys = (*DOMAIN, "column_list")
    condition_value_keys = ()

    @maps.multicolumn_condition_partial(**ON_PANDAS)
    def _pandas(cls, column_list: pd.DataFrame, **_: Any) -> pd.Series:
        *content, label = column_list.columns
        keys = pd.Series(exact_keys(column_list, content), index=column_list.index)
        labels = column_list[label]
        several = labels.groupby(keys).transform("nunique") > 1
        filled = column_list[content].notna().any(axis=1) & labels.notna()
        return ~(several & filled)


class ExpectMulticolumnCopiesToAgree(kinds.MulticolumnMapExpectation):
    """Rows with the same content have the same label.

    `column_list`: the columns of the content, then the label's. Content is compared without regard
    to case, width and blanks.
    """

    ignore_row_if: str = "never"

    map_metric = "multicolumn_values.copies_agree"


class RarestValueShare(ColumnAggregateMetricProvider):
    """The share in [0, 1] of the least frequent value; 0 where one of `value_set` is absent."""

    metric_name = "column.rarest_value_share"
    value_keys = ("value_set",)

    @column_aggregate_value(**ON_PANDAS)
    def _pandas(
        cls,
        column: pd.Series,
        value_set: list[Any] | None = None,
        **_: Any,
    ) -> float:
        shares = column.dropna().map(str).value_counts(normalize=True)
        classes = shares.index if value_set is None else [str(name) for name in value_set]
        return float(shares.reindex(classes, fill_value=0.0).min()) if len(classes) else 0.0


class ExpectColumnRarestValueShareToBeBetween(kinds.ColumnAggregateExpectation):
    """The rarest class has a share of the filled rows from `min_value` to `max_value`.

    With a `value_set` its classes alone count, absent ones as 0.
    """

    min_value: float | None = None
    max_value: float | None = None
    value_set: list[Any] | None = None

    metric_dependencies = ("column.rarest_value_share",)
    success_keys = ("min_value", "max_value", "value_set")
    args_keys = ("column", "min_value", "max_value", "value_set")

    def _validate(
        self,
        metrics: dict[str, Any],
        runtime_configuration: dict[str, Any] | None = None,
        execution_engine: Any = None,
    ) -> Any:
        return self._validate_metric_value_between(
            metric_name="column.rarest_value_share",
            metrics=metrics,
            runtime_configuration=runtime_configuration,
            execution_engine=execution_engine,
        )
