"""Leakage: how much gold rows with a near-duplicate among the training rows flatter a score."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from labeling.core.comparison import Interval, newcombe


class Inflation(NamedTuple):
    """A score on all gold rows and on those that did not leak, and what the others add to it.

    Shares in [0, 1]; `clean` is NaN where every row leaked. `added` = `all` - `clean`, positive
    where the leak flatters.
    """

    all: float
    clean: float
    added: Interval
    n: int
    n_leaked: int


def inflation(right: npt.NDArray[np.bool_], leaked: npt.NDArray[np.bool_]) -> Inflation:
    """What the leaked rows add to a share of right answers, with a 95 % interval.

    Both arrays are bool (n,) over the gold rows: whether the model is right, and whether a training
    row is nearly the same (METHODS 5, "Leak"). The two scores share their clean rows, so that their
    difference is the share of leaked rows times the difference between leaked and clean rows: the
    interval is Newcombe's (1998) of the latter, times that share. Without a leaked row it is 0.

    Leaked rows may be easy for other reasons too. What the leak alone did, a model tells that was
    fit again without the leaking rows: compare the two by `comparison.agresti_min`.
    """
    n, n_leaked = len(right), int(leaked.sum())
    if n_leaked == 0:
        score = float(right.mean()) if n else float("nan")
        return Inflation(score, score, Interval(0.0, 0.0, 0.0), n, 0)
    clean = float(right[~leaked].mean()) if n_leaked < n else float("nan")
    apart = newcombe(int(right[leaked].sum()), n_leaked, int(right[~leaked].sum()), n - n_leaked)
    added = Interval(*(n_leaked / n * bound for bound in apart))
    return Inflation(float(right.mean()), clean, added, n, n_leaked)
