"""Impact: the learning curve, before and after, and each change's bar, always on the same gold."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from labeling import batches, control_arm, rulers
from labeling.config import Config
from labeling.core import attribution, comparison
from labeling.core.comparison import MIN_GOLD, Interval
from labeling.core.log import DataVersion
from labeling.core.models import ModelConfig
from labeling.core.scales import Scale
from labeling.fits import Fits
from labeling.ingest import Progress, silent
from labeling.project import Project, derive_seed
from labeling.rulers import Ruler
from labeling.store import events, items
from labeling.store import rounds as store
from labeling.store.rounds import Round
from labeling.versions import TrainingSet, players

PLACEBOS = 20
REPORT, WATERFALL = "report", "waterfall"
WIDTH = 0.2
BAR_COLUMNS = [
    "change_id", "kind", "title", "n_rows", "delta", "low", "high", "verdict", "fits",
]  # fmt: skip


class Difference(NamedTuple):
    """A paired difference on the current gold, in words and numbers (fractions)."""

    title: str
    before: float
    after: float
    delta: float
    low: float
    high: float
    band: float | None
    n_gold: int
    verdict: str


def gold_needed(n_gold: int) -> str | None:
    """What to say instead of a headline while gold is scarce; None when there is enough."""
    if n_gold >= MIN_GOLD:
        return None
    width = comparison.labels_for_width(WIDTH)
    return (
        f"no headline yet: {MIN_GOLD - n_gold} more gold labels until a first figure, "
        f"{max(0, width - n_gold)} until its interval is {100 * WIDTH:.0f} points wide at most"
    )


# -- the report of a round ------------------------------------------------------------------------


def report(fits: Fits, closed: Sequence[Round], *, progress: Progress = silent) -> dict[str, Any]:
    """All that the impact page shows of the closed rounds, as plain JSON values.

    Every model, old or new, is scored on the current gold: pairs, never two separate numbers.
    """
    snapshot, ruler = fits.snapshot, rulers.current(fits.snapshot)
    progress(0.3, "scoring every round on the current gold")
    predicted = predictions(fits, closed)
    last = version_of(closed[-1])
    return {
        "n_gold": ruler.n,
        "gold_needed": gold_needed(ruler.n),
        "gold_skipped": batches.skipped_gold(snapshot.project),
        "curve": _curve(ruler, closed, predicted),
        "control_curve": _control_curve(fits, ruler, closed),
        "control": control_arm.compare(fits, ruler, closed[-1]),
        "metrics": _summary(ruler, predicted[-1]),
        "per_class": records(ruler.per_class(predicted[-1])),
        "last_round": _last_round(fits, ruler, closed, predicted, progress=progress),
        "last_change": _last_change(fits, ruler, last, model_of(closed[-1]), progress=progress),
    }


def predictions(fits: Fits, closed: Sequence[Round]) -> list[np.ndarray]:
    """What the model of each round says of the reservoir, in the codes of `Fits.predicted`."""
    return [fits.of_version(version_of(r), model_of(r)) for r in closed]


def version_of(closed: Round) -> DataVersion:
    """The data that a round learned from."""
    return DataVersion(closed.upto_event, policy=closed.config["policy"])


def model_of(closed: Round) -> ModelConfig:
    """The model that a round chose."""
    return ModelConfig(**closed.config["model"])


def round_config(config: Config, model: ModelConfig) -> dict[str, Any]:
    """What a round remembers of the settings that decide its fit, and what came of them."""
    return {"policy": config["policy"], "model": asdict(model), "wish": asdict(config.wish)}


def records(frame: pd.DataFrame) -> list[dict[str, Any]]:
    plain = frame.astype(object).where(frame.notna(), None)
    return [{str(k): v for k, v in row.items()} for row in plain.to_dict("records")]


def _summary(ruler: Ruler, predicted: np.ndarray) -> list[dict[str, Any]]:
    return records(ruler.summary(predicted))


def _curve(
    ruler: Ruler, closed: Sequence[Round], predicted: Sequence[np.ndarray]
) -> list[dict[str, Any]]:
    return [
        {"round": r.round_no, "n_labels": r.n_labels, **row}
        for r, codes in zip(closed, predicted, strict=True)
        for row in _summary(ruler, codes)
    ]


def _random_arm(fits: Fits, closed: Round) -> TrainingSet:
    """The round's training set cut down to what came without active choice."""
    training = fits.snapshot.training_set(version_of(closed))
    origins = control_arm.origins(fits, training)
    return training.only(origins.base + origins.random)


