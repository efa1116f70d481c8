"""What asks and what learns: whether the model knows what it knows, and what else would do."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from typing import Any

import pandas as pd
import streamlit as st

from labeling import ingest, learner, reliability
from labeling.core import savings
from labeling.core.features import Content
from labeling.core.models import MODELS
from labeling.core.strategies import STRATEGIES
from labeling.learner import Found, Plan
from labeling.project import Project
from pages.shared import charts
from pages.shared.shell import link_to, open_page, plain, report_errors
from pages.shared.widgets import csv_button, job_panel, upload_table

TABLE = ["strategy", "target", "labels", "reached", "seeds", "ratio", "ratio_low", "ratio_high"]

project = open_page("Learner", role="reviewer")


def in_force() -> None:
    for column, (role, name, note) in zip(st.columns(2), learner.in_force(project), strict=True):
        with column.container(border=True, height="stretch"):
            st.markdown(f"{role} **{plain(name)}**")
            st.caption(plain(note))
    link_to("requirements", "Change them in the settings", icon="tune")


def choose_plan(kind: str) -> Plan:
    """What is run; the fields keep what was chosen for each kind apart."""
    names = st.multiselect(
        "Strategies",
        [name for name in STRATEGIES if name != savings.RANDOM],
        default=[learner.strategy(project)],
        key=f"{kind}-names",
        help="Random is always run beside them: savings are against it.",
    )
    batch, budget, seeds = st.columns(3)
    size = batch.number_input("Labels a step", 2, 500, 20, key=f"{kind}-batch")
    most = budget.number_input("Labels in all", 2, 5000, 200, key=f"{kind}-budget")
    runs = seeds.number_input(
        "Seeds", 2, 20, 5, key=f"{kind}-seeds", help="More seeds make intervals narrower."
    )
    return Plan(names, int(most), int(size), int(runs))


def metric_name(name: str) -> str:
    return name.capitalize().replace("_f1", " F1")


def show(found: Found | None, kind: str, *, scored_on: str) -> None:
    """Curves, labels to the targets, and what is saved, as words first."""
    if found is None:
        return
    metric = st.segmented_control(
        "Metric", names := list(dict.fromkeys(found.curves["metric"])), default=names[0],
        required=True, format_func=metric_name, key=f"{kind}-metric",
    )  # fmt: skip
    table = found.savings
    own = table[table["metric"] == metric]
    said = own[own["strategy"] != savings.RANDOM].itertuples()
    lines = [f"* **{plain(r.strategy)}** to {r.target:.0%}: {plain(r.words)}." for r in said]
    st.markdown("\n".join(lines))
    st.altair_chart(charts.strategies(savings.bands(found.curves, metric), scored_on=scored_on))
    st.caption(plain(found.words))
    st.dataframe(own, hide_index=True, column_order=TABLE, column_config=COLUMNS, placeholder="")
    with st.container(horizontal=True):
        csv_button(table, f"{kind}-savings", label="Savings as CSV")
        csv_button(found.curves, f"{kind}-curves", label="Curves as CSV")


COLUMNS = {
    "strategy": "strategy",
    "target": st.column_config.NumberColumn("target", format="percent", help="Of the full model."),
    "labels": st.column_config.NumberColumn("labels needed", format="%.0f"),
    "reached": st.column_config.NumberColumn("seeds that got there"),
    "ratio": st.column_config.NumberColumn("for one of random's", format="%.2f"),
    "ratio_low": st.column_config.NumberColumn("at least", format="%.2f"),
    "ratio_high": st.column_config.NumberColumn("at most", format="%.2f"),
}


def other_strategies() -> None:
    st.markdown(
        "The labelled items are asked again, from the first batch on, by other strategies; "
        "only what has an answer can be asked. Scores are on the gold, which no strategy chose."
    )
    plan = choose_plan(learner.REPLAY)
    job_panel(
        project,
        learner.REPLAY,
        button="Replay this project",
        help="Trains one model a step, strategy and seed; runs in the background.",
        blocked=learner.cannot_replay(project) or amiss(plan),
        prepare=lambda _: {"plan": asdict(plan)},
    )
    show(learner.newest(project, learner.REPLAY), learner.REPLAY, scored_on="gold")


def amiss(plan: Plan) -> str | None:
    if plan.budget < plan.batch:
        return "there are more labels a step than labels in all"
    return None if plan.names else "choose a strategy to set beside random"


def labelled_file() -> None:
    st.markdown(
        "A table with labels shows what a strategy is worth on data like it, before anybody "
        "labels. A random fifth is kept apart to score on. The file leaves with the job."
    )
    sent = upload_table("simulated-file", "A labelled table")
    if sent is None:
        simulation_panel("send a labelled table first")
    else:
        simulate(*sent)
    show(learner.newest(project, learner.SIMULATION), learner.SIMULATION, scored_on="a fifth")


def simulate(name: str, frame: pd.DataFrame) -> None:
    guess, columns = ingest.guess_roles(frame), list(frame.columns)
    left, right = st.columns(2)
    at = columns.index(guess.label) if guess.label in columns else len(columns) - 1
    label = left.selectbox("Labels", columns, index=at)
    free = [column for column in columns if column != label]
    kind = right.segmented_control(
        "Learn from", ["text", "columns"], default=guess.content.kind, required=True,
        format_func={"text": "a text", "columns": "table columns"}.get, key="simulated-kind",
    )  # fmt: skip
    known = [column for column in guess.content.columns if column in free] or free
    if kind == "text":
        chosen = [st.selectbox("Text column", free, index=free.index(known[0]))]
    else:
        chosen = st.multiselect("Columns", free, default=known)
    multi = left.checkbox("A row may have several classes (a|b)")
    model = right.selectbox("Model", ["default", *MODELS])
    plan = choose_plan(learner.SIMULATION)

    def prepare(opened: Project) -> dict[str, Any]:
        content = Content(kind, tuple(chosen))
        learner.send(opened, frame, content, label=label, source=name, multi=multi)
        return {"plan": asdict(plan), "model": model}

    lacking = None if chosen else "choose a column to learn from"
    simulation_panel(amiss(plan) or lacking, prepare)


def simulation_panel(
    blocked: str | None, prepare: Callable[[Project], dict[str, Any]] | None = None
) -> None:
    job_panel(
        project,
        learner.SIMULATION,
        button="Simulate",
        help="Trains one model a step, strategy and seed; runs in the background.",
        blocked=blocked,
        prepare=prepare,
    )


def knows_what_it_knows() -> None:
    found = learner.reliability(project)
    if found is None:
        st.info("This needs a closed round and 30 gold labels: then it shows how far to trust it.")
        return
    words = reliability.in_words(found)
    st.markdown(f"**{plain(words[:1].upper() + words[1:])}.**")
    st.altair_chart(charts.reliability(found.table))
    st.caption(
        "One dot for gold labels of which the newest round's model is about as sure; whiskers are "
        "95 % intervals. On the dashed line it is right as often as it says; below, it is too sure."
    )
    csv_button(found.table, "reliability")


with report_errors():
    in_force()
    trust, again, file = st.tabs(
        ["How far to trust it", "Other strategies here", "A labelled file"]
    )
    with trust:
        knows_what_it_knows()
    with again:
        other_strategies()
    with file:
        labelled_file()
