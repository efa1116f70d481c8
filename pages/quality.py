"""The checks: what is wrong, how bad, since when, who is on it, and the way to a fix."""

from __future__ import annotations

import json

import pandas as pd
import streamlit as st

from labeling import audits, fixes, history, issues
from labeling.project import change_settings
from pages.shared import charts, fixing
from pages.shared.shell import open_again, open_page, person, plain, report_errors
from pages.shared.widgets import SEVERITY_COLORS, csv_button, deferred, job_panel, verdict_color

SEVERITIES = ["critical", "warning", "info"]
GATES = {
    "critical": "critical issues",
    "warning": "warnings and critical issues",
    "info": "every open issue",
    "none": "nothing",
}

project = open_page("Quality", role="reviewer")


# -- what a press does ----------------------------------------------------------------------------


def save_suite() -> None:
    with report_errors(), open_again("reviewer") as opened:
        audits.save_suite(opened, st.session_state["suite"], author=person() or "someone")
        st.toast("Saved. Run the checks again to see what they find.")


def save_gate(edited: pd.DataFrame) -> None:
    with report_errors(), open_again("owner") as opened:
        chosen = dict(zip(edited["code"], edited["severity"], strict=True))
        audits.set_severities(opened, chosen, author=person() or "someone")
        change_settings(opened, {"gate": st.session_state["gate"]}, author=person() or "someone")
        st.toast("Saved. It holds from the next run of the checks on.")


def revert(change_id: int) -> None:
    with report_errors(), open_again("reviewer") as opened:
        history.revert(opened, change_id, author=person() or "someone")
        st.toast("Taken back by a new change. Run the checks again to see what returns.")


# -- the parts of the page ------------------------------------------------------------------------


def one_look(everything: pd.DataFrame) -> None:
    summary = issues.summary(project, everything)
    with st.container(horizontal=True, vertical_alignment="center"):
        for severity, n_open in summary.open.items():
            st.badge(f"{n_open} {severity}", color=SEVERITY_COLORS[severity] if n_open else "gray")
        if summary.blocking:
            st.badge(f"{summary.blocking} block the round", icon=":material/block:", color="red")
        st.caption(plain(summary.words))
    job_panel(
        project, "check", button="Run all checks", help="Runs in the background; labeling goes on."
    )


def issues_tab(everything: pd.DataFrame) -> None:
    board = issues.board(project, everything)
    if audits.audits_table(project).empty:
        st.info("Run the checks: what they find stands here, the gravest first.")
        return
    if not board["open"].any() and not board["queued"].any():
        st.success(
            "No check finds anything that is open. They run again whenever a round is closed.",
            icon=":material/task_alt:",
        )
    if len(board):
        row = looked_into(board)
        fixing.show(project, everything[everything["code"] == row["code"]], row)
    csv_button(everything, "issues", label="All issues as CSV")


def looked_into(board: pd.DataFrame) -> pd.Series:
    """The board, and the check that somebody chose on it or by name; the gravest at first."""
    st.session_state["board-codes"] = list(board["code"])
    waiting = [name for name in ("queued", "muted") if board[name].any()]
    people = ["assignees"] if board["assignees"].any() else []
    st.dataframe(
        board.assign(check=board["code"] + " " + board["title"]),
        hide_index=True,
        height="content" if len(board) <= 12 else 460,
        column_order=["severity", "check", "open", *waiting, "since", *people, "trend"],
        column_config={
            "severity": st.column_config.TextColumn(width=75),
            "check": st.column_config.TextColumn("check", width=245),
            "open": st.column_config.NumberColumn(width=60),
            "queued": st.column_config.NumberColumn(width=60),
            "muted": st.column_config.NumberColumn(width=60),
            "since": st.column_config.TextColumn(width=90),
            "assignees": st.column_config.TextColumn("who is on it", width=90),
            "trend": st.column_config.BarChartColumn("found, by run", width=80, y_min=0),
        },
        on_select=choose_row,
        selection_mode="single-row",
        key="board",
        alt="One row a check with issues that are still there, the gravest first",
    )
    titles = dict(zip(board["code"], board["title"], strict=True))
    if st.session_state.get("check") not in titles:
        st.session_state["check"] = board["code"].iloc[0]
    code = st.selectbox(
        "Look into", list(titles), format_func=lambda code: f"{code} {titles[code]}", key="check"
    )
    return board.set_index("code", drop=False).loc[code]


