"""Forecasts of a project: what the next rounds are expected to bring, and what came true of them.

They are made when a round is closed, from the rounds so far on today's gold and a fresh curve of
subsamples, and are kept in the round's report as they were said. What comes true is judged later on
the gold of that day; a forecast is moved by what that gold makes of the score it started from, so
that it answers for the gain alone and not for gold that was added since.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from labeling import impact, rulers
from labeling.core import fitting, forecast
from labeling.core.comparison import MIN_GOLD
from labeling.core.forecast import Forecast, Past, Point
from labeling.core.stopping import ROUNDS_AHEAD
from labeling.fits import Fits
from labeling.project import Project, derive_seed
from labeling.rulers import Ruler
from labeling.store.rounds import Round
from labeling.versions import TrainingSet

KEY = "ahead"  # in the report of a round
AHEAD = (1, 3, 7)  # rounds
SHOWN = (0.8, 0.95)  # levels of the intervals
MOST_FRESH = 3_000  # labels; more make the fits of subsamples longer than the rest of the closing
RECENT = 3  # rounds whose growth the next ones are taken to have
COLUMNS = [
    "round", "n_labels", "rounds_ahead", "at_labels", "predicted",
    "low_80", "high_80", "low_95", "high_95", "came_true", "inside_80", "inside_95",
]  # fmt: skip

BANDS = ["n_labels", "predicted", "low_80", "high_80", "low_95", "high_95"]


class Said(NamedTuple):
    """A forecast that was said after a round for so many rounds later."""

    round_no: int
    ahead: int
    forecast: Forecast


class Judged(NamedTuple):
    """A forecast on today's gold, and the score that was reached there; None while that is open."""

    said: Said
    came: float | None


# -- when a round is closed -----------------------------------------------------------------------


def after(fits: Fits, closed: Sequence[Round], report: Mapping[str, Any]) -> dict[str, Any]:
    """What is expected after the last of `closed`, as plain JSON values.

    `report` is the new report of that round. `why_not` are words where nothing is forecast, `note`
    says what was left out; `step` are labels a round, `said` holds all forecasts of the project,
    `reach` the one for the stop light, ROUNDS_AHEAD rounds later or at the end of the pool.
    """
    ruler, curve = rulers.current(fits.snapshot), _curve(report)
    earlier = said(fits.snapshot.project)
    training = fits.snapshot.training_set(impact.version_of(closed[-1]))
    step = _step(fits, closed)
    ats = _labels_ahead(fits, training, step)
    why_not = _why_not(ruler, curve, ats)
    fresh, note, made = list[Point](), None, dict[int, Forecast]()
    if not why_not:
        fresh, note = _fresh(fits, ruler, training, closed[-1])
        past = come_true(judge(earlier, curve))
        found = forecast.forecasts(
            list(curve.values()), fresh, list(ats.values()), n_gold=ruler.n, past=past
        )
        made = dict(zip(ats, found, strict=True))
    new = [Said(closed[-1].round_no, k, made[k]) for k in AHEAD if k in made]
    return {
        "why_not": why_not,
        "note": note,
        "step": step,
        "fresh": [list(point) for point in fresh],
        "said": [_plain(one) for one in (*earlier, *new)],
        "reach": _stored(made[ROUNDS_AHEAD]) if ROUNDS_AHEAD in made else None,
    }


def _curve(report: Mapping[str, Any]) -> dict[int, Point]:
    """The rounds that had labels and their scores on the report's gold, by number."""
    headline = [row["metric"] for row in report["metrics"][:1]]
    return {
        int(row["round"]): Point(int(row["n_labels"]), float(row["value"]))
        for row in report["curve"]
        if row["metric"] in headline and row["n"] and row["n_labels"]
    }


def _labels_ahead(fits: Fits, training: TrainingSet, step: int) -> dict[int, int]:
    """How many labels will stand so many rounds later, if each of them brings `step`.

    Nothing beyond the pool or beyond what was ever scored; only the reach of the stop light is cut
    down to the end of the pool.
    """
    n, left = len(training.labels), _left(fits, training)
    ats = {k: n + k * step for k in AHEAD if k * step <= left}
    if left:
        ats[ROUNDS_AHEAD] = n + min(ROUNDS_AHEAD * step, left)
    return {k: at for k, at in sorted(ats.items()) if at <= forecast.MAX_GROWTH * n}


