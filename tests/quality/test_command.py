from __future__ import annotations

import json
import shlex
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from quality import repairs
from quality.__main__ import COMMANDS, main
from quality.agreement import COLUMNS
from quality.checks import ISSUE_COLUMNS, OUTCOME_COLUMNS
from quality.consensus import POLICIES
from tests.quality.planted import stations

THEMES = {
    "긍정": ["정말", "재미있는", "최고의", "감동", "추천", "훌륭한"],
    "부정": ["지루한", "최악의", "실망", "돈이", "아까운", "별로"],
}


@pytest.fixture
def reviews(tmp_path: Path) -> Path:
    """120 Korean reviews, ids r0..., clean and easy to tell apart."""
    rng = np.random.default_rng(0)
    rows = []
    for k in range(120):
        label = ["긍정", "부정"][k % 2]
        words = rng.choice(THEMES[label], 4, replace=False).tolist()
        title = "".join(chr(0xAC00 + code) for code in rng.integers(0, 11172, 14))
        rows.append((f"r{k}", f"{' '.join(words)} {title}", label))
    path = tmp_path / "reviews.csv"
    pd.DataFrame(rows, columns=["id", "text", "label"]).to_csv(path, index=False)
    return path


@pytest.fixture
def answers(tmp_path: Path, reviews: Path) -> Path:
    """Three people's answers to every review, each right nine times in ten."""
    rng = np.random.default_rng(1)
    rows = []
    for item, label in pd.read_csv(reviews)[["id", "label"]].itertuples(index=False):
        other = "부정" if label == "긍정" else "긍정"
        rows += [(item, who, label if rng.random() < 0.9 else other) for who in ("갑", "을", "병")]
    path = tmp_path / "answers.csv"
    pd.DataFrame(rows, columns=["item_id", "annotator", "label"]).to_csv(path, index=False)
    return path


def edit(path: Path, row: int, column: str, value: str | None) -> None:
    frame = pd.read_csv(path, dtype=str)
    frame.loc[row, column] = value
    frame.to_csv(path, index=False)


def run(command: str, *arguments: object) -> int:
    return main([command, *map(str, arguments)])


WHO = ("--item", "item_id", "--annotator", "annotator", "--label", "label")
CONTENT = ("--text", "text", "--label", "label")


def test_clean_data_pass_and_leave_an_empty_table_of_issues(reviews: Path, tmp_path: Path) -> None:
    out, outcomes = tmp_path / "issues.csv", tmp_path / "outcomes.csv"
    code = run(
        "check", reviews, *CONTENT, "--out", out, "--outcomes", outcomes, "--fail-on", "info"
    )
    assert code == 0
    issues = pd.read_csv(out)
    assert issues.columns.tolist() == list(ISSUE_COLUMNS)
    assert issues.empty
    table = pd.read_csv(outcomes)
    assert table.columns.tolist() == list(OUTCOME_COLUMNS)
    assert set(table["status"]) == {"passed", "not applicable"}
    lacking = table.loc[table["status"] == "not applicable", "code"]
    assert set(lacking.str[0]) == {"A", "D", "R", "O"} and "O601" not in set(lacking)


def test_planted_faults_are_found_in_their_rows(
    reviews: Path, answers: Path, tmp_path: Path
) -> None:
    edit(reviews, 10, "label", "부정")
    edit(reviews, 21, "text", pd.read_csv(reviews)["text"][20].replace(" ", "  "))
    edit(reviews, 33, "text", None)
    edit(answers, 0, "label", "몰라")
    out = tmp_path / "issues.csv"
    code = run("check", reviews, *CONTENT, "--annotations", answers, "--out", out)
    assert code == 1
    issues = pd.read_csv(out)
    found = issues.groupby("code")["row"].agg(set)
    assert found["L201"] == {0}
    assert found["L202"] >= {20, 21}
    assert 10 in found["L203"]
    assert found["D301"] == {21}
    assert found["S101:text"] == {33}
    assert issues["row"].dtype == np.int64
    assert (issues["item_id"] == "r" + issues["row"].astype(str)).all()
    assert issues["score"].between(0, 1).all()


