"""Model cards: what a round's model learned from, how good it is, what was known to be wrong.

A card is plain JSON values; `in_markdown` is the same for people.
"""

from __future__ import annotations

import importlib.metadata
import platform
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from labeling import audits, impact, rulers
from labeling.core import features, labels, models, portable
from labeling.core.fitting import Predictor
from labeling.core.models import ModelConfig
from labeling.fits import Fits
from labeling.store.rounds import Round
from labeling.versions import TrainingSet

OPEN = ("found", "failed")
PACKAGES = ("numpy", "pandas", "scikit-learn", "scipy", "skops")


def card(fits: Fits, closed: Round, training: TrainingSet, predictor: Predictor) -> dict[str, Any]:
    """All that is to be said of a closed round's model, but for its files."""
    snapshot = fits.snapshot
    config, newest = ModelConfig(**closed.config["model"]), snapshot.label_sets[-1]
    return {
        "project": snapshot.project.title,
        "round": closed.round_no,
        "closed_at": closed.at,
        "data_version": {
            "hash": training.hash,
            "upto_event": closed.upto_event,
            "policy": closed.config["policy"],
            "n_labels": len(training.labels),
            "labels_by_class": _by_class(training, snapshot.classes, multi=snapshot.multi),
        },
        "label_set": {
            "version": newest.version,
            "classes": list(snapshot.classes),
            "multi": snapshot.multi,
            "guideline": newest.guideline,
        },
        "content": {
            "kind": snapshot.content.kind,
            "columns": list(snapshot.content.columns),
            "kinds": dict(snapshot.featurizer.kinds),
        },
        "model": {"kind": models.resolve(config.model), **asdict(config), "seed": fits.seed},
        "columns": [snapshot.classes[code] for code in portable.columns(predictor)],
        "features": {"version": features.VERSION, "learned_from_items": len(snapshot.items)},
        **_measured(fits, training, config),
        **_checked(fits, closed),
        "versions": _versions(),
    }


def _by_class(training: TrainingSet, classes: Sequence[str], *, multi: bool) -> dict[str, int]:
    names: Iterable[str] = training.labels.values()
    if multi:
        names = (name for value in training.labels.values() for name in labels.decode(value))
    counted = Counter(names)
    return {name: counted[name] for name in classes}


def _measured(fits: Fits, training: TrainingSet, config: ModelConfig) -> dict[str, Any]:
    """Metrics with 95 % intervals on today's gold; none while gold is scarce, and why."""
    ruler = rulers.current(fits.snapshot)
    found = {"n_gold": ruler.n, "gold_upto_event": fits.snapshot.upto}
    missing = impact.gold_needed(ruler.n)
    if missing:
        return found | {"metrics": [], "per_class": [], "no_metrics_because": missing}
    said = fits.predicted(training, config)
    summary, per_class = ruler.summary(said), ruler.per_class(said)
    return found | {
        "metrics": impact.records(summary),
        "per_class": impact.records(per_class),
        "no_metrics_because": None,
    }


def _checked(fits: Fits, closed: Round) -> dict[str, Any]:
    """The checks that were open in the round's own audit, the last one before it closed."""
    project = fits.snapshot.project
    ran = audits.audits_table(project)
    own = ran[ran["round_no"] == closed.round_no]
    if own.empty:
        return {"audit": None, "open_checks": []}
    last = own.iloc[-1]
    outcomes = audits.outcomes(project, audit_id=int(last["audit_id"]))
    still = outcomes[outcomes["status"].isin(OPEN)]
    audit = {"audit_id": int(last["audit_id"]), "at": str(last["at"]), "n_checks": len(outcomes)}
    return {"audit": audit, "open_checks": impact.records(still)}


def _versions() -> dict[str, str]:
    found = {name: importlib.metadata.version(name) for name in PACKAGES}
    return {"python": platform.python_version(), **found}


# -- for people -----------------------------------------------------------------------------------


def in_markdown(card: Mapping[str, Any]) -> str:
    """The card as Markdown; whatever people wrote is text in it and nothing else."""
    parts = [_head(card), _data(card), _quality(card), _checks(card), _use(card), _limits(card)]
    return "\n\n".join(part.strip() for part in parts) + "\n"


def _text(words: Any) -> str:
    """Words that show as they are, on one line, in Markdown and in its tables."""
    line = " ".join(str(words).split())
    for sign in "\\`*_[]<>|#$~":
        line = line.replace(sign, f"\\{sign}")
    return line


