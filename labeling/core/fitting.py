"""Fitting: labels and features in, a classifier over the whole label set out.

Class codes `y` are int (rows,) in 0..classes-1. Where an item may have several classes they are
bool (rows, classes), and each class has a model of its own (one against the rest).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from labeling.core import models
from labeling.core.models import ModelConfig
from labeling.core.threads import one_thread

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

QUICK_ERROR = 1e-4  # of a probability in single precision


@dataclass(frozen=True)
class Fitted:
    """A classifier over all classes of the label set; classes never seen get probability 0.

    Without an estimator it is the constant predictor of `prior`, float (classes,). `terms` are the
    feature columns that the estimator knows, int (terms,), of `columns`. `is_dense`: it takes dense
    rows only.
    """

    prior: Floats
    estimator: Any = None
    seen: Ints | None = None
    terms: Ints | None = None
    columns: int = 0
    is_dense: bool = False
    temperature: float = 1.0

    def predict_proba(self, features: Any) -> Floats:
        """Class probabilities, float (rows, classes), each row summing to 1."""
        proba = np.tile(self.prior, (features.shape[0], 1))
        if self.estimator is not None and features.shape[0]:
            proba[:] = 0.0
            with one_thread():
                found = self.estimator.predict_proba(self.columns_of(features))
            proba[:, self.seen] = tempered(np.asarray(found, dtype=np.float64), self.temperature)
        return proba

    def at(self, temperature: float) -> Fitted:
        """The same model at another temperature, which no training depends on."""
        return replace(self, temperature=temperature)

    def quick_proba(self, features: Any) -> Floats:
        """The same within `QUICK_ERROR`: a linear model of dense rows in single precision."""
        if not self._is_plain(features):
            return self.predict_proba(features)
        weights, start = self._quick
        with one_thread():
            log_odds = weights @ features.T
        log_odds += start
        return self._from_log_odds(log_odds)

    def exact_proba(self, features: Any) -> Floats:
        """The same, each row worked out alone: no other row in the call changes its bits."""
        if not self._is_plain(features):
            return self.predict_proba(features)
        weights, start = self._linear
        rows = np.ascontiguousarray(features, dtype=np.float64)
        return self._from_log_odds(np.einsum("ij,kj->ki", rows, weights) + start)

    def _is_plain(self, features: Any) -> bool:
        return hasattr(self.estimator, "coef_") and isinstance(features, np.ndarray)

    @cached_property
    def _linear(self) -> tuple[Floats, Floats]:
        """Weights over all columns, float (classes seen or 1, columns), and intercepts (…, 1)."""
        weights = np.zeros((len(self.estimator.coef_), self.columns))
        weights[:, self.terms] = self.estimator.coef_
        return weights, np.asarray(self.estimator.intercept_, dtype=np.float64)[:, np.newaxis]

    @cached_property
    def _quick(self) -> tuple[Any, Any]:
        weights, start = self._linear
        return weights.astype(np.float32), start.astype(np.float32)

    def _from_log_odds(self, log_odds: Any) -> Floats:
        """What scikit-learn makes of a logistic regression's decisions, and the temperature.

        `log_odds` are (classes seen or 1, rows): a pass over long rows is quicker than many over
        short ones.
        """
        log_odds = log_odds / np.asarray(self.temperature, dtype=log_odds.dtype)
        if len(log_odds) == 1:
            second = 1.0 / (1.0 + np.exp(-log_odds))
            found = np.concatenate([1.0 - second, second])
        else:
            found = np.exp(log_odds - log_odds.max(axis=0))
            found /= found.sum(axis=0)
        if len(self.prior) == len(found):
            return np.asarray(found.T)
        proba = np.zeros((len(self.prior), found.shape[1]), dtype=found.dtype)
        proba[self.seen] = found
        return np.asarray(proba.T)

    def columns_of(self, features: Any) -> Any:
        """The columns that the estimator knows, as it takes them."""
        assert self.terms is not None
        known = features if len(self.terms) == self.columns else features[:, self.terms]
        return known.toarray() if self.is_dense and hasattr(known, "toarray") else known


@dataclass(frozen=True)
class FittedEach:
    """A model for each class, where an item may have several: one against the rest."""

    each: tuple[Fitted, ...]

    def predict_proba(self, features: Any) -> Floats:
        """Each class's own probability, float (rows, classes); rows need not sum to 1."""
        return np.column_stack([model.predict_proba(features)[:, 1] for model in self.each])

    def at(self, temperature: float) -> FittedEach:
        """The same models at another temperature."""
        return FittedEach(tuple(model.at(temperature) for model in self.each))

    def quick_proba(self, features: Any) -> Floats:
        """The same within `QUICK_ERROR`."""
        return np.column_stack([model.quick_proba(features)[:, 1] for model in self.each])

    def exact_proba(self, features: Any) -> Floats:
        """The same, each row worked out alone."""
        return np.column_stack([model.exact_proba(features)[:, 1] for model in self.each])


