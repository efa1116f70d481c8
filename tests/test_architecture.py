"""The house rules, read off the syntax trees: who imports whom, and which door each package has.

The rules are plain tables; `violations` applies them to one module's source, so the tests at the
end can plant a violation of each kind and see it found.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
OURS = {"app", "pages", "labeling", "quality", "tests", "benchmarks"}

# A module belongs to the layer of its longest prefix here.
LAYERS = {
    "app": "app",
    "pages": "pages",
    "labeling.__main__": "skin",
    "quality.__main__": "skin",
    "labeling.errors": "errors",
    "labeling": "services",
    "labeling.core": "core",
    "labeling.store": "store",
    "quality": "quality",
}

# Imports point one way.
MAY_IMPORT = {
    "app": {"app", "pages", "services", "errors"},
    "pages": {"pages", "services", "core", "quality", "errors"},
    "skin": {"services", "core", "quality", "errors"},
    "services": {"services", "core", "store", "quality", "errors"},
    "store": {"store", "errors"},
    "core": {"core"},
    "quality": {"quality"},
    "errors": set(),
}

# A package on the left may be imported by the modules on the right and what lies below them.
DOORS: dict[str, tuple[str, ...]] = {
    "streamlit": ("app", "pages"),
    "starlette": ("app", "pages"),
    "sqlite3": ("labeling.store",),
    "sqlite_utils": ("labeling.store",),
    "psycopg": ("labeling.store",),
    "sqlalchemy": (),
    "modAL": ("labeling.core.utilities",),
    "great_expectations": ("quality.expectations", "quality.custom_expectations"),
    "pyspark": (),
    "dask": (),
    "distributed": (),
    "ray": (),
}
INSIDE_FUNCTIONS_ONLY = {"great_expectations", "modAL"}
# Classes of a slow package need it when they are made: their module is as slow to import.
SLOW_MODULES = {"quality.custom_expectations": "great_expectations"}
SQL_LIVES_IN = ("labeling.store",)

# What a pure layer may not touch: files, the clock, the network, randomness that nobody passed in.
PURE_LAYERS = {"core", "quality"}
IMPURE_MODULES = {
    "os",
    "pathlib",
    "shutil",
    "tempfile",
    "glob",
    "time",
    "random",
    "secrets",
    "uuid",
}
IMPURE_MODULES |= {"socket", "subprocess", "urllib", "http", "requests"}
IMPURE_EXCEPTIONS = {("quality.expectations", "os")}  # GX_ANALYTICS_ENABLED, and only os.environ
CLOCKS = {"datetime.now", "datetime.utcnow", "datetime.today", "date.today"}
IMPURE_CALLS = {"open", "input"} | CLOCKS
SEEDED_RANDOM = {"Generator", "default_rng", "SeedSequence", "BitGenerator", "PCG64", "Philox"}

VAGUE_NAMES = re.compile(r"(utils?|helpers?|managers?|base|common|misc)")
SQL = re.compile(
    r"\s*(select\s.+\sfrom\s|insert\s+(or|into)\s|update\s+\w+\s+set\s|delete\s+from\s"
    r"|(create|drop|alter)\s+(unique\s+)?(table|index|view|trigger|virtual)\b|pragma\s+\w"
    r"|begin\s+immediate|with\s+\w+\s+as\s*\()",
    re.DOTALL | re.IGNORECASE,
)


def violations(module: str, source: str) -> list[str]:
    """Every broken rule in one module of the house, as sentences; empty is good."""
    tree = ast.parse(source)
    return [
        f"{module}: {found}"
        for rule in (vague_names, wrong_ways, wrong_doors, stray_sql, prints, impurities)
        for found in rule(module, tree)
    ]


# The rules


def vague_names(module: str, _tree: ast.Module) -> Iterator[str]:
    for part in module.split("."):
        if VAGUE_NAMES.fullmatch(part):
            yield f"'{part}' says nothing about what is inside"


def wrong_ways(module: str, tree: ast.Module) -> Iterator[str]:
    layer = layer_of(module)
    for line, target in imports(module, tree):
        if top(target) in OURS and layer_of(target) not in MAY_IMPORT[layer]:
            yield f"line {line}: {layer} may not import {target}"


def wrong_doors(module: str, tree: ast.Module) -> Iterator[str]:
    early = {line for line, _ in imports(module, ast.Module(list(at_import_time(tree)), []))}
    for line, target in imports(module, tree):
        package = top(target)
        if package in DOORS and not is_below(module, DOORS[package]):
            yield f"line {line}: {package} has another door"
        elif line in early and is_slow(module, target):
            yield f"line {line}: {target} takes seconds: import it inside the function"


def is_slow(module: str, target: str) -> bool:
    if target in SLOW_MODULES:
        return True
    return top(target) in INSIDE_FUNCTIONS_ONLY and SLOW_MODULES.get(module) != top(target)


def stray_sql(module: str, tree: ast.Module) -> Iterator[str]:
    if is_below(module, SQL_LIVES_IN):
        return
    docstrings = {id(node) for node in docstring_nodes(tree)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and id(node) not in docstrings and is_sql(node.value):
            yield f"line {node.lineno}: SQL lives in {', '.join(SQL_LIVES_IN)}"


def is_sql(value: object) -> bool:
    """SELECT … and select …, but not "Select items from the pool", which is English."""
    if not isinstance(value, str) or not SQL.match(value):
        return False
    word = value.split()[0]
    return word.isupper() or word.islower()


def prints(module: str, tree: ast.Module) -> Iterator[str]:
    if layer_of(module) != "skin":
        for line, name in calls(tree):
            if name == "print":
                yield f"line {line}: print belongs to the command line"


def impurities(module: str, tree: ast.Module) -> Iterator[str]:
    if layer_of(module) not in PURE_LAYERS:
        return
    for line, target in imports(module, tree):
        if top(target) in IMPURE_MODULES and (module, target) not in IMPURE_EXCEPTIONS:
            yield f"line {line}: {target} is not for a pure module"
    for line, name in [*calls(tree), *attributes(tree)]:
        if impure_name(name):
            yield f"line {line}: {name} is not for a pure module"
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and is_unseeded(node):
            yield f"line {node.lineno}: default_rng() without a seed is global randomness"


def is_unseeded(call: ast.Call) -> bool:
    return dotted(call.func).endswith("default_rng") and not (call.args or call.keywords)


def impure_name(name: str) -> bool:
    """True for the clock, files, `np.random.<global function>`, and `os` beyond `os.environ`."""
    head, _, last = name.rpartition(".")
    if head in {"np.random", "numpy.random"}:
        return last not in SEEDED_RANDOM
    if head == "os":
        return last != "environ"
    return name in IMPURE_CALLS or any(name.endswith(f".{call}") for call in CLOCKS)


# Reading a tree


def layer_of(module: str) -> str:
    fitting = [prefix for prefix in LAYERS if is_below(module, (prefix,))]
    return LAYERS[max(fitting, key=len)] if fitting else "outside"


def is_below(module: str, prefixes: tuple[str, ...]) -> bool:
    return any(module == prefix or module.startswith(f"{prefix}.") for prefix in prefixes)


def top(module: str) -> str:
    return module.split(".")[0]


def imports(module: str, tree: ast.AST) -> Iterator[tuple[int, str]]:
    """(line, full name) of everything imported, also relatively and by import_module("…")."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from ((node.lineno, name) for name in from_names(module, node))
        elif isinstance(node, ast.Call) and dotted(node.func).split(".")[-1] in {
            "import_module",
            "__import__",
        }:
            yield from (
                (node.lineno, argument.value)
                for argument in node.args[:1]
                if isinstance(argument, ast.Constant) and isinstance(argument.value, str)
            )


