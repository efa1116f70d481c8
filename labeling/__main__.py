"""The command line: a thin skin over the services. See DESIGN: exit codes 0, 1, 2, 3."""

from __future__ import annotations

import argparse
import getpass
import sys
import traceback
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd

from labeling import (
    answer_files,
    duels,
    export,
    handover,
    history,
    impact,
    imports,
    ingest,
    people,
    project,
    replays,
    round_report,
    rounds,
    simulation,
    tracking,
    vector_files,
    verification,
    waterfall,
    worker,
)
from labeling.commands import parser, progress_bar
from labeling.core import cards, savings
from labeling.core.features import Content
from labeling.core.tuning import Wish
from labeling.errors import GroundworkError, InputError
from labeling.ingest import Roles
from labeling.vectors import Vectors
from labeling.waterfall import WHOLE, Stretch

NOBODY_LISTED = (
    "Nobody is listed. Without a login everybody may do everything; with one nobody is more than "
    "an annotator."
)


def main(arguments: list[str] | None = None) -> int:
    """Run one command; returns the exit code."""
    args = parser().parse_args(arguments)
    try:
        return COMMANDS[args.command](args)
    except GroundworkError as error:
        print(f"{args.command}: {' '.join(str(error).split())}", file=sys.stderr)
        return error.exit_code
    except BrokenPipeError:
        return 0
    except Exception:
        traceback.print_exc()
        print(f"{args.command}: a fault of ours, not of yours (see above)", file=sys.stderr)
        return 3


def _author() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "command line"


def _say(args: argparse.Namespace, text: str) -> None:
    if not args.quiet:
        print(text)


def _roles(
    args: argparse.Namespace, path: Path, *, content: Content | None = None
) -> tuple[Roles, pd.DataFrame]:
    """The roles that the options name, `content` where they name none, and the table."""
    classes = ingest.named_classes(args.classes)
    frame = ingest.read_table(path)
    content, frame = ingest.content_from_args(args, frame, folder=path.parent, default=content)
    multi = getattr(args, "multi", False)
    roles = Roles(
        content, args.id, args.label, args.annotator, args.gold, args.reserve, classes, multi
    )
    return roles, frame


def _embeddings(
    args: argparse.Namespace, frame: pd.DataFrame, roles: Roles
) -> tuple[Vectors | None, pd.DataFrame]:
    """The vectors that the options name, if any, and the table without their columns."""
    file = None if args.embeddings is None else Path(args.embeddings)
    return vector_files.asked_for(file, args.embedding_columns, frame, roles)


def _create(args: argparse.Namespace) -> int:
    data, target = Path(args.data), Path(args.project)
    if target.exists():
        raise InputError(f"{target} exists: `import` adds to a project, `create` makes a new one")
    roles, frame = _roles(args, data)
    embeddings, frame = _embeddings(args, frame, roles)
    made, summary = imports.create_project(
        target,
        frame,
        roles=roles,
        source=data.name,
        author=_author(),
        seed=args.seed or 0,
        embeddings=embeddings,
        progress=progress_bar(quiet=args.quiet),
    )
    with made:
        _say(args, f"{args.project}: {imports.describe(summary)}")
        _say(args, f"Classes: {', '.join(made.classes)}")
    return 0


def _import(args: argparse.Namespace) -> int:
    with project.opened(Path(args.project)) as opened:
        roles, frame = _roles(args, Path(args.data), content=opened.content)
        embeddings, frame = _embeddings(args, frame, roles)
        summary = imports.import_table(
            opened,
            frame,
            roles=roles,
            source=Path(args.data).name,
            author=_author(),
            embeddings=embeddings,
            progress=progress_bar(quiet=args.quiet),
        )
        _say(args, imports.describe(summary))
    return 0


def _pairs(texts: list[str], what: str) -> dict[str, str]:
    """`KEY=VALUE …` as a dict."""
    wrong = [text for text in texts if "=" not in text]
    if wrong:
        raise InputError(f"expected {what}, found '{wrong[0]}'")
    return dict(text.rsplit("=", 1) for text in texts)


def _roles_of(args: argparse.Namespace) -> int:
    with project.opened(Path(args.project)) as opened:
        people.set_roles(opened, _pairs(args.roles, "NAME=ROLE"), author=_author())
        listed = people.table(opened)
        for row in listed.itertuples():
            _say(args, f"{row.name}={row.role}")
        if listed.empty:
            _say(args, NOBODY_LISTED)
    return 0


