"""Data versions: a few words that name an exact training set, replayed from the log."""

from __future__ import annotations

import json
from collections import OrderedDict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from types import MappingProxyType
from typing import Any

import numpy as np
import pandas as pd

from labeling import vectors
from labeling.config import Config
from labeling.core import labels, log
from labeling.core.features import Featurizer
from labeling.core.log import DataVersion, Event, Standing
from labeling.feature_cache import Beside, ItemFeatures
from labeling.project import Project
from labeling.store import changes, events, items
from labeling.store.changes import Change
from quality.consensus import POLICIES

AS_IT_CAME: Mapping[str, Mapping[str, Any]] = MappingProxyType({})
LATELY = 8  # versions whose training sets are kept at hand
RULERS = frozenset({"gold", "schema", "guideline", "settings"})


@dataclass(frozen=True)
class TrainingSet:
    """Labelled pool items in the order they were imported, with their content hash.

    `standing` are the answers behind the labels, `edits` the repairs of content that stand, by
    item.
    """

    labels: dict[str, str]
    hash: str
    standing: Standing = field(default_factory=Standing, compare=False, repr=False)
    edits: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    def only(self, chosen: Iterable[str]) -> TrainingSet:
        """The same cut down to some items."""
        wanted = set(chosen)
        labels = {item: label for item, label in self.labels.items() if item in wanted}
        edits = {item: values for item, values in self.edits.items() if item in wanted}
        return TrainingSet(labels, log.content_hash(labels, edits), self.standing, edits)

    def without(self, gone: Collection[str]) -> TrainingSet:
        """The same less some items."""
        left = set(gone)
        return self.only(item for item in self.labels if item not in left)


