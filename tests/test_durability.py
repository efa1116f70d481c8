"""What a receipt came for is kept, once, whatever happens to the server: each fault is real."""

from __future__ import annotations

import json
import resource
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from http.client import HTTPException
from pathlib import Path

import numpy as np
import pytest

from labeling import batches, verification
from labeling.project import change_settings, opened
from labeling.store import events
from pages.shared import tokens
from tests import factories
from tests.annotator import Annotator, Refused
from tests.route_server import RouteServer, faked_clock, served

KILLS = 50
PEOPLE = ("Ann", "Ben", "Cho")
CLASSES = ("money", "sport")
SLOWEST_ANSWER = 0.03  # seconds after which a kill would mostly come too late
LOCKED_SECONDS = 5
HOUR = 3600

Annotators = Callable[..., list[Annotator]]
Filled = tuple[int, Path, Callable[[], None], Callable[[], None]]
Disk = Callable[[Path], AbstractContextManager[Filled]]


@pytest.fixture
def project(projects: Path) -> Path:
    """A project whose batch is longer than any test here."""
    frame = factories.text_frame(1500)
    settings = {"batch_size": "1000", "gold_per_batch": "0", "second_opinions": "0"}
    made = factories.make_project(projects / "texts.db", frame, settings=settings)
    made.close()
    publish_again(projects / "texts.db")
    tokens.key(projects)
    return projects / "texts.db"


def publish_again(path: Path) -> None:
    """A batch by the settings of now: the one before was made by others."""
    with opened(path) as made:
        batches.publish_seed(made)


@pytest.fixture
def annotators(project: Path) -> Iterator[Callable[..., list[Annotator]]]:
    """`annotators(port, *names)`: people who are at work in the project until the test ends."""
    with ExitStack() as lines:

        def come(port: int, *names: str) -> list[Annotator]:
            people = [Annotator(port, tokens.issue("texts", name)) for name in names]
            for person in people:
                lines.callback(person.connection.close)
            return people

        yield come


# The server is killed


def test_fifty_kills_between_a_key_press_and_its_receipt_lose_and_double_nothing(
    projects: Path, project: Path, annotators: Annotators
) -> None:
    """Three people have a request under way at each; what had no receipt is sent again."""
    rng = np.random.default_rng(3)
    server = RouteServer(projects)
    people = annotators(server.port, *PEOPLE)
    pressed = {name: dict[str, str]() for name in PEOPLE}
    between = 0
    server.start()
    try:
        for person in people:
            person.sync()
        while between < KILLS:
            label_all(people, pressed, rng)
            send_all(people)
            time.sleep(rng.uniform(0, SLOWEST_ANSWER))
            server.kill()
            between += not all([hear(person) for person in people])
            server.start()
            for person in people:
                person.sync()
    finally:
        server.kill()

    assert all(not person.outbox and not person.refused for person in people)
    assert_kept_once(project, dict(zip(PEOPLE, people, strict=True)))
    assert labels_of(project) == pressed


def label_all(
    people: Sequence[Annotator], pressed: dict[str, dict[str, str]], rng: np.random.Generator
) -> None:
    for name, person in zip(PEOPLE, people, strict=True):
        value = str(rng.choice(CLASSES))
        pressed[name][person.hand[0]["item"]] = value
        person.label(value)


def send_all(people: Sequence[Annotator]) -> None:
    for person in people:
        person.send("sync", person.body())


def hear(person: Annotator) -> bool:
    """What of an answer came before the end of the line; whether it was the receipt."""
    try:
        person.receive(json.loads(person.connection.getresponse().read()))
        return True
    except (OSError, HTTPException, ValueError):
        return False
    finally:
        person.connection.close()


# The disk is full


@contextmanager
def small_disk(folder: Path) -> Iterator[Filled]:
    """A tmpfs of 6 MB, mounted for the server alone, that holds the project; filled by a file."""
    kept = shutil.copytree(folder, folder.with_suffix(".kept"))
    mount = f"mount -t tmpfs -o size=6m none '{folder}' && cp -a '{kept}/.' '{folder}' && exec"
    within = ["unshare", "-rm", "sh", "-c", f'{mount} "$0" "$@"']
    with served(folder, within=within) as (port, pid):
        there = Path(f"/proc/{pid}/root{folder}")
        yield port, there, lambda: fill(there / "filler"), (there / "filler").unlink


def fill(path: Path) -> None:
    with suppress(OSError), path.open("wb", buffering=0) as file:
        while True:
            file.write(bytes(4096))


