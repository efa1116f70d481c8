"""Fits: models trained on data versions and scored on the reservoir, each computed once.

A fit is addressed by what decides it: the training set's hash, the model, the seed, the items that
features are learned from. The same address always holds the same predictions.
"""

from __future__ import annotations

import hashlib
import json
import time
from dataclasses import asdict

import numpy as np

from labeling.core import models
from labeling.core.log import DataVersion
from labeling.core.models import Fitted, ModelConfig
from labeling.project import Project, derive_seed
from labeling.store import rounds as store
from labeling.store.rounds import Fit
from labeling.versions import Snapshot, TrainingSet


class Fits:
    """Predictions by version, taken from the store or computed; `save` writes the new ones."""

    def __init__(self, snapshot: Snapshot) -> None:
        self.snapshot, self.new = snapshot, dict[str, Fit]()
        self.known: dict[str, np.ndarray] = {}
        basis = [list(snapshot.classes), [item.item_id for item in snapshot.items]]
        self._basis = hashlib.sha256(json.dumps(basis).encode()).hexdigest()

    @property
    def seed(self) -> int:
        """The seed of every fit: one for all, so that versions differ by their data alone."""
        return derive_seed(self.snapshot.seed, "fit")

    def key(self, version_hash: str, config: ModelConfig) -> str:
        """The address of a fit."""
        parts = [version_hash, asdict(config), self.seed, self._basis]
        return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()

    def fit(self, training: TrainingSet, config: ModelConfig) -> Fitted:
        """Train on a version's rows."""
        rows, y = self.snapshot.rows(training.labels)
        return models.fit(
            self.snapshot.features[rows],
            y,
            n_classes=len(self.snapshot.classes),
            config=config,
            seed=self.seed,
        )

    def predicted(self, training: TrainingSet, config: ModelConfig) -> np.ndarray:
        """Predicted class codes of the reservoir's items, int16 (reservoir,)."""
        key = self.key(training.hash, config)
        if key not in self.known:
            stored = store.get_fit(self.snapshot.project.db, key) or self._compute(
                key, training, config
            )
            self.known[key] = np.frombuffer(stored.predicted, dtype=np.int16)
        return self.known[key]

    def of_version(self, version: DataVersion, config: ModelConfig) -> np.ndarray:
        """The same, straight from a version."""
        return self.predicted(self.snapshot.training_set(version), config)

    def _compute(self, key: str, training: TrainingSet, config: ModelConfig) -> Fit:
        started = time.perf_counter()
        fitted = self.fit(training, config)
        proba = fitted.predict_proba(self.snapshot.features[self.snapshot.reservoir])
        self.new[key] = Fit(
            len(training.labels),
            time.perf_counter() - started,
            proba.argmax(axis=1).astype(np.int16).tobytes(),
            proba.max(axis=1).astype(np.float32).tobytes(),
        )
        return self.new[key]

    def save(self, project: Project) -> None:
        """Store what was computed."""
        with project.writing():
            for key, fit in self.new.items():
                store.put_fit(project.db, key, fit)
        self.new = {}
