"""What each change of the data did to the model: always in pairs, always with an interval."""

from __future__ import annotations

from typing import Any

import pandas as pd
import streamlit as st

from labeling import (
    control_arm,
    forecasts,
    guard,
    history,
    impact,
    round_report,
    rounds,
    stop_light,
    verified_gain,
    worth,
)
from pages.shared import bars, charts, proof
from pages.shared.bars import METRIC_NAMES
from pages.shared.shell import link_to, open_again, open_page, person, plain, report_errors
from pages.shared.widgets import chart, csv_button, deferred, difference, once, verdict_color

SHARES = {"predicted", "low_80", "high_80", "low_95", "high_95", "came_true"}
FORECAST_COLUMNS = {
    name: st.column_config.NumberColumn(name.replace("_", " "), format="percent")
    if name in SHARES
    else st.column_config.Column(name.replace("_", " "))
    for name in forecasts.COLUMNS
}
WORTH_COLUMNS = {
    "kind": st.column_config.TextColumn("kind of work", width="medium"),
    "without_time": st.column_config.NumberColumn("without a clock"),
    "hours": st.column_config.NumberColumn(format="%.2f"),
    "points_per_hour": st.column_config.NumberColumn("points an hour", format="%+.1f"),
    "low": st.column_config.NumberColumn("at least", format="%+.1f"),
    "high": st.column_config.NumberColumn("at most", format="%+.1f"),
    "raw": st.column_config.NumberColumn("by its own changes", format="%+.1f"),
    "best": st.column_config.NumberColumn("pays best", format="percent"),
}
LIGHTS = {
    "go on": ("green", "play_arrow"),
    "nearly": ("orange", "pause"),
    "stop": ("blue", "stop"),
}

project = open_page("Impact", role="reviewer")


def headline(report: dict[str, Any]) -> None:
    """The model's number with its interval, its change since the last round, and the verdict."""
    if report["gold_needed"]:
        st.info(plain(report["gold_needed"][:1].upper() + report["gold_needed"][1:]) + ".")
        return
    first, *others = report["metrics"]
    with st.container(border=True):
        st.markdown(f"### {METRIC_NAMES[first['metric']]} {with_interval(first)}")
        st.markdown(moved(report["last_round"]))
        found = once(project, "verified", verified_gain.newest)
        if found is not None:
            st.markdown(
                f":green-badge[verified] {proof.sentence(found.in_words())} This is the surer "
                "figure: it has labels of its own where the two models differ."
            )
    with st.container(horizontal=True):
        for metric in others:
            st.metric(
                METRIC_NAMES[metric["metric"]],
                f"{metric['value']:.1%}",
                f"[{metric['low']:.1%}, {metric['high']:.1%}] on {metric['n']} gold",
                delta_color="off",
                delta_arrow="off",
                border=True,
                width=260,
            )


def with_interval(metric: dict[str, Any]) -> str:
    interval = f"[{metric['low']:.1%}, {metric['high']:.1%}]"
    return plain(f"{metric['value']:.1%} {interval} on {metric['n']} gold labels")


def moved(found: dict[str, Any] | None) -> str:
    """The change since the last round: the verdict in words, then the points."""
    if not found:
        return "One round is closed: its change stands here after the next."
    points = impact.points(found["delta"])
    interval = f"[{impact.points(found['low'])}, {impact.points(found['high'])}]"
    words = str(found["verdict"])
    return (
        f":{verdict_color(words)}-badge[{plain(words)}] {plain(found['title'].capitalize())}: "
        f"**{plain(points)} points** {plain(interval)}"
    )


def before_and_after(report: dict[str, Any]) -> None:
    left, right = st.columns(2)
    with left:
        if report["last_round"]:
            difference(report["last_round"], what=report["last_round"]["title"].capitalize())
    with right:
        if report["last_change"]:
            found = report["last_change"]
            difference(
                found, what=f"Change {found['change_id']}: with and without “{found['title']}”"
            )
    st.caption(
        "Here either side has the model that was chosen for it, as it happened. The bars above "
        "hold the newest choice for all, to differ by the data alone: so the two may differ."
    )


def curve(report: dict[str, Any]) -> None:
    arms = dict(zip(charts.ARMS, (report["curve"], report["control_curve"]), strict=True))
    rows = pd.DataFrame([{"arm": arm, **row} for arm, points in arms.items() for row in points])
    if rows.empty:
        st.caption("The curve starts with the first gold labels.")
        return
    metric = st.segmented_control(
        "Metric", names := list(dict.fromkeys(rows["metric"])), default=names[0], required=True,
        format_func=METRIC_NAMES.get,
    )  # fmt: skip
    chart(charts.learning_curve(rows[rows["metric"] == metric]), "learning_curve", rows)
    st.caption("Whiskers are 95 % intervals. Every round is scored on today's gold labels.")
    control = report["control"]
    if control:
        words = impact.words_of(control)
        st.markdown(plain(words[:1].upper() + words[1:]) + ".")
        advice = control_arm.standing_advice(project, impact.REPORT)
        if advice:
            st.warning(plain(advice[:1].upper() + advice[1:]))
            st.button("Choose at random from the next batch on", on_click=switch_to_random)


