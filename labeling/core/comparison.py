"""Paired comparison of two models on the same items: differences with intervals, and verdicts.

Pairs, never two separate numbers. All figures are fractions in [0, 1] unless a name says points.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

MIN_GOLD = 30
POWER_Z = 0.8416212335729143  # 80 % power


class Interval(NamedTuple):
    """An estimate with its lower and upper bound."""

    value: float
    low: float
    high: float


def _z(level: float) -> float:
    from scipy.special import ndtri

    return float(ndtri((1 + level) / 2))


def wilson(hits: float, n: int, *, level: float = 0.95) -> tuple[float, float]:
    """Score interval of a share (Wilson, 1927); (0, 1) when n is 0."""
    if n == 0:
        return 0.0, 1.0
    z = _z(level)
    share, centre = hits / n, (hits + z * z / 2) / (n + z * z)
    half = z / (1 + z * z / n) * math.sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    return max(0.0, centre - half), min(1.0, centre + half)


def newcombe(hits_a: float, n_a: int, hits_b: float, n_b: int) -> Interval:
    """Difference a - b of two independent shares, 95 %: hybrid score (Newcombe, 1998, method 10).

    A share of nothing may be anything: n = 0 gives 0 in [-1, 1].

    >>> newcombe(56, 70, 48, 80)
    Interval(value=0.200..., low=0.052..., high=0.333...)
    """
    if n_a == 0 or n_b == 0:
        return Interval(0.0, -1.0, 1.0)
    a, b = hits_a / n_a, hits_b / n_b
    (a_low, a_high), (b_low, b_high) = wilson(hits_a, n_a), wilson(hits_b, n_b)
    down, up = math.hypot(a - a_low, b_high - b), math.hypot(a_high - a, b - b_low)
    return Interval(a - b, max(-1.0, a - b - down), min(1.0, a - b + up))


class Two(NamedTuple):
    """Hits and trials in two arms, a and b, of a stratum."""

    hits_a: float
    n_a: int
    hits_b: float
    n_b: int


def stratified(strata: Sequence[Two]) -> Interval:
    """Difference a - b of two shares over strata that may differ in everything else, 95 %.

    Mantel and Haenszel's weights n_a n_b / (n_a + n_b); a stratum that lacks an arm has none. The
    interval is Klingenberg's (2014), from the variance of Sato (1989), which holds for many small
    strata as well as for few large ones; that of Greenland and Robins (1985) is too small there.
    One stratum alone has `newcombe`'s.
    """
    both = [each for each in strata if each.n_a and each.n_b]
    plain = newcombe(*pooled(both))
    if len(both) < 2:
        return plain
    a, n_a, b, n_b = np.array(both, dtype=np.float64).T
    n = n_a + n_b
    whole = (n_a * n_b / n).sum()
    value = ((a * n_b - b * n_a) / n).sum() / whole
    p = ((n_a**2 * b - n_b**2 * a + n_a * n_b * (n_b - n_a) / 2) / n**2).sum() / whole**2
    q = ((a * (n_b - b) + b * (n_a - a)) / (2 * n)).sum() / whole**2
    squared = _z(0.95) ** 2
    middle = value + squared * p / 2
    half = math.sqrt(max(0.0, middle**2 - value**2 + squared * q))
    low, high = min(plain.low, float(middle - half)), max(plain.high, float(middle + half))
    return Interval(float(value), max(-1.0, low), min(1.0, high))


def pooled(strata: Sequence[Two]) -> Two:
    """The strata as one, with the shares standardised: they differ by `stratified`'s value.

    Hits are the standardised share of all trials, so they need not be whole.
    """
    both = [each for each in strata if each.n_a and each.n_b]
    if len(both) < 2:
        return both[0] if both else Two(0, 0, 0, 0)
    a, n_a, b, n_b = np.array(both, dtype=np.float64).T
    weight = n_a * n_b / (n_a + n_b)
    share_a, share_b = ((weight * x).sum() / weight.sum() for x in (a / n_a, b / n_b))
    return Two(share_a * n_a.sum(), int(n_a.sum()), share_b * n_b.sum(), int(n_b.sum()))


def agresti_min(old_right: npt.NDArray[np.bool_], new_right: npt.NDArray[np.bool_]) -> Interval:
    """Difference new - old of paired shares, 95 % (Agresti & Min, 2005): +1/2 in each cell.

    Both arrays are bool (n,) over the same items. The value is the raw difference; n = 0 gives
    0 in [-1, 1].
    """
    n = len(old_right)
    if n == 0:
        return Interval(0.0, -1.0, 1.0)
    gained = int((new_right & ~old_right).sum()) + 0.5
    lost = int((old_right & ~new_right).sum()) + 0.5
    centre = (gained - lost) / (n + 2)
    half = _z(0.95) * math.sqrt(gained + lost - (gained - lost) ** 2 / (n + 2)) / (n + 2)
    raw = float(new_right.mean() - old_right.mean())
    return Interval(raw, max(-1.0, centre - half), min(1.0, centre + half))


def paired(old: npt.NDArray[Any], new: npt.NDArray[Any]) -> Interval:
    """Difference new - old on the same items, 95 %: of right answers, or of scores in [0, 1]."""
    if old.dtype == np.bool_:
        return agresti_min(old, new)
    return t_interval(new.astype(float) - old.astype(float))


def disagreement(old: npt.NDArray[Any], new: npt.NDArray[Any]) -> float:
    """Mean square of the differences: of right answers, the share of items where they differ."""
    return float(((new.astype(float) - old.astype(float)) ** 2).mean()) if len(old) else 0.0


def t_interval(credits: Floats, *, level: float = 0.95) -> Interval:
    """Mean of per-item credits, float (n,), with Student's interval (METHODS 1.4).

    Credits that are all the same (a change that did nothing) give an interval of width 0.
    """
    from scipy.special import stdtrit

    n = len(credits)
    if n < 2:
        value = float(credits.mean()) if n else 0.0
        return Interval(value, -1.0, 1.0)
    half = float(stdtrit(n - 1, (1 + level) / 2)) * float(credits.std(ddof=1)) / math.sqrt(n)
    value = float(credits.mean())
    return Interval(value, value - half, value + half)


def t_p_value(credits: Floats) -> float:
    """Two-sided p of a mean of 0; kept inside: screens show words, never a bare p."""
    from scipy.special import stdtr

    n, spread = len(credits), float(credits.std(ddof=1)) if len(credits) > 1 else 0.0
    if spread == 0.0:
        return 1.0 if n < 2 or not credits.any() else 0.0
    return float(2 * stdtr(n - 1, -abs(float(credits.mean())) / (spread / math.sqrt(n))))


def holm(p_values: list[float], *, level: float = 0.05) -> list[bool]:
    """Which of several findings stand together at `level` (Holm, 1979)."""
    stands = [False] * len(p_values)
    for done, index in enumerate(sorted(range(len(p_values)), key=lambda i: p_values[i])):
        if p_values[index] > level / (len(p_values) - done):
            break
        stands[index] = True
    return stands


def labels_needed(delta: float, disagreement: float) -> int | None:
    """Random gold labels that would decide a true difference of `delta` with 80 % power.

    `disagreement` is the share of items on which the models differ (METHODS 1.9). None when the
    difference is 0, which no number of labels can decide.
    """
    if delta == 0:
        return None
    spread = max(disagreement, delta**2)
    root = _z(0.95) * math.sqrt(spread) + POWER_Z * math.sqrt(max(spread - delta**2, 0.0))
    return math.ceil(root**2 / delta**2)


def answers_needed(hits_a: float, n_a: int, hits_b: float, n_b: int) -> int | None:
    """Answers in both arms together that would decide the difference seen with 80 % power.

    The arms stay as unequal as they are. Shares are drawn in by one hit and one miss each
    (Agresti & Caffo, 2000), so that an arm that always hits is not taken for certain. None when
    an arm is empty or the shares are the same, which no number of answers can decide.
    """
    delta = hits_a / n_a - hits_b / n_b if n_a and n_b else 0.0
    if math.isclose(delta, 0.0, abs_tol=1e-9):
        return None
    a, b = (hits_a + 1) / (n_a + 2), (hits_b + 1) / (n_b + 2)
    spread = (n_a + n_b) * (a * (1 - a) / n_a + b * (1 - b) / n_b)
    return math.ceil((_z(0.95) + POWER_Z) ** 2 * spread / delta**2)


def labels_for_width(width: float, *, share: float = 0.5) -> int:
    """Random labels until a share's 95 % interval is `width` wide, at worst (share = 0.5)."""
    return math.ceil(4 * _z(0.95) ** 2 * share * (1 - share) / width**2)


