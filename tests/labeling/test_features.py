"""Features: one row an item, numbers only, whatever the cells hold."""

from __future__ import annotations

import io

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from scipy.sparse import csr_matrix, issparse

from labeling.core import features, images, tables, texts
from labeling.core.features import FEATURES, Content
from tests.factories import table_frame, text_frame


def png(shade: int, *, mode: str = "L", side: int = 12) -> bytes:
    out = io.BytesIO()
    colour = shade if mode == "L" else (shade,) * len(mode)
    Image.new(mode, (side, side), colour).save(out, format="PNG")
    return out.getvalue()


def bar(at: int, *, upright: bool | int, side: int = 3) -> bytes:
    """A picture of one bar, upright or lying."""
    grid = np.zeros((28, 28), dtype=np.uint8)
    grid[:, at : at + side] = 255
    out = io.BytesIO()
    Image.fromarray(grid if upright else grid.T).save(out, format="PNG")
    return out.getvalue()


FRAMES = {
    "text": (text_frame(30), ("text",)),
    "columns": (table_frame(30), ("island", "length", "mass")),
    "image": (pd.DataFrame({"image": [png(s) for s in range(0, 240, 8)]}), ("image",)),
}


def dense(matrix: object) -> np.ndarray:
    return matrix.toarray() if issparse(matrix) else np.asarray(matrix)  # type: ignore[attr-defined]


def of(kind: str, cells: dict[str, list[object]]) -> np.ndarray:
    frame = pd.DataFrame(cells, dtype=object)
    return dense(features.matrix(frame, Content(kind, tuple(cells))))


@pytest.mark.parametrize("kind", FEATURES)
def test_every_kind_gives_finite_numbers_one_row_an_item(kind: str) -> None:
    frame, columns = FRAMES[kind]
    matrix = features.matrix(frame, Content(kind, columns))
    assert matrix.shape[0] == 30
    assert issparse(matrix) == (kind != "image")
    assert matrix.dtype == np.float32
    assert np.isfinite(dense(matrix)).all()
    sums = dense(matrix) @ np.random.default_rng(0).random(matrix.shape[1])
    assert len(np.unique(sums.round(4))) > 15, "different items look different"


@pytest.mark.parametrize("kind", FEATURES)
@pytest.mark.parametrize("rows", [0, 1])
def test_one_item_or_none_is_no_fault(kind: str, rows: int) -> None:
    frame, columns = FRAMES[kind]
    assert features.matrix(frame[:rows], Content(kind, columns)).shape[0] == rows


@pytest.mark.parametrize("kind", FEATURES)
def test_the_same_items_give_the_same_bits(kind: str) -> None:
    frame, columns = FRAMES[kind]
    once, again = (features.matrix(frame, Content(kind, columns)) for _ in range(2))
    assert (dense(once) == dense(again)).all()


@pytest.mark.parametrize("kind", FEATURES)
def test_rows_that_nothing_was_learned_from_have_features_too(kind: str) -> None:
    """The same row has the same features, whether it was learned from or comes later."""
    frame, columns = FRAMES[kind]
    content = Content(kind, columns)
    featurizer, own = features.learned_with_matrix(frame, content)
    later = dense(featurizer.transform(frame.iloc[::-1].reset_index(drop=True)))
    assert np.abs(later[::-1] - dense(own)).max() < 1e-6
    strange = pd.DataFrame(
        {column: [frame[column].iloc[0]] for column in frame.columns}, dtype=object
    )
    if kind != "image":
        strange[columns[0]] = "something quite new"
    assert np.isfinite(dense(featurizer.transform(strange))).all()


@pytest.mark.parametrize("kind", ["text", "image"])
def test_what_is_read_off_a_row_depends_on_that_row_alone(kind: str) -> None:
    frame, columns = FRAMES[kind]
    content = Content(kind, columns)
    whole = dense(features.read(frame, content, {}))
    alone = [dense(features.read(frame.iloc[[i]], content, {})) for i in (0, 7, 29)]
    assert (np.concatenate(alone) == whole[[0, 7, 29]]).all()


def test_learning_from_chunks_is_learning_from_the_whole() -> None:
    frame = text_frame(300)
    content = Content("text", ("text",))
    read = features.read(frame, content, {})
    whole = features.learn(lambda: [read], 300, content, {})
    parts = features.learn(lambda: [read[:70], read[70:71], read[71:]], 300, content, {})
    assert abs(whole.of_read(read) - parts.of_read(read)).max() < 1e-6


# Texts


def test_korean_words_with_different_endings_are_alike() -> None:
    rows = of("text", {"text": ["영화가 재미있었다", "영화는 재미있어요", "배송이 늦었다"]})
    words = rows[:, : 2 * texts.TERMS]
    alike = words @ words.T
    assert alike[0, 1] > 1.5 * max(alike[0, 2], alike[1, 2])
    assert alike[0, 1] > 0.2


