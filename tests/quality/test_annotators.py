from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import cohen_kappa_score

from quality import annotators
from quality.inference import holm
from tests.quality.crowds import CLASSES, PEOPLE, team


def test_the_least_reliable_person_comes_first_with_an_interval_below_the_rest() -> None:
    table = annotators.quality(team((0.9, 0.9, 0.5, 0.9)))
    worst = table.iloc[0]
    assert worst["annotator"] == "하나"
    assert worst["low"] < worst["agreement"] < worst["high"] < worst["rest"]
    assert worst["quality_low"] < worst["quality"] < worst["quality_high"]


def test_the_own_answer_does_not_speak_for_itself() -> None:
    """Of two people who never agree neither agrees; a lone answer is no test."""
    rows = [(f"i{k}", who, label) for k in range(20) for who, label in (("p", "x"), ("q", "y"))]
    rows += [("alone", "r", "x")]
    annotations = pd.DataFrame(rows, columns=["item", "annotator", "label"])
    table = annotators.quality(annotations).set_index("annotator")
    assert table.loc[["p", "q"], "agreement"].tolist() == [0.0, 0.0]
    assert table.loc["r", "n_compared"] == 0
    assert np.isnan(table.loc["r", "agreement"])
    assert (table.loc["r", "low"], table.loc["r", "high"]) == (0.0, 1.0)


def test_shrinking_to_the_crowd_comes_nearer_to_the_true_skills_than_the_raw_shares() -> None:
    raw, shrunk = [], []
    for seed in range(8):
        skills = np.random.default_rng(100 + seed).beta(16, 4, size=25)
        table = annotators.quality(team(skills, items=60, share=0.2, seed=seed))
        names = [PEOPLE[k] if k < len(PEOPLE) else f"w{k}" for k in range(25)]
        true = pd.Series(skills, index=names).reindex(table["annotator"]).to_numpy()
        raw.append(np.mean((table["agreement"] - true) ** 2))
        shrunk.append(np.mean((table["quality"] - true) ** 2))
    assert np.mean(shrunk) < 0.8 * np.mean(raw)


def test_the_intervals_hold_the_true_skill_about_as_often_as_they_promise() -> None:
    hits = []
    for seed in range(20):
        skills = np.random.default_rng(200 + seed).beta(30, 5, size=12)
        table = annotators.quality(team(skills, items=150, share=0.6, seed=seed))
        names = [PEOPLE[k] if k < len(PEOPLE) else f"w{k}" for k in range(12)]
        true = pd.Series(skills, index=names).reindex(table["annotator"])
        hits += [true.between(table[low].to_numpy(), table[high].to_numpy()).mean()
                 for low, high in (("low", "high"), ("quality_low", "quality_high"))]  # fmt: skip
    assert np.mean(hits[0::2]) > 0.9
    assert np.mean(hits[1::2]) > 0.88


def test_who_mixes_up_two_classes_is_found_first() -> None:
    annotations = team()
    chosen = (annotations["annotator"] == "bob") & (annotations["label"] == "중립")
    annotations.loc[chosen & (np.arange(len(annotations)) % 2 == 0), "label"] = "부정"
    first = annotators.mix_ups(annotations).iloc[0]
    assert first[["annotator", "others", "said"]].tolist() == ["bob", "중립", "부정"]
    assert first["crowd"] < first["low"] < first["share"] < first["high"]
    assert first["n"] / first["of"] == pytest.approx(first["share"])


def test_what_two_people_said_together_is_counted_once() -> None:
    annotations = team(items=80)
    table = annotators.between(annotations)
    wide = annotations.pivot(index="item", columns="annotator", values="label")
    row = table[(table["annotator_a"] == "ann") & (table["annotator_b"] == "민수")]
    assert row["n"].sum() == wide[["ann", "민수"]].dropna().shape[0]
    one = row[(row["label_a"] == "부정") & (row["label_b"] == "부정")]["n"]
    assert one.tolist() == [((wide["ann"] == "부정") & (wide["민수"] == "부정")).sum()]


def test_pace_is_beside_the_crowd_on_the_same_items() -> None:
    annotations = team()
    slow = annotations["annotator"] == "ann"
    annotations.loc[slow, "seconds"] *= 3.0
    table = annotators.speed(annotations).set_index("annotator")
    assert table.loc["ann", "pace"] == pytest.approx(3.0, rel=0.25)
    own = annotations.loc[slow, "seconds"]
    assert table.loc["ann", "median_seconds"] == pytest.approx(own.median())
    assert table.loc["ann", "per_hour"] == pytest.approx(3600 * len(own) / own.sum())


def test_times_are_expected_from_the_person_and_the_length() -> None:
    annotations = team()
    table = annotators.times(annotations)
    error = np.log(table["seconds"] / table["expected"])
    assert abs(error.median()) < 0.05
    assert error.std() < 0.45, "0.4 is what no model can know"
    assert table["hasty"].mean() < 0.03


def hurry(annotations: pd.DataFrame, chosen: np.ndarray, seed: int = 0) -> pd.DataFrame:
    """The chosen answers given in a tenth of the time and by lot."""
    rng = np.random.default_rng(seed)
    hurried = annotations.copy()
    hurried.loc[chosen, "seconds"] /= 10.0
    hurried.loc[chosen, "label"] = rng.choice(CLASSES, int(chosen.sum()))
    return hurried


