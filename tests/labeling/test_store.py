"""The store: nothing of the log is ever changed, writers take turns, slots go to one person."""

from __future__ import annotations

import shutil
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from labeling import answers, queue, verification
from labeling.errors import CorruptionError, InputError
from labeling.project import Project, list_projects, new_project, open_project, opened
from labeling.store import (
    audits,
    changes,
    connection,
    decisions,
    events,
    items,
    people,
    rounds,
    slots,
    vectors,
)  # fmt: skip
from labeling.store.events import NewEvent
from labeling.store.rounds import Round
from labeling.store.schema import LOG_TABLES, MIGRATIONS
from tests.factories import make_project, text_frame

ACTS = (
    "UPDATE {t} SET {c} = {c}",
    "DELETE FROM {t}",
    "INSERT OR REPLACE INTO {t} SELECT * FROM {t} LIMIT 1",
    "REPLACE INTO {t} SELECT * FROM {t} LIMIT 1",
)


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Project]:
    """A project with one row at least in every table of the log."""
    with make_project(tmp_path / "p.db", text_frame(40)) as made:
        db = made.db
        with made.writing():
            item = items.every(db)[0].item_id
            changes.add_settings(db, 1, {"strategy": "random"})
            items.insert_images(db, [(item, b"\x89PNG")])
            vectors.insert(db, 1, [(item, bytes(8))])
            events.append(db, [event("one", item)])
            rounds.add(db, Round(1, 1, 1, "h", {}, "seed", 0, 1, "now", 0.0))
            audit = audits.add(db, at="now", upto_event=1, version_hash="h", round_no=1)
            audits.add_outcomes(db, audit, [("L1", "t", "L", "critical", "found", 1, "m")])
            people.add(db, 1, [("ann", "owner")])
            decisions.add(db, 1, "mute", [("L201", "known")])
            audits.add_findings(db, audit, [("i", "L1", "critical", item, "", 0.0, "m")])
        yield made


def event(
    name: str,
    item: str,
    *,
    kind: str = "label",
    who: str = "ann",
    value: str | None = "sport",
    target: str | None = None,
) -> NewEvent:
    return NewEvent(name, 1, kind, item, who, value, 0, 1, target, "now")


def rows(project: Project, table: str) -> list[tuple[object, ...]]:
    return [tuple(row) for row in project.db.execute(f"SELECT * FROM {table}")]


@pytest.mark.parametrize("act", ACTS, ids=["update", "delete", "insert or replace", "replace"])
@pytest.mark.parametrize("table", LOG_TABLES)
def test_nothing_in_the_log_is_ever_changed(project: Project, table: str, act: str) -> None:
    before = rows(project, table)
    assert before, "the fixture fills every table"
    column = project.db.execute(f"SELECT name FROM pragma_table_info('{table}')").fetchone()[0]
    with pytest.raises(sqlite3.IntegrityError, match="append-only"):
        project.db.execute(act.format(t=table, c=column))
    assert rows(project, table) == before


def test_every_table_of_the_file_is_known_as_log_or_as_derived(project: Project) -> None:
    tables = {r[0] for r in project.db.execute("SELECT name FROM sqlite_master WHERE type='table'")}
    derived = {"annotation", "slot", "fit", "result", "job"}
    assert {t for t in tables if not t.startswith(("_", "sqlite_"))} == set(LOG_TABLES) | derived


@pytest.mark.parametrize(
    ("pragma", "value"),
    [
        ("journal_mode", "wal"),
        ("synchronous", 2),  # FULL
        ("foreign_keys", 1),
        ("recursive_triggers", 1),
        ("trusted_schema", 0),
    ],
)
def test_a_connection_is_set_up_to_lose_nothing(
    project: Project, pragma: str, value: object
) -> None:
    with opened(project.path) as again:
        for one in (project, again):
            assert one.db.execute(f"PRAGMA {pragma}").fetchone()[0] == value


