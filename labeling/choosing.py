"""Choosing: which items of the pool are asked next, by a strategy, as control, or as seed set."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from labeling.core import features, fitting, labels, strategies
from labeling.core.fitting import Predictor
from labeling.core.strategies import Pool, Some
from labeling.opinions import Voted
from labeling.project import Project
from labeling.store import items

SEED, RANDOM = "seed", "random"
BEHIND = 10  # next-best items published behind a batch, for each item of it
LEAST_BEHIND, MOST_BEHIND = 1_000, 10_000
SEED_FROM = 5_000  # random items that a seed set is chosen from


class Pick(NamedTuple):
    """One item of a batch: why it is asked, its utility where a strategy chose it.

    `suggested` is the class that the model would say, with its `probability`.
    """

    item_id: str
    why: str
    score: float | None = None
    suggested: str | None = None
    probability: float | None = None


@dataclass(frozen=True)
class Learned:
    """What a batch is chosen by: the models, the model first, and the features of all items.

    `position` is each item's row, `labelled` the rows that the model learned from, `voted` the
    labels that one more person may be asked about.
    """

    models: Sequence[Predictor]
    features: Any
    position: Mapping[str, int]
    labelled: np.ndarray
    multi: bool = False
    voted: Voted | None = None

    def rows(self, item_ids: Sequence[str]) -> np.ndarray:
        """The rows of some items, int64 (n,)."""
        return np.array([self.position[item] for item in item_ids], dtype=np.int64)

    def pool(self, item_ids: Sequence[str]) -> Pool:
        """Items that may be asked, for a strategy to choose from; nothing is copied."""
        own = Some(self.features, self.rows(item_ids))
        return Pool(own, self.features[self.labelled], self.models, self.multi)

    def proba(self, item_ids: Sequence[str]) -> np.ndarray:
        """What the model says of some items, float (n, classes)."""
        return self.models[0].predict_proba(self.features[self.rows(item_ids)])


def chosen_and_control(
    project: Project,
    fresh: list[str],
    learned: Learned | None,
    *,
    size: int,
    rng: np.random.Generator,
) -> tuple[list[Pick], list[Pick]]:
    """The control arm is drawn first, from all candidates, so that it stays a random sample.

    A seed set has none: no model chose it. Returns what is asked and what comes behind.
    """
    share = 0.0 if learned is None else project.config["control_share"]
    n_control = min(size, int(share * size + rng.random()))
    control, rest = fresh[:n_control], fresh[n_control:]  # the candidates come in random order
    name = strategies.resolve(project.config["strategy"])
    choose = _seeds if learned is None else _by_strategy(name, learned, project.classes)
    chosen, behind = choose(project, rest, size - n_control, rng)
    said = _suggestions(learned, control, project.classes)
    random = [Pick(item, RANDOM, None, *said.get(item, ())) for item in control]
    return chosen + random, behind


def _seeds(
    project: Project, rest: list[str], wanted: int, rng: np.random.Generator
) -> tuple[list[Pick], list[Pick]]:
    """The seed set, from at most SEED_FROM random items, and random ones behind it."""
    among = rest[:SEED_FROM]
    frame = _frame(project, among)
    matrix = features.matrix(frame, project.content) if wanted else None
    name, first = project.config["strategy"], list[str]()
    if matrix is not None:
        first = [among[row] for row in strategies.first(name, matrix, wanted, rng)]
    taken = set(first)
    others = [item for item in rest if item not in taken][: _n_behind(wanted)]
    return [Pick(item, SEED) for item in first], [Pick(item, SEED) for item in others]


def _frame(project: Project, item_ids: Sequence[str]) -> pd.DataFrame:
    """The content of some items, row = item."""
    columns = list(project.content.columns)
    if project.content.kind == "image":
        cells: list[Any] = [items.image(project.db, item) for item in item_ids]
        return pd.DataFrame({columns[0]: cells}, dtype=object)
    stored = items.contents(project.db, item_ids)
    rows = [json.loads(stored[item]) for item in item_ids]
    return pd.DataFrame(rows, columns=columns, dtype=object)


def _by_strategy(name: str, learned: Learned, classes: Sequence[str]) -> Any:
    """Choosing by a query strategy, in order of item id, so that ties fall the same everywhere."""

    def choose(
        project: Project, rest: list[str], wanted: int, rng: np.random.Generator
    ) -> tuple[list[Pick], list[Pick]]:
        ordered = sorted(rest)
        pool = learned.pool(ordered)
        best = strategies.choose(name, pool, wanted, rng)
        taken = set(best.rows.tolist())
        next_best = strategies.next_best(name, pool, wanted + _n_behind(wanted), rng)
        behind = [
            (row, utility) for row, utility in zip(*next_best, strict=True) if row not in taken
        ]
        ranked = [*zip(*best, strict=True), *behind[: _n_behind(wanted)]]
        said = _suggestions(learned, [ordered[row] for row, _ in ranked], classes)
        picks = [
            Pick(ordered[row], name, float(utility), *said[ordered[row]]) for row, utility in ranked
        ]
        return picks[: len(best.rows)], picks[len(best.rows) :]

    return choose


def _n_behind(size: int) -> int:
    """How many next-best items are kept ready behind a batch of this size."""
    return min(max(BEHIND * size, LEAST_BEHIND), MOST_BEHIND)


def _suggestions(
    learned: Learned | None, item_ids: Sequence[str], classes: Sequence[str]
) -> dict[str, tuple[str, float]]:
    """What the model would say of each item, as it is stored, and how sure it is of that."""
    if learned is None or not item_ids:
        return {}
    proba = learned.proba(item_ids)
    said = fitting.decide(proba, multi=learned.multi)
    if not learned.multi:
        sure = proba.max(axis=1)
        return {i: (classes[c], float(p)) for i, c, p in zip(item_ids, said, sure, strict=True)}
    sure = np.where(said == 1, proba, 1.0 - proba).prod(axis=1)
    named = [labels.encode([classes[int(k)] for k in np.flatnonzero(row)], classes) for row in said]
    return {i: (n, float(p)) for i, n, p in zip(item_ids, named, sure, strict=True)}
