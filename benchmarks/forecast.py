"""Forecasts and stopping rules scored on simulated projects: errors, coverage, hit rates, labels.

python -m benchmarks.forecast [--quick] [--data FOLDER] [--cache FOLDER] [--seeds N]

`--data` holds further data sets, one folder each (see `histories.BY_PATH`); without it those that
come with scikit-learn must do. `--cache` keeps the simulated projects, so that the analysis can
run again without the fits. What `labeling.core.forecast` and `labeling.core.stopping` carry as
measured is printed at the end. A data set is always judged by a table that never saw it.
"""

from __future__ import annotations

import argparse
import math
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from benchmarks import histories
from labeling.core import forecast, stopping
from labeling.core.forecast import Past, Point, Table

ORIGINS, AHEAD = (6, 10, 14, 18), (1, 3, 7)  # rounds that are scored, and how many rounds ahead
TABLE_AHEAD = (1, 2, 3, 5, 7, 10)  # of the table and the words, from every round of FRESH_AT
GROWTHS = (1.0, 1.08, 1.13, 1.2, 1.3, 1.45, 1.7, 2.1, 2.7, forecast.MAX_GROWTH + 1)
GAINS = (0.005, 0.01, 0.02, 0.03, 0.05)  # targets: the last score and so much more
SLOPE = 3  # rounds over which the recent slope is taken


class Scored(NamedTuple):
    """A forecast of a simulated project, with what came true."""

    key: tuple[str, str, int]  # set, strategy, seed
    round_no: int
    ahead: int
    past: Past
    path: tuple[float, ...]  # the gold scores of all rounds up to then
    true_gain: float
    slope_gain: float

    @property
    def growth(self) -> float:
        return self.past.forecast.at / self.past.forecast.n

    @property
    def ratio(self) -> float:
        """The error in units of the spread, before calibration."""
        return self.past.error / self.past.forecast.spread


# -- forecasts -------------------------------------------------------------------------------------


def view(history: dict[str, Any], size: int) -> dict[str, Any]:
    """A history as a team with the nth gold set sees it."""
    fresh = {
        int(r): [Point(n, scores[size]) for n, scores in points]
        for r, points in history["fresh"].items()
    }
    gold = [scores[size] for scores in history["gold"]]
    key = (history["set"], history["strategy"], history["seed"])
    return {**history, "key": key, "n_gold": history["n_gold"][size], "gold": gold, "fresh": fresh}


def rounds_of(seen: dict[str, Any], upto: int) -> list[Point]:
    return [Point(n, y) for n, y in zip(seen["n"][:upto], seen["gold"][:upto], strict=True)]


def scored(seen: dict[str, Any]) -> Iterator[Scored]:
    """Every forecast of a history that its later rounds can judge."""
    for round_no in histories.FRESH_AT:
        rounds, n = rounds_of(seen, round_no), seen["n"]
        ahead = [k for k in TABLE_AHEAD if round_no + k <= len(n)]
        ahead = [k for k in ahead if n[round_no - 1 + k] <= forecast.MAX_GROWTH * n[round_no - 1]]
        ats = [n[round_no - 1 + k] for k in ahead]
        said = forecast.forecasts(rounds, seen["fresh"][round_no], ats, n_gold=seen["n_gold"])
        for k, one in zip(ahead, said, strict=True):
            now, then = round_no - 1, round_no - 1 + k
            yield Scored(
                seen["key"],
                round_no,
                k,
                Past(one, seen["gold"][then]),
                tuple(seen["gold"][round_no : then + 1]),
                seen["truth"][then] - seen["truth"][now],
                slope(rounds, one.at),
            )


def slope(rounds: Sequence[Point], at: int) -> float:
    """The gain if the last rounds' slope went on."""
    first, last = rounds[-min(SLOPE + 1, len(rounds))], rounds[-1]
    return (last.score - first.score) / (last.n - first.n) * (at - last.n)


def table_of(found: Sequence[Scored]) -> Table:
    """Quantiles of |error| / spread by growth, made to rise with both growth and level."""
    growth, ratio = (
        np.array([getattr(one, name) for one in found]) for name in ("growth", "ratio")
    )
    rows, highest = [], np.zeros(len(forecast.LEVELS))
    for low, high in pairwise(GROWTHS):
        inside = (growth > low) & (growth <= high)
        if inside.sum() >= forecast.MIN_OWN:
            highest = np.maximum(highest, np.quantile(ratio[inside], forecast.LEVELS))
            knot = math.exp(np.log(growth[inside]).mean())
            rows.append((round(knot, 2), tuple(round(float(q), 2) for q in highest)))
    return tuple(rows)