def switch_to_random() -> None:
    with report_errors(), open_again("owner") as opened:
        control_arm.switch_to_random(opened, author=person() or "someone")
        st.toast("Saved: the next batch is drawn at random.")


def what_next() -> None:
    """What pays an hour of work, and what more labels would bring."""
    st.subheader("What to do next", anchor=False)
    found = once(project, "worth", worth.measure)
    with st.container(border=True):
        st.markdown(f"**{proof.sentence(found.words)}**")
        if found.step:
            link_to(found.step.page, found.step.text)
        for note in found.notes:
            st.caption(plain(note))
    if len(found.table):
        with st.expander("Points per hour by kind of work"):
            st.dataframe(found.table, hide_index=True, column_config=WORTH_COLUMNS)
            st.caption(
                "Kinds are pooled: one that was seldom tried is drawn towards the others. Hours "
                "are active seconds in the log; “pays best” is the chance of it."
            )
            csv_button(found.table, "points_per_hour")
    link_to("duel", "Would an hour on the model do more? Let data and model duel", icon="balance")
    ahead()


def ahead() -> None:
    st.subheader("What more labels would bring", anchor=False)
    found = stop_light.outlook(project)
    if found is None:
        st.caption("This is measured when the next round is closed.")
        return
    (color, icon), word = LIGHTS[found.light.word], stop_light.WORDS[found.light.word]
    with st.container(border=True):
        st.markdown(
            f":{color}-badge[:material/{icon}: {word.capitalize()}] {plain(found.light.reason)}"
        )
        st.markdown(plain(found.chance))
        st.caption(plain(" ".join([found.bound or "", found.record]).strip()))
    told = forecasts.table(project)
    if told.empty:
        return
    continued(told)
    if not (past := forecasts.past_forecasts(project)).empty:
        came_true(past)


def continued(told: pd.DataFrame) -> None:
    """The curve and the newest forecast behind it."""
    curve, bands = forecasts.continued(project)
    if bands.empty:
        return
    chart(charts.forecast(curve, bands), "forecasts", told)
    note = forecasts.note(project)
    st.caption(
        "Bands: 8 and 19 of 20 forecasts like these came true in simulated projects of other data."
        + (f" {plain(note[:1].upper() + note[1:])}." if note else "")
    )


def came_true(past: pd.DataFrame) -> None:
    st.markdown(f"**Earlier forecasts and what came true** {plain(forecasts.hits(past))}")
    st.dataframe(past.iloc[::-1], hide_index=True, column_config=FORECAST_COLUMNS)
    points = forecasts.calibration(project)
    if len(points):
        st.altair_chart(charts.calibration(points), width="content")
        st.caption(
            "On the line the intervals hold as often as they promise; above it they are wider than "
            "need be. Forecasts of one project overlap, so the whiskers are too short."
        )


def changes() -> None:
    """Every change of the log, and the round on one page."""
    last = rounds.current(project) - 1
    st.download_button(
        f"Report of round {last} on one page",
        deferred(project, lambda p: round_report.build(p, round_no=last).encode()),
        file_name=f"{project.name}-round-{last}.html",
        mime="text/html",
        icon=":material/description:",
        help="What changed, who, why, checks, score, cost, next; needs no net.",
        on_click="ignore",
    )
    table = history.table(project)
    st.dataframe(
        table.iloc[::-1].assign(at=pd.to_datetime(table["at"])),
        hide_index=True,
        column_config={
            "at": st.column_config.DatetimeColumn("at (UTC)", format="YYYY-MM-DD HH:mm"),
        },
    )
    csv_button(table, "changes")


# Only the tab that is open is worked out.
TABS = {
    "Verified gain": lambda report: proof.verified_gains(project),
    "Who did it": lambda report: proof.suspects(project),
    "Classes and slices": lambda report: proof.slices(project, report),
    "Why believe it": lambda report: proof.reasons(project),
    "Changes": lambda report: changes(),
}

with report_errors():
    stored = impact.cached(project, impact.REPORT)
    if stored is None:
        st.info("Close a round first: then this page shows what it did to the model.")
        st.stop()
    report = stored[1]
    headline(report)
    if report["gold_skipped"]:
        st.caption(plain(impact.skipped_words(report["gold_skipped"])) + ".")
    leak = guard.leaks(project)
    if leak.state == guard.BAD:
        st.warning(proof.sentence(leak.words))
    stale = impact.staleness(project, stored[0])
    if stale:
        st.caption(plain(stale.strip()))
    st.subheader("Learning curve", anchor=False)
    curve(report)
    with report_errors():
        proof.ruler(project)
    bars.show(project)
    before_and_after(report)
    what_next()
    st.subheader("The evidence", anchor=False)
    tabs = st.tabs(list(TABS), key="evidence", on_change="rerun")
    for tab, show in zip(tabs, TABS.values(), strict=True):
        if tab.open:
            with tab, report_errors():
                show(report)
