"""A project of digits that is ready for a duel, and the work of either arm."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from labeling import export, rounds
from labeling.core.features import Content
from labeling.project import Project
from labeling.store import items
from tests.factories import answer_queue, by_file, make_project, truth_of
from tests.simulated import digits

FEW = ("kernel C=3", "kernel C=10", "logistic C=1")  # a search that takes a moment
MINUTES, LABELS = 0.3, 20  # of 900 ms each, as `answer_queue` says
LINEAR = {"class_weight": "none", "regularisation": "0.1"}  # a weak model
SETTINGS = {"batch_size": "60", "gold_per_batch": "50", "strategy": "random", "gate": "none"}


def digits_frame(n: int) -> pd.DataFrame:
    """Digits as 16 numbers each: a linear model is too weak for them."""
    features, y = digits()
    frame = pd.DataFrame(np.char.mod("%.3f", features[:n]), columns=[f"p{k}" for k in range(16)])
    frame.insert(0, "id", [f"d{k}" for k in range(n)])
    return frame.assign(label=[f"digit {code}" for code in y[:n]]).astype(object)


FRAME = digits_frame(800)
TRUTH = truth_of(FRAME)


def before_a_duel(path: Path) -> Project:
    """One closed round, some 50 gold labels, 200 labels of a file, and a batch half answered."""
    content = Content("columns", tuple(f"p{k}" for k in range(16)))
    made = make_project(path, FRAME, settings=SETTINGS | LINEAR, reserve=0.5, content=content)
    answer_queue(made, TRUTH)
    rounds.close_round(made)
    answer_queue(made, TRUTH, limit=60)
    asked = set(export.queue_table(made)["item_id"])
    free = [i for i in items.every(made.db) if i.side == "pool" and i.item_id not in asked]
    rows = [(item.item_id, "file", TRUTH[item.source_id]) for item in free[:200]]
    by_file(made, pd.DataFrame(rows, columns=["item", "who", "label"], dtype=object))
    return made
