"""Verdicts of one report: every bar against its placebo band, and all together under Holm.

The words are "real", "within placebo" and "not decided: …". Holm bears on the word "real" alone:
the intervals stay as wide as for one bar, and a report says so.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from labeling.core import comparison, intervals, scales, verified
from labeling.core.comparison import Interval
from labeling.core.scales import Scale
from labeling.core.verified import Verified

Floats = npt.NDArray[np.float64]

NO_PLACEBO = "not decided: too few other rows to draw a placebo from"
NOTE = "intervals are for one bar each; only the word 'real' is corrected for their number (Holm)"


class Judged(NamedTuple):
    """A bar's interval, whether it stands among all of its report, and its verdict."""

    interval: Interval
    stands: bool
    verdict: str


def of_bars(
    credits: Floats, bands: Sequence[float | None], *, scale: Scale | None = None
) -> list[Judged]:
    """Bars of one waterfall on random gold: per-item credits, float (bars, n), a band each.

    The scale is accuracy's unless another is given.
    """
    scale = scale or scales.plain(credits.shape[1] if len(credits) else 0)
    stands = comparison.holm([scale.p_value(bar) for bar in credits])
    judged = []
    for bar, band, holds in zip(credits, bands, stands, strict=True):
        interval = scale.interval(bar)
        words = comparison.verdict(
            interval,
            n=len(bar),
            band=band,
            stands=holds,
            disagreement=scale.disagreement(bar),
        )
        judged.append(Judged(interval, holds, words))
    return judged


def of_verified(found: Sequence[Verified], bands: Sequence[float | None]) -> list[Judged]:
    """The steps of one report that were verified by labels of disagreements, a band each."""
    stands = comparison.holm([p_value(each) for each in found])
    return [
        Judged(each.interval, holds, _of_one(each, band, holds))
        for each, band, holds in zip(found, bands, stands, strict=True)
    ]


def p_value(found: Verified) -> float:
    """Two-sided p of a gain of 0; kept inside: screens show words, never a bare p."""
    from scipy.special import ndtr

    low, high = found.interval.low, found.interval.high
    if not found.n_labels or high <= low:
        return 1.0
    error = max(found.interval.value - low, high - found.interval.value) / intervals.z(0.95)
    return float(2 * ndtr(-abs(found.interval.value) / error))


def _of_one(found: Verified, band: float | None, stands: bool) -> str:
    if not found.n_labels and found.n_differ:
        return f"not decided: none of the {found.n_differ:,} disagreements is labelled yet"
    if band is None:
        return NO_PLACEBO
    value = abs(found.interval.value)
    if comparison.excludes_zero(found.interval) and stands and value > band:
        return "real"
    if value <= band:
        return "within placebo"
    return _open(found)


def _open(found: Verified) -> str:
    return f"not decided: {verified.missing_in_words(found)}"


def placebo_chance(placebos: int) -> float:
    """How often a change that means nothing exceeds all of as many random ones, at most.

    >>> round(placebo_chance(20), 3)
    0.048
    """
    return 1 / (placebos + 1)
