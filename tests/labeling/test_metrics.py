"""Metrics of confusion matrices, against scikit-learn's."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
from sklearn import metrics as theirs

from labeling.core import metrics
from labeling.core.metrics import METRICS

REFERENCE = {
    "accuracy": theirs.accuracy_score,
    "macro_recall": theirs.balanced_accuracy_score,
    "macro_f1": lambda truth, said: theirs.f1_score(truth, said, average="macro", zero_division=0),
}


def answers(seed: int, *, n: int = 80, k: int = 4) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    truth = rng.integers(0, k, n)
    return truth, np.where(rng.random(n) < 0.7, truth, rng.integers(0, k, n))


def test_every_metric_has_a_reference() -> None:
    assert set(METRICS) == set(REFERENCE)


@pytest.mark.parametrize("name", METRICS)
@pytest.mark.parametrize("seed", range(5))
def test_a_metric_is_that_of_scikit_learn(name: str, seed: int) -> None:
    truth, said = answers(seed)
    ours = METRICS[name](metrics.confusion_matrix(truth, said, 4))
    assert float(ours) == pytest.approx(REFERENCE[name](truth, said))


@pytest.mark.parametrize("name", METRICS)
def test_a_class_that_nobody_names_does_not_count(name: str) -> None:
    truth, said = answers(1)
    few = metrics.confusion_matrix(truth, said, 4)
    many = metrics.confusion_matrix(truth, said, 9)
    assert float(METRICS[name](few)) == pytest.approx(float(METRICS[name](many)))


@pytest.mark.parametrize("name", METRICS)
def test_one_call_scores_many_matrices(name: str) -> None:
    stack = np.stack([metrics.confusion_matrix(*answers(seed), 4) for seed in range(6)])
    assert METRICS[name](stack) == pytest.approx([float(METRICS[name](one)) for one in stack])


@pytest.mark.parametrize("name", METRICS)
def test_right_is_one_wrong_is_zero_and_nothing_is_zero(name: str) -> None:
    assert float(METRICS[name](np.diag([3.0, 4.0]))) == 1.0
    assert float(METRICS[name](np.array([[0.0, 3.0], [4.0, 0.0]]))) == 0.0
    assert float(METRICS[name](np.zeros((2, 2)))) == 0.0


def test_rows_are_the_truth_and_columns_what_was_said() -> None:
    found = metrics.confusion_matrix(np.array([0, 0, 1]), np.array([1, 1, 0]), 3)
    assert found.tolist() == [[0, 2, 0], [1, 0, 0], [0, 0, 0]]


def test_a_bootstrap_keeps_the_number_of_items_and_the_shares() -> None:
    confusion = metrics.confusion_matrix(*answers(2), 4)
    draws = metrics.bootstrap(confusion, np.random.default_rng(0), resamples=4000)
    assert (draws.sum(axis=(1, 2)) == 80).all()
    assert draws.mean(axis=0) == pytest.approx(confusion, abs=0.3)


def test_a_summary_gives_each_metric_inside_its_interval() -> None:
    found = metrics.summary(metrics.confusion_matrix(*answers(3), 4)).set_index("metric")
    assert list(found.index) == list(METRICS)
    assert (found["low"] < found["value"]).all()
    assert (found["value"] < found["high"]).all()
    assert (found["n"] == 80).all()
    assert metrics.summary(np.zeros((3, 3))).empty


def test_a_summary_of_a_thousand_classes_fits_in_memory() -> None:
    rng = np.random.default_rng(0)
    truth = np.repeat(np.arange(1000), 2)
    confusion = metrics.confusion_matrix(truth, rng.permutation(truth), 1000)
    tracemalloc.start()
    found = metrics.summary(confusion)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 300 * 2**20
    assert found.equals(metrics.summary(confusion)), "the same seed gives the same"


def test_a_summary_does_not_depend_on_how_many_resamples_fit_at_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    confusion = metrics.confusion_matrix(*answers(3), 9)
    whole = metrics.summary(confusion)
    monkeypatch.setattr(metrics, "CHUNK", 100)
    assert metrics.summary(confusion).equals(whole)


def test_a_class_report_is_that_of_scikit_learn() -> None:
    truth, said = answers(4)
    ours = metrics.per_class(metrics.confusion_matrix(truth, said, 4), tuple("abcd"))
    precision, recall, f1, support = theirs.precision_recall_fscore_support(truth, said)
    assert ours["precision"].to_numpy() == pytest.approx(precision)
    assert ours["recall"].to_numpy() == pytest.approx(recall)
    assert ours["f1"].to_numpy() == pytest.approx(f1)
    assert ours["n"].tolist() == support.tolist()
    assert ((ours["recall_low"] < ours["recall"]) & (ours["recall"] < ours["recall_high"])).all()
