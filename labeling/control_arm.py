"""The control arm: whether active choice has helped a project, and what to do when it has not."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np

from labeling import choosing
from labeling.core import arms, comparison, strategies
from labeling.core.arms import Contrast, Scores
from labeling.core.comparison import MIN_GOLD
from labeling.core.log import DataVersion
from labeling.core.models import ModelConfig
from labeling.fits import Fits
from labeling.project import Project, change_settings, derive_seed
from labeling.rulers import Ruler
from labeling.store import evidence
from labeling.store import rounds as store
from labeling.store.rounds import Round
from labeling.versions import TrainingSet

DRAWS = 8
FEWEST = 5  # control answers; fewer say nothing of their own spread
HELPFUL = 0.01  # a gain that would be worth the trouble
ADVICE = "active choice has not helped here: switch to random?"


class Origins(NamedTuple):
    """Items of a training set by how they came to be asked, each in the order of their labels.

    `base` is what there was before any choice: the labels of the first import and the seed set.
    `random` are the control items drawn beside a batch, `chosen` those that a strategy picked. The
    seed set and the chosen ones go on behind their batch, with the next-best items that were
    answered. Items of files are in none of them: nobody knows how their rows were chosen.
    """

    base: list[str]
    random: list[str]
    chosen: list[str]


def origins(fits: Fits, training: TrainingSet) -> Origins:
    """Where the items of a training set come from."""
    snapshot = fits.snapshot
    why = evidence.reasons(snapshot.project.db)
    found = Origins([], [], [])
    first = {e.item_id for e in snapshot.log if e.change_id == snapshot.first_import}
    for item in _in_order(fits, training):
        if item in first or why.get(item) == choosing.SEED:
            found.base.append(item)
        elif why.get(item) == choosing.RANDOM:
            found.random.append(item)
        elif item in why:
            found.chosen.append(item)
    return found


def _in_order(fits: Fits, training: TrainingSet) -> list[str]:
    """A training set's items in the order in which they were first labelled."""
    first: dict[str, int] = {}
    for event in fits.snapshot.log:
        first.setdefault(event.item_id, event.seq)
    return sorted(training.labels, key=lambda item: first[item])


class Matched(NamedTuple):
    """Control items and chosen ones of the same batches, and how many of each are compared."""

    random: list[list[str]]
    chosen: list[list[str]]
    n: list[int]

    def drawn(self, arm: Iterable[Sequence[str]], rng: np.random.Generator) -> list[str]:
        """As many random items of an arm from each batch."""
        picked = zip(arm, self.n, strict=True)
        return [own[i] for own, n in picked for i in sorted(rng.permutation(len(own))[:n])]


def _matched(fits: Fits, found: Origins) -> Matched:
    """Batch by batch, so that neither arm had the better model to choose by."""
    batch = evidence.asked_in(fits.snapshot.project.db)
    both = [
        ([i for i in found.random if batch[i] == b], [i for i in found.chosen if batch[i] == b])
        for b in sorted({batch[item] for item in found.random})
    ]
    kept = [(random, chosen) for random, chosen in both if chosen]
    n = [min(len(random), len(chosen)) for random, chosen in kept]
    return Matched([random for random, _ in kept], [chosen for _, chosen in kept], n)


def compare(fits: Fits, ruler: Ruler, closed: Round) -> dict[str, Any] | None:
    """Active choice against random on gold: the same base, and as many answers of either arm.

    Of the chosen items as many are drawn from each batch as the batch had control items, eight
    times over; where a verdict is out of reach, once. The value is active minus random. None while
    no batch has items of both arms.
    """
    training = fits.snapshot.training_set(
        DataVersion(closed.upto_event, policy=closed.config["policy"])
    )
    found = origins(fits, training)
    arms_of = _matched(fits, found)
    n_control = sum(arms_of.n)
    if n_control == 0:
        return None
    arm = _Arm(fits, ruler, training, ModelConfig(**closed.config["model"]), found.base)
    draws = DRAWS if is_enough(ruler.n, n_control) else 1
    scores = _scores(arm, arms_of, len(found.chosen), draws)
    seen, n = arms.contrast(scores), n_control + len(found.base)
    return {
        "title": f"active choice against random, both with {n:,} labels, "
        f"{len(found.base):,} of them the same",
        "before": float(scores.random.mean()) if ruler.n else float("nan"),
        "after": float(scores.active.mean()) if ruler.n else float("nan"),
        **dict(zip(("delta", "low", "high"), seen.interval, strict=True)),
        "band": None,
        "n_gold": ruler.n,
        "verdict": verdict(seen, n_gold=ruler.n, n_control=n_control),
        "n_labels": n,
        "n_control": n_control,
        "smallest": min(seen.smallest, 1.0),
        "advice": advice(seen, n_gold=ruler.n, n_control=n_control),
    }


class _Arm(NamedTuple):
    """How right models are that learned the base and some more items."""

    fits: Fits
    ruler: Ruler
    training: TrainingSet
    config: ModelConfig
    base: list[str]

    def score(self, items: Sequence[str]) -> np.ndarray:
        """How right a model of the base and these items is on each gold item, (n,)."""
        trained = self.training.only([*self.base, *items])
        return self.ruler.right(self.fits.predicted(trained, self.config))


def _scores(arm: _Arm, matched: Matched, n_chosen: int, draws: int) -> Scores:
    rng = np.random.default_rng(derive_seed(arm.fits.snapshot.seed, "arms", arm.training.hash))
    control = matched.drawn(matched.random, rng)
    halves = [[control[i] for i in half] for half in arms.halves(len(control), draws, rng)]
    drawn = [matched.drawn(matched.chosen, rng) for _ in range(draws)]
    return Scores(
        arm.score(control),
        np.array([arm.score(half) for half in halves]),
        np.array([arm.score(own) for own in drawn]),
        min(1.0, len(control) / n_chosen),
    )


def is_enough(n_gold: int, n_control: int) -> bool:
    """Whether there are gold labels and control answers enough for any verdict."""
    return n_gold >= MIN_GOLD and n_control >= FEWEST


def verdict(seen: Contrast, *, n_gold: int, n_control: int) -> str:
    """Whether active choice beats random at the same number of labels, in words."""
    if n_gold < MIN_GOLD or (n_control >= FEWEST and comparison.excludes_zero(seen.interval)):
        return comparison.choice_verdict(seen.interval, n=n_gold, disagreement=0.0)
    if n_control < FEWEST:
        return f"not decided: {n_control} control answers, {FEWEST} are needed for any verdict"
    points = 100 * min(seen.smallest, 1.0)
    return (
        f"not decided: with {n_control} control answers and {n_gold} gold labels only a "
        f"difference of about {points:.0f} points would show"
    )


def advice(seen: Contrast, *, n_gold: int, n_control: int) -> str | None:
    """What to ask the project when a gain of a point or more can be ruled out, else None."""
    return ADVICE if is_enough(n_gold, n_control) and seen.interval.high < HELPFUL else None


def standing_advice(project: Project, report: str) -> str | None:
    """The advice of the newest round's report, while a strategy chooses; else None."""
    stored = store.get_result(project.db, report)
    control = stored[1].get("control") if stored else None
    is_random = strategies.resolve(project.config["strategy"]) == choosing.RANDOM
    return None if is_random or not control else control.get("advice")


def switch_to_random(project: Project, *, author: str) -> list[int]:
    """Choose at random from the next batch on; a change of settings like any other."""
    return change_settings(project, {"strategy": choosing.RANDOM}, author=author)
