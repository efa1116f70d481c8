"""Geometry of items: how far apart they lie, for whoever spreads a batch over them.

Features are CSR or dense, (rows, terms). Randomness is an argument; linear algebra runs on one
thread, so that the same rows come out everywhere.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from labeling.core.threads import one_thread

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

DIMENSIONS = 64
CHUNK = 4_096
NEIGHBOURS = 20
POWERS = 4


def dense(features: Any, rng: np.random.Generator, *, dimensions: int = DIMENSIONS) -> Floats:
    """Rows as points, float64 (rows, at most 2 x dimensions): as they are, or their SVD.

    Wide rows are projected on their own leading singular vectors (Deerwester et al., 1990). Terms
    of a single row are left out: they bring it near to none.
    """
    if features.shape[1] > 2 * dimensions and hasattr(features, "getnnz"):
        features = features[:, np.flatnonzero(features.getnnz(axis=0) > 1)]
    rows, columns = features.shape
    if columns <= 2 * dimensions:
        return np.asarray(features.toarray() if hasattr(features, "toarray") else features, float)
    from sklearn.decomposition import TruncatedSVD

    wanted = max(1, min(dimensions, rows - 1))
    svd = TruncatedSVD(wanted, random_state=int(rng.integers(2**31)))
    with one_thread():
        return np.asarray(svd.fit_transform(features), dtype=float)


def dense_together(features: Any, others: Any, rng: np.random.Generator) -> Floats:
    """Two sets of rows as points of one space, the first above the second."""
    if hasattr(features, "tocsr"):
        from scipy.sparse import vstack

        return dense(vstack([features, others], format="csr"), rng)
    return dense(np.concatenate([features, others]), rng)


def squared_norms(features: Any) -> Floats:
    """Squared length of each row, float (rows,)."""
    if hasattr(features, "multiply"):
        return np.asarray(features.multiply(features).sum(axis=1), dtype=float).ravel()
    return np.asarray(np.einsum("ij,ij->i", features, features, dtype=float))


def distances_to(features: Any, norms: Floats, row: int) -> Floats:
    """Euclidean distance of every row from one of them, float (rows,)."""
    other = features[[row]]
    inner = features @ (other.T if not hasattr(other, "toarray") else other.toarray().T)
    squared = norms - 2.0 * np.asarray(inner).ravel() + norms[row]
    return np.asarray(np.sqrt(np.maximum(squared, 0.0)))


def nearest_distances(features: Any, others: Any) -> Floats:
    """Euclidean distance of every row from the nearest of `others`, float (rows,); inf for none.

    Worked out in chunks of rows; `others` should be few.
    """
    near = np.full(features.shape[0], np.inf)
    if others.shape[0] == 0:
        return near
    norms, theirs = squared_norms(features), squared_norms(others)
    with one_thread():
        for start in range(0, features.shape[0], CHUNK):
            rows = slice(start, start + CHUNK)
            inner = features[rows] @ others.T
            inner = inner.toarray() if hasattr(inner, "toarray") else np.asarray(inner)
            squared = (theirs - 2.0 * inner).min(axis=1) + norms[rows]
            near[rows] = np.sqrt(np.maximum(squared, 0.0))
    return near


def clusters(
    points: Floats, n: int, rng: np.random.Generator, *, weights: Floats | None = None
) -> tuple[Ints, Floats]:
    """k-means: the cluster of each point, int (rows,), and the centres, float (n, columns).

    Of fewer different points than `n`, a cluster each.
    """
    from sklearn.cluster import KMeans

    n = min(n, _different(points, rng))
    found = KMeans(n, n_init=1, max_iter=100, random_state=int(rng.integers(2**31)))
    with one_thread():
        found.fit(points, sample_weight=weights)
    return found.labels_.astype(np.int64), np.asarray(found.cluster_centers_, dtype=float)


def parts(
    points: Floats, n: int, rng: np.random.Generator, *, at_most: int
) -> Iterator[tuple[Ints, int]]:
    """Neighbouring points together, int rows in order, and how many of `n` each part is due.

    Cut in two across the direction in which they vary most, again and again, until no part is due
    more than `at_most`; a part's due is its share of the points.
    """
    waiting = [(np.arange(len(points)), n)]
    while waiting:
        rows, due = waiting.pop()
        if due <= at_most:
            yield np.sort(rows), due
            continue
        ordered = rows[np.argsort(_along(points[rows], rng), kind="stable")]
        cut = len(rows) * (due // 2) // due
        waiting += [(ordered[cut:], due - due // 2), (ordered[:cut], due // 2)]


def _along(points: Floats, rng: np.random.Generator) -> Floats:
    """Where points lie in the direction of most variance, by powers of it, float (rows,)."""
    centred, way = points - points.mean(axis=0), rng.normal(size=points.shape[1])
    with one_thread():
        for _ in range(POWERS):
            way = centred.T @ (centred @ way)
            way /= max(float(np.linalg.norm(way)), 1e-300)
        return np.asarray(centred @ way)


def _different(points: Floats, rng: np.random.Generator) -> int:
    """How many points there are, equal ones counted once: by where they fall on a random line."""
    return len(np.unique((points @ rng.normal(size=points.shape[1])).round(9)))


def typicality(points: Floats, among: Floats) -> Floats:
    """1 / mean distance to the nearest 20 of `among`, float (rows,); high = in the thick of them.

    Hacohen, Dekel & Weinshall (2022). A point at distance 0 is taken for the point itself.
    """
    from sklearn.neighbors import NearestNeighbors

    k = min(NEIGHBOURS + 1, len(among))
    if k < 2:
        return np.ones(len(points))
    with one_thread():
        index = NearestNeighbors(n_neighbors=k, algorithm="brute", n_jobs=1).fit(among)
        far, _ = index.kneighbors(points)
    own = far[:, 0] <= 1e-9
    mean: Floats = np.where(own, far[:, 1:].mean(axis=1), far[:, :-1].mean(axis=1))
    return 1.0 / (mean + 1e-9)
