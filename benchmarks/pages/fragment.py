"""The best that buttons do: a fragment, callbacks, the item's id in each key."""

from __future__ import annotations

import os
from pathlib import Path

import streamlit as st

from labeling import answers, queue
from labeling.project import opened

PROJECT = Path(os.environ["BENCHMARK_PROJECT"])

st.title("Label")


def answer(slot: int, label: str) -> None:
    with opened(PROJECT) as project:
        answers.answer(project, slot, label, annotator="Ann")


@st.fragment
def ask() -> None:
    with opened(PROJECT) as project:
        asked = queue.next_item(project, "Ann")
        done = queue.progress(project, "Ann", queue=queue.current_batch(project))
        classes = project.classes
    if asked is None:
        st.success("Nothing is left.")
        return
    st.progress(done.answered / done.total, text=f"{done.answered} of {done.total} answered")
    st.caption(asked.why)
    with st.container(border=True, height=340, key="item"):
        st.text(asked.content["text"])
    slot = asked.slot.slot_id
    for number, name in enumerate(classes, start=1):
        st.button(
            name,
            key=f"{slot}-{name}",
            shortcut=str(number),
            type="primary",
            on_click=answer,
            args=(slot, name),
        )


ask()
