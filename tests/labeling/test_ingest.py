"""Ingest: every format gives the same table, and every bad file one clear sentence."""

from __future__ import annotations

import argparse
import io
import json
import zipfile
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
from PIL import Image

from labeling import ingest
from labeling.core.features import Content
from labeling.errors import InputError
from labeling.ingest import FORMATS
from tests.factories import table_frame, text_frame

TABLE = pd.DataFrame(
    {
        "id": ["1", "2", "3"],
        "text": ["문장, 하나", 'a "quoted"\nline; two\ttabs', None],
        "mass": ["3.5", None, "-2"],
    },
    dtype=object,
)


def write(frame: pd.DataFrame, path: Path) -> Path:
    if path.suffix == ".xlsx":
        frame.to_excel(path, index=False)
    elif path.suffix == ".parquet":
        frame.to_parquet(path)
    elif path.suffix == ".jsonl":
        frame.to_json(path, orient="records", lines=True, force_ascii=False)
    else:
        frame.to_csv(path, index=False, sep="\t" if path.suffix == ".tsv" else ",")
    return path


def same(found: pd.DataFrame, expected: pd.DataFrame) -> bool:
    plain = [f.astype(object).where(f.notna(), None) for f in (found, expected)]
    return [list(plain[0].columns), plain[0].to_numpy().tolist()] == [
        list(plain[1].columns),
        plain[1].to_numpy().tolist(),
    ]


@pytest.mark.parametrize("suffix", FORMATS)
def test_every_format_gives_back_what_was_written(tmp_path: Path, suffix: str) -> None:
    found = ingest.read_table(write(TABLE, tmp_path / f"t{suffix}"))
    assert same(found, TABLE)
    assert all(cell is None or isinstance(cell, str) for cell in found.to_numpy().ravel())


@pytest.mark.parametrize("suffix", [s for s in FORMATS if s in (".jsonl", ".parquet", ".xlsx")])
def test_typed_cells_become_the_words_that_a_csv_would_hold(tmp_path: Path, suffix: str) -> None:
    typed = pd.DataFrame({"n": [1, 2], "x": [0.5, 3.0], "b": [True, False], "t": ["a", "b"]})
    found = ingest.read_table(write(typed, tmp_path / f"t{suffix}"))
    assert found.to_numpy().tolist() == [["1", "0.5", "True", "a"], ["2", "3", "False", "b"]]


def test_long_numbers_of_json_keep_every_digit(tmp_path: Path) -> None:
    path = tmp_path / "t.jsonl"
    path.write_text('{"id": 12345678901234567891, "t": "a"}\n{"t": "b"}\n')
    assert ingest.read_table(path)["id"].tolist() == ["12345678901234567891", None]


@pytest.mark.parametrize(
    "encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "cp949", "euc-kr"]
)
@pytest.mark.parametrize("suffix", [".csv", ".jsonl"])
def test_korean_is_read_in_every_encoding_that_people_have(
    tmp_path: Path, encoding: str, suffix: str
) -> None:
    text = "본문,라벨\n재미있는 영화,긍정\n지루한 영화,부정\n"
    if suffix == ".jsonl":
        text = (
            '{"본문": "재미있는 영화", "라벨": "긍정"}\n{"본문": "지루한 영화", "라벨": "부정"}\n'
        )
    path = tmp_path / f"t{suffix}"
    mark = b"\xff\xfe" if encoding == "utf-16-le" else b""
    path.write_bytes(mark + text.encode(encoding))
    found = ingest.read_table(path)
    assert list(found.columns) == ["본문", "라벨"]
    assert found["본문"].tolist() == ["재미있는 영화", "지루한 영화"]


