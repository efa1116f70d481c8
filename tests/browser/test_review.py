"""Review in a browser: two people disagree, a third rules by key, the change has its seconds."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from labeling import answers, history, queue, review
from labeling.core.log import DataVersion
from labeling.project import Project, opened
from labeling.store import items
from labeling.versions import Snapshot
from tests.browser.conftest import Server, View, sign_in
from tests.factories import make_project, text_frame

Ready = Callable[[Page], Page]
VIEWS = [View(width, 800, scheme) for scheme in ("light", "dark") for width in (1280, 800)]


def dispute(server: Server, name: str, n: int) -> list[str]:
    """A project in which Ann and Bob answered `n` items differently, and which these are."""
    with make_project(server.projects / f"{name}.db", text_frame(60)) as made:
        pool = {item.item_id for item in items.every(made.db) if item.side == "pool"}
        asked = queue.take(made, "Ann", want=20).new
        chosen = [slot for slot in asked if slot.item_id in pool][:n]
        for slot in chosen:
            answers.flag(made, slot.slot_id, "the league, or its money?", annotator="Ann")
            answers.answer(made, slot.slot_id, "sport", annotator="Ann", ms=2_400)
            answers.answer(made, slot.slot_id, "money", annotator="Bob", ms=1_100)
        return [slot.item_id for slot in chosen]


@pytest.mark.parametrize("view", VIEWS, indirect=True, ids=str)
def test_a_disagreement_is_ruled_on_by_key_and_the_queue_has_its_seconds(
    server: Server, page: Page, ready: Ready, view: View, screenshots: Callable[[Page, str], None]
) -> None:
    project = f"review-{view}"
    asked = dispute(server, project, 3)
    sign_in(page.context, "Eve")
    page.goto(f"/review?project={project}")
    ready(page)
    screenshots(page, "review-new")
    page.get_by_role("button", name="Rule on 3").click()
    ready(page)
    labeler = page.get_by_test_id("labeler")
    for each in ("Ann", "Bob", "the league, or its money?"):
        expect(labeler.get_by_text(each).first).to_be_visible()
    screenshots(page, "review-ruling")
    for key in "121":
        item = labeler.get_attribute("data-item")
        page.keyboard.press(key)
        expect(labeler).not_to_have_attribute("data-item", item or "")
    expect(labeler).to_have_attribute("data-waiting", "0")
    screenshots(page, "review-done")
    with opened(server.projects / f"{project}.db") as made:
        assert labels(made, asked) == {"money": 2, "sport": 1}
        assert review.queues(made) == []
        assert review.disagreements(made).empty
        last = history.table(made).iloc[-1]
        assert last[["kind", "title", "author"]].tolist() == [
            "adjudicate",
            "Adjudicate 3 disagreements",
            "Eve",
        ]
        assert last["events"] == 3
        assert last["seconds"] > 0


def labels(of: Project, asked: list[str]) -> dict[str, int]:
    """How often each class is the label of these items, rulings counted."""
    snapshot = Snapshot(of)
    found = snapshot.labels(DataVersion(snapshot.upto))
    return Counter(found[item] for item in asked)


def test_a_finished_queue_is_told_with_its_work(server: Server, page: Page, ready: Ready) -> None:
    asked = dispute(server, "told", 1)
    with opened(server.projects / "told.db") as made:
        change = review.adjudicate(made, asked, author="Eve")
        (slot,) = queue.take(made, "Eve", queue=change).new
        answers.answer(made, slot.slot_id, "sport", annotator="Eve", ms=61_000)
    sign_in(page.context, "Eve")
    page.goto("/review?project=told")
    expect(ready(page).get_by_text("Nothing is in dispute.")).to_be_visible()
    expect(page.get_by_role("heading", name="Queues so far")).to_be_visible()