def from_names(module: str, node: ast.ImportFrom) -> list[str]:
    """`from labeling import store` imports labeling.store; `from x import Name` only x."""
    package = module.split(".")[: -node.level] if node.level else []
    source = ".".join([*package, *([node.module] if node.module else [])])
    submodules = [f"{source}.{alias.name}" for alias in node.names]
    known = [name for name in submodules if name in LAYERS or is_a_module(name)]
    return known if len(known) == len(submodules) else [source, *known]


def is_a_module(name: str) -> bool:
    path = ROOT.joinpath(*name.split("."))
    return top(name) in OURS and (path.is_dir() or path.with_suffix(".py").is_file())


def at_import_time(tree: ast.Module) -> Iterator[ast.stmt]:
    """Statements that run when the module is imported, those under a top-level `if` included."""
    waiting: list[ast.AST] = list(tree.body)
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            continue
        if isinstance(node, ast.If) and dotted(node.test).endswith("TYPE_CHECKING"):
            waiting.extend(node.orelse)
            continue
        if isinstance(node, ast.Import | ast.ImportFrom):
            yield node
        waiting.extend(ast.iter_child_nodes(node))


def dotted(node: ast.AST) -> str:
    """`a.b.c` of a name or an attribute chain; empty for anything else."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        head = dotted(node.value)
        return f"{head}.{node.attr}" if head else ""
    return ""


def calls(tree: ast.AST) -> Iterator[tuple[int, str]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and dotted(node.func):
            yield node.lineno, dotted(node.func)


def attributes(tree: ast.AST) -> Iterator[tuple[int, str]]:
    called = {id(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and id(node) not in called and dotted(node):
            yield node.lineno, dotted(node)


def docstring_nodes(tree: ast.AST) -> Iterator[ast.Constant]:
    """Strings that stand as a statement: docstrings."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            yield node.value


