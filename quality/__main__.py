"""`python -m quality check|label-errors|consensus|agreement|annotators`: a skin over the checks.

Exit codes: 0 fine, 1 findings at or above --fail-on, 2 wrong use or bad input (one line on stderr,
nothing written), 3 a fault of ours.
"""

from __future__ import annotations

import argparse
import json
import logging
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import pandas as pd

from labeling.commands import SEED, Parser, progress_bar
from labeling.core.features import Content, matrix
from labeling.errors import GroundworkError, InputError
from labeling.ingest import (
    add_content_options,
    check_roles,
    content_from_args,
    guess_roles,
    named_classes,
    need_columns,
    read_table,
)
from quality import annotators, consensus, label_estimates, label_signals, labels, repairs
from quality.agreement import agreement, by_group, by_label
from quality.checks import (
    Dataset,
    Outcome,
    exceeds,
    issues_table,
    outcomes_table,
    run_checks,
)
from quality.duplicates import exact_keys
from quality.fingerprints import content_hash
from quality.report import html_report
from quality.suggestions import suggest
from quality.suites import SEVERITIES, Expectation, great_expectations_form, suite_from_json
from quality.values import suspicious_cells

ITEM_NAMES = ("item_id", "item")
ANNOTATOR_NAMES = ("annotator", "annotator_id", "worker", "worker_id", "rater")
LABEL_NAMES = ("label", "answer")
TARGETS = ("out", "outcomes", "html", "repairs", "save_suite", "confusions")
MORE_NAMES = {
    "seconds": ("seconds", "duration", "time_seconds"),
    "order": ("order", "at", "timestamp"),
    "kind": ("kind",),
}


def build_parser() -> argparse.ArgumentParser:
    """The commands and their options, as DESIGN section 8 has them."""
    parser = Parser(prog="python -m quality", description="Checks on data and labels.")
    commands = parser.add_subparsers(dest="command", required=True)
    _check_options(commands.add_parser("check", help="run every check on a file"))
    _ranking_options(commands.add_parser("label-errors", help="rank rows by suspicious labels"))
    consensus_parser = commands.add_parser("consensus", help="one label per item")
    _annotation_options(consensus_parser)
    consensus_parser.add_argument("--method", default="default", choices=consensus.POLICIES)
    consensus_parser.add_argument("--items", metavar="DATA.csv", help="what was labelled")
    consensus_parser.add_argument("--id", metavar="COL", help="the items' ids in --items")
    add_content_options(consensus_parser, required=False)
    agreement_parser = commands.add_parser("agreement", help="how far annotators agree")
    _annotation_options(agreement_parser)
    agreement_parser.add_argument("--order", metavar="a,b,c", help="the classes, least to most")
    agreement_parser.add_argument("--group", metavar="COL", help="a guideline's version, say")
    people_parser = commands.add_parser("annotators", help="how good, fast and steady each one is")
    _annotation_options(people_parser)
    people_parser.add_argument("--seconds", metavar="COL", help="time taken for each answer")
    people_parser.add_argument("--confusions", metavar="FILE.csv", help="who mixes up what")
    for command in commands.choices.values():
        command.add_argument("--out", required=True, metavar="FILE.csv")
        command.add_argument("--seed", type=SEED, default=0)
        command.add_argument("--quiet", action="store_true")
    return parser


def _check_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("data", metavar="DATA.csv")
    add_content_options(parser)
    parser.add_argument("--label", metavar="COL")
    parser.add_argument("--id", metavar="COL")
    parser.add_argument("--classes", metavar="a,b", help="the label set; else what --label holds")
    parser.add_argument(
        "--annotations",
        metavar="FILE",
        help="columns item_id, annotator, label; seconds, order, kind if there",
    )
    parser.add_argument("--imports", metavar="COL", help="which import a row came with; last = new")
    parser.add_argument("--suite", metavar="SUITE.json", help="expectations; else suggested ones")
    parser.add_argument("--outcomes", metavar="FILE.csv", help="one line per check")
    parser.add_argument("--html", metavar="FILE.html", help="a report that needs no net")
    parser.add_argument("--repairs", metavar="FILE.csv", help="proposed values of doubted cells")
    parser.add_argument(
        "--save-suite", metavar="FILE.json", help="the suite, as Great Expectations reads it"
    )
    parser.add_argument("--fail-on", default="critical", choices=("none", *reversed(SEVERITIES)))


def _ranking_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("data", metavar="DATA.csv")
    add_content_options(parser)
    parser.add_argument("--label", required=True, metavar="COL")
    parser.add_argument("--id", metavar="COL")
    parser.add_argument("--annotations", metavar="FILE", help="columns item_id, annotator, label")


def _annotation_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("annotations", metavar="ANNOTATIONS.csv")
    for name in ("--item", "--annotator", "--label"):
        parser.add_argument(name, required=True, metavar="COL")


