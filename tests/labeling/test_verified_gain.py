"""The verify queue: two closed rounds compared by rulings on what they tell apart."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from labeling import queue, review, rounds, verification, verified_gain
from labeling.answers import Operation, record
from labeling.core import verified
from labeling.core.log import DataVersion
from labeling.errors import InputError
from labeling.project import Project, now, open_project
from labeling.store import changes, events, items, slots
from labeling.store import rounds as store
from labeling.store.events import NewEvent
from labeling.store.slots import NewSlot
from labeling.versions import Snapshot, players
from tests import candidates
from tests.candidates import hard_frame
from tests.factories import answer_queue, make_project, more_rows, truth_of

FRAME = hard_frame(420)
TRUTH = truth_of(FRAME)
SETTINGS = {"batch_size": "15", "gold_per_batch": "4", "strategy": "random"}


def two_rounds(path: Path) -> Project:
    made = make_project(path, FRAME, settings=SETTINGS, reserve=0.5)
    for _ in range(2):
        answer_queue(made, TRUTH)
        rounds.close_round(made)
    return made


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("verified") / "p.db"
    two_rounds(path).close()
    return path


@pytest.fixture
def project(template: Path, tmp_path: Path) -> Iterator[Project]:
    with open_project(Path(shutil.copy(template, tmp_path / "p.db"))) as opened:
        yield opened


def rule(on: Project, change: int, *, limit: int = 10_000) -> int:
    return answer_queue(on, TRUTH, annotator="검토자", queue_id=change, limit=limit)


def asked_in(of: Project, change: int) -> list[str]:
    return [slot[1] for slot in of.db.execute(
        "SELECT rank, item_id FROM slot WHERE change_id = ? ORDER BY rank", (change,)
    )]  # fmt: skip


def whole_reservoir(of: Project) -> tuple[np.ndarray, np.ndarray]:
    """Who of the two models is right on every reservoir row, by the file's own labels."""
    pair = verified_gain._Pair(of, None, None)
    code, by_id = pair.snapshot.code, {i.item_id: i.source_id for i in items.every(of.db)}
    truth = np.array([code[TRUTH[by_id[item]]] for item in pair.ids])
    return pair.old == truth, pair.new == truth


def test_all_disagreements_ruled_on_give_the_gain_of_the_whole_reservoir(project: Project) -> None:
    before = verified_gain.measure(project)
    assert before.found.n_differ > 20, "the two models differ"
    change = verified_gain.ask(project, 1000, author="검토자")
    waiting = verified_gain.measure(project)
    assert waiting.waiting == len(asked_in(project, change)) > 0
    assert rule(project, change) == waiting.waiting
    after = verified_gain.measure(project)
    old, new = whole_reservoir(project)
    assert after.found.interval.value == pytest.approx(new.mean() - old.mean())
    assert after.found.n_labels == after.found.n_differ == before.found.n_differ
    assert (after.waiting, after.skipped) == (0, 0)
    assert after.look is not None and after.look.direction == np.sign(new.mean() - old.mean())
    assert after.in_words().startswith("round 2 against round 1: gain ")


def test_few_rulings_give_an_interval_that_holds_what_all_would_say(project: Project) -> None:
    rule(project, verified_gain.ask(project, 12, author="검토자"))
    found = verified_gain.measure(project).found
    old, new = whole_reservoir(project)
    assert 12 <= found.n_labels < found.n_differ
    assert found.interval.low <= new.mean() - old.mean() <= found.interval.high
    assert found.instead_of > found.n_labels


def test_no_verified_row_ever_trains_or_counts_as_gold_or_as_a_change(project: Project) -> None:
    before = Snapshot(project).training_set(DataVersion(10**9))
    change = verified_gain.ask(project, 30, author="검토자")
    rule(project, change)
    snapshot = Snapshot(project)
    assert snapshot.training_set(DataVersion(snapshot.upto)) == before
    assert snapshot.gold().keys() <= changes.drawn(project.db)
    assert change not in players(snapshot, DataVersion(snapshot.upto))
    answer_queue(project, TRUTH)
    rounds.close_round(project)
    for closed in store.every(project.db):
        version = DataVersion(closed.upto_event, policy=closed.config["policy"])
        rows = Snapshot(project).training_set(version).labels
        assert rows and all(snapshot.side[item] == "pool" for item in rows)
    assert verification.verify(project).empty


