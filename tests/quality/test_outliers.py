from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.sparse import csr_matrix
from sklearn.feature_extraction.text import TfidfVectorizer

from quality import outliers
from quality.outliers import distances, oddness, unlearnable
from quality.table_checks import ODD

THEMES = (
    ["배송", "환불", "주문", "상자", "지연", "도착", "택배", "포장", "반품", "교환"],
    ["영화", "배우", "연기", "감동", "음악", "장면", "결말", "감독", "극장", "예매"],
)


def reviews(n: int = 400, seed: int = 0) -> list[str]:
    rng = np.random.default_rng(seed)
    return [" ".join(rng.choice(THEMES[k % 2], 6)) for k in range(n)]


def as_features(texts: list[str]) -> csr_matrix:
    return TfidfVectorizer(analyzer="char_wb", ngram_range=(1, 4)).fit_transform(texts)


def places(n: int = 500, d: int = 5, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(n, d))


def test_the_distance_to_the_tenth_neighbour_is_the_true_one() -> None:
    features = places(60, 3)
    apart = np.sqrt(((features[:, None] - features[None]) ** 2).sum(axis=2))
    assert distances(features) == pytest.approx(np.sort(apart, axis=1)[:, 10])
    assert distances(csr_matrix(features)) == pytest.approx(distances(features))


def test_what_the_dimensions_leave_over_counts_as_distance() -> None:
    """Thirty dimensions, of which the tenth of the rows' variance is left over."""
    rng = np.random.default_rng(0)
    features = np.hstack([rng.normal(size=(300, 8)), 0.01 * rng.normal(size=(300, 40))])
    features[7, 40] = 20.0
    features[11, 3] = 20.0
    scores = oddness(features)
    assert set(np.argsort(scores)[:2]) == {7, 11}
    assert scores[[7, 11]].max() < ODD


def test_odd_rows_score_lowest_and_scores_are_between_nothing_and_one() -> None:
    features = places()
    features[[3, 400]] += 12.0
    scores = oddness(features)
    assert set(np.argsort(scores)[:2]) == {3, 400}
    assert scores[[3, 400]].max() < ODD < np.delete(scores, [3, 400]).min()
    assert ((scores >= 0) & (scores <= 1)).all()


def test_texts_of_another_kind_score_lowest() -> None:
    odd = ["qzxj vvkw zzqp", "Lorem ipsum dolor sit amet", "۱۲۳ ۴۵۶"]
    features = as_features([*reviews(), *odd])
    assert features.shape[1] > 20
    wide = csr_matrix(
        (features.data, features.indices, features.indptr), shape=(features.shape[0], 5000)
    )
    scores = oddness(wide)
    assert set(np.argsort(scores)[:3]) == {400, 401, 402}
    assert scores[400:].max() < ODD


def test_rows_of_one_kind_are_seldom_odd() -> None:
    alarms = [(oddness(places(400, 6, seed)) < ODD).any() for seed in range(30)]
    assert np.mean(alarms) <= 0.1


def test_few_rows_are_never_odd_and_none_is_no_fault() -> None:
    assert oddness(places(20) * [1, 1, 1, 1, 100]).tolist() == [1.0] * 20
    assert oddness(np.zeros((0, 4))).tolist() == []
    assert (oddness(np.zeros((100, 4))) > 0.5).all(), "rows that are all the same"


def test_chunks_and_the_reference_rows_change_little(monkeypatch: pytest.MonkeyPatch) -> None:
    features = places(900, 4)
    whole = distances(features)
    monkeypatch.setattr(outliers, "CHUNK", 7)
    assert distances(features) == pytest.approx(whole)
    monkeypatch.setattr(outliers, "REFERENCE", 300)
    fewer = distances(features)
    assert np.corrcoef(fewer, whole)[0, 1] > 0.9
    assert distances(features, seed=5) == pytest.approx(distances(features, seed=5))


def answers(*rows: tuple[object, ...]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=["item", "annotator", "label", "kind"])


def test_items_that_nobody_can_learn_from_are_named_with_the_reason() -> None:
    people = ("민수", "지우", "하나", "ann", "bob", "cho")
    rows = [("flagged", who, "긍정", "label") for who in people[:3]]
    rows += [("flagged", "ann", None, "flag")]
    rows += [("skipped", who, None, "skip") for who in people[:2]]
    rows += [("disputed", who, "긍부중"[k % 3], "label") for k, who in enumerate(people)]
    rows += [("fine", who, "긍정", "label") for who in people]
    rows += [("skipped once", "bob", None, "skip"), ("skipped once", "cho", "부정", "label")]
    table = unlearnable(answers(*rows)).set_index("item")
    assert table["reason"].to_dict() == {
        "skipped": "skipped", "disputed": "disputed", "flagged": "flagged"
    }  # fmt: skip
    assert table["score"].to_dict() == pytest.approx(
        {"skipped": 0.0, "disputed": 2 / 6, "flagged": 3 / 4}
    )
    assert "ann" in table.loc["flagged", "message"]


def test_labels_alone_are_enough_for_disputes_and_nothing_is_no_fault() -> None:
    rows = [("i", who, "ab"[k % 2], None) for k, who in enumerate("pqrstu")]
    table = unlearnable(answers(*rows).drop(columns="kind"))
    assert table["reason"].tolist() == ["disputed"]
    assert unlearnable(answers()).empty
