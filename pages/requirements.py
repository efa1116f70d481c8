"""What is asked of the data: label set, guideline with its versions, settings."""

from __future__ import annotations

import streamlit as st

from labeling import project as projects
from labeling import requirements
from labeling.config import SETTINGS
from labeling.core.strategies import STRATEGIES
from pages.shared.shell import open_again, open_page, person, plain, report_errors

project = open_page("Requirements")


def save_guideline() -> None:
    with report_errors(), open_again() as opened:
        requirements.save_guideline(
            opened, st.session_state["guideline"], author=person() or "someone"
        )
        st.toast("Kept as a new version.")


def save_settings() -> None:
    with report_errors(), open_again() as opened:
        values = {key: str(st.session_state[f"setting-{key}"]) for key in SETTINGS}
        made = projects.change_settings(opened, values, author=person() or "someone")
        st.toast("Saved." if made else "Nothing was changed.")


def guideline_tab() -> None:
    label_set = project.label_set
    st.markdown("Classes: " + " ".join(f":gray-badge[{plain(name)}]" for name in label_set.classes))
    st.session_state.setdefault("guideline", label_set.guideline)
    st.text_area(
        "Guideline",
        key="guideline",
        height=320,
        max_chars=requirements.MAX_GUIDELINE,
        help="Shown beside every item. Say what belongs to each class, and what to do in doubt.",
    )
    st.button("Save the guideline", type="primary", on_click=save_guideline)
    for version in reversed(requirements.versions(project)):
        with st.expander(f"Version {version.version}"):
            st.text(version.guideline or "(no guideline)")


def settings_tab() -> None:
    current = project.config.text
    with st.form("settings"):
        for key, setting in SETTINGS.items():
            label = f"{key}: {setting.help}"
            if setting.choices:
                index = setting.choices.index(current[key])
                st.selectbox(plain(label), setting.choices, index=index, key=f"setting-{key}")
            else:
                st.text_input(plain(label), value=current[key], key=f"setting-{key}")
        st.form_submit_button("Save the settings", type="primary", on_click=save_settings)
    with st.expander("What the strategies are good and bad at"):
        for name, strategy in STRATEGIES.items():
            st.markdown(f"**{plain(name)}**: {plain(strategy.note)}")


with report_errors():
    guideline, settings = st.tabs(["Label set and guideline", "Settings"])
    with guideline:
        guideline_tab()
    with settings:
        settings_tab()
