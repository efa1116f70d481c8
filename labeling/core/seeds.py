"""Seed sets: the first batch, chosen from the items alone, before there is any label."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from labeling.core import geometry
from labeling.core.selectors import nearest_to_centres

Ints = npt.NDArray[np.int64]
Seeder = Callable[[Any, int, np.random.Generator], Ints]


def random(features: Any, n: int, rng: np.random.Generator) -> Ints:
    """Any items, int (min(n, rows),)."""
    return rng.permutation(features.shape[0])[:n].astype(np.int64)


def kmeans(features: Any, n: int, rng: np.random.Generator) -> Ints:
    """The item nearest to the centre of each of `n` clusters."""
    if features.shape[0] <= n:
        return np.arange(features.shape[0], dtype=np.int64)
    return nearest_to_centres(geometry.dense(features, rng), n, rng)


def typical(features: Any, n: int, rng: np.random.Generator) -> Ints:
    """The most typical item of each of `n` clusters: TypiClust (Hacohen et al., 2022)."""
    if features.shape[0] <= n:
        return np.arange(features.shape[0], dtype=np.int64)
    points = geometry.dense(features, rng)
    cluster, _ = geometry.clusters(points, n, rng)
    typicality = geometry.typicality(points, points)
    order = np.lexsort((-typicality, cluster))
    first = np.ones(len(order), dtype=bool)
    first[1:] = cluster[order][1:] != cluster[order][:-1]
    picks = np.sort(order[first])
    others = np.setdiff1d(np.arange(len(points)), picks)
    return np.concatenate([picks, others[: n - len(picks)]]).astype(np.int64)


SEEDS: dict[str, Seeder] = {"random": random, "kmeans": kmeans, "typical": typical}
