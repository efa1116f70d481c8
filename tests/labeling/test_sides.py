"""The wall: no near-duplicate on both sides, at the first import and at every later one."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from labeling import audits, export, fixes, history, imports, issues, rounds
from labeling.core.features import Content
from labeling.project import Project
from labeling.sides import CROWD
from labeling.store import items, slots
from labeling.verification import verify
from labeling.versions import Snapshot
from tests.factories import (
    answer_queue,
    make_project,
    more_rows,
    put_on_side,
    roles_of,
    text_frame,
    truth_of,
)

SYLLABLES = "가나다라마바사아자차카타파하거너더러머버서어저처커터퍼허고노도로모보소오조초코토포호"


def sides(project: Project) -> dict[str, str]:
    told = items.sides(project.db)
    return {item.source_id: told[item.item_id] for item in items.every(project.db)}


def near_copies(frame: pd.DataFrame, n: int) -> pd.DataFrame:
    """The first `n` rows once more, with another word at the end."""
    one = frame.head(n)
    return one.assign(id="n" + one["id"], text=one["text"] + " ok").astype(object)


def passages(words: range, n: int = 24) -> pd.DataFrame:
    """Texts of the given words each of a list of its own: neighbours in one list share words."""
    syllables = np.array(list(SYLLABLES))
    rows = []
    for k in range(n):
        named = ["".join(np.random.default_rng([k, w]).choice(syllables, 5)) for w in words]
        rows.append((f"{words.start}-{k}", " ".join(named), ["긍정", "부정"][k % 2]))
    return pd.DataFrame(rows, columns=["id", "text", "label"], dtype=object)


def both_ends() -> pd.DataFrame:
    """Pairs of texts that are no near-duplicates, though a third may be one of both."""
    return pd.concat([passages(range(10)), passages(range(4, 14))], ignore_index=True)


BETWEEN = range(2, 12)


@pytest.mark.parametrize("korean", [False, True])
@pytest.mark.parametrize("seed", range(3))
def test_near_copies_in_a_file_never_straddle_the_wall(
    tmp_path: Path, seed: int, korean: bool
) -> None:
    frame = text_frame(80, seed=seed, korean=korean)
    both = pd.concat([frame, near_copies(frame, 40)], ignore_index=True)
    with make_project(tmp_path / "p.db", both, seed=seed) as made:
        told = sides(made)
        assert all(told[i] == told[f"n{i}"] for i in frame["id"].head(40))
        assert set(told.values()) == {"pool", "reservoir"}
        audits.recheck(made)
        assert audits.outcomes(made).set_index("code").loc["D303", "status"] == "passed"


def test_the_order_of_the_rows_decides_no_side(tmp_path: Path) -> None:
    frame = text_frame(80)
    both = pd.concat([frame, near_copies(frame, 40), both_ends()], ignore_index=True)
    found = []
    for name in "ab":
        mixed = both if name == "a" else both.sample(frac=1.0, random_state=4)
        with make_project(tmp_path / f"{name}.db", mixed, classes=("a", "b")) as made:
            found.append(sides(made))
    assert found[0] == found[1]


def test_near_rows_of_a_table_and_near_images_keep_together(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    rows = pd.DataFrame(rng.normal(size=(60, 4)), columns=list("abcd"))
    both = pd.concat([rows, rows.head(20) + 1e-4]).astype(str).astype(object)
    both["id"] = [f"{k % 60}-{k // 60}" for k in range(80)]
    content = Content("columns", tuple("abcd"))
    one, _ = imports.create_project(
        tmp_path / "t.db", both, roles=roles_of(both.assign(label="x"), content=content,
        classes=("x", "y")), source="t.csv", author="t",
    )  # fmt: skip
    with one as made:
        told = sides(made)
        assert all(told[f"{k}-0"] == told[f"{k}-1"] for k in range(20))
        assert len(set(told.values())) == 2


def picture(n: int, *, form: str) -> bytes:
    small = np.random.default_rng(n).integers(0, 255, (6, 6)).astype(np.uint8)
    out = io.BytesIO()
    Image.fromarray(small).resize((48, 48), Image.Resampling.BICUBIC).save(out, format=form)
    return out.getvalue()


def test_the_same_picture_in_another_format_stays_on_its_side(tmp_path: Path) -> None:
    def frame(form: str) -> pd.DataFrame:
        data = [picture(n, form=form) for n in range(24)]
        ids = [f"{form}{n}" for n in range(24)]
        return pd.DataFrame({"id": ids, "image": data, "label": ["a", "b"] * 12}, dtype=object)

    content = Content("image", ("image",))
    with make_project(tmp_path / "p.db", frame("PNG"), content=content) as made:
        before = sides(made)
        more_rows(made, frame("BMP"), content=content)
        told = sides(made)
        assert {told[f"BMP{n}"] for n in range(24)} == {"pool", "reservoir"}
        assert all(told[f"BMP{n}"] == before[f"PNG{n}"] for n in range(24))


def test_a_later_near_copy_joins_its_original_and_nothing_moves(tmp_path: Path) -> None:
    frame = text_frame(80)
    with make_project(tmp_path / "p.db", frame) as made:
        before = sides(made)
        summary = more_rows(made, near_copies(frame, 80))
        told = sides(made)
        assert {i: told[i] for i in before} == before
        assert all(told[f"n{i}"] == before[i] for i in frame["id"])
        assert (summary.new_items, summary.aside) == (80, 0)
        assert verify(made).empty


def test_what_is_near_to_both_sides_is_put_aside_and_named(tmp_path: Path) -> None:
    with make_project(tmp_path / "p.db", both_ends(), label="label") as made:
        before = sides(made)
        apart = {k for k in range(24) if before[f"0-{k}"] != before[f"4-{k}"]}
        assert 4 < len(apart) < 20
        summary = more_rows(made, passages(BETWEEN), label="label")
        told = sides(made)
        assert {i: told[i] for i in before} == before
        between = {k: told[f"2-{k}"] for k in range(24)}
        assert {k for k, side in between.items() if side == "aside"} == apart
        assert all(between[k] == before[f"0-{k}"] for k in between.keys() - apart)
        assert summary.pool + summary.reservoir + summary.aside == summary.new_items == 24
        assert f"{len(apart)} are near-duplicates of items on both" in imports.describe(summary)
        table = export.table(made, "items").query("part == 'aside'")
        assert set(table["source_id"]) == {f"2-{k}" for k in apart}
        assert table["excluded"].all()
        assert verify(made).empty


def test_what_was_put_aside_is_never_asked_and_never_comes_back(tmp_path: Path) -> None:
    with make_project(tmp_path / "p.db", both_ends()) as made:
        change = more_rows(made, passages(BETWEEN), source="between.csv").change_id
        out = items.aside(made.db)
        history.revert(made, change, author="own")
        assert out and out <= items.excluded(made.db)
        more_rows(made, passages(BETWEEN), source="again.csv")
        assert out <= items.excluded(made.db)
        truth = truth_of(both_ends(), passages(BETWEEN))
        for _ in range(3):
            answer_queue(made, truth)
            rounds.close_round(made)
        assert not out & items.labelled(made.db)
        assert not out & set(slots.queued_items(made.db, "batch"))
        snapshot = Snapshot(made)
        assert not out & snapshot.gold().keys()


def test_trusted_labels_of_what_is_put_aside_are_refused(tmp_path: Path) -> None:
    with make_project(tmp_path / "p.db", both_ends()) as made:
        marked = passages(BETWEEN).assign(trust="yes").astype(object)
        summary = more_rows(made, marked, label="label", gold="trust")
        assert summary.aside > 0
        assert summary.gold == summary.reservoir
        assert summary.gold_refused == summary.pool + summary.aside


def test_rows_of_one_template_do_not_all_fall_on_one_side(tmp_path: Path) -> None:
    def orders(start: int) -> pd.DataFrame:
        rows = [
            (f"o{k}", f"주문 번호 {k * 7919 % 99991:05d} 상품이 발송되었습니다 감사합니다", "긍정")
            for k in range(start, start + 4 * CROWD)
        ]
        return pd.DataFrame(rows, columns=["id", "text", "label"], dtype=object)

    with make_project(tmp_path / "p.db", orders(0), classes=("긍정", "부정")) as made:
        assert items.counts(made.db)["reservoir"] > CROWD
        summary = more_rows(made, orders(4 * CROWD), classes=("긍정", "부정"))
        assert min(summary.pool, summary.reservoir) > CROWD
        assert summary.aside < CROWD


def test_a_small_file_of_one_template_has_both_sides(tmp_path: Path) -> None:
    rows = [(f"t{k}", f"item {k} says nothing", ["a", "b"][k % 2]) for k in range(40)]
    frame = pd.DataFrame(rows, columns=["id", "text", "label"], dtype=object)
    with make_project(tmp_path / "p.db", frame) as made:
        assert items.counts(made.db) == {"pool": 20, "reservoir": 20}


def test_a_project_from_before_takes_new_rows_and_moves_none(tmp_path: Path) -> None:
    """Older imports knew equal texts only, so that near ones lie on both sides."""
    frame = text_frame(60)
    with make_project(tmp_path / "p.db", frame) as made:
        measured = [i for i, side in sides(made).items() if side == "reservoir"]
        copies = near_copies(frame[frame["id"].isin(measured)], 30)
        put_on_side(made, copies, "pool")
        before = sides(made)
        again = copies.assign(id="m" + copies["id"], text=copies["text"] + " ok")
        fresh = text_frame(40, seed=9)
        summary = more_rows(made, pd.concat([again, fresh], ignore_index=True).astype(object))
        told = sides(made)
        assert {i: told[i] for i in before} == before
        assert all(told[i] == "aside" for i in again["id"])
        assert (summary.aside, summary.pool + summary.reservoir) == (30, 40)


# -- I3: a planted leak -------------------------------------------------------------------------


def score(project: Project) -> float:
    """The accuracy of the newest model on the gold."""
    told = export.table(project, "scores").query("arm == 'active' and metric == 'accuracy'")
    return float(told["value"].iloc[-1])


def hard_frame(n: int) -> pd.DataFrame:
    """Texts of which a third say nothing of their label: only who saw a copy knows it."""
    frame = text_frame(n, seed=3)
    rng = np.random.default_rng(8)
    made_up = ["".join(rng.choice(list("bcdfghjklmnpqrstvwxz"), 9)) for _ in range(6 * n)]
    blind = rng.random(n) < 0.33
    words = [" ".join(made_up[6 * k : 6 * k + 6]) for k in range(n)]
    return frame.assign(text=np.where(blind, words, frame["text"])).astype(object)


def test_a_planted_leak_is_found_and_its_fix_brings_the_honest_score_back(tmp_path: Path) -> None:
    frame = hard_frame(900)
    with make_project(tmp_path / "p.db", frame, label="label", reserve=0.34) as made:
        gold = frame[frame["id"].isin(i for i, s in sides(made).items() if s == "reservoir")]
        more_rows(made, gold.assign(trust="yes").astype(object), label="label", gold="trust")
        rounds.close_round(made)
        honest = score(made)
        leaked = near_copies(gold[~gold["text"].str.contains("no3x")], len(gold) // 10)
        put_on_side(made, leaked, "pool")
        rounds.close_round(made)
        flattered = score(made)
        assert flattered > honest + 0.02, "the leak was worth something"
        found = issues.table(made).query("code == 'D303' and status == 'open'")
        source = {item.item_id: item.source_id for item in items.every(made.db)}
        assert {source[i] for i in found["item_id"]} == set(leaked["id"])
        fixes.drop(made, found["issue_id"].tolist(), author="rev", reason="copies of the gold")
        rounds.close_round(made)
        assert score(made) == pytest.approx(honest, abs=0.01)


def test_the_same_copies_through_the_front_door_flatter_nothing(tmp_path: Path) -> None:
    frame = hard_frame(300)
    with make_project(tmp_path / "p.db", frame, label="label", reserve=0.34) as made:
        before = {item for item, side in items.sides(made.db).items() if side == "pool"}
        told = sides(made)
        gold = frame[[told[i] == "reservoir" for i in frame["id"]]]
        more_rows(made, near_copies(gold, len(gold)), label="label")
        after = {item for item, side in items.sides(made.db).items() if side == "pool"}
        assert after == before