def _settings(args: argparse.Namespace) -> int:
    with project.opened(Path(args.project)) as opened:
        values = _pairs(args.values, "KEY=VALUE")
        project.change_settings(opened, values, author=_author())
        for key, value in opened.config.text.items():
            _say(args, f"{key}={value}")
    return 0


def _revert(args: argparse.Namespace) -> int:
    with project.opened(Path(args.project)) as opened:
        made = history.revert(opened, args.change, author=_author())
        _say(args, f"Change {args.change} is undone by change {made}.")
    return 0


def _backup(args: argparse.Namespace) -> int:
    with project.opened(Path(args.project)) as opened:
        project.back_up(opened, Path(args.target))
    _say(args, f"Copied to {args.target}; to restore, open the copy.")
    return 0


def _label(args: argparse.Namespace) -> int:
    path = Path(args.annotations)
    with project.opened(Path(args.project)) as opened:
        frame = ingest.read_table(path)
        ingest.need_columns(frame, [args.item, args.annotator, args.label])
        change, n = answer_files.label_from_table(
            opened,
            frame,
            item=args.item,
            annotator=args.annotator,
            label=args.label,
            source=path.name,
            author=_author(),
        )
        _say(args, f"{n} answers recorded as change {change}.")
    return 0


def _close(args: argparse.Namespace) -> int:
    with project.opened(Path(args.project)) as opened:
        job_id = worker.start(opened, "close", author=_author())
        job = worker.wait(opened, job_id, progress=progress_bar(quiet=args.quiet))
        if job.state != "done":
            print(f"close: {job.message}", file=sys.stderr)
            return 1 if job.state == "blocked" else 3
        _say(args, f"{job.message}.")
        for line in impact.headline(opened):
            _say(args, line)
        left = len(export.queue_table(opened))
        _say(args, f"Round {rounds.current(opened)} is open: {left} items are asked.")
    return 0


def _impact(args: argparse.Namespace) -> int:
    target, card = export.check_target(Path(args.out)), _target(args.card)
    stretch = Stretch(args.since, args.until)
    if card and stretch != WHOLE:
        raise InputError("a card is about the whole log: leave out --since and --until")
    with project.opened(Path(args.project)) as opened:
        bar = progress_bar(quiet=args.quiet)
        frame = waterfall.measure(opened, seed=args.seed, stretch=stretch, progress=bar)
        export.write_csv(frame, target)
        if card:
            made = replays.make_card(opened, "waterfall", seed=args.seed)
            export.write_text(cards.to_json(made), card)
        for row in frame.itertuples():
            _say(args, f"{row.change_id:>4} {impact.in_words(row)}")
        told = waterfall.stored(opened, stretch)
        if told and told[1].interaction:
            _say(args, f"{told[1].interaction}.")
    return 0


def _duel(args: argparse.Namespace) -> int:
    with project.opened(Path(args.project)) as opened:
        if args.act == "start":
            duels.start(
                opened,
                minutes=args.minutes,
                analyst_minutes=args.analyst_minutes,
                author=_author(),
            )
        elif args.act == "give-up":
            duels.give_up(opened, author=_author())
        elif args.act == "decide":
            duels.measure(opened, progress=progress_bar(quiet=args.quiet))
        for line in duels.in_words(opened):
            _say(args, line)
    return 0


def _target(name: str | None) -> Path | None:
    return None if name is None else export.check_target(Path(name))


def _report(args: argparse.Namespace) -> int:
    target, card = export.check_target(Path(args.html)), _target(args.card)
    with project.opened(Path(args.project)) as opened:
        number = replays.closed_round(opened, args.round)
        page = round_report.build(opened, round_no=number, progress=progress_bar(quiet=args.quiet))
        export.write_text(page, target)
        if card:
            made = replays.make_card(opened, "round", round_no=number)
            export.write_text(cards.to_json(made), card)
    _say(args, f"The report of round {number} is written to {args.html}.")
    return 0


def _replay(args: argparse.Namespace) -> int:
    path, page = Path(args.card), _target(args.html)
    card, intact = replays.read(path)
    named = Path(args.project) if args.project else replays.project_of(card, path)
    with project.opened(named) as opened:
        found = replays.replay(card, opened, intact=intact, progress=progress_bar(quiet=args.quiet))
    if page:
        export.write_text(cards.to_html(card), page)
    for line in found.differences:
        print(line, file=sys.stderr)
    for line in found.notes:
        _say(args, f"Note: {line}.")
    agreed = f"Every digit agrees: the {card.claim} holds"
    _say(args, f"{len(found.differences)} difference(s)." if found.differences else f"{agreed}.")
    return 1 if found.differences else 0


