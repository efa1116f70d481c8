"""A duel on a real project: what the freeze holds still, the clock, four models, the rulings."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from labeling import answers, duels, export, history, queue, review, rounds, verification, worker
from labeling.core import duel, search
from labeling.core.duel import Cells
from labeling.core.log import DataVersion
from labeling.core.models import ModelConfig
from labeling.duel_log import Outcome
from labeling.duels import Standing
from labeling.errors import InputError
from labeling.fits import Fits
from labeling.ingest import silent
from labeling.model_arm import OWN
from labeling.project import Project, change_settings, now, open_project
from labeling.store import changes, items
from labeling.versions import Snapshot, players
from tests.duelists import FEW, LABELS, MINUTES, TRUTH, digits_frame
from tests.factories import (
    answer_queue,
    by_file,
    make_project,
    more_rows,
    reservoir_answers,
    text_frame,
    truth_of,
)


@pytest.fixture
def project(digits_project: Path, tmp_path: Path) -> Iterator[Project]:
    with open_project(Path(shutil.copy(digits_project, tmp_path / "p.db"))) as opened:
        yield opened


def begin(on: Project) -> int:
    return duels.start(on, minutes=MINUTES, author="Ann", names=FEW)


def fought(on: Project, *, gold: bool = False) -> Outcome:
    """A duel with the data's arm worked off, measured; `gold`: on the whole reservoir."""
    if gold:
        by_file(on, reservoir_answers(on, TRUTH))
    begin(on)
    answer_queue(on, TRUTH)
    return duels.measure(on)


def now_standing(on: Project) -> Standing:
    found = duels.standing(on)
    assert found is not None
    return found


def rule(on: Project, n: int) -> int:
    return answer_queue(
        on, TRUTH, annotator="Rita", queue_id=duels.ask_verify(on, n, author="Rita")
    )


def asked_in(of: Project, change: int) -> list[str]:
    made = changes.get(of.db, change)
    assert made is not None
    return list(made.payload["asked"])


# The freeze


def test_a_freeze_says_what_is_held_still_and_moves_nothing(project: Project) -> None:
    before = Snapshot(project)
    trained = before.training_set(DataVersion(before.upto))
    number = begin(project)
    frozen, snapshot = now_standing(project).frozen, Snapshot(project)
    assert (frozen.change_id, frozen.minutes, frozen.analyst_minutes) == (number, MINUTES, MINUTES)
    assert (frozen.data, frozen.n_labels) == (trained.hash, len(trained.labels))
    assert frozen.n_gold == len(snapshot.gold()) >= 30
    assert frozen.search == list(FEW)
    assert number not in players(snapshot, DataVersion(snapshot.upto))
    assert snapshot.training_set(DataVersion(snapshot.upto)) == trained
    assert history.table(project)["kind"].iloc[-1] == "settings"


def test_the_search_is_the_whole_list_unless_told_otherwise(project: Project) -> None:
    duels.start(project, minutes=60, analyst_minutes=45, author="Ann")
    frozen = now_standing(project).frozen
    assert frozen.search == list(search.CONFIGURATIONS)
    assert frozen.analyst_minutes == 45


@pytest.mark.parametrize("minutes", [0, -1, float("nan"), float("inf"), 200_000])
def test_a_budget_of_nothing_or_of_no_end_is_refused(project: Project, minutes: float) -> None:
    for budget in ({"minutes": minutes}, {"minutes": 60, "analyst_minutes": minutes}):
        with pytest.raises(InputError, match="more than 0 and at most 100,000 minutes"):
            duels.start(project, author="Ann", **budget)
    assert duels.standing(project) is None


def test_a_second_duel_waits_for_the_first(project: Project) -> None:
    first = begin(project)
    with pytest.raises(InputError, match=f"the duel of change {first} is neither decided nor"):
        begin(project)
    duels.give_up(project, author="Ann")
    assert now_standing(project).in_words() == "This duel was given up."
    assert begin(project) > first
    assert list(duels.table(project)["state"]) == ["given up", "running"]


def test_a_decided_duel_lets_another_begin_and_stays_on_the_record(project: Project) -> None:
    verdict = fought(project, gold=True).verdict
    with pytest.raises(InputError, match="no duel is open"):
        duels.measure(project)
    begin(project)
    assert list(duels.table(project)["state"]) == ["decided", "running"]
    assert list(duels.table(project)["verdict"]) == [verdict, ""]


