"""Replays: evidence cards made of a project's figures, and made again to see whether they hold.

A replay goes back to the moment of the card, trains every model anew and compares every digit. It
writes nothing. A project that has merely gone on since agrees; a label that the card rests on and
that is another one today does not.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from dataclasses import asdict
from importlib import metadata
from pathlib import Path
from typing import Any, NamedTuple

from labeling import impact, waterfall
from labeling.core import cards
from labeling.core.cards import Card
from labeling.core.log import DataVersion, content_hash
from labeling.errors import InputError
from labeling.fits import Fits
from labeling.ingest import Progress, silent
from labeling.project import Project
from labeling.store import rounds as store
from labeling.store.rounds import Fit
from labeling.versions import Snapshot, TrainingSet

PACKAGES = ("numpy", "scipy", "scikit-learn", "pandas")
MOST_NAMED = 5


class Replayed(NamedTuple):
    """What differs from the card, which is nothing when it holds, and what else is to be known."""

    differences: list[str]
    notes: list[str]


class FreshFits(Fits):
    """Fits that are trained anew, whatever was stored; nothing of them is kept."""

    def _stored(self, key: str) -> Fit | None:
        return None


# -- the claims -----------------------------------------------------------------------------------


def _waterfall(fits: Fits, asked: Mapping[str, Any], progress: Progress) -> dict[str, Any]:
    """What each change did, oldest first."""
    frame = waterfall.of_fits(fits, seed=asked["seed"], progress=progress)
    words = [impact.in_words(bar) for bar in frame.itertuples()]
    return {"words": words, "bars": impact.records(frame)}


def _round(fits: Fits, asked: Mapping[str, Any], progress: Progress) -> dict[str, Any]:
    """A round against the one before, and its last change, on the gold of the card's moment."""
    project = fits.snapshot.project
    closed = store.every(project.db)[: closed_round(project, asked["round"])]
    body = impact.report(fits, closed, progress=progress)
    if body["gold_needed"]:
        raise InputError(body["gold_needed"])
    parts = {name: body[name] for name in ("metrics", "last_round", "last_change") if body[name]}
    # Skipped draws are left out: queues change after the card's moment.
    return {"words": impact.lines_of(body | {"gold_skipped": 0}), **parts}


CLAIMS: dict[str, Callable[[Fits, Mapping[str, Any], Progress], dict[str, Any]]] = {
    "waterfall": _waterfall,
    "round": _round,
}


# -- making a card --------------------------------------------------------------------------------


def make_card(
    project: Project,
    claim: str,
    *,
    seed: int | None = None,
    round_no: int | None = None,
    progress: Progress = silent,
) -> Card:
    """The card of a claim about the project as it stands: `waterfall`, or a closed `round`.

    Raises InputError where the claim itself has nothing to say yet.
    """
    snapshot = Snapshot(project)
    asked: dict[str, Any] = {"project": snapshot.seed, "seed": seed, "round": round_no}
    if claim == "round":
        asked["round"] = closed_round(project, round_no)
    return _card(Fits(snapshot), claim, asked, progress)


def closed_round(project: Project, round_no: int | None) -> int:
    """The number of a closed round, the newest unless one is named. Raises InputError."""
    last = len(store.every(project.db))
    if not last:
        raise InputError("no round is closed yet: close one first")
    if round_no is not None and not 1 <= round_no <= last:
        raise InputError(f"there is no closed round {round_no}; rounds run from 1 to {last}")
    return round_no or last


def _card(fits: Fits, claim: str, asked: Mapping[str, Any], progress: Progress) -> Card:
    snapshot, project = fits.snapshot, fits.snapshot.project
    figures = CLAIMS[claim](fits, asked, progress)
    gold, training = snapshot.gold(), _training(snapshot)
    return Card(
        claim=claim,
        project={
            "file": project.path.name, "identity": project.identity, "title": project.title,
        },
        ledger=_ledger(snapshot),
        gold={"labels": len(gold), "hash": content_hash(gold, {})},
        labels={"labels": len(training.labels), "hash": training.hash},
        seeds={**asked, "fit": fits.seed},
        packages=packages(),
        figures=cards.fixed(figures),
    )  # fmt: skip


def packages() -> dict[str, str]:
    """Versions of what computes the figures."""
    python = ".".join(str(part) for part in sys.version_info[:3])
    return {"python": python} | {name: metadata.version(name) for name in PACKAGES}


def _training(snapshot: Snapshot) -> TrainingSet:
    return snapshot.training_set(DataVersion(snapshot.upto, policy=snapshot.config()["policy"]))


def _ledger(snapshot: Snapshot) -> dict[str, Any]:
    """The log by its length and a hash over events, changes, settings, label sets and items."""
    rows = [
        *([e.seq, e.event_id, e.change_id, *e[4:]] for e in snapshot.log),
        *(list(change) for change in snapshot.changes),
        *(list(setting) for setting in snapshot.settings),
        *([v.version, v.classes, v.guideline, v.multi] for v in snapshot.label_sets),
        *([i.item_id, i.change_id, i.cluster, i.side] for i in snapshot.items),
    ]
    return {
        "events": snapshot.upto,
        "changes": max((change.change_id for change in snapshot.changes), default=0),
        "label_set": snapshot.label_sets[-1].version,
        "hash": cards.fingerprint(rows),
    }


