"""Files in: a table of words (or None) out, or one clear message of what is wrong."""

from __future__ import annotations

import argparse
import csv
import io
import json
import unicodedata
import zipfile
import zlib
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd

from labeling.core.features import Content
from labeling.core.tables import as_numbers
from labeling.errors import InputError

MAX_FILE_MB = 500
MAX_CELL = 10_000_000
MAX_UNPACKED_MB = 100
MAX_IMAGE_MB = 20
MAX_IMAGES_MB = 1_000
FORMATS = (".csv", ".tsv", ".jsonl", ".parquet", ".xlsx")
Progress = Callable[[float, str], None]


def silent(share: float, message: str) -> None:
    """A progress callback that shows nothing. `share` is in [0, 1]."""


def read_table(path: Path, *, name: str | None = None) -> pd.DataFrame:
    """Read CSV, TSV, JSONL, Parquet or XLSX as objects: str, or None where blank.

    `name` is the file's name for messages and format when `path` is a temporary copy. Text may be
    UTF-8, UTF-16 with a mark, or CP949/EUC-KR. Raises InputError in one sentence.
    """
    path = Path(path)
    name = Path(name or path.name).name
    size = size_of(path)
    if size > MAX_FILE_MB * 2**20:
        raise InputError(
            f"{name} has {size / 2**20:,.0f} MB; at most {MAX_FILE_MB} MB fit in one import: "
            "split the file and import the parts one after the other"
        )
    suffix = Path(name).suffix.lower()
    if suffix not in _READERS:
        raise InputError(f"{name}: expected one of {', '.join(FORMATS)}, found '{suffix}'")
    if size == 0:
        raise InputError(f"{name} is empty: expected a header line and at least one row")
    try:
        frame = _READERS[suffix](path, name)
    except OSError as error:
        raise InputError(f"{name} cannot be read: {error.strerror or error}") from error
    if frame.empty:
        raise InputError(f"{name} has a header but 0 rows: nothing to import")
    return frame


def size_of(path: Path) -> int:
    """The size of a file in bytes. Raises InputError for what is no file or cannot be reached."""
    try:
        if path.is_file():
            return path.stat().st_size
        found = "is a folder" if path.is_dir() else "does not exist"
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}") from error
    raise InputError(f"expected a file, but {path} {found}")


def decode(data: bytes, name: str) -> str:
    """Text from bytes: UTF-8, UTF-16 with a byte-order mark, or CP949 (which includes EUC-KR)."""
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return _from_utf16(data, name)
    if b"\x00" in data:
        raise InputError(f"{name} holds NUL bytes: it is no text file (or UTF-16 without a mark)")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as utf8:
        try:
            text = data.decode("cp949")
        except UnicodeDecodeError:
            text = ""
        if _looks_korean(text):
            return text
        line = data[: utf8.start].count(b"\n") + 1
        raise InputError(
            f"{name} is neither UTF-8 (first bad byte 0x{data[utf8.start]:02x} on line {line}) "
            "nor CP949/EUC-KR: save it as UTF-8"
        ) from None


def _from_utf16(data: bytes, name: str) -> str:
    try:
        text = data.decode("utf-16")
    except UnicodeDecodeError as error:
        raise InputError(f"{name} is broken UTF-16 ({error.reason}): save it as UTF-8") from error
    if "\x00" in text:
        raise InputError(
            f"{name} holds NUL signs: it is no text file (or UTF-32): save it as UTF-8"
        )
    return text


def _looks_korean(text: str) -> bool:
    """Whether most letters beyond ASCII are Hangul: other encodings decode as rare signs."""
    foreign = [ch for ch in text if ch > "\x7f"]
    hangul = sum("\uac00" <= ch <= "\ud7a3" or "\u3131" <= ch <= "\u318e" for ch in foreign)
    return bool(foreign) and hangul >= 0.5 * len(foreign)


