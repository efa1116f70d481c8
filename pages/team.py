"""Annotators: who did how much, and how far they agree."""

from __future__ import annotations

import streamlit as st

from labeling import export, team
from pages.shared.shell import open_page, report_errors
from pages.shared.widgets import csv_button

project = open_page("Team")

with report_errors():
    st.subheader("Who did how much", anchor=False)
    people = export.annotators_table(project)
    st.dataframe(people, hide_index=True)
    csv_button(people, "annotators")
    st.subheader("How far they agree", anchor=False)
    agreement = team.agreement(project)
    if agreement is None:
        st.info("Agreement can be measured once two people have labelled the same items.")
    else:
        st.dataframe(agreement, hide_index=True)
        csv_button(agreement, "agreement")
    flags = export.flags_table(project)
    st.subheader("Notes on items", anchor=False)
    st.dataframe(flags, hide_index=True)
    csv_button(flags, "flags")
