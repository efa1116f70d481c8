"""How an answer is stored where an item may have several classes: JSON of them, in fixed order."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence

SEPARATOR = "|"


def encode(names: Iterable[str], classes: Sequence[str]) -> str:
    """Several classes as they are stored: in the order of the label set, unknown ones behind.

    >>> encode(["b", "a", "b"], ["a", "b"]), encode([], ["a"])
    ('["a", "b"]', '[]')
    """
    chosen = set(names)
    known = [name for name in classes if name in chosen]
    return json.dumps(known + sorted(chosen - set(known)), ensure_ascii=False)


def decode(value: str) -> list[str]:
    """The classes of a stored answer."""
    return [str(name) for name in json.loads(value)]


def read_cell(cell: str) -> list[str]:
    """The classes in a cell of a file: a JSON list, or names with `|` between them.

    >>> read_cell("a | b"), read_cell('["a|b"]'), read_cell("")
    (['a', 'b'], ['a|b'], [])
    """
    if cell.lstrip().startswith("["):
        try:
            return [str(name) for name in json.loads(cell)]
        except ValueError:
            pass  # a class whose name begins with a bracket
    return [name.strip() for name in cell.split(SEPARATOR) if name.strip()]
