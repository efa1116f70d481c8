"""The editor of the guideline and of what belongs to each class, with examples."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, NamedTuple

import pandas as pd
import streamlit as st

from labeling import requirements
from labeling.project import Project
from labeling.requirements import LabelSet
from pages.shared.shell import open_again, person, plain, report_errors

MOST_LINES = 12
FIELDS = ("means", "examples")
MOST_BUTTONS = 10  # more classes than this are found by typing


class Draft(NamedTuple):
    """What is typed for one version of one project; it outlives a change of class or page."""

    project: str
    base: LabelSet

    def key(self, field: str, name: str = "") -> str:
        """The key of a field of the form."""
        return f"{field}:{name}:{self.project}:{self.base.version}"

    def stored(self, field: str, name: str = "") -> str:
        """What the version itself says in a field."""
        if field == "guideline":
            return self.base.guideline
        said = self.base.examples.get(name, {}).get(field, "")
        return str(said) if field == "means" else "\n".join(said)

    def typed(self, field: str, name: str = "") -> str:
        """What stands in a field, also in one that is not on the screen just now."""
        return str(st.session_state.get(self.key(field, name), self.stored(field, name)))

    def examples(self) -> dict[str, dict[str, Any]]:
        """What belongs to each class, and its examples, as typed."""
        return {
            name: {
                "means": self.typed("means", name),
                "examples": self.typed("examples", name).splitlines(),
            }
            for name in self.base.classes
        }

    def touched(self) -> list[str]:
        """What is typed that the version does not say itself: the guideline, classes by name."""
        fields = [("guideline", ""), *((f, n) for n in self.base.classes for f in FIELDS)]
        names = [name for f, name in fields if self.typed(f, name) != self.stored(f, name)]
        return list(dict.fromkeys(name or "the guideline" for name in names))

    def area(self, label: str, field: str, name: str = "", **others: Any) -> None:
        """The field on the screen."""
        st.text_area(
            label,
            value=self.stored(field, name),
            key=self.key(field, name),
            persist_state="session",
            **others,
        )


def editor(project: Project) -> None:
    """Guideline, one class at a time, one button for all of it, and the versions so far."""
    draft = _draft(project)
    draft.area(
        "Guideline",
        "guideline",
        height=240,
        max_chars=requirements.MAX_GUIDELINE,
        help="Shown beside every item. Say what to do in doubt, and what is the same for all.",
    )
    _one_class(draft, _choose_class(draft))
    with st.container(horizontal=True, vertical_alignment="center"):
        st.button(
            f"Save as version {project.label_set.version + 1}",
            type="primary",
            on_click=_save,
            args=(draft,),
            help="The guideline and all classes together.",
        )
        if touched := draft.touched():
            st.caption(f"Not saved yet: {plain(', '.join(touched))}.")
    with st.expander("All classes at a glance"):
        rows = [(name, said["means"], said["examples"]) for name, said in draft.examples().items()]
        glance = pd.DataFrame(rows, columns=["class", "what belongs here", "examples"])
        st.dataframe(glance, hide_index=True)


def _draft(project: Project) -> Draft:
    """On the newest version, unless something was typed before that came."""
    newest = project.label_set
    known = {version.version: version for version in requirements.versions(project)}
    begun = known.get(st.session_state.get(f"base:{project.name}", 0), newest)
    draft = Draft(project.name, begun)
    return draft if draft.touched() else _begin(project.name, newest)


def _begin(project: str, base: LabelSet) -> Draft:
    for which in ("base", "seen"):
        st.session_state[f"{which}:{project}"] = base.version
    return Draft(project, base)


def _save(draft: Draft) -> None:
    """Save over the version that was seen; a newer one is seen by the message that names it."""
    with report_errors(), open_again("owner") as opened:
        since = st.session_state[f"seen:{draft.project}"]
        st.session_state[f"seen:{draft.project}"] = opened.label_set.version
        made = requirements.save_guideline(
            opened,
            draft.typed("guideline"),
            examples=draft.examples(),
            since=since,
            author=person() or "someone",
        )
        _begin(draft.project, made)
        if made.version == since:
            st.toast("Nothing was changed.")
        else:
            st.toast(f"Kept as version {made.version}.")


def _choose_class(draft: Draft) -> str:
    """Buttons for a few classes, a field to type in for many."""
    classes, key = draft.base.classes, f"class:{draft.project}"
    if len(classes) > MOST_BUTTONS:
        return st.selectbox(f"Class (type to find one of {len(classes)})", classes, key=key)
    return st.segmented_control(
        "Class", classes, default=classes[0], format_func=plain, required=True, wrap=True, key=key
    )


def _one_class(draft: Draft, name: str) -> None:
    left, right = st.columns(2)
    with left:
        draft.area(
            f"What belongs to {plain(name)}",
            "means",
            name,
            height=160,
            max_chars=requirements.MAX_MEANING,
        )
    with right:
        draft.area(
            "Examples, one a line",
            "examples",
            name,
            height=160,
            help=f"At most {requirements.MOST_EXAMPLES}. Annotators see them beside the class.",
        )


def history(project: Project) -> None:
    """Every version: who made it, when, what it changed, and what it says."""
    for version in requirements.history(project):
        label_set, day = version.label_set, f"{version.at[:16].replace('T', ' ')} UTC"
        with st.expander(f"Version {label_set.version} by {plain(version.author)}, {plain(day)}"):
            if version.changed:
                patch, height = "\n".join(version.changed), _height(version.changed)
                st.code(patch, language="diff", wrap_lines=True, height=height)
            lines = requirements.written(label_set)
            with st.container(height=_height(lines), border=False):
                st.text("\n".join(lines))


def _height(lines: Sequence[str]) -> int | Literal["content"]:
    """Long texts scroll in a place of their own."""
    return 320 if len(lines) > MOST_LINES else "content"
