"""What vectors of one's own add to the content, and what useless ones cost.

python -m benchmarks.vectors [--quick]

Accuracy on 500 held-out rows after 40 and 150 random labels: scikit-learn's digits, whose pixels
are the vectors beside a text that says little; and the bundled SMS beside random numbers.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from labeling.core import fitting, vectors
from labeling.core.features import Content, matrix

LABELS, HELD_OUT, RANDOM_DIMS = (40, 150), 500, 384
TEXT = Content("text", ("text",))
SMS = Path(__file__).resolve().parents[1] / "samples" / "sms_spam.csv"


def digits() -> tuple[pd.DataFrame, np.ndarray, np.ndarray]:
    """Texts that name the digit one word in eight, pixels, classes."""
    from sklearn.datasets import load_digits

    pixels, y = load_digits(return_X_y=True)
    rng = np.random.default_rng(0)
    rows = [[f"d{k if rng.random() < 0.5 else rng.integers(10)}",
             *(f"w{n}" for n in rng.integers(400, size=7))] for k in y]  # fmt: skip
    return pd.DataFrame({"text": [" ".join(row) for row in rows]}), pixels.astype(np.float32), y


def sms() -> tuple[pd.DataFrame, np.ndarray, np.ndarray]:
    """Texts, numbers that say nothing, classes."""
    frame = pd.read_csv(SMS, dtype=object).head(1500)
    numbers = np.random.default_rng(0).normal(3, 1, (len(frame), RANDOM_DIMS))
    return frame[["text"]], numbers.astype(np.float32), frame["label"].factorize()[0]


def accuracy(features: Any, y: np.ndarray, n: int, seeds: int) -> float:
    """Mean accuracy of the default model over random halves."""
    found = []
    for seed in range(seeds):
        order = np.random.default_rng(seed).permutation(len(y))
        train, test = order[:n], order[-HELD_OUT:]
        fitted = fitting.fit(features[train], y[train], n_classes=int(y.max()) + 1)
        found.append((fitted.predict_proba(features[test]).argmax(axis=1) == y[test]).mean())
    return float(np.mean(found))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="one seed instead of five")
    seeds = 1 if parser.parse_args().quick else 5
    for name, make in {"digits": digits, "sms": sms}.items():
        frame, rows, y = make()
        content, known = matrix(frame, TEXT), np.ones(len(rows), dtype=bool)
        arms = {
            "content": content,
            "beside": vectors.joined(content, rows, known),
            "alone": vectors.scaled(rows, known),
        }
        for arm, features in arms.items():
            figures = " ".join(f"{n}: {accuracy(features, y, n, seeds):.3f}" for n in LABELS)
            print(f"{name:8} {arm:8} {figures}", flush=True)


if __name__ == "__main__":
    main()
