"""What the pages keep between two runs of their script: an upload, and a suite being edited."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
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


def test_vectors_come_in_by_the_browser_as_a_file_then_as_columns(
    root: Path, projects: Path
) -> None:
    app = page(root, "data")
    sent = FRAME.to_csv(index=False).encode()
    app.file_uploader(key="new-file").set_value(("one.csv", sent, "text/csv")).run()
    for rows, said in ((59, "59 vectors, the data file 60 rows"), (60, "")):
        file = io.BytesIO()
        np.save(file, np.eye(rows, 4, dtype=np.float32))
        app.file_uploader(key="new-vectors").set_value(("v.npy", file.getvalue(), "")).run()
        next(b for b in app.button if b.label == "Create the project").click().run()
        assert not app.exception
        assert bool(app.error) == bool(said)
        if said:
            assert said in app.error[0].value
            assert list_projects(projects) == []
    app = page(root, "data", "one")
    more = text_frame(10, seed=3).assign(e0="1", e1="2", e2="3", e3="4")
    more_file = ("more.csv", more.to_csv(index=False).encode(), "text/csv")
    app.file_uploader(key="more-file").set_value(more_file).run()
    app.text_input(key="more-prefix").set_value("e").run()
    next(b for b in app.button if b.label == "Import").click().run()
    assert not app.exception
    assert "10 items have a vector of 4 numbers" in app.success[-1].value
    with opened(projects / "one.db") as made:
        snapshot = Snapshot(made)
        assert snapshot.uses_vectors
        assert not snapshot.features[:, -1].sum(), "no item is without a vector"
        assert verify(made).empty