@contextmanager
def small_files(folder: Path) -> Iterator[Filled]:
    """The server may write no byte behind the first 64 KB of a file (RLIMIT_FSIZE)."""
    with served(folder) as (port, pid):
        _, hard = resource.prlimit(pid, resource.RLIMIT_FSIZE)

        def limit(to: int) -> None:
            resource.prlimit(pid, resource.RLIMIT_FSIZE, (to, hard))

        yield port, folder, lambda: limit(65_536), lambda: limit(hard)


def may_mount() -> bool:
    if shutil.which("unshare") is None:
        return False
    attempt = ["unshare", "-rm", "mount", "-t", "tmpfs", "none", "/mnt"]
    return subprocess.run(attempt, capture_output=True, check=False).returncode == 0


@pytest.mark.parametrize("disk", [small_disk, small_files], ids=["a small disk", "a size limit"])
def test_on_a_full_disk_nothing_is_acknowledged_and_with_room_again_nothing_is_missing(
    disk: Disk, projects: Path, project: Path, annotators: Annotators, tmp_path: Path
) -> None:
    if disk is small_disk and not may_mount():
        pytest.skip("no mount namespace may be made here: only the size limit fills the disk")
    with disk(projects) as (port, there, fill_up, make_room):
        [ann] = annotators(port, "Ann")
        ann.sync()
        answer(ann, 10)
        fill_up()
        refusals = press_until_refused(ann)
        before = len(ann.acknowledged)
        assert {refusal.status for refusal in refusals} == {503}
        assert "make room" in refusals[-1].said["error"]
        assert ann.post("history", {"token": ann.token})[0] == 200
        make_room()
        ann.sync()
        assert len(ann.acknowledged) == before + 5
        answer(ann, 10)
        copied = tmp_path / "copy"
        shutil.copytree(there, copied)
    assert not ann.refused
    assert_kept_once(copied / project.name, {"Ann": ann})


def answer(person: Annotator, n: int) -> None:
    for _ in range(n):
        person.label("sport")
        person.sync()


def press_until_refused(person: Annotator) -> list[Refused]:
    """Answer until the server has refused five times, each time with one more in the outbox."""
    refusals: list[Refused] = []
    for _ in range(500):
        person.label("money")
        try:
            person.sync()
        except Refused as refusal:
            refusals.append(refusal)
        if len(refusals) == 5:
            return refusals
    raise AssertionError("the disk did not fill up")


# One outbox, sent twice


def test_an_outbox_sent_by_two_tabs_at_once_is_written_once(
    projects: Path, project: Path, annotators: Annotators
) -> None:
    with served(projects) as (port, _):
        first, second = annotators(port, "Ann", "Ann")
        first.sync()
        for _ in range(20):
            for value in ("sport", "money", "sport", "money"):
                first.label(value)
            undone = next(iter(first.outbox.values()))
            first.undo(undone["uid"], {"slot": undone["slot"], "item": undone["item"]})
            first.hand.pop(0)
            second.outbox = dict(first.outbox)
            together(first.sync, second.sync)
            assert not first.refused and not second.refused
            assert first.acknowledged == second.acknowledged
            first.sync()
    assert_kept_once(project, {"Ann": first})
    with opened(project) as kept:
        assert len(events.table(kept.db)) == 20 * 5


def test_an_item_answered_in_two_tabs_still_waits_for_a_second_person(
    projects: Path, project: Path, annotators: Annotators
) -> None:
    with opened(project) as made:
        change_settings(made, {"overlap": "2"}, author="test")
    publish_again(project)
    with served(projects) as (port, _):
        first, second, ben = annotators(port, "Ann", "Ann", "Ben")
        first.sync()
        second.sync()
        item = first.hand[0]["item"]
        assert second.hand[0]["item"] == item
        first.label("sport")
        second.label("money")
        first.sync()
        second.sync()
        assert second.progress["answered"] == 1
        ben.sync()
        assert ben.hand[0]["item"] == item
    assert labels_of(project) == {"Ann": {item: "money"}}
    assert_kept_once(project, {"Ann": first})
    assert_kept_once(project, {"Ann": second})


def together(*calls: Callable[[], object]) -> None:
    threads = [threading.Thread(target=call) for call in calls]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


# The clock is set back


