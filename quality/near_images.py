"""Near-duplicates among images: found by a perceptual hash, judged by the pixels of thumbnails."""

from __future__ import annotations

import io
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from quality.hashes import Ints, Longs, decode, encode, mixed_long, sorted_once
from quality.minhash import band_keys, meetings
from quality.pairs import Bools, Floats, Pairs, distinct, paired

Thumbnails = npt.NDArray[np.uint8]

THRESHOLD = 0.985
SIDE = 32
WAVES = 8
BANDS, BITS = 24, 14
SEED = 20_250_103
PAIRS_AT_ONCE = 20_000


def image_pairs(images: Sequence[bytes | None], *, threshold: float = THRESHOLD) -> Pairs:
    """The pairs of images whose thumbnails correlate at least `threshold`; the cells are encoded.

    The correlation of the grey pixels is 1 less half the squared distance between them once
    brightness and contrast are evened out: another format, size or exposure changes little, a crop
    or a turn much. Images with equal thumbnails are copies. Bytes that are no image are near to
    nothing, and an image of one shade only to its copies.
    """
    small, readable = thumbnails(images)
    first, earliest = distinct(_fingerprints(small), readable)
    chosen = small[first]
    codes = _met(hashes(chosen))
    one, other = decode(codes)
    similarity = correlation(chosen, one, other)
    near = similarity >= threshold
    return paired(earliest, first[one[near]], first[other[near]], similarity[near])


def thumbnails(images: Sequence[bytes | None]) -> tuple[Thumbnails, Bools]:
    """Grey thumbnails, uint8 (images, 32, 32), and which images could be read, bool (images,)."""
    small = np.zeros((len(images), SIDE, SIDE), dtype=np.uint8)
    readable = np.zeros(len(images), dtype=bool)
    for row, data in enumerate(images):
        pixels = _thumbnail(data) if isinstance(data, bytes) else None
        if pixels is not None:
            small[row], readable[row] = pixels, True
    return small, readable


def _thumbnail(data: bytes) -> Thumbnails | None:
    from PIL import Image

    try:
        with Image.open(io.BytesIO(data)) as image:
            grey = image.convert("L").resize((SIDE, SIDE), Image.Resampling.BILINEAR)
    except (OSError, ValueError, Image.DecompressionBombError):
        return None
    return np.asarray(grey)


def _fingerprints(small: Thumbnails) -> Longs:
    """64 bits an image, equal where the thumbnails are."""
    keys = np.zeros(len(small), dtype=np.uint64)
    for column in small.reshape(len(small), SIDE * SIDE).view(np.uint64).T:
        keys = mixed_long(keys ^ column)
    return keys


def hashes(small: Thumbnails) -> Bools:
    """The perceptual hash of each thumbnail, bool (images, 63) (Zauner, 2010).

    Which of the slowest waves of its cosine transform, the mean left out, are above their median.
    """
    waves, pixel = np.arange(WAVES)[:, None], np.arange(SIDE)[None, :]
    cosines = np.cos(np.pi * waves * (2 * pixel + 1) / (2 * SIDE))
    weights = np.kron(cosines, cosines)[1:].astype(np.float32)
    strengths = _pixels(small) @ weights.T
    above: Bools = strengths > np.median(strengths, axis=1, keepdims=True)
    return above


def _met(bits: Bools) -> Longs:
    """The pairs of images that agree in all of one of `BANDS` draws of `BITS` bits."""
    rng = np.random.default_rng(SEED)
    drawn = np.concatenate([rng.permutation(bits.shape[1])[:BITS] for _ in range(BANDS)])
    keys = band_keys(bits[:, drawn].astype(np.uint32), BITS)
    found = [sorted_once(encode(*meetings(key))) for key in keys]
    return sorted_once(np.concatenate(found))


def correlation(small: Thumbnails, first: Ints, second: Ints) -> Floats:
    """How far the pixels of two thumbnails go together, float (pairs,) in [0, 1)."""
    parts = [np.zeros(0)]
    for at in range(0, len(first), PAIRS_AT_ONCE):
        one, other = (_even(small[rows[at : at + PAIRS_AT_ONCE]]) for rows in (first, second))
        parts.append((one * other).sum(axis=1, dtype=np.float64))
    return np.clip(np.concatenate(parts), 0.0, np.nextafter(1.0, 0.0))


def _even(small: Thumbnails) -> npt.NDArray[np.float32]:
    """The pixels with mean 0 and length 1, float32 (images, pixels); all 0 where they are equal."""
    pixels = _pixels(small)
    pixels -= pixels.mean(axis=1, keepdims=True)
    pixels /= np.maximum(np.linalg.norm(pixels, axis=1, keepdims=True), 1e-6)
    return pixels


def _pixels(small: Thumbnails) -> npt.NDArray[np.float32]:
    return small.reshape(len(small), SIDE * SIDE).astype(np.float32)
