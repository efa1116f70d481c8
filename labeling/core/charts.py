"""Charts as SVG text: a curve with its band, and bars with intervals, placebo band and ruler.

A chart stands alone: it loads nothing, says in words what it shows (title and desc), follows light
and dark, and never tells two things apart by colour alone. Grey is placebo, hatched is ruler.
Colours are those of Okabe and Ito (2008), which colour-blind people can tell apart.
"""

from __future__ import annotations

import hashlib
import math
import unicodedata
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from labeling.core.documents import text

WIDTH, MARGIN, ROW = 720, 16, 30
NAMES, VALUES = 230, 175  # columns to the left and right of the bars
NAME_CELLS = 30  # how much of a title fits there; a Korean syllable takes two
HEIGHT, LEFT, BOTTOM, TOP = 300, 56, 44, 34  # of a curve

STYLE = """
.paper{fill:#fff}.ink{fill:#1b1b1b}.soft{fill:#595959}.axis{stroke:#595959}.grid{stroke:#e3e3e3}
.gain{fill:#0072b2}.loss{fill:#d55e00}.line{stroke:#0072b2}.area{fill:#0072b2}.other{stroke:#9a4300}
.dot{fill:#0072b2}.box{fill:#9a4300}.placebo{fill:#bdbdbd}.mark{stroke:#1b1b1b}
text{font:13px system-ui,'Noto Sans KR',sans-serif}
@media (prefers-color-scheme:dark){
.paper{fill:#16181d}.ink{fill:#f0f0f0}.soft{fill:#b8b8b8}.axis{stroke:#b8b8b8}.grid{stroke:#33363d}
.gain{fill:#56b4e9}.loss{fill:#e69f00}.line{stroke:#56b4e9}.area{fill:#56b4e9}.other{stroke:#f0a860}
.dot{fill:#56b4e9}.box{fill:#f0a860}.placebo{fill:#5c6068}.mark{stroke:#f0f0f0}}
"""


class Point(NamedTuple):
    """A measured score with its interval at a number of labels; fractions."""

    labels: int
    value: float
    low: float
    high: float


class Bar(NamedTuple):
    """A difference with its interval and what is said of it; fractions.

    `band` is the half-width of its placebo band; a `ruler` bar is no improvement of the model.
    """

    title: str
    value: float
    low: float
    high: float
    verdict: str = ""
    band: float | None = None
    ruler: bool = False


def curve(points: Sequence[Point], *, title: str, other: Sequence[Point] = ()) -> str:
    """The score by the number of labels, with its interval as a band; `other` is dashed."""
    shown, beside = _finite(points), _finite(other)
    if not shown:
        return _empty(title, "Nothing is measured yet.")
    x = _Scale.over([p.labels for p in (*shown, *beside)], LEFT, WIDTH - MARGIN)
    y = _Scale.over([e for p in (*shown, *beside) for e in p[1:]], HEIGHT - BOTTOM, TOP)
    parts = [*_score_axis(y), *_label_axis(x), *_band(shown, x, y)]
    parts += [*_line(beside, x, y, dashed=True), *_line(shown, x, y)]
    parts += _legend(bool(beside))
    return _svg(title, _of_curve(shown, beside), HEIGHT, parts)


def waterfall(bars: Sequence[Bar], *, title: str, stacked: bool = True) -> str:
    """One row a bar, oldest on top; `stacked` starts each where the one before ended."""
    if not bars:
        return _empty(title, "There is no change to show.")
    starts = [sum(bar.value for bar in bars[:nth]) if stacked else 0.0 for nth in range(len(bars))]
    ends = [
        end
        for bar, start in zip(bars, starts, strict=True)
        for end in (start, start + bar.low, start + bar.high, start - (bar.band or 0))
    ]
    ends += [start + (bar.band or 0) for bar, start in zip(bars, starts, strict=True)]
    x = _Scale.over([0.0, *ends], NAMES, WIDTH - VALUES)
    height = TOP + ROW * len(bars) + BOTTOM
    parts = [*_points_axis(x, height), _text(MARGIN, 18, _key(bars), "soft")]
    for nth, (bar, start) in enumerate(zip(bars, starts, strict=True)):
        parts += _row(bar, start, x, TOP + ROW * nth)
        if stacked and nth + 1 < len(bars):
            parts.append(_joint(x.at(start + bar.value), TOP + ROW * nth))
    return _svg(title, _of_bars(bars), height, parts)


# -- scales ---------------------------------------------------------------------------------------


