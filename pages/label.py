"""The labeling session: the current batch, one item at a time, answered by a key."""

from __future__ import annotations

from pages.shared import labeler
from pages.shared.shell import open_page, report_errors, require_person

project = open_page("Label", role="annotator")
me = require_person()

with report_errors():
    labeler.show(project, me)
