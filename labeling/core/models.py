"""Models: the kinds there are, what decides a fit, and how an estimator is made."""

from __future__ import annotations

import importlib
import inspect
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int64]
Fitter = Callable[..., Any]

WIDE = 1_000  # columns; models that cannot take sparse rows see the leading dimensions of more
NARROWED = 64
NEIGHBOURS = 10
AUTO = "auto"
DENSE = frozenset({"boosting", "naive_bayes"})  # take no sparse rows, unless they are wide
_PATH = re.compile(r"sklearn(\.\w+)+\.[A-Z]\w*")


@dataclass(frozen=True)
class ModelConfig:
    """Everything, beside data and seed, that decides a fit.

    `regularisation` is C of the linear models (higher fits closer). `temperature` divides the log
    odds: above 1 the probabilities are drawn towards each other. `soft_labels`: it learns each
    class that an item may have, by its weight.
    """

    model: str = "default"
    regularisation: float = 10.0
    class_weight: str = "balanced"
    temperature: float = 1.0
    soft_labels: bool = False


class Rows:
    """What a model is about to see, as far as its making depends on it."""

    def __init__(self, features: Any, y: Ints) -> None:
        self.n, self.columns = features.shape
        self.is_sparse = hasattr(features, "tocsr")
        self.smallest_class = int(np.bincount(y)[np.unique(y)].min())


def logistic(rows: Rows, *, regularisation: float, class_weight: str | None, seed: int) -> Any:
    """Multinomial logistic regression (scikit-learn), C = `regularisation`.

    Newton's method: on words it takes half the time of scikit-learn's own choice, and ends nearer
    to the one solution there is.
    """
    from sklearn.linear_model import LogisticRegression

    return LogisticRegression(
        C=regularisation,
        class_weight=class_weight,
        solver="newton-cg",
        tol=1e-5,
        max_iter=2000,
        random_state=seed,
    )


def svm(rows: Rows, *, regularisation: float, class_weight: str | None, seed: int) -> Any:
    """A linear support vector machine, its margins turned into probabilities out of fold.

    By one temperature (Guo et al., 2017). C is a tenth of `regularisation`: margins are harder.
    """
    from sklearn.calibration import CalibratedClassifierCV
    from sklearn.svm import LinearSVC

    machine = LinearSVC(C=regularisation / 10, class_weight=class_weight, random_state=seed)
    folds = min(5, rows.smallest_class)
    if folds < 2:  # a class with one row cannot be left out
        return logistic(rows, regularisation=regularisation, class_weight=class_weight, seed=seed)
    return CalibratedClassifierCV(machine, method="temperature", cv=folds, ensemble=False)


def forest(rows: Rows, *, regularisation: float, class_weight: str | None, seed: int) -> Any:
    """200 randomised trees (Breiman, 2001)."""
    from sklearn.ensemble import RandomForestClassifier

    return RandomForestClassifier(200, class_weight=class_weight, random_state=seed, n_jobs=1)


def boosting(rows: Rows, *, regularisation: float, class_weight: str | None, seed: int) -> Any:
    """Gradient boosting on histograms (Ke et al., 2017); wide rows by their leading dimensions."""
    from sklearn.ensemble import HistGradientBoostingClassifier

    trees = HistGradientBoostingClassifier(
        min_samples_leaf=max(2, min(20, rows.n // 20)),
        class_weight=class_weight,
        early_stopping=False,
        random_state=seed,
    )
    return _narrowed(rows, trees, seed)


def naive_bayes(rows: Rows, *, regularisation: float, class_weight: str | None, seed: int) -> Any:
    """Complement naive Bayes on words (Rennie et al., 2003), normal distributions on numbers."""
    from sklearn.naive_bayes import ComplementNB, GaussianNB

    is_words = rows.columns > WIDE and rows.is_sparse
    return ComplementNB(alpha=0.1) if is_words else GaussianNB(var_smoothing=1e-3)


def neighbours(rows: Rows, *, regularisation: float, class_weight: str | None, seed: int) -> Any:
    """The ten nearest labelled rows, nearer ones counting for more (Cover & Hart, 1967)."""
    from sklearn.neighbors import KNeighborsClassifier

    return KNeighborsClassifier(min(NEIGHBOURS, rows.n), weights="distance", n_jobs=1)


def _narrowed(rows: Rows, estimator: Any, seed: int) -> Any:
    """For estimators that take dense rows only: wide ones by their leading dimensions."""
    from sklearn.decomposition import TruncatedSVD
    from sklearn.pipeline import Pipeline

    if rows.columns <= WIDE:
        return estimator
    svd = TruncatedSVD(min(NARROWED, rows.n - 1), random_state=seed)
    return Pipeline([("leading", svd), ("model", estimator)])


class Model(NamedTuple):
    """A kind of model: how it is made, and what it is good and bad at."""

    make: Fitter
    note: str


MODELS: dict[str, Model] = {
    "logistic": Model(logistic, "Quick, well calibrated, hard to beat on text; straight borders."),
    "svm": Model(svm, "Often as good as logistic on text; slower, and coarser probabilities."),
    "forest": Model(forest, "Bends with tables and needs no scaling; slow on many words."),
    "boosting": Model(boosting, "Best on large tables; overfits under some hundred labels."),
    "naive_bayes": Model(naive_bayes, "The quickest on text; sure of itself when it is wrong."),
    "neighbours": Model(neighbours, "Explains itself by example; needs features that measure."),
}
DEFAULT = "logistic"
UNLIKE = ("forest", "naive_bayes", "neighbours")  # beside the model, in a committee of kinds
LINEAR = frozenset({"logistic", "svm"})  # those that `regularisation` speaks of


def resolve(name: str) -> str:
    """The model behind `name`; `default` is what the product would choose itself."""
    return DEFAULT if name == "default" else name


def maker(name: str) -> Fitter:
    """How the model of a name is made: one of MODELS, or a scikit-learn class by its import path.

    Raises ValueError in words for what is neither, or cannot say how sure it is.
    """
    name = resolve(name)
    if name in MODELS:
        return MODELS[name].make
    return _of_class(_by_path(name))


def _by_path(path: str) -> Any:
    """The class behind `sklearn.….Name`; nothing else is ever imported."""
    listed = ", ".join(["default", *MODELS])
    known = f"one of {listed}, or a path such as sklearn.ensemble.ExtraTreesClassifier"
    if not _PATH.fullmatch(path):
        raise ValueError(known)
    module, _, name = path.rpartition(".")
    try:
        found = getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError):
        raise ValueError(f"{known}; scikit-learn has no {path}") from None
    from sklearn.base import ClassifierMixin

    if not isinstance(found, type) or not issubclass(found, ClassifierMixin):
        raise ValueError(f"{known}; {path} is no classifier")
    if not hasattr(found, "predict_proba"):
        raise ValueError(f"{known}; {path} gives no probabilities, which choosing items needs")
    if any(_is_asked_for(parameter) for parameter in inspect.signature(found).parameters.values()):
        raise ValueError(f"{known}; {path} must be told more than a name can say")
    return found


def _is_asked_for(parameter: inspect.Parameter) -> bool:
    named = parameter.kind not in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD)
    return named and parameter.default is parameter.empty


def _of_class(found: Any) -> Fitter:
    def make(rows: Rows, *, regularisation: float, class_weight: str | None, seed: int) -> Any:
        offered = {"class_weight": class_weight, "random_state": seed, "n_jobs": 1}
        taken = inspect.signature(found).parameters
        return found(**{name: value for name, value in offered.items() if name in taken})

    return make