def test_cp949_letters_beyond_euc_kr_are_read(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_bytes("본문\n똠방각하 펲시콜라\n".encode("cp949"))
    assert ingest.read_table(path)["본문"].tolist() == ["똠방각하 펲시콜라"]


@pytest.mark.parametrize("sign", [",", ";", "\t"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_what_separates_fields_and_lines_is_found(tmp_path: Path, sign: str, end: str) -> None:
    path = tmp_path / "t.csv"
    path.write_bytes(end.join([f"a{sign}b", f'"x{sign}y"{sign}2', ""]).encode())
    found = ingest.read_table(path)
    assert found.to_dict("records") == [{"a": f"x{sign}y", "b": "2"}]


def test_blank_lines_at_the_end_are_no_rows(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("a,b\n1,x\n\n\n")
    assert len(ingest.read_table(path)) == 1


def test_names_are_composed_so_that_they_can_be_typed(tmp_path: Path) -> None:
    import unicodedata

    path = tmp_path / "t.csv"
    path.write_text(unicodedata.normalize("NFD", "본문") + " ,b\n가,2\n", encoding="utf-8")
    assert list(ingest.read_table(path).columns) == ["본문", "b"]


def broken_workbook() -> bytes:
    good, out = io.BytesIO(), io.BytesIO()
    TABLE.to_excel(good, index=False)
    with zipfile.ZipFile(good) as old, zipfile.ZipFile(out, "w") as new:
        for name in old.namelist():
            torn = name.startswith("xl/worksheets/")
            new.writestr(name, b"<worksheet><sheetData" if torn else old.read(name))
    return out.getvalue()


BAD = {
    "empty file": ("t.csv", b"", "is empty"),
    "only blank lines": ("t.csv", b"\n \n\n", "blank|0 rows|no name"),
    "header only": ("t.csv", b"a,b\n", "0 rows"),
    "no header, numbers": ("t.csv", b"1,good\n2,bad\n3,good\n", "no header"),
    "no header, labels": ("t.csv", b"hello,spam\nyou,ham\nme,spam\nus,spam\n", "no header"),
    "duplicate header": ("t.csv", b"a,a\n1,2\n", "twice"),
    "nameless column": ("t.csv", b"a,\n1,2\n", "no name"),
    "short row": ("t.csv", b"a,b\n1,2\n3\n", "line 3"),
    "long row": ("t.csv", b"a,b\n1,2,3\n", "header's 2 fields"),
    "unclosed quote": ("t.csv", b'a,b\n1,"2\n3,4\n', "quotes"),
    "text after a quote": ("t.csv", b'a,b\n1,"2"x\n', "quotes"),
    "latin-1": ("t.csv", "a,b\nÄpfel,für die Öfen\n".encode("latin-1"), "save it as UTF-8"),
    "NUL bytes": ("t.csv", b"a,b\n1,\x002\n", "NUL"),
    "UTF-16 cut in half": ("t.csv", b"\xff\xfea\x00,\x00b", "UTF-16"),
    "UTF-32": ("t.csv", "a,b\n1,2\n".encode("utf-32"), "NUL|UTF-16"),
    "unknown format": ("t.pdf", b"%PDF", "expected one of"),
    "no ending": ("t", b"a,b\n1,2\n", "expected one of"),
    "workbook of garbage": ("t.xlsx", b"PK\x03\x04 no", "XLSX"),
    "workbook torn inside": ("t.xlsx", broken_workbook(), "XLSX"),
    "text called a workbook": ("t.xlsx", b"a,b\n1,2\n", "XLSX"),
    "parquet of garbage": ("t.parquet", b"PAR1 no PAR1", "Parquet"),
    "parquet too short": ("t.parquet", b"PAR1", "Parquet"),
    "JSON torn": ("t.jsonl", b'{"a": 1}\n{"a": \n', "line 2"),
    "JSON without objects": ("t.jsonl", b"[1, 2]\n", "expected an object"),
    "JSON of empty objects": ("t.jsonl", b"{}\n{}\n", "no fields"),
    "JSON of half a letter": ("t.jsonl", b'{"a": "\\ud800"}\n', "line 1"),
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_file_gives_one_clear_sentence_and_leaves_nothing(tmp_path: Path, name: str) -> None:
    file, content, words = BAD[name]
    path = tmp_path / file
    path.write_bytes(content)
    with pytest.raises(InputError, match=words) as caught:
        ingest.read_table(path)
    said = " ".join(str(caught.value).split())
    assert file in said
    assert len(said) < 400
    assert [p.name for p in tmp_path.iterdir()] == [file]


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"no\.csv does not exist"):
        ingest.read_table(tmp_path / "no.csv")


def test_a_folder_is_no_file(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="is a folder"):
        ingest.read_table(tmp_path)


@pytest.mark.parametrize("suffix", FORMATS)
def test_a_file_that_may_not_be_read_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, suffix: str
) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    path = write(TABLE, tmp_path / f"t{suffix}")
    monkeypatch.setitem(ingest._READERS, suffix, refuse)  # type: ignore[arg-type]
    with pytest.raises(InputError, match=f"t{suffix} cannot be read: Permission denied"):
        ingest.read_table(path)


def test_a_workbook_that_unpacks_to_too_much_is_refused_before_it_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write(TABLE, tmp_path / "t.xlsx")
    with zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED) as packed:
        packed.writestr("xl/worksheets/sheet9.xml", b" " * 3 * 2**20)
    assert path.stat().st_size < 2**16
    monkeypatch.setattr(ingest, "MAX_UNPACKED_MB", 2)
    monkeypatch.setattr(pd, "read_excel", None)
    with pytest.raises(InputError, match="unpacks to 3 MB; at most 2 MB"):
        ingest.read_table(path)


def test_a_file_that_is_too_large_is_refused_before_it_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ingest, "MAX_FILE_MB", 1)
    path = tmp_path / "t.csv"
    path.write_bytes(b"a,b\n" + b"\xff" * 2**20)
    with pytest.raises(InputError, match="split the file"):
        ingest.read_table(path)


def test_a_cell_that_is_too_long_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ingest, "MAX_CELL", 100)
    path = tmp_path / "t.csv"
    path.write_text(f"a,b\n1,{'x' * 200}\n")
    with pytest.raises(InputError, match="line 2"):
        ingest.read_table(path)


