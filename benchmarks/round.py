"""What closing a round costs: 5,000 labels and 100,000 texts, step by step.

OPENBLAS_NUM_THREADS=1 python -m benchmarks.round [--quick] [--texts FILE.csv] [--profile]

`--texts` is a file with columns text and label; each of our texts is the beginning of one of its
texts and the end of another of the same label. Without it they are made of a few words. Importing
and the first computation of the features are shown apart: the features are kept on disk. The first
closing finds out what follows from the items alone, the others know it. The third is closed as in
the product, by a worker process of its own, which must import everything first.
"""

from __future__ import annotations

import argparse
import cProfile
import json
import os
import pstats
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pandas as pd
from threadpoolctl import threadpool_limits

from labeling import answer_files, imports, ingest, queue, rounds, worker
from labeling.core.features import Content
from labeling.ingest import Roles
from labeling.project import Project
from labeling.store import items, slots
from labeling.versions import Snapshot

CLASSES = ("negative", "positive")
WORDS = {
    "negative": [
        "boring",
        "bad",
        "awful",
        "slow",
        "empty",
        "지루하다",
        "최악",
        "실망",
        "별로",
        "졸리다",
    ],
    "positive": [
        "great",
        "warm",
        "fine",
        "funny",
        "moving",
        "재미있다",
        "최고",
        "감동",
        "추천",
        "완벽",
    ],
}
NEUTRAL = [f"{start}{end}" for start in "mnprst" for end in ("ovie", "ight", "영화", "배우")]
GOLD = 200


def texts(rows: int, source: pd.DataFrame | None) -> pd.DataFrame:
    """Different texts with their labels: columns text, label."""
    rng = np.random.default_rng(0)
    label = rng.choice(CLASSES, size=rows)
    frame = pd.DataFrame({"text": "", "label": label})
    for name in CLASSES:
        own = np.flatnonzero(label == name)
        frame.loc[own, "text"] = (
            _made(name, len(own), rng) if source is None else _joined(source, name, len(own), rng)
        )
    return frame.astype(object)


def _made(name: str, n: int, rng: np.random.Generator) -> list[str]:
    telling, rest = rng.choice(WORDS[name], (n, 3)), rng.choice(NEUTRAL, (n, 9))
    return [
        " ".join([*a, *b, f"no{i}"]) for i, (a, b) in enumerate(zip(telling, rest, strict=True))
    ]


