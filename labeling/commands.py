"""The command line's options, read by `python -m labeling`, `python -m quality` and their tests."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from typing import NoReturn

from labeling import vector_files
from labeling.ingest import Progress, add_content_options, silent


class Parser(argparse.ArgumentParser):
    """Wrong use is one line on stderr and exit code 2."""

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"{self.prog}: {' '.join(message.split())}\n")


def whole_number(least: int, most: int) -> Callable[[str], int]:
    """What turns an option's text into an int from `least` to `most`, or refuses it in words."""

    def convert(text: str) -> int:
        try:
            number = int(text)
        except ValueError:
            number = least - 1
        if least <= number <= most:
            return number
        raise argparse.ArgumentTypeError(
            f"expected a whole number from {least} to {most}, found '{text[:40]}'"
        )

    return convert


def progress_bar(*, quiet: bool) -> Progress:
    """A bar on stderr, where there is somebody to look at it."""
    if quiet or not sys.stderr.isatty():
        return silent

    def show(share: float, message: str) -> None:
        filled = "█" * round(24 * share)
        end = "\n" if share >= 1 else ""
        sys.stderr.write(f"\r\x1b[K{filled:░<24} {share:4.0%} {message}{end}")
        sys.stderr.flush()

    return show


SEED = whole_number(0, 2**32 - 1)
CHANGE = whole_number(1, 2**63 - 1)
ROUND = whole_number(1, 2**31 - 1)
MINUTES = whole_number(1, 100_000)
DUEL_ACTS = ("start", "decide", "show", "give-up")


def parser() -> argparse.ArgumentParser:
    """All commands with their exact arguments (a contract: other programs call them)."""
    top = Parser(
        prog="python -m labeling",
        description="Groundwork: ask, answer, check, learn, compare.",
        epilog="Exit codes: 0 fine, 1 blocked or mismatch, 2 wrong use or bad input, 3 our fault.",
    )
    commands = top.add_subparsers(dest="command", required=True, metavar="COMMAND")

    def command(name: str, help: str) -> argparse.ArgumentParser:
        sub = commands.add_parser(name, help=help, description=help)
        sub.add_argument("--seed", type=SEED, default=None, help="seed of random draws")
        sub.add_argument("--quiet", action="store_true", help="no progress, no summary")
        return sub

    create = command("create", "make a project from a first table and publish its seed batch")
    create.add_argument("project", metavar="PROJECT.db")
    _add_import_options(create)
    create.add_argument(
        "--multi", action="store_true", help="an item may have several classes (a|b)"
    )

    more = command("import", "bring more rows into a project")
    more.add_argument("project", metavar="PROJECT.db")
    _add_import_options(more, required=False)

    settings = command("settings", "show or change settings")
    settings.add_argument("project", metavar="PROJECT.db")
    settings.add_argument("values", nargs="*", metavar="KEY=VALUE")

    roles = command("roles", "show or change who may do what (annotator, reviewer, owner, none)")
    roles.add_argument("project", metavar="PROJECT.db")
    roles.add_argument("roles", nargs="*", metavar="NAME=ROLE")

    revert = command("revert", "undo a whole change by a new one")
    revert.add_argument("project", metavar="PROJECT.db")
    revert.add_argument("change", type=CHANGE, metavar="CHANGE")

    backup = command("backup", "a consistent copy while in use")
    backup.add_argument("project", metavar="PROJECT.db")
    backup.add_argument("target", metavar="TO.db")

    _add_label(command("label", "bring in a file of answers as one change"))

    close = command("close", "check, learn, compare, publish the next batch")
    close.add_argument("project", metavar="PROJECT.db")

    _add_impact(command("impact", "what each change of the data did to the model"))
    _add_duel(command("duel", "data against model at equal effort: start, decide, show, give-up"))
    _add_report(command("report", "a closed round on one page: what changed, who, score, cost"))
    _add_replay(command("replay", "compute an evidence card again: does every digit agree?"))

    export = command("export", "a table as CSV")
    export.add_argument("project", metavar="PROJECT.db")
    export.add_argument("--what", metavar="TABLE", required=True)
    export.add_argument("--out", metavar="FILE.csv", required=True)

    _add_handover(command("handover", "a closed round's model with its card, to give away"))

    verify = command("verify", "reconcile log, derived tables and receipts")
    verify.add_argument("project", metavar="PROJECT.db")

    _add_simulate(
        command("simulate", "learning curves of strategies on a labelled file or a project")
    )
    return top


