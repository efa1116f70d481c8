"""Annotators as a team: how far their answers agree."""

from __future__ import annotations

import pandas as pd

from labeling.export import annotations_table
from labeling.project import Project
from quality import agreement as measures


def agreement(project: Project) -> pd.DataFrame | None:
    """Agreement between annotators, or None while no two of them answered the same item."""
    answers = annotations_table(project)
    answers = answers[answers["kind"] == "label"].rename(columns={"item_id": "item"})
    if not answers["item"].duplicated().any():
        return None
    return measures.agreement(answers[["item", "annotator", "label"]])
