"""Ruler moves: what correcting the gold does to a headline is never called an improvement."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from labeling import impact, round_report, rounds, ruler_moves
from labeling.errors import InputError
from labeling.fits import Fits
from labeling.project import Project
from labeling.store import rounds as store
from labeling.versions import Snapshot
from tests.factories import (
    by_file,
    make_project,
    more_rows,
    reservoir_answers,
    text_frame,
    truth_of,
)

OTHER = {"긍정": "부정", "부정": "긍정"}


def correct_gold(into: Project, n: int) -> dict[str, str]:
    """Turn some gold labels around; what they are now."""
    turned = {i: OTHER[label] for i, label in list(Snapshot(into).gold().items())[:n]}
    rows = [(item, "ann", label) for item, label in turned.items()]
    by_file(into, pd.DataFrame(rows, columns=["item", "who", "label"], dtype=object))
    assert turned.items() <= Snapshot(into).gold().items()
    return turned


def right(of: Project, round_no: int, gold: dict[str, str]) -> np.ndarray:
    """Where a round's model agrees with some labels."""
    fits = Fits(Snapshot(of))
    closed = [r for r in store.every(of.db) if r.round_no == round_no]
    snapshot, (codes,) = fits.snapshot, impact.predictions(fits, closed)
    row = {snapshot.items[r].item_id: n for n, r in enumerate(snapshot.reservoir)}
    return np.array([codes[row[i]] == snapshot.code[label] for i, label in gold.items()])


def test_a_tenth_of_gold_relabelled_with_the_same_model_is_all_ruler(copy: Project) -> None:
    before = Snapshot(copy).gold()
    turned = correct_gold(copy, len(before) // 10)
    rounds.close_round(copy)
    found = ruler_moves.measure(copy)
    assert found is not None and (found.first, found.last) == (2, 3)
    assert (found.corrected, found.gone, found.grown) == (len(turned), 0, 0)
    headline = right(copy, 3, before | turned).mean() - right(copy, 2, before).mean()
    assert headline != 0
    assert found.split.model.value == 0
    assert found.split.ruler.value == pytest.approx(headline)
    assert found.split.ruler.low < headline < found.split.ruler.high
    assert "the model +0.0" in found.in_words()
    assert f"{len(turned)} gold labels were corrected" in found.in_words()


def test_model_and_ruler_add_up_to_the_movement_of_the_headline(copy: Project) -> None:
    before = Snapshot(copy).gold()
    after = before | correct_gold(copy, 4)
    found = ruler_moves.measure(copy, first=1, last=2)
    assert found is not None
    split, headline = found.split, right(copy, 2, after).mean() - right(copy, 1, before).mean()
    assert split.headline == pytest.approx(headline)
    assert split.model.value + split.ruler.value == pytest.approx(headline)
    assert split.ruler.value != 0


def test_gold_that_only_grew_has_no_bar(copy: Project) -> None:
    assert ruler_moves.measure(copy) is None
    grow(copy)
    assert ruler_moves.measure(copy) is None


def grow(into: Project) -> None:
    """An import whose whole reservoir is answered: more gold that nobody chose."""
    frame, n = text_frame(40, seed=9, korean=True), len(Snapshot(into).gold())
    more_rows(into, frame, reserve=0.5)
    truth = truth_of(frame, text_frame(110, korean=True), text_frame(16, seed=3, korean=True))
    answers, known = reservoir_answers(into, truth), set(Snapshot(into).gold())
    by_file(into, answers[~answers["item"].isin(known)])
    assert len(Snapshot(into).gold()) >= n + 15


def test_what_grew_has_no_part_in_the_rulers_bar(copy: Project) -> None:
    turned = correct_gold(copy, 3)
    grow(copy)
    found = ruler_moves.measure(copy)
    assert found is not None and found.grown >= 15 and found.corrected == 3
    old = {item: OTHER[label] for item, label in turned.items()}
    moved = [right(copy, k, turned).sum() - float(right(copy, k, old).sum()) for k in (1, 2)]
    assert found.split.ruler.value == pytest.approx(np.mean(moved) / found.n_gold)


def test_two_closed_rounds_are_needed(copy: Project, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="expected two closed rounds"):
        ruler_moves.measure(copy, first=1, last=9)
    with make_project(tmp_path / "p.db", text_frame(40)) as young:
        assert ruler_moves.measure(young) is None


def test_the_report_of_the_round_tells_it_and_draws_it_hatched(copy: Project) -> None:
    assert "ruler" not in round_report.drawings(copy)
    correct_gold(copy, len(Snapshot(copy).gold()) // 10)
    rounds.close_round(copy)
    found = ruler_moves.measure(copy)
    assert found is not None
    page = round_report.build(copy)
    assert "gold labels were corrected" in page
    drawn = round_report.drawings(copy)["ruler"]
    assert drawn == round_report.ruler_drawing(found)
    assert "hatched: the ruler moved" in drawn and "url(#" in drawn
