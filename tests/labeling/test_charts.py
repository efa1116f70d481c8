"""Charts: well-formed SVG that stands alone, says what it shows, and draws to scale."""

from __future__ import annotations

import doctest
import math
import re
from xml.etree import ElementTree

import pytest

from labeling.core import charts
from labeling.core.charts import Bar, Point

SVG = "{http://www.w3.org/2000/svg}"
NASTY = "<b>\"가\" & 'x'</b> \x00\x0b\u202e"
POINTS = [Point(20, 0.70, 0.60, 0.79), Point(40, 0.78, 0.70, 0.85), Point(80, 0.83, 0.76, 0.88)]
BARS = [
    Bar("Uncertain batch", 0.04, 0.02, 0.06, "real", 0.01),
    Bar("나쁜 가져오기", -0.03, -0.05, -0.01, "real", 0.01),
    Bar("Gold corrected", 0.02, 0.01, 0.03, "", None, ruler=True),
]
CHARTS = {
    "curve": charts.curve(POINTS, title="Curve", other=POINTS[:2]),
    "one point": charts.curve(POINTS[:1], title="Curve"),
    "no point": charts.curve([], title="Curve"),
    "waterfall": charts.waterfall(BARS, title="Bars"),
    "side by side": charts.waterfall(BARS, title="Bars", stacked=False),
    "no bar": charts.waterfall([], title="Bars"),
    "idle bar": charts.waterfall([Bar("nothing", 0.0, 0.0, 0.0)], title="Bars"),
    "nasty": charts.waterfall([Bar(NASTY, 0.1, 0.0, 0.2, NASTY)], title=NASTY),
}


def drawn(svg: str, kind: str, tag: str = "rect") -> list[ElementTree.Element]:
    """The shapes of one class, in the order of the file."""
    return [e for e in ElementTree.fromstring(svg).iter(SVG + tag) if e.get("class") == kind]


def number(shape: ElementTree.Element, name: str) -> float:
    return float(shape.get(name) or "nan")


@pytest.mark.parametrize("name", CHARTS)
def test_a_chart_is_well_formed_and_says_what_it_is(name: str) -> None:
    root = ElementTree.fromstring(CHARTS[name])
    assert root.get("role") == "img"
    named = {e.get("id"): e.text for e in root if e.tag in (f"{SVG}title", f"{SVG}desc")}
    assert list(named) == str(root.get("aria-labelledby")).split()
    assert all(named.values())


@pytest.mark.parametrize("name", CHARTS)
def test_a_chart_loads_and_runs_nothing(name: str) -> None:
    bare = CHARTS[name].replace('xmlns="http://www.w3.org/2000/svg"', "")
    assert not re.search(r"https?:|<script|<b>|href|@import|\x00|\u202e", bare)
    assert set(re.findall(r"url\(([^)]*)", bare)) <= {
        f"#{pattern}" for pattern in re.findall(r'<pattern id="([^"]*)"', bare)
    }


@pytest.mark.parametrize("name", CHARTS)
def test_every_shape_lies_on_the_paper_and_is_a_number(name: str) -> None:
    root = ElementTree.fromstring(CHARTS[name])
    width, height = number(root, "width"), number(root, "height")
    for shape in root.iter(f"{SVG}line"):
        for axis, most in (("x", width), ("y", height)):
            for end in "12":
                assert 0 <= number(shape, f"{axis}{end}") <= most
    for shape in root.iter(f"{SVG}text"):
        assert 0 <= number(shape, "x") <= width
        assert 0 <= number(shape, "y") <= height


def test_both_schemes_have_colours_for_the_same_things() -> None:
    light, dark = charts.STYLE.split("@media (prefers-color-scheme:dark){")
    assert set(re.findall(r"\.(\w+)\{", light)) == set(re.findall(r"\.(\w+)\{", dark))


