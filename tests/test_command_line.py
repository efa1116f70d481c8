"""The command line: exit codes, exact columns, one clear line, and nothing written on bad input."""

from __future__ import annotations

import hashlib
import io
import shutil
import sqlite3
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
from PIL import Image

from labeling import duels, export, impact, imports, project
from labeling.__main__ import COMMANDS, main
from labeling.commands import parser
from labeling.core import savings
from labeling.core.features import Content
from labeling.export import TABLES
from labeling.fits import Fits
from labeling.ingest import Roles
from labeling.store.rounds import every as rounds_of
from labeling.versions import Snapshot
from tests.duelists import FEW, MINUTES, TRUTH
from tests.factories import (
    answer_queue,
    answers_frame,
    make_project,
    table_frame,
    text_frame,
    truth_of,
    write_csv,
)

BAR = ["change_id", "kind", "title", "n_rows", "delta", "low", "high", "verdict", "fits"]
QUEUE = ["item_id", "source_id", "rank", "why"]
CURVES = ["strategy", "seed", "n_labels", "metric", "value"]
FRAME = text_frame(80)


def run(*words: object) -> int:
    """One command in this process; argparse's own way out counts as its exit code."""
    try:
        return main([str(word) for word in words])
    except SystemExit as leaving:
        return int(leaving.code or 0)


def columns(path: Path) -> list[str]:
    return list(pd.read_csv(path, dtype=str).columns)


