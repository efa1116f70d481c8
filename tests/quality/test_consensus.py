from __future__ import annotations

import time
import warnings

import numpy as np
import pandas as pd
import pytest
from scipy.sparse import csr_matrix

from quality import consensus
from quality.consensus import POLICIES, encode, standing, votes
from tests.quality.crowds import SHAPES, Crowd, accuracy, simulate


def frame(*answers: tuple[object, ...]) -> pd.DataFrame:
    return pd.DataFrame(answers, columns=["item", "annotator", "label"])


def crowd(
    reliability: list[float], *, n_items: int = 200, per_item: int | None = None, seed: int = 0
) -> tuple[pd.DataFrame, pd.Series]:
    """Answers of annotators that are right with the given chances, and the truth."""
    rng = np.random.default_rng(seed)
    truth = rng.choice(["a", "b", "c"], n_items)
    rows = []
    for item in range(n_items):
        people = rng.choice(len(reliability), per_item or len(reliability), replace=False)
        for who in people:
            right = rng.random() < reliability[who]
            other = [c for c in "abc" if c != truth[item]]
            rows.append((f"i{item}", f"w{who}", truth[item] if right else str(rng.choice(other))))
    return frame(*rows), pd.Series(truth, index=[f"i{k}" for k in range(n_items)])


@pytest.mark.parametrize("policy", POLICIES.values(), ids=POLICIES)
def test_every_policy_returns_one_row_per_item_in_order_of_appearance(policy: object) -> None:
    table = policy(frame(("z", "p", "x"), ("a", "p", "y"), ("z", "q", "x"), ("m", "q", "x")))
    assert list(table.columns) == ["item", "label", "confidence"]
    assert table["item"].tolist() == ["z", "a", "m"]
    assert table["label"].tolist() == ["x", "y", "x"]
    assert table["confidence"].between(0, 1).all()


@pytest.mark.parametrize("policy", POLICIES.values(), ids=POLICIES)
def test_every_policy_finds_the_truth_that_good_annotators_tell(policy: object) -> None:
    annotations, truth = crowd([0.9] * 5)
    assert accuracy(policy(annotations), truth) > 0.97


@pytest.mark.parametrize("policy", POLICIES.values(), ids=POLICIES)
def test_every_policy_takes_no_answers_and_empty_labels(policy: object) -> None:
    assert policy(frame()).columns.tolist() == ["item", "label", "confidence"]
    table = policy(frame(("i", "p", None), ("j", "p", "x"), ("j", "q", None)))
    assert table["item"].tolist() == ["j"]


@pytest.mark.parametrize("policy", POLICIES.values(), ids=POLICIES)
def test_every_policy_counts_only_the_last_answer_of_a_person(policy: object) -> None:
    answers = [("i", "p", "x"), ("i", "p", "x"), ("i", "p", "x"), ("i", "p", "y")]
    assert policy(frame(*answers))["label"].tolist() == ["y"]


@pytest.mark.parametrize("policy", POLICIES.values(), ids=POLICIES)
def test_no_policy_depends_on_the_order_of_the_rows_beyond_time(policy: object) -> None:
    annotations, _ = crowd([0.9, 0.7, 0.6, 0.5], per_item=3)
    annotations["order"] = np.arange(len(annotations))
    shuffled = annotations.sample(frac=1, random_state=0)
    left = policy(annotations).set_index("item").sort_index()
    right = policy(shuffled).set_index("item").sort_index()
    assert (left["label"] == right["label"]).all()
    assert np.allclose(left["confidence"], right["confidence"], atol=1e-6)


@pytest.mark.parametrize("policy", POLICIES.values(), ids=POLICIES)
def test_korean_labels_and_names_work(policy: object) -> None:
    table = policy(
        frame(("문장", "민수", "긍정"), ("문장", "지우", "긍정"), ("글", "민수", "부정"))
    )
    assert table["label"].tolist() == ["긍정", "부정"]


def test_a_tie_goes_to_the_latest_answer() -> None:
    annotations = frame(("i", "p", "x"), ("i", "q", "y"))
    assert POLICIES["majority"](annotations)["label"].tolist() == ["y"]
    earlier = annotations.assign(order=[2, 1])
    assert POLICIES["majority"](earlier)["label"].tolist() == ["x"]


def test_majority_confidence_is_the_share_of_votes() -> None:
    annotations = frame(("i", "p", "x"), ("i", "q", "y"), ("i", "r", "x"))
    assert POLICIES["majority"](annotations)["confidence"].tolist() == pytest.approx([2 / 3])


@pytest.mark.parametrize("name", ["dawid_skene", "default"])
def test_models_of_annotators_see_through_a_crowd_of_spammers(name: str) -> None:
    annotations, truth = crowd([0.95, 0.95, 0.4, 0.4, 0.4, 0.4, 0.4], n_items=300)
    by_votes = accuracy(POLICIES["majority"](annotations), truth)
    assert accuracy(POLICIES[name](annotations), truth) > by_votes + 0.03


def test_the_default_beats_plain_dawid_skene_on_thin_data() -> None:
    annotations, truth = crowd([0.7] * 60, n_items=150, per_item=3, seed=4)
    default = accuracy(POLICIES["default"](annotations), truth)
    assert default > accuracy(POLICIES["dawid_skene"](annotations), truth)
    assert default >= accuracy(POLICIES["majority"](annotations), truth) - 0.02


