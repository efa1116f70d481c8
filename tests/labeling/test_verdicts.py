"""Verdicts: what means nothing is seldom "real", what means something usually is."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest

from labeling.core import attribution, comparison, verdicts, verified
from labeling.core.comparison import Interval
from labeling.core.verified import Verified
from tests.simulated import messages, right

GOLD, TRAINING, DROPPED, PLACEBOS = 2000, 120, 20, 20


def without(rng: np.random.Generator, n: int, *, dropped: int = DROPPED) -> np.ndarray:
    """Training rows with some dropped at random."""
    return np.sort(rng.choice(n, size=n - dropped, replace=False))


@cache
def random_drops(seed: int, n_gold: int, draws: int) -> tuple[np.ndarray, np.ndarray]:
    """Who is right with all rows, bool (gold,), and after each of many random drops."""
    rng = np.random.default_rng(seed)
    x, y = messages(rng, TRAINING)
    gold = messages(rng, n_gold)
    kept = [without(rng, TRAINING) for _ in range(draws)]
    return right(x, y, gold), np.array([right(x[rows], y[rows], gold) for rows in kept])


def test_true_placebos_are_seldom_real_and_without_a_band_often() -> None:
    banded, bare = [], []
    for seed in range(20):
        before, after = random_drops(seed, GOLD, 5 + PLACEBOS)
        effects = (after.mean(axis=1) - before.mean()).tolist()
        band = attribution.placebo_band(effects[5:])
        for drop in after[:5]:
            found = comparison.agresti_min(before, drop)
            says = [comparison.verdict(found, n=GOLD, band=b) for b in (band, 0.0)]
            banded.append(says[0] == "real")
            bare.append(says[1] == "real")
    assert len(banded) == 100
    assert np.mean(banded) <= 0.06
    assert np.mean(bare) >= 0.10


def rare_class_labelled(seed: int) -> tuple[str, float]:
    """What is said of the first labels of a rare class on gold 500, and what they are worth."""
    rng = np.random.default_rng([7, seed])
    x, y = messages(rng, 300)
    gold, future = messages(rng, 500), messages(rng, 4000)
    known = y != 3
    before, after = right(x[known], y[known], gold), right(x, y, gold)
    effects = []
    for _ in range(PLACEBOS):
        rows = np.flatnonzero(known)[without(rng, known.sum(), dropped=int((~known).sum()))]
        effects.append(float(right(x[rows], y[rows], gold).mean() - before.mean()))
    found = comparison.agresti_min(before, after)
    said = comparison.verdict(found, n=500, band=attribution.placebo_band(effects))
    return said, right(x, y, future).mean() - right(x[known], y[known], future).mean()


def test_a_planted_gain_of_three_points_is_mostly_real() -> None:
    said, worth = zip(*(rare_class_labelled(seed) for seed in range(60)), strict=True)
    assert np.mean(worth) == pytest.approx(0.03, abs=0.005)
    assert np.mean([each == "real" for each in said]) >= 0.8


# -- one report -----------------------------------------------------------------------------------


def credits(*means: float, n: int = 400) -> np.ndarray:
    """Bars whose credits are 1, -1 or 0 by item, with these means."""
    rng = np.random.default_rng(0)
    return np.array([
        rng.permutation(np.repeat([1.0, -1.0, 0.0], [k := round((m + 0.02) * n), 8, n - k - 8]))
        for m in means
    ])  # fmt: skip


def test_the_bars_of_one_report_are_judged_together() -> None:
    """A bar that would stand alone falls among many that mean nothing."""
    weak = 0.025
    alone = verdicts.of_bars(credits(weak), [0.0])
    among = verdicts.of_bars(credits(weak, *[0.0] * 9), [0.0] * 10)
    assert alone[0].verdict == "real"
    assert not among[0].stands and among[0].verdict.startswith("not decided: needs about")
    assert among[0].interval == alone[0].interval, "intervals stay as they are, and it is said"
    assert "Holm" in verdicts.NOTE


def test_a_bar_has_the_words_of_its_band() -> None:
    judged = verdicts.of_bars(credits(0.10, 0.10, 0.10, 0.0), [0.02, 0.12, None, 0.01])
    assert [each.verdict for each in judged[:2]] == ["real", "within placebo"]
    assert judged[2].verdict == "not decided: too few other rows to draw a placebo from"
    assert judged[3].verdict == "within placebo"


def test_reports_without_any_effect_seldom_call_a_bar_real() -> None:
    rng, found = np.random.default_rng(3), []
    for _ in range(400):
        bars = rng.choice([1.0, -1.0, 0.0], size=(6, 200), p=[0.05, 0.05, 0.9])
        found.append(any(j.verdict == "real" for j in verdicts.of_bars(bars, [0.0] * 6)))
    assert np.mean(found) <= 0.06


VERIFIED = Verified(Interval(0.04, 0.01, 0.07), 1000, 100, 40, 300)
OPEN = Verified(Interval(0.04, -0.01, 0.09), 1000, 100, 20, 90)


@pytest.mark.parametrize(
    ("found", "band", "words"),
    [
        (VERIFIED, 0.02, "real"),
        (VERIFIED, 0.05, "within placebo"),
        (VERIFIED, None, "not decided: too few other rows to draw a placebo from"),
        (OPEN, 0.01, "not decided: needs about 29 more verify labels"),
        (Verified(OPEN.interval, 1000, 100, 100, 900), 0.01, "not decided: every disagreement"),
        (Verified(Interval(0, -0.1, 0.1), 1000, 80, 0, 0), 0.0, "not decided: none of the 80"),
        (Verified(Interval(0, -0.003, 0.003), 1000, 0, 0, 0), 0.0, "within placebo"),
    ],
)
def test_a_verified_gain_has_the_words_of_methods(
    found: Verified, band: float | None, words: str
) -> None:
    assert verdicts.of_verified([found], [band])[0].verdict.startswith(words)


def test_the_labels_that_an_open_verdict_asks_for_are_those_of_the_plan() -> None:
    planned = verified.plan(0.04, n_differ=100, n_rows=1000)
    assert planned.labels == OPEN.n_labels + 29


def test_the_p_of_a_verified_gain_goes_with_its_interval() -> None:
    edge = Verified(Interval(0.04, 0.0, 0.08), 1000, 100, 40, 300)
    assert verdicts.p_value(edge) == pytest.approx(0.05, abs=1e-6)
    assert verdicts.p_value(VERIFIED) < 0.05 < verdicts.p_value(OPEN)
    assert verdicts.p_value(Verified(Interval(0, -0.1, 0.1), 1000, 80, 0, 0)) == 1.0


def test_verified_gains_of_one_report_are_judged_together() -> None:
    weak = Verified(Interval(0.02, 0.001, 0.039), 1000, 100, 60, 300)
    assert verdicts.of_verified([weak], [0.0])[0].verdict == "real"
    many = verdicts.of_verified([weak, *[OPEN] * 6], [0.0] * 7)
    assert many[0].verdict.startswith("not decided")
