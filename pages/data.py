"""Bring items in: preview, roles of the columns, splits, imports, backup."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pandas as pd
import streamlit as st

from labeling import history, imports, ingest, overview, uploads
from labeling.core.features import KINDS, Content
from labeling.ingest import Roles
from pages.shared.shell import (
    choose_project,
    link_to,
    open_entrance,
    person,
    plain,
    projects_folder,
    report_errors,
)
from pages.shared.widgets import csv_button, figure, progress_bar

NONE = "(none)"

project = open_entrance("Data")


def upload(key: str) -> tuple[str, pd.DataFrame] | None:
    """A table that the browser sent, read once a file."""
    file = st.file_uploader(
        "A table: CSV, TSV, JSONL, Parquet or XLSX",
        type=[suffix.strip(".") for suffix in ingest.FORMATS],
        key=key,
    )
    if file is None:
        return None
    with report_errors(), tempfile.TemporaryDirectory() as folder:
        name = Path(file.name).name
        path = Path(folder) / f"upload{Path(name).suffix.lower()}"
        path.write_bytes(file.getbuffer())
        return name, ingest.read_table(path, name=name)
    return None


def choose_roles(frame: pd.DataFrame, *, content: Content | None) -> Roles:
    """The guessed roles of the columns, to be corrected."""
    guess, columns = ingest.guess_roles(frame), list(frame.columns)
    optional = [NONE, *columns]

    def pick(label: str, guessed: str | None, help: str) -> str | None:
        index = optional.index(guessed) if guessed in optional else 0
        chosen = st.selectbox(label, optional, index=index, help=help)
        return None if chosen == NONE else chosen

    left, right = st.columns(2)
    with left:
        if content is None:
            content = choose_content(columns, guess.content)
        else:
            st.markdown(f"Learns from **{plain(', '.join(content.columns))}**")
        label = pick("Labels already there", guess.label, "They become answers of the file.")
    with right:
        id_ = pick("Your own id", guess.id, "A name of yours for each row.")
        gold = pick("Marks trusted rows (gold)", None, "Rows marked yes measure the model.")
        annotator = pick("Who labelled", None, "A column of annotators' names.")
    return Roles(content, id_, label, annotator, gold)


def choose_content(columns: list[str], guess: Content) -> Content:
    kinds = [kind for kind in KINDS if kind != "image"]
    kind = st.segmented_control(
        "Learn from",
        kinds,
        default=guess.kind,
        required=True,
        format_func={"text": "a text", "columns": "table columns"}.get,
    )
    if kind == "text":
        index = columns.index(guess.columns[0])
        return Content("text", (st.selectbox("Text column", columns, index=index),))
    chosen = st.multiselect("Columns", columns, default=list(guess.columns))
    return Content("columns", tuple(chosen) or guess.columns)


def preview(name: str, frame: pd.DataFrame) -> None:
    st.markdown(f"**{plain(name)}**: {len(frame):,} rows, {len(frame.columns)} columns")
    st.dataframe(frame.head(50), height=240)


def new_project() -> None:
    sent = upload("new-file")
    if sent is None:
        return
    name, frame = sent
    preview(name, frame)
    roles = choose_roles(frame, content=None)
    title = st.text_input("Project name", value=Path(name).stem, max_chars=80)
    guessed = uploads.guess_classes(frame, roles.label)
    classes = st.text_input("Classes, separated by commas", value=", ".join(guessed))
    if st.button("Create the project", type="primary"):
        with report_errors():
            made = uploads.create(
                projects_folder(), title, frame, roles=roles, classes=classes, source=name,
                author=person() or "someone", progress=progress_bar(),
            )  # fmt: skip
            choose_project(made)


def more_rows() -> None:
    sent = upload("more-file")
    if sent is None or project is None:
        return
    name, frame = sent
    preview(name, frame)
    roles = choose_roles(frame, content=project.content)
    if st.button("Import", type="primary"):
        with report_errors():
            summary = imports.import_table(
                project, frame, roles=roles, source=name, author=person() or "someone",
                progress=progress_bar(),
            )  # fmt: skip
            st.success(plain(imports.describe(summary)))


def standing() -> None:
    if project is None:
        return
    now = overview.standing(project)
    if now.round_no == 1 and now.answered == 0:
        st.success(f"The first batch is ready: {now.asked} items wait to be labelled.")
        link_to("label", "Label", icon="keyboard")
    with st.container(horizontal=True):
        figure("Pool", f"{now.pool:,}", "asked and trained on")
        figure("Reservoir", f"{now.reservoir:,}", "never trains")
        figure("Gold", f"{now.gold:,}", "its labelled part")
    st.caption(
        "The reservoir was drawn at random, by whole groups of equal items, before the first "
        "question. It cannot be made later, so it is there from the first day."
    )
    changes = history.table(project)
    imported = changes[changes["kind"].isin(["import", "gold"])]
    st.dataframe(
        imported, hide_index=True, column_order=["change_id", "title", "author", "at", "events"]
    )
    csv_button(imported, "imports")


def copies() -> None:
    if project is None:
        return
    st.markdown("A copy is consistent while people label. To restore, open the copy.")
    if st.button("Back up now", icon=":material/save:"):
        with report_errors():
            path = uploads.back_up(project, projects_folder())
            st.success(f"Kept as {plain(path.name)} in the folder “backups”.")
    if st.button("Make a copy to download"):
        with report_errors():
            st.download_button(
                "Download", uploads.copy(project), file_name=f"{project.name}.db", on_click="ignore"
            )


if project is None:
    st.subheader("New project", anchor=False)
    new_project()
else:
    with report_errors():
        here, more, new, safe = st.tabs(["What is there", "Import more", "New project", "Backup"])
        with here:
            standing()
        with more:
            more_rows()
        with new:
            new_project()
        with safe:
            copies()
