"""Labelled sets that strategies are compared on: scikit-learn's own, and files of a folder.

All cells are strings, as they come from a file, so that the features are the app's own.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple
from zipfile import ZipFile

import numpy as np
import pandas as pd

from labeling.core.features import Content

LABEL = "label"
Loader = Callable[[Path], pd.DataFrame]


class LabelledSet(NamedTuple):
    """How a set is read, learned from and asked: `step` items a batch, the seed set too.

    `budget` is how many labels a strategy may ask; `patience` how many the random control may,
    which needs more of them, and may be looked at after every `stride`. `rows` are drawn once.
    """

    load: Loader
    kind: str
    metric: str
    step: int
    budget: int
    patience: int
    rows: int = 3_000
    test_share: float = 0.3
    stride: int | None = None

    def frame(self, folder: Path) -> pd.DataFrame:
        """The rows that are used, labels in the column LABEL."""
        whole = self.load(folder)
        rows = np.random.default_rng(0).permutation(len(whole))[: self.rows]
        return whole.iloc[np.sort(rows)].reset_index(drop=True)

    def content(self, frame: pd.DataFrame) -> Content:
        """What is learned from: every column beside the label."""
        return Content(self.kind, tuple(name for name in frame.columns if name != LABEL))


def _of_scikit(name: str) -> Loader:
    """Numbers of one of scikit-learn's own sets, as strings."""

    def load(folder: Path) -> pd.DataFrame:
        from sklearn import datasets

        bunch = getattr(datasets, f"load_{name}")()
        columns = [f"x{nth}" for nth in range(bunch.data.shape[1])]
        frame = pd.DataFrame(bunch.data, columns=columns).astype(str).astype(object)
        return frame.assign(label=bunch.target.astype(str))

    return load


def _of_file(name: str, *without: str) -> Loader:
    """All columns of NAME/data.csv but its id and those named."""

    def load(folder: Path) -> pd.DataFrame:
        frame = pd.read_csv(folder / name / "data.csv", dtype=str, keep_default_na=False)
        return frame.drop(columns=["id", *without])

    return load


def _yoruba(folder: Path) -> pd.DataFrame:
    """Headlines with the labels that native speakers gave."""
    frame = pd.read_csv(folder / "yoruba_news" / "data.csv", dtype=str)
    truth = pd.read_csv(folder / "yoruba_news" / "truth.csv", dtype=str)
    return (
        frame[["id", "text"]]
        .merge(truth, on="id")
        .set_axis(["id", "text", LABEL], axis=1)[["text", LABEL]]
    )


def _mnist(folder: Path) -> pd.DataFrame:
    """Handwritten digits as encoded pictures."""
    frame = pd.read_csv(folder / "mnist_verified" / "data.csv", dtype=str)
    with ZipFile(folder / "mnist_verified" / "images.zip") as pictures:
        cells = [pictures.read(name) for name in frame["file"]]
    return pd.DataFrame({"image": pd.Series(cells, dtype=object), LABEL: frame[LABEL]})


WHOLE = 1_000_000  # a budget that no pool has

SETS: dict[str, LabelledSet] = {
    "wine": LabelledSet(_of_scikit("wine"), "columns", "accuracy", 5, WHOLE, WHOLE),
    "penguins": LabelledSet(_of_file("penguins"), "columns", "accuracy", 5, 150, WHOLE),
    "digits": LabelledSet(_of_scikit("digits"), "columns", "accuracy", 10, 500, 1_000),
    "adult": LabelledSet(_of_file("adult_6k"), "columns", "macro_f1", 10, 600, 1_000),
    "sms_spam": LabelledSet(_of_file("sms_spam"), "text", "macro_f1", 10, 400, 1_000),
    "mnist": LabelledSet(_mnist, "image", "accuracy", 10, 250, 800, rows=2_000, stride=40),
    "yoruba_news": LabelledSet(_yoruba, "text", "accuracy", 25, 600, 800, stride=50),
    "nsmc": LabelledSet(
        _of_file("nsmc_6k", "movie_id", "rating"), "text", "accuracy", 25, 1_500, WHOLE
    ),
}
BUNDLED = ("wine", "digits")  # those that need no file
