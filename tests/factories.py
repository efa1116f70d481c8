"""Small data with a known truth, projects made of it, and an oracle that answers a queue."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd

from labeling import answer_files, answers, imports, project, queue
from labeling.core.features import Content
from labeling.ingest import Roles
from labeling.project import Project
from labeling.store import changes, events, items
from quality import duplicates

ENGLISH = {
    "sport": [
        "goal",
        "match",
        "team",
        "player",
        "score",
        "league",
        "coach",
        "season",
        "striker",
        "referee",
    ],
    "money": [
        "bank",
        "loan",
        "interest",
        "market",
        "share",
        "profit",
        "tax",
        "stock",
        "invest",
        "currency",
    ],
}
KOREAN = {
    "긍정": [
        "재미있다",
        "최고",
        "감동",
        "훌륭하다",
        "추천",
        "행복",
        "멋지다",
        "완벽",
        "즐겁다",
        "명작",
    ],
    "부정": [
        "지루하다",
        "최악",
        "실망",
        "아깝다",
        "별로",
        "형편없다",
        "졸리다",
        "돈낭비",
        "억지",
        "망작",
    ],
}
CITIES = {
    "04524": "Seoul", "48058": "Busan", "41911": "Daegu", "61000": "Gwangju",
    "21554": "Incheon", "34126": "Daejeon", "44675": "Ulsan", "63122": "Jeju",
}  # fmt: skip
SPECIES = ("Adelie", "Chinstrap", "Gentoo")
MEASURES = ("island", "length", "mass")


def text_frame(n: int = 120, *, seed: int = 0, korean: bool = False) -> pd.DataFrame:
    """`n` different short texts of two topics that share some words: columns id, text, label."""
    rng = np.random.default_rng(seed)
    topics = KOREAN if korean else ENGLISH
    names = list(topics)
    rows = []
    for i in range(n):
        label = names[int(rng.integers(2))]
        other = names[1 - names.index(label)]
        words = [*rng.choice(topics[label], 4), *rng.choice(topics[other], 1), f"no{seed}x{i}"]
        rows.append((f"r{seed}-{i:04d}", " ".join(rng.permutation(words)), label))
    return pd.DataFrame(rows, columns=["id", "text", "label"], dtype=object)


def table_frame(n: int = 90, *, seed: int = 0) -> pd.DataFrame:
    """`n` rows of three separable species with gaps: columns id, island, length, mass, label."""
    rng = np.random.default_rng(seed)
    rows = []
    for i in range(n):
        kind = int(rng.integers(3))
        length = None if rng.random() < 0.05 else f"{rng.normal(35 + 8 * kind, 1.5):.1f}"
        mass = f"{rng.normal(3500 + 700 * kind, 200):.0f}"
        rows.append((f"t{seed}-{i:04d}", f"island {i % 3}", length, mass, SPECIES[kind]))
    return pd.DataFrame(rows, columns=["id", *MEASURES, "label"], dtype=object)


def frame_with_copies(n: int = 60) -> pd.DataFrame:
    """Texts of which the last four are nearly the first four."""
    frame = text_frame(n)
    near = frame.head(4).assign(
        id=[f"copy{k}" for k in range(4)], text=[f"{text}!" for text in frame["text"].head(4)]
    )
    return pd.concat([frame, near], ignore_index=True).astype(object)


def orders_frame(n: int = 160, *, wrong: int = 7) -> pd.DataFrame:
    """A table whose zip code says the city, but for one row in which it does not."""
    draw = np.random.default_rng(3)
    zips = draw.choice(list(CITIES), n)
    cities = [CITIES[code] for code in zips]
    cities[wrong] = "Seoul" if cities[wrong] != "Seoul" else "Busan"
    label = np.where(np.isin(cities, ["Seoul", "Busan"]), "north", "south")
    return pd.DataFrame(
        {
            "id": [f"o{k}" for k in range(n)],
            "zip": zips,
            "city": cities,
            "amount": [f"{x:.1f}" for x in draw.normal(50, 9, n)],
            "label": label,
        },
        dtype=object,
    )


def flipped(frame: pd.DataFrame) -> pd.DataFrame:
    """The same rows with every label turned into another class."""
    classes = sorted(set(frame["label"]))
    turned = dict(zip(classes, [*classes[1:], classes[0]], strict=True))
    return frame.assign(label=frame["label"].map(turned).astype(object))


def roles_of(frame: pd.DataFrame, **others: object) -> Roles:
    """The roles of a frame made here. Its label column is the oracle's, unless it is named."""
    kind, columns = ("text", ("text",)) if "text" in frame else ("columns", MEASURES)
    named = {"id": "id", "classes": tuple(sorted(set(frame["label"].dropna())))} | others
    return Roles(**{"content": Content(kind, columns)} | named)  # type: ignore[arg-type]


