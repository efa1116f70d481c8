"""Evidence cards: one canonical form, every altered digit shows, pages that load nothing."""

from __future__ import annotations

import doctest
import json
import re
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from labeling.core import cards, documents
from labeling.core.cards import Card

NASTY = "<script>alert('가')</script> \x00\u202e & \"b\""


def card_of(**others: Any) -> Card:
    bars = [{"title": "Import bad.csv", "delta": -0.031, "n_rows": 40, "band": None}]
    plain: dict[str, Any] = {
        "claim": "waterfall",
        "project": {"file": "p.db", "identity": "ab12", "title": "감정 프로젝트"},
        "ledger": {"events": 230, "hash": "00ff"},
        "gold": {"labels": 70, "hash": "0a"},
        "labels": {"labels": 120, "hash": "0b"},
        "seeds": {"project": 0, "fit": 7},
        "packages": {"numpy": "2.4.6"},
        "figures": {"words": ["Import bad.csv: -3.1 points [-5.0, -1.2], real"], "bars": bars},
    }
    return Card(**plain | others)


@pytest.mark.parametrize("module", [cards, documents])
def test_the_examples_in_the_docstrings_are_true(module: Any) -> None:
    assert doctest.testmod(module).failed == 0
    assert doctest.testmod(module).attempted > 0


def test_a_card_read_back_is_the_same_card() -> None:
    read, intact = cards.from_json(cards.to_json(card_of()))
    assert intact
    assert read == card_of()
    assert read.hash == card_of().hash


def test_the_order_of_keys_and_the_kind_of_number_do_not_matter() -> None:
    seeds = {"fit": np.int64(7), "project": np.uint8(0)}
    assert card_of(seeds=seeds).hash == card_of().hash
    assert cards.canonical({"b": 1, "a": np.float64(0.5)}) == '{"a":0.5,"b":1}'
    assert cards.canonical((np.bool_(True), np.array([1.5]))) == "[true,[1.5]]"


def test_the_last_bit_of_another_processor_does_not_matter_but_a_digit_does() -> None:
    value = 0.123456789
    assert cards.canonical(np.nextafter(value, 1)) == cards.canonical(value)
    assert cards.canonical(value + 1e-11) != cards.canonical(value)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_number_that_is_none_is_refused(value: float) -> None:
    with pytest.raises(ValueError, match="finite numbers only"):
        cards.canonical({"delta": value})


@pytest.mark.parametrize(
    "field", ["claim", "project", "ledger", "gold", "labels", "seeds", "packages", "figures"]
)
def test_altering_any_field_shows(field: str) -> None:
    found = json.loads(cards.to_json(card_of()))
    found[field] = "round" if field == "claim" else {**found[field], "more": 1}
    _, intact = cards.from_json(json.dumps(found))
    assert not intact


@pytest.mark.parametrize("text", ["", "[]", "{}", "{", '{"card": 1}', "null", "가", "[" * 9999])
def test_what_is_no_card_is_refused_in_words(text: str) -> None:
    with pytest.raises(ValueError, match="expected an evidence card"):
        cards.from_json(text)


def test_a_card_of_another_layout_or_with_odd_fields_is_refused() -> None:
    found = json.loads(cards.to_json(card_of()))
    with pytest.raises(ValueError, match="layout 1, found 2"):
        cards.from_json(json.dumps(found | {"card": 2}))
    with pytest.raises(ValueError, match="fields of another kind"):
        cards.from_json(json.dumps(found | {"ledger": 3}))


def test_comparing_says_what_differs_and_nothing_else() -> None:
    before = card_of()
    assert cards.differences(before, card_of()) == []
    bars = [before.figures["bars"][0] | {"delta": -0.029}]
    after = replace(
        before, figures=before.figures | {"bars": bars}, gold={"labels": 71, "hash": "0a"}
    )
    assert cards.differences(before, after) == [
        "figures, bars, 1, delta: was -0.031, is -0.029",
        "gold, labels: was 70, is 71",
    ]


def test_a_bar_more_and_a_field_less_are_differences() -> None:
    before = card_of()
    more = [*before.figures["bars"], {"delta": 0.5}]
    after = replace(before, figures=before.figures | {"bars": more}, seeds={"project": 0})
    assert cards.differences(before, after) == [
        'figures, bars, 2: was (nothing), is {"delta":0.5}',
        "seeds, fit: was 7, is (nothing)",
    ]


def test_other_packages_are_named_but_are_no_difference() -> None:
    other = card_of(packages={"numpy": "3.0"})
    assert cards.differences(card_of(), other) == []
    assert cards.other_packages(card_of(), {"numpy": "3.0"}) == [
        "numpy is 3.0, was 2.4.6 when the card was made"
    ]
    assert cards.other_packages(card_of(), {"numpy": "2.4.6", "scipy": "1"}) == []


def test_a_page_has_words_before_numbers_and_escapes_everything() -> None:
    figures = {"words": [NASTY], "bars": [{NASTY: NASTY, "delta": -0.031}]}
    page = cards.to_html(card_of(figures=figures, project={"title": NASTY, NASTY: [NASTY]}))
    assert "<script" not in page
    assert "&lt;script&gt;alert(&#x27;가&#x27;)" in page
    assert not documents.UNSEEN.search(page)
    assert page.index("<p>&lt;script") < page.index("<h2>Figures</h2>") < page.index("-0.031")


def test_a_page_loads_nothing_and_keeps_korean() -> None:
    page = cards.to_html(card_of())
    assert '<meta charset="utf-8">' in page
    assert "default-src 'none'" in page
    assert not re.search(r"https?://|src=|<link|@import|url\(", page)
    assert "감정 프로젝트" in page
    assert card_of().hash in page
