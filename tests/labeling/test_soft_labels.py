"""Soft labels: what people disagree on is learned by weight, and a round replays exactly."""

from __future__ import annotations

import uuid
from pathlib import Path

import numpy as np
import pytest
from sklearn.datasets import load_digits

from labeling import answers, rounds, soft_labels
from labeling import project as projects
from labeling.answers import Operation
from labeling.core import fitting
from labeling.core.log import DataVersion, Event, Standing
from labeling.core.models import MODELS, ModelConfig
from labeling.core.tuning import Wish
from labeling.fits import Fits
from labeling.store import rounds as store
from labeling.versions import Snapshot, resolve
from tests.factories import answer_queue, make_project, text_frame, truth_of

FRAME = text_frame(120)
CODE = {"cat": 0, "dog": 1, "fox": 2}


def told(*rows: tuple[str, str, str]) -> Standing:
    """Standing answers: item, annotator, label."""
    standing = Standing()
    for seq, (item, who, label) in enumerate(rows, start=1):
        standing.apply(Event(seq, f"e{seq}", 1, "round", "label", item, who, label, None))
    return standing


def crowd(truth: np.ndarray, *, right: float, votes: int, seed: int) -> Standing:
    """Votes of five people on items of some classes, each right as often as `right` says."""
    rng, n_classes = np.random.default_rng(seed), int(truth.max()) + 1
    rows = []
    for i, true in enumerate(truth):
        for who in rng.permutation(5)[:votes]:
            wrong = (true + rng.integers(1, n_classes)) % n_classes
            rows.append((f"i{i:03d}", f"p{who}", str(true if rng.random() < right else wrong)))
    return told(*rows)


def labels_of(standing: Standing) -> dict[str, str]:
    """The majority's labels; a tie goes to the later answer, as in the product."""
    return resolve(standing, "majority")


def test_a_disputed_item_becomes_a_row_for_each_likely_class_and_counts_once() -> None:
    truth = np.random.default_rng(0).integers(0, 3, 200)
    standing = crowd(truth, right=0.7, votes=2, seed=0)
    labels = labels_of(standing)
    found = soft_labels.copies(labels, standing, {"0": 0, "1": 1, "2": 2})
    rows = np.bincount(found.item)
    assert np.bincount(found.item, weights=found.weights) == pytest.approx(np.ones(200))
    assert found.weights.min() > 0.05
    split = [len({e.value for e in standing.answers[item].values()}) > 1 for item in labels]
    assert (rows[np.array(split)] > 1).mean() > 0.5
    assert (rows[~np.array(split)] == 1).all(), "what all say is learned as it stands"


def test_what_two_of_three_say_weighs_more_than_what_one_says() -> None:
    rows = [(f"i{i}", who, "cat") for i in range(9) for who in "abc"]
    standing = told(*rows, ("x", "a", "cat"), ("x", "b", "cat"), ("x", "c", "dog"))
    share = soft_labels.shares(standing)["x"]
    assert share["cat"] > 0.5 > share["dog"] > 0


def test_a_ruling_and_a_class_that_is_gone_leave_the_label_as_it_stands() -> None:
    standing = told(("x", "a", "cat"), ("x", "b", "dog"), ("y", "a", "cow"), ("y", "b", "fox"))
    standing.apply(Event(9, "e9", 2, "adjudicate", "adjudicate", "x", "r", "fox", None))
    found = soft_labels.copies({"x": "fox", "y": "fox"}, standing, CODE)
    assert found.y.tolist() == [2, 2]
    assert found.weights.tolist() == [1.0, 1.0]


def test_nothing_labelled_makes_no_rows() -> None:
    assert soft_labels.copies({}, Standing(), CODE).item.shape == (0,)


@pytest.mark.parametrize("model", MODELS)
def test_every_model_learns_soft_labels_or_the_labels_as_they_stand(model: str) -> None:
    config = ModelConfig(model, soft_labels=True)
    assert soft_labels.in_force(config, multi=False) == (model != "neighbours")
    assert not soft_labels.in_force(config, multi=True)
    assert not soft_labels.in_force(ModelConfig(model), multi=False)


def test_where_two_votes_differ_soft_labels_teach_more_than_either_vote() -> None:
    features, truth = load_digits(return_X_y=True)
    features, code = features / 16, {str(k): k for k in range(10)}
    config, gains = ModelConfig(regularisation=1.0), []
    for seed in range(4):
        order = np.random.default_rng(seed).permutation(len(truth))
        own, others = order[:300], order[-1000:]
        standing = crowd(truth[own], right=0.7, votes=2, seed=seed)
        labels = labels_of(standing)
        hard = np.array([code[labels[item]] for item in standing.answers])
        soft = soft_labels.copies({i: labels[i] for i in standing.answers}, standing, code)
        of_hard = fitting.fit(features[own], hard, n_classes=10, config=config)
        of_soft = fitting.fit(
            features[own][soft.item], soft.y, n_classes=10, config=config, weights=soft.weights
        )
        said = [model.predict_proba(features[others]).argmax(1) for model in (of_hard, of_soft)]
        right = [(each == truth[others]).mean() for each in said]
        gains.append(right[1] - right[0])
    assert np.mean(gains) > 0.01, gains


def test_a_round_with_soft_labels_remembers_them_and_replays_exactly(tmp_path: Path) -> None:
    with make_project(tmp_path / "p.db", FRAME, settings={"soft_labels": "on"}) as made:
        answer_queue(made, truth_of(FRAME), annotator="ann")
        for item, label in list(Snapshot(made).labels(DataVersion(10_000)).items())[:8]:
            other = {"sport": "money", "money": "sport"}[label]
            said = Operation(str(uuid.uuid4()), "label", item=item, value=other)
            assert answers.record(made, "bo", [said])[0].state == answers.SAVED
        rounds.close_round(made)
        closed = store.every(made.db)[-1]
        config = ModelConfig(**closed.config["model"])
        assert config.soft_labels
        assert closed.config["wish"]["soft_labels"] == "on"
        fits = Fits(Snapshot(made))
        training = fits.snapshot.training_set(DataVersion(closed.upto_event))
        assert training.hash == closed.version_hash
        kept = fits.predicted(training, config), fits.confidence(training, config)
        assert not fits.new, "the round's own fit is found again"
        made.db.execute("DELETE FROM fit")
        anew = Fits(Snapshot(made))
        again = anew.predicted(training, config), anew.confidence(training, config)
        assert anew.new
        assert all(np.array_equal(*pair) for pair in zip(kept, again, strict=True))
        plain = ModelConfig(**{**closed.config["model"], "soft_labels": False})
        assert not np.array_equal(anew.confidence(training, plain), kept[1])

        projects.change_settings(made, {"soft_labels": "off"}, author="t")
        assert made.config.wish == Wish()


def test_another_vote_for_the_same_label_is_another_fit() -> None:
    once = told(("x", "a", "cat"), ("y", "b", "dog"))
    twice = told(("x", "a", "cat"), ("y", "b", "dog"), ("x", "b", "cat"))
    assert soft_labels.address("h", once) != soft_labels.address("h", twice)
    assert soft_labels.address("h", once) == soft_labels.address(
        "h", told(("x", "a", "cat"), ("y", "b", "dog"))
    )
