"""A round: check, learn, compare, next batch. Computed first, written in one transaction."""

from __future__ import annotations

import time
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from labeling import audits, batches, choosing, forecasts, impact, opinions, queue, stop_light
from labeling.choosing import Learned
from labeling.core import strategies
from labeling.core.log import DataVersion
from labeling.errors import BlockedError
from labeling.fits import Fits
from labeling.ingest import Progress, silent
from labeling.project import Project, derive_seed, now
from labeling.store import changes, events, slots
from labeling.store import rounds as store
from labeling.store.rounds import Round
from labeling.versions import Snapshot


class Closed(NamedTuple):
    """What closing a round did."""

    round_no: int
    n_labels: int
    n_gold: int
    next_batch: int
    report: dict[str, Any]


def current(project: Project) -> int:
    """The number of the round that is open for labeling, from 1."""
    return len(store.every(project.db)) + 1


def nothing_new(project: Project) -> bool:
    """Whether a round would learn what the last one learned: no fact, no change since."""
    closed, batch = store.every(project.db), queue.current_batch(project)
    seen = closed[-1].upto_event if closed else 0
    newest = max(change.change_id for change in changes.every(project.db))
    return events.last(project.db) == seen and newest == batch


def close_round(project: Project, *, progress: Progress = silent) -> Closed:
    """Ask and answer are done: check, learn, compare, choose what is asked next.

    Raises BlockedError when critical issues are open; the audit that found them is kept. A crash
    at any moment leaves the state before.
    """
    started, round_no = time.perf_counter(), current(project)
    snapshot = Snapshot(project)
    fits = Fits(snapshot)
    audit = _check(project, fits, round_no, progress)
    learned, closed = _learn(fits, round_no, progress)
    every = [*store.every(project.db), closed]
    report = impact.report(fits, every, progress=progress)
    progress(0.9, "forecasting the next rounds")
    report[forecasts.KEY] = forecasts.after(fits, every, report)
    report[stop_light.KEY] = stop_light.measure(fits, every, report[forecasts.KEY])
    progress(0.92, "choosing the next batch")
    plan = batches.plan(project, round_no=round_no + 1, learned=learned, known=snapshot.position)
    closed = closed._replace(seconds=time.perf_counter() - started)
    progress(0.98, "writing the round")
    with project.writing():
        audits.write(project, audit, round_no=round_no)
        store.add(project.db, closed)
        fits.save(project)
        store.put_result(project.db, impact.REPORT, upto_event=snapshot.upto, body=report)
        slots.close_queue(project.db, closed.change_id, now=time.time())
        batch = batches.write(
            project, plan, round_no=round_no + 1, strategy=_strategy(snapshot, learned)
        )
    progress(1.0, f"round {round_no} is closed")
    return Closed(round_no, closed.n_labels, report["n_gold"], batch, report)


def _strategy(snapshot: Snapshot, learned: Learned | None) -> str:
    if learned is None:
        return choosing.SEED
    return strategies.resolve(snapshot.config()["strategy"])


def _check(project: Project, fits: Fits, round_no: int, progress: Progress) -> audits.Audit:
    audit = audits.run(fits, progress=progress)
    try:
        audits.block(audit)
    except BlockedError:
        audits.write(project, audit, round_no=round_no)
        raise
    return audit


def _learn(fits: Fits, round_no: int, progress: Progress) -> tuple[Learned | None, Round]:
    """Train on what is labelled; what was learned is None while nothing tells classes apart."""
    progress(0.2, "training the model")
    snapshot = fits.snapshot
    config = snapshot.config()
    version = DataVersion(snapshot.upto, policy=config["policy"])
    training = snapshot.training_set(version)
    model = fits.choose(training, config.wish)
    rows, y = snapshot.rows(training.labels, training.edits)
    learned = None
    if len(np.unique(y, axis=0)) > 1:
        strategy = strategies.STRATEGIES[strategies.resolve(config["strategy"])]
        models = [
            fits.fit(training, model),
            *fits.committee(training, model, strategy.committee),
        ]
        voted = opinions.voted(snapshot, version, training, model)
        learned = Learned(models, snapshot.features, snapshot.position, rows, snapshot.multi, voted)
    change = max(c.change_id for c in snapshot.changes if "round" in c.payload)
    closed = Round(
        round_no,
        change,
        snapshot.upto,
        training.hash,
        impact.round_config(config, model),
        str(next(c.payload["strategy"] for c in snapshot.changes if c.change_id == change)),
        derive_seed(snapshot.seed, "batch", round_no + 1),
        len(training.labels),
        now(),
        0.0,
    )
    return learned, closed


def table(project: Project) -> pd.DataFrame:
    """Closed rounds, oldest first."""
    rows = [
        (r.round_no, r.n_labels, r.strategy, r.upto_event, r.version_hash, r.at, r.seconds)
        for r in store.every(project.db)
    ]
    columns = ["round", "n_labels", "strategy", "upto_event", "version_hash", "at", "seconds"]
    return pd.DataFrame(rows, columns=columns)