def test_several_classes_an_item_are_refused_in_words(tmp_path: Path) -> None:
    with make_project(tmp_path / "p.db", text_frame(60), multi=True) as multi:
        with pytest.raises(InputError, match="a duel needs one class an item"):
            duels.start(multi, minutes=60, author="Ann")
        assert duels.standing(multi) is None


def test_a_model_and_gold_must_be_there_first(tmp_path: Path) -> None:
    frame = text_frame(120)
    with make_project(tmp_path / "p.db", frame) as fresh:
        with pytest.raises(InputError, match="no round is closed"):
            begin(fresh)
        answer_queue(fresh, truth_of(frame))
        rounds.close_round(fresh)
        n_gold = len(Snapshot(fresh).gold())
        with pytest.raises(InputError, match=f"{30 - n_gold} more gold labels are needed first"):
            begin(fresh)
        change_settings(fresh, {"model": "forest"}, author="Ann")
        with pytest.raises(InputError, match="model's settings have changed"):
            begin(fresh)


# The clock


def test_work_before_the_freeze_does_not_count(project: Project) -> None:
    assert export.events_table(project)["ms"].sum() > 60_000 * MINUTES
    begin(project)
    clock = now_standing(project).clock
    assert (clock.seconds, clock.measuring, clock.n_labels) == (0, 0, 0)


def test_seconds_on_gold_count_for_neither_side(project: Project) -> None:
    begin(project)
    given = {"pool": 0, "reservoir": 0}
    for _ in range(12):
        asked = queue.next_item(project, "oracle")
        assert asked is not None
        item = items.get(project.db, asked.item_id)
        assert item is not None
        label = TRUTH[item.source_id]
        answers.answer(project, asked.slot.slot_id, label, annotator="oracle", ms=500)
        given[item.side] += 1
    clock = now_standing(project).clock
    assert (clock.seconds, clock.measuring) == (given["pool"] / 2, given["reservoir"] / 2)
    assert min(given.values()) > 0


def test_what_comes_after_the_budget_is_in_neither_arm(project: Project) -> None:
    begin(project)
    answer_queue(project, TRUTH)
    clock, frozen = now_standing(project).clock, now_standing(project).frozen
    assert (clock.seconds, clock.n_labels, clock.untimed) == (60 * MINUTES, LABELS, 0)
    assert clock.end is not None and clock.end < Snapshot(project).upto
    outcome = duels.measure(project)
    assert outcome.labels == {"old": frozen.n_labels, "new": frozen.n_labels + LABELS}
    assert outcome.upto == {"old": frozen.upto, "new": clock.end}


def test_labels_of_files_cost_no_seconds_and_are_counted_apart(project: Project) -> None:
    begin(project)
    asked, snapshot = set(export.queue_table(project)["item_id"]), Snapshot(project)
    known = snapshot.training_set(DataVersion(snapshot.upto)).labels.keys() | asked
    free = [i for i in snapshot.items if i.side == "pool" and i.item_id not in known][:7]
    rows = [(item.item_id, "vendor", TRUTH[item.source_id]) for item in free]
    by_file(project, pd.DataFrame(rows, columns=["item", "who", "label"], dtype=object))
    clock = now_standing(project).clock
    assert (clock.seconds, clock.n_labels, clock.untimed) == (0, 7, 7)


@pytest.mark.parametrize(("kind", "counts"), [("repair", True), ("model", False), ("gold", False)])
def test_seconds_of_a_change_count_if_it_is_one_of_the_data(
    project: Project, kind: str, counts: bool
) -> None:
    begin(project)
    with project.writing():
        changes.add(project.db, kind, title="x", author="Ann", at=now(), seconds=12)
    clock = now_standing(project).clock
    assert clock.seconds == 12 * counts
    assert clock.end is None
    with project.writing():
        changes.add(project.db, kind, title="y", author="Ann", at=now(), seconds=6)
    end = now_standing(project).clock.end
    assert end == (now_standing(project).frozen.upto if counts else None)


def test_nothing_is_decided_while_the_clock_runs(project: Project) -> None:
    with pytest.raises(InputError, match="no duel is open"):
        duels.measure(project)
    begin(project)
    answer_queue(project, TRUTH, limit=3)
    assert now_standing(project).state == duels.RUNNING
    with pytest.raises(InputError, match="the clock still runs"):
        duels.measure(project)
    with pytest.raises(InputError, match="decide the duel first"):
        duels.ask_verify(project, 5, author="Ann")


