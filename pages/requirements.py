"""What is asked of the data: label set, guideline with its versions, settings."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import streamlit as st

from labeling import project as projects
from labeling.config import SETTINGS
from labeling.core.models import MODELS
from labeling.core.strategies import STRATEGIES
from pages.shared import guideline
from pages.shared.shell import open_again, open_page, person, plain, report_errors

project = open_page("Requirements", role="owner")


def field(key: str) -> str:
    """The field of a setting: what is typed for one project never reaches another."""
    return f"setting-{project.name}-{key}"


def save_settings() -> None:
    with report_errors(), open_again("owner") as opened:
        values = {key: str(st.session_state[field(key)]) for key in SETTINGS}
        made = projects.change_settings(opened, values, author=person() or "someone")
        st.toast("Saved." if made else "Nothing was changed.")


def guideline_tab() -> None:
    guideline.editor(project)
    st.subheader("Versions", anchor=False)
    guideline.history(project)


def settings_tab() -> None:
    current = project.config.text
    with st.form("settings"):
        for key, setting in SETTINGS.items():
            label = f"{key}: {setting.help}"
            if setting.choices:
                choices = list(dict.fromkeys([*setting.choices, current[key]]))
                st.selectbox(
                    plain(label),
                    choices,
                    index=choices.index(current[key]),
                    key=field(key),
                    accept_new_options=setting.is_open,
                )
            else:
                st.text_input(plain(label), value=current[key], key=field(key))
        st.form_submit_button("Save the settings", type="primary", on_click=save_settings)
    notes("What the strategies are good and bad at", STRATEGIES)
    notes("What the models are good and bad at", MODELS)


def notes(title: str, table: Mapping[str, Any]) -> None:
    with st.expander(title):
        for name, entry in table.items():
            st.markdown(f"**{plain(name)}**: {plain(entry.note)}")


with report_errors():
    label_set, settings = st.tabs(["Label set and guideline", "Settings"])
    with label_set:
        guideline_tab()
    with settings:
        settings_tab()
