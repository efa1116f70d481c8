"""Reliability: whether the model of a closed round is right as often as it says, on gold."""

from __future__ import annotations

import numpy as np
import pandas as pd

from labeling import rulers
from labeling.core import calibration
from labeling.core.calibration import Calibration
from labeling.core.comparison import MIN_GOLD
from labeling.core.log import DataVersion
from labeling.core.models import ModelConfig
from labeling.fits import Fits
from labeling.project import Project, derive_seed
from labeling.store import rounds as store
from labeling.store.rounds import Round
from labeling.versions import Snapshot


def of_round(fits: Fits, closed: Round) -> Calibration | None:
    """The reliability of a closed round's model; None under 30 gold labels.

    From stored predictions. Where an item may have several classes, each of them is a statement of
    its own; the intervals do not know then that those of one item hang together.
    """
    ruler = rulers.current(fits.snapshot)
    if ruler.n < MIN_GOLD:
        return None
    version = DataVersion(closed.upto_event, policy=closed.config["policy"])
    training = fits.snapshot.training_set(version)
    config = ModelConfig(**closed.config["model"])
    said = fits.predicted(training, config)[ruler.at]
    sure = fits.confidence(training, config)[ruler.at].astype(np.float64)
    seed = derive_seed(fits.snapshot.seed, "calibration", closed.round_no)
    right = np.asarray(said == ruler.truth).ravel()
    return calibration.calibration(sure.ravel(), right, np.random.default_rng(seed))


def table(project: Project) -> pd.DataFrame:
    """How often the newest round's model is right by how sure it says to be, on gold."""
    closed = store.every(project.db)
    found = of_round(Fits(Snapshot(project)), closed[-1]) if closed else None
    return pd.DataFrame(columns=calibration.COLUMNS) if found is None else found.table


def in_words(found: Calibration) -> str:
    """One sentence: how far the model's word is off, and which way."""
    low, high = (f"{100 * bound:.1f}" for bound in (found.error.low, found.error.high))
    error = f"it is off by {100 * found.error.value:.1f} points [{low}, {high}] on average"
    if found.error.low == 0:
        return f"the model may be as sure as it should be: {error}"
    way = "surer than it is right" if found.overconfidence > 0 else "right more often than it says"
    return f"the model is {way}: {error}"
