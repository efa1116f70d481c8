"""Labels as they are stored and as models learn them.

Where an item may have several classes an answer is stored as JSON of them, in fixed order.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

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


def targets(values: Sequence[str], code: Mapping[str, int], *, multi: bool) -> npt.NDArray[Any]:
    """What models learn: class codes, int (rows,); or bool (rows, classes) where there are several.

    `code` gives each class its number, from 0.

    >>> targets(["b", "a"], {"a": 0, "b": 1}, multi=False)
    array([1, 0])
    >>> targets(['["a", "b"]', "[]"], {"a": 0, "b": 1}, multi=True)
    array([[ True,  True],
           [False, False]])
    """
    if not multi:
        return np.array([code[value] for value in values], dtype=np.int64)
    found = np.zeros((len(values), len(code)), dtype=bool)
    for row, value in enumerate(values):
        found[row, [code[name] for name in decode(value)]] = True
    return found


def is_known(value: str | None, code: Mapping[str, int], *, multi: bool) -> bool:
    """Whether a stored label names classes of the label set only."""
    if value is None or not multi:
        return value in code
    return all(name in code for name in decode(value))