def _control_curve(fits: Fits, ruler: Ruler, closed: Sequence[Round]) -> list[dict[str, Any]]:
    rows = []
    for r in closed:
        arm = _random_arm(fits, r)
        codes = fits.predicted(arm, model_of(r))
        rows += [
            {"round": r.round_no, "n_labels": len(arm.labels), **row}
            for row in _summary(ruler, codes)
        ]
    return rows


def _difference(
    title: str, old: np.ndarray, new: np.ndarray, interval: Interval, *, band: float | None
) -> Difference:
    n = len(old)
    disagreement = comparison.disagreement(old, new)
    return Difference(
        title,
        float(old.mean()) if n else math.nan,
        float(new.mean()) if n else math.nan,
        interval.value,
        interval.low,
        interval.high,
        band,
        n,
        comparison.verdict(interval, n=n, band=band, disagreement=disagreement),
    )


def _last_round(
    fits: Fits,
    ruler: Ruler,
    closed: Sequence[Round],
    predicted: Sequence[np.ndarray],
    *,
    progress: Progress,
) -> dict[str, Any] | None:
    if len(closed) < 2 or ruler.n == 0:
        return None
    old, new = (ruler.right(codes) for codes in predicted[-2:])
    before, after = (fits.snapshot.training_set(version_of(r)) for r in closed[-2:])
    ends = [(before, model_of(closed[-2])), (after, model_of(closed[-1]))]
    touched = _touched(before.labels, after.labels)
    band = placebo(fits, ruler, ends, size=len(touched), touched=touched, progress=progress)
    title = f"round {closed[-1].round_no} against round {closed[-2].round_no}"
    interval = comparison.paired(old, new)
    return _difference(title, old, new, interval, band=band)._asdict()


def _last_change(
    fits: Fits, ruler: Ruler, version: DataVersion, config: ModelConfig, *, progress: Progress
) -> dict[str, Any] | None:
    """The newest change of data or model: everything with it against everything without it."""
    snapshot, moved = fits.snapshot, players(fits.snapshot, version)
    if not moved or ruler.n == 0:
        return None
    change = next(c for c in snapshot.changes if c.change_id == moved[-1])
    gone = frozenset({change.change_id})
    past = snapshot.config(without=gone)
    before = snapshot.training_set(DataVersion(version.upto_event, gone, past["policy"]))
    after = snapshot.training_set(version)
    if not before.labels:
        return None
    ends = [(before, fits.model_of(past)), (after, config)]
    old, new = (ruler.right(fits.predicted(*end)) for end in ends)
    touched = _touched(before.labels, after.labels)
    band = placebo(fits, ruler, ends, size=len(touched), touched=touched, progress=progress)
    found = _difference(change.title, old, new, comparison.paired(old, new), band=band)
    return found._asdict() | {"change_id": change.change_id, "n_rows": len(touched)}


def _touched(before: Mapping[str, str], after: Mapping[str, str]) -> set[str]:
    return {i for i in before.keys() | after.keys() if before.get(i) != after.get(i)}


