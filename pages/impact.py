"""What each change of the data did to the model: always in pairs, always with an interval."""

from __future__ import annotations

from typing import Any

import pandas as pd
import streamlit as st

from labeling import control_arm, forecasts, history, impact, stop_light
from pages.shared import charts
from pages.shared.shell import open_again, open_page, person, plain, report_errors
from pages.shared.widgets import csv_button, difference, job_panel

METRIC_NAMES = {
    "accuracy": "Accuracy",
    "macro_recall": "Macro recall",
    "macro_f1": "Macro F1",
    "item_f1": "F1 of an item's classes",
    "exact_match": "All classes right",
    "micro_f1": "Micro F1",
}

SHARES = {"predicted", "low_80", "high_80", "low_95", "high_95", "came_true"}
FORECAST_COLUMNS = {
    name: st.column_config.NumberColumn(name.replace("_", " "), format="percent")
    if name in SHARES
    else st.column_config.Column(name.replace("_", " "))
    for name in forecasts.COLUMNS
}
LIGHTS = {
    "go on": ("green", "play_arrow"),
    "nearly": ("orange", "pause"),
    "stop": ("blue", "stop"),
}

project = open_page("Impact", role="reviewer")


def headline(report: dict[str, Any]) -> None:
    if report["gold_needed"]:
        st.info(plain(report["gold_needed"][:1].upper() + report["gold_needed"][1:]) + ".")
        return
    with st.container(horizontal=True):
        for metric in report["metrics"]:
            st.metric(
                METRIC_NAMES[metric["metric"]],
                f"{metric['value']:.1%}",
                f"[{metric['low']:.1%}, {metric['high']:.1%}] on {metric['n']} gold",
                delta_color="off",
                delta_arrow="off",
                border=True,
                width=260,
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
    st.altair_chart(charts.learning_curve(rows[rows["metric"] == metric]))
    st.caption("Whiskers are 95 % intervals. Every round is scored on today's gold labels.")
    control = report["control"]
    if control:
        words = impact.words_of(control)
        st.markdown(plain(words[:1].upper() + words[1:]) + ".")
        advice = control_arm.standing_advice(project, impact.REPORT)
        if advice:
            st.warning(plain(advice[:1].upper() + advice[1:]))
            st.button("Choose at random from the next batch on", on_click=switch_to_random)
    csv_button(rows, "learning_curve")


def switch_to_random() -> None:
    with report_errors(), open_again("owner") as opened:
        control_arm.switch_to_random(opened, author=person() or "someone")
        st.toast("Saved: the next batch is drawn at random.")


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
    continued()
    if not (past := forecasts.past_forecasts(project)).empty:
        came_true(past)
    csv_button(told, "forecasts")


def continued() -> None:
    """The curve and the newest forecast behind it."""
    curve, bands = forecasts.continued(project)
    if bands.empty:
        return
    st.altair_chart(charts.forecast(curve, bands))
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


def bars() -> None:
    st.subheader("What each change did", anchor=False)
    job_panel(
        project,
        "impact",
        button="Measure every change",
        help="Trains the model with and without each change; runs in the background.",
        blocked=impact.cannot_measure(project),
    )
    stored = impact.cached(project, impact.WATERFALL)
    if stored is None:
        return
    frame = pd.DataFrame(stored[1], columns=impact.BAR_COLUMNS)
    st.altair_chart(charts.waterfall(frame))
    st.caption(
        "Bars add up to the way from no data to today's model. “Within placebo”: dropping as many "
        "random rows moved a model as far, even where the interval excludes 0. Measured with "
        f"{frame['fits'].max()} fits; intervals are 95 %; “real” holds for all bars at once (Holm)."
        + impact.staleness(project, stored[0])
    )
    csv_button(frame, "impact")


with report_errors():
    stored = impact.cached(project, impact.REPORT)
    if stored is None:
        st.info("Close a round first: then this page shows what it did to the model.")
        st.stop()
    report = stored[1]
    headline(report)
    if report["gold_skipped"]:
        st.caption(plain(impact.skipped_words(report["gold_skipped"])) + ".")
    stale = impact.staleness(project, stored[0])
    if stale:
        st.caption(plain(stale.strip()))
    before_and_after(report)
    st.subheader("Learning curve", anchor=False)
    curve(report)
    ahead()
    bars()
    st.subheader("Classes", anchor=False)
    classes = pd.DataFrame(report["per_class"])
    shares = ["precision", "recall", "recall_low", "recall_high", "f1"]
    st.dataframe(
        classes,
        hide_index=True,
        column_config={
            name: st.column_config.NumberColumn(name.replace("_", " "), format="percent")
            for name in shares
        },
    )
    csv_button(classes, "classes")
    st.subheader("Changes", anchor=False)
    changes = history.table(project)
    st.dataframe(changes.iloc[::-1], hide_index=True)
    csv_button(changes, "changes")