def calibrated(found: Sequence[Scored], table: Table, *, own: bool) -> list[Scored]:
    """The forecasts of one history as they would have been said with this table.

    With `own` they also learn from those of the same history that had come true by then.
    """
    ones = np.ones(len(forecast.LEVELS))
    said = []
    for one in found:
        seen = [e.past for e in found if own and e.round_no + e.ahead <= one.round_no]
        factors = forecast.own_factors(seen, table) if seen else ones
        spread = one.past.forecast.spread
        halves = forecast.widths(spread, one.growth, factors=factors, table=table)
        past = one.past._replace(forecast=one.past.forecast._replace(halves=halves))
        said.append(one._replace(past=past))
    return said


def leave_one_set_out(
    found: Sequence[Scored], base: Sequence[Scored], *, own: bool
) -> list[Scored]:
    """All forecasts with intervals of a table of `base` without the set that they belong to."""
    said: list[Scored] = []
    for name in sorted({one.key[0] for one in found}):
        others = [one for one in base if one.key[0] != name]
        table = table_of(others or base)
        keys = sorted({one.key for one in found if one.key[0] == name})
        for key in keys:
            said += calibrated([one for one in found if one.key == key], table, own=own)
    return said


def main_ones(found: Sequence[Scored]) -> list[Scored]:
    """Those of the rounds and horizons that the tables speak of."""
    return [one for one in found if one.round_no in ORIGINS and one.ahead in AHEAD]


# -- tables ----------------------------------------------------------------------------------------


def error_table(found: Sequence[Scored]) -> pd.DataFrame:
    """Mean absolute error of the true gain in points, by rounds ahead."""
    rows = []
    for ahead in AHEAD:
        own = [one for one in found if one.ahead == ahead]
        true = np.array([one.true_gain for one in own])
        mix = np.array([one.past.forecast.gain for one in own])
        slopes = np.array([one.slope_gain for one in own])
        still, mixed = np.abs(true).mean(), np.abs(true - mix).mean()
        rows.append(
            {
                "rounds ahead": ahead,
                "forecasts": len(own),
                "last value": 100 * still,
                "recent slope": 100 * np.abs(true - slopes).mean(),
                "mix": 100 * mixed,
                "mix / last value": mixed / still,
            }
        )
    return pd.DataFrame(rows)


def coverage_table(found: Sequence[Scored]) -> pd.DataFrame:
    """Shares of later gold scores inside the intervals, percent, and the worst and best set."""
    rows = []
    for ahead in (*AHEAD, None):
        own = [one for one in found if ahead in (None, one.ahead)]
        points = {c.level: c for c in forecast.calibration([one.past for one in own])}
        sets = [set_coverage(own, name) for name in sorted({one.key[0] for one in own})]
        rows.append(
            {
                "rounds ahead": ahead or "all",
                "at 80": 100 * points[0.8].share,
                "at 95": 100 * points[0.95].share,
                "worst set at 80": 100 * min(sets),
                "best set at 80": 100 * max(sets),
                "80 % width": 200 * np.mean([one.past.forecast.halves[3] for one in own]),
            }
        )
    return pd.DataFrame(rows)


def set_coverage(found: Sequence[Scored], name: str) -> float:
    own = [one.past for one in found if one.key[0] == name]
    return {c.level: c.share for c in forecast.calibration(own)}[0.8]


def calibration_table(found: Sequence[Scored]) -> pd.DataFrame:
    points = forecast.calibration([one.past for one in found])
    return pd.DataFrame(points)[["level", "n", "share", "low", "high"]]


def by_set(found: Sequence[Scored]) -> pd.DataFrame:
    """Set by set: the errors of the forecasts furthest ahead, and the coverage of all."""
    rows = []
    for name in sorted({one.key[0] for one in found}):
        own = [one for one in found if one.key[0] == name]
        far = [one for one in own if one.ahead == AHEAD[-1]]
        off = [abs(one.true_gain - one.past.forecast.gain) for one in far]
        shares = {c.level: c.share for c in forecast.calibration([one.past for one in own])}
        rows.append(
            {
                "set": name,
                "last value": 100 * np.mean([abs(one.true_gain) for one in far]),
                "mix": 100 * np.mean(off),
                "at 80": 100 * shares[0.8],
                "at 95": 100 * shares[0.95],
            }
        )
    return pd.DataFrame(rows)