def test_near_duplicates_of_texts_are_found(reviews: Path, tmp_path: Path) -> None:
    original = pd.read_csv(reviews)["text"][20]
    edit(reviews, 21, "text", f"{original} ㅋㅋ")
    edit(reviews, 90, "text", original.replace(" ", "", 1) + "!")
    out = tmp_path / "issues.csv"
    assert run("check", reviews, *CONTENT, "--out", out, "--fail-on", "info") == 1
    near = pd.read_csv(out).query("code == 'D302'")
    assert near["row"].tolist() == [21, 90]
    assert near["message"].str.startswith("Nearly the same as row 20 (r20): similarity").all()


def test_near_duplicates_of_images_are_found(tmp_path: Path) -> None:
    noise = np.random.default_rng(0)
    for name in ("one.png", "two.png"):
        pixels = np.kron(noise.integers(0, 256, (8, 8)), np.ones((10, 10))).astype(np.uint8)
        Image.fromarray(pixels).save(tmp_path / name)
    with Image.open(tmp_path / "one.png") as image:
        image.resize((70, 70)).save(tmp_path / "again.jpg")
    table, out = tmp_path / "images.csv", tmp_path / "issues.csv"
    pd.DataFrame({"file": ["one.png", "two.png", "again.jpg"]}).to_csv(table, index=False)
    with zipfile.ZipFile(tmp_path / "images.zip", "w") as archive:
        for name in ("one.png", "two.png", "again.jpg"):
            archive.write(tmp_path / name, name)
    given = ("--image", "file", "--image-zip", tmp_path / "images.zip", "--out", out)
    assert run("check", table, *given) == 0
    issues = pd.read_csv(out)
    assert issues[["code", "row"]].to_numpy().tolist() == [["D302", 2]]


def test_annotators_who_hurry_and_contradict_themselves_are_found(
    reviews: Path, answers: Path, tmp_path: Path
) -> None:
    truth = pd.read_csv(reviews).set_index("id")["label"]
    frame = pd.read_csv(answers, dtype=str)
    frame["label"] = truth.reindex(frame["item_id"]).to_numpy()
    frame["seconds"] = 6.0 + np.arange(len(frame)) % 5
    hurried = (frame["annotator"] == "병") & (np.arange(len(frame)) % 4 == 0)
    other = frame["label"].map({"긍정": "부정", "부정": "긍정"})
    frame.loc[hurried, "label"] = other[hurried]
    frame.loc[hurried, "seconds"] = 0.5
    again = frame[frame["annotator"] == "갑"].head(15)
    again = again.assign(label=again["label"].map({"긍정": "부정", "부정": "긍정"}))
    pd.concat([frame, again]).to_csv(answers, index=False)
    out = tmp_path / "issues.csv"
    run("check", reviews, *CONTENT, "--annotations", answers, "--out", out)
    found = pd.read_csv(out).groupby("code")["item_id"].agg(set)
    assert found["A102"] == set(frame.loc[hurried, "item_id"])
    assert found["A103"] == set(again["item_id"])


def test_drift_between_imports_of_a_file_is_found(reviews: Path, tmp_path: Path) -> None:
    frame = pd.read_csv(reviews)
    late = np.arange(len(frame)) >= 80
    frame["when"] = np.where(late, "둘째", "첫째")
    frame["source"] = np.where(late, "mobile", np.where(frame.index % 2, "web", "mobile"))
    frame.to_csv(reviews, index=False)
    out, outcomes = tmp_path / "issues.csv", tmp_path / "outcomes.csv"
    more = ("--imports", "when", "--outcomes", outcomes)
    assert run("check", reviews, *CONTENT, *more, "--out", out) == 0, "a warning, not critical"
    table = pd.read_csv(outcomes).set_index("code")
    assert table.loc["R501", "status"] == "found"
    assert "source (categories)" in table.loc["R501", "message"]
    assert table.loc["R502", "status"] == "passed"