Predictor = Fitted | FittedEach


def tempered(proba: Floats, temperature: float) -> Floats:
    """Probabilities with their log odds divided by `temperature` (Guo et al., 2017)."""
    if temperature == 1.0:
        return proba
    powers = np.power(np.maximum(proba, 1e-12), 1.0 / temperature)
    softened: Floats = powers / powers.sum(axis=1, keepdims=True)
    return softened


def decide(proba: Floats, *, multi: bool = False) -> Ints:
    """What a model says: the likeliest class, int (rows,); each class from 0.5 on, 0 or 1."""
    return (proba >= 0.5).astype(np.int64) if multi else proba.argmax(axis=1).astype(np.int64)


def fit(
    features: Any,
    y: npt.NDArray[Any],
    *,
    n_classes: int,
    config: ModelConfig | None = None,
    seed: int = 0,
    weights: Floats | None = None,
) -> Predictor:
    """Fit class codes `y`, int (rows,); or bool (rows, classes) where an item may have several.

    `weights` are how much each row counts, float (rows,). No rows, one class only or rows without
    any feature: the constant predictor, so that an empty version has a score too.
    """
    task = _Task(n_classes, config or ModelConfig(), seed, weights)
    if y.ndim == 2:
        each = [y[:, k].astype(np.int64) for k in range(n_classes)]
        with_two = replace(task, n_classes=2)
        return FittedEach(tuple(_fit(features, own, with_two) for own in each))
    return _fit(features, y, task)


@dataclass(frozen=True)
class _Task:
    n_classes: int
    config: ModelConfig
    seed: int
    weights: Floats | None


def _fit(features: Any, y: npt.NDArray[Any], task: _Task) -> Fitted:
    config, n_classes, weights = task.config, task.n_classes, task.weights
    seen = np.unique(y)
    counted = np.bincount(y, weights=weights, minlength=n_classes).astype(float)
    prior = counted / counted.sum() if counted.sum() > 0 else np.full(n_classes, 1.0 / n_classes)
    terms = _terms(features, models.resolve(config.model))
    if len(seen) < 2 or not len(terms):
        return Fitted(prior)
    is_dense = models.resolve(config.model) in models.DENSE and len(terms) <= models.WIDE
    fitted = Fitted(prior, None, seen, terms, features.shape[1], is_dense, config.temperature)
    rows = fitted.columns_of(features)
    if models.resolve(config.model) in models.LINEAR:
        rows = rows.astype(np.float64)  # in single precision their solvers stop short
    estimator = models.maker(config.model)(
        models.Rows(rows, y),
        regularisation=config.regularisation,
        class_weight=None if config.class_weight == "none" else config.class_weight,
        seed=task.seed,
    )
    with one_thread():
        return replace(fitted, estimator=_trained(estimator, rows, y, weights))


def _trained(estimator: Any, rows: Any, y: Ints, weights: Floats | None) -> Any:
    name = _weights_name(estimator)
    if weights is None or name is None:  # neighbours: each row counts as one
        return estimator.fit(rows, y)
    return estimator.fit(rows, y, **{name: weights})


def _weights_name(estimator: Any) -> str | None:
    """What an estimator calls the weights of its rows; None if it knows none."""
    from sklearn.pipeline import Pipeline
    from sklearn.utils.validation import has_fit_parameter

    last = estimator.steps[-1] if isinstance(estimator, Pipeline) else ("", estimator)
    if not has_fit_parameter(last[1], "sample_weight"):
        return None
    return f"{last[0]}__sample_weight" if last[0] else "sample_weight"


def takes_weights(config: ModelConfig) -> bool:
    """Whether a model can count some rows for more than others."""
    two = models.Rows(np.eye(2), np.array([0, 1]))
    make = models.maker(config.model)
    return _weights_name(make(two, regularisation=1.0, class_weight=None, seed=0)) is not None


def occurring(features: Any) -> Ints:
    """The columns that occur in these rows: trained on them, no other can carry weight."""
    is_sparse = hasattr(features, "getnnz")
    return np.flatnonzero(features.getnnz(axis=0) if is_sparse else features.any(axis=0))


def _terms(features: Any, model: str) -> Ints:
    is_sparse, found = hasattr(features, "getnnz"), occurring(features)
    if model != "naive_bayes" or len(found) <= models.WIDE:
        return found
    lowest = features[:, found].min(axis=0)
    lowest = np.asarray(lowest.toarray() if is_sparse else lowest).ravel()
    return found[lowest >= 0]  # topics and groups have signs
