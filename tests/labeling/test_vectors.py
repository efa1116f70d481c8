"""Vectors that the user brings: read or refused in words, kept, and learned from."""

from __future__ import annotations

import hashlib
import json
import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from labeling import handover, history, imports, project, replays, rounds, vector_files
from labeling.__main__ import main
from labeling.core import vectors as core
from labeling.core.log import DataVersion
from labeling.core.models import ModelConfig
from labeling.errors import InputError
from labeling.fits import Fits
from labeling.ingest import read_table
from labeling.project import Project, opened
from labeling.store import changes, items
from labeling.vectors import PAYLOAD, Vectors
from labeling.verification import verify
from labeling.versions import Snapshot
from tests.factories import (
    answer_queue,
    by_file,
    make_project,
    reservoir_answers,
    roles_of,
    text_frame,
    truth_of,
    write_csv,
)

FRAME = text_frame(40)
RNG = np.random.default_rng(0)
ROWS = RNG.normal(size=(40, 6)).astype(np.float32)


def save_npy(path: Path, rows: Any = ROWS) -> Path:
    np.save(path, rows)
    return path


def save_parquet(path: Path, **columns: Any) -> Path:
    pd.DataFrame({"id": FRAME["id"], **columns}).to_parquet(path)
    return path


def with_vectors(path: Path, rows: np.ndarray = ROWS, frame: pd.DataFrame = FRAME) -> Project:
    made, _ = imports.create_project(
        path,
        frame,
        roles=roles_of(frame),
        source="first.csv",
        author="test",
        embeddings=Vectors("first.npy", rows),
    )
    return made


def bring(into: Project, rows: np.ndarray, frame: pd.DataFrame = FRAME) -> imports.ImportSummary:
    brought = Vectors("more.npy", rows)
    return imports.import_table(
        into, frame, roles=roles_of(frame), source="m.csv", author="t", embeddings=brought
    )


def kept(snapshot: Snapshot) -> dict[str, np.ndarray]:
    """The vector of every item by source id, as it is loaded."""
    rows, known = snapshot._vectors()
    return {i.source_id: rows[n] for n, i in enumerate(snapshot.items) if known[n]}


# -- files ----------------------------------------------------------------------------------------


def test_every_way_to_bring_vectors_brings_the_same(tmp_path: Path) -> None:
    turned = FRAME["id"].iloc[::-1].reset_index(drop=True)
    as_lists = pd.DataFrame({"id": turned, "vector": list(ROWS[::-1])})
    as_lists.to_parquet(tmp_path / "lists.parquet")
    numbers = {f"n{i}": ROWS[:, i] for i in range(6)}
    save_parquet(tmp_path / "numbers.parquet", **numbers)
    found = [
        vector_files.read(save_npy(tmp_path / "a.npy"), FRAME, id=None),
        vector_files.read(save_npy(tmp_path / "f.npy", np.asfortranarray(ROWS)), FRAME, id=None),
        vector_files.read(tmp_path / "lists.parquet", FRAME, id="id"),
        vector_files.read(tmp_path / "numbers.parquet", FRAME, id="id"),
    ]
    wide = FRAME.assign(**{f"emb_{i}": [repr(float(v)) for v in ROWS[:, i]] for i in (5, 2, 0)})
    wide = wide.assign(**{f"emb_{i}": ROWS[:, i].astype(float).astype(str) for i in (1, 3, 4)})
    listed = FRAME.assign(vec=[json.dumps(row.tolist()) for row in ROWS])
    for frame, prefix in ((wide, "emb_"), (listed, "vec")):
        brought, rest = vector_files.from_columns(frame, prefix)
        assert list(rest.columns) == list(FRAME.columns)
        found.append(brought)
    for brought in found:
        assert brought.rows.dtype == np.float32
        np.testing.assert_array_equal(brought.rows, ROWS, err_msg=brought.name)


def test_columns_stand_in_the_order_of_their_numbers() -> None:
    frame = FRAME.assign(**{f"e{i}": str(i) for i in (10, 9, 2, 1, 0)})
    brought, _ = vector_files.from_columns(frame, "e")
    assert brought.rows[0].tolist() == [0, 1, 2, 9, 10]


def pickled(folder: Path) -> Path:
    path = folder / "pickled.npy"
    np.save(path, np.array([{"a": 1}], dtype=object), allow_pickle=True)
    return path


def torn(folder: Path) -> Path:
    path = save_npy(folder / "torn.npy")
    path.write_bytes(path.read_bytes()[:200])
    return path


