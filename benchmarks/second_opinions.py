"""What second opinions are worth: accuracy after the same number of votes, by policy (METHODS 4).

python -m benchmarks.second_opinions [--quick] [--seeds N] [--data FOLDER] [--only NAME]

Votes are those of the true class, but for a share of wrong ones. Rounds are as in the product: its
model (C = 1, as tuning chooses where a third of the votes is wrong), margin for new items, the
majority with the later vote winning a tie, no vote twice by one person. The figures are means over
paired seeds, with the interval of the difference to `none`. FOLDER may hold sets of texts.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from labeling.core import comparison, fitting, second_opinions, utilities
from labeling.core.models import ModelConfig
from labeling.core.second_opinions import POLICIES, Situation, Votes
from quality.labels import self_confidence

PEOPLE = 5
MODEL = ModelConfig(regularisation=1.0)
TEXTS = ("yoruba_news", "sms_spam", "nsmc_6k")


@dataclass(frozen=True)
class Task:
    """Rows with their true codes, what share of votes is wrong, and how votes are spent.

    `is_measured`: the policies know how often two votes differ.
    """

    features: Any
    truth: np.ndarray
    noise: float
    start: int = 240
    rounds: int = 14
    batch: int = 30
    n_test: int = 600
    is_measured: bool = False

    @property
    def n_classes(self) -> int:
        return int(self.truth.max()) + 1


@dataclass
class Crowd:
    """People who vote, each with the same share of wrong votes."""

    task: Task
    rng: np.random.Generator
    item: list[int] = field(default_factory=list)
    who: list[int] = field(default_factory=list)
    label: list[int] = field(default_factory=list)

    def ask(self, row: int) -> None:
        """One more vote on a row, by somebody who has not voted on it."""
        voted = {who for item, who in zip(self.item, self.who, strict=True) if item == row}
        others = [who for who in range(PEOPLE) if who not in voted]
        label = int(self.task.truth[row])
        if self.rng.random() < self.task.noise:
            label = (label + int(self.rng.integers(1, self.task.n_classes))) % self.task.n_classes
        self.item.append(row)
        self.who.append(int(self.rng.choice(others)))
        self.label.append(label)

    def counted(self) -> tuple[np.ndarray, np.ndarray, Votes]:
        """Rows with votes, their majority label (a tie goes to the later vote), and the votes."""
        rows, at = np.unique(self.item, return_inverse=True)
        votes = Votes(at, np.array(self.who), np.array(self.label))
        score = votes.counts(self.task.n_classes)
        for order, (i, label) in enumerate(zip(at, self.label, strict=True)):
            score[i, label] += 0.5 * order / len(at) / (1 + len(at))
        return rows, score.argmax(axis=1), votes


def accuracy(task: Task, policy: str, seed: int) -> float:
    """How right a model is in the end, in [0, 1], on rows that nobody voted on."""
    rng = np.random.default_rng(seed)
    order = rng.permutation(len(task.truth))
    test, pool = order[: task.n_test], order[task.n_test :]
    crowd = Crowd(task, np.random.default_rng(seed + 1_000))
    for row in pool[: task.start]:
        crowd.ask(int(row))
    fresh = set(pool[task.start :].tolist())
    for _ in range(task.rounds):
        for row in planned(task, policy, crowd, sorted(fresh), seed):
            crowd.ask(row)
            fresh.discard(row)
    rows, label, _ = crowd.counted()
    said = fitted(task, rows, label).predict_proba(task.features[test]).argmax(axis=1)
    return float((said == task.truth[test]).mean())


def planned(task: Task, policy: str, crowd: Crowd, fresh: list[int], seed: int) -> Iterator[int]:
    """A batch: labels asked again by the policy, new items by margin."""
    rows, label, votes = crowd.counted()
    proba = fitted(task, rows, label).predict_proba(task.features[fresh])
    again = np.empty(0, dtype=np.int64)
    if policy != "none":
        again = second_opinions.share(policy, situation(task, rows, label, votes, proba)).again
    yield from (int(rows[i]) for i in again)
    margin = utilities.margin(proba, np.random.default_rng(seed))
    best = np.argsort(-margin, kind="stable")[: task.batch - len(again)]
    yield from (fresh[i] for i in best)


def situation(
    task: Task, rows: np.ndarray, label: np.ndarray, votes: Votes, pool: np.ndarray
) -> Situation:
    """What the policies see; the true share of votes that differ stands for the overlap's."""
    own = second_opinions.out_of_fold(
        task.features[rows], label, n_classes=task.n_classes, config=MODEL, seed=len(rows)
    )
    value, pool_value = second_opinions.activelab_scores(votes, own, pool)
    n_votes = np.bincount(votes.item)
    right = 1 - task.noise
    same = right**2 + task.noise**2 / (task.n_classes - 1)
    return Situation(
        task.batch,
        self_confidence(own, label),
        n_votes,
        n_votes < PEOPLE,
        value,
        pool_value,
        1 - same if task.is_measured else None,
    )


