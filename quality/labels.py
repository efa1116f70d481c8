"""Label errors: probabilities of a model that never saw the row against the label it was given.

Class codes are int (rows,), -1 for a row without a label. Probabilities are float (rows, classes);
a row of NaN has none. Rows without a label or without probabilities are never suspicious.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]


def usable(proba: Floats, codes: Ints) -> Bools:
    """Whether a row has both a label and probabilities, bool (rows,)."""
    known: Bools = (codes >= 0) & ~np.isnan(proba).any(axis=1)
    return known


def self_confidence(proba: Floats, codes: Ints) -> Floats:
    """The probability of the given label, float (rows,) in [0, 1], low = suspicious; else NaN."""
    scores = np.full(len(codes), np.nan)
    rows = np.flatnonzero(usable(proba, codes))
    scores[rows] = proba[rows, codes[rows]]
    return scores


def normalised_margin(proba: Floats, codes: Ints) -> Floats:
    """How far the given label leads the best other, float (rows,) in [0, 1], low = suspicious.

    0.5 is a tie, below it another class leads (Northcutt, Jiang and Chuang 2021); NaN if unusable.
    """
    scores = self_confidence(proba, codes)
    rows = np.flatnonzero(~np.isnan(scores))
    others = proba[rows].copy()
    others[np.arange(len(rows)), codes[rows]] = -np.inf
    best = others.max(axis=1) if proba.shape[1] > 1 else np.zeros(len(rows))
    scores[rows] = (scores[rows] - best + 1.0) / 2.0
    return scores


def thresholds(proba: Floats, codes: Ints) -> Floats:
    """Per class the mean self-confidence of its rows, float (classes,); inf for an empty class."""
    n_classes = proba.shape[1]
    rows = np.flatnonzero(usable(proba, codes))
    given = codes[rows]
    count = np.bincount(given, minlength=n_classes)
    total = np.bincount(given, weights=proba[rows, given], minlength=n_classes)
    return np.where(count > 0, total / np.maximum(count, 1), np.inf)


def confident_class(proba: Floats, codes: Ints) -> Ints:
    """The most probable class among those that reach their threshold, int (rows,), -1 if none."""
    reached = np.where(proba >= thresholds(proba, codes) - 1e-12, proba, -1.0)
    best = reached.argmax(axis=1)
    confident = usable(proba, codes) & (reached.max(axis=1) >= 0.0)
    return np.where(confident, best, -1).astype(np.int64)


def likely_errors(proba: Floats, codes: Ints) -> Bools:
    """Whether another class reaches its threshold and beats the given label, bool (rows,).

    Confident learning (Northcutt, Jiang and Chuang 2021). Such cut-offs miss many real errors:
    for a work list take `ranking` and a budget.
    """
    best = confident_class(proba, codes)
    own = np.nan_to_num(self_confidence(proba, codes), nan=np.inf)
    top = proba[np.arange(len(codes)), np.maximum(best, 0)]
    errors: Bools = (best >= 0) & (best != codes) & (top > own)
    return errors


def ranking(proba: Floats, codes: Ints) -> tuple[Floats, Ints]:
    """Score per row, float in [0, 1], low = suspicious, and the class code suggested instead.

    The score is the normalised margin (NaN if unusable); the suggestion the most probable class,
    which is the given one where the model agrees, and -1 where there are no probabilities.
    """
    blank = np.isnan(proba).any(axis=1)
    suggested = np.where(blank, -1, np.nan_to_num(proba).argmax(axis=1))
    return normalised_margin(proba, codes), suggested.astype(np.int64)


def confident_joint(proba: Floats, codes: Ints) -> Floats:
    """How many rows of each given class (rows) confidently belong to each class (columns).

    Float (classes, classes); scaled so that the counts of a given class sum to its rows, with at
    least one row right in every class that has rows. What is off the diagonal is confident
    learning's estimate of the errors; where classes overlap it is too high.
    """
    n_classes = proba.shape[1]
    sure = confident_class(proba, codes)
    rows = np.flatnonzero(sure >= 0)
    flat = np.bincount(codes[rows] * n_classes + sure[rows], minlength=n_classes**2)
    joint = flat.reshape(n_classes, n_classes).astype(np.float64)
    np.fill_diagonal(joint, np.maximum(joint.diagonal(), 1.0))
    given = np.bincount(codes[usable(proba, codes)], minlength=n_classes)
    scaled: Floats = joint * (given / joint.sum(axis=1))[:, None]
    return scaled


def tempered(proba: Floats, codes: Ints) -> Floats:
    """The probabilities made as sharp as the given labels bear out, float (rows, classes).

    One exponent for all (temperature scaling, Guo et al. 2017), so that no row's order of classes
    changes: naive Bayes becomes humbler, a forest bolder. Rows of NaN stay NaN.
    """
    from scipy.optimize import minimize_scalar
    from scipy.special import log_softmax

    rows = np.flatnonzero(usable(proba, codes))
    if not len(rows):
        return proba
    logs = np.log(np.maximum(proba, 1e-12))
    mine = logs[rows]

    def surprise(log_power: float) -> float:
        scaled = log_softmax(mine * np.exp(log_power), axis=1)
        return -float(scaled[np.arange(len(rows)), codes[rows]].mean())

    found = minimize_scalar(surprise, bounds=(-2.5, 2.5), method="bounded")
    return np.asarray(np.exp(log_softmax(logs * np.exp(found.x), axis=1)), dtype=np.float64)
