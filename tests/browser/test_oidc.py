"""Logging in with OpenID Connect, for real: a provider on localhost, the app, and a browser."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Page, expect

from labeling import people
from labeling.project import opened
from tests.browser.conftest import Server, Watch, free_port
from tests.browser.openid import CLIENT, SECRET, Provider

Ready = Callable[[Page], Page]
PEOPLE = {
    "Ann": {"sub": "a-1", "email": "Ann@Lab.test", "email_verified": True, "name": "Ann"},
    "Mallory": {"sub": "m-7", "email": "ann@lab.test", "name": "ann@lab.test"},  # not verified
    "Zoe": {"sub": "z-3", "email": "zoe@elsewhere.test", "email_verified": True},
}
MENU = ["Overview$", "Label$"]  # for an annotator; the names of the icons stand before


@pytest.fixture(scope="module")
def provider() -> Iterator[Provider]:
    provider = Provider(PEOPLE)
    server = provider.start()
    yield provider
    server.shutdown()
    server.server_close()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, provider: Provider) -> Iterator[Server]:
    """The app with `[auth]` in its secrets."""
    server = Server(tmp_path_factory.mktemp("server"), free_port())
    server.projects.mkdir()
    secrets = server.folder / ".streamlit" / "secrets.toml"
    secrets.parent.mkdir()
    secrets.write_text(
        f"""[auth]
redirect_uri = "{server.url}/oauth2callback"
cookie_secret = "{"long enough to sign cookies with " * 2}"
client_id = "{CLIENT}"
client_secret = "{SECRET}"
server_metadata_url = "{provider.url}/.well-known/openid-configuration"

[groundwork]
admit = ["@lab.test", "m-7 ({urlsplit(provider.url).netloc})"]
"""
    )
    server.start()
    yield server
    server.stop()


@dataclass
class WatchBoth(Watch):
    """The provider is the one other place that the browser may go to."""

    provider: str = ""

    def is_own(self, url: str) -> bool:
        return super().is_own(url) or urlsplit(url).netloc == urlsplit(self.provider).netloc


@pytest.fixture
def watch(server: Server, provider: Provider) -> Watch:
    return WatchBoth(server.url, provider=provider.url)


def log_in(page: Page, ready: Ready, name: str) -> None:
    ready(page).get_by_role("button", name="Log in").click()
    page.get_by_role("link", name=name, exact=True).click()
    expect(page.get_by_role("button", name="Log out")).to_be_visible(timeout=20_000)
    ready(page)


def test_nobody_sees_anything_before_the_login(server: Server, page: Page, ready: Ready) -> None:
    server.restart()  # nobody has run the router in this process yet
    for address in ("/reports?project=penguins", "/data"):
        page.goto(address)
        expect(ready(page).get_by_role("button", name="Log in")).to_be_visible()
        expect(page.get_by_role("heading")).to_have_text(["Groundwork"])
        expect(page.get_by_role("combobox")).to_have_count(0)
        expect(page.get_by_test_id("stSidebarNavLink")).to_have_count(0)


def test_who_makes_a_project_owns_it_and_others_are_annotators(
    server: Server, provider: Provider, page: Page, ready: Ready, samples: Path
) -> None:
    page.goto("/")
    log_in(page, ready, "Ann")
    expect(page.get_by_label("Logged in as")).to_have_value("ann@lab.test")
    expect(page.get_by_label("Your name")).to_have_count(0)
    make_project(page, ready, samples)
    with opened(server.projects / "penguins.db") as project:
        assert people.table(project).to_numpy().tolist() == [["ann@lab.test", "owner"]]

    page.reload()
    expect(ready(page).get_by_label("Logged in as")).to_have_value("ann@lab.test")
    page.get_by_role("button", name="Log out").click()
    expect(page.get_by_role("button", name="Log in")).to_be_visible(timeout=20_000)
    for _ in range(100):  # the app says so first, then the browser goes to the provider
        if "/logout" in provider.asked:
            break
        page.wait_for_timeout(100)
    assert "/logout" in provider.asked, "the provider's session ends too"
    page.wait_for_url(server.url + "/**")
    page.reload()
    expect(ready(page).get_by_role("button", name="Log in")).to_be_visible()

    log_in(page, ready, "Mallory")  # says to be Ann, and nobody has checked it
    host = urlsplit(provider.url).netloc
    expect(page.get_by_label("Logged in as")).to_have_value(f"m-7 ({host})")
    expect(page.get_by_test_id("stSidebarNavLink")).to_have_text([re.compile(p) for p in MENU])
    page.goto("/reports?project=penguins")
    expect(ready(page).get_by_role("alert")).to_contain_text("This is for owners.")
    expect(page.get_by_role("button", name=re.compile("Download"))).to_have_count(0)


def test_who_has_a_login_but_is_not_admitted_sees_only_the_way_out(
    page: Page, ready: Ready
) -> None:
    page.goto("/data")
    log_in(page, ready, "Zoe")
    page.goto("/reports?project=penguins")
    expect(ready(page).get_by_text("You are logged in as zoe@elsewhere.test,")).to_be_visible()
    expect(page.get_by_role("combobox")).to_have_count(0)
    expect(page.get_by_test_id("stSidebarNavLink")).to_have_count(0)
    page.get_by_role("button", name="Log out").click()
    expect(page.get_by_role("button", name="Log in")).to_be_visible(timeout=20_000)


def make_project(page: Page, ready: Ready, samples: Path) -> None:
    page.get_by_role("link", name="Make a new project").click()
    expect(page).to_have_title("Data · Groundwork")
    ready(page).locator("input[type=file]").first.set_input_files(samples / "penguins.csv")
    expect(page.get_by_text("344 rows")).to_be_visible()
    ready(page).get_by_role("button", name="Create the project").click()
    expect(page.get_by_text("in the reservoir")).to_be_visible(timeout=30_000)
    ready(page)


def test_the_log_is_quiet(server: Server) -> None:
    assert "Traceback" not in server.log
    assert "DeprecationWarning" not in server.log
