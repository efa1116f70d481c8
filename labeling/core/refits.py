"""Refits: logistic regressions of the same rows with some left out, solved side by side.

Each minimises what scikit-learn's minimises: the weighted mean of the log losses, and the squared
weights over 2 C times the sum of the rows' weights. Newton's method, its steps by conjugate
gradients (Dembo & Steihaug, 1983), in coordinates of the rows: a linear model's weights are a sum
of the rows that it learned from (Kimeldorf & Wahba, 1971). One pass over the rows serves all
models, and each starts from the model of all rows, so that twenty of them cost about as much as
two by themselves. That holds for features scaled to about 1, as the product's are; on columns of
very different sizes a model may be left unsolved after MOST_STEPS.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from labeling.core import models
from labeling.core.models import ModelConfig
from labeling.core.threads import one_thread

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]
Ints = npt.NDArray[np.int64]

FLAT = 3e-6  # length of the gradient at which a model is solved: nearer than a plain fit ends
MOST_STEPS, MOST_TURNS = 50, 200  # of Newton's method, and of conjugate gradients within a step
TURN_TO = 0.1  # of the gradient that is left over after a step's turns
HALVINGS, ROUNDING, TINY = 20, 1e-12, 1e-300
COLUMNS = 64  # of numbers worked on side by side, which bounds the memory


def can_refit(y: npt.NDArray[Any], left_out: Bools, config: ModelConfig) -> bool:
    """Whether `without` can tell: a logistic regression, and no class loses its last row.

    `y` and `left_out` as there.
    """
    if models.resolve(config.model) != "logistic":
        return False
    return all(_both_stay(own, left_out) for own in _targets(y).T if 0 < own.sum() < len(own))


def _targets(y: npt.NDArray[Any]) -> Bools:
    """Which classes each row has, bool (rows, classes); codes in the order of their values."""
    return np.asarray(y if y.ndim == 2 else y[:, np.newaxis] == np.unique(y), dtype=bool)


def _both_stay(own: Bools, left_out: Bools) -> bool:
    kept = ~left_out
    return bool((kept & own).any(axis=1).all() and (kept & ~own).any(axis=1).all())


def without(
    features: Any,
    y: npt.NDArray[Any],
    asked: Any,
    *,
    left_out: Bools,
    config: ModelConfig,
    weights: Floats | None = None,
) -> Ints:
    """What models say of the rows `asked`, each trained without the rows `left_out` of it.

    `features` (rows, terms) with class codes `y`, int (rows,), or bool (rows, classes) where an
    item may have several; `weights` float (rows,); `left_out` bool (models, rows). Returns codes,
    int (models, asked), or 0 and 1, (models, asked, classes). Only if `can_refit`.
    """
    task = _Task(features, asked, left_out, config, np.ones(len(y)) if weights is None else weights)
    with one_thread():
        return _of_several(task, y) if y.ndim == 2 else _of_one(task, y)


class _Task(NamedTuple):
    features: Any
    asked: Any
    left_out: Bools
    config: ModelConfig
    weights: Floats


def _of_one(task: _Task, y: npt.NDArray[Any]) -> Ints:
    classes = np.unique(y)
    if len(classes) < 2:
        return np.full((len(task.left_out), task.asked.shape[0]), classes[0], dtype=np.int64)
    truth = _targets(y)
    if len(classes) == 2:
        said = (_scores(task, truth[:, 1:], TWO)[:, 0] > 0).astype(np.int64)
    else:
        said = _scores(task, truth, MANY).argmax(axis=1)
    return np.asarray(classes[said], dtype=np.int64)


def _of_several(task: _Task, y: Bools) -> Ints:
    each = np.zeros((len(task.left_out), task.asked.shape[0], y.shape[1]), dtype=np.int64)
    for nth, own in enumerate(y.T):
        if 0 < own.sum() < len(own):
            each[:, :, nth] = _scores(task, own[:, np.newaxis], TWO)[:, 0] >= 0
        else:
            each[:, :, nth] = own[0]
    return each


# -- the models -----------------------------------------------------------------------------------


class _Link(NamedTuple):
    """A kind of answer. All take scores, float (rows, outputs, models), or what moves them."""

    chance: Callable[[Floats], Floats]
    bend: Callable[[Floats, Floats], Floats]  # the second derivative, from the chance and a move
    loss: Callable[[Floats, Floats], Floats]  # from scores and truth, float (rows, models)


def _sigmoid(scores: Floats) -> Floats:
    from scipy.special import expit

    return np.asarray(expit(scores))


def _softmax(scores: Floats) -> Floats:
    powers = np.exp(scores - scores.max(axis=1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=1, keepdims=True))


def _bend_of_many(chance: Floats, move: Floats) -> Floats:
    return np.asarray(chance * (move - (chance * move).sum(axis=1, keepdims=True)))


def _loss_of_many(scores: Floats, truth: Floats) -> Floats:
    highest = scores.max(axis=1)
    total = np.log(np.exp(scores - highest[:, np.newaxis]).sum(axis=1)) + highest
    return np.asarray(total - (scores * truth).sum(axis=1))


TWO = _Link(
    _sigmoid,
    lambda chance, move: chance * (1.0 - chance) * move,
    lambda scores, truth: (np.logaddexp(0.0, scores) - scores * truth)[:, 0],
)
MANY = _Link(_softmax, _bend_of_many, _loss_of_many)


def _scores(task: _Task, truth: Bools, link: _Link) -> Floats:
    """Scores of the rows `asked`, float (models, outputs, asked); `truth` (rows, outputs)."""
    rows, wanted = _Rows(task.features), truth.astype(np.float64)[:, :, np.newaxis]
    everybody = np.zeros((1, len(truth)), dtype=bool)
    start = _solved(_problem(rows, task, wanted, everybody, link), None)
    at_once = max(1, COLUMNS // wanted.shape[1])
    parts = []
    for first in range(0, len(task.left_out), at_once):
        own = task.left_out[first : first + at_once]
        found = _solved(_problem(rows, task, wanted, own, link), start)
        parts.append(_said(task.asked, rows.weights(found.rows), found.start))
    return np.concatenate(parts)


def _said(asked: Any, weights: Floats, start: Floats) -> Floats:
    flat = asked @ weights.reshape(len(weights), -1)
    return np.asarray(flat.reshape(-1, *start.shape) + start).transpose(2, 1, 0)


class _Rows:
    """The rows that models learn from, by their inner products.

    A term that a single row has adds to nothing but that row's own length, so it is kept apart.
    """

    def __init__(self, features: Any) -> None:
        self.terms = features.astype(np.float64).T
        self.alone = np.zeros((features.shape[0], 1))
        shared = self.terms.T
        if hasattr(features, "tocsc"):
            common = features.getnnz(axis=0) > 1
            alone = shared[:, np.flatnonzero(~common)]
            self.alone = np.asarray(alone.multiply(alone).sum(axis=1)).reshape(-1, 1)
            self.terms, shared = self.terms.tocsr(), shared[:, np.flatnonzero(common)]
        back = shared.T.tocsr() if hasattr(shared, "tocsr") else shared.T
        self._exact = (shared, back)
        self._quick = (shared.astype(np.float32), back.astype(np.float32))

    def inner(self, of: Floats) -> Floats:
        """Inner products of all rows with sums of rows, shaped as these sums."""
        return self._with(*self._exact, of)

    def quick_inner(self, of: Floats) -> Floats:
        """The same in single precision, in half the time: good enough for the way of a step."""
        return self._with(*self._quick, of)

    def _with(self, shared: Any, back: Any, of: Floats) -> Floats:
        flat = of.reshape(len(of), -1)
        found = shared @ (back @ flat.astype(shared.dtype))
        return np.asarray(found + self.alone * flat).reshape(of.shape)

    def weights(self, of: Floats) -> Floats:
        """Sums of rows as weights of the terms, float (terms, outputs, models)."""
        return np.asarray(self.terms @ of.reshape(len(of), -1)).reshape(-1, *of.shape[1:])


@dataclass(frozen=True)
class _Problem:
    """What some models minimise; `weights` (rows, 1, models) sum to 1, `penalty` (models,)."""

    rows: _Rows
    truth: Floats
    weights: Floats
    penalty: Floats
    link: _Link

    def only(self, some: Ints) -> _Problem:
        """The same for some of the models."""
        return replace(self, weights=self.weights[:, :, some], penalty=self.penalty[some])


def _problem(rows: _Rows, task: _Task, truth: Floats, left_out: Bools, link: _Link) -> _Problem:
    weights = task.weights * ~left_out
    if task.config.class_weight == "balanced":
        both = np.concatenate([1.0 - truth, truth], axis=1) if truth.shape[1] == 1 else truth
        counted = weights @ both[:, :, 0]
        share = counted.sum(axis=1, keepdims=True) / (counted.shape[1] * counted)
        weights = weights * (share @ both[:, :, 0].T)
    total = weights.sum(axis=1)
    scaled = (weights / total[:, np.newaxis]).T[:, np.newaxis, :]
    return _Problem(rows, truth, scaled, 1.0 / (task.config.regularisation * total), link)


class _At(NamedTuple):
    """Where models stand, or how they move: `rows` (rows, outputs, models) are coordinates.

    `inner` are their inner products with the rows, so that scores are `inner + start`; `start`
    (outputs, models).
    """

    rows: Floats
    inner: Floats
    start: Floats

    def dot(self, other: _At) -> Floats:
        """Inner products of the weights, float (models,)."""
        found = np.einsum("nmk,nmk->k", self.rows, other.inner)
        return np.asarray(found + (self.start * other.start).sum(axis=0))

    def plus(self, other: _At, times: Floats) -> _At:
        """Moved along another by so much, float (models,)."""
        return _At(*(one + times * two for one, two in zip(self, other, strict=True)))

    def only(self, some: Ints) -> _At:
        """The same for some of the models."""
        return _At(*(each[..., some] for each in self))


def _solved(problem: _Problem, start: _At | None) -> _At:
    """The minimum of each model, from `start`, that of one model, or from nothing."""
    shape = (len(problem.truth), problem.truth.shape[1], len(problem.penalty))
    at = _At(np.zeros(shape), np.zeros(shape), np.zeros(shape[1:]))
    if start is not None:
        at = _At(*(nought + one for nought, one in zip(at, start, strict=True)))
    moving = np.arange(shape[2])
    for _ in range(MOST_STEPS):
        down = _downhill(problem.only(moving), at.only(moving))
        steep = np.flatnonzero(down.dot(down) > FLAT**2)
        if not len(steep):
            break
        moving, down = moving[steep], down.only(steep)
        moved = _moved(problem.only(moving), at.only(moving), down)
        for whole, part in zip(at, moved, strict=True):
            whole[..., moving] = part
    return at


def _downhill(problem: _Problem, at: _At) -> _At:
    """The gradient, turned round."""
    pull = problem.weights * (problem.truth - problem.link.chance(at.inner + at.start))
    rows = pull - problem.penalty * at.rows
    return _At(rows, problem.rows.quick_inner(rows), pull.sum(axis=0))


def _moved(problem: _Problem, at: _At, down: _At) -> _At:
    """As far along Newton's step as the loss falls: all of it, or a half of it, or less."""
    step = _step(problem, at, down)
    step = step._replace(inner=problem.rows.inner(step.rows))
    before, length = _losses(problem, at), np.ones(len(problem.penalty))
    for _ in range(HALVINGS):
        moved = at.plus(step, length)
        worse = _losses(problem, moved) > before * (1.0 + ROUNDING)
        if not worse.any():
            break
        length = np.where(worse, length / 2.0, length)
    return moved


