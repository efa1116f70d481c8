"""The whole loop in a browser: a CSV, two people, three rounds, a fix, and what it all did."""

from __future__ import annotations

import csv
import io
import json
import random
import re
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, expect
from playwright.sync_api import TimeoutError as PlaywrightTimeout

from labeling import export, verification
from labeling.project import change_settings, opened
from tests.browser.conftest import Server, Watch, sign_in

Ready = Callable[[Page], Page]
WORDS = {
    "refund": ["환불 해주세요", "money back please", "결제 취소", "I was charged twice", "refund"],
    "delivery": ["배송 언제 와요", "where is my parcel", "택배 지연", "late delivery", "tracking"],
}
FILLER = ["hello", "안녕하세요", "order", "주문", "today", "오늘", "please", "부탁", "again", "app"]
WRONG, LISTED = 7, 3  # mistakes that are made, and how many of them a check must list


def truth_of(text: str) -> str:
    return next(name for name, words in WORDS.items() if any(word in text for word in words))


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """160 short messages in Korean and English; what each is about can be read off it."""
    draw, path = random.Random(7), tmp_path_factory.mktemp("data") / "문의.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        out = csv.writer(file)
        out.writerow(["no", "message"])
        for number in range(160):
            word = draw.choice(WORDS["refund"] if number % 2 else WORDS["delivery"])
            out.writerow([f"q{number}", f"{' '.join(draw.sample(FILLER, 3))} {word} {number}"])
    return path


class Person:
    """Somebody who labels in a browser of their own."""

    def __init__(self, page: Page, name: str, ready: Ready) -> None:
        self.page, self.name, self.ready, self.labels = page, name, ready, 0
        sign_in(page.context, name)
        self.mistakes: list[str] = []

    def open(self, place: str, project: str) -> None:
        self.page.goto(f"/{place}?project={project}")
        self.ready(self.page)

    @property
    def labeler(self) -> Locator:
        return self.page.get_by_test_id("labeler")

    @property
    def words(self) -> str:
        """All that the labeling screen says, in parts too that are not drawn at the moment."""
        return self.labeler.text_content() or ""

    def text(self) -> str | None:
        """The item of the batch on the screen, or None when nothing of it is left."""
        self.ready(self.page)
        expect(self.labeler).to_have_attribute("data-state", re.compile("asking|done"))
        is_done = self.labeler.get_attribute("data-state") == "done"
        if is_done or "ext best behind the batch" in self.words:
            return None
        return self.page.get_by_test_id("labeler-item").inner_text()

    def press(self, text: str, *, wrong: bool = False) -> None:
        """Answer by number key, and wait until the next item shows and this one is on disk."""
        key = "12"[list(sorted(WORDS)).index(truth_of(text)) ^ wrong]
        shown = self.labeler.get_attribute("data-item") or ""
        self.page.keyboard.press(key)
        self.labels += 1
        if wrong:
            self.mistakes.append(text)
        expect(self.labeler).not_to_have_attribute("data-item", shown)
        expect(self.labeler).to_have_attribute("data-waiting", "0")


@pytest.fixture
def people(page: Page, server: Server, watch: Watch, ready: Ready) -> Iterator[list[Person]]:
    browser = page.context.browser
    assert browser is not None
    other = browser.new_context(base_url=server.url, viewport={"width": 1280, "height": 800})
    second = other.new_page()
    second.on("pageerror", lambda error: watch.errors.append(str(error)))
    yield [Person(page, "Ann", ready), Person(second, "민수", ready)]
    other.close()


def label_together(people: list[Person], mistakes: int) -> None:
    """Take turns until nothing is left for anybody; the first pool answers of Ann are wrong."""
    for person in people:
        person.open("label", "orders")
    left = True
    while left:
        left = False
        shown = [person.text() for person in people]
        both = [text for text in shown if text is not None]
        assert len(set(both)) == len(both), "two people were shown the same item"
        for person, text in zip(people, shown, strict=True):
            if text is not None:
                left = True
                gold = "measures the model" in person.words
                wrong = not gold and person is people[0] and mistakes > 0
                mistakes -= wrong
                person.press(text, wrong=wrong)


