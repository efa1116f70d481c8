"""A published result, measured again: uncertainty sampling on scikit-learn's breast cancer set.

python -m benchmarks.published [--quick]

Lu et al. (2023, re-benchmarking pool-based active learning): 40 % of the 569 items are the test
part, 20 random ones are labelled at first, then one is asked at a time until none is left. Features
lie in [-1, 1], the model is logistic regression with C = 1. Of the accuracies on the test part, one
after each question, the area under the curve is taken, as a mean over splits.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence

import numpy as np

from labeling.core import fitting, strategies
from labeling.core.models import ModelConfig
from labeling.core.strategies import Pool

PUBLISHED = {"margin": 0.9652, "random": 0.9539}  # uncertainty sampling, uniform sampling
MODEL = ModelConfig("logistic", 1.0, "none")
TEST_SHARE, FIRST = 0.4, 20
SEEDS, QUICK_SEEDS = 20, 3


def breast_cancer() -> tuple[np.ndarray, np.ndarray]:
    """Features float32 (569, 30) in [-1, 1], and classes int64 (569,)."""
    from sklearn.datasets import load_breast_cancer
    from sklearn.preprocessing import MinMaxScaler

    values, y = load_breast_cancer(return_X_y=True)
    scaled = MinMaxScaler((-1, 1)).fit_transform(values)
    return scaled.astype(np.float32), y.astype(np.int64)


def area(name: str, seed: int) -> float:
    """The area under one split's curve of a strategy, in [0, 1]."""
    features, y = breast_cancer()
    order = np.random.default_rng(seed).permutation(len(y))
    cut = round(TEST_SHARE * len(y))
    test, labelled, rest = order[:cut], order[cut : cut + FIRST], order[cut + FIRST :]
    rng, right = np.random.default_rng([seed, 1]), []
    fitted = fitting.fit(features[labelled], y[labelled], n_classes=2, config=MODEL)
    while len(rest):
        pool = Pool(features[rest], features[labelled], [fitted])
        pick = strategies.choose(name, pool, 1, rng).rows
        labelled, rest = np.append(labelled, rest[pick]), np.delete(rest, pick)
        fitted = fitting.fit(features[labelled], y[labelled], n_classes=2, config=MODEL)
        said = fitting.decide(fitted.predict_proba(features[test]))
        right.append(float((said == y[test]).mean()))
    return float(np.trapezoid(right) / (len(right) - 1))


def areas(name: str, seeds: Sequence[int]) -> np.ndarray:
    """One area a split, float (seeds,)."""
    return np.array([area(name, seed) for seed in seeds])


def main() -> None:
    """Print ours beside theirs."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help=f"{QUICK_SEEDS} splits")
    seeds = range(QUICK_SEEDS if parser.parse_args().quick else SEEDS)
    print(f"{len(seeds)} splits\n| strategy | published | ours | standard error | spread of one |")
    print("|---|---|---|---|---|")
    for name, theirs in PUBLISHED.items():
        ours = areas(name, seeds)
        spread = ours.std(ddof=1)
        error = spread / np.sqrt(len(ours))
        print(f"| {name} | {theirs:.4f} | {ours.mean():.4f} | {error:.4f} | {spread:.4f} |")


if __name__ == "__main__":
    main()
