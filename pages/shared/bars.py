"""What each change did, on the Impact page: the waterfall, and what stands behind one bar of it."""

from __future__ import annotations

from typing import Any

import streamlit as st

from labeling import drill_down, impact, rounds, waterfall, worker
from labeling.project import Project
from labeling.waterfall import Stretch, Told
from pages.shared import charts
from pages.shared.shell import plain
from pages.shared.widgets import chart, csv_button, job_panel, once

METRIC_NAMES = {
    "accuracy": "Accuracy",
    "macro_recall": "Macro recall",
    "macro_f1": "Macro F1",
    "item_f1": "F1 of an item's classes",
    "exact_match": "All classes right",
    "micro_f1": "Micro F1",
}
MOST_ROWS = 200


def show(project: Project) -> None:
    """The section: which stretch of the log, the bars, and one of them looked into."""
    st.subheader("What each change did", anchor=False)
    stretch = _chosen_stretch(project)
    job_panel(
        project,
        "impact",
        button="Measure every change",
        help="Trains the model with and without each change; runs in the background. A preview "
        "comes first.",
        blocked=impact.cannot_measure(project),
        prepare=lambda _: stretch._asdict(),
    )
    early = waterfall.previewed(project, stretch) if worker.is_active(project, "impact") else None
    found = early or waterfall.stored(project, stretch)
    if found is None:
        st.caption("This stretch has not been measured yet.")
        return
    upto, told = found
    _bars(project, told, upto)
    if not told.preview:
        _behind(project, told, f"{stretch.name}@{upto}")


def _chosen_stretch(project: Project) -> Stretch:
    """From which round to which; without a choice the whole log."""
    last = rounds.current(project) - 1
    if last < 2:
        return Stretch()
    with st.container(horizontal=True):
        first = st.selectbox(
            "From",
            range(last),
            format_func=lambda n: f"round {n}" if n else "the start",
            key="bars-from",
            width=160,
        )
        end = st.selectbox(
            "To",
            [0, *range(first + 1, last)],
            format_func=lambda n: f"round {n}" if n else "now",
            key="bars-to",
            width=160,
        )
    return Stretch(first or None, end or None)


def _bars(project: Project, told: Told, upto: int) -> None:
    names = list(told.bars)
    scale = str(
        st.segmented_control(
            "Score", names, default=names[0], required=True, format_func=METRIC_NAMES.get,
            key="bars-scale",
        ) if len(names) > 1 else names[0]
    )  # fmt: skip
    frame = told.frame(scale)
    start, end = told.ends[scale]
    st.markdown(plain(waterfall.in_words(frame, start=start, end=end)))
    if told.interaction:
        st.markdown(plain(told.interaction[:1].upper() + told.interaction[1:]) + ".")
    if scale != names[0]:
        st.caption(f"That sentence, and what stands behind a bar, are about {names[0]}.")
    chart(charts.waterfall(frame, start=start), "impact", frame)
    st.caption(_legend(told) + waterfall.staleness(project, upto, told))


def _legend(told: Told) -> str:
    if told.preview:
        return (
            f"A preview from {told.fits} fits: what each change does first and last. The exact "
            "bars with their placebo bands follow."
        )
    return (
        "Bars add up to the way from the first score to the last. Whiskers are 95 % intervals. "
        "Grey is what dropping as many random rows did at most (the placebo band); “within "
        "placebo”: no more than that, even where the interval excludes 0. Measured with "
        f"{told.fits} fits; “real” holds for all bars at once (Holm)."
    )


def _behind(project: Project, told: Told, which: str) -> None:
    bars = {int(row["change_id"]): row for row in told.frame().to_dict("records")}
    change = st.selectbox(
        "Look behind a bar",
        list(bars),
        index=None,
        placeholder="Which change?",
        format_func=lambda n: f"{n} · {bars[n]['title']}",
        key="behind",
    )
    if change is not None:
        _one(project, told, bars[change], which)


def _one(project: Project, told: Told, bar: dict[Any, Any], which: str) -> None:
    change = int(bar["change_id"])
    name = f"behind-{which}-{change}"
    found = once(project, name, lambda p: drill_down.look(p, change, told))
    st.markdown(plain(found.words[:1].upper() + found.words[1:]) + ".")
    left, right = st.columns(2)
    with left:
        st.markdown("**Labels it made or changed**")
        st.dataframe(
            found.touched.head(MOST_ROWS),
            hide_index=True,
            column_order=["item", "without", "with"],
            column_config={
                "item": st.column_config.TextColumn(width="medium"),
                "without": st.column_config.TextColumn("without it", width="small"),
                "with": st.column_config.TextColumn("with it", width="small"),
            },
        )
        csv_button(found.touched, "touched")
    with right:
        st.markdown("**Gold items that moved**")
        st.dataframe(
            found.moved.head(MOST_ROWS),
            hide_index=True,
            column_order=["effect", "item", "truth"],
            column_config={
                "effect": st.column_config.NumberColumn(
                    format="%+.2f",
                    width="small",
                    help="+1: from wrong to right by this change; +0.5: in half of the cases",
                ),
                "item": st.column_config.TextColumn(width="medium"),
                "truth": st.column_config.TextColumn(width="small"),
            },
        )
        csv_button(found.moved, "moved")