@pytest.mark.parametrize("every", [1, 5])
def test_hasty_answers_that_agree_less_are_found_whether_some_or_all_are_hasty(every: int) -> None:
    annotations = team()
    mine = (annotations["annotator"] == "cho").to_numpy()
    chosen = mine & (np.arange(len(annotations)) % every == 0)
    table = annotators.haste(hurry(annotations, chosen))
    first = table.iloc[0]
    assert first["annotator"] == "cho"
    assert holm(table["p"])[0] < 0.01
    assert first["high"] < 0
    found = annotators.times(hurry(annotations, chosen))
    assert found.loc[found["annotator"] == "cho", "hasty"].sum() >= 0.85 * chosen.sum()


def test_fast_answers_that_agree_as_well_are_no_harm() -> None:
    annotations = team()
    chosen = (annotations["annotator"] == "cho").to_numpy() & (np.arange(len(annotations)) % 4 == 0)
    annotations.loc[chosen, "seconds"] /= 10.0
    table = annotators.haste(annotations).set_index("annotator")
    assert table.loc["cho", "n_hasty"] > 10
    assert holm(table["p"]).min() > 0.05


def test_a_person_who_drifts_against_oneself_is_found_by_repeats() -> None:
    annotations = team(items=60, share=1.0)
    again = annotations[annotations["item"].isin([f"i{k}" for k in range(30)])].copy()
    turned = (again["annotator"] == "지우") & (np.arange(len(again)) % 2 == 0)
    again.loc[turned, "label"] = again.loc[turned, "label"].map(
        dict(zip(CLASSES, CLASSES[[1, 2, 0]], strict=True))
    )
    table = annotators.self_agreement(pd.concat([annotations, again], ignore_index=True))
    assert table["n_repeats"].tolist() == [30] * 6
    assert table["annotator"].iloc[0] == "지우"
    assert table["same"].iloc[0] == pytest.approx(1 - turned.sum() / 30)
    assert table["same"].iloc[1:].tolist() == [1.0] * 5


def test_self_agreement_is_cohens_kappa_of_first_and_second_answer() -> None:
    rng = np.random.default_rng(0)
    first = pd.DataFrame(
        {"item": np.tile(np.arange(40), 2), "annotator": np.repeat(["p", "q"], 40)}
    )
    first["label"] = rng.choice(CLASSES, 80)
    second = first.assign(
        label=np.where(rng.random(80) < 0.5, first["label"], rng.choice(CLASSES, 80))
    )
    both = pd.concat([first.assign(order=0), second.assign(order=1)])
    table = annotators.self_agreement(both.sample(frac=1, random_state=1)).set_index("annotator")
    for who in "pq":
        mine = first["annotator"] == who
        expected = cohen_kappa_score(first.loc[mine, "label"], second.loc[mine, "label"])
        assert table.loc[who, "kappa"] == pytest.approx(expected)


def test_a_person_who_tires_is_found_by_thirds() -> None:
    annotations = team()
    mine = np.flatnonzero(annotations["annotator"] == "ann")
    late = mine[2 * len(mine) // 3 :]
    annotations.loc[late, "label"] = np.random.default_rng(0).choice(CLASSES, len(late))
    table = annotators.fading(annotations)
    first = table.iloc[0]
    assert first["annotator"] == "ann"
    assert holm(table["p"])[0] < 0.01
    assert first["last"] < 0.6
    assert first["first"] > 0.8
    assert first["low"] < first["change"] < first["high"] < 0
    thirds = annotators.over_time(annotations).query("annotator == 'ann'")
    assert thirds["third"].tolist() == [1, 2, 3]
    assert thirds["agreement"].iloc[2] == pytest.approx(first["last"])


@pytest.mark.parametrize("measure", [annotators.haste, annotators.fading])
def test_people_who_neither_hurry_nor_tire_are_left_in_peace(
    measure: Callable[[pd.DataFrame], pd.DataFrame],
) -> None:
    alarms = []
    for seed in range(30):
        table = measure(team((0.95, 0.9, 0.85, 0.8, 0.75, 0.7), items=100, seed=seed))
        alarms.append(len(table) > 0 and holm(table["p"]).min() < 0.05)
    assert np.mean(alarms) <= 0.075


TABLES = (
    annotators.summary,
    annotators.quality,
    annotators.mix_ups,
    annotators.between,
    annotators.speed,
    annotators.times,
    annotators.haste,
    annotators.self_agreement,
    annotators.over_time,
    annotators.fading,
)


@pytest.mark.parametrize("table", TABLES)
def test_every_table_takes_little_and_nothing(table: Callable[..., pd.DataFrame]) -> None:
    columns = ["item", "annotator", "label"]
    nothing = table(pd.DataFrame([], columns=columns))
    assert nothing.empty
    one = table(pd.DataFrame([("i", "민수", "긍정")], columns=columns))
    assert set(one.columns) == set(nothing.columns)
    crowded = team(items=40)
    assert set(nothing.columns) <= set(table(crowded).columns)


@pytest.mark.parametrize("table", TABLES)
def test_no_table_depends_on_the_order_of_the_rows_beyond_time(
    table: Callable[..., pd.DataFrame],
) -> None:
    annotations = team(items=60).assign(order=lambda frame: np.arange(len(frame)))
    shuffled = annotations.sample(frac=1, random_state=3)
    pd.testing.assert_frame_equal(table(annotations), table(shuffled))
