"""Second opinions: which labels are asked again, by which rule, and what that is worth."""

from __future__ import annotations

import contextlib
import io
from dataclasses import replace

import numpy as np
import pytest

from benchmarks.second_opinions import accuracy, digits
from labeling.core import second_opinions
from labeling.core.second_opinions import POLICIES, Situation, Votes, activelab_scores

N = 40


def situation(*, seed: int = 0, size: int = 10, disagreement: float | None = None) -> Situation:
    """Labels of every kind of confidence, a third of them with a second vote."""
    rng = np.random.default_rng(seed)
    return Situation(
        size,
        rng.random(N),
        1 + (np.arange(N) % 3 == 0),
        rng.random(N) < 0.8,
        rng.random(N),
        rng.random(100),
        disagreement,
    )


def crowd(seed: int, *, several: bool = True) -> tuple[Votes, np.ndarray, np.ndarray]:
    """Votes of six people who differ in how good they are, and probabilities of a fair model."""
    rng, n, n_classes, people = np.random.default_rng(seed), 300, 4, 6
    truth = rng.integers(0, n_classes, n)
    proba = rng.dirichlet(np.full(n_classes, 0.5), n)
    proba[np.arange(n), truth] += 1.2
    rows = []
    for item in range(n):
        for who in rng.permutation(people)[: 1 + several * (item % 9 == 0)]:
            wrong = rng.random() > 0.6 + 0.06 * who
            rows.append((item, who, rng.integers(n_classes) if wrong else truth[item]))
    item, who, label = np.array(rows).T
    pool = rng.dirichlet(np.ones(n_classes), 80)
    return Votes(item, who, label), proba / proba.sum(axis=1, keepdims=True), pool


# The rules


@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize("seed", range(5))
def test_a_policy_asks_only_what_may_be_asked_and_never_more_than_the_batch(
    policy: str, seed: int
) -> None:
    now = situation(seed=seed)
    again, n_new = second_opinions.share(policy, now)
    assert again.dtype == np.int64
    assert now.may_ask[again].all()
    assert len(set(again.tolist())) == len(again)
    assert len(again) + n_new == now.size
    if policy != "activelab":
        assert len(again) <= now.size // 2
        assert (now.n_votes[again] == 1).all()


def test_the_value_rule_asks_what_the_model_doubts_and_nothing_else() -> None:
    now = situation(size=100)
    doubted = np.flatnonzero(now.single & (now.confidence < 0.15))
    again = second_opinions.value_rule(now)
    assert set(again) == set(doubted), "there is room for all of them"
    assert (np.diff(now.confidence[again]) >= 0).all(), "the most doubtful first"
    sure = replace(now, confidence=np.full(N, 0.15))
    assert len(second_opinions.value_rule(sure)) == 0


def test_where_votes_differ_much_half_of_the_votes_ask_again() -> None:
    for disagreement, n in ((None, 0), (0.2, 0), (0.21, 5)):
        sure = replace(situation(disagreement=disagreement), confidence=np.linspace(0.5, 1, N))
        again = second_opinions.value_rule(sure)
        assert len(again) == n
        assert np.array_equal(again, np.flatnonzero(sure.single)[:n])


def test_without_labels_every_vote_goes_to_a_new_item() -> None:
    blank, rows = np.empty(0), np.empty(0, dtype=np.int64)
    now = Situation(10, blank, rows, np.empty(0, dtype=bool), blank, np.ones(5))
    assert all(second_opinions.share(name, now).n_new == 10 for name in POLICIES)


def test_activelab_spends_votes_where_the_score_is_lowest_of_all() -> None:
    now = replace(situation(size=20), may_ask=np.ones(N, dtype=bool))
    again, n_new = second_opinions.share("activelab", now)
    bar = np.sort(np.concatenate([now.value, now.pool_value]))[19]
    assert set(again) == set(np.flatnonzero(now.value <= bar))
    assert n_new == (now.pool_value <= bar).sum()


def test_random_overlap_is_blind_and_as_large_as_it_should_be() -> None:
    draws = [second_opinions.overlap(20, 0.05, np.random.default_rng(seed)) for seed in range(4000)]
    often = np.bincount(np.concatenate(draws), minlength=20) / 4000
    assert np.mean([len(each) for each in draws]) == pytest.approx(1.0, abs=0.05)
    assert often == pytest.approx(np.full(20, 0.05), abs=0.015)


def test_few_pairs_measure_no_disagreement() -> None:
    assert second_opinions.measured_disagreement(10, 19) is None
    assert second_opinions.measured_disagreement(5, 20) == 0.25


# ActiveLab


@pytest.mark.parametrize("several", [True, False])
@pytest.mark.parametrize("seed", range(3))
def test_activelab_is_as_its_authors_compute_it(seed: int, several: bool) -> None:
    pytest.importorskip("cleanlab")
    from cleanlab.internal import multiannotator_utils as oracle
    from cleanlab.multiannotator import get_active_learning_scores

    votes, proba, pool = crowd(seed, several=several)
    wide = np.full((len(proba), 6), np.nan)
    wide[votes.item, votes.annotator] = votes.label
    with contextlib.redirect_stdout(io.StringIO()):
        theirs = get_active_learning_scores(wide, proba, pool)
    if several:  # they temper the probabilities first; the product's are tempered already
        heat = oracle.find_best_temp_scaler(wide, proba)
        proba, pool = (oracle.temp_scale_pred_probs(each, heat) for each in (proba, pool))
    ours = activelab_scores(votes, proba, pool)
    assert ours[0] == pytest.approx(theirs[0], abs=1e-12)
    assert ours[1] == pytest.approx(theirs[1], abs=1e-12)


def test_one_more_vote_for_the_label_makes_an_item_less_urgent() -> None:
    votes, proba, pool = crowd(1)
    before, _ = activelab_scores(votes, proba, pool)
    once = int(np.flatnonzero(np.bincount(votes.item) == 1)[0])
    place = int(np.flatnonzero(votes.item == once)[0])
    sure = proba.copy()
    sure[once] = np.eye(4)[votes.label[place]] * 0.9 + 0.025
    before, _ = activelab_scores(votes, sure, pool)
    more = Votes(
        np.append(votes.item, once),
        np.append(votes.annotator, (votes.annotator[place] + 1) % 6),
        np.append(votes.label, votes.label[place]),
    )
    after, _ = activelab_scores(more, sure, pool)
    assert after[once] > before[once]


# What it is worth


def test_with_thirty_percent_noise_second_opinions_beat_new_items_alone() -> None:
    task = replace(digits(), start=200, rounds=5, batch=60, n_test=1000)
    seeds = range(3)
    alone = np.array([accuracy(task, "none", seed) for seed in seeds])
    for policy in ("value_rule", "half"):
        gain = np.array([accuracy(task, policy, seed) for seed in seeds]) - alone
        assert gain.mean() > 0.01, f"{policy} gained {gain}"