# The house itself


def modules() -> list[tuple[str, Path]]:
    files = [ROOT / "app.py"]
    for package in ("pages", "labeling", "quality"):
        files += sorted((ROOT / package).rglob("*.py"))
    return [(module_name(path), path) for path in files]


def module_name(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


@pytest.mark.parametrize(
    ("module", "path"), [pytest.param(*each, id=each[0]) for each in modules()]
)
def test_a_module_keeps_the_rules(module: str, path: Path) -> None:
    assert violations(module, path.read_text(encoding="utf-8")) == []


def test_the_house_is_read_and_not_an_empty_folder() -> None:
    layers = {layer_of(module) for module, _ in modules()}
    assert {"app", "pages", "services", "core", "store", "quality", "errors"} <= layers


def test_the_menu_lists_every_page_and_no_other() -> None:
    tree = ast.parse((ROOT / "pages" / "shared" / "router.py").read_text(encoding="utf-8"))
    entries = [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
    listed = {ast.literal_eval(e.args[1]) for e in entries if dotted(e.func) == "Entry"}
    assert listed == {path.stem for path in pages()}


def pages() -> list[Path]:
    return [path for path in sorted((ROOT / "pages").glob("*.py")) if path.stem != "__init__"]


@pytest.mark.parametrize("page", [pytest.param(path, id=path.stem) for path in pages()])
def test_a_page_starts_with_the_guard(page: Path) -> None:
    assert starts_with_guard(page.read_text(encoding="utf-8"))


@pytest.mark.parametrize(
    ("source", "guarded"),
    [
        ("from pages.shared.shell import open_page\nproject = open_page('A')\nst.write(1)", True),
        ("WIDTH = min(3, 4)\nproject = shell.open_entrance('A')", True),
        ("def f():\n    g()\nproject = open_page('A')", True),
        ("st.write(1)\nproject = open_page('A')", False),
        ("x = load()\nproject = open_page('A')", False),
        ("if ask():\n    project = open_page('A')", False),
        ("if True:\n    project = open_page('A')", False),
        ("WIDTH = 3", False),
    ],
)
def test_a_late_guard_is_found(source: str, guarded: bool) -> None:
    assert starts_with_guard(source) is guarded


def starts_with_guard(source: str) -> bool:
    """Is the first thing that the page does a plain call of the guard?"""
    for statement in ast.parse(source).body:
        if isinstance(statement, ast.FunctionDef | ast.ClassDef) or is_constant(statement):
            continue
        for _, name in calls(statement):
            guard = name.split(".")[-1] in {"open_page", "open_entrance"}
            return guard and isinstance(statement, ast.Assign | ast.Expr)
    return False


def is_constant(statement: ast.stmt) -> bool:
    """NAME = …"""
    targets = statement.targets if isinstance(statement, ast.Assign) else []
    return bool(targets) and all(dotted(target).isupper() for target in targets)


# The rules are awake: each finds what is planted for it, and nothing in decent code


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("labeling.core.models", "import labeling.store.items"),
        ("labeling.core.models", "from labeling import store"),
        ("labeling.core.models", "from labeling.store import items"),
        ("labeling.core.models", "from ..store.items import add"),
        ("labeling.core.models", "from labeling.rounds import close_round"),
        ("labeling.core.models", "from quality.checks import CHECKS"),
        ("labeling.store.items", "from labeling.core.features import Content"),
        ("labeling.store.items", "from labeling import project"),
        ("labeling.rounds", "from pages.shared.shell import open_page"),
        ("labeling.rounds", "import app"),
        ("labeling.rounds", "import labeling.__main__"),
        ("labeling.errors", "from labeling.project import Project"),
        ("quality.checks", "from labeling.errors import InputError"),
        ("quality.checks", "def run():\n    from labeling.core import models"),
        ("quality.checks", "import importlib\nimportlib.import_module('labeling.core.models')"),
        ("pages.label", "from labeling.store.events import add"),
        ("app", "import labeling.core.models"),
        ("labeling.core.models", "from tests.conftest import ROOT"),
        ("labeling.queue", "import streamlit as st"),
        ("quality.checks", "from streamlit import cache_data"),
        ("labeling.queue", "import sqlite3"),
        ("labeling.queue", "from sqlite_utils import Database"),
        ("pages.label", "import sqlite_utils"),
        ("labeling.core.models", "def f():\n    import modAL"),
        ("labeling.core.strategies", "from modAL import uncertainty"),
        ("quality.checks", "def f():\n    import great_expectations"),
        ("quality.expectations", "import great_expectations as gx"),
        ("quality.expectations", "class A:\n    import great_expectations as gx"),
        ("quality.expectations", "import quality.custom_expectations"),
        ("quality.checks", "from quality import custom_expectations"),
        ("quality.custom_expectations", "from modAL import uncertainty"),
        ("labeling.engines", "def f():\n    import pyspark"),
        ("labeling.engines", "import dask.dataframe"),
        ("labeling.engines", "import ray"),
        ("labeling.queue", "rows = db.execute('SELECT id FROM item WHERE x = 1')"),
        ("labeling.queue", "rows = db.execute(f'select id from {table}')"),
        ("labeling.queue", "q = 'INSERT INTO event VALUES (1)'"),
        ("labeling.queue", "q = 'UPDATE item SET a = 1'"),
        ("pages.data", "q = '''\n  WITH a AS (SELECT 1)\n  SELECT * FROM a'''"),
        ("labeling.queue", "q = 'PRAGMA user_version'"),
        ("labeling.queue", "print('hello')"),
        ("labeling.core.models", "def f():\n    print(1)"),
        ("pages.data", "print(1)"),
        ("labeling.utils", ""),
        ("pages.shared.helpers", ""),
        ("quality.common.checks", ""),
        ("labeling.core.models", "import os"),
        ("labeling.core.models", "from pathlib import Path"),
        ("quality.checks", "import time"),
        ("quality.checks", "import random"),
        ("quality.checks", "import os"),
        ("quality.expectations", "import os\nos.remove('x')"),
        ("quality.checks", "def f():\n    return open('x')"),
        ("quality.checks", "from datetime import datetime\nnow = datetime.now()"),
        ("quality.checks", "import datetime\nnow = datetime.datetime.now()"),
        ("quality.checks", "import numpy as np\nnp.random.seed(1)"),
        ("quality.checks", "import numpy as np\ndraw = np.random.rand"),
        ("quality.checks", "import numpy as np\nrng = np.random.default_rng()"),
        ("quality.checks", "from numpy.random import default_rng\nrng = default_rng()"),
    ],
)
def test_a_planted_violation_is_found(module: str, source: str) -> None:
    assert len(violations(module, source)) >= 1


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("app", "import streamlit as st\nfrom pages.shared.shell import show_fault"),
        ("pages.label", "import streamlit as st\nfrom labeling.queue import take\ntake()"),
        ("pages.label", "from labeling.core.strategies import UTILITIES\nimport quality"),
        ("pages.data", "label = 'Select items from the pool'\nhint = 'Update items, set classes'"),
        ("labeling.__main__", "from labeling import rounds\nprint('done')"),
        ("quality.__main__", "from labeling import ingest\nfrom quality import checks\nprint(1)"),
        ("labeling.rounds", "from labeling.store import rounds\nfrom labeling.core import models"),
        ("labeling.rounds", "from pathlib import Path\nfrom quality.checks import CHECKS"),
        ("labeling.store.items", "import sqlite3\nq = 'SELECT id FROM item'"),
        ("labeling.store.items", "from labeling.errors import CorruptionError"),
        ("labeling.core.utilities", "def f():\n    from modAL import uncertainty"),
        ("labeling.core.models", "import numpy as np\nrng = np.random.default_rng(7)"),
        ("labeling.core.models", "import numpy as np\ndef f(rng: np.random.Generator): ..."),
        ("labeling.core.models", "from datetime import timedelta\nfrom labeling.core import log"),
        ("labeling.queue", 'def f():\n    """SELECT a FROM b is what the store does."""'),
        ("quality.expectations", "import os\nos.environ['A'] = 'b'"),
        ("quality.expectations", "def f():\n    import great_expectations as gx"),
        ("quality.expectations", "def f():\n    import quality.custom_expectations"),
        ("quality.custom_expectations", "import great_expectations as gx"),
        ("quality.checks", "from quality import duplicates\nimage.open(path)"),
    ],
)
def test_decent_code_is_left_in_peace(module: str, source: str) -> None:
    assert violations(module, source) == []
