"""Import: items by content, a wall that holds for ever, labels as events."""

from __future__ import annotations

import io
import json
from collections import Counter
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from labeling import imports
from labeling.core.features import Content
from labeling.errors import InputError
from labeling.ingest import Roles, read_table
from labeling.project import Project
from labeling.sides import quota
from labeling.store import changes, events, items, slots
from labeling.versions import Snapshot
from tests.factories import flipped, make_project, more_rows, roles_of, table_frame, text_frame


def sides(project: Project) -> dict[str, str]:
    return {item.source_id: item.side for item in items.every(project.db)}


def files(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


@pytest.mark.parametrize(
    ("n", "reserved"),
    [
        (344, 172),
        (10, 5),
        (1, 0),
        (1999, 999),
        (2000, 1000),
        (4000, 1000),
        (5000, 1000),
        (9000, 1800),
    ],
)
def test_the_reservoir_is_a_fifth_or_a_thousand_rows_but_at_most_half(
    n: int, reserved: int
) -> None:
    assert quota(n, None) == reserved


def test_half_of_the_penguins_are_reserved(samples: Path, tmp_path: Path) -> None:
    frame = read_table(samples / "penguins.csv")
    columns = ("island", "bill_length_mm", "bill_depth_mm", "flipper_length_mm", "body_mass_g")
    roles = Roles(Content("columns", columns), id="id", classes=("Adelie", "Chinstrap", "Gentoo"))
    made, summary = imports.create_project(
        tmp_path / "p.db", frame, roles=roles, source="penguins.csv", author="t"
    )
    with made:
        assert (summary.rows, summary.reservoir) == (344, 172)
        assert items.counts(made.db) == {"pool": 172, "reservoir": 172}


@pytest.mark.parametrize(("share", "reserved"), [(0.0, 0), (0.1, 10), (0.9, 90), (1.0, 100)])
def test_another_share_can_be_reserved(tmp_path: Path, share: float, reserved: int) -> None:
    with make_project(tmp_path / "p.db", text_frame(100), reserve=share) as made:
        assert items.counts(made.db) == {"pool": 100 - reserved, "reservoir": reserved}


def test_the_seed_decides_who_is_reserved(tmp_path: Path) -> None:
    found = []
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        with make_project(tmp_path / f"{name}.db", text_frame(60), seed=seed) as made:
            found.append(sides(made))
    assert found[0] == found[1] != found[2]


def copies(n: int) -> pd.DataFrame:
    """Every text in several spellings that are the same once normalised."""
    frame = text_frame(n)
    spelt = [frame]
    for nth, spell in enumerate((str.upper, lambda t: f"  {t}\t", lambda t: t.replace(" ", "  "))):
        spelt.append(
            frame.assign(text=frame["text"].map(spell), id=frame["id"] + f"-{nth}").astype(object)
        )
    return pd.concat(spelt, ignore_index=True)


@pytest.mark.parametrize("seed", range(4))
def test_look_alikes_never_straddle_the_wall(tmp_path: Path, seed: int) -> None:
    with make_project(tmp_path / "p.db", copies(40), seed=seed) as made:
        by_cluster: dict[str, set[str]] = {}
        for item in items.every(made.db):
            by_cluster.setdefault(item.cluster, set()).add(item.side)
        assert len(by_cluster) == 40
        assert all(len(side) == 1 for side in by_cluster.values())
        assert items.counts(made.db) == {"pool": 80, "reservoir": 80}


def test_a_later_import_keeps_every_side(tmp_path: Path) -> None:
    with make_project(tmp_path / "p.db", text_frame(60)) as made:
        before = sides(made)
        look_alikes = copies(60)
        summary = more_rows(made, pd.concat([look_alikes, text_frame(50, seed=9)]))
        after = sides(made)
        assert {i: after[i] for i in before} == before
        assert all(after[i] == before[i.rsplit("-", 1)[0]] for i in after if i.count("-") == 2)
        assert summary.known_items == 60
        fresh = [side for i, side in after.items() if i.startswith("r9")]
        assert Counter(fresh)["pool"] >= 25


@pytest.mark.parametrize("share", [0.0, 0.5, 1.0])
def test_look_alikes_follow_their_cluster_whatever_is_reserved(
    tmp_path: Path, share: float
) -> None:
    with make_project(tmp_path / "p.db", text_frame(60)) as made:
        before = sides(made)
        more_rows(made, copies(60), reserve=share)
        after = {i: side for i, side in sides(made).items() if i.count("-") == 2}
        assert len(after) == 180
        assert all(side == before[i.rsplit("-", 1)[0]] for i, side in after.items())


def test_a_row_imported_twice_is_one_item_with_two_sources(tmp_path: Path) -> None:
    with make_project(tmp_path / "p.db", text_frame(30)) as made:
        again = text_frame(30).assign(id=[f"x{n}" for n in range(30)]).astype(object)
        summary = more_rows(made, again)
        assert (summary.new_items, summary.known_items) == (0, 30)
        assert len(items.every(made.db)) == 30
        assert len(items.sources(made.db)) == 60
        assert len(items.resolve(made.db, ["x7"])["x7"]) == 1


def test_an_id_names_the_content_and_nothing_else(tmp_path: Path) -> None:
    frame = text_frame(30)
    other = flipped(frame).assign(id=[f"z{n}" for n in range(30)]).astype(object)[::-1]
    found = []
    for name, one in (("a", frame), ("b", other)):
        with make_project(tmp_path / f"{name}.db", one, seed=len(found)) as made:
            found.append({item.item_id: item.content for item in items.every(made.db)})
    assert found[0] == found[1]
    assert all(imports.item_id(content) == name for name, content in found[0].items())


def test_composed_and_decomposed_korean_is_the_same_item(tmp_path: Path) -> None:
    import unicodedata

    frame = text_frame(20, korean=True)
    with make_project(tmp_path / "p.db", frame) as made:
        apart = frame.assign(text=[unicodedata.normalize("NFD", t) for t in frame["text"]])
        assert more_rows(made, apart.astype(object)).new_items == 0


def test_rows_without_content_are_left_out_and_said(tmp_path: Path) -> None:
    frame = text_frame(20)
    frame.loc[3, "text"] = None
    made, summary = imports.create_project(
        tmp_path / "p.db", frame, roles=roles_of(frame), source="f.csv", author="t"
    )
    with made:
        assert (summary.blank_rows, summary.new_items) == (1, 19)
        assert "1 rows without content" in imports.describe(summary)
        assert all(row != 3 for _, row, *_ in items.sources(made.db))


def test_labels_that_came_along_are_events_of_the_file(tmp_path: Path) -> None:
    frame = text_frame(30)
    frame.loc[4, "label"] = None
    with make_project(tmp_path / "p.db", frame, label="label") as made:
        log = events.table(made.db)
        assert len(log) == 29
        assert {row[5] for row in log} == {"import:first.csv"}
        assert {row[3] for row in log} == {"label"}
        change = changes.get(made.db, log[0][2])
        assert change is not None
        assert change.kind == "import"


def test_labels_that_came_along_are_never_gold(tmp_path: Path) -> None:
    with make_project(tmp_path / "p.db", text_frame(30), label="label") as made:
        assert Snapshot(made).gold() == {}


def test_the_annotator_column_says_who(tmp_path: Path) -> None:
    frame = text_frame(20).assign(who=["kim", "lee"] * 10).astype(object)
    with make_project(tmp_path / "p.db", frame, label="label", annotator="who") as made:
        assert Counter(who for _, who, *_ in events.answers(made.db)) == {"kim": 10, "lee": 10}


def test_a_file_that_contradicts_itself_keeps_both_answers(tmp_path: Path) -> None:
    frame = text_frame(20)
    twice = pd.concat([frame, flipped(frame)[:3].assign(id=["c1", "c2", "c3"])], ignore_index=True)
    with make_project(tmp_path / "p.db", twice.astype(object), label="label") as made:
        item = items.every(made.db)[0].item_id
        assert len({label for _, _, label in events.annotations_of(made.db, item)}) == 2


def test_rows_marked_as_gold_are_the_gold(tmp_path: Path) -> None:
    frame = text_frame(60).assign(trust=["yes"] * 10 + ["no"] * 50).astype(object)
    with make_project(tmp_path / "p.db", frame, label="label", gold="trust") as made:
        snapshot = Snapshot(made)
        source = {item.item_id: item.source_id for item in snapshot.items}
        gold = {source[item]: label for item, label in snapshot.gold().items()}
        assert gold == dict(zip(frame["id"][:10], frame["label"][:10], strict=True))
        assert all(sides(made)[i] == "reservoir" for i in gold)
        kinds = [change.kind for change in changes.every(made.db)]
        assert "gold" in kinds


def test_a_column_of_trusted_labels_is_gold_too(tmp_path: Path) -> None:
    frame = text_frame(40)
    frame["truth"] = frame["label"].where(frame.index < 8, None)
    with make_project(tmp_path / "p.db", frame, gold="truth") as made:
        assert len(Snapshot(made).gold()) == 8


def test_gold_that_was_in_the_pool_already_is_refused_and_said(tmp_path: Path) -> None:
    with make_project(tmp_path / "p.db", text_frame(60)) as made:
        before = sides(made)
        marked = text_frame(60).assign(trust="yes").astype(object)
        summary = more_rows(made, marked, label="label", gold="trust")
        assert sides(made) == before
        assert (summary.gold, summary.gold_refused) == (30, 30)
        gold = Snapshot(made).gold()
        reserved = {i.item_id for i in [i for i in items.every(made.db) if i.side == "reservoir"]}
        assert set(gold) == reserved


def test_classes_come_from_the_label_column_in_order(tmp_path: Path) -> None:
    with make_project(tmp_path / "p.db", table_frame(40), label="label", classes=()) as made:
        assert made.classes == ("Adelie", "Chinstrap", "Gentoo")


def test_an_import_publishes_the_seed_batch(tmp_path: Path) -> None:
    with make_project(tmp_path / "p.db", text_frame(100)) as made:
        batch = max(change.change_id for change in changes.every(made.db))
        why = Counter(slot.why for slot in slots.open_slots(made.db, batch))
        assert why == {"seed": 20, "gold": 10}


REFUSED = {
    "no classes": ({"classes": ()}, "classes are unknown"),
    "one class": ({"classes": ("sport",)}, "at least two classes"),
    "missing label column": ({"label": "nope"}, "no column 'nope'"),
    "missing id column": ({"id": "nope"}, "no column 'nope'"),
    "missing annotator column": ({"annotator": "nope"}, "no column 'nope'"),
    "missing gold column": ({"gold": "nope"}, "no column 'nope'"),
    "blank id": ({"id": "hole"}, "blank in row 5"),
    "share above one": ({"reserve": 1.5}, "share from 0 to 1"),
    "share that is no number": ({"reserve": float("nan")}, "share from 0 to 1"),
    "gold marks without labels": ({"gold": "mark"}, "--label"),
    "gold that marks nothing": ({"gold": "zero", "label": "label"}, "marks no row"),
    "gold of an unknown class": ({"gold": "odd"}, "no class"),
    "label column of free text": ({"label": "text", "classes": ()}, "is it the label column"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_refused_table_leaves_no_project_behind(tmp_path: Path, name: str) -> None:
    frame = text_frame(1100).assign(mark="yes", zero="0", odd="weird", hole="x").astype(object)
    frame.loc[5, "hole"] = None
    roles, words = REFUSED[name]
    with pytest.raises(InputError, match=words):
        make_project(tmp_path / "p.db", frame, **roles)
    assert files(tmp_path) == set()


def test_a_refused_table_leaves_its_neighbours_alone(tmp_path: Path) -> None:
    for name in ("p.db.bak", "p.db2", "p.dbx"):
        (tmp_path / name).write_text("mine")
    frame = text_frame(30).assign(odd="weird").astype(object)
    with pytest.raises(InputError, match="no class"):
        make_project(tmp_path / "p.db", frame, gold="odd")
    assert files(tmp_path) == {"p.db.bak", "p.db2", "p.dbx"}


def test_a_refused_import_leaves_the_project_as_it_was(tmp_path: Path) -> None:
    with make_project(tmp_path / "p.db", text_frame(30)) as made:
        before = list(made.db.conn.iterdump())
        frame = text_frame(20, seed=5).assign(odd="weird").astype(object)
        with pytest.raises(InputError, match="no class"):
            more_rows(made, frame, gold="odd")
        with pytest.raises(InputError, match="same columns"):
            more_rows(made, table_frame(20))
        assert list(made.db.conn.iterdump()) == before


def test_an_existing_file_is_never_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "p.db"
    path.write_text("mine")
    with pytest.raises(InputError, match="exists"):
        make_project(path, text_frame(20))
    assert path.read_text() == "mine"


def test_images_become_items_by_their_bytes(tmp_path: Path) -> None:
    def png(n: int) -> bytes:
        out = io.BytesIO()
        pixels = np.random.default_rng(n).integers(0, 255, (8, 8)).astype(np.uint8)
        Image.fromarray(pixels).save(out, format="PNG")
        return out.getvalue()

    data = [png(n) for n in range(12)]
    frame = pd.DataFrame({"image": [*data, data[0]], "label": ["a", "b"] * 6 + ["a"]}, dtype=object)
    roles = Roles(Content("image", ("image",)), classes=("a", "b"))
    made, summary = imports.create_project(
        tmp_path / "p.db", frame, roles=roles, source="i.csv", author="t"
    )
    with made:
        assert (summary.rows, summary.new_items) == (13, 12)
        stored = items.images(made.db)
        assert sorted(stored.values()) == sorted(data)
        assert all(set(json.loads(i.content)) == {"image"} for i in items.every(made.db))
        assert Snapshot(made).features.shape == (12, 2227)


def test_a_formula_is_kept_as_it_was_written(tmp_path: Path) -> None:
    frame = text_frame(20)
    frame.loc[0, "text"] = "=1+cmd|' /C calc'!A0"
    with make_project(tmp_path / "p.db", frame) as made:
        assert json.loads(items.every(made.db)[0].content)["text"] == "=1+cmd|' /C calc'!A0"
