"""Simulation: how fast would this file, or this project, have been learned, by strategy."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from labeling import rulers
from labeling.core import features, fitting, labels, metrics, models, strategies, tuning
from labeling.core.features import Content
from labeling.core.fitting import Predictor
from labeling.core.log import DataVersion
from labeling.core.models import ModelConfig
from labeling.core.savings import FULL
from labeling.core.strategies import Pool
from labeling.core.tuning import Wish
from labeling.errors import InputError
from labeling.imports import clean
from labeling.ingest import Progress, silent
from labeling.project import Project
from labeling.versions import Snapshot

COLUMNS = ["strategy", "seed", "n_labels", "metric", "value"]
SEED_FROM = 5_000
COMMITTEE = 4
CHOOSE_AGAIN = 1.5  # times as many labels as when the model's settings were last chosen
FEWEST_GOLD, FEWEST_LABELS = 10, 20

Row = tuple[str, int, int, str, float]


@dataclass(frozen=True)
class Data:
    """What is learned and what it is scored on: features, targets, rows of the pool and test."""

    matrix: Any
    y: np.ndarray
    n_classes: int
    pool: np.ndarray
    test: np.ndarray


def simulate(
    frame: pd.DataFrame,
    content: Content,
    *,
    label: str,
    names: Sequence[str],
    budget: int,
    batch: int,
    seeds: Sequence[int],
    test_share: float = 0.2,
    multi: bool = False,
    wish: Wish | None = None,
    progress: Progress = silent,
) -> pd.DataFrame:
    """Learning curves on a random stratified test part, the same for all strategies of a seed.

    The budget counts the seed set, which is one batch; a run ends when the pool is empty. One row
    a seed and metric with strategy `full` is trained on the whole pool. `multi`: an item may have
    several classes, with `|` between them. Columns are COLUMNS.
    """
    _check(names, budget, batch, seeds, wish)
    if not 0 < test_share < 1:
        raise InputError(f"expected a test size between 0 and 1, found {test_share:g}")
    progress(0.0, "learning features")
    known = labelled(frame, content, label=label, multi=multi)
    plan = Plan(names, budget, batch, seeds)
    return curves(known, plan, test_share=test_share, wish=wish, progress=progress)


class Labelled(NamedTuple):
    """A labelled file as models see it: features, targets, and how many classes there are."""

    matrix: Any
    y: np.ndarray
    n_classes: int


class Plan(NamedTuple):
    """Which strategies are run, on which seeds, for how many labels, how many at a time."""

    names: Sequence[str]
    budget: int
    batch: int
    seeds: Sequence[int]


def labelled(frame: pd.DataFrame, content: Content, *, label: str, multi: bool = False) -> Labelled:
    """The rows of a file that have a label and any content, with the features that the app makes.

    Raises InputError for fewer than two classes.
    """
    known = frame[label].notna() & frame[list(content.columns)].notna().any(axis=1)
    frame = frame[known].reset_index(drop=True)
    y, n_classes = _targets(frame[label], label, multi=multi)
    return Labelled(features.matrix(frame, content), y, n_classes)


def curves(
    known: Labelled,
    plan: Plan,
    *,
    test_share: float = 0.2,
    wish: Wish | None = None,
    progress: Progress = silent,
) -> pd.DataFrame:
    """The same as `simulate` of features that are there already."""
    runs = (_Run(_split(known, test_share, seed), seed, wish or Wish()) for seed in plan.seeds)
    return _curves(runs, plan, progress)


def _split(known: Labelled, test_share: float, seed: int) -> Data:
    test = _test_part(known.y, test_share, seed)
    if not test.any() or test.all():
        raise InputError(f"{len(known.y)} rows are too few for a test part of {test_share:g}")
    pool = np.random.default_rng([seed, 2]).permutation(np.flatnonzero(~test))
    return Data(*known, pool, np.flatnonzero(test))


def replay(
    project: Project,
    *,
    names: Sequence[str],
    budget: int,
    batch: int,
    seeds: Sequence[int],
    wish: Wish | None = None,
    progress: Progress = silent,
) -> pd.DataFrame:
    """The same for a project: its labelled pool items asked again by other strategies.

    Scored on its gold, which no strategy chose; learned with the project's model unless `wish`
    names another. Raises InputError while there is too little of either.
    """
    _check(names, budget, batch, seeds, wish)
    snapshot = Snapshot(project)
    ruler = rulers.current(snapshot)
    version = DataVersion(snapshot.upto, policy=snapshot.config()["policy"])
    training = snapshot.training_set(version)
    at, y = snapshot.rows(training.labels, training.edits)
    if len(at) < FEWEST_LABELS or ruler.n < FEWEST_GOLD:
        raise InputError(
            f"a replay needs {FEWEST_LABELS} labelled pool items and {FEWEST_GOLD} gold labels; "
            f"there are {len(at)} and {ruler.n}"
        )
    progress(0.0, "learning features")
    gold = snapshot.reservoir[ruler.at]
    data = Data(
        snapshot.features[np.concatenate([at, gold])],
        np.concatenate([y, ruler.truth]),
        len(snapshot.classes),
        np.arange(len(at)),
        np.arange(len(at), len(at) + len(gold)),
    )
    learner = wish or snapshot.config().wish
    runs = (_Run(data, seed, learner) for seed in seeds)
    return _curves(runs, Plan(names, budget, batch, seeds), progress)


def _curves(runs: Iterator[_Run], plan: Plan, progress: Progress) -> pd.DataFrame:
    rows: list[Row] = []
    for nth, run in enumerate(runs):
        everything = run.data.pool
        rows += run.scores(FULL, run.fit(everything, run.choose(everything)), len(everything))
        for done, name in enumerate(plan.names):
            share = (nth + done / len(plan.names)) / len(plan.seeds)
            progress(share, f"seed {run.seed}: {name}")
            rows += run.curve(name, budget=plan.budget, batch=plan.batch)
    progress(1.0, "done")
    return pd.DataFrame(rows, columns=COLUMNS)


def _targets(values: pd.Series, label: str, *, multi: bool) -> tuple[np.ndarray, int]:
    """What models learn, and how many classes there are."""
    cells = [labels.read_cell(clean(v)) if multi else [clean(v)] for v in values]
    classes = sorted({name for cell in cells for name in cell})
    if len(classes) < 2:
        raise InputError(f"column '{label}' holds {len(classes)} class(es), expected at least two")
    code = {name: index for index, name in enumerate(classes)}
    stored = [labels.encode(cell, classes) if multi else cell[0] for cell in cells]
    return labels.targets(stored, code, multi=multi), len(classes)


def _check(
    names: Sequence[str], budget: int, batch: int, seeds: Sequence[int], wish: Wish | None
) -> None:
    if wish:
        _check_model(wish.model)
    for name in names:
        if strategies.resolve(name) not in strategies.STRATEGIES:
            there = ", ".join(["default", *strategies.STRATEGIES])
            raise InputError(f"there is no strategy '{name}'; there are: {there}")
    if batch < 1 or budget < batch or not seeds:
        raise InputError(
            f"expected a batch of at least 1, a budget of at least one batch and one seed or more; "
            f"found batch {batch}, budget {budget}, seeds {len(seeds)}"
        )
    odd = next((seed for seed in (min(seeds), max(seeds)) if not 0 <= seed < 2**32), None)
    if odd is not None:
        raise InputError(f"expected seeds from 0 to {2**32 - 1}, found {odd}")


def _check_model(name: str) -> None:
    try:
        models.maker(name)
    except ValueError as error:
        raise InputError(f"there is no model '{name}': expected {error}") from None


def _test_part(y: np.ndarray, share: float, seed: int) -> np.ndarray:
    """A stratified random part: bool (rows,), each class as near to `share` as it can be.

    Where an item may have several classes, each set of them is a stratum.
    """
    rng = np.random.default_rng([seed, 1])
    strata = y if y.ndim == 1 else np.unique(y, axis=0, return_inverse=True)[1].ravel()
    test = np.zeros(len(y), dtype=bool)
    for code in np.unique(strata):
        own = rng.permutation(np.flatnonzero(strata == code))
        test[own[: round(share * len(own))]] = True
    return test


class _Run:
    """One seed: a pool and a test part that all strategies share."""

    def __init__(self, data: Data, seed: int, wish: Wish) -> None:
        self.data, self.seed, self.wish = data, seed, wish
        self.multi = data.y.ndim == 2

    def choose(self, rows: np.ndarray) -> ModelConfig:
        """What the model's settings leave open, chosen inside these rows."""
        return tuning.chosen(
            self.data.matrix[rows],
            self.data.y[rows],
            n_classes=self.data.n_classes,
            wish=self.wish,
            seed=self.seed,
        )

    def fit(self, rows: np.ndarray, config: ModelConfig) -> Predictor:
        """A model of the labels of these rows."""
        return fitting.fit(
            self.data.matrix[rows],
            self.data.y[rows],
            n_classes=self.data.n_classes,
            config=config,
            seed=self.seed,
        )

    def scores(self, name: str, fitted: Predictor, n: int) -> list[Row]:
        """One row a metric, on the test part."""
        proba = fitted.predict_proba(self.data.matrix[self.data.test])
        said, truth = fitting.decide(proba, multi=self.multi), self.data.y[self.data.test]
        return [
            (name, self.seed, n, metric, value)
            for metric, value in metrics.of_answers(truth, said, self.data.n_classes).items()
        ]

    def curve(self, name: str, *, budget: int, batch: int) -> list[Row]:
        """Label in batches until the budget or the pool is used up; the pool comes shuffled."""
        rng = np.random.default_rng([self.seed, 3])
        labelled, rest = self._first(name, batch, rng)
        chosen_at, config, rows = 0, ModelConfig(), []
        while True:
            if len(labelled) >= CHOOSE_AGAIN * chosen_at:
                chosen_at, config = len(labelled), self.choose(labelled)
            fitted = self.fit(labelled, config)
            rows += self.scores(name, fitted, len(labelled))
            size = min(batch, budget - len(labelled), len(rest))
            if size <= 0:
                return rows
            models_asked = [fitted, *self._committee(name, labelled, config, rng)]
            pool = Pool(
                self.data.matrix[rest], self.data.matrix[labelled], models_asked, self.multi
            )
            picks = strategies.choose(name, pool, size, rng).rows
            labelled = np.concatenate([labelled, rest[picks]])
            rest = np.delete(rest, picks)

    def _first(
        self, name: str, batch: int, rng: np.random.Generator
    ) -> tuple[np.ndarray, np.ndarray]:
        """The strategy's seed set, and what is left of the pool."""
        among = self.data.pool[:SEED_FROM]
        picks = strategies.first(name, self.data.matrix[among], batch, rng)
        return among[picks], np.delete(self.data.pool, picks)

    def _committee(
        self, name: str, rows: np.ndarray, config: ModelConfig, rng: np.random.Generator
    ) -> list[Predictor]:
        kind = strategies.STRATEGIES[strategies.resolve(name)].committee
        if kind == strategies.RESAMPLED:
            drawn = [rng.choice(rows, size=len(rows)) for _ in range(COMMITTEE)]
            return [self.fit(own, config) for own in drawn]
        if kind == strategies.DIFFERENT:
            return [self.fit(rows, ModelConfig(other)) for other in models.UNLIKE]
        return []
