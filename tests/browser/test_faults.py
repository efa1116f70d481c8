"""Faults in front of the browser: what was pressed is kept, once, and labeling goes on.

Each is real: a killed server, a killed tab, no network, a full disk, a locked database, two tabs
with one outbox, a clock set back.
"""

from __future__ import annotations

import re
import resource
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Error, Locator, Page, Route, expect

from labeling import batches, verification
from labeling.project import opened
from labeling.store import events
from tests import factories
from tests.browser.conftest import Server, sign_in
from tests.route_server import faked_clock, free_port

KILLS = 4
CLOSED_TABS = 12
CRASHES = 4
SECONDS_OFFLINE = 10
SECONDS_LOCKED = 5
HOUR = 3600
CLASSES = ("money", "sport")
SOON = 30_000  # ms: the longest wait between two attempts of the browser is half of it

Pressed = dict[str, str]


@pytest.fixture
def name(server: Server) -> str:
    """A project of this test's own, with a batch of 300 items."""
    return new_project(server)


def new_project(server: Server) -> str:
    name = f"faults{len(list(server.projects.glob('*.db')))}"
    settings = {"batch_size": "300", "second_opinions": "0"}
    frame = factories.text_frame(600)
    with factories.make_project(server.projects / f"{name}.db", frame, settings=settings) as made:
        batches.publish_seed(made)
    return name


@pytest.fixture
def labeling(context: BrowserContext, page: Page, name: str) -> Page:
    """Ann's tab, with the first item on the screen."""
    sign_in(context, "Ann")
    return go_to(page, name)


@pytest.fixture
def profile(browser: Browser, server: Server) -> Iterator[BrowserContext]:
    """Ann's browser for many tabs: nothing is between it and the server, so that it may cache."""
    context = browser.new_context(base_url=server.url)
    sign_in(context, "Ann")
    yield context
    context.close()


def go_to(page: Page, name: str) -> Page:
    page.goto(f"/label?project={name}")
    expect(labeler(page)).to_have_attribute("data-state", "asking", timeout=SOON)
    return page


def labeler(page: Page) -> Locator:
    return page.get_by_test_id("labeler")


def press(page: Page, *keys: int) -> Pressed:
    """Answer by number keys; what was answered, by item. The screen moves on at once."""
    pressed: Pressed = {}
    for key in keys:
        expect(labeler(page)).to_have_attribute("data-item", re.compile("."), timeout=SOON)
        item = labeler(page).get_attribute("data-item") or ""
        page.keyboard.press(str(key))
        expect(labeler(page)).not_to_have_attribute("data-item", item, timeout=5_000)
        pressed[item] = CLASSES[key - 1]
    return pressed


def waits_for(page: Page, n: int) -> None:
    expect(labeler(page)).to_have_attribute("data-waiting", str(n), timeout=SOON)


def all_saved(page: Page) -> None:
    """Every answer has its receipt, and none was refused."""
    waits_for(page, 0)
    expect(labeler(page)).to_have_attribute("data-refused", "0")


def assert_kept_once(server: Server, name: str, pressed: Pressed) -> None:
    """`verify` is clean, and the log holds what was pressed: all of it, once, and nothing else."""
    with opened(server.projects / f"{name}.db") as project:
        assert verification.verify(project).empty
        log = [
            dict(zip(events.TABLE_COLUMNS, row, strict=True)) for row in events.table(project.db)
        ]
    assert sorted((row["item_id"], row["value"]) for row in log) == sorted(pressed.items())
    assert {row["annotator"] for row in log} == {"Ann"}


# The server


def test_kill_9_of_the_server_while_answers_are_under_way_loses_none(
    server: Server, labeling: Page, name: str
) -> None:
    pressed: Pressed = {}
    for nth in range(KILLS):
        pressed |= press(labeling, 1, 2, 1)
        all_saved(labeling)
        pressed |= press(labeling, 2)
        server.kill()
        pressed |= press(labeling, 1, 1, 2)
        expect(labeler(labeling)).to_have_attribute("data-state", "offline")
        server.start()
        if nth % 2:
            go_to(labeling, name)
        all_saved(labeling)
    assert_kept_once(server, name, pressed)


def test_a_full_disk_holds_answers_back_until_there_is_room(
    server: Server, labeling: Page, name: str
) -> None:
    """The server's process may not make a file longer than a page (RLIMIT_FSIZE)."""
    assert server.process is not None
    pressed = press(labeling, 1, 2)
    all_saved(labeling)
    _, hard = resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE)
    resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE, (4096, hard))
    try:
        pressed |= press(labeling, 2, 2, 1)
        expect(labeler(labeling)).to_have_attribute("data-state", "offline")
        expect(labeler(labeling)).to_have_attribute("data-saved", "2")
        waits_for(labeling, 3)
    finally:
        resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE, (hard, hard))
    all_saved(labeling)
    pressed |= press(labeling, 1)
    all_saved(labeling)
    assert_kept_once(server, name, pressed)


