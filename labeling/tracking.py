"""MLflow: a model that is handed over, logged as a run. An extra; nothing else here needs it."""

from __future__ import annotations

import importlib.util
import json
import tempfile
from pathlib import Path
from typing import Any

from labeling.errors import InputError
from labeling.handover import HandOver

MISSING = "MLflow is not installed: pip install -r requirements-mlflow.txt"
DIGEST = 36  # MLflow takes no longer digest of a data set; the whole hash is in a tag


def is_there() -> bool:
    """Whether MLflow is installed; nothing is imported."""
    return importlib.util.find_spec("mlflow") is not None


def check(uri: str | None) -> None:
    """Raise InputError in words when something is to be logged and MLflow is not there."""
    if uri is not None and not is_there():
        raise InputError(MISSING)


def log(made: HandOver, uri: str) -> str:
    """Log a hand-over at a tracking URI and return the run's id.

    The experiment is the project. The data version is the data set, by its hash; metrics and their
    bounds are metrics; all files are artifacts. Raises InputError where MLflow refuses.
    """
    check(uri)
    from mlflow import MlflowClient
    from mlflow.exceptions import MlflowException

    try:
        return _logged(MlflowClient(tracking_uri=uri), made)
    except MlflowException as error:
        first = str(error).strip().splitlines()[0]
        raise InputError(f"MLflow at {uri} does not take it: {first}") from error


def _logged(client: Any, made: HandOver) -> str:
    card = made.card
    name = f"groundwork/{card['project']}"
    known = client.get_experiment_by_name(name)
    experiment = known.experiment_id if known else client.create_experiment(name)
    run = client.create_run(experiment, run_name=f"round {card['round']}")
    run_id = str(run.info.run_id)
    client.log_inputs(run_id, [_dataset(card)])
    for key, value in _params(card).items():
        client.log_param(run_id, key, value)
    for key, number in _metrics(card).items():
        client.log_metric(run_id, key, number, step=card["round"])
    for check in card["open_checks"]:
        client.set_tag(run_id, f"open_check.{check['code']}", check["title"])
    client.set_tag(run_id, "data_version", card["data_version"]["hash"])
    with tempfile.TemporaryDirectory() as folder:
        for file, data in made.files.items():
            (Path(folder) / file).write_bytes(data)
        client.log_artifacts(run_id, folder)
    client.set_terminated(run_id)
    return run_id


def _dataset(card: dict[str, Any]) -> Any:
    from mlflow.entities import Dataset, DatasetInput, InputTag

    version = card["data_version"]
    source = {"project": card["project"], "upto_event": version["upto_event"]}
    dataset = Dataset(
        name=f"round {card['round']}",
        digest=version["hash"][:DIGEST],
        source_type="groundwork",
        source=json.dumps(source, ensure_ascii=False),
        profile=json.dumps({"labels": version["n_labels"], "sha256": version["hash"]}),
    )
    return DatasetInput(dataset, [InputTag("mlflow.data.context", "training")])


def _params(card: dict[str, Any]) -> dict[str, Any]:
    model, version = card["model"], card["data_version"]
    about = {"n_labels": version["n_labels"], "policy": version["policy"], "n_gold": card["n_gold"]}
    return {**model, **about, "classes": json.dumps(card["columns"], ensure_ascii=False)}


def _metrics(card: dict[str, Any]) -> dict[str, float]:
    found = dict[str, float]()
    for row in card["metrics"]:
        name = row["metric"]
        found |= {name: row["value"], f"{name}_low": row["low"], f"{name}_high": row["high"]}
    return found