def choose_row() -> None:
    with report_errors(), open_again("reviewer"):
        look_into_chosen()


def look_into_chosen() -> None:
    rows = st.session_state["board"]["selection"]["rows"]
    if rows and rows[0] < len(st.session_state["board-codes"]):
        st.session_state["check"] = st.session_state["board-codes"][rows[0]]


def fixes_tab() -> None:
    done = fixes.table(project)
    if done.empty:
        st.info("Nothing has been fixed here yet. Every fix stands here with what it did.")
        return
    for fix in done.head(50).itertuples():
        with st.container(border=True):
            st.markdown(f"**{plain(str(fix.title))}**")
            words = fixes.in_words(fix)
            st.markdown(f":{verdict_color(str(fix.verdict))}-badge[{plain(words)}]")
            gone = f"{fix.gone} of {fix.issues} issues are gone" if fix.issues else "no issue named"
            st.caption(plain(f"change {fix.change_id}, {fix.author}, {str(fix.at)[:10]}: {gone}."))
            if pd.isna(fix.reverted_by):
                st.button(
                    "Take it back",
                    key=f"revert-{fix.change_id}",
                    on_click=revert,
                    args=(fix.change_id,),
                    type="tertiary",
                    icon=":material/undo:",
                )
            else:
                st.caption(f"Taken back by change {fix.reverted_by}.")
    measured = done.dropna(subset=["delta"])
    if len(measured):
        st.altair_chart(charts.waterfall(measured.iloc[::-1]))
    csv_button(done, "fixes")


def trend_tab() -> None:
    told = issues.trend(project)
    if told.empty:
        st.info("The trend begins with the first run of the checks.")
        return
    by = st.segmented_control("By", ["severity", "family"], default="severity", required=True)
    st.altair_chart(charts.found_over_time(told, by=str(by)))
    st.caption("Every bar is one run of the checks; rounds and imports stand under it.")
    moved = issues.difference(project)
    if moved is not None:
        st.subheader("Since the run before", anchor=False)
        if moved.by_check.empty:
            st.caption("Nothing new, nothing gone.")
        else:
            st.dataframe(moved.by_check, hide_index=True, height="content")
            csv_button(moved.by_check, "difference")
    csv_button(told, "trend")


def checks_tab() -> None:
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
    with st.container(horizontal=True):
        csv_button(found, "outcomes")
        if len(found):
            st.download_button(
                "Report",
                deferred(project, lambda again: audits.html(again).encode()),
                file_name="quality.html",
                mime="text/html",
                icon=":material/description:",
                on_click="ignore",
                key="report",
                help="One page that needs no net",
            )


def gate_tab() -> None:
    table = audits.gate(project)
    st.selectbox(
        "A round stays open while there are",
        list(GATES),
        index=list(GATES).index(project.config["gate"]),
        format_func=GATES.get,
        key="gate",
        width=360,
    )
    edited = st.data_editor(
        table,
        hide_index=True,
        height="content" if len(table) < 14 else 520,
        disabled=["code", "title", "own_severity", "blocks"],
        column_config={
            "severity": st.column_config.SelectboxColumn(options=SEVERITIES, required=True),
            "own_severity": st.column_config.TextColumn("unless changed"),
            "title": st.column_config.TextColumn(width="large"),
        },
        key="severities",
    )
    with st.container(horizontal=True):
        st.button("Save the gate", type="primary", on_click=save_gate, args=(edited,))
        csv_button(table, "gate")


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
    everything = issues.table(project)
    one_look(everything)
    tabs = st.tabs(["Issues", "Fixes", "Trend", "Checks", "Gate", "The suite"])
    with tabs[0]:
        issues_tab(everything)
    for tab, show in zip(
        tabs[1:], (fixes_tab, trend_tab, checks_tab, gate_tab, suite_tab), strict=True
    ):
        with tab, report_errors():
            show()
