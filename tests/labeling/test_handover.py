"""Hand-over: what a stranger loads says what we say, and the card says what it learned from."""

from __future__ import annotations

import io
import json
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
import pytest
import skops.io
from PIL import Image

from labeling import audits, handover, imports, project, requirements, rounds, tracking
from labeling.__main__ import main
from labeling.core import features, fitting, models, onnx_models, portable
from labeling.core.features import Content
from labeling.core.models import ModelConfig
from labeling.errors import InputError
from labeling.fits import Fits
from labeling.handover import HandOver
from labeling.ingest import Roles
from labeling.project import Project
from labeling.store import rounds as store
from labeling.versions import Snapshot
from tests.factories import MEASURES, answer_queue, make_project, table_frame, text_frame, truth_of

KOREAN = text_frame(120, korean=True)
GUIDELINE = "긍정: 다시 보고 싶은 영화 | <b>부정</b>: 아까운 시간"
# What a stranger does, in a process that knows nothing of this project.
STRANGER = """
import json, sys
import numpy as np
import skops.io

for folder in sys.argv[1:]:
    card = json.load(open(f"{folder}/card.json", encoding="utf-8"))
    trusted = card["files"]["model.skops"]["trusted_types"]
    model = skops.io.load(f"{folder}/model.skops", trusted=trusted)
    rows = json.load(open(f"{folder}/given.json", encoding="utf-8"))
    reading = {}
    if "reading.py" in card["files"]:
        exec(open(f"{folder}/reading.py").read(), reading)
    if card["content"]["kind"] == "image":
        rows = reading["read"]([bytes.fromhex(cell) for cell in rows])
    elif card["content"]["kind"] == "columns":
        import pandas
        rows = reading["read"](pandas.DataFrame(rows, dtype=object))
    np.save(f"{folder}/proba.npy", model.predict_proba(rows))
assert not any(name.split(".")[0] in ("labeling", "quality") for name in sys.modules)
"""


def picture(kind: int, shift: int) -> bytes:
    """A line down, a line across, or none, somewhere on a grey square."""
    pixels = np.full((20, 20, 3), 40 + shift, dtype=np.uint8)
    if kind < 2:
        pixels[(slice(None), 4 + shift) if kind else (4 + shift, slice(None))] = 250
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, "PNG")
    return out.getvalue()


def image_frame() -> pd.DataFrame:
    cells = [(kind, shift) for shift in range(12) for kind in range(3)]
    return pd.DataFrame(
        {
            "id": [f"p{i}" for i in range(len(cells))],
            "image": [picture(*cell) for cell in cells],
            "label": ["down" if k == 1 else "across" if k == 0 else "none" for k, _ in cells],
        },
        dtype=object,
    )


def several_frame() -> pd.DataFrame:
    """Texts about sport, money, both or nothing."""
    rng = np.random.default_rng(3)
    words = {"sport": "goal match team league", "money": "bank loan tax stock"}
    rows = []
    for i in range(36):
        own = [name for name in words if rng.random() < 0.5]
        said = [word for name in own for word in rng.choice(words[name].split(), 2)]
        rows.append((f"s{i}", " ".join([*said, "the", f"no{i}"]), "|".join(own)))
    return pd.DataFrame(rows, columns=["id", "text", "label"], dtype=object)


CONTENTS = {
    "text": (KOREAN, Content("text", ("text",)), ("긍정", "부정"), False),
    "columns": (table_frame(90), Content("columns", MEASURES), None, False),
    "image": (image_frame(), Content("image", ("image",)), None, False),
    "several": (several_frame(), Content("text", ("text",)), ("sport", "money"), True),
}


class Given(NamedTuple):
    """A hand-over, the items as a stranger has them, what he gets and what we say."""

    made: HandOver
    snapshot: Snapshot
    theirs: np.ndarray
    ours: np.ndarray


@pytest.fixture(scope="module")
def handed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Given]]:
    """Hand-overs of every content and of every kind of model, read by one stranger."""
    folder = tmp_path_factory.mktemp("handed")
    with ExitStack() as opened:
        projects = {name: opened.enter_context(closed(folder, name)) for name in CONTENTS}
        sources = {name: (made, 1) for name, made in projects.items()}
        first = store.every(projects["text"].db)[0]
        for number, kind in enumerate(models.MODELS, start=2):
            model = first.config["model"] | {"model": kind, "temperature": 1.5}
            again = first._replace(round_no=number, config=first.config | {"model": model})
            with projects["text"].writing():
                store.add(projects["text"].db, again)
            sources[kind] = (projects["text"], number)
        made = {name: handover.make(*source, onnx=True) for name, source in sources.items()}
        for name, one in made.items():
            unpack(one, folder / name)
            (folder / name / "given.json").write_text(given(sources[name][0]), encoding="utf-8")
        ask_a_stranger([folder / name for name in made])
        yield {
            name: Given(
                one,
                Snapshot(sources[name][0]),
                np.load(folder / name / "proba.npy"),
                ours(*sources[name]),
            )
            for name, one in made.items()
        }


