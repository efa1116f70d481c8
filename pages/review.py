"""The queues of rulings: what people disagree about, and labels that a check suspects."""

from __future__ import annotations

from collections.abc import Callable

import pandas as pd
import streamlit as st

from labeling import issues, review, reviewing
from pages.shared import charts, labeler
from pages.shared.shell import (
    link_to,
    open_again,
    open_page,
    person,
    plain,
    report_errors,
    require_person,
)
from pages.shared.widgets import csv_button, once

NEW = 0
PREVIEW, MOST_SHOWN = 200, 7
FEWEST_DRAWN = 5  # rulings, below which a curve says nothing
SAID = {"answers": "who said what", "message": "what the check says"}

project = open_page("Review", role="reviewer")
me = require_person()


def rule(n_key: str, make: Callable[..., int]) -> None:
    """Make a queue of as many items as there is time for, and go to it."""
    with report_errors(), open_again("reviewer") as opened:
        n = st.session_state[n_key]
        st.session_state["queue"] = make(opened, n, author=person() or "someone")


def choose_queue() -> int:
    """A queue with open items, the one that was just finished, or NEW for another one."""
    titles = review.titles(project, keep=st.session_state.get("queue"))
    if not titles:
        return NEW
    if st.session_state.get("queue") not in {*titles, NEW}:
        st.session_state["queue"] = next(iter(titles))
    return st.segmented_control(
        "Queue",
        [*titles, NEW],
        format_func=lambda change: plain(titles.get(change, "New queue")),
        required=True,
        key="queue",
        wrap=True,
    )


def disagreements() -> None:
    st.subheader("Disagreements", anchor=False)
    found = review.disagreements(project)
    found = found[~found["queued"]]
    if found.empty:
        st.markdown(
            "Nothing is in dispute. That takes two people who answer the same item: the settings "
            "`overlap` and `second_opinions` say how many items are asked more than once."
        )
    else:
        ask(found, words="answers", make=review.adjudicate)


def suspects() -> None:
    st.subheader("Suspected label errors", anchor=False)
    found = review.suspects(project)
    progress()
    if found.empty:
        st.markdown(
            "No check suspects a label. They run whenever a round is closed, and when you say so "
            "on the Quality page."
        )
        link_to("quality", "Quality", icon="rule")
    else:
        ask(found, words="message", make=review.relabel)


def progress() -> None:
    """What the rulings on suspected labels have found, and whether to go on, in words first."""
    found = once(project, "reviewing", reviewing.state)
    if found is None:
        return
    st.markdown(plain(found.progress.words))
    st.caption(plain(found.estimate))
    if len(found.rulings) < FEWEST_DRAWN:
        return
    with st.expander("How it went so far", icon=":material/trending_down:"):
        ahead = found.progress
        says = "pays at least to here" if ahead.pays >= ahead.horizon else "stops paying about here"
        stops = ahead.reviewed + ahead.pays
        st.altair_chart(charts.review(found.rulings, stops=stops, says=says))
        told = issues.with_content(project, found.rulings.iloc[::-1])
        st.dataframe(
            told,
            hide_index=True,
            height="content" if len(told) <= MOST_SHOWN else 36 * MOST_SHOWN,
            column_order=["content", "was", "ruling", "wrong", "seconds"],
            column_config={
                "content": st.column_config.TextColumn("item", width="medium"),
                "was": st.column_config.TextColumn("label before"),
                "seconds": st.column_config.NumberColumn(format="%.1f"),
            },
            key="rulings",
        )
        csv_button(told, "rulings")


def ask(found: pd.DataFrame, *, words: str, make: Callable[..., int]) -> None:
    """The items, how many of them there is time for, and the button that makes a queue of those."""
    n_key = f"n-{words}"
    st.dataframe(
        issues.with_content(project, found.head(PREVIEW)),
        hide_index=True,
        height="content" if len(found) <= MOST_SHOWN else 36 * MOST_SHOWN,
        column_order=["content", words],
        column_config={
            "content": st.column_config.TextColumn("item", width="medium"),
            words: st.column_config.TextColumn(SAID[words], width="medium"),
        },
        key=f"table-{words}",
    )
    with st.container(horizontal=True, vertical_alignment="bottom"):
        n = st.number_input(
            f"How many of {len(found):,}", 1, len(found), min(20, len(found)), key=n_key, width=160
        )
        st.button(
            f"Rule on {n}",
            key=f"make-{words}",
            type="primary",
            on_click=rule,
            args=(n_key, make),
            help="The worst come first. All rulings of a queue are one change in the log.",
        )


def new_queue() -> None:
    with st.container(border=True):
        disagreements()
    with st.container(border=True):
        suspects()
    made = review.table(project)
    if not made.empty:
        st.subheader("Queues so far", anchor=False)
        st.dataframe(
            made.iloc[::-1].assign(at=pd.to_datetime(made["at"])),
            hide_index=True,
            column_order=["title", "author", "at", "answered", "open", "seconds"],
            column_config={
                "title": st.column_config.TextColumn("queue", width="medium"),
                "at": st.column_config.DatetimeColumn("made (UTC)", format="YYYY-MM-DD HH:mm"),
                "seconds": st.column_config.NumberColumn("seconds of work", format="%.0f"),
            },
        )


with report_errors():
    chosen = choose_queue()
    if chosen == NEW:
        new_queue()
    else:
        labeler.show(project, me, queue=chosen, review=True)
