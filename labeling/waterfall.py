"""The waterfall: one bar a change, its share of what the data did to the model.

Bars add up item by item; beside each stands what random changes of the same size would have done.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
import pandas as pd

from labeling import rulers
from labeling.core import attribution, comparison
from labeling.core.log import DataVersion
from labeling.core.models import ModelConfig
from labeling.errors import InputError
from labeling.fits import Fits
from labeling.impact import (
    BAR_COLUMNS,
    WATERFALL,
    gold_needed,
    placebo,
    records,
)
from labeling.ingest import Progress, silent
from labeling.project import Project, derive_seed
from labeling.rulers import Ruler
from labeling.store import rounds as store
from labeling.versions import Snapshot, TrainingSet, players, reached_by


def measure(
    project: Project, *, seed: int | None = None, progress: Progress = silent
) -> pd.DataFrame:
    """One bar a change, oldest first: its share of the way from no data to today's model.

    The first change that reached the training data is what the others build on: its bar is what it
    does alone. The others share the rest by Shapley values over closed sets of changes, so that
    all bars add up to the total item by item. Columns are BAR_COLUMNS, deltas in fractions.
    Raises InputError without gold labels or without changes.
    """
    fits = Fits(Snapshot(project))
    frame = of_fits(fits, seed=seed, progress=progress)
    fits.save(project)
    with project.writing():
        body = records(frame)
        store.put_result(project.db, WATERFALL, upto_event=fits.snapshot.upto, body=body)
    return frame


def of_fits(fits: Fits, *, seed: int | None = None, progress: Progress = silent) -> pd.DataFrame:
    """The same from the fits of any snapshot, writing nothing."""
    snapshot, ruler = fits.snapshot, rulers.current(fits.snapshot)
    if ruler.n == 0:
        raise InputError(
            f"there are no gold labels yet: {gold_needed(0)}; label the gold draws of the queue"
        )
    version = DataVersion(snapshot.upto, policy=snapshot.config()["policy"])
    moved = players(snapshot, version)
    if not moved:
        raise InputError("no change has reached the training data yet: label some pool items")
    trained = _Coalitions(fits, version, everything=moved, progress=progress)
    reached = reached_by(snapshot, version)
    base = min((change for change in moved if change in reached), default=moved[0])
    others = [change for change in moved if change != base]

    def credit(coalition: attribution.Coalition) -> np.ndarray:
        if not trained.parts(coalition)[0].labels:  # no rows at all: as good as a guess
            return np.full(ruler.n, ruler.guess)
        return ruler.right(trained.predicted(coalition)).astype(float)

    def credit_beyond_base(coalition: attribution.Coalition) -> np.ndarray:
        return credit(coalition | {base})

    drawn_from = snapshot.seed if seed is None else seed
    rng = np.random.default_rng(derive_seed(drawn_from, "waterfall", snapshot.upto))
    shares = attribution.shapley(others, credit_beyond_base, rng)
    bars = dict(zip(others, shares, strict=True))
    bars[base] = credit(frozenset({base})) - credit(frozenset())
    return _bars(ruler, trained, bars, base=base, progress=progress)


class _Coalitions:
    """Models of the data as if only some changes had been made, each trained once."""

    def __init__(
        self, fits: Fits, version: DataVersion, *, everything: list[int], progress: Progress
    ) -> None:
        self.fits, self.version, self.everything = fits, version, frozenset(everything)
        self.progress, self.cache = progress, dict[attribution.Coalition, np.ndarray]()
        self.hashes = set[str]()

    def parts(self, coalition: attribution.Coalition) -> tuple[TrainingSet, ModelConfig]:
        """What the model of a coalition trains on, and how."""
        without = self.everything - coalition
        config = self.fits.snapshot.config(without=without)
        version = DataVersion(self.version.upto_event, without, config["policy"])
        return self.fits.snapshot.training_set(version), self.fits.model_of(config)

    def predicted(self, coalition: attribution.Coalition) -> np.ndarray:
        """Predicted codes of the reservoir."""
        if coalition not in self.cache:
            done = len(self.cache) / 2 ** min(len(self.everything), attribution.EXACT_UP_TO)
            self.progress(min(0.7, 0.7 * done), f"{len(self.cache)} sets of changes measured")
            training, config = self.parts(coalition)
            self.hashes.add(self.fits.key(training.hash, config))
            self.cache[coalition] = self.fits.predicted(training, config)
        return self.cache[coalition]


def _bars(
    ruler: Ruler,
    trained: _Coalitions,
    bars: Mapping[int, np.ndarray],
    *,
    base: int,
    progress: Progress,
) -> pd.DataFrame:
    fits, moved = trained.fits, sorted(bars)
    ends = [trained.parts(frozenset({base})), trained.parts(frozenset(moved))]
    stands = comparison.holm([comparison.t_p_value(bars[player]) for player in moved])
    named = {change.change_id: change for change in fits.snapshot.changes}
    rows_of = reached_by(fits.snapshot, trained.version)
    bands: dict[int, float | None] = {}
    rows = []
    for player, holds in zip(moved, stands, strict=True):
        bar, n_rows = bars[player], len(rows_of.get(player, ()))
        size = _rounded_up(n_rows)
        if size not in bands:
            bands[size] = placebo(fits, ruler, ends, size=size, progress=progress)
        interval = comparison.t_interval(bar)
        words = comparison.verdict(
            interval,
            n=ruler.n,
            band=bands[size],
            stands=holds,
            disagreement=float((bar**2).mean()),
        )
        change = named[player]
        fitted = len(trained.hashes)
        rows.append((player, change.kind, change.title, n_rows, *interval, words, fitted))
    return pd.DataFrame(rows, columns=BAR_COLUMNS)


def _rounded_up(n_rows: int) -> int:
    """Sizes within a factor of about 1.4 share the band of the largest of them."""
    return 0 if n_rows == 0 else math.ceil(2 ** (math.ceil(2 * math.log2(n_rows)) / 2) - 1e-9)
