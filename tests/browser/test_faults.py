"""What is acknowledged is kept: the server is killed in the middle of labeling, for real."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import Page, expect

from labeling import export, imports, ingest, verification
from labeling.project import opened
from tests.browser.conftest import Server

KILLS, ANSWERS_BETWEEN = 4, 4
ITEM = ".st-key-item [data-testid=stText]"


def test_kill_9_while_labeling_loses_no_acknowledged_answer(
    server: Server, page: Page, ready: Callable[[Page], Page], samples: Path
) -> None:
    make_project(server, samples)
    acknowledged: list[str] = []
    for _ in range(KILLS):
        page.goto("/label?project=reviews&name=Ann")
        ready(page)
        for _ in range(ANSWERS_BETWEEN):
            shown = page.locator(ITEM).inner_text()
            page.keyboard.press("1")
            same = page.locator(ITEM).filter(has_text=re.compile(f"^{re.escape(shown)}$"))
            expect(same).to_have_count(0)  # the next item shows: this answer is acknowledged
            acknowledged.append(shown)
        page.keyboard.press("2")  # under way, and perhaps not on disk yet, when the server dies
        server.kill()
        server.start()

    with opened(server.projects / "reviews.db") as project:
        assert verification.verify(project).empty
        answers = export.table(project, "annotations")
        texts = export.table(project, "items").set_index("item_id")["text"]
    kept = {texts[item].strip() for item in answers["item_id"]}
    assert {text.strip() for text in acknowledged} <= kept
    in_flight = len(answers) - len(acknowledged)
    assert 0 <= in_flight <= KILLS
    assert not answers["item_id"].duplicated().any()


def make_project(server: Server, samples: Path) -> None:
    frame = ingest.read_table(samples / "nsmc_6k.csv").head(400)
    roles = ingest.guess_roles(frame)._replace(label=None, classes=("negative", "positive"))
    project, _ = imports.create_project(
        server.projects / "reviews.db", frame, roles=roles, source="nsmc_6k.csv", author="test"
    )
    project.close()
