"""Calibration: a model that is too sure is found, one that is not stays unsuspected."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from labeling import reliability, rounds
from labeling.core import calibration
from labeling.core.comparison import wilson
from labeling.fits import Fits
from labeling.store import rounds as store
from labeling.versions import Snapshot
from tests.factories import answer_queue, make_project, text_frame, truth_of

FRAME = text_frame(160)
Truth = Callable[[np.ndarray], np.ndarray]


def sharp(p: np.ndarray) -> np.ndarray:
    """How often a model is right whose log odds are twice what they should be."""
    return np.asarray(1 / (1 + np.sqrt((1 - p) / p)))


def honest(p: np.ndarray) -> np.ndarray:
    return p


def answers(n: int, truth: Truth, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """What a model says of `n` items, and where it is right."""
    rng = np.random.default_rng(seed)
    said = np.clip(1 - rng.beta(1.2, 4, n), 0.3, 0.999)
    return said, rng.random(n) < truth(said)


def found(n: int, truth: Truth, seed: int) -> calibration.Calibration:
    out = calibration.calibration(*answers(n, truth, seed), np.random.default_rng(seed))
    assert out is not None
    return out


def test_a_model_that_is_too_sure_is_found_and_an_honest_one_is_not() -> None:
    too_sure, fair = found(600, sharp, 0), found(600, honest, 0)
    assert too_sure.error.low > 0.02
    assert too_sure.overconfidence > 0.05
    assert fair.error.low == 0
    assert "surer than it is right" in reliability.in_words(too_sure)
    assert "may be as sure as it should be" in reliability.in_words(fair)


@pytest.mark.parametrize("truth", [honest, sharp])
def test_the_interval_holds_the_true_error_and_the_common_estimate_is_too_high(
    truth: Truth,
) -> None:
    said, _ = answers(200_000, truth, 99)
    own = calibration.bins(said)
    gap = truth(said) - said
    true = sum((own == k).mean() * abs(gap[own == k].mean()) for k in range(10))
    runs = [found(300, truth, seed) for seed in range(80)]
    inside = [run.error.low <= true <= run.error.high for run in runs]
    assert np.mean(inside) > 0.88
    off = np.mean([run.error.value for run in runs]) - true
    assert abs(off) < np.mean([run.raw for run in runs]) - true, "nearer than the common estimate"


def test_bins_have_equal_mass_and_keep_equal_words_together() -> None:
    said, _ = answers(300, honest, 1)
    assert np.bincount(calibration.bins(said)).tolist() == [30] * 10
    rounded = said.round(1)
    own = calibration.bins(rounded)
    assert all(len(set(own[rounded == value])) == 1 for value in rounded)
    assert set(calibration.bins(np.full(50, 0.7))) == {0}
    assert len(set(calibration.bins(said[:40]))) == 2, "few items make few bins"


def test_the_table_counts_every_item_once_with_wilsons_bounds() -> None:
    said, right = answers(200, sharp, 2)
    table = calibration.reliability(said, right)
    assert list(table.columns) == calibration.COLUMNS
    assert table["n"].sum() == 200
    assert (table["n"] * table["right"]).sum() == right.sum()
    assert (table["said"].diff().dropna() > 0).all()
    last = table.iloc[-1]
    assert (last["low"], last["high"]) == wilson(last["n"] * last["right"], int(last["n"]))


def test_nothing_is_said_of_no_items() -> None:
    none = np.empty(0), np.empty(0, dtype=bool)
    assert calibration.calibration(*none, np.random.default_rng(0)) is None


def test_a_rounds_reliability_comes_from_its_stored_predictions_on_gold(tmp_path: Path) -> None:
    with make_project(tmp_path / "p.db", FRAME, settings={"gold_per_batch": "40"}) as made:
        answer_queue(made, truth_of(FRAME))
        rounds.close_round(made)
        first = store.every(made.db)[0]
        assert reliability.of_round(Fits(Snapshot(made)), first) is None, "gold is scarce"
        answer_queue(made, truth_of(FRAME))
        fits = Fits(Snapshot(made))
        found = reliability.of_round(fits, first)
        assert found is not None
        assert not fits.new, "nothing was trained"
        assert found.table["n"].sum() == len(fits.snapshot.gold()) == 50
        again = reliability.of_round(Fits(Snapshot(made)), first)
        assert again is not None
        assert again.error == found.error
        assert reliability.table(made).equals(found.table)
