"""Simulated projects: what a team would have seen round by round, with the truth beside it.

A history is one project of one data set: half of the rows (at most) are the reservoir, of which
some are the gold set that the team sees and the rest the truth that it does not. Each history is
kept as one JSON file, so that an analysis can run again without the fits.
"""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from labeling.core import features, fitting, forecast, stopping, strategies
from labeling.core.features import Content
from labeling.core.fitting import Fitted
from labeling.core.strategies import Pool

ROUNDS, BATCH = 27, 25
GOLDS = (300, 100)  # a team with much gold and one with the default; the first rows of the same
TRUTH, POOL = 1200, 2000  # rows, at most
FRESH_AT = (3, *range(4, 21, 2))
STRATEGIES = ("random", "margin")


class Set(NamedTuple):
    """A data set that is labelled already: its features and class codes, int (rows,)."""

    matrix: Any
    y: np.ndarray


# -- the data sets ---------------------------------------------------------------------------------


def _of_frame(frame: pd.DataFrame, kind: str, columns: Sequence[str], label: str) -> Set:
    known = frame[label].notna()
    frame = frame[known].drop_duplicates(subset=list(columns)).reset_index(drop=True)
    _, y = np.unique(frame[label].astype(str), return_inverse=True)
    return Set(features.matrix(frame, Content(kind, tuple(columns))), y.astype(np.int64))


def _bundled(name: str) -> Set:
    from sklearn import datasets

    x, y = getattr(datasets, f"load_{name}")(return_X_y=True)
    frame = pd.DataFrame(x).rename(columns=str)
    return _of_frame(frame.assign(label=y), "columns", list(frame.columns), "label")


def _read(folder: Path) -> pd.DataFrame:
    return pd.read_csv(folder / "data.csv", dtype=str, keep_default_na=False, na_values=[""])


def _text(folder: Path) -> Set:
    return _of_frame(_read(folder), "text", ["text"], "label")


def _table(folder: Path) -> Set:
    frame = _read(folder)
    columns = [column for column in frame.columns if column not in ("id", "label")]
    return _of_frame(frame, "columns", columns, "label")


def _verified(folder: Path) -> pd.DataFrame:
    """The rows with the labels of a truth file."""
    truth = pd.read_csv(folder / "truth.csv", dtype=str, keep_default_na=False, na_values=[""])
    return _read(folder).merge(truth, on="id")


def _verified_text(folder: Path) -> Set:
    return _of_frame(_verified(folder), "text", ["text"], "true_label")


def _verified_images(folder: Path) -> Set:
    frame = _verified(folder)
    with zipfile.ZipFile(folder / "images.zip") as images:
        inside = {Path(name).name: name for name in images.namelist()}
        frame["image"] = [images.read(inside[name]) for name in frame["file"]]
    return _of_frame(frame, "image", ["image"], "true_label")


BUNDLED = ("digits", "breast_cancer", "wine")
BY_PATH: dict[str, Callable[[Path], Set]] = {
    "sms_spam": _text,
    "penguins": _table,
    "adult_6k": _table,
    "nsmc_6k": _text,
    "yoruba_news": _verified_text,
    "mnist_verified": _verified_images,
}


def load(name: str, data: Path | None) -> Set:
    """A data set by name; those of BY_PATH lie in folders of `data`."""
    if name in BUNDLED:
        return _bundled(name)
    if data is None:
        raise FileNotFoundError(f"{name} needs --data, the folder that holds it")
    return BY_PATH[name](data / name)


def names(data: Path | None) -> list[str]:
    """The data sets that can be had here."""
    there = [] if data is None else [name for name in BY_PATH if (data / name).is_dir()]
    return [*BUNDLED, *there]


# -- one history -----------------------------------------------------------------------------------