def word_rates(found: Sequence[Scored]) -> pd.DataFrame:
    """How often each word was said, and how often it was right: at the end of the budget, or
    counting a target as reached if any round until then had reached it.
    """
    counts = {word: [0, 0, 0] for word in (forecast.LIKELY, forecast.OPEN, forecast.UNLIKELY)}
    for one in found:
        for gain in GAINS:
            target = one.past.forecast.last + gain
            if target > 1.0:
                continue
            word = forecast.word(one.past.forecast.chance(target))
            reached = (one.path[-1] >= target, max(one.path) >= target)
            counts[word][0] += 1
            for nth, hit in enumerate(reached, 1):
                counts[word][nth] += hit == (word != forecast.UNLIKELY)
    rows = [(word, n, end, within, within / n) for word, (n, end, within) in counts.items() if n]
    return pd.DataFrame(
        rows, columns=["word", "said", "right at the end", "right within", "share within"]
    )


# -- stopping --------------------------------------------------------------------------------------


def evidence(seen: dict[str, Any], round_no: int) -> stopping.Evidence:
    """What a rule sees after a round; a forecast only where the default rule asks for one."""
    now = stopping.Evidence(
        round_no, seen["classes"][round_no - 1], seen["n_classes"], seen["kappa"][1:round_no]
    )
    if not stopping.needs_forecast(now):
        return now
    n, batch = seen["n"][round_no - 1], seen["n"][0]
    said = forecast.forecasts(
        rounds_of(seen, round_no),
        seen["fresh"][round_no],
        [n + stopping.ROUNDS_AHEAD * batch],
        n_gold=seen["n_gold"],
    )
    return now._replace(gain=said[0].gain)


def few_changes(now: stopping.Evidence, disagreement: Sequence[float]) -> bool:
    """Under 2 % of the answers changed in three rounds in a row: a known rule, to compare with."""
    last = disagreement[max(1, now.rounds - 3) : now.rounds]
    return now.rounds >= stopping.MIN_ROUNDS and len(last) == 3 and max(last) < 0.02


def stop_round(seen: dict[str, Any], stops: Callable[[stopping.Evidence], bool]) -> int:
    """The first round after which a rule stops; the last one if it never does."""
    last = len(seen["n"])
    return next((r for r in range(1, last) if stops(evidence(seen, r))), last)


def stopped(views: Sequence[dict[str, Any]]) -> pd.DataFrame:
    """One row a history and rule: the labels spent and the points that were left."""
    rows = []
    for seen in views:
        rules: dict[str, Callable[[stopping.Evidence], bool]] = {
            name: lambda now, rule=rule: rule(now).word == stopping.STOP
            for name, rule in stopping.RULES.items()
        }
        rules["fixed 10 rounds"] = lambda now: now.rounds >= 10
        rules["disagreement < 2 % x 3"] = lambda now, d=seen["disagreement"]: few_changes(now, d)
        for name, stops in rules.items():
            at = stop_round(seen, stops)
            left = seen["truth"][-1] - seen["truth"][at - 1]
            share = seen["n"][at - 1] / seen["n"][-1]
            rows.append((seen["set"], name, at == len(seen["n"]), share, 100 * left))
    return pd.DataFrame(rows, columns=["set", "rule", "never", "labels", "shortfall"])


def stop_table(rows: pd.DataFrame) -> pd.DataFrame:
    """Each rule: mean share of the labels, mean and 90th percentile of the shortfall in points."""
    rules = rows.groupby("rule", sort=False)
    return pd.DataFrame(
        {
            "labels, %": 100 * rules["labels"].mean(),
            "shortfall": rules["shortfall"].mean(),
            "p90": rules["shortfall"].quantile(0.9),
            "never stopped, %": 100 * rules["never"].mean(),
        }
    ).reset_index()


# -- the report ------------------------------------------------------------------------------------


