from __future__ import annotations

from functools import cache

import numpy as np
import pandas as pd
import pytest
from scipy.sparse import csr_matrix
from sklearn.datasets import load_breast_cancer
from sklearn.metrics import roc_auc_score

from labeling.core.features import Content, matrix
from quality import labels
from quality.label_signals import (
    SIGNALS,
    Evidence,
    answered,
    belief,
    first_look,
    gather,
    neighbours,
    with_answers,
)

CLASSES = ("배송", "환불", "칭찬")
TOPICS = (
    ["택배", "언제", "도착", "지연", "배송", "기사", "송장"],
    ["환불", "결제", "취소", "반품", "카드", "입금", "영수증"],
    ["감사", "최고", "친절", "만족", "추천", "빠르고", "좋아요"],
)
FILLER = ["안녕하세요", "오늘", "주문", "했는데", "제가", "상품", "문의", "드려요", "부탁", "정말"]


def messages(n: int = 240, seed: int = 0) -> tuple[list[str], np.ndarray]:
    """Korean messages with two words of their topic, and the topics."""
    rng = np.random.default_rng(seed)
    codes = rng.integers(0, 3, n)
    lines = [
        [*rng.choice(TOPICS[k], 2), *rng.choice(FILLER, 4), str(i)] for i, k in enumerate(codes)
    ]
    return [" ".join(rng.permutation(line)) for line in lines], codes.astype(np.int64)


def features_of(texts: list[str]) -> csr_matrix:
    return matrix(pd.DataFrame({"text": texts}, dtype=object), Content("text", ("text",)))


@cache
def suspicious_messages() -> tuple[Evidence, np.ndarray]:
    """Every twelfth message has a wrong label, and the first four have none."""
    texts, codes = messages()
    wrong = np.arange(240) % 12 == 7
    codes = np.where(wrong, (codes + 1) % 3, codes)
    codes[:4] = -1
    return gather(features_of(texts), codes, kind="text", n_classes=3), wrong


@cache
def suspicious_tumours() -> tuple[Evidence, np.ndarray]:
    values, truth = load_breast_cancer(return_X_y=True)
    values = (values - values.mean(axis=0)) / values.std(axis=0)
    wrong = np.zeros(len(truth), dtype=bool)
    wrong[np.random.default_rng(0).choice(len(truth), 40, replace=False)] = True
    codes = np.where(wrong, 1 - truth, truth).astype(np.int64)
    return gather(values, codes, kind="columns", n_classes=2), wrong


def auroc(scores: np.ndarray, wrong: np.ndarray) -> float:
    known = ~np.isnan(scores)
    return float(roc_auc_score(wrong[known], -scores[known]))


@pytest.mark.parametrize("name", [name for name in SIGNALS if name != "annotators"])
@pytest.mark.parametrize("suspicious", [suspicious_messages, suspicious_tumours])
def test_each_signal_of_the_content_finds_planted_errors(name: str, suspicious: object) -> None:
    evidence, wrong = suspicious()  # type: ignore[operator]
    scores = SIGNALS[name](evidence)
    assert (np.isnan(scores) == (evidence.codes < 0)).all()
    known = scores[evidence.codes >= 0]
    assert known.min() >= 0.0
    assert known.max() <= 1.0
    assert auroc(scores, wrong) > 0.9


@pytest.mark.parametrize("suspicious", [suspicious_messages, suspicious_tumours])
def test_the_belief_ranks_better_than_the_first_look_and_the_neighbours_alone(
    suspicious: object,
) -> None:
    evidence, wrong = suspicious()  # type: ignore[operator]
    proba = belief(evidence)
    assert proba.sum(axis=1) == pytest.approx(1.0)
    together = auroc(labels.ranking(proba, evidence.codes)[0], wrong)
    assert together >= auroc(first_look(evidence), wrong)
    assert together >= auroc(neighbours(evidence), wrong)


def test_the_suggested_label_is_the_true_one() -> None:
    evidence, wrong = suspicious_messages()
    _, truth = messages()
    _, suggested = labels.ranking(belief(evidence), evidence.codes)
    assert (suggested[wrong] == truth[wrong]).mean() > 0.9


def test_rows_without_a_label_have_no_score_but_a_suggestion() -> None:
    evidence, _ = suspicious_messages()
    _, truth = messages()
    scores, suggested = labels.ranking(belief(evidence), evidence.codes)
    assert np.isnan(scores[:4]).all()
    assert (suggested[:4] == truth[:4]).all()
    assert not np.isnan(scores[4:]).any()


def copies(groups: bool) -> np.ndarray:
    """The ranks of a wrong label that stands there 20 times, of 259 rows."""
    texts, codes = messages()
    codes[10] = (codes[10] + 1) % 3
    rows = np.append(np.arange(240), np.full(19, 10))
    evidence = gather(
        features_of(texts)[rows],
        codes[rows],
        kind="text",
        n_classes=3,
        groups=np.array(texts)[rows] if groups else None,
    )
    scores, _ = labels.ranking(belief(evidence), codes[rows])
    return np.argsort(np.argsort(scores, kind="stable"))[rows == 10]


def test_a_copied_wrong_label_is_found_when_copies_are_kept_together() -> None:
    assert copies(groups=True).max() == 19
    assert copies(groups=False).max() > 50, "apart they vouch for each other"