# -- replaying it ---------------------------------------------------------------------------------


def read(path: Path) -> tuple[Card, bool]:
    """A card from a file, and whether it is as it was made. Raises InputError if it is none."""
    try:
        card, intact = cards.from_json(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"cannot read {path}: {error}") from error
    except ValueError as error:
        raise InputError(f"{path}: {error}") from error
    if card.claim not in CLAIMS:
        raise InputError(f"{path}: there is no claim '{card.claim}'; there are: {_names()}")
    return card, intact


def _names() -> str:
    return ", ".join(CLAIMS)


def project_of(card: Card, path: Path) -> Path:
    """The project file that the card names, beside the card."""
    return path.parent / Path(str(card.project.get("file", ""))).name


def replay(
    card: Card, project: Project, *, intact: bool = True, progress: Progress = silent
) -> Replayed:
    """Make the card again, as of its moment, and compare. Raises InputError for another project."""
    if card.project.get("identity") != project.identity:
        raise InputError(f"the card is about another project than {project.path.name}")
    present = Snapshot(project)
    past = _past(project, card)
    found = [] if intact else ["the card itself was altered: its hash does not fit its content"]
    found += _against(card, past, progress) + _altered_since(past, present)
    return Replayed(found, _notes(card, past, present))


def _past(project: Project, card: Card) -> Snapshot:
    """The project as it stood when the card was made."""
    try:
        moment = [int(card.ledger[name]) for name in ("events", "changes", "label_set")]
    except (KeyError, TypeError, ValueError) as error:
        raise InputError("the card does not say which part of the log it rests on") from error
    return as_of(project, event=moment[0], change=moment[1], label_set=moment[2])


def as_of(project: Project, *, event: int, change: int, label_set: int) -> Snapshot:
    """A snapshot of the past: up to an event, a change and a version of the label set."""
    snapshot = Snapshot(project)
    snapshot.log = snapshot.log_until(event)
    snapshot.upto = min(event, snapshot.upto)
    snapshot.changes = [c for c in snapshot.changes if c.change_id <= change]
    snapshot.settings = [each for each in snapshot.settings if each[0] <= change]
    snapshot.label_sets = snapshot.label_sets[: max(1, label_set)]
    snapshot.classes = snapshot.label_sets[-1].classes
    snapshot.code = {name: index for index, name in enumerate(snapshot.classes)}
    snapshot.items = [item for item in snapshot.items if item.change_id <= change]
    snapshot.position = {item.item_id: index for index, item in enumerate(snapshot.items)}
    snapshot.side = {item.item_id: item.side for item in snapshot.items}
    drawn = {item for c in snapshot.changes if c.kind == "round" for item in _draws(c.payload)}
    snapshot.drawn = drawn | {
        e.item_id for e in snapshot.log if e.kind == "label" and e.change_kind == "gold"
    }
    return snapshot


def _draws(payload: Mapping[str, Any]) -> list[str]:
    return [str(item) for item in payload.get("gold", [])]


def _against(card: Card, past: Snapshot, progress: Progress) -> list[str]:
    """Every field in which the card made again differs."""
    try:
        asked = {"project": past.seed} | {name: card.seeds[name] for name in ("seed", "round")}
        again = _card(FreshFits(past), card.claim, asked, progress)
    except InputError as error:
        return [f"the figures cannot be computed any more: {error}"]
    except (KeyError, TypeError) as error:
        raise InputError("the card does not say which seeds it was made with") from error
    again = Card(**asdict(again) | {"project": card.project | _identity(again)})
    return cards.differences(card, again)


def _identity(card: Card) -> dict[str, Any]:
    """What must agree of the project; its file may have been given another name."""
    return {"identity": card.project["identity"]}


def _altered_since(past: Snapshot, present: Snapshot) -> list[str]:
    """Labels that the card rests on and that are other ones, or gone, today."""
    before, now = (_training(s).labels | s.gold() for s in (past, present))
    altered = [item for item, label in before.items() if now.get(item) != label]
    said = [
        f"label of item {item}: was {before[item]}, is {now.get(item, 'gone')} today"
        for item in altered[:MOST_NAMED]
    ]
    more = len(altered) - len(said)
    return said + ([f"and {more} more label(s) altered since the card was made"] if more else [])


def _notes(card: Card, past: Snapshot, present: Snapshot) -> list[str]:
    notes = cards.other_packages(card, packages())
    if card.formulas != cards.FORMULAS:
        notes.append(f"the card was made with formulas {card.formulas}, here are {cards.FORMULAS}")
    if newer := present.upto - past.upto:
        notes.append(f"the project has gone on since: {newer} newer answers or notes")
    return notes
