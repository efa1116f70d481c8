"""Features on disk: what was read off an item is read once, what was learned from all is kept.

A hidden folder beside the project's file, in plain NumPy arrays that are mapped into memory, never
unpickled. It may be deleted at any time: all of it can be worked out again.
"""

from __future__ import annotations

import hashlib
import json
import logging
import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from labeling.core import features, vectors
from labeling.core.features import Content, Featurizer

ITEMS_A_CHUNK = 10_000
KEPT = 2  # matrices of earlier sets of items
_log = logging.getLogger("groundwork")


class Beside(NamedTuple):
    """Vectors of the user's own that join the content's features.

    `address` decides them: how they are used ("beside" or "alone"), then hashes. `load` gives them,
    float32 (items, dims), and which items have one, bool (items,).
    """

    address: Sequence[str]
    load: Callable[[], tuple[Any, Any]]


def folder_of(project: Path) -> Path:
    """The hidden folder of a project's file. It may be deleted at any time."""
    return project.with_name(f".{project.stem}.features")


class ItemFeatures:
    """The features of all items of a project, from the disk where they are there.

    `frame` gives the items' content columns when it must be read.
    """

    def __init__(
        self,
        project: Path,
        content: Content,
        item_ids: Sequence[str],
        frame: Callable[[], pd.DataFrame],
        *,
        beside: Beside | None = None,
    ) -> None:
        self.folder = folder_of(project)
        self.content, self.item_ids, self._frame = content, item_ids, frame
        self._beside = beside

    @cached_property
    def address(self) -> str:
        """The name of the matrix: the same only where the features are the same."""
        return self._name("matrix", self.item_ids, self._of_vectors)

    @cached_property
    def matrix(self) -> Any:
        """Features, float32 (items, terms): CSR, or dense for images; mapped from the disk."""
        stored = _load(self.folder / self.address)
        if stored is not None:
            return stored
        whole = self._whole()
        kept = _store(self.folder, self.address, whole)
        self._forget()
        return whole if kept is None else kept

    def _whole(self) -> Any:
        """Features of the content, with the vectors, or of the vectors alone."""
        if self._beside is None:
            return self._of_content()
        rows, known = self._beside.load()
        if self._beside.address[0] == "alone":
            return vectors.scaled(rows, known)
        return vectors.joined(self._of_content(), rows, known)

    def _of_content(self) -> Any:
        parts = [self.featurizer.of_read(chunk) for chunk in self._chunks()]
        return features.stacked(parts) if parts else features.matrix(self._frame(), self.content)

    @property
    def _of_vectors(self) -> list[Any]:
        return [] if self._beside is None else [[vectors.VERSION, *self._beside.address]]

    @cached_property
    def featurizer(self) -> Featurizer:
        """How items become features, learned from all of them without a label."""
        return features.learn(self._chunks, len(self.item_ids), self.content, self._kinds)

    @cached_property
    def _kinds(self) -> dict[str, str]:
        return features.kinds_of(self._frame(), self.content)

    def _chunks(self) -> Iterator[Any]:
        """What is read off the items, in chunks; only texts and images are slow enough to keep."""
        for start in range(0, len(self.item_ids), ITEMS_A_CHUNK):
            chunk = slice(start, start + ITEMS_A_CHUNK)
            if self.content.kind == "columns":
                yield self._read(chunk)
                continue
            name = self._name("read", self.item_ids[chunk])
            stored = _load(self.folder / name)
            if stored is None:
                read = self._read(chunk)
                kept = _store(self.folder, name, read)
                stored = read if kept is None else kept
            yield stored

    def _read(self, chunk: slice) -> Any:
        return features.read(self._frame().iloc[chunk], self.content, self._kinds)

    def _name(self, what: str, item_ids: Sequence[str], more: Sequence[Any] = ()) -> str:
        said = [features.VERSION, self.content.kind, self.content.columns, list(item_ids), *more]
        return f"{what}-{hashlib.sha256(json.dumps(said).encode()).hexdigest()[:24]}"

    def _forget(self) -> None:
        """Delete matrices that other sets of items have made old, and their chunks."""
        starts = range(0, len(self.item_ids), ITEMS_A_CHUNK)
        chunks = {self._name("read", self.item_ids[s : s + ITEMS_A_CHUNK]) for s in starts}
        old = sorted(self.folder.glob("matrix-*"), key=lambda path: path.stat().st_mtime)[:-KEPT]
        old += [path for path in self.folder.glob("read-*") if path.name not in chunks]
        for path in old:
            shutil.rmtree(path, ignore_errors=True)


_PARTS = ("data", "indices", "indptr")


def _load(folder: Path) -> Any | None:
    """A stored matrix, mapped; None where there is none, or where it is damaged."""
    from scipy.sparse import csr_matrix

    try:
        shape = json.loads((folder / "shape.json").read_text())
        if (folder / "dense.npy").exists():
            return np.load(folder / "dense.npy", mmap_mode="r")
        parts = [np.load(folder / f"{name}.npy", mmap_mode="r") for name in _PARTS]
    except (OSError, ValueError):
        return None
    return csr_matrix(tuple(parts), shape=tuple(shape), copy=False)


def _store(folder: Path, name: str, matrix: Any) -> Any | None:
    """Write a matrix beside its place and move it there whole; returns it mapped.

    None where the disk does not take it: features are a matter of speed only.
    """
    try:
        folder.mkdir(exist_ok=True)
        draft = Path(tempfile.mkdtemp(dir=folder, prefix="draft-"))
        try:
            _write(draft, matrix)
            if not (folder / name).exists():
                draft.rename(folder / name)
        finally:
            shutil.rmtree(draft, ignore_errors=True)
    except OSError as error:
        _log.warning("Features could not be kept on disk: %s", error)
        return None
    return _load(folder / name)


def _write(folder: Path, matrix: Any) -> None:
    if hasattr(matrix, "indptr"):
        for part in _PARTS:
            np.save(folder / f"{part}.npy", getattr(matrix, part))
    else:
        np.save(folder / "dense.npy", matrix)
    (folder / "shape.json").write_text(json.dumps(matrix.shape))
