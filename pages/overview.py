"""Where the project stands, and what to do next."""

from __future__ import annotations

import streamlit as st

from labeling import impact, overview, stop_light
from pages.shared.shell import link_to, open_page, plain, report_errors
from pages.shared.widgets import figure, job_panel

project = open_page("Overview", role="annotator")

with report_errors():
    now = overview.standing(project)
    with st.container(horizontal=True):
        figure("Round", f"{now.round_no}", f"{now.answered} of {now.asked} answered")
        figure("Labelled", f"{now.labelled:,}", f"of {now.pool:,} in the pool")
        figure("Gold labels", f"{now.gold:,}", f"of {now.reservoir:,} reserved")
        figure("Open issues", f"{now.open_issues:,}", f"{now.blocking_issues} blocking")

    model, todo = st.columns(2)
    with model.container(border=True, height="stretch"):
        st.subheader("The model", anchor=False)
        for line in impact.headline(project):
            st.markdown(plain(line[:1].upper() + line[1:]))
        if more := stop_light.line(project):
            st.markdown(plain(more))
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
            st.markdown(plain(step.text))
            if step.page != "overview":
                link_to(step.page, step.page.capitalize())
