"""The learner of a project: what it is, and how other strategies would have done, as jobs.

A job's plan stands in its row. A labelled file that is sent waits in the project's own file until
the worker has read it, and leaves with the job.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import pandas as pd

from labeling import ingest, simulation
from labeling.core import models, savings, strategies
from labeling.core.calibration import Calibration
from labeling.core.features import Content
from labeling.core.models import MODELS
from labeling.core.strategies import STRATEGIES
from labeling.core.tuning import Wish
from labeling.errors import InputError
from labeling.fits import Fits
from labeling.impact import cached, records, staleness
from labeling.ingest import Progress
from labeling.project import Project
from labeling.reliability import of_round
from labeling.store import events, items
from labeling.store import rounds as store
from labeling.versions import Snapshot

REPLAY, SIMULATION = "replay", "simulation"  # kinds of jobs, and the names of their results
SENT = "simulated file"
MOST_ROWS = 20_000
OWN_CLASS = "A classifier of scikit-learn, named by its path."


@dataclass(frozen=True)
class Plan:
    """What is run: strategies beside random, labels in all, labels a step, how many seeds."""

    names: Sequence[str]
    budget: int
    batch: int
    seeds: int

    def options(self) -> dict[str, Any]:
        """The same as `simulate` and `replay` take it; random is always among the strategies."""
        names = list(dict.fromkeys([*self.names, savings.RANDOM]))
        return {**asdict(self), "names": names, "seeds": range(self.seeds)}


@dataclass(frozen=True)
class Found:
    """Stored curves: of what, their plan in words, and a sentence if work has gone on since."""

    source: str
    plan: Plan
    model: str
    curves: pd.DataFrame
    stale: str

    @property
    def savings(self) -> pd.DataFrame:
        """Labels to each target, and labels saved against random."""
        return savings.table(self.curves)

    @property
    def words(self) -> str:
        """What was run, in a few sentences."""
        full = self.curves[self.curves["strategy"] == savings.FULL]["n_labels"].max()
        said = (
            f"{self.source}, model {self.model}: {self.plan.seeds} seeds, {self.plan.batch} labels "
            f"a step, {self.plan.budget:,} in all. Bands are 95 % intervals of the mean "
            f"over seeds. The full model has all {full:,} labels that there are to ask."
        )
        return f"{said} {self.stale}".strip()


def strategy(project: Project) -> str:
    """The strategy in force, by its own name; another than random where that is in force."""
    own = strategies.resolve(project.config.text["strategy"])
    return strategies.DEFAULT if own == savings.RANDOM else own


def in_force(project: Project) -> list[tuple[str, str, str]]:
    """What asks and what learns: a role, the name in the settings, and its one-line note."""
    asked, model = project.config.text["strategy"], project.config.text["model"]
    strategy, learns = strategies.resolve(asked), models.resolve(model)
    note = MODELS[learns].note if learns in MODELS else OWN_CLASS
    return [
        ("Asks by", _named(asked, strategy), STRATEGIES[strategy].note),
        ("Learns with", _named(model, learns), note),
    ]


def _named(asked: str, meant: str) -> str:
    return meant if asked == meant else f"{meant} ({asked})"


def reliability(project: Project) -> Calibration | None:
    """Whether the newest round's model is right as often as it says; None before there is one.

    None too while there is too little gold.
    """
    closed = store.every(project.db)
    return of_round(Fits(Snapshot(project)), closed[-1]) if closed else None


def send(
    project: Project, frame: pd.DataFrame, content: Content, *, label: str, source: str,
    multi: bool = False,
) -> None:  # fmt: skip
    """Put a labelled file where the worker finds it, its named columns alone.

    Raises InputError for a column with two roles, and for more rows than a page should ask for.
    """
    ingest.check_roles(content, label=label)
    if len(frame) > MOST_ROWS:
        raise InputError(
            f"{source} has {len(frame):,} rows, and at most {MOST_ROWS:,} are simulated here: send "
            "a random part of it, or use the command `python -m labeling simulate`"
        )
    columns = list(dict.fromkeys([*content.columns, label]))
    ingest.need_columns(frame, columns)
    cells = frame[columns].to_dict("list")
    body = {"source": source, "kind": content.kind, "content": list(content.columns)}
    _keep(project, SENT, {**body, "label": label, "multi": multi, "cells": cells})


def replay(project: Project, plan: Plan, *, progress: Progress) -> pd.DataFrame:
    """The project under other strategies, kept as its newest replay."""
    upto, model = events.last(project.db), project.config.text["model"]
    curves = simulation.replay(project, **plan.options(), progress=progress)
    body = _body(curves, plan, source=project.title, model=model)
    _keep(project, REPLAY, body, upto=upto)
    return curves


def simulate(project: Project, plan: Plan, *, model: str, progress: Progress) -> pd.DataFrame:
    """The file that was sent under strategies, kept as the newest simulation."""
    sent = cached(project, SENT)
    if sent is None or sent[1] is None:
        raise InputError("the file is not there any more: send it again")
    body = sent[1]
    _keep(project, SENT, None)
    curves = simulation.simulate(
        pd.DataFrame(body["cells"], dtype=object),
        Content(body["kind"], tuple(body["content"])),
        label=body["label"],
        multi=body["multi"],
        wish=Wish(model),
        **plan.options(),
        progress=progress,
    )
    kept = _body(curves, plan, source=body["source"], model=model)
    _keep(project, SIMULATION, kept)
    return curves


def newest(project: Project, name: str) -> Found | None:
    """The newest REPLAY or SIMULATION, or None."""
    stored = cached(project, name)
    if stored is None:
        return None
    upto, body = stored
    curves = pd.DataFrame(body["curves"], columns=simulation.COLUMNS)
    stale = staleness(project, upto).strip() if name == REPLAY else ""
    return Found(body["source"], Plan(**body["plan"]), body["model"], curves, stale)


def cannot_replay(project: Project) -> str | None:
    """Why the project cannot be asked again yet, as far as a glance tells, or None."""
    n_gold = len(items.trusted(project.db))
    if n_gold < simulation.FEWEST_GOLD:
        return f"a replay is scored on {simulation.FEWEST_GOLD} gold labels, there are {n_gold}"
    return None


def _body(curves: pd.DataFrame, plan: Plan, *, source: str, model: str) -> dict[str, Any]:
    return {"source": source, "plan": asdict(plan), "model": model, "curves": records(curves)}


def _keep(
    project: Project, name: str, body: Mapping[str, Any] | None, *, upto: int | None = None
) -> None:
    with project.writing():
        at = events.last(project.db) if upto is None else upto
        store.put_result(project.db, name, upto_event=at, body=body)