class Project:
    """One simulated project: who may be asked, who is gold, who is the truth."""

    def __init__(self, data: Set, strategy: str, seed: int) -> None:
        order = np.random.default_rng([seed, 1]).permutation(len(data.y))
        half = len(order) // 2
        self.golds = [min(gold, half // 2) for gold in GOLDS]
        self.reservoir, rest = order[:half][: max(self.golds) + TRUTH], order[half:][:POOL]
        self.batch = min(BATCH, len(rest) // ROUNDS)
        self.data, self.strategy, self.seed = data, strategy, seed
        self.n_classes = int(data.y.max()) + 1
        self.rng = np.random.default_rng([seed, 2])
        self.labelled = np.empty(0, dtype=np.int64)
        self.asked, self.rest = rest[: self.batch], rest[self.batch :]

    def fit(self, rows: np.ndarray) -> Fitted:
        """A model of the labels of these rows."""
        return fitting.fit(
            self.data.matrix[rows], self.data.y[rows], n_classes=self.n_classes, seed=self.seed
        )

    def predicted(self, fitted: Fitted, rows: np.ndarray) -> np.ndarray:
        """Predicted class codes of these rows."""
        return fitted.predict_proba(self.data.matrix[rows]).argmax(axis=1)

    def scores(self, predicted: np.ndarray) -> list[float]:
        """Accuracy on each gold set, from the predictions of the reservoir's first rows."""
        right = predicted == self.data.y[self.reservoir[: len(predicted)]]
        return [float(right[:gold].mean()) for gold in self.golds]

    def truth(self, predicted: np.ndarray) -> float:
        """Accuracy on the reservoir's rows beyond all gold."""
        right = predicted == self.data.y[self.reservoir]
        return float(right[max(self.golds) :].mean())

    def learn(self) -> Fitted:
        """The batch is answered; a model of all labels so far."""
        self.labelled = np.concatenate([self.labelled, self.asked])
        return self.fit(self.labelled)

    def ask(self, fitted: Fitted) -> None:
        """Choose the next batch."""
        matrix = self.data.matrix
        pool = Pool(matrix[self.rest], matrix[self.labelled], [fitted])
        picks = strategies.choose(self.strategy, pool, self.batch, self.rng).rows
        self.asked, self.rest = self.rest[picks], np.delete(self.rest, picks)

    def fresh(self, round_no: int) -> list[tuple[int, list[float]]]:
        """The subsample curve of this moment: labels, and the score on each gold set."""
        rng = np.random.default_rng([self.seed, 3, round_no])
        gold = self.reservoir[: max(self.golds)]
        fits = ((s, self.fit(self.labelled[s])) for s in forecast.subsets(len(self.labelled), rng))
        return [(len(s), self.scores(self.predicted(fitted, gold))) for s, fitted in fits]


def run(data: Set, strategy: str, seed: int) -> dict[str, Any]:
    """One history as plain JSON values; lists run over the rounds, `fresh` is by round number.

    `gold` holds a score for each size of the gold set, as do the points of `fresh`. `kappa` and
    `disagreement` compare the model of a round with that of the round before, on the reservoir.
    The subsample curve is made where a forecast is scored, and where kappa is high enough for the
    default stopping rule to ask for one.
    """
    project = Project(data, strategy, seed)
    before, rows, fresh = None, [], {}
    for round_no in range(1, ROUNDS + 1):
        fitted = project.learn()
        now = project.predicted(fitted, project.reservoir)
        rows.append(_round(project, before, now))
        settled = (rows[-1]["kappa"] or 0.0) >= stopping.KAPPA
        if round_no in FRESH_AT or (settled and round_no >= stopping.MIN_ROUNDS):
            fresh[str(round_no)] = project.fresh(round_no)
        before = now
        if round_no < ROUNDS:
            project.ask(fitted)
    columns = {key: [row[key] for row in rows] for key in rows[0]}
    return {"n_gold": project.golds, "n_classes": project.n_classes, **columns, "fresh": fresh}


def _round(project: Project, before: np.ndarray | None, now: np.ndarray) -> dict[str, Any]:
    first = before is None
    return {
        "n": len(project.labelled),
        "gold": project.scores(now),
        "truth": project.truth(now),
        "classes": len(np.unique(project.data.y[project.labelled])),
        "kappa": None if first else stopping.kappa(before, now),
        "disagreement": None if first else stopping.largest_change(before, now),
    }


def collect(
    wanted: Sequence[str], *, seeds: int, data: Path | None, cache: Path, say: Callable[[str], None]
) -> Iterator[dict[str, Any]]:
    """Histories of these sets, each simulated once and then read from `cache`."""
    cache.mkdir(parents=True, exist_ok=True)
    for name in wanted:
        loaded: Set | None = None
        for seed in range(seeds):
            for strategy in STRATEGIES:
                path = cache / f"{name}-{strategy}-{seed}.json"
                if not path.exists():
                    loaded = loaded or load(name, data)
                    say(f"simulating {path.stem}")
                    partial = path.with_suffix(".part")
                    partial.write_text(json.dumps(run(loaded, strategy, seed)))
                    partial.rename(path)
                found = json.loads(path.read_text())
                yield {"set": name, "strategy": strategy, "seed": seed, **found}
