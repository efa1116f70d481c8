"""The model arm of a duel: the project's own model against a fixed list, inside training rows.

An analyst would keep what is there unless something else does better in the same folds, so the
arm is never worse off for having looked.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from labeling.core import fitting, search
from labeling.core.models import ModelConfig
from labeling.errors import InputError
from labeling.fits import Fits
from labeling.project import derive_seed
from labeling.versions import TrainingSet

OWN = "the project's own model"
MOST_ROWS = 1_000  # that the search is done on; the winner is trained on all of them


class Searched(NamedTuple):
    """The configuration that won, everybody's accuracy over the folds, rows and seconds it took."""

    winner: str
    scores: dict[str, float]
    n_rows: int
    seconds: float


def tune(
    fits: Fits, training: TrainingSet, *, plain: ModelConfig, names: Sequence[str]
) -> Searched:
    """Try the plain model and `names` by cross-validation on a version's training rows.

    The plain model stays where nothing is better. Raises InputError for a name that is no
    configuration of the search any more.
    """
    unknown = [name for name in names if name not in search.CONFIGURATIONS]
    if unknown:
        raise InputError(f"this version knows no configuration '{unknown[0]}': give the duel up")
    started, seed = time.process_time(), derive_seed(fits.snapshot.seed, "duel")
    rows, y = fits.snapshot.rows(training.labels, training.edits)
    some = np.sort(np.random.default_rng(seed).permutation(len(y))[:MOST_ROWS])
    features, y = fits.snapshot.features[rows[some]], y[some]
    if len(np.unique(y)) < 2:
        return Searched(OWN, {}, len(y), 0.0)
    found = search.best(features[:, fitting.occurring(features)], y, names=names, seed=seed)
    own = _own_score(fits, features, y, plain=plain, seed=seed)
    winner = found.name if found.score > own else OWN
    return Searched(winner, {OWN: own, **found.scores}, len(y), time.process_time() - started)


def _own_score(
    fits: Fits, features: np.ndarray, y: np.ndarray, *, plain: ModelConfig, seed: int
) -> float:
    """The accuracy of the project's own model on the folds that the search uses."""
    fold = search.folds_of(y, min(search.FOLDS, len(y)), np.random.default_rng(seed))
    hits = 0
    for held_out in np.unique(fold):
        test = fold == held_out
        fitted = fitting.fit(
            features[~test],
            y[~test],
            n_classes=len(fits.snapshot.classes),
            config=plain,
            seed=fits.seed,
        )
        hits += int((fitting.decide(fitted.predict_proba(features[test])) == y[test]).sum())
    return hits / len(y)
