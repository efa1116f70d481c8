"""Who is at the screen: a typed name that this browser remembers, or a login by OpenID Connect.

With `[auth]` in Streamlit's secrets nobody gets anywhere without logging in. Without it a name is
typed once; it proves nothing, and keeps people apart who mean well.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote, urlsplit

import streamlit as st
from streamlit.errors import StreamlitSecretNotFoundError

from labeling import people
from labeling.errors import GroundworkError
from labeling.people import ANNOTATOR, OWNER, REVIEWER
from labeling.project import Project, open_project
from pages.shared import choice, packaged

# The role that each page is for. The menu, the guard of the pages and the tests read it.
PAGE_ROLES = {
    "overview": ANNOTATOR,
    "label": ANNOTATOR,
    "review": REVIEWER,
    "quality": REVIEWER,
    "impact": REVIEWER,
    "duel": REVIEWER,
    "learner": REVIEWER,
    "team": REVIEWER,
    "reports": OWNER,
    "data": OWNER,
    "requirements": OWNER,
}

COOKIE = "groundwork_name"
LONGEST_NAME = 60


def name() -> str:
    """The name that answers are written under; empty while nobody has given one or logged in."""
    if login_is_needed():
        return vouched_name(st.user.to_dict())
    return people.clean_name(str(st.session_state.get("name") or ""))


def role() -> str:
    """The role in the chosen project, with or without a name; where none is chosen, owner."""
    info = choice.chosen()
    if info is None:
        return OWNER
    with open_project(info.path) as project:
        return role_in(project, name())


def role_in(project: Project, name: str) -> str:
    """What somebody is in a project. Pages and routes ask here: it needs no script run.

    Only where names are typed a project without an owner is everybody's.
    """
    return people.role_of(project, name, open_to_all=not login_is_needed())


def require(project: Project, needed: str) -> None:
    """Raise ForbiddenError if the person at the screen may not do what `needed` is needed for."""
    people.require(project, name(), needed, open_to_all=not login_is_needed())


def lacks_owner(project: Project) -> bool:
    """Whether nobody can be more than an annotator before somebody is made owner by command."""
    return login_is_needed() and not people.has_owner(project)


def may_open(page: str) -> bool:
    """Whether the person at the screen may open a page of the menu, by its file's name."""
    return people.allows(role(), PAGE_ROLES[page])


def creator() -> str | None:
    """Who will own a project made now: whoever is logged in, nobody where names prove nothing."""
    return name() if login_is_needed() else None


# Logging in


def login_is_needed() -> bool:
    """Whether there is an `[auth]` section in Streamlit's secrets.

    Raises GroundworkError where secrets are there but cannot be read: a typo opens no door.
    """
    try:
        return "auth" in st.secrets
    except StreamlitSecretNotFoundError:
        if any(Path(file).exists() for file in st.get_option("secrets.files")):
            raise GroundworkError(
                "The secrets of this server cannot be read, so nobody is let in. "
                "Whoever runs Groundwork finds the reason in the server's log."
            ) from None
        return False


def is_admitted() -> bool:
    """Whether the person at the screen may see anything: always, where no login is needed."""
    return admits(name()) if login_is_needed() else True


def admits(name: str) -> bool:
    """Whether the person whom a login vouches for is let in.

    Everybody is, unless `[groundwork]` in the secrets has a list `admit` of names and of domains
    such as `@lab.org`. Raises GroundworkError where that section says something else.
    """
    listed = _admitted()
    return bool(name) and (listed is None or is_listed(name, listed))


def is_listed(name: str, admitted: Sequence[str]) -> bool:
    """Whether a name is on the list, as itself or by the domain of its e-mail address.

    >>> is_listed("ann@lab.org", ["@lab.org"]), is_listed("ann@sub.lab.org", ["@lab.org"])
    (True, False)
    """
    domain = name[name.index("@") :] if people.is_email(name) else None
    return any(people.clean_name(one) == name or one.strip().lower() == domain for one in admitted)


def _admitted() -> list[str] | None:
    section = st.secrets.get("groundwork")
    if section is None:
        return None
    said = dict(section) if isinstance(section, Mapping) else {}
    admitted = said.pop("admit", None)
    texts = isinstance(admitted, list) and all(isinstance(one, str) for one in admitted)
    if said or not texts:
        raise GroundworkError(
            "The section [groundwork] of this server's secrets has one line, admit = [...] with "
            "names in quotes. As it has not, nobody is let in."
        )
    return list(admitted)


def vouched_name(claims: Mapping[str, Any]) -> str:
    """The name for what an OpenID Connect provider says of somebody; empty if not logged in.

    A verified e-mail address, else the subject and its issuer. The display name is everybody's own
    choice, and so is an unverified address: neither may become who one is.

    >>> vouched_name({"is_logged_in": True, "email": "Ann@Lab.org", "email_verified": True})
    'ann@lab.org'
    >>> vouched_name({"is_logged_in": True, "sub": "42", "iss": "https://id.lab.org"})
    '42 (id.lab.org)'
    """
    if claims.get("is_logged_in") is not True:
        return ""
    email = str(claims.get("email") or "").strip()
    plain = people.is_email(email) and email.lower() == people.clean_name(email)
    if claims.get("email_verified") in (True, "true") and plain:
        return email.lower()
    subject, issuer = str(claims.get("sub") or ""), urlsplit(str(claims.get("iss") or ""))
    where = f"{issuer.netloc}{issuer.path.rstrip('/')}"
    return people.clean_name(f"{subject} ({where})") if subject else ""


def show_login() -> None:
    """What there is to see for somebody who is not logged in, or not admitted."""
    st.title("Groundwork", anchor=False)
    if name():
        st.text(f"You are logged in as {name()}, but not admitted here.")
        st.button("Log out", icon=":material/logout:", on_click=st.logout)
        return
    st.write("Log in to label, to review, and to see what each change of the data did.")
    providers = [key for key, value in st.secrets["auth"].items() if isinstance(value, Mapping)]
    for provider in [each for each in providers if each != "client_kwargs"] or [None]:
        words = "Log in" if provider is None else f"Log in with {provider.capitalize()}"
        st.button(
            words, type="primary", icon=":material/login:", on_click=st.login, args=(provider,),
            key=f"login-{provider}",
        )  # fmt: skip


# The sidebar


def show_person() -> None:
    """In the sidebar: the field for one's name, or who one is and the way out."""
    if login_is_needed():
        st.text_input("Logged in as", value=name(), disabled=True)
        st.button("Log out", icon=":material/logout:", on_click=st.logout)
        return
    kept = st.session_state.get("kept_name", unquote(st.context.cookies.get(COOKIE, "")))
    st.session_state.setdefault("name", kept[:LONGEST_NAME])
    st.text_input(
        "Your name",
        key="name",
        on_change=_keep_name,
        max_chars=LONGEST_NAME,
        placeholder="Answers are kept under it",
        autocomplete="name",
    )
    if "kept_name" in st.session_state:
        _remember(st.session_state["kept_name"])


def _keep_name() -> None:
    st.session_state["kept_name"] = name()


def _remember(value: str) -> None:
    """Have the browser keep the name for a year; an empty one is forgotten."""
    folder = Path(__file__).resolve().parent / "remember"
    path = "/" + st.get_option("server.baseUrlPath").strip("/")
    packaged.component("remember", folder, js="remember.js")(
        key="remember", data={"cookie": COOKIE, "value": value, "path": quote(path)}
    )
