"""Every table of the project as CSV."""

from __future__ import annotations

import streamlit as st

from labeling import export
from pages.shared.shell import open_page, report_errors
from pages.shared.widgets import csv_button

project = open_page("Reports", role="owner")

with report_errors():
    name = st.selectbox(
        "Table",
        list(export.TABLES),
        format_func=lambda name: f"{name}: {export.describe(name)}",
    )
    frame = export.table(project, name)
    st.caption(f"{len(frame):,} rows")
    csv_button(frame, name, label=f"Download {name}.csv")
    st.dataframe(frame.head(200), hide_index=True)
