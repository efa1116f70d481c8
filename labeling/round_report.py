"""The report of a closed round on one page: what changed, who, why, checks, score, cost, next.

Offline HTML, every text escaped; words come before numbers, and no figure without its interval.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import pandas as pd

from labeling import audits, history, impact, overview, queue, replays, ruler_moves, waterfall
from labeling.core import charts
from labeling.core.charts import Bar, Point
from labeling.core.comparison import Interval
from labeling.core.documents import page, table, text
from labeling.fits import Fits
from labeling.ingest import Progress, silent
from labeling.project import Project
from labeling.ruler_moves import RulerMove
from labeling.store import changes, events, evidence
from labeling.store import rounds as store
from labeling.store.rounds import Round
from labeling.versions import Snapshot

ANSWERS = ("label", "skip", "adjudicate")
MINUTES_THAT_TELL = 1  # below that nothing is said per hour


class Told(NamedTuple):
    """All that a report tells of a round. `done` holds its events, `made` its changes."""

    project: Project
    closed: list[Round]
    body: Mapping[str, Any]
    done: pd.DataFrame
    made: pd.DataFrame
    newest: bool

    @property
    def round(self) -> Round:
        """The round itself."""
        return self.closed[-1]

    @property
    def answers(self) -> pd.DataFrame:
        """What people answered in it; labels that came along in an imported file are no answers."""
        by_file = self.done["annotator"].str.startswith("import:")
        return self.done[self.done["kind"].isin(ANSWERS) & ~by_file]

    @property
    def hours(self) -> float:
        """Active hours of human work, answers and changes together."""
        return (
            float(self.done["ms"].sum()) / 3_600_000 + float(self.made["own_seconds"].sum()) / 3600
        )


def build(project: Project, *, round_no: int | None = None, progress: Progress = silent) -> str:
    """The report as HTML, of the newest closed round unless one is named.

    Raises InputError if there is no such closed round.
    """
    told = _told(project, round_no, progress)
    title = f"{project.title}: round {told.round.round_no}"
    parts = [f"<h1>{text(title)}</h1>", *(f"<p>{text(_sentence(w))}</p>" for w in _in_short(told))]
    parts += [
        f"<section><h2>{text(name)}</h2>{section(told)}</section>"
        for name, section in SECTIONS.items()
    ]
    return page(title, "\n".join([*parts, _footer(told)]))


def drawings(
    project: Project, *, round_no: int | None = None, progress: Progress = silent
) -> dict[str, str]:
    """The report's charts by name, SVG that stands alone."""
    return _drawings(_told(project, round_no, progress))


# -- what there is to tell ------------------------------------------------------------------------


def _told(project: Project, round_no: int | None, progress: Progress) -> Told:
    n = replays.closed_round(project, round_no)
    every = store.every(project.db)
    closed = every[:n]
    since = closed[-2].upto_event if n > 1 else 0
    frame = pd.DataFrame(events.table(project.db), columns=events.TABLE_COLUMNS)
    done = frame[frame["seq"].between(since + 1, closed[-1].upto_event)]
    first = closed[-1].change_id if n > 1 else 0
    after = every[n].change_id if n < len(every) else queue.current_batch(project)
    made = _changes(project, first, after, set(done["change_id"]))
    return Told(
        project, closed, _body(project, closed, every, progress), done, made, n == len(every)
    )


def _changes(project: Project, first: int, after: int, touched: set[int]) -> pd.DataFrame:
    """The changes of a round: those made in it, and those that its events belong to."""
    frame = history.table(project)
    own = {change.change_id: change.seconds for change in changes.every(project.db)}
    frame = frame.assign(own_seconds=frame["change_id"].map(own))
    inside = frame["change_id"].between(first, after - 1)
    return frame[inside | frame["change_id"].isin(touched)]


def _body(
    project: Project, closed: list[Round], every: list[Round], progress: Progress
) -> Mapping[str, Any]:
    """The figures: of the newest round as they were stored when it was closed."""
    stored = impact.cached(project, impact.REPORT)
    if stored is not None and len(closed) == len(every):
        return dict(stored[1])
    return impact.report(Fits(Snapshot(project)), closed, progress=progress)


