"""The team: who is here, how far people agree, whether the suggestion draws them."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import count
from pathlib import Path

import numpy as np
import pytest

from labeling import export, queue, team
from labeling.core.comparison import Two, newcombe, stratified
from labeling.project import Project, change_settings
from labeling.store import changes, events, items
from labeling.store.events import NewEvent
from labeling.team import Arm
from tests.factories import make_project, text_frame

NOON = datetime.now().replace(hour=12, minute=0, second=0, microsecond=0).timestamp()
_numbers = count()


@pytest.fixture
def at_work(tmp_path: Path) -> Iterator[Project]:
    with make_project(tmp_path / "p.db", text_frame(120)) as made:
        yield made


def say(
    of: Project,
    item: str,
    who: str,
    value: str | None = "sport",
    *,
    kind: str = "label",
    ms: int = 1000,
    ago: float = 0,
    now: float = NOON,
    change: int | None = None,
    name: str = "e",
    target: str | None = None,
    context: dict[str, object] | None = None,
) -> str:
    at = datetime.fromtimestamp(now - ago, UTC).isoformat(timespec="milliseconds")
    text = None if context is None else json.dumps(context)
    change = changes.last_batch(of.db) if change is None else change
    event = f"{name}-{next(_numbers)}"
    with of.writing():
        events.append(
            of.db, [NewEvent(event, change, kind, item, who, value, ms, 1, target, at, text)]
        )
    return event


def of_side(of: Project, side: str) -> list[str]:
    return [item.item_id for item in items.every(of.db) if item.side == side]


# Who is here


def test_whoever_holds_an_item_is_here(at_work: Project) -> None:
    taken = [len(queue.take(at_work, who, want=3).new) for who in ("Ann", "Bob")]
    found = team.present(at_work)
    assert list(found["annotator"]) == ["Ann", "Bob"]
    assert list(found["held"]) == taken
    batch = changes.get(at_work.db, queue.current_batch(at_work))
    assert batch is not None
    assert list(found["working_on"]) == [batch.title] * 2
    assert found["last_answer"].isna().all()
    assert found["seconds_per_answer"].isna().all()
    assert list(found["recent"]) == [0, 0]


def test_a_lease_that_ran_out_holds_nothing(at_work: Project) -> None:
    queue.take(at_work, "Ann")
    assert team.present(at_work, now=time.time() + 3600).empty


def test_who_answered_in_the_last_ten_minutes_is_here_the_latest_first(at_work: Project) -> None:
    pool = of_side(at_work, "pool")
    for nth, (ago, ms) in enumerate([(7200, 9000), (500, 1000), (300, 2000)]):
        say(at_work, pool[nth], "Ann", ago=ago, ms=ms)
    say(at_work, pool[0], "Bob", ago=20, ms=4000)
    say(at_work, pool[1], "Gone", ago=601)
    found = team.present(at_work, now=NOON).set_index("annotator")
    assert list(found.index) == ["Bob", "Ann"]
    assert found.loc["Ann", ["last_answer", "recent", "held"]].tolist() == [300, 2, 0]
    assert found.loc["Ann", "seconds_per_answer"] == 2.0, "the median of today, not of ten minutes"
    assert found.loc["Bob", "seconds_per_answer"] == 4.0


def test_yesterday_does_not_count_for_the_speed_of_today(at_work: Project) -> None:
    pool = of_side(at_work, "pool")
    say(at_work, pool[0], "Ann", ago=13 * 3600, ms=60_000)
    say(at_work, pool[1], "Ann", ago=10, ms=2_000)
    assert team.present(at_work, now=NOON)["seconds_per_answer"].tolist() == [2.0]


def test_answers_of_a_file_are_nobody_at_work_and_a_queue_is_named_by_its_title(
    at_work: Project,
) -> None:
    pool = of_side(at_work, "pool")
    say(at_work, pool[0], "vendor", name="file")
    say(at_work, pool[0], "old", change=1)
    with at_work.writing():
        change = changes.add(at_work.db, "adjudicate", title="Adjudicate 3", author="t", at="now")
    say(at_work, pool[1], "Eve", kind="adjudicate", change=change, ago=1)
    found = team.present(at_work, now=NOON)
    assert found[["annotator", "working_on"]].to_numpy().tolist() == [["Eve", "Adjudicate 3"]]


def test_a_clock_set_back_shows_no_answer_from_the_future(at_work: Project) -> None:
    say(at_work, of_side(at_work, "pool")[0], "Ann", ago=-30)
    assert team.present(at_work, now=NOON)["last_answer"].tolist() == [0.0]


# How far they agree


def test_agreement_needs_two_answers_to_one_item(at_work: Project) -> None:
    one, two = of_side(at_work, "pool")[:2]
    assert team.agreement(at_work) is None
    say(at_work, one, "Ann")
    say(at_work, two, "Bob")
    assert team.agreement(at_work) is None
    say(at_work, one, "Bob", "money")
    say(at_work, two, "Ann")
    found = team.agreement(at_work)
    assert found is not None
    assert found.loc[0, ["measure", "value", "n_items"]].tolist() == ["percent_agreement", 0.5, 2]


# The influence of the suggestion


def told(shown: bool, suggested: str = "sport") -> dict[str, object]:
    return {"suggested": suggested, "probability": 0.9, "shown": shown}


def test_influence_is_counted_among_labels_that_had_a_suggestion(at_work: Project) -> None:
    pool, gold = of_side(at_work, "pool"), of_side(at_work, "reservoir")
    assert team.influence(at_work) is None
    say(at_work, pool[0], "Ann")
    assert team.influence(at_work) is None, "there was no model yet"
    say(at_work, pool[1], "Ann", "sport", context=told(True), ms=2000)
    say(at_work, pool[2], "Ann", "money", context=told(True), ms=4000)
    say(at_work, pool[3], "Ann", "sport", context=told(False), ms=5000)
    say(at_work, gold[0], "Ann", "money", context=told(False))
    taken_back = say(at_work, pool[4], "Ann", "money", context=told(False))
    say(at_work, pool[4], "Ann", None, kind="retract", target=taken_back)
    say(at_work, pool[1], "Ann", "money")  # a correction, with nothing on the screen
    found = team.influence(at_work)
    assert found is not None
    (row,) = found.to_dict("records")
    assert (row["annotator"], row["n_shown"], row["n_hidden"]) == ("", 2, 1)
    assert (row["followed_shown"], row["followed_hidden"]) == (0.5, 1.0)
    assert (row["delta"], row["low"], row["high"]) == pytest.approx(newcombe(1, 2, 1, 1))
    assert (row["seconds_shown"], row["seconds_hidden"]) == (3.0, 5.0)
    assert row["words"] == "Not decided: needs about 29 more labels with it hidden."
    assert list(export.table(at_work, "influence")["n_shown"]) == [2]


def test_without_suggestions_the_table_has_its_columns_and_no_rows(at_work: Project) -> None:
    found = export.table(at_work, "influence")
    assert list(found.columns) == team.INFLUENCE
    assert found.empty


def test_several_people_have_a_row_each_and_words_stand_for_all_of_them(at_work: Project) -> None:
    pool = of_side(at_work, "pool")
    say(at_work, pool[0], "Bob", context=told(True))
    say(at_work, pool[1], "Ann", context=told(False))
    found = team.influence(at_work)
    assert found is not None
    assert found[["annotator", "n_shown", "n_hidden"]].to_numpy().tolist() == [
        ["", 1, 1],
        ["Ann", 0, 1],
        ["Bob", 1, 0],
    ]
    assert list(found["words"].astype(bool)) == [True, False, False]
    assert np.isnan(found.loc[1, "followed_shown"])


def say_many(of: Project, items: list[str], *, shown: bool, followed: int, change: int) -> None:
    for nth, item in enumerate(items):
        value = "sport" if nth < followed else "money"
        say(of, item, "Ann", value, context=told(shown), change=change, ms=1000 if shown else 3000)


def batch(of: Project) -> int:
    with of.writing():
        return changes.add(of.db, "round", title="Batch", author="t", at="now")


@pytest.fixture
def wide(tmp_path: Path) -> Iterator[Project]:
    with make_project(tmp_path / "w.db", text_frame(800)) as made:
        yield made


def test_a_changed_setting_is_not_taken_for_an_effect(wide: Project) -> None:
    pool = of_side(wide, "pool")
    say_many(wide, pool[:100], shown=False, followed=55, change=batch(wide))  # hidden from all
    easy = batch(wide)
    say_many(wide, pool[100:180], shown=True, followed=76, change=easy)
    say_many(wide, pool[180:220], shown=False, followed=38, change=easy)
    found = team.influence(wide)
    assert found is not None
    row = found.iloc[0]
    assert (row["n_shown"], row["n_hidden"], row["delta"]) == (80, 40, 0)
    assert (row["low"], row["high"]) == pytest.approx(newcombe(76, 80, 38, 40)[1:])
    assert row["words"].endswith("no difference was seen.")


def test_a_setting_that_was_changed_within_a_batch_divides_it(wide: Project) -> None:
    pool, change = of_side(wide, "pool"), batch(wide)
    change_settings(wide, {"suggestions_hidden": "0.5"}, author="t")
    say_many(wide, pool[:60], shown=True, followed=30, change=change)
    say_many(wide, pool[60:120], shown=False, followed=30, change=change)
    change_settings(wide, {"suggestions_hidden": "0"}, author="t")
    say_many(wide, pool[120:220], shown=True, followed=100, change=change)
    found = team.influence(wide)
    assert found is not None
    assert found.loc[0, ["n_shown", "n_hidden", "delta"]].tolist() == [60, 60, 0]


def test_batches_are_compared_each_in_itself_and_then_together(wide: Project) -> None:
    pool, hard, easy = of_side(wide, "pool"), batch(wide), batch(wide)
    say_many(wide, pool[:50], shown=True, followed=35, change=hard)
    say_many(wide, pool[50:90], shown=False, followed=20, change=hard)
    say_many(wide, pool[90:190], shown=True, followed=98, change=easy)
    say_many(wide, pool[190:200], shown=False, followed=9, change=easy)
    found = team.influence(wide)
    assert found is not None
    row = found.iloc[0]
    strata = [Two(35, 50, 20, 40), Two(98, 100, 9, 10)]
    assert (row["delta"], row["low"], row["high"]) == pytest.approx(stratified(strata))
    assert row["followed_shown"] - row["followed_hidden"] == pytest.approx(row["delta"])
    assert (row["n_shown"], row["n_hidden"]) == (150, 50)
    assert "17 points (1 to 32) more often" in row["words"]


def test_two_people_on_one_item_count_once_together_and_each_alone(at_work: Project) -> None:
    pool = of_side(at_work, "pool")
    say(at_work, pool[0], "Ann", context=told(True))
    say(at_work, pool[0], "Bob", context=told(False))
    say(at_work, pool[1], "Bob", context=told(False))
    found = team.influence(at_work)
    assert found is not None
    assert found[["n_shown", "n_hidden"]].to_numpy().tolist() == [[1, 1], [1, 0], [0, 2]]


def test_labels_that_nothing_can_be_compared_with_decide_nothing(wide: Project) -> None:
    pool = of_side(wide, "pool")
    say_many(wide, pool[:100], shown=False, followed=55, change=batch(wide))
    say_many(wide, pool[100:200], shown=True, followed=95, change=batch(wide))
    found = team.influence(wide)
    assert found is not None
    assert found.loc[0, ["delta", "low", "high"]].tolist() == [0, -1, 1]
    assert "no batch has labels both" in found.loc[0, "words"]


@pytest.mark.parametrize(
    ("shown", "hidden", "words"),
    [
        (
            Arm(190, 200),
            Arm(80, 100),
            "People follow the suggestion 15 points (7 to 24) more often when they see it: "
            "95% of 200 labels with it on the screen, 80% of 100 without.",
        ),
        (
            Arm(80, 100),
            Arm(190, 200),
            "People follow the suggestion 15 points (7 to 24) less often when they see it: "
            "80% of 100 labels with it on the screen, 95% of 200 without.",
        ),
        (Arm(90, 100), Arm(17, 20), "Not decided: needs about 10 more labels with it hidden."),
        (Arm(0, 0), Arm(17, 60), "Not decided: needs about 30 more labels with it shown."),
        (Arm(45, 60), Arm(30, 40), "Not decided: +0 points (-16 to 18): no difference was seen."),
    ],
)
def test_influence_in_words(shown: Arm, hidden: Arm, words: str) -> None:
    found = newcombe(*shown, *hidden)
    assert team.influence_in_words(found, shown=shown, hidden=hidden) == words


def test_an_open_question_says_how_many_labels_are_missing() -> None:
    shown, hidden = Arm(190, 200), Arm(46, 50)
    said = team.influence_in_words(newcombe(*shown, *hidden), shown=shown, hidden=hidden)
    assert said.startswith("Not decided: +3 points (")
    assert 500 < int(said.split("about ")[1].split()[0].replace(",", "")) < 5000
