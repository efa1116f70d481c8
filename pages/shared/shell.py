"""The guard that every page starts with, and the way every page reports what went wrong."""

from __future__ import annotations

import logging
import re
import secrets
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from contextvars import ContextVar
from pathlib import Path
from typing import NoReturn

import streamlit as st
from streamlit.errors import StreamlitPageNotFoundError

from labeling import people
from labeling.answers import annotator_name
from labeling.errors import ForbiddenError, GroundworkError
from labeling.people import OWNER
from labeling.project import Project, ProjectInfo, open_project
from pages.shared import choice, identity

PAGES_FOLDER = Path(__file__).resolve().parents[1]

MOST_OFFERED = 12  # projects as buttons; all of them are in the sidebar

_log = logging.getLogger("groundwork")
_opened: ContextVar[ExitStack | None] = ContextVar("opened", default=None)


# Opening a page


def open_page(title: str, *, role: str = OWNER) -> Project:
    """The first statement of every page: heading, rights, and the chosen project.

    Without a login, a project, or the role that the page is for, the page says so and ends here.
    The project is closed when the run ends and belongs to this run's thread: fragments and
    callbacks use `open_again`.
    """
    project = open_entrance(title, role=role)
    if project is None:
        _say_how_to_begin()
        st.stop()
    return project


def open_entrance(title: str, *, role: str = OWNER) -> Project | None:
    """`open_page` for a page that also works before there is a project (the Data page)."""
    st.set_page_config(page_title=f"{title} · Groundwork")
    with report_errors():
        stop_unless_admitted()
        st.title(title, anchor=False)
        info = choice.chosen()
        return None if info is None else _open_for_this_run(info, role)
    st.stop()


@contextmanager
def open_again(role: str = OWNER) -> Iterator[Project]:
    """The chosen project for a fragment or a callback, which run without the page's own.

    They run before the page and its guard, so they ask for the role themselves: ForbiddenError.
    """
    info = choice.chosen()
    if not identity.is_admitted():
        raise ForbiddenError("Log in first.")
    if info is None:
        raise GroundworkError("No project is chosen any more. Choose one in the sidebar.")
    with open_project(info.path) as project:
        identity.require(project, role)
        yield project


def stop_unless_admitted() -> None:
    """End the run with the login screen for somebody who has to log in first."""
    if not identity.is_admitted():
        identity.show_login()
        st.stop()


def choose_project(name: str) -> NoReturn:
    """Make `name` the chosen project and run the page again; the picker takes it up on the way."""
    st.session_state["next_project"] = name
    st.rerun()


def person() -> str:
    """The name that answers are written under; empty while nobody has given one."""
    return identity.name()


def require_person() -> str:
    """The name of the person at the screen; without one that can be, say so and end the page."""
    if not person():
        st.info("Type your name in the sidebar first: every answer is kept under a name.")
        st.stop()
    with report_errors():
        return annotator_name(person())
    st.stop()


@contextmanager
def one_run() -> Iterator[None]:
    """Close what `open_page` opens when the script's run ends, in whatever way it ends."""
    with ExitStack() as opened:
        token = _opened.set(opened)
        try:
            yield
        finally:
            _opened.reset(token)


def _open_for_this_run(info: ProjectInfo, role: str) -> Project:
    project = open_project(info.path)
    opened = _opened.get()
    if opened is not None:
        opened.callback(project.close)
    identity.require(project, role)
    if identity.lacks_owner(project):
        st.caption(plain(f"In this project {people.NO_OWNER}"))
    return project


# The sidebar


def show_sidebar() -> None:
    """Project and person. The router calls it, so that both fields outlive a change of page.

    The project lives in the address too: a reload, a bookmark and a restarted server bring it
    back. Who one is does not: a link that is passed on must not carry it.
    """
    projects = choice.projects_by_name()
    asked = st.query_params.get("project")
    if asked and asked not in projects:
        st.warning(f"There is no project “{plain(asked)}” here. Choose another one.")
    if "next_project" in st.session_state:
        st.session_state["project"] = st.session_state.pop("next_project")
    _bring_back_project(only=next(iter(projects)) if len(projects) == 1 else None)
    with st.sidebar:
        st.selectbox(
            "Project",
            list(projects),
            index=None,
            key="project",
            bind="query-params",
            on_change=_keep_project,
            placeholder="Choose a project" if projects else "No project yet",
            disabled=not projects,
        )
        identity.show_person()
    _keep_project()


def _keep_project() -> None:
    st.session_state["kept_project"] = st.session_state.get("project")


def _bring_back_project(*, only: str | None = None) -> None:
    """The browser's Back may lead to an address from before the project was chosen."""
    kept = st.session_state.get("project") or st.session_state.get("kept_project") or only
    if kept and not st.query_params.get("project"):
        st.session_state["project"] = kept


def _say_how_to_begin() -> None:
    with st.container(border=True):
        if choice.projects_by_name():
            st.subheader("Which project?", anchor=False)
            st.write("Its name stays in the address, and it can be changed in the sidebar.")
            with st.container(horizontal=True):
                for name in list(choice.projects_by_name())[:MOST_OFFERED]:
                    if st.button(plain(name), key=f"open-{name}", type="primary"):
                        choose_project(name)
        else:
            st.subheader("No project yet", anchor=False)
            st.write(
                "A project is one file that holds the items, every answer and every change. "
                "Bring in a table of texts, rows or images to make the first one."
            )
        link_to("data", "Make a new project", icon="database")


def link_to(page: str, label: str, *, icon: str = "arrow_forward") -> None:
    """A link to another page, for whoever may open it.

    A page that runs without the router has no menu, and no links.
    """
    if not identity.may_open(page):
        return
    with suppress(StreamlitPageNotFoundError):
        st.page_link(PAGES_FOLDER / f"{page}.py", label=label, icon=f":material/{icon}:")


# Saying what went wrong


@contextmanager
def report_errors() -> Iterator[None]:
    """Show what goes wrong inside as one sentence and go on after the block."""
    try:
        yield
    except Exception as error:
        show_fault(error)


def show_fault(error: Exception) -> bool:
    """Show an error without its insides; ours by its message, others by a reference to the log.

    Returns True, which tells Streamlit that the error has been shown.
    """
    if isinstance(error, GroundworkError):
        st.error(plain(str(error)))
    else:
        reference = secrets.token_hex(4)
        _log.error("Fault %s", reference, exc_info=error)
        st.error(
            "Something went wrong on our side; what was saved is safe. Try again, and if it "
            f"stays, tell whoever runs Groundwork the reference **{reference}**."
        )
    return True


def plain(text: str) -> str:
    """`text` for a place that reads Markdown, so that it shows exactly as it is.

    >>> plain("a*b $c$")
    'a\\\\*b \\\\$c\\\\$'
    """
    return re.sub(r"([\\`*_{}\[\]()<>#+\-.!|~$:^&])", r"\\\1", text)