def about(n: int) -> str:
    """A number of labels as it is said: from 100 on with two digits, for it is an estimate.

    >>> about(43), about(16785)
    ('43', '17,000')
    """
    step = 10 ** max(len(str(n)) - 2, 0) if n >= 100 else 1
    return f"{round(n / step) * step:,}"


def verdict(
    interval: Interval,
    *,
    n: int,
    band: float | None,
    stands: bool = True,
    disagreement: float | None = None,
) -> str:
    """The words of METHODS: "real", "within placebo" or "not decided: …".

    Real needs an interval that excludes 0, a value beyond the placebo band, at least 30 gold
    labels, and (in a report of several bars) a place among Holm's findings. Without a band (None:
    too few other rows to draw one) nothing is real. `disagreement` is the mean square of the
    credits: for plain pairs, the share of items on which the models differ.
    """
    if n < MIN_GOLD:
        return f"not decided: needs about {MIN_GOLD - n} more gold labels before any verdict"
    if band is None:
        return "not decided: too few other rows to draw a placebo from"
    if excludes_zero(interval) and stands and abs(interval.value) > band:
        return "real"
    if abs(interval.value) <= band:
        return "within placebo"
    return _undecided(interval, n, disagreement)


def choice_verdict(interval: Interval, *, n: int, disagreement: float) -> str:
    """Whether active choice beats random at the same number of labels, in words."""
    if n < MIN_GOLD:
        return f"not decided: needs about {MIN_GOLD - n} more gold labels before any verdict"
    if excludes_zero(interval):
        return "active choice helps" if interval.value > 0 else "active choice hurts"
    return _undecided(interval, n, disagreement)


def excludes_zero(interval: Interval) -> bool:
    """Whether the whole interval lies on one side of 0."""
    return interval.low > 0 or interval.high < 0


def _undecided(interval: Interval, n: int, disagreement: float | None) -> str:
    if interval.value == 0:
        return "not decided: no difference was seen, and no number of labels proves there is none"
    spread = abs(interval.value) if disagreement is None else disagreement
    needed = labels_needed(interval.value, spread) or 0
    return f"not decided: needs about {about(max(needed - n, math.ceil(0.1 * n)))} more labels"
