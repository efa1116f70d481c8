from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn import datasets

from labeling.core.features import Content, matrix
from quality.label_estimates import Estimate, Interval, estimate, floor_rate
from quality.label_signals import Answered, belief, gather

ROOT = Path(__file__).resolve().parents[2]


def digits() -> tuple[object, np.ndarray, str]:
    pixels, codes = datasets.load_digits(return_X_y=True)
    return pixels[:600] / 16.0, codes[:600], "image"


def penguins() -> tuple[object, np.ndarray, str]:
    frame = pd.read_csv(ROOT / "samples" / "penguins.csv", dtype=str)
    columns = ("bill_length_mm", "bill_depth_mm", "flipper_length_mm", "body_mass_g", "sex")
    codes, _ = pd.factorize(frame["species" if "species" in frame else "label"], sort=True)
    return matrix(frame, Content("columns", columns)), codes, "columns"


def standardised(name: str) -> tuple[object, np.ndarray, str]:
    values, codes = getattr(datasets, f"load_{name}")(return_X_y=True)
    return (values - values.mean(axis=0)) / values.std(axis=0), codes, "columns"


SETS = {
    "digits": digits,
    "penguins": penguins,
    "breast_cancer": lambda: standardised("breast_cancer"),
    "wine": lambda: standardised("wine"),
}


@cache
def believed(name: str, share: float) -> tuple[np.ndarray, np.ndarray, int]:
    """What is believed of a set with a share of its labels spoilt at random; how many are."""
    features, truth, kind = SETS[name]()
    rng = np.random.default_rng(0)
    rows = rng.choice(len(truth), int(share * len(truth)), replace=False)
    n_classes = int(truth.max()) + 1
    codes = truth.astype(np.int64).copy()
    codes[rows] = (codes[rows] + rng.integers(1, n_classes, len(rows))) % n_classes
    return belief(gather(features, codes, kind=kind, n_classes=n_classes)), codes, len(rows)


@pytest.mark.parametrize("name", SETS)
def test_clean_data_are_called_clean(name: str) -> None:
    proba, codes, _ = believed(name, 0.0)
    found = estimate(proba, codes)
    assert found.errors.low == 0.0
    assert found.errors.middle <= 0.003 * len(codes)
    assert found.listed <= 1
    assert found.of == len(codes)


@pytest.mark.parametrize("name", ["digits", "penguins"])
@pytest.mark.parametrize("share", [0.05, 0.2])
def test_the_interval_holds_the_planted_number_and_the_list_is_mostly_errors(
    name: str, share: float
) -> None:
    proba, codes, planted = believed(name, share)
    found = estimate(proba, codes)
    assert found.errors.low <= planted <= found.errors.high
    assert found.errors.low <= found.errors.middle <= found.errors.high
    assert found.errors.middle <= 1.4 * planted, "never more than there is, by much"
    assert found.listed > 0


@pytest.mark.parametrize("rate", [0.0, 0.03, 0.15])
def test_the_floor_is_the_rate_of_disagreement_where_the_model_is_sure(rate: float) -> None:
    rng = np.random.default_rng(1)
    sure = 1.0 / (1.0 + np.exp(-rng.normal(0.0, 3.0, 8000)))
    proba = np.column_stack([1.0 - sure, sure])
    truth = (rng.random(8000) < sure).astype(np.int64)
    codes = np.where(rng.random(8000) < rate, 1 - truth, truth)
    low, floor = floor_rate(proba, codes)
    assert low <= rate <= floor + 0.03
    assert floor == pytest.approx(rate, abs=0.02)
    assert low > 0.5 * rate or rate == 0.0


def test_a_model_that_contradicts_nothing_finds_nothing() -> None:
    proba = np.tile([0.9, 0.1], (50, 1))
    found = estimate(proba, np.zeros(50, dtype=np.int64))
    assert found.errors.low == found.errors.middle == 0.0
    assert found.listed == 0


