"""Which consensus comes nearest to the truth: on real crowds, thinned real crowds, simulated ones.

python -m benchmarks.crowds [FOLDER] [--quick]

FOLDER holds data sets as folders with annotations.csv (item_id, annotator_id, label), truth.csv
(id, true_label) and, for `with_content`, data.csv (id, text columns). Labels that are numbers are
cut where the true label is "similar" (3 and more). The peer is crowd-kit's Dawid-Skene.
"""

from __future__ import annotations

import argparse
import time
import warnings
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from threadpoolctl import threadpool_limits

from labeling.core.features import Content, matrix
from labeling.ingest import read_table
from quality import annotators, consensus
from quality.agreement import agreement
from tests.quality.crowds import SHAPES, Crowd, accuracy, simulate

Policy = Callable[[pd.DataFrame], pd.DataFrame]
SAMPLES = Path(__file__).resolve().parents[1] / "samples"
CONTENT = {"text", "text_b", "hypothesis"}
CUT = 3
TEAMS = ((20, 2, (2.0, 2.0)), (20, 3, (4.0, 2.0)), (8, 3, (6.0, 1.5)), (40, 5, (2.0, 2.0)))


class Labelled(NamedTuple):
    """A real crowd: its answers, the truth by item, and the table of its items or None."""

    name: str
    answers: pd.DataFrame
    truth: pd.Series
    items: pd.DataFrame | None


