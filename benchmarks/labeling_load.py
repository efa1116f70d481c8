"""Fifty people label at human speed on one real server: is anything handed out twice, lost, late?

python -m benchmarks.labeling_load [--quick]

Each person has a real Streamlit session (a websocket on /label, which gives the token) and then
keeps the protocol of the browser component over HTTP. They write down for themselves what they are
handed; the log is compared with their receipts at the end. Then: what the next item costs in the
store, for pools of 10,000 to 1,000,000 items.
"""

from __future__ import annotations

import argparse
import json
import random
import tempfile
import threading
import time
import uuid
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote

import numpy as np
import pandas as pd
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from websockets.sync.client import ClientConnection, connect

from benchmarks.process import ROOT, streamlit
from labeling import answers, batches, imports, queue, rounds, session, verification, worker
from labeling.answers import Operation
from labeling.core.features import Content
from labeling.ingest import Roles, silent
from labeling.project import Project, change_settings, new_project, now, opened
from labeling.store import changes, events, items, slots
from labeling.store.slots import NewSlot
from pages.shared.identity import COOKIE
from tests.annotator import Annotator, Refused

PEOPLE = 50
CLASSES = ("yes", "no", "unclear")
MEDIAN_SECONDS, SPREAD = 2.5, 0.45  # of the lognormal time that a person takes for an item
SKIPS, FLAGS, UNDOS, RELOADS, PAUSES = 0.03, 0.02, 0.03, 0.005, 0.008  # chance before an answer
PAUSE_SECONDS = (2.0, 8.0)
ATTEMPTS_AT_THE_END = 20
POLL_SECONDS = 5.0  # of the component, while it has nothing to show

# -- the people -----------------------------------------------------------------------------------


class Holding(NamedTuple):
    """Somebody had a slot, as the server told them: from the answer that brought it on."""

    slot: int
    item: str
    who: str
    since: float
    until: float


class Person(Annotator):
    """One simulated annotator, who writes down what they were handed and how long they waited."""

    def __init__(self, name: str, port: int, seed: int) -> None:
        self.name, self.port, self.random = name, port, random.Random(seed)
        self.tab = ExitStack()
        super().__init__(port, self._open())
        self.held: dict[int, tuple[str, float, float]] = {}
        self.holdings: list[Holding] = []
        self.waits: list[float] = []
        self.starved: list[str] = []
        self.starved_offline, self.counts = 0, Counter[str]()
        self.offline_until, self.is_cut = 0.0, False
        self.last: tuple[str, dict[str, Any]] | None = None

    def run(self, until: float) -> None:
        """Label until the time is over, then send what is left."""
        self.exchange()
        while time.monotonic() < until:
            reading = self.random.lognormvariate(np.log(MEDIAN_SECONDS), SPREAD)
            time.sleep(max(0.0, min(reading, until - time.monotonic())))
            self.act()
            self.exchange()
        self.offline_until = 0.0
        for _ in range(ATTEMPTS_AT_THE_END):
            if self.outbox:
                self.exchange()

    def act(self) -> None:
        """What somebody does when they have read an item."""
        if self.is_cut and time.monotonic() >= self.offline_until:
            self.exchange()  # the browser does so as soon as the network is back
        self._interrupt()
        if not self.hand:
            self._wait_for_items()
        elif self._happens(UNDOS) and self.last is not None:
            self.undo(*self.last)
            self.last = None
            self.counts["undo"] += 1
        else:
            self._answer(self.hand[0])

    def _interrupt(self) -> None:
        if self._happens(RELOADS) and time.monotonic() > self.offline_until:
            self.counts["reload"] += 1
            self.come_back()
        if self._happens(PAUSES):
            self.counts["network pause"] += 1
            self.offline_until = time.monotonic() + self.random.uniform(*PAUSE_SECONDS)

    def _answer(self, item: dict[str, Any]) -> None:
        if self._happens(FLAGS):
            self.flag("unclear wording")
            self.counts["flag"] += 1
        kind = "skip" if self._happens(SKIPS) else "label"
        uid = self.skip() if kind == "skip" else self.label(self.random.choice(CLASSES))
        self.last = (uid, item)
        self.counts[kind] += 1

    def _wait_for_items(self) -> None:
        """Nothing on the screen. Is that the end of the batch, the line, or starvation?"""
        if time.monotonic() < self.offline_until:
            self.starved_offline += 1
        elif self.done is not None and self.done["answered"] == self.done["total"]:
            self.beyond = True
            self.counts["went on behind the batch"] += 1
        else:
            self.starved.append(f"{self.name}: {json.dumps(self.progress)} {self.done}")
            time.sleep(POLL_SECONDS)

    def _happens(self, chance: float) -> bool:
        return self.random.random() < chance

    # The line to the server

    def exchange(self) -> None:
        """One request, timed; nothing while the network is away."""
        self.is_cut = time.monotonic() < self.offline_until
        if self.is_cut:
            return
        sent, waiting = time.monotonic(), len(self.outbox)
        self._let_go(sent)
        try:
            told = self.sync()
        except (ConnectionError, Refused):
            self.counts["request that failed"] += 1
            return
        received = time.monotonic()
        if waiting:
            self.waits.append(received - sent)
        self._note(told, received)

    def _let_go(self, sent: float) -> None:
        """What is answered leaves one's hands with the request that says so."""
        for op in self.outbox.values():
            if op["kind"] in ("label", "skip") and op["slot"] in self.held:
                item, since, _ = self.held.pop(op["slot"])
                self.holdings.append(Holding(op["slot"], item, self.name, since, sent))

    def _note(self, told: dict[str, Any], received: float) -> None:
        """What the server says is ours: new items, and what we said we hold and is not gone."""
        gone, mine = set(told["gone"]), {item["slot"]: item["item"] for item in self.hand}
        for slot in [slot for slot in self.held if slot in gone or slot not in mine]:
            item, since, until = self.held.pop(slot)
            self.holdings.append(Holding(slot, item, self.name, since, until))
        for slot, item in mine.items():
            if slot not in gone:
                since = self.held.get(slot, (item, received, received))[1]
                self.held[slot] = (item, since, received)

    def come_back(self) -> None:
        """The page is loaded anew: another websocket, another token, the same outbox."""
        self.tab.close()
        self.reload()
        self.token = self._open()
        self.exchange()

    def _open(self) -> str:
        return token_of(self.tab.enter_context(page_session(self.port, self.name)))

    def leave(self) -> None:
        """End, with what is still in hand written down."""
        for slot, (item, since, until) in self.held.items():
            self.holdings.append(Holding(slot, item, self.name, since, until))
        self.tab.close()
        self.connection.close()


