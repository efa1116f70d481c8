"""ONNX: a fitted model, from features on, as a graph that needs no Python.

Hashed terms, cut numbers and categories do not convert, so the graph begins behind them. Single
precision throughout; what is not written exactly enough is for the caller to find and refuse.
"""

from __future__ import annotations

from copy import copy
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from labeling.core.fitting import Fitted, FittedEach, Predictor
from labeling.core.portable import SURE, one_against_the_rest

Floats = npt.NDArray[np.float64]

INPUT, OUTPUT = "features", "probabilities"
CERTAIN = 60.0  # log odds of what always or never is so


def convert(predictor: Predictor) -> bytes:
    """A graph from `features`, float32 (rows, known columns), to `probabilities`.

    Its columns are those of `portable.columns`. Raises ValueError in words where it does not go.
    """
    width = _width(predictor)
    if isinstance(predictor, FittedEach):
        return _written(_one_against_the_rest(predictor, width), width)
    graph, power = _written(_convertible(predictor), width), 1 / predictor.temperature
    if power == 1.0:
        return graph
    if _is_linear(predictor.estimator):  # its weights are divided already
        return _ended(graph, floor=SURE**power, power=1.0)
    return _ended(graph, floor=SURE, power=power)


def probabilities(graph: bytes, features: Any) -> Floats:
    """What a graph says of dense rows, float (rows, columns), by ONNX's own evaluator: slow."""
    import onnx
    from onnx.reference import ReferenceEvaluator

    evaluator = ReferenceEvaluator(onnx.load_from_string(graph))
    rows = np.ascontiguousarray(features, dtype=np.float32)
    with np.errstate(all="ignore"):  # it runs over where a class is as good as certain
        (found,) = evaluator.run([OUTPUT], {INPUT: rows})
    return np.asarray(found, dtype=np.float64)


def _width(predictor: Predictor) -> int:
    own = predictor.each if isinstance(predictor, FittedEach) else (predictor,)
    widths = [len(f.terms) for f in own if f.estimator is not None and f.terms is not None]
    if not widths:
        raise ValueError("the model says the same of every item: there is nothing to compute")
    return widths[0]


def _written(model: Any, width: int) -> bytes:
    """skl2onnx's own translation."""
    from skl2onnx import to_onnx
    from skl2onnx.common.data_types import FloatTensorType

    try:
        graph = to_onnx(
            model,
            initial_types=[(INPUT, FloatTensorType([None, width]))],
            options={"zipmap": False},
        )
    except Exception as error:  # it raises whatever its converters run into
        raise ValueError(f"skl2onnx does not convert {_kind(model)}") from error
    return bytes(graph.SerializeToString())


def _kind(model: Any) -> str:
    inner = getattr(model, "steps", None)
    return _kind(inner[-1][1]) if inner else type(model).__name__


def _is_linear(estimator: Any) -> bool:
    kind = type(estimator).__name__
    return kind in ("LogisticRegression", "ComplementNB") or _calibration(estimator) is not None


def _calibration(estimator: Any) -> Any:
    """The one inner part of a margin that is turned into probabilities by a temperature."""
    inner = getattr(estimator, "calibrated_classifiers_", [])
    return inner[0] if len(inner) == 1 and inner[0].method == "temperature" else None


def _convertible(fitted: Fitted) -> Any:
    """The same model in words that skl2onnx knows."""
    estimator, inner = fitted.estimator, _calibration(fitted.estimator)
    if inner is not None:
        scale = float(inner.calibrators[0].beta_) * (2 if len(inner.classes) == 2 else 1)
        return _regression(inner.estimator, scale / fitted.temperature, estimator.classes_)
    kind = type(estimator).__name__
    if kind == "LogisticRegression":
        return _regression(estimator, 1 / fitted.temperature, estimator.classes_)
    if kind == "ComplementNB":
        return _regression(_of_words(estimator), 1 / fitted.temperature, estimator.classes_)
    if kind == "GaussianNB":  # sums of thousands, of which the small differences count
        raise ValueError("normal distributions are not exact enough in single precision")
    if hasattr(getattr(estimator, "_fit_X", None), "toarray"):
        estimator = copy(estimator)
        estimator._fit_X = estimator._fit_X.toarray()
    return estimator


def _regression(linear: Any, scale: float, classes: Any) -> Any:
    """A logistic regression with a linear model's weights, all multiplied by `scale`."""
    from sklearn.linear_model import LogisticRegression

    same = LogisticRegression()
    same.coef_, same.intercept_ = linear.coef_ * scale, np.atleast_1d(linear.intercept_) * scale
    same.classes_, same.n_features_in_ = classes, linear.coef_.shape[1]
    return same


class _Weights(NamedTuple):
    coef_: Any
    intercept_: Any


def _of_words(bayes: Any) -> _Weights:
    """Naive Bayes on words is linear; what all classes share is taken off, for precision."""
    weights = bayes.feature_log_prob_ - bayes.feature_log_prob_.mean(axis=0)
    if len(weights) == 2:
        weights = weights[1:] - weights[:1]
    return _Weights(weights, np.zeros(len(weights)))


def _one_against_the_rest(predictor: FittedEach, width: int) -> Any:
    if any(f.temperature != 1.0 and not _is_linear(f.estimator) for f in predictor.each):
        raise ValueError("a temperature of each class's own model is not converted")
    each = [
        _constant(f.prior[1], width) if f.estimator is None else _convertible(f)
        for f in predictor.each
    ]
    return one_against_the_rest(each)


def _constant(share: float, width: int) -> Any:
    """A regression of no weight that says `share` of everything."""
    from sklearn.linear_model import LogisticRegression

    with np.errstate(divide="ignore"):
        start = np.clip(np.log(share) - np.log1p(-share), -CERTAIN, CERTAIN)
    flat = LogisticRegression()
    flat.coef_, flat.intercept_ = np.zeros((1, width)), np.array([float(start)])
    flat.classes_, flat.n_features_in_ = np.array([0, 1]), width
    return flat


def _ended(graph: bytes, *, floor: float, power: float) -> bytes:
    """The graph with its probabilities floored, raised to a power, and summing to 1 again."""
    import onnx
    from onnx import helper, numpy_helper

    model = onnx.load_from_string(graph)
    inner = f"{OUTPUT}_before"
    for node in model.graph.node:
        node.output[:] = [inner if name == OUTPUT else name for name in node.output]
        node.input[:] = [inner if name == OUTPUT else name for name in node.input]
    given = {"floor": [floor], "power": [power]}
    model.graph.initializer.extend(
        numpy_helper.from_array(np.array(value, dtype=np.float32), name)
        for name, value in given.items()
    )
    axis = numpy_helper.from_array(np.array([1], dtype=np.int64), "across")
    model.graph.initializer.append(axis)
    model.graph.node.extend(
        [
            helper.make_node("Max", [inner, "floor"], ["floored"]),
            helper.make_node("Pow", ["floored", "power"], ["powers"]),
            helper.make_node("ReduceSum", ["powers", "across"], ["whole"], keepdims=1),
            helper.make_node("Div", ["powers", "whole"], [OUTPUT]),
        ]
    )
    onnx.checker.check_model(model)
    return bytes(model.SerializeToString())
