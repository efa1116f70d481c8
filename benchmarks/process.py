"""A server as a process of its own, and what it costs: CPU seconds and memory, from /proc."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
SECONDS_TO_START = 60
_TICKS = os.sysconf("SC_CLK_TCK")
_PAGE = os.sysconf("SC_PAGE_SIZE")


class Process:
    """A running server: its port, and what it has used so far, all its threads together."""

    def __init__(self, pid: int, port: int) -> None:
        self.pid, self.port = pid, port

    @property
    def cpu(self) -> float:
        """CPU seconds, user and system."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / _TICKS

    @property
    def memory(self) -> float:
        """Resident memory in MB."""
        return int(Path(f"/proc/{self.pid}/statm").read_text().split()[1]) * _PAGE / 2**20


@contextmanager
def streamlit(script: Path, folder: Path, env: Mapping[str, str]) -> Iterator[Process]:
    """A Streamlit server of `script`, with Groundwork's own settings, started in `folder`."""
    port = free_port()
    with (folder / "server.log").open("ab") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "streamlit", "run", str(script)],
            cwd=folder,
            env={**os.environ, **_settings(port), **env},
            stdout=log,
            stderr=subprocess.STDOUT,
        )
    try:
        _wait_until_healthy(process, port)
        yield Process(process.pid, port)
    finally:
        process.terminate()
        process.wait()


def _settings(port: int) -> dict[str, str]:
    """What .streamlit/config.toml sets that bears on speed, also for scripts that lie elsewhere."""
    return {
        "STREAMLIT_SERVER_PORT": str(port),
        "STREAMLIT_SERVER_ADDRESS": "127.0.0.1",
        "STREAMLIT_SERVER_HEADLESS": "true",
        "STREAMLIT_SERVER_FILE_WATCHER_TYPE": "none",
        "STREAMLIT_BROWSER_GATHER_USAGE_STATS": "false",
        "STREAMLIT_RUNNER_POST_SCRIPT_GC": "false",
        "STREAMLIT_RUNNER_MAGIC_ENABLED": "false",
        "STREAMLIT_LOGGER_HIDE_WELCOME_MESSAGE": "true",
        "PYTHONPATH": str(ROOT),
    }


def _wait_until_healthy(process: subprocess.Popen[bytes], port: int) -> None:
    deadline = time.monotonic() + SECONDS_TO_START
    while time.monotonic() < deadline and process.poll() is None:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/_stcore/health", timeout=1):
                return
        except OSError:
            time.sleep(0.05)
    raise RuntimeError("the server did not start: see server.log")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
