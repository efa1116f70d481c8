"""Agreement: how far several annotators give the same answer.

Over all, pair by pair, class by class, group by group (a guideline version, for example).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from quality.consensus import Answers, encode, votes
from quality.inference import Z, wilson

Floats = npt.NDArray[np.float64]
Measure = Callable[[Floats, Floats], Floats]
Key = tuple[str, str]  # a measure's name and the label it is about, or ""

COLUMNS = (
    "measure", "annotator_a", "annotator_b", "value", "low", "high", "n_items", "label", "group",
)  # fmt: skip


def agreement(
    annotations: pd.DataFrame,
    *,
    order: Sequence[str] | None = None,
    seed: int = 0,
    resamples: int = 1000,
) -> pd.DataFrame:
    """All measures as one table, `COLUMNS`: rows about everybody first, then two rows a pair.

    `annotations` has the columns item, annotator, label and optionally order (of time); an
    annotator's last answer to an item counts. Rows about everybody have empty names and a 95 %
    interval by bootstrap over items (percentiles); a pair of annotators that share an item has
    Wilson's of its share and the large-sample one of Cohen's kappa. Empty values cannot be
    computed: no shared item, or one class only. 1 = always the same answer.

    `order` names the classes from the least to the most; then Krippendorff's ordinal alpha is
    there too, and his interval alpha if they are all numbers. Raises ValueError for a label that
    it lacks.
    """
    answers = encode(annotations)
    parts = [_everybody(answers, order, seed, resamples), _pairs(answers)]
    return pd.concat(parts, ignore_index=True)


def by_group(
    annotations: pd.DataFrame,
    *,
    order: Sequence[str] | None = None,
    seed: int = 0,
    resamples: int = 1000,
) -> pd.DataFrame:
    """The rows about everybody, `COLUMNS`, for each value of the column `group`, sorted.

    Answers of different groups are never compared: whoever answers an item under two guidelines
    has an answer in each. Answers without a group are left out.
    """
    parts = [
        _everybody(encode(part), order, seed, resamples).assign(group=str(name))
        for name, part in annotations.groupby("group", sort=True)
    ]
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=list(COLUMNS))


def by_label(annotations: pd.DataFrame, *, seed: int = 0, resamples: int = 1000) -> pd.DataFrame:
    """Two rows a class, `COLUMNS`, with 95 % bootstrap intervals over items.

    `label_agreement`: of the answers beside one of this class, the share that are of it too.
    `label_kappa`: how far that lies above the class's share of all answers (Fleiss 1971), 1 at the
    most, 0 = by chance. `n_items` counts the items with two answers or more, one of this class.
    """
    answers = encode(annotations)
    shared = _with_company(votes(answers))
    measures = {
        (name, str(label)): partial(measure, at=at)
        for at, label in enumerate(answers.classes)
        for name, measure in LABEL_MEASURES.items()
    }
    n_items = np.repeat((shared > 0).sum(axis=0), len(LABEL_MEASURES))
    return _overall(shared, measures, seed, resamples).assign(n_items=n_items)


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


def gwet_ac1(counts: Floats, weights: Floats) -> Floats:
    """Gwet's AC1 (2008), float (resamples,): chance agreement from the items hard to rate.

    It stays high where nearly all answers are of one class and people agree, as kappa does not.
    """
    size = counts.sum(axis=1)
    equal = (counts * (counts - 1)).sum(axis=1) / (size * (size - 1))
    drawn = weights.sum(axis=1)
    share = _ratio(weights @ (counts / size[:, None]), drawn[:, None])
    others = counts.shape[1] - 1
    expected = (share * (1.0 - share)).sum(axis=1) / (others if others > 0 else np.nan)
    return _ratio(_ratio(weights @ equal, drawn) - expected, 1.0 - expected)


def ordinal_alpha(counts: Floats, weights: Floats) -> Floats:
    """Krippendorff's alpha (2011) for classes in order, the columns of `counts`.

    Two classes are as far apart as there are answers between them, half of their own included.
    """
    total = weights @ counts
    return _alpha_on_a_line(counts, weights, places=total.cumsum(axis=1) - total / 2.0)


def interval_alpha(counts: Floats, weights: Floats, *, places: Floats) -> Floats:
    """Krippendorff's alpha (2011) for numbers, `places` float (classes,)."""
    centred: Floats = places[None, :] - places.mean()  # far from 0 the squares would lose digits
    return _alpha_on_a_line(counts, weights, places=centred)