def close_round(page: Page, ready: Ready, number: int) -> None:
    page.goto("/?project=orders")
    ready(page)
    page.get_by_role("button", name="Close the round").click()
    figure = page.locator("[data-testid=stMetric]").filter(has_text="Round")
    expect(figure.locator("[data-testid=stMetricValue]")).to_have_text(
        str(number + 1), timeout=120_000
    )


def download(page: Page, name: str) -> list[dict[str, str]]:
    with page.expect_download() as waiting:
        page.locator(f".st-key-csv-{name} button").click()
    text = Path(waiting.value.path()).read_text(encoding="utf-8-sig")
    return list(csv.DictReader(io.StringIO(text)))


def test_from_a_csv_to_what_each_change_did(
    people: list[Person],
    server: Server,
    table: Path,
    ready: Ready,
    screenshots: Callable[[Page, str], None],
) -> None:
    ann = people[0]
    page = ann.page
    make_project(page, ready, table)
    with opened(server.projects / "orders.db") as project:  # so that nobody sees another's item
        change_settings(project, {"second_opinions": "0"}, author="test")

    for number in (1, 2, 3):
        label_together(people, mistakes=WRONG if number == 1 else 0)
        if number == 3:
            screenshots(page, "label")
        close_round(page, ready, number)
    assert all(person.labels >= 30 for person in people), "both had their share of the work"

    asked = sum(person.labels for person in people)
    fix_the_suspected_labels(ann, ready, screenshots)
    close_round(page, ready, 4)
    read_the_impact(page, ready, screenshots)
    see_the_bar_of_the_fix(page, ready, screenshots)

    with opened(server.projects / "orders.db") as project:
        assert verification.verify(project).empty
        labels = export.table(project, "labels")
        assert (labels["part"] == "gold").sum() == 30
        answers = export.table(project, "annotations")
        assert set(answers["annotator"]) == {"Ann", "민수"}
        assert len(answers) == asked


def make_project(page: Page, ready: Ready, table: Path) -> None:
    page.goto("/data")
    ready(page)
    page.locator("input[type=file]").first.set_input_files(table)
    expect(page.get_by_text("160 rows, 2 columns")).to_be_visible()
    page.get_by_label("Project name").fill("orders")
    page.get_by_label("Classes, one a line").fill("delivery\nrefund")
    page.get_by_label("Classes, one a line").press("Control+Enter")
    ready(page)
    page.get_by_role("button", name="Create the project").click()
    expect(page.get_by_text("80 in the pool, 80 in the reservoir")).to_be_visible(timeout=30_000)
    page.get_by_role("link", name="Overview").click()
    expect(page.get_by_text("of 80 in the pool")).to_be_visible()


def look_into(page: Page, ready: Ready, check: str) -> None:
    """Choose a check on the quality page; a run that ends late may close the list meanwhile."""
    shown = page.get_by_role("region", name=f"The open issues of {check}")
    for _ in range(5):
        page.locator(".st-key-check input").fill(check)
        with suppress(PlaywrightTimeout, AssertionError):
            page.get_by_role("option", name=re.compile(check)).click(timeout=5_000)
            expect(shown).to_be_visible(timeout=10_000)
            ready(page)
            return
    expect(shown).to_be_visible()


def issues_of(page: Page, check: str, status: str) -> set[str]:
    """The items with an issue of a check, by its status, as the CSV has them."""
    rows = download(page, "issues")
    return {r["item_id"] for r in rows if (r["code"], r["status"]) == (check, status)}


