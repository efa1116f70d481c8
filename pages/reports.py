"""The report of the newest round, every round's model to take away, and every table as CSV."""

from __future__ import annotations

import streamlit as st

from labeling import export, round_report, rounds
from pages.shared.models import models_block
from pages.shared.shell import open_page, report_errors
from pages.shared.widgets import csv_button, deferred

project = open_page("Reports", role="owner")


with report_errors():
    last = rounds.current(project) - 1
    if last:
        st.download_button(
            f"Report of round {last}",
            deferred(project, lambda again: round_report.build(again).encode()),
            file_name=f"{project.name}-round-{last}.html",
            mime="text/html",
            icon=":material/download:",
            help="One page for people without the app; its charts can be kept as SVG.",
            on_click="ignore",
        )
    name = st.selectbox(
        "Table",
        list(export.TABLES),
        format_func=lambda name: f"{name}: {export.describe(name)}",
    )
    frame = export.table(project, name)
    st.caption(f"{len(frame):,} rows")
    csv_button(frame, name, label=f"Download {name}.csv")
    st.dataframe(frame.head(200), hide_index=True)

with report_errors():
    models_block(project)
