"""Leaks: what near-duplicates of gold items among the training rows add to the score."""

from __future__ import annotations

from collections.abc import Collection

import numpy as np

from labeling import rulers
from labeling.core import leakage
from labeling.core.leakage import Inflation
from labeling.core.log import DataVersion
from labeling.fits import Fits
from labeling.impact import points
from labeling.rulers import Ruler
from labeling.store import rounds as store
from labeling.versions import Snapshot
from quality import pairs
from quality.checks import Dataset


def measured(fits: Fits, dataset: Dataset) -> Inflation | None:
    """How much leaked gold rows flatter today's model; None without a model, gold or a leak.

    `dataset` holds the items that stand with their near-duplicates. A gold item is leaked where a
    labelled item of the pool is nearly the same.
    """
    snapshot = fits.snapshot
    ruler, closed = rulers.current(snapshot), store.every(snapshot.project.db)
    config = snapshot.config()
    training = snapshot.training_set(DataVersion(snapshot.upto, policy=config["policy"]))
    flattering = _leaked(dataset, training.labels)
    leaked = np.array([item in flattering for item in _gold_items(snapshot, ruler)], dtype=bool)
    if not closed or not training.labels or not leaked.any():
        return None
    right = ruler.right(fits.predicted(training, fits.model_of(config)))
    return leakage.inflation(right, leaked)


def _gold_items(snapshot: Snapshot, ruler: Ruler) -> list[str]:
    return [snapshot.items[row].item_id for row in snapshot.reservoir[ruler.at]]


def _leaked(dataset: Dataset, trained: Collection[str]) -> set[str]:
    """The items that measure and have a near-duplicate among those that train."""
    assert dataset.side is not None
    trains = np.array([item in trained for item in dataset.item_id], dtype=bool)
    _, measures = dataset.on_side()
    near = pairs.across(dataset.near, here=measures, there=trains & ~measures)
    return set(dataset.item_id[near.row])


def in_words(found: Inflation) -> str:
    """What the leak adds, as a sentence."""
    low, high = points(found.added.low), points(found.added.high)
    return (
        f"{found.n_leaked} of {found.n} gold items have a near-duplicate among the training rows: "
        f"that adds {points(found.added.value)} [{low}, {high}] points to the accuracy "
        f"({found.all:.1%} with them, {found.clean:.1%} without)."
    )
