"""How many labels strategies need beside random ones, on several sets and seeds.

python -m benchmarks.label_efficiency CACHE [--data FOLDER] [--quick] [--seeds 10] [--sets A,B]
    [--strategies A,B] [--model NAME] [--table]

`--data` is a folder with a folder a set: adult_6k, mnist_verified, nsmc_6k, penguins, sms_spam,
yoruba_news; without it scikit-learn's own sets are used. Curves are kept in CACHE, one JSON file a
set, model, strategy and seed, so that a run goes on where one has stopped; `--table` runs nothing.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from benchmarks.labelled_sets import BUNDLED, LABEL, SETS
from labeling import simulation
from labeling.core.features import VERSION
from labeling.core.savings import FULL, RANDOM, TARGETS, crossing
from labeling.core.tuning import Wish
from labeling.simulation import Labelled, Plan

STRATEGIES = (
    "default",
    "margin",
    "typical_margin",
    "entropy",
    "badge",
    "ranked_batch",
    "coreset",
    "model_votes",
)
RESAMPLES = 2_000
QUICK_SETS, QUICK_SEEDS = ("wine", "digits"), 2


class Curve(NamedTuple):
    """One run: the metric after so many labels, float (steps,), and with the whole pool."""

    n_labels: np.ndarray
    values: np.ndarray
    full: float
    pool: int


class Cache:
    """Curves on disk, one file each."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)

    def path(self, name: str, model: str, strategy: str, seed: int) -> Path:
        """Where a curve is kept."""
        return self.folder / f"{name}.{model}.{strategy}.{seed}.json"

    def has(self, name: str, model: str, strategy: str, seed: int) -> bool:
        """Whether it is there, and of the same plan as today's."""
        path = self.path(name, model, strategy, seed)
        return path.exists() and json.loads(path.read_text())["plan"] == _plan(name, strategy)

    def read(self, name: str, model: str, strategy: str, seed: int) -> Curve:
        """A curve in the set's own metric."""
        kept = json.loads(self.path(name, model, strategy, seed).read_text())
        values = np.array(kept["values"][SETS[name].metric])
        return Curve(np.array(kept["n_labels"]), values, *kept["full"][SETS[name].metric])

    def write(self, name: str, model: str, strategy: str, seed: int, kept: Any) -> None:
        """Keep a curve, whole or not at all."""
        path = self.path(name, model, strategy, seed)
        draft = path.with_suffix(".draft")
        draft.write_text(json.dumps(kept))
        draft.replace(path)


def _plan(name: str, strategy: str) -> list[Any]:
    """What decides a curve beside set, model, strategy and seed."""
    own = SETS[name]
    step, budget = own.step, own.budget
    if strategy == RANDOM:
        step, budget = own.stride or own.step, own.patience
    return [step, budget, own.rows, own.test_share, VERSION]


# -- running --------------------------------------------------------------------------------------


class Work(NamedTuple):
    """Which curves are wanted."""

    sets: Sequence[str]
    strategies: Sequence[str]
    seeds: int
    model: str


def run(work: Work, cache: Cache, data: Path) -> None:
    """Fill the cache with what is missing, set by set and seed by seed."""
    for name in work.sets:
        missing = [
            (seed, lacking)
            for seed in range(work.seeds)
            for names in ([RANDOM], [each for each in work.strategies if each != RANDOM])
            if (lacking := [n for n in names if not cache.has(name, work.model, n, seed)])
        ]
        if missing:
            frame = SETS[name].frame(data)
            known = simulation.labelled(frame, SETS[name].content(frame), label=LABEL)
        for seed, names in missing:
            started = time.process_time()
            for strategy, kept in curves(known, name, names, seed=seed, model=work.model):
                cache.write(name, work.model, strategy, seed, kept)
            took = time.process_time() - started
            print(f"{name} {work.model} {seed} {', '.join(names)}: {took:.1f} s", flush=True)


def curves(
    known: Labelled, name: str, names: Sequence[str], *, seed: int, model: str
) -> Iterator[tuple[str, dict[str, Any]]]:
    """One run of the simulation, as its curves are kept; all of `names` have the same budget."""
    step, budget, *_ = plan = _plan(name, names[0])
    found = simulation.curves(
        known,
        Plan(names, budget, step, [seed]),
        test_share=SETS[name].test_share,
        wish=Wish(model),
    )
    full = found[found["strategy"] == FULL]
    for strategy, own in found[found["strategy"] != FULL].groupby("strategy"):
        by_metric = {metric: rows for metric, rows in own.groupby("metric")}
        yield (
            str(strategy),
            {
                "plan": plan,
                "n_labels": by_metric["accuracy"]["n_labels"].tolist(),
                "values": {metric: rows["value"].tolist() for metric, rows in by_metric.items()},
                "full": {row.metric: (row.value, row.n_labels) for row in full.itertuples()},
            },
        )


# -- reading --------------------------------------------------------------------------------------


class Runs(NamedTuple):
    """The curves of a strategy on a set, one row a seed."""

    n_labels: np.ndarray  # int (steps,)
    values: np.ndarray  # float (seeds, steps)
    full: np.ndarray  # float (seeds,)
    pool: int

    def labels_to(self, share: float, times: np.ndarray, *, missed: int) -> np.ndarray:
        """Labels until the mean curve first reaches `share` of the mean full score.

        `times` is how often each seed counts, float (draws, seeds); the answer float (draws,).
        Between two steps the curve is a line; a curve that never gets there counts `missed`.
        """
        weights = times / times.sum(axis=1, keepdims=True)
        mean, target = weights @ self.values, share * (weights @ self.full)
        found = [crossing(self.n_labels, *each) for each in zip(mean, target, strict=True)]
        return np.where(np.isinf(found), float(missed), found)