def crowd_kit(annotations: pd.DataFrame) -> pd.DataFrame:
    """Crowd-kit's Dawid-Skene, as a policy."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from crowdkit.aggregation import DawidSkene

        columns = {"item": "task", "annotator": "worker"}
        answers = consensus.standing(annotations).rename(columns=columns)
        labels = DawidSkene(n_iter=100).fit_predict(answers)
    return pd.DataFrame({"item": labels.index, "label": labels.to_numpy()})


METHODS: dict[str, Policy] = {**consensus.POLICIES, "crowd-kit DS": crowd_kit}


def seconds(work: Callable[[], Any]) -> tuple[float, Any]:
    """CPU seconds of one call, and what it returned."""
    started = time.process_time()
    result = work()
    return time.process_time() - started, result


def read_crowd(folder: Path) -> Labelled:
    """One data set of FOLDER."""
    answers = pd.read_csv(folder / "annotations.csv", dtype=str)
    answers = answers.rename(columns={"item_id": "item", "annotator_id": "annotator"})
    truth = pd.read_csv(folder / "truth.csv", dtype=str).set_index("id")["true_label"]
    if not set(answers["label"]) & set(truth):
        high = pd.to_numeric(answers["label"]) >= CUT
        answers["label"] = np.where(high, "similar", "different")
    items = read_table(folder / "data.csv") if (folder / "data.csv").is_file() else None
    return Labelled(folder.name, answers, truth, items)


def aided(crowd: Labelled) -> Callable[[], pd.DataFrame] | None:
    """`with_content` on a real crowd, if its texts are there."""
    if crowd.items is None:
        return None
    columns = tuple(c for c in crowd.items.columns if c in CONTENT)
    content = Content("columns" if len(columns) > 1 else "text", columns)
    features, ids = matrix(crowd.items, content), crowd.items["id"].to_numpy(dtype=object)
    return lambda: consensus.with_content(crowd.answers, ids, features=features, kind=content.kind)


def real(crowds: list[Labelled]) -> Iterator[dict[str, object]]:
    """A row a real crowd: accuracy in %, CPU seconds in brackets."""
    for crowd in crowds:
        works = {name: partial(policy, crowd.answers) for name, policy in METHODS.items()}
        content = aided(crowd)
        if content is not None:
            works["with_content"] = content
        done = {name: seconds(work) for name, work in works.items()}
        cells = {
            name: f"{100 * accuracy(table, crowd.truth):.1f} ({took:.2f})"
            for name, (took, table) in done.items()
        }
        yield {"crowd": crowd.name, **cells}


def thinned(crowds: list[Labelled], draws: int) -> Iterator[dict[str, object]]:
    """A row a real crowd with fewer answers an item, or fewer items: mean accuracy in %."""
    for crowd in crowds:
        for answers in (3, 5, 7):
            for share in (0.3, 1.0):
                drawn = [_thin(crowd, answers, share, seed) for seed in range(draws)]
                name = f"{crowd.name}, {answers} answers, {share:.0%} of the items"
                yield {"crowd": name, **_means(drawn, crowd.truth)}


def _thin(crowd: Labelled, answers: int, share: float, seed: int) -> pd.DataFrame:
    mixed = crowd.answers.drop_duplicates(["item", "annotator"]).sample(frac=1, random_state=seed)
    items = mixed["item"].drop_duplicates().sample(frac=share, random_state=seed)
    return mixed[mixed["item"].isin(items)].groupby("item").head(answers)


def simulated(seeds: int) -> Iterator[dict[str, object]]:
    """A row a shape of crowd: mean accuracy in %."""
    for name, shape in SHAPES.items():
        drawn = [simulate(shape, seed) for seed in range(1000, 1000 + seeds)]
        found = pd.DataFrame([_means([answers], truth) for answers, truth in drawn])
        yield {"crowd": name, **found.mean().to_dict()}


def _means(drawn: list[pd.DataFrame], truth: pd.Series) -> dict[str, float]:
    return {
        name: 100 * float(np.mean([accuracy(policy(answers), truth) for answers in drawn]))
        for name, policy in METHODS.items()
    }


def with_texts(rows: int) -> Iterator[dict[str, object]]:
    """A row a sample and team: accuracy in % of answers alone and with the content."""
    for name in ("sms_spam", "nsmc_6k", "penguins"):
        frame = read_table(SAMPLES / f"{name}.csv").head(rows)
        rest = tuple(c for c in frame.columns if c not in ("label", "id"))
        content = Content("text", ("text",)) if "text" in frame else Content("columns", rest)
        features = matrix(frame, content)
        for people, per_item, skill in TEAMS:
            shape = Crowd(people, per_item, len(frame), frame["label"].nunique(), skill=skill)
            answers, truth = _answered(frame["label"], shape)
            alone = consensus.default(answers)
            helped = consensus.with_content(
                answers, truth.index.to_numpy(), features=features, kind=content.kind
            )
            yield {
                "sample": name,
                "people": people,
                "answers an item": per_item,
                "default": 100 * accuracy(alone, truth),
                "with_content": 100 * accuracy(helped, truth),
            }


def _answered(label: pd.Series, shape: Crowd) -> tuple[pd.DataFrame, pd.Series]:
    """A simulated crowd whose truth is the sample's: its classes named by the sample's labels."""
    answers, drawn = simulate(shape, seed=0)
    names = sorted(label.unique())
    code = pd.Series([names.index(value) for value in label], index=drawn.index)
    shift = code - drawn.str[1:].astype(int)
    said = answers["label"].str[1:].astype(int) + shift.reindex(answers["item"]).to_numpy()
    answers["label"] = [names[k % len(names)] for k in said]
    return answers, pd.Series(label.to_numpy(), index=drawn.index)


def speed(items: int) -> Iterator[dict[str, object]]:
    """A row a method: CPU seconds for that many items with three answers each."""
    answers, truth = simulate(Crowd(200, 3, items, 4, skill=(6, 2)))
    floor, _ = seconds(lambda: consensus.encode(answers))
    yield {"what": "reading the answers as codes", "CPU s": floor, "accuracy %": np.nan}
    for name, policy in METHODS.items():
        took, table = seconds(partial(policy, answers))
        yield {"what": name, "CPU s": took, "accuracy %": 100 * accuracy(table, truth)}
    timed = answers.assign(seconds=np.random.default_rng(0).lognormal(1, 0.5, len(answers)))
    for name, work in {"agreement": agreement, "annotators": annotators.summary}.items():
        took, _ = seconds(partial(work, timed))
        yield {"what": name, "CPU s": took, "accuracy %": np.nan}


def show(title: str, rows: Iterator[dict[str, object]]) -> pd.DataFrame:
    """Print a table in Markdown; returns it."""
    table = pd.DataFrame(list(rows))
    print(f"\n{title}\n\n| {' | '.join(table.columns)} |\n|{'---|' * table.shape[1]}")
    for row in table.itertuples(index=False):
        cells = [f"{v:.2f}" if isinstance(v, float) else str(v) for v in row]
        print(f"| {' | '.join(cells)} |")
    return table


def shortfall(table: pd.DataFrame) -> None:
    """How far the default is from the better one of majority and Dawid-Skene, in points."""
    gap = table["default"] - table[["majority", "dawid_skene"]].max(axis=1)
    worst = table.loc[gap.idxmin(), "crowd"]
    print(
        f"\ndefault beside the better one of majority and dawid_skene: mean {gap.mean():+.2f} "
        f"points, worst {gap.min():+.2f} ({worst}), under -0.5 in {(gap < -0.5).sum()} of "
        f"{len(gap)}"
    )


def main() -> None:
    """Every table, with one thread for linear algebra."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", nargs="?", type=Path, metavar="FOLDER")
    parser.add_argument("--quick", action="store_true", help="fewer draws, fewer items")
    args = parser.parse_args()
    folders = sorted(args.folder.glob("*/annotations.csv")) if args.folder else []
    crowds = [read_crowd(path.parent) for path in folders]
    with threadpool_limits(1):
        if crowds:
            show("Real crowds: accuracy in % (CPU s)", real(crowds))
            title = "Real crowds, thinned: mean accuracy in %"
            shortfall(show(title, thinned(crowds, 1 if args.quick else 6)))
        title = "Simulated crowds: mean accuracy in %"
        shortfall(show(title, simulated(1 if args.quick else 8)))
        show("Answers alone and with the content", with_texts(600 if args.quick else 1500))
        items = 10_000 if args.quick else 100_000
        show(f"{items:,} items with three answers", speed(items))


if __name__ == "__main__":
    main()
