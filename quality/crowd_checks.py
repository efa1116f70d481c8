"""Checks on annotators and their answers: A1xx, O602.

Each test is made for everybody, with Holm's correction, at a level of 0.01, and asks for an effect
of some size too: one clean table in a hundred has a finding at the most.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd

from quality import annotators, outliers
from quality.agreement import agreement
from quality.findings import TABLE, Dataset, Findings
from quality.inference import holm, surely_below

Floats = npt.NDArray[np.float64]

LEVEL = 0.01
MARGIN = 0.1
STEADY = 0.8
RELIABLE = 0.667
FEWEST_HASTY = 5
FEWEST_ITEMS = 20


def low_agreement(dataset: Dataset) -> Findings:
    """People who surely agree ten points less with the others than the rest does; score = theirs.

    The own answer is left out, so two people who disagree are both right or both wrong.
    """
    table = annotators.quality(dataset.crowd)
    n = table["n_compared"].to_numpy(dtype=np.float64)
    limit = np.clip(table["rest"].fillna(0.0).to_numpy() - MARGIN, 0.0, 1.0)
    p = holm(surely_below(_hits(table["agreement"], n), n, limit))
    found = table[(p < LEVEL)]
    messages = [
        f"{row.annotator} agrees with the others on {row.agreement:.0%} of {row.n_compared:,} "
        f"items [{row.low:.0%}, {row.high:.0%}]; the rest agree on {row.rest:.0%}."
        for row in found.itertuples()
    ]
    return _about_people(found, messages, found["agreement"])


def hasty_answers(dataset: Dataset) -> Findings:
    """Answers far too fast for their person or item, of people whose fast answers agree less.

    Surely ten points less (Fisher), on five answers or more; score = the agreement of a person's
    hasty answers.
    """
    answers = dataset.crowd
    people = annotators.haste(answers)
    harmful = (holm(people["p"]) < LEVEL) & (people["change"] <= -MARGIN).to_numpy()
    people = people[harmful & (people["n_hasty"] >= FEWEST_HASTY).to_numpy()]
    times = annotators.times(answers)
    found = times[times["hasty"]].merge(people, on="annotator")
    messages = [
        f"{row.annotator} answered in {row.seconds:.1f} s; hasty answers of theirs ({row.n_hasty}) "
        f"agree with the others on {row.agreement:.0%} of the items, others on {row.rest:.0%}."
        for row in found.itertuples()
    ]
    return Findings(found["row"].to_numpy(), found["agreement"].to_numpy(), messages)


def self_contradictions(dataset: Dataset) -> Findings:
    """Items to which a person gave two answers, for people who surely do so in a fifth of cases.

    score = the share of that person's repeated answers that were the same.
    """
    answers = dataset.crowd
    people = annotators.self_agreement(answers)
    n = people["n_repeats"].to_numpy(dtype=np.float64)
    p = holm(surely_below(_hits(people["same"], n), n, np.full(len(n), STEADY)))
    unsteady = people[p < LEVEL].set_index("annotator")
    again = pd.DataFrame(annotators.repeats(answers)._asdict())
    found = again[(again["before"] != again["after"]) & again["annotator"].isin(unsteady.index)]
    found = found.join(unsteady[["same", "n_repeats"]], on="annotator")
    rows = answers.drop_duplicates("item").set_index("item")["row"].reindex(found["item"])
    messages = [
        f"{row.annotator} answered '{row.before}', and asked again '{row.after}'; of "
        f"{row.n_repeats} repeated answers of theirs {row.same:.0%} are the same."
        for row in found.itertuples()
    ]
    return Findings(rows.to_numpy(dtype=np.int64), found["same"].to_numpy(), messages)


def fading_agreement(dataset: Dataset) -> Findings:
    """People who surely agree ten points less in their last third of answers than in the first.

    score = their agreement in the last third.
    """
    table = annotators.fading(dataset.crowd)
    fades = (holm(table["p"]) < LEVEL) & (table["change"] <= -MARGIN).to_numpy()
    found = table[fades]
    messages = [
        f"{row.annotator} agreed with the others on {row.first:.0%} of the first third of "
        f"{row.n_compared:,} answers and on {row.last:.0%} of the last."
        for row in found.itertuples()
    ]
    return _about_people(found, messages, found["last"])


def unreliable_labels(dataset: Dataset) -> Findings:
    """Krippendorff's alpha surely under 0.667, his limit for tentative conclusions; score = it."""
    table = agreement(dataset.crowd, resamples=400).set_index("measure")
    alpha = table[table["annotator_a"] == ""].loc["krippendorff_alpha"]
    if alpha["n_items"] < FEWEST_ITEMS or not alpha["high"] < RELIABLE:
        return Findings()
    message = (
        f"Krippendorff's alpha is {alpha['value']:.2f} [{alpha['low']:.2f}, {alpha['high']:.2f}] "
        f"over {alpha['n_items']:,} items; under {RELIABLE} labels carry no conclusions."
    )
    return Findings([TABLE], [max(float(alpha["value"]), 0.0)], [message])


def unlearnable_items(dataset: Dataset) -> Findings:
    """Items that are flagged, skipped by all, or always disputed (`outliers.unlearnable`)."""
    answers = dataset.crowd
    found = outliers.unlearnable(answers).drop_duplicates("item")
    rows = answers.drop_duplicates("item").set_index("item")["row"].reindex(found["item"])
    return Findings(rows.to_numpy(np.int64), found["score"].to_numpy(float), list(found["message"]))


def _hits(share: pd.Series[float], n: Floats) -> Floats:
    hits: Floats = np.rint(share.fillna(0.0).to_numpy() * n)
    return hits


def _about_people(found: pd.DataFrame, messages: list[str], scores: pd.Series[float]) -> Findings:
    people = [str(name) for name in found["annotator"]]
    return Findings([TABLE] * len(messages), scores.to_numpy(), messages, subjects=people)
