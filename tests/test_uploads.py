"""What the pages keep between two runs of their script: an upload, and a suite being edited."""

from __future__ import annotations

from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from labeling import audits, datasets, ingest, uploads
from labeling.project import list_projects, opened
from labeling.verification import verify
from labeling.versions import Snapshot
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


def test_a_backup_from_the_page_is_a_whole_project_beside_the_others(
    root: Path, projects: Path
) -> None:
    make_project(projects / "one.db", FRAME).close()
    app = page(root, "data", "one")
    next(button for button in app.button if button.label == "Back up now").click().run()
    assert "backups" in app.success[-1].value
    (copy,) = (projects / "backups").glob("one_*.db")
    with opened(copy) as restored:
        assert verify(restored).empty
        assert len(datasets.table(Snapshot(restored))) == len(FRAME)
    assert [info.name for info in list_projects(projects)] == ["one"]


def test_a_downloaded_copy_opens_as_the_same_project(projects: Path, tmp_path: Path) -> None:
    with make_project(projects / "one.db", FRAME) as made:
        (tmp_path / "copy.db").write_bytes(uploads.copy(made))
        with opened(tmp_path / "copy.db") as copy:
            assert copy.facts == made.facts
            assert verify(copy).empty
