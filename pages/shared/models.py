"""The models of closed rounds: choose one, read its card, take it away."""

from __future__ import annotations

import re

import streamlit as st

from labeling import handover
from labeling.handover import HandOver
from labeling.project import Project
from pages.shared.shell import report_errors

KEPT = "handed_over"
_HEADING = re.compile(r"^(#+) ", re.MULTILINE)  # three levels down, below the page's own


def models_block(project: Project) -> None:
    """A heading, a choice of round, and after a press of the button its card and its files."""
    st.subheader("Models", anchor=False)
    closed = handover.rounds_of(project)
    if not closed:
        st.info("No round is closed yet: the first model is there when one is.")
        return
    with st.container(horizontal=True, vertical_alignment="bottom"):
        chosen = st.selectbox(
            "Model of",
            closed,
            format_func=lambda r: f"round {r.round_no}, {r.n_labels:,} labels",
            width=260,
        )
        onnx = st.checkbox("As ONNX too", help="Where the kind of model converts exactly.")
        pressed = st.button("Make its card and files", icon=":material/package_2:")
    asked = (project.identity, chosen.round_no, onnx)
    if pressed:
        st.session_state.pop(KEPT, None)
        with report_errors(), st.spinner("Fitting the model again and checking its files"):
            made = handover.make_beside(project.path, chosen.round_no, onnx=onnx)
            st.session_state[KEPT] = asked, made, handover.to_zip(made)
    kept = st.session_state.get(KEPT)
    if kept and kept[0] == asked:
        _given(project.name, kept[1], kept[2])


def _given(name: str, made: HandOver, whole: bytes) -> None:
    number = made.card["round"]
    st.download_button(
        f"Download the model of round {number} ({len(whole) / 1e6:.1f} MB)",
        whole,
        file_name=f"{name}-round-{number}.zip",
        mime="application/zip",
        icon=":material/download:",
        type="primary",
        on_click="ignore",
    )
    missing = made.card["files"][handover.ONNX].get("left_out")
    if missing and missing != handover.NOT_ASKED:
        st.caption(f"There is no ONNX: {missing}.")
    with st.container(border=True):
        st.markdown(_HEADING.sub(r"###\1 ", made.files[handover.CARD].decode()))
