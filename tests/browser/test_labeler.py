"""The labeling screen in a real browser: its keys, its panels, an outbox that loses nothing."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Callable
from itertools import count
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from PIL import Image
from playwright.sync_api import BrowserContext, Locator, Page, Request, Route, expect

from labeling import imports, review, session
from labeling.core.features import Content
from labeling.ingest import Roles
from labeling.project import Project, now, opened
from labeling.store import changes, events, items
from labeling.store.events import NewEvent
from tests.browser.conftest import Server, View, sign_in
from tests.factories import make_project, table_frame, text_frame

SYNC = "**/labeler/sync"
ME = "Ann"
INTENTS = [
    *("activate_my_card", "age_limit", "apple_pay", "atm_support", "automatic_top_up"),
    *("balance_not_updated", "cancel_transfer", "card_about_to_expire", "card_arrival"),
    *("card_delivery", "card_linking", "change_pin", "lost_or_stolen_card", "pending_top_up"),
    "transfer_fee",
]
KOREAN = ["환불 요청", "카드 분실", "계좌 해지", "화면 오류"]
MANY = [*INTENTS, *KOREAN, *(f"other {n}" for n in range(58))]
numbers = count()

Start = Callable[..., "Desk"]


class Desk:
    """One person's tab on the labeling screen of one project."""

    def __init__(self, page: Page, server: Server, project: str) -> None:
        self.page, self.path, self.project = page, server.projects / f"{project}.db", project

    def open(self, where: str = "label") -> Desk:
        self.page.goto(f"/{where}?project={self.project}")
        return self.wait("asking")

    def wait(self, state: str) -> Desk:
        expect(self.root).to_have_attribute("data-state", state, timeout=20_000)
        return self

    def asks(self) -> bool:
        """Whether an item is asked, once that is known."""
        expect(self.root).to_have_attribute("data-state", re.compile("asking|done"))
        return self.root.get_attribute("data-state") == "asking"

    @property
    def root(self) -> Locator:
        return self.page.get_by_test_id("labeler")

    @property
    def item(self) -> str:
        return self.root.get_attribute("data-item") or ""

    @property
    def text(self) -> str:
        """The item's words, those too that are laid out only where they are looked at."""
        return self.part("item").text_content() or ""

    def part(self, name: str) -> Locator:
        return self.page.get_by_test_id(f"labeler-{name}")

    def has_focus(self, name: str) -> bool:
        script = "e => e.getRootNode().activeElement === e && document.hasFocus()"
        return bool(self.part(name).evaluate(script))

    def press(self, *keys: str) -> list[str]:
        """Press keys that each end an item; the items that were answered."""
        answered = []
        for key in keys:  # a key is for what is on the screen, not for what arrives meanwhile
            expect(self.root).not_to_have_attribute("data-state", "loading")
            answered.append(self.item)
            self.page.keyboard.press(key)
            expect(self.root).not_to_have_attribute("data-item", answered[-1])
        return answered

    def type(self, text: str, key: str = "Enter") -> str:
        """Find a class by typing, and take it; the item that was answered."""
        self.page.keyboard.insert_text(text)
        return self.press(key)[0]

    def settled(self, waiting: int = 0) -> Desk:
        expect(self.root).to_have_attribute("data-waiting", str(waiting), timeout=20_000)
        return self

    def find(self, wanted: Callable[[str], bool]) -> Desk:
        """Skip until an item's text is the wanted one."""
        for _ in range(40):
            if wanted(self.wait("asking").text):
                return self
            self.press("s")
        raise AssertionError("the item was not asked")

    def answers(self) -> dict[str, Any]:
        """The standing answers on disk by item, newest first."""
        self.settled()
        with opened(self.path) as project:
            rows = session.history(project, ME, limit=100)["rows"]
        return {row["item"]: row["value"] for row in rows if row["kind"] == "label"}


@pytest.fixture
def start(page: Page, server: Server) -> Start:
    """`start(frame, **roles)`: a project of its own, and its labeling screen."""

    def begin(frame: pd.DataFrame | None = None, **roles: Any) -> Desk:
        name = f"work{next(numbers)}"
        frame = text_frame(60) if frame is None else frame
        make_project(server.projects / f"{name}.db", frame, **roles).close()
        sign_in(page.context, ME)
        return Desk(page, server, name).open()

    return begin


def texts(*values: str, more: int = 20) -> pd.DataFrame:
    """Texts that are asked, and some short ones beside them; all of them are in one batch."""
    rows = [*values, *(f"short text {n}" for n in range(more))]
    return pd.DataFrame({"id": range(len(rows)), "text": rows, "label": "a"}, dtype=object)


# Keys


def test_each_number_key_answers_one_item_and_every_answer_is_on_disk(start: Start) -> None:
    desk = start()
    asked = desk.press("1", "2", "1", "1", "2")
    assert len(set(asked)) == 5
    expect(desk.part("receipts")).to_have_text("5 saved, 0 waiting")
    expect(desk.root).to_have_attribute("data-saved", "5")
    given = ["money", "sport", "money", "money", "sport"]
    assert desk.answers() == dict(zip(asked, given, strict=True))