def _read_delimited(path: Path, name: str) -> pd.DataFrame:
    text = decode(path.read_bytes(), name)
    csv.field_size_limit(MAX_CELL)
    delimiter = "\t" if name.lower().endswith(".tsv") else _delimiter(text)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    try:
        rows = [row for row in reader if row]
    except csv.Error as error:
        raise InputError(f"{name}, line {reader.line_num}: {error}: check the quotes") from error
    if not rows:
        raise InputError(f"{name} holds only blank lines: expected a header line and rows")
    header, body = rows[0], rows[1:]
    if any(len(row) != len(header) for row in body):
        _complain_of_ragged_rows(text, delimiter, name)
    columns = list(zip(*body, strict=True)) if body else [()] * len(header)
    return _frame(header, columns, name)


def _delimiter(text: str) -> str:
    """A comma, unless the first line has none but has semicolons or tabs (as Excel writes)."""
    first = text.split("\n", 1)[0]
    if "," in first:
        return ","
    return max(";\t", key=first.count) if any(sign in first for sign in ";\t") else ","


def _complain_of_ragged_rows(text: str, delimiter: str, name: str) -> None:
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    width, first, bad = 0, 0, Counter[int]()
    for row in reader:
        width = width or len(row)
        if row and len(row) != width:
            first = first or reader.line_num
            bad[len(row)] += 1
    raise InputError(
        f"{name}: {bad.total()} row(s) do not have the header's {width} fields "
        f"(line {first} is the first; found {min(bad)} to {max(bad)}): quote fields that hold "
        f"'{delimiter}' and fill short rows"
    )


def _frame(header: Sequence[str], columns: Sequence[Sequence[Any]], name: str) -> pd.DataFrame:
    names = [unicodedata.normalize("NFC", str(cell)).strip() for cell in header]
    frame = pd.DataFrame(
        {i: pd.Series([cell if _filled(cell) else None for cell in c], dtype=object)
         for i, c in enumerate(columns)}
    )  # fmt: skip
    _check_header(names, frame, name)
    frame.columns = pd.Index(names, dtype=object)
    return frame


def _filled(cell: Any) -> bool:
    return bool(cell) and not (cell.isspace() if isinstance(cell, str) else False)


def _check_header(names: list[str], frame: pd.DataFrame, name: str) -> None:
    twice = sorted(cell for cell, count in Counter(names).items() if cell and count > 1)
    if twice:
        raise InputError(f"{name}: the header names '{twice[0]}' twice: every column needs its own")
    blank = [i + 1 for i, cell in enumerate(names) if not cell]
    if blank:
        raise InputError(f"{name}: column {blank[0]} has no name: the first line must be a header")
    for i, cell in enumerate(names):
        number = cell.replace(".", "", 1).replace("-", "", 1).isdigit()
        if number or int((frame[i] == cell).sum()) >= max(2, 0.02 * len(frame)):
            raise InputError(
                f"{name} seems to have no header: its first line says '{cell}', which looks like "
                "data: put the columns' names on the first line"
            )


def _read_json_lines(path: Path, name: str) -> pd.DataFrame:
    records = []
    for number, line in enumerate(decode(path.read_bytes(), name).split("\n"), start=1):
        if not line.strip():
            continue
        try:
            record = json.loads(line)
        except json.JSONDecodeError as error:
            raise InputError(f"{name}, line {number}: not JSON ({error.msg})") from error
        if not isinstance(record, dict):
            raise InputError(f"{name}, line {number}: expected an object {{…}}, found {line[:40]}")
        if "\\ud" in line.lower() and _has_half_letters(record):
            raise InputError(f"{name}, line {number}: holds half a letter (a lone surrogate)")
        records.append(record)
    names = list(dict.fromkeys(key for record in records for key in record))
    if not names:
        raise InputError(f"{name} holds no fields: expected one object a line")
    columns = {key: [record.get(key) for record in records] for key in names}
    return _words(pd.DataFrame(columns, dtype=object), name)


