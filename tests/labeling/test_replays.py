"""Replays: a card holds in a fresh process, and an altered label, log or digit flags it."""

from __future__ import annotations

import html
import json
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from labeling import answers, export, impact, project, queue, replays, rounds
from labeling.__main__ import main
from labeling.core import cards
from labeling.core.cards import Card
from labeling.core.log import DataVersion
from labeling.errors import InputError
from labeling.fits import Fits
from labeling.project import Project
from labeling.store import rounds as store
from labeling.versions import Snapshot
from tests.factories import (
    answer_queue,
    answers_frame,
    by_file,
    make_project,
    more_rows,
    reservoir_answers,
    text_frame,
    truth_of,
)

FRAME = text_frame(110, korean=True)
TRUTH = truth_of(FRAME)
CLAIMS = ["waterfall", "round"]


@pytest.fixture
def folder(told: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(told, tmp_path / "copy"))


def run(*words: object) -> int:
    return main([str(word) for word in words])


def read(folder: Path, claim: str) -> Card:
    card, intact = replays.read(folder / f"{claim}.json")
    assert intact
    return card


@pytest.mark.parametrize("claim", CLAIMS)
def test_a_fresh_process_gives_the_same_digits(told: Path, claim: str) -> None:
    """METHODS J1."""
    command = [sys.executable, "-m", "labeling", "replay", f"{told / claim}.json"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    assert done.stdout == f"Every digit agrees: the {claim} holds.\n"


@pytest.mark.parametrize("claim", CLAIMS)
def test_a_replay_trains_anew_and_writes_nothing(folder: Path, claim: str) -> None:
    """Stored fits are made worthless: a replay that took them would come out otherwise."""
    tamper(folder / "감정.db", "UPDATE fit SET predicted = zeroblob(length(predicted))")
    with project.opened(folder / "감정.db") as opened:
        before = "\n".join(opened.db.conn.iterdump())
        found = replays.replay(read(folder, claim), opened)
        assert found.differences == []
        assert "\n".join(opened.db.conn.iterdump()) == before


def test_the_same_claim_gives_the_same_card(told: Path) -> None:
    with project.opened(told / "감정.db") as opened:
        again = replays.make_card(opened, "waterfall")
    assert cards.to_json(again) == (told / "waterfall.json").read_text(encoding="utf-8")


def test_a_card_says_what_it_rests_on(told: Path) -> None:
    card = read(told, "waterfall")
    with project.opened(told / "감정.db") as opened:
        snapshot = Snapshot(opened)
        training = snapshot.training_set(DataVersion(snapshot.upto))
        assert card.labels == {"labels": len(training.labels), "hash": training.hash}
        assert card.gold["labels"] == len(snapshot.gold())
        assert card.ledger["events"] == snapshot.upto
        assert card.seeds["fit"] == Fits(snapshot).seed
    assert set(card.packages) == {"python", *replays.PACKAGES}
    assert any("나쁜 <script>.csv" in line for line in card.figures["words"])


def tamper(path: Path, statement: str, *, without: str = "") -> None:
    """Run SQL past the app, dropping a guard that is in the way."""
    file = sqlite3.connect(path)
    if without:
        file.execute(f"DROP TRIGGER {without}")
    assert file.execute(statement).rowcount > 0
    file.commit()
    file.close()


@pytest.mark.parametrize("claim", CLAIMS)
def test_a_label_altered_in_the_file_is_flagged(folder: Path, claim: str) -> None:
    """METHODS J2, by somebody who rewrites the log."""
    one_label = (
        "UPDATE event SET value = CASE value WHEN '긍정' THEN '부정' ELSE '긍정' END WHERE seq = "
        "(SELECT min(seq) FROM event JOIN item USING (item_id) WHERE kind = 'label' "
        "AND side = 'pool')"
    )
    tamper(folder / "감정.db", one_label, without="event_no_update")
    with project.opened(folder / "감정.db") as opened:
        found = replays.replay(read(folder, claim), opened).differences
    fields = {line.partition(":")[0] for line in found}
    assert {"ledger, hash", "labels, hash"} <= fields
    assert not any(line.startswith("gold") for line in found)


def relabelled(opened: Project, item: str) -> str:
    """Its annotator changes the label of an item by a file; the label it had."""
    rows = export.labels_table(opened).set_index("item_id")
    old = str(rows.loc[item, "label"])
    new = next(name for name in opened.classes if name != old)
    who = export.annotations_table(opened).set_index("item_id").loc[item, "annotator"]
    by_file(opened, pd.DataFrame({"item": [item], "who": [who], "label": [new]}, dtype=object))
    return old


@pytest.mark.parametrize("part", ["pool", "gold"])
def test_a_label_altered_in_the_app_is_flagged_and_named(folder: Path, part: str) -> None:
    """METHODS J2, by a later answer: the figures still hold, what they rest on does not."""
    with project.opened(folder / "감정.db") as opened:
        rows = export.labels_table(opened)
        item = str(rows[rows["part"] == part]["item_id"].iloc[0])
        old = relabelled(opened, item)
        found = replays.replay(read(folder, "waterfall"), opened)
    (line,) = found.differences
    assert line.startswith(f"label of item {item}: was {old}, is ")
    assert found.notes == ["the project has gone on since: 1 newer answers or notes"]


def test_a_project_that_goes_on_still_agrees(folder: Path) -> None:
    """New labels, a new import, new settings: the card is about the past, and the past stands."""
    with project.opened(folder / "감정.db") as opened:
        asked = queue.next_item(opened, "oracle")
        assert asked is not None
        answers.answer(opened, asked.slot.slot_id, "긍정", annotator="oracle")
        more_rows(opened, text_frame(30, seed=9, korean=True), label="label", source="새.csv")
        project.change_settings(opened, {"regularisation": "0.1"}, author="t")
        for claim in CLAIMS:
            found = replays.replay(read(folder, claim), opened)
            assert found.differences == []
            assert "gone on since" in found.notes[0]


@pytest.mark.parametrize("claim", CLAIMS)
def test_an_altered_digit_is_flagged_twice(
    folder: Path, claim: str, capsys: pytest.CaptureFixture[str]
) -> None:
    path = folder / f"{claim}.json"
    found = json.loads(path.read_text(encoding="utf-8"))
    bar = found["figures"]["bars"][0] if claim == "waterfall" else found["figures"]["last_round"]
    bar["delta"] += 0.001
    path.write_text(json.dumps(found), encoding="utf-8")
    assert run("replay", path) == 1
    said = capsys.readouterr()
    assert "the card itself was altered" in said.err
    assert "delta: was " in said.err
    assert said.out == "2 difference(s).\n"


def test_a_log_that_lost_its_end_is_flagged(folder: Path) -> None:
    tamper(
        folder / "감정.db",
        "DELETE FROM event WHERE seq = (SELECT max(seq) FROM event)",
        without="event_no_delete",
    )
    with project.opened(folder / "감정.db") as opened:
        found = replays.replay(read(folder, "waterfall"), opened).differences
    assert any(line.startswith("ledger, events: was ") for line in found)


# Projects that learn in another way


@pytest.fixture
def doubted(tmp_path: Path) -> Iterator[Project]:
    """Two rounds of soft labels, between which votes came that outvote no label."""
    frame, settings = text_frame(120, seed=2), {"soft_labels": "on"}
    with make_project(tmp_path / "p.db", frame, settings=settings) as made:
        by_file(made, reservoir_answers(made, truth_of(frame)))
        answer_queue(made, truth_of(frame))
        rounds.close_round(made)
        rows = export.labels_table(made).query("part == 'pool'")
        turned = rows["label"].map({"money": "sport", "sport": "money"})
        for who, said in {"bo": rows["label"], "cy": turned}.items():
            told = pd.DataFrame({"item": rows["item_id"], "who": who, "label": said}).head(9)
            by_file(made, told.astype(object))
        rounds.close_round(made)
        yield made


@pytest.fixture
def several(tmp_path: Path) -> Iterator[Project]:
    """Two rounds of items that may have several classes."""
    frame, settings = text_frame(120, seed=2), {"gold_per_batch": "40"}
    with make_project(tmp_path / "p.db", frame, settings=settings, multi=True) as made:
        for _ in range(2):
            answer_queue(made, truth_of(frame))
            rounds.close_round(made)
        yield made


@pytest.mark.parametrize("claim", CLAIMS)
@pytest.mark.parametrize("kind", ["doubted", "several"])
def test_a_replay_trains_as_the_project_does(
    kind: str, claim: str, request: pytest.FixtureRequest
) -> None:
    made = request.getfixturevalue(kind)
    card = replays.make_card(made, claim)
    tamper(made.path, "UPDATE fit SET predicted = zeroblob(length(predicted))")
    assert replays.replay(card, made).differences == []
    assert json.dumps(card.figures).count("delta") > 0


def test_a_replay_of_soft_labels_learns_from_every_vote(doubted: Project) -> None:
    kept, fresh = Fits(Snapshot(doubted)), replays.FreshFits(Snapshot(doubted))
    first, second = store.every(doubted.db)
    assert first.version_hash == second.version_hash, "the same labels"
    for closed in (first, second):
        training = fresh.snapshot.training_set(impact.version_of(closed))
        model = impact.model_of(closed)
        assert model.soft_labels
        for read_off in (Fits.predicted, Fits.confidence):
            anew, stored = (read_off(fits, training, model) for fits in (fresh, kept))
            np.testing.assert_array_equal(anew, stored)
    assert len(fresh.known) == len(kept.known) == 2, "two models of other votes"


# The command


def test_the_impact_command_writes_a_card_that_holds(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out, card, page = (folder / name for name in ("bars.csv", "bars.json", "card.html"))
    assert run("impact", folder / "감정.db", "--out", out, "--card", card, "--seed", "5") == 0
    (folder / "elsewhere").mkdir()
    moved = Path(shutil.move(folder / "감정.db", folder / "elsewhere" / "other name.db"))
    assert run("replay", card, "--project", moved, "--html", page) == 0
    assert "Every digit agrees" in capsys.readouterr().out
    bars = pd.read_csv(out)
    words = html.unescape(page.read_text(encoding="utf-8"))
    assert all(title in words for title in bars["title"])
    assert list(read(folder, "bars").figures["bars"][0]) == sorted(bars.columns)


def no_json(path: Path) -> None:
    path.write_text("hello", encoding="utf-8")


def another_project(path: Path) -> None:
    with make_project(path.parent / "new.db", FRAME, seed=4):
        pass
    shutil.move(path.parent / "new.db", path.parent / "감정.db")


def no_project(path: Path) -> None:
    (path.parent / "감정.db").unlink()


def no_ledger(path: Path) -> None:
    found = json.loads(path.read_text(encoding="utf-8"))
    path.write_text(json.dumps(found | {"ledger": {}}), encoding="utf-8")


def odd_claim(path: Path) -> None:
    found = json.loads(path.read_text(encoding="utf-8"))
    path.write_text(json.dumps(found | {"claim": "miracle"}), encoding="utf-8")


@pytest.mark.parametrize("number", [0, -1, 9])
def test_a_card_of_a_round_that_never_was_is_flagged(folder: Path, number: int) -> None:
    found = json.loads((folder / "round.json").read_text(encoding="utf-8"))
    found["seeds"]["round"] = number
    (folder / "round.json").write_text(json.dumps(found), encoding="utf-8")
    assert run("replay", folder / "round.json") == 1


def odd_round(path: Path) -> None:
    found = json.loads(path.read_text(encoding="utf-8"))
    found |= {"claim": "round", "seeds": {"seed": None, "round": "two"}}
    path.write_text(json.dumps(found), encoding="utf-8")


def not_finite(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    path.write_text(text.replace('"events":', '"odd":NaN,"events":'), encoding="utf-8")


@pytest.mark.parametrize(
    "spoil",
    [
        odd_round,
        not_finite,
        no_json,
        another_project,
        no_project,
        no_ledger,
        odd_claim,
        Path.unlink,
    ],
)
def test_bad_input_is_exit_two_with_one_line(
    folder: Path, spoil: Callable[[Path], None], capsys: pytest.CaptureFixture[str]
) -> None:
    path = folder / "waterfall.json"
    spoil(path)
    assert run("replay", path, "--html", folder / "out.html") == 2
    said = capsys.readouterr()
    assert said.err.count("\n") == 1
    assert said.err.startswith("replay: ")
    assert not (folder / "out.html").exists()


def test_there_is_no_card_before_there_is_a_figure(tmp_path: Path) -> None:
    with make_project(tmp_path / "p.db", FRAME) as made:
        with pytest.raises(InputError, match="no gold labels yet"):
            replays.make_card(made, "waterfall")
        with pytest.raises(InputError, match="no round is closed yet"):
            replays.make_card(made, "round")
        by_file(made, answers_frame(made, TRUTH))
        rounds.close_round(made)
        with pytest.raises(InputError, match="no headline yet: 20 more gold labels"):
            replays.make_card(made, "round")
        with pytest.raises(InputError, match="there is no closed round 2; rounds run from 1 to 1"):
            replays.make_card(made, "round", round_no=2)


def test_a_card_of_an_earlier_round_is_about_that_round(told: Path) -> None:
    with project.opened(told / "감정.db") as opened:
        first = replays.make_card(opened, "round", round_no=1)
        assert first.figures["words"][0].endswith("on 55 gold labels")
        assert first.seeds["round"] == 1
        assert "last_round" not in first.figures
        assert replays.replay(first, opened).differences == []
