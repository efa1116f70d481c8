"""Hand-over: a closed round's model with its card, in one zip that a stranger can use.

No pickle is written or read. Every file is loaded again and compared with the model before it is
given away.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from labeling import export, model_cards, reading_source
from labeling.core import onnx_models, portable
from labeling.core.fitting import Predictor
from labeling.core.log import DataVersion
from labeling.core.models import ModelConfig
from labeling.core.threads import one_thread
from labeling.errors import CorruptionError, GroundworkError, InputError
from labeling.fits import Fits
from labeling.ingest import Progress, silent
from labeling.project import Project
from labeling.store import rounds as store
from labeling.store.rounds import Round
from labeling.versions import Snapshot, TrainingSet

CARD, CARD_JSON, SKOPS, ONNX, READING = (
    "card.md", "card.json", "model.skops", "model.onnx", "reading.py",
)  # fmt: skip
MEMBERS = (CARD, CARD_JSON, SKOPS, ONNX, READING)
CLOSE_ENOUGH = 1e-5  # of a probability
CHECKED = 200  # items
NOT_ASKED = "it was not asked for"
_BEHIND = {
    "text": "hashed words and letters do not convert in skl2onnx",
    "columns": "cut numbers and hashed words do not convert in skl2onnx",
    "image": "reading an image is no part of it",
}


class HandOver(NamedTuple):
    """A model to give away: its card, and its files by their fixed names."""

    card: dict[str, Any]
    files: dict[str, bytes]


class _Given(NamedTuple):
    """The pipeline, what some items are for it, and what our own model says of them."""

    pipeline: Any
    rows: Any
    proba: np.ndarray


def rounds_of(project: Project) -> list[Round]:
    """Closed rounds, whose models can be handed over, newest first."""
    return store.every(project.db)[::-1]


def make(
    project: Project, round_no: int, *, onnx: bool = False, progress: Progress = silent
) -> HandOver:
    """Fit a closed round's model again on its data version and make all files.

    Raises InputError for a round that is not closed, or whose labels the present label set does
    not know; CorruptionError where a file does not say what the model says.
    """
    progress(0.1, "reading the data version")
    closed = _closed(project, round_no)
    fits = Fits(Snapshot(project))
    if fits.snapshot.uses_vectors:
        raise InputError(
            "this model learns from vectors of your own, whose scaling no file holds; hand over "
            "a round that was closed with the setting embeddings=off"
        )
    training = training_of(fits.snapshot, closed)
    progress(0.3, "fitting the model")
    predictor = fits.fit(training, ModelConfig(**closed.config["model"]))
    given = _given(fits.snapshot, predictor)
    progress(0.6, "writing and checking the files")
    files, about = _files(fits.snapshot, given, predictor, onnx=onnx)
    progress(0.9, "writing the card")
    card = model_cards.card(fits, closed, training, predictor) | {"files": about}
    written = {
        CARD: model_cards.in_markdown(card).encode(),
        CARD_JSON: json.dumps(card, ensure_ascii=False, indent=2).encode(),
    }
    return HandOver(card, written | files)


def _closed(project: Project, round_no: int) -> Round:
    found = {r.round_no: r for r in store.every(project.db)}
    if not found:
        raise InputError("no round is closed yet: there is no model to hand over")
    if round_no not in found:
        known = ", ".join(str(number) for number in found)
        raise InputError(f"round {round_no} is not closed; closed are: {known}")
    return found[round_no]


def training_of(snapshot: Snapshot, closed: Round) -> TrainingSet:
    """What a closed round learned from. Raises InputError where that is no longer the same."""
    version = DataVersion(closed.upto_event, policy=closed.config["policy"])
    training = snapshot.training_set(version)
    if training.hash != closed.version_hash:
        raise InputError(
            f"round {closed.round_no} learned with another label set or other items than there "
            "are now: close a round and hand that over"
        )
    return training


def _given(snapshot: Snapshot, predictor: Predictor) -> _Given:
    at = np.unique(np.linspace(0, len(snapshot.items) - 1, CHECKED).astype(np.int64))
    rows = portable.inputs(snapshot.frame.iloc[at], snapshot.featurizer)
    proba = predictor.predict_proba(snapshot.features[at])[:, portable.columns(predictor)]
    return _Given(portable.pipeline(snapshot.featurizer, predictor), rows, proba)


def _files(
    snapshot: Snapshot, given: _Given, predictor: Predictor, *, onnx: bool
) -> tuple[dict[str, bytes], dict[str, Any]]:
    """The model's files, and what the card says of each."""
    files, about = dict[str, bytes](), dict[str, Any]()
    files[SKOPS], about[SKOPS] = skops_of(*given)
    try:
        if not onnx:
            raise ValueError(NOT_ASKED)
        files[ONNX], about[ONNX] = _onnx(given, predictor)
        about[ONNX]["behind"] = _BEHIND[snapshot.content.kind]
    except ValueError as reason:
        about[ONNX] = {"left_out": str(reason)}
    source = reading_source.of(snapshot.content.kind, snapshot.featurizer.kinds)
    if source is not None:
        files[READING] = source.encode()
        about[READING] = _weight(files[READING])
    return files, about