def test_only_disagreements_are_asked_once_and_never_gold(project: Project) -> None:
    pair = verified_gain._Pair(project, None, None)
    apart = {item for item, differs in zip(pair.ids, pair.differs, strict=True) if differs}
    first = asked_in(project, verified_gain.ask(project, 8, author="a"))
    second = asked_in(project, verified_gain.ask(project, 1000, author="a"))
    assert len(first) == 8
    assert not set(first) & set(second)
    assert set(first) | set(second) == apart - Snapshot(project).gold().keys()
    with pytest.raises(InputError, match="no disagreement of these rounds is left"):
        verified_gain.ask(project, 5, author="a")
    with pytest.raises(InputError, match="one label or more"):
        verified_gain.ask(project, 0, author="a")


def test_a_row_that_waits_for_another_ruling_stays_in_the_lot(project: Project) -> None:
    """To leave out what people dispute would leave out the hard rows."""
    first = verified_gain._Pair(project, None, None)
    gold_rows = Snapshot(project).gold()
    apart = [i for i, d in zip(first.ids, first.differs, strict=True) if d and i not in gold_rows]
    with project.writing():
        other = changes.add(project.db, "adjudicate", title="other", author="a", at=now())
        slots.publish(project.db, [NewSlot("adjudicate", other, apart[0], 1, "disagreement")])
    change = verified_gain.ask(project, 1000, author="a")
    assert set(asked_in(project, change)) == set(apart)
    rule(project, change)
    assert verified_gain.measure(project).waiting == 0


def test_the_queue_stands_among_the_review_queues_and_says_why(project: Project) -> None:
    change = verified_gain.ask(project, 5, author="a")
    assert review.titles(project)[change].endswith("Verify 5 disagreements of rounds 1 and 2")
    asked = queue.next_item(project, "검토자", queue=change)
    assert asked is not None and asked.why == "two models disagree here"


def test_who_cannot_decide_leaves_the_row_out_and_it_is_counted(project: Project) -> None:
    change = verified_gain.ask(project, 5, author="a")
    asked = queue.next_item(project, "검토자", queue=change)
    assert asked is not None
    record(project, "검토자", [Operation("u1", "skip", asked.item_id, asked.slot.slot_id)])
    rule(project, change)
    assert verified_gain.measure(project).skipped == 1


def test_the_lot_is_the_same_for_the_same_project(project: Project, tmp_path: Path) -> None:
    with two_rounds(tmp_path / "again.db") as other:
        here, there = (asked_in(p, verified_gain.ask(p, 9, author="a")) for p in (project, other))
    assert here == there


def test_labels_of_one_pair_serve_the_others_too(project: Project) -> None:
    """Three rounds: the whole way is read off the rulings on its two steps."""
    rule(project, verified_gain.ask(project, 1000, author="a"))
    answer_queue(project, TRUTH)
    rounds.close_round(project)
    rule(project, verified_gain.ask(project, 1000, author="a"))
    whole = verified_gain.measure(project, first=1, last=3)
    steps = [verified_gain.measure(project, first=k, last=k + 1) for k in (1, 2)]
    assert whole.found.n_labels == whole.found.n_differ
    assert whole.found.interval.value == pytest.approx(
        sum(step.found.interval.value for step in steps)
    )
    assert whole.look is None, "nothing was asked for this pair"


def test_half_of_the_fresh_rulings_decides_and_the_other_half_reports(project: Project) -> None:
    assert not verified_gain.decide(project).keep, "nothing was asked yet"
    known = verified_gain.measure(project).found.n_labels
    rule(project, verified_gain.ask(project, 40, author="a"))
    decision, found = verified_gain.decide(project), verified_gain.measure(project).found
    assert decision.n_decided > 0 and decision.reported.n_labels > 0
    assert decision.n_decided + decision.reported.n_labels == found.n_labels - known == 40
    assert verified_gain.decide(project) == decision