@contextmanager
def page_session(port: int, name: str) -> Iterator[ClientConnection]:
    """A Streamlit session on the labeling page, as a browser opens one."""
    asked = BackMsg()
    asked.rerun_script.query_string = "project=load"
    asked.rerun_script.page_name = "label"
    with connect(
        f"ws://127.0.0.1:{port}/_stcore/stream",
        subprotocols=["streamlit"],
        origin=f"http://127.0.0.1:{port}",
        additional_headers={"Cookie": f"{COOKIE}={quote(name)}"},
        max_size=None,
    ) as websocket:
        websocket.send(asked.SerializeToString())
        yield websocket


def token_of(websocket: ClientConnection) -> str:
    """The token that the page hands to its component."""
    while True:
        message = ForwardMsg()
        message.ParseFromString(websocket.recv(timeout=30))
        element = message.delta.new_element
        if element.WhichOneof("type") == "bidi_component":
            said = json.loads(element.bidi_component.json or "{}")
            if "token" in said:
                return str(said["token"])
        if message.WhichOneof("type") == "script_finished":
            raise RuntimeError("the labeling page shows no labeler")


# -- the run --------------------------------------------------------------------------------------


class Cost(NamedTuple):
    """What the run cost the server: seconds, CPU seconds, MB before, with all there, at the end."""

    took: float
    cpu: float
    before: float
    opened: float
    after: float


def make_project(path: Path, *, pool: int, batch: int, overlap: int) -> None:
    """A project of `pool` texts whose newest batch has `batch` items."""
    texts = [f"message {i} on subject {i % 97} and {i % 31}" for i in range(pool)]
    roles = Roles(Content("text", ("text",)), classes=CLASSES)
    project, _ = imports.create_project(
        path, pd.DataFrame({"text": texts}, dtype=object), roles=roles, source="b.csv", author="b"
    )
    wanted = {"batch_size": str(batch), "overlap": str(overlap)}
    if overlap == 1:  # then nobody else may ever see what somebody has in hand
        wanted["second_opinions"] = "0"
    with project:
        change_settings(project, wanted, author="b")
        batches.publish_seed(project)