def with_one(value: float) -> np.ndarray:
    rows = ROWS.copy()
    rows[7, 2] = value
    return rows


def sparse_file(folder: Path) -> Path:
    with (folder / "huge.npy").open("wb") as file:
        file.truncate((vector_files.MAX_MB + 1) * 2**20)
    return folder / "huge.npy"


def ids(*names: str) -> pd.DataFrame:
    return pd.DataFrame({"id": [*names], "vector": [[1.0, 2.0]] * len(names)})


def parquet(folder: Path, frame: pd.DataFrame) -> Path:
    frame.to_parquet(folder / "v.parquet")
    return folder / "v.parquet"


NAMES = FRAME["id"].tolist()
REFUSED: list[tuple[Callable[[Path], Path], str | None, str]] = [
    (lambda f: write_csv(f / "v.csv", FRAME), "id", "expected vectors as .parquet or .npy"),
    (lambda f: f / "none.npy", None, "does not exist"),
    (pickled, None, "no readable .npy file"),
    (torn, None, "no readable .npy file"),
    (sparse_file, None, "at most 1,000 MB"),
    (lambda f: save_npy(f / "v.npy", ROWS[:39]), None, "39 vectors, the data file 40 rows"),
    (lambda f: save_npy(f / "v.npy", ROWS[0]), None, "of shape (rows, dims), found float32 (6,)"),
    (lambda f: save_npy(f / "v.npy", ROWS.astype(str)), None, "of shape (rows, dims), found <U"),
    (lambda f: save_npy(f / "v.npy", ROWS[:, :0]), None, "1 to 8,192 numbers a vector, found 0"),
    (lambda f: save_npy(f / "v.npy", with_one(np.nan)), None, "number 2 of vector 7 is nan"),
    (lambda f: save_npy(f / "v.npy", with_one(-np.inf)), None, "number 2 of vector 7 is -inf"),
    (lambda f: save_npy(f / "v.npy", ROWS.astype(float) * 1e300), None, "expected finite numbers"),
    (lambda f: save_parquet(f / "v.parquet", v=list(ROWS)), None, "name the id column"),
    (lambda f: save_parquet(f / "v.parquet", v=list(ROWS)), "text", "no id column 'text'"),
    (lambda f: save_parquet(f / "v.parquet", v=FRAME["text"]), "id", "found 'v' (string)"),
    (lambda f: save_parquet(f / "v.parquet"), "id", "beside the id, found none"),
    (lambda f: parquet(f, ids(*NAMES, "who")), "id", "first is 'who'"),
    (lambda f: parquet(f, ids(*NAMES[1:])), "id", f"no vector for 1 row(s) of the data file; the "
     f"first has the id '{NAMES[0]}'"),
    (lambda f: parquet(f, ids(*NAMES, NAMES[3])), "id", f"two vectors for the id '{NAMES[3]}'"),
    (lambda f: save_parquet(f / "v.parquet", v=[[1.0]] * 39 + [[1.0, 2.0]]), "id", "row 39 has 2"),
    (lambda f: save_parquet(f / "v.parquet", v=[[1.0]] * 39 + [None]), "id", "row 39 has none"),
    (lambda f: save_parquet(f / "v.parquet", v=[["a"]] * 40), "id", "something else than numbers"),
    (lambda f: write_csv(f / "v.parquet", FRAME), "id", "no readable Parquet file"),
]  # fmt: skip


@pytest.mark.parametrize("case", range(len(REFUSED)), ids=lambda n: REFUSED[n][2][:30])
def test_a_bad_file_is_refused_in_words(case: int, tmp_path: Path) -> None:
    make, id_column, said = REFUSED[case]
    with pytest.raises(InputError) as refused:
        vector_files.read(make(tmp_path), FRAME, id=id_column)
    assert said in str(refused.value)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("cells", "said"),
    [
        ({"e0": ["1"] * 39 + ["x"]}, "column 'e0', row 39: expected a finite number, found 'x'"),
        ({"e0": ["1"] * 39 + [None]}, "row 39: expected a finite number, found nothing"),
        ({"e0": ["inf"] * 40}, "found 'inf'"),
        ({"e0": ["[1, 2]"] * 39 + ["[1]"]}, "row 39 has 1 numbers, the first row 2"),
        ({"e0": ["[1, 2]"] * 39 + ["oh"]}, "row 39: expected a JSON list of numbers, found 'oh'"),
        ({"e0": ["[1, [2]]"] * 40}, "expected a JSON list of numbers"),
        ({"e0": ["[1, NaN]"] * 40}, "number 1 of vector 0 is nan"),
        ({"f0": ["1"] * 40}, "no column's name starts with 'e'"),
    ],
)
def test_bad_columns_are_refused_in_words(cells: dict[str, list[str]], said: str) -> None:
    with pytest.raises(InputError) as refused:
        vector_files.from_columns(FRAME.assign(**cells), "e")
    assert said in str(refused.value)


