"""Why a sceptic may believe it, on the Impact page: verified gains, suspects, slices, the guard."""

from __future__ import annotations

from functools import partial
from typing import Any

import pandas as pd
import streamlit as st

from labeling import (
    culprits,
    guard,
    impact,
    replays,
    round_report,
    rounds,
    ruler_moves,
    slice_scores,
    verified_gain,
)
from labeling.core import cards, gold, sequential, verified
from labeling.project import Project
from labeling.verified_gain import Gain
from pages.shared.shell import link_to, open_again, person, plain, report_errors
from pages.shared.widgets import csv_button, deferred, difference, job_panel, once

STATES = {
    guard.GOOD: ("green", "check"), guard.OPEN: ("gray", "hourglass_empty"),
    guard.BAD: ("red", "warning"),
}  # fmt: skip


def sentence(words: str) -> str:
    """A service's words as a sentence of the page."""
    return plain(words[:1].upper() + words[1:].rstrip(".")) + "."


# -- verified gain --------------------------------------------------------------------------------


def verified_gains(project: Project) -> None:
    """A gain between two rounds, measured where their models disagree and nowhere else."""
    pair = _chosen_pair(project)
    if pair is None:
        st.info("Two closed rounds are needed: then this says whether the later one is better.")
        return
    first, last = pair
    found = once(
        project, f"gain-{pair}", lambda p: verified_gain.measure(p, first=first, last=last)
    )
    st.markdown(f"**{sentence(found.in_words())}**")
    st.caption(
        f"The two models answer {found.found.n_differ:,} of {found.found.n_rows:,} reserved items "
        "differently. Where they agree, neither gains: so only these need a label, drawn by lot. "
        "The interval is for items like these that are yet to come."
    )
    if found.look is not None:
        st.markdown(sentence(f"looking after every label, {sequential.in_words(found.look)}"))
    _ask(project, found)
    if found.found.n_labels:
        _decision(project, first, last)


def _chosen_pair(project: Project) -> tuple[int, int] | None:
    last = rounds.current(project) - 1
    if last < 2:
        return None
    with st.container(horizontal=True):
        new = st.selectbox("Round", list(range(last, 1, -1)), key="gain-last", width=120)
        old = st.selectbox(
            "against round", list(range(new - 1, 0, -1)), key="gain-first", width=150
        )
    return old, new


def _ask(project: Project, found: Gain) -> None:
    with st.container(border=True):
        points = st.number_input(
            "A gain worth knowing about, in points",
            0.5,
            50.0,
            2.0,
            0.5,
            key="gain-worth",
            width=280,
        )
        counted = found.found
        planned = verified.plan(points / 100, n_differ=counted.n_differ, n_rows=counted.n_rows)
        st.markdown(sentence(verified.plan_in_words(planned)))
        left = found.found.n_differ - found.found.n_labels - found.waiting - found.skipped
        if found.waiting:
            st.markdown(f"{found.waiting} of them wait on the Review page.")
            link_to("review", "Rule on them", icon="gavel")
        if left > 0:
            n = st.number_input(
                f"How many of {left:,}", 1, left, min(left, planned.labels or 20), width=160,
                key="gain-n",
            )  # fmt: skip
            st.button(
                f"Ask for {n}",
                type="primary",
                on_click=_queue,
                args=(int(n), found.first, found.last),
                help="They become a queue on the Review page. Its rulings never train a model.",
            )


def _queue(n: int, first: int, last: int) -> None:
    with report_errors(), open_again("reviewer") as project:
        verified_gain.ask(project, n, author=person() or "someone", first=first, last=last)
        st.toast("Queued: rule on them on the Review page.")


def _decision(project: Project, first: int, last: int) -> None:
    name = f"decision-{first}-{last}"
    found = once(project, name, lambda p: verified_gain.decide(p, first=first, last=last))
    st.markdown(f"**Keep it?** {sentence(gold.decision_in_words(found))}")
    st.caption(
        "Half of these rulings decide and the other half report: quote this report for what was "
        "kept by it. The gain at the top is of all rulings, those that decide too."
    )


# -- the ruler ------------------------------------------------------------------------------------


