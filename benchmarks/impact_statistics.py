"""Whether the impact statistics keep what they promise, on real texts: coverage, labels saved.

python -m benchmarks.impact_statistics [--quick]

Every row of a table is a promise, what was measured, and the bound that must hold; the script ends
with status 1 if one does not. Texts are the bundled Korean film reviews and the SMS messages; the
learner is the product's own. Time is CPU seconds, as a ratio to the fits alone.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from labeling.core import attribution, comparison, features, fitting, gold, sequential, verified
from labeling.core.attribution import Coalition
from labeling.core.features import Content
from tests import candidates

SAMPLES = Path(__file__).resolve().parents[1] / "samples"
SETS = {"Korean reviews": "nsmc_6k.csv", "SMS": "sms_spam.csv"}
RESERVOIR, PEOPLE_SAY = 1000, 300


class Promise(NamedTuple):
    """A measured figure and the bounds between which it has to lie."""

    what: str
    measured: float
    low: float
    high: float

    @property
    def holds(self) -> bool:
        return self.low <= self.measured <= self.high


class Data(NamedTuple):
    """Features and codes of a labelled set, in random order."""

    matrix: object
    y: np.ndarray

    def right(self, rows: np.ndarray, labels: np.ndarray, at: np.ndarray) -> np.ndarray:
        """Predicted codes at some rows, of a model trained on others."""
        fitted = fitting.fit(self.matrix[rows], labels, n_classes=int(self.y.max()) + 1)  # type: ignore[index]
        return fitted.predict_proba(self.matrix[at]).argmax(axis=1)  # type: ignore[index]


@cache
def read(name: str) -> Data:
    frame = pd.read_csv(SAMPLES / SETS[name], dtype=str, keep_default_na=False)
    frame = frame.sample(frac=1, random_state=0).reset_index(drop=True)
    matrix = features.matrix(frame[["text"]], Content("text", ("text",)))
    return Data(matrix, pd.factorize(frame["label"])[0].astype(np.int64))


@cache
def versions(name: str) -> tuple[np.ndarray, np.ndarray]:
    """Predictions of five ever larger training sets, int (5, future), and the truth there."""
    data, rng = read(name), np.random.default_rng(1)
    at = np.arange(800, len(data.y))
    noisy = np.where(rng.random(800) < 0.1, rng.permutation(data.y[:800]), data.y[:800])
    sizes = (100, 200, 300, 500, 800)
    return np.array([data.right(np.arange(n), noisy[:n], at) for n in sizes]), data.y[at]


# -- verified gain --------------------------------------------------------------------------------


def verified_gains(name: str, runs: int) -> Iterator[Promise]:
    """Steps and the whole of a chain, against what the models do on all future rows."""
    codes, truth = versions(name)
    scores = (codes == truth).mean(axis=1)
    for first, last, m in ((0, 1, 40), (2, 3, 40), (0, 4, 60)):
        covered, trap, saved = [], [], []
        for nth in range(runs):
            rng = np.random.default_rng([nth, last])
            rows = rng.integers(len(truth), size=RESERVOIR)
            old, new = codes[first, rows], codes[last, rows]
            differs = verified.differ(old, new)
            known = np.zeros(RESERVOIR, dtype=bool)
            known[verified.ask(differs, known, n=m, rng=rng)] = True
            found = verified.gain(old, new, np.where(known, truth[rows], -1))
            known |= differs & (rng.random(RESERVOIR) < 0.75)
            gained = (new == truth[rows]).astype(float) - (old == truth[rows])
            narrow = verified.estimate(np.where(known, gained, np.nan), differs, future=False)
            true_gain = scores[last] - scores[first]
            covered.append(found.interval.low <= true_gain <= found.interval.high)
            trap.append(narrow.interval.low <= true_gain <= narrow.interval.high)
            saved.append(found.instead_of / found.n_labels)
        what = f"{name}, versions {first} to {last}, at most {m} labels"
        yield Promise(f"{what}: coverage for future data", float(np.mean(covered)), 0.92, 0.995)
        trapped = f"{name}, versions {first} to {last}, three of four labelled, no future term"
        yield Promise(f"{trapped}: coverage", float(np.mean(trap)), 0, 0.92)
        yield Promise(f"{what}: labels saved, times", float(np.median(saved)), 3, 100)


def chains(name: str, runs: int) -> Iterator[Promise]:
    """Five versions, 100 random labels, 25 verify labels a step, all of them used for all."""
    codes, truth = versions(name)
    scores, steps, whole = (codes == truth).mean(axis=1), [], []
    for nth in range(runs):
        rng = np.random.default_rng([nth, 77])
        rows = rng.integers(len(truth), size=RESERVOIR)
        seen, known = codes[:, rows], np.arange(RESERVOIR) < 100
        for differs in verified.steps(seen):
            known[verified.ask(differs, known, n=25, rng=rng)] = True
        given = np.where(known, truth[rows], -1)
        for k, found in enumerate(verified.chain(seen, given)):
            low, high = found.interval[1:]
            steps.append(low <= scores[k + 1] - scores[k] <= high)
        low, high = verified.between(seen, given, 0, 4).interval[1:]
        whole.append(low <= scores[4] - scores[0] <= high)
    yield Promise(f"{name}, chain: coverage of the steps", float(np.mean(steps)), 0.92, 0.995)
    yield Promise(f"{name}, chain: coverage of the whole way", float(np.mean(whole)), 0.92, 0.995)


def looking(runs: int) -> Iterator[Promise]:
    """Streams of 300 labels without a gain, looked at after each; then with one."""
    rng, wrong = np.random.default_rng(3), []
    for _ in range(runs):
        drawn = rng.choice([1.0, -1.0], size=PEOPLE_SAY)
        wrong.append(sequential.first_verdict(drawn, n_differ=None) is not None)
    yield Promise("looking after every label: false verdicts", float(np.mean(wrong)), 0, 0.05)
    for wins, losses, most in ((0.85, 0.15, 25), (0.7, 0.25, 60)):
        when = []
        for _ in range(runs):
            drawn = rng.choice([1.0, -1.0, 0.0], size=300, p=[wins, losses, 1 - wins - losses])
            found = sequential.first_verdict(drawn, n_differ=None)
            when.append(found[0] if found and found[1] > 0 else 301)
        what = f"{wins:.0%} won, {losses:.0%} lost: median labels to the verdict"
        yield Promise(what, float(np.median(when)), 1, most)


# -- bars and placebos ----------------------------------------------------------------------------


class Ledger:
    """Seven changes of a text project: batches, a correction, a bad import with its repair."""

    def __init__(self, name: str) -> None:
        self.data, rng = read(name), np.random.default_rng(2)
        self.at, self.fits = np.arange(1000, len(self.data.y)), 0.0
        y, n = self.data.y, int(self.data.y.max()) + 1
        wrong = {i: int((y[i] + 1) % n) for i in rng.permutation(200)[:50].tolist()}
        self.start = {i: int(y[i]) for i in range(200)} | wrong
        bad = {i: int((y[i] + 1) % n) for i in range(500, 560)}
        right = {i: int(label) for i, label in enumerate(y[:1000])}
        self.changes = [
            {i: right[i] for i in range(200, 300)},
            {i: right[i] for i in range(300, 400)},
            {i: right[i] for i in wrong},
            bad,
            {i: right[i] for i in [*bad][:40]},
            {i: right[i] for i in range(600, 620)},
            {},
        ]
        self.cache = dict[Coalition, np.ndarray]()

    def credit(self, coalition: Coalition) -> np.ndarray:
        """Where the model of some changes is right on the future, float (future,)."""
        key = coalition - ({4} if 3 not in coalition else set()) - {6}
        if key not in self.cache:
            state = dict(self.start)
            for change in sorted(key):
                state.update(self.changes[change])
            rows, labels = np.array([*state]), np.array([*state.values()])
            started = time.process_time()
            codes = self.data.right(rows, labels, self.at)
            self.fits += time.process_time() - started
            self.cache[key] = (codes == self.data.y[self.at]).astype(float)
        return self.cache[key]


def bars(name: str, runs: int) -> Iterator[Promise]:
    """Seven bars: what they cost beside their fits, how often their intervals hold the future."""
    ledger, players, rng = Ledger(name), list(range(7)), np.random.default_rng(0)
    started = time.process_time()
    exact = attribution.shapley(players, ledger.credit, rng)
    took = time.process_time() - started
    total = ledger.credit(frozenset(players)) - ledger.credit(frozenset())
    yield Promise(f"{name}, 7 bars: CPU seconds", took, 0, 60)
    yield Promise(f"{name}, 7 bars: CPU against the fits alone", took / ledger.fits, 1, 1.5)
    gap = float(np.abs(exact.sum(axis=0) - total).max())
    yield Promise(f"{name}, 7 bars: largest gap to the total on an item", gap, 0, 1e-9)
    yield Promise(f"{name}, 7 bars: a change of nothing", float(np.abs(exact[6]).max()), 0, 0)
    worth, chain = exact.mean(axis=1), [frozenset(range(k)) for k in range(8)]
    in_order = np.diff([ledger.credit(coalition).mean() for coalition in chain])
    preview = attribution.preview(players, ledger.credit).mean(axis=1)
    better = float(np.linalg.norm(preview - worth) / np.linalg.norm(in_order - worth))
    yield Promise(f"{name}, preview: error against one order's", better, 0, 1)
    pairs = attribution._by_permutations(players, ledger.credit, rng).mean(axis=1)
    worst = float(np.abs(pairs - worth).max())
    yield Promise(f"{name}, 8 pairs of orders: largest error of a bar", worst, 0, 0.02)
    truly = exact[:6].mean(axis=1)
    for n in (100, 200, 500, 2000):
        held = []
        for _ in range(runs):
            rows = rng.integers(exact.shape[1], size=n)
            found = [comparison.t_interval(bar[rows]) for bar in exact[:6]]
            held += [low <= x <= high for (_, low, high), x in zip(found, truly, strict=True)]
        yield Promise(
            f"{name}, bars on {n} gold labels: coverage", float(np.mean(held)), 0.92, 0.98
        )


def placebos(name: str, draws: int) -> Iterator[Promise]:
    """Drops of 20 random rows of 300, judged on 2,000 gold labels by 20 others."""
    data, rng = read(name), np.random.default_rng(5)
    rows, at = np.arange(300), np.arange(1000, 3000)
    before = data.right(rows, data.y[rows], at) == data.y[at]
    kept = [np.sort(rng.choice(rows, size=280, replace=False)) for _ in range(draws)]
    after = np.array([data.right(each, data.y[each], at) == data.y[at] for each in kept])
    effects, banded, bare = after.mean(axis=1) - before.mean(), [], []
    for _ in range(20):
        order = rng.permutation(draws)
        band = attribution.placebo_band(effects[order[:20]].tolist())
        for k in order[20:]:
            found = comparison.agresti_min(before, after[k])
            says = [comparison.verdict(found, n=len(at), band=b) == "real" for b in (band, 0.0)]
            banded.append(says[0])
            bare.append(says[1])
    yield Promise(f"{name}, true placebos called real", float(np.mean(banded)), 0, 0.06)
    yield Promise(f"{name}, the same without the band", float(np.mean(bare)), 0.06, 1)


def keeping(runs: int) -> Iterator[Promise]:
    """40 candidates of no effect on average (6 % of 1,000 rows): reported less true gain."""
    n, m, gaps = 1000, 60, []
    differs = np.arange(n) < m
    for seed in range(runs):
        rng, gap = np.random.default_rng([seed, 40]), 0.0
        for nth in range(40):
            effect, coins = float(rng.normal(0, 0.004)), np.zeros(n, dtype=bool)
            wins = rng.random(m) < 0.5 + effect * n / m / 2
            given = np.full(n, np.nan)
            given[:m] = np.where(wins, 1.0, -1.0)
            coins[:m] = gold.decides([f"{nth}-{row}" for row in range(m)], seed=seed)
            found = gold.decide(given, differs, coins)
            gap += (found.reported.interval.value - effect) if found.keep else 0.0
        gaps.append(gap)
    yield Promise(
        "40 null candidates: reported less true gain", float(np.mean(gaps)), -0.005, 0.005
    )


def through_services(runs: int) -> Iterator[Promise]:
    """The same in real projects, asked, ruled on and decided as on a page, against fresh rows."""
    gaps = []
    for seed in range(runs):
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "p.db"
            kept = candidates.kept_of(path, candidates=40, rows=3000, ask=40, seed=seed)
        gaps += [each.reported - each.truth for each in kept]
    what = f"40 null candidates through the services, {len(gaps)} kept: reported less true gain"
    yield Promise(what, float(np.mean(gaps)), -0.005, 0.005)


def measured(*, quick: bool) -> Iterator[Promise]:
    """Every promise, in order."""
    runs = 200 if quick else 1000
    tables: list[Callable[[], Iterator[Promise]]] = [
        lambda: looking(300 if quick else 2000),
        lambda: keeping(200 if quick else 1000),
        lambda: through_services(2 if quick else 20),
    ]
    for name in ["SMS"] if quick else list(SETS):
        tables += [
            lambda name=name: verified_gains(name, runs),  # type: ignore[misc]
            lambda name=name: chains(name, runs),  # type: ignore[misc]
            lambda name=name: bars(name, runs),  # type: ignore[misc]
            lambda name=name: placebos(name, 120 if quick else 220),  # type: ignore[misc]
        ]
    for table in tables:
        yield from table()


def main() -> int:
    """The table, and 1 if a promise is broken."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="one data set, fewer runs")
    broken = 0
    print("| what | measured | must lie in | holds |\n|---|---|---|---|")
    for each in measured(quick=parser.parse_args().quick):
        broken += not each.holds
        bounds = f"{each.low:g} to {each.high:g}"
        print(f"| {each.what} | {each.measured:.4g} | {bounds} | {'yes' if each.holds else 'NO'} |")
        sys.stdout.flush()
    return int(broken > 0)


if __name__ == "__main__":
    sys.exit(main())
