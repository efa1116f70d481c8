"""Data against model: who wins where it is known, and do the intervals cover what they promise?

python -m benchmarks.duel [--quick] [--texts FILE.csv TEXT LABEL]

Digits with a linear model need a better model, and the duel must say so. Short texts with 20 %
wrong labels need better data. With `--texts` a file of texts, 20 % of
its labels made wrong, is a third world.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from labeling.core import duel, features, search, sequential, verified
from labeling.core.duel import Cells, Duel, Hours

START, REVIEWED, ADDED, GOLD = 500, 150, 225, 500
HOUR = Hours(1.0, 1.0)
FEW = ("kernel C=3", "kernel C=10", "logistic C=1")  # of the model arm in a quick run
PLAIN = "logistic C=1"  # what METHODS measured with


class World(NamedTuple):
    """Items with a known truth: a pool, and a reservoir that is never trained on."""

    x: Any
    y: np.ndarray
    pool: np.ndarray
    reservoir: np.ndarray


class Labels(NamedTuple):
    """A version of the training data: rows and the labels they have."""

    rows: np.ndarray
    said: np.ndarray


def world(x: Any, y: np.ndarray, rng: np.random.Generator, *, reserved: int) -> World:
    """Split items at random."""
    order = rng.permutation(len(y))
    return World(x, y, order[reserved:], order[:reserved])


def digits(rng: np.random.Generator) -> World:
    """Pictures of digits: a linear model is too weak for them."""
    from sklearn.datasets import load_digits

    x, y = load_digits(return_X_y=True)
    return world(x / 16, y, rng, reserved=800)


def intents(rng: np.random.Generator, *, classes: int = 12, n: int = 2400) -> World:
    """Word counts of short texts on topics that share most words: a linear model is right."""
    usual = rng.dirichlet(np.full(400, 0.3))
    topics = [0.7 * usual + 0.3 * rng.dirichlet(np.full(400, 0.03)) for _ in range(classes)]
    y = rng.integers(classes, size=n)
    counts = np.stack([rng.multinomial(12, topics[label]) for label in y]).astype(float)
    return world(np.sqrt(counts / 12), y, rng, reserved=1000)


def texts(frame: pd.DataFrame, text: str, label: str, rng: np.random.Generator) -> World:
    """A file of labelled texts."""
    chosen = frame.iloc[rng.permutation(len(frame))[:3000]]
    x = features.matrix(chosen[[text]], features.Content("text", (text,)))
    y = np.unique(chosen[label].astype(str), return_inverse=True)[1]
    return world(x, y, rng, reserved=len(y) // 2)


def noisy(y: np.ndarray, share: float, rng: np.random.Generator) -> np.ndarray:
    """Labels of which a share is made another class at random."""
    classes, wrong = int(y.max()) + 1, rng.random(len(y)) < share
    return np.where(wrong, (y + rng.integers(1, classes, len(y))) % classes, y)


def an_hour_of_labeling(of: World, start: Labels, rng: np.random.Generator) -> Labels:
    """The least believed labels are reviewed, and the least certain items are labelled."""
    proba, fitted = _out_of_fold(of, start, rng)
    suspicious = np.argsort(proba)[:REVIEWED]
    said = start.said.copy()
    said[suspicious] = of.y[start.rows[suspicious]]
    rest = np.setdiff1d(of.pool, start.rows)
    top = np.sort(fitted.predict_proba(of.x[rest]), axis=1)
    asked = rest[np.argsort(top[:, -1] - top[:, -2])[:ADDED]]
    return Labels(np.concatenate([start.rows, asked]), np.concatenate([said, of.y[asked]]))


def _out_of_fold(of: World, start: Labels, rng: np.random.Generator) -> tuple[np.ndarray, Any]:
    """How far models that never saw a label believe it, and a model of all labels."""
    build = search.CONFIGURATIONS[PLAIN]
    fold, believed = search.folds_of(start.said, 5, rng), np.zeros(len(start.said))
    for held_out in range(5):
        train, test = fold != held_out, fold == held_out
        fitted = build(0, int(train.sum())).fit(of.x[start.rows[train]], start.said[train])
        proba = fitted.predict_proba(of.x[start.rows[test]])
        column = {name: k for k, name in enumerate(fitted.classes_)}
        at = [column.get(label, -1) for label in start.said[test]]
        believed[test] = np.where(np.array(at) >= 0, proba[np.arange(len(at)), at], 0.0)
    return believed, build(0, len(start.said)).fit(of.x[start.rows], start.said)


def fought(
    of: World,
    rng: np.random.Generator,
    *,
    noise: float,
    names: Sequence[str] = tuple(search.CONFIGURATIONS),
    folds: int = search.FOLDS,
) -> tuple[Duel, Cells[np.ndarray]]:
    """One hour on either side, judged on random gold; and where each model is right."""
    rows = rng.choice(of.pool, START, replace=False)
    old = Labels(rows, noisy(of.y[rows], noise, rng))
    new = an_hour_of_labeling(of, old, rng)

    def tune(version: Labels) -> str:
        return search.best(of.x[version.rows], version.said, names=names, folds=folds).name

    def predict(version: Labels, name: str) -> np.ndarray:
        x = of.x[version.rows]
        return search.predict(x, version.said, of.x[of.reservoir], name=name)

    said, _ = duel.fight(old, new, plain=PLAIN, search=tune, predict=predict)
    truth = of.y[of.reservoir]
    at = rng.choice(len(truth), min(GOLD, len(truth)), replace=False)
    found = duel.judge(said, at=at, truth=truth[at], hours=HOUR, rng=rng)
    return found, Cells(*[(codes == truth).astype(float) for codes in said])


def coverage(
    right: Cells[np.ndarray], rng: np.random.Generator, *, n: int, draws: int
) -> np.ndarray:
    """How often the 95 % intervals of n random items hold the truth of endless such items.

    The items are the population: gold sets are drawn from it with replacement.
    """
    truth = np.array([each.mean() for each in duel.per_item(right)])
    held = np.zeros(len(truth))
    for _ in range(draws):
        at = rng.integers(len(right.old_plain), size=n)
        found = duel.effects(Cells(*[each[at] for each in right]))
        held += [low <= true <= high for (_, low, high), true in zip(found, truth, strict=True)]
    return held / draws


def undecided(*, rows: int = 400, differ: int = 80, data_wins: float = 0.5) -> Cells[np.ndarray]:
    """Predicted codes where the truth is 0: the two crossed models differ on the first rows."""
    new_plain, old_tuned = np.zeros(rows, dtype=np.int64), np.zeros(rows, dtype=np.int64)
    won = round(differ * data_wins)
    old_tuned[:won], new_plain[won:differ] = 1, 1
    return Cells(old_tuned, old_tuned, new_plain, new_plain)


def judged_by_gold(codes: Cells[np.ndarray], rng: np.random.Generator) -> Duel:
    """On 40 random gold items."""
    gold = rng.permutation(len(codes.old_plain))[:40]
    truth = np.zeros(40, dtype=np.int64)
    return duel.judge(codes, at=gold, truth=truth, hours=HOUR, rng=rng)


def settled(codes: Cells[np.ndarray], n_ruled: int, *, seed: int = 0) -> Duel:
    """Judged on 40 random gold items, then settled by rulings on rows drawn by lot."""
    judged = judged_by_gold(codes, np.random.default_rng(seed))
    lot = judged.to_verify[:n_ruled]
    truth = np.full(len(codes.old_plain), -1)
    truth[np.setdiff1d(np.flatnonzero(duel.crossed(codes)), judged.to_verify)] = truth[lot] = 0
    found = verified.gain(codes.old_tuned, codes.new_plain, truth)
    won = (codes.new_plain == 0).astype(float) - (codes.old_tuned == 0)
    look = sequential.look(won[lot], n_differ=len(judged.to_verify))
    return duel.settle(judged, found, look)


def looks(*, duels: int, data_wins: float) -> str:
    """How often rulings, looked at after every ten, name the data, the model or nobody.

    `data_wins` is the share of the rows told apart on which the data are right: at 0.5 every
    winner is a false one.
    """
    codes, counts, asked = undecided(rows=900, differ=160, data_wins=data_wins), [0, 0, 0], []
    for seed in range(duels):
        if settled(codes, 0, seed=seed).is_decided:
            continue
        found = [settled(codes, n, seed=seed) for n in range(10, 141, 10)]
        decided = [nth for nth, each in enumerate(found) if each.is_decided]
        counts[0 if not decided else 1 if "data" in found[decided[0]].verdict else 2] += 1
        asked += [10 * (decided[0] + 1)] if decided else []
    half = f", half of them after {np.median(asked):.0f} rulings" if asked else ""
    nobody, data, model = counts
    return f"data right on {data_wins:.0%}: nobody {nobody}, data {data}, model {model}{half}"


def runs(args: argparse.Namespace) -> Iterator[tuple[str, float, World, np.random.Generator]]:
    """Every world with its share of wrong labels, several times."""
    frame = pd.read_csv(args.texts[0]) if args.texts else None
    for seed in range(4):
        for noise in (0.0, 0.08, 0.2):
            rng = np.random.default_rng([seed, round(100 * noise)])
            yield "digits", noise, digits(rng), rng
        rng = np.random.default_rng([seed, 99])
        yield "intents", 0.2, intents(rng), rng
        if frame is not None:
            yield "texts", 0.2, texts(frame, args.texts[1], args.texts[2], rng), rng


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--texts", nargs=3, metavar=("FILE", "TEXT", "LABEL"))
    args = parser.parse_args()
    print("world noise | v0m0 v0m1 vNm0 vNm1 | data model interaction | verify labels | verdict")
    held = []
    for name, noise, of, rng in runs(args):
        started = time.process_time()
        budget = {"names": FEW, "folds": 3} if args.quick else {}
        found, right = fought(of, rng, noise=noise, **budget)
        scores = " ".join(f"{100 * each:.1f}" for each in found.scores)
        moved = " ".join(f"{100 * each.value:+.1f}" for each in found.effects[:3])
        print(f"{name} {noise:.0%} | {scores} | {moved} | {len(found.to_verify)} | {found.verdict}")
        print(f"    {time.process_time() - started:.1f} CPU seconds")
        sizes = (100, 200, 500)
        held.append([coverage(right, rng, n=n, draws=100 if args.quick else 400) for n in sizes])
    print("coverage of data, model, interaction, difference, total at 100, 200, 500 gold labels:")
    print(np.round(100 * np.mean(held, axis=0), 1))
    print("duels that the gold left open, settled by rulings:")
    for share in (0.5, 0.65, 0.8):
        print(looks(duels=30 if args.quick else 150, data_wins=share))


if __name__ == "__main__":
    main()
