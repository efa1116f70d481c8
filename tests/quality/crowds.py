"""Simulated crowds of many shapes, with the truth: for tests and for `benchmarks.crowds`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Crowd:
    """Who answers what how well.

    `skill` are the two parameters of the Beta distribution from which each person's place between
    chance (0) and always right (1) is drawn. `spam` is the share of people who do not look: half of
    them answer by lot, half always the same. `imbalance` makes each class exp(-x) times as frequent
    as the one before. `own_bias` is how far a person's skill differs by class (logits, standard
    deviation). `shared_bias` in [0, 1] draws everybody to the first class. On the share `hard` of
    the items, two answers of three are given without skill: by lot, or, as far as `decoy` in [0, 1]
    goes, for one wrong class that all are drawn to. `busy` is the exponent of a power law of
    activity.
    """

    people: int = 30
    per_item: int = 5
    items: int = 400
    classes: int = 3
    skill: tuple[float, float] = (4.0, 2.0)
    spam: float = 0.0
    imbalance: float = 0.0
    own_bias: float = 0.0
    shared_bias: float = 0.0
    hard: float = 0.0
    decoy: float = 0.0
    busy: float = 0.0


def simulate(crowd: Crowd, seed: int = 0) -> tuple[pd.DataFrame, pd.Series[str]]:
    """A frame item, annotator, label in the order of answering, and the true label of each item."""
    rng = np.random.default_rng(seed)
    names = np.array([f"c{k}" for k in range(crowd.classes)], dtype=object)
    frequent = np.exp(-crowd.imbalance * np.arange(crowd.classes))
    truth = rng.choice(crowd.classes, crowd.items, p=frequent / frequent.sum())
    who = _who_answers(crowd, rng)
    item = np.repeat(np.arange(crowd.items), who.shape[1])
    proba = _confusions(crowd, rng)[who.ravel(), truth[item]]
    hard = rng.random(crowd.items) < crowd.hard
    proba = np.where(
        hard[item, None], 0.35 * proba + 0.65 * _decoys(crowd, truth, rng)[item], proba
    )
    label = (proba.cumsum(axis=1) < rng.random((len(item), 1)) * proba.sum(axis=1)[:, None]).sum(1)
    table = pd.DataFrame(
        {
            "item": [f"i{k}" for k in item],
            "annotator": [f"w{k}" for k in who.ravel()],
            "label": names[label],
        }
    )
    shuffled = table.iloc[rng.permutation(len(table))].reset_index(drop=True)
    return shuffled, pd.Series(names[truth], index=[f"i{k}" for k in range(crowd.items)])


def accuracy(table: pd.DataFrame, truth: pd.Series[Any]) -> float:
    """The share of a consensus table's labels that are right."""
    return float((table["label"].to_numpy() == truth.reindex(table["item"]).to_numpy()).mean())


def _who_answers(crowd: Crowd, rng: np.random.Generator) -> npt.NDArray[np.int64]:
    """People per item, int (items, per_item), none twice."""
    active = rng.permutation(np.arange(1, crowd.people + 1) ** -crowd.busy)
    keys = np.log(active) + rng.gumbel(size=(crowd.items, crowd.people))
    chosen = np.argsort(-keys, axis=1)[:, : min(crowd.per_item, crowd.people)]
    return np.asarray(chosen, dtype=np.int64)


def _confusions(crowd: Crowd, rng: np.random.Generator) -> Floats:
    """P(said | person, true class), float (people, classes, classes)."""
    k = crowd.classes
    right = 1 / k + (1 - 1 / k) * rng.beta(*crowd.skill, size=crowd.people).clip(1e-3, 1 - 1e-3)
    odds = np.log(right / (1 - right))[:, None] + rng.normal(0, crowd.own_bias, (crowd.people, k))
    hit = 1 / (1 + np.exp(-odds))
    table = np.repeat((1 - hit)[:, :, None] / max(k - 1, 1), k, axis=2)
    table[:, np.arange(k), np.arange(k)] = hit
    table *= 1 - crowd.shared_bias
    table[:, :, 0] += crowd.shared_bias
    for nth, person in enumerate(rng.permutation(crowd.people)[: round(crowd.spam * crowd.people)]):
        always = np.full(k, 0.02 / k)
        always[rng.integers(k)] += 0.98
        table[person] = 1 / k if nth % 2 else always
    return table