def state(folder: Path) -> dict[str, str]:
    """Every file of a folder by its content; a project by the rows it holds."""
    found = {}
    for path in sorted(folder.rglob("*")):
        if path.suffix in (".db-wal", ".db-shm", ".lock") or path.is_dir():
            continue
        content = path.read_bytes()
        if path.suffix == ".db" and content[:6] == b"SQLite":
            with project.opened(path) as opened:
                content = "\n".join(opened.db.conn.iterdump()).encode()
        found[path.name] = hashlib.sha256(content).hexdigest()
    return found


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a project, its data, a file of answers and one of another table."""
    write_csv(tmp_path / "data.csv", FRAME)
    write_csv(tmp_path / "table.csv", table_frame(40))
    with make_project(tmp_path / "p.db", FRAME) as made:
        write_csv(tmp_path / "answers.csv", answers_frame(made, truth_of(FRAME)))
    return tmp_path


def test_the_commands_of_the_contract_are_all_there() -> None:
    listed = next(a for a in parser()._actions if a.dest == "command")
    assert list(listed.choices or ()) == list(COMMANDS)
    contract = "create import settings revert backup label close impact export verify simulate"
    assert set(COMMANDS) >= set(contract.split())


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_explains_itself(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(command, "--help") == 0
    said = capsys.readouterr().out
    assert "--seed" in said
    assert "--quiet" in said


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_without_its_arguments_is_wrong_use(
    command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(command) == 2
    said = capsys.readouterr()
    assert "required" in said.err
    assert said.err.count("\n") == 1
    assert said.out == ""


WRONG_USE = [
    [],
    ["frobnicate"],
    ["verify", "p.db", "--what"],
    ["verify", "p.db", "--seed", "-1"],
    ["verify", "p.db", "--seed", "4294967296"],
    ["verify", "p.db", "--seed", "many"],
    ["revert", "p.db", "99999999999999999999"],
    ["revert", "p.db", "last"],
    ["simulate", "data.csv", "--text", "a", "--columns", "b"],
    ["duel", "p.db", "start", "--minutes", "0"],
    ["duel", "p.db", "fight"],
]


@pytest.mark.parametrize("words", WRONG_USE)
def test_wrong_use_is_exit_two_with_one_line(
    words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(*words) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.count("\n") == 1
    assert said.err.startswith("python -m labeling")


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_refuses_a_seed_that_is_none(
    command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(command, "--seed", "-1") == 2
    assert "expected a whole number from 0 to 4294967295, found '-1'" in capsys.readouterr().err


NEEDS_PROJECT: dict[str, list[str]] = {
    "import": ["data.csv", "--text", "text"],
    "settings": ["batch_size=5"],
    "revert": ["1"],
    "backup": ["copy.db"],
    "label": ["answers.csv", "--item", "item", "--annotator", "who", "--label", "label"],
    "close": [],
    "impact": ["--out", "out.csv"],
    "duel": [],
    "export": ["--what", "items", "--out", "out.csv"],
    "verify": [],
}


@pytest.mark.parametrize("command", NEEDS_PROJECT)
@pytest.mark.parametrize("target", ["missing.db", "data.csv"])
def test_a_project_that_is_none_is_bad_input_and_nothing_is_written(
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    command: str,
    target: str,
) -> None:
    monkeypatch.chdir(folder)
    before = state(folder)
    assert run(command, target, *NEEDS_PROJECT[command]) == 2
    assert_one_line(capsys, command)
    assert state(folder) == before


def assert_one_line(capsys: pytest.CaptureFixture[str], command: str) -> None:
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.count("\n") == 1, said.err
    assert said.err.startswith(f"{command}: ")


LABEL = "label p.db answers.csv --item item --annotator who --label label"
CREATE = "create n.db data.csv --text text"
SIMULATE = (
    "simulate data.csv --text text --label label --strategy random --budget 20 --batch 10 "
    "--seeds 1 --out out.csv"
)
RETRACE = "--strategy random --budget 20 --batch 10 --seeds 1 --out out.csv"
BAD = {
    "create over a project": "create p.db data.csv --text text --label label",
    "create without classes": CREATE,
    "create with one class": f"{CREATE} --classes a",
    "create with blank classes": f"{CREATE} --label label --classes ,",
    "create from a folder": "create n.db . --text text --classes a,b",
    "create from a column twice": "create n.db data.csv --columns text,text --classes a,b",
    "create from nothing": "create n.db no.csv --text text --classes a,b",
    "create with a missing column": "create n.db data.csv --text x --classes a,b",
    "create in no folder": "create no/n.db data.csv --text text --classes a,b",
    "create with a bad share": f"{CREATE} --classes a,b --reserve 2",
    "create with a bad id": f"{CREATE} --classes a,b --id x",
    "import other columns": "import p.db table.csv --columns island",
    "import without the column": "import p.db table.csv",
    "import of nothing": "import p.db no.csv --text text",
    "settings unknown": "settings p.db speed=9",
    "settings not allowed": "settings p.db batch_size=0",
    "settings half right": "settings p.db batch_size=5 strategy=magic",
    "settings without a value": "settings p.db batch_size",
    "revert of nothing": "revert p.db 99",
    "revert of an import without labels": "revert p.db 1",
    "backup over a file": "backup p.db data.csv",
    "backup in no folder": "backup p.db no/copy.db",
    "label with a missing column": f"{LABEL} --label nope",
    "label with no class": f"{LABEL} --label who",
    "label of unknown items": f"{LABEL} --item label",
    "impact without gold": "impact p.db --out out.csv",
    "duel without a round": "duel p.db start",
    "duel with nothing to decide": "duel p.db decide",
    "duel with nothing to give up": "duel p.db give-up",
    "impact into no folder": "impact p.db --out no/out.csv",
    "export of no table": "export p.db --what secrets --out out.csv",
    "export over the project": "export p.db --what items --out p.db",
    "impact over the project": "impact p.db --out p.db",
    "export into no folder": "export p.db --what items --out no/out.csv",
    "simulate no strategy": f"{SIMULATE} --strategy magic",
    "simulate no seeds": f"{SIMULATE} --seeds 0",
    "simulate seeds too large": f"{SIMULATE} --seed 4294967295 --seeds 2",
    "simulate the label as text": f"{SIMULATE} --text label",
    "simulate a column twice": SIMULATE.replace("--text text", "--columns text,text"),
    "simulate the label as a column": SIMULATE.replace("--text text", "--columns text,label"),
    "simulate over a project": f"{SIMULATE} --out p.db",
    "simulate no batch": f"{SIMULATE} --batch 0",
    "simulate all as test": f"{SIMULATE} --test-size 1",
    "simulate into no folder": f"{SIMULATE} --out no/out.csv",
    "simulate with savings in no folder": f"{SIMULATE} --savings no/out.csv",
    "simulate both tables into one file": f"{SIMULATE} --savings ./out.csv",
    "simulate no model": f"{SIMULATE} --model magic",
    "simulate a file without labels": SIMULATE.replace("--label label ", ""),
    "simulate a file without content": SIMULATE.replace("--text text ", ""),
    "simulate a project with a file's options": SIMULATE.replace("data.csv", "p.db"),
    "simulate a project without labels": f"simulate p.db {RETRACE}",
    "simulate no project": f"simulate q.db {RETRACE}",
}


@pytest.mark.parametrize("name", BAD)
def test_bad_input_is_exit_two_with_one_line_and_nothing_written(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    monkeypatch.chdir(folder)
    before = state(folder)
    assert run(*BAD[name].split()) == 2
    assert_one_line(capsys, BAD[name].split()[0])
    assert state(folder) == before


def test_impact_into_no_folder_measures_nothing(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder)
    assert run(*LABEL.split(), "--quiet") == 0
    before = state(folder)
    assert run("impact", "p.db", "--out", "no/out.csv") == 2
    assert state(folder) == before


def test_a_duel_from_the_freeze_to_the_verdict(
    digits_project: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = Path(shutil.copy(digits_project, tmp_path / "p.db"))

    def said(*words: str) -> str:
        assert run("duel", path, *words) == 0
        return capsys.readouterr().out

    assert said() == "No duel was started yet.\n"
    assert "0 of 45 minutes" in said("start", "--minutes", "45")
    assert run("duel", path, "decide") == 2
    assert "the clock still runs: 45 of 45 minutes" in capsys.readouterr().err
    assert said("give-up") == "This duel was given up.\n"
    with project.opened(path) as opened:
        duels.start(opened, minutes=MINUTES, author="Ann", names=FEW)
        answer_queue(opened, TRUTH)
    told = said("decide").splitlines()
    assert told[0].startswith(("Not decided", "The model", "The data"))
    assert told[1].startswith("The data moved the score by ")
    assert said("show").splitlines() == told


def test_a_fault_of_ours_is_exit_three_and_says_so(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(opened: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setitem(TABLES, "items", broken)  # type: ignore[arg-type]
    out = folder / "out.csv"
    assert run("export", folder / "p.db", "--what", "items", "--out", out) == 3
    assert "a fault of ours" in capsys.readouterr().err
    assert not out.exists()


def test_a_torn_project_is_exit_three(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = folder / "p.db"
    path.write_bytes(path.read_bytes()[:5000])
    assert run("verify", path) == 3
    assert "restore a backup" in capsys.readouterr().err


def test_an_import_takes_the_columns_of_the_project_whatever_they_are_called(
    tmp_path: Path,
) -> None:
    names = {"island": "a,b"}
    first, more = (table_frame(40, seed=seed).rename(columns=names) for seed in (0, 1))
    path, data = tmp_path / "p.db", write_csv(tmp_path / "more.csv", more)
    content = Content("columns", ("a,b", "length"))
    roles = Roles(content, "id", classes=("Adelie", "Gentoo"))
    imports.create_project(path, first, roles=roles, source="first.csv", author="t")[0].close()
    assert run("import", path, data, "--id", "id", "--quiet") == 0
    with project.opened(path) as opened:
        assert "more.csv" in " ".join(export.table(opened, "changes")["title"])
        assert len(export.table(opened, "items")) > 60


def test_settings_are_shown_and_changed(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("settings", folder / "p.db", "batch_size=7", "regularisation=2") == 0
    said = capsys.readouterr().out.splitlines()
    assert "batch_size=7" in said
    assert "regularisation=2" in said
    with project.opened(folder / "p.db") as opened:
        kinds = export.table(opened, "changes")["kind"].tolist()
    assert kinds[-2:] == ["settings", "model"]


@pytest.mark.parametrize("command", ["settings", "verify", "export"])
def test_quiet_says_nothing(folder: Path, capsys: pytest.CaptureFixture[str], command: str) -> None:
    more = ["--what", "items", "--out", folder / "o.csv"] if command == "export" else []
    assert run(command, folder / "p.db", *more, "--quiet") == 0
    assert capsys.readouterr() == ("", "")


def test_a_revert_takes_a_file_of_answers_back(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder)
    assert run(*LABEL.split(), "--quiet") == 0
    with project.opened(folder / "p.db") as opened:
        change = int(export.table(opened, "changes")["change_id"].max())
    assert run("revert", "p.db", change, "--quiet") == 0
    assert run("export", "p.db", "--what", "annotations", "--out", "a.csv", "--quiet") == 0
    assert pd.read_csv("a.csv").empty
    assert run("verify", "p.db", "--quiet") == 0


def test_an_unknown_label_blocks_closing_with_exit_one(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    odd = FRAME.assign(label=FRAME["label"].where(FRAME.index != 3, "weird"))
    data, path = write_csv(tmp_path / "d.csv", odd), tmp_path / "p.db"
    columns_of = ["--text", "text", "--label", "label", "--classes", "money,sport", "--quiet"]
    assert run("create", path, data, *columns_of) == 0
    capsys.readouterr()
    assert run("close", path) == 1
    assert_one_line(capsys, "close")
    with project.opened(path) as opened:
        assert export.table(opened, "rounds").empty
        assert (export.table(opened, "issues")["severity"] == "critical").sum() == 1


def test_korean_in_cp949_goes_in_and_comes_out_as_utf8(tmp_path: Path) -> None:
    frame = text_frame(40, korean=True)
    data = write_csv(tmp_path / "d.csv", frame, encoding="cp949")
    path, out = tmp_path / "p.db", tmp_path / "o.csv"
    assert (
        run("create", path, data, "--text", "text", "--id", "id", "--label", "label", "--quiet")
        == 0
    )
    assert run("export", path, "--what", "items", "--out", out, "--quiet") == 0
    found = pd.read_csv(out, encoding="utf-8")
    assert found["text"].tolist() == frame["text"].tolist()


def test_a_simulation_writes_its_curves(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    out = folder / "out.csv"
    words = f"{SIMULATE} --strategy default --seeds 2 --seed 5 --quiet"
    assert run(*words.split()) == 0
    assert columns(out) == CURVES
    found = pd.read_csv(out)
    assert set(found["strategy"]) == {"default", "random", "full"}
    assert set(found["seed"]) == {5, 6}


def test_a_simulation_says_what_is_saved_against_random(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(folder)
    words = f"{SIMULATE} --strategy margin --seeds 3 --model naive_bayes --savings s.csv"
    assert run(*words.split()) == 0
    found = pd.read_csv(folder / "s.csv")
    assert list(found.columns) == savings.COLUMNS
    assert set(found["strategy"]) == {"random", "margin"}
    said = capsys.readouterr().out
    for row in found[found["metric"] == "accuracy"].itertuples():
        assert f"{row.strategy}, {row.target:.0%} of full: {row.words}." in said


def test_a_project_is_asked_again_by_other_strategies(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with make_project(tmp_path / "p.db", FRAME, settings={"gold_per_batch": "40"}) as made:
        answer_queue(made, truth_of(FRAME))
    before = state(tmp_path)
    words = "simulate p.db --strategy default --strategy random --budget 15 --batch 5 --seeds 2"
    assert run(*words.split(), "--out", "out.csv", "--savings", "s.csv", "--quiet") == 0
    assert state(tmp_path).items() >= before.items(), "the project is only read"
    found = pd.read_csv(tmp_path / "out.csv")
    assert list(found.columns) == CURVES
    assert set(found["strategy"]) == {"default", "random", "full"}
    full = found[found["strategy"] == "full"]["n_labels"]
    assert set(full) == {20}, "as many labels as the first batch asked for"


def test_the_commands_run_as_a_program(folder: Path, root: Path) -> None:
    found = subprocess.run(
        [sys.executable, "-m", "labeling", "verify", str(folder / "p.db")],
        cwd=root,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert (found.returncode, found.stderr) == (0, "")
    assert found.stdout.startswith("clean: 0 events")


def test_images_come_from_an_archive_and_are_learned_from(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    names = [f"{n}.png" for n in range(40)]
    with zipfile.ZipFile(tmp_path / "i.zip", "w") as packed:
        for n, name in enumerate(names):
            packed.writestr(f"images/{name}", picture(n))
    truth = {name: "dark" if n % 2 else "light" for n, name in enumerate(names)}
    data = write_csv(tmp_path / "d.csv", pd.DataFrame({"file": names}))
    path, step = tmp_path / "p.db", quietly(tmp_path / "p.db")
    columns_of = ["--image", "file", "--id", "file", "--classes", "dark,light", "--quiet"]
    assert run("create", path, data, *columns_of, "--image-zip", tmp_path / "i.zip") == 0
    with project.opened(path) as opened:
        answers = write_csv(tmp_path / "a.csv", answers_frame(opened, truth))
    step("label", answers, "--item", "item", "--annotator", "who", "--label", "label")
    step("verify")
    step("impact", "--out", tmp_path / "impact.csv")
    assert pd.read_csv(tmp_path / "impact.csv")["delta"].sum() > 0.3
    file = sqlite3.connect(path)
    file.execute("DROP TRIGGER image_no_update")
    file.execute(
        "UPDATE image SET data = (SELECT data FROM image LIMIT 1 OFFSET 1) WHERE rowid = 1"
    )
    file.commit()
    file.close()
    assert run("verify", path) == 1
    assert "does not hold the image" in capsys.readouterr().err


def picture(n: int) -> bytes:
    out = io.BytesIO()
    shade = 40 if n % 2 else 200
    Image.new("L", (8, 8), shade + n).save(out, format="PNG")
    return out.getvalue()


# The whole way on the three samples, labelled by an oracle from the file

PENGUINS = "island,bill_length_mm,bill_depth_mm,flipper_length_mm,body_mass_g,sex"
SAMPLES = {
    "sms_spam": ["--text", "text", "--classes", "ham,spam"],
    "nsmc_6k": ["--text", "text", "--classes", "negative,positive"],
    "penguins": ["--columns", PENGUINS, "--classes", "Adelie,Chinstrap,Gentoo"],
}
# Right answers to all reserved items, whose truth is in the file; by 60 labels reviews are hard.
MORE_THAN = {"sms_spam": 0.85, "nsmc_6k": 0.5, "penguins": 0.9}


def right_of_the_reservoir(path: Path, truth: pd.Series) -> float:
    """How often the newest round's model is right on items that it has never seen."""
    with project.opened(path) as opened:
        snapshot = Snapshot(opened)
        (said,) = impact.predictions(Fits(snapshot), rounds_of(opened.db)[-1:])
        reserved = [snapshot.items[row].source_id for row in snapshot.reservoir]
        codes = [snapshot.code[truth[source]] for source in reserved]
    assert len(codes) > 100
    return float((said == codes).mean())


