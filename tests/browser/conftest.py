"""The real app in a real browser: a server to start and kill, a page that may only talk to it."""

from __future__ import annotations

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal
from urllib.parse import quote, urlsplit

import pytest
from playwright.sync_api import (
    Browser,
    BrowserContext,
    Page,
    Playwright,
    Route,
    expect,
    sync_playwright,
)

from pages.shared.identity import COOKIE

ROOT = Path(__file__).resolve().parents[2]
HERE = "http://127.0.0.1"  # a cookie is for all ports of a host
CHROMIUM_FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
SECONDS_TO_START = 60
MILLISECONDS_TO_FINISH = 20_000
expect.set_options(timeout=MILLISECONDS_TO_FINISH)  # a busy machine is slow, not wrong


@dataclass
class Server:
    """The app as a process of its own, on its own port and its own projects folder."""

    folder: Path
    port: int
    process: subprocess.Popen[bytes] | None = field(default=None, repr=False)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def projects(self) -> Path:
        return self.folder / "projects"

    @property
    def log(self) -> str:
        return (self.folder / "server.log").read_text(encoding="utf-8", errors="replace")

    def start(self) -> None:
        """Start it in a folder that is not the repository's, and wait until it answers."""
        with (self.folder / "server.log").open("ab") as log:
            address = ["--server.port", str(self.port), "--server.address", "127.0.0.1"]
            self.process = subprocess.Popen(
                [sys.executable, "-m", "streamlit", "run", str(ROOT / "app.py"), *address],
                cwd=self.folder,
                env={**os.environ, "GROUNDWORK_PROJECTS": str(self.projects)},
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        self._wait_until_healthy()

    def kill(self) -> None:
        """`kill -9`: no goodbye, nothing flushed."""
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        self._end(signal.SIGTERM)

    def restart(self) -> None:
        """Start again at the same address, after `kill` or `stop`."""
        self.stop()
        self.start()

    def _end(self, how: signal.Signals) -> None:
        if self.process is None:
            return
        self.process.send_signal(how)
        try:
            self.process.wait(timeout=15)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process = None

    def _wait_until_healthy(self) -> None:
        assert self.process is not None
        deadline = time.monotonic() + SECONDS_TO_START
        while time.monotonic() < deadline and self.process.poll() is None:
            if self._is_healthy():
                return
            time.sleep(0.1)
        raise RuntimeError(f"The app did not start. Its log:\n{self.log}")

    def _is_healthy(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.url}/_stcore/health", timeout=1) as answer:
                return bool(answer.status == 200)
        except (urllib.error.URLError, OSError):
            return False


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """The app with an empty projects folder, one for each test module."""
    folder = tmp_path_factory.mktemp("server")
    (folder / "projects").mkdir()
    server = Server(folder, free_port())
    server.start()
    yield server
    server.stop()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


# The browser


@pytest.fixture(scope="session")
def playwright() -> Iterator[Playwright]:
    with sync_playwright() as started:
        yield started


@pytest.fixture(scope="session")
def browser(playwright: Playwright) -> Iterator[Browser]:
    """Chromium, without any of its own talk to the network."""
    chromium = playwright.chromium.launch(
        executable_path=_chromium(playwright), args=CHROMIUM_FLAGS
    )
    yield chromium
    chromium.close()


def _chromium(playwright: Playwright) -> str:
    names = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
    found = os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, names)), None)
    chosen = found or playwright.chromium.executable_path
    if not Path(chosen).exists():
        pytest.fail("No Chromium here. Run `make browser`, or set CHROMIUM to its path.")
    return chosen


@dataclass(frozen=True)
class View:
    """How big the window is and which colours the person's machine prefers."""

    width: int = 1280
    height: int = 800
    scheme: Literal["light", "dark"] = "light"

    def __str__(self) -> str:
        return f"{self.scheme}-{self.width}"


@pytest.fixture
def view(request: pytest.FixtureRequest) -> View:
    """The default view; another with `@pytest.mark.parametrize("view", [...], indirect=True)`."""
    return getattr(request, "param", View())


@dataclass
class Watch:
    """What a page did that it should not: filled while it runs, read when the test ends."""

    origin: str
    outside: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)

    def allow_own_origin_only(self, route: Route) -> None:
        if self.is_own(route.request.url):
            route.continue_()
        else:
            self.outside.append(route.request.url)
            route.abort()

    def is_own(self, url: str) -> bool:
        parts = urlsplit(url)
        return parts.scheme in {"data", "blob"} or parts.netloc == urlsplit(self.origin).netloc


@pytest.fixture
def watch(server: Server) -> Watch:
    """Requests that left the machine and uncaught errors. A test that expects some clears it."""
    return Watch(server.url)


@pytest.fixture
def context(browser: Browser, server: Server, view: View, watch: Watch) -> Iterator[BrowserContext]:
    """A browser profile of its own: another person is another `browser.new_context()`."""
    context = browser.new_context(
        base_url=server.url,
        viewport={"width": view.width, "height": view.height},
        color_scheme=view.scheme,
        locale="en-GB",
        reduced_motion="reduce",
    )
    context.route("**/*", watch.allow_own_origin_only)
    yield context
    context.close()


def sign_in(context: BrowserContext, name: str) -> None:
    """Have this browser remember a name, as if it had been typed in the sidebar before."""
    value = quote(name, safe="")
    context.add_cookies([{"name": COOKIE, "value": value, "url": HERE, "sameSite": "Strict"}])


@pytest.fixture
def page(context: BrowserContext, watch: Watch) -> Iterator[Page]:
    """A tab. The test fails if a script in it throws, or if it asks another machine anything."""
    page = context.new_page()
    page.on("pageerror", lambda error: watch.errors.append(str(error)))
    page.on("websocket", lambda socket: watch.outside.extend(_foreign(watch, socket.url)))
    yield page
    assert watch.errors == [], "uncaught errors in the page"
    assert watch.outside == [], "requests that left the machine"


def _foreign(watch: Watch, url: str) -> list[str]:
    return [] if watch.is_own(url) else [url]


@pytest.fixture
def ready() -> Callable[[Page], Page]:
    """`ready(page)` waits until the page is drawn and Streamlit runs no script for it."""

    def wait(page: Page) -> Page:
        page.wait_for_selector(
            "[data-testid=stApp][data-test-script-state=notRunning]",
            timeout=MILLISECONDS_TO_FINISH,
        )
        placeholders = page.locator("[data-testid=stSkeleton], [data-testid=stAppSkeleton]")
        expect(placeholders).to_have_count(0, timeout=MILLISECONDS_TO_FINISH)
        return page

    return wait


@pytest.fixture
def screenshots(view: View) -> Callable[[Page, str], None]:
    """`screenshots(page, name)` saves a picture to the folder GROUNDWORK_SHOTS, if that is set."""
    folder = os.environ.get("GROUNDWORK_SHOTS")

    def save(page: Page, name: str) -> None:
        if folder:
            file = re.sub(r"\W+", "-", f"{name}-{view}").strip("-") + ".png"
            Path(folder).mkdir(parents=True, exist_ok=True)
            page.screenshot(path=Path(folder) / file, full_page=True)

    return save