def _in_short(told: Told) -> list[str]:
    return impact.lines_of(told.body)


def _sentence(words: str) -> str:
    return f"{words[:1].upper()}{words[1:].rstrip('.')}."


def _paragraph(words: str) -> str:
    return f"<p>{text(_sentence(words))}</p>"


# -- the sections ---------------------------------------------------------------------------------


def _what(told: Told) -> str:
    made = told.made
    rows = [
        (
            r.change_id,
            r.kind,
            r.title,
            r.author,
            str(r.at)[:16].replace("T", " "),
            r.events,
            r.answers,
        )
        for r in made.itertuples()
    ]
    columns = ["change", "kind", "what", "by", "when (UTC)", "events", "in answer to"]
    return _paragraph(f"{len(made)} change(s) were made") + table(columns, rows)


def _who(told: Told) -> str:
    rows = []
    for who, own in told.answers.groupby("annotator", sort=True):
        hours = float(own["ms"].sum()) / 3_600_000
        rows.append((str(who), len(own), int((own["kind"] == "skip").sum()), round(60 * hours, 1)))
    if not rows:
        return _paragraph("nobody answered anything in this round")
    named = f"{len(rows)} person(s) or file(s) gave {len(told.answers):,} answers"
    return _paragraph(named) + table(["who", "answers", "skips", "active minutes"], rows)


def _why(told: Told) -> str:
    reasons = evidence.reasons(told.project.db)
    asked = told.answers["item_id"].map(reasons).dropna()
    said = _paragraph(f"items of this round were chosen by: {told.round.strategy}")
    if asked.empty:
        return said + _paragraph("no answer of this round was to an item of a batch")
    counts = [
        (queue.WHY.get(str(why), str(why)), int(n)) for why, n in asked.value_counts().items()
    ]
    return said + table(["why an item was asked", "answers"], counts)


def _checks(told: Told) -> str:
    ran = audits.audits_table(told.project)
    own = ran[ran["round_no"] == told.round.round_no]
    if own.empty:
        return _paragraph("no audit of this round is stored")
    found = audits.outcomes(told.project, audit_id=int(own["audit_id"].iloc[-1]))
    open_ = found[found["status"].isin(["found", "failed"])]
    passed = int((found["status"] == "passed").sum())
    if open_.empty:
        return _paragraph(f"all {passed} checks that apply passed")
    rows = [(r.code, r.title, r.severity, r.n_found, r.message) for r in open_.itertuples()]
    said = f"{len(open_)} check(s) found something, {passed} passed"
    return _paragraph(said) + table(["code", "check", "severity", "found", "message"], rows)


def _score(told: Told) -> str:
    if told.body["gold_needed"]:
        return _paragraph(told.body["gold_needed"])
    drawn, control = _drawings(told), told.body["control"]
    said = ["every round is scored on today's gold labels, so that they can be compared"]
    if control:
        said.append(impact.words_of(control))
    said += _bars_in_words(told) if "waterfall" in drawn else [NO_BARS]
    if moved := _ruler_move(told):
        said.append(moved.in_words())
    figures = [_figure(name, svg) for name, svg in drawn.items()]
    return "".join([*map(_paragraph, said), _metrics(told), *figures])


NO_BARS = "what each single change did has not been measured since; the impact page does it"


def _bars_in_words(told: Told) -> list[str]:
    stored = impact.cached(told.project, impact.WATERFALL)
    bars = pd.DataFrame(stored[1] if stored else [], columns=impact.BAR_COLUMNS)
    return [impact.in_words(bar) for bar in bars.itertuples()]


def _metrics(told: Told) -> str:
    rows = [
        (m["metric"].replace("_", " "), _percent(Interval(m["value"], m["low"], m["high"])), m["n"])
        for m in told.body["metrics"]
    ]
    return table(["metric", "value with 95 % interval", "gold labels"], rows)


def _percent(share: Interval) -> str:
    value, low, high = (f"{100 * each:.1f} %" for each in share)
    return f"{value} [{low}, {high}]"