@pytest.mark.parametrize("name", SAMPLES)
def test_the_whole_way_from_a_csv_to_what_each_change_did(
    name: str, samples: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data, path = samples / f"{name}.csv", tmp_path / "p.db"
    truth = pd.read_csv(data, dtype=str).set_index("id")["label"]
    step = quietly(path)
    assert run("create", path, data, "--id", "id", *SAMPLES[name], "--quiet") == 0
    for round_no in (1, 2, 3):
        step("export", "--what", "queue", "--out", tmp_path / "queue.csv")
        asked = pd.read_csv(tmp_path / "queue.csv", dtype=str)
        assert list(asked.columns) == QUEUE
        assert (asked["why"] == "gold").sum() == 10, f"round {round_no}"
        asked = asked.assign(label=asked["source_id"].map(truth), who="oracle")
        write_csv(tmp_path / "answers.csv", asked)
        labels = ["--item", "item_id", "--annotator", "who", "--label", "label"]
        step("label", tmp_path / "answers.csv", *labels)
        step("close")
    step("impact", "--out", tmp_path / "impact.csv")
    bars = pd.read_csv(tmp_path / "impact.csv")
    assert list(bars.columns) == BAR
    assert len(bars) == 3
    assert bars[["n_rows", "delta", "low", "high", "fits"]].notna().all(axis=None)
    for table in TABLES:
        step("export", "--what", table, "--out", tmp_path / f"{table}.csv")
        assert columns(tmp_path / f"{table}.csv")
    exported = pd.read_csv(tmp_path / "items.csv", dtype=str).set_index("source_id")
    told = exported["label"].dropna()
    assert len(told) == 90
    assert (told == truth[told.index]).all()
    assert exported["part"].value_counts()["gold"] == 30
    scores = pd.read_csv(tmp_path / "scores.csv").query("arm == 'active' and metric == 'accuracy'")
    assert scores["round"].tolist() == [1, 2, 3]
    assert right_of_the_reservoir(path, truth) > MORE_THAN[name]
    step("verify")
    copy = tmp_path / "copy.db"
    step("backup", copy)
    quietly(copy)("verify")
    assert capsys.readouterr() == ("", "")
    with project.opened(path) as opened, project.opened(copy) as again:
        assert Snapshot(opened).gold() == Snapshot(again).gold()


def quietly(path: Path) -> Callable[..., None]:
    """Commands on one project that must be fine and say nothing."""

    def step(command: str, *words: object) -> None:
        assert run(command, path, *words, "--quiet") == 0, command

    return step


def test_items_with_several_classes_go_the_whole_way(tmp_path: Path) -> None:
    """Each round learns, scores, checks and chooses, and every change has its bar."""
    words = {"money": "은행 대출 이자", "sport": "축구 경기 골", "weather": "비 구름 바람"}
    names, path = list(words), tmp_path / "p.db"
    own = [[n for k, n in enumerate(names) if ((i % 7 + 1) >> k) & 1] for i in range(160)]
    texts = [" ".join([*(words[n] for n in mine), f"소식 {i}"]) for i, mine in enumerate(own)]
    truth = {str(i): "|".join(mine) for i, mine in enumerate(own)}
    data = pd.DataFrame({"id": list(truth), "text": texts})
    given = ["--text", "text", "--id", "id", "--classes", ",".join(names), "--multi", "--quiet"]
    assert run("create", path, write_csv(tmp_path / "d.csv", data), *given) == 0
    step = quietly(path)
    for _ in range(3):
        with project.opened(path) as opened:
            answers = write_csv(tmp_path / "a.csv", answers_frame(opened, truth))
        step("label", answers, "--item", "item", "--annotator", "who", "--label", "label")
        step("close")
    step("impact", "--out", tmp_path / "impact.csv")
    assert pd.read_csv(tmp_path / "impact.csv")["delta"].sum() > 0.5
    step("export", "--what", "scores", "--out", tmp_path / "scores.csv")
    scores = pd.read_csv(tmp_path / "scores.csv").query("arm == 'active'")
    assert set(scores["metric"]) == {"item_f1", "exact_match", "micro_f1", "macro_f1"}
    assert scores.query("metric == 'micro_f1'")["value"].iloc[-1] > 0.8
    step("export", "--what", "queue", "--out", tmp_path / "queue.csv")
    assert "margin_spread" in set(pd.read_csv(tmp_path / "queue.csv")["why"])
    step("verify")