def read(cache: Cache, name: str, model: str, strategy: str, seeds: Sequence[int]) -> Runs:
    """The curves of these seeds, which must be there."""
    curves = [cache.read(name, model, strategy, seed) for seed in seeds]
    values = np.stack([own.values for own in curves])
    full = np.array([own.full for own in curves])
    return Runs(curves[0].n_labels, values, full, curves[0].pool)


def ratios(ours: Runs, control: Runs, share: float, times: np.ndarray) -> np.ndarray:
    """Labels that a strategy needs for one of random's, float (draws,).

    What is never reached counts against us: the whole pool for the strategy, no more than was asked
    for the control.
    """
    needed = ours.labels_to(share, times, missed=ours.pool)
    return needed / control.labels_to(share, times, missed=int(control.n_labels[-1]))


class Cell(NamedTuple):
    """A ratio with its interval over seeds, and its bootstrap draws."""

    value: float
    low: float
    high: float
    draws: np.ndarray

    def __str__(self) -> str:
        return f"{self.value:.2f} ({self.low:.2f}-{self.high:.2f})"


def cell(first_then_draws: np.ndarray) -> Cell:
    """The ratio itself stands first, then its draws."""
    value, draws = float(first_then_draws[0]), first_then_draws[1:]
    low, high = np.quantile(draws, [0.025, 0.975])
    return Cell(value, float(low), float(high), draws)


def seeds_of(cache: Cache, name: str, model: str, strategy: str, most: int) -> list[int]:
    """The seeds that both the strategy and the control have."""
    return [
        seed
        for seed in range(most)
        if cache.has(name, model, strategy, seed) and cache.has(name, model, RANDOM, seed)
    ]


def compare(
    cache: Cache, name: str, model: str, strategy: str, most: int
) -> tuple[int, dict[float, Cell]] | None:
    """How many seeds there are, and the ratio at each target; None under two seeds."""
    seeds = seeds_of(cache, name, model, strategy, most)
    if len(seeds) < QUICK_SEEDS:
        return None
    ours = read(cache, name, model, strategy, seeds)
    control = read(cache, name, model, RANDOM, seeds)
    drawn = np.random.default_rng(0).multinomial(
        len(seeds), np.full(len(seeds), 1 / len(seeds)), size=RESAMPLES
    )
    times = np.concatenate([np.ones((1, len(seeds))), drawn.astype(float)])
    return len(seeds), {t: cell(ratios(ours, control, t, times)) for t in TARGETS}


def means(cells: Mapping[str, Cell]) -> tuple[Cell, Cell]:
    """Geometric and arithmetic mean over sets, sets resampled independently of each other."""
    both = np.stack([np.concatenate([[own.value], own.draws]) for own in cells.values()])
    return cell(np.exp(np.log(both).mean(axis=0))), cell(both.mean(axis=0))


def tables(work: Work, cache: Cache) -> Iterator[str]:
    """For each target a table: a row a strategy, a column a set, the means over sets."""
    found = {
        (strategy, name): compare(cache, name, work.model, strategy, work.seeds)
        for strategy in work.strategies
        for name in work.sets
    }
    for target in TARGETS:
        yield f"\nModel {work.model}: labels to {target:.0%} of full, for one of random's\n"
        yield _row("strategy", *work.sets, "geometric", "arithmetic", "better / worse")
        yield _row(*["---"] * (len(work.sets) + 4))
        for strategy in work.strategies:
            own = {name: f[1][target] for name in work.sets if (f := found[strategy, name])}
            if own:
                yield _line(strategy, work.sets, own)
    yield "\nSeeds: " + ", ".join(
        f"{strategy} {[f[0] if (f := found[strategy, name]) else 0 for name in work.sets]}"
        for strategy in work.strategies
    )


def _line(strategy: str, names: Sequence[str], own: Mapping[str, Cell]) -> str:
    better = sum(each.high < 1 for each in own.values())
    worse = sum(each.low > 1 for each in own.values())
    shown = [str(own[name]) if name in own else "" for name in names]
    return _row(strategy, *shown, *map(str, means(own)), f"{better} / {worse} of {len(own)}")


def _row(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"


def main() -> None:
    """Run what is missing, then print the tables."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("cache", type=Path)
    parser.add_argument("--data", type=Path, help="folder of the sets that are files")
    parser.add_argument("--quick", action="store_true", help="two sets, two seeds")
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--sets", type=lambda v: v.split(","))
    parser.add_argument("--strategies", type=lambda v: v.split(","), default=STRATEGIES)
    parser.add_argument("--model", default="default")
    parser.add_argument("--table", action="store_true", help="show what the cache holds")
    args = parser.parse_args()
    sets = args.sets or (list(SETS) if args.data else BUNDLED)
    work = Work(sets, args.strategies, args.seeds, args.model)
    if args.quick:
        work = work._replace(sets=QUICK_SETS, seeds=QUICK_SEEDS)
    cache = Cache(args.cache)
    if not args.table:
        run(work, cache, args.data or Path())
    print(*tables(work, cache), sep="\n")


if __name__ == "__main__":
    main()