def test_an_uploaded_copy_is_read_by_its_own_name(tmp_path: Path) -> None:
    path = tmp_path / "tmp123"
    path.write_text("a\tb\n1\tx,y\n")
    assert ingest.read_table(path, name="mine.tsv")["b"].tolist() == ["x,y"]


# Roles


@pytest.mark.parametrize(
    ("frame", "content", "label"),
    [
        (text_frame(80), Content("text", ("text",)), "label"),
        (table_frame(80), Content("columns", ("island", "length", "mass")), "label"),
        (
            text_frame(80, korean=True).rename(columns={"text": "본문", "label": "라벨"}),
            Content("text", ("본문",)),
            "라벨",
        ),
    ],
)
def test_roles_are_guessed(frame: pd.DataFrame, content: Content, label: str) -> None:
    found = ingest.guess_roles(frame)
    assert (found.content, found.id, found.label) == (content, "id", label)


def test_an_id_column_that_repeats_is_no_id() -> None:
    frame = text_frame(60).assign(id="same")
    assert ingest.guess_roles(frame).id is None


def options(*words: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    ingest.add_content_options(parser, required=False)
    return parser.parse_args(words)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--text", "nope"], "no column 'nope'"),
        (["--columns", "island,nope"], "no column 'nope'"),
        (["--columns", " , "], "at least one"),
        (["--columns", "mass,island, mass"], "names 'mass' twice"),
        ([], "say what to learn from"),
    ],
)
def test_a_missing_column_is_named(words: list[str], said: str) -> None:
    with pytest.raises(InputError, match=said):
        ingest.content_from_args(options(*words), table_frame(10))


def test_a_column_is_content_or_something_else() -> None:
    content = Content("columns", ("island", "mass"))
    ingest.check_roles(content, label="label", annotator=None, gold=None)
    for role in ("label", "annotator", "gold"):
        with pytest.raises(InputError, match=f"'mass' is named both as {role} and as content"):
            ingest.check_roles(content, **{role: "mass"})


def test_what_no_option_names_is_the_default() -> None:
    default = Content("columns", ("island", "mass"))
    assert ingest.content_from_args(options(), table_frame(5), default=default)[0] == default


@pytest.mark.parametrize("text", ["", " ", ",", " , ,"])
def test_classes_without_a_name_are_refused(text: str) -> None:
    with pytest.raises(InputError, match="names no class"):
        ingest.named_classes(text)


def test_classes_are_names_between_commas() -> None:
    assert ingest.named_classes(" a b ,c,,") == ("a b", "c")
    assert ingest.named_classes(None) == ()


# Images


def png(shade: int) -> bytes:
    out = io.BytesIO()
    Image.effect_noise((16, 16), shade).save(out, format="PNG")
    return out.getvalue()


def jpeg() -> bytes:
    out = io.BytesIO()
    Image.effect_noise((64, 64), 90).save(out, format="JPEG")
    return out.getvalue()