def test_migrations_apply_once(project: Project) -> None:
    applied = rows(project, "_sqlite_migrations")
    assert len(applied) == len({row[2] for row in applied}) == 4
    for _ in range(2):
        with opened(project.path) as again:
            assert not MIGRATIONS.pending(again.db)
            assert rows(again, "_sqlite_migrations") == applied


def test_a_repeated_event_id_is_written_once(project: Project) -> None:
    item = items.every(project.db)[1].item_id
    with project.writing():
        assert events.append(project.db, [event("e", item)]) == 1
        assert events.append(project.db, [event("e", item, value="money")]) == 0
        assert events.append(project.db, [event("e", item), event("f", item, who="bob")]) == 1
    assert events.annotations_of(project.db, item) == [
        ("ann", "label", "sport"),
        ("bob", "label", "sport"),
    ]


@pytest.mark.parametrize("seed", range(6))
def test_the_annotation_table_is_the_standing_view(project: Project, seed: int) -> None:
    rng = np.random.default_rng(seed)
    ids = [item.item_id for item in items.every(project.db)[:4]]
    live: list[NewEvent] = []
    for step in range(120):
        if live and rng.random() < 0.35:
            old = live.pop(int(rng.integers(len(live))))
            new = event(
                f"{step}", old.item_id, kind="retract", value=None, target=old.event_id, who="rev"
            )
        else:
            kind = str(rng.choice(["label", "label", "label", "skip", "flag", "adjudicate"]))
            value = None if kind == "skip" else str(rng.choice(["sport", "money"]))
            who, item = str(rng.choice(["ann", "bob", "cy"])), str(rng.choice(ids))
            new = event(f"{step}", item, kind=kind, who=who, value=value)
            live.append(new)
        with project.writing():
            events.append(project.db, [new])
        assert events.answers(project.db) == events.standing(project.db)
    assert events.answers(project.db), "something stands in the end"


def test_a_transaction_is_written_whole_or_not_at_all(project: Project) -> None:
    before = rows(project, "event"), rows(project, "annotation")
    item = items.every(project.db)[0].item_id
    with pytest.raises(sqlite3.IntegrityError), project.writing():
        events.append(project.db, [event("good", item)])
        with project.writing():
            events.append(project.db, [event("bad", "no such item")])
    assert (rows(project, "event"), rows(project, "annotation")) == before


def test_a_read_sees_one_state_while_others_write(project: Project) -> None:
    item = items.every(project.db)[0].item_id
    with opened(project.path) as other, project.reading():
        before = events.last(project.db)
        with other.writing():
            events.append(other.db, [event("late", item)])
        assert events.last(project.db) == before
    assert events.last(project.db) == before + 1


# Slots


ASKED = "SELECT slot_id FROM slot WHERE change_id = 2 AND queue <> 'extra'"


def test_eight_people_at_once_never_get_the_same_slot_and_none_is_lost(project: Project) -> None:
    ids = [item.item_id for item in items.every(project.db)]
    with project.writing():
        slots.publish(
            project.db,
            [slots.NewSlot("batch", 2, item, rank, "seed") for rank, item in enumerate(ids, 100)],
        )
    wanted = {row[0] for row in project.db.execute(ASKED)}
    taken: list[tuple[str, int]] = []
    failures: list[BaseException] = []
    start = threading.Barrier(8)

    def work(name: str) -> None:
        try:
            with opened(project.path) as own:
                start.wait()
                while True:
                    with own.writing():
                        found = slots.lease(own.db, 2, name, now=0.0, until=100.0)
                    if not found:
                        return
                    slot = found[0]
                    taken.append((name, slot.slot_id))
                    with own.writing():
                        answer_id = f"{name}-{slot.slot_id}"
                        events.append(own.db, [event(answer_id, slot.item_id, who=name)])
                        slots.answer(own.db, slot, answer_id, name)
        except BaseException as error:
            failures.append(error)

    people = [threading.Thread(target=work, args=(f"p{n}",)) for n in range(8)]
    for person in people:
        person.start()
    for person in people:
        person.join(60)
    assert failures == []
    numbers = [slot for _, slot in taken]
    assert len(numbers) == len(set(numbers)), "nobody got another's slot"
    left = {row[0] for row in project.db.execute(f"{ASKED} AND answered_by IS NULL")}
    assert set(numbers) | left == wanted, "no slot is lost"
    answered = {item for item, *_ in events.answers(project.db)}
    assert all(slot.item_id in answered for slot in slots.open_slots(project.db, 2))


