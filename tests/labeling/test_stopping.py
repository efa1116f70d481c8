"""Stopping: a light that follows its figures, one sentence that says why, and kappa itself."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from sklearn.metrics import cohen_kappa_score

from labeling.core import stopping
from labeling.core.stopping import GO_ON, NEARLY, STOP, Evidence

BRIGHTNESS = {GO_ON: 0, NEARLY: 1, STOP: 2}


def evidence(**others: object) -> Evidence:
    """A project that both rules would stop; others changes it."""
    given = {"rounds": 9, "classes_seen": 3, "n_classes": 3, "kappas": [0.9] + [0.995] * 7}
    return Evidence(**{**given, "gain": 0.004, **others})  # type: ignore[arg-type]


# -- kappa and what can have changed ---------------------------------------------------------------


@pytest.mark.parametrize("classes", [2, 3, 20])
@pytest.mark.parametrize("same", [0.0, 0.5, 0.97])
def test_kappa_is_that_of_scikit_learn(classes: int, same: float) -> None:
    rng = np.random.default_rng(classes)
    old = rng.integers(classes, size=200)
    new = np.where(rng.random(200) < same, old, rng.integers(classes, size=200))
    assert stopping.kappa(old, new) == pytest.approx(cohen_kappa_score(old, new), abs=1e-12)
    assert stopping.kappa(old, new) == pytest.approx(stopping.kappa(new, old), abs=1e-12)


def test_the_same_answers_have_kappa_one_also_where_all_are_one_class() -> None:
    assert stopping.kappa(np.array([1, 0, 2]), np.array([1, 0, 2])) == 1.0
    assert stopping.kappa(np.array([4, 4, 4]), np.array([4, 4, 4])) == 1.0
    assert stopping.kappa(np.array([7]), np.array([7])) == 1.0


def test_one_class_against_another_or_against_two_has_kappa_zero() -> None:
    assert stopping.kappa(np.array([0, 0, 0]), np.array([1, 1, 1])) == 0.0
    assert stopping.kappa(np.array([0, 0, 0]), np.array([0, 0, 1])) == 0.0


def test_opposite_answers_have_kappa_minus_one() -> None:
    assert stopping.kappa(np.array([0, 1, 0, 1]), np.array([1, 0, 1, 0])) == -1.0


def test_no_accuracy_changes_by_more_than_the_answers_do() -> None:
    rng = np.random.default_rng(0)
    for _ in range(200):
        old, new, truth = rng.integers(3, size=(3, 40))
        bound = stopping.largest_change(old, new)
        assert abs(np.mean(new == truth) - np.mean(old == truth)) <= bound + 1e-12
        lucky = new.copy()
        reached = np.mean(new == lucky) - np.mean(old == lucky)
        assert bound == pytest.approx(reached), "no smaller bound would do"


@pytest.mark.parametrize("measure", [stopping.kappa, stopping.largest_change])
@pytest.mark.parametrize(("old", "new"), [([], []), ([1, 2], [1]), ([1], [1, 2])])
def test_answers_that_cannot_be_paired_are_refused(
    measure: object, old: list[int], new: list[int]
) -> None:
    with pytest.raises(ValueError, match=f"found {len(old)} and {len(new)}"):
        measure(np.array(old, dtype=np.int64), np.array(new, dtype=np.int64))  # type: ignore[operator]


# -- the rules -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kappa", "gain", "word"),
    [
        (0.95, 0.0099, STOP),
        (0.95, 0.01, NEARLY),
        (0.9499, 0.0099, NEARLY),
        (0.9499, 0.01, GO_ON),
        (1.0, 0.0, STOP),
        (1.0, None, NEARLY),
        (0.2, None, GO_ON),
    ],
)
def test_the_default_rule_wants_a_spent_forecast_and_settled_models(
    kappa: float, gain: float | None, word: str
) -> None:
    assert stopping.default(evidence(kappas=[0.99, kappa], gain=gain)).word == word


@pytest.mark.parametrize(
    ("kappas", "word"),
    [
        ([0.2, 0.99, 0.99, 0.99], STOP),
        ([0.98, 0.99, 1.0], STOP),
        ([0.97, 0.99, 0.99], NEARLY),
        ([0.96, 0.97, 0.98], NEARLY),
        ([1.0, 1.0, 0.9], GO_ON),
        ([1.0, 1.0], GO_ON),
        ([], GO_ON),
    ],
)
def test_the_conservative_rule_wants_three_calm_rounds(kappas: list[float], word: str) -> None:
    assert stopping.conservative(evidence(kappas=kappas, gain=None)).word == word


@pytest.mark.parametrize("rule", stopping.RULES)
@pytest.mark.parametrize(
    ("others", "words"),
    [
        ({"rounds": 4}, "4 rounds are closed: no rule is read before 5."),
        ({"rounds": 1}, "1 round is closed: no rule is read before 5."),
        ({"classes_seen": 2}, "1 of 3 classes has no label yet."),
        ({"classes_seen": 0}, "3 of 3 classes have no label yet."),
    ],
)
def test_no_rule_stops_below_the_floor(rule: str, others: dict[str, int], words: str) -> None:
    """One stopped a spam filter after twenty labels: every answer was 'ham'."""
    assert stopping.RULES[rule](evidence(**others)) == (GO_ON, words)
    assert stopping.RULES[rule](evidence(rounds=5)).word == STOP


def test_the_reason_gives_the_figures_in_one_sentence() -> None:
    both = stopping.default(evidence(kappas=[0.9712], gain=0.0042)).reason
    assert both == (
        "The next 5 rounds are forecast to bring 0.4 points, less than 1, and the last two models "
        "hardly differ (kappa 0.971, asked for: 0.95)."
    )
    one = stopping.default(evidence(kappas=[0.8], gain=0.0042)).reason
    assert one.endswith("less than 1, but the last two models still differ (kappa 0.800, asked "
                        "for: 0.95).")  # fmt: skip
    other = stopping.default(evidence(gain=0.031)).reason
    assert "bring 3.1 points, not less than 1, but" in other
    strict = stopping.conservative(evidence()).reason
    assert "kappa of 0.995 on average; this rule stops from 0.99 on." in strict


@pytest.mark.parametrize("rule", stopping.RULES)
@pytest.mark.parametrize("others", [{"kappas": []}, {"gain": None}, {"kappas": [], "gain": None}])
def test_missing_figures_are_said_and_never_stop(rule: str, others: dict[str, object]) -> None:
    light = stopping.RULES[rule](evidence(**others))
    assert light.reason.endswith(".")
    assert light.word != STOP or (rule == "conservative" and "kappas" not in others)


def test_a_figure_below_a_threshold_is_never_shown_as_the_threshold() -> None:
    light = stopping.default(evidence(kappas=[0.94999], gain=0.00999))
    assert "kappa 0.949," in light.reason
    assert "bring 0.9 points, less than 1," in light.reason


@pytest.mark.parametrize("rule", stopping.RULES)
def test_better_figures_never_turn_the_light_back(rule: str) -> None:
    def bright(rounds: int, kappa: float, gain: float) -> int:
        kappas = [0.97, 0.985, kappa]
        light = stopping.RULES[rule](evidence(rounds=rounds, kappas=kappas, gain=gain))
        return BRIGHTNESS[light.word]

    steps = (3, 5, 9), (0.5, 0.94, 0.96, 0.99, 1.0), (0.05, 0.01, 0.005)
    found = {case: bright(*case) for case in product(*steps)}
    for case, light in found.items():
        for axis, values in enumerate(steps):
            at = values.index(case[axis])
            if at + 1 < len(values):
                better = (*case[:axis], values[at + 1], *case[axis + 1 :])
                assert found[better] >= light


def test_where_no_forecast_is_needed_none_could_stop() -> None:
    cases = product((4, 9), (2, 3), (0.5, 0.949, 0.95, 1.0))
    for rounds, seen, kappa in cases:
        now = evidence(rounds=rounds, classes_seen=seen, kappas=[kappa], gain=None)
        stops = stopping.default(now._replace(gain=0.0)).word == STOP
        assert stopping.needs_forecast(now) == stops


def test_what_the_rules_cost_is_known_for_each_and_the_conservative_one_is_the_dearer() -> None:
    assert set(stopping.MEASURED) == set(stopping.RULES)
    bold, careful = stopping.MEASURED["default"], stopping.MEASURED["conservative"]
    assert 0 < bold.labels < careful.labels < 1
    assert careful.shortfall < bold.shortfall <= bold.shortfall_p90