def _has_half_letters(record: dict[str, Any]) -> bool:
    try:
        json.dumps(record, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return True
    return False


def _read_parquet(path: Path, name: str) -> pd.DataFrame:
    try:
        return _words(pd.read_parquet(path), name)
    except (OSError, ValueError, TypeError, KeyError, NotImplementedError) as error:
        raise InputError(f"{name} is no readable Parquet file ({error})") from error


def _read_workbook(path: Path, name: str) -> pd.DataFrame:
    try:
        _check_unpacked(path, name)
        sheet = pd.read_excel(path, header=None, dtype=object)
    except InputError:
        raise
    except Exception as error:  # openpyxl, its XML and its ZIP fail in many ways on a torn file
        raise InputError(f"{name} is no readable XLSX file ({error})") from error
    sheet = sheet.dropna(how="all")
    if sheet.empty:
        raise InputError(f"{name}: the first sheet is empty")
    header = [None if pd.isna(cell) else cell for cell in sheet.iloc[0]]
    body = sheet.iloc[1:]
    columns = [[_word(cell) for cell in body[column]] for column in body.columns]
    return _frame(["" if cell is None else str(cell) for cell in header], columns, name)


def _check_unpacked(path: Path, name: str) -> None:
    """Refuse a workbook that is small on disk and huge in memory; ZIP never unpacks more."""
    with zipfile.ZipFile(path) as packed:
        size = sum(info.file_size for info in packed.infolist())
    if size > MAX_UNPACKED_MB * 2**20:
        raise InputError(
            f"{name} unpacks to {size / 2**20:,.0f} MB; at most {MAX_UNPACKED_MB} MB of XLSX fit "
            "in one import: save it as CSV"
        )


def _words(frame: pd.DataFrame, name: str) -> pd.DataFrame:
    columns = [[_word(cell) for cell in frame[column]] for column in frame.columns]
    return _frame([str(column) for column in frame.columns], columns, name)


def _word(cell: Any) -> Any:
    """A typed cell as the word that a CSV would hold; None where it is missing."""
    if cell is None or isinstance(cell, str):
        return cell
    if isinstance(cell, dict | list):
        return json.dumps(cell, ensure_ascii=False)
    if hasattr(cell, "tolist"):
        cell = cell.tolist()
        return _word(cell) if not isinstance(cell, list) else json.dumps(cell)
    if pd.isna(cell):
        return None
    if isinstance(cell, float) and cell.is_integer() and abs(cell) < 1e15:
        return str(int(cell))
    return str(cell)


_READERS: dict[str, Callable[[Path, str], pd.DataFrame]] = {
    ".csv": _read_delimited,
    ".tsv": _read_delimited,
    ".jsonl": _read_json_lines,
    ".parquet": _read_parquet,
    ".xlsx": _read_workbook,
}


# -- what the columns are for ---------------------------------------------------------------------


class Roles(NamedTuple):
    """What each column is for. `reserve` is the reservoir's share; None takes the default.

    `multi`: an item may have several classes, in the label column with `|` between them.
    """

    content: Content
    id: str | None = None
    label: str | None = None
    annotator: str | None = None
    gold: str | None = None
    reserve: float | None = None
    classes: tuple[str, ...] = ()
    multi: bool = False


LABEL_NAMES = ("label", "labels", "class", "category", "target", "y", "라벨", "레이블", "분류")
ID_NAMES = ("id", "item_id", "index", "uid", "uuid", "번호", "아이디")
TEXT_NAMES = (
    "text",
    "sentence",
    "document",
    "content",
    "review",
    "message",
    "본문",
    "내용",
    "문장",
)


def guess_roles(frame: pd.DataFrame) -> Roles:
    """A first guess of what the columns are for, by names and values; the user corrects it."""
    names = {str(column).lower(): str(column) for column in frame.columns}
    id_column = next((names[n] for n in ID_NAMES if n in names), None)
    if id_column is not None and frame[id_column].duplicated().any():
        id_column = None
    label = next((names[n] for n in LABEL_NAMES if n in names), None)
    rest = [c for c in frame.columns if c not in (id_column, label)]
    words = {c: frame[c].dropna().astype(str).str.len().mean() for c in rest}
    texts = [c for c in rest if as_numbers(frame[c]) is None and frame[c].nunique() > 50]
    named = [names[n] for n in TEXT_NAMES if names.get(n) in texts]
    longest = max(texts, key=lambda c: words[c], default=None)
    text = named[0] if named else (longest if longest and words[longest] >= 15 else None)
    content = Content("text", (text,)) if text else Content("columns", tuple(rest or frame.columns))
    return Roles(content, id=id_column, label=label)


def need_columns(frame: pd.DataFrame, wanted: Sequence[str | None]) -> None:
    """Raise InputError naming the first column that the table does not have."""
    for column in wanted:
        if column is not None and column not in frame.columns:
            has = ", ".join(map(str, frame.columns))
            raise InputError(f"there is no column '{column}'; the file has: {has}")


def check_roles(content: Content, **others: str | None) -> None:
    """Raise InputError if the column of another role (`label=`, `gold=`, …) is content too.

    A model that is shown the answer learns nothing but to repeat it.
    """
    for role, column in others.items():
        if column is not None and column in content.columns:
            raise InputError(
                f"column '{column}' is named both as {role} and as content to learn from: "
                "name it as one of them"
            )


def named_classes(text: str | None) -> tuple[str, ...]:
    """The classes in the text of --classes, () if it is not given. Raises InputError if blank."""
    names = tuple(name.strip() for name in (text or "").split(",") if name.strip())
    if text is not None and not names:
        raise InputError("--classes names no class: expected names with commas between them")
    return names


def add_content_options(parser: argparse.ArgumentParser, *, required: bool = True) -> None:
    """The options (--text | --columns | --image [--image-zip]) that every command shares."""
    group = parser.add_mutually_exclusive_group(required=required)
    group.add_argument("--text", metavar="COL", help="the column that holds the text")
    group.add_argument("--columns", metavar="A,B", help="the table columns to learn from")
    group.add_argument("--image", metavar="COL", help="the column that holds image file names")
    parser.add_argument("--image-zip", metavar="ZIP", help="the archive that holds the images")


def content_from_args(
    args: argparse.Namespace,
    frame: pd.DataFrame,
    *,
    folder: Path | None = None,
    default: Content | None = None,
) -> tuple[Content, pd.DataFrame]:
    """The content that the options name, else `default`, and the table with images as bytes.

    Images come from `--image-zip`, else from `folder`. Raises InputError for missing columns.
    """
    content = _named_content(args) or default
    if content is None:
        raise InputError("say what to learn from: --text COL, --columns A,B or --image COL")
    need_columns(frame, content.columns)
    if content.kind == "image":
        archive = Path(args.image_zip) if args.image_zip else None
        column = content.columns[0]
        frame = load_images(frame, column, archive=archive, folder=folder or Path())
    return content, frame


def _named_content(args: argparse.Namespace) -> Content | None:
    if args.text is not None:
        return Content("text", (args.text,))
    if args.image is not None:
        return Content("image", (args.image,))
    if args.columns is None:
        return None
    chosen = tuple(name.strip() for name in args.columns.split(",") if name.strip())
    if not chosen:
        raise InputError("--columns needs at least one column name")
    twice = [name for name, count in Counter(chosen).items() if count > 1]
    if twice:
        raise InputError(f"--columns names '{twice[0]}' twice: name every column once")
    return Content("columns", chosen)


def load_images(
    frame: pd.DataFrame, column: str, *, archive: Path | None, folder: Path
) -> pd.DataFrame:
    """A copy of the table whose `column` holds the images' bytes; `name_column` has the names."""
    names = frame[column].tolist()
    if any(name is None for name in names):
        raise InputError(f"row {names.index(None)} names no image in column '{column}'")
    data = _from_zip(names, archive) if archive else _from_folder(names, folder)
    loaded = pd.Series(data, index=frame.index, dtype=object)
    return frame.assign(**{name_column(column): frame[column], column: loaded})


def name_column(column: str) -> str:
    """Where the file names of an image column are kept once it holds the images themselves."""
    return f"{column}_name"


def _from_zip(names: Sequence[str], archive: Path) -> list[bytes]:
    if not archive.is_file() or not zipfile.is_zipfile(archive):
        raise InputError(f"expected a ZIP archive of images, but {archive} is none")
    try:
        with zipfile.ZipFile(archive) as packed:
            full = {info.filename: [info] for info in packed.infolist()}
            known = _by_ending(packed) | full
            members = [_member(known.get(n) or _shortened(n, full), n) for n in names]
            _check_sizes(names, [member.file_size for member in members])
            return [_checked(packed.read(m), n) for m, n in zip(members, names, strict=True)]
    except (OSError, zipfile.BadZipFile, zlib.error, RuntimeError, NotImplementedError) as error:
        raise InputError(f"the archive {archive.name} cannot be unpacked ({error})") from error


def _by_ending(packed: zipfile.ZipFile) -> dict[str, list[zipfile.ZipInfo]]:
    """Members by every ending of their name: train/cat/1.png is also cat/1.png and 1.png."""
    found: dict[str, list[zipfile.ZipInfo]] = {}
    for info in packed.infolist():
        for ending in _endings(info.filename):
            found.setdefault(ending, []).append(info)
    return found


def _endings(name: str) -> list[str]:
    parts = name.split("/")
    return ["/".join(parts[start:]) for start in range(1, len(parts))]


def _shortened(name: str, full: dict[str, list[zipfile.ZipInfo]]) -> list[zipfile.ZipInfo]:
    """The member that the name's own ending spells out: images/1.png may be packed as 1.png."""
    return next((full[ending] for ending in _endings(name) if ending in full), [])


def _member(found: list[zipfile.ZipInfo], name: str) -> zipfile.ZipInfo:
    if not found:
        raise InputError(f"the archive holds no image '{name}'")
    if len(found) > 1:
        raise InputError(f"the archive holds {len(found)} images '{name}': name their folders too")
    return found[0]


def _from_folder(names: Sequence[str], folder: Path) -> list[bytes]:
    try:
        paths = [_below(folder, name) for name in names]
        _check_sizes(names, [path.stat().st_size for path in paths])
        return [_checked(path.read_bytes(), n) for path, n in zip(paths, names, strict=True)]
    except OSError as error:
        raise InputError(f"an image below {folder} cannot be read ({error})") from error


def _below(folder: Path, name: str) -> Path:
    path = (folder / name).resolve()
    if not path.is_relative_to(folder.resolve()) or not path.is_file():
        raise InputError(f"there is no image '{name}' below {folder}")
    return path


def _check_sizes(names: Sequence[str], sizes: Sequence[int]) -> None:
    """Refuse one image that is too large, and more of them than fit in memory (sizes in bytes)."""
    for name, size in zip(names, sizes, strict=True):
        if size > MAX_IMAGE_MB * 2**20:
            raise InputError(f"image '{name}' has more than {MAX_IMAGE_MB} MB")
    if sum(sizes) > MAX_IMAGES_MB * 2**20:
        raise InputError(
            f"the images have {sum(sizes) / 2**20:,.0f} MB together; at most {MAX_IMAGES_MB:,} MB "
            "fit in one import: import the rows in several parts"
        )


def _checked(data: bytes, name: str) -> bytes:
    from PIL import Image, UnidentifiedImageError

    try:
        with Image.open(io.BytesIO(data)) as image:
            image.load()  # decodes it: `verify` does not see a JPEG that was cut in half
    except (UnidentifiedImageError, OSError, SyntaxError, Image.DecompressionBombError) as error:
        raise InputError(f"'{name}' is no readable image") from error
    return data
