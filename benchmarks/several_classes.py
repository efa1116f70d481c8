"""Items with several classes through the whole loop: what active choice is worth there.

python -m benchmarks.several_classes [--quick] [--texts FILE.csv] [--rounds 8] [--batch 100]

A project is created, its queue answered with the truth, and its rounds closed, by the product's own
services; beside it the same with items chosen at random. `--texts` is a file with columns text and
labels, with `|` between the classes of an item; without it texts are made of a few words. Micro and
macro F1 are the round's own, on gold labels that never train, the same for both.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from threadpoolctl import threadpool_limits

from labeling import answer_files, impact, imports, queue, rounds
from labeling.core.features import Content
from labeling.ingest import Roles
from labeling.project import Project, change_settings
from labeling.store import items, slots

STRATEGIES = ("default", "random")
METRICS = ("micro_f1", "macro_f1")
WORDS = {
    "sport": ("goal", "match", "team", "경기", "선수"),
    "money": ("bank", "loan", "tax", "은행", "주식"),
    "science": ("atom", "cell", "orbit", "세포", "궤도"),
    "none": ("hello", "today", "people", "오늘", "사람"),
}
SHARES = (0.25, 0.15, 0.05)  # of the texts that each class but the last is in


def made(rows: int, seed: int = 0) -> pd.DataFrame:
    """Texts of a few words, of which some have two or three classes: columns text, labels."""
    rng = np.random.default_rng(seed)
    names = list(WORDS)[:-1]
    has = rng.random((rows, len(names))) < SHARES
    told = [[name for name, yes in zip(names, own, strict=True) if yes] or ["none"] for own in has]
    texts = [_words(own, nth, rng) for nth, own in enumerate(told)]
    return pd.DataFrame({"text": texts, "labels": ["|".join(own) for own in told]}, dtype=object)


def _words(classes: Sequence[str], nth: int, rng: np.random.Generator) -> str:
    own = [str(rng.choice(WORDS[name])) for name in classes]
    noise = [str(word) for word in rng.choice([w for ws in WORDS.values() for w in ws], 2)]
    return " ".join([*own, *noise, *map(str, rng.choice(WORDS["none"], 4)), f"no{nth}"])


def create(path: Path, frame: pd.DataFrame, *, seed: int, gold: int) -> Project:
    """A project of the texts, of which `gold` random ones are trusted."""
    trusted = np.full(len(frame), None, dtype=object)
    drawn = np.random.default_rng(seed).permutation(len(frame))[:gold]
    trusted[drawn] = frame["labels"].to_numpy()[drawn]
    classes = sorted({name for cell in frame["labels"] for name in cell.split("|")})
    roles = Roles(Content("text", ("text",)), gold="gold", classes=tuple(classes), multi=True)
    table = frame[["text"]].assign(gold=pd.Series(trusted, dtype=object, index=frame.index))
    project, _ = imports.create_project(
        path, table, roles=roles, source="texts.csv", author="benchmark", seed=seed
    )
    return project


def answer(project: Project, truth: Mapping[str, str]) -> None:
    """One annotator answers the batch that is open with the truth."""
    asked = [s for s in slots.open_slots(project.db, queue.current_batch(project))]
    item_ids = list(dict.fromkeys(slot.item_id for slot in asked if slot.queue == "batch"))
    stored = items.contents(project.db, item_ids)
    said = [truth[json.loads(stored[item])["text"]] for item in item_ids]
    told = pd.DataFrame({"item": item_ids, "who": "kim", "label": said}, dtype=object)
    answer_files.label_from_table(
        project, told, item="item", annotator="who", label="label", source="benchmark", author="b"
    )


def loop(
    path: Path, frame: pd.DataFrame, strategy: str, *, seed: int, gold: int, batch: int, n: int
) -> Iterator[dict[str, object]]:
    """Rows strategy, seed, labels, metric, value of `n` rounds."""
    project = create(path, frame, seed=seed, gold=gold)
    settings = {"strategy": strategy, "batch_size": str(batch), "gold_per_batch": "0"}
    change_settings(project, settings | {"second_opinions": "0"}, author="benchmark")
    truth = dict(zip(frame["text"], frame["labels"], strict=True))
    for _ in range(n):
        answer(project, truth)
        rounds.close_round(project)
    stored = impact.cached(project, impact.REPORT)
    assert stored is not None
    for row in stored[1]["curve"]:
        if row["metric"] in METRICS:
            yield {"strategy": strategy, "seed": seed, **row}
    project.close()


def table(found: pd.DataFrame) -> str:
    """Means over seeds by number of labels, a column a metric and strategy."""
    means = found.groupby(["n_labels", "metric", "strategy"])["value"].mean().unstack([1, 2])
    pairs = [(metric, strategy) for metric in METRICS for strategy in STRATEGIES]
    lines = [f"| labels | {' | '.join(' '.join(pair).replace('_', ' ') for pair in pairs)} |"]
    lines.append("|---" * (len(pairs) + 1) + "|")
    for labels, row in means.iterrows():
        lines.append(f"| {labels:,} | {' | '.join(f'{row[pair]:.3f}' for pair in pairs)} |")
    return "\n".join(lines)


def main() -> None:
    """Both strategies over the seeds, and the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--texts", type=Path)
    parser.add_argument("--rounds", type=int, default=8)
    parser.add_argument("--batch", type=int, default=100)
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--quick", action="store_true", help="800 made texts, three rounds, a seed")
    args = parser.parse_args()
    if args.quick:
        args.rounds, args.batch, args.seeds = 3, 40, 1
    frame = made(800 if args.quick else 5_000) if args.texts is None else _read(args.texts)
    started = time.process_time()
    found: list[dict[str, object]] = []
    with threadpool_limits(1), tempfile.TemporaryDirectory() as folder:
        for seed in range(args.seeds):
            for strategy in STRATEGIES:
                path = Path(folder) / f"{strategy}{seed}.db"
                rest = {"gold": len(frame) // 5, "batch": args.batch, "n": args.rounds}
                found += loop(path, frame, strategy, seed=seed, **rest)
            print(f"{seed + 1} seed(s)\n\n{table(pd.DataFrame(found))}\n", flush=True)
    print(
        f"\n{len(frame):,} texts, {args.seeds} seed(s), {time.process_time() - started:.0f} CPU s"
    )


def _read(path: Path) -> pd.DataFrame:
    """A file's texts, each once."""
    return pd.read_csv(path, dtype=str)[["text", "labels"]].drop_duplicates("text").astype(object)


if __name__ == "__main__":
    main()
