from __future__ import annotations

import re
from html.parser import HTMLParser

import pandas as pd
import pytest

from quality.checks import Dataset, Outcome, run_checks
from quality.report import POLICY, Safe, element, html_report
from quality.suites import Expectation, expectation

EVIL = "<script>alert('x')</script>&\"<img src=http://example.com/x.png onerror=alert(1)>"
VOID = {"meta"}


class Reader(HTMLParser):
    """The elements of a page, its text, and whether every element is closed in order."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.text = ""
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


def read(page: str) -> Reader:
    reader = Reader()
    reader.feed(page)
    reader.close()
    assert reader.open == []
    return reader


def audit(values: list[object], *suite: Expectation) -> list[Outcome]:
    frame = pd.DataFrame({"text": values}, dtype=object)
    ids = pd.Series([f"항목 {k}" for k in range(len(values))], dtype=object).to_numpy()
    return run_checks(Dataset(frame, ("text",), ids, suite=suite))


ALLOWED = expectation("expect_column_values_to_be_in_set", column="text", value_set=["좋아요"])


def test_the_page_shows_outcomes_rows_by_item_and_the_suite() -> None:
    outcomes = audit(["좋아요", "나빠요"], ALLOWED)
    page = html_report(outcomes, title="점검", about={"행": 2}, suite=[ALLOWED])
    text = read(page).text
    assert all(outcome.code in text and outcome.message in text for outcome in outcomes)
    assert "항목 1" in text
    assert "text is '나빠요'; text must be one of 좋아요." in text
    assert '"value_set": [\n     "좋아요"\n    ]' in text
    assert text.strip().startswith("점검")


@pytest.mark.parametrize("where", ["cell", "title", "about", "rule"])
def test_nothing_from_the_data_becomes_an_element(where: str) -> None:
    evil = dict.fromkeys(("cell", "title", "about", "rule"), "x") | {where: EVIL}
    rule = expectation(
        "expect_column_values_to_be_in_set", column="text", value_set=[evil["rule"], "z"]
    )
    outcomes = audit(["y", evil["cell"]], rule)
    page = html_report(outcomes, title=evil["title"], about={evil["about"]: "x"}, suite=[rule])
    reader = read(page)
    assert not {"script", "img", "a", "link", "iframe", "form"} & set(reader.tags)
    assert {name for name, _ in reader.attributes} <= {
        "class", "content", "charset", "dir", "http-equiv", "lang", "name",
    }  # fmt: skip
    shown = "<script>alert(" if where == "cell" else EVIL  # a cell is quoted and cut
    assert shown in reader.text


def test_the_page_asks_the_net_for_nothing() -> None:
    page = html_report(audit(["a", None], ALLOWED), title="x", suite=[ALLOWED])
    assert POLICY in page
    assert not re.search(r"https?:|url\(|@import|src=|href=", page)


def test_long_lists_are_cut_and_the_page_says_so() -> None:
    outcomes = audit(["나빠요"] * 70, ALLOWED)
    (outcome,) = [o for o in outcomes if o.code == "S103:text"]
    text = read(html_report([outcome], title="x")).text
    assert "50 of 70 lines, the worst first." in text
    assert text.count("; text must be one of") == 50
    whole = read(html_report([outcome], title="x", most=70)).text
    assert whole.count("; text must be one of") == 70
    assert "the worst first" not in whole


def test_what_could_not_run_stands_before_what_passed_and_after_what_was_found() -> None:
    gone = expectation("expect_column_values_to_be_unique", column="gone")
    unique = expectation("expect_column_values_to_be_unique", column="text")
    text = read(html_report(audit(["a", "b"], unique, gone, ALLOWED), title="x")).text
    assert text.index("S103:text") < text.index("S105:gone") < text.index("S105:text")


def test_signs_that_no_page_may_hold_are_replaced() -> None:
    page = html_report(audit(["a\x00b\x1b", "\ud800", "c"], ALLOWED), title="\x85")
    assert page.encode("utf-8")
    assert "\ufffd" in page
    assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]", page)


def test_an_audit_without_checks_is_a_page_too() -> None:
    assert "0 checks: none." in read(html_report([], title="x")).text


def test_only_what_is_marked_safe_is_left_alone() -> None:
    assert element("b", "<", Safe("<i>"), title='"') == '<b title="&quot;">&lt;<i></b>'
