"""Agreement: how far several annotators give the same answer, over all and pair by pair."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from quality.consensus import Answers, encode, votes

Floats = npt.NDArray[np.float64]

COLUMNS = ("measure", "annotator_a", "annotator_b", "value", "low", "high", "n_items")
Z = 1.959964
CHUNK = 2_000_000


def agreement(annotations: pd.DataFrame, *, seed: int = 0, resamples: int = 1000) -> pd.DataFrame:
    """All measures as one table: measure, annotator_a, annotator_b, value, low, high, n_items.

    `annotations` has the columns item, annotator, label and optionally order; an annotator's last
    answer to an item counts. Rows about everybody come first, with empty names and a 95 %
    bootstrap interval over items; then two rows a pair of annotators that share an item. Empty
    values cannot be computed: no shared item, or one class only. 1 = always the same answer.
    """
    answers = encode(annotations)
    overall = _overall(votes(answers), np.random.default_rng(seed), resamples)
    return pd.concat([overall, _pairs(answers)], ignore_index=True)


# -- everybody ---------------------------------------------------------------------------------


def percent_agreement(counts: Floats, weights: Floats) -> Floats:
    """The share of equal pairs of answers, float (resamples,), each pair of answers alike."""
    size = counts.sum(axis=1)
    equal = (counts * (counts - 1)).sum(axis=1)
    return _ratio(weights @ equal, weights @ (size * (size - 1)))


def fleiss_kappa(counts: Floats, weights: Floats) -> Floats:
    """Fleiss' kappa (1971), float (resamples,); with unequal numbers of answers items weigh alike.

    `counts` float (items, classes), answers per item and class, at least two an item; `weights`
    float (resamples, items), how often each item was drawn.
    """
    size = counts.sum(axis=1)
    equal = (counts * (counts - 1)).sum(axis=1) / (size * (size - 1))
    observed = _ratio(weights @ equal, weights.sum(axis=1))
    share = _ratio(weights @ counts, (weights @ size)[:, None])
    expected = (share**2).sum(axis=1)
    return _ratio(observed - expected, 1.0 - expected)


def krippendorff_alpha(counts: Floats, weights: Floats) -> Floats:
    """Krippendorff's alpha (2011) for nominal labels, float (resamples,); answers may lack."""
    size = counts.sum(axis=1)
    unequal = (counts * (size[:, None] - counts)).sum(axis=1) / (size - 1)
    total = weights @ size
    expected = total**2 - ((weights @ counts) ** 2).sum(axis=1)
    return 1.0 - _ratio((total - 1.0) * (weights @ unequal), expected)


MEASURES: dict[str, Callable[[Floats, Floats], Floats]] = {
    "percent_agreement": percent_agreement,
    "fleiss_kappa": fleiss_kappa,
    "krippendorff_alpha": krippendorff_alpha,
}


def _overall(counts: Floats, rng: np.random.Generator, resamples: int) -> pd.DataFrame:
    shared = counts[counts.sum(axis=1) >= 2]
    rows = []
    for name, measure in MEASURES.items():
        value = measure(shared, np.ones((1, len(shared))))[0]
        rows.append((name, "", "", value, np.nan, np.nan, len(shared)))
    table = pd.DataFrame(rows, columns=list(COLUMNS))
    if len(shared) >= 2:
        table[["low", "high"]] = _intervals(shared, rng, resamples)
    return table


