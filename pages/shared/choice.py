"""The projects that there are to choose from, and the one that is chosen."""

from __future__ import annotations

import os
from pathlib import Path

import streamlit as st

from labeling.project import ProjectInfo, list_projects


def projects_folder() -> Path:
    """Where the projects are: GROUNDWORK_PROJECTS, or `projects` in the working directory."""
    return Path(os.environ.get("GROUNDWORK_PROJECTS", "projects"))


def projects_by_name() -> dict[str, ProjectInfo]:
    """Every project of the folder."""
    return {info.name: info for info in list_projects(projects_folder())}


def chosen() -> ProjectInfo | None:
    """The chosen project, if it is one of those that the folder holds: no other can be opened."""
    return projects_by_name().get(st.session_state.get("project") or "")
