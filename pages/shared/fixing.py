"""The issues of one check, row by row, with what can be done about them in place."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pandas as pd
import streamlit as st

from labeling import fixes, issues, mutes
from labeling.project import Project
from pages.shared.shell import open_again, person, plain, report_errors
from pages.shared.widgets import csv_button

CLUSTERS_SHOWN = 5
SIDE_BY_SIDE = 3
MOST_EDITED = 10
MUTED = "Muted. It is still checked, and stands under its own heading."
WAIT = "The items wait in a queue of their own on the Review page."
PAST = {
    "fixed": "No longer found, after a fix or an answer touched the row.",
    "gone": "No longer found, though nobody touched these rows: an estimate or a threshold moved.",
}
SAME_OR_NOT: tuple[tuple[str, Callable[..., int], str, str], ...] = (
    ("Merge", fixes.merge, ":material/merge:", "Keeps one of them and takes the others out."),
    ("Not the same", fixes.keep_apart, ":material/call_split:", "They are found no more."),
)
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
            "content": st.column_config.TextColumn("item", width="medium"),
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
            on_click=do,
            args=("It is open again.", mutes.unmute, [*chosen, code]),
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
            on_click=do,
            args=(RECHECK, fixes.drop, chosen),
            kwargs={"reason": reason},
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
            on_click=do,
            args=(MUTED, mutes.mute, [code] if whole else chosen),
            kwargs={"reason": reason, "until": day},
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
    measures = bool((members["side"] != "pool").all())
    with st.container(horizontal=True):
        for label, act, icon, words in SAME_OR_NOT:
            only_measures = act is fixes.merge and measures
            st.button(
                label,
                key=f"{act.__name__}-{key}",
                on_click=do,
                args=(RECHECK, act, ids),
                icon=icon,
                disabled=only_measures,
                help="All of these measure, and what measures stays." if only_measures else words,
            )


def repairs(project: Project, code: str, found: pd.DataFrame) -> None:
    """Proposed values beside what stands there; the chosen ones are put in."""
    table = fixes.proposals(project, list(found["item_id"]))
    table = table[table["column"].isin(found["col"])].reset_index(drop=True)
    if table.empty:
        return
    chosen = st.dataframe(
        table.assign(confidence=100 * table["confidence"]),
        hide_index=True,
        height="content" if len(table) <= 10 else 400,
        column_order=["column", "before", "after", "confidence", "why"],
        column_config={
            "before": st.column_config.TextColumn("stands there"),
            "after": st.column_config.TextColumn("proposed"),
            "confidence": st.column_config.NumberColumn(format="%.0f %%", width="small"),
            "why": st.column_config.TextColumn(width="large"),
        },
        on_select="rerun",
        selection_mode="multi-row",
        key=f"repairs-{code}",
        alt="Proposed values beside what stands there",
    )
    picked = [row for row in chosen["selection"]["rows"] if row < len(table)]
    cells = [(str(table["item_id"][row]), str(table["column"][row])) for row in picked]
    texts = dict(zip(found["item_id"], found["content"], strict=True))
    values = {} if len(picked) > MOST_EDITED else edited(code, table.iloc[picked], texts)
    with st.container(horizontal=True):
        st.button(
            f"Repair {len(cells)}" if cells else "Repair",
            disabled=not cells,
            type="primary",
            key=f"repair-{code}",
            on_click=do,
            args=(RECHECK, fixes.repair, cells),
            kwargs={"values": values},
            icon=":material/build:",
            help="Choose rows of the preview first; the values of a few can be changed here.",
        )
        csv_button(table, f"repairs-{code}")


def edited(code: str, chosen: pd.DataFrame, texts: Mapping[str, str]) -> dict[int, str | None]:
    """The values to put in, by place among the chosen cells; a blank one empties the cell."""
    values: dict[int, str | None] = {}
    for n, cell in enumerate(chosen.itertuples()):
        said = st.text_input(
            plain(f"{cell.column}: {cell.before} becomes, in “{texts[cell.item_id][:60]}”"),
            "" if cell.after is None else str(cell.after),
            key=f"value-{code}-{cell.item_id}-{cell.column}",
            placeholder="(missing)",
        )
        values[n] = said.strip() or None
    return values


# -- what a press does ----------------------------------------------------------------------------


def do(said: str, act: Callable[..., int], *what: Any, **how: Any) -> None:
    """One service call for the person at the screen, and a word when it is done."""
    with report_errors(), open_again("reviewer") as opened:
        act(opened, *what, **how, author=person() or "someone")
        st.toast(said)