def _table(head: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    lines = [head, ["---"] * len(head), *([_text(cell) for cell in row] for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _minute(at: str) -> str:
    return f"{at[:16].replace('T', ' ')} UTC"


def _share(value: float | None) -> str:
    return "" if value is None else f"{value:.1%}"


def _head(card: Mapping[str, Any]) -> str:
    model = card["model"]
    settings = [f"{key} {model[key]}" for key in ("regularisation", "class_weight", "temperature")]
    return (
        f"# {_text(card['project'])}: the model of round {card['round']}\n\n"
        f"A model of kind {_text(model['kind'])} ({_text(', '.join(settings))}), fitted to the "
        f"labels that stood when round {card['round']} was closed at {_minute(card['closed_at'])}."
    )


def _data(card: Mapping[str, Any]) -> str:
    version, label_set = card["data_version"], card["label_set"]
    several = "an item may have several classes" if label_set["multi"] else "one class an item"
    table = _table(["class", "labels"], version["labels_by_class"].items())
    guideline = "\n".join(f"> {_text(line)}" for line in label_set["guideline"].splitlines())
    return (
        f"## Data\n\nData version `{version['hash']}`: the log up to event "
        f"{version['upto_event']:,}, {version['n_labels']:,} labels, several answers resolved by "
        f"{_text(version['policy'])}. Features were learned, without labels, from "
        f"{card['features']['learned_from_items']:,} items of {_of(card)}.\n\n"
        f"Label set {label_set['version']}, {several}:\n\n{table}\n\n"
        + (f"Its guideline:\n\n{guideline}" if guideline else "It has no guideline.")
    )


def _of(card: Mapping[str, Any]) -> str:
    kind = {"text": "text in", "columns": "table columns", "image": "images in"}
    content = card["content"]
    return f"{kind[content['kind']]} {_text(', '.join(content['columns']))}"


def _quality(card: Mapping[str, Any]) -> str:
    if card["no_metrics_because"]:
        return f"## How good it is\n\nNot known: {_text(card['no_metrics_because'])}."
    rows = [
        (m["metric"].replace("_", " "), _share(m["value"]), _share(m["low"]), _share(m["high"]))
        for m in card["metrics"]
    ]
    each = [
        (c["class"], c["n"], *(_share(c[k]) for k in _SHARES), _share(c["f1"]))
        for c in card["per_class"]
    ]
    head = ["class", "gold", "precision", "recall", "recall from", "to", "F1"]
    return (
        f"## How good it is\n\nOn {card['n_gold']} gold labels, drawn at random and never trained "
        f"on, as they stood at event {card['gold_upto_event']:,}; intervals are 95 %.\n\n"
        f"{_table(['metric', 'value', 'from', 'to'], rows)}\n\n{_table(head, each)}"
    )


_SHARES = ("precision", "recall", "recall_low", "recall_high")


def _checks(card: Mapping[str, Any]) -> str:
    audit, still = card["audit"], card["open_checks"]
    if audit is None:
        return "## Open checks\n\nNo audit of this round is known."
    when = f"Audit {audit['audit_id']} at {_minute(audit['at'])} ran {audit['n_checks']} checks"
    if not still:
        return f"## Open checks\n\n{when} and left none open."
    rows = [(c["code"], c["title"], c["severity"], c["n_found"], c["message"]) for c in still]
    table = _table(["code", "check", "severity", "found", "message"], rows)
    return f"## Open checks\n\n{when}; these were open:\n\n{table}"


_GIVEN = {
    "text": 'model.predict_proba(["one text", "another"])',
    "columns": 'model.predict_proba(read(pandas.read_csv("rows.csv", dtype=str)))',
    "image": 'model.predict_proba(read([open("one.png", "rb").read()]))',
}
_NEEDS = {
    "text": "import skops.io",
    "columns": "import pandas\nimport skops.io\nfrom reading import read  # beside this file",
    "image": "import skops.io\nfrom reading import read  # beside this file; needs Pillow",
}


def _use(card: Mapping[str, Any]) -> str:
    kind, skops = card["content"]["kind"], card["files"]["model.skops"]
    names = ", ".join(f'"{name}"' for name in skops["trusted_types"])
    pins = ", ".join(f"{name} {version}" for name, version in card["versions"].items())
    columns = _table(["column", "class"], enumerate(card["columns"]))
    return (
        "## How to use it\n\n`model.skops` is a scikit-learn pipeline and needs nothing of "
        f"Groundwork (made with {pins}):\n\n```python\n{_NEEDS[kind]}\n\n"
        f'trusted = [{names}]\nmodel = skops.io.load("model.skops", trusted=trusted)\n'
        f"proba = {_GIVEN[kind]}\n```\n\nThe columns of `proba`:\n\n{columns}\n\n{_class(card)} "
        f"Before it was handed out the file was loaded again: on {skops['checked_rows']} items its "
        f"probabilities were ours within {skops['largest_difference']:.0e}.\n\n{_onnx(card)}"
    )


def _class(card: Mapping[str, Any]) -> str:
    rest = "A class of the label set that is missing here had no label."
    if card["label_set"]["multi"]:
        return "An item has every class whose probability is 0.5 or more; rows need not sum to 1."
    return f"`model.predict` gives a class's number in the label set, from 0. {rest}"


def _onnx(card: Mapping[str, Any]) -> str:
    onnx = card["files"]["model.onnx"]
    if "left_out" in onnx:
        return f"There is no ONNX: {_text(onnx['left_out'])}."
    return (
        f"`model.onnx` holds the model from features on ({onnx['behind']}): its input is "
        f"`features`, float32 (rows, {onnx['inputs']}), made by `model[:-1].transform(...)` and "
        "dense; its output `probabilities` has the same columns, within "
        f"{onnx['largest_difference']:.0e} of ours on {onnx['checked_rows']} items."
    )


def _limits(card: Mapping[str, Any]) -> str:
    return (
        "## What it is not for\n\nIt knows items like those of this project and no others. Labels "
        "may have been asked for because they were hard, so the class shares above need not be "
        "those of the data. Its features know words, numbers and edges, but no language."
    )