# -- check -------------------------------------------------------------------------------------


def check(args: argparse.Namespace) -> int:
    """Run every check on a file; the issues are written, whatever their severity."""
    dataset = _dataset(args)
    outcomes = run_checks(dataset, progress=progress_bar(quiet=args.quiet))
    _write({path: make(dataset, outcomes) for path, make in _results(args).items()})
    _say(args, _verdict(outcomes))
    return int(exceeds(outcomes, args.fail_on))


Written: TypeAlias = pd.DataFrame | str


def _results(
    args: argparse.Namespace,
) -> dict[str, Callable[[Dataset, Sequence[Outcome]], Written]]:
    """What is written where: a table as CSV, a text as it is."""

    def page(dataset: Dataset, outcomes: Sequence[Outcome]) -> str:
        about = {
            "file": Path(args.data).name,
            "rows": f"{len(dataset.frame):,}",
            "content": content_hash(dataset.frame),
        }
        title = f"Checks of {about['file']}"
        return html_report(outcomes, title=title, about=about, suite=dataset.suite)

    wanted: dict[str | None, Callable[[Dataset, Sequence[Outcome]], Written]] = {
        args.out: lambda _, outcomes: issues_table(outcomes),
        args.outcomes: lambda _, outcomes: outcomes_table(outcomes),
        args.html: page,
        args.repairs: lambda dataset, _: repairs.propose(suspicious_cells(dataset.table)),
        args.save_suite: lambda dataset, _: suite_as_json(dataset.suite),
    }
    return {path: make for path, make in wanted.items() if path is not None}


def suite_as_json(suite: Sequence[Expectation]) -> str:
    """The suite in Great Expectations' own form; `--suite` reads it again."""
    return json.dumps(great_expectations_form(suite), ensure_ascii=False, indent=1) + "\n"


def _dataset(args: argparse.Namespace) -> Dataset:
    table = read_table(Path(args.data))
    content, frame = content_from_args(args, table)
    need_columns(frame, [args.label, args.id, args.imports])
    check_roles(content, label=args.label)
    id_column = args.id or guess_roles(table).id
    item_id = _item_ids(frame, id_column)
    label = None if args.label is None else frame[args.label].to_numpy(dtype=object)
    classes = _classes(args, label)
    imports, frame = _imports(args, frame)
    features = matrix(frame, content)
    return Dataset(
        frame=frame,
        content=content.columns,
        item_id=item_id,
        label=label,
        classes=classes,
        annotations=_item_answers(args, item_id),
        proba=_proba(frame, content, label, features=features, classes=classes, seed=args.seed),
        duplicate_key=exact_keys(frame, content.columns),
        suite=_suite(args, frame, id_column, content),
        label_column=args.label or "",
        kind=content.kind,
        features=features,
        imports=imports,
    )


def _imports(
    args: argparse.Namespace, frame: pd.DataFrame
) -> tuple[npt.NDArray[np.int64] | None, pd.DataFrame]:
    """The number of each row's import, in the order in which they first occur, and the rest."""
    if args.imports is None:
        return None, frame
    codes, names = pd.factorize(frame[args.imports].fillna(""))
    if len(names) < 2:
        raise InputError(f"column '{args.imports}' names one import only: there is none to compare")
    return codes.astype(np.int64), frame.drop(columns=args.imports)


def _item_ids(frame: pd.DataFrame, id_column: str | None) -> npt.NDArray[Any]:
    """The values of the id column, or row numbers where there is none."""
    rows = pd.Series(np.arange(len(frame)).astype(str), dtype=object)
    chosen = rows if id_column is None else frame[id_column].where(frame[id_column].notna(), rows)
    return np.asarray(chosen.to_numpy(dtype=object), dtype=str)


def _classes(args: argparse.Namespace, label: npt.NDArray[Any] | None) -> tuple[str, ...]:
    if args.classes is not None:
        return named_classes(args.classes)
    return () if label is None else tuple(sorted({name for name in label if name is not None}))


def _item_answers(args: argparse.Namespace, item_id: npt.NDArray[Any]) -> pd.DataFrame | None:
    """The annotations under the names that a Dataset has; some must be about these items."""
    if args.annotations is None:
        return None
    frame = read_table(Path(args.annotations))
    roles = {"item_id": ITEM_NAMES, "annotator": ANNOTATOR_NAMES, "label": LABEL_NAMES}
    answers = pd.DataFrame({role: frame[_column(frame, names)] for role, names in roles.items()})
    for role, names in MORE_NAMES.items():
        for name in [name for name in names if name in frame.columns][:1]:
            numbers = pd.to_numeric(frame[name], errors="coerce")
            answers[role] = frame[name] if role == "kind" or numbers.isna().any() else numbers
    known = answers["item_id"].isin(item_id)
    if not known.any():
        raise InputError(
            f"no item of {args.annotations} is in {args.data}, for example "
            f"'{answers['item_id'].iloc[0]}': name the column of item ids by --id"
        )
    return answers[known]


