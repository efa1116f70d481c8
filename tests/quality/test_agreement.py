from __future__ import annotations

from itertools import product

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import cohen_kappa_score

from quality.agreement import COLUMNS, MEASURES, agreement, by_group, by_label


def table(*answers: tuple[object, ...]) -> pd.DataFrame:
    return pd.DataFrame(answers, columns=["item", "annotator", "label"])


def overall(annotations: pd.DataFrame, **options: object) -> pd.DataFrame:
    found = agreement(annotations, **options)  # type: ignore[arg-type]
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


KRIPPENDORFF = {
    "A": "1 2 3 3 2 1 4 1 2 . . .",
    "B": "1 2 3 3 2 2 4 1 2 5 . 3",
    "C": ". 3 3 3 2 3 4 2 2 5 1 .",
    "D": "1 2 3 3 2 4 4 1 2 5 1 .",
}


def observed(observers: dict[str, str]) -> pd.DataFrame:
    """Answers from a line of values a person, one a unit, a dot for none."""
    return table(
        *(
            (f"u{unit}", who, value)
            for who, values in observers.items()
            for unit, value in enumerate(values.split())
            if value != "."
        )
    )


def counted(*items: str) -> pd.DataFrame:
    """Answers from a line an item: how many people chose each of the classes a, b, c, ..."""
    rows = []
    for item, line in enumerate(items):
        given = [c for c, n in zip("abcdefgh", line.split(), strict=False) for _ in range(int(n))]
        rows += [(f"s{item}", f"r{k:02}", label) for k, label in enumerate(given)]
    return table(*rows)


def crossed(cells: dict[tuple[str, str], int]) -> pd.DataFrame:
    """Answers of two people from how often they said what together."""
    pairs = [pair for pair, times in cells.items() for _ in range(times)]
    return table(
        *(
            (f"i{n}", w, said)
            for n, pair in enumerate(pairs)
            for w, said in zip("AB", pair, strict=True)
        )
    )


@pytest.mark.parametrize(
    ("measure", "value"),
    [
        ("krippendorff_alpha", 0.743),
        ("krippendorff_alpha_ordinal", 0.815),
        ("krippendorff_alpha_interval", 0.849),
    ],
)
def test_krippendorffs_published_example_comes_out(measure: str, value: float) -> None:
    """Krippendorff (2011), Computing Krippendorff's Alpha-Reliability, section C."""
    found = overall(observed(KRIPPENDORFF), order=list("12345"))
    assert found.loc[measure, "value"] == pytest.approx(value, abs=5e-4)


def test_fleiss_published_example_comes_out_also_class_by_class() -> None:
    """Fleiss (1971): 30 patients, 6 psychiatrists, 5 diagnoses, kappa .430."""
    patients = """0 0 0 6 0|0 3 0 0 3|0 1 4 0 1|0 0 0 0 6|0 3 0 3 0|2 0 4 0 0|0 0 4 0 2|2 0 3 1 0
        |2 0 0 4 0|0 0 0 0 6|1 0 0 5 0|1 1 0 4 0|0 3 3 0 0|1 0 0 5 0|0 2 0 3 1|0 0 5 0 1|3 0 0 1 2
        |5 1 0 0 0|0 2 0 4 0|1 0 2 0 3|0 0 0 0 6|0 1 0 5 0|0 2 0 1 3|2 0 0 4 0|1 0 0 4 1|0 5 0 1 0
        |4 0 0 0 2|0 2 0 4 0|1 0 5 0 0|0 0 0 0 6"""
    annotations = counted(*patients.split("|"))
    assert overall(annotations).loc["fleiss_kappa", "value"] == pytest.approx(0.430, abs=5e-4)
    by_class = by_label(annotations)
    kappa = by_class[by_class["measure"] == "label_kappa"].set_index("label")["value"]
    expected = {"a": 0.245, "b": 0.245, "c": 0.520, "d": 0.471, "e": 0.566}
    assert kappa.to_dict() == pytest.approx(expected, abs=5e-4)


def test_another_example_of_fleiss_kappa_comes_out() -> None:
    """10 subjects, 14 raters, 5 classes, kappa .210, as worked through in encyclopedias."""
    subjects = """0 0 0 0 14|0 2 6 4 2|0 0 3 5 6|0 3 9 2 0|2 2 8 1 1
        |7 7 0 0 0|3 2 6 3 0|2 5 3 2 2|6 5 2 1 0|0 2 2 3 7"""
    found = overall(counted(*subjects.split("|")))
    assert found.loc["fleiss_kappa", "value"] == pytest.approx(0.210, abs=5e-4)


def test_cohens_published_example_comes_out() -> None:
    """Cohen (1960): two judges, 200 patients, observed .70, by chance .41, kappa .492."""
    cells = [88, 10, 2, 14, 40, 6, 18, 10, 12]
    found = agreement(crossed(dict(zip(product("pns", "pns"), cells, strict=True))))
    pair = found[found["annotator_a"] != ""].set_index("measure")["value"]
    assert pair["percent_agreement"] == pytest.approx(0.70)
    assert pair["cohen_kappa"] == pytest.approx(0.492, abs=5e-4)


def test_gwets_published_example_comes_out_where_kappa_fails() -> None:
    """Gwet (2002, 2008): 125 subjects, 118 of them + +; kappa -.023 in spite of 94 %, AC1 .941."""
    annotations = crossed({("+", "+"): 118, ("+", "-"): 5, ("-", "+"): 2})
    found = agreement(annotations).set_index("measure")["value"]
    assert found["gwet_ac1"] == pytest.approx(0.941, abs=5e-4)
    assert found["cohen_kappa"] == pytest.approx(-0.023, abs=5e-4)