def test_a_column_is_content_or_vectors_but_not_both() -> None:
    with pytest.raises(InputError, match="'text' has a role of its own and starts with 'te'"):
        vector_files.asked_for(None, "te", FRAME, roles_of(FRAME))


# -- in a project ---------------------------------------------------------------------------------


def test_vectors_come_back_bit_by_bit_and_a_backup_holds_them(tmp_path: Path) -> None:
    with with_vectors(tmp_path / "p.db") as made:
        project.back_up(made, tmp_path / "copy.db")
    for name in ("p.db", "copy.db"):
        with opened(tmp_path / name) as again:
            snapshot = Snapshot(again)
            assert snapshot.uses_vectors
            assert verify(again).empty
            for row, found in enumerate(kept(snapshot)[name] for name in FRAME["id"]):
                assert found.tobytes() == ROWS[row].tobytes()
            said = changes.every(again.db)[0].payload[PAYLOAD]
            assert (said["file"], said["items"], said["dims"]) == ("first.npy", 40, 6)


def test_blank_rows_and_repeated_rows_do_not_shift_the_vectors(tmp_path: Path) -> None:
    frame = pd.concat([FRAME.head(20), FRAME.head(1), FRAME.tail(20)], ignore_index=True)
    frame.loc[3, "text"] = None
    rows = np.concatenate([ROWS[:20], ROWS[:1] * 1.001, ROWS[20:]])
    with with_vectors(tmp_path / "p.db", rows, frame) as made:
        found = kept(Snapshot(made))
    assert len(found) == 39
    for name, row in zip(FRAME["id"], ROWS, strict=True):
        if name in found:
            np.testing.assert_array_equal(found[name], row)


def test_one_content_with_two_vectors_in_a_file_is_refused(tmp_path: Path) -> None:
    frame = pd.concat([FRAME, FRAME.head(1)], ignore_index=True)
    with pytest.raises(InputError, match=r"rows 0 and 40 .* hold the same content"):
        with_vectors(tmp_path / "p.db", np.concatenate([ROWS, ROWS[1:2]]), frame)
    assert list(tmp_path.iterdir()) == []


def test_the_newest_vector_counts_and_a_revert_brings_the_old_one_back(tmp_path: Path) -> None:
    with with_vectors(tmp_path / "p.db") as made:
        first = Snapshot(made).features.toarray()
        assert bring(made, -2 * ROWS).vectors == 40
        second = Snapshot(made)
        np.testing.assert_array_equal(kept(second)[FRAME["id"][5]], -2 * ROWS[5])
        assert not np.array_equal(second.features.toarray(), first)
        newest = changes.every(made.db)[-1].change_id
        back = history.revert(made, newest, author="t")
        np.testing.assert_array_equal(Snapshot(made).features.toarray(), first)
        history.revert(made, back, author="t")
        np.testing.assert_array_equal(kept(Snapshot(made))[FRAME["id"][5]], -2 * ROWS[5])
        assert verify(made).empty


def test_other_dims_change_nothing(tmp_path: Path) -> None:
    with with_vectors(tmp_path / "p.db") as made:
        before = hashlib.sha256("".join(made.db.conn.iterdump()).encode()).hexdigest()
        with pytest.raises(InputError, match="have 6 numbers each"):
            bring(made, np.ones((10, 5), np.float32), text_frame(10, seed=3))
        after = hashlib.sha256("".join(made.db.conn.iterdump()).encode()).hexdigest()
    assert before == after


def test_items_without_a_vector_have_zeros_and_a_mark(tmp_path: Path) -> None:
    more = text_frame(10, seed=3)
    with with_vectors(tmp_path / "p.db") as made:
        imports.import_table(made, more, roles=roles_of(more), source="m.csv", author="t")
        snapshot = Snapshot(made)
        beside = snapshot.features.toarray()[:, -7:]
    new = np.array([item.source_id in set(more["id"]) for item in snapshot.items])
    assert new.sum() == 10
    assert not beside[new, :-1].any()
    assert (beside[new, -1] > 0).all()
    assert not beside[~new, -1].any()
    assert beside[~new, :-1].any(axis=1).all()


