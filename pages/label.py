"""The labeling session: one item at a time, answered by a key."""

from __future__ import annotations

import time
import uuid
from typing import NamedTuple

import streamlit as st

from labeling import queue
from labeling.queue import Asked, Progress
from pages.shared.shell import open_again, open_page, plain, report_errors, require_person

KEYS = "123456789"
MOST_BUTTONS = 20

project = open_page("Label")
me = require_person()


class Showing(NamedTuple):
    """An item on this screen: its slot, the id that its answer will have, since when it shows."""

    slot_id: int
    event_id: str
    since: float


def showing(slot_id: int) -> Showing:
    """The same for every run that shows the same slot; a repeated press is the same answer."""
    now: Showing | None = st.session_state.get("showing")
    if now is None or now.slot_id != slot_id:
        now = Showing(slot_id, str(uuid.uuid4()), time.monotonic())
        st.session_state["showing"] = now
    return now


def answer(shown: Showing, label: str) -> None:
    st.session_state["showing"] = None
    with report_errors(), open_again() as opened:
        queue.answer(
            opened, shown.slot_id, label, annotator=me, event_id=shown.event_id, ms=_ms(shown)
        )


def answer_typed(shown: Showing) -> None:
    answer(shown, st.session_state[f"typed-{shown.event_id}"])


def skip(shown: Showing) -> None:
    st.session_state["showing"] = None
    with report_errors(), open_again() as opened:
        queue.skip(opened, shown.slot_id, annotator=me, event_id=shown.event_id, ms=_ms(shown))


def flag(shown: Showing) -> None:
    with report_errors(), open_again() as opened:
        key = f"note-{shown.event_id}"
        queue.flag(opened, shown.slot_id, st.session_state[key], annotator=me)
        st.session_state[key] = ""
        st.session_state["said"] = "Your note is kept with the item."


def undo() -> None:
    with report_errors(), open_again() as opened:
        st.session_state["showing"] = None
        if queue.undo(opened, me) is None:
            st.session_state["said"] = "There is nothing to undo."


def _ms(shown: Showing) -> int:
    return round(1000 * (time.monotonic() - shown.since))


def choose_queue() -> int:
    """The queue to work on: the batch, or one of the relabel queues."""
    with report_errors():
        choices = {info.change_id: info for info in queue.queues(project)}
        if len(choices) == 1:
            return next(iter(choices))
        return st.segmented_control(
            "Queue",
            list(choices),
            format_func=lambda c: plain(choices[c].title),
            default=max(choices),
            required=True,
        )
    st.stop()


@st.fragment
def session(queue_id: int) -> None:
    if said := st.session_state.pop("said", None):
        st.toast(said)
    with report_errors(), open_again() as opened:
        asked = queue.next_item(opened, me, queue=queue_id)
        done = queue.progress(opened, me, queue=queue_id)
        label_set = opened.label_set
        work, beside = st.columns([5, 2], gap="medium")
        with beside:
            st.progress(
                done.answered / max(done.total, 1), text=f"{done.answered} of {done.total} answered"
            )
            st.caption(f"{done.mine} by you. Every answer is on disk before the next item shows.")
            if asked:
                st.markdown("**Why this item?**")
                st.caption(plain(asked.why[:1].upper() + asked.why[1:]) + ".")
            st.markdown("**Guideline**")
            st.text(label_set.guideline or "No guideline is written yet: see Requirements.")
        with work:
            if asked is None:
                _nothing_left(done)
            else:
                _ask(asked, label_set.classes)


def _nothing_left(done: Progress) -> None:
    st.success("Nothing is left for you in this queue.", icon=":material/task_alt:")
    if done.answered < done.total:
        st.markdown(f"{done.total - done.answered} of its items are with others, or skipped.")
    _undo_button()


def _ask(asked: Asked, classes: tuple[str, ...]) -> None:
    shown = showing(asked.slot.slot_id)
    with st.container(border=True, height=340, key="item"):
        _show(asked)
    if asked.current_label is not None:
        st.markdown(f"Labelled **{plain(asked.current_label)}** so far. What is right?")
    _classes(shown, classes)
    with st.container(horizontal=True):
        st.button(
            "Skip",
            key=f"skip-{shown.event_id}",
            on_click=skip,
            args=(shown,),
            shortcut="S",
            icon=":material/skip_next:",
        )
        _undo_button()
    with st.expander("Something is wrong with this item", icon=":material/flag:"):
        st.text_area(
            "What is wrong?",
            key=f"note-{shown.event_id}",
            max_chars=queue.MAX_COMMENT,
            placeholder="Kept with the item; you can still answer or skip it.",
        )
        st.button("Keep this note", key=f"flag-{shown.event_id}", on_click=flag, args=(shown,))


def _undo_button() -> None:
    st.button("Undo", key="undo", on_click=undo, shortcut="U", icon=":material/undo:")


def _show(asked: Asked) -> None:
    """The content as it is: never as markup."""
    if asked.image is not None:
        st.image(asked.image, width="content")
    elif len(asked.content) == 1:
        st.text(next(iter(asked.content.values())) or "")
    else:
        fields = st.columns(3)
        for nth, (name, value) in enumerate(asked.content.items()):
            with fields[nth % 3]:
                st.caption(plain(name))
                st.text("(missing)" if value is None else value)


def _classes(shown: Showing, classes: tuple[str, ...]) -> None:
    """A button a class, the first nine with number keys; long label sets are found by typing."""
    with st.container(horizontal=True):
        for number, name in enumerate(classes[:MOST_BUTTONS]):
            st.button(
                plain(name),
                key=f"answer-{shown.event_id}-{number}",
                on_click=answer,
                args=(shown, name),
                shortcut=KEYS[number] if number < len(KEYS) else None,
                type="primary",
            )
    if len(classes) > MOST_BUTTONS:
        st.selectbox(
            "Another class",
            classes[MOST_BUTTONS:],
            index=None,
            key=f"typed-{shown.event_id}",
            placeholder="Type to find a class",
            on_change=answer_typed,
            args=(shown,),
        )


session(choose_queue())
