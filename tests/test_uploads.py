"""What the pages keep between two runs of their script: an upload, and a suite being edited."""

from __future__ import annotations

from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from labeling import audits, ingest
from tests.factories import make_project, text_frame

FRAME = text_frame(60)


def page(root: Path, name: str, project: str | None = None) -> AppTest:
    app = AppTest.from_file(str(root / "pages" / f"{name}.py"), default_timeout=30)
    app.session_state["name"] = "Ann"
    if project:
        app.session_state["project"] = project
    return app.run()


def test_an_upload_is_read_once_however_often_the_page_runs(
    root: Path, projects: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read, real = [], ingest.read_table

    def counted(path: Path, *, name: str | None = None) -> object:
        read.append(name)
        return real(path, name=name)

    monkeypatch.setattr(ingest, "read_table", counted)
    app = page(root, "data")
    data = FRAME.to_csv(index=False).encode()
    app.file_uploader(key="new-file").set_value(("one.csv", data, "text/csv")).run()
    app.text_input[0].set_value("A title").run()
    assert read == ["one.csv"]
    other = FRAME.head(40).to_csv(index=False).encode()
    app.file_uploader(key="new-file").set_value(("two.csv", other, "text/csv")).run()
    assert read == ["one.csv", "two.csv"]
    assert "40 rows" in " ".join(block.value for block in app.markdown)
    assert not app.exception


def test_the_suite_on_the_screen_is_that_of_the_chosen_project(root: Path, projects: Path) -> None:
    for name, frame in (("one", FRAME), ("two", FRAME.rename(columns={"id": "number"}))):
        with make_project(projects / f"{name}.db", frame, id=None) as made:
            audits.recheck(made)
    app = page(root, "quality", "one")
    assert "number" not in app.text_area(key="suite").value
    app.session_state["project"] = "two"
    app.run()
    assert "number" in app.text_area(key="suite").value
    app.text_area(key="suite").set_value("[]").run()
    assert app.text_area(key="suite").value == "[]"
