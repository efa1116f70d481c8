"""The settings of a project: their names, defaults and allowed values, in one table."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from labeling.core import models, second_opinions, stopping
from labeling.core.models import AUTO, MODELS
from labeling.core.strategies import STRATEGIES
from labeling.core.tuning import Wish
from labeling.errors import InputError
from quality.consensus import POLICIES


class Setting(NamedTuple):
    """One setting: its default, how its text is read, which change records it, what it does."""

    default: str
    read: Callable[[str], Any]
    change: str
    help: str
    choices: tuple[str, ...] = ()
    is_open: bool = False  # other values than the choices may be allowed


def _one_of(*allowed: str) -> Callable[[str], str]:
    def read(text: str) -> str:
        if text not in allowed:
            raise ValueError(f"one of {', '.join(allowed)}")
        return text

    return read


def _number(kind: Callable[[str], Any], low: float, high: float) -> Callable[[str], Any]:
    def read(text: str) -> Any:
        wanted = f"a {'whole number' if kind is int else 'number'} from {low:g} to {high:g}"
        try:
            value = kind(text)
        except ValueError:
            raise ValueError(wanted) from None
        if not math.isfinite(value) or not low <= value <= high:
            raise ValueError(wanted)
        return value

    return read


def _auto_or(read: Callable[[str], Any]) -> Callable[[str], Any]:
    def either(text: str) -> Any:
        if text == AUTO:
            return text
        try:
            return read(text)
        except ValueError as error:
            raise ValueError(f"{AUTO}, or {error}") from None

    return either


class SecondOpinions(NamedTuple):
    """Which labels are asked again, and the random share of a batch that one more is asked about.

    `policy` is one of `second_opinions.POLICIES`, `overlap` in [0, 1].
    """

    policy: str
    overlap: float


def _second_opinions(text: str) -> SecondOpinions:
    if text in second_opinions.POLICIES:
        return SecondOpinions(text, second_opinions.OVERLAP)
    try:
        return SecondOpinions("none", _number(float, 0, 1)(text))
    except ValueError as error:
        raise ValueError(f"one of {', '.join(second_opinions.POLICIES)}, or {error}") from None


def _model(text: str) -> str:
    models.maker(text)
    return text


SETTINGS: dict[str, Setting] = {
    "strategy": Setting(
        "default",
        _one_of("default", *STRATEGIES),
        "settings",
        "how the next batch is chosen",
        ("default", *STRATEGIES),
    ),
    "batch_size": Setting("20", _number(int, 1, 10_000), "settings", "pool items in a batch"),
    "gold_per_batch": Setting(
        "10", _number(int, 0, 1_000), "settings", "gold draws added to a batch"
    ),
    "gold_target": Setting(
        "100", _number(int, 0, 100_000), "settings", "gold labels at which the draws stop"
    ),
    "control_share": Setting(
        "0.1", _number(float, 0, 1), "settings", "share of a batch drawn at random (control arm)"
    ),
    "lease_minutes": Setting(
        "15", _number(float, 0.1, 1440), "settings", "how long an item is kept for one person"
    ),
    "overlap": Setting(
        "1", _number(int, 1, 100), "settings", "answers asked for an item, from the next batch on"
    ),
    "second_opinions": Setting(
        second_opinions.DEFAULT,
        _second_opinions,
        "settings",
        "which labels one more person is asked about, beside a random 5 % of a batch, from the "
        "next batch on; or a number: that random share alone",
        tuple(second_opinions.POLICIES),
    ),
    "suggestions_hidden": Setting(
        "0.2",
        _number(float, 0, 1),
        "settings",
        "random share of items on which the model's suggestion is not shown; 1 shows none",
    ),
    "embeddings": Setting(
        "beside",
        _one_of("beside", "alone", "off"),
        "settings",
        "what models learn from where items have vectors of your own: these beside the content, "
        "these alone, or the content only",
        ("beside", "alone", "off"),
    ),
    "gate": Setting(
        "critical",
        _one_of("critical", "warning", "info", "none"),
        "settings",
        "open issues of this severity or above keep a round from closing",
        ("critical", "warning", "info", "none"),
    ),
    "stop_rule": Setting(
        "default",
        _one_of(*stopping.RULES),
        "settings",
        "when the stop light says stop: default (little gain forecast, and models that agree) or "
        "conservative (models that agree very closely)",
        tuple(stopping.RULES),
    ),
    "policy": Setting(
        "majority",
        _one_of(*POLICIES),
        "model",
        "how an item's answers become its label",
        tuple(POLICIES),
    ),
    "model": Setting(
        "default",
        _model,
        "model",
        "what is trained; a path such as sklearn.ensemble.ExtraTreesClassifier will do too",
        ("default", *MODELS),
        is_open=True,
    ),
    "regularisation": Setting(
        AUTO,
        _auto_or(_number(float, 1e-6, 1e6)),
        "model",
        "C of linear models, higher fits closer; auto: chosen inside the training rows",
    ),
    "class_weight": Setting(
        AUTO,
        _one_of(AUTO, "balanced", "none"),
        "model",
        "whether rare classes count for more; auto: chosen inside the training rows",
        (AUTO, "balanced", "none"),
    ),
    "soft_labels": Setting(
        "off",
        _one_of("off", "on"),
        "model",
        "on: where people differ the model learns every class that may be right, by its weight",
        ("off", "on"),
    ),
}


class Config:
    """The settings in force, read and checked. Attributes bear the names of SETTINGS."""

    def __init__(self, values: Mapping[str, str]) -> None:
        self.text = {key: values.get(key, setting.default) for key, setting in SETTINGS.items()}

    def __getitem__(self, key: str) -> Any:
        return SETTINGS[key].read(self.text[key])

    @property
    def wish(self) -> Wish:
        """The model as it is asked for."""
        return Wish(*(self.text[key] for key in Wish.__dataclass_fields__))


def check_settings(values: Mapping[str, str]) -> None:
    """Raise InputError naming the first unknown setting or value that is not allowed."""
    for key, text in values.items():
        if key not in SETTINGS:
            raise InputError(f"there is no setting '{key}'; there are: {', '.join(SETTINGS)}")
        try:
            SETTINGS[key].read(text)
        except ValueError as error:
            raise InputError(f"setting {key}: expected {error}, found '{text}'") from None