def _left(fits: Fits, training: TrainingSet) -> int:
    """Items of the pool that may still be labelled."""
    pool = {item.item_id for item in fits.snapshot.items if item.side == "pool"}
    return len(pool - training.labels.keys() - training.standing.excluded)


def _step(fits: Fits, closed: Sequence[Round]) -> int:
    """Labels a round: the median of the last ones, a batch where these brought none."""
    n = [r.n_labels for r in closed[-RECENT - 1 :]]
    growth = [now - before for before, now in pairwise(n)]
    usual = round(statistics.median(growth)) if growth else 0
    return usual if usual > 0 else int(fits.snapshot.config()["batch_size"])


def _why_not(ruler: Ruler, curve: Mapping[int, Point], ats: Mapping[int, int]) -> str | None:
    if ruler.n < MIN_GOLD:
        return f"a forecast needs {MIN_GOLD} gold labels: {MIN_GOLD - ruler.n} more"
    if len(curve) < forecast.MIN_ROUNDS:
        missing = forecast.MIN_ROUNDS - len(curve)
        return f"a forecast needs {forecast.MIN_ROUNDS} closed rounds with labels: {missing} more"
    if not ats:
        return "no more labels can come, or more than any forecast was ever scored for"
    return None


def _fresh(
    fits: Fits, ruler: Ruler, training: TrainingSet, closed: Round
) -> tuple[list[Point], str | None]:
    """The curve of random subsamples of a round's labels, or why there is none."""
    items = list(training.labels)
    if len(items) > MOST_FRESH:
        return [], (
            f"with more than {MOST_FRESH:,} labels no subsamples are fitted, which would take "
            "long: the forecast rests on the rounds alone"
        )
    rng = np.random.default_rng(derive_seed(fits.snapshot.seed, "forecast", training.hash))
    found = []
    for chosen in forecast.subsets(len(items), rng):
        part = training.only(items[position] for position in chosen)
        found.append(Point(len(part.labels), _score(fits, ruler, part, closed)))
    return found, None


def _score(fits: Fits, ruler: Ruler, part: TrainingSet, closed: Round) -> float:
    """The score of a fit that is not worth keeping."""
    snapshot = fits.snapshot
    model = fits.fit(part, impact.model_of(closed))
    proba = model.predict_proba(snapshot.features[snapshot.reservoir])
    return float(ruler.right(fitting.decide(proba, multi=snapshot.multi)).mean())


# -- what was said, and what came true ------------------------------------------------------------


def _plain(one: Said) -> dict[str, Any]:
    return {"round": one.round_no, "ahead": one.ahead, **_stored(one.forecast)}


def _stored(told: Forecast) -> dict[str, Any]:
    return told._asdict() | {"halves": list(told.halves)}


def _read(row: Mapping[str, Any]) -> Said:
    return Said(int(row["round"]), int(row["ahead"]), read(row))


def read(row: Mapping[str, Any]) -> Forecast:
    """A forecast out of what was stored."""
    fields = {name: row[name] for name in Forecast._fields} | {"halves": tuple(row["halves"])}
    return Forecast(**fields)


def body(project: Project) -> Mapping[str, Any] | None:
    """What the report of the newest round says of the next ones; None without such a report."""
    stored = impact.cached(project, impact.REPORT)
    found: Mapping[str, Any] | None = stored[1].get(KEY) if stored else None
    return found


def said(project: Project) -> list[Said]:
    """All forecasts of the project as they were said, oldest first."""
    stored = body(project)
    return [_read(row) for row in stored["said"]] if stored else []


def judge(ones: Sequence[Said], curve: Mapping[int, Point]) -> list[Judged]:
    """Forecasts moved to the gold of `curve`, and what became of them there.

    `curve` holds every round's labels and score by number. Where no round has just as many labels
    as were forecast, the score is read between the two rounds beside them, on a log scale.
    """
    found = []
    for one in ones:
        start = curve.get(one.round_no)
        moved = one if start is None else _moved(one, start.score)
        found.append(Judged(moved, _reached(one, curve)))
    return found


