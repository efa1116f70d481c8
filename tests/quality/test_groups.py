from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from quality.groups import group_columns, leak, named

N = 200
PREMISE = "a man with a red hat stands at the corner of street {}"


def frame(**columns: object) -> pd.DataFrame:
    plain = {"text": [f"sentence {k} about nothing" for k in range(N)]}
    return pd.DataFrame({**plain, **columns}, dtype=object)


def repeated(pattern: str, groups: int) -> list[str]:
    return [pattern.format(k % groups) for k in range(N)]


EVERYWHERE = np.ones(N, dtype=bool)


@pytest.mark.parametrize(
    "column",
    [
        {"patient_id": repeated("{}", 40)},
        {"userId": repeated("u{}", 40)},
        {"환자 번호": repeated("{}", 40)},
        {"who": repeated("Kim Min-su the {}th", 60)},
        {"movie": repeated("film {}", 12)},
    ],
)
def test_columns_that_name_a_person_or_a_thing_are_groups(column: dict[str, list[str]]) -> None:
    assert group_columns(frame(**column)) == list(column)


@pytest.mark.parametrize(
    "column",
    [
        {"id": [f"row {k}" for k in range(N)]},  # all different
        {"user": repeated("u{}", 3)},  # too few to be told from a category
        {"user": ["anonymous"] * 100 + [f"u{k}" for k in range(100)]},  # one holds half of all
        {"city": repeated("city {}", 20)},  # a category
        {"age": repeated("{}", 60)},
        {"price": [f"{k % 60}.5" for k in range(N)]},
        {"group_mean": [f"{k % 60}.25" for k in range(N)]},
        {"date": [f"2024-01-{1 + k % 60:02}" for k in range(N)]},
        {"comment": [f"remark {max(k, 5)}" for k in range(N)]},  # a few that happen to agree
        {"empty": [None] * N},
        {"picture": [b"same"] * N},
        {"annotator_id": repeated("Kim {}", 60)},
        {"workerId": repeated("{}", 60)},
    ],
)
def test_categories_quantities_dates_and_names_of_single_rows_are_not(
    column: dict[str, list[object]],
) -> None:
    assert group_columns(frame(**column)) == []


def test_of_the_content_only_sentences_that_repeat_are_groups() -> None:
    pairs = frame(premise=repeated(PREMISE, 70), occupation=repeated("trade {}", 70))
    assert group_columns(pairs, content=("premise", "text", "occupation")) == ["premise"]
    assert group_columns(pairs, content=("premise",)) == ["occupation"]
    assert group_columns(pairs, skip={"premise", "occupation"}) == []


def test_a_leak_counts_the_rows_that_measure_with_a_mate_that_trains() -> None:
    people = pd.Series(["Kim", "Lee", " KIM ", "Park", None, "Lee", None, "Choi"], dtype=object)
    trains = np.array([1, 1, 0, 0, 0, 0, 1, 1], dtype=bool)
    found = leak(people, trains=trains, measures=~trains)
    assert found is not None
    assert (found.share, found.groups) == (0.5, 2)
    assert (found.example, found.measures, found.trains) == (" KIM ", 2, 0)


def test_a_split_by_group_leaks_nothing_and_one_at_random_almost_everything() -> None:
    people = pd.Series(repeated("p{}", 40), dtype=object)
    by_group = np.arange(N) % 40 < 10
    assert leak(people, trains=~by_group, measures=by_group) is None
    at_random = np.random.default_rng(0).random(N) < 0.2
    found = leak(people, trains=~at_random, measures=at_random)
    assert found is not None
    assert found.share > 0.9


def test_without_sides_a_row_is_no_mate_of_itself() -> None:
    assert leak(pd.Series(["a", "b", None]), trains=EVERYWHERE[:3], measures=EVERYWHERE[:3]) is None
    found = leak(pd.Series(["a", "b", "a"]), trains=EVERYWHERE[:3], measures=EVERYWHERE[:3])
    assert found is not None
    assert (found.share, found.measures, found.trains) == (pytest.approx(2 / 3), 0, 2)


@pytest.mark.parametrize(
    ("column", "expected"),
    [
        ("id", True),
        ("speaker-ID", True),
        ("작성자", True),
        ("width", False),
        ("idea", False),
        ("humidity", False),
    ],
)
def test_a_name_is_read_word_by_word(column: str, expected: bool) -> None:
    assert named(column) is expected


def test_a_table_without_rows_has_no_groups() -> None:
    assert group_columns(pd.DataFrame({"id": []}, dtype=object)) == []
