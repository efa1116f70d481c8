"""Small parts that several pages show."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any, TypeVar, cast

import altair as alt
import pandas as pd
import streamlit as st

from labeling import export, history, impact, ingest, people, worker
from labeling.ingest import Progress
from labeling.project import Project, opened
from pages.shared import identity, pictures
from pages.shared.shell import open_again, person, plain, report_errors

T = TypeVar("T")

SEVERITY_COLORS = {"critical": "red", "warning": "orange", "info": "blue"}


def figure(label: str, value: str, words: str, *, help: str | None = None) -> None:
    """A figure with a few words under it, for a row that wraps on narrow screens."""
    st.metric(
        label, value, words, delta_color="off", delta_arrow="off", border=True, help=help, width=190
    )


def csv_button(frame: pd.DataFrame, name: str, *, label: str = "CSV") -> None:
    """A download of a table, formulas neutralised, with a mark that lets Excel read Korean."""
    st.download_button(
        label,
        ("\ufeff" + export.to_csv(frame)).encode(),
        file_name=f"{name}.csv",
        mime="text/csv",
        icon=":material/download:",
        key=f"csv-{name}",
        on_click="ignore",
    )


def chart(drawn: alt.TopLevelMixin, name: str, told: pd.DataFrame) -> None:
    """A chart with ways to keep it: its figures as CSV, itself as SVG or PNG.

    Pictures are drawn when somebody asks for one, here, without a network.
    """
    st.altair_chart(drawn)
    with st.container(horizontal=True, gap="small"):
        csv_button(told, name)
        for kind, mime in (("svg", "image/svg+xml"), ("png", "image/png")):
            st.download_button(
                kind.upper(),
                partial(pictures.PICTURES[kind], drawn),
                file_name=f"{name}.{kind}",
                mime=mime,
                icon=":material/image:",
                key=f"{kind}-{name}",
                on_click="ignore",
            )


def deferred(project: Project, make: Callable[[Project], bytes]) -> Callable[[], bytes]:
    """A file that is made when somebody asks for it: in a thread of its own, the page long done.

    Neither the page's project nor its session is there then, so that the file opens the project.
    """
    path = project.path

    def made() -> bytes:
        with opened(path) as again:
            return make(again)

    return made


def once(project: Project, name: str, compute: Callable[[Project], T]) -> T:
    """What a service says, asked once as long as the log of the project stands still."""
    kept: dict[Any, Any] = st.session_state.setdefault("once", {})
    key = project.identity, name
    moment = history.moment(project)
    if key not in kept or kept[key][0] != moment:
        kept[key] = moment, compute(project)
    return cast(T, kept[key][1])


def upload_table(key: str, label: str) -> tuple[str, pd.DataFrame] | None:
    """A table that the browser sent, read once a file."""
    file = st.file_uploader(
        f"{label}: CSV, TSV, JSONL, Parquet or XLSX",
        type=[suffix.strip(".") for suffix in ingest.FORMATS],
        key=key,
    )
    kept = f"{key}-table"
    if file is None:
        st.session_state.pop(kept, None)
        return None
    if kept in st.session_state and st.session_state[kept][0] == file.file_id:
        _, name, frame = st.session_state[kept]
        return name, frame
    with report_errors(), tempfile.TemporaryDirectory() as folder:
        name = Path(file.name).name
        path = Path(folder) / f"upload{Path(name).suffix.lower()}"
        path.write_bytes(file.getbuffer())
        frame = ingest.read_table(path, name=name)
        st.session_state[kept] = file.file_id, name, frame
        return name, frame
    return None


def progress_bar() -> Progress:
    """A progress callback that moves a bar on the page."""
    bar = st.progress(0.0)
    return lambda share, message: bar.progress(min(max(share, 0.0), 1.0), text=message) and None


def difference(found: Mapping[str, Any], *, what: str) -> None:
    """A paired difference: words first, then points with their interval."""
    words = str(found["verdict"])
    color = verdict_color(words)
    with st.container(border=True):
        st.markdown(f"**{plain(what)}**")
        delta = impact.points(found["delta"])
        low, high = impact.points(found["low"]), impact.points(found["high"])
        st.markdown(f":{color}-badge[{plain(words)}]")
        st.markdown(
            f"**{plain(delta)} points** [{plain(low)}, {plain(high)}]: "
            f"{found['before']:.1%} before, {found['after']:.1%} after, "
            f"on the same {found['n_gold']} gold labels"
        )
        if found["band"]:
            st.caption(
                f"Random changes of the same size moved it by up to {100 * found['band']:.1f} "
                "points (placebo band)."
            )


def verdict_color(words: str) -> str:
    """The colour of a verdict; of one that is not there yet too."""
    return "green" if words == "real" else "gray" if words in ("within placebo", "") else "orange"


def job_panel(
    project: Project,
    kind: str,
    *,
    button: str,
    help: str,
    blocked: str | None = None,
    prepare: Callable[[Project], dict[str, Any]] | None = None,
) -> None:
    """A button that starts a job of the worker process, and its progress while it runs.

    Jobs are for reviewers; others see how they go. `prepare` makes a job's args when it starts.
    """
    job = worker.status(project, kind)
    running = job is not None and job.state in worker.ACTIVE
    mine = people.allows(identity.role_in(project, person()), people.REVIEWER)
    st.button(
        button,
        key=f"start-{kind}",
        type="primary",
        help=help,
        disabled=running or blocked is not None or not mine,
        on_click=_start,
        args=(kind, prepare),
    )
    if not mine:
        st.caption(f"This is for {people.in_words(people.REVIEWER)}.")
    elif blocked and not running:
        st.caption(f"Not yet: {blocked}.")
    if running:
        _watch(kind)
    elif job is not None and job.state != "done":
        st.error(plain(job.message))


def _start(kind: str, prepare: Callable[[Project], dict[str, Any]] | None) -> None:
    with report_errors(), open_again("reviewer") as project:
        args = prepare(project) if prepare else {}
        worker.start(project, kind, author=person() or "someone", args=args)


@st.fragment(run_every=1.0)
def _watch(kind: str) -> None:
    with report_errors(), open_again("annotator") as project:
        job = worker.status(project, kind)
        if job is None or job.state not in worker.ACTIVE:
            st.rerun()
        st.progress(job.progress, text=plain(job.message or "starting"))
