"""The report of a round: everything on one page, words before numbers, nothing from outside."""

from __future__ import annotations

import html
import re
import shutil
from pathlib import Path
from xml.etree import ElementTree

import pytest

from labeling import impact, project, round_report, rounds, waterfall
from labeling.__main__ import main
from labeling.core import cards
from labeling.errors import InputError
from tests.factories import answer_queue, make_project, text_frame, truth_of

SECTIONS = ["What changed", "Who", "Why these items", "Checks", "Score", "Cost", "Next"]


@pytest.fixture(scope="module")
def newest(told: Path) -> str:
    with project.opened(told / "감정.db") as opened:
        return round_report.build(opened)


@pytest.fixture(scope="module")
def first(told: Path) -> str:
    with project.opened(told / "감정.db") as opened:
        return round_report.build(opened, round_no=1)


def section(page: str, name: str) -> str:
    """What one section says, as text with single blanks."""
    found = re.search(f"<section><h2>{name}</h2>(.*?)</section>", page, flags=re.DOTALL)
    assert found is not None
    without = re.sub(r"<svg.*?</svg>", " ", found[1], flags=re.DOTALL)
    return " ".join(html.unescape(re.sub("<[^>]*>", " ", without)).split())


def test_every_section_is_there_in_order(newest: str, first: str) -> None:
    for page in (newest, first):
        assert re.findall("<h2>(.*?)</h2>", page) == SECTIONS


def test_the_headline_is_that_of_the_impact_page(told: Path, newest: str) -> None:
    with project.opened(told / "감정.db") as opened:
        lines = impact.headline(opened)
    paragraphs = [html.unescape(each) for each in re.findall("<p>(.*?)</p>", newest)]
    said = [f"{line[:1].upper()}{line[1:]}." for line in lines]
    assert paragraphs[: len(lines)] == said
    assert "on 55 gold labels" in paragraphs[0]


def test_it_says_what_changed_in_this_round_alone(newest: str, first: str) -> None:
    assert "나쁜 <script>.csv" in section(newest, "What changed")
    assert "나쁜" not in section(first, "What changed")
    assert "Import first.csv" in section(first, "What changed")
    assert "답.csv" in section(first, "What changed")
    assert "first.csv" not in section(newest, "What changed")


def test_it_says_who_answered_how_much_and_why_these_items(newest: str, first: str) -> None:
    assert "oracle 20 0 0.3" in section(newest, "Who")
    assert "<b>가람</b>" in section(first, "Who")
    assert "<b>가람</b>" not in section(newest, "Who")
    assert "import:" not in section(newest, "Who")
    assert (
        "the model wavers between two classes here, and this item stands for others 18"
        in section(newest, "Why these items")
    )
    assert "drawn at random: the control arm that shows what active choice saves 2" in section(
        newest, "Why these items"
    )


def test_words_come_before_numbers_in_every_section(newest: str) -> None:
    for name in SECTIONS[:-1]:
        body = re.search(f"<h2>{name}</h2><p>(.*?)</p>", newest)
        assert body is not None, name
        assert re.match(r"[A-Z\d]", body[1])


def test_every_difference_has_its_interval_and_verdict_and_no_p(newest: str) -> None:
    said = section(newest, "Score")
    points = re.findall(r"[+-][\d.]+ points(.{0,4})", said)
    assert points
    assert all(each.startswith(" [") for each in points)
    assert not re.search(r"\bp ?[=<]", html.unescape(newest))


def test_seconds_of_work_are_not_blown_up_to_hours(newest: str) -> None:
    assert section(newest, "Cost").startswith("Less than a minute of active work was recorded")


