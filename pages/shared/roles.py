"""The roles of a project: a table for those who may look, an editor for its owners."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from labeling import people
from labeling.errors import InputError
from labeling.project import Project
from pages.shared import identity
from pages.shared.shell import open_again, person, plain, report_errors

NOBODY_LISTED = (
    "Nobody is listed, so everybody may do everything. Once there is an owner, who is not listed "
    "is an annotator."
)
WITHOUT_LOGIN = (
    "Names are typed here, not proved: roles keep people from mistakes, not from bad intent. "
    "With a login (see the README) they do both."
)


def roles_editor(project: Project, names: Sequence[str]) -> None:
    """Who is listed with which role; owners can change it. `names` are offered, others typed."""
    listed = people.table(project)
    if listed.empty:
        st.info(NOBODY_LISTED)
    else:
        st.dataframe(listed, hide_index=True)
    if not identity.login_is_needed():
        st.caption(WITHOUT_LOGIN)
    if people.allows(identity.role_in(project, person()), people.OWNER):
        _editor(sorted({*names, *listed["name"]}))


def _editor(names: Sequence[str]) -> None:
    with st.container(horizontal=True, vertical_alignment="bottom"):
        st.selectbox(
            "Person",
            names,
            index=None,
            key="role-name",
            accept_new_options=True,
            placeholder="Choose or type a name",
        )
        st.selectbox("Role", (*people.ROLES, people.NONE), key="role-role", width=180)
        st.button("Set the role", type="primary", on_click=_set_role)
    if said := st.session_state.get("role-said"):
        st.error(plain(said))


def _set_role() -> None:
    name, role = st.session_state.get("role-name") or "", st.session_state["role-role"]
    st.session_state["role-said"] = None
    with report_errors(), open_again("owner") as project:
        try:
            made = people.set_roles(project, {name: role}, author=person() or "someone")
        except InputError as error:
            st.session_state["role-said"] = str(error)  # beside the button, where one looks
        else:
            st.toast("Saved." if made else "Nothing was changed.")
