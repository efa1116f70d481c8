"""Requirements: one version of guideline and examples for everything that changed at once."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from labeling import export, requirements
from labeling.errors import InputError
from labeling.project import Project, opened
from labeling.store import changes
from labeling.store.changes import LabelSet
from tests.factories import make_project, text_frame

MONEY = {"means": "anything about money", "examples": ["the bank pays interest", "주식 시장"]}


@pytest.fixture
def fresh(tmp_path: Path) -> Iterator[Project]:
    with make_project(tmp_path / "p.db", text_frame(40)) as made:
        yield made


def save(to: Project, text: str = "", examples: Any = None, **others: Any) -> LabelSet:
    return requirements.save_guideline(to, text, examples=examples, author="eve", **others)


def test_text_and_examples_that_change_together_are_one_version(fresh: Project) -> None:
    made = save(fresh, " Ask when in doubt. ", {"money": MONEY})
    assert made == LabelSet(2, ("money", "sport"), "Ask when in doubt.", {"money": MONEY}, False)
    with opened(fresh.path) as again:
        assert again.label_set == made
        newest = changes.every(again.db)[-1]
        assert newest[1:4] == ("guideline", "Guideline version 2", "eve")


def test_each_part_alone_makes_a_version_and_leaves_the_other(fresh: Project) -> None:
    save(fresh, "one", {"money": MONEY})
    assert save(fresh, "two").examples == {"money": MONEY}
    assert save(fresh, "two", {"sport": MONEY}).guideline == "two"
    assert [v.version for v in requirements.versions(fresh)] == [1, 2, 3, 4]


def test_what_is_the_same_makes_no_version(fresh: Project) -> None:
    first = save(fresh, "one", {"money": MONEY})
    spaced = {"means": " anything about money", "examples": [*MONEY["examples"], " ", "주식 시장"]}
    assert save(fresh, "one\n", {"money": spaced, "sport": {"means": "", "examples": []}}) == first
    assert len(requirements.versions(fresh)) == 2


def test_no_examples_at_all_take_them_away(fresh: Project) -> None:
    save(fresh, "one", {"money": MONEY})
    assert save(fresh, "one", {}).examples == {}


def test_examples_are_kept_in_the_order_of_the_classes(fresh: Project) -> None:
    made = save(fresh, "", {"sport": MONEY, "money": MONEY})
    assert list(made.examples) == ["money", "sport"]


@pytest.mark.parametrize(
    ("text", "examples", "words"),
    [
        ("", {"weather": MONEY}, "'weather' is no class; the classes are: money, sport"),
        ("x" * 100_001, None, "a guideline has at most 100,000 characters, found 100,001"),
        ("", {"sport": {"means": "x" * 2001, "examples": []}}, "what belongs to 'sport' has at"),
        ("", {"sport": {"means": "", "examples": ["x" * 2001]}}, "an example of 'sport' has at"),
        (
            "",
            {"sport": {"means": "", "examples": [str(n) for n in range(21)]}},
            "at most 20 examples, 'sport' has 21",
        ),
    ],
)
def test_what_cannot_be_kept_is_refused_and_nothing_is_written(
    fresh: Project, text: str, examples: Any, words: str
) -> None:
    before = changes.every(fresh.db)
    with pytest.raises(InputError, match=words):
        save(fresh, text, examples)
    assert changes.every(fresh.db) == before
    assert len(requirements.versions(fresh)) == 1


def test_what_somebody_else_saved_meanwhile_is_not_overwritten_unseen(fresh: Project) -> None:
    save(fresh, "Ann's", since=1)
    with pytest.raises(InputError, match="version 2 was made in the meantime"):
        save(fresh, "Bob's", since=1)
    assert save(fresh, "Bob's", since=2).version == 3


def test_what_changed_is_told_line_by_line(fresh: Project) -> None:
    first = save(fresh, "When in doubt, ask.\nBe quick.", {"money": MONEY})
    after = {"means": "money", "examples": MONEY["examples"][:1]}
    second = save(fresh, "When in doubt, skip.\nBe quick.", {"money": after})
    assert requirements.what_changed(first, second) == [
        "-When in doubt, ask.",
        "+When in doubt, skip.",
        "-money: anything about money",
        "+money: money",
        "-money, for example: 주식 시장",
    ]
    assert requirements.what_changed(first, first) == []


def test_the_history_names_author_time_and_change_the_newest_first(fresh: Project) -> None:
    save(fresh, "one")
    save(fresh, "one", {"money": {"means": "", "examples": ["a\n  long one"]}})
    third, second, first = requirements.history(fresh)
    assert (third.label_set.version, third.author, third.at[:2]) == (3, "eve", "20")
    assert third.changed == ["+money, for example: a long one"]
    assert second.changed == ["+one"]
    assert (first.author, first.changed) == ("test", [])


def test_the_table_of_guidelines_has_the_examples(fresh: Project) -> None:
    save(fresh, "one", {"money": MONEY})
    table = export.table(fresh, "guidelines")
    assert [json.loads(text) for text in table["examples"]] == [{}, {"money": MONEY}]