def ruler(project: Project) -> None:
    """What of the last round's movement is corrected gold; nothing where none was corrected."""
    moved = once(project, "ruler", ruler_moves.measure)
    if moved is None:
        return
    with st.container(border=True):
        st.markdown("**The ruler moved**")
        st.markdown(sentence(moved.in_words()))
        st.image(round_report.ruler_drawing(moved), width="stretch")
        st.caption("Hatched: gold itself changed, which makes no model better.")


# -- who did it -----------------------------------------------------------------------------------


def suspects(project: Project) -> None:
    """Which batch, import or person to look at first, and what a suspect costs."""
    found = once(project, "triage", culprits.look)
    if found.why_not:
        st.info(sentence(found.why_not))
        return
    for kind, words in found.words.items():
        st.markdown(f"**{kind.capitalize()}.** {sentence(words)}")
    flagged = [each for own in found.suspects.values() for each in own if each.flagged]
    if flagged:
        _measure(project, flagged)
    for row in reversed(culprits.measured(project)):
        difference(row, what=f"{row['title']}: with them and without")
        if stale := impact.staleness(project, row["upto_event"]):
            st.caption(stale.strip())
    everyone = pd.DataFrame(
        [each for own in found.suspects.values() for each in own], columns=culprits.Suspect._fields
    )
    csv_button(everyone, "suspects")


def _measure(project: Project, flagged: list[culprits.Suspect]) -> None:
    st.dataframe(
        pd.DataFrame(flagged),
        hide_index=True,
        column_order=["kind", "title", "rows", "share"],
        column_config={
            "title": st.column_config.TextColumn("which", width="large"),
            "share": st.column_config.NumberColumn("of what is lacking", format="percent"),
        },
    )
    chosen = st.selectbox(
        "Measure", flagged, format_func=lambda each: f"{each.kind} {each.title}", key="culprit"
    )
    job_panel(
        project,
        culprits.JOB,
        button="Measure what it costs in points",
        help="Trains the model with these rows and without them; runs in the background.",
        prepare=lambda _: {"kind": chosen.kind, "name": chosen.name},
    )


# -- slices and classes ---------------------------------------------------------------------------


def slices(project: Project, report: dict[str, Any]) -> None:
    """Where the model is right and where not."""
    classes = pd.DataFrame(report["per_class"])
    names = ["precision", "recall", "recall_low", "recall_high", "f1"]
    config = {
        n: st.column_config.NumberColumn(n.replace("_", " "), format="percent") for n in names
    }
    st.dataframe(classes, hide_index=True, column_config=config)
    csv_button(classes, "classes")
    table = once(project, "slices", slice_scores.table)
    if table is None or table.empty:
        return
    st.dataframe(
        table,
        hide_index=True,
        column_order=["feature", "slice", "words", "dot"],
        column_config={
            "words": st.column_config.TextColumn("right on gold", width="medium"),
            "dot": st.column_config.NumberColumn("drawn to the others", format="percent"),
        },
    )
    st.caption("Intervals are Wilson's; under five items only the counts are shown.")
    csv_button(table, "slices")


# -- why it can be believed -----------------------------------------------------------------------


def reasons(project: Project) -> None:
    """The guard's reasons, and cards to take away."""
    for reason in once(project, "guard", guard.guard):
        color, icon = STATES[reason.state]
        st.markdown(
            f":{color}-badge[:material/{icon}: {plain(reason.what)}] {sentence(reason.words)}"
        )
    st.markdown(
        "**Evidence cards.** One file a claim, with the hashes, seeds and versions that it rests "
        "on; `python -m labeling replay CARD.json --project PROJECT.db` computes every digit again."
    )
    with st.container(horizontal=True):
        for claim in _claims(project):
            for kind, mime in (("json", "application/json"), ("html", "text/html")):
                st.download_button(
                    f"{claim.capitalize()} ({kind.upper()})",
                    deferred(project, partial(card, claim=claim, kind=kind)),
                    file_name=f"{project.name}-{claim}.{kind}",
                    mime=mime,
                    icon=":material/verified:",
                    key=f"card-{claim}-{kind}",
                    on_click="ignore",
                )


def _claims(project: Project) -> list[str]:
    measured = impact.cached(project, impact.WATERFALL) is not None
    return ["round", "waterfall"] if measured else ["round"]


def card(project: Project, *, claim: str, kind: str) -> bytes:
    """An evidence card of a claim, for programs or for people."""
    made = replays.make_card(project, claim)
    return (cards.to_json(made) if kind == "json" else cards.to_html(made)).encode()