def test_what_other_pairs_asked_about_is_known_when_one_decides(project: Project) -> None:
    """All disagreements are known then: the halves say what all rows of theirs say."""
    rule(project, verified_gain.ask(project, 1000, author="a"))
    answer_queue(project, TRUTH)
    rounds.close_round(project)
    own = rule(project, verified_gain.ask(project, 1000, author="a", first=1, last=3))
    decision = verified_gain.decide(project, first=1, last=3)
    assert decision.n_decided + decision.reported.n_labels == decision.reported.n_differ > own
    apart = verified_gain.measure(project, first=1, last=3).found.n_differ
    gold_rows = len(Snapshot(project).gold())
    assert apart - gold_rows <= decision.reported.n_differ <= apart


def test_nothing_is_kept_by_rulings_that_were_asked_for_others(project: Project) -> None:
    rule(project, verified_gain.ask(project, 1000, author="a"))
    answer_queue(project, TRUTH)
    rounds.close_round(project)
    decision = verified_gain.decide(project, first=1, last=3)
    assert not decision.keep and decision.n_decided == 0


def test_what_forty_candidates_without_effect_are_said_to_gain_is_what_they_gain(
    tmp_path: Path,
) -> None:
    """Asked, ruled on and decided by the calls of a page: half a point for each that is kept."""
    path = tmp_path / "p.db"
    kept = candidates.kept_of(path, candidates=40, rows=2000, ask=40, seed=0)
    assert 3 <= len(kept) <= 25
    assert abs(np.mean([each.reported - each.truth for each in kept])) <= 0.005


def test_rows_taken_out_of_the_data_count_no_more(project: Project) -> None:
    n_rows = verified_gain.measure(project).found.n_rows
    reserved = next(i.item_id for i in items.every(project.db) if i.side == "reservoir")
    exclude(project, reserved)
    assert verified_gain.measure(project).found.n_rows == n_rows - 1


def exclude(of: Project, item: str) -> None:
    with of.writing():
        change = changes.add(of.db, "drop", title="drop", author="a", at=now())
        events.append(of.db, [
            NewEvent("x1", change, "exclude", item, "a", None, 0, 1, None, now())
        ])  # fmt: skip


def test_a_reservoir_that_grew_is_weighed_by_what_each_import_was_asked(project: Project) -> None:
    rule(project, verified_gain.ask(project, 10, author="a"))
    labels = verified_gain.measure(project).found.n_labels
    more_rows(project, hard_frame(120, seed=8), reserve=0.5)
    grown = verified_gain.measure(project).found
    assert grown.n_rows == 210 + 60
    assert 0 < grown.n_labels <= labels + 2
    assert grown.n_differ > grown.n_labels
    assert -1 < grown.interval.low < grown.interval.high < 1


def test_a_plan_says_how_many_rulings_decide(project: Project) -> None:
    found = verified_gain.measure(project).found
    planned = verified_gain.plan(project, found.disagreement / 2)
    assert planned == verified.plan(
        found.disagreement / 2, n_differ=found.n_differ, n_rows=found.n_rows
    )


def test_no_gain_is_verified_where_an_item_may_have_several_classes(tmp_path: Path) -> None:
    with make_project(tmp_path / "p.db", FRAME, multi=True) as multi:
        answer_queue(multi, TRUTH)
        rounds.close_round(multi)
        with pytest.raises(InputError, match="where an item has one class"):
            verified_gain.measure(multi)


@pytest.mark.parametrize(("first", "last"), [(None, 1), (2, 2), (1, 9)])
def test_two_closed_rounds_are_needed(project: Project, first: int | None, last: int) -> None:
    with pytest.raises(InputError, match="expected two closed rounds"):
        verified_gain.measure(project, first=first, last=last)