def test_a_few_errors_that_stand_alone_are_all_listed() -> None:
    rng = np.random.default_rng(0)
    right = rng.uniform(0.86, 0.97, 100)
    codes, truth = np.zeros(100, dtype=np.int64), np.zeros(100, dtype=np.int64)
    truth[:3] = codes[50:] = 1
    truth[50:] = 1
    proba = np.column_stack([right, 1.0 - right])
    proba[truth == 1] = proba[truth == 1, ::-1]
    assert 3 <= estimate(proba, codes).listed <= 4


def test_rows_without_label_or_probabilities_are_not_counted() -> None:
    proba, codes, _ = believed("penguins", 0.2)
    some = estimate(np.where(np.arange(len(codes))[:, None] < 50, np.nan, proba), codes)
    less = np.where(np.arange(len(codes)) < 50, -1, codes)
    assert some == estimate(proba, less) == estimate(proba[50:], codes[50:])
    assert some.of == len(codes) - 50
    nothing = estimate(proba, np.full_like(codes, -1))
    assert nothing == Estimate(Interval(0.0, 0.0, 0.0), 0)


def test_the_order_of_rows_does_not_matter() -> None:
    proba, codes, _ = believed("penguins", 0.2)
    shuffled = np.random.default_rng(0).permutation(len(codes))
    assert estimate(proba[shuffled], codes[shuffled]).errors == pytest.approx(
        estimate(proba, codes).errors, rel=0.02
    )


def test_cleanlab_is_further_from_the_truth_where_the_classes_overlap() -> None:
    """Two classes that can hardly be told apart, no label wrong: confident learning counts many."""
    from cleanlab.count import num_label_issues

    rng = np.random.default_rng(0)
    share = 1.0 / (1.0 + np.exp(-rng.normal(0.0, 1.0, 3000)))
    proba = np.column_stack([1.0 - share, share])
    codes = (rng.random(3000) < share).astype(np.int64)
    found = estimate(proba, codes)
    assert num_label_issues(codes, proba) > 400
    assert found.errors.low == 0.0
    assert found.number < 150


# -- where several people answered ---------------------------------------------------------------


def crowd(n: int, slips: float, seed: int = 0) -> tuple[Answered, np.ndarray, np.ndarray]:
    """What a consensus of people who slip that often may look like, labels and the truth."""
    rng = np.random.default_rng(seed)
    truth = rng.integers(0, 2, n)
    answers = np.where(rng.random((n, 5)) < slips, 1 - truth[:, None], truth[:, None])
    ones = answers.sum(axis=1)
    odds = ((1 - slips) / slips) ** (2.0 * ones - 5)
    posterior = np.column_stack([1.0 / (1.0 + odds), odds / (1.0 + odds)])
    shares = np.column_stack([5 - ones, ones]) / 5
    return Answered(posterior, shares), answers[:, 0].astype(np.int64), truth


@pytest.mark.parametrize("slips", [0.05, 0.25])
def test_the_consensus_counts_the_errors_of_single_answers(slips: float) -> None:
    answers, codes, truth = crowd(500, slips)
    found = estimate(np.full((500, 2), np.nan), codes, answers)
    wrong = int((codes != truth).sum())
    assert found.errors.low <= wrong <= found.errors.high
    assert found.number == pytest.approx(wrong, rel=0.25)
    assert found.of == 500


def test_unanimous_people_leave_nothing_to_doubt() -> None:
    answers, _, truth = crowd(300, 1e-6)
    found = estimate(np.full((300, 2), 0.5), truth.astype(np.int64), answers)
    assert found.number == 0
    assert found.errors.high < 1.0


# -- in words ------------------------------------------------------------------------------------


def test_the_words_name_the_number_and_both_ends() -> None:
    said = Estimate(Interval(12.3, 40.0, 1234.5), 5000).words
    for figure in ("40 of 5,000", "12", "1,235"):
        assert figure in said


def test_clean_data_are_called_clean_in_words() -> None:
    assert Estimate(Interval(0.0, 0.4, 1.2), 90).words == (
        "No label looks wrong. Rows that are hard to tell could hide up to 1 error (of 90)."
    )


def test_the_list_is_a_quarter_longer_than_the_middle_and_empty_on_clean_data() -> None:
    assert Estimate(Interval(0.0, 40.0, 90.0), 500).listed == 50
    assert Estimate(Interval(0.0, 0.49, 90.0), 500).listed == 0
