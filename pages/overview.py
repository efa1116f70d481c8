"""Where the project stands, and what to do next."""

from __future__ import annotations

import streamlit as st

from labeling import impact, overview
from pages.shared.shell import PAGES_FOLDER, open_page, plain, report_errors
from pages.shared.widgets import job_panel

project = open_page("Overview")

with report_errors():
    now = overview.standing(project)
    cells = st.columns(4)
    cells[0].metric(
        "Round",
        now.round_no,
        f"{now.answered} of {now.asked} answered",
        border=True,
        delta_color="off",
        delta_arrow="off",
    )
    cells[1].metric(
        "Labelled in the pool",
        f"{now.labelled:,}",
        f"of {now.pool:,}",
        border=True,
        delta_color="off",
        delta_arrow="off",
    )
    cells[2].metric(
        "Gold labels",
        f"{now.gold:,}",
        f"of {now.reservoir:,} in the reservoir",
        border=True,
        delta_color="off",
        delta_arrow="off",
    )
    cells[3].metric(
        "Open issues",
        f"{now.open_issues:,}",
        f"{now.critical_issues} critical",
        border=True,
        delta_color="off",
        delta_arrow="off",
    )

    model, todo = st.columns(2)
    with model.container(border=True, height="stretch"):
        st.subheader("The model", anchor=False)
        for line in impact.headline(project):
            st.markdown(plain(line[:1].upper() + line[1:]))
        job_panel(
            project,
            "close",
            button="Close the round",
            help="Checks the data, trains the model, scores it on gold, chooses the next batch.",
            blocked=overview.can_close(project, now),
        )
    with todo.container(border=True, height="stretch"):
        st.subheader("What to do next", anchor=False)
        for step in overview.next_steps(project, now):
            st.page_link(
                PAGES_FOLDER / f"{step.page}.py",
                label=plain(step.text),
                icon=":material/arrow_forward:",
            )