def test_a_key_that_is_held_down_answers_once(start: Start) -> None:
    desk = start()
    first = desk.item
    for _ in range(5):
        desk.page.keyboard.down("1")
    desk.page.keyboard.up("1")
    assert list(desk.answers()) == [first]


def test_what_is_typed_elsewhere_or_with_control_is_no_answer(start: Start) -> None:
    desk = start()
    first = desk.item
    desk.page.get_by_label("Your name").fill("")
    desk.page.keyboard.type("12su")
    assert desk.item == first
    desk.page.get_by_label("Your name").fill(ME)
    desk.part("item").click()
    desk.page.keyboard.press("Control+1")
    desk.page.keyboard.press("Meta+2")
    desk.page.keyboard.press("Alt+1")
    assert desk.item == first


def test_keys_act_only_where_the_focus_is_on_the_labeler_or_on_nothing(start: Start) -> None:
    desk = start()
    first = desk.item
    desk.page.get_by_role("link", name="Label", exact=True).focus()
    for key in ("1", "s", "h", "?"):
        desk.page.keyboard.press(key)
    assert desk.item == first
    expect(desk.part("open-history")).to_have_attribute("aria-expanded", "false")
    desk.part("open-guideline").focus()
    desk.press("1")
    desk.page.evaluate("document.activeElement.blur()")
    desk.press("2")
    assert len(desk.answers()) == 2


def test_a_link_that_leads_here_leaves_the_keys_to_the_labeler(start: Start) -> None:
    desk = start()
    desk.page.get_by_role("link", name="Overview", exact=True).click()
    expect(desk.root).to_have_count(0)
    desk.page.get_by_role("link", name="Label", exact=True).click()
    desk.wait("asking")
    assert desk.has_focus("item")
    desk.press("1")


def test_letter_keys_are_switched_off_and_alt_still_has_them(start: Start) -> None:
    desk = start()
    desk.page.keyboard.press("?")
    switch = desk.part("letters")
    expect(switch).to_have_text("Letter keys: on")
    switch.press("Space")
    expect(switch).to_have_attribute("aria-checked", "false")
    desk.page.keyboard.press("Escape")
    desk.page.reload()
    first = desk.wait("asking").item
    for key in ("1", "s", "h", "?", "z"):
        desk.page.keyboard.press(key)
    assert desk.item == first
    expect(desk.part("panel")).to_have_class("side")
    expect(desk.part("class").first).to_have_attribute("aria-keyshortcuts", "Alt+1")
    second = desk.press("Alt+1", "Alt+s")[1]
    desk.press("Alt+u")
    assert desk.item == second
    desk.part("open-help").click()
    expect(switch).to_have_text("Letter keys: off")
    switch.click()
    desk.press("2")
    assert desk.answers() == {first: "money", second: "sport"}


def test_where_letter_keys_are_off_a_digit_in_the_field_is_text(start: Start) -> None:
    desk = start(texts(), classes=MANY)
    desk.page.evaluate("localStorage.setItem('groundwork:letter-keys', 'off')")
    desk.page.reload()
    first = desk.wait("asking").item
    desk.page.keyboard.press("2")
    expect(desk.part("find")).to_have_value("2")
    assert desk.item == first
    desk.page.keyboard.press("Escape")
    desk.press("Alt+2")
    assert desk.answers() == {first: "age_limit"}


def test_letters_work_by_their_place_where_another_alphabet_is_typed(start: Start) -> None:
    desk = start()
    first = desk.item
    key = "new KeyboardEvent('keydown', {key: 'ㄴ', code: 'KeyS', bubbles: true})"
    desk.page.evaluate(f"document.body.dispatchEvent({key})")
    expect(desk.root).not_to_have_attribute("data-item", first)
    assert desk.answers() == {}


def test_nothing_moves_from_item_to_item(start: Start) -> None:
    lengths = ("long " * n for n in (900, 5, 1200, 1))
    desk = start(texts(*lengths, "가나다 " * 400, more=16), classes=("a", "b"))
    places, scrolls = set(), set()
    assert desk.has_focus("item")
    for key in "12s1s2":
        desk.part("item").evaluate("e => e.scrollTo(0, 500)")
        desk.press(key)
        box = desk.part("class").first.bounding_box()
        assert box is not None
        places.add((box["x"], box["y"], box["width"]))
        scrolls.add(desk.part("item").evaluate("e => [e.scrollTop, scrollY].join()"))
        assert desk.has_focus("item"), "the focus stays"
    assert (len(places), scrolls) == (1, {"0,0"})


def test_a_mouse_press_answers_and_leaves_the_focus_where_it_was(start: Start) -> None:
    desk = start()
    first = desk.item
    desk.part("class").nth(1).click()
    expect(desk.root).not_to_have_attribute("data-item", first)
    assert desk.has_focus("item")
    assert desk.answers() == {first: "sport"}


# Taking back, skipping, notes, history


