"""Whole stories of data work on sets whose truth is known, and what the waterfall says of each.

python -m benchmarks.stories [--data FOLDER] [--quick] [--stories A,B]

yoruba_news: labels that rules gave by the thousand, a third of them wrong; four times the worst
suspects are ruled on. sms_spam: the sample project. digits: an eighth of the labels wrong, and the
same. seven: seven files of 214 digits each, for the clock. What happens is the product's own: an
import, its checks, its relabel queues, its rounds, its waterfall. `--quick` runs seven and digits,
with fewer rounds; yoruba_news needs `--data`, a folder with a folder a set.
"""

from __future__ import annotations

import argparse
import tempfile
import time
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from labeling import answers, export, fixes, impact, imports, ingest, issues, project, queue, rounds
from labeling import waterfall as bars
from labeling.core.features import Content
from labeling.ingest import Roles
from labeling.project import Project
from samples import tour

RULINGS, ROUNDS, ROWS, GOLD, WRONG = 100, 4, 1_300, 450, 0.125


class Story(NamedTuple):
    """A table with given labels, which rows are gold, and what is true, by id."""

    frame: pd.DataFrame
    content: Content
    truth: Mapping[str, str]


def yoruba_news(data: Path) -> Story:
    """Headlines with the labels of a gazetteer; the clean test rows are gold."""
    folder = data / "yoruba_news"
    given = ingest.read_table(folder / "data.csv")
    clean = ingest.read_table(folder / "test_clean.csv")
    truth = ingest.read_table(folder / "truth.csv").set_index("id")["true_label"]
    frame = pd.concat([given.assign(gold=""), clean[["id", "text", "label"]].assign(gold="1")])
    return Story(_strings(frame), Content("text", ("text",)), truth.to_dict())


def digits(data: Path, *, wrong: float = WRONG) -> Story:
    """Handwritten digits; some labels of the rows that train are replaced at random."""
    from sklearn.datasets import load_digits

    pixels, y = load_digits(return_X_y=True)
    rng = np.random.default_rng(0)
    rows = rng.permutation(len(y))[: ROWS + GOLD]
    frame = pd.DataFrame(pixels[rows].astype(int), columns=[f"p{k}" for k in range(64)])
    frame = frame.assign(id=[f"d{row}" for row in rows], label=y[rows], gold="")
    frame.loc[ROWS:, "gold"] = "1"
    truth = dict(zip(frame["id"], frame["label"].astype(str), strict=True))
    flipped = rng.choice(ROWS, round(wrong * ROWS), replace=False)
    frame.loc[flipped, "label"] = (frame["label"][flipped] + rng.integers(1, 10, len(flipped))) % 10
    return Story(_strings(frame), Content("columns", tuple(frame.columns[:64])), truth)


def _strings(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.reset_index(drop=True).astype(str).astype(object)


# -- what happens ---------------------------------------------------------------------------------


def corrected(folder: Path, story: Story, *, n_rounds: int) -> Project:
    """The given labels come in; round for round the worst suspects are ruled on."""
    roles = Roles(story.content, id="id", label="label", gold="gold", reserve=0.0)
    made, _ = imports.create_project(
        folder / "story.db", story.frame, roles=roles, source="given.csv", author="benchmark"
    )
    project.change_settings(made, {"batch_size": "1", "gate": "none"}, author="benchmark")
    rounds.close_round(made)
    for _ in range(n_rounds):
        found = fixes.relabelable(issues.table(made))
        worst = list(found[found["status"] == "open"].head(RULINGS)["issue_id"])
        if not worst:
            break
        rule(made, story.truth, fixes.relabel(made, worst, author="benchmark"))
        rounds.close_round(made)
    return made


def rule(made: Project, truth: Mapping[str, str], queue_id: int) -> None:
    """Somebody who knows rules on everything in a queue, three seconds each."""
    table = export.items_table(made).set_index("item_id")["id"]
    while (asked := queue.next_item(made, "judge", queue=queue_id)) is not None:
        label = truth[table[asked.item_id]]
        answers.answer(made, asked.slot.slot_id, label, annotator="judge", ms=3_000)


def seven_files(folder: Path, data: Path) -> Project:
    """Seven files of labelled digits, one after the other, and a round."""
    story = digits(data)
    own, gold = story.frame.iloc[:ROWS], story.frame.iloc[ROWS:]
    parts = np.array_split(np.arange(len(own)), 7)
    roles = Roles(story.content, id="id", label="label", gold="gold", reserve=0.0)
    first = pd.concat([own.iloc[parts[0]], gold])
    made, _ = imports.create_project(
        folder / "story.db", first, roles=roles, source="file 1", author="benchmark"
    )
    project.change_settings(made, {"gate": "none"}, author="benchmark")
    for nth, rows in enumerate(parts[1:], start=2):
        imports.import_table(
            made,
            own.iloc[rows],
            roles=roles._replace(gold=None),
            source=f"file {nth}",
            author="benchmark",
        )
    rounds.close_round(made)
    return made


def sms_spam(folder: Path) -> Project:
    """The sample project."""
    tour.main(folder)
    return project.open_project(folder / "sms-tour.db")


# -- what is told ---------------------------------------------------------------------------------


def tell(name: str, made: Project) -> None:
    """The curve and the bars as tables, with the cost of the bars."""
    _, report = impact.cached(made, impact.REPORT) or (0, {"curve": []})
    print(f"\n## {name}\n\n| round | training labels | accuracy on gold |\n|---|---|---|")
    for row in report["curve"]:
        if row["metric"] == "accuracy":
            interval = f"[{row['low']:.1%}, {row['high']:.1%}] of {row['n']}"
            print(f"| {row['round']} | {row['n_labels']} | {row['value']:.1%} {interval} |")
    started, wall = time.process_time(), time.perf_counter()
    frame = bars.measure(made)
    took = time.process_time() - started, time.perf_counter() - wall
    _, told = bars.stored(made) or (0, None)
    print("\n| change | rows | points | verdict |\n|---|---|---|---|")
    for bar in frame.itertuples():
        interval = f"[{impact.points(bar.low)}, {impact.points(bar.high)}]"
        points = f"{impact.points(bar.delta)} {interval}"
        print(f"| {bar.title} | {bar.n_rows} | {points} | {bar.verdict} |")
    if told is not None and told.interaction:
        print(f"\n{told.interaction}.")
    print(f"\n{frame['fits'].max()} fits, {took[0]:.1f} CPU s, {took[1]:.1f} s.", flush=True)


def main() -> None:
    """Run the stories that are asked for."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--data", type=Path, default=Path())
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--stories", default="")
    args = parser.parse_args()
    n_rounds = 2 if args.quick else ROUNDS
    stories: dict[str, Callable[[Path], Project]] = {
        "seven": lambda folder: seven_files(folder, args.data),
        "digits": lambda folder: corrected(folder, digits(args.data), n_rounds=n_rounds),
        "sms_spam": sms_spam,
        "yoruba_news": lambda folder: corrected(folder, yoruba_news(args.data), n_rounds=n_rounds),
    }
    chosen = args.stories.split(",") if args.stories else list(stories)[: 2 if args.quick else 4]
    for name in chosen:
        with tempfile.TemporaryDirectory() as folder, stories[name](Path(folder)) as made:
            tell(name, made)


if __name__ == "__main__":
    warnings.filterwarnings("ignore")
    main()