# The four models


def test_data_and_model_add_up_and_every_score_is_worked_out_again(project: Project) -> None:
    """METHODS G1 on a project; the four models are trained here once more, without the service."""
    outcome = fought(project)
    effects = {name: value for name, (value, _, _) in outcome.effects.items()}
    assert abs(effects["data"] + effects["model"] - effects["total"]) < 1e-9
    assert json.loads(json.dumps(outcome._asdict())) == outcome._asdict()
    models = by_hand(project, outcome)
    assert outcome.scores == pytest.approx({k: v.mean() for k, v in models._asdict().items()})
    assert effects["interaction"] == pytest.approx(duel.per_item(models).interaction.mean())


def by_hand(of: Project, outcome: Outcome) -> Cells[np.ndarray]:
    """Where each model is right on the gold of the moment when the budget was used up."""
    snapshot, frozen = Snapshot(of), now_standing(of).frozen
    gold = snapshot.gold(DataVersion(outcome.upto["new"]))
    at = [snapshot.position[item] for item in gold]
    truth = snapshot.targets(gold.values())
    right = []
    for name in ("old", "new"):
        training = snapshot.training_set(DataVersion(outcome.upto[name]))
        rows, y = snapshot.rows(training.labels)
        plain = Fits(snapshot).fit(training, ModelConfig(**frozen.model))
        codes = plain.predict_proba(snapshot.features[at]).argmax(axis=1)
        right.append((codes == truth).astype(float))
        winner = outcome.searched[name]["winner"]
        x = snapshot.features
        seen = x[rows].any(axis=0)
        said = search.predict(
            x[rows][:, seen], y, x[at][:, seen], name=winner, seed=Fits(snapshot).seed
        )
        right.append((said == truth).astype(float))
    return Cells(*right)


def test_each_model_is_tuned_on_its_own_version_and_on_training_rows_alone(
    project: Project,
) -> None:
    outcome, snapshot = fought(project), Snapshot(project)
    assert outcome.searched["old"]["scores"] != outcome.searched["new"]["scores"]
    for name in ("old", "new"):
        training = snapshot.training_set(DataVersion(outcome.upto[name]))
        found = outcome.searched[name]
        assert found["n_rows"] == len(training.labels) == outcome.labels[name]
        assert all(snapshot.side[item] == "pool" for item in training.labels)
        assert found["scores"][found["winner"]] == max(found["scores"].values())
        assert set(found["scores"]) == {OWN, *FEW}


def test_a_forest_is_not_held_back_by_words_that_no_training_row_holds(tmp_path: Path) -> None:
    frame = text_frame(90)
    with make_project(tmp_path / "p.db", frame) as texts:
        answer_queue(texts, truth_of(frame))
        snapshot = Snapshot(texts)
        training = snapshot.training_set(DataVersion(snapshot.upto))
        rows, y = snapshot.rows(training.labels)
        said = Fits(snapshot).searched(training, "forest leaf=1")
        known = np.flatnonzero(np.asarray(snapshot.features[rows].sum(axis=0)).ravel())
        assert len(known) < snapshot.features.shape[1] / 2
        own = snapshot.features[:, known]
        by_words = search.predict(
            own[rows], y, own[snapshot.reservoir], name="forest leaf=1", seed=Fits(snapshot).seed
        )
    assert (said == by_words).all()


def test_a_weak_model_on_digits_is_never_called_weak_data(project: Project) -> None:
    """METHODS G2 on a project, on gold of the whole reservoir."""
    outcome = fought(project, gold=True)
    assert outcome.n_gold == 400
    assert outcome.verdict.startswith("the model moved the score more")


def test_the_same_duel_measured_again_says_the_same_from_what_is_stored(project: Project) -> None:
    first = fought(project)
    n_fits = project.db.execute("SELECT count(*) FROM fit").fetchone()[0]
    assert duels.measure(project) == first
    assert project.db.execute("SELECT count(*) FROM fit").fetchone()[0] == n_fits


def test_labels_that_came_after_the_budget_change_nothing(project: Project) -> None:
    first = fought(project)
    change_settings(project, {"model": "forest"}, author="Ann")
    by_file(project, reservoir_answers(project, TRUTH))
    assert duels.measure(project)._replace(needed=first.needed) == first


