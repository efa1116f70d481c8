"""Annotators as a team: who is at work, how far they agree, what the model's suggestion does."""

from __future__ import annotations

import math
import time
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from labeling.core.comparison import (
    Interval,
    Two,
    about,
    answers_needed,
    excludes_zero,
    pooled,
    stratified,
)
from labeling.project import Project
from labeling.store import changes, events, evidence
from labeling.store.evidence import Answer, Suggested
from quality import agreement as measures

RECENT_SECONDS = 600
FEWEST_AN_ARM = 30
PRESENT = ["annotator", "working_on", "held", "last_answer", "recent", "seconds_per_answer"]
INFLUENCE = [
    "annotator", "n_shown", "n_hidden", "followed_shown", "followed_hidden",
    "delta", "low", "high", "seconds_shown", "seconds_hidden", "words",
]  # fmt: skip


class Arm(NamedTuple):
    """Labels given with the suggestion shown, or hidden: how many followed it, and how many."""

    followed: float
    n: int

    @property
    def share(self) -> float:
        """Those that followed, in [0, 1]."""
        return self.followed / self.n if self.n else np.nan


def agreement(project: Project) -> pd.DataFrame | None:
    """Agreement between annotators, or None while no two of them answered the same item."""
    rows = [
        (item, who, label)
        for item, who, kind, label, _ in events.answers(project.db)
        if kind == "label"
    ]
    answers = pd.DataFrame(rows, columns=["item", "annotator", "label"])
    return measures.agreement(answers) if answers["item"].duplicated().any() else None


VERSIONS = ["version", "measure", "value", "low", "high", "n_items"]


def agreement_by_guideline(project: Project) -> pd.DataFrame | None:
    """Agreement of everybody under each version of the label set and its guideline: VERSIONS.

    Answers under different versions are never compared. Intervals of 95 % (bootstrap over items).
    None while no two people answered the same item under one version.
    """
    columns = ["item", "annotator", "label", "group", "order"]
    given = pd.DataFrame(events.labels_by_version(project.db), columns=columns)
    shared = given.groupby(["group", "item"])["annotator"].transform("nunique") > 1
    if not shared.any():
        return None
    found = measures.by_group(given[given["group"].isin(given.loc[shared, "group"])])
    return found.assign(version=found["group"].astype(int))[VERSIONS]


# Who is here


def present(project: Project, *, now: float | None = None) -> pd.DataFrame:
    """Who has answered in the last ten minutes or just come, the latest answer first.

    annotator; working_on (a queue's title); held (items in hand); last_answer (seconds ago);
    recent (answers in the last ten minutes); seconds_per_answer (median since midnight of the
    server's day). Missing where there was no answer today.
    """
    now = time.time() if now is None else now
    with project.reading():
        holding = evidence.leases(project.db, now=now)
        since = min(_midnight(now), now - RECENT_SECONDS)
        answers = evidence.answers_since(project.db, _iso(since))
        titles = {c.change_id: c.title for c in changes.every(project.db)}
    today: dict[str, list[Answer]] = {}
    for answer in answers:
        today.setdefault(answer.annotator, []).append(answer)
    held: dict[str, dict[int, int]] = {}
    for lease in holding:
        held.setdefault(lease.annotator, {})[lease.change_id] = lease.held
    rows = [
        _presence(who, held.get(who, {}), today.get(who, []), titles=titles, now=now)
        for who in {**held, **today}
    ]
    frame = pd.DataFrame(rows, columns=PRESENT)
    just_came = (frame["held"] > 0) & frame["last_answer"].isna()
    here = frame[just_came | (frame["recent"] > 0)]
    return here.sort_values(["last_answer", "annotator"], ignore_index=True)


def _presence(
    who: str,
    held: Mapping[int, int],
    answers: list[Answer],
    *,
    titles: Mapping[int, str],
    now: float,
) -> tuple[Any, ...]:
    last = max((answer.at for answer in answers), default=None)
    recent = _iso(now - RECENT_SECONDS)
    seconds = [answer.ms / 1000 for answer in answers if answer.ms]
    at = next(iter(held), answers[-1].change_id if answers else 0)
    return (
        who,
        titles.get(at, ""),
        sum(held.values()),
        np.nan if last is None else max(0.0, now - datetime.fromisoformat(last).timestamp()),
        sum(answer.at >= recent for answer in answers),
        float(np.median(seconds)) if seconds else np.nan,
    )


def _iso(moment: float) -> str:
    return datetime.fromtimestamp(moment, UTC).isoformat(timespec="milliseconds")


