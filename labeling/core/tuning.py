"""Tuning: what is left open of a model is chosen inside the training rows, by log loss.

A proper score, so that the probabilities are worth something: on a rare class it keeps the
balanced weights that accuracy would throw away, and on a common one it drops them.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from labeling.core import fitting, models
from labeling.core.models import AUTO, LINEAR, ModelConfig
from labeling.core.threads import one_thread

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

MOST_ROWS = 400  # that a choice is made on
FEW_ROWS, FOLDS, FOLDS_OF_FEW = 200, 3, 5
STRENGTHS = (10.0, 1.0, 100.0)
WEIGHTS = ("balanced", "none")
TEMPERATURES = tuple(float(t) for t in np.geomspace(0.5, 3.0, 16).round(3))
FEWEST_ROWS = 10  # fewer say nothing of their own spread


@dataclass(frozen=True)
class Wish:
    """A model as the settings ask for it: a number or a word each, or `auto`."""

    model: str = "default"
    regularisation: str = AUTO
    class_weight: str = AUTO
    soft_labels: str = "off"

    def candidates(self) -> list[ModelConfig]:
        """The configurations to choose among, the one to keep in doubt first."""
        is_linear = models.resolve(self.model) in LINEAR
        strengths = STRENGTHS if self.regularisation == AUTO else (float(self.regularisation),)
        weights = WEIGHTS if self.class_weight == AUTO else (self.class_weight,)
        return [
            ModelConfig(self.model, strength, weight, soft_labels=self.soft_labels == "on")
            for strength in (strengths if is_linear else strengths[:1])
            for weight in weights
        ]


class _Folds(NamedTuple):
    """Rows held out in turn."""

    features: Any
    y: Ints
    fold: Ints
    n_classes: int
    seed: int


def chosen(features: Any, y: Any, *, n_classes: int, wish: Wish, seed: int) -> ModelConfig:
    """The configuration whose held-out log loss is lowest, and its temperature.

    The first candidate is kept unless another is better by more than one standard error. Rows are
    int codes (rows,), at most 400 of them drawn; where an item may have several classes, and under
    ten rows, the first candidate is taken as it is.
    """
    first, *others = wish.candidates()
    if y.ndim == 2 or len(y) < FEWEST_ROWS or len(np.unique(y)) < 2:
        return first
    folds = _folds(features, y, n_classes, models.resolve(wish.model) in LINEAR, seed)
    held_out = {config: _held_out(folds, config) for config in (first, *others)}
    losses = {config: log_losses(proba, folds.y) for config, proba in held_out.items()}
    best = min(losses, key=lambda config: float(losses[config].mean()))
    gain = losses[first] - losses[best]
    error = float(gain.std(ddof=1)) / np.sqrt(len(gain))
    kept = best if float(gain.mean()) > error else first
    return _with_temperature(kept, held_out[kept], folds.y)


def log_losses(proba: Floats, y: Ints) -> Floats:
    """-log of the true class's probability, a hundredth of it shared out, float (rows,)."""
    right = proba[np.arange(len(y)), y]
    return np.asarray(-np.log(0.99 * right + 0.01 / proba.shape[1]))


def _with_temperature(config: ModelConfig, proba: Floats, y: Ints) -> ModelConfig:
    losses = [log_losses(fitting.tempered(proba, t), y).mean() for t in TEMPERATURES]
    best = TEMPERATURES[int(np.argmin(losses))]
    plain = log_losses(proba, y)
    gain = plain - log_losses(fitting.tempered(proba, best), y)
    error = float(gain.std(ddof=1)) / np.sqrt(len(gain))
    temperature = best if float(gain.mean()) > error else 1.0
    return replace(config, temperature=temperature)


def _folds(features: Any, y: Ints, n_classes: int, is_linear: bool, seed: int) -> _Folds:
    """At most 400 rows in stratified folds; for linear models in few columns of the same span."""
    rng = np.random.default_rng(seed)
    rows = np.sort(rng.permutation(len(y))[:MOST_ROWS])
    features, y = features[rows], y[rows]
    if is_linear and features.shape[1] > len(y):
        features = in_own_span(features)
    order = rng.permutation(len(y))
    order = order[np.argsort(y[order], kind="stable")]
    fold = np.empty(len(y), dtype=np.int64)
    fold[order] = np.arange(len(y)) % (FOLDS_OF_FEW if len(y) < FEW_ROWS else FOLDS)
    return _Folds(features, y, fold, n_classes, seed)


def in_own_span(features: Any) -> Floats:
    """The same rows in a basis of their own span, float (rows, at most rows).

    All inner products stay as they are, so a linear model with a squared penalty learns the same
    (Kimeldorf & Wahba, 1971), many times faster than on a hundred thousand terms.
    """
    rows = features.astype(np.float64)
    inner = rows @ rows.T
    inner = inner.toarray() if hasattr(inner, "toarray") else np.asarray(inner)
    with one_thread():
        values, vectors = np.linalg.eigh(inner)
    kept = values > values.max() * 1e-9
    return np.asarray(vectors[:, kept] * np.sqrt(values[kept]))


def _held_out(folds: _Folds, config: ModelConfig) -> Floats:
    """Each row's probabilities by a model that did not see it, float (rows, classes)."""
    proba = np.zeros((len(folds.y), folds.n_classes))
    for held_out in np.unique(folds.fold):
        test = folds.fold == held_out
        fitted = fitting.fit(
            folds.features[~test],
            folds.y[~test],
            n_classes=folds.n_classes,
            config=config,
            seed=folds.seed,
        )
        proba[test] = fitted.predict_proba(folds.features[test])
    return proba