def fitted(task: Task, rows: np.ndarray, label: np.ndarray) -> fitting.Predictor:
    """The product's model of some rows."""
    return fitting.fit(task.features[rows], label, n_classes=task.n_classes, config=MODEL)


def digits() -> Task:
    """Handwritten digits, as scikit-learn brings them."""
    from sklearn.datasets import load_digits

    features, truth = load_digits(return_X_y=True)
    return Task((features / 16).astype(np.float32), truth.astype(np.int64), 0.3)


def cancer() -> Task:
    """Breast cancer, as scikit-learn brings it: two classes, few rows."""
    from sklearn.datasets import load_breast_cancer

    features, truth = load_breast_cancer(return_X_y=True)
    scaled = ((features - features.mean(axis=0)) / features.std(axis=0)).astype(np.float32)
    return Task(scaled, truth.astype(np.int64), 0.3, start=60, rounds=8, batch=15, n_test=200)


def from_files(folder: Path) -> Iterator[tuple[str, Task]]:
    """Texts of a folder of tables: those that are there."""
    from sklearn.feature_extraction.text import TfidfVectorizer

    for name in TEXTS:
        path = folder / name / "data.csv"
        if path.exists():
            table = pd.read_csv(path).dropna(subset=["text", "label"])
            terms = TfidfVectorizer(min_df=2, sublinear_tf=True).fit_transform(table["text"])
            codes = pd.factorize(table["label"], sort=True)[0].astype(np.int64)
            for noise in (0.3, 0.1):
                yield name, Task(terms.tocsr().astype(np.float32), codes, noise)


def compared(name: str, task: Task, seeds: int) -> pd.DataFrame:
    """One row a policy: mean accuracy and what it gains on `none`, in points."""
    runs = {
        policy: np.array([accuracy(task, policy, seed) for seed in range(seeds)])
        for policy in POLICIES
    }
    rows = []
    for policy, own in runs.items():
        gain = comparison.t_interval(own - runs["none"])
        points = [round(100 * each, 1) for each in (own.mean(), *gain)]
        rows.append((name, task.noise, policy, *points))
    return pd.DataFrame(rows, columns=["set", "noise", "policy", "accuracy", "gain", "low", "high"])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="two seeds, digits at 30 % alone")
    parser.add_argument("--data", type=Path, help="a folder of text sets")
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--only", help="one of the sets")
    asked = parser.parse_args()
    tasks: list[tuple[str, Task]] = [("digits", digits())]
    if not asked.quick:
        measured = replace(digits(), is_measured=True)
        tasks += [("digits, noise measured", measured), ("cancer", cancer())]
        tasks += [("digits", replace(digits(), noise=0.1))]
        tasks += list(from_files(asked.data)) if asked.data else []
    for name, task in tasks:
        if asked.only not in (None, name):
            continue
        started = time.process_time()
        print(compared(name, task, 2 if asked.quick else asked.seeds).to_string(index=False))
        print(f"{time.process_time() - started:.0f} CPU seconds")


if __name__ == "__main__":
    main()
