from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from quality.drift import COLUMNS, drift, g_test

WORDS = np.array(
    [
        "배송",
        "환불",
        "주문",
        "상자",
        "지연",
        "감사",
        "언제",
        "어디",
        "late",
        "box",
        "order",
        "thanks",
    ]
)
NEW_WORDS = np.array(["소송", "고소", "변호사", "lawyer", "court", "judge", "trial"])
TABLE = ("text", "source", "price")


def rows(n: int, rng: np.random.Generator) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "text": [" ".join(rng.choice(WORDS, rng.integers(3, 12))) for _ in range(n)],
            "source": rng.choice(["웹", "앱", "전화"], n, p=[0.6, 0.3, 0.1]),
            "price": rng.gamma(2, 10, n).round(2).astype(str),
            "id": [f"r{k}" for k in range(n)],
        },
        dtype=object,
    )


def two_imports(old: int = 300, new: int = 150, seed: int = 0) -> tuple[pd.DataFrame, np.ndarray]:
    rng = np.random.default_rng(seed)
    return rows(old + new, rng), np.arange(old + new) >= old


def longer(frame: pd.DataFrame, new: np.ndarray) -> None:
    frame.loc[new, "text"] = frame.loc[new, "text"] + " " + frame.loc[new, "text"]


def other_words(frame: pd.DataFrame, new: np.ndarray) -> None:
    rng = np.random.default_rng(1)
    frame.loc[new, "text"] = [
        " ".join([*words.split()[:-2], *rng.choice(NEW_WORDS, 2)])
        for words in frame.loc[new, "text"]
    ]


def dearer(frame: pd.DataFrame, new: np.ndarray) -> None:
    frame.loc[new, "price"] = (frame.loc[new, "price"].astype(float) * 2).astype(str)


def other_sources(frame: pd.DataFrame, new: np.ndarray) -> None:
    frame.loc[new & (np.arange(len(frame)) % 2 == 0), "source"] = "전화"


def emptied(frame: pd.DataFrame, new: np.ndarray) -> None:
    frame.loc[new & (np.arange(len(frame)) % 3 == 0), "price"] = None


PLANTED: dict[tuple[str, str], Callable[[pd.DataFrame, np.ndarray], None]] = {
    ("text", "length"): longer,
    ("text", "vocabulary"): other_words,
    ("price", "numbers"): dearer,
    ("source", "categories"): other_sources,
    ("price", "missing"): emptied,
}


@pytest.mark.parametrize("where", PLANTED, ids=" ".join)
def test_planted_drift_is_found_in_its_column_and_nowhere_else(where: tuple[str, str]) -> None:
    frame, new = two_imports()
    PLANTED[where](frame, new)
    table = drift(frame, new, columns=[*TABLE, "id"])
    assert table.columns.tolist() == list(COLUMNS)
    found = table[table["drift"]]
    assert list(zip(found["column"], found["aspect"], strict=True)) == [where]
    assert found["message"].iloc[0]


def test_class_shares_and_confidence_are_compared_too() -> None:
    frame, new = two_imports()
    rng = np.random.default_rng(0)
    label = np.where(rng.random(450) < np.where(new, 0.6, 0.3), "긍정", "부정").astype(object)
    label[rng.random(450) < 0.2] = None
    confidence = np.where(new, rng.beta(5, 3, 450), rng.beta(9, 1, 450))
    confidence[:30] = np.nan
    table = drift(frame, new, label=label, confidence=confidence)
    assert table["drift"].tolist() == [True, True]
    assert set(table["aspect"]) == {"classes", "confidence"}
    shares = table.set_index("aspect").loc["classes"]
    known = pd.notna(label)
    moved = [np.mean(label[side & known] == "긍정") for side in (~new, new)]
    assert shares["effect"] == pytest.approx(abs(moved[1] - moved[0]))


def test_a_trifle_is_no_drift_however_many_rows_there_are() -> None:
    rng = np.random.default_rng(0)
    new = np.arange(100_000) >= 50_000
    frame = pd.DataFrame({"price": rng.normal(np.where(new, 0.05, 0.0), 1.0)})
    table = drift(frame, new, columns=["price"])
    assert table["p"].iloc[0] < 1e-6
    assert not table["drift"].any()


def test_a_large_difference_of_a_few_rows_is_no_drift_either() -> None:
    frame, new = two_imports(old=25, new=20)
    label = np.where(np.arange(45) % 2 == 0, "a", "b").astype(object)
    label[-6:] = "a"
    table = drift(frame, new, label=label)
    assert table["effect"].iloc[0] > 0.1
    assert not table["drift"].any()
    assert drift(*two_imports(old=300, new=10), columns=TABLE).empty


@pytest.mark.parametrize(("old", "new"), [(300, 150), (60, 40), (800, 30)])
def test_rows_of_one_kind_do_not_drift(old: int, new: int) -> None:
    alarms = []
    for seed in range(20):
        frame, is_new = two_imports(old, new, seed)
        label = np.random.default_rng(seed).choice(["a", "b", "c"], old + new, p=[0.9, 0.07, 0.03])
        table = drift(frame, is_new, columns=TABLE, label=label.astype(object))
        alarms.append(table["drift"].any())
    assert np.mean(alarms) <= 0.05


def test_the_g_test_is_that_of_scipy_where_counts_are_large() -> None:
    counts = np.array([[60, 80, 33], [40, 90, 21]])
    theirs = stats.chi2_contingency(counts, lambda_="log-likelihood").pvalue
    assert g_test(counts, np.random.default_rng(0)) == pytest.approx(theirs)


def test_the_g_test_of_small_counts_is_exact_up_to_the_drawing() -> None:
    counts = np.array([[9, 1], [2, 6]])
    p = g_test(counts, np.random.default_rng(0))
    assert p == pytest.approx(stats.fisher_exact(counts).pvalue, abs=0.01)


def test_a_word_is_new_however_it_is_written_and_rows_before_are_measured_alike() -> None:
    frame, new = two_imports()
    frame.loc[new, "text"] = frame.loc[new, "text"].str.upper() + "  !"
    table = drift(frame, new, columns=["text"]).set_index("aspect")
    assert table.loc["vocabulary", "effect"] < 0.02
    assert not table["drift"].any()


def test_the_same_seed_gives_the_same_table() -> None:
    frame, new = two_imports()
    pd.testing.assert_frame_equal(
        drift(frame, new, columns=TABLE, seed=1), drift(frame, new, columns=TABLE, seed=1)
    )