def _alpha_on_a_line(counts: Floats, weights: Floats, *, places: Floats) -> Floats:
    """Alpha with squared distances of `places`, float (resamples or 1, classes)."""
    size = counts.sum(axis=1)
    each = weights / (size - 1)
    squares = ((each * size) @ counts * places**2).sum(axis=1)
    within = squares - (each * ((counts @ places.T) ** 2).T).sum(axis=1)
    given = weights @ counts
    total = given.sum(axis=1)
    whole = total * (given * places**2).sum(axis=1) - (given * places).sum(axis=1) ** 2
    alpha: Floats = 1.0 - _ratio((total - 1.0) * within, whole)
    return alpha


def label_agreement(counts: Floats, weights: Floats, *, at: int) -> Floats:
    """Of the answers beside one of class `at`, the share of that class, float (resamples,)."""
    given, size = counts[:, at], counts.sum(axis=1)
    return _ratio(weights @ (given * (given - 1)), weights @ (given * (size - 1)))


def label_kappa(counts: Floats, weights: Floats, *, at: int) -> Floats:
    """Fleiss' kappa (1971) of class `at`, float (resamples,)."""
    share = _ratio(weights @ counts[:, at], weights @ counts.sum(axis=1))
    return _ratio(label_agreement(counts, weights, at=at) - share, 1.0 - share)


MEASURES: dict[str, Measure] = {
    "percent_agreement": percent_agreement,
    "fleiss_kappa": fleiss_kappa,
    "krippendorff_alpha": krippendorff_alpha,
    "gwet_ac1": gwet_ac1,
}
LABEL_MEASURES: dict[str, Callable[..., Floats]] = {
    "label_agreement": label_agreement,
    "label_kappa": label_kappa,
}


def _ordered(answers: Answers, order: Sequence[str]) -> Floats:
    """Answers per item and class of `order`, float (items, classes)."""
    place = pd.Index(list(order), dtype=object).get_indexer([str(c) for c in answers.classes])
    if (place < 0).any():
        lacking = answers.classes[np.flatnonzero(place < 0)[0]]
        raise ValueError(f"the order {', '.join(order)} lacks the label '{lacking}'")
    counts = np.zeros((len(answers.items), len(order)))
    counts[:, place] = votes(answers)
    return counts


def _ordered_measures(order: Sequence[str]) -> dict[str, Measure]:
    places = pd.to_numeric(pd.Series(list(order), dtype=object), errors="coerce").to_numpy(float)
    found: dict[str, Measure] = {"krippendorff_alpha_ordinal": ordinal_alpha}
    if np.isfinite(places).all():
        found["krippendorff_alpha_interval"] = partial(interval_alpha, places=places)
    return found


def _with_company(counts: Floats) -> Floats:
    """The items with two answers or more."""
    shared: Floats = counts[counts.sum(axis=1) >= 2]
    return shared


def _everybody(
    answers: Answers, order: Sequence[str] | None, seed: int, resamples: int
) -> pd.DataFrame:
    counts, measures = votes(answers), MEASURES
    if order is not None:
        counts, measures = _ordered(answers, order), MEASURES | _ordered_measures(order)
    keyed = {(name, ""): measure for name, measure in measures.items()}
    return _overall(counts, keyed, seed, resamples)


def _overall(
    counts: Floats, measures: Mapping[Key, Measure], seed: int, resamples: int
) -> pd.DataFrame:
    """A row a measure. Items with the same answers are one pattern, drawn as often as it occurs."""
    patterns, times = np.unique(_with_company(counts), axis=0, return_counts=True)
    n = int(times.sum())
    once = times[None, :].astype(np.float64)
    values = [measure(patterns, once)[0] for measure in measures.values()]
    rows = [
        (name, "", "", value, np.nan, np.nan, n, label, "")
        for (name, label), value in zip(measures, values, strict=True)
    ]
    table = pd.DataFrame(rows, columns=list(COLUMNS))
    if n >= 2:
        drawn = _draws(times, np.random.default_rng(seed), resamples)
        limits = [_percentiles(measure(patterns, drawn)) for measure in measures.values()]
        table[["low", "high"]] = np.array(limits).reshape(-1, 2)
    return table


def _draws(times: npt.NDArray[np.int64], rng: np.random.Generator, resamples: int) -> Floats:
    """How often each pattern falls into each bootstrap sample, float (resamples, patterns)."""
    n = times.sum()
    return rng.multinomial(n, times / n, size=resamples).astype(np.float64)


def _percentiles(values: Floats) -> tuple[float, float]:
    known = values[~np.isnan(values)]
    if not len(known):
        return np.nan, np.nan
    low, high = np.quantile(known, [0.025, 0.975])
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


def _pair_table(
    measure: str,
    names: tuple[npt.NDArray[np.object_], npt.NDArray[np.object_]],
    value: Floats,
    interval: tuple[Floats, Floats],
    n: Floats,
) -> pd.DataFrame:
    columns = (measure, *names, value, *interval, n.astype(np.int64), "", "")
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