def _moved(one: Said, start: float) -> Said:
    median = one.forecast.median + start - one.forecast.last
    told = one.forecast._replace(last=start, median=min(max(median, 0.0), 1.0))
    return one._replace(forecast=told)


def _reached(one: Said, curve: Mapping[int, Point]) -> float | None:
    """The score at the labels that were forecast, None before a round has so many."""
    at, before = one.forecast.at, curve.get(one.round_no)
    for round_no in sorted(curve):
        if before is None or round_no <= one.round_no:
            continue
        now = curve[round_no]
        if now.n >= at:
            ends = np.log([before.n, now.n])
            return float(np.interp(math.log(at), ends, [before.score, now.score]))
        before = now
    return None


def come_true(ones: Sequence[Judged]) -> list[Past]:
    """Those whose time has come."""
    return [Past(one.said.forecast, one.came) for one in ones if one.came is not None]


def judged(project: Project) -> list[Judged]:
    """All forecasts of the project on today's gold, oldest first."""
    stored = impact.cached(project, impact.REPORT)
    if stored is None:
        return []
    return judge(said(project), _curve(stored[1]))


def table(project: Project) -> pd.DataFrame:
    """Every forecast with its intervals and what came true of it, empty while that is open."""
    return pd.DataFrame([_row(one) for one in judged(project)], columns=COLUMNS)


def past_forecasts(project: Project) -> pd.DataFrame:
    """Those of the table whose time has come."""
    found = table(project)
    return found[found["came_true"].notna()].reset_index(drop=True)


def _row(one: Judged) -> tuple[Any, ...]:
    told, came = one.said.forecast, one.came
    bounds = [told.interval(level) for level in SHOWN]
    inside = [None if came is None else low <= came <= high for low, high in bounds]
    flat = [bound for pair in bounds for bound in pair]
    return (one.said.round_no, told.n, one.said.ahead, told.at, told.median, *flat, came, *inside)


# -- for the screen -------------------------------------------------------------------------------


def continued(project: Project) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The rounds' scores, and the newest forecast behind them from the last score on.

    Columns n_labels, score; n_labels, predicted, low_80, high_80, low_95, high_95. Nothing of
    either where the newest round has no forecast.
    """
    found, stored = table(project), impact.cached(project, impact.REPORT)
    points = _curve(stored[1]) if stored else {}
    newest = found[found["round"] == max(points, default=0)]
    curve = pd.DataFrame(list(points.values()), columns=["n_labels", "score"])
    shown = newest.rename(columns={"n_labels": "from", "at_labels": "n_labels"})[BANDS]
    if shown.empty:
        return curve.head(0), shown
    last = curve.iloc[-1]
    start = pd.DataFrame([[last["n_labels"], *[last["score"]] * (len(BANDS) - 1)]], columns=BANDS)
    return curve, pd.concat([start, shown], ignore_index=True)


def note(project: Project) -> str | None:
    """What the newest forecast had to leave out, or None."""
    stored = body(project)
    return stored["note"] if stored else None


def calibration(project: Project) -> pd.DataFrame:
    """What each level promised and what share came true; empty below MIN_OWN forecasts."""
    past = come_true(judged(project))
    points = forecast.calibration(past) if len(past) >= forecast.MIN_OWN else []
    return pd.DataFrame(points, columns=list(forecast.Coverage._fields))


def hits(past: pd.DataFrame) -> str:
    """How many of the past forecasts lay inside, in words."""
    n = len(past)
    counts = [int(past[f"inside_{round(100 * level)}"].astype(bool).sum()) for level in SHOWN]
    return (
        f"{counts[0]} of {n} lay inside the 80 % interval, {counts[1]} inside the 95 % interval. "
        + _own_words(n)
    )


def _own_words(n: int) -> str:
    if n < forecast.MIN_OWN:
        return f"From {forecast.MIN_OWN} on they scale the intervals."
    return "The intervals are scaled by them."