def test_undo_goes_back_as_far_as_one_likes_also_over_a_reload(start: Start) -> None:
    desk = start()
    first, second, third = desk.press("1", "2", "s")
    back = [desk.press("u") and desk.item for _ in range(2)]
    assert back == [third, second]
    desk.press("1", "1")
    assert desk.answers() == {first: "money", second: "money", third: "money"}
    shown = desk.item
    desk.page.reload()
    desk.wait("asking")
    assert desk.item == shown, "the reload shows the item that was on the screen"
    again = [desk.press("u") and desk.item for _ in range(3)]
    assert again == [third, second, first]
    assert desk.answers() == {}
    desk.press("2")
    assert desk.answers() == {first: "sport"}
    assert desk.item == second


def correct(desk: Desk, label: str) -> None:
    """Correct the newest answer in the history, which is open."""
    desk.part("correct").first.click()
    desk.part("history").get_by_role("button", name=label, exact=True).click()
    expect(desk.part("history").locator("li").first).to_contain_text("✓ Saved")


def test_a_correction_is_corrected_and_taken_back(start: Start, page: Page) -> None:
    desk, sent = start(classes=("a", "b", "c")), []
    page.on("request", lambda request: sent.extend(operations(request.post_data)))
    (first,) = desk.press("1")
    desk.settled().page.keyboard.press("h")
    correct(desk, "b")
    correct(desk, "c")
    assert [op["target"] for op in sent] == [None, sent[0]["uid"], sent[1]["uid"]]
    desk.page.keyboard.press("Escape")
    desk.page.keyboard.press("u")
    expect(desk.root).to_contain_text("Took back the correction to c.")
    assert desk.answers() == {first: "b"}


def operations(body: str | None) -> list[dict[str, Any]]:
    """What a request to the route carries."""
    return list(json.loads(body or "{}").get("ops", []))


def test_of_an_earlier_visit_s_correction_the_first_answer_stands_again(start: Start) -> None:
    desk = start()
    (first,) = desk.press("1")
    desk.settled().page.keyboard.press("h")
    correct(desk, "sport")
    desk.page.reload()
    shown = desk.wait("asking").item
    desk.page.keyboard.press("u")
    expect(desk.root).to_contain_text("You said money: it stands again. Took back sport.")
    assert (desk.item, desk.answers()) == (shown, {first: "money"})
    desk.press("u")
    assert (desk.item, desk.answers()) == (first, {})


def test_an_undo_that_was_refused_can_be_tried_again(start: Start, page: Page) -> None:
    desk = start()
    (first,) = desk.press("1")
    desk.settled().page.reload()
    shown = desk.wait("asking").item

    def forge(route: Route) -> None:
        body = json.loads(route.request.post_data or "{}")
        for op in body["ops"]:
            op["target"] = "nobody's"
        route.continue_(post_data=json.dumps(body))

    page.route(SYNC, forge)
    page.keyboard.press("u")
    expect(desk.root).to_contain_text("This answer could not be taken back.")
    assert desk.item == shown
    page.unroute(SYNC)
    desk.press("u")
    assert (desk.item, desk.answers()) == (first, {})


def test_an_item_that_others_hold_by_now_is_skipped_all_the_same(start: Start, page: Page) -> None:
    desk = start()

    def forge(route: Route) -> None:
        body = json.loads(route.request.post_data or "{}")
        for op in body["ops"]:
            op["slot"] = 10**9
        route.continue_(post_data=json.dumps(body))

    page.route(SYNC, forge)
    desk.press("s")
    desk.settled()
    expect(desk.root).to_have_attribute("data-refused", "0")


def test_half_a_letter_is_never_sent(start: Start, page: Page) -> None:
    desk, sent = start(), []
    page.on("request", lambda request: sent.append(request.post_data or ""))
    page.keyboard.press("f")
    desk.part("comment").evaluate("e => { e.value = 'half \\ud83d' }")
    desk.part("comment").press("Enter")
    desk.settled()
    expect(desk.root).to_have_attribute("data-refused", "0")
    expect(desk.part("panel")).to_contain_text("half \ufffd")
    page.keyboard.press("h")
    search = "e => { e.value = '\\ud83d'; e.dispatchEvent(new Event('input')) }"

    def searches(request: Request) -> bool:
        return request.url.endswith("/labeler/history") and bool(request.post_data_json["search"])

    with page.expect_request(searches) as asked:
        desk.part("history-search").evaluate(search)
    assert asked.value.post_data_json["search"] == "\ufffd"
    assert not [body for body in sent if "\\ud83d" in body]


def test_a_note_is_kept_with_the_item_and_escape_keeps_none(start: Start) -> None:
    desk = start()
    first = desk.item
    desk.page.keyboard.press("f")
    desk.page.keyboard.type("not this")
    desk.page.keyboard.press("Escape")
    assert desk.has_focus("item")
    desk.page.keyboard.press("f")
    desk.page.keyboard.type("rc: half of it is missing 1")
    desk.page.keyboard.press("Enter")
    expect(desk.part("panel")).to_contain_text("rc: half of it is missing 1")
    assert (desk.item, desk.has_focus("item")) == (first, True)
    desk.settled()
    desk.page.reload()
    expect(desk.part("panel")).to_contain_text("rc: half of it is missing 1")
    expect(desk.part("panel")).not_to_contain_text("not this")


