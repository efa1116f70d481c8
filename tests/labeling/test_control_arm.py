"""The control arm: a strategy that hurts is found, one that does not is left in peace."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from sklearn.datasets import load_digits
from streamlit.testing.v1 import AppTest

from labeling import answers, control_arm, impact, overview, queue, rounds
from labeling.core import arms, fitting
from labeling.core.arms import Contrast, Scores
from labeling.core.comparison import Interval
from labeling.core.models import ModelConfig
from labeling.store import items
from tests.factories import make_project, text_frame, truth_of

FEATURES, TRUTH = load_digits(return_X_y=True)
FRAME = text_frame(240)
CONTROLS = 40


def right(rows: np.ndarray, gold: np.ndarray) -> np.ndarray:
    """Where a model of some digits is right on others."""
    config = ModelConfig(regularisation=1.0)
    model = fitting.fit(FEATURES[rows] / 16, TRUTH[rows], n_classes=10, config=config)
    return np.asarray(model.predict_proba(FEATURES[gold] / 16).argmax(axis=1) == TRUTH[gold])


def scores(seed: int, *, one_sided: bool, draws: int = 4) -> Scores:
    """Both arms on digits: chosen at random too, or look-alikes of one class alone."""
    rng = np.random.default_rng(seed)
    order = rng.permutation(len(TRUTH))
    gold, base, control, rest = np.split(order, [200, 220, 220 + CONTROLS])
    chosen = rest[TRUTH[rest] == 0] if one_sided else rest[: 6 * CONTROLS]
    halves = [np.concatenate([base, control[h]]) for h in arms.halves(CONTROLS, draws, rng)]
    drawn = [np.concatenate([base, rng.permutation(chosen)[:CONTROLS]]) for _ in range(draws)]
    return Scores(
        right(np.concatenate([base, control]), gold),
        np.array([right(rows, gold) for rows in halves]),
        np.array([right(rows, gold) for rows in drawn]),
        1 / 6,
    )


def test_two_arms_of_the_same_kind_are_not_told_apart() -> None:
    found = [arms.contrast(scores(seed, one_sided=False)).interval for seed in range(8)]
    assert sum(not low <= 0 <= high for _, low, high in found) <= 1
    assert abs(np.mean([value for value, _, _ in found])) < 0.02


def test_a_strategy_that_asks_look_alikes_is_found_to_hurt() -> None:
    found = [arms.contrast(scores(seed, one_sided=True)).interval for seed in range(3)]
    assert all(high < 0 for _, _, high in found)


def test_nothing_seen_is_no_proof_of_no_difference() -> None:
    same = np.ones(50, dtype=bool)
    found = arms.contrast(Scores(same, np.tile(same, (4, 1)), np.tile(same, (4, 1)), 0.1))
    assert found.interval.value == 0
    assert found.interval.low < -0.02 < 0.02 < found.interval.high
    once = arms.contrast(Scores(same, same[None], same[None], 0.1)).interval
    assert (once.low, once.high) == (-1.0, 1.0), "one draw says nothing of the spread"
    none = np.ones(0, dtype=bool)
    assert arms.contrast(Scores(none, none[None], none[None], 0.1)).interval.high == 1.0


def test_halves_are_halves_and_come_in_pairs() -> None:
    first, second, *_ = arms.halves(9, 4, np.random.default_rng(0))
    assert sorted([*first, *second]) == list(range(9))
    assert (len(first), len(second)) == (4, 5)


@pytest.mark.parametrize(
    ("bounds", "numbers", "says", "advised"),
    [
        ((0.01, 0.09), (100, 20), "active choice helps", False),
        ((-0.09, -0.01), (100, 20), "active choice hurts", True),
        ((-0.04, 0.005), (100, 20), "difference of about 7 points would show", True),
        ((-0.04, 0.06), (100, 20), "not decided: with 20 control answers and 100 gold", False),
        ((-0.09, -0.01), (100, 4), "4 control answers, 5 are needed", False),
        ((-0.09, -0.01), (20, 20), "10 more gold labels", False),
    ],
)
def test_the_words_say_what_was_seen_and_what_could_have_been(
    bounds: tuple[float, float], numbers: tuple[int, int], says: str, advised: bool
) -> None:
    seen, (gold, control) = Contrast(Interval(sum(bounds) / 2, *bounds), 0.07), numbers
    assert says in control_arm.verdict(seen, n_gold=gold, n_control=control)
    advice = control_arm.advice(seen, n_gold=gold, n_control=control)
    assert (advice == control_arm.ADVICE) is advised


def test_a_project_whose_chosen_items_mislead_is_told_and_can_switch(
    root: Path, projects: Path
) -> None:
    truth, turned = truth_of(FRAME), {"sport": "money", "money": "sport"}
    settings = {"batch_size": "40", "control_share": "0.5", "gold_per_batch": "50"}
    with make_project(projects / "p.db", FRAME, settings=settings) as made:
        for _ in range(2):
            while asked := queue.next_item(made, "ann"):
                item = items.get(made.db, asked.item_id)
                assert item is not None
                label = truth[item.source_id]
                if asked.slot.why == "margin_spread":  # the strategy asks what nobody can tell
                    label = turned[label]
                answers.answer(made, asked.slot.slot_id, label, annotator="ann")
            rounds.close_round(made)
        stored = impact.cached(made, impact.REPORT)
        assert stored is not None
        control = stored[1]["control"]
        assert control["verdict"] == "active choice hurts"
        assert control["n_control"] == 20
        assert control["n_labels"] == 40, "20 seeds, and as many of either arm"
        assert control["delta"] < -0.1
        steps = [step.text for step in overview.next_steps(made, overview.standing(made))]
        assert "Active choice has not helped here: switch to random?" in steps
        page = AppTest.from_file(str(root / "pages" / "impact.py"), default_timeout=30)
        page.session_state["name"], page.session_state["project"] = "Ann", "p"
        page.run()
        assert "switch to random" in page.warning[0].value
        (button,) = [each for each in page.button if each.label.startswith("Choose at random")]
        button.click().run()
        assert not page.exception
        assert not page.warning, "there is nothing to switch any more"
        assert made.config["strategy"] == "random"
        assert control_arm.standing_advice(made, impact.REPORT) is None