def make_project(
    path: Path,
    frame: pd.DataFrame,
    *,
    seed: int = 0,
    settings: Mapping[str, str] | None = None,
    **roles: object,
) -> Project:
    """A project of a frame; `settings` are changed at once."""
    made, _ = imports.create_project(
        path, frame, roles=roles_of(frame, **roles), source="first.csv", author="test", seed=seed
    )
    if settings:
        project.change_settings(made, settings, author="test")
    return made


def more_rows(
    into: Project, frame: pd.DataFrame, *, source: str = "more.csv", **roles: object
) -> imports.ImportSummary:
    """Import a second frame."""
    return imports.import_table(
        into, frame, roles=roles_of(frame, **roles), source=source, author="test"
    )


def put_on_side(into: Project, frame: pd.DataFrame, side: str) -> int:
    """Import texts with their labels as before near-duplicates were looked at: onto one side."""
    at, said = project.now(), f"import:{side}.csv"
    contents = [json.dumps({"text": text}, ensure_ascii=False) for text in frame["text"]]
    names = [imports.item_id(content) for content in contents]
    keys = duplicates.exact_keys(frame, ["text"]).tolist()
    with into.writing():
        change = changes.add(into.db, "import", title=f"Import {side}.csv", author="t", at=at)
        rows = zip(names, frame["id"], keys, contents, strict=True)
        items.insert(into.db, [(i, change, s, key, side, words) for i, s, key, words in rows])
        sources = enumerate(zip(names, frame["id"], strict=True))
        items.insert_sources(into.db, [(change, n, item, s, "{}") for n, (item, s) in sources])
        labels = zip(names, frame["label"], strict=True)
        events.append(into.db, [
            events.NewEvent(f"old-{i}", change, "label", i, said, label, 0, 1, None, at)
            for i, label in labels
        ])  # fmt: skip
    return change


def truth_of(*frames: pd.DataFrame) -> dict[str, str]:
    """The true label by source id."""
    return {str(i): str(y) for f in frames for i, y in zip(f["id"], f["label"], strict=True)}


def answer_queue(
    into: Project,
    truth: Mapping[str, str],
    *,
    annotator: str = "oracle",
    queue_id: int | None = None,
    limit: int = 10_000,
) -> int:
    """Answer what is asked with the truth, like a person in the browser; how many were answered."""
    for done in range(limit):
        asked = queue.next_item(into, annotator, queue=queue_id)
        if asked is None:
            return done
        item = items.get(into.db, asked.item_id)
        assert item is not None
        answers.answer(into, asked.slot.slot_id, truth[item.source_id], annotator=annotator, ms=900)
    return limit


def answers_frame(into: Project, truth: Mapping[str, str]) -> pd.DataFrame:
    """A file of answers for the open queue: item, who, label."""
    from labeling import export

    open_ = export.queue_table(into)
    return pd.DataFrame(
        {"item": open_["item_id"], "who": "oracle", "label": open_["source_id"].map(dict(truth))},
        dtype=object,
    )


def by_file(into: Project, frame: pd.DataFrame, *, source: str = "답.csv") -> int:
    """Bring in a file of answers with the columns item, who, label; the change."""
    change, _ = answer_files.label_from_table(
        into, frame, item="item", annotator="who", label="label", source=source, author="t"
    )
    return change


def reservoir_answers(into: Project, truth: Mapping[str, str]) -> pd.DataFrame:
    """A file that answers the whole reservoir, so that all of it is gold."""
    reserved = [item for item in items.every(into.db) if item.side == "reservoir"]
    rows = [(item.item_id, "ann", truth[item.source_id]) for item in reserved]
    return pd.DataFrame(rows, columns=["item", "who", "label"], dtype=object)


def write_csv(path: Path, frame: pd.DataFrame, *, encoding: str = "utf-8") -> Path:
    """A frame as a CSV file."""
    path.write_bytes(frame.to_csv(index=False).encode(encoding))
    return path


def texts_in(into: Project) -> dict[str, str]:
    """The text of every item by item id."""
    return {item.item_id: json.loads(item.content)["text"] for item in items.every(into.db)}