def test_ordinal_alpha_counts_near_misses_for_less_than_far_ones() -> None:
    near = observed({"A": "1 2 3 4 5 1 2 3 4 5", "B": "2 2 3 4 5 1 2 3 4 4"})
    far = observed({"A": "1 2 3 4 5 1 2 3 4 5", "B": "5 2 3 4 5 1 2 3 4 1"})
    order = list("12345")
    ordinal = "krippendorff_alpha_ordinal"
    assert overall(near, order=order).loc[ordinal, "value"] > 0.95
    assert overall(far, order=order).loc[ordinal, "value"] < 0.6
    plain = [overall(x).loc["krippendorff_alpha", "value"] for x in (near, far)]
    assert plain[0] == pytest.approx(plain[1], abs=0.02)


def test_ordinal_alpha_knows_the_order_and_not_the_names() -> None:
    named = observed(KRIPPENDORFF).replace({"label": dict(zip("12345", "edabc", strict=True))})
    found = overall(named, order=list("edabc"))
    assert found.loc["krippendorff_alpha_ordinal", "value"] == pytest.approx(0.815, abs=5e-4)
    assert "krippendorff_alpha_interval" not in found.index
    backwards = overall(named, order=list("cbade"))
    assert backwards["value"].to_numpy() == pytest.approx(found["value"].to_numpy())
    other = overall(named, order=list("abcde")).loc["krippendorff_alpha_ordinal", "value"]
    assert other < 0.8


def test_a_label_outside_the_order_is_an_error_that_names_it() -> None:
    with pytest.raises(ValueError, match="lacks the label '5'"):
        agreement(observed(KRIPPENDORFF), order=list("1234"))


def test_agreement_by_class_finds_the_class_that_people_cannot_tell() -> None:
    rng = np.random.default_rng(0)
    rows = [
        (f"i{k}", who, "긍정" if k % 3 == 0 else str(rng.choice(["부정", "중립"])))
        for k in range(120)
        for who in ("민수", "지우", "하나")
    ]
    found = by_label(table(*rows)).set_index(["measure", "label"])
    assert found.loc[("label_kappa", "긍정"), "value"] == pytest.approx(1.0)
    for unsure in ("부정", "중립"):
        row = found.loc[("label_agreement", unsure)]
        assert row["value"] < 0.65, "nearly by lot"
        assert 60 < row["n_items"] <= 100


def test_agreement_by_group_compares_within_a_group_only() -> None:
    rng = np.random.default_rng(1)
    truth = rng.choice(list("xy"), 100)
    rows = []
    for guideline, right in (("v1", 0.6), ("v2", 0.97)):
        for item, who in product(range(100), ("ann", "bob", "cho")):
            said = truth[item] if rng.random() < right else "yx"["xy".index(truth[item])]
            rows.append((f"i{item}", who, said, guideline))
    annotations = pd.DataFrame(rows, columns=["item", "annotator", "label", "group"])
    found = by_group(annotations).set_index(["group", "measure"])
    assert found.loc[("v1", "krippendorff_alpha"), "high"] < 0.3
    assert found.loc[("v2", "krippendorff_alpha"), "low"] > 0.7
    alone = overall(annotations[annotations["group"] == "v2"])
    assert found.loc["v2"]["value"].to_numpy() == pytest.approx(alone["value"].to_numpy())


def test_groups_and_classes_of_nothing_are_empty_tables() -> None:
    empty = table().assign(group=[])
    for found in (by_group(empty), by_label(empty)):
        assert found.columns.tolist() == list(COLUMNS)
        assert found.empty


def raters(items: int, seed: int) -> pd.DataFrame:
    """Four people of different skill and three classes of different frequency."""
    rng = np.random.default_rng(seed)
    truth = rng.choice(3, items, p=[0.6, 0.3, 0.1])
    said = [
        np.where(rng.random(items) < skill, truth, rng.integers(0, 3, items))
        for skill in (0.9, 0.8, 0.7, 0.5)
    ]
    return pd.DataFrame(
        {
            "item": np.tile(np.arange(items), 4),
            "annotator": np.repeat(list("abcd"), items),
            "label": np.concatenate(said).astype(str),
        }
    )


def test_the_intervals_hold_the_true_value_about_as_often_as_they_promise() -> None:
    true = overall(raters(100_000, 0), resamples=2, order=list("012"))["value"]
    runs = 120
    hits = sum(
        (found["low"] <= true) & (true <= found["high"])
        for found in (
            overall(raters(80, seed), resamples=300, order=list("012")) for seed in range(1, runs)
        )
    )
    coverage = hits / (runs - 1)
    assert len(coverage) == len(MEASURES) + 2
    assert coverage.between(0.89, 0.99).all(), coverage


def test_a_hundred_thousand_items_cost_no_more_resamples() -> None:
    """Items with the same answers are one pattern: 15 of them here, however many items."""
    few, many = (overall(raters(items, 0)) for items in (1_000, 100_000))
    width = (few["high"] - few["low"]) / (many["high"] - many["low"])
    assert width.between(8, 12).all(), "a tenth as wide"


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
    assert found["n_items"].tolist() == [0] * len(MEASURES)


def test_one_class_alone_has_no_kappa() -> None:
    rows = [(f"i{k}", who, "긍정") for k in range(5) for who in ("민수", "지우")]
    found = agreement(table(*rows)).set_index("measure")
    assert found.loc["percent_agreement", "value"].tolist() == [1.0, 1.0]
    assert np.isnan(found.loc["cohen_kappa", "value"])


def test_an_annotators_last_answer_counts() -> None:
    found = agreement(table(("i", "ann", "x"), ("i", "ann", "y"), ("i", "bob", "y")))
    assert found.loc[0, "value"] == 1.0
