"""Rounds and their worker: one log closes one way, and a crash leaves the state before."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from labeling import answers, audits, fixes, history, issues, project, queue, rounds, worker
from labeling.core.log import DataVersion
from labeling.errors import BlockedError, InputError
from labeling.ingest import silent
from labeling.project import Project
from labeling.store import events, items, slots
from labeling.store import rounds as store
from labeling.verification import verify
from labeling.versions import Snapshot
from tests.factories import answer_queue, flipped, make_project, more_rows, text_frame, truth_of

FRAME = text_frame(120)
TRUTH = truth_of(FRAME)
Truth, Frames = dict[str, str], list[pd.DataFrame]
OPERATIONAL = ('"job"', '"sqlite_sequence"')
AUDITED = tuple(
    f'"{table}"' for table in ("audit", "outcome", "finding", "setting", "change", "result")
)


@pytest.fixture
def made(tmp_path: Path) -> Iterator[Project]:
    with make_project(tmp_path / "p.db", FRAME) as one:
        yield one


def dump(of: Project, *, leave_out: tuple[str, ...] = OPERATIONAL) -> list[str]:
    """All rows of the file but those of some tables."""
    lines = of.db.conn.iterdump()
    return [
        line for line in lines if not line.startswith(tuple(f"INSERT INTO {t}" for t in leave_out))
    ]


def what_follows(of: Project) -> list[list[tuple[object, ...]]]:
    """What closing computed, without clock times: picks, versions, predictions, report."""
    columns = {
        "slot": "item_id, rank, why, score",
        "round": "round_no, upto_event, version_hash, config, strategy, seed, n_labels",
        "fit": "fit_key, n_rows, predicted, confidence",
        "result": "name, upto_event, body",
        "finding": "issue_id, code, item_id, score, message",
        "outcome": "code, status, n_found, message",
    }
    return [
        [tuple(row) for row in of.db.execute(f"SELECT {names} FROM {table} ORDER BY 1, 2")]
        for table, names in columns.items()
    ]


def test_two_copies_of_a_project_close_the_same_bit_for_bit(made: Project, tmp_path: Path) -> None:
    answer_queue(made, TRUTH)
    rounds.close_round(made)
    answer_queue(made, TRUTH)
    project.back_up(made, tmp_path / "copy.db")
    with project.opened(tmp_path / "copy.db") as copy:
        for one in (made, copy):
            rounds.close_round(one)
            answer_queue(one, TRUTH)
            rounds.close_round(one)
        assert what_follows(made) == what_follows(copy)


def test_a_round_learns_from_the_labels_and_asks_for_more(made: Project) -> None:
    answer_queue(made, TRUTH)
    closed = rounds.close_round(made)
    assert (closed.round_no, closed.n_labels, closed.n_gold) == (1, 20, 10)
    assert queue.current_batch(made) == closed.next_batch
    assert rounds.current(made) == 2
    assert len(slots.open_slots(made.db, closed.next_batch)) == 30
    assert rounds.table(made)["n_labels"].tolist() == [20]
    assert "more gold labels" in str(closed.report["gold_needed"])


def test_an_active_learner_learns(made: Project) -> None:
    for _ in range(3):
        answer_queue(made, TRUTH)
        closed = rounds.close_round(made)
    accuracy = [m["value"] for m in closed.report["metrics"] if m["metric"] == "accuracy"]
    assert closed.n_gold == 30
    assert closed.report["gold_needed"] is None
    assert accuracy[0] > 0.85
    assert [row["round"] for row in closed.report["curve"] if row["metric"] == "accuracy"] == [
        1,
        2,
        3,
    ]
    assert {row["n"] for row in closed.report["curve"]} == {30}, "all on the current gold"


@pytest.mark.parametrize("reserve", [0.0, 1.0])
def test_a_round_closes_without_a_reservoir_and_without_a_pool(
    tmp_path: Path, reserve: float
) -> None:
    with make_project(tmp_path / "p.db", FRAME, reserve=reserve) as one:
        answer_queue(one, TRUTH)
        closed = rounds.close_round(one)
        assert (closed.n_labels > 0, closed.n_gold > 0) == (reserve == 0, reserve == 1)


def test_a_round_closes_without_a_single_label(made: Project) -> None:
    closed = rounds.close_round(made)
    assert (closed.n_labels, closed.n_gold) == (0, 0)
    assert len(slots.open_slots(made.db, closed.next_batch)) == 30


def test_a_table_of_constants_closes(tmp_path: Path) -> None:
    frame = text_frame(60).rename(columns={"text": "note"})
    frame["island"] = [f"i{n}" for n in range(60)]
    frame["length"] = frame["mass"] = "7"
    with make_project(tmp_path / "p.db", frame.astype(object)) as one:
        answer_queue(one, truth_of(frame))
        assert rounds.close_round(one).n_labels == 20


def test_an_unknown_label_blocks_and_only_the_audit_is_written(tmp_path: Path) -> None:
    frame = text_frame(60)
    wrong = frame.assign(label=frame["label"].where(frame.index != 7, "weird")).astype(object)
    with make_project(tmp_path / "p.db", wrong, label="label", classes=("money", "sport")) as one:
        written = (*OPERATIONAL, *AUDITED)
        before, n_changes = dump(one, leave_out=written), len(history.table(one))
        with pytest.raises(BlockedError, match="1 found"):
            rounds.close_round(one)
        assert dump(one, leave_out=written) == before
        assert history.table(one)["kind"].tolist()[n_changes:] == ["settings"]
        critical = issues.table(one).query("severity == 'critical'")
        assert len(critical) == 1
        assert rounds.current(one) == 1
        job = worker.wait(one, worker.start(one, "close", author="t"), progress=silent)
        assert job.state == "blocked"
        assert "1 found" in job.message


def test_a_check_a_fix_and_a_check_again(made: Project) -> None:
    """The whole path: issue, relabel queue, ruling, re-check: the issue is fixed."""
    answer_queue(made, TRUTH)
    rounds.close_round(made)
    item = items.labelled(made.db).pop()
    stored = items.get(made.db, item)
    assert stored is not None
    other = ({"sport", "money"} - {TRUTH[stored.source_id]}).pop()
    with made.writing():
        events.append(
            made.db,
            [events.NewEvent("x", 3, "label", item, "bob", other, 0, 1, None, project.now())],
        )
    audits.recheck(made)
    found = issues.table(made).query("item_id == @item and code == 'L202' and status == 'open'")
    assert len(found) == 1
    change = fixes.relabel(made, list(found["issue_id"]), author="t")
    assert set(issues.table(made).set_index("issue_id").loc[found["issue_id"], "status"]) == {
        "queued"
    }
    assert answer_queue(made, TRUTH, annotator="rev", queue_id=change) == 1
    audits.recheck(made)
    after = issues.table(made).set_index("issue_id")
    assert set(after.loc[found["issue_id"], "status"]) == {"fixed"}
    assert verify(made).empty


# The wall


def answer_some(one: Project, step: int, truth: Truth, wrong: Truth, extra: Frames) -> None:
    answer_queue(one, wrong if step % 5 == 0 else truth, limit=6)


def import_more(one: Project, step: int, truth: Truth, wrong: Truth, extra: Frames) -> None:
    if extra:
        more_rows(one, extra.pop(), label="label", source=f"more{step}.csv")


def import_look_alikes(one: Project, step: int, truth: Truth, wrong: Truth, extra: Frames) -> None:
    spelt = FRAME.sample(15, random_state=step)
    spelt = spelt.assign(text=spelt["text"].str.upper(), id=spelt["id"] + f"u{step}")
    more_rows(one, spelt.astype(object), label="label", source=f"copy{step}.csv")
    truth.update(truth_of(spelt))
    wrong.update(truth_of(spelt))


def correct_some(one: Project, step: int, truth: Truth, wrong: Truth, extra: Frames) -> None:
    audits.recheck(one)
    found = issues.table(one).query("status == 'open' and code.str.startswith('L')")
    if len(found):
        change = fixes.relabel(one, list(found["issue_id"][:5]), author="t")
        answer_queue(one, truth, annotator="rev", queue_id=change)


def revert_one(one: Project, step: int, truth: Truth, wrong: Truth, extra: Frames) -> None:
    known = history.table(one).query("events > 0")
    if len(known):
        chosen = int(known.sample(random_state=step)["change_id"].iloc[0])
        with contextlib.suppress(InputError):  # it may be undone already
            history.revert(one, chosen, author="t")


def close_it(one: Project, step: int, truth: Truth, wrong: Truth, extra: Frames) -> None:
    rounds.close_round(one)


LIFE = {
    act.__name__: act
    for act in (answer_some, import_more, import_look_alikes, correct_some, revert_one, close_it)
}


def trained_on(of: Project, snapshot: Snapshot, *without: int) -> set[str]:
    version = DataVersion(snapshot.upto, frozenset(without))
    return {snapshot.side[item] for item in snapshot.training_set(version).labels}


@pytest.mark.parametrize("seed", range(3))
def test_no_reservoir_item_ever_trains_in_the_whole_life_of_a_project(
    tmp_path: Path, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    extra = [text_frame(30, seed=10 + n) for n in range(4)]
    truth = TRUTH | truth_of(*extra)
    wrong = truth_of(flipped(FRAME)) | truth_of(*[flipped(frame) for frame in extra])
    settings = {"batch_size": "8", "gold_per_batch": "4"}
    with make_project(tmp_path / "p.db", FRAME, seed=seed, label="label", settings=settings) as one:
        walls: dict[str, str] = {}
        for step in range(14):
            LIFE[str(rng.choice(list(LIFE)))](one, step, truth, wrong, extra)
            snapshot = Snapshot(one)
            changes = [change.change_id for change in snapshot.changes]
            for without in ([], rng.choice(changes, 2).tolist()):
                assert trained_on(one, snapshot, *without) <= {"pool"}
            assert {item: snapshot.side[item] for item in walls} == walls, "nobody changes sides"
            walls = dict(snapshot.side)
            assert {snapshot.side[item] for item in snapshot.gold()} <= {"reservoir"}
        assert verify(one).empty


# The worker


def wait_for(of: Project, job_id: int, share: float) -> store.Job:
    """Wait until the job is that far, in the middle of its work."""
    until = time.monotonic() + 60
    while time.monotonic() < until:
        job = store.get_job(of.db, job_id)
        assert job is not None
        assert job.state in worker.ACTIVE, f"it ended before it could be killed: {job.message}"
        if job.state == "running" and job.progress >= share:
            return job
        time.sleep(0.01)
    raise AssertionError("the worker never got that far")


def kill(job: store.Job) -> None:
    assert job.pid is not None
    os.kill(job.pid, signal.SIGKILL)


def test_a_killed_worker_leaves_the_state_before_and_labeling_goes_on(tmp_path: Path) -> None:
    frame = text_frame(1500)
    truth = truth_of(frame)
    with make_project(tmp_path / "p.db", frame) as one:
        answer_queue(one, truth)
        rounds.close_round(one)
        answer_queue(one, truth, limit=25)
        before = dump(one)
        for share in (0.1, 0.2):
            job_id = worker.start(one, "close", author="t")
            with pytest.raises(InputError, match="under way"):
                worker.start(one, "close", author="t")
            kill(wait_for(one, job_id, share))
            job = worker.wait(one, job_id, progress=silent)
            assert job.state == "failed"
            assert "nothing was changed" in job.message
            assert dump(one) == before
        assert verify(one).empty

        job_id = worker.start(one, "close", author="t")
        wait_for(one, job_id, 0.1)
        late = queue.next_item(one, "bob")
        assert late is not None
        answers.answer(one, late.slot.slot_id, "sport", annotator="bob")
        job = worker.wait(one, job_id, progress=silent)
        assert job.state == "done"
        assert rounds.current(one) == 3
        assert ("bob", "label", "sport") in events.annotations_of(one.db, late.item_id)
        asked = {s.item_id for s in slots.open_slots(one.db, queue.current_batch(one))}
        assert late.item_id not in asked
        assert len(asked) == 30
        assert verify(one).empty


def test_a_server_killed_while_people_label_loses_no_acknowledged_answer(
    made: Project, root: Path
) -> None:
    script = (
        "import sys\nfrom pathlib import Path\nfrom labeling import answers, queue\n"
        "from labeling.project import opened\n"
        "with opened(Path(sys.argv[1])) as p:\n"
        "    while (asked := queue.next_item(p, 'ann')) is not None:\n"
        "        slot = asked.slot.slot_id\n"
        "        print(answers.answer(p, slot, 'sport', annotator='ann'), flush=True)\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script, str(made.path)], cwd=root, stdout=subprocess.PIPE, text=True
    ) as person:
        assert person.stdout is not None
        receipts = [person.stdout.readline().strip() for _ in range(9)]
        person.kill()
        receipts += person.stdout.read().split()
    assert len(receipts) >= 9
    assert all(events.get(made.db, receipt) for receipt in receipts)
    assert verify(made).empty
