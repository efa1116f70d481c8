"""What choosing 1,000 of 1,000,000 items costs, beside the least that it can cost.

python -m benchmarks.pool [--quick]

CPU seconds on one thread, the least of three runs; items are 64 float32 numbers. The floors are
measured in the same run: scikit-learn's own `predict_proba` of the same model over the same array,
and the matrix product alone. Then: how memory and cost grow with the pool, that chunks and threads
change no pick, and our ranked batch beside modAL's.
"""

from __future__ import annotations

import argparse
import time
import tracemalloc
from collections.abc import Callable, Iterator, Sequence

import numpy as np
from threadpoolctl import threadpool_limits

from labeling.core import fitting, scoring, strategies
from labeling.core.fitting import Fitted
from labeling.core.models import ModelConfig
from labeling.core.strategies import SLACK, Pool
from labeling.core.utilities import QUICK, UTILITIES

COLUMNS, LABELS, ASKED = 64, 2_000, 1_000
NAMES = ("margin", "entropy", "least_confident", "margin_spread")
SIZES = (10_000, 100_000, 1_000_000, 10_000_000)
QUICK_SIZES = (10_000, 100_000)
CHUNKS = (1_000, 8_192, 100_000, 10_000_000)
THREADS = (1, 2, 4)
RANKED_POOL, RANKED_LABELS, RANKED_ASKED = 5_000, 500, 50


def items(rows: int) -> np.ndarray:
    """Uniform numbers around 0, float32 (rows, 64)."""
    found = np.random.default_rng(0).random((rows, COLUMNS), dtype=np.float32)
    found -= 0.5
    return found


def model(features: np.ndarray, classes: int) -> Fitted:
    """A model of the first rows, whose labels follow from them and from chance."""
    rng, rows = np.random.default_rng(1), features[:LABELS]
    log_odds = rows @ rng.normal(size=(COLUMNS, classes)) * 3
    y = (log_odds + rng.gumbel(size=log_odds.shape)).argmax(axis=1)
    fitted = fitting.fit(rows, y, n_classes=classes, config=ModelConfig())
    assert isinstance(fitted, Fitted)
    return fitted


def cpu(work: Callable[[], object], *, times: int = 3) -> float:
    """CPU seconds of a call: the least of some."""
    return min(_once(work) for _ in range(times))


def _once(work: Callable[[], object]) -> float:
    started = time.process_time()
    work()
    return time.process_time() - started


def choose(name: str, features: np.ndarray, fitted: Fitted, *, n: int = ASKED) -> np.ndarray:
    """A batch of `n`, best first."""
    pool = Pool(features, features[:LABELS], [fitted])
    return strategies.choose(name, pool, n, np.random.default_rng(0)).rows


def speed(features: np.ndarray) -> Iterator[Sequence[object]]:
    """A row a number of classes and strategy: seconds, and how often the floors fit in."""
    for classes in (2, 10):
        fitted = model(features, classes)
        weights = np.ascontiguousarray(fitted.estimator.coef_.T, dtype=np.float32)
        product = cpu(lambda w=weights: features @ w)  # type: ignore[misc]
        plain = cpu(lambda m=fitted: m.estimator.predict_proba(features))  # type: ignore[misc]
        yield classes, "the matrix product", f"{product:.3f}", f"{product / plain:.2f}", "1.00"
        yield classes, "predict_proba", f"{plain:.3f}", "1.00", f"{plain / product:.2f}"
        for name in NAMES:
            took = cpu(lambda n=name, m=fitted: choose(n, features, m))  # type: ignore[misc]
            yield classes, name, f"{took:.3f}", f"{took / plain:.2f}", f"{took / product:.2f}"


def growth(sizes: Sequence[int]) -> Iterator[Sequence[object]]:
    """A row a size: seconds by margin, for a million items, and the memory it took meanwhile."""
    whole = items(max(sizes))
    fitted = model(whole, 10)
    for rows in sizes:
        features = whole[:rows]
        took = cpu(lambda own=features: choose("margin", own, fitted))  # type: ignore[misc]
        memory = peak(lambda own=features: choose("margin", own, fitted))  # type: ignore[misc]
        yield f"{rows:,}", f"{took:.3f}", f"{took / rows * 1e6:.3f}", f"{memory:.1f}"