@pytest.mark.parametrize("kind", ["text", "columns"])
def test_the_order_of_rows_does_not_matter(kind: str) -> None:
    texts, codes = messages(120)
    features = features_of(texts) if kind == "text" else features_of(texts)[:, :40].toarray()
    names, shuffled = np.array(texts, dtype=object), np.random.default_rng(1).permutation(120)
    run = [
        belief(gather(features[o], codes[o], kind=kind, n_classes=3, groups=names[o]))
        for o in (np.arange(120), shuffled)
    ]
    assert run[1] == pytest.approx(run[0][shuffled], abs=1e-9)


def test_the_seed_decides_the_folds_and_nothing_else_does() -> None:
    texts, codes = messages(120)
    run = [
        belief(gather(features_of(texts), codes, kind="text", n_classes=3, seed=s))
        for s in (1, 1, 2)
    ]
    assert (run[0] == run[1]).all()
    assert not (run[0] == run[2]).all()


def test_a_class_of_one_row_is_a_tie_and_disturbs_nobody() -> None:
    texts, codes = messages()
    codes[0] = 3
    scores, _ = labels.ranking(
        belief(gather(features_of(texts), codes, kind="text", n_classes=4)), codes
    )
    assert scores[0] == pytest.approx(0.5)
    assert (scores[1:] > 0.5).mean() > 0.97


@pytest.mark.parametrize("codes", [[-1] * 8, [0] * 8, [0, 1, -1, -1, -1, -1, -1, -1]])
def test_too_few_labels_give_a_belief_still(codes: list[int]) -> None:
    texts, _ = messages(8)
    made = gather(features_of(texts), np.array(codes), kind="text", n_classes=2)
    assert belief(made).sum(axis=1) == pytest.approx(1.0)


# -- annotators ------------------------------------------------------------------------------------


def said(rows: list[tuple[str, str, str]]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=["item", "annotator", "label"])


def panel(n: int = 60, seed: int = 0) -> tuple[pd.DataFrame, np.ndarray]:
    """Three people on n items, the third of them wrong half of the time, and the truth."""
    rng = np.random.default_rng(seed)
    truth, rows = rng.integers(0, 3, n), []
    for item, code in enumerate(truth):
        for who, slips in (("민수", 0.05), ("지우", 0.05), ("바쁜이", 0.5)):
            answer = (code + 1) % 3 if rng.random() < slips else code
            rows.append((f"i{item}", who, CLASSES[answer]))
    return said(rows), truth


def test_the_answers_of_bad_annotators_are_doubted() -> None:
    people, truth = panel()
    found = answered(people, [f"i{k}" for k in range(60)], CLASSES)
    assert found is not None
    hasty = people[people["annotator"] == "바쁜이"]["label"].map(CLASSES.index).to_numpy()
    doubt = 1.0 - labels.self_confidence(found.posterior, hasty)
    assert auroc(-doubt, hasty != truth) > 0.95
    assert found.posterior.sum(axis=1) == pytest.approx(1.0)
    assert found.shares.sum(axis=1) == pytest.approx(1.0)


def test_one_answer_alone_says_nothing() -> None:
    rows = said([("a", "p", "배송"), ("b", "p", "환불"), ("b", "q", "환불"), ("c", "p", "칭찬")])
    found = answered(rows, ["a", "b", "c", "d"], CLASSES)
    assert found is not None
    assert np.isnan(found.posterior).all(axis=1).tolist() == [True, False, True, True]
    assert answered(rows[rows["annotator"] == "p"], ["a", "b"], CLASSES) is None
    assert answered(rows, ["z"], CLASSES) is None
    assert answered(rows[:0], ["a"], CLASSES) is None


def test_answers_outside_the_label_set_and_a_persons_second_thoughts() -> None:
    rows = [("a", "p", "배송"), ("a", "q", "몰라"), ("b", "p", "배송"), ("b", "p", "환불")]
    rows += [("b", "q", "환불")]
    found = answered(said(rows), ["a", "b"], CLASSES)
    assert found is not None
    assert np.isnan(found.shares[0]).all()
    assert found.shares[1].tolist() == [0.0, 1.0, 0.0]


def test_people_and_content_are_two_witnesses() -> None:
    people, truth = panel()
    items = [f"i{k}" for k in range(60)]
    found = answered(people[people["item"] != "i5"], items, CLASSES)
    assert found is not None
    proba = np.full((60, 3), 0.05) + 0.85 * np.eye(3)[truth]
    proba[7] = np.nan
    both = with_answers(proba, found)
    assert both[5] == pytest.approx(proba[5]), "nobody answered"
    assert both[7] == pytest.approx(found.posterior[7]), "no model saw it"
    sure = both[np.arange(60), truth] > np.maximum(proba, found.posterior)[np.arange(60), truth]
    agree = found.posterior.argmax(axis=1) == truth
    rest = agree & ~np.isin(np.arange(60), (5, 7))
    assert sure[rest].mean() > 0.9, "where both say the same they are surer than each"


def test_answers_take_part_in_the_belief_and_as_a_signal() -> None:
    texts, codes = messages(60)
    people, truth = panel()
    found = answered(people, [f"i{k}" for k in range(60)], CLASSES)
    made = gather(csr_matrix((60, 4)), truth, kind="text", n_classes=3, answers=found)
    scores = SIGNALS["annotators"](made)
    assert found is not None
    assert scores == pytest.approx(found.posterior[np.arange(60), truth])
    assert np.isnan(
        SIGNALS["annotators"](gather(features_of(texts), codes, kind="text", n_classes=3))
    ).all()
    empty = labels.ranking(belief(made), truth)[0]
    assert auroc(empty, found.posterior.argmax(axis=1) != truth) == 1.0
