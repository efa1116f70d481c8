"""What data work is worth: points per hour by kind of work, and what to do with the next hour.

Bars are the waterfall's, hours the active time that screens measured. Nothing is fitted here.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from labeling import batches, choosing, forecasts, impact, issues, review, stop_light
from labeling.core import efficiency, forecast, intervals
from labeling.core.efficiency import Rate, Work
from labeling.project import Project, derive_seed
from labeling.store import changes, evidence, items

LEARNER, RANDOM = "label what the learner asks", "label random items"
CORRECT, DUPLICATES = "correct or adjudicate labels", "drop or merge duplicates"
REPAIR, IMPORT, TUNE = "repair values", "bring in labelled data", "tune the model"
FIRST = "the first labels"  # from nothing to a model: that cannot be done a second time

COLUMNS = [
    "kind", "changes", "without_time", "hours", "points_per_hour", "low", "high", "raw", "best",
]  # fmt: skip


class Step(NamedTuple):
    """What to do for a kind of work, and the page where it is done."""

    text: str
    page: str


STEPS: Mapping[str, Step] = MappingProxyType({
    LEARNER: Step("Label the items that are asked next.", "label"),
    RANDOM: Step("Choose the strategy random and label on.", "learner"),
    CORRECT: Step("Rule on labels that are disputed or look wrong.", "review"),
    DUPLICATES: Step("Merge or drop the duplicates that the checks found.", "quality"),
    REPAIR: Step("Repair the values that the checks doubt.", "quality"),
    IMPORT: Step("Bring in more labelled rows.", "data"),
    TUNE: Step("Try another model or other settings.", "learner"),
})  # fmt: skip
KINDS = tuple(STEPS)
OF_CHANGE = MappingProxyType({
    "correct": CORRECT, "adjudicate": CORRECT, "drop": DUPLICATES, "dedupe": DUPLICATES,
    "repair": REPAIR, "import": IMPORT, "model": TUNE,
})  # fmt: skip
FAMILY_OF = MappingProxyType({"L": CORRECT, "D": DUPLICATES, "S": REPAIR})


class Worth(NamedTuple):
    """Points per hour by kind, and the advice.

    `table` has a row a kind that was done or may be advised: measured `changes` and those
    `without_time`, hours, pooled points per hour with a 95 % interval, what its changes say alone
    (`raw`), and the chance that it pays best, in [0, 1]; rates are NaN where nothing is known.
    `kind` and `step` are None without any measured time; `words` say why. `notes` are sentences.
    """

    table: pd.DataFrame
    kind: str | None
    words: str
    step: Step | None
    notes: tuple[str, ...]


def measure(project: Project) -> Worth:
    """What an hour of each kind of data work brought, and the next best one.

    The same log gives the same advice: the draw behind it is made from the project's seed.
    """
    stored = impact.cached(project, impact.WATERFALL)
    if stored is None:
        nothing = pd.DataFrame(columns=COLUMNS)
        why_not = impact.cannot_measure(project)
        step = Step("Label the gold draws.", "label") if why_not else None
        words = (
            f"No change can be measured yet: {why_not}."
            if why_not
            else ("No change has been measured yet: the button above does it.")
        )
        return Worth(nothing, None, words, step, ())
    upto, rows = stored
    done = _done(project, rows, upto)
    ahead = _next_batch(project)
    kinds = _advisable(project, done)
    work = [each.work for each in done if each.work is not None and each.work.kind in kinds]
    seed = derive_seed(project.seed, "worth", upto)
    known = [*work, *([ahead] if ahead else [])]
    if not any(each.error > 0 for each in work):
        return Worth(_table([], work, done), None, _no_time(done), None, _notes(project, upto))
    believed = efficiency.rates(known, kinds, np.random.default_rng(seed))
    advice = efficiency.advise(known, kinds, np.random.default_rng(seed))
    notes = _notes(project, upto, ahead=ahead)
    return Worth(_table(believed, work, done), advice.kind, advice.words, STEPS[advice.kind], notes)


# -- what was done --------------------------------------------------------------------------------


class _Done(NamedTuple):
    """A change with a bar; `work` is None where no clock ran."""

    kind: str
    work: Work | None


def _done(project: Project, rows: Sequence[Mapping[str, Any]], upto: int) -> list[_Done]:
    """The changes with a bar but for the first that reached the data, which starts from nothing."""
    ordered = sorted(rows, key=lambda row: int(row["change_id"]))
    first = next((row["change_id"] for row in ordered if row["n_rows"]), None)
    worked, asked = changes.pool_work(project.db, upto=upto), _asked(project)
    own = {each.change_id: each for each in changes.every(project.db)}
    found = []
    for row in ordered:
        change = own[int(row["change_id"])]
        seconds = change.seconds + worked.get(change.change_id, (0, 0.0))[1]
        kind = OF_CHANGE.get(change.kind) or asked.get(change.change_id, LEARNER)
        kind = FIRST if change.change_id == first else kind
        half = (row["high"] - row["low"]) / 2
        found.append(_Done(kind, _work(kind, row["delta"], half, seconds) if seconds else None))
    return found


def _work(kind: str, value: float, half: float, seconds: float) -> Work:
    """A bar and half the width of its 95 % interval, both fractions, as work."""
    return Work(kind, 100 * value, 100 * half / intervals.z(0.95), seconds / 3600)


def _asked(project: Project) -> dict[int, str]:
    """What most pool items of a batch were asked for: by chance, or because a strategy chose."""
    why = evidence.reasons(project.db)
    counts: dict[int, Counter[str]] = {}
    for item, batch in evidence.asked_in(project.db).items():
        if (reason := why.get(item, batches.GOLD)) != batches.GOLD:
            kind = RANDOM if reason == choosing.RANDOM else LEARNER
            counts.setdefault(batch, Counter())[kind] += 1
    return {batch: own.most_common(1)[0][0] for batch, own in counts.items()}


def _next_batch(project: Project) -> Work | None:
    """The newest forecast of the next round as a piece of work, at the pace of labels so far."""
    said = forecasts.said(project)
    newest = max((one.round_no for one in said), default=0)
    told = next((o.forecast for o in said if o.round_no == newest and o.ahead == 1), None)
    worked = changes.pool_work(project.db)
    rounds = {c.change_id for c in changes.every(project.db) if c.kind == "round"}
    timed = [worked[change] for change in rounds & worked.keys()]
    labels, seconds = sum(n for n, _ in timed), sum(s for _, s in timed)
    if told is None or not labels or told.at <= told.n:
        return None
    half = told.halves[forecast.LEVELS.index(0.95)]
    return _work(LEARNER, told.gain, half, (told.at - told.n) * seconds / labels)


# -- what can be done -----------------------------------------------------------------------------


def _advisable(project: Project, done: Sequence[_Done]) -> list[str]:
    """Kinds whose worth is measured, and such with work waiting that nobody has tried.

    A kind that was done without a clock stays out: trying it again would teach nothing.
    """
    timed = {each.kind for each in done if each.work is not None}
    untried = _waiting(project) - {each.kind for each in done}
    return [kind for kind in KINDS if kind in timed | untried]


def _waiting(project: Project) -> set[str]:
    """Kinds of work of which the project knows some that is not done."""
    found = issues.table(project)
    families = set(found[found["status"] == "open"]["code"].str[0])
    waiting = {FAMILY_OF[family] for family in families if family in FAMILY_OF}
    if review.open_disagreements(project):
        waiting.add(CORRECT)
    pool = {item for item, _ in items.clusters(project.db, "pool")}
    return waiting | ({LEARNER} if pool - items.labelled(project.db) else set())


# -- for the screen -------------------------------------------------------------------------------


def _table(believed: Sequence[Rate], work: Sequence[Work], done: Sequence[_Done]) -> pd.DataFrame:
    rates = {rate.kind: rate for rate in believed}
    tried = {each.kind for each in done}
    rows = [_row(kind, rates, work, done) for kind in KINDS if kind in rates.keys() | tried]
    return pd.DataFrame(rows, columns=COLUMNS)


def _row(
    kind: str, rates: Mapping[str, Rate], work: Sequence[Work], done: Sequence[_Done]
) -> tuple[Any, ...]:
    own = [each for each in work if each.kind == kind and each.error > 0]
    untimed = sum(each.kind == kind and each.work is None for each in done)
    rate, raw = rates.get(kind), efficiency.raw_rate(own, kind)
    hours = sum(each.hours for each in own)
    pooled = (np.nan,) * 3 if rate is None else tuple(rate.pooled)
    best = np.nan if rate is None else rate.best
    return kind, len(own), untimed, hours, *pooled, np.nan if raw is None else raw, best


def _no_time(done: Sequence[_Done]) -> str:
    others = [each for each in done if each.kind != FIRST]
    if not others:
        return "Only the first labels have been measured: close another round, then measure again."
    if all(each.work is None for each in others):
        return (
            f"No time was measured for the {len(others)} change(s) that have a bar: answers from "
            "files and fixes by a button carry none. Label or rule in the browser."
        )
    return "The changes that took time have not moved the model, so no rate can be told yet."


def _notes(project: Project, upto: int, *, ahead: Work | None = None) -> tuple[str, ...]:
    said = [
        f"The next batch counts as one more change: {ahead.points:+.1f} points are forecast for "
        f"{ahead.hours:.2f} hours." if ahead else "",
        stop_light.line(project) or "",
        impact.staleness(project, upto).strip(),
    ]  # fmt: skip
    return tuple(line for line in said if line)
