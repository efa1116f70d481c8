"""The checks: what they found, which items, and the way to a fix."""

from __future__ import annotations

import json

import streamlit as st

from labeling import audits
from pages.shared.shell import (
    PAGES_FOLDER,
    open_again,
    open_page,
    person,
    plain,
    report_errors,
)
from pages.shared.widgets import SEVERITY_COLORS, csv_button, job_panel

project = open_page("Quality")


def relabel(issue_ids: list[str]) -> None:
    with report_errors(), open_again() as opened:
        audits.relabel(opened, issue_ids, author=person() or "someone")
        st.toast("The items wait in a relabel queue on the Label page.")


def save_suite() -> None:
    with report_errors(), open_again() as opened:
        audits.save_suite(opened, st.session_state["suite"], author=person() or "someone")
        st.toast("Saved. Run the checks again to see what they find.")


def outcomes_tab() -> None:
    found = audits.outcomes(project)
    st.dataframe(
        found,
        hide_index=True,
        column_order=["status", "severity", "code", "title", "n_found", "message"],
        column_config={
            "n_found": st.column_config.NumberColumn("found", width="small"),
            "message": st.column_config.TextColumn("in words", width="large"),
        },
    )
    csv_button(found, "outcomes")


def issues_tab() -> None:
    everything = audits.issues(project)
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
    issues = audits.with_content(project, issues)
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
    picked = issues.iloc[chosen["selection"]["rows"]]
    with st.container(horizontal=True):
        st.button(
            f"Relabel the {len(picked)} chosen" if len(picked) else "Relabel (choose rows first)",
            type="primary",
            disabled=picked.empty or shown != "open",
            on_click=relabel,
            args=(list(picked["issue_id"]),),
            help="Puts the items into a queue on the Label page; each answer is a ruling.",
        )
        csv_button(everything, "issues")
        st.page_link(PAGES_FOLDER / "label.py", label="To the queue", icon=":material/keyboard:")


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
    st.session_state.setdefault("suite", text)
    st.text_area("Suite (JSON)", key="suite", height=420)
    with st.container(horizontal=True):
        st.button("Save the suite", type="primary", on_click=save_suite)
        st.download_button(
            "JSON", text, file_name="suite.json", icon=":material/download:", on_click="ignore"
        )


with report_errors():
    summary = audits.summary(project)
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