def _midnight(moment: float) -> float:
    day = datetime.fromtimestamp(moment)
    return day.replace(hour=0, minute=0, second=0, microsecond=0).timestamp()


# The influence of the suggestion


def influence(project: Project) -> pd.DataFrame | None:
    """How often people give the label that the model suggests, when they see it and when not.

    One row for everybody (annotator ''), then one a person. Whether it is hidden is drawn by lot,
    but how often is a setting, and the model changes: shown and hidden are compared only within a
    batch while one setting was in force, and labels that have nothing beside them are left out
    (unless they are all there is; then delta is 0 in [-1, 1]). Of an item that several
    people answered, the first answer counts, so that no two rows depend on each other.

    Shares in [0, 1], standardised over these strata; delta is shown minus hidden with a 95 %
    interval (`comparison.stratified`); seconds are medians. None while no label was given where
    the model had a suggestion. Pool items only: gold is never asked with one.
    """
    labels = evidence.suggested(project.db)
    if not labels:
        return None
    people = sorted({label.annotator for label in labels})
    rows = [_influence("", labels)]
    if len(people) > 1:
        rows += [_influence(who, [x for x in labels if x.annotator == who]) for who in people]
    return pd.DataFrame(rows, columns=INFLUENCE)


def _influence(who: str, labels: Iterable[Suggested]) -> tuple[Any, ...]:
    strata = _strata(labels)
    both = [stratum for stratum in strata if all(stratum.values())]
    compared = both or strata
    seen, unseen = ([x for stratum in compared for x in stratum[arm]] for arm in (True, False))
    counts = [_counts(stratum) for stratum in both]
    difference = stratified(counts)
    if both:
        followed = pooled(counts)
        shown, hidden = Arm(*followed[:2]), Arm(*followed[2:])
    else:
        shown, hidden = _arm(seen), _arm(unseen)
    return (
        who, shown.n, hidden.n, shown.share, hidden.share, *difference,
        _median_seconds(seen), _median_seconds(unseen),
        "" if who else influence_in_words(difference, shown=shown, hidden=hidden),
    )  # fmt: skip


def _strata(labels: Iterable[Suggested]) -> list[dict[bool, list[Suggested]]]:
    """The first label of each item, by whether the suggestion was shown, within what compares."""
    first: dict[str, Suggested] = {}
    for label in labels:
        first.setdefault(label.item_id, label)
    found: dict[tuple[int, int], dict[bool, list[Suggested]]] = {}
    for label in first.values():
        stratum = found.setdefault((label.change_id, label.setting), {True: [], False: []})
        stratum[bool(label.context.get("shown"))].append(label)
    return list(found.values())


def _counts(stratum: Mapping[bool, list[Suggested]]) -> Two:
    return Two(*_arm(stratum[True]), *_arm(stratum[False]))


def _arm(labels: Sequence[Suggested]) -> Arm:
    return Arm(sum(map(_followed, labels)), len(labels))


def _followed(label: Suggested) -> bool:
    return bool(label.label == label.context.get("suggested"))


def _median_seconds(labels: Iterable[Suggested]) -> float:
    seconds = [label.ms / 1000 for label in labels if label.ms]
    return float(np.median(seconds)) if seconds else np.nan


def influence_in_words(difference: Interval, *, shown: Arm, hidden: Arm) -> str:
    """A sentence for people: which way the suggestion draws them, or what is missing to tell."""
    few, where = min((shown.n, "shown"), (hidden.n, "hidden"))
    if few < FEWEST_AN_ARM:
        return f"Not decided: needs about {FEWEST_AN_ARM - few} more labels with it {where}."
    low, high = 100 * difference.low, 100 * difference.high
    if low <= -100 and high >= 100:
        return "Not decided: no batch has labels both with it shown and with it hidden."
    if excludes_zero(difference):
        near, far = sorted((abs(low), abs(high)))
        return (
            f"People follow the suggestion {100 * abs(difference.value):.0f} points "
            f"({near:.0f} to {far:.0f}) {'more' if low > 0 else 'less'} often when they see it: "
            f"{shown.share:.0%} of {shown.n:,} labels with it on the screen, "
            f"{hidden.share:.0%} of {hidden.n:,} without."
        )
    seen = f"Not decided: {100 * difference.value:+.0f} points ({low:.0f} to {high:.0f})"
    needed = answers_needed(*shown, *hidden)
    if needed is None:
        return f"{seen}: no difference was seen."
    n = shown.n + hidden.n
    return f"{seen}: needs about {about(max(needed - n, math.ceil(n / 10)))} more labels."
