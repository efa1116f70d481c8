"""The routes of the labeling screen in a process of their own, to be killed and started at will.

python -m tests.route_server PORT PROJECTS
"""

from __future__ import annotations

import multiprocessing
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest
import uvicorn
from starlette.applications import Starlette

from pages.shared.labeler import route

ROOT = Path(__file__).resolve().parents[1]
SECONDS_TO_START = 30


def serve(port: int, projects: str) -> None:
    """Serve until killed."""
    os.environ["GROUNDWORK_PROJECTS"] = projects
    app = Starlette(routes=route.routes())
    uvicorn.run(app, host="127.0.0.1", port=port, log_level="warning", ws="none")


class RouteServer:
    """A server that starts in a moment: it is forked from a process that has imported it all."""

    def __init__(self, projects: Path) -> None:
        self.projects, self.port = projects, free_port()
        self._kind = multiprocessing.get_context("forkserver")
        self._kind.set_forkserver_preload([__name__])
        self._process: multiprocessing.process.BaseProcess | None = None

    def start(self) -> None:
        self._process = self._kind.Process(target=serve, args=(self.port, str(self.projects)))
        self._process.start()
        wait_for(self.port)

    def kill(self) -> None:
        """`kill -9`: no goodbye, nothing flushed."""
        if self._process is not None:
            self._process.kill()
            self._process.join()
            self._process = None


@contextmanager
def served(
    projects: Path, *, within: Sequence[str] = (), env: Mapping[str, str] | None = None
) -> Iterator[tuple[int, int]]:
    """A server started as any program is, perhaps `within` another command: its port and pid."""
    port = free_port()
    process = subprocess.Popen(
        [*within, sys.executable, "-m", "tests.route_server", str(port), str(projects)],
        cwd=ROOT,
        env={**os.environ, **(env or {})},
    )
    try:
        wait_for(port)
        yield port, process.pid
        assert process.poll() is None, "the server fell over"
    finally:
        process.kill()
        process.wait()


def faked_clock(file: Path) -> tuple[Callable[[int], None], dict[str, str]]:
    """A clock that `put(seconds)` sets forward or back, and the environment of who lives by it.

    It is libfaketime's; only the wall clock is faked, as when somebody sets the machine's.
    """
    library = next(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"), None)
    if library is None:
        pytest.skip("libfaketime is not installed: `make browser` does so where it may")

    def put(seconds: int) -> None:
        part = file.with_suffix(".part")
        part.write_text(f"{seconds:+d}")
        part.replace(file)
        time.sleep(2.1)  # the file is looked at every other second

    file.write_text("+0")
    return put, {
        "LD_PRELOAD": str(library),
        "FAKETIME_TIMESTAMP_FILE": str(file),
        "FAKETIME_CACHE_DURATION": "1",
        "FAKETIME_FORCE_MONOTONIC_FIX": "0",  # else threads that wait for each other crawl
        "DONT_FAKE_MONOTONIC": "1",
    }


def wait_for(port: int) -> None:
    """Wait until something listens there."""
    deadline = time.monotonic() + SECONDS_TO_START
    while time.monotonic() < deadline:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.005)
    raise RuntimeError("the server of the labeling routes did not start")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


if __name__ == "__main__":
    serve(int(sys.argv[1]), sys.argv[2])