@pytest.mark.parametrize(
    ("fail_on", "code"), [("none", 0), ("info", 1), ("warning", 0), ("critical", 0)]
)
def test_the_exit_code_follows_fail_on(
    reviews: Path, tmp_path: Path, fail_on: str, code: int
) -> None:
    edit(reviews, 22, "text", pd.read_csv(reviews)["text"][20])
    out = tmp_path / "issues.csv"
    assert run("check", reviews, *CONTENT, "--out", out, "--fail-on", fail_on) == code
    assert out.exists()


def test_a_suite_from_a_file_is_checked_instead_of_suggestions(
    reviews: Path, tmp_path: Path
) -> None:
    suite = tmp_path / "suite.json"
    rule = {
        "type": "expect_column_value_lengths_to_be_between",
        "kwargs": {"column": "text", "max_value": 3},
        "severity": "critical",
    }
    suite.write_text(json.dumps([rule]), encoding="utf-8")
    out = tmp_path / "issues.csv"
    assert run("check", reviews, *CONTENT, "--suite", suite, "--out", out) == 1
    assert set(pd.read_csv(out)["code"]) == {"S106:text"}


def test_a_critical_rule_about_a_column_that_vanished_is_exit_one(
    reviews: Path, tmp_path: Path
) -> None:
    suite = tmp_path / "suite.json"
    kind = "expect_column_values_to_not_be_null"
    rule = {"type": kind, "kwargs": {"column": "gone"}, "severity": "critical"}
    suite.write_text(json.dumps([rule]), encoding="utf-8")
    out = tmp_path / "issues.csv"
    assert run("check", reviews, *CONTENT, "--suite", suite, "--out", out, "--quiet") == 1


def stations_file(tmp_path: Path) -> Path:
    """A table with two wrong cities, one of them blank."""
    frame = stations()
    frame.loc[5, "city"], frame.loc[9, "city"] = "서을", None
    frame.index.name = "id"
    path = tmp_path / "stations.csv"
    frame.to_csv(path)
    return path


def test_the_report_is_one_page_with_the_rows_found_and_the_suite(tmp_path: Path) -> None:
    out, page = tmp_path / "issues.csv", tmp_path / "report.html"
    data = stations_file(tmp_path)
    assert run("check", data, "--columns", "station,line", "--out", out, "--html", page) == 0
    text = page.read_text(encoding="utf-8")
    assert "stations.csv" in text
    assert "서을" in text
    assert "S202 Broken dependency" in text
    assert "expect_column_pair_values_b_to_follow_from_a" in text


def test_proposed_repairs_are_a_table_of_before_and_after(tmp_path: Path) -> None:
    out, proposed = tmp_path / "issues.csv", tmp_path / "repairs.csv"
    data = stations_file(tmp_path)
    run("check", data, "--columns", "station,line", "--out", out, "--repairs", proposed)
    table = pd.read_csv(proposed)
    assert table.columns.tolist() == list(repairs.COLUMNS)
    truth = stations()["city"]
    assert dict(zip(table["row"], table["after"], strict=True)) == {5: truth[5], 9: truth[9]}


def test_a_suite_that_was_saved_can_be_given_again(tmp_path: Path) -> None:
    data = stations_file(tmp_path)
    written = []
    for name, suite in (("a.csv", "--save-suite"), ("b.csv", "--suite")):
        out = tmp_path / name
        run("check", data, "--columns", "station", suite, tmp_path / "suite.json", "--out", out)
        written.append(out.read_bytes())
    assert written[0] == written[1]
    assert b"S113:zip,city" in written[0]
    saved = json.loads((tmp_path / "suite.json").read_text(encoding="utf-8"))
    assert saved["meta"] == {"import_first": "quality.custom_expectations"}


def test_what_could_not_be_judged_is_failed_and_not_found(reviews: Path, tmp_path: Path) -> None:
    suite, out, outcomes = (tmp_path / name for name in ("suite.json", "out.csv", "outcomes.csv"))
    kind = "expect_column_values_to_not_be_null"
    suite.write_text(json.dumps([{"type": kind, "kwargs": {"column": "gone"}}]), encoding="utf-8")
    options = ("--suite", suite, "--out", out, "--outcomes", outcomes)
    assert run("check", reviews, *CONTENT, *options, "--fail-on", "info") == 0
    table = pd.read_csv(outcomes).set_index("code")
    assert table.loc["S101:gone", "status"] == "failed"
    assert "no column gone" in table.loc["S101:gone", "message"]
    assert "S101:gone" not in set(pd.read_csv(out)["code"])