def test_other_classes_than_at_the_freeze_are_refused(project: Project) -> None:
    begin(project)
    answer_queue(project, TRUTH)
    with project.writing():
        made = changes.add(project.db, "schema", title="one more", author="Ann", at=now())
        classes = (*project.classes, "no digit")
        changes.add_label_set(project.db, made, classes=classes, guideline="")
    with pytest.raises(InputError, match="the classes have changed since the freeze"):
        duels.measure(project)


def test_the_worker_decides_in_words(project: Project) -> None:
    begin(project)
    answer_queue(project, TRUTH)
    said = worker.JOBS["duel"](project, silent)
    assert said == now_standing(project).in_words()


# The rulings


def test_open_rows_that_tell_the_sides_apart_are_asked_once_and_never_train(
    project: Project,
) -> None:
    outcome = fought(project)
    assert outcome.verdict.startswith("not decided, needs about ")
    snapshot = Snapshot(project)
    trained = snapshot.training_set(DataVersion(snapshot.upto))
    first, second = (duels.ask_verify(project, 9, author="Ann") for _ in range(2))
    both = asked_in(project, first) + asked_in(project, second)
    assert both == outcome.to_verify[:18]
    assert len(set(both)) == 18
    assert not set(both) & snapshot.gold(DataVersion(outcome.upto["new"])).keys()
    assert all(snapshot.side[item] == "reservoir" for item in both)
    assert "Verify 9 rows for the duel of change " in review.titles(project)[first]
    answer_queue(project, TRUTH, annotator="Rita", queue_id=first)
    assert (now_standing(project).asked, now_standing(project).ruled) == (18, 9)
    after = Snapshot(project)
    assert after.training_set(DataVersion(after.upto)) == trained
    assert after.gold() == snapshot.gold()
    assert first not in players(after, DataVersion(after.upto))
    assert verification.verify(project).empty


def test_rulings_decide_as_the_whole_reservoir_would_and_leave_the_effects_alone(
    project: Project,
) -> None:
    first = fought(project)
    rule(project, 1000)
    with pytest.raises(InputError, match="no open row tells the two sides apart"):
        duels.ask_verify(project, 1, author="Ann")
    found = duels.measure(project)
    assert found.effects == first.effects
    assert found.scores == first.scores
    assert found.n_ruled == len(first.to_verify)
    assert found.verdict == "the model moved the score more"
    assert found.verified is not None
    assert found.verified[0] == pytest.approx(whole_reservoir(project, found))
    assert now_standing(project).state == duels.DECIDED


def whole_reservoir(of: Project, outcome: Outcome) -> float:
    """Data less model on every reservoir row, by the file's own labels."""
    snapshot, frozen = Snapshot(of), now_standing(of).frozen
    fits = Fits(snapshot)
    old, new = (snapshot.training_set(DataVersion(outcome.upto[name])) for name in ("old", "new"))
    tuned = fits.searched(old, outcome.searched["old"]["winner"])
    plain = fits.predicted(new, ModelConfig(**frozen.model))
    source = [snapshot.items[row].source_id for row in snapshot.reservoir]
    truth = np.array([snapshot.code[TRUTH[each]] for each in source])
    return float((plain == truth).mean() - (tuned == truth).mean())


def test_few_rulings_leave_it_open_and_say_so(project: Project) -> None:
    fought(project)
    rule(project, 3)
    found = duels.measure(project)
    assert found.verdict.startswith("not decided after 3 verify labels")
    assert now_standing(project).state == duels.OPEN
    assert duels.left_to_ask(project, now_standing(project)) == len(found.to_verify) - 3


def test_a_reservoir_that_grew_after_the_first_lot_is_asked_about_too(project: Project) -> None:
    first, more = fought(project), digits_frame(900).tail(100)
    rule(project, 5)
    more_rows(project, more, reserve=0.5, content=project.content)
    assert duels.measure(project).n_ruled == 5
    change = duels.ask_verify(project, 1000, author="Rita")
    new = set(asked_in(project, change)) - set(first.to_verify)
    assert new, "rows of the new import are among them"
    answer_queue(project, TRUTH | truth_of(more), annotator="Rita", queue_id=change)
    found = duels.measure(project)
    assert found.verified is not None
    assert -1 < found.verified[1] < found.verified[0] < found.verified[2] < 1