def run(folder: Path, *, seconds: float, overlap: int) -> None:
    """Let PEOPLE label for some seconds; the batch is done after about two thirds of it.

    In the run with one answer an item the round is closed by its worker half way through.
    """
    (folder / "projects").mkdir(parents=True)
    path = folder / "projects" / "load.db"
    expected = PEOPLE * seconds / (MEDIAN_SECONDS * np.exp(SPREAD**2 / 2))
    batch = int(expected / overlap * 2 / 3)
    make_project(path, pool=6_000, batch=batch, overlap=overlap)
    env = {"GROUNDWORK_PROJECTS": str(folder / "projects")}
    with streamlit(ROOT / "app.py", folder, env) as server, ExitStack() as leaving:
        with page_session(server.port, "warm-up") as websocket:
            token_of(websocket)
        before, people = server.memory, []
        for nth in range(PEOPLE):
            people.append(Person(f"person {nth:02d}", server.port, seed=nth))
            leaving.callback(people[-1].leave)
        came, cpu, started = server.memory, server.cpu, time.monotonic()
        closing = threading.Timer(seconds / 2, close_the_round, args=(path,))
        if overlap == 1:
            closing.start()
        failures = label_together(people, until=started + seconds)
        closing.cancel()
        cost = Cost(time.monotonic() - started, server.cpu - cpu, before, came, server.memory)
    print(f"\n{PEOPLE} people, {cost.took:.0f} s, a batch of {batch} items, overlap {overlap}")
    found = judged(path, people, cost, overlap=overlap) + failures
    print("\n".join(f"* {line}" for line in found), flush=True)


def close_the_round(path: Path) -> None:
    """Check, train, choose the next batch, beside the people who go on labeling."""
    with opened(path) as project:
        worker.wait(project, worker.start(project, "close", author="b"), progress=silent)


def label_together(people: list[Person], *, until: float) -> list[str]:
    """Each in a thread of their own; what went wrong with somebody."""
    failures: list[str] = []

    def at_work(person: Person) -> None:
        try:
            person.run(until)
        except Exception as error:
            failures.append(f"{person.name}: {error!r}")

    threads = [threading.Thread(target=at_work, args=(person,)) for person in people]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return failures


def judged(path: Path, people: list[Person], cost: Cost, *, overlap: int) -> list[str]:
    """Compare what people were handed and told with each other and with the log."""
    acknowledged = {uid for person in people for uid in person.acknowledged}
    with opened(path) as project:
        log = {row[1] for row in events.table(project.db)}
        mismatches = verification.verify(project)
        done, total = slots.progress(project.db, queue.current_batch(project))
        closed = len(rounds.table(project))
    starved = [moment for person in people for moment in person.starved]
    double = doubles([h for person in people for h in person.holdings], overlap=overlap)
    lost = len(acknowledged - log)
    return [
        f"**double hand-outs {double}, lost {lost}, starved {len(starved)}**, "
        f"verify: {'clean' if mismatches.empty else mismatches.to_dict('records')[:5]}",
        f"rounds closed meanwhile {closed}; {done} of {total} answers of the newest batch; "
        f"{doings(people)}",
        *costs([wait for person in people for wait in person.waits], len(acknowledged), cost),
        f"refused {sum(len(person.refused) for person in people)}, "
        f"never acknowledged {sum(len(person.outbox) for person in people)}, "
        f"hands empty because of the person's own network "
        f"{sum(person.starved_offline for person in people)}",
        *starved[:5],
    ]


def doings(people: list[Person]) -> str:
    counts = sum((Counter(person.counts) for person in people), Counter[str]())
    return ", ".join(f"{what} {n}" for what, n in counts.most_common())


def costs(waits: list[float], n: int, cost: Cost) -> list[str]:
    p50, p95, most = np.percentile(waits, [50, 95, 100]) * 1000
    each = (cost.after - cost.before) / PEOPLE
    return [
        f"receipts {n}, {n / cost.took:.1f} a second: p50 {p50:.1f} ms, p95 {p95:.1f} ms, "
        f"longest {most:.0f} ms (target p95 ≤ 300 ms)",
        f"server: {1000 * cost.cpu / n:.1f} ms CPU an answer, "
        f"{100 * cost.cpu / cost.took:.1f} % of one core",
        f"memory: {cost.before:.0f} MB with nobody, {cost.opened:.0f} MB when all had come, "
        f"{cost.after:.0f} MB at the end: {each:.2f} MB a session",
    ]


def doubles(holdings: list[Holding], *, overlap: int) -> int:
    """Slots that two people had at the same time, and items that one person had in two slots.

    Where one answer an item is asked, items that two people had at the same time as well.
    """
    found = 0
    keys = [lambda h: h.slot, lambda h: h.item if overlap == 1 else (h.item, h.who)]
    for same in keys:
        by_key: defaultdict[object, list[Holding]] = defaultdict(list)
        for holding in holdings:
            by_key[same(holding)].append(holding)
        for group in by_key.values():
            group.sort(key=lambda h: h.since)
            found += sum(
                a.until > b.since and (a.who, a.slot) != (b.who, b.slot) for a, b in pairwise(group)
            )
    return found


# -- the next item in the store -------------------------------------------------------------------

BEHIND, BATCH = 10_000, 2_000
HAND = 10


class Steps(NamedTuple):
    """What each step took, in seconds, one entry a label."""

    take: list[float]
    fill: list[float]
    record: list[float]
    flush: list[float]
    request: list[float]


