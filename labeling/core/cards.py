"""Evidence cards: a claim with all that it rests on, as canonical JSON that anybody can replay.

The same project and claim always give the same card, byte for byte: no clock, no path, keys in
order, numbers with twelve significant digits (far more than an interval has, few enough for
another processor's last bit).
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from labeling.core.documents import page, table, text

CARD = 1  # the layout of cards
FORMULAS = 2  # raised when an estimator or verdict gives other figures for the same data
DIGITS = 12
ABSENT = "(nothing)"


@dataclass(frozen=True)
class Card:
    """A claim and what it rests on; all values are plain JSON.

    `ledger`, `gold` and `labels` name the log, the test labels and the training labels by count
    and hash; `figures` is the claim itself, its `words` first.
    """

    claim: str
    project: dict[str, Any]
    ledger: dict[str, Any]
    gold: dict[str, Any]
    labels: dict[str, Any]
    seeds: dict[str, Any]
    packages: dict[str, Any]
    figures: dict[str, Any]
    formulas: int = FORMULAS
    card: int = CARD

    @property
    def hash(self) -> str:
        """SHA-256 of the content, hex."""
        return hashlib.sha256(canonical(asdict(self)).encode()).hexdigest()


def canonical(value: Any) -> str:
    """JSON in the one form that counts: sorted keys, no blanks, fixed numbers, UTF-8 as it is.

    Raises ValueError for a number that is not finite.

    >>> canonical({"b": 0.1 + 0.2, "a": [1.0, -0.0, None, "가"]})
    '{"a":[1.0,0.0,null,"가"],"b":0.3}'
    """
    return json.dumps(
        fixed(value), ensure_ascii=False, sort_keys=True, separators=(",", ":"), allow_nan=False
    )


def fixed(value: Any) -> Any:
    """The same value with numbers in fixed form and tuples as lists; keys become text."""
    if isinstance(value, Mapping):
        return {str(key): fixed(each) for key, each in value.items()}
    if isinstance(value, str) or value is None or isinstance(value, bool):
        return value
    if isinstance(value, Iterable):
        return [fixed(each) for each in value]
    return _number(value.item() if hasattr(value, "item") else value)


def _number(value: Any) -> Any:
    if not isinstance(value, float):
        return value
    if not math.isfinite(value):
        raise ValueError(f"a card holds finite numbers only, found {value}")
    return float(f"{value:.{DIGITS}g}") + 0.0  # + 0.0 makes one zero of two


def fingerprint(rows: Iterable[Any]) -> str:
    """SHA-256 of rows of plain values, in their order; hex."""
    digest = hashlib.sha256()
    for row in rows:
        digest.update(canonical(row).encode() + b"\n")
    return digest.hexdigest()


def to_json(card: Card) -> str:
    """The card with its hash, one line."""
    return canonical(asdict(card) | {"hash": card.hash}) + "\n"


def from_json(content: str) -> tuple[Card, bool]:
    """The card and whether its hash fits its content. Raises ValueError if it is no card."""
    try:
        found = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise ValueError("expected an evidence card, found no JSON") from error
    parts = Card.__dataclass_fields__.keys()
    if not isinstance(found, dict) or parts | {"hash"} != found.keys():
        raise ValueError("expected an evidence card, found JSON with other fields")
    if found["card"] != CARD:
        raise ValueError(f"expected a card of layout {CARD}, found {found['card']}")
    told = found.pop("hash")
    objects = parts - {"claim", "formulas", "card"}
    if not all(isinstance(found[name], dict) for name in objects):
        raise ValueError("expected an evidence card, found fields of another kind")
    card = Card(**found)
    return card, told == card.hash


def differences(card: Card, other: Card) -> list[str]:
    """Where two cards differ, as "what: was this, is that".

    Packages and formulas are not compared: they are why figures differ, not that they do.
    """
    left, right = (asdict(each) | {"packages": 0, "formulas": 0} for each in (card, other))
    return list(_apart(fixed(left), fixed(right), ()))


def _apart(left: Any, right: Any, path: tuple[str, ...]) -> Iterator[str]:
    if isinstance(left, dict) and isinstance(right, dict):
        for key in sorted(left.keys() | right.keys()):
            yield from _apart(left.get(key, ABSENT), right.get(key, ABSENT), (*path, key))
    elif isinstance(left, list) and isinstance(right, list):
        for nth in range(max(len(left), len(right))):
            old, new = (each[nth] if nth < len(each) else ABSENT for each in (left, right))
            yield from _apart(old, new, (*path, str(nth + 1)))
    elif canonical(left) != canonical(right):
        yield f"{', '.join(path)}: was {_short(left)}, is {_short(right)}"


def other_packages(card: Card, packages: Mapping[str, str]) -> list[str]:
    """Packages whose version is another one than the card's, in words."""
    return [
        f"{name} is {packages.get(name, 'absent')}, was {version} when the card was made"
        for name, version in sorted(card.packages.items())
        if packages.get(name) != version
    ]


def _short(value: Any, length: int = 80) -> str:
    text = canonical(value) if not isinstance(value, str) else value
    return text if len(text) <= length else text[: length - 1] + "…"


# -- as a page ------------------------------------------------------------------------------------


def to_html(card: Card) -> str:
    """The card for people: its words, then its figures, then what it rests on."""
    figures = dict(card.figures)
    words = figures.pop("words", [])
    lines = words if isinstance(words, list) else [words]
    title = f"{card.claim.capitalize()} of {card.project.get('title', 'a project')}"
    parts = [f"<h1>{text(title)}</h1>", *(f"<p>{text(line)}</p>" for line in lines)]
    parts.append("<h2>Figures</h2>")
    parts += [_figure(name, value) for name, value in sorted(figures.items())]
    parts.append("<h2>What it rests on</h2>")
    rests = {k: v for k, v in asdict(card).items() if k not in ("claim", "figures")}
    parts.append(table(["what", "value"], [(name, _flat(v)) for name, v in sorted(rests.items())]))
    parts.append(f"<footer>Hash of this card: {card.hash}</footer>")
    return page(title, "\n".join(parts))


def _figure(name: str, value: Any) -> str:
    title = f"<h3>{text(name.replace('_', ' '))}</h3>"
    if isinstance(value, list) and value and all(isinstance(each, dict) for each in value):
        columns = list(dict.fromkeys(key for each in value for key in each))
        return title + table(columns, [[each.get(key) for key in columns] for each in value])
    if isinstance(value, dict):
        return title + table(["what", "value"], list(value.items()))
    return title + f"<p>{text(_flat(value))}</p>"


def _flat(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{key}: {_flat(each)}" for key, each in sorted(value.items()))
    return value if isinstance(value, str) else canonical(value)
