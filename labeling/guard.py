"""The guard: why the figures of a project can be believed, and where they cannot.

Every reason is checked against the log of the day, none is promised.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from labeling import audits, batches, gold_age, impact, verified_gain
from labeling.core import gold
from labeling.core.comparison import Interval
from labeling.core.gold import Figure
from labeling.core.log import DataVersion
from labeling.project import Project
from labeling.store import changes, evidence
from labeling.versions import Snapshot

GOOD, OPEN, BAD = "good", "open", "bad"
LEAKS = "Leaks"


class Reason(NamedTuple):
    """What was looked at, how it stands (good, open: cannot be told yet, or bad), and in words."""

    what: str
    state: str
    words: str


def guard(project: Project) -> list[Reason]:
    """The reasons, in the order of REASONS. Nothing is fitted."""
    snapshot = Snapshot(project)
    return [Reason(what, *check(snapshot)) for what, check in REASONS.items()]


def _headline(snapshot: Snapshot) -> tuple[str, str]:
    """Random gold alone makes the headline, and enough of it."""
    known = snapshot.gold()
    figure = Figure("gold", Interval(0.0, 0.0, 1.0), len(known), chosen=_chosen(snapshot) > 0)
    if figure.chosen:
        return BAD, f"{_chosen(snapshot)} gold labels were chosen by a strategy: no fair sample"
    missing = impact.gold_needed(figure.n)
    if gold.headline([figure]) is None or missing:
        return OPEN, str(missing)
    marked = _marked(snapshot) & known.keys()
    if marked:
        return OPEN, (
            f"{len(marked):,} of {len(known):,} gold labels were marked by a file: whether those "
            "rows are a fair sample the log cannot tell"
        )
    return GOOD, (
        f"the headline is measured on {figure.n:,} gold labels; all were drawn by chance, none "
        "was chosen by a strategy"
    )


def _marked(snapshot: Snapshot) -> set[str]:
    """Items that a file brought as gold."""
    return {e.item_id for e in snapshot.log if e.kind == "label" and e.change_kind == "gold"}


def _chosen(snapshot: Snapshot) -> int:
    """Gold labels of items that a batch asked for another reason than chance."""
    why = evidence.reasons(snapshot.project.db)
    return sum(why.get(item, batches.GOLD) != batches.GOLD for item in snapshot.gold())


def _apart(snapshot: Snapshot) -> tuple[str, str]:
    """No item that measures, and none of its near-duplicate cluster, trains."""
    policy = snapshot.config()["policy"]
    training = snapshot.training_set(DataVersion(snapshot.upto, policy=policy)).labels
    trained = {snapshot.items[snapshot.position[item]].cluster for item in training}
    both = [row for row in snapshot.reservoir if snapshot.items[row].cluster in trained]
    if both:
        return BAD, f"{len(both)} reserved items share a cluster of near-duplicates with training"
    return GOOD, (
        f"none of the {len(snapshot.reservoir):,} reserved items shares a cluster of "
        f"near-duplicates with the {len(training):,} training rows"
    )


def _skipped(snapshot: Snapshot) -> tuple[str, str]:
    skipped = batches.skipped_gold(snapshot.project)
    if not skipped and not snapshot.gold():
        return OPEN, "no gold draw has an answer yet"
    if skipped:
        return BAD, impact.skipped_words(skipped)
    return GOOD, "every gold draw that was shown has an answer, so no hard ones are left out"


def _split(snapshot: Snapshot) -> tuple[str, str]:
    """Fresh labels either decide what is kept or report what it gained."""
    fresh = verified_gain.ruled_on(snapshot)
    deciding = int(gold.decides(fresh, seed=snapshot.seed).sum())
    if not fresh:
        return OPEN, (
            "nothing was verified yet: half of the rulings will decide, the other half will report"
        )
    return GOOD, (
        f"of {len(fresh):,} fresh rulings {deciding:,} decide what is kept and "
        f"{len(fresh) - deciding:,} report what it gained; none does both"
    )


def leaks(project: Project) -> Reason:
    """Whether a score may be flattered by near-duplicates, from the newest audit alone."""
    return Reason(LEAKS, *_told(project))


def _leaks(snapshot: Snapshot) -> tuple[str, str]:
    return _told(snapshot.project)


def _told(project: Project) -> tuple[str, str]:
    found = audits.outcomes(project)
    own = found[found["code"] == audits.LEAK]
    if own.empty or own.iloc[0]["status"] in ("not applicable", "failed"):
        return OPEN, "the check for near-duplicates of gold in training has not run yet"
    status, message = own.iloc[0]["status"], str(own.iloc[0]["message"])
    newer = _since_the_audit(project)
    if status == "passed" and newer:
        return OPEN, f"not looked at since “{newer[-1]}”: run the checks again"
    if status == "passed":
        return GOOD, "no reserved item has a near-duplicate among the items that may train"
    return BAD, message[:1].lower() + message[1:].rstrip(".")


def _since_the_audit(project: Project) -> list[str]:
    """Titles of changes that brought or edited items since the checks ran."""
    ran = str(audits.audits_table(project)["at"].iloc[-1])
    made = changes.every(project.db)
    return [c.title for c in made if c.kind in ("import", "repair") and c.at > ran]


def _age(snapshot: Snapshot) -> tuple[str, str]:
    found = gold_age.age(snapshot.project)
    if not found.n_gold:
        return OPEN, "there is no gold that could have decided anything"
    return BAD if found.is_worn else GOOD, f"{found.in_words()} (it bears {found.most})"


# In the order in which a page shows them.
REASONS: dict[str, Callable[[Snapshot], tuple[str, str]]] = {
    "Random gold": _headline,
    "Apart from training": _apart,
    "Hard items": _skipped,
    "Decide or report": _split,
    LEAKS: _leaks,
    "Age of gold": _age,
}