def placebo(
    fits: Fits,
    ruler: Ruler,
    ends: Sequence[tuple[TrainingSet, ModelConfig]],
    *,
    size: int,
    touched: Collection[str] = (),
    scale: Scale | None = None,
    progress: Progress = silent,
) -> float | None:
    """The placebo band: the largest effect of dropping as many random rows, 20 times at each end.

    `ends` are the versions before and after (METHODS 1.5: v0 and vN), `size` the rows that the
    change touched. Before, a change of more than half of the rows has no placebo; after, one has
    none that touched as many as there are untouched: a smaller drop would promise too much. The
    scale is the headline's unless one is given. 0.0 when the change touched no row; None when there
    is no placebo.
    """
    if size == 0:
        return 0.0
    (before, _), (after, _) = ends[0], ends[-1]
    drawn = []
    for training, config in ends:
        free = [item for item in training.labels if item not in touched]
        most = len(free) - 2 if training is after else len(before.labels) // 2
        if size <= min(most, len(free) - 2):
            drawn.append(
                _largest_effect(
                    fits,
                    ruler,
                    (training, config),
                    free=free,
                    n=size,
                    scale=scale or ruler.scales[0],
                    progress=progress,
                )
            )
    return max(drawn, default=None)


def _largest_effect(
    fits: Fits,
    ruler: Ruler,
    end: tuple[TrainingSet, ModelConfig],
    *,
    free: Sequence[str],
    n: int,
    scale: Scale,
    progress: Progress,
) -> float:
    training, config = end
    rng = np.random.default_rng(derive_seed(fits.snapshot.seed, "placebo", training.hash, n))
    drawn = [rng.choice(len(free), size=n, replace=False) for _ in range(PLACEBOS)]
    gone = [[free[i] for i in rows] for rows in drawn]
    scores = []
    progress(0.6, "measuring what random changes do (placebo)")
    for nth, said in enumerate(fits.without(training, config, [[], *gone])):
        progress(0.6 + 0.3 * nth / PLACEBOS, "measuring what random changes do (placebo)")
        scores.append(scale.mean(ruler.right(said)))
    return attribution.placebo_band([score - scores[0] for score in scores[1:]])


def cached(project: Project, name: str) -> tuple[int, Any] | None:
    """A result computed earlier with the event it was computed at, or None."""
    return store.get_result(project.db, name)


# -- in words -------------------------------------------------------------------------------------


def points(fraction: float) -> str:
    """A difference in points with its sign: 0.034 is "+3.4"."""
    return f"{100 * fraction:+.1f}"


def in_words(found: Any) -> str:
    """A bar or difference as one line: title, points with interval, verdict."""
    interval = f"[{points(found.low)}, {points(found.high)}]"
    return f"{found.title}: {points(found.delta)} points {interval}, {found.verdict}"


def headline(project: Project) -> list[str]:
    """What the newest round says, in at most three lines."""
    stored = cached(project, REPORT)
    return ["no round is closed yet"] if stored is None else lines_of(stored[1])


def lines_of(body: Mapping[str, Any]) -> list[str]:
    """What a report says of its newest round, in at most three lines."""
    if body["gold_needed"]:
        return [str(body["gold_needed"])]
    lines = [
        f"{m['metric'].replace('_', ' ')}: {m['value']:.1%} [{m['low']:.1%}, {m['high']:.1%}] "
        f"on {m['n']} gold labels"
        for m in body["metrics"][:1]
    ]
    if body["gold_skipped"]:
        lines.append(skipped_words(body["gold_skipped"]))
    compared = (body[key] for key in ("last_round", "last_change") if body[key])
    return lines + [in_words(_difference_from(row)) for row in compared]


def skipped_words(n_skipped: int) -> str:
    """What to say when gold lacks the items that people skipped."""
    return f"{n_skipped} gold draws were skipped: the score lacks the hard ones and may flatter"


def words_of(found: Mapping[str, Any]) -> str:
    """The same for a stored difference."""
    return in_words(_difference_from(found))


def staleness(project: Project, upto_event: int) -> str:
    """A sentence when the log has moved on since a result was computed, else nothing."""
    newer = events.last(project.db) - upto_event
    return f" {newer} newer answers or notes are not in these figures yet." if newer else ""


def cannot_measure(project: Project) -> str | None:
    """Why the bars cannot be measured yet, or None."""
    if not items.trusted(project.db):
        return "there are no gold labels"
    return None if cached(project, REPORT) else "no round is closed"


def _difference_from(row: Mapping[str, Any]) -> Difference:
    return Difference(**{name: row[name] for name in Difference._fields})
