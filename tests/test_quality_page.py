"""The quality page, run by Streamlit itself: one look, drill down, and every fix in place."""

from __future__ import annotations

from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from labeling import audits, fixes, issues, mutes, rounds
from labeling.core.features import Content
from labeling.project import opened
from labeling.store import events, items
from tests.factories import (
    answer_queue,
    frame_with_copies,
    make_project,
    orders_frame,
    table_frame,
    truth_of,
)  # fmt: skip


@pytest.fixture
def copies(projects: Path) -> Path:
    """A project with four pairs of near-duplicates in the pool, checked once."""
    with make_project(projects / "copies.db", frame_with_copies(), reserve=0.0) as made:
        audits.recheck(made)
    return projects / "copies.db"


def open_page(root: Path, project: Path, *, check: str | None = None) -> AppTest:
    app = AppTest.from_file(str(root / "pages" / "quality.py"), default_timeout=30)
    app.session_state["name"] = "Ann"
    app.session_state["project"] = project.stem
    if check:
        app.session_state["check"] = check
    app.run()
    assert not app.exception and not app.error
    return app


def press(app: AppTest, key: str) -> AppTest:
    app.button(key=key).click().run()
    assert not app.exception
    return app


def test_without_an_issue_the_page_says_so(root: Path, projects: Path) -> None:
    frame = table_frame(60)
    with make_project(projects / "clean.db", frame) as made:
        answer_queue(made, truth_of(frame))
        audits.recheck(made)
        mutes.mute(made, sorted(set(issues.table(made)["code"])) or ["B401"], reason="seen",
                   author="Ann")  # fmt: skip
        assert sum(issues.summary(made).open.values()) == 0
    app = open_page(root, projects / "clean.db")
    assert any("No check finds anything that is open" in block.value for block in app.success)


def test_before_the_first_run_the_page_says_how_to_begin(root: Path, projects: Path) -> None:
    make_project(projects / "new.db", table_frame(60)).close()
    app = open_page(root, projects / "new.db")
    assert any("Run the checks" in block.value for block in app.info)


def test_the_gravest_check_comes_first_and_any_can_be_looked_into(root: Path, copies: Path) -> None:
    app = open_page(root, copies)
    with opened(copies) as project:
        codes = issues.board(project)["code"].tolist()
    assert app.selectbox(key="check").options[0].startswith(codes[0])
    app.selectbox(key="check").select("D302").run()
    assert len([b for b in app.button if b.label == "Merge"]) == 4
    assert app.segmented_control(key="status-D302").options == ["open (4)"]


def test_a_press_merges_a_cluster_side_by_side(root: Path, copies: Path) -> None:
    app = open_page(root, copies, check="D302")
    shown = [block.value for block in app.text]
    assert len(shown) == 8, "both items of four clusters"
    press(app, next(b.key for b in app.button if b.label == "Merge"))
    assert len([b for b in app.button if b.label == "Merge"]) == 3
    with opened(copies) as project:
        assert len(items.excluded(project.db)) == 1
        assert fixes.table(project)["author"].tolist() == ["Ann"]


def test_a_press_marks_two_items_as_not_the_same(root: Path, copies: Path) -> None:
    app = open_page(root, copies, check="D302")
    press(app, next(b.key for b in app.button if b.label == "Not the same"))
    assert len([b for b in app.button if b.label == "Not the same"]) == 3
    with opened(copies) as project:
        assert not items.excluded(project.db)


def test_rows_go_only_with_a_reason(root: Path, copies: Path) -> None:
    app = press(open_page(root, copies, check="D302"), "really-drop-D302")
    assert "say why" in app.error[0].value
    app.text_input(key="why-drop-D302").set_value("광고").run()
    press(app, "really-drop-D302")
    with opened(copies) as project:
        assert len(items.excluded(project.db)) == 4