def test_a_lease_is_kept_renewed_and_runs_out(project: Project) -> None:
    def take(name: str, now: float) -> int:
        return slots.lease(project.db, 2, name, now=now, until=now + 10)[0].slot_id

    first = take("ann", 0)
    slots.renew(project.db, [first], "ann", until=15, stale=12)
    slots.renew(project.db, [first], "bob", until=99, stale=99)
    assert [slot.slot_id for slot in slots.held(project.db, 2, "ann")] == [first]
    second = take("bob", 6)
    assert second != first
    assert take("cy", 12) not in (first, second), "ann's was renewed until 15"
    assert take("dan", 15.5) == first, "and then it runs out"
    assert slots.held(project.db, 2, "ann") == []


def test_two_processes_that_write_do_not_starve_each_other(project: Project, root: Path) -> None:
    script = (
        "import sys, time\nfrom pathlib import Path\n"
        "from labeling.project import opened\nfrom labeling.store import events, items\n"
        "from labeling.store.events import NewEvent\n"
        "with opened(Path(sys.argv[1])) as p:\n"
        "    item, worst = items.every(p.db)[0].item_id, 0.0\n"
        "    print('ready', flush=True); sys.stdin.readline()\n"
        "    for n in range(60):\n"
        "        t = time.perf_counter()\n"
        "        with p.writing():\n"
        "            events.append(p.db, [NewEvent(f'{sys.argv[2]}{n}', 1, 'flag', item, "
        "sys.argv[2], 'x', 0, 1, None, 'now')])\n"
        "        worst = max(worst, time.perf_counter() - t)\n"
        "    print(worst)\n"
    )
    writers = [
        subprocess.Popen(
            [sys.executable, "-c", script, str(project.path), name],
            cwd=root,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for name in ("a", "b")
    ]
    for writer in writers:
        assert writer.stdout is not None
        assert writer.stdout.readline() == "ready\n"
    before = events.last(project.db)
    for writer in writers:
        assert writer.stdin is not None
        writer.stdin.write("go\n")
        writer.stdin.flush()
    worst = [float(writer.communicate(timeout=60)[0]) for writer in writers]
    assert events.last(project.db) == before + 120
    assert max(worst) < 5


# Files that are no projects


@pytest.mark.parametrize("content", [b"", b"hello", b"SQLite format 3\x00" + bytes(100)])
def test_a_file_that_is_no_project_is_refused_and_left_alone(
    tmp_path: Path, content: bytes
) -> None:
    path = tmp_path / "x.db"
    path.write_bytes(content)
    with pytest.raises(InputError, match="no Groundwork project"):
        open_project(path)
    assert [p.name for p in tmp_path.iterdir()] == ["x.db"]
    assert path.read_bytes() == content


def test_another_programs_database_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.db"
    with sqlite3.connect(path) as other:
        other.execute("CREATE TABLE t (a)")
    other.close()
    with pytest.raises(InputError, match="no Groundwork project"):
        connection.connect(path)


def test_a_torn_file_says_to_restore_a_backup(project: Project, tmp_path: Path) -> None:
    connection.copy_to(project.db, tmp_path / "copy.db")
    torn = tmp_path / "torn.db"
    torn.write_bytes((tmp_path / "copy.db").read_bytes()[:5000])
    with pytest.raises(CorruptionError, match="backup"):
        open_project(torn)


def test_a_missing_or_an_existing_file_is_refused(project: Project, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="does not exist"):
        open_project(tmp_path / "no.db")
    with pytest.raises(InputError, match="exists"):
        connection.create(project.path)
    with pytest.raises(InputError, match="folder"):
        new_project(tmp_path / "no" / "p.db", title="t", content=project.content, seed=0)
    with pytest.raises(InputError, match="exists"):
        connection.copy_to(project.db, project.path)


def test_a_copy_made_while_others_write_is_whole(project: Project, tmp_path: Path) -> None:
    item, stop = items.every(project.db)[0].item_id, threading.Event()

    def write() -> None:
        with opened(project.path) as own:
            n = 0
            while not stop.is_set():
                n += 1
                with own.writing():
                    events.append(own.db, [event(f"w{n}", item, who=f"p{n}")])

    writer = threading.Thread(target=write)
    writer.start()
    try:
        copies = [tmp_path / f"copy{n}.db" for n in range(3)]
        for copy in copies:
            connection.copy_to(project.db, copy)
    finally:
        stop.set()
        writer.join(30)
    for copy in copies:
        with opened(copy) as found:
            assert events.answers(found.db) == events.standing(found.db)
            assert found.db.execute("PRAGMA integrity_check").fetchone()[0] == "ok"


def test_a_project_can_be_opened_while_its_maker_still_holds_it(tmp_path: Path) -> None:
    """Also after a crash of the maker: the mark is in the file, not only in the write-ahead log."""
    with make_project(tmp_path / "new.db", text_frame(10)) as made, opened(made.path) as again:
        assert again.title == "new"


OTHER_PROCESS = """
import sys
from pathlib import Path
from labeling import answers, queue, verification
from labeling.project import opened
from labeling.store import changes
with opened(Path(sys.argv[1])) as other, other.writing():
    changes.add(other.db, "settings", title="from outside", author="t", at="now")
"""


def test_looking_at_a_project_does_not_split_its_log_between_processes(
    project: Project, root: Path
) -> None:
    """Reading the file beside SQLite would drop our locks; then the other process's close would
    delete the write-ahead log under us, and each side would go on alone."""
    before = len(changes.every(project.db))
    assert [p.name for p in list_projects(project.path.parent)] == ["p"]
    with open_project(project.path) as again:
        assert len(changes.every(again.db)) == before
    command = [sys.executable, "-c", OTHER_PROCESS, str(project.path)]
    subprocess.run(command, cwd=root, check=True)
    assert len(changes.every(project.db)) == before + 1
    with project.writing():
        changes.add(project.db, "settings", title="from here", author="t", at="now")
    with open_project(project.path) as again:
        titles = [c.title for c in changes.every(again.db)][-2:]
    assert titles == ["from outside", "from here"]


def test_a_project_of_version_1_is_brought_up_to_date_and_loses_nothing(
    tmp_path: Path, root: Path
) -> None:
    path = tmp_path / "old.db"
    shutil.copyfile(root / "tests" / "data" / "version1.db", path)
    with closing(sqlite3.connect(path)) as raw:
        tables = ("event", "slot", "annotation", "change", "item", "label_set")
        before = {name: raw.execute(f"SELECT * FROM {name}").fetchall() for name in tables}
    with opened(path) as old:
        for name, was in before.items():
            width = len(was[0])
            now = [row[:width] for row in rows(old, name)]
            assert now == was, f"{name} is as it was"
        assert verification.verify(old).empty
        assert old.label_set.examples == {}
        assert not old.label_set.multi
        asked = queue.next_item(old, "ann")
        assert asked is not None
        answers.answer(old, asked.slot.slot_id, "sport", annotator="ann")
        assert verification.verify(old).empty
