"""Clean datasets of many shapes: nothing in them is wrong, though nothing in them is perfect."""

from __future__ import annotations

import numpy as np
import pandas as pd

from quality.findings import Dataset
from tests.quality.crowds import CLASSES, PEOPLE

WORDS = np.array("배송 환불 주문 상자 지연 감사 언제 어디 late box order thanks".split())  # noqa: SIM905


def clean_table(seed: int) -> Dataset:
    """Rows drawn alike in every import, labels and answers by people of like skill, in any order.

    80 to 400 rows, two to four imports and rounds, three to seven people who are right in 75 to
    95 % of cases, who answer a tenth of their items twice, at a pace of their own.
    """
    rng = np.random.default_rng(seed)
    n = int(rng.integers(80, 400))
    frame = pd.DataFrame(
        {
            "text": [" ".join(rng.choice(WORDS, rng.integers(3, 15))) for _ in range(n)],
            "source": rng.choice(["web", "app", "phone"], n, p=[0.6, 0.3, 0.1]),
            "price": rng.lognormal(3, 1, n).round(2).astype(str),
            "mark": rng.integers(1, 6, n).astype(str),
            "rest": np.where(rng.random(n) < 0.1, None, rng.normal(size=n)),
        },
        dtype=object,
    )
    share = rng.dirichlet([3, 3, 2])
    truth = rng.choice(3, n, p=share)
    asked = rng.random(n) < rng.uniform(0.4, 1.0)
    return Dataset(
        frame=frame,
        content=("text",),
        item_id=np.array([f"i{k}" for k in range(n)]),
        label=np.where(asked, CLASSES[truth], None),
        classes=tuple(CLASSES),
        annotations=_answers(truth, rng),
        features=rng.normal(size=(n, 6)),
        imports=rng.integers(0, rng.integers(2, 5), n),
        rounds=np.where(asked, rng.integers(0, rng.integers(2, 5), n), -1),
        label_column="label",
    )


def _answers(truth: np.ndarray, rng: np.random.Generator) -> pd.DataFrame:
    """Everybody's answers; people differ in skill by a few points, items in how long they take."""
    n, typical = len(truth), rng.uniform(0.78, 0.92)
    slow = rng.normal(0, 0.3, n)
    parts = []
    for who in PEOPLE[: int(rng.integers(3, 7))]:
        items = np.flatnonzero(rng.random(n) < rng.uniform(0.2, 0.9))
        items = np.concatenate([items, items[rng.random(len(items)) < 0.1]])
        wrong = rng.random(len(items)) > typical + rng.uniform(-0.03, 0.03)
        said = np.where(wrong, rng.integers(0, 3, len(items)), truth[items])
        seconds = np.exp(1.5 + rng.normal(0, 0.3) + slow[items] + rng.normal(0, 0.5, len(items)))
        ids = [f"i{k}" for k in items]
        part = {"item_id": ids, "annotator": who, "label": CLASSES[said], "seconds": seconds}
        parts.append(pd.DataFrame(part))
    table = pd.concat(parts, ignore_index=True)
    return table.assign(order=rng.permutation(len(table)))