def test_a_note_that_is_being_written_is_kept_when_its_item_is_answered(start: Start) -> None:
    desk = start()
    first = desk.item
    desk.page.keyboard.press("f")
    desk.page.keyboard.type("hardly legible")
    desk.part("class").first.click()
    assert desk.answers() == {first: "money"}
    desk.press("u")
    expect(desk.part("panel")).to_contain_text("hardly legible")


def test_history_is_searched_and_corrected(start: Start) -> None:
    desk = start()
    wanted = desk.text
    first, second = desk.press("1", "1")
    desk.settled().page.keyboard.press("h")
    rows = desk.part("history").locator("li")
    expect(rows).to_have_count(2)
    desk.part("history-search").fill(wanted.upper())
    expect(rows).to_have_count(1)
    desk.part("correct").press("Enter")
    desk.page.keyboard.press("2")
    expect(rows).to_contain_text("✓ Saved")
    assert desk.answers() == {first: "sport", second: "money"}
    desk.page.keyboard.press("Escape")
    assert desk.has_focus("item")


def test_while_the_history_is_open_class_keys_leave_the_item_behind_it_alone(start: Start) -> None:
    desk = start()
    first, second = desk.press("1")[0], desk.item
    desk.settled().page.keyboard.press("h")
    desk.part("history-search").fill("no such thing")
    desk.page.evaluate("document.activeElement.blur()")
    for key in "12sn":
        desk.page.keyboard.press(key)
    assert desk.item == second
    desk.page.keyboard.press("h")
    desk.page.keyboard.press("h")
    expect(desk.part("history-search")).to_have_value("")
    desk.part("correct").press("Enter")
    desk.page.keyboard.press("Escape")
    expect(desk.part("correct")).to_be_focused()
    assert desk.answers() == {first: "money"}


def test_one_of_77_classes_is_corrected_by_typing(start: Start) -> None:
    desk = start(texts(), classes=MANY)
    first = desk.type("lost")
    desk.settled().page.keyboard.press("Alt+h")
    desk.part("correct").press("Enter")
    desk.page.keyboard.insert_text("card arr")
    desk.page.keyboard.press("Enter")
    expect(desk.part("history").locator("li").first).to_contain_text("✓ Saved")
    assert desk.answers() == {first: "card_arrival"}


# Many classes, several at once


def test_one_of_77_classes_is_found_by_a_few_letters(start: Start) -> None:
    desk = start(texts(), classes=MANY)
    assert desk.has_focus("find")
    given = [
        (desk.type("lost"), "lost_or_stolen_card"),
        (desk.type("card arr"), "card_arrival"),
        (desk.type("top up"), "automatic_top_up"),
        (desk.type("ㅎㅂ"), "환불 요청"),
        (desk.type("분시"), "카드 분실"),
        (desk.type("환불 요"), "환불 요청"),
        (desk.type("pendingto"), "pending_top_up"),
        (desk.press("2")[0], "age_limit"),
        (desk.press("0")[0], "card_delivery"),
    ]
    assert desk.answers() == dict(given)
    expect(desk.part("class").first).to_have_attribute("data-class", "activate_my_card")
    desk.page.keyboard.insert_text("card ")
    expect(desk.part("class").first).to_have_attribute("data-class", "card_arrival")
    assert desk.has_focus("find")


def test_in_the_field_letters_are_letters_and_alt_commands(start: Start) -> None:
    desk = start(texts(), classes=MANY)
    first = desk.item
    desk.page.keyboard.type("rsuc")
    expect(desk.part("find")).to_have_value("rsuc")
    desk.page.keyboard.press("Enter")
    assert desk.item == first, "nothing fits, so nothing is answered"
    desk.page.keyboard.press("Escape")
    expect(desk.part("find")).to_have_value("")
    desk.press("Alt+s")
    desk.press("Alt+u")
    assert desk.item == first
    desk.page.keyboard.press("Escape")
    assert desk.has_focus("item")
    desk.page.keyboard.type("age")
    expect(desk.part("find")).to_have_value("age")
    desk.page.keyboard.press("ArrowDown")
    expect(desk.part("find")).to_have_attribute("aria-activedescendant", re.compile("class-"))


def test_enter_while_a_syllable_is_composed_is_no_answer(start: Start) -> None:
    desk = start(texts(), classes=MANY)
    first = desk.item
    desk.page.keyboard.insert_text("환")
    how = "{key: 'Enter', isComposing: true, bubbles: true, composed: true}"
    desk.part("find").evaluate(f"e => e.dispatchEvent(new KeyboardEvent('keydown', {how}))")
    assert desk.item == first
    assert list(desk.answers()) == []