def test_of_a_very_long_text_the_beginning_is_read() -> None:
    long = "word " * (texts.READ // 5)
    same, other = texts.hash_terms([long, long + "ending"])
    assert (same != other).nnz == 0


@pytest.mark.parametrize("blank", [None, "", "!!!", " "])
def test_a_text_without_words_stands_beside_others(blank: str | None) -> None:
    assert np.isfinite(of("text", {"text": ["hello world", blank, "goodbye"]})).all()


def test_texts_that_are_all_blank_give_zeros() -> None:
    assert not of("text", {"text": [None, None, ""]}).any()


WORDS = ("oddity", "shared")


def test_terms_of_a_single_text_among_many_weigh_nothing() -> None:
    frame = pd.DataFrame({"text": ["shared words"] * 250 + ["shared oddity"]}, dtype=object)
    rows = features.matrix(frame, Content("text", ("text",)))
    odd, shared = (csr_matrix(texts.hash_terms([word]))[:, : texts.TERMS] for word in WORDS)
    assert rows[-1, : texts.TERMS].multiply(odd).nnz == 0
    assert rows[-1, : texts.TERMS].multiply(shared).nnz == 1


def test_texts_about_the_same_thing_are_near_without_a_common_word() -> None:
    """Topics: words that occur together elsewhere make texts alike that share none of them."""
    rng = np.random.default_rng(0)
    about = [
        "".join(letters)
        for alphabet in ("abcdefgh", "ijklmnop")
        for letters in rng.choice(list(alphabet), (30, 6))
    ]
    rows = [" ".join(rng.choice(about[:30] if i % 2 else about[30:], 16)) for i in range(600)]
    apart = [" ".join(about[at : at + 6]) for at in range(0, 60, 6)]
    found = of("text", {"text": [*rows, *apart]})
    topics = found[-10:, 2 * texts.TERMS :] / texts.TOPIC_WEIGHT
    assert topics.shape[1] == texts.TOPICS
    alike = topics @ topics.T
    within = [alike[i, j] for i in range(5) for j in range(i)]
    across = alike[:5, 5:]
    assert np.mean(within) > across.mean() + 0.1


# Tables


def test_numbers_are_scaled_and_gaps_are_marked() -> None:
    rows = of("columns", {"mass": ["1", "2", None, "3"]})
    assert rows[:, 0].mean() == pytest.approx(0, abs=1e-6)
    assert rows[:, 0].std() == pytest.approx(1)
    assert rows[:, 1].tolist() == [0, 0, 1, 0]


def test_a_single_huge_number_is_cut_off() -> None:
    rows = of("columns", {"income": [*(str(n) for n in range(50)), "1000000"]})
    assert rows.max() == pytest.approx(tables.FARTHEST)


@pytest.mark.parametrize("word", ["", "NA", "?", "null", "-", "NaN"])
def test_words_for_missing_leave_a_column_numeric(word: str) -> None:
    numbers = tables.as_numbers(pd.Series(["1", word, "3"], dtype=object))
    assert numbers is not None
    assert numbers.isna().tolist() == [False, True, False]


def test_a_column_of_words_is_not_numeric() -> None:
    assert tables.as_numbers(pd.Series(["1", "two", "three"], dtype=object)) is None


def test_few_values_are_one_hot_and_many_are_read_as_text() -> None:
    assert of("columns", {"sex": ["m", "f", "m"]}).tolist() == [[0, 1], [1, 0], [0, 1]]
    many = of("columns", {"note": [f"word{i} shared" for i in range(60)]})
    assert many.shape[1] > 2 * texts.TERMS


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


# Images


@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA"])
def test_images_of_any_mode_have_grey_pixels_and_no_edges_where_they_are_flat(mode: str) -> None:
    rows = of("image", {"image": [png(0, mode=mode), png(255, mode=mode)]})
    edges, pixels = rows[:, :1296], rows[:, 1296:]
    assert not edges.any()
    assert pixels[0] == pytest.approx(0)
    assert pixels[1, : 28 * 28] == pytest.approx(images.GREY_WEIGHT)
    assert pixels[1, 28 * 28 :] == pytest.approx(images.COLOUR_WEIGHT)


def test_edges_tell_directions_apart_better_than_places() -> None:
    upright, beside, lying = (
        images.edges(images.vectors([cell])[:, 1296 : 1296 + 784].reshape(1, 28, 28) * 8)[0]
        for cell in (bar(10, upright=True), bar(12, upright=True), bar(10, upright=False))
    )
    assert upright @ beside > 2 * (upright @ lying)


def test_images_that_resemble_each_other_share_a_group() -> None:
    """Groups are of images one by one different, so that a group says more than the pixels."""
    cells = [bar(at, upright=up, side=side) for up in (1, 0) for at in range(24) for side in (1, 4)]
    rows = of("image", {"image": cells})
    assert rows.shape == (96, 2227 + images.GROUPS)
    groups = rows[:, 2227:]
    assert np.linalg.norm(groups, axis=1) == pytest.approx(images.GROUP_WEIGHT, rel=1e-5)
    alike = groups @ groups.T
    assert alike[:48, :48].mean() > alike[:48, 48:].mean() + 1


def test_few_images_have_no_groups() -> None:
    assert of("image", {"image": [bar(at, upright=True) for at in range(20)]}).shape[1] == 2227


@pytest.mark.parametrize(("kind", "columns"), [("sound", ("a",)), ("text", ())])
def test_content_of_an_unknown_kind_or_without_columns_is_refused(
    kind: str, columns: tuple[str, ...]
) -> None:
    with pytest.raises(ValueError, match="content needs"):
        Content(kind, columns)
