"""Rulers: today's gold, and how right a model is on it, item by item.

One ruler for items with one class, another for items with several; both speak of the same models in
the same words.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from labeling.core import metrics, scales
from labeling.core.scales import Scale
from labeling.versions import Snapshot


class _Gold:
    """The current gold: which reservoir rows are scored, and what is true of them."""

    def __init__(self, snapshot: Snapshot) -> None:
        gold = snapshot.gold()
        row_of = {snapshot.items[row].item_id: i for i, row in enumerate(snapshot.reservoir)}
        self.items = list(gold)
        self.at = np.array([row_of[item] for item in gold], dtype=np.int64)
        self.truth = snapshot.targets(gold.values())
        self.classes = snapshot.classes

    @property
    def n(self) -> int:
        """Gold labels that stand."""
        return len(self.truth)


class OneClass(_Gold):
    """The ruler where an item has one class: the truth is codes, int64 (n,)."""

    headline = "accuracy"

    @property
    def guess(self) -> float:
        """What somebody who knows nothing scores."""
        return 1.0 / len(self.classes)

    @property
    def scales(self) -> list[Scale]:
        """What a change may be told to have moved, the headline first."""
        return [scales.plain(self.n), Scale("macro_recall", self.n, self.truth)]

    def right(self, predicted: np.ndarray) -> np.ndarray:
        """Where a model is right, bool (n,)."""
        return np.asarray(predicted[self.at] == self.truth)

    def confusion(self, predicted: np.ndarray) -> np.ndarray:
        """Counts by true and predicted class, float (classes, classes)."""
        said = predicted[self.at].astype(np.int64)
        return metrics.confusion_matrix(self.truth, said, len(self.classes))

    def summary(self, predicted: np.ndarray) -> pd.DataFrame:
        """One row a metric with its interval."""
        return metrics.summary(self.confusion(predicted))

    def per_class(self, predicted: np.ndarray) -> pd.DataFrame:
        """One row a class."""
        return metrics.per_class(self.confusion(predicted), self.classes)


class SeveralClasses(_Gold):
    """The same where an item may have several classes: the truth is bool (n, classes)."""

    headline = "item_f1"

    @property
    def guess(self) -> float:
        """What somebody who knows nothing scores: nothing."""
        return 0.0

    @property
    def scales(self) -> list[Scale]:
        """The mean over items of how right the model is."""
        return [scales.plain(self.n, name=self.headline)]

    def right(self, predicted: np.ndarray) -> np.ndarray:
        """How right a model is on each item, float (n,) in [0, 1]: F1 of its classes."""
        return metrics.item_f1(self.truth, predicted[self.at] > 0)

    def summary(self, predicted: np.ndarray) -> pd.DataFrame:
        """One row a metric with its interval."""
        return metrics.summary_of_several(self.truth, predicted[self.at] > 0)

    def per_class(self, predicted: np.ndarray) -> pd.DataFrame:
        """One row a class."""
        counts = metrics.counts(self.truth, predicted[self.at] > 0)
        return metrics.per_class_of_several(counts.sum(axis=0), self.classes)


Ruler = OneClass | SeveralClasses


def current(snapshot: Snapshot) -> Ruler:
    """Today's gold of a project."""
    return SeveralClasses(snapshot) if snapshot.multi else OneClass(snapshot)