def _column(frame: pd.DataFrame, names: Sequence[str]) -> str:
    found = [name for name in names if name in frame.columns]
    if not found:
        raise InputError(f"the annotations need a column {names[0]}; found {', '.join(frame)}")
    return found[0]


def _proba(
    frame: pd.DataFrame,
    content: Content,
    label: npt.NDArray[Any] | None,
    *,
    features: Any,
    classes: Sequence[Any],
    seed: int,
) -> npt.NDArray[np.float64] | None:
    """What models that never saw a row believe of it, (rows, classes), NaN where unlabelled."""
    if label is None or len(classes) < 2:
        return None
    codes = pd.Index(classes, dtype=object).get_indexer(list(label)).astype(np.int64)
    proba = _belief(frame, content, codes, features=features, n_classes=len(classes), seed=seed)
    proba[codes < 0] = np.nan
    return proba


def _belief(
    frame: pd.DataFrame,
    content: Content,
    codes: npt.NDArray[np.int64],
    *,
    features: Any,
    n_classes: int,
    seed: int,
) -> npt.NDArray[np.float64]:
    """All that the content says about the labels; equal rows never vouch for each other."""
    evidence = label_signals.gather(
        features,
        codes,
        kind=content.kind,
        n_classes=n_classes,
        groups=exact_keys(frame, content.columns),
        seed=seed,
    )
    return label_signals.belief(evidence)


def _suite(
    args: argparse.Namespace, frame: pd.DataFrame, id_column: str | None, content: Content
) -> tuple[Expectation, ...]:
    if args.suite is None:
        classes = () if args.classes is None else _classes(args, None)
        labelled = () if content.kind == "image" else content.columns
        return tuple(
            suggest(frame, label=args.label, classes=classes, id_column=id_column, content=labelled)
        )
    try:
        return tuple(suite_from_json(Path(args.suite).read_text(encoding="utf-8")))
    except OSError as error:
        raise InputError(f"cannot read the suite {args.suite}: {error.strerror}") from error
    except ValueError as error:
        raise InputError(f"{args.suite}: {error}") from error


def _verdict(outcomes: Sequence[Outcome]) -> str:
    counts = pd.Series([outcome.status for outcome in outcomes]).value_counts()
    lines = [", ".join(f"{count} {status}" for status, count in counts.items())]
    for outcome in outcomes:
        if outcome.status in ("found", "failed"):
            head = f"{outcome.severity:8} {outcome.code}  {outcome.title}"
            lines.append(f"{head}: {outcome.message}")
    return "\n".join(lines)


# -- label-errors, consensus, agreement --------------------------------------------------------


def label_errors(args: argparse.Namespace) -> int:
    """Every row, the most suspicious label first; a row without a label has an empty score."""
    content, frame = content_from_args(args, read_table(Path(args.data)))
    need_columns(frame, [args.label, args.id])
    check_roles(content, label=args.label)
    codes, classes = pd.factorize(frame[args.label], sort=True)
    if len(classes) < 2:
        raise InputError(f"column '{args.label}' needs at least two classes, found {len(classes)}")
    ids = _item_ids(frame, args.id)
    answers = _answered(args, ids, classes)
    codes = codes.astype(np.int64)
    features = matrix(frame, content)
    content_belief = _belief(
        frame, content, codes, features=features, n_classes=len(classes), seed=args.seed
    )
    proba = content_belief
    if answers is not None:
        proba = label_signals.with_answers(content_belief, answers)
    scores, suggested = labels.ranking(proba, codes)
    names = np.asarray(classes, dtype=object)[suggested]
    table = pd.DataFrame({"id": ids, "score": scores, "suggested_label": names})
    _write({args.out: table.sort_values("score", kind="stable", ignore_index=True)})
    estimate = label_estimates.estimate(content_belief, codes, answers)
    _say(args, f"{len(table):,} rows ranked. {estimate.words}")
    return 0


def _answered(
    args: argparse.Namespace, item_id: npt.NDArray[Any], classes: Sequence[Any]
) -> label_signals.Answered | None:
    """What several people said of each row, if there is a file of answers."""
    given = _item_answers(args, item_id)
    if given is None:
        return None
    return label_signals.answered(given.rename(columns={"item_id": "item"}), item_id, classes)