def show(title: str, frame: pd.DataFrame) -> None:
    """A table in Markdown."""
    print(f"\n{title}\n")
    print("| " + " | ".join(frame.columns) + " |\n" + "|---" * len(frame.columns) + "|")
    for row in frame.itertuples(index=False):
        cells = (f"{cell:.3g}" if isinstance(cell, float) else str(cell) for cell in row)
        print("| " + " | ".join(cells) + " |")


def report(found: list[dict[str, Any]]) -> None:
    """All tables of all histories."""
    rich, poor = ([view(history, size) for history in found] for size in (0, 1))
    scores, few_gold = ([one for seen in views for one in scored(seen)] for views in (rich, poor))
    print(f"{len(found)} histories of {len({h['set'] for h in found})} data sets")
    alone = leave_one_set_out(scores, scores, own=False)
    show_errors(main_ones(alone), large_sets(found))
    show(
        "Coverage of the later gold score, leave one data set out", coverage_table(main_ones(alone))
    )
    own = leave_one_set_out(scores, scores, own=True)
    show("The same, learning from the project's own forecasts too", coverage_table(main_ones(own)))
    poorer = leave_one_set_out(few_gold, scores, own=False)
    show(f"The same table with {histories.GOLDS[1]} gold items", coverage_table(main_ones(poorer)))
    early = [one for one in alone if one.round_no < ORIGINS[0] and one.ahead in AHEAD]
    show(f"The same before round {ORIGINS[0]}", coverage_table(early))
    show("Calibration", calibration_table(main_ones(alone)))
    show("Set by set: errors furthest ahead, coverage", by_set(main_ones(alone)))
    show("The words", word_rates(alone))
    show(f"The words with {histories.GOLDS[1]} gold items", word_rates(poorer))
    show_stopping(rich, poor, large_sets(found))
    show_speed(rich[0])
    print("\nTABLE =", table_of(scores))


def large_sets(found: Sequence[dict[str, Any]]) -> set[str]:
    """The data sets with room for the whole gold set."""
    return {history["set"] for history in found if history["n_gold"][0] == histories.GOLDS[0]}


def show_errors(main: Sequence[Scored], large: set[str]) -> None:
    show("Mean absolute error of the gain that came true, points", error_table(main))
    show("The same, large sets", error_table([one for one in main if one.key[0] in large]))


def show_stopping(
    rich: Sequence[dict[str, Any]], poor: Sequence[dict[str, Any]], large: set[str]
) -> None:
    rows = stopped(rich)
    show("Stopping rules", stop_table(rows))
    show("Stopping rules, large sets", stop_table(rows[rows["set"].isin(large)]))
    show(f"Stopping rules, {histories.GOLDS[1]} gold items", stop_table(stopped(poor)))


def show_speed(seen: dict[str, Any]) -> None:
    """CPU of a forecast of all horizons, beside the least that it can do: weigh the grid twice."""
    rounds = rounds_of(seen, ORIGINS[-1])
    fresh, ats = seen["fresh"][ORIGINS[-1]], [seen["n"][ORIGINS[-1] - 1 + k] for k in AHEAD]
    grid = np.zeros((2, len(forecast.EXPONENTS), len(forecast.ASYMPTOTES)))
    floor = cpu(lambda: np.exp(grid))
    took = cpu(lambda: forecast.forecasts(rounds, fresh, ats, n_gold=seen["n_gold"]))
    print(f"\n{1000 * took:.1f} ms CPU for {len(AHEAD)} horizons, {took / floor:.0f} x the floor")


def cpu(work: Callable[[], object], repeats: int = 50) -> float:
    """CPU seconds of one call, a mean."""
    started = time.process_time()
    for _ in range(repeats):
        work()
    return (time.process_time() - started) / repeats


def main() -> None:
    """Simulate what is not cached yet, then print every table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="two bundled sets, one seed each")
    parser.add_argument("--data", type=Path, help="folder of further data sets")
    parser.add_argument("--cache", type=Path, help="where simulated projects are kept")
    parser.add_argument("--seeds", type=int, default=10)
    options = parser.parse_args()
    names = ["digits", "wine"] if options.quick else histories.names(options.data)
    with tempfile.TemporaryDirectory() as folder:
        found = histories.collect(
            names,
            seeds=1 if options.quick else options.seeds,
            data=options.data,
            cache=options.cache or Path(folder),
            say=lambda line: print(line, flush=True),
        )
        report(list(found))


if __name__ == "__main__":
    main()