def test_several_classes_are_toggled_and_saved_with_enter(start: Start) -> None:
    desk = start(texts(), classes=("a", "b", "c"), multi=True)
    first = desk.item
    for key in "3213":
        desk.page.keyboard.press(key)
    pressed = [desk.part("class").nth(n).get_attribute("aria-pressed") for n in range(3)]
    assert (desk.item, pressed) == (first, ["true", "true", "false"])
    desk.press("Enter")
    second = desk.item
    desk.press("u")
    assert desk.part("class").nth(0).get_attribute("aria-pressed") == "true"
    desk.press("Enter")
    desk.page.keyboard.press("Enter")
    assert desk.item == second, "nothing chosen is not an answer"
    desk.press("n")
    assert desk.answers() == {first: ["a", "b"], second: []}


def test_several_of_many_classes_are_typed(start: Start) -> None:
    desk = start(texts(), classes=MANY, multi=True)
    first = desk.item
    for text in ("lost", "ㅎㅂ"):
        desk.page.keyboard.insert_text(text)
        desk.page.keyboard.press("Enter")
    expect(desk.part("save")).to_contain_text("Save 2 classes")
    desk.press("Enter")
    assert desk.answers() == {first: ["lost_or_stolen_card", "환불 요청"]}


# What an item looks like


def test_markup_is_text_and_scripts_do_not_run(start: Start) -> None:
    evil = "<img src=x onerror=\"document.title='owned'\"><b>bold</b><script>alert(1)</script>"
    rows = texts(*[f"{evil} {n}" for n in range(12)], more=0)
    desk = start(rows, classes=("<b>one</b>", "<i>two"))
    assert desk.text.startswith(evil)
    expect(desk.part("class").first).to_contain_text("<b>one</b>")
    desk.press("1")
    desk.settled().page.keyboard.press("h")
    expect(desk.part("history")).to_contain_text(evil)
    assert desk.root.locator("img, script, b, i").count() == 0
    expect(desk.page).to_have_title("Label · Groundwork")


def test_long_texts_scroll_and_are_shown_whole_on_request(start: Start) -> None:
    long = "Once upon a time there was a line. " * 8_000 + "THE END"
    desk = start(texts(long, "x" * 5_000), classes=("a", "b"))
    desk.find(lambda text: text.startswith("Once"))
    box = desk.part("item")
    assert box.evaluate("e => e.scrollHeight > e.clientHeight && e.scrollWidth === e.clientWidth")
    desk.page.keyboard.press("PageDown")
    assert box.evaluate("e => e.scrollTop") > 0
    expect(desk.part("show-all")).to_have_text(f"Show all {len(long):,} characters")
    desk.part("show-all").click()
    expect(box).to_contain_text("THE END")
    expect(desk.part("show-all")).to_have_count(0)


def test_right_to_left_and_korean_texts_are_set_as_they_should(start: Start) -> None:
    arabic, korean = (
        "هل يمكنني استرداد أموالي؟",
        "배송 조회를 해 보면 사흘째 같은 곳에 있습니다. " * 9,
    )
    desk = start(texts(korean, *[f"{arabic} {n}" for n in range(12)], more=0), classes=("a", "b"))
    desk.find(lambda text: text.startswith("هل"))
    prose = desk.part("item").locator(".whole")
    assert prose.evaluate("e => getComputedStyle(e).direction") == "rtl"
    desk.find(lambda text: text.startswith("배송"))
    assert prose.evaluate("e => getComputedStyle(e).wordBreak") == "keep-all"


def test_a_row_is_a_card_and_what_is_missing_is_said(start: Start) -> None:
    desk = start(table_frame(24).assign(length=None))
    names = desk.part("item").locator("dt")
    expect(names).to_have_text(["island", "length", "mass"])
    expect(desk.part("item").locator("dd").nth(1)).to_have_text("(missing)")


def test_why_it_is_asked_the_suggestion_and_what_was_repaired_are_said(
    start: Start, page: Page
) -> None:
    def dress(route: Route) -> None:
        told = (answer := route.fetch()).json()
        for item in told.get("items", []):
            item["why"] = {"text": "two best classes are close", "strategy": "margin"}
            item["why"] |= {"score": 0.03125, "round": 4, "next_best": True}
            item["suggestion"] = {"label": "<u>Gentoo", "probability": 0.934}
            item["fields"][0]["was"] = "<i>Dream"
        route.fulfill(response=answer, json=told)

    page.route(SYNC, dress)
    desk = start(table_frame(24))
    expect(desk.part("panel")).to_contain_text("Two best classes are close.")
    expect(desk.part("panel").locator("dd")).to_have_text(["margin", "0.0313", "4"])
    expect(desk.root.get_by_text("Next best", exact=True)).to_be_visible()
    expect(desk.root).to_contain_text("The model suggests <u>Gentoo, 93 %")
    expect(desk.part("item").locator("dd").first).to_contain_text("Changed Before: <i>Dream")
    assert desk.root.locator("i, u").count() == 0


def picture(n: int) -> bytes:
    packed = io.BytesIO()
    Image.new("RGB", (900, 700), (n * 9 % 255, 80, 160)).save(packed, "PNG")
    return packed.getvalue()


