"""Opinions: which labels the next batch asks again, and what second opinions took and changed.

Only labels of pool items are asked again, and only of somebody who has not answered the item.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import pandas as pd

from labeling.core import second_opinions
from labeling.core.log import DataVersion, Standing
from labeling.core.models import ModelConfig
from labeling.core.second_opinions import Situation, Votes
from labeling.project import Project, derive_seed
from labeling.store import changes, evidence
from labeling.versions import Snapshot, TrainingSet

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

FILES = ("import:", "gold:")  # names that no person has
COLUMNS = ["round", "kind", "answers", "apart", "seconds"]


@dataclass(frozen=True)
class Voted:
    """Labels that nobody has ruled on: `codes`, int (items,), and the `votes` behind them.

    `proba` is what a model says that did not see them, float (items, classes); `may_ask`, bool
    (items,), whether somebody is left who has not answered.
    """

    items: Sequence[str]
    codes: Ints
    proba: Floats
    votes: Votes
    may_ask: npt.NDArray[np.bool_]

    @property
    def confidence(self) -> Floats:
        """The probability of each label by a model that did not see it, low = doubtful."""
        return np.asarray(self.proba[np.arange(len(self.codes)), self.codes])


def voted(
    snapshot: Snapshot, version: DataVersion, training: TrainingSet, model: ModelConfig
) -> Voted | None:
    """The labels of a version with their votes; None where no second opinion can be asked.

    So it is while one person labels alone, where an item may have several classes (the rules were
    not measured there), and where the project wants none.
    """
    if snapshot.multi or snapshot.config()["second_opinions"].policy == "none":
        return None
    standing = snapshot.standing(version)
    own = [item for item in training.labels if item not in standing.rulings]
    may_ask = np.array(_may_ask(standing, own), dtype=bool)
    if not may_ask.any():
        return None
    rows, codes = snapshot.rows(training.labels, training.edits)
    proba = second_opinions.out_of_fold(
        snapshot.features[rows],
        codes,
        n_classes=len(snapshot.classes),
        config=model,
        seed=derive_seed(snapshot.seed, "opinions"),
    )
    at = {item: i for i, item in enumerate(training.labels)}
    kept = np.array([at[item] for item in own], dtype=np.int64)
    return Voted(own, codes[kept], proba[kept], _votes(snapshot, standing, own), may_ask)


def _may_ask(standing: Standing, items: Sequence[str]) -> list[bool]:
    everyone = {who for answers in standing.answers.values() for who in answers}
    people = {who for who in everyone if not who.startswith(FILES)}
    return [bool(people - standing.answers[item].keys()) for item in items]


def _votes(snapshot: Snapshot, standing: Standing, items: Sequence[str]) -> Votes:
    who: dict[str, int] = {}
    rows = [
        (i, who.setdefault(event.annotator, len(who)), snapshot.code[str(event.value)])
        for i, item in enumerate(items)
        for event in standing.answers[item].values()
        if event.kind == "label" and snapshot.is_label(event.value)
    ]
    item, annotator, label = np.array(rows, dtype=np.int64).T
    return Votes(item, annotator, label)


def asked_again(
    project: Project,
    known: Voted,
    pool: Callable[[], Floats],
    *,
    size: int,
    gone: Collection[str],
) -> list[tuple[str, float]]:
    """Which labels a batch of `size` votes asks again, the most doubtful first.

    With each goes the probability that the model gives it. `pool` says what the model makes of the
    unlabelled items, float (pool, classes), if a policy asks. Items in `gone` are left out.
    """
    policy = project.config["second_opinions"].policy
    here = np.array([item not in gone for item in known.items], dtype=bool)
    now = Situation(
        size,
        known.confidence,
        np.bincount(known.votes.item, minlength=len(known.items)),
        known.may_ask & here,
        disagreement=disagreement(project),
    )
    if policy in second_opinions.OF_SCORES:
        scores = second_opinions.activelab_scores(known.votes, known.proba, pool())
        now = replace(now, value=scores[0], pool_value=scores[1])
    again = second_opinions.share(policy, now).again
    return [(known.items[i], float(now.confidence[i])) for i in again]


def disagreement(project: Project) -> float | None:
    """How often two people differ on items that two were asked about at random, in [0, 1].

    None while fewer than 20 such pairs stand.
    """
    return second_opinions.measured_disagreement(*evidence.random_pairs(project.db))


def table(project: Project) -> pd.DataFrame:
    """Answers by round: first ones, second opinions at random and where the model doubts, seconds.

    `apart` counts those that differ from the first answer of somebody else; `seconds` are seconds
    of work.
    """
    rounds = {c.change_id: c.payload.get("round") for c in changes.every(project.db)}
    rows = [(rounds[change], *row) for change, *row in evidence.opinions(project.db)]
    return pd.DataFrame(rows, columns=COLUMNS)
