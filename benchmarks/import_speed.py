"""What an import costs beside `pandas.read_csv` of the same file, in CPU seconds of the same run.

python -m benchmarks.import_speed [--quick]
"""

from __future__ import annotations

import argparse
import sqlite3
import tempfile
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import numpy as np
import pandas as pd

from labeling import imports, ingest
from labeling.core.features import Content
from labeling.ingest import Roles
from quality.near_duplicates import near_duplicates

VOCABULARY = 4000


def invented(rng: np.random.Generator) -> list[str]:
    """As many words as people use in short messages, every other one Korean."""
    latin, korean = list("abcdefghijklmnopqrstuvwxyz"), [chr(c) for c in range(0xAC00, 0xB000)]
    sizes = rng.integers(2, 8, VOCABULARY)
    return [
        "".join(rng.choice(latin, n)) if k % 2 else "".join(rng.choice(korean, 1 + n // 2))
        for k, n in enumerate(sizes)
    ]


def write_table(path: Path, rows: int) -> None:
    """Short messages with an id, a label and a number, half of them Korean."""
    rng = np.random.default_rng(0)
    words = rng.choice(invented(rng), size=(rows, 12))
    frame = pd.DataFrame(
        {
            "id": [f"r{i}" for i in range(rows)],
            "text": [f"{' '.join(line)} {i}" for i, line in enumerate(words)],
            "label": rng.choice(["yes", "no"], size=rows),
            "price": rng.integers(1, 10_000, size=rows),
        }
    )
    frame.to_csv(path, index=False)


def seconds(work: Callable[[], object]) -> float:
    """CPU seconds of one call."""
    started = time.process_time()
    work()
    return time.process_time() - started


def bring_in(path: Path, target: Path, *, label: str | None) -> None:
    """What `create` does: read, split, write, publish the seed batch."""
    frame = ingest.read_table(path)
    roles = Roles(Content("text", ("text",)), id="id", label=label, classes=("yes", "no"))
    project, _ = imports.create_project(target, frame, roles=roles, source=path.name, author="b")
    project.close()


def read_and_insert(path: Path, target: Path) -> None:
    """The least that a durable import can do: parse the file and insert its rows, once."""
    frame = pd.read_csv(path)
    with closing(sqlite3.connect(target)) as conn:
        conn.execute("PRAGMA journal_mode=WAL")
        conn.execute("PRAGMA synchronous=FULL")
        conn.execute("CREATE TABLE t (id TEXT PRIMARY KEY, text TEXT, label TEXT, price INTEGER)")
        conn.executemany("INSERT INTO t VALUES (?, ?, ?, ?)", frame.itertuples(index=False))
        conn.commit()


def main() -> None:
    """Medians of three runs, as a table with ratios against the floor."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="10,000 rows instead of 100,000")
    rows = 10_000 if parser.parse_args().quick else 100_000
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "table.csv"
        write_table(path, rows)
        names = ("pandas.read_csv", "read_csv + bare insert", "read", "near", "plain", "labels")
        texts = pd.read_csv(path, dtype=object)
        timed: dict[str, list[float]] = {name: [] for name in names}
        for nth in range(3):
            timed["pandas.read_csv"].append(seconds(lambda: pd.read_csv(path)))
            bare = Path(folder) / f"bare{nth}.db"
            timed["read_csv + bare insert"].append(seconds(lambda b=bare: read_and_insert(path, b)))
            timed["read"].append(seconds(lambda: ingest.read_table(path)))
            timed["near"].append(seconds(lambda: near_duplicates(texts, ["text"], kind="text")))
            for name, label in (("plain", None), ("labels", "label")):
                target = Path(folder) / f"{name}{nth}.db"
                timed[name].append(seconds(lambda t=target, c=label: bring_in(path, t, label=c)))
        floor = float(np.median(timed["pandas.read_csv"]))
        print(f"{rows:,} rows, {path.stat().st_size / 2**20:.1f} MB")
        durable = float(np.median(timed["read_csv + bare insert"]))
        print("| what | median CPU s | ratio to read_csv | ratio to both |\n|---|---|---|---|")
        for name, runs in timed.items():
            took = float(np.median(runs))
            print(f"| {name} | {took:.2f} | {took / floor:.1f} | {took / durable:.1f} |")


if __name__ == "__main__":
    main()
