from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import cohen_kappa_score

from quality.agreement import COLUMNS, MEASURES, agreement


def table(*answers: tuple[object, ...]) -> pd.DataFrame:
    return pd.DataFrame(answers, columns=["item", "annotator", "label"])


def overall(annotations: pd.DataFrame, **options: int) -> pd.DataFrame:
    found = agreement(annotations, **options)
    return found[found["annotator_a"] == ""].set_index("measure")


def random_answers(seed: int = 0, *, copies: float = 0.0) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    truth = rng.choice(list("abc"), 120)
    rows = []
    for who in ("ann", "bob", "cho", "dan"):
        for item in np.flatnonzero(rng.random(120) < 0.7):
            copied = rng.random() < copies
            rows.append((f"i{item}", who, truth[item] if copied else rng.choice(list("abc"))))
    return table(*rows)


def test_equal_answers_are_perfect_agreement() -> None:
    rows = [(f"i{k}", who, "xy"[k % 2]) for k in range(20) for who in ("ann", "bob", "cho")]
    found = agreement(table(*rows))
    assert list(found.columns) == list(COLUMNS)
    assert found["value"].to_numpy() == pytest.approx(1.0)
    assert found["n_items"].unique().tolist() == [20]


@pytest.mark.parametrize("measure", [m for m in MEASURES if m != "percent_agreement"])
def test_answers_by_chance_are_about_zero(measure: str) -> None:
    row = overall(random_answers()).loc[measure]
    assert row["low"] <= 0.0 <= row["high"]
    assert abs(row["value"]) < 0.1


@pytest.mark.parametrize("measure", MEASURES)
def test_more_copying_is_more_agreement_and_the_interval_holds_the_value(measure: str) -> None:
    some = overall(random_answers(copies=0.5)).loc[measure]
    most = overall(random_answers(copies=0.9)).loc[measure]
    assert some["value"] < most["value"]
    assert most["low"] < most["value"] < most["high"]


def test_krippendorffs_published_example_comes_out() -> None:
    """Krippendorff (2011), Computing Krippendorff's Alpha-Reliability, section C: nominal .743."""
    observers = {
        "A": "1 2 3 3 2 1 4 1 2 . . .",
        "B": "1 2 3 3 2 2 4 1 2 5 . 3",
        "C": ". 3 3 3 2 3 4 2 2 5 1 .",
        "D": "1 2 3 3 2 4 4 1 2 5 1 .",
    }
    rows = [
        (f"u{unit}", who, value)
        for who, values in observers.items()
        for unit, value in enumerate(values.split())
        if value != "."
    ]
    assert overall(table(*rows)).loc["krippendorff_alpha", "value"] == pytest.approx(
        0.743, abs=5e-4
    )


def test_fleiss_published_example_comes_out() -> None:
    """Fleiss (1971), as worked through widely: 10 subjects, 14 raters, 5 classes, kappa .210."""
    counts = """0 0 0 0 14|0 2 6 4 2|0 0 3 5 6|0 3 9 2 0|2 2 8 1 1
        |7 7 0 0 0|3 2 6 3 0|2 5 3 2 2|6 5 2 1 0|0 2 2 3 7"""
    rows = []
    for item, line in enumerate(counts.split("|")):
        given = [c for c, n in zip("abcde", line.split(), strict=True) for _ in range(int(n))]
        rows += [(f"s{item}", f"r{k:02}", label) for k, label in enumerate(given)]
    assert overall(table(*rows)).loc["fleiss_kappa", "value"] == pytest.approx(0.210, abs=5e-4)


def test_each_pairs_kappa_is_scikit_learns() -> None:
    annotations = random_answers(copies=0.6)
    wide = annotations.pivot(index="item", columns="annotator", values="label")
    found = agreement(annotations)
    pairs = found[found["measure"] == "cohen_kappa"]
    assert len(pairs) == 6
    for row in pairs.itertuples():
        shared = wide[[row.annotator_a, row.annotator_b]].dropna()
        assert row.n_items == len(shared)
        expected = cohen_kappa_score(shared[row.annotator_a], shared[row.annotator_b])
        assert row.value == pytest.approx(expected)
        assert row.low < row.value < row.high


def test_the_same_seed_gives_the_same_intervals() -> None:
    annotations = random_answers(copies=0.5)
    assert agreement(annotations, seed=3).equals(agreement(annotations, seed=3))
    assert not agreement(annotations, seed=3).equals(agreement(annotations, seed=4))


def test_people_who_share_no_item_have_no_agreement() -> None:
    found = agreement(table(("i", "ann", "x"), ("j", "bob", "y")))
    assert found["value"].isna().all()
    assert found["n_items"].tolist() == [0, 0, 0]


def test_one_class_alone_has_no_kappa() -> None:
    rows = [(f"i{k}", who, "긍정") for k in range(5) for who in ("민수", "지우")]
    found = agreement(table(*rows)).set_index("measure")
    assert found.loc["percent_agreement", "value"].tolist() == [1.0, 1.0]
    assert np.isnan(found.loc["cohen_kappa", "value"])


def test_an_annotators_last_answer_counts() -> None:
    found = agreement(table(("i", "ann", "x"), ("i", "ann", "y"), ("i", "bob", "y")))
    assert found.loc[0, "value"] == 1.0