def test_with_the_clock_set_back_an_hour_labeling_goes_on_in_order_and_nobody_gets_others_items(
    projects: Path,
    project: Path,
    annotators: Annotators,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    put, env = faked_clock(tmp_path / "clock")
    with served(projects, env=env) as (port, _):
        ann, ben = annotators(port, "Ann", "Ben")
        ann.sync()
        first = ann.hand[0]
        uid = ann.label("sport")
        ann.sync()
        held = {item["slot"] for item in ann.hand}

        put(-HOUR)
        ann.label("sport")
        with pytest.raises(Refused) as refusal:
            ann.sync()
        assert (refusal.value.status, refusal.value.said["reason"]) == (401, "expired")
        real = time.time
        with monkeypatch.context() as patch:  # the page runs anew, and hands out fresh tokens
            patch.setattr(time, "time", lambda: real() - HOUR)
            ann.token, ben.token = tokens.issue("texts", "Ann"), tokens.issue("texts", "Ben")
        ann.sync()
        ben.sync()
        assert held & {item["slot"] for item in ben.hand} == set()
        ann.correct(uid, first, "money")
        ann.sync()
        answer(ann, 5)

        put(0)
        answer(ann, 5)
        _, told = ann.post("history", {"token": ann.token, "search": "", "limit": 100})
        newest_first = [row["item"] for row in told["rows"]]
    assert not ann.refused
    assert labels_of(project)["Ann"][first["item"]] == "money"
    assert newest_first[10] == first["item"]
    assert_kept_once(project, {"Ann": ann, "Ben": ben})


# The database is locked

BY_SQLITE = """
import sqlite3, sys, time
conn = sqlite3.connect(sys.argv[1], isolation_level=None)
conn.execute("BEGIN IMMEDIATE")
print("locked", flush=True)
time.sleep(float(sys.argv[2]))
conn.execute("ROLLBACK")
"""
BY_FILE = """
import sys, time
from filelock import FileLock
with FileLock(sys.argv[1] + ".lock"):
    print("locked", flush=True)
    time.sleep(float(sys.argv[2]))
"""


@pytest.mark.parametrize("how", [BY_SQLITE, BY_FILE], ids=["in a transaction", "by its lock file"])
def test_while_another_program_locks_the_database_answers_wait_and_reading_goes_on(
    how: str, projects: Path, project: Path, annotators: Annotators
) -> None:
    with served(projects) as (port, _):
        *people, reader = annotators(port, *PEOPLE, PEOPLE[0])
        for person in people:
            person.sync()
            answer(person, 3)
        reader.post("history", {"token": reader.token})
        other = subprocess.Popen(
            [sys.executable, "-c", how, str(project), str(LOCKED_SECONDS)], stdout=subprocess.PIPE
        )
        with other:
            assert other.stdout is not None and other.stdout.readline() == b"locked\n"
            started = time.monotonic()
            for person in people:
                person.label("money")
            threads = [threading.Thread(target=person.sync) for person in people]
            for thread in threads:
                thread.start()
            time.sleep(0.2)
            asked = time.monotonic()
            status, told = reader.post("history", {"token": reader.token})
            assert status == 200 and len(told["rows"]) == 3
            assert time.monotonic() - asked < 1
            for thread in threads:
                thread.join()
        assert LOCKED_SECONDS - 1 < time.monotonic() - started < LOCKED_SECONDS + 5
    assert all(len(person.acknowledged) == 4 for person in people)
    assert_kept_once(project, dict(zip(PEOPLE, people, strict=True)))


# What must hold after each


def assert_kept_once(project: Path, people: dict[str, Annotator]) -> None:
    """`verify` is clean, and what was acknowledged is in the log, as it was said, once."""
    with opened(project) as kept:
        assert verification.verify(kept).empty
        log = [dict(zip(events.TABLE_COLUMNS, row, strict=True)) for row in events.table(kept.db)]
    for name, person in people.items():
        mine = [row for row in log if row["annotator"] == name]
        found = {row["event_id"]: (row["item_id"], row["value"]) for row in mine}
        said = {uid: (op["item"], op.get("value")) for uid, op in person.acknowledged.items()}
        assert len(found) == len(mine)
        assert found.items() >= said.items()


def labels_of(project: Path) -> dict[str, dict[str, str]]:
    """Everybody's standing labels: by annotator, then by item."""
    found: dict[str, dict[str, str]] = {}
    with opened(project) as kept:
        for item, annotator, _, value, _ in events.answers(kept.db):
            found.setdefault(annotator, {})[item] = str(value)
    return found
