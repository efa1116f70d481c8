from __future__ import annotations

import io
from collections.abc import Callable

import numpy as np
import pytest
from PIL import Image, ImageEnhance, ImageFilter

from quality.near_images import correlation, hashes, image_pairs, thumbnails
from quality.pairs import Pairs


def scene(seed: int, side: int = 96) -> Image.Image:
    """A picture of a few soft blobs of light: smooth as a photograph is."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[0:side, 0:side] / side
    light = sum(
        rng.uniform(-1, 1) * np.exp(-((x - a) ** 2 + (y - b) ** 2) / rng.uniform(0.005, 0.08))
        for a, b in rng.uniform(0, 1, (8, 2))
    )
    grey = 255 * (light - light.min()) / np.ptp(light)
    return Image.fromarray(grey.astype(np.uint8)).convert("RGB")


def encoded(image: Image.Image, form: str = "PNG", **options: int) -> bytes:
    out = io.BytesIO()
    image.save(out, form, **options)
    return out.getvalue()


def noisy(image: Image.Image) -> Image.Image:
    pixels = np.asarray(image, dtype=np.float64)
    pixels = pixels + np.random.default_rng(0).normal(0, 6, pixels.shape)
    return Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8))


EDITS: dict[str, Callable[[Image.Image], bytes]] = {
    "jpeg": lambda image: encoded(image, "JPEG", quality=40),
    "smaller": lambda image: encoded(image.resize((60, 60))),
    "larger": lambda image: encoded(image.resize((200, 200))),
    "darker": lambda image: encoded(ImageEnhance.Brightness(image).enhance(0.7)),
    "grey": lambda image: encoded(image.convert("L")),
    "blurred": lambda image: encoded(image.filter(ImageFilter.GaussianBlur(1))),
    "noise": lambda image: encoded(noisy(image)),
}


def rows_of(pairs: Pairs) -> list[tuple[int, int]]:
    return list(zip(pairs.first.tolist(), pairs.second.tolist(), strict=True))


@pytest.fixture(scope="module")
def scenes() -> list[Image.Image]:
    return [scene(seed) for seed in range(60)]


@pytest.mark.parametrize("edit", EDITS)
def test_an_edited_image_is_found_beside_its_original_and_no_other(
    scenes: list[Image.Image], edit: str
) -> None:
    images = [encoded(image) for image in scenes]
    copies = [EDITS[edit](image) for image in scenes[:20]]
    found = image_pairs(images + copies)
    assert rows_of(found) == [(k, 60 + k) for k in range(20)]
    assert (found.similarity > 0.98).all()


def test_different_images_are_not_near(scenes: list[Image.Image]) -> None:
    assert rows_of(image_pairs([encoded(image) for image in scenes])) == []
    turned = [encoded(image.rotate(90)) for image in scenes[:10]]
    assert rows_of(image_pairs([encoded(image) for image in scenes[:10]] + turned)) == []


def test_the_same_pixels_are_copies_in_whatever_format(scenes: list[Image.Image]) -> None:
    found = image_pairs([encoded(scenes[0]), encoded(scenes[1]), encoded(scenes[0], "BMP")])
    assert rows_of(found) == [(0, 2)]
    assert found.similarity.tolist() == [1.0]


def test_what_is_no_image_is_near_to_nothing_and_one_shade_to_its_copies() -> None:
    plain = [encoded(Image.new("L", (40, 40), shade)) for shade in (0, 0, 7, 255)]
    cut = encoded(scene(1), "JPEG")[:200]
    found = image_pairs([*plain, b"", b"no image", b"no image", None, cut, cut])
    assert rows_of(found) == [(0, 1)]
    assert thumbnails([b"", None, plain[0]])[1].tolist() == [False, False, True]


@pytest.mark.parametrize("n", [0, 1, 2])
def test_few_images_have_no_pair(scenes: list[Image.Image], n: int) -> None:
    assert rows_of(image_pairs([encoded(image) for image in scenes[:n]])) == []


def test_the_hash_hardly_changes_with_the_image_and_much_between_images(
    scenes: list[Image.Image],
) -> None:
    small, _ = thumbnails([encoded(image) for image in scenes])
    edited, _ = thumbnails([EDITS["jpeg"](image) for image in scenes])
    plain, changed = hashes(small), hashes(edited)
    assert plain.shape == (60, 63)
    assert (plain != changed).sum(axis=1).max() <= 8
    assert np.median((plain[:-1] != plain[1:]).sum(axis=1)) > 15


def test_the_correlation_is_that_of_the_pixels_and_symmetric(scenes: list[Image.Image]) -> None:
    small, _ = thumbnails([encoded(image) for image in scenes[:5]])
    first, second = np.triu_indices(5, 1)
    values = correlation(small, first, second)
    truth = np.corrcoef(small.reshape(5, -1))[first, second]
    assert values == pytest.approx(np.clip(truth, 0, 1), abs=1e-5)
    assert values == pytest.approx(correlation(small, second, first), abs=1e-6)
    assert correlation(small, np.array([0]), np.array([0]))[0] < 1.0
