"""Annotators one by one: how good, what they mix up, how fast, how hasty, how steady.

`annotations` has the columns item, annotator, label; optionally order (of time), seconds (for the
answer) and length (of the item, in characters). An answer agrees if it is the label of the others:
the only other answer, or what two and more make most probable (`consensus.cautious` without the
own answer). What nobody else answered cannot be compared. An annotator's last answer to an item
counts, except in what is about repeated answers. Intervals are of 95 %.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from quality.consensus import cautious, encode, standing, votes
from quality.inference import fewer_hits, newcombe, wilson

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]

STRENGTHS = np.geomspace(2.0, 500.0, 24)
FAST = -2.5
SLOWEST = 300.0  # seconds: whoever takes longer has left the screen
SHORTEST = 0.1
MAD = 1.4826  # makes a median absolute deviation a standard deviation


def compared(annotations: pd.DataFrame) -> pd.DataFrame:
    """The standing answers, oldest first, with three more columns.

    `others`: the others' label, None where nobody else answered; `agrees`: whether it is the one
    given, float, NaN where nobody else answered.
    """
    table = standing(annotations).reset_index(drop=True)
    if table.empty:
        return table.assign(others=pd.Series(dtype=object), agrees=pd.Series(dtype=np.float64))
    answers = encode(annotations)
    given = votes(answers)[answers.item]
    company = given.sum(axis=1) - 1
    given[np.arange(len(given)), answers.label] -= 1.0
    others = np.where(company[:, None] == 1, given, cautious(answers).others).argmax(axis=1)
    return table.assign(
        others=np.where(company > 0, answers.classes[others], None),
        agrees=np.where(company > 0, others == answers.label, np.nan),
    )


def summary(annotations: pd.DataFrame) -> pd.DataFrame:
    """A row a person with what the tables below know about them, in the order of `quality`.

    The columns of `quality` and `speed`; n_hasty, hasty_agreement; n_repeats, same, kappa; first
    and last (agreement in the first and the last third). NaN where nothing is known.
    """
    hasty = haste(annotations).rename(columns={"agreement": "hasty_agreement"})
    parts = (
        speed(annotations),
        hasty[["annotator", "n_hasty", "hasty_agreement"]],
        self_agreement(annotations)[["annotator", "n_repeats", "same", "kappa"]],
        fading(annotations)[["annotator", "first", "last"]],
    )
    table = quality(annotations)
    for part in parts:
        table = table.merge(part, on="annotator", how="left")
    counts = ["n_timed", "n_hasty", "n_repeats"]
    table[counts] = table[counts].fillna(0).astype(np.int64)
    return table


# -- how good ----------------------------------------------------------------------------------


def quality(annotations: pd.DataFrame) -> pd.DataFrame:
    """A row a person, the least agreement first.

    annotator, n_answers, n_compared, agreement with `low` and `high` (Wilson); quality with
    `quality_low` and `quality_high`: the same shrunk to the crowd by as much as people differ
    (beta-binomial empirical Bayes), the better guess about whoever has answered little;
    `rest`: the agreement of all others. It is agreement and not skill: where the others are often
    wrong, good people agree less.
    """
    people = _hits(compared(annotations).groupby("annotator", sort=True)["agrees"])
    hits, n = people["hits"].to_numpy(), people["n_compared"].to_numpy()
    agreement = _share(hits, n)
    low, high = wilson(agreement, n)
    centre, spread = _shrunk(hits, n)
    strength = centre * (1.0 - centre) / spread**2 - 1.0
    shape = centre * strength, (1.0 - centre) * strength
    table = pd.DataFrame(
        {
            "annotator": people.index.to_numpy(dtype=object),
            "n_answers": people["n_answers"].to_numpy(),
            "n_compared": n.astype(np.int64),
            "agreement": agreement,
            "low": low,
            "high": high,
            "quality": centre,
            "quality_low": _beta_quantile(*shape, 0.025),
            "quality_high": _beta_quantile(*shape, 0.975),
            "rest": _share(hits.sum() - hits, n.sum() - n),
        }
    )
    return table.sort_values("quality", kind="stable", ignore_index=True)


def _hits(agrees: pd.api.typing.SeriesGroupBy) -> pd.DataFrame:
    found = agrees.agg(["size", "count", "sum"]).set_axis(["n_answers", "n", "hits"], axis=1)
    return found.assign(n_compared=found.pop("n").astype(float), hits=found["hits"].astype(float))


def _shrunk(hits: Floats, n: Floats) -> tuple[Floats, Floats]:
    """Mean and standard deviation of each person's true share, given what the crowd is like.

    Shares of people are beta distributed; how strongly is averaged over `STRENGTHS`, each as far
    as it explains what was seen.
    """
    from scipy.special import betaln

    s = STRENGTHS[:, None]
    weight = n / (n + s)
    total = np.maximum(weight.sum(axis=1, keepdims=True), 1e-12)
    crowd = (weight * np.nan_to_num(_share(hits, n))).sum(axis=1, keepdims=True) / total
    crowd = np.clip(crowd, 0.01, 0.99) if n.sum() else np.full_like(s, 0.5)
    a, b = crowd * s + hits, (1.0 - crowd) * s + n - hits
    seen = (betaln(a, b) - betaln(crowd * s, (1.0 - crowd) * s)).sum(axis=1)
    belief = np.exp(seen - seen.max())
    belief /= belief.sum()
    mean = a / (a + b)
    centre = belief @ mean
    unsure = crowd * (1.0 - crowd) / (s + 1.0) / total * (1.0 - weight) ** 2
    variance = belief @ (mean * (1.0 - mean) / (a + b + 1.0) + (mean - centre) ** 2 + unsure)
    return centre, np.sqrt(variance)


def _beta_quantile(a: Floats, b: Floats, at: float) -> Floats:
    from scipy.special import betaincinv

    return np.asarray(betaincinv(a, b, at), dtype=np.float64)


def _share(hits: Floats, n: Floats) -> Floats:
    return np.where(n > 0, hits / np.maximum(n, 1.0), np.nan)


# -- what they mix up --------------------------------------------------------------------------


def mix_ups(annotations: pd.DataFrame) -> pd.DataFrame:
    """Who says what where the others say something else, the furthest from the crowd first.

    annotator, others (their label), said (another one), n times of `of`, share with `low` and
    `high` (Wilson), crowd: the share in which the rest of the crowd does the same.
    """
    answers = compared(annotations).dropna(subset=["others"])
    cells = answers.groupby(["annotator", "others", "label"], sort=True).size().rename("n")
    table = cells.reset_index().rename(columns={"label": "said"})
    table["of"] = table.groupby(["annotator", "others"])["n"].transform("sum")
    same = table.groupby(["others", "said"])["n"].transform("sum") - table["n"]
    seen = answers.groupby("others").size().reindex(table["others"]).to_numpy() - table["of"]
    table["crowd"] = _share(same.to_numpy(dtype=float), seen.to_numpy(dtype=float))
    n, of = table["n"].to_numpy(dtype=float), table["of"].to_numpy(dtype=float)
    table["share"] = _share(n, of)
    table["low"], table["high"] = wilson(table["share"].to_numpy(), of)
    wrong = table[table["others"] != table["said"]]
    excess = (wrong["low"] - wrong["crowd"].fillna(0.0)).sort_values(ascending=False, kind="stable")
    columns = ["annotator", "others", "said", "n", "of", "share", "low", "high", "crowd"]
    return wrong.loc[excess.index, columns].reset_index(drop=True)


def between(annotations: pd.DataFrame) -> pd.DataFrame:
    """How often two people gave which two labels to one item: a row a pair and cell that occurs.

    annotator_a, annotator_b (the later name), label_a, label_b, n; the most frequent first.
    """
    answers = standing(annotations)[["item", "annotator", "label"]]
    both = answers.merge(answers, on="item", suffixes=("_a", "_b"))
    both = both[both["annotator_a"] < both["annotator_b"]]
    keys = ["annotator_a", "annotator_b", "label_a", "label_b"]
    table = both.groupby(keys, sort=True).size().rename("n").reset_index()
    return table.sort_values("n", ascending=False, kind="stable", ignore_index=True)


# -- how fast, how hasty -----------------------------------------------------------------------


def speed(annotations: pd.DataFrame) -> pd.DataFrame:
    """A row a person with times, by name; `seconds` above five minutes count as five.

    annotator, n_timed, median_seconds, active_hours, per_hour; pace: the usual time beside that
    of the crowd for the same items, 0.5 = half of it.
    """
    timed = _timed(annotations)
    seconds = timed["seconds"].clip(upper=SLOWEST)
    grouped = seconds.groupby(timed["annotator"], sort=True)
    hours = grouped.sum() / 3600.0
    pace = np.exp(timed["person"].groupby(timed["annotator"], sort=True).first())
    table = pd.DataFrame(
        {
            "n_timed": grouped.size(),
            "median_seconds": grouped.median(),
            "active_hours": hours,
            "per_hour": grouped.size() / hours,
            "pace": pace,
        }
    )
    return table.rename_axis("annotator").reset_index()


def times(annotations: pd.DataFrame) -> pd.DataFrame:
    """The standing answers that have `seconds`, each beside what was to be expected.

    The columns of `compared`, and expected: the seconds that this person usually takes for such
    an item (its length, if there is one, and what others took for it); own_z: how far below or
    above that, in robust standard deviations of log time; crowd_z: the same beside what anybody
    takes; hasty: either is below -2.5.
    """
    timed = _timed(annotations)
    timed["expected"] = np.exp(timed["typical"] + timed["person"])
    timed["own_z"] = timed["left"] / _own_spread(timed)
    people = timed.groupby("annotator")["person"].first().to_numpy()
    spread = np.hypot(_spread(people), _spread(timed["left"].to_numpy()))
    timed["crowd_z"] = (timed["left"] + timed["person"]) / spread
    timed["hasty"] = (timed["own_z"] < FAST) | (timed["crowd_z"] < FAST)
    return timed.drop(columns=["log", "typical", "person", "left"])


def haste(annotations: pd.DataFrame) -> pd.DataFrame:
    """A row a person with hasty answers, the surest case of harm first.

    annotator, n_timed, n_hasty (of the compared answers), agreement of these, `rest` of the other
    answers (the own ones, or the crowd's where there are fewer than `n_hasty`), change with `low`
    and `high` (Newcombe), p: of Fisher's one-sided test that hasty answers agree less.
    """
    known = times(annotations).dropna(subset=["agrees"])
    grouped = known.groupby("annotator", sort=True)
    table = pd.DataFrame({"n_timed": grouped.size(), "n_hasty": grouped["hasty"].sum()})
    table = table[table["n_hasty"] > 0].astype(float)
    calm, hurried = known[~known["hasty"]], known[known["hasty"]]
    hits = hurried.groupby("annotator")["agrees"].sum().reindex(table.index).to_numpy(float)
    n = table["n_hasty"].to_numpy()
    own = calm.groupby("annotator")["agrees"].agg(["sum", "size"]).reindex(table.index).fillna(0.0)
    enough = own["size"].to_numpy() >= n
    rest_hits = np.where(enough, own["sum"], calm["agrees"].sum() - own["sum"])
    rest_n = np.where(enough, own["size"], len(calm) - own["size"])
    agreement, rest = _share(hits, n), _share(rest_hits, rest_n)
    low, high = newcombe(agreement, n, rest, rest_n)
    p = fewer_hits(hits, n, rest_hits, rest_n)
    table = table.astype(np.int64).assign(
        agreement=agreement, rest=rest, change=agreement - rest, low=low, high=high, p=p
    )
    table = table.rename_axis("annotator").reset_index()
    return table.sort_values("p", kind="stable", ignore_index=True)


def _timed(annotations: pd.DataFrame) -> pd.DataFrame:
    """The compared answers with times, and log time split: typical + person + left = log."""
    table = compared(annotations)
    seconds = pd.to_numeric(table.get("seconds", pd.Series(np.nan, table.index)), errors="coerce")
    timed = table.assign(seconds=seconds)[seconds > 0].reset_index(drop=True)
    log = np.log(timed["seconds"].clip(lower=SHORTEST))
    typical = _by_length(log, timed.get("length"))
    person = _medians(log - typical, timed["annotator"])
    item = _medians(log - typical - person, timed["item"])
    several = timed.groupby("item")["item"].transform("size")
    typical = typical + item * (several - 1) / (several + 2)  # one answer says nothing of its item
    person = _medians(log - typical, timed["annotator"])
    return timed.assign(log=log, typical=typical, person=person, left=log - typical - person)


def _by_length(log: pd.Series[float], length: pd.Series[float] | None) -> pd.Series[float]:
    """Typical log time by length: the middle of twenty bins of equal size, or of all."""
    if length is None or length.isna().any() or length.nunique() < 2:
        return pd.Series(float(log.median()) if len(log) else 0.0, index=log.index)
    bins = pd.qcut(length.rank(method="first"), min(20, max(1, len(log) // 50)), labels=False)
    return _medians(log, bins)


def _medians(values: pd.Series[float], by: pd.Series[object]) -> pd.Series[float]:
    return values.groupby(by).transform("median")


def _own_spread(timed: pd.DataFrame) -> pd.Series[float]:
    """A person's own spread of log times, pulled to everybody's by ten answers."""
    usual = _spread(timed["left"].to_numpy())
    own = MAD * _medians(timed["left"].abs(), timed["annotator"])
    n = timed.groupby("annotator")["left"].transform("size")
    return np.sqrt((n * own**2 + 10.0 * usual**2) / (n + 10.0))


def _spread(values: Floats) -> float:
    """A robust standard deviation, never quite 0."""
    if not len(values):
        return 1.0
    return max(MAD * float(np.median(np.abs(values - np.median(values)))), 0.05)


# -- how steady --------------------------------------------------------------------------------


class Repeats(NamedTuple):
    """Answers of one person to one item that had an answer of theirs before, and the two labels."""

    annotator: npt.NDArray[np.object_]
    item: npt.NDArray[np.object_]
    before: npt.NDArray[np.object_]
    after: npt.NDArray[np.object_]


def repeats(annotations: pd.DataFrame) -> Repeats:
    """Every answer that repeats one, oldest first, with the answer right before it.

    Pass what was asked twice only: a correction of one's answer is a change of mind, not drift.
    """
    answers = annotations.dropna(subset=["item", "annotator", "label"])
    if "order" in answers:
        answers = answers.sort_values("order", kind="stable")
    before = answers.groupby(["item", "annotator"])["label"].shift()
    again = answers[before.notna()]
    columns = (again["annotator"], again["item"], before[before.notna()], again["label"])
    return Repeats(*(column.to_numpy(dtype=object) for column in columns))


def self_agreement(annotations: pd.DataFrame) -> pd.DataFrame:
    """A row a person who was asked something twice, the least agreement first.

    annotator, n_repeats, same: the share of equal answers with `low` and `high` (Wilson), kappa
    (Cohen 1960), NaN where one class was given throughout.
    """
    found = repeats(annotations)
    frame = pd.DataFrame(found._asdict())
    frame["same"] = frame["before"] == frame["after"]
    grouped = frame.groupby("annotator", sort=True)
    n = grouped.size().to_numpy(dtype=float)
    same = grouped["same"].sum().to_numpy(dtype=float) / np.maximum(n, 1.0)
    low, high = wilson(same, n)
    table = pd.DataFrame(
        {
            "annotator": np.array(list(grouped.groups), dtype=object),
            "n_repeats": n.astype(np.int64),
            "same": same,
            "low": low,
            "high": high,
            "kappa": _kappas(frame, same),
        }
    )
    return table.sort_values("same", kind="stable", ignore_index=True)


def _kappas(frame: pd.DataFrame, same: Floats) -> Floats:
    """Cohen's kappa of the two answers per annotator, sorted by name."""
    sides = [
        frame.groupby("annotator", sort=True)[side].value_counts(normalize=True)
        .rename_axis(["annotator", "label"])
        for side in ("before", "after")
    ]  # fmt: skip
    both = pd.concat(sides, axis=1).fillna(0.0).prod(axis=1)
    expected = both.groupby(level=0, sort=True).sum().to_numpy(dtype=float)
    kappa: Floats = (same - expected) / np.where(expected < 1.0, 1.0 - expected, np.nan)
    return kappa


def over_time(annotations: pd.DataFrame) -> pd.DataFrame:
    """Agreement in the first, second and last third of each person's compared answers.

    annotator, third (1 to 3), n, agreement, `low`, `high` (Wilson); people with three or more.
    """
    known = _thirds(annotations)
    people = _hits(known.groupby(["annotator", "third"], sort=True)["agrees"])
    hits, n = people["hits"].to_numpy(), people["n_compared"].to_numpy()
    low, high = wilson(_share(hits, n), n)
    table = people.index.to_frame(index=False)
    return table.assign(n=n.astype(np.int64), agreement=_share(hits, n), low=low, high=high)


def fading(annotations: pd.DataFrame) -> pd.DataFrame:
    """A row a person, the surest loss first: the last third of their answers beside the first.

    annotator, n_compared, first and last (agreement), change with `low` and `high` (Newcombe),
    p: of Fisher's one-sided test that the last third agrees less.
    """
    table = over_time(annotations)
    wide = table.pivot(index="annotator", columns="third", values=["n", "agreement"])
    wide = wide.reindex(columns=pd.MultiIndex.from_product([["n", "agreement"], [1, 2, 3]]))
    n_first, n_last = (wide["n"][third].to_numpy(dtype=float) for third in (1, 3))
    first, last = (wide["agreement"][third].to_numpy(dtype=float) for third in (1, 3))
    low, high = newcombe(last, n_last, first, n_first)
    found = pd.DataFrame(
        {
            "annotator": wide.index.to_numpy(dtype=object),
            "n_compared": wide["n"].sum(axis=1).to_numpy(dtype=np.int64),
            "first": first,
            "last": last,
            "change": last - first,
            "low": low,
            "high": high,
            "p": fewer_hits(np.rint(last * n_last), n_last, np.rint(first * n_first), n_first),
        }
    )
    return found.sort_values("p", kind="stable", ignore_index=True)


def _thirds(annotations: pd.DataFrame) -> pd.DataFrame:
    known = compared(annotations).dropna(subset=["agrees"])
    grouped = known.groupby("annotator", sort=True)["agrees"]
    size = grouped.transform("size")
    known = known.assign(third=1 + 3 * grouped.cumcount() // size)
    return known[size >= 3]
