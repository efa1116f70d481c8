"""Fits: models trained on data versions and scored on the reservoir, each computed once.

A fit is addressed by what decides it: the training set's hash, the model, the seed, the items that
features are learned from. The same address always holds the same predictions.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, replace
from typing import Any, NamedTuple

import numpy as np

from labeling import soft_labels
from labeling.config import Config
from labeling.core import features, fitting, models, refits, search, strategies, tuning, vectors
from labeling.core.fitting import Predictor
from labeling.core.log import DataVersion
from labeling.core.models import ModelConfig
from labeling.core.tuning import Wish
from labeling.project import Project, derive_seed
from labeling.store import rounds as store
from labeling.store.rounds import Fit
from labeling.versions import Snapshot, TrainingSet

MEMBERS = 4  # beside the model itself


class _Taught(NamedTuple):
    """What a model learns from: which item of the version each row is of, int (rows,), the rows of
    the features, int (rows,), targets, and how much each counts, float (rows,), or None."""

    item: np.ndarray
    rows: np.ndarray
    y: np.ndarray
    weights: np.ndarray | None

    def only(self, some: np.ndarray) -> _Taught:
        """Some of the rows."""
        weights = None if self.weights is None else self.weights[some]
        return _Taught(self.item[some], self.rows[some], self.y[some], weights)


class Fits:
    """Predictions by version, taken from the store or computed; `save` writes the new ones."""

    def __init__(self, snapshot: Snapshot) -> None:
        self.snapshot, self.new = snapshot, dict[str, Fit]()
        self.known: dict[str, np.ndarray] = {}
        self._chosen: dict[Wish, ModelConfig] = {}
        self._newest: dict[str, Predictor] = {}
        self._refitted: dict[tuple[str, bytes], np.ndarray] = {}
        basis: list[Any] = [list(snapshot.classes), [item.item_id for item in snapshot.items]]
        basis += [snapshot.states] if snapshot.states else []
        basis += [[vectors.VERSION, *snapshot.vectors_address]] if snapshot.uses_vectors else []
        self._basis = hashlib.sha256(json.dumps([*basis, features.VERSION]).encode()).hexdigest()

    @property
    def seed(self) -> int:
        """The seed of every fit: one for all, so that versions differ by their data alone."""
        return derive_seed(self.snapshot.seed, "fit")

    def key(self, version_hash: str, config: ModelConfig) -> str:
        """The address of a fit."""
        parts = [version_hash, asdict(config), self.seed, self._basis]
        return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()

    def _address(self, training: TrainingSet, config: ModelConfig) -> str:
        """The address of a fit of a version: soft labels depend on all answers behind it."""
        if not soft_labels.in_force(config, multi=self.snapshot.multi):
            return self.key(training.hash, config)
        return self.key(soft_labels.address(training.hash, training.standing), config)

    def choose(self, training: TrainingSet, wish: Wish) -> ModelConfig:
        """What the settings leave open, chosen inside a version's rows."""
        rows, y = self.snapshot.rows(training.labels, training.edits)
        return tuning.chosen(
            self.snapshot.features[rows],
            y,
            n_classes=len(self.snapshot.classes),
            wish=wish,
            seed=derive_seed(self.snapshot.seed, "tuning"),
        )

    def model_of(self, config: Config) -> ModelConfig:
        """The model that settings mean today: one for every version of the data.

        What they leave open was chosen when the last round was closed with the same settings, or is
        chosen on all of today's data; so bars differ by the data and not by another choice.
        """
        wish = config.wish
        if wish not in self._chosen:
            closed = store.every(self.snapshot.project.db)
            same = [r for r in closed if r.config.get("wish") == asdict(wish)]
            if same:
                self._chosen[wish] = ModelConfig(**same[-1].config["model"])
            else:
                version = DataVersion(self.snapshot.upto, policy=config["policy"])
                self._chosen[wish] = self.choose(self.snapshot.training_set(version), wish)
        return self._chosen[wish]

    def fit(self, training: TrainingSet, config: ModelConfig) -> Predictor:
        """Train on a version's rows; the newest model is kept, for whatever temperature."""
        plain = replace(config, temperature=1.0)
        key = self._address(training, plain)
        if key not in self._newest:
            self._newest = {key: self._fit(self._taught(training, plain), plain)}
        return self._newest[key].at(config.temperature)

    def _taught(self, training: TrainingSet, config: ModelConfig) -> _Taught:
        """What a version's model learns from; soft labels make several rows an item."""
        rows, y = self.snapshot.rows(training.labels, training.edits)
        if not soft_labels.in_force(config, multi=self.snapshot.multi):
            return _Taught(np.arange(len(rows)), rows, y, None)
        soft = soft_labels.copies(training.labels, training.standing, self.snapshot.code)
        return _Taught(soft.item, rows[soft.item], soft.y, soft.weights)

    def _fit(self, taught: _Taught, config: ModelConfig) -> Predictor:
        return fitting.fit(
            self.snapshot.features[taught.rows],
            taught.y,
            n_classes=len(self.snapshot.classes),
            config=config,
            seed=self.seed,
            weights=taught.weights,
        )

    def committee(self, training: TrainingSet, config: ModelConfig, kind: str) -> list[Predictor]:
        """Who is asked beside the model: of resampled labels, or of different kinds; or nobody."""
        taught = self._taught(training, config)
        n = len(taught.rows)
        if kind == strategies.RESAMPLED and n:
            rng = np.random.default_rng(derive_seed(self.snapshot.seed, "committee", training.hash))
            drawn = [rng.integers(n, size=n) for _ in range(MEMBERS)]
            return [self._fit(taught.only(own), config) for own in drawn]
        if kind == strategies.DIFFERENT:
            soft = config.soft_labels
            return [self.fit(training, ModelConfig(n, soft_labels=soft)) for n in models.UNLIKE]
        return []

    def predicted(self, training: TrainingSet, config: ModelConfig) -> np.ndarray:
        """What a model says of the reservoir's items: class codes, int16 (reservoir,).

        Where an item may have several classes, 0 or 1 for each, int16 (reservoir, classes).
        """
        key = self._address(training, config)
        if key not in self.known:
            stored = self._stored(key) or self._compute(key, training, config)
            self.known[key] = self._shaped(np.frombuffer(stored.predicted, dtype=np.int16))
        return self.known[key]

    def confidence(self, training: TrainingSet, config: ModelConfig) -> np.ndarray:
        """How sure the model is of what it says, float32 shaped as `predicted`."""
        self.predicted(training, config)
        key = self._address(training, config)
        stored = self.new.get(key) or self._stored(key)
        assert stored is not None
        return self._shaped(np.frombuffer(stored.confidence, dtype=np.float32))

    def searched(self, training: TrainingSet, name: str) -> np.ndarray:
        """What a configuration of `core.search` says of the reservoir: codes, int16 (reservoir,).

        It learns from the columns that occur in its rows: a forest that draws among words that
        none of them holds would be held back. Only where an item has one class; how sure it is is
        not kept.
        """
        said = json.dumps([training.hash, "search", name, self.seed, self._basis])
        key = hashlib.sha256(said.encode()).hexdigest()
        if key not in self.known:
            stored = self._stored(key) or self._search(key, training, name)
            self.known[key] = np.frombuffer(stored.predicted, dtype=np.int16)
        return self.known[key]

    def _search(self, key: str, training: TrainingSet, name: str) -> Fit:
        started = time.perf_counter()
        rows, y = self.snapshot.rows(training.labels, training.edits)
        seen = fitting.occurring(self.snapshot.features[rows])
        learned, asked = (
            self.snapshot.features[at][:, seen] for at in (rows, self.snapshot.reservoir)
        )
        said = search.predict(learned, y, asked, name=name, seed=self.seed)
        seconds = time.perf_counter() - started
        self.new[key] = Fit(len(rows), seconds, said.astype(np.int16).tobytes(), b"")
        return self.new[key]

    def _stored(self, key: str) -> Fit | None:
        return store.get_fit(self.snapshot.project.db, key)

    def _shaped(self, values: np.ndarray) -> np.ndarray:
        return values.reshape(-1, len(self.snapshot.classes)) if self.snapshot.multi else values

    def of_version(self, version: DataVersion, config: ModelConfig) -> np.ndarray:
        """The same, straight from a version."""
        return self.predicted(self.snapshot.training_set(version), config)

    def without(
        self, training: TrainingSet, config: ModelConfig, left_out: Sequence[Sequence[str]]
    ) -> Iterator[np.ndarray]:
        """What models say that were each trained without some items of a version, as `predicted`.

        Logistic regressions are solved side by side (`labeling.core.refits`), to the same minimum
        as a fit by itself, and are not stored; others are fitted one after the other.
        """
        gone = _among(training.labels, left_out)
        taught = self._taught(training, config)
        if not refits.can_refit(taught.y, gone[:, taught.item], config):
            for items in left_out:
                yield self.predicted(training.without(items), config)
            return
        key = (self._address(training, config), gone.tobytes())
        if key not in self._refitted:
            self._refitted[key] = refits.without(
                self.snapshot.features[taught.rows],
                taught.y,
                self.snapshot.features[self.snapshot.reservoir],
                left_out=gone[:, taught.item],
                config=config,
                weights=taught.weights,
            ).astype(np.int16)
        yield from self._refitted[key]

    def _compute(self, key: str, training: TrainingSet, config: ModelConfig) -> Fit:
        started = time.perf_counter()
        fitted = self.fit(training, config)
        proba = fitted.predict_proba(self.snapshot.features[self.snapshot.reservoir])
        said = fitting.decide(proba, multi=self.snapshot.multi)
        sure = np.where(said == 1, proba, 1 - proba) if self.snapshot.multi else proba.max(axis=1)
        self.new[key] = Fit(
            len(training.labels),
            time.perf_counter() - started,
            said.astype(np.int16).tobytes(),
            sure.astype(np.float32).tobytes(),
        )
        return self.new[key]

    def save(self, project: Project) -> None:
        """Store what was computed."""
        with project.writing():
            for key, fit in self.new.items():
                store.put_fit(project.db, key, fit)
        self.new = {}


def _among(items: Iterable[str], chosen: Sequence[Sequence[str]]) -> np.ndarray:
    """Which of the items each choice holds, bool (choices, items)."""
    place = {item: i for i, item in enumerate(items)}
    found = np.zeros((len(chosen), len(place)), dtype=bool)
    for row, some in zip(found, chosen, strict=True):
        row[[place[item] for item in some]] = True
    return found