def test_a_database_locked_for_five_seconds_holds_up_no_key(
    server: Server, labeling: Page, name: str
) -> None:
    with locked(server.projects / f"{name}.db"):
        started = time.monotonic()
        pressed = press(labeling, 1, 2, 2, 1, 1)
        assert time.monotonic() - started < SECONDS_LOCKED / 2
        waits_for(labeling, 5)
        labeling.wait_for_timeout(1000 * (started + SECONDS_LOCKED - time.monotonic()))
    all_saved(labeling)
    assert_kept_once(server, name, pressed)


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Another connection holds the write lock meanwhile."""
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        yield
        other.execute("ROLLBACK")


# The tab and the network


def test_a_tab_closed_at_once_after_a_key_press_leaves_no_answer_behind(
    server: Server, profile: BrowserContext, name: str
) -> None:
    """Every third time the server is slow just then."""
    pressed: Pressed = {}
    for nth in range(CLOSED_TABS):
        tab = go_to(profile.new_page(), name)
        all_saved(tab)
        item = labeler(tab).get_attribute("data-item") or ""
        if nth % 3 == 0:
            with locked(server.projects / f"{name}.db"):
                tab.keyboard.press("1")
                tab.close(run_before_unload=nth % 2 == 0)
                time.sleep(0.3)
        else:
            tab.keyboard.press("1")
            tab.close(run_before_unload=nth % 2 == 0)
        pressed[item] = CLASSES[0]
    all_saved(go_to(profile.new_page(), name))
    assert_kept_once(server, name, pressed)


def test_answers_given_without_a_network_are_saved_when_it_is_back(
    server: Server, context: BrowserContext, labeling: Page, name: str
) -> None:
    context.set_offline(True)
    pressed: Pressed = {}
    for _ in range(4):
        pressed |= press(labeling, 2, 1)
        labeling.wait_for_timeout(1000 * SECONDS_OFFLINE / 4)
    waits_for(labeling, 8)
    expect(labeler(labeling)).to_have_attribute("data-state", "offline")
    context.set_offline(False)
    all_saved(labeling)
    pressed |= press(labeling, 1)
    all_saved(labeling)
    assert_kept_once(server, name, pressed)


def test_a_crashed_tab_that_is_opened_again_sends_what_it_had_not_sent(
    server: Server, profile: BrowserContext, name: str
) -> None:
    """Every second time there is no network either."""
    pressed: Pressed = {}
    for nth in range(CRASHES):
        tab = go_to(profile.new_page(), name)
        all_saved(tab)
        profile.set_offline(nth % 2 == 0)
        pressed |= press(tab, 1, 2, 1)
        crash(tab)
        profile.set_offline(False)
    all_saved(go_to(profile.new_page(), name))
    assert_kept_once(server, name, pressed)


def crash(tab: Page) -> None:
    """The renderer's process ends as by a fault of its own."""
    with tab.expect_event("crash"), suppress(Error):
        tab.goto("chrome://crash", timeout=2_000)
    tab.close()


def test_two_tabs_that_send_one_outbox_write_it_once(
    server: Server, context: BrowserContext, name: str
) -> None:
    """A duplicated tab in a browser without Web Locks, as over plain http, has the same outbox."""
    sign_in(context, "Ann")
    context.add_init_script(
        "Object.defineProperty(Navigator.prototype, 'locks', {value: undefined})"
    )
    first = go_to(context.new_page(), name)
    pressed = press(first, 1, 2)
    all_saved(first)
    line = Line()
    context.route("**/labeler/sync", line)
    line.cut = True
    pressed |= press(first, 2, 1, 1, 2)
    with first.expect_popup() as opening:
        first.evaluate("window.open(location.href)")
    second = opening.value
    waits_for(second, 4)
    line.cut = False
    all_saved(first)
    all_saved(second)
    assert line.sent_twice() == 4
    assert_kept_once(server, name, pressed)


class Line:
    """The way to the server, that can be cut; it remembers which operations went over it."""

    def __init__(self) -> None:
        self.cut, self.sent = False, list[str]()

    def __call__(self, route: Route) -> None:
        if self.cut:
            route.abort()
            return
        self.sent += [op["uid"] for op in route.request.post_data_json["ops"]]
        route.continue_()

    def sent_twice(self) -> int:
        return sum(self.sent.count(uid) > 1 for uid in set(self.sent))


# The clock


def test_with_all_clocks_set_back_an_hour_labeling_goes_on(
    browser: Browser, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every token looks as if it came from the future; the page hands out another."""
    put, env = faked_clock(tmp_path / "clock")
    with monkeypatch.context() as patch:
        for key, value in env.items():
            patch.setenv(key, value)
        server = Server(tmp_path, free_port())
        server.projects.mkdir()
        server.start()
    name = new_project(server)
    context = browser.new_context(base_url=server.url)
    sign_in(context, "Ann")
    try:
        page = go_to(context.new_page(), name)
        statuses: list[int] = []
        page.on("response", lambda answer: statuses.append(answer.status))
        pressed = press(page, 1, 2, 1)
        all_saved(page)
        for seconds in (-HOUR, 0):
            put(seconds)
            page.clock.set_fixed_time(time.time() + seconds)
            pressed |= press(page, 2, 2, 1)
            all_saved(page)
        assert 401 in statuses
    finally:
        context.close()
        server.stop()
    assert_kept_once(server, name, pressed)