class Snapshot:
    """Everything that versions are worked out from, read once, in one consistent state.

    All counterfactuals of one report are replayed from the same snapshot.
    """

    def __init__(self, project: Project) -> None:
        with project.reading():
            self.upto = events.last(project.db)
            self.items = items.every(project.db)
            self.log = [Event(*row) for row in events.log(project.db, upto=self.upto)]
            self.changes = changes.every(project.db)
            self.label_sets = changes.label_sets(project.db)
            self.settings = changes.settings_log(project.db)
            self.drawn = changes.drawn(project.db)
            self.images = items.images(project.db) if project.content.kind == "image" else {}
        self.project, self.content, self.seed = project, project.content, project.seed
        self.classes, self.multi = self.label_sets[-1].classes, self.label_sets[-1].multi
        self.code = {name: index for index, name in enumerate(self.classes)}
        self.position = {item.item_id: index for index, item in enumerate(self.items)}
        self.side = {item.item_id: item.side for item in self.items}
        self._lately: OrderedDict[DataVersion, TrainingSet] = OrderedDict()
        self.first_import = min((i.change_id for i in self.items), default=0)

    @cached_property
    def made_by(self) -> dict[str, int]:
        """Items that an import after the first one brought, and which: they go with it."""
        later = (i for i in self.items if i.change_id != self.first_import)
        return {item.item_id: item.change_id for item in later}

    @cached_property
    def frame(self) -> pd.DataFrame:
        """The content columns of all items, row = item, as objects."""
        rows = [json.loads(item.content) for item in self.items]
        frame = pd.DataFrame(rows, columns=list(self.content.columns), dtype=object)
        if self.content.kind == "image":
            frame[self.content.columns[0]] = [self.images[i.item_id] for i in self.items]
        return frame

    @cached_property
    def _featurized(self) -> ItemFeatures:
        names = [item.item_id for item in self.items]
        names += [log.state_key(*state) for state in self.states]
        beside = Beside(self.vectors_address, self._vectors) if self.uses_vectors else None
        content = self._frame_and_states
        return ItemFeatures(self.project.path, self.content, names, content, beside=beside)

    @cached_property
    def vector_imports(self) -> list[Change]:
        """The imports whose vectors stand, the oldest first; an item's newest vector counts."""
        return vectors.standing(self.changes)

    @property
    def uses_vectors(self) -> bool:
        """Whether models learn from vectors that the user brought: `features` hold them then."""
        return bool(self.vector_imports) and self.config()["embeddings"] != "off"

    @property
    def vectors_address(self) -> list[str]:
        """What decides the vectors' part of `features`: how they are used, and their hashes."""
        return [self.config()["embeddings"], *vectors.address(self.vector_imports)]

    def _vectors(self) -> tuple[Any, Any]:
        """Vectors by row of `features`, and which rows have one: a repaired item keeps its own."""
        rows, known = vectors.load(self.project, self.vector_imports, self.position)
        states = [self.position[item_id] for item_id, _ in self.states]
        at = np.array([*range(len(self.items)), *states], dtype=np.int64)
        return rows[at], known[at]

    def _frame_and_states(self) -> pd.DataFrame:
        """The content of all items, and of their repaired states under it."""
        if not self.states:
            return self.frame
        states = [log.repaired(self.frame.iloc[self.position[i]], e) for i, e in self.states]
        more = pd.DataFrame(states, columns=self.frame.columns, dtype=object)
        return pd.concat([self.frame, more], ignore_index=True)

    @property
    def featurizer(self) -> Featurizer:
        """How content becomes features, learned from all items without labels; no vectors in it."""
        return self._featurized.featurizer

    @property
    def features(self) -> Any:
        """Features of all items, then of their repaired states, float32; learned without labels.

        Where the project uses vectors of the user's own, they stand behind those of the content.

        Every state that some version may train on has a row, so that all versions share one space.
        """
        return self._featurized.matrix

    @property
    def features_address(self) -> str:
        """What decides `features`: another name for other items, states, vectors or methods."""
        return self._featurized.address

    @cached_property
    def states(self) -> list[tuple[str, dict[str, Any]]]:
        """The repaired states of items in the order of their rows behind the items' own."""
        known = [e for e in self.log if e.item_id in self.position]
        return log.edited_states(known, self.content.columns)

    @cached_property
    def _row_of_state(self) -> dict[str, int]:
        first = len(self.items)
        return {log.state_key(*state): first + n for n, state in enumerate(self.states)}

    def row(self, item_id: str, edits: Mapping[str, Mapping[str, Any]]) -> int:
        """The row of `features` that holds an item as it is after these edits."""
        own = {k: v for k, v in edits.get(item_id, {}).items() if k in self.content.columns}
        plain = self.position[item_id]
        return self._row_of_state.get(log.state_key(item_id, own), plain) if own else plain

    @property
    def _several(self) -> tuple[str, ...]:
        """The classes in their order where an item may have several, else nothing."""
        return self.classes if self.multi else ()

    def standing(self, version: DataVersion) -> Standing:
        """The standing answers of a version."""
        until = self.log if version.upto_event >= self.upto else self.log_until(version.upto_event)
        return log.replay(
            until, without=version.without, made_by=self.made_by, builds_on=self.builds_on
        )

    def log_until(self, seq: int) -> list[Event]:
        """The log up to an event."""
        return [event for event in self.log if event.seq <= seq]

    @cached_property
    def builds_on(self) -> dict[str, str]:
        """Whose answer each event builds on; the same for every version."""
        return log.needs(self.log)

    def labels(self, version: DataVersion) -> dict[str, str]:
        """Every item's label in a version, pool and reservoir, by its policy and rulings."""
        return resolve(self.standing(version), version.policy, several=self._several)

    def training_set(self, version: DataVersion) -> TrainingSet:
        """What a version trains on: pool items that stand, with a label of the label set."""
        if version not in self._lately:
            self._lately[version] = self._training_set(version)
            while len(self._lately) > LATELY:
                self._lately.popitem(last=False)
        return self._lately[version]

    def _training_set(self, version: DataVersion) -> TrainingSet:
        standing = self.standing(version)
        resolved = resolve(standing, version.policy, several=self._several)
        rows = {
            item.item_id: resolved[item.item_id]
            for item in self.items
            if item.item_id in resolved
            and item.side == "pool"
            and self.is_label(resolved[item.item_id])
            and item.item_id not in standing.excluded
        }
        edits = {item: standing.edits[item] for item in rows if item in standing.edits}
        return TrainingSet(rows, log.content_hash(rows, edits), standing, edits)

    def is_label(self, value: str | None) -> bool:
        """Whether a stored label names classes of the label set only."""
        return labels.is_known(value, self.code, multi=self.multi)

    def targets(self, values: Iterable[str]) -> np.ndarray:
        """Labels as models learn them: codes int64 (n,), or bool (n, classes)."""
        return labels.targets(list(values), self.code, multi=self.multi)

    def rows(
        self, labelled: Mapping[str, str], edits: Mapping[str, Mapping[str, Any]] = AS_IT_CAME
    ) -> tuple[np.ndarray, np.ndarray]:
        """Feature rows int64 (n,) and targets of labelled items, repaired or not."""
        at = np.array([self.row(item_id, edits) for item_id in labelled], dtype=np.int64)
        return at, self.targets(labelled.values())

    @cached_property
    def reservoir(self) -> np.ndarray:
        """Feature rows of the reservoir, int64 (n,): what every fit is scored on."""
        rows = [i for i, item in enumerate(self.items) if item.side == "reservoir"]
        return np.array(rows, dtype=np.int64)

    def gold(self, version: DataVersion | None = None) -> dict[str, str]:
        """Labels of reservoir items that were drawn at random, or marked as gold by a file.

        Only answers count that did not merely come along in an import. An item that nobody drew
        is no gold, whoever labelled it: what people choose to look at is no random sample. Once
        the whole reservoir of an import is answered nobody chose, and all of it is gold.
        """
        version = version or DataVersion(self.upto)
        trusted = [
            event
            for event in self.log_until(version.upto_event)
            if event.change_kind != "import" and self.side[event.item_id] == "reservoir"
        ]
        standing = log.replay(trusted)
        resolved = resolve(standing, version.policy, several=self._several)
        admitted = self.drawn | self._answered_whole(resolved)
        return {
            item_id: label
            for item_id, label in sorted(resolved.items())
            if item_id in admitted and self.is_label(label) and item_id not in standing.excluded
        }

    def _answered_whole(self, resolved: Mapping[str, str]) -> set[str]:
        reserved: dict[int, set[str]] = {}
        aside = {item for change in self.changes for item in change.payload.get("aside", ())}
        for item in self.items:
            if item.side == "reservoir" and item.item_id not in aside:
                reserved.setdefault(item.change_id, set()).add(item.item_id)
        return {item for own in reserved.values() if own <= resolved.keys() for item in own}

    def config(self, *, without: frozenset[int] = frozenset()) -> Config:
        """The settings in force, as if some changes had not been made."""
        return Config({key: text for by, key, text in self.settings if by not in without})