def make_pictures(path: Path) -> None:
    rows = {"id": range(14), "image": [picture(n) for n in range(14)]}
    roles = Roles(Content("image", ("image",)), id="id", classes=("dark", "light"))
    frame = pd.DataFrame(rows, dtype=object)
    imports.create_project(path, frame, roles=roles, source="a.csv", author="test")[0].close()


def test_an_image_fits_and_is_zoomed_by_key(page: Page, server: Server) -> None:
    make_pictures(server.projects / "pictures.db")
    sign_in(page.context, ME)
    desk = Desk(page, server, "pictures").open()
    image, box = desk.part("item").locator("img"), desk.part("item")
    expect(image).to_have_attribute("alt", "Image to label: 900 by 700 pixels")
    assert box.evaluate("e => e.scrollHeight <= e.clientHeight && e.scrollWidth <= e.clientWidth")
    page.keyboard.press("z")
    assert image.evaluate("e => e.clientWidth") == 900
    page.keyboard.press("+")
    assert image.evaluate("e => e.clientWidth") == 1125
    page.get_by_role("button", name="Show the whole image").click()
    assert image.evaluate("e => e.clientWidth") < 900
    desk.press("1")
    expect(image).to_have_class("fit")


def test_a_reviewer_sees_the_answers_side_by_side_and_rules_by_key(
    page: Page, server: Server, screenshots: Callable[[Page, str], None]
) -> None:
    path = server.projects / "dispute.db"
    make_dispute(path, classes=("money", "sport", *(f"class {n}" for n in range(8))))
    sign_in(page.context, ME)
    page.goto("/review?project=dispute")
    desk = Desk(page, server, "dispute").wait("asking")
    votes = page.get_by_role("region", name="Answers so far")
    expect(votes).to_contain_text("Kim <b>")
    expect(votes).to_contain_text("not sure")
    ruling = votes.locator(".vote").filter(has_text="Ruling")
    expect(ruling).to_contain_text("Eve")
    for part in (desk.part("item"), votes, desk.part("class").last):
        expect(part).to_be_in_viewport(ratio=1)
    screenshots(page, "labeler-review")
    first = desk.press("1")[0]
    desk.press("2")
    desk.wait("done").settled()
    with opened(path) as project:
        rulings = {item: events.ruling_of(project.db, item) for item in both(project)}
    assert rulings[first] == "money"
    assert sorted(map(str, rulings.values())) == ["money", "sport"]


def make_dispute(path: Path, **roles: Any) -> None:
    """Two people disagree on two items, which are queued; somebody has ruled on both already."""
    with make_project(path, text_frame(60), **roles) as project:
        for who, label in {"Bob": "sport", "Kim <b>": "money"}.items():
            dispute(project, who, label)
        review.adjudicate(project, 2, author=ME)
        dispute(project, "Eve", "sport", kind="adjudicate")


def both(project: Project) -> list[str]:
    """The first two items of the pool."""
    return [item.item_id for item in items.every(project.db) if item.side == "pool"][:2]


def dispute(project: Project, who: str, label: str, *, kind: str = "label") -> None:
    """What somebody said of both, with a comment."""
    change = changes.last_batch(project.db)
    for item in both(project):
        for what, value in {kind: label, "flag": "not sure"}.items():
            name = f"{who}-{what}-{item}"
            said = NewEvent(name, change, what, item, who, value, 1500, 1, None, now())
            with project.writing():
                events.append(project.db, [said])


# The outbox


def test_the_first_mount_takes_the_focus_from_the_sidebar(page: Page, server: Server) -> None:
    name = f"work{next(numbers)}"
    make_project(server.projects / f"{name}.db", text_frame(60)).close()
    page.goto(f"/label?project={name}")
    page.get_by_label("Your name").fill(ME)
    page.keyboard.press("Enter")
    desk = Desk(page, server, name).wait("asking")
    assert desk.has_focus("item")
    desk.press("1")


def test_a_screen_that_cannot_begin_says_so_and_offers_a_reload(start: Start, page: Page) -> None:
    desk = start()
    broken = "export class View { constructor() { throw new Error('broken') } }"
    kind = "text/javascript"
    page.route("**/view.js*", lambda route: route.fulfill(body=broken, content_type=kind))
    page.reload()
    expect(desk.part("failed")).to_contain_text("The labeling screen could not be shown.")
    page.unroute("**/view.js*")
    desk.part("failed").get_by_role("button", name="Reload").click()
    desk.wait("asking")


def test_streamlit_s_own_words_on_a_dead_server_do_not_cover_the_page(
    start: Start, page: Page, server: Server
) -> None:
    desk = start()
    server.kill()
    try:
        desk.press("1")
        page.wait_for_timeout(9_000)
        expect(page.get_by_test_id("stDialog")).to_have_count(0)
        desk.press("2", "1")
    finally:
        server.start()
    desk.wait("asking").settled()
    assert len(desk.answers()) == 3


