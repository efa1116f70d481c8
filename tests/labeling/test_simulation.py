"""Simulation: honest learning curves, the same test part for all strategies of a seed."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from labeling import simulation
from labeling.core.features import Content
from labeling.core.strategies import STRATEGIES
from labeling.errors import InputError
from tests.factories import text_frame

FRAME = text_frame(100)
WORDS = ["money", "sport", "weather"]
PAIRS = [(WORDS[i % 3], WORDS[(i // 3) % 3]) for i in range(180)]


def run(frame: pd.DataFrame = FRAME, **others: object) -> pd.DataFrame:
    options = {"names": ["random"], "budget": 25, "batch": 10, "seeds": [0]} | others
    return simulation.simulate(frame, Content("text", ("text",)), label="label", **options)  # type: ignore[arg-type]


def steps(curves: pd.DataFrame, name: str) -> list[int]:
    own = curves[(curves["strategy"] == name) & (curves["metric"] == "accuracy")]
    return own["n_labels"].tolist()


@pytest.mark.parametrize("name", ["default", *STRATEGIES])
def test_every_strategy_spends_the_budget_in_batches(name: str) -> None:
    curves = run(names=[name])
    assert list(curves.columns) == simulation.COLUMNS
    assert steps(curves, name) == [10, 20, 25], "the seed set counts, the last batch is cut"
    assert steps(curves, "full") == [80]
    assert curves["value"].between(0, 1).all()
    assert set(curves["metric"]) == {"accuracy", "macro_f1"}


def test_a_run_ends_when_the_pool_is_empty() -> None:
    curves = run(budget=1000, batch=30)
    assert steps(curves, "random") == [30, 60, 80]
    last = curves[curves["n_labels"] == 80].set_index(["strategy", "metric"])["value"]
    assert last["random", "accuracy"] == last["full", "accuracy"]


def test_an_empty_pool_means_that_every_item_was_labelled_once() -> None:
    """On noisy labels any other training set would score otherwise than the whole pool."""
    rng = np.random.default_rng(0)
    frame = text_frame(300)
    noise = rng.random(300) < 0.35
    frame["label"] = frame["label"].where(~noise, rng.choice(["sport", "money"], 300))
    curves = run(frame.astype(object), names=["margin", "random"], budget=1000, batch=80)
    last = curves[curves["n_labels"] == 240].pivot(
        index="metric", columns="strategy", values="value"
    )
    for name in ("margin", "random"):
        assert last[name].to_numpy() == pytest.approx(last["full"].to_numpy(), abs=0.001)


def test_each_seed_has_its_own_curve_and_its_full_model() -> None:
    curves = run(seeds=[4, 5], names=["margin", "random"])
    assert set(curves["seed"]) == {4, 5}
    assert len(curves) == 2 * 2 * (1 + 3 + 3)


def test_strategies_with_the_same_kind_of_seed_set_start_alike() -> None:
    names = ["margin", "random", "margin_spread", "typical_margin"]
    curves = run(names=names, budget=10, seeds=[0, 1, 2])
    curves = curves[curves["strategy"] != "full"]
    first = curves.pivot(index=["seed", "metric"], columns="strategy", values="value")
    assert (first["margin"] == first["random"]).all()
    assert (first["margin_spread"] == first["typical_margin"]).all()
    assert (first["margin"] != first["margin_spread"]).any()


def test_items_with_several_classes_are_simulated_too() -> None:
    frame = pd.DataFrame(
        {
            "text": [f"{a} {b} {i % 7}" for i, (a, b) in enumerate(PAIRS)],
            "label": ["|".join(sorted({a, b} & {"money", "sport"})) or "none" for a, b in PAIRS],
        },
        dtype=object,
    )
    curves = run(frame, names=["default", "random"], budget=60, batch=20, multi=True)
    assert set(curves["metric"]) == {"accuracy", "micro_f1", "macro_f1"}
    full = curves[curves["strategy"] == "full"].set_index("metric")["value"]
    assert full["micro_f1"] > 0.9


def test_the_same_seed_gives_the_same_curves_whatever_else_is_asked() -> None:
    alone, among = run(names=["random"]), run(names=["margin", "random"], seeds=[0, 1])
    assert alone.equals(
        among[(among["seed"] == 0) & (among["strategy"] != "margin")].reset_index(drop=True)
    )


def test_the_test_part_is_stratified() -> None:
    y = np.repeat([0, 1], [90, 10])
    for seed in range(5):
        test = simulation._test_part(y, 0.2, seed)
        assert (test[:90].sum(), test[90:].sum()) == (18, 2)


def test_labels_of_the_test_part_never_train() -> None:
    """Labels that are pure chance cannot be predicted better than by chance."""
    rng = np.random.default_rng(0)
    noise = text_frame(400).assign(label=rng.choice(["a", "b"], 400)).astype(object)
    curves = run(noise, budget=300, batch=100, seeds=[0, 1, 2])
    full = curves[(curves["strategy"] == "full") & (curves["metric"] == "accuracy")]
    assert full["value"].mean() < 0.62


def test_rows_without_a_label_or_content_are_left_out() -> None:
    frame = FRAME.copy()
    frame.loc[0, "label"] = None
    frame.loc[1, "text"] = None
    assert steps(run(frame), "full") == [78]


@pytest.mark.parametrize(
    ("others", "words"),
    [
        ({"names": ["wisdom"]}, "no strategy 'wisdom'"),
        ({"batch": 0}, "a batch of at least 1"),
        ({"budget": 5}, "a budget of at least one batch"),
        ({"seeds": []}, "one seed or more"),
        ({"seeds": [-1]}, "seed"),
        ({"seeds": [2**32 - 1, 2**32]}, "seeds from 0 to 4294967295"),
        ({"test_share": 1.0}, "between 0 and 1"),
        ({"test_share": float("nan")}, "between 0 and 1"),
        ({"test_share": 0.001}, "too few"),
        ({"frame": FRAME.assign(label="one").astype(object)}, "expected at least two"),
    ],
)
def test_wrong_use_gives_one_sentence(others: dict[str, object], words: str) -> None:
    with pytest.raises(InputError, match=words):
        run(**others)  # type: ignore[arg-type]