def test_neither_side_drowns_the_other(tmp_path: Path) -> None:
    loud = ROWS * np.float32(1e30)
    loud[:, 0] *= 1000
    with with_vectors(tmp_path / "p.db", loud) as made:
        features = Snapshot(made).features
    content, beside = features[:, :-7], features[:, -7:]
    assert core.typical_length(beside) == pytest.approx(core.typical_length(content), rel=1e-5)
    columns = np.square(beside.toarray()[:, :-1]).sum(axis=0)
    assert columns[0] == columns.max() < 30 * np.median(columns)


def test_the_setting_says_how_they_are_used(tmp_path: Path) -> None:
    with make_project(tmp_path / "plain.db", FRAME) as plain:
        content = Snapshot(plain).features
    with with_vectors(tmp_path / "p.db") as made:
        shapes, keys = [], set()
        for value in ("beside", "alone", "off"):
            project.change_settings(made, {"embeddings": value}, author="t")
            snapshot = Snapshot(made)
            assert snapshot.uses_vectors == (value != "off")
            shapes.append(snapshot.features.shape)
            keys.add(Fits(snapshot).key("same", ModelConfig()))
    wide = content.shape[1]
    assert shapes == [(40, wide + 7), (40, 7), (40, wide)]
    assert len(keys) == 3


def test_fits_have_another_address_with_other_vectors_and_the_same_with_the_same(
    tmp_path: Path,
) -> None:
    found = {}
    for name, rows in {"one": ROWS, "same": ROWS.copy(), "other": with_one(9.0)}.items():
        with with_vectors(tmp_path / f"{name}.db", rows) as made:
            by_file(made, reservoir_answers(made, truth_of(FRAME)))
            answer_queue(made, truth_of(FRAME))
            fits = Fits(Snapshot(made))
            training = fits.snapshot.training_set(DataVersion(fits.snapshot.upto))
            fits.predicted(training, ModelConfig())
            (key,) = fits.new
            found[name] = key, fits.new[key].confidence
    assert found["one"] == found["same"]
    assert found["one"][0] != found["other"][0]


