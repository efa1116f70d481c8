"""Who may do what in a project: a small table of roles, changed by acts in the log."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping

import pandas as pd

from labeling.answers import annotator_name
from labeling.errors import ForbiddenError, InputError
from labeling.project import Project, now
from labeling.store import changes
from labeling.store import people as store

ANNOTATOR, REVIEWER, OWNER = "annotator", "reviewer", "owner"
ROLES = (ANNOTATOR, REVIEWER, OWNER)
NONE = store.NONE
NO_OWNER = (
    "no owner is listed yet, so nobody is more than an annotator. Whoever runs Groundwork sets "
    "one: python -m labeling roles PROJECT.db NAME=owner"
)
UNSEEN = {"Cc", "Cf", "Cs"}  # controls, zero-width letters, marks of direction, half letters


def role_of(project: Project, name: str, *, open_to_all: bool = False) -> str:
    """What somebody is in a project; who is not listed is an annotator.

    While it has no owner nobody is more than that. Where names prove nothing it is `open_to_all`
    instead: then everybody is its owner until one is listed.
    """
    members = store.members(project.db)
    if OWNER not in members.values():
        return OWNER if open_to_all else ANNOTATOR
    return members.get(name, ANNOTATOR)


def has_owner(project: Project) -> bool:
    """Whether somebody is listed as owner."""
    return OWNER in store.members(project.db).values()


def allows(role: str | None, needed: str) -> bool:
    """Whether a role may do what another one is needed for.

    >>> allows("owner", "reviewer"), allows("annotator", "reviewer"), allows(None, "annotator")
    (True, False, False)
    """
    return role in ROLES and ROLES.index(role) >= ROLES.index(needed)


def require(project: Project, name: str, needed: str, *, open_to_all: bool = False) -> None:
    """Raise ForbiddenError if somebody's role does not allow what `needed` is needed for."""
    role = role_of(project, name, open_to_all=open_to_all)
    if not allows(role, needed):
        remedy = "an owner can change that on the Team page." if has_owner(project) else NO_OWNER
        raise ForbiddenError(
            f"This is for {in_words(needed)}. You are {in_words(role, one=True)} in this project; "
            + remedy
        )


def in_words(role: str, *, one: bool = False) -> str:
    """A role as a sentence names it: who has at least it, or one person who has it.

    >>> in_words("reviewer"), in_words("owner", one=True)
    ('reviewers and owners', 'an owner')
    """
    if one:
        return f"{'a' if role == REVIEWER else 'an'} {role}"
    return " and ".join(f"{each}s" for each in ROLES[ROLES.index(role) :])


def table(project: Project) -> pd.DataFrame:
    """The listed people with their roles, owners first: name, role."""
    rows = sorted(store.members(project.db).items(), key=lambda row: (-ROLES.index(row[1]), row[0]))
    return pd.DataFrame(rows, columns=["name", "role"])


def set_roles(project: Project, roles: Mapping[str, str], *, author: str) -> int | None:
    """Give people roles, or `none` to strike them off; returns the change, None if nothing differs.

    Raises InputError for a role or name that cannot be, and for a list without an owner. An empty
    list is allowed; it is how every project begins.
    """
    wanted = {_clean(name): _known(role) for name, role in roles.items()}
    with project.writing():
        before = store.members(project.db)
        new = {n: r for n, r in wanted.items() if before.get(n, NONE) != r}
        if not new:
            return None
        _need_owner({**before, **new})
        title = "roles: " + ", ".join(f"{n} {before.get(n, NONE)} → {r}" for n, r in new.items())
        change = changes.add(project.db, "settings", title=title, author=author, at=now())
        store.add(project.db, change, new.items())
    return change


def roles_before(project: Project, change_id: int) -> dict[str, str]:
    """The roles before it of those that the change gave and no later one did.

    Raises InputError if setting them back would leave people listed, but no owner.
    """
    log = store.log(project.db)
    newer = {name for change, name, _ in log if change > change_id}
    given = {name for change, name, _ in log if change == change_id} - newer
    before = {name: role for change, name, role in log if change < change_id}
    roles = {name: before.get(name, NONE) for name in sorted(given)}
    if roles:
        _need_owner({**store.members(project.db), **roles})
    return roles


def _need_owner(members: Mapping[str, str]) -> None:
    left = {role for role in members.values() if role != NONE}
    if left and OWNER not in left:
        raise InputError("expected at least one owner among the roles: make somebody owner first")


def _known(role: str) -> str:
    if role not in (*ROLES, NONE):
        raise InputError(f"expected a role of {', '.join(ROLES)} or {NONE}, found '{role}'")
    return role


def _clean(name: str) -> str:
    """The name as the screen keeps it: one line, no blanks around."""
    return annotator_name(clean_name(name))


def clean_name(name: str) -> str:
    """A name with single blanks, composed letters, nothing unseen; an e-mail address in small ones.

    >>> clean_name("  Kim \\u200b\\t 철수\\n"), clean_name("Ann@Lab.org")
    ('Kim 철수', 'ann@lab.org')
    """
    composed = unicodedata.normalize("NFC", name)
    seen = (each for each in composed if each.isspace() or unicodedata.category(each) not in UNSEEN)
    clean = " ".join("".join(seen).split())
    return clean.lower() if is_email(clean) else clean


def is_email(name: str) -> bool:
    """Whether a name has the form of an e-mail address."""
    return re.fullmatch(r"[^\s@()]+@[^\s@()]+", name) is not None
