"""Portable models: featurizer and model as one scikit-learn pipeline that knows nothing of us.

What goes in is what was read off a row: a text, a table's prepared columns, an image's vector.
What comes out are the probabilities of the classes that `columns` names.
"""

from __future__ import annotations

from copy import copy
from typing import Any

import numpy as np
import pandas as pd

from labeling.core.features import Featurizer, read
from labeling.core.fitting import Fitted, FittedEach, Predictor
from labeling.core.texts import hashers

SURE = 1e-12  # where `fitting.tempered` cuts probabilities off

# What skops is told to trust, beside what it trusts by itself. Functions of NumPy and inner parts
# of scikit-learn; none of them runs what a file says.
TRUSTED = (
    "numpy.asarray",
    "numpy.clip",
    "numpy.dtype",
    "scipy.sparse._csr.csr_matrix",
    "sklearn.calibration._CalibratedClassifier",
    "sklearn.calibration._TemperatureScaling",
    "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor",
    "sklearn.tree._tree.Tree",
    "sklearn.utils._bunch.Bunch",
)


def columns(predictor: Predictor) -> list[int]:
    """The class codes of the columns of `predict_proba`, in their order."""
    if isinstance(predictor, FittedEach):
        return list(range(len(predictor.each)))
    if predictor.estimator is None or predictor.seen is None:
        return list(range(len(predictor.prior)))
    return [int(code) for code in predictor.seen]


def inputs(frame: pd.DataFrame, featurizer: Featurizer) -> Any:
    """What the pipeline takes of rows: texts as a list, prepared columns, or image vectors."""
    if featurizer.content.kind != "text":
        return read(frame, featurizer.content, featurizer.kinds)
    texts = frame[list(featurizer.content.columns)].fillna("").astype(str)
    return texts.agg(" ".join, axis=1).tolist()


def pipeline(featurizer: Featurizer, predictor: Predictor) -> Any:
    """A scikit-learn pipeline from what was read to `predict_proba`, float (rows, columns).

    Its steps are `features`, `single` (precision), `known` (the columns that the model takes),
    `dense` (for models that need it) and `model`.
    """
    from sklearn.pipeline import Pipeline

    steps = [("features", _features(featurizer)), ("single", _single(featurizer))]
    own = predictor.each if isinstance(predictor, FittedEach) else (predictor,)
    learned = next((fitted for fitted in own if fitted.estimator is not None), None)
    if learned is not None:
        steps += _known(learned)
    return Pipeline([*steps, ("model", _model(predictor))])


def _features(featurizer: Featurizer) -> Any:
    learned = featurizer.learned
    if featurizer.content.kind == "text":
        return _of_texts(learned)
    if featurizer.content.kind == "image":
        return learned
    table = copy(learned)
    table.transformers_ = table.transformers = [
        (name, _of_texts(step["learned"]) if "learned" in _names(step) else step, of)
        for name, step, of in learned.transformers_
    ]
    return table


def _names(step: Any) -> list[str]:
    return [name for name, _ in getattr(step, "steps", [])]


def _of_texts(learned: Any) -> Any:
    """The same steps, each hashing with its own rarity: no list of half a million columns."""
    from sklearn.pipeline import FeatureUnion, Pipeline

    rarity = learned["rarity"].named_transformers_
    terms = FeatureUnion(
        [
            (name, Pipeline([("hashed", hashed), ("rarity", rarity[name])]))
            for name, hashed in hashers().transformer_list
        ]
    )
    return Pipeline([("terms", terms), ("meaning", learned["meaning"])])


def _single(featurizer: Featurizer) -> Any:
    """Single precision, as features are kept."""
    from scipy.sparse import csr_matrix
    from sklearn.preprocessing import FunctionTransformer

    to = np.asarray if featurizer.content.kind == "image" else csr_matrix
    return FunctionTransformer(to, kw_args={"dtype": "float32"}, accept_sparse=True)


def _known(fitted: Fitted) -> list[tuple[str, Any]]:
    """The columns that occurred in the training rows, dense for models that need them so."""
    from sklearn.compose import ColumnTransformer
    from sklearn.feature_selection import VarianceThreshold

    assert fitted.terms is not None
    known = VarianceThreshold()
    known.n_features_in_ = fitted.columns
    known.variances_ = np.zeros(fitted.columns, dtype=np.float32)
    known.variances_[fitted.terms] = 1.0  # a choice by hand, in a step that chooses columns
    if not fitted.is_dense:
        return [("known", known)]
    width = len(fitted.terms)
    dense = ColumnTransformer([("all", "passthrough", np.arange(width))], sparse_threshold=0.0)
    return [("known", known), ("dense", dense.fit(np.zeros((1, width), dtype=np.float32)))]


def _model(predictor: Predictor) -> Any:
    if isinstance(predictor, FittedEach):
        return one_against_the_rest([_model(fitted) for fitted in predictor.each])
    if predictor.estimator is None:
        return constant(predictor.prior)
    if predictor.temperature == 1.0:
        return predictor.estimator
    return _tempered(predictor)


def constant(prior: Any) -> Any:
    """A model that says the same of everything."""
    from sklearn.dummy import DummyClassifier

    rows = np.zeros((len(prior), 1))
    return DummyClassifier().fit(rows, np.arange(len(prior)), sample_weight=prior)


def one_against_the_rest(each: list[Any]) -> Any:
    """Models of single classes, each said yes or no, as one; yes from 0.5 on."""
    from sklearn.multiclass import OneVsRestClassifier
    from sklearn.preprocessing import LabelBinarizer

    whole = OneVsRestClassifier(constant(np.ones(2)))
    whole.estimators_ = each
    marks = np.vstack([np.zeros(len(each)), np.ones(len(each))]).astype(np.int64)
    whole.label_binarizer_ = LabelBinarizer(sparse_output=True).fit(marks)
    whole.classes_ = whole.label_binarizer_.classes_
    return whole


def _tempered(fitted: Fitted) -> Any:
    """The log odds of a model divided by its temperature, by a regression on top of it."""
    from sklearn.ensemble import VotingClassifier
    from sklearn.frozen import FrozenEstimator
    from sklearn.pipeline import Pipeline
    from sklearn.preprocessing import FunctionTransformer

    assert fitted.seen is not None and fitted.terms is not None
    rows = np.zeros((len(fitted.seen), len(fitted.terms)), dtype=np.float32)
    alone = VotingClassifier([("model", FrozenEstimator(fitted.estimator))], voting="soft")
    return Pipeline(
        [
            ("probabilities", alone.fit(rows, fitted.seen)),
            ("double", FunctionTransformer(np.asarray, kw_args={"dtype": "float64"})),
            ("floor", FunctionTransformer(np.clip, kw_args={"a_min": SURE, "a_max": 1.0})),
            ("log", FunctionTransformer(np.log)),
            ("divided", _divided(fitted.seen, fitted.temperature)),
        ]
    )


def _divided(seen: Any, temperature: float) -> Any:
    """A regression from log probabilities whose weights are not learned but given."""
    from sklearn.linear_model import LogisticRegression

    given = LogisticRegression().fit(np.eye(len(seen)), seen)
    given.coef_ = np.eye(len(seen)) / temperature
    if len(seen) == 2:
        given.coef_ = np.array([[-1.0, 1.0]]) / temperature
    given.intercept_ = np.zeros(len(given.coef_))
    return given
