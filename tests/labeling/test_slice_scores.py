"""Slice scores: every gold item is in its slices, and a planted weak slice comes first."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from labeling import impact, rounds, slice_scores
from labeling.core import comparison
from labeling.project import Project
from labeling.versions import Snapshot
from tests.factories import (
    answer_queue,
    by_file,
    make_project,
    more_rows,
    reservoir_answers,
    text_frame,
    truth_of,
)


def scores(of: Project) -> pd.DataFrame:
    found = slice_scores.table(of)
    assert found is not None
    return found


def accuracy(of: Project) -> float:
    stored = impact.cached(of, impact.REPORT)
    assert stored is not None
    return float(stored[1]["metrics"][0]["value"])


def test_the_slices_of_a_feature_hold_all_gold_and_add_up_to_the_headline(copy: Project) -> None:
    found, n = scores(copy), len(Snapshot(copy).gold())
    assert set(found["feature"]) == {"class", "characters"}, "the file's own label is the class"
    for _, own in found.groupby("feature"):
        assert own["n"].sum() == n
        assert own["hits"].sum() / n == pytest.approx(accuracy(copy))


def test_bounds_are_wilsons_and_the_worst_slice_of_a_feature_comes_first(copy: Project) -> None:
    found = scores(copy)
    for row in found[found["n"] >= 5].itertuples():
        assert (row.low, row.high) == pytest.approx(comparison.wilson(row.hits, row.n))
        assert row.low <= row.dot <= row.high
    for _, own in found[found["n"] >= 5].groupby("feature", sort=False):
        assert own["dot"].is_monotonic_increasing
    quarters = found[found["feature"] == "characters"]["n"]
    assert len(quarters) == 4 and quarters.max() < 0.5 * quarters.sum()


def test_an_import_of_another_kind_is_a_weak_slice_of_its_own(copy: Project) -> None:
    """Texts in another language whose labels follow nothing that the model has learned."""
    more = text_frame(40, seed=9)
    turned = more.assign(label=np.where(more["label"] == "sport", "긍정", "부정")).astype(object)
    more_rows(copy, turned, reserve=0.5)
    truth = truth_of(turned, text_frame(110, korean=True), text_frame(16, seed=3, korean=True))
    answers, known = reservoir_answers(copy, truth), set(Snapshot(copy).gold())
    by_file(copy, answers[~answers["item"].isin(known)])
    imports = scores(copy).query("feature == 'import'")
    assert imports.iloc[0]["slice"] == "Import more.csv"
    assert imports.iloc[0]["dot"] < imports.iloc[1]["dot"] - 0.2


def test_a_column_with_few_values_makes_slices_and_small_ones_are_only_counted(
    tmp_path: Path,
) -> None:
    frame = text_frame(120)
    frame["shop"] = ["A", "B", None, *["A", "B"] * 58, "rare"]
    frame["price"] = [f"{n}.5" for n in range(120)]
    with make_project(tmp_path / "p.db", frame.astype(object), reserve=0.5) as made:
        assert slice_scores.table(made) is None, "no round is closed"
        truth = truth_of(frame)
        by_file(made, reservoir_answers(made, truth))
        answer_queue(made, truth)
        rounds.close_round(made)
        found = scores(made).query("feature == 'shop'").set_index("slice")
        assert "price" not in set(scores(made)["feature"])
        assert {"A", "B"} <= set(found.index) <= {"A", "B", "rare", slice_scores.EMPTY}
        for row in found[found["n"] < 5].itertuples():
            assert row.words == f"{row.hits}/{row.n}" and np.isnan(row.dot)
        assert (found["n"] < 5).any()
