"""The few lines that read rows for a model that is handed over, as source to go with it."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any

from labeling.core import images, tables

_IMAGE_NUMBERS = (
    "SIDE", "CELL", "DIRECTIONS", "COLOUR_SIDE", "MOST_OF_A_BLOCK",
    "EDGE_WEIGHT", "GREY_WEIGHT", "COLOUR_WEIGHT",
)  # fmt: skip
_HEAD = '''"""Rows as `model.skops` takes them: call `read`. Nothing of Groundwork is needed."""

from __future__ import annotations

'''


def of(kind: str, kinds: Mapping[str, str]) -> str | None:
    """A module's source with a function `read`; None for texts, which are taken as they are."""
    return {"columns": _tables, "image": _images}.get(kind, _nothing)(kinds)


def _nothing(kinds: Mapping[str, str]) -> None:
    return None


def _tables(kinds: Mapping[str, str]) -> str:
    words = ", ".join(repr(word) for word in sorted(tables.MISSING_WORDS))
    constants = [
        f"MISSING_WORDS = frozenset({{{words}}})",
        f"NUMBER = {tables.NUMBER!r}",
        f"KINDS = {dict(kinds)!r}",
    ]
    last = [
        "def read(frame: pd.DataFrame) -> pd.DataFrame:",
        '    """The columns of a table whose cells are strings or None."""',
        "    return prepared(frame, KINDS)",
    ]
    own = _source(tables._parsed, tables._numbers, tables.prepared)
    return _module(["import numpy as np", "import pandas as pd"], constants, [own, "\n".join(last)])


def _images(kinds: Mapping[str, str]) -> str:
    constants = [f"{name} = {getattr(images, name)!r}" for name in _IMAGE_NUMBERS]
    own = _source(
        images._read, images._block, images._by_cell, images._cells, images.edges, images.vectors
    )
    return _module(["import io", "", "import numpy as np"], constants, [own, "read = vectors"])


def _source(*functions: Callable[..., Any]) -> str:
    return "\n\n".join(inspect.getsource(function) for function in functions)


def _module(imports: list[str], constants: list[str], rest: list[str]) -> str:
    body = "\n\n".join(["\n".join(imports), "\n".join(constants), "", *rest])
    return f"{_HEAD}{body}\n"
