"""How one would first write it: buttons, and the whole page runs again after each answer."""

from __future__ import annotations

import os
from pathlib import Path

import streamlit as st

from labeling import answers, queue
from labeling.project import opened

st.title("Label")
with opened(Path(os.environ["BENCHMARK_PROJECT"])) as project:
    asked = queue.next_item(project, "Ann")
    if asked is None:
        st.success("Nothing is left.")
        st.stop()
    done = queue.progress(project, "Ann", queue=queue.current_batch(project))
    st.progress(done.answered / done.total, text=f"{done.answered} of {done.total} answered")
    st.caption(asked.why)
    with st.container(border=True, height=340, key="item"):
        st.text(asked.content["text"])
    for number, name in enumerate(project.classes, start=1):
        if st.button(name, shortcut=str(number), type="primary"):
            answers.answer(project, asked.slot.slot_id, name, annotator="Ann")
            st.rerun()