def test_an_hour_of_work_brought_the_difference_over_the_hours(
    told: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(round_report, "MINUTES_THAT_TELL", 0.1)
    with project.opened(told / "감정.db") as opened:
        said = section(round_report.build(opened), "Cost")
        stored = impact.cached(opened, impact.REPORT)
    assert stored is not None
    hours = 20 * 0.9 / 3600
    rate = [
        impact.points(stored[1]["last_round"][name] / hours) for name in ("delta", "low", "high")
    ]
    assert "0 active minutes of work for 20 answers." in said
    assert f"an hour of it brought {rate[0]} points [{rate[1]}, {rate[2]}]." in said


def test_next_steps_for_the_newest_and_a_pointer_for_an_older_one(newest: str, first: str) -> None:
    assert "Label the" in section(newest, "Next")
    assert section(first, "Next") == "Round 2 followed: see its report."


def test_everything_is_escaped_and_nothing_is_loaded(newest: str, first: str) -> None:
    for page in (newest, first):
        bare = page.replace('xmlns="http://www.w3.org/2000/svg"', "")
        assert not re.search(r"<script|<b>|https?:|src=|@import", bare)
        links = re.findall(r'href="([^"]*)"', bare)
        assert links
        assert all(link.startswith("data:image/svg+xml;base64,") for link in links)
        assert "default-src 'none'" in bare


def test_the_page_is_well_formed(newest: str) -> None:
    body = newest[newest.index("<body>") : newest.index("</html>")]
    ElementTree.fromstring(body)


def test_its_charts_can_be_kept(told: Path, newest: str) -> None:
    with project.opened(told / "감정.db") as opened:
        drawings = round_report.drawings(opened)
    assert list(drawings) == ["curve", "differences"]
    for svg in drawings.values():
        ElementTree.fromstring(svg)
        assert svg in newest
    assert newest.count("<a download=") == 2


def test_the_waterfall_is_shown_once_it_is_measured(told: Path, tmp_path: Path) -> None:
    shutil.copy(told / "감정.db", tmp_path / "p.db")
    with project.opened(tmp_path / "p.db") as opened:
        assert "has not been measured since" in round_report.build(opened)
        bars = waterfall.measure(opened)
        page = round_report.build(opened)
        assert "has not been measured since" not in page
        assert list(round_report.drawings(opened)) == ["curve", "differences", "waterfall"]
        for bar in bars.itertuples():
            assert impact.points(bar.delta) in page


def test_the_command_writes_the_page_and_a_card_that_holds(
    told: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copy(told / "감정.db", tmp_path / "감정.db")
    words = ["report", tmp_path / "감정.db", "--round", "1", "--html", tmp_path / "r.html"]
    assert run(*words, "--card", tmp_path / "r.json") == 0
    assert capsys.readouterr().out.startswith("The report of round 1 is written to ")
    assert "감정: round 1" in (tmp_path / "r.html").read_text(encoding="utf-8")
    card, intact = cards.from_json((tmp_path / "r.json").read_text(encoding="utf-8"))
    assert intact
    assert card.seeds["round"] == 1
    assert run("replay", tmp_path / "r.json") == 0


def run(*words: object) -> int:
    return main([str(word) for word in words])


@pytest.mark.parametrize("number", ["3", "99"])
def test_a_round_that_is_not_closed_has_no_report(
    told: Path, tmp_path: Path, number: str, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "r.html"
    assert run("report", told / "감정.db", "--round", number, "--html", out) == 2
    assert "rounds run from 1 to 2" in capsys.readouterr().err
    assert not out.exists()


def test_without_gold_the_report_says_so_and_draws_nothing(tmp_path: Path) -> None:
    frame = text_frame(60)
    with make_project(tmp_path / "p.db", frame, settings={"gold_per_batch": "0"}) as made:
        with pytest.raises(InputError, match="no round is closed yet"):
            round_report.build(made)
        answer_queue(made, truth_of(frame))
        rounds.close_round(made)
        page = round_report.build(made)
        assert round_report.drawings(made) == {}
    assert "No headline yet: 20 more gold labels until a first figure" in html.unescape(page)
    assert "<svg" not in page
