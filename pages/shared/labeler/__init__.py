"""The labeling screen: a browser component, and the route that it talks to."""

from __future__ import annotations

from pathlib import Path

from labeling import session
from labeling.project import Project
from pages.shared import packaged, tokens
from pages.shared.labeler.route import address

STATIC = Path(__file__).resolve().parent / "static"


def show(project: Project, person: str, *, queue: int | None = None, review: bool = False) -> None:
    """Mount the labeling screen for a person: the current batch, or a queue of rulings.

    The page runs no more while somebody labels, but for a fresh token once theirs has run out.
    """
    packaged.component("labeler", STATIC, js="labeler.js")(
        key=f"labeler-{project.name}-{queue}",
        data={
            "api": address(),
            "token": tokens.issue(project.name, person),
            "project": project.name,
            "project_id": project.identity,
            "title": project.title,
            "annotator": person,
            "queue": session.BATCH if queue is None else queue,
            "review": review,
            "label_set": session.label_set_view(project),
        },
        on_renew_change=lambda: None,
        height="content",
    )
