"""The worker process: closes rounds, re-checks and measures, so that labeling never waits.

A job is a row in the project's own file. The worker beats while it runs; a worker that died leaves
a silent job, which the next look reports as failed. Nothing of its work was written.
"""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
import traceback
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from labeling import audits, culprits, duels, impact, learner, rounds, waterfall
from labeling.errors import BlockedError, GroundworkError, InputError
from labeling.ingest import Progress
from labeling.project import Project, now, opened
from labeling.store import rounds as store
from labeling.store.rounds import Job
from labeling.waterfall import Stretch

SILENT_SECONDS = 120.0
ALIVE_SECONDS = 5.0
BEAT_SECONDS = 0.5
ACTIVE = ("queued", "running")
_children: dict[int, subprocess.Popen[bytes]] = {}


def _close(project: Project, progress: Progress) -> str:
    closed = rounds.close_round(project, progress=progress)
    return f"Round {closed.round_no} closed with {closed.n_labels} labels, {closed.n_gold} gold"


def _recheck(project: Project, progress: Progress) -> str:
    audits.recheck(project, progress=progress)
    return "All checks ran again"


def _measure(
    project: Project, progress: Progress, *, first: int | None = None, last: int | None = None
) -> str:
    frame = waterfall.measure(project, stretch=Stretch(first, last), progress=progress)
    return f"{len(frame)} changes measured"


def _measure_group(project: Project, progress: Progress, *, kind: str, name: str) -> str:
    return impact.in_words(culprits.measure(project, kind, name, progress=progress))


def _duel(project: Project, progress: Progress) -> str:
    return duels.measure(project, progress=progress).words[0]


def _replay(project: Project, progress: Progress, *, plan: Mapping[str, Any]) -> str:
    curves = learner.replay(project, learner.Plan(**plan), progress=progress)
    return f"{len(curves)} scores of other strategies"


def _simulate(project: Project, progress: Progress, *, plan: Mapping[str, Any], model: str) -> str:
    curves = learner.simulate(project, learner.Plan(**plan), model=model, progress=progress)
    return f"{len(curves)} scores of the file"


# A job's args are passed on by name.
JOBS: dict[str, Callable[..., str]] = {
    "close": _close,
    "check": _recheck,
    "impact": _measure,
    culprits.JOB: _measure_group,
    "duel": _duel,
    learner.REPLAY: _replay,
    learner.SIMULATION: _simulate,
}


def start(
    project: Project, kind: str, *, author: str, args: Mapping[str, Any] | None = None
) -> int:
    """Queue a job with its args and start a worker process for it; returns the job.

    Raises InputError when one of this kind is under way already.
    """
    status(project, kind)
    with project.writing():
        job_id = store.add_job(
            project.db, kind, author=author, args=dict(args or {}), at=now(), now=time.time()
        )
    if job_id is None:
        raise InputError(f"a '{kind}' job is under way already: wait until it ends")
    _reap()
    child = subprocess.Popen(
        [sys.executable, "-m", "labeling.worker", str(project.path.resolve()), str(job_id)],
        cwd=Path(__file__).resolve().parent.parent,
        env=os.environ | {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"},
        stdin=subprocess.DEVNULL,
        start_new_session=True,
    )
    _children[child.pid] = child
    return job_id


def _reap(waited_for: int | None = None) -> None:
    """Let go of workers that have ended, so that none stays behind as a zombie."""
    for pid, child in list(_children.items()):
        if pid == waited_for:
            child.wait()
        if child.poll() is not None:
            _children.pop(pid, None)


def status(project: Project, kind: str) -> Job | None:
    """The newest job of a kind. One whose worker died is reported as failed."""
    _reap()
    job = store.last_job(project.db, kind)
    if job is None or job.state not in ACTIVE or not _is_lost(job):
        return job
    message = "the worker stopped before it was done; nothing was changed: start it again"
    with project.writing():
        store.end_job(project.db, job.job_id, state="failed", message=message, now=time.time())
    return store.get_job(project.db, job.job_id)


def is_active(project: Project, kind: str) -> bool:
    """Whether a job of a kind is queued or at work."""
    job = status(project, kind)
    return job is not None and job.state in ACTIVE


def _is_lost(job: Job) -> bool:
    if time.time() - job.heartbeat > SILENT_SECONDS:
        return True
    if job.pid is None:
        return False
    try:
        os.kill(job.pid, 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        return False
    return _is_zombie(job.pid)


def _is_zombie(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] == "Z"
    except (OSError, IndexError):
        return False


def wait(project: Project, job_id: int, *, progress: Progress) -> Job:
    """Wait for a job, passing on how far it is; returns it as it ended."""
    while True:
        job = store.get_job(project.db, job_id)
        if job is None:
            raise InputError(f"there is no job {job_id}")
        if job.state in ACTIVE and _is_lost(job):
            job = status(project, job.kind) or job
        progress(job.progress, job.message)
        if job.state not in ACTIVE:
            _reap(job.pid)
            return job
        time.sleep(0.1)


def run(path: Path, job_id: int) -> int:
    """Do one job, in this process; returns an exit code."""
    with opened(path) as project, opened(path) as log:
        with log.writing():
            job = store.claim_job(log.db, job_id, pid=os.getpid(), now=time.time())
        if job is None:
            return 0
        threading.Thread(target=_stay_alive, args=(path, job_id), daemon=True).start()
        try:
            message, state = JOBS[job.kind](project, _beat(log, job_id), **job.args), "done"
        except BlockedError as error:
            message, state = str(error), "blocked"
        except GroundworkError as error:
            message, state = str(error), "failed"
        except Exception as error:  # the job's row must say how it ended, whatever happened
            traceback.print_exc()
            message, state = f"a fault of ours ({type(error).__name__}): {error}", "failed"
        with log.writing():
            store.end_job(log.db, job_id, state=state, message=message, now=time.time())
    return 0 if state == "done" else 1


def _stay_alive(path: Path, job_id: int) -> None:
    """Beat from a thread of its own, so that a long fit does not look like a dead worker."""
    with opened(path) as alive:
        while True:
            time.sleep(ALIVE_SECONDS)
            with suppress(InputError), alive.writing():  # locked for long: the next beat will do
                store.touch(alive.db, job_id, now=time.time())


def _beat(log: Project, job_id: int) -> Progress:
    last = [0.0]

    def progress(share: float, message: str) -> None:
        if time.monotonic() - last[0] < BEAT_SECONDS and share < 1:
            return
        last[0] = time.monotonic()
        with log.writing():
            store.beat(log.db, job_id, progress=share, message=message, now=time.time())

    return progress


if __name__ == "__main__":
    if hasattr(os, "nice"):
        os.nice(15)
    sys.exit(run(Path(sys.argv[1]), int(sys.argv[2])))