def archive(path: Path, members: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w") as packed:
        for name, data in members.items():
            packed.writestr(name, data)
    return path


def from_zip(path: Path, *names: str) -> list[bytes]:
    frame = pd.DataFrame({"image": names}, dtype=object)
    found = ingest.load_images(frame, "image", archive=path, folder=path.parent)
    return list(found["image"])


def test_images_come_from_an_archive_by_full_or_by_short_name(tmp_path: Path) -> None:
    one, two = png(10), png(60)
    path = archive(tmp_path / "i.zip", {"train/a/1.png": one, "train/a/2.png": two})
    assert from_zip(path, "train/a/2.png", "1.png", "a/1.png") == [two, one, one]


def test_the_same_name_in_two_folders_is_never_mixed_up(tmp_path: Path) -> None:
    cat, dog = png(10), png(60)
    path = archive(tmp_path / "i.zip", {"train/cat/1.png": cat, "train/dog/1.png": dog})
    assert from_zip(path, "cat/1.png", "dog/1.png") == [cat, dog]
    with pytest.raises(InputError, match=r"1\.png"):
        from_zip(path, "1.png")


def test_an_archive_packed_inside_the_folder_is_understood(tmp_path: Path) -> None:
    path = archive(tmp_path / "i.zip", {"1.png": png(10), "dog/2.png": png(60)})
    assert from_zip(path, "images/1.png") == from_zip(path, "1.png")


@pytest.mark.parametrize("name", ["b.png", "cat/a.png"])
def test_a_name_that_the_archive_lacks_is_named(tmp_path: Path, name: str) -> None:
    path = archive(tmp_path / "i.zip", {"dog/a.png": png(10)})
    with pytest.raises(InputError, match=name):
        from_zip(path, name)


@pytest.mark.parametrize("name", ["../secret.png", "/etc/passwd", "a/../../secret.png"])
def test_no_path_leads_out_of_the_folder(tmp_path: Path, name: str) -> None:
    folder = tmp_path / "images"
    folder.mkdir()
    (tmp_path / "secret.png").write_bytes(png(10))
    frame = pd.DataFrame({"image": [name]}, dtype=object)
    with pytest.raises(InputError, match="there is no image"):
        ingest.load_images(frame, "image", archive=None, folder=folder)


def test_an_archive_with_paths_that_lead_out_writes_nothing(tmp_path: Path) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    path = archive(folder / "i.zip", {"../evil.png": png(10)})
    assert from_zip(path, "../evil.png") == [png_read(path, "../evil.png")]
    assert sorted(p.name for p in tmp_path.rglob("*")) == ["i.zip", "in"]


def png_read(path: Path, name: str) -> bytes:
    with zipfile.ZipFile(path) as packed:
        return packed.read(name)


def damaged(path: Path) -> Path:
    """An archive whose only member fails its checksum."""
    archive(path, {"a.png": png(40)})
    data = bytearray(path.read_bytes())
    data[60] ^= 0xFF
    path.write_bytes(data)
    return path


BAD_IMAGES: dict[str, Callable[[Path], Path]] = {
    "no picture": lambda p: archive(p, {"a.png": b"hello"}),
    "half a PNG": lambda p: archive(p, {"a.png": png(40)[:150]}),
    "half a JPEG": lambda p: archive(p, {"a.png": jpeg()[: len(jpeg()) // 2]}),
    "a damaged archive": damaged,
    "no archive": lambda p: Path(p.write_bytes(b"hello") and p),
}


@pytest.mark.parametrize("name", BAD_IMAGES)
def test_an_image_that_cannot_be_shown_is_refused_at_once(tmp_path: Path, name: str) -> None:
    path = BAD_IMAGES[name](tmp_path / "i.zip")
    with pytest.raises(InputError):
        from_zip(path, "a.png")


def test_an_image_that_is_too_large_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ingest, "MAX_IMAGE_MB", 0.0001)
    with pytest.raises(InputError, match="more than"):
        from_zip(archive(tmp_path / "i.zip", {"a.png": png(40)}), "a.png")


@pytest.mark.parametrize("packed", [True, False])
def test_images_that_are_too_much_together_are_refused_before_they_are_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, packed: bool
) -> None:
    (tmp_path / "a.png").write_bytes(b"x" * 2**19)
    path = archive(tmp_path / "i.zip", {"a.png": b"x" * 2**19}) if packed else None
    frame = pd.DataFrame({"image": ["a.png"] * 4}, dtype=object)
    monkeypatch.setattr(ingest, "MAX_IMAGES_MB", 1)
    with pytest.raises(InputError, match="the images have 2 MB together; at most 1 MB"):
        ingest.load_images(frame, "image", archive=path, folder=tmp_path)


def test_a_row_without_an_image_is_named(tmp_path: Path) -> None:
    frame = pd.DataFrame({"image": ["a.png", None]}, dtype=object)
    with pytest.raises(InputError, match="row 1"):
        ingest.load_images(frame, "image", archive=None, folder=tmp_path)


def test_json_that_holds_lists_keeps_them_as_words(tmp_path: Path) -> None:
    path = tmp_path / "t.jsonl"
    path.write_text(json.dumps({"a": ["x", "y"], "b": {"k": 1}}) + "\n")
    assert ingest.read_table(path).to_dict("records") == [{"a": '["x", "y"]', "b": '{"k": 1}'}]