class _Scale(NamedTuple):
    low: float
    high: float
    start: float
    end: float

    @classmethod
    def over(cls, values: Sequence[float], start: float, end: float) -> _Scale:
        low, high = min(values), max(values)
        pad = 0.06 * (high - low) or 0.05 * max(1.0, abs(high))
        return cls(low - pad, high + pad, start, end)

    def at(self, value: float) -> float:
        return self.start + (value - self.low) / (self.high - self.low) * (self.end - self.start)

    def ticks(self, about: int = 7) -> list[float]:
        """Round values inside the scale, about so many."""
        rough = (self.high - self.low) / about
        unit = 10 ** math.floor(math.log10(rough))
        step = next(unit * k for k in (1, 2, 5, 10) if unit * k >= rough)
        first = math.ceil(self.low / step)
        return [step * k for k in range(first, math.floor(self.high / step) + 1)]


def _finite(points: Sequence[Point]) -> list[Point]:
    return sorted(p for p in points if all(math.isfinite(each) for each in p))


# -- the parts of a curve -------------------------------------------------------------------------


def _score_axis(y: _Scale) -> Iterator[str]:
    for tick in y.ticks():
        at = y.at(tick)
        yield _rule(LEFT, at, WIDTH - MARGIN, at, "grid")
        yield _text(LEFT - 8, at + 4, f"{100 * tick:.3g} %", "soft", anchor="end")


def _label_axis(x: _Scale) -> Iterator[str]:
    bottom = HEIGHT - BOTTOM
    yield _rule(LEFT, bottom, WIDTH - MARGIN, bottom, "axis")
    for tick in x.ticks():
        if tick == round(tick) and tick >= 0:
            yield _text(x.at(tick), bottom + 17, f"{tick:,.0f}", "soft", anchor="middle")
    yield _text((LEFT + WIDTH) / 2, bottom + 35, "labels", "soft", anchor="middle")


def _band(points: Sequence[Point], x: _Scale, y: _Scale) -> Iterator[str]:
    over = [(x.at(p.labels), y.at(p.high)) for p in points]
    under = [(x.at(p.labels), y.at(p.low)) for p in reversed(points)]
    yield f'<path class="area" opacity=".22" d="{_path([*over, *under])} Z"/>'


def _line(points: Sequence[Point], x: _Scale, y: _Scale, *, dashed: bool = False) -> Iterator[str]:
    if not points:
        return
    style = 'class="other" stroke-dasharray="6 4"' if dashed else 'class="line"'
    at = [(x.at(p.labels), y.at(p.value)) for p in points]
    yield f'<path {style} fill="none" stroke-width="2" d="{_path(at)}"/>'
    for point, (left, top) in zip(points, at, strict=True):
        if not dashed:
            yield _rule(left, y.at(point.low), left, y.at(point.high), "line")
        yield f"<g><title>{text(_said(point))}</title>{_marker(left, top, dashed)}</g>"


def _marker(left: float, top: float, square: bool) -> str:
    if square:
        return f'<rect class="box" x="{left - 4:.1f}" y="{top - 4:.1f}" width="8" height="8"/>'
    return f'<circle class="dot" cx="{left:.1f}" cy="{top:.1f}" r="4.5"/>'


def _legend(beside: bool) -> Iterator[str]:
    yield _marker(LEFT + 6, 18, False)
    yield _text(LEFT + 18, 22, "what was labelled, band: 95 % interval", "ink")
    if beside:
        yield _marker(LEFT + 290, 18, True)
        yield _text(LEFT + 302, 22, "random items only (dashed)", "ink")


def _said(point: Point) -> str:
    value, low, high = (f"{100 * each:.1f} %" for each in point[1:])
    return f"{point.labels:,} labels: {value} [{low}, {high}]"


# -- the parts of bars ----------------------------------------------------------------------------


def _points_axis(x: _Scale, height: float) -> Iterator[str]:
    bottom = height - BOTTOM + 6
    for tick in x.ticks():
        yield _rule(x.at(tick), TOP - 6, x.at(tick), bottom, "grid")
        yield _text(x.at(tick), bottom + 16, f"{100 * tick:.3g}", "soft", anchor="middle")
    yield _rule(x.at(0.0), TOP - 6, x.at(0.0), bottom, "axis")
    middle = (x.start + x.end) / 2
    yield _text(middle, bottom + 33, "points, with 95 % intervals", "soft", anchor="middle")