def _decoys(crowd: Crowd, truth: npt.NDArray[np.int64], rng: np.random.Generator) -> Floats:
    """What answers without skill say, float (items, classes)."""
    wrong = (truth + rng.integers(1, crowd.classes, len(truth))) % crowd.classes
    table = np.full((len(truth), crowd.classes), (1 - crowd.decoy) / crowd.classes)
    table[np.arange(len(truth)), wrong] += crowd.decoy
    return table


SHAPES = {
    "three people, everything": Crowd(people=3, per_item=3, items=200, skill=(6, 1.5)),
    "five people, three answers": Crowd(people=5, per_item=3, classes=4, skill=(6, 1.5)),
    "eight equal people": Crowd(people=8, per_item=4, classes=2, skill=(40, 10)),
    "equal people, hard items": Crowd(17, 7, 500, 2, skill=(40, 15), hard=0.3, decoy=0.3),
    "many people, thin": Crowd(people=150, per_item=3, classes=2, skill=(3, 2)),
    "many people, thin, five classes": Crowd(people=150, per_item=3, classes=5, skill=(3, 2)),
    "two answers": Crowd(people=40, per_item=2, items=500, skill=(3, 2)),
    "skills far apart": Crowd(people=40, skill=(1.2, 1)),
    "spammers, two in five": Crowd(people=40, per_item=7, skill=(6, 2), spam=0.4),
    "spammers, three in five": Crowd(60, 10, 600, 2, skill=(6, 2), spam=0.6),
    "a few do most": Crowd(people=160, per_item=10, classes=2, skill=(2, 1.5), busy=1.0),
    "rare class": Crowd(classes=2, imbalance=2.2),
    "rare classes": Crowd(classes=5, imbalance=1.0),
    "own confusions": Crowd(per_item=7, classes=5, own_bias=1.0),
    "a bias that all share": Crowd(per_item=7, classes=4, shared_bias=0.2),
    "hard items": Crowd(people=50, per_item=10, skill=(5, 2), hard=0.4),
    "misleading items": Crowd(people=50, per_item=10, skill=(8, 2), hard=0.3, decoy=0.6),
    "misleading items, twenty answers": Crowd(
        110, 20, 300, 5, skill=(4, 2), hard=0.35, decoy=0.5, busy=0.8
    ),
    "fifty items": Crowd(people=6, per_item=3, items=50, skill=(5, 2)),
    "twelve classes": Crowd(people=25, items=600, classes=12, imbalance=0.2),
    "weak people": Crowd(per_item=6, skill=(1, 4)),
    "one expert": Crowd(people=6, per_item=6, items=300, skill=(1, 1)),
}


PEOPLE = ("민수", "지우", "하나", "ann", "bob", "cho")
CLASSES = np.array(["긍정", "부정", "중립"], dtype=object)


def team(
    skills: Sequence[float] = (0.9,) * 6, *, items: int = 200, share: float = 0.7, seed: int = 0
) -> pd.DataFrame:
    """Everybody answers about that share of the items, right with the own chance, in seconds.

    An item of more characters takes longer, and people have a pace of their own. The columns are
    item, annotator, label, seconds, length.
    """
    rng = np.random.default_rng(seed)
    truth = rng.integers(0, 3, items)
    length = rng.integers(20, 400, items)
    parts = []
    for who, skill in enumerate(skills):
        asked = np.flatnonzero(rng.random(items) < share)
        right = rng.random(len(asked)) < skill
        said = np.where(right, truth[asked], (truth[asked] + rng.integers(1, 3, len(asked))) % 3)
        pace = 0.1 * who + 0.5 * np.log(length[asked])
        parts.append(
            pd.DataFrame(
                {
                    "item": [f"i{k}" for k in asked],
                    "annotator": PEOPLE[who] if who < len(PEOPLE) else f"w{who}",
                    "label": CLASSES[said],
                    "seconds": np.exp(pace + rng.normal(0, 0.4, len(asked))),
                    "length": length[asked],
                }
            )
        )
    return pd.concat(parts).sample(frac=1, random_state=seed).reset_index(drop=True)
