"""Intervals and tests that several measures share. Shares in [0, 1], intervals of 95 %."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

Z = 1.959964


def wilson(share: Floats, n: Floats) -> tuple[Floats, Floats]:
    """Wilson's (1927) interval of a share seen in `n` draws, two float arrays; all of it for n = 0.

    >>> wilson(np.array([0.5]), np.array([10.0]))
    (array([0.236...]), array([0.763...]))
    """
    drawn, share = np.maximum(n, 1.0), np.nan_to_num(share)
    centre = (share + Z**2 / (2 * drawn)) / (1 + Z**2 / drawn)
    spread = np.sqrt(share * (1 - share) / drawn + Z**2 / (4 * drawn**2))
    half = Z * spread / (1 + Z**2 / drawn)
    low, high = np.maximum(centre - half, 0.0), np.minimum(centre + half, 1.0)
    return np.where(n > 0, low, 0.0), np.where(n > 0, high, 1.0)


def newcombe(a: Floats, n_a: Floats, b: Floats, n_b: Floats) -> tuple[Floats, Floats]:
    """Interval of the difference a - b of two independent shares (Newcombe 1998, method 10)."""
    (a_low, a_high), (b_low, b_high) = wilson(a, n_a), wilson(b, n_b)
    down, up = np.hypot(a - a_low, b_high - b), np.hypot(a_high - a, b - b_low)
    return np.maximum(a - b - down, -1.0), np.minimum(a - b + up, 1.0)


def surely_below(hits: Floats, n: Floats, limit: Floats) -> Floats:
    """p of so few hits or fewer in `n` draws with the chance `limit`, float; 1 for n = 0."""
    from scipy.special import bdtr

    inside = np.clip(limit, 1e-12, 1 - 1e-12)
    return np.where(n > 0, bdtr(hits, np.maximum(n, 1).astype(np.int64), inside), 1.0)


def fewer_hits(hits_a: Floats, n_a: Floats, hits_b: Floats, n_b: Floats) -> Floats:
    """One-sided p of Fisher's exact test (1935) that a's share is below b's, float."""
    from scipy.stats import hypergeom

    p: Floats = hypergeom.cdf(hits_a, n_a + n_b, hits_a + hits_b, n_a)
    return np.where((n_a > 0) & (n_b > 0), p, 1.0)


def holm(p: npt.ArrayLike) -> Floats:
    """p values for a family of tests, float, so that one false alarm in all has the level (1979).

    NaN stays NaN and is no test.

    >>> holm([0.01, 0.04, 0.03])
    array([0.03, 0.06, 0.06])
    """
    return _stepwise(np.asarray(p, dtype=np.float64), _holm)


def benjamini_hochberg(p: npt.ArrayLike) -> Floats:
    """p values for a family of tests, float, so that the level is the share of false alarms (1995).

    >>> benjamini_hochberg([0.01, 0.04, 0.03])
    array([0.03, 0.04, 0.04])
    """
    return _stepwise(np.asarray(p, dtype=np.float64), _benjamini_hochberg)


def _stepwise(p: Floats, adjusted: Any) -> Floats:
    found = np.full(len(p), np.nan)
    known = np.flatnonzero(~np.isnan(p))
    order = known[np.argsort(p[known], kind="stable")]
    found[order] = np.minimum(adjusted(p[order]), 1.0)
    return found


def _holm(p: Floats) -> Floats:
    return np.asarray(np.maximum.accumulate(p * np.arange(len(p), 0, -1)), dtype=np.float64)


def _benjamini_hochberg(p: Floats) -> Floats:
    scaled = p * len(p) / np.arange(1, len(p) + 1)
    return np.asarray(np.minimum.accumulate(scaled[::-1])[::-1], dtype=np.float64)