def _intervals(counts: Floats, rng: np.random.Generator, resamples: int) -> Floats:
    """Bootstrap percentiles per measure, float (measures, 2); items drawn a chunk at a time."""
    step = max(1, CHUNK // len(counts))
    even = np.full(len(counts), 1.0 / len(counts))
    parts = []
    for start in range(0, resamples, step):
        drawn = rng.multinomial(len(counts), even, size=min(step, resamples - start))
        weights = drawn.astype(np.float64)
        parts.append([measure(counts, weights) for measure in MEASURES.values()])
    values = np.concatenate(parts, axis=1)
    limits = [_percentiles(row[~np.isnan(row)]) for row in values]
    return np.array(limits)


def _percentiles(values: Floats) -> tuple[float, float]:
    if not len(values):
        return np.nan, np.nan
    low, high = np.quantile(values, [0.025, 0.975])
    return float(low), float(high)


# -- pair by pair ------------------------------------------------------------------------------


def _pairs(answers: Answers) -> pd.DataFrame:
    """Percent agreement (Wilson) and Cohen's kappa (1960) for each pair that shares an item."""
    one, other = _shared(answers)
    n_people, n_classes = len(answers.annotators), len(answers.classes)
    pair, code = np.unique(
        answers.annotator[one] * n_people + answers.annotator[other], return_inverse=True
    )
    first, second = np.divmod(pair, max(n_people, 1))
    n = np.bincount(code, minlength=len(pair)).astype(np.float64)
    same = (answers.label[one] == answers.label[other]).astype(np.float64)
    observed = _ratio(_sums(code, same, len(pair)), n)
    expected = np.zeros(len(pair))
    for label in range(n_classes):
        ours = _sums(code, answers.label[one] == label, len(pair))
        theirs = _sums(code, answers.label[other] == label, len(pair))
        expected += ours * theirs / n**2
    names = answers.annotators[first], answers.annotators[second]
    tables = [
        _pair_table("percent_agreement", names, observed, wilson(observed, n), n),
        _pair_table("cohen_kappa", names, *_kappa(observed, expected, n), n),
    ]
    table = pd.concat(tables)
    order = np.argsort(np.tile(np.arange(len(pair)), 2), kind="stable")
    return table.iloc[order]


def _shared(answers: Answers) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Positions of every two answers to the same item, the smaller annotator code first."""
    frame = pd.DataFrame({"item": answers.item, "who": answers.annotator})
    frame["at"] = np.arange(len(frame))
    both = frame.merge(frame, on="item", suffixes=("", "_other"))
    both = both[both["who"] < both["who_other"]]
    return both["at"].to_numpy(dtype=np.int64), both["at_other"].to_numpy(dtype=np.int64)


def _kappa(observed: Floats, expected: Floats, n: Floats) -> tuple[Floats, tuple[Floats, Floats]]:
    """Cohen's kappa per pair with its large-sample interval, cut to [-1, 1].

    Where all answers are equal, or none, that interval would have no width: it is NaN.
    """
    value = _ratio(observed - expected, 1.0 - expected)
    spread = np.where((observed > 0) & (observed < 1), observed * (1 - observed), np.nan)
    error = Z * _ratio(np.sqrt(spread / n), 1.0 - expected)
    return value, (np.maximum(value - error, -1.0), np.minimum(value + error, 1.0))


def wilson(share: Floats, n: Floats) -> tuple[Floats, Floats]:
    """Wilson's (1927) 95 % interval of a share seen in `n` draws, two float arrays."""
    centre = (share + Z**2 / (2 * n)) / (1 + Z**2 / n)
    half = Z * np.sqrt(share * (1 - share) / n + Z**2 / (4 * n**2)) / (1 + Z**2 / n)
    return np.maximum(centre - half, 0.0), np.minimum(centre + half, 1.0)


def _pair_table(
    measure: str,
    names: tuple[npt.NDArray[np.object_], npt.NDArray[np.object_]],
    value: Floats,
    interval: tuple[Floats, Floats],
    n: Floats,
) -> pd.DataFrame:
    columns = (measure, *names, value, *interval, n.astype(np.int64))
    return pd.DataFrame(dict(zip(COLUMNS, columns, strict=True)), index=range(len(n)))


def _sums(code: npt.NDArray[Any], values: npt.NDArray[Any], length: int) -> Floats:
    """The sum of `values` per code, float (length,)."""
    totals: Floats = np.bincount(code, weights=values, minlength=length).astype(np.float64)
    return totals


def _ratio(top: Floats, bottom: Floats) -> Floats:
    """The quotient, NaN where the divisor is 0."""
    safe = np.where(bottom == 0, np.nan, bottom)
    quotient: Floats = top / safe
    return quotient
