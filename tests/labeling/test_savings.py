"""Labels saved: exact on curves that are known, silent where nothing can be said."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd
import pytest

from labeling import simulation
from labeling.core import savings
from labeling.core.comparison import t_interval

STEPS = range(10, 201, 10)


def lines(slopes: dict[str, Sequence[float]], *, full: float = 0.9) -> pd.DataFrame:
    """Curves that rise by `slope` a label from 0, one slope a seed; exact answers are known."""
    rows: list[tuple[str, int, int, str, float]] = []
    for name, own in slopes.items():
        for seed, slope in enumerate(own):
            rows += [(name, seed, n, "accuracy", slope * n) for n in STEPS]
    n_seeds = len(next(iter(slopes.values())))
    rows += [("full", seed, 300, "accuracy", full) for seed in range(n_seeds)]
    return pd.DataFrame(rows, columns=simulation.COLUMNS)


def row_of(curves: pd.DataFrame, name: str, target: float = 0.5) -> pd.Series:
    found = savings.table(curves, [target])
    return found[found["strategy"] == name].iloc[0]


def test_a_curve_crosses_between_its_steps() -> None:
    n_labels = np.array([10, 20, 40])
    values = np.array([0.2, 0.4, 0.8])
    assert savings.crossing(n_labels, values, 0.6) == pytest.approx(30)
    assert savings.crossing(n_labels, values, 0.4) == 20
    assert savings.crossing(n_labels, values, 0.1) == 10, "the first batch is the least"
    assert savings.crossing(n_labels, values, 0.9) == math.inf


def test_a_higher_target_never_takes_fewer_labels() -> None:
    rng = np.random.default_rng(0)
    for _ in range(50):
        values = rng.random(8)
        needed = [savings.crossing(np.arange(8), values, t) for t in np.linspace(0, 1, 21)]
        assert needed == sorted(needed)


def test_labels_and_savings_are_those_of_the_curves() -> None:
    curves = lines({"margin": [0.01, 0.005, 0.004], "random": [0.005, 0.0025, 0.003]})
    needed = savings.labels_needed(curves, 0.5)
    assert needed["margin"].tolist() == pytest.approx([45, 90, 112.5])
    assert needed["random"].tolist() == pytest.approx([90, 180, 150])
    row = row_of(curves, "margin")
    assert (row["seeds"], row["reached"]) == (3, 3)
    assert row["labels"] == pytest.approx(82.5)
    saved = t_interval(np.array([45, 90, 37.5]))
    assert row[["saved", "saved_low", "saved_high"]].tolist() == pytest.approx(list(saved))
    ratio = t_interval(np.log([45 / 90, 90 / 180, 112.5 / 150]))
    found = row[["ratio", "ratio_low", "ratio_high"]].tolist()
    assert found == pytest.approx([math.exp(bound) for bound in ratio])


def test_the_order_of_rows_and_a_seed_apart_change_nothing() -> None:
    curves = lines({"margin": [0.01, 0.005, 0.004], "random": [0.005, 0.0025, 0.003]})
    shuffled = curves.sample(frac=1, random_state=1)
    again = savings.table(shuffled).set_index(["strategy", "target"]).sort_index()
    assert again.equals(savings.table(curves).set_index(["strategy", "target"]).sort_index())


WORDS: list[tuple[dict[str, Sequence[float]], str]] = [
    ({"margin": [0.009, 0.009, 0.0089], "random": [0.005, 0.0049, 0.005]}, r"random: \d+ \[\d+, "),
    ({"margin": [0.009, 0.003], "random": [0.005, 0.004]}, "so it may be none"),
    ({"margin": [0.005, 0.0049, 0.005], "random": [0.009, 0.009, 0.0089]}, r"\d+ labels more than"),
    (
        {"margin": [0.009, 0.009], "random": [0.005, 0.001]},
        "at least .* on 1 of 2 seeds within 200",
    ),
    ({"margin": [0.001, 0.009], "random": [0.005, 0.005]}, "was not reached .* on 1 of 2 seeds"),
    ({"margin": [0.009], "random": [0.005]}, "one seed"),
    ({"margin": [0.005, 0.004], "random": [0.005, 0.004]}, "as many on every seed"),
    ({"margin": [0.009, 0.009]}, "random was not run"),
]


@pytest.mark.parametrize(("slopes", "words"), WORDS)
def test_words_say_what_is_known_and_no_more(
    slopes: dict[str, Sequence[float]], words: str
) -> None:
    row = row_of(lines(slopes), "margin")
    assert pd.Series([row["words"]]).str.contains(words).all(), row["words"]


def test_nothing_is_made_up_where_a_target_was_not_reached() -> None:
    missed = row_of(lines({"margin": [0.001, 0.009], "random": [0.005, 0.005]}), "margin")
    assert missed[["labels", "ratio", "saved"]].isna().all()
    short = row_of(lines({"margin": [0.009, 0.009], "random": [0.005, 0.001]}), "margin")
    assert short[["saved_low", "saved_high", "ratio_low", "ratio_high"]].isna().all()
    assert short["saved"] == pytest.approx((90 + 200) / 2 - 50)
    control = row_of(lines({"margin": [0.009, 0.009], "random": [0.005, 0.001]}), "random")
    assert "not reached within 200 labels on 1 of 2 seeds" in control["words"]


def test_the_interval_holds_the_true_saving_as_often_as_it_says() -> None:
    rng = np.random.default_rng(3)

    def holds(draw: Callable[[int], np.ndarray]) -> bool:
        needs = {"margin": 60 + draw(5), "random": 100 + draw(5)}
        curves = lines({name: list(0.45 / own) for name, own in needs.items()})
        row = row_of(curves, "margin")
        return bool(row["saved_low"] <= 40 <= row["saved_high"])

    hits = np.mean([holds(lambda n: rng.normal(0, 8, n)) for _ in range(80)])
    assert hits > 0.86


def test_a_band_is_students_over_seeds_and_stays_a_share() -> None:
    curves = lines({"margin": [0.0049, 0.005, 0.0045]})
    found = savings.bands(curves, "accuracy")
    assert list(found.columns) == savings.BAND_COLUMNS
    assert found["n_labels"].tolist() == list(STEPS)
    last = found.iloc[-1]
    assert last["value"] == pytest.approx(200 * np.mean([0.0049, 0.005, 0.0045]))
    assert (found["low"] <= found["value"]).all()
    assert found["high"].max() <= 1
    assert savings.bands(lines({"margin": [0.004]}), "accuracy")["low"].isna().all()
