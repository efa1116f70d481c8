"""Triage and points per hour, in worlds whose truth is known.

python -m benchmarks.data_work [--quick]

Triage: 8 % wrong labels, all in 2 of 10 batches of digits; who is found, and is it silent on clean
ones? Advice: projects of ten rounds with six kinds of work; how much worse than the best kind is
what is advised, against choosing blindly, and how far off are raw and pooled rates?
"""

from __future__ import annotations

import argparse
import time
from typing import Any

import numpy as np

from labeling.core import efficiency, triage
from labeling.core.efficiency import Work
from labeling.core.triage import Group

BATCH, BATCHES, GOLD = 60, 10, 300
KINDS = ["add random", "add uncertain", "correct", "dedupe", "repair", "model"]


def digits_triage(seed: int, *, bad: int, share: float = 0.4) -> tuple[set[str], list[Group]]:
    """The batches in which a share of the labels is wrong, and all batches as triage sees them."""
    from sklearn.datasets import load_digits

    features, y = load_digits(return_X_y=True)
    rng = np.random.default_rng(seed)
    order, names = rng.permutation(len(y)), np.repeat([f"batch {i}" for i in range(BATCHES)], BATCH)
    rows, gold = order[: len(names)], order[len(names) : len(names) + GOLD]
    labels = y[rows].copy()
    chosen = {f"batch {i}" for i in rng.choice(BATCHES, bad, replace=False)}
    for name in chosen:
        wrong = rng.choice(np.flatnonzero(name == names), round(share * BATCH), replace=False)
        labels[wrong] = (labels[wrong] + rng.integers(1, 10, len(wrong))) % 10
    values = triage.knn_shapley(
        features[rows], labels, gold_features=features[gold], gold_y=y[gold]
    )
    return chosen, triage.by_group(values, list(names))


def worked(kind: int, truth: np.ndarray, rng: np.random.Generator, *, error: float) -> Work:
    """Half an hour to one and a half of a kind of work, measured with error."""
    hours = rng.uniform(0.5, 1.5)
    return Work(KINDS[kind], truth[kind] * hours + rng.normal(0, error), error, hours)


def regrets(seed: int, *, spread: float, error: float, rounds: int = 10) -> tuple[float, ...]:
    """Points per hour behind the best kind: the advice in the end, on the way, and blind choice."""
    rng = np.random.default_rng(seed)
    truth, done, lost = rng.normal(1.5, spread, len(KINDS)), list[Work](), list[float]()
    for _ in range(rounds + 1):
        kind = KINDS.index(efficiency.advise(done, KINDS, rng).kind)
        lost.append(float(truth.max() - truth[kind]))
        done.append(worked(kind, truth, rng, error=error))
    return lost[-1], float(np.mean(lost[:-1])), float(truth.max() - truth.mean())


def errors(seed: int, *, spread: float, error: float) -> np.ndarray:
    """Raw less true, pooled less true, whether the interval covers: float (kinds, 3)."""
    rng = np.random.default_rng(seed)
    truth = rng.normal(1.5, spread, len(KINDS))
    done = [
        worked(kind, truth, rng, error=error)
        for kind in range(len(KINDS))
        for _ in range(rng.integers(1, 4))
    ]
    found = efficiency.rates(done, KINDS, rng)
    return np.array([_off(rate, true) for rate, true in zip(found, truth, strict=True)])


def _off(rate: efficiency.Rate, true: float) -> tuple[float, float, bool]:
    assert rate.raw is not None
    return rate.raw - true, rate.pooled.value - true, rate.pooled.low <= true <= rate.pooled.high


def triage_runs(runs: int) -> None:
    """METHODS B5, and silence."""
    shares, found, flagged, false = [], [], [], 0
    for seed in range(runs):
        bad, groups = digits_triage(seed, bad=2)
        shares.append(sum(group.share for group in groups if group.name in bad))
        found.append({group.name for group in groups[:2]} == bad)
        flagged.append({group.name for group in groups if group.flagged} == bad)
        false += sum(group.flagged for group in digits_triage(seed, bad=0)[1])
    print(f"triage, {runs} runs: {np.mean(shares):.0%} of the deficit on the bad batches", end="")
    print(f" (least {np.min(shares):.0%}), both on top in {np.mean(found):.0%},", end=" ")
    print(f"exactly these flagged in {np.mean(flagged):.0%}; on clean data {false} flags")


def triage_speed(rows: int, gold: int) -> None:
    """CPU seconds of the values of many rows, beside one matrix product of the same size."""
    rng = np.random.default_rng(0)
    x, near = rng.normal(size=(rows, 64)), rng.normal(size=(gold, 64))
    y, truth = rng.integers(10, size=rows), rng.integers(10, size=gold)
    spent: dict[str, float] = {}
    for name, work in (
        ("product and sort", lambda: np.argsort(near @ x.T, axis=1, kind="stable")),
        ("values", lambda: triage.knn_shapley(x, y, gold_features=near, gold_y=truth)),
    ):
        spent[name] = _cpu(work)
    ratio = spent["values"] / spent["product and sort"]
    print(f"{rows:,} rows, {gold} gold: {spent['values']:.2f} CPU seconds, ", end="")
    print(f"{ratio:.1f} times one product and sort")


def _cpu(work: Any) -> float:
    started = time.process_time()
    work()
    return time.process_time() - started


def advice_runs(runs: int) -> None:
    """METHODS F1 and F2."""
    print(
        "spread of the kinds, error of a bar | regret after ten rounds, on the way, blind | ratio"
    )
    for spread, error in ((2.0, 0.6), (2.0, 1.0), (1.0, 0.6), (1.0, 1.0)):
        told = [regrets(seed, spread=spread, error=error) for seed in range(runs)]
        last, way, blind = np.mean(told, axis=0)
        print(f"  {spread} {error} | {last:.2f} {way:.2f} {blind:.2f} | {last / blind:.2f}")
    print("spread | RMSE raw, pooled | intervals cover")
    for spread in (0.0, 0.5, 1.0, 2.0, 4.0):
        off = np.concatenate([errors(s, spread=spread, error=1.0) for s in range(2 * runs)])
        raw, pooled = np.sqrt((off[:, :2] ** 2).mean(axis=0))
        print(f"  {spread} | {raw:.2f} {pooled:.2f} | {off[:, 2].mean():.1%}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true")
    quick = parser.parse_args().quick
    triage_runs(10 if quick else 40)
    triage_speed(2_000 if quick else 20_000, 300)
    advice_runs(20 if quick else 200)


if __name__ == "__main__":
    main()
