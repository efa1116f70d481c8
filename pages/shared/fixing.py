"""The issues of one check, row by row, with what can be done about them in place."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pandas as pd
import streamlit as st

from labeling import fixes, issues, mutes
from labeling.project import Project
from pages.shared.shell import open_again, person, plain, report_errors
from pages.shared.widgets import csv_button

CLUSTERS_SHOWN = 5
SIDE_BY_SIDE = 3
WAIT = "The items wait in a queue of their own on the Review page."
PAST = {
    "fixed": "No longer found, after a fix or an answer touched the row.",
    "gone": "No longer found, though nobody touched these rows: an estimate or a threshold moved.",
}
RECHECK = "Done, and kept in the log. Run the checks again to see what is gone."


def show(project: Project, own: pd.DataFrame, check: Any) -> None:
    """All issues `own` of one check (a row of the board), by status, with its fixes."""
    code = str(check["code"])
    counts = own["status"].value_counts()
    names = [status for status in issues.STATUSES if status in counts.index]
    shown = st.segmented_control(
        "Status",
        names,
        default=names[0],
        required=True,
        key=f"status-{code}",
        format_func=lambda status: f"{status} ({counts[status]:,})",
        label_visibility="collapsed",
    )
    found = issues.with_content(project, own[own["status"] == shown])
    if shown in PAST:
        st.caption(PAST[str(shown)])
    if shown == "open" and code.startswith("D30"):
        duplicates(project, code, found)
    if shown == "open" and code.startswith("S2"):
        repairs(project, code, found)
    picked = rows(code, str(shown), found)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        actions(project, code, str(shown), found, picked)
        csv_button(found, f"issues-{code}")


def rows(code: str, shown: str, found: pd.DataFrame) -> list[str]:
    """The rows, and the issues that are chosen in them."""
    is_muted, on_it = shown == "muted", bool(found["assignee"].any())
    chosen = st.dataframe(
        found.assign(since=found["since"].str[:10]),
        hide_index=True,
        height="content" if len(found) <= 10 else 400,
        column_order=[
            *(["content"] if found["content"].any() else []),
            "message",
            *(["col"] if found["col"].nunique() > 1 else []),
            "score",
            "since",
            *(["assignee"] if on_it else []),
            *(["muted"] if is_muted else []),
        ],
        column_config={
            "content": st.column_config.TextColumn("item", width="large"),
            "message": st.column_config.TextColumn("in words", width="large"),
            "col": st.column_config.TextColumn("column", width="small"),
            "since": st.column_config.TextColumn(width="small"),
            "assignee": st.column_config.TextColumn("who is on it", width="small"),
            "score": st.column_config.ProgressColumn(
                "score", help="low = bad", min_value=0, max_value=1, format="%.2f", color="auto"
            ),
        },
        on_select="rerun",
        selection_mode="multi-row",
        key=f"issues-{code}-{shown}",
        alt=f"The {shown} issues of {code}",
    )
    picked = [row for row in chosen["selection"]["rows"] if row < len(found)]
    return list(found.iloc[picked]["issue_id"])


def actions(
    project: Project, code: str, shown: str, found: pd.DataFrame, picked: Sequence[str]
) -> None:
    """What can be done with the chosen rows, or with all of them where none is chosen."""
    chosen = list(picked) or list(found["issue_id"])
    if shown == "muted":
        st.button(
            "Unmute",
            key=f"unmute-{code}",
            on_click=unmute,
            args=([*chosen, code],),
            icon=":material/notifications:",
        )
        return
    if shown not in ("open", "queued"):
        return
    if shown == "open":
        relabel_controls(code, found, picked)
        if found["item_id"].any():
            drop_controls(code, chosen)
    assign_controls(project, code, chosen)
    mute_controls(code, chosen)


def relabel_controls(code: str, found: pd.DataFrame, picked: Sequence[str]) -> None:
    """Relabel the chosen rows, or as many of the most suspicious as there is time for."""
    ranked = fixes.relabelable(found)
    if ranked.empty:
        return
    if not picked:
        budget = st.number_input(
            "Most suspicious", 1, len(ranked), min(10, len(ranked)), key=f"budget-{code}", width=150
        )
        picked = list(ranked["issue_id"].head(int(budget)))
    st.button(
        f"Relabel {len(picked)}",
        type="primary",
        on_click=do,
        args=(WAIT, fixes.relabel, picked),
        key=f"relabel-{code}",
        icon=":material/edit:",
        help="Puts the items into a queue on the Review page; each answer there is a ruling.",
    )


def drop_controls(code: str, chosen: Sequence[str]) -> None:
    with st.popover(f"Drop {len(chosen)}", icon=":material/delete:", key=f"drop-{code}"):
        st.caption("Takes these items of the pool out of the data. What measures stays.")
        reason = st.text_input("Why", key=f"why-drop-{code}", max_chars=200)
        st.button(
            "Drop them",
            key=f"really-drop-{code}",
            type="primary",
            on_click=drop,
            args=(chosen, reason),
        )


def assign_controls(project: Project, code: str, chosen: Sequence[str]) -> None:
    with st.popover(f"Give {len(chosen)} to", icon=":material/person:", key=f"assign-{code}"):
        name = st.selectbox(
            "Who is on it",
            issues.people(project),
            index=None,
            accept_new_options=True,
            key=f"who-{code}",
            placeholder="Nobody",
        )
        st.button(
            "Save",
            key=f"save-who-{code}",
            type="primary",
            on_click=do,
            args=("Saved.", issues.assign, chosen, str(name or "").strip()),
        )


def mute_controls(code: str, chosen: Sequence[str]) -> None:
    with st.popover(f"Mute {len(chosen)}", icon=":material/notifications_off:", key=f"mute-{code}"):
        reason = st.text_input("Why", key=f"why-mute-{code}", max_chars=mutes.MOST_WORDS)
        until = st.date_input("Until", value=None, min_value="today", key=f"until-{code}")
        whole = st.checkbox(f"The whole check {code}", key=f"whole-{code}")
        day = until.isoformat() if until else ""
        st.button(
            "Mute",
            key=f"really-mute-{code}",
            type="primary",
            on_click=mute,
            args=([code] if whole else chosen, reason, day),
        )


# -- duplicates and cells -------------------------------------------------------------------------


def duplicates(project: Project, code: str, found: pd.DataFrame) -> None:
    """Clusters side by side: merge them, or mark them as not the same."""
    table = fixes.clusters(project, list(found["item_id"]))
    names = list(dict.fromkeys(table["cluster"]))
    if not names:
        return
    pages = -(-len(names) // CLUSTERS_SHOWN)
    page = 1
    if pages > 1:
        page = st.number_input(f"Page of {pages}", 1, pages, key=f"page-{code}", width=150)
    for name in names[(page - 1) * CLUSTERS_SHOWN : page * CLUSTERS_SHOWN]:
        with st.container(border=True):
            cluster(project, code, table[table["cluster"] == name])
    csv_button(table, f"clusters-{code}", label="Clusters as CSV")


def cluster(project: Project, code: str, members: pd.DataFrame) -> None:
    """One cluster: what its items say and are for, and what they are labelled."""
    columns = st.columns(SIDE_BY_SIDE)
    for n, item in enumerate(members.itertuples()):
        with columns[n % SIDE_BY_SIDE]:
            label = f", labelled {item.label}" if item.label else ""
            st.caption(plain(f"{item.side}{label}, similarity {item.similarity:.2f}"))
            image = fixes.image(project, str(item.item_id))
            if image is None:
                st.text(item.content)
            else:
                st.image(image, width=160)
    ids, key = list(members["item_id"]), f"{code}-{members['cluster'].iloc[0]}"
    with st.container(horizontal=True):
        st.button(
            "Merge",
            key=f"merge-{key}",
            on_click=do,
            args=(RECHECK, fixes.merge, ids),
            icon=":material/merge:",
            help="Keeps one of them and takes the others out.",
        )
        st.button(
            "Not the same",
            key=f"apart-{key}",
            on_click=do,
            args=(RECHECK, fixes.keep_apart, ids),
            icon=":material/call_split:",
        )


def repairs(project: Project, code: str, found: pd.DataFrame) -> None:
    """Proposed values beside what stands there; the chosen ones are put in."""
    table = fixes.proposals(project, list(found["item_id"]))
    table = table[table["column"].isin(found["col"])].reset_index(drop=True)
    if table.empty:
        return
    chosen = st.dataframe(
        table,
        hide_index=True,
        height="content" if len(table) <= 10 else 400,
        column_order=["column", "before", "after", "confidence", "why"],
        column_config={
            "before": st.column_config.TextColumn("stands there"),
            "after": st.column_config.TextColumn("proposed"),
            "confidence": st.column_config.NumberColumn(format="percent", width="small"),
            "why": st.column_config.TextColumn(width="large"),
        },
        on_select="rerun",
        selection_mode="multi-row",
        key=f"repairs-{code}",
        alt="Proposed values beside what stands there",
    )
    picked = [row for row in chosen["selection"]["rows"] if row < len(table)]
    cells = [(str(table["item_id"][row]), str(table["column"][row])) for row in picked]
    with st.container(horizontal=True):
        st.button(
            f"Repair {len(cells)}" if cells else "Repair",
            disabled=not cells,
            type="primary",
            key=f"repair-{code}",
            on_click=do,
            args=(RECHECK, fixes.repair, cells),
            icon=":material/build:",
            help="Choose rows of the preview first.",
        )
        csv_button(table, f"repairs-{code}")


# -- what a press does ----------------------------------------------------------------------------


def do(said: str, act: Callable[..., int], *what: Any) -> None:
    """One service call for the person at the screen, and a word when it is done."""
    with report_errors(), open_again("reviewer") as opened:
        act(opened, *what, author=person() or "someone")
        st.toast(said)


def drop(chosen: Sequence[str], reason: str) -> None:
    with report_errors(), open_again("reviewer") as opened:
        fixes.drop(opened, chosen, reason=reason, author=person() or "someone")
        st.toast(RECHECK)


def mute(subjects: Sequence[str], reason: str, until: str) -> None:
    with report_errors(), open_again("reviewer") as opened:
        mutes.mute(opened, subjects, reason=reason, until=until, author=person() or "someone")
        st.toast("Muted. It is still checked, and stands under its own heading.")


def unmute(subjects: Sequence[str]) -> None:
    with report_errors(), open_again("reviewer") as opened:
        mutes.unmute(opened, subjects, author=person() or "someone")
        st.toast("It is open again.")