def resolve(standing: Standing, policy: str, *, several: Sequence[str] = ()) -> dict[str, str]:
    """One label an item: a ruling first, else what the policy makes of the answers.

    `several` are the classes where an item may have more than one; each of them is a question of
    its own then, yes or no.
    """
    votes = [
        (item_id, event.annotator, str(event.value), event.seq)
        for item_id, answers in standing.answers.items()
        for event in answers.values()
        if event.kind == "label"
    ]
    frame = pd.DataFrame(votes, columns=["item", "annotator", "label", "order"])
    if (policy == "majority" or several) and not frame["item"].duplicated().any():
        resolved = dict(zip(frame["item"], frame["label"], strict=True))
    elif several:
        resolved = _resolve_each(frame, policy, several)
    else:
        agreed = POLICIES[policy](frame)
        resolved = dict(zip(agreed["item"], agreed["label"], strict=True))
    resolved.update({item: str(ruling.value) for item, ruling in standing.rulings.items()})
    return resolved


def _resolve_each(votes: pd.DataFrame, policy: str, classes: Sequence[str]) -> dict[str, str]:
    """Several classes an item: those that the policy says yes to."""
    given = [set(labels.decode(value)) for value in votes["label"]]
    found: dict[str, list[str]] = {item: [] for item in votes["item"].unique()}
    for name in classes:
        said = votes.assign(label=["yes" if name in names else "no" for names in given])
        agreed = POLICIES[policy](said)
        for item in agreed["item"][agreed["label"] == "yes"]:
            found[item].append(name)
    return {item: labels.encode(names, classes) for item, names in found.items()}


def reached_by(snapshot: Snapshot, version: DataVersion) -> dict[int, set[str]]:
    """The pool items that each change's facts are about. Taking back one's own does not count."""
    change_of = {event.event_id: event.change_id for event in snapshot.log}
    undone = {e.target for e in snapshot.log if change_of.get(str(e.target)) == e.change_id}
    found: dict[int, set[str]] = {}
    for event in snapshot.log:
        own = event.event_id in undone or (
            event.kind == "retract" and change_of[str(event.target)] == event.change_id
        )
        silent_kind = event.kind in ("flag", "skip")
        if own or silent_kind or event.seq > version.upto_event:
            continue
        if snapshot.side[event.item_id] == "pool":
            found.setdefault(event.change_id, set()).add(event.item_id)
    return found


def players(snapshot: Snapshot, version: DataVersion) -> list[int]:
    """Changes of data or model that can have moved the model, oldest first; no ruler moves."""
    kinds = {c.change_id: c.kind for c in snapshot.changes}
    model = {change for change, kind in kinds.items() if kind == "model"}
    everyone = model | reached_by(snapshot, version).keys()
    return sorted(change for change in everyone if kinds[change] not in RULERS)
