"""The report of an audit: one HTML page that needs nothing but itself.

No scripts, nothing from the net (a content security policy forbids both), light or dark as the
reader's screen is, whole on paper. Everything that comes from data is escaped.
"""

from __future__ import annotations

import html
import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from quality.checks import Outcome
from quality.suites import SEVERITIES, great_expectations_form, rule_of, title_of

MOST_LINES = 50
ORDER = ("found", "failed", "passed", "not applicable", "muted")
POLICY = "default-src 'none'; style-src 'unsafe-inline'"
STYLE = """
:root { color-scheme: light dark; --line: #8884; --found: #b3261e; --failed: #8a4b00;
  --passed: #1b6e3c; --soft: #6668; }
@media (prefers-color-scheme: dark) {
  :root { --found: #ff8a80; --failed: #ffb74d; --passed: #81c995; --soft: #aaa8; } }
body { font: 15px/1.5 system-ui, "Noto Sans CJK KR", "Malgun Gothic", sans-serif; margin: 2rem auto;
  max-width: 68rem; padding: 0 1rem; }
h1 { font-size: 1.6rem; } h2 { font-size: 1.2rem; margin-top: 2.5rem; } h3 { font-size: 1rem; }
table { border-collapse: collapse; width: 100%; margin: .5rem 0 1.5rem; }
th, td { border-bottom: 1px solid var(--line); padding: .3rem .6rem .3rem 0; text-align: left;
  vertical-align: top; overflow-wrap: anywhere; min-width: 4.5rem; }
th { font-weight: 600; } th:last-child, td:last-child { min-width: 14rem; }
td.number { text-align: right; font-variant-numeric: tabular-nums; padding-right: 1.2rem; }
.found { color: var(--found); } .failed { color: var(--failed); } .passed { color: var(--passed); }
.note { opacity: .75; } pre { white-space: pre-wrap; overflow-wrap: anywhere; font-size: .85rem; }
@media print { body { margin: 0; max-width: none; font-size: 10pt; } tr { break-inside: avoid; }
  h2, h3 { break-after: avoid; } }
"""


class Safe(str):
    """Text that is HTML already; all other text is escaped where it is put into an element."""


def html_report(
    outcomes: Sequence[Outcome],
    *,
    title: str,
    about: Mapping[str, object] = {},
    suite: Iterable[Mapping[str, Any]] = (),
    most: int = MOST_LINES,
) -> str:
    """The page: what became of each check, the lines found (`most` a check), and the suite.

    `about` is shown under the title, name by name: the file, its rows, its content hash.
    """
    ranked = sorted(outcomes, key=_urgency)
    found = [outcome for outcome in ranked if len(outcome.findings)]
    body = [
        element("h1", title),
        element("p", _summary(outcomes)),
        _table((), [(name, str(value)) for name, value in about.items()]),
        element("h2", "Checks"),
        _outcomes_table(ranked),
        *(_findings(outcome, most) for outcome in found),
        *_suite(list(suite)),
    ]
    return _page(title, body)


def element(name: str, *children: str, **attributes: str) -> Safe:
    """An HTML element; children and attributes are escaped unless they are `Safe`.

    >>> element("td", "a < b", lang="ko")
    '<td lang="ko">a &lt; b</td>'
    """
    written = "".join(f' {key}="{_escaped(value)}"' for key, value in attributes.items())
    return Safe(f"<{name}{written}>{''.join(map(_escaped, children))}</{name}>")


def _escaped(text: str) -> str:
    return text if isinstance(text, Safe) else html.escape("".join(map(_printable, text)))


def _printable(sign: str) -> str:
    """The sign, or the replacement character for what no page may hold."""
    control = (sign < " " and sign not in "\t\n\r") or "\x7f" <= sign <= "\x9f"
    return "\ufffd" if control or "\ud800" <= sign <= "\udfff" else sign


def _page(title: str, body: Sequence[str]) -> str:
    head = [
        Safe('<meta charset="utf-8">'),
        Safe(f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">'),
        Safe('<meta name="viewport" content="width=device-width, initial-scale=1">'),
        element("title", title),
        element("style", Safe(STYLE)),
    ]
    page = element("html", element("head", *head), element("body", *body), lang="en")
    return f"<!doctype html>\n{page}\n"


def _urgency(outcome: Outcome) -> tuple[int, int]:
    return ORDER.index(outcome.status), SEVERITIES.index(outcome.severity)


def _summary(outcomes: Sequence[Outcome]) -> str:
    counts = Counter(outcome.status for outcome in outcomes)
    said = ", ".join(f"{counts[status]} {status}" for status in ORDER if counts[status])
    return f"{len(outcomes)} checks: {said or 'none'}."


def _outcomes_table(outcomes: Sequence[Outcome]) -> Safe:
    rows = [
        (
            element("td", outcome.status, **{"class": outcome.status.replace(" ", "-")}),
            outcome.severity,
            outcome.code,
            outcome.title,
            element("td", f"{outcome.n_found:,}", **{"class": "number"}),
            outcome.message,
        )
        for outcome in outcomes
    ]
    return _table(("status", "severity", "code", "check", "found", "in words"), rows)


def _findings(outcome: Outcome, most: int) -> Safe:
    """The lines of one check, the worst first, and how many there are if not all are shown."""
    lines = outcome.findings.sort_values("score", kind="stable")
    rows = [
        (
            element("td", f"{line.row:,}" if line.row >= 0 else "table", **{"class": "number"}),
            str(line.item_id),
            str(line.column),
            element("td", f"{line.score:.2f}", **{"class": "number"}),
            str(line.message),
        )
        for line in lines.head(most).itertuples()
    ]
    note = f"{most:,} of {len(lines):,} lines, the worst first." if len(lines) > most else ""
    return Safe(
        element("h3", f"{outcome.code} {outcome.title}")
        + _table(("row", "item", "column", "score", "in words"), rows)
        + (element("p", note, **{"class": "note"}) if note else "")
    )


def _suite(suite: Sequence[Mapping[str, Any]]) -> list[Safe]:
    if not suite:
        return []
    rows = [(item["code"], item["severity"], title_of(item), rule_of(item)) for item in suite]
    form = json.dumps(great_expectations_form(suite), ensure_ascii=False, indent=1)
    return [
        element("h2", "The suite"),
        _table(("code", "severity", "check", "rule"), rows),
        element("h3", "As Great Expectations reads it"),
        element("pre", form),
    ]


def _table(names: Sequence[str], rows: Iterable[Sequence[str]]) -> Safe:
    """A table; a cell that is an element already stays as it is."""
    head = element("tr", *(element("th", name) for name in names)) if names else Safe("")
    body = [element("tr", *map(_cell, row)) for row in rows]
    return element("table", element("thead", head), element("tbody", *body)) if body else Safe("")


def _cell(value: str) -> Safe:
    return value if isinstance(value, Safe) else element("td", value, dir="auto")
