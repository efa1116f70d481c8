"""Selectors: from utilities to a batch. Ranked positions among the candidates, best first.

Ties go to the lower row, so that whoever sorts the candidates by item id gets the same batch
everywhere.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from labeling.core import geometry
from labeling.core.threads import one_thread

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

TINY = 1e-9
WHOLE, PART = 200, 100  # clusters: so many at most are looked for at once, else so many a part
TYPICAL_SHARE = 3


class Candidates(NamedTuple):
    """What a selector sees: rows that may be asked, best or not, and what is labelled already.

    `features` (rows, terms), `labelled` (labelled rows, terms) and `sample` (some rows of the whole
    pool) are CSR or dense; `proba` float (rows, classes) are the model's; `pool` counts the
    unlabelled items in all.
    """

    features: Any
    labelled: Any
    sample: Any
    proba: Floats
    pool: int


Selector = Callable[[Floats, Candidates, int, np.random.Generator], Ints]


def top(utilities: Floats, among: Candidates, n: int, rng: np.random.Generator) -> Ints:
    """The `n` highest utilities."""
    return np.argsort(-utilities, kind="stable")[:n].astype(np.int64)


def spread(utilities: Floats, among: Candidates, n: int, rng: np.random.Generator) -> Ints:
    """One item of each of `n` clusters, weighed by utility: the nearest to its centre.

    Zhdanov (2019). Best first means: the highest utility first.
    """
    if len(utilities) <= n:
        return top(utilities, among, n, rng)
    points = geometry.dense(among.features, rng)
    picks = nearest_to_centres(points, n, rng, weights=np.maximum(utilities, 0.0) + TINY)
    return picks[np.argsort(-utilities[picks], kind="stable")]


def typical_spread(utilities: Floats, among: Candidates, n: int, rng: np.random.Generator) -> Ints:
    """As `spread`, among the third of the candidates that are unsure and typical of the pool.

    Utility times the root of typicality: what lies alone is rarely worth a label.
    """
    both = geometry.dense_together(among.features, among.sample, rng)
    points, sample = both[: len(utilities)], both[len(utilities) :]
    typicality = geometry.typicality(points, sample)
    weights = np.maximum(utilities, 0.0) * np.sqrt(typicality / typicality.mean()) + TINY
    best = np.argsort(-weights, kind="stable")[: max(n, len(weights) // TYPICAL_SHARE)]
    if len(best) <= n:
        return top(utilities, among, n, rng)
    picks = best[nearest_to_centres(points[best], n, rng, weights=weights[best])]
    return picks[np.argsort(-utilities[picks], kind="stable")]


def nearest_to_centres(
    points: Floats, n: int, rng: np.random.Generator, *, weights: Floats | None = None
) -> Ints:
    """The point nearest to the centre of each of `n` clusters, int (n,), the lowest row first.

    Clusters that are empty, as among equal points, give their place to the next points in order.
    Of more than `WHOLE` clusters, the points are first cut into neighbouring parts, each of which
    is clustered by itself: time grows with the points then, no longer with their square.
    """
    if n <= WHOLE:
        return _nearest_of(points, n, rng, weights)
    picks = [
        rows[_nearest_of(points[rows], due, rng, None if weights is None else weights[rows])]
        for rows, due in geometry.parts(points, n, rng, at_most=PART)
    ]
    return np.sort(np.concatenate(picks))


def _nearest_of(points: Floats, n: int, rng: np.random.Generator, weights: Floats | None) -> Ints:
    cluster, centres = geometry.clusters(points, n, rng, weights=weights)
    far = ((points - centres[cluster]) ** 2).sum(axis=1)
    order = np.lexsort((far, cluster))
    first = np.ones(len(order), dtype=bool)
    first[1:] = cluster[order][1:] != cluster[order][:-1]
    picks = np.sort(order[first])
    others = np.setdiff1d(np.arange(len(points)), picks)
    return np.concatenate([picks, others[: n - len(picks)]]).astype(np.int64)


def ranked(utilities: Floats, among: Candidates, n: int, rng: np.random.Generator) -> Ints:
    """Far from what is labelled at first, uncertain later (Cardoso et al., 2017).

    The picks of modAL's ranked batch, which works every distance out anew for each of them.
    """
    near = geometry.nearest_distances(among.features, among.labelled)
    if not np.isfinite(near).all():
        return top(utilities, among, n, rng)
    norms, labelled = geometry.squared_norms(among.features), among.labelled.shape[0]
    free, picks = np.ones(len(utilities), dtype=bool), []
    with one_thread():
        for nth in range(min(n, len(utilities))):
            unlabelled = among.pool - nth
            alpha = unlabelled / (unlabelled + labelled + nth)
            scores = alpha * (1.0 - 1.0 / (1.0 + near)) + (1.0 - alpha) * utilities
            pick = int(np.where(free, scores, -np.inf).argmax())
            picks.append(pick)
            free[pick] = False
            near = np.minimum(near, geometry.distances_to(among.features, norms, pick))
    return np.array(picks, dtype=np.int64)


def farthest(utilities: Floats, among: Candidates, n: int, rng: np.random.Generator) -> Ints:
    """Each time the item farthest from all that is labelled or picked (Sener & Savarese, 2018).

    The greedy solution of the k-centre problem, known as CoreSet. Utilities play no part.
    """
    near = geometry.nearest_distances(among.features, among.labelled)
    norms, picks = geometry.squared_norms(among.features), []
    with one_thread():
        for _ in range(min(n, len(near))):
            pick = int(near.argmax())
            picks.append(pick)
            near = np.minimum(near, geometry.distances_to(among.features, norms, pick))
            near[picks] = -np.inf
    return np.array(picks, dtype=np.int64)


def gradients(utilities: Floats, among: Candidates, n: int, rng: np.random.Generator) -> Ints:
    """k-means++ on the gradients that the model's own guesses would give (BADGE, Ash et al., 2020).

    A gradient is (probabilities - guess) x features: long where the model is unsure. The distance
    of two of them follows from two small products, so none is ever built.
    """
    residual = among.proba - _guesses(among.proba)
    lengths = (residual**2).sum(axis=1) * geometry.squared_norms(among.features)
    picks = [int(lengths.argmax())]
    near = np.full(len(lengths), np.inf)
    with one_thread():
        while len(picks) < min(n, len(lengths)):
            near = np.minimum(near, _gradient_distances(residual, among.features, lengths, picks))
            near[picks] = 0.0
            picks.append(_draw(near, picks, rng))
    return np.array(picks, dtype=np.int64)


def _guesses(proba: Floats) -> Floats:
    guesses = np.zeros_like(proba)
    guesses[np.arange(len(proba)), proba.argmax(axis=1)] = 1.0
    return guesses


def _gradient_distances(residual: Floats, features: Any, lengths: Floats, picks: list[int]) -> Any:
    """Squared distances of all gradients from the newest pick's, float (rows,)."""
    last = picks[-1]
    other = features[[last]]
    inner = features @ (other.toarray().T if hasattr(other, "toarray") else other.T)
    inner = (residual @ residual[last]) * np.asarray(inner).ravel()
    return np.maximum(lengths - 2.0 * inner + lengths[last], 0.0)


def _draw(weights: Floats, taken: list[int], rng: np.random.Generator) -> int:
    """A row with a chance as its weight; where nothing weighs, the lowest row that is free."""
    total = float(weights.sum())
    if total <= 0.0:
        return int(np.setdiff1d(np.arange(len(weights)), taken)[0])
    drawn = int(np.searchsorted(np.cumsum(weights), rng.random() * total))
    return min(drawn, len(weights) - 1)


SELECTORS: dict[str, Selector] = {
    "top": top,
    "spread": spread,
    "typical_spread": typical_spread,
    "ranked": ranked,
    "farthest": farthest,
    "gradients": gradients,
}
