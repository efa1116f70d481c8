"""Mutes: issues and checks that somebody set aside, with a reason and a last day.

A mute is a decision in the log. What is muted is still checked and kept; it is no longer open and
blocks no round until its last day is over or somebody takes it back.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import date
from typing import NamedTuple

from labeling.errors import InputError
from labeling.project import Project, now
from labeling.store import changes, decisions

MOST_WORDS = 500


class Mute(NamedTuple):
    """Why something is set aside, until the end of which day (ISO, "" = for good), by whom."""

    reason: str
    until: str
    author: str
    at: str

    @property
    def words(self) -> str:
        """The mute as a sentence."""
        until = f"until {self.until} " if self.until else ""
        return f"Muted {until}by {self.author}: {self.reason}."


def standing(project: Project, *, today: str | None = None) -> dict[str, Mute]:
    """The mutes that hold on a day (UTC), by issue id or check code."""
    day = today or now()[:10]
    found = {}
    for subject, each in decisions.standing(project.db, decisions.MUTE).items():
        said = json.loads(each.value)
        if not said["until"] or said["until"] >= day:
            found[subject] = Mute(said["reason"], said["until"], each.author, each.at)
    return found


def of_check(muted: Mapping[str, Mute], code: str) -> Mute | None:
    """The mute of a check; that of S104 holds for S104:age too."""
    return muted.get(code, muted.get(code.split(":")[0]))


def mute(
    project: Project, subjects: Sequence[str], *, reason: str, until: str = "", author: str
) -> int:
    """Set issues or checks aside, as one change; returns it.

    Raises InputError without a reason, or for a last day that is none or is over.
    """
    reason = reason.strip().rstrip(".")
    if not reason or len(reason) > MOST_WORDS:
        raise InputError(f"say in 1 to {MOST_WORDS} characters why this is set aside")
    if until and _day(until) < date.fromisoformat(now()[:10]):
        raise InputError(f"{until} is over: name a day that is still to come")
    value = json.dumps({"reason": reason, "until": until}, ensure_ascii=False)
    return _decide(project, subjects, value, title=f"Mute {_named(subjects)}: {reason}", who=author)


def unmute(project: Project, subjects: Sequence[str], *, author: str) -> int:
    """Take mutes back, as one change. Raises InputError when none of them is muted."""
    muted = decisions.standing(project.db, decisions.MUTE)
    known = [subject for subject in subjects if subject in muted]
    return _decide(project, known, "", title=f"Unmute {_named(known)}", who=author)


def _decide(project: Project, subjects: Sequence[str], value: str, *, title: str, who: str) -> int:
    if not subjects:
        raise InputError("nothing was chosen: choose issues or a check")
    with project.writing():
        change = changes.add(project.db, "settings", title=title, author=who, at=now())
        decisions.add(
            project.db, change, decisions.MUTE, [(each, value) for each in dict.fromkeys(subjects)]
        )
    return change


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise InputError(f"expected a day like 2027-01-31, found '{text}'") from None


def _named(subjects: Sequence[str]) -> str:
    """What is spoken of: a check by its code, issues by their number."""
    if len(subjects) == 1 and len(subjects[0]) < 16:
        return subjects[0]
    return f"{len(subjects)} issue{'' if len(subjects) == 1 else 's'}"
