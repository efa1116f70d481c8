"""Files of vectors in: one vector a row of the data file, or one clear message of what is wrong."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from labeling.errors import InputError
from labeling.imports import clean
from labeling.ingest import Roles, size_of
from labeling.vectors import Vectors

FORMATS = (".parquet", ".npy")
MAX_MB = 1_000  # of a file, and of its vectors in memory
MAX_DIMS = 8_192


def add_options(parser: argparse.ArgumentParser) -> None:
    """The options that bring vectors along: a file, or columns of the data file."""
    group = parser.add_mutually_exclusive_group()
    group.add_argument(
        "--embeddings",
        metavar="FILE",
        help="vectors of your own: Parquet with the --id column, or .npy in the order of the rows",
    )
    group.add_argument(
        "--embedding-columns",
        metavar="PREFIX",
        help="the same from the data file: number columns of these names, or one of JSON lists",
    )


def read(path: Path, frame: pd.DataFrame, *, id: str | None, name: str | None = None) -> Vectors:
    """The vectors of a table's rows: Parquet by the column `id`, or .npy in the rows' own order.

    Nothing is unpickled. Raises InputError in one sentence.
    """
    name = Path(name or path.name).name
    suffix = Path(name).suffix.lower()
    if suffix not in FORMATS:
        raise InputError(f"{name}: expected vectors as {' or '.join(FORMATS)}, found '{suffix}'")
    _check_size(size_of(path), name)
    if suffix == ".npy":
        return Vectors(name, _checked(_read_array(path, len(frame), name), name))
    names, rows = _read_parquet(path, id, name)
    return Vectors(name, _checked(rows, name)[_in_order(names, frame, str(id), name)])


def from_columns(frame: pd.DataFrame, prefix: str) -> tuple[Vectors, pd.DataFrame]:
    """The vectors that columns of the table hold, and the table without these columns.

    Number columns whose names start with `prefix`, in the order of their numbers; or one column of
    JSON lists. Raises InputError in one sentence.
    """
    names = sorted((c for c in frame.columns if c.startswith(prefix)), key=_place(prefix))
    if not prefix or not names:
        has = ", ".join(map(str, frame.columns[:20]))
        raise InputError(f"no column's name starts with '{prefix}'; the file has: {has}")
    what = f"{prefix}…"
    _check_shape(len(frame), 1 if _holds_lists(frame, names) else len(names), what)
    made = _of_lists(frame[names[0]]) if _holds_lists(frame, names) else _of_numbers(frame, names)
    return Vectors(what, _checked(made, what)), frame.drop(columns=names)


def without(frame: pd.DataFrame, prefix: str) -> pd.DataFrame:
    """The table without the columns that hold vectors; an empty prefix names none."""
    own = [name for name in frame.columns if prefix and name.startswith(prefix)]
    return frame.drop(columns=own)


def asked_for(
    file: Path | None,
    prefix: str | None,
    frame: pd.DataFrame,
    roles: Roles,
    *,
    name: str | None = None,
) -> tuple[Vectors | None, pd.DataFrame]:
    """The vectors of a file or of columns, if any are named, and the table without such columns.

    `name` is the file's name when `file` is a temporary copy.
    """
    if file is not None and prefix is not None:
        raise InputError("vectors come from a file or from columns of the table: name one of them")
    if file is not None:
        return read(file, frame, id=roles.id, name=name), frame
    if prefix is None:
        return None, frame
    used = [*roles.content.columns, roles.id, roles.label, roles.annotator, roles.gold]
    twice = [name for name in used if name is not None and name.startswith(prefix)]
    if twice:
        raise InputError(
            f"column '{twice[0]}' has a role of its own and starts with '{prefix}', as the columns "
            "of vectors do: name it as one of them"
        )
    return from_columns(frame, prefix)


# -- .npy -----------------------------------------------------------------------------------------


def _read_array(path: Path, expected: int, name: str) -> Any:
    try:
        array = np.load(path, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        reason = str(error).splitlines()[0] if str(error) else "it is empty"
        raise InputError(f"{name} is no readable .npy file of numbers ({reason})") from error
    if not isinstance(array, np.ndarray) or array.ndim != 2 or array.dtype.kind not in "fiu":
        found = f"{array.dtype} {array.shape}" if isinstance(array, np.ndarray) else "an archive"
        raise InputError(f"{name}: expected numbers of shape (rows, dims), found {found}")
    if len(array) != expected:
        raise InputError(
            f"{name} has {len(array):,} vectors, the data file {expected:,} rows: expected one "
            "vector a row, in the same order"
        )
    _check_shape(len(array), array.shape[1], name)
    return array


# -- Parquet --------------------------------------------------------------------------------------


def _read_parquet(path: Path, id: str | None, name: str) -> tuple[list[str], Any]:
    """The ids and the vectors of a Parquet file."""
    if id is None:
        raise InputError(f"{name}: vectors in Parquet belong to rows by id: name the id column")
    import pyarrow as pa
    from pyarrow import parquet

    try:
        with parquet.ParquetFile(path) as file:
            _check_cells(file.metadata, name)
            table = file.read()
    except (OSError, ValueError, NotImplementedError, pa.ArrowException) as error:
        raise InputError(f"{name} is no readable Parquet file ({error})") from error
    if id not in table.column_names:
        has = ", ".join(table.column_names[:20])
        raise InputError(f"{name} has no id column '{id}'; it has: {has}")
    names = [None if v is None else clean(v) for v in table.column(id).to_pylist()]
    if None in names:
        raise InputError(f"{name}: column '{id}' is blank in row {names.index(None)}")
    rest = [column for column in table.column_names if column != id]
    return [str(each) for each in names], _vectors_of(table, rest, name)


def _check_cells(metadata: Any, name: str) -> None:
    """Refuse a file that is small on disk and huge in memory, by its own count of cells."""
    groups = [metadata.row_group(i) for i in range(metadata.num_row_groups)]
    cells = sum(g.column(i).num_values for g in groups for i in range(g.num_columns))
    _check_size(4 * cells, name)


def _vectors_of(table: Any, columns: Sequence[str], name: str) -> Any:
    from pyarrow import types

    kinds = {column: table.schema.field(column).type for column in columns}
    lists = [c for c, kind in kinds.items() if _is_list(kind)]
    if len(lists) == len(columns) == 1:
        return _of_arrow_lists(table.column(lists[0]), f"{name}, column '{lists[0]}'")
    wrong = [c for c, k in kinds.items() if not types.is_floating(k) and not types.is_integer(k)]
    if not columns or wrong:
        found = f"'{wrong[0]}' ({kinds[wrong[0]]})" if wrong else "none"
        raise InputError(
            f"{name}: expected one column of lists or columns of numbers beside the id, found "
            f"{found}"
        )
    _check_shape(table.num_rows, len(columns), name)
    cells = [table.column(column).to_numpy().astype(np.float64) for column in columns]
    return np.column_stack(cells)


def _is_list(kind: Any) -> bool:
    from pyarrow import types

    return bool(types.is_list(kind) or types.is_large_list(kind) or types.is_fixed_size_list(kind))


def _of_arrow_lists(column: Any, name: str) -> Any:
    from pyarrow import compute

    lengths = compute.list_value_length(column).to_pylist()
    dims = _one_length(lengths, name)
    _check_shape(len(lengths), dims, name)
    try:
        flat = np.concatenate([chunk.flatten().to_numpy(zero_copy_only=False)
                               for chunk in column.chunks])  # fmt: skip
        return flat.astype(np.float64).reshape(-1, dims)
    except (TypeError, ValueError) as error:
        raise InputError(f"{name} holds lists of something else than numbers") from error


def _in_order(names: Sequence[str], frame: pd.DataFrame, id: str, name: str) -> list[int]:
    """Which vector belongs to each row of the table. All ids must fit."""
    if id not in frame.columns:
        raise InputError(f"there is no column '{id}' in the data file to find vectors by")
    at = {each: row for row, each in enumerate(names)}
    if len(at) < len(names):
        twice = next(each for row, each in enumerate(names) if at[each] != row)
        raise InputError(f"{name} has two vectors for the id '{twice}': expected one an id")
    wanted = ["" if value is None else clean(value) for value in frame[id]]
    unknown = sorted(at.keys() - set(wanted))
    if unknown:
        raise InputError(
            f"{name} has {len(unknown):,} vector(s) of ids that the data file does not have; the "
            f"first is '{unknown[0]}'"
        )
    without = [each for each in wanted if each not in at]
    if without:
        raise InputError(
            f"{name} has no vector for {len(without):,} row(s) of the data file; the first has the "
            f"id '{without[0]}'"
        )
    return [at[each] for each in wanted]


# -- columns of the data file ---------------------------------------------------------------------


def _place(prefix: str) -> Callable[[str], tuple[int, int, str]]:
    """The order of columns: by the number behind the prefix, others behind them by name."""

    def key(name: str) -> tuple[int, int, str]:
        rest = name[len(prefix) :].lstrip("_-. ")
        is_number = rest.isascii() and rest.isdigit()
        return (0, int(rest), name) if is_number else (1, 0, name)

    return key


def _holds_lists(frame: pd.DataFrame, names: Sequence[str]) -> bool:
    first = next((cell for cell in frame[names[0]] if not pd.isna(cell)), "")
    return len(names) == 1 and str(first).lstrip().startswith("[")


def _of_numbers(frame: pd.DataFrame, names: Sequence[str]) -> Any:
    made = np.empty((len(frame), len(names)))
    for at, column in enumerate(names):
        made[:, at] = pd.to_numeric(frame[column], errors="coerce")
        bad = np.flatnonzero(~np.isfinite(made[:, at]))
        if len(bad):
            found = frame[column].iloc[bad[0]]
            raise InputError(
                f"column '{column}', row {bad[0]}: expected a finite number, found "
                f"{'nothing' if pd.isna(found) else repr(str(found)[:40])}"
            )
    return made


def _of_lists(cells: pd.Series) -> Any:
    made = [_list(cell, f"column '{cells.name}', row {row}") for row, cell in enumerate(cells)]
    dims = _one_length([len(each) for each in made], f"column '{cells.name}'")
    _check_shape(len(made), dims, f"column '{cells.name}'")
    return np.array(made)


def _list(cell: Any, where: str) -> npt.NDArray[np.float64]:
    try:
        made = np.asarray(json.loads(cell), dtype=np.float64)
    except (TypeError, ValueError, OverflowError, RecursionError):
        made = np.zeros(())
    if made.ndim != 1:
        raise InputError(f"{where}: expected a JSON list of numbers, found {str(cell)[:40]!r}")
    return made


# -- what all of them must be ---------------------------------------------------------------------


def _one_length(lengths: Sequence[int | None], name: str) -> int:
    """The length that all lists have."""
    first = lengths[0] if lengths else 0
    odd = next((row for row, n in enumerate(lengths) if n is None or n != first), None)
    if first is None or odd is not None:
        row = odd or 0
        found = "none" if lengths[row] is None else f"{lengths[row]} numbers"
        raise InputError(f"{name}: row {row} has {found}, the first row {first}: expected the same")
    return first


def _check_size(n_bytes: int, name: str) -> None:
    if n_bytes > MAX_MB * 2**20:
        raise InputError(
            f"{name} has {n_bytes / 2**20:,.0f} MB; at most {MAX_MB:,} MB of vectors fit in one "
            "import: import the rows in several parts"
        )


def _check_shape(rows: int, dims: int, name: str) -> None:
    if not 1 <= dims <= MAX_DIMS:
        raise InputError(f"{name}: expected 1 to {MAX_DIMS:,} numbers a vector, found {dims:,}")
    _check_size(4 * rows * dims, name)


def _checked(made: Any, name: str) -> npt.NDArray[np.float32]:
    """The vectors as float32. Raises InputError for the first that is not finite as such."""
    with np.errstate(over="ignore", invalid="ignore"):
        rows = np.array(made, dtype=np.float32, order="C")
    bad = np.argwhere(~np.isfinite(rows))
    if len(bad):
        row, column = bad[0]
        raise InputError(
            f"{name}: number {column} of vector {row} is {rows[row, column]}: expected finite "
            f"numbers ({len(bad):,} are not)"
        )
    return rows