def closed(folder: Path, name: str) -> Project:
    """A project of one content, its labels imported, with one closed round."""
    frame, content, classes, multi = CONTENTS[name]
    roles = Roles(content, "id", "label", None, None, None, classes or _classes(frame), multi)
    made, _ = imports.create_project(
        folder / f"{name}.db", frame, roles=roles, source="first.csv", author="test", seed=0
    )
    rounds.close_round(made)
    return made


def unpack(made: HandOver, folder: Path) -> None:
    with zipfile.ZipFile(io.BytesIO(handover.to_zip(made))) as archive:
        archive.extractall(folder)


def ask_a_stranger(folders: list[Path]) -> None:
    """Another process, elsewhere, that finds only the unpacked files and the items."""
    subprocess.run(
        [sys.executable, "-c", STRANGER, *map(str, folders)],
        cwd=folders[0], check=True, timeout=240,
    )  # fmt: skip


def _classes(frame: pd.DataFrame) -> tuple[str, ...]:
    return tuple(sorted(set(frame["label"])))


@pytest.fixture(scope="module")
def worked_on(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    """A Korean project with three closed rounds, 30 gold labels, and a class that nobody found."""
    path, classes = tmp_path_factory.mktemp("korean") / "영화.db", ("긍정", "중립", "부정")
    with make_project(path, KOREAN, classes=classes) as made:
        requirements.save_guideline(made, GUIDELINE, author="test")
        for _ in range(3):
            answer_queue(made, truth_of(KOREAN))
            rounds.close_round(made)
        yield made


def given(made: Project) -> str:
    """The items as a stranger has them: JSON of texts, of a table's columns, of images in hex."""
    frame = Snapshot(made).frame
    if made.content.kind == "columns":
        return json.dumps(frame.to_dict("list"))
    cells = frame.iloc[:, 0].tolist()
    return json.dumps([cell.hex() if isinstance(cell, bytes) else cell for cell in cells])


def ours(made: Project, round_no: int) -> np.ndarray:
    fits = Fits(Snapshot(made))
    closed = store.every(made.db)[round_no - 1]
    training = handover.training_of(fits.snapshot, closed)
    predictor = fits.fit(training, ModelConfig(**closed.config["model"]))
    return predictor.predict_proba(fits.snapshot.features)[:, portable.columns(predictor)]


@pytest.mark.parametrize("name", [*CONTENTS, *models.MODELS])
def test_a_stranger_gets_our_probabilities(handed: dict[str, Given], name: str) -> None:
    """Of texts, tables, images and items of several classes, and from every kind of model."""
    found = handed[name]
    assert found.theirs == pytest.approx(found.ours, abs=1e-5)
    assert found.theirs.std(axis=0).max() > 0.1, "it tells items apart"


@pytest.mark.parametrize("name", [*CONTENTS, *models.MODELS])
def test_the_graph_says_the_same_or_the_card_why_there_is_none(
    handed: dict[str, Given], name: str
) -> None:
    onnxruntime = pytest.importorskip("onnxruntime", reason="ONNX Runtime is not installed")
    found, about = handed[name], handed[name].made.card["files"]["model.onnx"]
    assert ("model.onnx" in found.made.files) == ("left_out" not in about)
    if "left_out" in about:
        assert name in ("boosting", "naive_bayes", "neighbours")
        assert f"no ONNX: {about['left_out']}." in found.made.files["card.md"].decode()
        return
    inside = known_features(found)
    session = onnxruntime.InferenceSession(found.made.files["model.onnx"])
    (said,) = session.run(["probabilities"], {"features": inside})
    assert inside.shape[1] == about["inputs"]
    assert said == pytest.approx(found.ours, abs=1e-5)


def test_naive_bayes_on_words_is_exact_as_a_graph() -> None:
    onnxruntime = pytest.importorskip("onnxruntime", reason="ONNX Runtime is not installed")
    matrix = features.matrix(KOREAN, CONTENTS["text"][1])
    y = (KOREAN["label"] == "부정").to_numpy().astype(np.int64)
    config = ModelConfig("naive_bayes", temperature=2.5)
    predictor = fitting.fit(matrix, y, n_classes=2, config=config)
    assert isinstance(predictor, fitting.Fitted)
    assert type(predictor.estimator).__name__ == "ComplementNB"
    session = onnxruntime.InferenceSession(onnx_models.convert(predictor))
    inside = predictor.columns_of(matrix).toarray()
    (said,) = session.run(["probabilities"], {"features": inside})
    assert said == pytest.approx(predictor.predict_proba(matrix), abs=1e-5)


def known_features(found: Given) -> np.ndarray:
    """What the graph takes, by the pipeline's own first steps, as the card says."""
    snapshot = found.snapshot
    pipeline = skops.io.loads(found.made.files["model.skops"], trusted=list(portable.TRUSTED))
    rows = pipeline[:-1].transform(portable.inputs(snapshot.frame, snapshot.featurizer))
    dense = rows.toarray() if hasattr(rows, "toarray") else rows
    return np.asarray(dense, dtype=np.float32)


def test_a_table_with_a_column_of_texts_stays_small_and_exact() -> None:
    frame = table_frame(60).assign(note=text_frame(60)["text"])
    featurizer, matrix = features.learned_with_matrix(
        frame, Content("columns", (*MEASURES, "note"))
    )
    y = frame["label"].map({name: k for k, name in enumerate(_classes(frame))}).to_numpy()
    predictor = fitting.fit(matrix, y.astype(np.int64), n_classes=3)
    data, about = handover.skops_of(
        portable.pipeline(featurizer, predictor),
        portable.inputs(frame, featurizer),
        predictor.predict_proba(matrix),
    )
    assert about["largest_difference"] <= 1e-6
    assert len(data) < 2_000_000, "no list of half a million columns"


def test_the_digest_is_the_hash_of_the_version(worked_on: Project) -> None:
    for closed in store.every(worked_on.db):
        made = handover.make(worked_on, closed.round_no)
        assert made.card["data_version"]["hash"] == closed.version_hash
        assert closed.version_hash in made.files["card.md"].decode()
        assert sum(made.card["data_version"]["labels_by_class"].values()) == closed.n_labels


def test_the_card_names_metrics_with_intervals_and_open_checks(worked_on: Project) -> None:
    made = handover.make(worked_on, 3)
    text = made.files["card.md"].decode()
    accuracy = made.card["metrics"][0]
    assert accuracy["metric"] == "accuracy"
    assert 0.8 < accuracy["low"] < accuracy["value"] <= accuracy["high"] + 1e-9
    assert f"| accuracy | {accuracy['value']:.1%} | {accuracy['low']:.1%} |" in text
    still = audits.outcomes(worked_on).query("status in ('found', 'failed')")
    assert len(still) >= 1
    assert [c["code"] for c in made.card["open_checks"]] == still["code"].tolist()
    assert all(f"| {code} |" in text for code in still["code"])


def test_without_enough_gold_the_card_gives_no_figure(handed: dict[str, Given]) -> None:
    made = handed["text"].made
    assert made.card["metrics"] == []
    assert "30 more gold labels" in made.files["card.md"].decode()


def test_korean_stands_in_the_card_as_it_was_written(worked_on: Project) -> None:
    made = handover.make(worked_on, 3)
    text = made.files["card.md"].decode()
    assert text.startswith("# 영화: the model of round 3\n")
    assert "| 긍정 |" in text
    assert "> 긍정: 다시 보고 싶은 영화 \\| \\<b\\>부정\\</b\\>: 아까운 시간" in text
    assert made.card["columns"] == ["긍정", "부정"], "nothing was ever 중립"
    assert '"긍정"' in made.files["card.json"].decode()
    assert made.card["label_set"]["guideline"] == GUIDELINE


def test_a_later_label_set_is_not_passed_off_as_the_old_one(tmp_path: Path) -> None:
    with make_project(tmp_path / "p.db", KOREAN) as made:
        answer_queue(made, truth_of(KOREAN))
        rounds.close_round(made)
        with made.writing():
            from labeling.store import changes

            change = changes.add(made.db, "schema", title="t", author="t", at=project.now())
            changes.add_label_set(made.db, change, classes=("긍정", "중립"), guideline="")
        with pytest.raises(InputError, match="another label set"):
            handover.make(made, 1)


def test_a_model_of_one_class_is_handed_over_as_the_constant_that_it_is() -> None:
    featurizer, matrix = features.learned_with_matrix(KOREAN, CONTENTS["text"][1])
    predictor = fitting.fit(matrix, np.full(120, 1), n_classes=3)
    rows, proba = portable.inputs(KOREAN, featurizer), predictor.predict_proba(matrix)
    handover.skops_of(portable.pipeline(featurizer, predictor), rows, proba)
    assert proba[0].tolist() == [0.0, 1.0, 0.0]
    with pytest.raises(ValueError, match="the same of every item"):
        onnx_models.convert(predictor)


def test_what_skops_would_have_to_trust_blindly_is_not_handed_over() -> None:
    own = portable.constant(np.ones(2))
    own.surprise = _Foreign()
    with pytest.raises(InputError, match=r"skops would have to trust .*_Foreign"):
        handover.skops_of(own, [[0.0]], np.array([[0.5, 0.5]]))


class _Foreign:
    pass


def test_a_file_that_says_something_else_is_not_handed_over() -> None:
    with pytest.raises(Exception, match="other probabilities than the model") as caught:
        handover.skops_of(portable.constant(np.ones(2)), [[0.0]], np.array([[0.4, 0.6]]))
    assert type(caught.value).__name__ == "CorruptionError"


def test_the_zip_holds_fixed_names_and_no_pickle(worked_on: Project) -> None:
    made = handover.make(worked_on, 3, onnx=True)
    hostile = made._replace(files=made.files | {"../evil": b"x"})
    with zipfile.ZipFile(io.BytesIO(handover.to_zip(hostile))) as archive:
        assert archive.namelist() == ["card.md", "card.json", "model.skops", "model.onnx"]
        assert archive.testzip() is None
        with zipfile.ZipFile(io.BytesIO(archive.read("model.skops"))) as inside:
            assert {Path(name).suffix for name in inside.namelist()} <= {".json", ".npy", ".npz"}


@pytest.mark.parametrize(
    ("round_no", "words"), [(4, "round 4 is not closed; closed are: 1, 2, 3"), (0, "round 0")]
)
def test_a_round_that_is_not_closed_is_refused(
    worked_on: Project, round_no: int, words: str
) -> None:
    with pytest.raises(InputError, match=words):
        handover.make(worked_on, round_no)


def test_before_the_first_round_there_is_no_model(tmp_path: Path) -> None:
    with make_project(tmp_path / "p.db", KOREAN) as made, pytest.raises(InputError, match="no mod"):
        handover.make(made, 1)


def test_the_command_writes_the_newest_round(
    worked_on: Project, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "모델.zip"
    assert main(["handover", str(worked_on.path), "--out", str(out), "--onnx"]) == 0
    assert "model of round 3" in capsys.readouterr().out
    with zipfile.ZipFile(out) as archive:
        assert json.loads(archive.read("card.json"))["round"] == 3
    assert [path.name for path in tmp_path.iterdir()] == ["모델.zip"]


@pytest.mark.parametrize("wrong", [["--round", "9"], ["--round", "x"], ["--out", "no/such/f.zip"]])
def test_wrong_use_is_one_line_and_writes_nothing(
    worked_on: Project, tmp_path: Path, capsys: pytest.CaptureFixture[str], wrong: list[str]
) -> None:
    arguments = ["handover", str(worked_on.path), "--out", str(tmp_path / "f.zip"), *wrong]
    try:
        code = main(arguments)
    except SystemExit as stopped:
        code = stopped.code
    assert code == 2
    assert len(capsys.readouterr().err.splitlines()) == 1
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(tracking.is_there(), reason="MLflow is installed")
def test_without_mlflow_the_command_says_what_to_install(
    worked_on: Project, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    target = str(tmp_path / "f.zip")
    assert main(["handover", str(worked_on.path), "--out", target, "--mlflow", "x"]) == 2
    assert "pip install -r requirements-mlflow.txt" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(not tracking.is_there(), reason="MLflow is not installed: it is an extra")
def test_mlflow_keeps_the_data_version_as_the_digest_of_the_data_set(
    worked_on: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from mlflow import MlflowClient

    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    uri = (tmp_path / "runs").as_uri()
    made = handover.make(worked_on, 3)
    run = MlflowClient(tracking_uri=uri).get_run(tracking.log(made, uri))
    digest = run.inputs.dataset_inputs[0].dataset.digest
    assert len(digest) == 36
    assert made.card["data_version"]["hash"].startswith(digest)
    assert run.data.metrics["accuracy_low"] == made.card["metrics"][0]["low"]
    assert run.info.status == "FINISHED"