def _row(bar: Bar, start: float, x: _Scale, top: float) -> Iterator[str]:
    middle = top + ROW / 2
    low, high = x.at(start + bar.low), x.at(start + bar.high)
    yield f"<g><title>{text(_words(bar))}</title>"
    yield _text(MARGIN, middle + 4, shortened(bar.title, NAME_CELLS), "ink")
    if bar.band:
        yield _rect(x.at(start - bar.band), x.at(start + bar.band), top + 2, ROW - 4, "placebo")
    kind = "ruler" if bar.ruler else "gain" if bar.value >= 0 else "loss"
    yield _rect(x.at(start), x.at(start + bar.value), top + 8, ROW - 16, kind)
    yield _rule(low, middle, high, middle, "mark")
    for end in (low, high):
        yield _rule(end, middle - 4, end, middle + 4, "mark")
    yield _text(WIDTH - VALUES + 12, middle + 4, _figures(bar), "ink")
    yield "</g>"


def _key(bars: Sequence[Bar]) -> str:
    placebo = ["grey: what random changes do"] if any(bar.band for bar in bars) else []
    ruler = ["hatched: the ruler moved"] if any(bar.ruler for bar in bars) else []
    return "; ".join([*placebo, *ruler])


def _joint(at: float, top: float) -> str:
    return _rule(at, top + ROW - 8, at, top + ROW + 8, "axis")


def _figures(bar: Bar) -> str:
    value, low, high = (f"{100 * each:+.1f}" for each in (bar.value, bar.low, bar.high))
    return f"{value} [{low}, {high}]"


def _words(bar: Bar) -> str:
    said = f", {bar.verdict}" if bar.verdict else ""
    ruler = ", the ruler moved, not the model" if bar.ruler else ""
    return f"{bar.title}: {_figures(bar)} points{said}{ruler}"


def shortened(title: str, cells: int) -> str:
    """A title cut to so many cells of a fixed grid, where wide characters take two.

    >>> shortened("Import bad.csv", 8), shortened("나쁜 가져오기", 8), shortened("short", 8)
    ('Import …', '나쁜 가…', 'short')
    """
    used = 0
    for nth, letter in enumerate(title):
        used += 2 if unicodedata.east_asian_width(letter) in "WF" else 1
        if used > cells:
            kept = title[:nth]
            while kept and _cells(kept) > cells - 1:
                kept = kept[:-1]
            return f"{kept}…"
    return title


def _cells(title: str) -> int:
    return sum(2 if unicodedata.east_asian_width(letter) in "WF" else 1 for letter in title)


# -- SVG ------------------------------------------------------------------------------------------


def _svg(title: str, desc: str, height: float, parts: Sequence[str]) -> str:
    key = "c" + hashlib.sha256(f"{title}\n{desc}".encode()).hexdigest()[:10]
    body = "\n".join(parts).replace('class="ruler"', f'fill="url(#{key}-h)" class="mark"')
    hatch = (
        f'<pattern id="{key}-h" width="6" height="6" patternUnits="userSpaceOnUse" '
        'patternTransform="rotate(45)"><rect class="paper" width="6" height="6"/>'
        '<rect class="soft" width="2.5" height="6"/></pattern>'
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height:g}" '
        f'width="{WIDTH}" height="{height:g}" role="img" aria-labelledby="{key}-t {key}-d">\n'
        f'<title id="{key}-t">{text(title)}</title>\n<desc id="{key}-d">{text(desc)}</desc>\n'
        f"<style>{STYLE}</style><defs>{hatch}</defs>\n"
        f'<rect class="paper" width="{WIDTH}" height="{height:g}"/>\n{body}\n</svg>\n'
    )


def _empty(title: str, words: str) -> str:
    return _svg(title, words, 2 * ROW, [_text(MARGIN, ROW + 4, words, "ink")])


def _of_curve(points: Sequence[Point], beside: Sequence[Point]) -> str:
    said = "; ".join(_said(point) for point in points)
    control = "; ".join(_said(point) for point in beside)
    return f"What was labelled: {said}." + (f" Random items only: {control}." if beside else "")


def _of_bars(bars: Sequence[Bar]) -> str:
    return "; ".join(_words(bar) for bar in bars) + "."


def _text(x: float, y: float, words: str, kind: str, *, anchor: str = "start") -> str:
    return (
        f'<text class="{kind}" x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{text(words)}</text>'
    )


def _rule(x1: float, y1: float, x2: float, y2: float, kind: str) -> str:
    return f'<line class="{kind}" x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}"/>'


def _rect(x1: float, x2: float, y: float, height: float, kind: str) -> str:
    left, width = min(x1, x2), max(abs(x2 - x1), 1.0)
    return (
        f'<rect class="{kind}" x="{left:.1f}" y="{y:.1f}" width="{width:.1f}" '
        f'height="{height:.1f}"/>'
    )


def _path(at: Sequence[tuple[float, float]]) -> str:
    return "M " + " L ".join(f"{x:.1f} {y:.1f}" for x, y in at)