def test_vectors_that_tell_the_classes_are_learned_from(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    frame = FRAME.assign(text=[f"item {n} says nothing" for n in range(40)])
    told = (frame["label"] == "sport").to_numpy().astype(np.float32) * 3
    rows = rng.normal(size=(40, 5)).astype(np.float32) + told[:, np.newaxis]
    right = {}
    for name in ("with", "without"):
        made = (
            with_vectors(tmp_path / "with.db", rows, frame)
            if name == "with"
            else make_project(tmp_path / "without.db", frame)
        )
        with made:
            answer_queue(made, truth_of(frame))
            fits = Fits(Snapshot(made))
            said = fits.of_version(DataVersion(fits.snapshot.upto), ModelConfig())
            reserved = [fits.snapshot.items[row] for row in fits.snapshot.reservoir]
            truth = [fits.snapshot.code[truth_of(frame)[i.source_id]] for i in reserved]
            right[name] = float(np.mean(said == np.array(truth)))
    assert right["with"] > 0.95 > right["without"] + 0.1


def test_a_repaired_item_keeps_its_vector(tmp_path: Path) -> None:
    from labeling.store import events
    from labeling.store.events import NewEvent

    with with_vectors(tmp_path / "p.db") as made:
        item = items.every(made.db)[4]
        with made.writing():
            change = changes.add(made.db, "repair", title="r", author="t", at="now")
            value = json.dumps({"text": "another text altogether"})
            fact = NewEvent("e", change, "edit", item.item_id, "t", value, 0, 1, None, "now")
            events.append(made.db, [fact])
        snapshot = Snapshot(made)
        features = snapshot.features.toarray()
    assert features.shape[0] == 41
    np.testing.assert_array_equal(features[40, -7:], features[4, -7:])
    assert not np.array_equal(features[40, :-7], features[4, :-7])


def test_verify_finds_a_vector_that_was_altered_or_planted(tmp_path: Path) -> None:
    with_vectors(tmp_path / "p.db").close()
    for act in (
        "UPDATE vector SET data = zeroblob(24) WHERE vector_seq = 3",
        "DELETE FROM vector WHERE vector_seq = 3",
    ):
        path = Path(shutil.copy(tmp_path / "p.db", tmp_path / "broken.db"))
        file = sqlite3.connect(path)
        name = f"vector_no_{act.split()[0].lower()}"
        (guard,) = file.execute("SELECT sql FROM sqlite_master WHERE name = ?", (name,)).fetchone()
        for statement in (f"DROP TRIGGER {name}", act, guard):
            file.execute(statement)
        file.commit()
        file.close()
        with opened(path) as broken:
            assert verify(broken)["what"].tolist() == ["vectors"]
            with pytest.raises(sqlite3.IntegrityError, match="append-only"):
                broken.db.execute("DELETE FROM vector")


def test_a_project_of_the_version_before_opens_and_takes_vectors(tmp_path: Path) -> None:
    path = tmp_path / "old.db"
    make_project(path, FRAME).close()
    file = sqlite3.connect(path)
    file.execute("DROP TABLE vector")  # what version 3 did not have
    file.execute("DELETE FROM _sqlite_migrations WHERE name = 'vectors_that_people_bring'")
    file.commit()
    file.close()
    with opened(path) as old:
        assert not Snapshot(old).uses_vectors
        assert verify(old).empty
        assert bring(old, ROWS).known_items == 40
        assert Snapshot(old).uses_vectors
        assert verify(old).empty


def test_a_card_replays_with_the_vectors_of_its_moment(tmp_path: Path) -> None:
    frame = text_frame(90)
    rows = np.random.default_rng(4).normal(size=(90, 6)).astype(np.float32)
    with with_vectors(tmp_path / "p.db", rows, frame) as made:
        by_file(made, reservoir_answers(made, truth_of(frame)))
        for _ in range(2):
            answer_queue(made, truth_of(frame))
            rounds.close_round(made)
        card = replays.make_card(made, "round")
        bring(made, rows[::-1].copy(), frame)
        assert replays.replay(card, made).differences == []


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize(
    "rows", [np.zeros((4, 3)), np.ones((4, 3)), np.full((4, 3), 3e38), np.zeros((0, 3))]
)
def test_vectors_that_say_nothing_are_zeros_without_a_word(rows: np.ndarray) -> None:
    found = core.scaled(rows.astype(np.float32), np.ones(len(rows), dtype=bool))
    assert found.shape == (len(rows), 4)
    assert not found.any()


# -- by command -----------------------------------------------------------------------------------


def test_the_whole_loop_by_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    frame = text_frame(60)
    data, path = write_csv(tmp_path / "d.csv", frame), str(tmp_path / "p.db")
    rows = np.random.default_rng(2).normal(size=(60, 8)).astype(np.float32)
    rows[:, 0] += 4 * (frame["label"] == "sport")
    np.save(tmp_path / "v.npy", rows)
    roles = ["--text", "text", "--id", "id", "--classes", "money,sport"]
    create = ["create", path, str(data), *roles, "--embeddings"]
    assert main([*create, str(tmp_path / "none.npy")]) == 2
    assert not Path(path).exists()
    assert main([*create, str(tmp_path / "v.npy")]) == 0
    assert "60 items have a vector of 8 numbers" in capsys.readouterr().out
    with opened(Path(path)) as made:
        answer_queue(made, truth_of(frame))
    assert main(["close", path]) == 0
    more = text_frame(10, seed=5)
    more = more.assign(**{f"e{i}": "0.5" if i else "4" for i in range(8)})
    second = str(write_csv(tmp_path / "more.csv", more))
    assert main(["import", path, second, "--id", "id", "--embedding-columns", "e"]) == 0
    assert main(["import", path, second, "--embedding-columns", "nope"]) == 2
    assert main(["verify", path]) == 0
    out, err = capsys.readouterr()
    assert "10 items have a vector" in out
    assert (
        err.strip()
        == f"import: no column's name starts with 'nope'; the file has: {', '.join(more.columns)}"
    )
    with opened(Path(path)) as made:
        assert len(rounds.store.every(made.db)) == 1
        sources = items.sources(made.db)
        assert set(json.loads(sources[-1][4])) == {"id", "label"}, (
            "no vector is kept twice as words"
        )
    assert list(read_table(Path(second)).columns)[3:] == [f"e{i}" for i in range(8)]


def test_a_model_of_vectors_is_not_handed_over_without_their_scaling(tmp_path: Path) -> None:
    with with_vectors(tmp_path / "p.db") as made:
        answer_queue(made, truth_of(FRAME))
        rounds.close_round(made)
        with pytest.raises(InputError, match="embeddings=off"):
            handover.make(made, 1)
        project.change_settings(made, {"embeddings": "off"}, author="t")
        assert "model.skops" in handover.make(made, 1).files
