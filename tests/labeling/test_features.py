"""Features: one row an item, numbers only, whatever the cells hold."""

from __future__ import annotations

import io

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from labeling.core import features
from labeling.core.features import FEATURES, Content
from tests.factories import table_frame, text_frame


def png(shade: int, *, mode: str = "L", side: int = 12) -> bytes:
    out = io.BytesIO()
    colour = shade if mode == "L" else (shade,) * len(mode)
    Image.new(mode, (side, side), colour).save(out, format="PNG")
    return out.getvalue()


FRAMES = {
    "text": (text_frame(30), ("text",)),
    "columns": (table_frame(30), ("island", "length", "mass")),
    "image": (pd.DataFrame({"image": [png(s) for s in range(0, 240, 8)]}), ("image",)),
}


def of(kind: str, cells: dict[str, list[object]]) -> np.ndarray:
    frame = pd.DataFrame(cells, dtype=object)
    return features.matrix(frame, Content(kind, tuple(cells))).toarray()


@pytest.mark.parametrize("kind", FEATURES)
def test_every_kind_gives_finite_numbers_one_row_an_item(kind: str) -> None:
    frame, columns = FRAMES[kind]
    matrix = features.matrix(frame, Content(kind, columns))
    assert matrix.shape[0] == 30
    assert matrix.format == "csr"
    assert matrix.dtype == np.float64
    assert np.isfinite(matrix.toarray()).all()
    assert len(np.unique(matrix.toarray(), axis=0)) > 15, "different items look different"


@pytest.mark.parametrize("kind", FEATURES)
@pytest.mark.parametrize("rows", [0, 1])
def test_one_item_or_none_is_no_fault(kind: str, rows: int) -> None:
    frame, columns = FRAMES[kind]
    assert features.matrix(frame[:rows], Content(kind, columns)).shape[0] == rows


@pytest.mark.parametrize("kind", FEATURES)
def test_the_same_items_give_the_same_bits(kind: str) -> None:
    frame, columns = FRAMES[kind]
    once, again = (features.matrix(frame, Content(kind, columns)) for _ in range(2))
    assert (once != again).nnz == 0


def test_korean_words_with_different_endings_are_alike() -> None:
    rows = of("text", {"text": ["영화가 재미있었다", "영화는 재미있어요", "배송이 늦었다"]})
    alike = rows @ rows.T
    assert alike[0, 1] > 1.5 * max(alike[0, 2], alike[1, 2])
    assert alike[0, 1] > 0.2


@pytest.mark.parametrize("blank", [None, "", "!!!", " "])
def test_a_text_without_words_stands_beside_others(blank: str | None) -> None:
    assert np.isfinite(of("text", {"text": ["hello world", blank, "goodbye"]})).all()


def test_texts_that_are_all_blank_give_zeros() -> None:
    assert not of("text", {"text": [None, None, ""]}).any()


def test_numbers_are_scaled_and_gaps_are_marked() -> None:
    rows = of("columns", {"mass": ["1", "2", None, "3"]})
    assert rows[:, 0].mean() == pytest.approx(0)
    assert rows[:, 0].std() == pytest.approx(1)
    assert rows[:, 1].tolist() == [0, 0, 1, 0]


@pytest.mark.parametrize("word", ["", "NA", "?", "null", "-", "NaN"])
def test_words_for_missing_leave_a_column_numeric(word: str) -> None:
    numbers = features.as_numbers(pd.Series(["1", word, "3"], dtype=object))
    assert numbers is not None
    assert numbers.isna().tolist() == [False, True, False]


def test_a_column_of_words_is_not_numeric() -> None:
    assert features.as_numbers(pd.Series(["1", "two", "three"], dtype=object)) is None


def test_few_values_are_one_hot_and_many_are_read_as_text() -> None:
    assert of("columns", {"sex": ["m", "f", "m"]}).tolist() == [[0, 1], [1, 0], [0, 1]]
    many = of("columns", {"note": [f"word{i} shared" for i in range(60)]})
    assert many.shape[1] > 60


@pytest.mark.parametrize(
    "cells",
    [
        ["7", "7", "7"],
        [None, None, None],
        ["same", "same", "same"],
        ["0.1", "0.1", "0.1"],
        ["inf", "inf", "inf"],
        ["1e308", "-1e308", "1e308"],
        ["1e400", "2", "3"],
    ],
)
def test_a_column_that_says_nothing_or_too_much_stays_finite(cells: list[object]) -> None:
    with np.errstate(all="raise", under="ignore"):
        rows = of("columns", {"a": cells, "b": ["1", "2", "3"]})
    assert np.isfinite(rows).all()


@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA"])
def test_images_of_any_mode_become_grey_pixels(mode: str) -> None:
    rows = of("image", {"image": [png(0, mode=mode), png(255, mode=mode)]})
    assert rows.shape == (2, 784)
    assert rows[0] == pytest.approx(0)
    assert rows[1] == pytest.approx(1)


@pytest.mark.parametrize(("kind", "columns"), [("sound", ("a",)), ("text", ())])
def test_content_of_an_unknown_kind_or_without_columns_is_refused(
    kind: str, columns: tuple[str, ...]
) -> None:
    with pytest.raises(ValueError, match="content needs"):
        Content(kind, columns)