def test_work_goes_on_without_a_connection_and_all_of_it_is_saved_once(start: Start) -> None:
    desk = start()
    desk.page.context.set_offline(True)
    asked = desk.press("1", "2", "1", "2")
    kept = "0 saved, 4 waiting: no connection; they are kept in this browser"
    expect(desk.part("receipts")).to_have_text(kept)
    expect(desk.root).to_have_attribute("data-state", "offline")
    desk.page.context.set_offline(False)
    desk.wait("asking").settled()
    assert list(desk.answers()) == asked[::-1]
    expect(desk.part("receipts")).to_have_text("4 saved, 0 waiting")


def test_a_reload_keeps_the_outbox_and_asks_nothing_twice(start: Start, page: Page) -> None:
    desk = start()
    page.route(SYNC, lambda route: route.abort())
    asked, shown = desk.press("1", "2", "1"), desk.item
    desk.settled(3).page.reload()
    expect(desk.root).to_have_attribute("data-state", "offline")
    desk.settled(3)
    page.unroute(SYNC)
    desk.wait("asking").settled()
    assert desk.item == shown
    assert list(desk.answers()) == asked[::-1]


def test_another_tab_sends_what_a_closed_tab_left_behind(
    start: Start, context: BrowserContext, server: Server
) -> None:
    desk = start()
    context.route(SYNC, lambda route: route.abort())
    asked = desk.press("1", "2")
    desk.settled(2).page.close()
    context.unroute(SYNC)
    other = context.new_page()
    other.goto(f"/label?project={desk.project}")
    heir = Desk(other, server, desk.project).wait("asking").settled()
    assert list(heir.answers()) == asked[::-1]


def test_a_refused_answer_is_shown_with_the_reason_until_it_is_discarded(start: Start) -> None:
    desk = start()

    def forge(route: Route) -> None:
        body = json.loads(route.request.post_data or "{}")
        for op in body["ops"]:
            op["value"] = "no such class"
        route.continue_(post_data=json.dumps(body))

    desk.page.route(SYNC, forge)
    desk.press("1")
    refused = desk.part("refused")
    expect(refused).to_contain_text("'no such class' is no class; the classes are: money, sport")
    expect(desk.root).to_have_attribute("data-refused", "1")
    desk.page.unroute(SYNC)
    desk.page.reload()
    desk.wait("asking")
    expect(refused).to_contain_text("is no class")
    desk.part("discard").click()
    expect(desk.root).to_have_attribute("data-refused", "0")
    expect(refused).to_have_count(1)
    expect(refused).to_be_hidden()


def test_an_answer_that_breaks_the_server_is_refused_and_blocks_no_other(
    start: Start, page: Page
) -> None:
    desk = start()

    def stumble(route: Route) -> None:
        if any(op["kind"] == "flag" for op in operations(route.request.post_data)):
            route.fulfill(status=500, json={"error": "something went wrong on our side"})
        else:
            route.continue_()

    page.route(SYNC, stumble)
    page.keyboard.press("f")
    page.keyboard.type("poison")
    page.keyboard.press("Enter")
    asked = desk.press("1", "2", "1")
    expect(desk.root).to_have_attribute("data-refused", "1", timeout=20_000)
    expect(desk.part("refused")).to_contain_text("something went wrong on our side")
    assert list(desk.answers()) == asked[::-1]


@pytest.mark.parametrize("status", [404, 500, 503])
def test_while_the_server_cannot_work_nothing_is_refused(
    start: Start, page: Page, status: int
) -> None:
    desk, told = start(), "the projects are somewhere else"
    tries: list[str] = []

    def fail(route: Route) -> None:
        tries.append(route.request.url)
        route.fulfill(status=status, json={"error": told})

    page.route(SYNC, fail)
    asked = desk.press("1", "2")
    expect(desk.part("receipts")).to_contain_text(f"0 saved, 2 waiting: {told}")
    page.wait_for_timeout(6_000)
    assert len(tries) > 3
    expect(desk.root).to_have_attribute("data-refused", "0")
    desk.settled(2).page.unroute(SYNC)
    assert list(desk.answers()) == asked[::-1]


def test_what_waits_of_others_is_told_and_left_alone(
    start: Start, context: BrowserContext, server: Server
) -> None:
    kim = start()
    context.route(SYNC, lambda route: route.abort())
    kim.press("1", "2")
    kim.settled(2).page.close()
    context.unroute(SYNC)
    key = "groundwork:outbox:%2Felsewhere%2Flabeler:x:Ann:tab:1:uid"
    context.add_init_script(f"localStorage.setItem('{key}', '{{}}')")
    mine, again = context.new_page(), context.new_page()
    make_project(server.projects / f"{kim.project}b.db", text_frame(60)).close()
    other = Desk(mine, server, f"{kim.project}b").open()
    expect(other.part("others")).to_have_text(
        f"2 answers of yours in {kim.project} wait in this browser: open it to send them."
    )
    sign_in(context, "Ben")
    ben = Desk(again, server, kim.project).open().settled()
    expect(ben.part("others")).to_have_text(
        f"2 answers of {ME} wait in this browser: open it as {ME} to send them."
    )


