"""Neighbours: which labels stand near a row in the space of its features, itself left out."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Singles = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int64]

COMPONENTS = 100
MORE, POWERS = 10, 3  # columns beside the wanted ones, and how often the rows are multiplied
NEAREST = 10
REFERENCES = 20_000
BLOCK = 500


def space(features: Any, *, kind: str, seed: int = 0) -> Singles:
    """The rows as points, float32 (rows, at most 100), near each other if they are alike.

    Wide features become their leading singular vectors (Halko et al. 2011); text lies on a sphere,
    so that distances are angles.
    """
    wide = min(features.shape) > COMPONENTS
    points = _singular(features, seed) if wide else _dense(features)
    if kind == "text":
        points = points / np.maximum(np.linalg.norm(points, axis=1, keepdims=True), 1e-12)
    return np.asarray(points, dtype=np.float32)


def _dense(features: Any) -> Any:
    return features.toarray() if hasattr(features, "toarray") else features


def _singular(features: Any, seed: int) -> Floats:
    """The rows on their leading singular vectors, by powers of their inner products.

    Only products with the features are as wide as these, so that a hundred thousand terms cost
    little more than a thousand.
    """
    rows, wide = features.astype(np.float32), COMPONENTS + MORE
    around = np.random.default_rng(seed).standard_normal((rows.shape[0], wide))
    for _ in range(POWERS):
        basis = around.astype(np.float32)
        around = _orthonormal(np.asarray(rows @ (rows.T @ basis), dtype=np.float64))
    seen = np.asarray(rows.T @ around.astype(np.float32))
    values, turned = np.linalg.eigh((seen.T @ seen).astype(np.float64))
    lengths = np.sqrt(np.maximum(values[::-1][:COMPONENTS], 0.0))
    return np.asarray(around @ turned[:, ::-1][:, :COMPONENTS] * lengths)


def _orthonormal(columns: Floats) -> Floats:
    """Columns of length one at right angles that span the same, fewer where that is less."""
    values, turned = np.linalg.eigh(columns.T @ columns)
    kept = values > values.max() * 1e-12
    return np.asarray(columns @ (turned[:, kept] / np.sqrt(values[kept])))


def class_shares(
    points: Singles,
    codes: Ints,
    *,
    n_classes: int,
    groups: npt.NDArray[Any] | None = None,
    nearest: int = NEAREST,
    seed: int = 0,
) -> Floats:
    """Shares of the classes among the nearest labelled rows, float (rows, classes), sum 1.

    Rows of the same group, the row itself among them, do not count; `codes` -1 is no neighbour.
    The shares are drawn a little towards equal ones, as by two more neighbours. With more than
    20,000 labelled rows as many are drawn by `seed` as possible neighbours: linear time.
    """
    names = np.arange(len(codes)) if groups is None else groups
    member = np.unique(names, return_inverse=True)[1]
    known = np.flatnonzero(codes >= 0)
    if len(known) > REFERENCES:
        drawn = np.random.default_rng(seed).choice(len(known), REFERENCES, replace=False)
        known = known[np.sort(drawn)]
    votes = np.full((len(codes), n_classes), 2.0 / n_classes)
    for start in range(0, len(codes) if len(known) else 0, BLOCK):
        rows = np.arange(start, min(start + BLOCK, len(codes)))
        apart = member[rows][:, None] != member[known]
        voting, counted = _nearest(points[rows], points[known], apart, nearest)
        for column in range(voting.shape[1]):
            votes[rows, codes[known[voting[:, column]]]] += counted[:, column]
    return np.asarray(votes / votes.sum(axis=1, keepdims=True), dtype=np.float64)


def _nearest(
    here: Singles, there: Singles, allowed: npt.NDArray[np.bool_], nearest: int
) -> tuple[Ints, npt.NDArray[np.bool_]]:
    """Places in `there` of the nearest to each point of `here`, (points, nearest); which count."""
    distance = (there**2).sum(axis=1) - 2.0 * here @ there.T
    distance[~allowed] = np.inf
    k = min(nearest, len(there))
    place = np.argpartition(distance, k - 1, axis=1)[:, :k]
    return place, np.isfinite(np.take_along_axis(distance, place, axis=1))
