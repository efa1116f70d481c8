"""From an issue to an act in the log, and back: drop, merge, keep apart, repair, mute, assign."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from labeling import audits, export, fixes, history, issues, mutes, project, rounds
from labeling.core.features import Content
from labeling.core.log import DataVersion
from labeling.errors import BlockedError, InputError
from labeling.fits import Fits
from labeling.project import Project
from labeling.store import changes, events, items
from labeling.verification import verify
from labeling.versions import Snapshot
from tests.factories import (
    CITIES,
    answer_queue,
    frame_with_copies,
    make_project,
    orders_frame,
    put_on_side,
    text_frame,
    truth_of,
)  # fmt: skip


@pytest.fixture
def copies(tmp_path: Path) -> Iterator[Project]:
    """A project with near-duplicates, all in the pool."""
    with make_project(tmp_path / "p.db", frame_with_copies(), reserve=0.0) as made:
        audits.recheck(made)
        yield made


@pytest.fixture
def table(tmp_path: Path) -> Iterator[Project]:
    """A project of a table with a wrong city, all in the pool."""
    content = Content("columns", ("zip", "city", "amount"))
    with make_project(
        tmp_path / "t.db", orders_frame(), label="label", content=content, reserve=0.0
    ) as made:
        audits.recheck(made)
        yield made


def found(one: Project, code: str, status: str = "open") -> pd.DataFrame:
    told = issues.table(one)
    return told[(told["code"] == code) & (told["status"] == status)]


def everything(one: Project) -> dict[str, object]:
    """What models and checks see of a project."""
    snapshot = Snapshot(one)
    version = DataVersion(snapshot.upto)
    return {
        "training": snapshot.training_set(version).hash,
        "out": sorted(items.excluded(one.db)),
        "mutes": mutes.standing(one),
        "on it": issues.table(one)["assignee"].tolist(),
        "blocks": audits.gate(one)["severity"].tolist(),
        "clusters": fixes.clusters(one)["item_id"].tolist(),
    }


# -- duplicates -----------------------------------------------------------------------------------


def test_a_merge_keeps_one_of_each_cluster_and_the_issue_is_gone(copies: Project) -> None:
    side_by_side = fixes.clusters(copies)
    assert side_by_side.groupby("cluster").size().tolist() == [2] * 4
    answer_queue(copies, truth_of(frame_with_copies()))
    pair = side_by_side[side_by_side["cluster"] == side_by_side["cluster"][0]]
    change = fixes.merge(copies, list(pair["item_id"]), author="rev")
    assert len(items.excluded(copies.db)) == 1
    audits.recheck(copies)
    assert len(found(copies, "D302")) == 3
    assert len(found(copies, "D302", "fixed")) == 1
    row = fixes.table(copies).set_index("change_id").loc[change]
    assert (row["kind"], row["issues"], row["gone"]) == ("dedupe", 1, 1)
    assert verify(copies).empty


def test_a_merge_keeps_the_item_that_people_labelled(copies: Project) -> None:
    pair = fixes.clusters(copies)["item_id"].tolist()[:2]
    for labelled in pair:
        with copies.writing():
            said = (
                f"e-{labelled}",
                1,
                "label",
                labelled,
                "ann",
                "sport",
                0,
                1,
                None,
                project.now(),
            )
            events.append(copies.db, [events.NewEvent(*said)])
        change = fixes.merge(copies, pair, author="rev")
        assert items.excluded(copies.db) == set(pair) - {labelled}
        history.revert(copies, change, author="rev")
        take_back(copies, f"e-{labelled}")


def take_back(one: Project, target: str) -> None:
    old = events.get(one.db, target)
    assert old is not None
    back = (f"back-{target}", 1, "retract", old.item_id, "ann", None, 0, 1, target, project.now())
    with one.writing():
        events.append(one.db, [events.NewEvent(*back)])


def test_a_reservoir_item_is_never_merged_away(tmp_path: Path) -> None:
    with make_project(tmp_path / "p.db", frame_with_copies(), reserve=1.0) as made:
        audits.recheck(made)
        pair = fixes.clusters(made)["item_id"].tolist()[:2]
        with pytest.raises(InputError, match="all of these measure"):
            fixes.merge(made, pair, author="rev")


def test_what_is_not_the_same_is_not_found_again(copies: Project) -> None:
    pair = fixes.clusters(copies)["item_id"].tolist()[:2]
    fixes.keep_apart(copies, pair, author="rev")
    assert not set(pair) & set(fixes.clusters(copies)["item_id"]), "at once"
    audits.recheck(copies)
    assert len(found(copies, "D302")) == 3
    assert not items.excluded(copies.db)
    with pytest.raises(InputError, match="two items"):
        fixes.keep_apart(copies, pair[:1], author="rev")


def test_what_a_leak_adds_to_the_score_is_said(tmp_path: Path) -> None:
    frame = text_frame(120)
    with make_project(tmp_path / "p.db", frame) as made:
        measured = {i.source_id for i in items.every(made.db) if i.side == "reservoir"}
        near = frame[frame["id"].isin(measured)].head(20)
        near = near.assign(id="n" + near["id"], text=near["text"] + "!")
        put_on_side(made, near, "pool")
        for _ in range(3):
            answer_queue(made, truth_of(frame, near))
            rounds.close_round(made)
        message = audits.outcomes(made).set_index("code").loc["D303", "message"]
        found = re.match(r"(\d+) of (\d+) gold items .* adds \S+ \[\S+, \S+\] points", message)
        assert found is not None, message
        leaked, gold = map(int, found.groups())
        assert 0 < leaked < gold == len(Snapshot(made).gold())


# -- rows and cells -------------------------------------------------------------------------------


def test_a_drop_takes_items_out_with_a_reason(copies: Project) -> None:
    chosen = found(copies, "D302")["issue_id"].tolist()[:2]
    with pytest.raises(InputError, match="say why"):
        fixes.drop(copies, chosen, author="rev", reason=" ")
    fixes.drop(copies, chosen, author="rev", reason="광고")
    assert history.table(copies)["title"].tolist()[-1] == "Drop 2 items: 광고"
    audits.recheck(copies)
    assert set(found(copies, "D302", "fixed")["issue_id"]) == set(chosen)
    with pytest.raises(InputError, match="none of these"):
        fixes.drop(copies, chosen, author="rev", reason="again")


def test_a_repair_is_seen_by_the_checks_and_by_the_model(table: Project) -> None:
    proposed = fixes.proposals(table)
    cell = proposed[proposed["column"] == "city"].iloc[0]
    truth = CITIES[orders_frame()["zip"][7]]
    assert (cell["before"], cell["after"]) == (orders_frame()["city"][7], truth)
    before = Snapshot(table)
    plain = before.training_set(DataVersion(before.upto))
    change = fixes.repair(table, [(cell["item_id"], "city")], author="rev")
    after = Snapshot(table)
    repaired = after.training_set(DataVersion(after.upto))
    assert repaired.hash != plain.hash
    seen, unseen = (
        after.features[after.rows({cell["item_id"]: "north"}, edits)[0]].toarray()
        for edits in (repaired.edits, {})
    )
    assert (seen != unseen).any(), "the model trains on the repaired row"
    without = DataVersion(after.upto, frozenset({change}))
    assert after.training_set(without).hash == plain.hash, "and without it on the row as it came"
    audits.recheck(table)
    assert found(table, "S202").empty and len(found(table, "S202", "fixed")) >= 1
    assert fixes.proposals(table)["item_id"].tolist().count(cell["item_id"]) == 0
    original = export.table(table, "items").set_index("item_id").loc[cell["item_id"]]
    assert original["city"] == cell["before"], "what came stays in the log"
    assert verify(table).empty


def test_versions_with_and_without_a_repair_share_one_feature_space(table: Project) -> None:
    cell = fixes.proposals(table).iloc[0]
    change = fixes.repair(table, [(cell["item_id"], cell["column"])], author="rev")
    fits = Fits(Snapshot(table))
    config = fits.model_of(fits.snapshot.config())
    for gone in (frozenset[int](), frozenset({change})):
        version = DataVersion(fits.snapshot.upto, gone)
        assert fits.of_version(version, config).shape == (0,), "no reservoir, but it trains"


def test_a_repair_that_nobody_proposed_is_refused(table: Project) -> None:
    with pytest.raises(InputError, match="run the checks again"):
        fixes.repair(table, [("nothing", "city")], author="rev")


# -- mute, assign, gate ---------------------------------------------------------------------------


def test_a_mute_needs_a_reason_and_ends_by_itself(copies: Project) -> None:
    chosen = found(copies, "D302")["issue_id"].tolist()[:1]
    for reason, until, words in (
        ("", "", "say in"),
        ("ok", "soon", "a day like"),
        ("ok", "2001-01-01", "is over"),
    ):
        with pytest.raises(InputError, match=words):
            mutes.mute(copies, chosen, reason=reason, until=until, author="rev")
    mutes.mute(copies, chosen, reason="알려진 것", until="2999-12-31", author="rev")
    assert found(copies, "D302", "muted")["issue_id"].tolist() == chosen
    assert "알려진 것" in found(copies, "D302", "muted")["muted"].iloc[0]
    assert mutes.standing(copies, today="2999-12-31")
    assert not mutes.standing(copies, today="3000-01-01")
    mutes.unmute(copies, chosen, author="rev")
    assert len(found(copies, "D302")) == 4


def test_a_muted_check_still_runs_and_keeps_what_it_finds(copies: Project) -> None:
    mutes.mute(copies, ["D302"], reason="forum quotes", author="rev")
    audits.recheck(copies)
    outcome = audits.outcomes(copies).set_index("code").loc["D302"]
    assert (outcome["status"], outcome["n_found"]) == ("muted", 4)
    assert outcome["message"].startswith("Muted by rev: forum quotes.")
    assert len(found(copies, "D302", "muted")) == 4
    assert issues.summary(copies).open["info"] == len(
        issues.table(copies).query("severity == 'info' and status == 'open'")
    )


def test_the_gate_says_what_blocks_a_round(copies: Project) -> None:
    rounds_open = rounds.current(copies)
    audits.set_severities(copies, {"D302": "warning"}, author="own")
    project.change_settings(copies, {"gate": "warning"}, author="own")
    with pytest.raises(BlockedError, match="D302 Near duplicate"):
        rounds.close_round(copies)
    assert rounds.current(copies) == rounds_open
    assert issues.summary(copies).blocking >= 4
    mutes.mute(copies, found(copies, "D302")["issue_id"].tolist(), reason="fine", author="own")
    others = {
        code: "info" for code in audits.gate(copies).query("blocks and code != 'D302'")["code"]
    }
    audits.set_severities(copies, others, author="own")
    rounds.close_round(copies)
    assert rounds.current(copies) == rounds_open + 1


@pytest.mark.parametrize("chosen", [{"X1": "info"}, {"D302": "grave"}])
def test_an_unknown_check_or_severity_is_refused(copies: Project, chosen: dict[str, str]) -> None:
    with pytest.raises(InputError):
        audits.set_severities(copies, chosen, author="own")


def test_somebody_is_on_it_until_somebody_else_is(copies: Project) -> None:
    chosen = found(copies, "D302")["issue_id"].tolist()[:2]
    for name in ("민수", "Ann", ""):
        issues.assign(copies, chosen, name, author="own")
        told = issues.table(copies).set_index("issue_id")["assignee"]
        assert set(told[chosen]) == {name}
        assert set(told.drop(chosen)) == {""}
    with pytest.raises(InputError):
        issues.assign(copies, ["nothing"], "Ann", author="own")


# -- back -----------------------------------------------------------------------------------------


def test_every_fix_can_be_reverted_and_then_nothing_is_changed(copies: Project) -> None:
    pair = fixes.clusters(copies)["item_id"].tolist()
    chosen = found(copies, "D302")["issue_id"].tolist()
    acts = {
        "drop": lambda: fixes.drop(copies, chosen[:1], author="rev", reason="no"),
        "merge": lambda: fixes.merge(copies, pair[:2], author="rev"),
        "apart": lambda: fixes.keep_apart(copies, pair[2:4], author="rev"),
        "mute": lambda: mutes.mute(copies, chosen, reason="no", author="rev"),
        "assign": lambda: issues.assign(copies, chosen, "Ann", author="rev"),
        "gate": lambda: audits.set_severities(copies, {"D302": "critical"}, author="rev"),
    }
    for name, act in acts.items():
        before = everything(copies)
        change = act()
        assert everything(copies) != before, name
        assert change is not None
        history.revert(copies, change, author="rev")
        assert everything(copies) == before, name
    assert verify(copies).empty


def test_a_reverted_repair_trains_on_the_row_as_it_came(table: Project) -> None:
    before = everything(table)
    cell = fixes.proposals(table).iloc[0]
    change = fixes.repair(table, [(cell["item_id"], cell["column"])], author="rev")
    assert everything(table) != before
    history.revert(table, change, author="rev")
    assert everything(table) == before
    assert int(fixes.table(table).set_index("change_id").loc[change, "reverted_by"]) == change + 1


# -- what is told ---------------------------------------------------------------------------------


def test_an_issue_about_the_table_keeps_its_id_while_its_figures_move(tmp_path: Path) -> None:
    frame = text_frame(80)
    with make_project(tmp_path / "p.db", frame, classes=("money", "sport", "rare")) as made:
        answer_queue(made, truth_of(frame))
        audits.recheck(made)
        first = found(made, "B401").set_index("issue_id")["message"]
        with made.writing():
            item = sorted(items.ids(made.db) - items.labelled(made.db))[0]
            said = ("one", 1, "label", item, "ann", "rare", 0, 1, None, project.now())
            events.append(made.db, [events.NewEvent(*said)])
        audits.recheck(made)
        second = found(made, "B401").set_index("issue_id")["message"]
        assert list(first.index) == list(second.index)
        assert len(first) == 1


def test_a_recheck_says_what_is_new_and_what_is_gone(copies: Project) -> None:
    assert issues.difference(copies) is None
    pair = fixes.clusters(copies)["item_id"].tolist()[:2]
    fixes.merge(copies, pair, author="rev")
    audits.recheck(copies)
    moved = issues.difference(copies)
    assert moved is not None
    row = moved.by_check.set_index("code").loc["D302"]
    assert row.tolist() == [4, 3, 0, 1]
    assert f"{moved.new} new, {moved.gone} gone" in issues.summary(copies).words


def test_the_board_says_what_how_bad_since_when_and_who(copies: Project) -> None:
    issues.assign(copies, found(copies, "D302")["issue_id"].tolist()[:1], "Ann", author="own")
    audits.recheck(copies)
    row = issues.board(copies).set_index("code").loc["D302"]
    assert (row["open"], row["severity"], row["assignees"]) == (4, "info", "Ann")
    assert row["since"] == audits.audits_table(copies)["at"][0][:10]
    assert row["trend"] == [4, 4]
    told = issues.trend(copies)
    assert set(told["audit_id"]) == {1, 2} and set(told["import"]) == {1}


def test_the_report_of_a_project_names_every_check(copies: Project) -> None:
    page = audits.html(copies)
    assert all(code in page for code in audits.outcomes(copies)["code"])
    assert "http" not in page.replace("http-equiv", "")


def test_a_fix_shows_the_bar_that_was_measured(tmp_path: Path) -> None:
    frame = frame_with_copies(120)
    with make_project(tmp_path / "p.db", frame) as made:
        for _ in range(2):
            answer_queue(made, truth_of(frame))
            rounds.close_round(made)
        chosen = found(made, "D302")
        chosen = chosen[[items.get(made.db, i).side == "pool" for i in chosen["item_id"]]]
        labelled = chosen[chosen["item_id"].isin(items.labelled(made.db))]
        fix = fixes.drop(made, labelled["issue_id"].tolist(), author="rev", reason="twice")
        assert "not measured yet" in fixes.in_words(fixes.table(made).iloc[0])
        rounds.close_round(made)
        row = next(r for r in fixes.table(made).itertuples() if r.change_id == fix)
        assert np.isfinite([row.delta, row.low, row.high]).all()
        assert fixes.in_words(row).startswith("this fix: ")
        assert changes.get(made.db, fix) is not None


def test_a_repair_shows_its_bar_once_a_round_is_closed(tmp_path: Path) -> None:
    frame = orders_frame(160)
    frame = frame.assign(trust=np.where(frame.index >= 120, "yes", "no")).astype(object)
    roles = {"label": "label", "gold": "trust", "reserve": 0.25}
    content = Content("columns", ("zip", "city", "amount"))
    with make_project(tmp_path / "p.db", frame, content=content, **roles) as made:
        rounds.close_round(made)
        cell = fixes.proposals(made).query("column == 'city'").iloc[0]
        assert items.get(made.db, cell["item_id"]).side == "pool"
        fix = fixes.repair(made, [(cell["item_id"], "city")], author="rev")
        assert "not measured yet" in fixes.in_words(fixes.table(made).iloc[0])
        rounds.close_round(made)
        row = next(r for r in fixes.table(made).itertuples() if r.change_id == fix)
        assert (row.kind, row.issues, row.gone) == ("repair", 1, 1)
        assert np.isfinite([row.delta, row.low, row.high]).all()
        assert row.low <= row.delta <= row.high
        assert fixes.in_words(row).startswith("this fix: ")


def test_of_two_cells_that_contradict_each_other_one_is_repaired(table: Project) -> None:
    told = fixes.proposals(table)
    item = told["item_id"][0]
    both = [(item, column) for column in told.loc[told["item_id"] == item, "column"]]
    assert sorted(column for _, column in both) == ["city", "zip"]
    fixes.repair(table, both, author="rev")
    (repaired,) = events.edits_of(table.db, item)
    assert repaired == told["column"][0], "the surer one"
    audits.recheck(table)
    assert found(table, "S202").empty


def test_a_proposed_value_can_be_replaced_or_emptied(table: Project) -> None:
    cell = fixes.proposals(table).iloc[0]
    chosen = [(cell["item_id"], cell["column"])]
    for value in ("부산", None):
        change = fixes.repair(table, chosen, author="rev", values={0: value})
        assert events.edits_of(table.db, cell["item_id"]) == {cell["column"]: value}
        history.revert(table, change, author="rev")
        assert not events.edits_of(table.db, cell["item_id"])