def test_after_a_pause_the_server_is_asked_before_anything_else_is_shown(
    start: Start, page: Page
) -> None:
    page.clock.install()
    desk, asked = start(), []
    for _ in range(4):
        page.clock.fast_forward("02:00")
        page.wait_for_timeout(200)
    page.on("request", lambda request: asked.append(request.url))
    page.clock.fast_forward("10:00")
    page.wait_for_timeout(300)
    assert not [url for url in asked if url.endswith("/sync")], "nobody is there"
    with page.expect_request(SYNC):
        page.mouse.move(300, 300)
    desk.settled()
    for _ in range(4):
        page.clock.fast_forward("02:00")
        page.wait_for_timeout(200)
    page.clock.fast_forward("20:00")
    page.route(SYNC, lambda route: (page.wait_for_timeout(500), route.continue_()))
    page.keyboard.press("1")
    expect(desk.root).to_have_attribute("data-state", "loading")
    desk.wait("asking")


def test_what_is_saved_is_told_now_and_then_and_what_goes_wrong_at_once(
    start: Start, page: Page
) -> None:
    desk = start()
    aloud = desk.part("aloud")
    told = "e => { e.told = []; new MutationObserver(() => e.told.push(e.textContent))"
    aloud.evaluate(f"{told}.observe(e, {{childList: true}}) }}")
    for key in "1212":
        desk.press(key)
        page.wait_for_timeout(400)
    expect(aloud).to_have_text(re.compile(r"^You said (money|sport)\. \d saved, \d waiting\.$"))
    assert len(aloud.evaluate("e => e.told")) == 1
    desk.press("u")
    expect(aloud).to_have_text("Took back sport: here it is again.", timeout=5_000)
    page.context.set_offline(True)
    desk.press("1")
    expect(aloud).to_have_text("no connection; your answers are kept.", timeout=5_000)
    page.context.set_offline(False)
    expect(aloud).to_have_text(re.compile("^Connected again"), timeout=20_000)


def test_a_token_that_has_run_out_is_renewed_and_the_answer_is_kept(start: Start) -> None:
    desk = start()
    tokens: list[str] = []

    def expire_first(route: Route) -> None:
        tokens.append(json.loads(route.request.post_data or "{}")["token"])
        if tokens[-1] == tokens[0]:
            said = {"error": "this session has run out", "reason": "expired"}
            route.fulfill(status=401, json=said)
        else:
            route.continue_()

    desk.page.wait_for_timeout(1_100)  # a token's time is in whole seconds
    desk.page.route(SYNC, expire_first)
    asked = desk.press("2")
    assert desk.answers() == {asked[0]: "sport"}
    assert len(set(tokens)) == 2


def test_where_nothing_can_be_kept_it_is_said(start: Start) -> None:
    desk = start()
    fill = "Storage.prototype.setItem = () => { throw new Error('it is full') }"
    desk.page.evaluate(f"() => {{ {fill} }}")
    desk.page.context.set_offline(True)
    asked = desk.press("1")
    expect(desk.part("receipts")).to_contain_text("this browser cannot keep them")
    desk.page.context.set_offline(False)
    assert desk.answers() == {asked[0]: "money"}


def test_the_end_of_the_batch_is_summed_up(start: Start) -> None:
    desk = start(text_frame(12))
    while desk.asks():
        desk.press("1")
    desk.wait("done")
    expect(desk.part("summary")).to_contain_text("Nothing is left for you in this queue.")
    expect(desk.part("summary").locator("th")).to_have_text(["money"])
    desk.press("u")
    desk.wait("asking")


def test_beyond_the_batch_the_next_best_items_are_asked_and_of_the_next_batch_again(
    start: Start, page: Page
) -> None:
    desk, sent = start(text_frame(60), settings={"batch_size": "5"}), []
    page.on("request", lambda request: sent.append(json.loads(request.post_data or "{}")))
    while desk.asks():
        desk.press("1")
        desk.settled()
    desk.wait("done")
    expect(desk.root).not_to_contain_text(re.compile(r"min(ute)? left|minute left"))
    desk.part("go-on").click()
    desk.wait("asking")
    expect(desk.root.get_by_text("Next best", exact=True)).to_be_visible()
    item = desk.press("2")[0]
    assert desk.answers()[item] == "sport"
    assert sent[-1]["beyond"]

    def begin_another(route: Route) -> None:
        told = (answer := route.fetch()).json()
        told["progress"]["queue"] += 1
        route.fulfill(response=answer, json=told)

    page.route(SYNC, begin_another)
    desk.press("1")
    desk.settled().press("1")
    desk.settled()
    syncs = [body["beyond"] for body in sent if "beyond" in body]
    assert (syncs[-2], syncs[-1]) == (True, False)


@pytest.mark.parametrize("view", [View(400, 800)], indirect=True, ids=str)
def test_a_telephone_shows_all_of_it(start: Start) -> None:
    desk = start(classes=tuple(f"class {n}" for n in range(8)))
    assert desk.root.evaluate("e => e.scrollWidth <= e.clientWidth")
    first = desk.item
    desk.part("class").nth(2).click()
    assert desk.answers() == {first: "class 2"}
    desk.part("open-guideline").click()
    expect(desk.part("panel")).to_be_in_viewport()
