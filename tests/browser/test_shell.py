"""The shell in a real browser: cold deep links, the guard, what the address remembers, headers."""

from __future__ import annotations

import re
import urllib.request
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Server, View, Watch

Ready = Callable[[Page], Page]
VIEWS = [View(width, 800, scheme) for scheme in ("light", "dark") for width in (1280, 800)]


def test_a_cold_deep_link_is_guarded(server: Server, page: Page, ready: Ready) -> None:
    server.restart()  # nobody has run the router in this process yet
    page.goto("/impact")
    ready(page)
    expect(page).to_have_title("Impact · Groundwork")
    expect(page.get_by_role("heading", name="Impact")).to_be_visible()
    expect(page.get_by_role("heading", name="No project yet")).to_be_visible()
    expect(page.get_by_role("link", name="Go to Data")).to_be_visible()
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
    ready(page)
    page.get_by_label("Your name").fill("Kim 철수")
    page.get_by_label("Your name").press("Enter")
    expect(page).to_have_url(re.compile("name=Kim"))
    ready(page)

    page.get_by_role("link", name="Reports").click()
    expect(page).to_have_title("Reports · Groundwork")
    expect(page).to_have_url(re.compile("/reports.*name=Kim"))
    ready(page).go_back()
    expect(page).to_have_title("Impact · Groundwork")
    expect(page.get_by_label("Your name")).to_have_value("Kim 철수")

    server.kill()
    server.start()
    page.reload()
    ready(page)
    expect(page.get_by_label("Your name")).to_have_value("Kim 철수")


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