def _add_label(sub: argparse.ArgumentParser) -> None:
    sub.add_argument("project", metavar="PROJECT.db")
    sub.add_argument("annotations", metavar="ANNOTATIONS.csv")
    for name in ("item", "annotator", "label"):
        sub.add_argument(f"--{name}", metavar="COL", required=True)


def _add_impact(sub: argparse.ArgumentParser) -> None:
    sub.add_argument("project", metavar="PROJECT.db")
    sub.add_argument("--out", metavar="FILE.csv", required=True)
    sub.add_argument("--since", type=int, metavar="ROUND", help="what came after this round")
    sub.add_argument("--until", type=int, metavar="ROUND", help="and up to this one")
    sub.add_argument("--card", metavar="FILE.json", help="the evidence card of these bars")


def _add_import_options(sub: argparse.ArgumentParser, *, required: bool = True) -> None:
    sub.add_argument("data", metavar="DATA.csv", help="CSV, TSV, JSONL, Parquet or XLSX")
    add_content_options(sub, required=required)
    sub.add_argument("--id", metavar="COL", help="a name of your own for each row")
    sub.add_argument("--label", metavar="COL", help="labels that are already there")
    sub.add_argument("--annotator", metavar="COL", help="who gave those labels")
    sub.add_argument("--classes", metavar="a,b", help="the label set, in the order of its keys")
    sub.add_argument("--gold", metavar="COL", help="marks rows with trusted labels: the gold")
    sub.add_argument("--reserve", type=float, metavar="F", help="share kept for measuring")
    vector_files.add_options(sub)


def _add_duel(sub: argparse.ArgumentParser) -> None:
    sub.add_argument("project", metavar="PROJECT.db")
    sub.add_argument("act", nargs="?", choices=DUEL_ACTS, default="show", metavar="ACT")
    sub.add_argument("--minutes", type=MINUTES, metavar="N", default=60, help="of labeling, 60")
    sub.add_argument("--analyst-minutes", type=MINUTES, metavar="N", help="on the model, as many")


def _add_report(sub: argparse.ArgumentParser) -> None:
    sub.add_argument("project", metavar="PROJECT.db")
    sub.add_argument("--round", type=CHANGE, metavar="N", help="the newest unless named")
    sub.add_argument("--html", metavar="FILE.html", required=True)
    sub.add_argument("--card", metavar="FILE.json", help="the evidence card of its figures")


def _add_replay(sub: argparse.ArgumentParser) -> None:
    sub.add_argument("card", metavar="CARD.json")
    sub.add_argument("--project", metavar="PROJECT.db", help="another file than the card names")
    sub.add_argument("--html", metavar="FILE.html", help="the card as a page")


def _add_handover(sub: argparse.ArgumentParser) -> None:
    sub.add_argument("project", metavar="PROJECT.db")
    sub.add_argument("--round", type=ROUND, metavar="N", help="the newest closed one if left")
    sub.add_argument("--out", metavar="FILE.zip", required=True)
    sub.add_argument("--onnx", action="store_true", help="as ONNX too, where it converts")
    sub.add_argument("--mlflow", metavar="URI", help="log it to this MLflow tracking URI too")


def _add_simulate(sub: argparse.ArgumentParser) -> None:
    sub.add_argument("data", metavar="DATA.csv|PROJECT.db", help="what is labelled already")
    add_content_options(sub, required=False)
    sub.add_argument("--label", metavar="COL", help="the labels of a file")
    sub.add_argument("--multi", action="store_true", help="a row of a file may have several (a|b)")
    sub.add_argument("--strategy", metavar="NAME", action="append", required=True)
    sub.add_argument(
        "--model", metavar="NAME", help="`default`, or the project's own, unless named"
    )
    sub.add_argument("--budget", type=int, metavar="N", required=True)
    sub.add_argument("--batch", type=int, metavar="N", required=True)
    sub.add_argument("--seeds", type=int, metavar="N", required=True)
    sub.add_argument("--test-size", type=float, metavar="F", help="test part of a file, 0.2")
    sub.add_argument("--out", metavar="FILE.csv", required=True)
    sub.add_argument(
        "--savings", metavar="FILE.csv", help="labels to 95 %% and 99 %% of the full model"
    )
