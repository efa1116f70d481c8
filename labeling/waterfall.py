"""The waterfall: one bar a change, its share of what the data did to the model.

Bars add up item by item; beside each stands what random changes of the same size would have done.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from labeling import impact, rulers
from labeling.core import attribution, verdicts
from labeling.core.attribution import Coalition
from labeling.core.log import DataVersion
from labeling.core.models import ModelConfig
from labeling.core.scales import Scale
from labeling.errors import InputError
from labeling.fits import Fits
from labeling.impact import BAR_COLUMNS, WATERFALL, gold_needed, placebo, points, records
from labeling.ingest import Progress, silent
from labeling.project import Project, derive_seed
from labeling.rulers import Ruler
from labeling.store import changes
from labeling.store import rounds as store
from labeling.store.rounds import Round
from labeling.versions import Snapshot, TrainingSet, players, reached_by

PREVIEW, TOLD = "preview", "told"
MOST_PAIRED = 6  # changes whose pairs are looked at where there are too many for all
DIGITS = 6


class Stretch(NamedTuple):
    """A part of the log: what came after round `first` (None: from the start) up to round `last`.

    Without `last`, up to now.
    """

    first: int | None = None
    last: int | None = None

    @property
    def name(self) -> str:
        """Where its figures are stored."""
        whole = self == WHOLE
        return WATERFALL if whole else f"{WATERFALL}:{self.first or 0}-{self.last or ''}"


WHOLE = Stretch()


class Told(NamedTuple):
    """A waterfall as it is kept, in plain JSON values.

    `bars` are records of BAR_COLUMNS and `band` by scale; `ends` the scores before and after by
    scale; `credits` each change's effect on every gold item, in the order of `gold`; `newest` the
    newest change that was there.
    """

    bars: dict[str, list[dict[str, Any]]]
    ends: dict[str, list[float]]
    interaction: str | None
    gold: list[str]
    credits: dict[str, list[float]]
    fits: int
    preview: bool
    newest: int

    def frame(self, scale: str | None = None) -> pd.DataFrame:
        """One row a bar, oldest first: BAR_COLUMNS and `band`; the headline's scale by default."""
        rows = self.bars[scale or next(iter(self.bars))]
        return pd.DataFrame(rows, columns=[*BAR_COLUMNS, "band"])


def measure(
    project: Project,
    *,
    seed: int | None = None,
    stretch: Stretch = WHOLE,
    progress: Progress = silent,
) -> pd.DataFrame:
    """One bar a change, oldest first: its share of the way from no data to today's model.

    The first change that reached the training data is what the others build on: its bar is what it
    does alone. The others share the rest by Shapley values over closed sets of changes, so that
    all bars add up to the total item by item. A stretch that begins at a round builds on all that
    was done by then; a change with later facts has its bar, whole, in the later stretch. One choice
    of a model holds for all sets: bars differ by the data alone. Columns are BAR_COLUMNS, deltas in
    fractions. A preview is stored first.
    Raises InputError without gold labels or without changes.
    """
    game = _Game(Fits(Snapshot(project)), stretch, progress)
    _keep(project, game, game.preview())
    told = game.told(seed)
    _keep(project, game, told)
    return told.frame()[BAR_COLUMNS]


def _keep(project: Project, game: _Game, told: Told) -> None:
    game.fits.save(project)
    with project.writing():
        name, upto = game.stretch.name, game.fits.snapshot.upto
        place = f"{name}/{PREVIEW if told.preview else TOLD}"
        store.put_result(project.db, place, upto_event=upto, body=told._asdict())
        if not told.preview and game.stretch == WHOLE:
            bars = records(told.frame()[BAR_COLUMNS])
            store.put_result(project.db, WATERFALL, upto_event=upto, body=bars)


def stored(project: Project, stretch: Stretch = WHOLE) -> tuple[int, Told] | None:
    """What was measured last of a stretch, with the event that it was measured at, or None."""
    return _stored(project, f"{stretch.name}/{TOLD}")


def previewed(project: Project, stretch: Stretch = WHOLE) -> tuple[int, Told] | None:
    """A preview of facts that no exact measure knows yet, for while one is under way, or None."""
    early, exact = _stored(project, f"{stretch.name}/{PREVIEW}"), stored(project, stretch)
    return early if early and (exact is None or early[0] > exact[0]) else None


def _stored(project: Project, name: str) -> tuple[int, Told] | None:
    found = store.get_result(project.db, name)
    return None if found is None else (found[0], Told(**found[1]))


def staleness(project: Project, upto_event: int, told: Told) -> str:
    """A sentence when the log, or the model's settings, have moved on since; else nothing."""
    said = impact.staleness(project, upto_event)
    newer = [
        c for c in changes.every(project.db) if c.change_id > told.newest and c.kind == "model"
    ]
    return said + (" The model's settings have changed since." if newer else "")


