"""Threads: linear algebra on one of them, so that the same bits come out everywhere."""

from __future__ import annotations

import sys
from contextlib import AbstractContextManager
from functools import cache
from typing import Any


def one_thread() -> AbstractContextManager[Any]:
    """Linear algebra and clustering on one thread inside a block: no waiting on spinning ones."""
    limited: AbstractContextManager[Any] = _thread_pools(_openmp_users()).limit(limits=1)
    return limited


@cache
def _thread_pools(_loaded: frozenset[str]) -> Any:
    """The thread pools of the libraries loaded by now; looked for again when more are."""
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController()


def _openmp_users() -> frozenset[str]:
    users = ("numpy", "scipy.linalg", "sklearn.cluster", "sklearn.ensemble", "sklearn.neighbors")
    return frozenset(name for name in users if name in sys.modules)
