"""Replay: the standing answers of any data version, past or as if a change had not been made."""

from __future__ import annotations

import json

import numpy as np
import pytest

from labeling.core import log
from labeling.core.log import CORRECTIVE, Event

Labels = dict[str, dict[str, str | None]]


class Log:
    """A log under construction: each call appends one event."""

    def __init__(self) -> None:
        self.events: list[Event] = []

    def add(
        self,
        kind: str,
        item: str,
        value: str | None = None,
        *,
        who: str = "ann",
        change: int = 1,
        act: str = "round",
        target: str | None = None,
    ) -> str:
        seq = len(self.events) + 1
        event = Event(seq, f"e{seq}", change, act, kind, item, who, value, target)
        self.events.append(event)
        return event.event_id

    def labels(self, *without: int, made_by: dict[str, int] | None = None) -> Labels:
        """Standing labels by item and annotator; a ruling is by "ruling"."""
        standing = log.replay(self.events, without=frozenset(without), made_by=made_by)
        return labels_of(standing)


def labels_of(standing: log.Standing) -> Labels:
    found: Labels = {i: {w: e.value for w, e in a.items()} for i, a in standing.answers.items()}
    for item, ruling in standing.rulings.items():
        found.setdefault(item, {})["ruling"] = ruling.value
    return {item: answers for item, answers in found.items() if answers}


def test_the_last_answer_of_an_annotator_stands() -> None:
    seen = Log()
    seen.add("label", "a", "x")
    seen.add("label", "a", "y")
    seen.add("label", "a", "z", who="bob")
    assert seen.labels() == {"a": {"ann": "y", "bob": "z"}}


def test_taking_an_answer_back_brings_the_earlier_one_again() -> None:
    seen = Log()
    seen.add("label", "a", "x")
    second = seen.add("label", "a", "y")
    seen.add("retract", "a", target=second)
    assert seen.labels() == {"a": {"ann": "x"}}


def test_a_skip_takes_the_place_of_a_label_and_a_flag_does_not() -> None:
    seen = Log()
    seen.add("label", "a", "x")
    seen.add("flag", "a", "odd")
    assert seen.labels() == {"a": {"ann": "x"}}
    seen.add("skip", "a")
    assert seen.labels() == {"a": {"ann": None}}


def test_exclusion_restoring_and_edits_are_replayed() -> None:
    seen = Log()
    seen.add("exclude", "a")
    seen.add("exclude", "b")
    seen.add("restore", "b")
    seen.add("edit", "a", json.dumps({"mass": "1"}))
    seen.add("edit", "a", json.dumps({"island": "2"}))
    standing = log.replay(seen.events)
    assert standing.excluded == {"a"}
    assert standing.edits == {"a": {"mass": "1", "island": "2"}}


@pytest.mark.parametrize("act", sorted(CORRECTIVE))
def test_without_the_round_its_correction_is_a_no_op(act: str) -> None:
    seen = Log()
    seen.add("label", "a", "x", change=1)
    seen.add("label", "b", "x", change=2)
    seen.add("adjudicate", "a", "y", who="rev", change=3, act=act)
    assert seen.labels()["a"]["ruling"] == "y"
    assert seen.labels(3) == {"a": {"ann": "x"}, "b": {"ann": "x"}}
    assert seen.labels(1) == {"b": {"ann": "x"}}
    assert seen.labels(1) == seen.labels(1, 3)
    assert seen.labels(2) == {"a": {"ann": "x", "ruling": "y"}}


def test_without_the_first_answer_its_re_answer_is_a_no_op() -> None:
    seen = Log()
    seen.add("label", "a", "x", change=1)
    seen.add("label", "a", "y", change=2)
    seen.add("label", "a", "z", change=3)
    assert seen.labels(1) == {}
    assert seen.labels(2) == {"a": {"ann": "z"}}
    assert seen.labels(3) == {"a": {"ann": "y"}}


def test_another_annotators_answer_needs_nobody() -> None:
    seen = Log()
    seen.add("label", "a", "x", change=1)
    seen.add("label", "a", "y", who="bob", change=2)
    assert seen.labels(1) == {"a": {"bob": "y"}}


def test_a_reverted_change_is_as_if_never_made_and_without_the_revert_it_stands() -> None:
    seen = Log()
    seen.add("label", "a", "x", change=1)
    wrong = seen.add("label", "a", "y", change=2)
    seen.add("retract", "a", change=3, act="correct", target=wrong)
    assert seen.labels() == seen.labels(2) == seen.labels(2, 3) == {"a": {"ann": "x"}}
    assert seen.labels(3) == {"a": {"ann": "y"}}


def test_an_answer_after_an_undo_needs_only_itself() -> None:
    seen = Log()
    first = seen.add("label", "a", "x", change=1)
    seen.add("retract", "a", change=1, target=first)
    seen.add("label", "a", "y", change=2)
    assert seen.labels(1) == {"a": {"ann": "y"}}


def test_items_of_a_missing_import_take_their_answers_along() -> None:
    seen = Log()
    seen.add("label", "a", "x", change=3)
    seen.add("label", "b", "x", change=3)
    assert seen.labels(2, made_by={"b": 2}) == {"a": {"ann": "x"}}
    assert seen.labels(made_by={"b": 2}) == {"a": {"ann": "x"}, "b": {"ann": "x"}}


# Any log: against a slow reference that starts anew for every event


