"""The guard and the error messages of the shell, run by Streamlit without a browser."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from pages.shared.shell import plain


def guarded_page() -> None:
    import streamlit as st

    from pages.shared.shell import open_page

    open_page("Impact")
    st.write("past the guard")


def failing_page() -> None:
    import streamlit as st

    from labeling.errors import InputError
    from pages.shared.shell import report_errors

    with report_errors():
        raise InputError("expected a column *text*, found $none$")
    with report_errors():
        raise ValueError("a secret of the inside")
    st.write("the page goes on")


@pytest.mark.parametrize("asked", [None, "", "../outside", "/etc/passwd", "outside.db"])
def test_no_page_goes_past_the_guard_without_a_listed_project(
    projects: Path, asked: str | None
) -> None:
    (projects.parent / "outside.db").write_bytes(b"SQLite format 3\0")
    app = AppTest.from_function(guarded_page)
    app.session_state["project"] = asked
    app.run()
    assert not app.exception
    assert [heading.value for heading in app.subheader] == ["No project yet"]
    assert "past the guard" not in [text.value for text in app.markdown]


def test_our_errors_say_what_to_do_and_others_only_a_reference(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with caplog.at_level(logging.ERROR, logger="groundwork"):
        app = AppTest.from_function(failing_page).run()
    ours, other = (error.value for error in app.error)
    assert ours == plain("expected a column *text*, found $none$")
    assert "secret" not in other
    assert "ValueError" not in other
    assert caplog.records[0].args[0] in other
    assert "a secret of the inside" in caplog.text
    assert "the page goes on" in [text.value for text in app.markdown]


@pytest.mark.parametrize(
    ("text", "shown"), [("a*b", r"a\*b"), ("![x](y)", r"\!\[x\]\(y\)"), ("예, 1 2", "예, 1 2")]
)
def test_plain_text_stays_what_it_is(text: str, shown: str) -> None:
    assert plain(text) == shown


def named_page() -> None:
    import streamlit as st

    from pages.shared.shell import require_person

    st.write(f"past the guard, {require_person()}")


@pytest.mark.parametrize(
    ("name", "passes"),
    [("Kim 철수", True), ("", False), (" \u200b ", False), ("gold", False), ("import: a", False)],
)
def test_without_a_name_that_can_be_nobody_labels(projects: Path, name: str, passes: bool) -> None:
    app = AppTest.from_function(named_page)
    app.session_state["name"] = name
    app.run()
    assert not app.exception
    assert ["past the guard, Kim 철수" in text.value for text in app.markdown] == [True] * passes
    assert len(app.info) + len(app.error) == (not passes)