def peak(work: Callable[[], object]) -> float:
    """The most memory that a call held beside what was there, MB."""
    tracemalloc.start()
    work()
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return most / 2**20


def same_picks(features: np.ndarray) -> Iterator[Sequence[object]]:
    """A row a chunk size and number of threads: how many picks differ in place from the first's."""
    fitted = model(features, 10)
    first = choose("margin", features, fitted)
    for threads in THREADS:
        for chunk in CHUNKS:
            with threadpool_limits(threads):
                own = in_chunks(features, fitted, chunk)
            yield threads, f"{chunk:,}", int((own != first).sum())


def in_chunks(features: np.ndarray, fitted: Fitted, chunk: int) -> np.ndarray:
    """The highest margins, looked for in chunks of this size."""
    rng = np.random.default_rng(0)

    def rough(rows: slice) -> np.ndarray:
        return QUICK["margin"](fitted.quick_proba(features[rows]), rng)

    def exact(rows: np.ndarray) -> np.ndarray:
        return UTILITIES["margin"](fitted.exact_proba(features[rows]), rng)

    found = scoring.best(rough, exact, len(features), ASKED, slack=SLACK, chunk=chunk)
    return found.rows


def ranked() -> str:
    """Our ranked batch beside modAL's, with the same model on the same items."""
    from modAL.batch import uncertainty_batch_sampling
    from modAL.models import ActiveLearner
    from sklearn.base import clone

    features = items(RANKED_POOL + RANKED_LABELS).astype(np.float64)
    labelled, rest = features[:RANKED_LABELS], features[RANKED_LABELS:]
    y = (labelled[:, :5].argmax(axis=1)).astype(np.int64)
    fitted = fitting.fit(labelled, y, n_classes=5)
    assert isinstance(fitted, Fitted)
    learner = ActiveLearner(clone(fitted.estimator), X_training=labelled, y_training=y)
    pool, found = Pool(rest, labelled, [fitted]), dict[str, np.ndarray]()

    def ours() -> None:
        rng = np.random.default_rng(0)
        found["ours"] = strategies.choose("ranked_batch", pool, RANKED_ASKED, rng).rows

    def theirs() -> None:
        found["theirs"] = uncertainty_batch_sampling(learner, rest, n_instances=RANKED_ASKED)[0]

    our_seconds, their_seconds = cpu(ours), cpu(theirs, times=1)
    alike = int((found["ours"] == found["theirs"]).sum())
    return (
        f"{RANKED_ASKED} of {RANKED_POOL:,}, {RANKED_LABELS} labelled: ours {our_seconds:.3f} s, "
        f"modAL's {their_seconds:.3f} s, {their_seconds / our_seconds:.1f} times as long; "
        f"{alike} of {RANKED_ASKED} picks the same, in the same order"
    )


def table(head: Sequence[str], rows: Iterator[Sequence[object]]) -> None:
    """Print a table as its rows come."""
    print(f"\n| {' | '.join(head)} |\n|{'---|' * len(head)}")
    for row in rows:
        print(f"| {' | '.join(map(str, row))} |", flush=True)


def main() -> None:
    """All of it, on one thread."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="at most 100,000 items")
    sizes = QUICK_SIZES if parser.parse_args().quick else SIZES
    features = items(min(max(sizes), 1_000_000))
    with threadpool_limits(1):
        print(f"{ASKED:,} of {len(features):,} x {COLUMNS} float32")
        head = ("classes", "what", "CPU s", "x predict_proba", "x matrix product")
        table(head, speed(features))
        table(("items", "CPU s", "CPU s a million", "memory MB"), growth(sizes))
        print(f"\nranked batch: {ranked()}")
    table(("threads", "chunk", "picks that differ"), same_picks(features))


if __name__ == "__main__":
    main()