def test_the_default_never_contradicts_a_unanimous_answer() -> None:
    rng = np.random.default_rng(0)
    rows = [(f"i{k}", f"w{k % 4}", rng.choice(["x", "y"], p=[0.95, 0.05])) for k in range(200)]
    annotations = frame(*rows)
    table = POLICIES["default"](annotations)
    assert (table["label"].to_numpy() == annotations["label"].to_numpy()).all()


def test_dawid_skene_reproduces_a_hand_computed_posterior() -> None:
    """Two annotators, one item each way: the class shares decide between equal people."""
    answers = consensus.encode(frame(*[(f"i{k}", w, "x") for k in range(8) for w in "pq"]))
    assert consensus.posterior(answers)[:, 0] == pytest.approx(1.0)


@pytest.fixture(scope="module")
def by_shape() -> pd.DataFrame:
    """The mean accuracy of each policy (columns) over six crowds of each shape (rows)."""
    rows = [
        (name, *(accuracy(policy(answers), truth) for policy in POLICIES.values()))
        for name, shape in SHAPES.items()
        for answers, truth in (simulate(shape, seed) for seed in range(6))
    ]
    return pd.DataFrame(rows, columns=["shape", *POLICIES]).groupby("shape").mean()


def test_the_default_is_within_half_a_point_of_majority_and_dawid_skene_whatever_the_crowd(
    by_shape: pd.DataFrame,
) -> None:
    best_of_two = by_shape[["majority", "dawid_skene"]].max(axis=1)
    assert (by_shape["default"] >= best_of_two - 0.005).all()
    assert by_shape["default"].mean() > best_of_two.mean() + 0.005


def test_the_crowds_favour_now_the_one_now_the_other(by_shape: pd.DataFrame) -> None:
    assert (by_shape["majority"] > by_shape["dawid_skene"] + 0.01).sum() >= 4
    assert (by_shape["dawid_skene"] > by_shape["majority"] + 0.01).sum() >= 4


def crowd_kit(name: str, annotations: pd.DataFrame) -> pd.Series:
    """The labels of crowd-kit's aggregation of that name, by item."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from crowdkit import aggregation

        method = {
            "majority": aggregation.MajorityVote,
            "dawid_skene": lambda: aggregation.DawidSkene(n_iter=200, tol=1e-6),
        }[name]()
        columns = {"item": "task", "annotator": "worker"}
        return method.fit_predict(standing(annotations).rename(columns=columns))


@pytest.mark.parametrize("shape", ["spammers, two in five", "own confusions", "hard items"])
@pytest.mark.parametrize("name", ["majority", "dawid_skene"])
def test_labels_are_those_of_crowd_kit(name: str, shape: str) -> None:
    annotations, _ = simulate(SHAPES[shape])
    ours = POLICIES[name](annotations).set_index("item")["label"]
    count = np.sort(votes(encode(annotations)), axis=1)
    clear = (count[:, -1] > count[:, -2]) | (name != "majority")  # ties are ruled otherwise there
    theirs = crowd_kit(name, annotations).reindex(ours.index)
    assert clear.mean() > 0.8
    assert (ours == theirs)[clear].mean() >= 0.995


def test_what_the_others_say_leaves_the_own_answer_out() -> None:
    annotations, _ = simulate(Crowd(people=6, per_item=4, items=150, classes=3))
    one = pd.concat([annotations, frame(("alone", "w0", "c1"))])
    answers = encode(one)
    belief = consensus.cautious(answers)
    assert belief.others.sum(axis=1) == pytest.approx(1.0)
    share = belief.items.mean(axis=0)
    assert belief.others[-1] == pytest.approx(share, abs=0.01), "nobody else answered it"
    item = answers.items.tolist().index("i7")
    own = np.flatnonzero(answers.item == item)
    assert len({tuple(np.round(row, 9)) for row in belief.others[own]}) > 1
    for at in own:
        odds = belief.items[item] / belief.others[at]
        assert odds.argmax() == answers.label[at], "an answer speaks for what it says"


def test_the_content_helps_where_answers_are_few() -> None:
    annotations, truth = crowd([0.6] * 10, n_items=300, per_item=2, seed=1)
    codes = pd.factorize(truth, sort=True)[0]
    words = np.random.default_rng(0).poisson(0.2, (300, 30)) + (np.arange(30) % 3 == codes[:, None])
    alone = accuracy(POLICIES["default"](annotations), truth)
    aided = consensus.with_content(
        annotations, truth.index.to_numpy(), features=csr_matrix(words * 1.0), kind="text"
    )
    assert aided["item"].tolist() == POLICIES["default"](annotations)["item"].tolist()
    assert accuracy(aided, truth) > alone + 0.1


def test_a_hundred_thousand_answers_are_resolved_quickly() -> None:
    rng = np.random.default_rng(0)
    annotations = pd.DataFrame(
        {
            "item": np.repeat(np.arange(50_000), 2).astype(str),
            "annotator": rng.integers(0, 100, 100_000).astype(str),
            "label": rng.choice(["a", "b", "c", "d"], 100_000),
        }
    )
    for policy in POLICIES.values():
        start = time.process_time()
        policy(annotations)
        assert time.process_time() - start < 6.0