def test_a_mute_shows_its_reason_and_can_be_taken_back(root: Path, copies: Path) -> None:
    app = open_page(root, copies, check="D302")
    app.text_input(key="why-mute-D302").set_value("인용문").run()
    press(app, "really-mute-D302")
    assert app.segmented_control(key="status-D302").options == ["muted (4)"]
    muted = next(frame.value for frame in app.dataframe if "muted" in frame.value.columns
                 and "message" in frame.value.columns)  # fmt: skip
    assert muted["muted"].str.contains("인용문").all()
    press(app, "unmute-D302")
    assert app.segmented_control(key="status-D302").options == ["open (4)"]


def test_issues_are_given_to_somebody(root: Path, copies: Path) -> None:
    app = open_page(root, copies, check="D302")
    with opened(copies) as project:
        issues.assign(project, issues.table(project)["issue_id"].tolist(), "민수", author="Ann")
    app.run()
    shown = next(frame.value for frame in app.dataframe if "trend" in frame.value.columns)
    assert shown.set_index("code")["assignees"]["D302"] == "민수"
    press(app, "save-who-D302")
    shown = next(frame.value for frame in app.dataframe if "trend" in frame.value.columns)
    assert shown.set_index("code")["assignees"]["D302"] == "", "nobody was chosen"


def test_the_gate_is_set_on_the_page(root: Path, copies: Path) -> None:
    app = open_page(root, copies)
    app.selectbox(key="gate").select("info").run()
    next(b for b in app.button if b.label == "Save the gate").click().run()
    with opened(copies) as project:
        assert project.config["gate"] == "info"
    app = open_page(root, copies)
    assert any("block the round" in block.value for block in app.markdown)


def test_a_repair_is_previewed_before_it_is_made(root: Path, projects: Path) -> None:
    content = Content("columns", ("zip", "city", "amount"))
    path = projects / "orders.db"
    with make_project(path, orders_frame(), label="label", content=content, reserve=0.0) as made:
        audits.recheck(made)
        wrong = fixes.proposals(made).iloc[0]
    app = open_page(root, path, check="S202")
    preview = next(frame.value for frame in app.dataframe if "before" in frame.value.columns)
    assert wrong["after"] in preview["after"].tolist()
    assert app.button(key="repair-S202").disabled, "nothing is chosen yet"


def test_a_fix_stands_with_its_bar_and_can_be_taken_back(root: Path, projects: Path) -> None:
    frame = frame_with_copies(120)
    path = projects / "bars.db"
    with make_project(path, frame) as made:
        for _ in range(2):
            answer_queue(made, truth_of(frame))
            rounds.close_round(made)
        found = issues.table(made).query("code == 'D302' and status == 'open'")
        labelled = found[found["item_id"].isin(items.labelled(made.db))]
        fix = fixes.drop(made, labelled["issue_id"].tolist(), author="Ann", reason="twice")
        rounds.close_round(made)
    app = open_page(root, path)
    assert any("this fix" in block.value and "points" in block.value for block in app.markdown)
    press(app, f"revert-{fix}")
    assert any("Taken back by change" in block.value for block in app.caption)
    with opened(path) as project:
        assert not items.excluded(project.db)


def test_a_proposed_value_is_edited_before_it_is_put_in(root: Path, projects: Path) -> None:
    content = Content("columns", ("zip", "city", "amount"))
    with make_project(
        projects / "orders.db", orders_frame(), label="label", content=content, reserve=0.0
    ) as made:
        audits.recheck(made)
        cell = fixes.proposals(made).query("column == 'city'").iloc[0]
    app = open_page(root, projects / "orders.db", check="S202")
    assert not [field for field in app.text_input if "becomes" in field.label]
    app.session_state["repairs-S202"] = {"selection": {"rows": [0], "columns": [], "cells": []}}
    app.run()
    (field,) = [field for field in app.text_input if "becomes" in field.label]
    assert f": {cell['before']} becomes, in " in field.label
    assert field.value == cell["after"]
    app.session_state["repairs-S202"] = {"selection": {"rows": [0], "columns": [], "cells": []}}
    field.set_value("부산").run()
    app.session_state["repairs-S202"] = {"selection": {"rows": [0], "columns": [], "cells": []}}
    press(app, "repair-S202")
    with opened(projects / "orders.db") as project:
        assert events.edits_of(project.db, cell["item_id"]) == {"city": "부산"}
