"""The shell in a real browser: cold deep links, the guard, what the address remembers, headers."""

from __future__ import annotations

import re
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from pages.shared.identity import COOKIE
from tests.browser.conftest import ROOT, Server, View, Watch, sign_in

Ready = Callable[[Page], Page]
VIEWS = [View(width, 800, scheme) for scheme in ("light", "dark") for width in (1280, 800)]


def test_a_cold_deep_link_is_guarded(server: Server, page: Page, ready: Ready) -> None:
    server.restart()  # nobody has run the router in this process yet
    page.goto("/impact")
    ready(page)
    expect(page).to_have_title("Impact · Groundwork")
    expect(page.get_by_role("heading", name="Impact")).to_be_visible()
    expect(page.get_by_role("heading", name="No project yet")).to_be_visible()
    expect(page.get_by_role("link", name="Make a new project")).to_be_visible()
    expect(page.get_by_role("link", name="Reports")).to_be_visible()


def test_a_project_that_is_not_listed_is_refused(server: Server, page: Page, ready: Ready) -> None:
    (server.folder / "elsewhere.db").write_bytes(b"")
    page.goto("/impact?project=../elsewhere")
    ready(page)
    expect(page.get_by_role("alert")).to_contain_text("There is no project “../elsewhere” here")
    expect(page.get_by_role("heading", name="No project yet")).to_be_visible()


def test_a_name_outlives_pages_reloads_and_the_server(
    server: Server, page: Page, ready: Ready
) -> None:
    page.goto("/impact")
    ready(page).get_by_label("Your name").fill("Kim; 철수 <3")
    page.get_by_label("Your name").press("Enter")
    kept = wait_for_cookie(page, there=True)
    ready(page).get_by_role("link", name="Reports").click()
    expect(page).to_have_title("Reports · Groundwork")
    ready(page).go_back()
    expect(page).to_have_title("Impact · Groundwork")
    expect(page.get_by_label("Your name")).to_have_value("Kim; 철수 <3")
    assert "Kim" not in page.url, "a link that is passed on does not carry the name"

    server.kill()
    server.start()
    page.reload()
    ready(page)
    expect(page.get_by_label("Your name")).to_have_value("Kim; 철수 <3")
    assert kept["sameSite"] == "Strict"
    assert kept["path"] == "/"
    assert 364 < (kept["expires"] - time.time()) / (24 * 60 * 60) <= 365


def wait_for_cookie(page: Page, *, there: bool) -> dict[str, object]:
    """The cookie with the name, or {} once it is gone."""
    for _ in range(100):
        found = [dict(each) for each in page.context.cookies() if each["name"] == COOKIE]
        if bool(found) is there:
            return found[0] if found else {}
        page.wait_for_timeout(50)
    raise AssertionError(f"the cookie is {'missing' if there else 'still there'}")


def test_a_name_that_is_emptied_is_forgotten(page: Page, ready: Ready) -> None:
    sign_in(page.context, "Kim 철수")
    page.goto("/impact?name=Eve")  # a link names nobody
    field = ready(page).get_by_label("Your name")
    expect(field).to_have_value("Kim 철수")
    field.fill("")
    field.press("Enter")
    wait_for_cookie(page, there=False)
    page.reload()
    expect(ready(page).get_by_label("Your name")).to_have_value("")


def test_changing_the_page_is_one_step_of_the_history(page: Page, ready: Ready) -> None:
    sign_in(page.context, "Kim")
    page.goto("/impact")
    ready(page)
    before = page.evaluate("history.length")
    page.get_by_role("link", name="Reports").click()
    expect(page).to_have_title("Reports · Groundwork")
    ready(page)
    assert page.evaluate("history.length") == before + 1


@pytest.mark.parametrize("path", ["/", "/impact", "/_stcore/health", "/static/none.js"])
def test_every_answer_carries_the_security_headers(server: Server, path: str) -> None:
    request = urllib.request.Request(server.url + path, headers={"Accept": "*/*"})
    opener = urllib.request.build_opener(KeepErrors)
    with opener.open(request) as answer:
        policy = answer.headers["Content-Security-Policy"]
        assert "default-src 'self'" in policy
        assert "frame-ancestors 'self'" in policy
        assert "unsafe-eval" not in policy
        assert "'unsafe-inline'" not in policy.split("script-src")[1].split(";")[0]
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["X-Frame-Options"] == "SAMEORIGIN"
        assert answer.headers["Referrer-Policy"] == "same-origin"


class KeepErrors(urllib.request.HTTPErrorProcessor):
    """Hand back 404 answers like any other."""

    def http_response(self, _request, response):  # type: ignore[no-untyped-def]
        return response


def test_a_request_to_another_machine_does_not_pass(page: Page, ready: Ready, watch: Watch) -> None:
    page.goto("/impact")
    ready(page)
    blocked = page.evaluate(
        "fetch('https://example.com/').then(() => 'sent').catch(() => 'blocked')"
    )
    assert blocked == "blocked"
    watch.outside.clear()  # in case the browser asked before it blocked


def test_the_address_is_said_and_the_log_is_quiet(server: Server) -> None:
    assert f"Groundwork is at {server.url}." in server.log
    assert "Traceback" not in server.log


@pytest.mark.parametrize("view", VIEWS, indirect=True, ids=str)
def test_the_shell_fits_its_window(
    view: View, page: Page, ready: Ready, screenshots: Callable[[Page, str], None]
) -> None:
    page.goto("/impact")
    ready(page)
    screenshots(page, "shell")
    wider = page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
    assert wider <= 0, "the page scrolls sideways"
    dark = page.evaluate(
        "getComputedStyle(document.querySelector('[data-testid=stApp]')).colorScheme"
    )
    assert dark == view.scheme


def test_one_project_is_opened_and_of_two_one_must_be_chosen(
    server: Server, page: Page, ready: Ready, samples: Path
) -> None:
    make_project(server.projects / "penguins.db", samples)
    page.goto("/reports")
    ready(page)
    expect(page.get_by_role("combobox", name="Project")).to_have_value("penguins")
    expect(page.get_by_role("heading", name="No project yet")).to_have_count(0)

    make_project(server.projects / "more penguins.db", samples)
    page.goto("/reports")
    ready(page)
    expect(page.get_by_role("heading", name="Which project?")).to_be_visible()
    page.get_by_role("combobox", name="Project").click()
    page.get_by_role("option", name="more penguins").click()
    expect(page).to_have_url(re.compile(r"project=more(\+|%20)penguins"))
    expect(page.get_by_role("heading", name="Which project?")).to_have_count(0)


def make_project(path: Path, samples: Path) -> None:
    table = [str(path), str(samples / "penguins.csv"), "--columns", "bill_length_mm,bill_depth_mm"]
    subprocess.run(
        [sys.executable, "-m", "labeling", "create", *table, "--label", "label", "--quiet"],
        cwd=ROOT,
        check=True,
    )