def fix_the_suspected_labels(
    ann: Person, ready: Ready, screenshots: Callable[[Page, str], None]
) -> None:
    """Issue → relabel queue → ruling → re-check: the planted mistakes are found, and then gone."""
    page = ann.page
    ann.open("quality", "orders")
    expect(page.get_by_text(re.compile(r"[1-9]\d* warning"))).to_be_visible()
    look_into(page, ready, "L203")
    screenshots(page, "quality")
    found = issues_of(page, "L203", "open")
    assert len(found) >= LISTED, f"of {len(ann.mistakes)} mistakes {len(found)} are suspected"
    page.get_by_label("Most suspicious").fill(str(len(found)))
    page.get_by_label("Most suspicious").press("Enter")
    ready(page)
    page.get_by_role("button", name=f"Relabel {len(found)}").click()
    expect(page.get_by_text("wait in a queue of their own")).to_be_visible()

    ann.open("review", "orders")
    reviewed = []
    while (text := ann.text()) is not None:
        reviewed.append(text)
        ann.press(text)
    mistaken = set(ann.mistakes) & set(reviewed)
    assert len(mistaken) >= LISTED, "the suspicion is about what was answered wrongly"
    assert len(reviewed) - len(mistaken) <= 1, "and hardly anybody is suspected without reason"

    ann.open("quality", "orders")
    assert issues_of(page, "L203", "open") | issues_of(page, "L203", "queued") == found
    page.get_by_role("button", name="Run all checks").click()
    expect(page.get_by_text(re.compile(r"Audit 4 at .* gone"))).to_be_visible(timeout=60_000)
    ready(page)
    assert issues_of(page, "L203", "fixed") >= found, "the difference is the fix"


def see_the_bar_of_the_fix(
    page: Page, ready: Ready, screenshots: Callable[[Page, str], None]
) -> None:
    """What the relabelling did stands beside it on the quality page, and nowhere to be guessed."""
    page.goto("/quality?project=orders")
    ready(page)
    page.get_by_role("tab", name="Fixes").click()
    expect(page.get_by_text(re.compile(r"this fix: [+-][\d.]+ \[[+-].*\] points"))).to_be_visible()
    expect(page.get_by_text(re.compile(r"(\d+) of \1 issues are gone"))).to_be_visible()
    screenshots(page, "fixes")


def read_the_impact(page: Page, ready: Ready, screenshots: Callable[[Page, str], None]) -> None:
    page.goto("/impact?project=orders")
    ready(page)
    expect(page.get_by_text("on 30 gold").first).to_be_visible()
    expect(page.get_by_text("Round 4 against round 3").first).to_be_visible()
    expect(page.get_by_text(re.compile("with and without “Relabel"))).to_be_visible()
    expect(page.get_by_text(re.compile("real|within placebo|not decided")).first).to_be_visible()
    curve = page.get_by_test_id("stVegaLiteChart").first
    expect(curve.locator("canvas, svg").first).to_be_visible()
    rows = download(page, "learning_curve")
    assert {row["arm"] for row in rows} == {"what you labelled", "random items only"}
    assert {row["round"] for row in rows} == {"1", "2", "3", "4"}
    page.get_by_role("button", name="Measure every change").click()
    expect(page.get_by_text(re.compile("Bars add up"))).to_be_visible(timeout=120_000)
    screenshots(page, "impact")
    take_the_evidence(page, ready)


def take_the_evidence(page: Page, ready: Ready) -> None:
    """What a page makes when it is asked for, long after its run, arrives as a file."""
    page.get_by_role("tab", name="Changes").click()
    ready(page)
    report = keep(page, "Report of round 4 on one page")
    assert report.lower().startswith("<!doctype html>") and "Relabel" in report
    page.get_by_role("tab", name="Why believe it").click()
    ready(page)
    assert json.loads(keep(page, "Waterfall (JSON)"))["claim"] == "waterfall"
    assert keep(page, "SVG").startswith("<svg")


def keep(page: Page, label: str) -> str:
    """A file that a button of the page gives."""
    with page.expect_download(timeout=60_000) as waiting:
        page.get_by_role("button", name=label).first.click()
    return Path(waiting.value.path()).read_text(encoding="utf-8")