def _weight(data: bytes) -> dict[str, Any]:
    return {"bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}


def skops_of(pipeline: Any, rows: Any, proba: np.ndarray) -> tuple[bytes, dict[str, Any]]:
    """A pipeline as a skops file, loaded again and compared with `proba` on `rows`.

    Raises InputError where skops would have to trust what is not on our list, CorruptionError where
    the file says something else.
    """
    from skops import io as skops_io

    data = skops_io.dumps(pipeline, compression=zipfile.ZIP_DEFLATED)
    needed = sorted(skops_io.get_untrusted_types(data=data))
    strange = [name for name in needed if name not in portable.TRUSTED]
    if strange:
        raise InputError(
            f"this kind of model cannot be handed over: skops would have to trust {strange[0]}"
        )
    loaded = skops_io.loads(data, trusted=needed)
    with one_thread():
        off = _farthest(loaded.predict_proba(rows), proba)
    if not off <= CLOSE_ENOUGH:
        raise CorruptionError(
            f"the file says other probabilities than the model (by {off:.1e}): nothing is given out"
        )
    said = {"trusted_types": needed, "checked_rows": len(proba), "largest_difference": off}
    return data, _weight(data) | said


def _farthest(found: Any, expected: np.ndarray) -> float:
    return float(np.abs(np.asarray(found) - expected).max(initial=0.0))


def _onnx(given: _Given, predictor: Predictor) -> tuple[bytes, dict[str, Any]]:
    """Raises ValueError in words where the model does not convert, or not exactly enough."""
    data = onnx_models.convert(predictor)
    rows = given.pipeline[:-1].transform(given.rows)
    dense = rows.toarray() if hasattr(rows, "toarray") else rows
    off = _farthest(onnx_models.probabilities(data, dense), given.proba)
    if not off <= CLOSE_ENOUGH:
        raise ValueError(f"its probabilities would be off by up to {off:.1e}")
    said = {"inputs": dense.shape[1], "checked_rows": len(dense), "largest_difference": off}
    return data, _weight(data) | said


# Labeling must not wait for a fit: a page has it done by a process that gives way.
_NICELY = (
    "import os, sys\n"
    "if hasattr(os, 'nice'): os.nice(15)\n"
    "from labeling.__main__ import main\n"
    "sys.exit(main())"
)


def make_beside(path: Path, round_no: int, *, onnx: bool = False) -> HandOver:
    """`make` by the command, in a process of its own, and wait for it. Raises what it raises."""
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder) / "made.zip"
        done = subprocess.run(
            [
                *(sys.executable, "-c", _NICELY, "handover", str(path.resolve())),
                *("--round", str(round_no), "--out", str(target), "--quiet"),
                *(["--onnx"] if onnx else []),
            ],
            cwd=Path(__file__).resolve().parent.parent,
            env=os.environ | {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise _refusal(done)
        return from_zip(target.read_bytes())


def _refusal(done: subprocess.CompletedProcess[str]) -> GroundworkError:
    words = (done.stderr.strip().splitlines() or ["no word of why"])[-1]
    kind = InputError if done.returncode == InputError.exit_code else GroundworkError
    return kind(words.removeprefix("handover: "))


def from_zip(data: bytes) -> HandOver:
    """What `to_zip` wrote; other names in it are left out. Nothing is loaded or run."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        files = {name: archive.read(name) for name in MEMBERS if name in archive.namelist()}
    return HandOver(json.loads(files[CARD_JSON]), files)


def to_zip(made: HandOver) -> bytes:
    """All files in one zip; their names in it are fixed."""
    whole = io.BytesIO()
    with zipfile.ZipFile(whole, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in MEMBERS:
            if name in made.files:
                archive.writestr(zipfile.ZipInfo(name), made.files[name], zipfile.ZIP_DEFLATED)
    return whole.getvalue()


def write(made: HandOver, target: Path) -> None:
    """Write the zip to a file, whole or not at all."""
    export.write_whole(to_zip(made), target)
