"""Findings about items alone, kept on disk beside the features until an item changes.

Near-duplicates, odd rows, doubted cells and the suite take most of the time of an audit, and no
label moves them. What is kept is addressed by all that decides it, the checks' own code included;
it may be deleted at any time, and then it is worked out again.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

import quality
from labeling import feature_cache
from quality.checks import NO_FINDINGS, Outcome
from quality.pairs import Pairs

PACKAGES = ("numpy", "scipy", "scikit-learn", "pandas", "great_expectations")
_log = logging.getLogger("groundwork")


class Found:
    """What was found in the items that `address` stands for: one file a name, the newest alone."""

    def __init__(self, project: Path, address: Any) -> None:
        self.folder = feature_cache.folder_of(project)
        self.address = [address, _code()]

    def plain(
        self,
        name: str,
        beside: Any,
        find: Callable[[], Any],
        *,
        keep: Callable[[Any], bool] = lambda value: True,
    ) -> Any:
        """A value of JSON, from the disk or found now; `beside` is what decides it beside items."""
        said = json.dumps([self.address, beside], sort_keys=True, default=str)
        address = hashlib.sha256(said.encode()).hexdigest()
        path = self.folder / f"found-{name}.json"
        stored = _load(path)
        if stored.get("address") == address:
            return stored["value"]
        value = find()
        if keep(value):
            _store(path, {"address": address, "value": value})
        return value

    def pairs(self, find: Callable[[], Pairs]) -> Pairs:
        """Near-duplicates, all that there are."""
        plain = self.plain("pairs", [], lambda: [each.tolist() for each in find()])
        first, second = (np.array(rows, dtype=np.int64) for rows in plain[:2])
        return Pairs(first, second, np.array(plain[2], dtype=np.float64))

    def outcomes(self, name: str, beside: Any, find: Callable[[], list[Outcome]]) -> list[Outcome]:
        """Outcomes of checks (`quality.checks.Recall`); what could not run is tried again."""

        def found() -> list[dict[str, Any]]:
            return [_plain(outcome) for outcome in find()]

        return [_outcome(each) for each in self.plain(name, beside, found, keep=_all_ran)]


@cache
def _code() -> list[str]:
    """What the checks are: their source, and the versions of what they build on."""
    folders = [Path(folder) for folder in quality.__path__]
    sources = sorted(path for folder in folders for path in folder.glob("*.py"))
    digest = hashlib.sha256(b"".join(path.read_bytes() for path in sources)).hexdigest()
    return [digest, *(metadata.version(name) for name in PACKAGES)]


def _plain(outcome: Outcome) -> dict[str, Any]:
    named = {name: getattr(outcome, name) for name in Outcome.__dataclass_fields__}
    return named | {"findings": outcome.findings.to_dict("list")}


def _outcome(plain: Mapping[str, Any]) -> Outcome:
    dtypes = {name: NO_FINDINGS[name].dtype for name in NO_FINDINGS}
    findings = {name: pd.Series(plain["findings"][name], dtype=dtypes[name]) for name in dtypes}
    return Outcome(**{**plain, "findings": pd.DataFrame(findings)})


def _all_ran(plain: list[dict[str, Any]]) -> bool:
    return all(each["status"] != "failed" for each in plain)


def _load(path: Path) -> dict[str, Any]:
    """What is stored; nothing where there is none, or where it is damaged."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) and "value" in found else {}


def _store(path: Path, body: Mapping[str, Any]) -> None:
    """Write it beside its place and move it there whole: findings kept are a matter of speed."""
    draft = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        path.parent.mkdir(exist_ok=True)
        draft.write_text(json.dumps(body, ensure_ascii=False), encoding="utf-8")
        draft.replace(path)
    except OSError as error:
        with suppress(OSError):
            draft.unlink()
        _log.warning("Findings could not be kept on disk: %s", error)
