"""Points per hour: kinds are pooled as far as they deserve, and advice gets better with work."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks import data_work
from benchmarks.data_work import KINDS
from labeling.core import efficiency
from labeling.core.efficiency import Work


def test_after_ten_rounds_advice_is_worth_more_than_choosing_blindly() -> None:
    """METHODS F1: its regret is at most half of that of uniform choice."""
    told = [data_work.regrets(seed, spread=2.0, error=0.8) for seed in range(60)]
    advised, _, blind = np.mean(told, axis=0)
    assert advised <= 0.5 * blind


@pytest.mark.parametrize("spread", [0.5, 2.0])
def test_pooled_rates_are_nearer_the_truth_than_raw_ones(spread: float) -> None:
    """METHODS F2, in 200 simulated projects; the intervals cover what they promise."""
    off = np.concatenate([data_work.errors(s, spread=spread, error=1.0) for s in range(200)])
    raw, pooled, covered = off.T
    assert (pooled**2).mean() < (raw**2).mean()
    assert covered.mean() == pytest.approx(0.95, abs=0.03)


def test_a_kind_measured_once_and_badly_is_drawn_to_the_others() -> None:
    done = [Work("correct", 2.0, 0.2, 1.0), Work("dedupe", 2.2, 0.2, 1.0)]
    done += [Work("repair", 1.8, 0.2, 1.0), Work("model", 9.0, 6.0, 1.0)]
    found = {r.kind: r for r in efficiency.rates(done, KINDS, np.random.default_rng(0))}
    assert found["model"].raw == pytest.approx(9.0)
    assert 1.0 < found["model"].pooled.value < 5.0
    assert found["correct"].pooled.value == pytest.approx(2.0, abs=0.1)
    assert found["add random"].raw is None


def test_the_unit_of_time_does_not_change_the_advice() -> None:
    done = [Work("correct", 2.0, 0.5, 1.0), Work("dedupe", 0.5, 0.5, 2.0)]
    fast = [work._replace(hours=work.hours / 60) for work in done]
    slow_rates, fast_rates = (
        efficiency.rates(each, KINDS, np.random.default_rng(1)) for each in (done, fast)
    )
    for slow, quick in zip(slow_rates, fast_rates, strict=True):
        assert quick.pooled.value == pytest.approx(60 * slow.pooled.value)
        assert quick.best == slow.best


def test_changes_of_one_kind_that_contradict_each_other_are_not_taken_for_certain() -> None:
    steady = [Work("correct", 2.0, 0.1, 1.0)] * 2
    torn = [Work("correct", points, 0.1, 1.0) for points in (0.0, 4.0)]
    widths = []
    for done in (steady, torn):
        first = efficiency.rates(done, ["correct"], np.random.default_rng(2))[0]
        widths.append(first.pooled.high - first.pooled.low)
    assert widths[1] > 5 * widths[0]


def test_kinds_that_were_never_measured_are_tried() -> None:
    done = [Work("correct", 1.0, 0.3, 1.0)]
    seen = {efficiency.advise(done, KINDS, np.random.default_rng(s)).kind for s in range(60)}
    assert seen == set(KINDS)


def test_what_clearly_pays_best_is_advised_and_said_so() -> None:
    done = [Work("correct", 9.0, 0.3, 1.0)] * 3
    done += [Work(kind, 0.1, 0.3, 1.0) for kind in KINDS if kind != "correct"] * 3
    advice = efficiency.advise(done, KINDS, np.random.default_rng(3))
    assert advice.kind == "correct"
    assert advice.words.startswith("correct: very likely what pays best, +")
    assert "points an hour [" in advice.words


def test_work_without_hours_or_error_teaches_nothing() -> None:
    done = [Work("correct", 9.0, 0.3, 0.0), Work("dedupe", 9.0, 0.0, 1.0)]
    assert efficiency.advise(done, KINDS, np.random.default_rng(4)).words.endswith(
        "nothing has been measured yet, so any kind of work is worth a try."
    )
    assert all(r.raw is None for r in efficiency.rates(done, KINDS, np.random.default_rng(4)))