def random_log(seed: int, *, n: int = 60) -> Log:
    rng = np.random.default_rng(seed)
    seen = Log()
    acts = {c: str(rng.choice(["round", "correct", "import", "adjudicate"])) for c in range(1, 7)}
    for _ in range(n):
        change = int(rng.integers(1, 7))
        item, who = str(rng.choice(list("abcd"))), str(rng.choice(["ann", "bob"]))
        kind = str(rng.choice(["label"] * 6 + ["skip", "adjudicate", "exclude", "restore", "flag"]))
        value = str(rng.choice(["x", "y", "z"])) if kind in ("label", "adjudicate") else None
        free = [e for e in seen.events if e.target is None]
        if free and rng.random() < 0.2:
            old = free[int(rng.integers(len(free)))]
            word = str(rng.choice(["retract", "retract", "restore"]))
            seen.add(word, old.item_id, change=change, act=acts[change], target=old.event_id)
        else:
            seen.add(kind, item, value, who=who, change=change, act=acts[change])
    return seen


def live(told: list[Event]) -> list[Event]:
    """The events on which the newest word is not a retraction."""
    newest = {e.target: e.kind for e in told if e.target}
    return [e for e in told if e.target is None and newest.get(e.event_id) != "retract"]


def slow_replay(events: list[Event], without: frozenset[int], made_by: dict[str, int]) -> Labels:
    def answers(among: list[Event], item: str, who: str | None) -> list[Event]:
        own = [e for e in among if e.item_id == item and e.kind in ("label", "skip")]
        ruled = [e for e in among if e.item_id == item and e.kind == "adjudicate"]
        return [e for e in own if e.annotator == who] if who else own + ruled

    kept: list[Event] = []
    for position, event in enumerate(events):
        if event.change_id in without or made_by.get(event.item_id) in without:
            continue
        earlier, here = live(events[:position]), live(kept)
        who = event.annotator
        if event.kind in ("label", "skip") and answers(earlier, event.item_id, who):
            fits = bool(answers(here, event.item_id, who))
        elif (
            event.kind in ("label", "skip", "adjudicate")
            and event.change_kind in CORRECTIVE
            and answers(earlier, event.item_id, None)
        ):
            fits = bool(answers(here, event.item_id, None))
        else:
            fits = True
        if fits:
            kept.append(event)
    found: Labels = {}
    for event in live(kept):
        if event.kind in ("label", "skip"):
            found.setdefault(event.item_id, {})[event.annotator] = event.value
        if event.kind == "adjudicate":
            found.setdefault(event.item_id, {})["ruling"] = event.value
    return found


@pytest.mark.parametrize("seed", range(40))
def test_any_log_replays_like_the_slow_reference(seed: int) -> None:
    seen, made_by = random_log(seed), {"d": 2}
    rng = np.random.default_rng(seed)
    for _ in range(8):
        without = frozenset(int(c) for c in range(1, 7) if rng.random() < 0.35)
        assert seen.labels(*without, made_by=made_by) == slow_replay(seen.events, without, made_by)


@pytest.mark.parametrize("seed", range(20))
def test_leaving_out_a_change_that_holds_no_facts_changes_nothing(seed: int) -> None:
    seen = random_log(seed)
    assert seen.labels(99) == seen.labels()


@pytest.mark.parametrize("seed", range(20))
def test_without_every_change_nothing_stands(seed: int) -> None:
    assert random_log(seed).labels(*range(1, 7)) == {}


@pytest.mark.parametrize("seed", range(20))
def test_the_order_of_events_on_different_items_does_not_matter(seed: int) -> None:
    """Items are shuffled against each other; the events of one item keep their order."""
    seen = random_log(seed)
    rng = np.random.default_rng(seed)
    queues = {i: [e for e in seen.events if e.item_id == i] for i in "abcd"}
    mixed = []
    while any(queues.values()):
        item = str(rng.choice([i for i, waiting in queues.items() if waiting]))
        mixed.append(queues[item].pop(0))
    assert labels_of(log.replay(mixed)) == seen.labels()
    for without in ({2}, {1, 4}):
        there = labels_of(log.replay(mixed, without=frozenset(without)))
        assert there == seen.labels(*without)


def test_the_content_hash_does_not_depend_on_the_order_of_rows() -> None:
    assert log.content_hash({"a": "x", "b": "y"}, {}) == log.content_hash({"b": "y", "a": "x"}, {})


@pytest.mark.parametrize(
    ("labels", "edits"),
    [
        ({"a": "x"}, {}),
        ({"a": "x", "b": "x"}, {}),
        ({"a": "y", "b": "x"}, {}),
        ({"a": "x", "c": "y"}, {}),
        ({"a": "x", "b": "y"}, {"a": {"mass": "1"}}),
        ({}, {}),
    ],
)
def test_the_content_hash_tells_different_data_apart(
    labels: dict[str, str], edits: dict[str, dict[str, str]]
) -> None:
    assert log.content_hash(labels, edits) != log.content_hash({"a": "x", "b": "y"}, {})


def test_an_edit_of_an_item_that_is_not_trained_on_leaves_the_hash() -> None:
    assert log.content_hash({"a": "x"}, {"b": {"mass": "1"}}) == log.content_hash({"a": "x"}, {})


def test_the_content_hash_is_the_same_on_every_machine() -> None:
    """A fixed value: a change of it would orphan every stored fit and round."""
    assert log.content_hash({"가": "긍정"}, {}) == (
        "ae3f3765ca286144250d0bb7a873e46b803d3afb07b753803e47878aea731845"
    )