def _joined(source: pd.DataFrame, name: str, n: int, rng: np.random.Generator) -> list[str]:
    words = [text.split() for text in source["text"][source["label"] == name].astype(str)]
    first, second = rng.integers(len(words), size=(2, n))
    return [
        " ".join(words[a][: -(-len(words[a]) // 2)] + words[b][len(words[b]) // 2 :])
        for a, b in zip(first, second, strict=True)
    ]


class Clock:
    """Seconds between moments, of the wall and of the CPU, printed as they are known."""

    def show(self, name: str, wall: float, cpu: float) -> None:
        """A row of the table."""
        print(f"| {name} | {wall:.2f} | {cpu:.2f} |", flush=True)

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        """Measure a block."""
        wall, cpu = time.perf_counter(), time.process_time()
        yield
        self.show(name, time.perf_counter() - wall, time.process_time() - cpu)

    def progress(self) -> tuple[Callable[[float, str], None], Callable[[], None]]:
        """What a service tells its progress to, and what ends its last step."""
        open_: list[tuple[str, float, float]] = []

        def end() -> None:
            for name, wall, cpu in open_:
                took = (time.perf_counter() - wall, time.process_time() - cpu)
                self.show(f"... {name}", *took)
            open_.clear()

        def told(share: float, words: str) -> None:
            if open_ and open_[0][0] == words:
                return
            end()
            open_.append((words, time.perf_counter(), time.process_time()))

        return told, end


def answer(project: Project, frame: pd.DataFrame, item_ids: list[str]) -> None:
    """One annotator's right answers to some items."""
    truth = dict(zip(frame["text"], frame["label"], strict=True))
    stored = items.contents(project.db, item_ids)
    said = [truth[json.loads(stored[item])["text"]] for item in item_ids]
    table = pd.DataFrame({"item": item_ids, "annotator": "kim", "label": said}, dtype=object)
    answer_files.label_from_table(
        project,
        table,
        item="item",
        annotator="annotator",
        label="label",
        source="benchmark",
        author="benchmark",
    )


def create(path: Path, frame: pd.DataFrame) -> Project:
    """The project, with GOLD rows whose labels are trusted."""
    gold = np.random.default_rng(1).permutation(len(frame))[:GOLD]
    trusted = np.full(len(frame), None, dtype=object)
    trusted[gold] = frame["label"].to_numpy()[gold]
    roles = Roles(Content("text", ("text",)), gold="gold", classes=CLASSES)
    project, _ = imports.create_project(
        path,
        frame[["text"]].assign(gold=pd.Series(trusted, dtype=object)),
        roles=roles,
        source="texts.csv",
        author="benchmark",
    )
    return project


def run(folder: Path, frame: pd.DataFrame, labels: int, clock: Clock) -> None:
    """Import, label, close a round, answer its batch, close the next."""
    with clock.step("import"):
        project = create(folder / "texts.db", frame)
    with clock.step("features, the first time"):
        _ = Snapshot(project).features
    with clock.step("features, from the disk"):
        _ = Snapshot(project).features
    pool = [item for item, _ in items.clusters(project.db, "pool")]
    drawn = np.random.default_rng(2).permutation(len(pool))[:labels]
    with clock.step(f"{labels:,} answers from a file"):
        answer(project, frame, [pool[i] for i in np.sort(drawn)])
    close(project, "close the first round", clock)
    answer_batch(project, frame)
    close(project, "close the second round", clock)
    answer_batch(project, frame)
    close_by_worker(project, clock)
    project.close()


def answer_batch(project: Project, frame: pd.DataFrame) -> None:
    """The right answers to what is asked."""
    batch = slots.open_slots(project.db, queue.current_batch(project))
    answer(project, frame, list(dict.fromkeys(s.item_id for s in batch if s.queue == "batch")))


def close_by_worker(project: Project, clock: Clock) -> None:
    """Close a round as the product does; what the process took, its imports too."""
    wall, before = time.perf_counter(), os.times()
    job = worker.wait(project, worker.start(project, "close", author="b"), progress=ingest.silent)
    assert job.state == "done", job.message
    took = [end - start for start, end in zip(before, os.times(), strict=True)]
    clock.show("close the third round, in a worker", time.perf_counter() - wall, sum(took[2:4]))


def close(project: Project, name: str, clock: Clock) -> None:
    """Close a round, each of its steps by itself."""
    told, end = clock.progress()
    with clock.step(name):
        rounds.close_round(project, progress=told)
        end()


def main() -> None:
    """Run it and print a table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--texts", type=Path)
    parser.add_argument("--quick", action="store_true", help="5,000 texts and 500 labels")
    parser.add_argument("--profile", action="store_true", help="where the time goes, by function")
    args = parser.parse_args()
    rows, labels = (5_000, 500) if args.quick else (100_000, 5_000)
    source = None if args.texts is None else pd.read_csv(args.texts, dtype=str)
    frame, clock, profile = texts(rows, source), Clock(), cProfile.Profile()
    print(f"{rows:,} texts, {labels:,} labels\n| what | wall s | CPU s |\n|---|---|---|")
    with tempfile.TemporaryDirectory() as folder, threadpool_limits(1):
        if args.profile:
            profile.enable()
        run(Path(folder), frame, labels, clock)
        profile.disable()
    if args.profile:
        pstats.Stats(profile).sort_stats("cumulative").print_stats(70)


if __name__ == "__main__":
    main()