def test_label_errors_ranks_every_row_with_the_planted_ones_first(
    reviews: Path, tmp_path: Path
) -> None:
    for row in (4, 40, 80):
        edit(reviews, row, "label", "부정")
    out = tmp_path / "ranking.csv"
    assert run("label-errors", reviews, *CONTENT, "--id", "id", "--out", out) == 0
    table = pd.read_csv(out)
    assert table.columns.tolist() == ["id", "score", "suggested_label"]
    assert len(table) == 120
    assert set(table["id"][:3]) == {"r4", "r40", "r80"}
    assert set(table["suggested_label"][:3]) == {"긍정"}
    assert table["score"].is_monotonic_increasing


def test_label_errors_says_how_many_there_may_be(
    reviews: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "ranking.csv"
    run("label-errors", reviews, *CONTENT, "--out", out)
    assert "120 rows ranked. No label looks wrong" in capsys.readouterr().out
    for row in range(0, 60, 5):
        edit(reviews, row, "label", "부정" if row % 2 == 0 else "긍정")
    run("label-errors", reviews, *CONTENT, "--out", out)
    assert "of 120 labels look wrong" in capsys.readouterr().out
    run("label-errors", reviews, *CONTENT, "--out", out, "--quiet")
    assert capsys.readouterr().out == ""


def test_label_errors_takes_other_peoples_answers_into_account(
    reviews: Path, answers: Path, tmp_path: Path
) -> None:
    """A review that says nothing: only the people who answered know that its label is wrong."""
    edit(reviews, 30, "text", "영화 영화 영화")
    edit(reviews, 30, "label", "부정")
    ranks = []
    for more in ((), ("--annotations", answers)):
        out = tmp_path / "ranking.csv"
        assert run("label-errors", reviews, *CONTENT, "--id", "id", *more, "--out", out) == 0
        table = pd.read_csv(out)
        assert table.columns.tolist() == ["id", "score", "suggested_label"]
        assert len(table) == 120
        ranks.append(table["id"].tolist().index("r30"))
    assert ranks[1] < 10
    assert table["score"][ranks[1]] < 0.1
    assert ranks[1] <= ranks[0]


def test_the_same_seed_gives_the_same_file(reviews: Path, tmp_path: Path) -> None:
    written = []
    for name in ("one.csv", "two.csv"):
        out = tmp_path / name
        run("label-errors", reviews, *CONTENT, "--seed", 5, "--out", out, "--quiet")
        written.append(out.read_bytes())
    assert written[0] == written[1]


@pytest.mark.parametrize("method", POLICIES)
@pytest.mark.parametrize("aided", [False, True])
def test_consensus_comes_near_the_truth_by_every_method(
    reviews: Path, answers: Path, tmp_path: Path, method: str, aided: bool
) -> None:
    out = tmp_path / "consensus.csv"
    content = ("--items", reviews, "--text", "text", "--id", "id") if aided else ()
    assert run("consensus", answers, *WHO, *content, "--method", method, "--out", out) == 0
    table = pd.read_csv(out)
    assert table.columns.tolist() == ["item", "label", "confidence"]
    truth = pd.read_csv(reviews).set_index("id")["label"]
    right = (table["label"].to_numpy() == truth.reindex(table["item"]).to_numpy()).mean()
    assert right > 0.93


def test_agreement_has_its_columns_and_says_the_overall_figures(
    answers: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "agreement.csv"
    assert run("agreement", answers, *WHO, "--out", out) == 0
    table = pd.read_csv(out)
    assert table.columns.tolist() == list(COLUMNS)
    assert len(table) == 4 + 2 * 3 + 2 * 2, "everybody, three pairs, two classes"
    assert "krippendorff_alpha: 0." in capsys.readouterr().out


def test_agreement_knows_an_order_of_classes_and_groups_of_answers(
    answers: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    frame = pd.read_csv(answers, dtype=str)
    halves = np.where(np.arange(len(frame)) < len(frame) // 2, "지침 1", "지침 2")
    frame.assign(guideline=halves).to_csv(answers, index=False)
    out = tmp_path / "agreement.csv"
    more = ("--order", "부정,긍정", "--group", "guideline")
    assert run("agreement", answers, *WHO, *more, "--out", out) == 0
    table = pd.read_csv(out)
    assert len(table) == 5 + 2 * 3 + 2 * 2 + 2 * 5
    assert set(table["group"].dropna()) == {"지침 1", "지침 2"}
    assert "gwet_ac1 in 지침 2: 0." in capsys.readouterr().out


def test_annotators_are_told_apart_with_their_times_and_confusions(
    answers: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    frame = pd.read_csv(answers, dtype=str)
    careless = frame["annotator"] == "을"
    frame.loc[careless, "label"] = np.where(np.arange(careless.sum()) % 2, "긍정", "부정")
    frame["took"] = np.where(careless, 1.5, 6.0)
    frame.to_csv(answers, index=False)
    out, confusions = tmp_path / "people.csv", tmp_path / "confusions.csv"
    more = ("--seconds", "took", "--confusions", confusions)
    assert run("annotators", answers, *WHO, *more, "--out", out) == 0
    table = pd.read_csv(out)
    assert table["annotator"].tolist()[0] == "을"
    assert table["median_seconds"].tolist() == [1.5, 6.0, 6.0]
    assert table["high"][0] < table["low"][1]
    assert pd.read_csv(confusions)["annotator"][0] == "을"
    assert "을: agrees 0." in capsys.readouterr().out


def test_quiet_says_nothing(
    answers: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    run("agreement", answers, *WHO, "--out", tmp_path / "a.csv", "--quiet")
    assert capfd.readouterr() == ("", "")


BAD: dict[str, list[str]] = {
    "no such file": ["check", "{dir}/gone.csv", "--text", "text"],
    "no such column": ["check", "{reviews}", "--text", "words"],
    "no such label": ["check", "{reviews}", "--text", "text", "--label", "y"],
    "no content": ["check", "{reviews}"],
    "bad suite": ["check", "{reviews}", "--text", "text", "--suite", "{reviews}"],
    "no suite": ["check", "{reviews}", "--text", "text", "--suite", "{dir}/gone.json"],
    "odd suite": ["check", "{reviews}", "--text", "text", "--suite", "{odd}"],
    "bad seed": ["check", "{reviews}", "--text", "text", "--seed", "-1"],
    "seed too large": ["agreement", "{answers}", *WHO, "--seed", "4294967296"],
    "column twice": ["check", "{reviews}", "--columns", "text,text"],
    "label as content": ["check", "{reviews}", "--columns", "text,label", "--label", "label"],
    "label as text": ["label-errors", "{reviews}", "--text", "label", "--label", "label"],
    "blank classes": ["check", "{reviews}", *CONTENT, "--classes", " , "],
    "outcomes into a folder": ["check", "{reviews}", *CONTENT, "--outcomes", "{dir}"],
    "outcomes into no folder": ["check", "{reviews}", *CONTENT, "--outcomes", "{dir}/no/o.csv"],
    "report over the issues": ["check", "{reviews}", *CONTENT, "--html", "{dir}/out.csv"],
    "repairs into a folder": ["check", "{reviews}", *CONTENT, "--repairs", "{dir}"],
    "outcomes over the issues": ["check", "{reviews}", *CONTENT, "--outcomes", "{dir}/out.csv"],
    "a folder as data": ["check", "{dir}", "--text", "text"],
    "bad severity": ["check", "{reviews}", "--text", "text", "--fail-on", "fatal"],
    "foreign annotations": ["check", "{reviews}", "--columns", "label", "--annotations", "{other}"],
    "answers about other rows": ["label-errors", "{reviews}", *CONTENT, "--annotations", "{other}"],
    "one class": ["label-errors", "{other}", "--text", "label", "--label", "annotator"],
    "bad method": ["consensus", "{answers}", *WHO, "--method", "magic"],
    "bad item column": ["consensus", "{answers}", *WHO[:1], "nope", *WHO[2:]],
    "content without items": ["consensus", "{answers}", *WHO, "--text", "text"],
    "items without content": ["consensus", "{answers}", *WHO, "--items", "{reviews}"],
    "unknown items": ["consensus", "{other}", *WHO, "--items", "{reviews}", "--text", "text"],
    "an order without a class": ["agreement", "{answers}", *WHO, "--order", "긍정,중립"],
    "no such group": ["agreement", "{answers}", *WHO, "--group", "version"],
    "confusions over the people": [
        "annotators",
        "{answers}",
        *WHO,
        "--confusions",
        "{dir}/out.csv",
    ],
    "no such seconds": ["annotators", "{answers}", *WHO, "--seconds", "took"],
    "no such imports": ["check", "{reviews}", *CONTENT, "--imports", "when"],
    "one import": ["check", "{other}", "--text", "item_id", "--imports", "one"],
    "empty item": ["agreement", "{holes}", *WHO],
    "no command": ["improve"],
}


@pytest.mark.parametrize("arguments", BAD.values(), ids=BAD)
def test_bad_input_is_one_line_exit_code_two_and_no_file(
    reviews: Path,
    answers: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
) -> None:
    other, holes = tmp_path / "other.csv", tmp_path / "holes.csv"
    other.write_text("item_id,annotator,label,one\nz1,p,x,1\nz2,p,y,1\n", encoding="utf-8")
    holes.write_text("item_id,annotator,label\n,p,x\nz2,p,y\n", encoding="utf-8")
    odd = tmp_path / "odd.json"
    odd.write_text('[{"type": ["x"], "kwargs": {}}]', encoding="utf-8")
    names = {"dir": tmp_path, "reviews": reviews, "answers": answers, "other": other}
    words = [word.format(**names, holes=holes, odd=odd) for word in arguments]
    out = tmp_path / "out.csv"
    try:
        code = main([*words, "--out", str(out)])
    except SystemExit as stop:
        code = int(stop.code or 0)
    said = capsys.readouterr()
    assert code == 2
    assert len(said.err.strip().splitlines()) == 1
    assert said.out == ""
    assert not out.exists()


def test_a_missing_folder_is_bad_input(reviews: Path, tmp_path: Path) -> None:
    assert run("check", reviews, *CONTENT, "--out", tmp_path / "gone" / "issues.csv") == 2


def test_a_fault_of_ours_is_exit_code_three(
    answers: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def explode(_: object) -> int:
        raise RuntimeError("our fault")

    monkeypatch.setitem(COMMANDS, "agreement", explode)
    assert run("agreement", answers, *WHO, "--out", tmp_path / "a.csv") == 3


def test_the_command_runs_as_a_module(answers: Path, tmp_path: Path, root: Path) -> None:
    command = [sys.executable, "-m", "quality", "agreement", str(answers), *WHO]
    done = subprocess.run(
        [*command, "--out", str(tmp_path / "a.csv")],
        cwd=root,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert "percent_agreement" in done.stdout


def gate_of_the_docs(root: Path) -> list[str]:
    """The arguments that the example workflow hands to `python -m quality`."""
    steps = (root / "docs" / "quality-gate.yml").read_text(encoding="utf-8")
    command = steps.split("python -m quality ")[1].split("- if:")[0]
    return shlex.split(command)


def test_the_gate_of_the_docs_opens_for_clean_data_and_shuts_on_a_warning(
    reviews: Path, root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for folder in ("data", "groundwork"):
        (tmp_path / folder).mkdir()
    data = reviews.rename(tmp_path / "data" / "reviews.csv")
    suite = ("--out", tmp_path / "i.csv", "--save-suite", tmp_path / "suite.json")
    run("check", data, "--text", "text", "--label", "label", *suite)
    monkeypatch.chdir(tmp_path / "groundwork")
    assert main(gate_of_the_docs(root)) == 0
    edit(data, 21, "text", pd.read_csv(data)["text"][20])
    assert main(gate_of_the_docs(root)) == 1, "the same text with another label"
    assert "L202" in (tmp_path / "quality.html").read_text(encoding="utf-8")
    assert set(pd.read_csv(tmp_path / "issues.csv").query("code == 'L202'")["row"]) == {20, 21}