@contextmanager
def big_project(path: Path, pool: int) -> Iterator[Project]:
    """A project of `pool` items, written straight into the store; 10,000 lie behind its batch."""
    project = new_project(path, title="big", content=Content("text", ("text",)), seed=0)
    db = project.db
    with project, project.writing():
        made = changes.add(db, "import", title="big", author="b", at=now())
        changes.add_label_set(db, made, classes=CLASSES, guideline="")
        rows = ((f"{i:016x}", made, f"r{i}", f"{i:016x}", "pool", content(i)) for i in range(pool))
        items.insert(db, rows)
        payload = {"round": 1, "strategy": "margin", "gold": []}
        change = changes.add(db, "round", title="Round 1", author="b", at=now(), payload=payload)
        asked = [("batch" if i < BATCH else "extra", i) for i in range(min(BATCH + BEHIND, pool))]
        slots.publish(
            db, (NewSlot(q, change, f"{i:016x}", i, "margin", 0.5, "yes", 0.5) for q, i in asked)
        )
    with opened(path) as project:
        yield project


def content(i: int) -> str:
    return json.dumps({"text": f"message {i}: " + "some words of a usual length " * 3})


def store_cost(project: Project, n: int) -> Steps:
    """Label `n` items three ways: one at a time, ten in hand, and by whole requests."""
    cost = Steps([], [], [], [], [])
    for nth in range(n):
        one_item(project, nth, cost)
    held = [slot.slot_id for slot in queue.take(project, "Ben", want=HAND).new]
    for nth in range(n):
        held = hand_of_ten(project, nth, held, cost)
    for nth in range(n):
        held = whole_request(project, nth, held, cost)
    return cost


def one_item(project: Project, nth: int, cost: Steps) -> None:
    """Take the next item and answer it, in one transaction as a request does it."""
    started = time.perf_counter()
    with project.writing():
        entered = time.perf_counter()
        slot = queue.take(project, "Ann", want=1).new[0]
        taken = time.perf_counter()
        answers.record(project, "Ann", [labelled(slot.slot_id, nth)])
        recorded = time.perf_counter()
    cost.take.append(taken - entered)
    cost.record.append(recorded - taken)
    cost.flush.append(time.perf_counter() - recorded + entered - started)


def hand_of_ten(project: Project, nth: int, held: list[int], cost: Steps) -> list[int]:
    """Answer the first of ten items in hand, and fill the hand again."""
    done, *held = held
    with project.writing():
        answers.record(project, "Ben", [labelled(done, nth)])
        started = time.perf_counter()
        new = queue.take(project, "Ben", want=HAND, holding=held).new
        cost.fill.append(time.perf_counter() - started)
    return held + [slot.slot_id for slot in new]


def whole_request(project: Project, nth: int, held: list[int], cost: Steps) -> list[int]:
    """The same, with everything that the browser is told: all that a key press costs the server."""
    done, *held = held
    request = session.Request(None, [labelled(done, nth)], held, HAND, False, False, 1)
    started = time.perf_counter()
    told = session.exchange(project, "Ben", request, may_rule=False)
    cost.request.append(time.perf_counter() - started)
    return held + [item["slot"] for item in told["items"]]


def labelled(slot: int, nth: int) -> Operation:
    return Operation(str(uuid.uuid4()), "label", slot=slot, value=CLASSES[nth % 3], ms=900)


def show_store(folder: Path, sizes: list[int], n: int) -> None:
    """The table; each project is deleted after its line."""
    steps = "take one item | fill a hand of ten | record an answer | lock and flush | whole request"
    print(f"\n| items | file MB | {steps} |\n|{'---|' * 7}")
    for pool in sizes:
        path = folder / f"pool{pool}.db"
        with big_project(path, pool) as project:
            size = path.stat().st_size / 2**20
            cost = store_cost(project, n)
        print(f"| {pool:,} | {size:.0f} | {' | '.join(map(spread, cost))} |", flush=True)
        for file in folder.glob(f"{path.name}*"):
            file.unlink()
    print(f"ms, p50 / p95 of {n}; 10,000 items lie behind the batch. Target: take p95 ≤ 5 ms.")


def spread(seconds: list[float]) -> str:
    p50, p95 = np.percentile(seconds, [50, 95]) * 1000
    return f"{p50:.2f} / {p95:.2f}"


def main() -> None:
    """Two runs, with one answer an item and with two, and a table of the store."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="15 s a run, pools to 100,000 items")
    quick = parser.parse_args().quick
    with tempfile.TemporaryDirectory() as name:
        for overlap, seconds in ((1, 15 if quick else 120), (2, 15 if quick else 60)):
            run(Path(name) / f"overlap{overlap}", seconds=seconds, overlap=overlap)
        sizes = [10_000, 100_000] if quick else [10_000, 100_000, 1_000_000]
        show_store(Path(name), sizes, n=200 if quick else 400)


if __name__ == "__main__":
    main()
