"""The errors that people may see: what was expected, what was found, what to do."""

from __future__ import annotations


class GroundworkError(Exception):
    """Anything Groundwork raises on purpose."""

    exit_code = 3


class InputError(GroundworkError):
    """The caller asked for something wrong or handed in bad data; nothing was changed."""

    exit_code = 2


class BlockedError(GroundworkError):
    """Open critical issues forbid the step; fix them first. Nothing was changed."""

    exit_code = 1


class CorruptionError(GroundworkError):
    """The store contradicts itself. `python -m labeling verify` tells where."""


class ForbiddenError(InputError):
    """The person's role in the project does not allow it. Nothing was changed."""


class NotFoundError(InputError):
    """There is no such thing, or not for this person."""


class BusyError(InputError):
    """The project file cannot be written to just now. Nothing was changed: try again."""