def _export(args: argparse.Namespace) -> int:
    target = export.check_target(Path(args.out))
    with project.opened(Path(args.project)) as opened:
        frame = export.table(opened, args.what)
    export.write_csv(frame, target)
    _say(args, f"{len(frame):,} rows written to {args.out}.")
    return 0


def _handover(args: argparse.Namespace) -> int:
    target = export.check_target(Path(args.out))
    tracking.check(args.mlflow)
    with project.opened(Path(args.project)) as opened:
        number = args.round or max(1, rounds.current(opened) - 1)
        progress = progress_bar(quiet=args.quiet)
        made = handover.make(opened, number, onnx=args.onnx, progress=progress)
    handover.write(made, target)
    _say(args, f"The model of round {number} is in {args.out}: {', '.join(made.files)}.")
    missing = made.card["files"][handover.ONNX].get("left_out")
    if args.onnx and missing:
        _say(args, f"There is no ONNX: {missing}.")
    if args.mlflow:
        _say(args, f"Logged to MLflow as run {tracking.log(made, args.mlflow)}.")
    return 0


def _verify(args: argparse.Namespace) -> int:
    with project.opened(Path(args.project)) as opened:
        found = verification.verify(opened)
        n_events = len(export.events_table(opened))
        n_changes = len(history.table(opened))
    for row in found.itertuples():
        print(f"{row.what}: {row.found}", file=sys.stderr)
    clean = f"clean: {n_events:,} events in {n_changes:,} changes add up"
    _say(args, clean if found.empty else f"{len(found)} mismatch(es)")
    return 0 if found.empty else 1


def _simulate(args: argparse.Namespace) -> int:
    target, saved = export.check_target(Path(args.out)), _target(args.savings)
    if saved and saved.resolve() == target.resolve():
        raise InputError("--out and --savings name the same file: give each its own")
    of_project = Path(args.data).suffix == project.SUFFIX
    curves = (_curves_of_project if of_project else _curves_of_file)(args)
    export.write_csv(curves, target)
    found = savings.table(curves)
    if saved:
        export.write_csv(found, saved)
    _say(args, f"{len(curves):,} rows written to {args.out}.")
    for row in found[found["metric"] == curves["metric"].iloc[0]].itertuples():
        _say(args, f"{row.strategy}, {row.target:.0%} of full: {row.words}.")
    return 0


def _plan(args: argparse.Namespace) -> dict[str, Any]:
    """What a simulation of a file and of a project have in common."""
    first = args.seed or 0
    return {
        "names": args.strategy,
        "budget": args.budget,
        "batch": args.batch,
        "seeds": range(first, first + args.seeds),
        "progress": progress_bar(quiet=args.quiet),
    }


def _curves_of_file(args: argparse.Namespace) -> pd.DataFrame:
    if args.label is None:
        raise InputError("a labelled file needs --label COL: the column that holds the labels")
    path = Path(args.data)
    frame = ingest.read_table(path)
    content, frame = ingest.content_from_args(args, frame, folder=path.parent)
    ingest.need_columns(frame, [args.label])
    ingest.check_roles(content, label=args.label)
    return simulation.simulate(
        frame,
        content,
        label=args.label,
        test_share=0.2 if args.test_size is None else args.test_size,
        multi=args.multi,
        wish=Wish(args.model or "default"),
        **_plan(args),
    )


def _curves_of_project(args: argparse.Namespace) -> pd.DataFrame:
    for option in ("text", "columns", "image", "image_zip", "label", "multi", "test_size"):
        if getattr(args, option) not in (None, False):
            name = option.replace("_", "-")
            raise InputError(f"--{name} is for files: a project knows its content and its gold")
    with project.opened(Path(args.data)) as opened:
        wish = replace(opened.config.wish, model=args.model) if args.model else None
        return simulation.replay(opened, wish=wish, **_plan(args))


COMMANDS: dict[str, Callable[[argparse.Namespace], int]] = {
    "create": _create,
    "import": _import,
    "settings": _settings,
    "roles": _roles_of,
    "revert": _revert,
    "backup": _backup,
    "label": _label,
    "close": _close,
    "impact": _impact,
    "duel": _duel,
    "report": _report,
    "replay": _replay,
    "export": _export,
    "handover": _handover,
    "verify": _verify,
    "simulate": _simulate,
}


if __name__ == "__main__":
    sys.exit(main())
