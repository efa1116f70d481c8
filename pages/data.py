"""Bring items in: preview, roles of the columns, splits, imports, backup."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import streamlit as st

from labeling import history, imports, ingest, overview, uploads, vector_files
from labeling.core.features import KINDS, Content
from labeling.ingest import Roles
from pages.shared.choice import projects_folder
from pages.shared.identity import creator
from pages.shared.shell import (
    choose_project,
    link_to,
    open_entrance,
    person,
    plain,
    report_errors,
)
from pages.shared.widgets import csv_button, figure, progress_bar, upload_table

NONE = "(none)"

project = open_entrance("Data", role="owner")


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
        label = pick("Labels already there", guess.label, "They become answers of the file.")
        id_ = pick("Your own id", guess.id, "A name of yours for each row.")
    with right:
        annotator = pick("Who labelled", None, "A column of annotators' names.")
        gold = pick("Marks trusted rows (gold)", None, "Rows marked yes measure the model.")
    if content is None:
        free = [column for column in columns if column not in (label, id_, annotator, gold)]
        content = choose_content(free or columns, guess.content)
    else:
        st.markdown(f"Learns from **{plain(', '.join(content.columns))}**")
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
    guessed = [column for column in guess.columns if column in columns] or columns
    if kind == "text":
        index = columns.index(guessed[0])
        return Content("text", (st.selectbox("Text column", columns, index=index),))
    chosen = st.multiselect("Columns", columns, default=guessed)
    return Content("columns", tuple(chosen or guessed))


def preview(name: str, frame: pd.DataFrame) -> None:
    st.markdown(f"**{plain(name)}**: {len(frame):,} rows, {len(frame.columns)} columns")
    st.dataframe(frame.head(50), height=240)


def ask_for_vectors(key: str) -> tuple[tuple[str, bytes] | None, str]:
    """The file of vectors that the browser sent, and the prefix of columns that hold some."""
    with st.expander("Vectors of your own (embeddings)"):
        st.caption(
            "One for each row, from whatever encoder you like: the model learns from them beside "
            "the content. Bring the vectors of later rows from the same encoder."
        )
        file = st.file_uploader(
            "A file: Parquet with your own id, or .npy in the order of the rows",
            type=[suffix.strip(".") for suffix in vector_files.FORMATS],
            key=f"{key}-vectors",
        )
        prefix = st.text_input(
            "Or columns of the table whose names start with",
            key=f"{key}-prefix",
            placeholder="emb_",
            help="Columns of numbers, or one column of JSON lists.",
        )
    return (file.name, file.getvalue()) if file else None, prefix.strip()


def new_project() -> None:
    sent = upload_table("new-file", "A table")
    if sent is None:
        return
    name, frame = sent
    preview(name, frame)
    vectors, prefix = ask_for_vectors("new")
    roles = choose_roles(vector_files.without(frame, prefix), content=None)
    title = st.text_input("Project name", value=Path(name).stem, max_chars=80)
    roles = roles._replace(
        multi=st.checkbox(
            "An item may have several classes",
            help="In the label column they stand with | between them: spam|phishing.",
        )
    )
    guessed = uploads.guess_classes(frame, roles.label, multi=roles.multi)
    classes = st.text_area("Classes, one a line", value="\n".join(guessed), height=120)
    st.caption(
        "At least a fifth of the rows, 1,000 where there are enough and half at most, is reserved "
        "at random to measure the model: it never trains. Equal rows become one item."
    )
    if st.button("Create the project", type="primary"):
        with report_errors():
            brought, frame = uploads.vectors_of(frame, roles, sent=vectors, prefix=prefix)
            made, said = uploads.create(
                projects_folder(), title, frame, roles=roles, classes=classes, source=name,
                author=person() or "someone", owner=creator(),
                embeddings=brought, progress=progress_bar(),
            )  # fmt: skip
            st.session_state["said"] = said
            choose_project(made)


def more_rows() -> None:
    sent = upload_table("more-file", "A table")
    if sent is None or project is None:
        return
    name, frame = sent
    preview(name, frame)
    vectors, prefix = ask_for_vectors("more")
    roles = choose_roles(vector_files.without(frame, prefix), content=project.content)
    if st.button("Import", type="primary"):
        with report_errors():
            brought, frame = uploads.vectors_of(frame, roles, sent=vectors, prefix=prefix)
            summary = imports.import_table(
                project, frame, roles=roles, source=name, author=person() or "someone",
                embeddings=brought, progress=progress_bar(),
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
        if now.aside:
            figure("Aside", f"{now.aside:,}", "near to both sides, not used")
    st.caption(
        "The reservoir was drawn at random, by whole groups of near-duplicates, before the first "
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


if said := st.session_state.pop("said", None):
    st.success(plain(f"The project is made: {said}"))
    link_to("label", "Label the first batch", icon="keyboard")

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
