"""Data or model: an hour of labeling against an hour on the model, step by step to a verdict."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from labeling import duels, people
from labeling.duel_log import Outcome
from labeling.duels import Standing
from pages.shared import charts, identity
from pages.shared.shell import link_to, open_again, open_page, person, plain, report_errors
from pages.shared.widgets import csv_button, figure, job_panel

STATES = {
    duels.RUNNING: ("blue", "running"),
    duels.UP: ("blue", "ready to be decided"),
    duels.OPEN: ("orange", "open"),
    duels.DECIDED: ("green", "decided"),
    duels.GIVEN_UP: ("gray", "given up"),
}
DONE, HERE, LATER = ("green", "check"), ("blue", "arrow_forward"), ("gray", "more_horiz")

project = open_page("Data or model?", role="reviewer")


def headline(found: Standing | None) -> None:
    """The verdict, or where things stand, before any number."""
    if found is None:
        st.info(
            "What would help the model more, an hour of labeling or an hour on the model itself? A "
            "duel measures both at equal effort, on the same gold labels."
        )
        return
    color, word = STATES[found.state]
    st.markdown(f":{color}-badge[duel of change {found.frozen.change_id}: {word}]")
    st.subheader(plain(found.in_words()), anchor=False)


# What came out


def result(outcome: Outcome) -> None:
    lines = outcome.words[1:]
    if outcome.verified:
        value, low, high = (f"{100 * bound:+.1f}" for bound in outcome.verified)
        said = f"With {outcome.n_ruled} verify labels in, data less model is {value} points"
        lines = [*lines, f"{said} [{low}, {high}]."]
    st.markdown("\n".join(f"* {plain(line)}" for line in lines))
    four_models(outcome)
    effects = duels.effects(outcome)
    st.altair_chart(charts.effects(effects))
    st.caption(
        "Whiskers are 95 % intervals. Data and model add up to both together; beyond their sum "
        "(the interaction) below 0 means that better data and a better model replace each other. "
        "All are measured on the random gold alone: verify labels only help to say which is larger."
    )
    rates(effects)
    csv_button(effects, "duel-effects", label="Effects as CSV")


def four_models(outcome: Outcome) -> None:
    shares = {"plain": "plain model", "tuned": "tuned model"}
    st.dataframe(
        in_percent(duels.scores(outcome), *shares),
        hide_index=True,
        column_config={
            "data": st.column_config.TextColumn("trained on", width="small"),
            "labels": st.column_config.NumberColumn(format="localized", width="small"),
            **{name: percent(words) for name, words in shares.items()},
            "tuned_model": st.column_config.TextColumn("search chose"),
        },
    )
    st.caption(
        f"Shares of the same {outcome.n_gold} random gold items that each of the four models gets "
        "right. Old data are those of the freeze; new data those when the minutes were used up."
    )


def in_percent(frame: pd.DataFrame, *columns: str) -> pd.DataFrame:
    return frame.assign(**{name: 100 * frame[name] for name in columns})


def percent(words: str) -> st.column_config.NumberColumn:
    return st.column_config.NumberColumn(words, format="%.1f %%", width="small")


def rates(effects: pd.DataFrame) -> None:
    """Points an hour of either side, where there were hours."""
    with st.container(horizontal=True):
        for row in effects[effects["points_per_hour"].notna()].itertuples():
            figure(
                f"Points an hour: {row.effect}",
                f"{row.points_per_hour:+.1f}",
                f"[{row.rate_low:+.1f}, {row.rate_high:+.1f}]",
            )
    spent = effects[effects["hours"].notna()].itertuples()
    said = [f"{60 * row.hours:.1f} minutes went into the {row.effect}." for row in spent]
    st.caption(" ".join(said))


def what_decides(found: Standing, outcome: Outcome) -> None:
    st.subheader("What would decide it", anchor=False)
    left = duels.left_to_ask(project, found)
    if outcome.needed is not None:
        st.markdown(
            f"About **{outcome.needed:,} verify labels**: rulings on reservoir items that tell new "
            "data with the plain model from old data with the tuned one. They never train."
        )
    if found.asked:
        st.progress(
            found.ruled / found.asked,
            text=f"{found.ruled} of {found.asked} verify labels that were asked for are in.",
        )
        link_to("review", "Rule on them on the Review page", icon="gavel")
    if found.ruled > outcome.n_answered:
        decide("Decide again")
    if left and found.ruled == found.asked:
        queue_rows(min(left, outcome.needed or 20), left)
    elif not left and found.ruled == outcome.n_answered:
        st.markdown("No open item tells the two sides apart any more: call the duel a draw.")


def queue_rows(wanted: int, left: int) -> None:
    with st.container(horizontal=True, vertical_alignment="bottom"):
        n = st.number_input(f"How many of {left:,}", 1, left, wanted, key="n-verify", width=160)
        st.button(f"Queue {n} items to verify", type="primary", on_click=ask_verify)


def ask_verify() -> None:
    with report_errors(), open_again("reviewer") as opened:
        n = int(st.session_state["n-verify"])
        duels.ask_verify(opened, n, author=person() or "someone")
        st.toast("Queued: they wait on the Review page.")


def tried(outcome: Outcome) -> None:
    st.subheader("What the search tried", anchor=False)
    frame = duels.tried(outcome)
    shares = {"old_data": "on old data", "new_data": "on new data"}
    st.dataframe(
        in_percent(frame, *shares),
        hide_index=True,
        column_config={name: percent(words) for name, words in shares.items()},
        placeholder="",
    )
    st.caption(
        f"Shares right on held-out training rows ({outcome.searched['old']['n_rows']:,} and "
        f"{outcome.searched['new']['n_rows']:,}), for choosing a configuration: no headline. The "
        "project's own model stays unless one of the others does better."
    )
    csv_button(frame, "duel-search", label="Search as CSV")


# The steps


def steps(found: Standing) -> None:
    is_running, is_open = found.state == duels.RUNNING, not found.is_over
    measured = found.outcome is not None
    with step(1, "Freeze", DONE):
        frozen(found)
    with step(2, "Work on the data", HERE if is_running else DONE):
        data_arm(found)
    with step(3, "The model's arm", DONE if measured else LATER):
        model_arm(found)
    with step(4, "The verdict", DONE if measured else LATER if is_running else HERE):
        if is_open and not measured:
            decide("Decide the duel", blocked="the clock is still running" if is_running else None)
        elif measured:
            st.markdown("It stands at the top of this page.")
        if is_open:
            end_it()


def step(number: int, title: str, state: tuple[str, str]) -> st.delta_generator.DeltaGenerator:
    color, icon = state
    box = st.container(border=True)
    box.markdown(f":{color}-badge[:material/{icon}: {number}] **{title}**")
    return box


def frozen(found: Standing) -> None:
    held = found.frozen
    st.markdown(
        f"{plain(held.author)} froze {held.n_labels:,} labels, the model of the last round and "
        f"{held.n_gold:,} gold labels on {held.at[:10]} at {held.at[11:16]} UTC (change "
        f"{held.change_id}), for {held.minutes:g} minutes on the data against "
        f"{held.analyst_minutes:g} declared minutes on the model."
    )


def data_arm(found: Standing) -> None:
    clock, budget = found.clock, found.frozen.minutes
    spent = clock.seconds / 60
    st.progress(min(1.0, spent / budget), text=f"{spent:.1f} of {budget:g} minutes of active work")
    st.markdown(
        f"{clock.n_labels:,} labels so far. Active seconds on pool items count, since the freeze: "
        "answers, rulings, fixes."
        if clock.end is None
        else f"{clock.n_labels:,} labels came in these minutes. What was labelled later is in "
        "neither arm."
    )
    if clock.measuring:
        st.caption(
            f"{clock.measuring / 60:.1f} more minutes went into gold: they count for neither side."
        )
    if clock.untimed:
        st.warning(
            f"{clock.untimed:,} of these labels came in files, without any seconds: they help the "
            "data's side and cost it nothing."
        )
    if clock.end is None and not found.is_over:
        with st.container(horizontal=True):
            link_to("label", "Label", icon="keyboard")
            link_to("quality", "Quality", icon="rule")
            link_to("review", "Review", icon="gavel")


def model_arm(found: Standing) -> None:
    st.markdown(
        f"{found.frozen.analyst_minutes:g} minutes of an analyst, as declared, and a search that "
        f"was fixed with the freeze: {len(found.frozen.search)} configurations by cross-validation "
        "inside the training rows, on the old data and again on the new. It runs with the verdict."
    )


def decide(button: str, *, blocked: str | None = None) -> None:
    job_panel(
        project,
        "duel",
        button=button,
        help="Searches, trains the four models and compares them; runs in the background.",
        blocked=blocked,
    )


def end_it() -> None:
    if is_owner():
        st.button("Give this duel up", on_click=give_up)


def give_up() -> None:
    with report_errors(), open_again("owner") as opened:
        duels.give_up(opened, author=person() or "someone")


# Another one


def new_duel() -> None:
    st.subheader("Start a duel", anchor=False)
    st.markdown(
        "Everything is held still first: the data, the model, the gold and the minutes. Then the "
        "team works on the data until the minutes are used up, and the model is tuned by a fixed "
        "search. Four models, old and new data with the plain and the tuned model, say what moved "
        "the score."
    )
    if not is_owner():
        st.caption(f"This is for {people.in_words(people.OWNER)}.")
        return
    reason = duels.cannot_start(project)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        minutes = st.number_input(
            "Minutes on the data", 1, 10_000, 60, key="duel-minutes", width=200,
            help="Active minutes of labeling and fixing, as the log counts them.",
        )  # fmt: skip
        st.number_input(
            "Minutes on the model", 1, 10_000, int(minutes), key="duel-analyst", width=200,
            help="What somebody spends on the model; declared now, before anything is known.",
        )  # fmt: skip
        st.button("Freeze and start", type="primary", disabled=reason is not None, on_click=start)
    if reason:
        st.caption(f"Not yet: {plain(reason)}.")


def start() -> None:
    with report_errors(), open_again("owner") as opened:
        duels.start(
            opened,
            minutes=float(st.session_state["duel-minutes"]),
            analyst_minutes=float(st.session_state["duel-analyst"]),
            author=person() or "someone",
        )


def is_owner() -> bool:
    return people.allows(identity.role_in(project, person()), people.OWNER)


def earlier() -> None:
    frame = duels.table(project)
    if len(frame) > 1:
        st.subheader("All duels", anchor=False)
        st.dataframe(frame.iloc[::-1], hide_index=True)
        csv_button(frame, "duels")


with report_errors():
    found = duels.standing(project)
    headline(found)
    if found is not None:
        if found.outcome is not None:
            result(found.outcome)
            if found.state == duels.OPEN:
                what_decides(found, found.outcome)
            tried(found.outcome)
            st.subheader("How it was measured", anchor=False)
        steps(found)
    if found is None or found.is_over:
        new_duel()
    earlier()