def luminance(colour: str) -> float:
    full = colour if len(colour) == 6 else "".join(2 * each for each in colour)
    parts = [int(full[k : k + 2], 16) / 255 for k in (0, 2, 4)]
    linear = [p / 12.92 if p <= 0.03928 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("scheme", [0, 1])
@pytest.mark.parametrize(("kind", "least"), [("ink", 7), ("soft", 4.5), ("gain", 3), ("loss", 3)])
def test_words_and_bars_stand_out_from_the_paper(scheme: int, kind: str, least: float) -> None:
    """Web Content Accessibility Guidelines 2.2: 4.5 for text, 3 for shapes."""
    style = charts.STYLE.split("@media")[scheme]
    colour = dict(re.findall(r"\.(\w+)\{(?:fill|stroke):#(\w+)\}", style))
    bright, dull = sorted((luminance(colour[k]) + 0.05 for k in (kind, "paper")), reverse=True)
    assert bright / dull >= least


def test_bars_are_to_scale_and_each_starts_where_the_last_ended() -> None:
    svg = CHARTS["waterfall"]
    gain, loss = drawn(svg, "gain")[0], drawn(svg, "loss")[0]
    assert number(gain, "width") / number(loss, "width") == pytest.approx(4 / 3, abs=0.01)
    ends = [number(each, "x") + number(each, "width") for each in (gain, loss)]
    assert ends[0] == pytest.approx(ends[1], abs=0.2)
    band = drawn(svg, "placebo")[0]
    assert number(band, "width") == pytest.approx(number(gain, "width") / 2, abs=0.2)
    assert number(band, "x") + number(band, "width") / 2 == pytest.approx(
        number(gain, "x"), abs=0.2
    )


def test_side_by_side_all_bars_start_at_nothing() -> None:
    svg = CHARTS["side by side"]
    gain, loss = drawn(svg, "gain")[0], drawn(svg, "loss")[0]
    assert number(gain, "x") == pytest.approx(number(loss, "x") + number(loss, "width"), abs=0.2)


def test_a_whisker_reaches_from_low_to_high() -> None:
    svg = charts.waterfall(BARS[:1], title="Bars")
    whisker = next(e for e in drawn(svg, "mark", "line") if e.get("y1") == e.get("y2"))
    bar = drawn(svg, "gain")[0]
    reach = number(whisker, "x2") - number(whisker, "x1")
    assert reach == pytest.approx(number(bar, "width"), abs=0.2), "[2, 6] is as wide as 4"


def test_a_ruler_bar_is_hatched_and_no_gain() -> None:
    svg = charts.waterfall(BARS[2:], title="Bars")
    assert not drawn(svg, "gain")
    assert len(re.findall(r'fill="url\(#c\w+-h\)"', svg)) == 1
    assert "the ruler moved, not the model" in svg
    assert "hatched: the ruler moved" in svg
    assert "hatched" not in charts.waterfall(BARS[:2], title="Bars")


def test_every_figure_of_a_bar_is_in_words_too() -> None:
    root = ElementTree.fromstring(CHARTS["waterfall"])
    (desc,) = [e.text for e in root if e.tag == f"{SVG}desc"]
    assert "나쁜 가져오기: -3.0 [-5.0, -1.0] points, real" in str(desc)
    assert [e.text for e in root.iter(f"{SVG}title")][1:] == str(desc)[:-1].split("; ")


def test_higher_scores_are_drawn_higher_and_more_labels_further_right() -> None:
    dots = drawn(CHARTS["curve"], "dot", "circle")[:-1]  # the last is the legend
    across, down = ([number(dot, name) for dot in dots] for name in ("cx", "cy"))
    assert across == sorted(across)
    assert down == sorted(down, reverse=True)
    assert (across[2] - across[1]) == pytest.approx(2 * (across[1] - across[0]), abs=0.2)


def test_the_other_curve_is_told_apart_by_shape() -> None:
    svg = CHARTS["curve"]
    assert len(drawn(svg, "box")) == 2 + 1, "two points and the legend"
    assert 'stroke-dasharray="6 4"' in svg
    assert "andom items" not in CHARTS["one point"]


def test_a_score_that_is_no_number_is_left_out() -> None:
    odd = [*POINTS, Point(100, math.nan, 0.0, 1.0)]
    assert charts.curve(odd, title="Curve") == charts.curve(POINTS, title="Curve")


def test_titles_are_cut_by_their_width_on_the_screen() -> None:
    assert doctest.testmod(charts).failed == 0
    for title in ("Import of a very long file name.csv", "아주아주 긴 파일 이름을 가진 가져오기"):
        cut = charts.shortened(title, 20)
        assert cut.endswith("…")
        assert title.startswith(cut[:-1])
        assert 18 <= charts._cells(cut) <= 20
