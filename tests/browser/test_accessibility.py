"""axe-core on every state of the labeling screen: both themes, two widths, WCAG 2.2 A and AA."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from axe_playwright_python.base import AXE_SCRIPT
from playwright.sync_api import Page, Route, expect

from labeling import requirements
from labeling.project import opened
from tests.browser.conftest import Server, View, sign_in
from tests.browser.test_labeler import (
    MANY,
    ME,
    SYNC,
    Desk,
    make_dispute,
    make_pictures,
    numbers,
    texts,
)
from tests.factories import make_project, table_frame, text_frame

VIEWS = [View(width, 800, scheme) for scheme in ("light", "dark") for width in (1280, 800)]
LEVELS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]
RUN = "levels => axe.run(document, {runOnly: levels, resultTypes: ['violations']})"
EXAMPLES = {"sport": {"means": "Games and players.", "examples": ["the goal", "a match"]}}

Look = Callable[[str], None]


@pytest.fixture
def projects(server: Server) -> dict[str, str]:
    """A project for each kind of screen, for this test alone."""
    make = {
        "short": (text_frame(12), {}),
        "table": (table_frame(24).assign(length=None), {}),
        "many": (texts(), {"classes": MANY}),
        "several": (texts(), {"classes": ("a", "b", "c"), "multi": True}),
    }
    names = {kind: f"{kind}{next(numbers)}" for kind in make}
    for kind, (frame, roles) in make.items():
        make_project(server.projects / f"{names[kind]}.db", frame, **roles).close()
    names |= {"image": f"image{next(numbers)}", "dispute": f"dispute{next(numbers)}"}
    make_pictures(server.projects / f"{names['image']}.db")
    make_dispute(server.projects / f"{names['dispute']}.db")
    with opened(server.projects / f"{names['short']}.db") as project:
        requirements.save_guideline(project, "Read it all.", author=ME, examples=EXAMPLES)
    return names


@pytest.fixture
def look(page: Page, screenshots: Callable[[Page, str], None]) -> Look:
    """`look(state)` fails with what axe finds in the labeling screen now."""

    def check(state: str) -> None:
        screenshots(page, f"labeler-{state}")
        if not page.evaluate("typeof axe === 'object'"):
            page.evaluate(AXE_SCRIPT)
        found = page.evaluate(RUN, LEVELS)["violations"]
        assert list(told(found)) == [], f"axe on {state}"

    return check


def told(violations: list[dict[str, Any]]) -> Iterator[str]:
    """What was found inside the component: axe names a place in a shadow tree by a list."""
    for violation in violations:
        for node in violation["nodes"]:
            if any(isinstance(place, list) for place in node["target"]):
                yield f"{violation['id']}: {node['target']} {node['failureSummary']}"


def test_a_planted_fault_inside_the_component_is_found(
    page: Page, server: Server, projects: dict[str, str], look: Look
) -> None:
    sign_in(page.context, ME)
    desk = Desk(page, server, projects["table"]).open()
    desk.part("item").evaluate("e => e.append(document.createElement('img'))")
    with pytest.raises(AssertionError, match="image-alt"):
        look("a fault")


@pytest.mark.parametrize("view", VIEWS, indirect=True, ids=str)
def test_every_state_is_accessible(
    page: Page, server: Server, projects: dict[str, str], look: Look
) -> None:
    sign_in(page.context, ME)
    through = {"short": short, "many": many, "several": several, "image": image}
    for kind, project in projects.items():
        desk = Desk(page, server, project)
        desk.open("review" if kind == "dispute" else "label")
        look(f"item-{kind}")
        if kind in through:
            through[kind](desk, look)


def short(desk: Desk, look: Look) -> None:
    """Through the panels, without a connection, and to the end of the batch."""
    desk.press("1")
    desk.settled()
    for key, name in {"g": "guideline", "f": "note", "?": "keys", "h": "history"}.items():
        desk.page.keyboard.press(key)
        expect(desk.part("panel")).to_have_class("side open")
        if name == "history":
            desk.part("correct").first.click()
        look(name)
        desk.page.keyboard.press("Escape")
        desk.page.keyboard.press("Escape")
    desk.page.route(SYNC, forge)
    desk.press("1")
    expect(desk.root).to_have_attribute("data-refused", "1")
    look("refused")
    desk.page.unroute(SYNC)
    desk.part("discard").click()
    desk.page.context.set_offline(True)
    desk.press("1")
    desk.wait("offline")
    look("offline")
    desk.page.context.set_offline(False)
    desk.wait("asking")
    while desk.asks():
        desk.press("1")
        desk.settled()
    desk.wait("done")
    look("done")


def forge(route: Route) -> None:
    """An answer that the server refuses."""
    body = json.loads(route.request.post_data or "{}")
    for op in body["ops"]:
        op["value"] = "no such class"
    route.continue_(post_data=json.dumps(body))


def many(desk: Desk, look: Look) -> None:
    desk.page.keyboard.insert_text("card")
    expect(desk.part("class").first).to_have_attribute("data-class", "card_about_to_expire")
    look("typed")


def image(desk: Desk, look: Look) -> None:
    desk.page.keyboard.press("z")
    look("zoomed")


def several(desk: Desk, look: Look) -> None:
    desk.page.keyboard.press("2")
    look("chosen")
