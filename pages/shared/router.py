"""The script that Streamlit runs for every screen: the list of pages, and the page asked for."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import streamlit as st

from labeling.errors import GroundworkError
from labeling.people import allows
from pages.shared import identity, shell
from pages.shared.identity import PAGE_ROLES

SHARED = Path(__file__).resolve().parent
ROOT = SHARED.parents[1]


class Entry(NamedTuple):
    """One line of the menu; `file` is the script's name in pages/ and the page's address."""

    group: str
    file: str
    title: str
    icon: str
    summary: str


PAGES = [
    Entry("Work", "overview", "Overview", "home", "Where the project stands, what to do next."),
    Entry("Work", "label", "Label", "keyboard", "Answer the questions of the current batch."),
    Entry("Work", "review", "Review", "gavel", "Rule on disagreements and suspected errors."),
    Entry("Work", "quality", "Quality", "rule", "What the checks found, and how to fix it."),
    Entry("Results", "impact", "Impact", "insights", "What each change did to the model."),
    Entry("Results", "duel", "Data or model?", "balance", "What an hour on either is worth."),
    Entry("Results", "learner", "Learner", "school", "What asks and learns, and what else would."),
    Entry("Results", "reports", "Reports", "table_view", "Every table as a file, and the report."),
    Entry("Project", "data", "Data", "database", "Bring items in; see splits and versions."),
    Entry("Project", "requirements", "Requirements", "checklist", "Label set and guidelines."),
    Entry("Project", "team", "Team", "group", "Annotators: agreement, speed, consensus."),
]


def menu(role: str | None) -> dict[str, list[st.Page]]:
    """All pages; those that are not for `role` are hidden, and say so when they are asked for."""
    groups: dict[str, list[st.Page]] = {entry.group: [] for entry in PAGES}
    for entry in PAGES:
        groups[entry.group].append(
            st.Page(
                ROOT / "pages" / f"{entry.file}.py",
                title=entry.title,
                icon=f":material/{entry.icon}:",
                url_path=entry.file,
                help=entry.summary,
                default=entry is PAGES[0],
                visibility="visible" if allows(role, PAGE_ROLES[entry.file]) else "hidden",
            )
        )
    return groups


def main() -> None:
    st.set_page_config(
        page_title="Groundwork",
        page_icon=SHARED / "mark.svg",  # a :material: icon here would be fetched from outside
        layout="wide",
        initial_sidebar_state="auto",
    )
    st.logo(SHARED / "logo.svg", icon_image=SHARED / "mark.svg", size="large")
    admitted = show_surroundings()
    role = role_for_menu() if admitted else None
    page = st.navigation(menu(role), position="sidebar" if admitted else "hidden", expanded=True)
    with shell.one_run():
        page.run()


def show_surroundings() -> bool:
    """The sidebar, for whoever is let in; the page's own guard says why somebody is not."""
    with suppress(GroundworkError):
        if identity.is_admitted():
            shell.show_sidebar()
            return True
    return False


def role_for_menu() -> str | None:
    """The role in the chosen project; where that cannot be read, the page's guard says why."""
    with suppress(GroundworkError):
        return identity.role()
    return None


if __name__ == "__main__":
    main()