def _cost(told: Told) -> str:
    hours, n = told.hours, len(told.answers)
    if 60 * hours < MINUTES_THAT_TELL:
        return _paragraph(
            "less than a minute of active work was recorded (answers by file have none)"
        )
    said = _paragraph(f"{60 * hours:.0f} active minutes of work for {n:,} answers")
    found = told.body["last_round"]
    if not found or told.body["gold_needed"]:
        return said
    rate = [impact.points(found[name] / hours) for name in ("delta", "low", "high")]
    words = (
        f"against the round before, an hour of it brought {rate[0]} points [{rate[1]}, {rate[2]}]"
    )
    return said + _paragraph(f"{found['verdict']}: {words}")


def _next(told: Told) -> str:
    if not told.newest:
        return _paragraph(f"round {told.round.round_no + 1} followed: see its report")
    steps = overview.next_steps(told.project, overview.standing(told.project))
    return "<ol>" + "".join(f"<li>{text(step.text)}</li>" for step in steps) + "</ol>"


SECTIONS: dict[str, Callable[[Told], str]] = {
    "What changed": _what,
    "Who": _who,
    "Why these items": _why,
    "Checks": _checks,
    "Score": _score,
    "Cost": _cost,
    "Next": _next,
}


def _footer(told: Told) -> str:
    said = (
        f"Round {told.round.round_no} was closed at {told.round.at[:16].replace('T', ' ')} UTC "
        f"with {told.round.n_labels:,} training labels; data version "
        f"{told.round.version_hash[:16]}, log up to event {told.round.upto_event:,}; scored on "
        f"{told.body['n_gold']:,} gold labels. Intervals are 95 %. An evidence card of these "
        "figures can be computed again: python -m labeling report --card, then replay."
    )
    return f"<footer><p>{text(said)}</p></footer>"


# -- the charts -----------------------------------------------------------------------------------


def _drawings(told: Told) -> dict[str, str]:
    if told.body["gold_needed"]:
        return {}
    found = {"curve": _curve(told.body)}
    compared = [told.body[name] for name in ("last_round", "last_change") if told.body[name]]
    if compared:
        bars = [_bar(each) for each in compared]
        found["differences"] = charts.waterfall(bars, title="What moved the score", stacked=False)
    stored = waterfall.stored(told.project)
    if stored is not None and stored[0] == told.round.upto_event and not stored[1].preview:
        bars = [_bar(each) for each in impact.records(stored[1].frame())]
        found["waterfall"] = charts.waterfall(bars, title="What each change did")
    if moved := _ruler_move(told):
        found["ruler"] = ruler_drawing(moved)
    return found


def _ruler_move(told: Told) -> RulerMove | None:
    """What of the way from the round before is corrected gold, where gold was corrected."""
    n = told.round.round_no
    return ruler_moves.measure(told.project, first=n - 1, last=n) if n > 1 else None


def ruler_drawing(moved: RulerMove) -> str:
    """A headline's way as two bars, the model's and, hatched, the ruler's; SVG."""
    parts = {"the model": moved.split.model, "the ruler": moved.split.ruler}
    bars = [Bar(name, *part, ruler=name == "the ruler") for name, part in parts.items()]
    title = f"Round {moved.last} against round {moved.first}"
    return charts.waterfall(bars, title=title, stacked=False)


def _curve(body: Mapping[str, Any]) -> str:
    arms = [
        [
            Point(row["n_labels"], row["value"], row["low"], row["high"])
            for row in body[name]
            if row["metric"] == "accuracy"
        ]
        for name in ("curve", "control_curve")
    ]
    return charts.curve(arms[0], title="Accuracy on today's gold labels", other=arms[1])


def _bar(row: Mapping[str, Any]) -> Bar:
    return Bar(row["title"], row["delta"], row["low"], row["high"], row["verdict"], row.get("band"))


def _figure(name: str, svg: str) -> str:
    """A chart with a way to keep it, which needs neither a script nor a network."""
    data = base64.b64encode(svg.encode()).decode()
    link = f'<a download="{name}.svg" href="data:image/svg+xml;base64,{data}">Keep as SVG</a>'
    return f"<figure>{svg}<figcaption>{link}</figcaption></figure>"
