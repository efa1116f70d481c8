"""Make the sample projects: one with four rounds of work to look at, one that is fresh.

The answers come from the file. Midway a vendor's careless labels come in, so that the checks have
something to find, the relabel queue something to fix, and the impact page something to tell.

    python -m samples.tour FOLDER
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

from labeling import (
    answer_files,
    answers,
    export,
    fixes,
    imports,
    ingest,
    issues,
    project,
    queue,
    requirements,
    rounds,
    waterfall,
)
from labeling.core.features import Content
from labeling.ingest import Roles
from labeling.project import Project

HERE = Path(__file__).resolve().parent
BOUGHT, CARELESS, BUDGET = 250, 0.35, 100
GUIDELINE = """spam: advertising, prizes, premium-rate numbers, anything that wants money or a call.
ham: everything that one person writes to another.
When in doubt: would the sender know your name? Then it is ham."""


def main(folder: Path) -> None:
    """Both projects, in a folder that exists."""
    texts = ingest.read_table(HERE / "sms_spam.csv")
    roles = Roles(Content("text", ("text",)), id="id", classes=("ham", "spam"))
    tour, _ = imports.create_project(
        folder / "sms-tour.db", texts, roles=roles, source="sms_spam.csv", author="tour"
    )
    with tour:
        work(tour, truth=dict(zip(texts["text"], texts["label"], strict=True)))
    reviews = ingest.read_table(HERE / "nsmc_6k.csv")
    roles = Roles(Content("text", ("text",)), id="id", classes=("negative", "positive"))
    fresh, _ = imports.create_project(
        folder / "nsmc-reviews.db", reviews, roles=roles, source="nsmc_6k.csv", author="tour"
    )
    fresh.close()


def work(tour: Project, *, truth: dict[str, str]) -> None:
    """Four rounds: seed, active choice, a vendor's careless file, its worst mistakes fixed."""
    requirements.save_guideline(tour, GUIDELINE, author="tour")
    project.change_settings(tour, {"batch_size": "40", "gold_per_batch": "90"}, author="tour")
    for _ in range(2):
        answer(tour, ["Mina", "Jonas"], truth)
        rounds.close_round(tour)
    vendor_file(tour, truth)
    answer(tour, ["Mina", "Jonas"], truth)
    rounds.close_round(tour)
    found = fixes.relabelable(issues.table(tour))
    worst = found[found["status"] == "open"].head(BUDGET)
    fix = fixes.relabel(tour, list(worst["issue_id"]), author="Mina")
    answer(tour, ["Mina"], truth, queue_id=fix)
    rounds.close_round(tour)
    waterfall.measure(tour)


def vendor_file(tour: Project, truth: dict[str, str]) -> None:
    """Labels bought from a vendor for items that nobody asked for: many are wrong."""
    rng, other = np.random.default_rng(5), {"ham": "spam", "spam": "ham"}
    table = export.items_table(tour)
    free = table[(table["part"] == "pool") & table["label"].isna()]
    free = free.iloc[rng.permutation(len(free))[:BOUGHT]]
    wrong = rng.random(len(free)) < CARELESS
    labels = [truth[text] for text in free["text"]]
    labels = [other[label] if w else label for label, w in zip(labels, wrong, strict=True)]
    answers = free[["item_id"]].assign(who="vendor", label=labels)
    answer_files.label_from_table(
        tour, answers, item="item_id", annotator="who", label="label",
        source="vendor.csv", author="Jonas",
    )  # fmt: skip


def answer(
    tour: Project, people: list[str], truth: dict[str, str], *, queue_id: int | None = None
) -> None:
    """Everybody takes turns until nothing is left in the queue."""
    left = True
    while left:
        left = False
        for person in people:
            asked = queue.next_item(tour, person, queue=queue_id)
            if asked is not None:
                left = True
                label = truth[str(asked.content["text"])]
                answers.answer(tour, asked.slot.slot_id, label, annotator=person, ms=4_000)


if __name__ == "__main__":
    if len(sys.argv) != 2 or sys.argv[1].startswith("-"):
        sys.exit("usage: python -m samples.tour FOLDER (a new folder for the sample projects)")
    Path(sys.argv[1]).mkdir(parents=True, exist_ok=True)
    main(Path(sys.argv[1]))
