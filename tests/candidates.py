"""Candidates without an effect, kept or discarded by fresh rulings as a page does it."""

from __future__ import annotations

from contextlib import suppress
from itertools import product
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from labeling import history, impact, verified_gain
from labeling.core.gold import Decision
from labeling.core.models import ModelConfig
from labeling.errors import InputError
from labeling.fits import Fits
from labeling.project import Project, now
from labeling.store import items
from labeling.store import rounds as store
from labeling.store.rounds import Round
from labeling.versions import Snapshot
from tests.factories import answer_queue, by_file, make_project, truth_of

WORDS = [a + b for a, b in product("배송환불주문선물", "가나다라마바사아")]
CLASSES = ("뒤", "앞")
TRAINED, REDRAWN, NOISE = 500, 20, 0.25
MODEL = ModelConfig(regularisation=1.0, class_weight="none")


class Kept(NamedTuple):
    """The gain of a candidate that was kept, as reported and in truth, as fractions."""

    reported: float
    truth: float


def hard_frame(n: int, *, seed: int = 0) -> pd.DataFrame:
    """Texts of seven words that are labelled by which half of the words has more: hard to learn."""
    drawn = np.random.default_rng(seed).integers(len(WORDS), size=(n, 7))
    rows = [
        (f"h{seed}-{i}", " ".join(WORDS[k] for k in row), CLASSES[int((row < 32).sum() > 3)])
        for i, row in enumerate(drawn)
    ]
    return pd.DataFrame(rows, columns=["id", "text", "label"], dtype=object)


def kept_of(path: Path, *, candidates: int, rows: int, ask: int, seed: int) -> list[Kept]:
    """Candidates one after the other; those that are not kept are reverted before the next.

    Every candidate has some labels said anew, right as often as the ones before, so that it gains
    nothing on average. Rulings are asked, given and counted by the services that a page calls.
    """
    frame, rng = hard_frame(rows, seed=seed), np.random.default_rng([seed, 40])
    truth, found = truth_of(frame), list[Kept]()
    with make_project(path, frame, seed=seed, reserve=0.5) as made:
        pool = [item for item in items.every(made.db) if item.side == "pool"][:TRAINED]
        say(made, [item.item_id for item in pool], truth, rng)
        kept = close(made)
        best = score(made, kept, truth)
        for _ in range(candidates):
            again = rng.choice(len(pool), size=REDRAWN, replace=False)
            change = say(made, [pool[k].item_id for k in again], truth, rng)
            candidate = close(made)
            told = decided(made, kept, candidate, truth, ask=ask)
            if not told.keep:
                history.revert(made, change, author="t")
                continue
            before, kept, best = best, candidate, score(made, candidate, truth)
            found.append(Kept(told.reported.interval.value, best - before))
    return found


def say(into: Project, asked: list[str], truth: dict[str, str], rng: np.random.Generator) -> int:
    """Answers of a file, a share of them wrong; the change."""
    source = {item.item_id: item.source_id for item in items.every(into.db)}
    wrong = rng.random(len(asked)) < NOISE
    labels = [
        next(c for c in CLASSES if (c == truth[source[item]]) != bad)
        for item, bad in zip(asked, wrong, strict=True)
    ]
    rows = list(zip(asked, ["ann"] * len(asked), labels, strict=True))
    return by_file(into, pd.DataFrame(rows, columns=["item", "who", "label"], dtype=object))


def close(into: Project) -> int:
    """A round of what stands, without checks and without a next batch; its number."""
    snapshot, number = Snapshot(into), len(store.every(into.db)) + 1
    config = impact.round_config(snapshot.config(), MODEL)
    change = snapshot.changes[-1].change_id
    with into.writing():
        store.add(into.db, Round(
            number, change, snapshot.upto, "", config, "random", 0, TRAINED, now(), 0.0
        ))  # fmt: skip
    return number


def decided(on: Project, first: int, last: int, truth: dict[str, str], *, ask: int) -> Decision:
    """Ask, rule and decide as a person does on the review page."""
    with suppress(InputError):  # every disagreement may be known already
        change = verified_gain.ask(on, ask, author="t", first=first, last=last)
        answer_queue(on, truth, annotator="rev", queue_id=change)
    return verified_gain.decide(on, first=first, last=last)


def score(of: Project, round_no: int, truth: dict[str, str]) -> float:
    """A round's accuracy on what nobody ever labelled: the rest of the pool."""
    fits = Fits(Snapshot(of))
    snapshot = fits.snapshot
    closed = next(r for r in store.every(of.db) if r.round_no == round_no)
    training = snapshot.training_set(impact.version_of(closed))
    rows = [
        row
        for row, item in enumerate(snapshot.items)
        if item.side == "pool" and item.item_id not in training.labels
    ]
    said = fits.fit(training, MODEL).predict_proba(snapshot.features[rows]).argmax(axis=1)
    right = [snapshot.code[truth[snapshot.items[row].source_id]] for row in rows]
    return float((said == np.array(right)).mean())
