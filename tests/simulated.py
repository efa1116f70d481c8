"""Simulated projects with a known future: digits, a plain learner, changes that can be replayed."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import NamedTuple

import numpy as np

from labeling.core import fitting
from labeling.core.attribution import Coalition
from labeling.core.models import ModelConfig

CLASSES, MEASURES = 10, 8
PLAIN = ModelConfig(regularisation=1.0, class_weight="none")


class Change(NamedTuple):
    """A replayable change: the labels that it sets, by row."""

    name: str
    labels: dict[int, int]
    needs: int | None = None


@cache
def digits() -> tuple[np.ndarray, np.ndarray]:
    """Features float (1797, 16) in [0, 1] (8 x 8 pixels, four of them a feature), codes int."""
    from sklearn.datasets import load_digits

    pixels, y = load_digits(return_X_y=True)
    order = np.random.default_rng(0).permutation(len(y))
    blocks = pixels.reshape(-1, 4, 2, 4, 2).mean(axis=(2, 4)).reshape(len(y), 16)
    return blocks[order] / 16, y[order].astype(np.int64)


def messages(rng: np.random.Generator, n: int) -> tuple[np.ndarray, np.ndarray]:
    """Three overlapping classes and a rare one apart: features float (n, 8), codes int (n,)."""
    y = rng.choice(4, size=n, p=[0.32, 0.32, 0.33, 0.03])
    centres = np.random.default_rng(1).normal(0, 0.9, (4, MEASURES))
    centres[3] *= 3
    return centres[y] + rng.normal(size=(n, MEASURES)), y


def discriminant(x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A linear discriminant fitted in closed form: a learner that takes microseconds."""
    classes, which = np.unique(y, return_inverse=True)
    means = np.array([x[y == k].mean(axis=0) for k in classes])
    within = np.cov((x - means[which]).T) + 0.1 * np.eye(MEASURES)
    weights = np.linalg.solve(within, means.T)
    offset = np.log(np.bincount(which) / len(y)) - (means.T * weights).sum(axis=0) / 2
    return classes, weights, offset


def right(x: np.ndarray, y: np.ndarray, gold: tuple[np.ndarray, np.ndarray]) -> np.ndarray:
    """Where a discriminant of these rows is right on gold, bool (gold,)."""
    classes, weights, offset = discriminant(x, y)
    return np.asarray(classes[(gold[0] @ weights + offset).argmax(axis=1)] == gold[1])


def fit_and_predict(rows: Sequence[int], labels: Sequence[int], at: np.ndarray) -> np.ndarray:
    """Codes, int (at,), of a logistic regression trained on some digits."""
    features, _ = digits()
    codes = np.array(labels, dtype=np.int64)
    fitted = fitting.fit(features[list(rows)], codes, n_classes=CLASSES, config=PLAIN)
    return fitted.predict_proba(features[at]).argmax(axis=1)


class History:
    """Changes over digits, and who is right under any set of them; rows 900.. are the future."""

    future = np.arange(900, 1797)

    def __init__(self, start: dict[int, int], changes: Sequence[Change]) -> None:
        self.start, self.changes = start, changes
        self.cache = dict[Coalition, np.ndarray]()

    @property
    def players(self) -> list[int]:
        return list(range(len(self.changes)))

    def closed(self, coalition: Coalition) -> Coalition:
        """Without the changes whose prerequisite is missing: they do nothing."""
        return frozenset(g for g in coalition if self.changes[g].needs in coalition | {None})

    def labels(self, coalition: Coalition) -> dict[int, int]:
        """The training set of a coalition, replayed in the order of the changes."""
        state = dict(self.start)
        for player in sorted(self.closed(coalition)):
            state.update(self.changes[player].labels)
        return {row: label for row, label in sorted(state.items()) if label >= 0}

    def credit(self, coalition: Coalition) -> np.ndarray:
        """Where the model is right on the future, float (897,)."""
        key = self.closed(coalition)
        if key not in self.cache:
            labels = self.labels(key)
            codes = fit_and_predict([*labels], [*labels.values()], self.future)
            self.cache[key] = (codes == digits()[1][self.future]).astype(float)
        return self.cache[key]


@cache
def seven_changes() -> History:
    """Noisy labels at the start; then batches, a correction, a bad import, its repair, a no-op."""
    _, y = digits()
    rng = np.random.default_rng(1)
    wrong = {row: int((y[row] + 1) % CLASSES) for row in rng.permutation(150)[:30].tolist()}
    truth = {row: int(y[row]) for row in range(900)}
    start = {row: truth[row] for row in range(150)} | wrong
    bad = {row: int((y[row] + 3) % CLASSES) for row in range(400, 440)}
    return History(start, [
        Change("random batch", {row: truth[row] for row in range(150, 200)}),
        Change("second batch", {row: truth[row] for row in range(200, 260)}),
        Change("correct the first labels", {row: truth[row] for row in wrong}),
        Change("bad import", bad),
        Change("its repair", {row: truth[row] for row in list(bad)[:30]}, needs=3),
        Change("drop the noisiest rows", {row: -1 for row in list(wrong)[:15]}),
        Change("touches nothing", {}),
    ])  # fmt: skip


@cache
def add_after_clean() -> History:
    """A noisy start and its correction; the same noisy batch is worth much before it, little after.

    A quarter of the batch is wrong in the way in which the first labels are.
    """
    _, y = digits()
    truth = {row: int(y[row]) for row in range(900)}
    mistaken = {row: int((y[row] + 1) % CLASSES) for row in range(900)}
    wrong = np.random.default_rng(2).permutation(200)[:80].tolist()
    start = {row: truth[row] for row in range(200)} | {row: mistaken[row] for row in wrong}
    batch = {row: mistaken[row] if row < 320 else truth[row] for row in range(300, 380)}
    return History(start, [
        Change("small batch", {row: truth[row] for row in range(650, 660)}),
        Change("correct the first labels", {row: truth[row] for row in wrong}),
        Change("noisy batch", batch),
        Change("random batch", {row: truth[row] for row in range(600, 620)}),
        Change("touches nothing", {}),
    ])  # fmt: skip
