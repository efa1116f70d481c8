"""Documents: HTML pages that load nothing from anywhere, in which every text is escaped."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from html import escape
from typing import Any

POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"
STYLE = """
:root { color-scheme: light dark; }
body { font: 16px/1.5 system-ui, "Noto Sans KR", sans-serif; max-width: 60rem; margin: 2rem auto;
  padding: 0 1rem; overflow-wrap: break-word; }
h1 { font-size: 1.5rem; } h2 { font-size: 1.15rem; margin-top: 1.8rem; } h3 { font-size: 1rem; }
table { border-collapse: collapse; width: 100%; font-size: .875rem; }
th, td { text-align: left; vertical-align: top; padding: .25rem .6rem .25rem 0;
  border-bottom: 1px solid color-mix(in srgb, currentColor 25%, transparent); }
th { white-space: nowrap; } td:last-child { overflow-wrap: anywhere; }
.number { text-align: right; font-variant-numeric: tabular-nums; }
footer { font-size: .875rem; } figure { margin: 1rem 0; } svg { max-width: 100%; height: auto; }
@media print { body { margin: 0; font-size: 11pt; } section { break-inside: avoid; } }
"""
# What XML does not allow, and what turns the direction of the text around it.
UNSEEN = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff\ud800-\udfff\u202a-\u202e\u2066-\u2069]"
)


def text(value: object) -> str:
    """A value as text for HTML or SVG, in an element or a quoted attribute.

    >>> text("<b>가 & 나")
    '&lt;b&gt;가 &amp; 나'
    """
    return escape(UNSEEN.sub("\N{REPLACEMENT CHARACTER}", str(value)))


def page(title: str, body: str) -> str:
    """A whole HTML document that loads nothing from anywhere. `body` is HTML, `title` text."""
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{text(title)}</title>\n<style>{STYLE}</style>\n</head>\n"
        f"<body>\n{body}\n</body>\n</html>\n"
    )


def table(columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    """An HTML table of plain values; numbers stand to the right, and so do their heads."""
    lines = [list(row) for row in rows]
    first = lines[0] if lines else [""] * len(columns)
    head = "".join(
        f'<th scope="col"{_side(value)}>{text(name)}</th>'
        for name, value in zip(columns, first, strict=True)
    )
    body = "".join(f"<tr>{''.join(map(_cell, line))}</tr>" for line in lines)
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def _cell(value: Any) -> str:
    shown = "" if value is None else text(value)
    if _side(value):
        shown = f"{value:,}" if isinstance(value, int) else f"{value:.4g}"
    return f"<td{_side(value)}>{shown}</td>"


def _side(value: Any) -> str:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return ' class="number"' if is_number else ""