def agree(args: argparse.Namespace) -> int:
    """Agreement over all annotators, pair by pair, class by class and group by group."""
    order = None if args.order is None else named_classes(args.order)
    answers = _answers(args, group=args.group)
    try:
        parts = [agreement(answers, order=order, seed=args.seed)]
    except ValueError as error:
        raise InputError(f"--order: {error}") from error
    parts.append(by_label(answers, seed=args.seed))
    if args.group is not None:
        parts.append(by_group(answers, order=order, seed=args.seed))
    table = pd.concat(parts, ignore_index=True)
    _write({args.out: table})
    overall = table[(table["annotator_a"] == "") & (table["label"] == "")]
    for row in overall.itertuples():
        where = f" in {row.group}" if row.group else ""
        _say(args, f"{row.measure}{where}: {row.value:.3f} [{row.low:.3f}, {row.high:.3f}]")
    return 0


def people(args: argparse.Namespace) -> int:
    """A row an annotator, the least agreement with the others first."""
    answers = _answers(args, seconds=args.seconds)
    table = annotators.summary(answers)
    tables = {args.out: table}
    if args.confusions:
        tables[args.confusions] = annotators.mix_ups(answers)
    _write(tables)
    for row in table.head(5).itertuples():
        share = f"{row.agreement:.3f} [{row.low:.3f}, {row.high:.3f}]"
        _say(args, f"{row.annotator}: agrees {share} on {row.n_compared:,} items")
    return 0


def resolve(args: argparse.Namespace) -> int:
    """One label per item; with --items, the default method also learns from the content."""
    answers = _answers(args)
    if args.items is None:
        if (args.text, args.columns, args.image, args.id) != (None, None, None, None):
            raise InputError("--text, --columns, --image and --id describe --items DATA.csv")
        table = consensus.POLICIES[args.method](answers)
    else:
        table = _resolve_with_content(args, answers)
    _write({args.out: table})
    _say(args, f"{len(table):,} items from {len(answers):,} answers by {args.method}")
    return 0


def _resolve_with_content(args: argparse.Namespace, answers: pd.DataFrame) -> pd.DataFrame:
    table = read_table(Path(args.items))
    content, frame = content_from_args(args, table)
    need_columns(frame, [args.id])
    items = _item_ids(frame, args.id or guess_roles(table).id)
    unknown = answers["item"][~answers["item"].isin(items)]
    if len(unknown):
        raise InputError(
            f"{args.items} does not have item '{unknown.iloc[0]}' (and {len(unknown) - 1} more "
            "answers' items): name the column of item ids by --id"
        )
    if args.method != "default":
        return consensus.POLICIES[args.method](answers)
    features = matrix(frame, content)
    return consensus.with_content(
        answers, items, features=features, kind=content.kind, seed=args.seed
    )


def _answers(args: argparse.Namespace, **more: str | None) -> pd.DataFrame:
    """The annotations as item, annotator, label and what else is named by a column.

    Raises InputError where an item or an annotator is empty.
    """
    frame = read_table(Path(args.annotations))
    chosen = {"item": args.item, "annotator": args.annotator, "label": args.label}
    chosen |= {role: column for role, column in more.items() if column is not None}
    need_columns(frame, list(chosen.values()))
    answers = pd.DataFrame({role: frame[column] for role, column in chosen.items()})
    for role in ("item", "annotator"):
        blank = np.flatnonzero(answers[role].isna())
        if len(blank):
            raise InputError(f"row {blank[0]} of {args.annotations} has no {chosen[role]}")
    if answers["label"].isna().all():
        raise InputError(f"column '{args.label}' of {args.annotations} holds no label")
    return answers


# -- the program -------------------------------------------------------------------------------


def _write(results: Mapping[str, Written]) -> None:
    from labeling.export import write_csv, write_text

    for path, result in results.items():
        if isinstance(result, str):
            write_text(result, Path(path))
        else:
            write_csv(result, Path(path))


def _check_targets(args: argparse.Namespace) -> None:
    """All files that will be written, before any is: one that cannot be leaves none."""
    from labeling.export import check_target

    named = {f"--{name.replace('_', '-')}": getattr(args, name, None) for name in TARGETS}
    places: dict[Path, str] = {}
    for option, path in named.items():
        if path is not None:
            place = check_target(Path(path)).resolve()
            if place in places:
                raise InputError(f"{places[place]} and {option} both name {path}: name two files")
            places[place] = option


def _say(args: argparse.Namespace, message: str) -> None:
    if not args.quiet:
        print(message)


COMMANDS: dict[str, Callable[[argparse.Namespace], int]] = {
    "check": check,
    "label-errors": label_errors,
    "consensus": resolve,
    "agreement": agree,
    "annotators": people,
}


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code."""
    args = build_parser().parse_args(argv)
    try:
        _check_targets(args)
        return COMMANDS[args.command](args)
    except GroundworkError as error:
        message = " ".join(str(error).split())
        print(f"python -m quality {args.command}: {message}", file=sys.stderr)
        return error.exit_code
    except Exception:
        logging.getLogger(__name__).exception("a fault of ours in `%s`", args.command)
        return 3


if __name__ == "__main__":
    sys.exit(main())
