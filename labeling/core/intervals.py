"""Intervals of mean effects that vary in more than one way: by class, by seed, by training rows.

Which question is answered decides what must vary (METHODS 1.1): these two models (T1, items alone:
`comparison.agresti_min`, `comparison.t_interval`), the change retrained (T2, `crossed`), another
batch of its kind (T3, `repeated`). Effects are fractions in [-1, 1]; bounds are 95 % by default.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from labeling.core.comparison import Interval, t_interval

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

REPLICAS = 15  # row bootstraps of both versions that `repeated` asks for
SEEDS = 5
FEW_ITEMS = 5  # of a class; below it its spread counts a win and a loss that nobody saw


class Part(NamedTuple):
    """A mean square's share in a variance, with its degrees of freedom; it may be subtracted."""

    variance: float
    df: float


def z(level: float) -> float:
    """Standard normal bound that holds `level` between itself and its negative."""
    from scipy.special import ndtri

    return float(ndtri((1 + level) / 2))


def normal(value: float, variance: float, *, level: float = 0.95) -> Interval:
    """Value plus and minus z standard errors, cut at -1 and 1."""
    half = z(level) * math.sqrt(variance)
    return Interval(value, max(-1.0, value - half), min(1.0, value + half))


def student(value: float, parts: list[Part], *, level: float = 0.95) -> Interval:
    """Student's interval for a variance made of several parts (Satterthwaite, 1946).

    No variance at all gives no width; parts that sum to less than 0 raise ValueError.
    """
    from scipy.special import stdtrit

    variance = sum(part.variance for part in parts)
    if variance < 0:
        raise ValueError(f"expected parts of a variance, found a sum of {variance:g}")
    if variance == 0:
        return Interval(value, value, value)
    half = float(stdtrit(_freedom(parts), (1 + level) / 2)) * math.sqrt(variance)
    return Interval(value, max(-1.0, value - half), min(1.0, value + half))


def _freedom(parts: list[Part]) -> float:
    """Degrees of freedom of a sum of parts (Satterthwaite, 1946)."""
    squares = sum(part.variance**2 / part.df for part in parts if part.variance)
    return sum(part.variance for part in parts) ** 2 / squares


def class_mean(credits: Floats, classes: Ints) -> float:
    """Mean over classes of the mean credit in each; 0 without items."""
    _, which = np.unique(classes, return_inverse=True)
    n = np.bincount(which)
    return float((np.bincount(which, weights=credits) / n).mean()) if len(n) else 0.0


def macro_recall(credits: Floats, classes: Ints, *, level: float = 0.95) -> Interval:
    """Mean over classes of the mean credit in each: a difference of macro recall, or its bar.

    `credits` are per-item differences of being right, float (n,), `classes` the true codes, int
    (n,). The spread of a class with few items counts a win and a loss that nobody saw: two items
    that flip are no proof. With one item in each class, or none, the bounds are -1 and 1.
    """
    parts = _by_class(credits, classes)
    if not parts:
        return Interval(float(credits.mean()) if len(credits) else 0.0, -1.0, 1.0)
    return student(class_mean(credits, classes), parts, level=level)


def macro_recall_p(credits: Floats, classes: Ints) -> float:
    """Two-sided p of a difference of macro recall of 0, of the same variance."""
    from scipy.special import stdtr

    parts, value = _by_class(credits, classes), class_mean(credits, classes)
    variance = sum(part.variance for part in parts)
    if not variance:
        return 1.0 if not parts or not credits.any() else 0.0
    return float(2 * stdtr(_freedom(parts), -abs(value) / math.sqrt(variance)))


def _by_class(credits: Floats, classes: Ints) -> list[Part]:
    """Each class's share in the variance; nothing where no class has two items."""
    names, which = np.unique(classes, return_inverse=True)
    n = np.bincount(which, minlength=len(names)).astype(float)
    if not len(names) or n.max() < 2:
        return []
    means = np.bincount(which, weights=credits) / n
    squares = np.bincount(which, weights=(credits - means[which]) ** 2)
    few = n < FEW_ITEMS
    squares = squares + few * 2 * (1 + means**2 * n / (n + 2))  # of a win and a loss more
    dfs = n - 1 + 2 * few
    shares = squares / dfs / n / len(names) ** 2
    return [Part(float(v), float(df)) for v, df in zip(shares, dfs, strict=True)]


def mean_squares(effects: Floats) -> tuple[Part, Part, Part]:
    """Mean squares of rows, columns and rest of a crossed table, float (rows, n), none repeated."""
    rows, n = effects.shape
    of_rows, of_items, mean = effects.mean(axis=1), effects.mean(axis=0), effects.mean()
    rest = effects - of_rows[:, None] - of_items[None, :] + mean
    squares = n * ((of_rows - mean) ** 2).sum(), rows * ((of_items - mean) ** 2).sum()
    dfs = rows - 1, n - 1, (rows - 1) * (n - 1)
    found = zip((*squares, (rest**2).sum()), dfs, strict=True)
    row, item, left = (Part(float(square / df), float(df)) for square, df in found)
    return row, item, left


def crossed(effects: Floats, *, level: float = 0.95) -> Interval:
    """The effect of a change when it is retrained (T2): seeds and gold items both vary.

    `effects`, float (seeds, n): each item's effect with each training seed, the same seeds before
    and after. The items alone with one seed: then it answers T1.
    """
    seeds, n = effects.shape
    if seeds < 2 or n < 2:
        return t_interval(effects.mean(axis=0) if seeds else np.empty(0), level=level)
    of_seeds, of_items, rest = mean_squares(effects)
    parts = [of_items]
    if of_seeds.variance > rest.variance:
        parts += [of_seeds, Part(-rest.variance, rest.df)]
    scaled = [Part(part.variance / effects.size, part.df) for part in parts]
    return student(float(effects.mean()), scaled, level=level)


def repeated(effect: Floats, replicas: Floats, *, level: float = 0.95) -> Interval:
    """Would another batch of this kind help (T3)? Gold items and training rows both vary.

    `effect`, float (n,), is each item's effect of the change as it was made; `replicas`, float
    (B, n), the same with both versions retrained on rows drawn again with replacement. The gold
    items' chance is in the replicas too; this echo is taken out, else it would count twice.
    Raises ValueError for fewer than two replicas, or items.
    """
    if len(replicas) < 2 or replicas.shape[1] < 2:
        raise ValueError(f"expected two replicas and items or more, found {replicas.shape}")
    n = len(effect)
    of_rows, _, rest = mean_squares(replicas)
    training = max(of_rows.variance - rest.variance, 0.0) / n
    parts = [Part(float(effect.var(ddof=1)) / n, n - 1.0), Part(training, of_rows.df)]
    return student(float(effect.mean()), parts, level=level)
