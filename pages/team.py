"""Annotators: who is here, who did how much, how far they agree, what the suggestion does."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from labeling import export, issues, team
from pages.shared.roles import roles_editor
from pages.shared.shell import open_again, open_page, plain, report_errors
from pages.shared.widgets import csv_button, figure

MINUTE = "YYYY-MM-DD HH:mm"
MEASURES = {
    "percent_agreement": "equal answers, share",
    "fleiss_kappa": "Fleiss' kappa",
    "krippendorff_alpha": "Krippendorff's alpha",
    "gwet_ac1": "Gwet's AC1",
    "cohen_kappa": "Cohen's kappa",
}

project = open_page("Team", role="reviewer")


@st.fragment(run_every=3)
def live() -> None:
    """Who is labeling just now."""
    with report_errors(), open_again("reviewer") as opened:
        here = team.present(opened)
        if here.empty:
            st.info("Nobody is labeling just now. Whoever takes an item shows here at once.")
            return
        with st.container(horizontal=True):
            figure("Here now", f"{len(here)}", "people at work")
            figure("Answers", f"{here['recent'].sum():,}", "in ten minutes")
            figure("In hand", f"{here['held'].sum():,}", "items held")
        st.dataframe(
            here.assign(last_answer=here["last_answer"].map(ago)),
            hide_index=True,
            height="content",
            column_config={
                "annotator": "who",
                "working_on": "works on",
                "held": "in hand",
                "last_answer": "last answer",
                "recent": "in 10 min",
                "seconds_per_answer": st.column_config.NumberColumn(
                    "seconds", help="An answer, the median of today.", format="%.1f"
                ),
            },
        )


def ago(seconds: float) -> str:
    if pd.isna(seconds):
        return "none yet"
    return f"{seconds:.0f} s ago" if seconds < 90 else f"{seconds / 60:.0f} min ago"


def influence() -> None:
    found = team.influence(project)
    if found is None:
        st.info(
            "The model suggests a class once a round is closed. On a random share of the items it "
            "is hidden, so that what it does to people can be measured here."
        )
        return
    st.markdown(plain(found["words"].iloc[0]))
    rows = [
        (
            row.annotator or "everybody",
            part(row.followed_shown, row.n_shown),
            part(row.followed_hidden, row.n_hidden),
            f"{100 * row.delta:+.0f} ({100 * row.low:.0f} to {100 * row.high:.0f})",
            f"{row.seconds_shown:.1f} / {row.seconds_hidden:.1f}".replace("nan", "-"),
        )
        for row in found.itertuples()
    ]
    st.caption(
        "Shown and hidden are compared within a batch only, the first answer to each item counts, "
        "and the shares are weighted so that every batch counts alike in both."
    )
    columns = ["who", "followed it, shown", "hidden", "points", "seconds, shown / hidden"]
    st.dataframe(pd.DataFrame(rows, columns=columns), hide_index=True, height="content")
    csv_button(found, "influence")


def part(share: float, n: int) -> str:
    return f"{share:.0%} of {n:,}" if n else "none"


def agreement() -> None:
    found = team.agreement(project)
    if found is None:
        st.info("Agreement can be measured once two people have labelled the same items.")
        return
    shown = found.assign(
        measure=found["measure"].map(MEASURES),
        who=[" and ".join(pair) if all(pair) else "everybody" for pair in zip(
            found["annotator_a"], found["annotator_b"], strict=True)],
    )  # fmt: skip
    two = st.column_config.NumberColumn(format="%.2f")
    st.dataframe(
        shown,
        hide_index=True,
        column_order=["measure", "who", "value", "low", "high", "n_items"],
        column_config={
            "value": two, "low": two, "high": two,
            "n_items": st.column_config.NumberColumn("items"),
        },
    )  # fmt: skip
    csv_button(found, "agreement")
    by_guideline()


def by_guideline() -> None:
    """The same under each version of the guideline, once there are two."""
    found = team.agreement_by_guideline(project)
    if found is None or project.label_set.version < 2:
        return
    st.markdown("**By version of the guideline**")
    st.caption(
        "Answers count under the version that was in force when they were given, and are never "
        "compared across two. Where the intervals overlap it is not decided which one is better."
    )
    two = st.column_config.NumberColumn(format="%.2f")
    st.dataframe(
        found.assign(measure=found["measure"].map(MEASURES)),
        hide_index=True,
        height="content",
        column_config={
            "value": two, "low": two, "high": two,
            "n_items": st.column_config.NumberColumn("items"),
        },
    )  # fmt: skip
    csv_button(found, "agreement_by_guideline")


def work() -> None:
    people = export.annotators_table(project)
    st.dataframe(
        people.assign(last_at=pd.to_datetime(people["last_at"])),
        hide_index=True,
        column_config={
            "annotator": "who",
            "hours": st.column_config.NumberColumn(format="%.1f"),
            "per_hour": st.column_config.NumberColumn("an hour", format="%.0f"),
            "last_at": st.column_config.DatetimeColumn("last (UTC)", format=MINUTE),
        },
    )
    csv_button(people, "annotators")


def notes() -> None:
    flags = export.flags_table(project)
    st.dataframe(
        issues.with_content(project, flags).assign(at=pd.to_datetime(flags["at"])),
        hide_index=True,
        column_order=["content", "comment", "annotator", "at"],
        column_config={
            "content": st.column_config.TextColumn("item", width="medium"),
            "comment": st.column_config.TextColumn(width="medium"),
            "annotator": "who",
            "at": st.column_config.DatetimeColumn("at (UTC)", format=MINUTE),
        },
    )
    csv_button(flags, "flags")


def roles() -> None:
    roles_editor(project, list(export.annotators_table(project)["annotator"]))


SECTIONS = {
    "Who is labeling": live,
    "Who did how much": work,
    "How far they agree": agreement,
    "What the suggestion does": influence,
    "Notes on items": notes,
    "Roles": roles,
}
for heading, show in SECTIONS.items():
    st.subheader(heading, anchor=False)
    with report_errors():
        show()
