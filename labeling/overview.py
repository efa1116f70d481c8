"""Where a project stands and what to do next, in a few figures and sentences."""

from __future__ import annotations

from typing import NamedTuple

from labeling import control_arm, impact, issues, queue, review, rounds, worker
from labeling.core.comparison import MIN_GOLD
from labeling.project import Project
from labeling.store import items, slots


class Standing(NamedTuple):
    """A project in figures."""

    round_no: int
    pool: int
    labelled: int
    reservoir: int
    gold: int
    answered: int
    asked: int
    open_issues: int
    blocking_issues: int
    aside: int = 0


class Step(NamedTuple):
    """Something to do next: a sentence and the page where it is done."""

    text: str
    page: str


def standing(project: Project) -> Standing:
    """Count what is there."""
    db, counts = project.db, items.counts(project.db)
    trusted, labelled = items.trusted(db), items.labelled(db)
    pool = {item for item, _ in items.clusters(db, "pool")}
    answered, asked = slots.progress(db, queue.current_batch(project))
    found = issues.summary(project)
    return Standing(
        rounds.current(project),
        counts["pool"],
        len(labelled & pool),
        counts["reservoir"],
        len(trusted),
        answered,
        asked,
        sum(found.open.values()),
        found.blocking,
        len(items.aside(db)),
    )


def next_steps(project: Project, now: Standing) -> list[Step]:
    """What to do next, the most useful first."""
    steps = []
    if now.blocking_issues:
        steps.append(
            Step(
                f"{now.blocking_issues} issue(s) block the round: fix them or mute them.", "quality"
            )
        )
    for waiting in review.queues(project):
        steps.append(Step(f"{waiting.title}: {waiting.open} item(s) wait for a ruling.", "review"))
    if disputed := review.open_disagreements(project):
        steps.append(
            Step(f"People labelled {disputed} item(s) differently: rule on them.", "review")
        )
    if now.answered < now.asked:
        left = now.asked - now.answered
        steps.append(Step(f"Label the {left} item(s) left in round {now.round_no}.", "label"))
    else:
        steps.append(Step(f"Round {now.round_no} is answered: close it.", "overview"))
    if now.gold < MIN_GOLD:
        missing = MIN_GOLD - now.gold
        steps.append(Step(f"{missing} more gold labels until there is a headline.", "label"))
    elif advice := control_arm.standing_advice(project, impact.REPORT):
        steps.append(Step(f"{advice[:1].upper()}{advice[1:]}", "impact"))
    elif impact.cached(project, impact.REPORT):
        steps.append(Step("See what the last change did to the model.", "impact"))
    return steps


def can_close(project: Project, now: Standing) -> str | None:
    """Why the round cannot be closed from a page just now, or None."""
    job = worker.status(project, "close")
    if job is not None and job.state in worker.ACTIVE:
        return "the round is being closed"
    if rounds.nothing_new(project):
        return "nothing was answered or changed since the last round"
    return None
