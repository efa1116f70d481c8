"""Models: labels and features in, a fitted classifier with probabilities out."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Fitter = Callable[..., Any]


def logistic(*, regularisation: float, class_weight: str | None, seed: int) -> Any:
    """Multinomial logistic regression (scikit-learn), C = `regularisation`."""
    from sklearn.linear_model import LogisticRegression

    return LogisticRegression(
        C=regularisation, class_weight=class_weight, max_iter=2000, random_state=seed
    )


MODELS: dict[str, Fitter] = {"logistic": logistic}
DEFAULT = "logistic"


@dataclass(frozen=True)
class ModelConfig:
    """Everything, beside data and seed, that decides a fit."""

    model: str = "default"
    regularisation: float = 10.0
    class_weight: str = "balanced"


@dataclass(frozen=True)
class Fitted:
    """A classifier over all classes of the label set; classes never seen get probability 0.

    Without an estimator it is the constant predictor of `prior`, float (classes,). `terms` are the
    feature columns that occur in the training rows: no other can carry weight.
    """

    prior: Floats
    estimator: Any = None
    seen: Ints | None = None
    terms: Ints | None = None

    def predict_proba(self, features: Any) -> Floats:
        """Class probabilities, float (rows, classes), each row summing to 1."""
        proba = np.tile(self.prior, (features.shape[0], 1))
        if self.estimator is not None and features.shape[0]:
            proba[:] = 0.0
            with one_thread():
                proba[:, self.seen] = self.estimator.predict_proba(features[:, self.terms])
        return proba


@cache
def _thread_pools() -> Any:
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController()


def one_thread() -> AbstractContextManager[Any]:
    """Linear algebra on one thread: the same bits everywhere, no waiting on spinning threads."""
    limited: AbstractContextManager[Any] = _thread_pools().limit(limits=1)
    return limited


def resolve(name: str) -> str:
    """The model behind `name`; `default` is what the product would choose itself."""
    return DEFAULT if name == "default" else name


def fit(
    features: Any, y: Ints, *, n_classes: int, config: ModelConfig | None = None, seed: int = 0
) -> Fitted:
    """Fit class codes `y`, int (rows,), in 0..n_classes-1.

    No rows, one class only or rows without any feature: the constant predictor, so that an empty
    version has a score too.
    """
    config = config or ModelConfig()
    seen = np.unique(y)
    if len(seen) < 2:
        prior = np.full(n_classes, 0.0) if len(seen) else np.full(n_classes, 1.0 / n_classes)
        prior[seen] = 1.0
        return Fitted(prior)
    weight = None if config.class_weight == "none" else config.class_weight
    prior = np.bincount(y, minlength=n_classes) / len(y)
    terms = np.flatnonzero(
        features.getnnz(axis=0) if hasattr(features, "getnnz") else features.any(0)
    )
    if not len(terms):
        return Fitted(prior)
    estimator = MODELS[resolve(config.model)](
        regularisation=config.regularisation, class_weight=weight, seed=seed
    )
    with one_thread():
        return Fitted(prior, estimator.fit(features[:, terms], y), seen, terms)