def in_words(bars: pd.DataFrame, *, start: float, end: float) -> str:
    """What came of a stretch, in a sentence or two: from where to where, and what was real."""
    said = f"From {start:.1%} to {end:.1%} by {len(bars)} change{'s' if len(bars) > 1 else ''}."
    real = bars[bars["verdict"] == "real"]
    if real.empty:
        return f"{said} No single one is real beyond doubt yet."
    named = [f"“{bar.title}” {points(bar.delta)}" for bar in real.itertuples()]
    return f"{said} Real are: {', '.join(named)} points."


def of_fits(fits: Fits, *, seed: int | None = None, progress: Progress = silent) -> pd.DataFrame:
    """The bars of the whole log from the fits of any snapshot, writing nothing."""
    return _Game(fits, WHOLE, progress).told(seed).frame()[BAR_COLUMNS]


class _Game:
    """The changes of a stretch as players, and how right the model of each set of them is.

    `base` are the changes that all others build on; `opening`, the first change of the log, has a
    bar of its own where the stretch begins with it.
    """

    def __init__(self, fits: Fits, stretch: Stretch, progress: Progress) -> None:
        self.fits, self.stretch, self.progress = fits, stretch, progress
        self._known = dict[Coalition, np.ndarray]()
        self.ruler = rulers.current(fits.snapshot)
        if self.ruler.n == 0:
            raise InputError(
                f"there are no gold labels yet: {gold_needed(0)}; label the gold draws of the queue"
            )
        snapshot = fits.snapshot
        first, last = _rounds(snapshot, stretch)
        upto = snapshot.upto if last is None else last.upto_event
        self.later = _made_after(snapshot, last)
        policy = snapshot.config(without=self.later)["policy"]
        self.version = DataVersion(upto, self.later, policy)
        self.rows_of = reached_by(snapshot, self.version)
        every = [p for p in players(snapshot, self.version) if p not in self.later]
        self.base, self.opening = self._foundation(every, first)
        self.others = [p for p in every if p not in self.base]
        if not self.others and self.opening is None:
            raise InputError("no change has reached the training data in it: label some pool items")
        self.trained = _Coalitions(fits, self.version, frozenset(every), self.later, progress)

    def _foundation(
        self, every: Sequence[int], first: Round | None
    ) -> tuple[Coalition, int | None]:
        if first is None:
            reached = [change for change in every if change in self.rows_of]
            opening = next(iter(reached or every), None)
            return frozenset() if opening is None else frozenset({opening}), opening
        last = _last_facts(self.fits.snapshot)
        late = {p for p in every if last.get(p, first.upto_event) > first.upto_event}
        return frozenset(every) - _made_after(self.fits.snapshot, first) - late, None

    def credit(self, coalition: Coalition) -> np.ndarray:
        """How right the model of some changes is on each gold item, float (n,)."""
        if coalition not in self._known:
            self._known[coalition] = self._scored(coalition)
        return self._known[coalition]

    def _scored(self, coalition: Coalition) -> np.ndarray:
        if not self.trained.parts(coalition)[0].labels:  # no rows at all: as good as a guess
            return np.full(self.ruler.n, self.ruler.guess)
        return self.ruler.right(self.trained.predicted(coalition)).astype(float)

    def beyond_base(self, coalition: Coalition) -> np.ndarray:
        """The same of the base with some changes on top."""
        return self.credit(coalition | self.base)

    def preview(self) -> Told:
        """The bars as they look from two places only, without a placebo band or a verdict."""
        shares = attribution.preview(self.others, self.beyond_base)
        return self._told(self._credits(shares), preview=True, interaction=None)

    def told(self, seed: int | None) -> Told:
        """The bars, exact up to seven changes."""
        drawn_from = self.fits.snapshot.seed if seed is None else seed
        rng = np.random.default_rng(derive_seed(drawn_from, "waterfall", self.fits.snapshot.upto))
        credits = self._credits(attribution.shapley(self.others, self.beyond_base, rng))
        return self._told(credits, preview=False, interaction=self._interaction(credits))

    def _credits(self, shares: np.ndarray) -> dict[int, np.ndarray]:
        bars = dict(zip(self.others, shares, strict=True))
        if self.opening is not None:
            bars[self.opening] = self.credit(self.base) - self.credit(frozenset())
        return dict(sorted(bars.items()))

    def _interaction(self, credits: Mapping[int, np.ndarray]) -> str | None:
        """The largest interaction as a sentence; None below two changes, or where it is nothing."""
        size = {p: abs(float(credits[p].mean())) for p in self.others}
        among = sorted(self.others, key=lambda p: -size[p])[:MOST_PAIRED]
        if len(among) < 2:
            return None
        if len(self.others) <= attribution.EXACT_UP_TO:
            among = self.others
        found = attribution.interactions(self.others, self.beyond_base, among=among)[0]
        titles = {c.change_id: f"“{c.title}”" for c in self.fits.snapshot.changes}
        return attribution.in_words(found, titles) if abs(found.value) >= 0.0005 else None

    def _told(
        self, credits: dict[int, np.ndarray], *, preview: bool, interaction: str | None
    ) -> Told:
        start = self.credit(frozenset() if self.opening is not None else self.base)
        end = self.credit(self.base | frozenset(self.others))
        bars = {s.name: self._bars(credits, s, preview=preview) for s in self.ruler.scales}
        fitted = len(self.trained.hashes)
        for row in (row for rows in bars.values() for row in rows):
            row["fits"] = fitted
        return Told(
            bars,
            {s.name: [s.mean(start), s.mean(end)] for s in self.ruler.scales},
            interaction,
            self.ruler.items,
            {str(p): [round(float(c), DIGITS) for c in bar] for p, bar in credits.items()},
            fitted,
            preview,
            max((change.change_id for change in self.fits.snapshot.changes), default=0),
        )

    def _bars(
        self, credits: Mapping[int, np.ndarray], scale: Scale, *, preview: bool
    ) -> list[dict[str, Any]]:
        bands = [None if preview else self._band(p, scale) for p in credits]
        judged = verdicts.of_bars(np.array(list(credits.values())), bands, scale=scale)
        named = {change.change_id: change for change in self.fits.snapshot.changes}
        rows = []
        for player, band, found in zip(credits, bands, judged, strict=True):
            n_rows = len(self.rows_of.get(player, ()))
            head = (player, named[player].kind, named[player].title, n_rows, *found.interval)
            words = PREVIEW if preview else found.verdict
            rows.append(dict(zip([*BAR_COLUMNS, "band"], (*head, words, 0, band), strict=True)))
        return rows

    def _band(self, player: int, scale: Scale) -> float | None:
        ends = [self.trained.parts(self.base), self.trained.parts(self.base | {*self.others})]
        n_rows = len(self.rows_of.get(player, ()))
        if player == self.opening:  # from nothing: all one can ask is how much a model wavers
            n_rows = min(n_rows, len(ends[-1][0].labels) // 3)
        size = _rounded_up(n_rows)
        return self.trained.band(self.ruler, ends, size=size, scale=scale)


class _Coalitions:
    """Models of the data as if only some changes had been made, each trained once."""

    def __init__(
        self,
        fits: Fits,
        version: DataVersion,
        everything: Coalition,
        never: Coalition,
        progress: Progress,
    ) -> None:
        self.fits, self.version, self.everything, self.never = fits, version, everything, never
        self.progress, self.cache = progress, dict[Coalition, np.ndarray]()
        self.hashes, self._bands = set[str](), dict[tuple[int, str], float | None]()

    def parts(self, coalition: Coalition) -> tuple[TrainingSet, ModelConfig]:
        """What the model of a coalition trains on, and how."""
        without = (self.everything - coalition) | self.never
        config = self.fits.snapshot.config(without=without)
        version = DataVersion(self.version.upto_event, without, config["policy"])
        return self.fits.snapshot.training_set(version), self.fits.model_of(config)

    def predicted(self, coalition: Coalition) -> np.ndarray:
        """Predicted codes of the reservoir."""
        if coalition not in self.cache:
            done = len(self.cache) / 2 ** min(len(self.everything), attribution.EXACT_UP_TO)
            self.progress(min(0.7, 0.7 * done), f"{len(self.cache)} sets of changes measured")
            training, config = self.parts(coalition)
            self.hashes.add(self.fits.key(training.hash, config))
            self.cache[coalition] = self.fits.predicted(training, config)
        return self.cache[coalition]

    def band(
        self,
        ruler: Ruler,
        ends: Sequence[tuple[TrainingSet, ModelConfig]],
        *,
        size: int,
        scale: Scale,
    ) -> float | None:
        """The placebo band of changes of a size, measured once."""
        key = size, scale.name
        if key not in self._bands:
            self._bands[key] = placebo(
                self.fits, ruler, ends, size=size, scale=scale, progress=self.progress
            )
        return self._bands[key]


def _rounds(snapshot: Snapshot, stretch: Stretch) -> tuple[Round | None, Round | None]:
    """The rounds that a stretch lies between. Raises InputError if there are none such."""
    closed = {r.round_no: r for r in store.every(snapshot.project.db)}
    unknown = [n for n in stretch if n is not None and n not in closed]
    if unknown or (stretch.last is not None and (stretch.first or 0) >= stretch.last):
        raise InputError(
            f"expected a stretch between closed rounds, from 1 to {len(closed)} and the earlier "
            f"first, found {stretch.first} to {stretch.last}"
        )
    first, last = (None if n is None else closed[n] for n in stretch)
    return first, last


def _last_facts(snapshot: Snapshot) -> dict[int, int]:
    """The number of the last event of each change: a queue may be made early and answered late."""
    return {event.change_id: event.seq for event in snapshot.log}


def _made_after(snapshot: Snapshot, closed: Round | None) -> frozenset[int]:
    """The changes that were made when a round was over: from the next batch on."""
    every = [change.change_id for change in snapshot.changes]
    batches = {c.payload["round"]: c.change_id for c in snapshot.changes if "round" in c.payload}
    if closed is None or closed.round_no + 1 not in batches:
        return frozenset()
    return frozenset(change for change in every if change >= batches[closed.round_no + 1])


def _rounded_up(n_rows: int) -> int:
    """Sizes within a factor of about 1.4 share the band of the largest of them."""
    return 0 if n_rows == 0 else math.ceil(2 ** (math.ceil(2 * math.log2(n_rows)) / 2) - 1e-9)