def _step(problem: _Problem, at: _At, down: _At) -> _At:
    """Newton's step, as near as conjugate gradients come until `TURN_TO` of the way is left."""
    chance = problem.link.chance(at.inner + at.start)
    step, left, way = down.plus(down, -np.ones(len(problem.penalty))), down, down
    square = down.dot(down)
    enough = square * TURN_TO**2
    for _ in range(MOST_TURNS):
        rows, start = _bent(problem, chance, way)
        along = np.einsum("nmk,nmk->k", rows, way.inner) + (start * way.start).sum(axis=0)
        go = np.where(square > enough, square / np.maximum(along, TINY), 0.0)
        step, rest = step.plus(way, go), left.rows - go * rows
        left = _At(rest, problem.rows.quick_inner(rest), left.start - go * start)
        before, square = square, left.dot(left)
        if (square <= enough).all():
            break
        way = left.plus(way, square / np.maximum(before, TINY))
    return step


def _bent(problem: _Problem, chance: Floats, way: _At) -> tuple[Floats, Floats]:
    """What the second derivative makes of a move: coordinates of the rows, and of the start."""
    bent = problem.weights * problem.link.bend(chance, way.inner + way.start)
    return bent + problem.penalty * way.rows, bent.sum(axis=0)


def _losses(problem: _Problem, at: _At) -> Floats:
    each = problem.link.loss(at.inner + at.start, problem.truth)
    squared = np.einsum("nmk,nmk->k", at.rows, at.inner)
    return np.asarray((problem.weights[:, 0] * each).sum(axis=0) + problem.penalty * squared / 2.0)
