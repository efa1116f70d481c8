"""Simulation: how fast would this file have been learned, strategy by strategy."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from labeling.core import features, metrics, models, strategies
from labeling.core.features import Content
from labeling.core.models import Fitted
from labeling.errors import InputError
from labeling.imports import clean
from labeling.ingest import Progress, silent

METRICS = ("accuracy", "macro_f1")
COLUMNS = ["strategy", "seed", "n_labels", "metric", "value"]
FULL = "full"


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
    progress: Progress = silent,
) -> pd.DataFrame:
    """Learning curves on a random stratified test part, the same for all strategies of a seed.

    The budget counts the seed set, which is one batch; a run ends when the pool is empty. One row
    a seed and metric with strategy `full` is trained on the whole pool. Columns are COLUMNS.
    """
    _check(names, budget, batch, seeds, test_share)
    known = frame[label].notna() & frame[list(content.columns)].notna().any(axis=1)
    frame = frame[known].reset_index(drop=True)
    classes, y = np.unique([clean(value) for value in frame[label]], return_inverse=True)
    if len(classes) < 2:
        raise InputError(f"column '{label}' holds {len(classes)} class(es), expected at least two")
    progress(0.0, "learning features")
    matrix = features.matrix(frame, content)
    rows: list[tuple[str, int, int, str, float]] = []
    for nth, seed in enumerate(seeds):
        test = _test_part(y, test_share, seed)
        if not test.any() or test.all():
            raise InputError(f"{len(y)} rows are too few for a test part of {test_share:g}")
        run = _Run(matrix, y, test, n_classes=len(classes), seed=seed)
        rows += run.scores(FULL, run.fit(run.pool), len(run.pool))
        for name in names:
            progress(nth / len(seeds), f"seed {seed}: {name}")
            rows += run.curve(name, budget=budget, batch=batch)
    progress(1.0, "done")
    return pd.DataFrame(rows, columns=COLUMNS)


def _check(
    names: Sequence[str], budget: int, batch: int, seeds: Sequence[int], test_share: float
) -> None:
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
    if not 0 < test_share < 1:
        raise InputError(f"expected a test size between 0 and 1, found {test_share:g}")


def _test_part(y: np.ndarray, share: float, seed: int) -> np.ndarray:
    """A stratified random part: bool (rows,), each class as near to `share` as it can be."""
    rng = np.random.default_rng([seed, 1])
    test = np.zeros(len(y), dtype=bool)
    for code in np.unique(y):
        own = rng.permutation(np.flatnonzero(y == code))
        test[own[: round(share * len(own))]] = True
    return test


class _Run:
    """One seed: a pool and a test part that all strategies share."""

    def __init__(
        self, matrix: object, y: np.ndarray, test: np.ndarray, *, n_classes: int, seed: int
    ) -> None:
        self.matrix, self.y, self.n_classes, self.seed = matrix, y, n_classes, seed
        self.pool = np.random.default_rng([seed, 2]).permutation(np.flatnonzero(~test))
        self.test = np.flatnonzero(test)

    def fit(self, rows: np.ndarray) -> Fitted:
        """A model of the labels of these rows."""
        return models.fit(
            self.matrix[rows],  # type: ignore[index]
            self.y[rows],
            n_classes=self.n_classes,
            seed=self.seed,
        )

    def scores(self, name: str, fitted: Fitted, n: int) -> list[tuple[str, int, int, str, float]]:
        """One row a metric, on the test part."""
        predicted = fitted.predict_proba(self.matrix[self.test]).argmax(axis=1)  # type: ignore[index]
        confusion = metrics.confusion_matrix(self.y[self.test], predicted, self.n_classes)
        return [
            (name, self.seed, n, metric, float(metrics.METRICS[metric](confusion)))
            for metric in METRICS
        ]

    def curve(
        self, name: str, *, budget: int, batch: int
    ) -> list[tuple[str, int, int, str, float]]:
        """Label in batches until the budget or the pool is used up; the pool comes shuffled."""
        rng = np.random.default_rng([self.seed, 3])
        labelled, rest = self.pool[:batch], self.pool[batch:]
        rows = []
        while True:
            fitted = self.fit(labelled)
            rows += self.scores(name, fitted, len(labelled))
            size = min(batch, budget - len(labelled), len(rest))
            if size <= 0:
                return rows
            proba = fitted.predict_proba(self.matrix[rest])  # type: ignore[index]
            picks, _ = strategies.choose(
                name,
                proba,
                features=self.matrix[rest],  # type: ignore[index]
                n=size,
                rng=rng,
            )
            labelled = np.concatenate([labelled, rest[picks]])
            rest = np.delete(rest, picks)
