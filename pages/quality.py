"""The checks: what they found, which items, and the way to a fix."""

from __future__ import annotations

import json

import pandas as pd
import streamlit as st

from labeling import audits, fixes
from labeling import issues as issues_service
from pages.shared.shell import open_again, open_page, person, plain, report_errors
from pages.shared.widgets import SEVERITY_COLORS, csv_button, job_panel

project = open_page("Quality", role="reviewer")


def relabel(issue_ids: list[str]) -> None:
    with report_errors(), open_again("reviewer") as opened:
        fixes.relabel(opened, issue_ids, author=person() or "someone")
        st.toast("The items wait in a queue of their own on the Review page.")


def save_suite() -> None:
    with report_errors(), open_again("reviewer") as opened:
        audits.save_suite(opened, st.session_state["suite"], author=person() or "someone")
        st.toast("Saved. Run the checks again to see what they find.")


def outcomes_tab() -> None:
    found = audits.outcomes(project)
    st.dataframe(
        found,
        hide_index=True,
        height="content",
        column_order=["status", "severity", "code", "title", "n_found", "message"],
        column_config={
            "n_found": st.column_config.NumberColumn("found", width="small"),
            "message": st.column_config.TextColumn("in words", width="large"),
        },
    )
    csv_button(found, "outcomes")


def issues_tab() -> None:
    everything = issues_service.table(project)
    shown = st.segmented_control(
        "Show", ["open", "queued", "fixed"], default="open", required=True, key="status"
    )
    issues = everything[everything["status"] == shown]
    titles = dict(zip(*[audits.outcomes(project)[c] for c in ("code", "title")], strict=True))
    codes = st.multiselect(
        "Checks",
        sorted(issues["code"].unique()),
        format_func=lambda code: f"{code} {titles.get(code, '')}",
        placeholder="All checks",
    )
    issues = issues[issues["code"].isin(codes)] if codes else issues
    issues = issues_service.with_content(project, issues)
    chosen = st.dataframe(
        issues,
        hide_index=True,
        column_order=["severity", "code", "content", "message", "score", "item_id"],
        column_config={
            "content": st.column_config.TextColumn(width="large"),
            "score": st.column_config.ProgressColumn(
                "score", help="low = bad", min_value=0, max_value=1, format="%.2f", color="auto"
            ),
        },
        on_select="rerun",
        selection_mode="multi-row",
        key=f"issues-{shown}",
    )
    picked = list(issues.iloc[chosen["selection"]["rows"]]["issue_id"])
    with st.container(horizontal=True, vertical_alignment="bottom"):
        if shown == "open":
            relabel_controls(issues, picked)
        csv_button(everything, "issues")


def relabel_controls(issues: pd.DataFrame, picked: list[str]) -> None:
    """Relabel the chosen rows, or as many of the most suspicious as there is time for."""
    ranked = fixes.relabelable(issues)
    if ranked.empty:
        return
    if not picked:
        budget = st.number_input(
            "Most suspicious", 1, len(ranked), min(10, len(ranked)), key="budget", width=160
        )
        picked = list(ranked["issue_id"].head(budget))
    st.button(
        f"Relabel {len(picked)}",
        type="primary",
        on_click=relabel,
        args=(picked,),
        help="Puts the items into a queue on the Review page; each answer there is a ruling.",
    )


def suite_tab() -> None:
    suite = audits.stored_suite(project)
    if suite is None:
        st.info("The checks are suggested from the data when they run for the first time.")
        return
    st.markdown(
        "These expectations were suggested from the data. Change them, add more, or raise one to "
        "`critical` so that it blocks a round. The names are Great Expectations' own."
    )
    text = json.dumps(suite, ensure_ascii=False, indent=1)
    if st.session_state.get("suite-of") != project.name or "suite" not in st.session_state:
        st.session_state["suite"] = text
        st.session_state["suite-of"] = project.name
    st.text_area("Suite (JSON)", key="suite", height=420)
    with st.container(horizontal=True):
        st.button("Save the suite", type="primary", on_click=save_suite)
        st.download_button(
            "JSON", text, file_name="suite.json", icon=":material/download:", on_click="ignore"
        )


with report_errors():
    summary = issues_service.summary(project)
    with st.container(horizontal=True, vertical_alignment="center"):
        for severity, n_open in summary.open.items():
            st.badge(f"{n_open} {severity}", color=SEVERITY_COLORS[severity] if n_open else "gray")
        st.caption(plain(summary.words))
    job_panel(
        project, "check", button="Run all checks", help="Runs in the background; labeling goes on."
    )
    outcomes, issues, suite = st.tabs(["Outcomes", "Issues", "The suite"])
    with outcomes:
        outcomes_tab()
    with issues:
        issues_tab()
    with suite:
        suite_tab()
