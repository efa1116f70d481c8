"""Signed tokens for the route behind the labeling screen: bound to a project and an annotator."""

from __future__ import annotations

import hashlib
import os
import secrets
import time
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from itsdangerous import BadData, SignatureExpired, URLSafeTimedSerializer

from pages.shared import identity
from pages.shared.choice import projects_folder

HOUR = 3600
LIFETIME = 12 * HOUR
RENEW_AFTER = 1 * HOUR
LONGEST_CHAIN = 7 * 24 * HOUR
KEY_FILE = ".token-key"
KEY_BYTES = 32
_SALT = "groundwork.labeler.2"
_LONGEST_TOKEN = 4096


class TokenError(Exception):
    """A token that opens nothing; `reason` is `expired` or `invalid`."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Claim(NamedTuple):
    """What a token says: whose it is, for which project, how old it is, when its chain began."""

    project: str
    annotator: str
    age_seconds: float
    since: float


def issue(project_name: str, annotator: str) -> str:
    """A token for one person in one project, good for LIFETIME seconds."""
    return _sign(project_name, annotator, time.time())


def read(token: str) -> Claim:
    """What a token says. Raises TokenError unless it was signed here, for this, and is in time.

    Nor is one read whose person a login does not let in (any more).
    """
    if not isinstance(token, str) or len(token) > _LONGEST_TOKEN:
        raise TokenError("invalid")
    try:
        said, signed_at = _serializer().loads(token, max_age=LIFETIME, return_timestamp=True)
    except SignatureExpired:
        raise TokenError("expired") from None
    except BadData:
        raise TokenError("invalid") from None
    match said:
        case [str(project), str(annotator), int(since)] if _is_let_in(annotator):
            return Claim(project, annotator, time.time() - signed_at.timestamp(), since)
    raise TokenError("invalid")


def renewed(claim: Claim) -> str | None:
    """A fresh token for one older than an hour; None for a younger one, and at the chain's end.

    A chain of renewals ends after LONGEST_CHAIN: then the page has to run again, which asks who
    one is.
    """
    chain = time.time() - claim.since
    if claim.age_seconds < RENEW_AFTER or not 0 <= chain < LONGEST_CHAIN:
        return None
    return _sign(claim.project, claim.annotator, claim.since)


def _sign(project: str, annotator: str, since: float) -> str:
    return str(_serializer().dumps([project, annotator, int(since)]))


def _is_let_in(annotator: str) -> bool:
    return identity.admits(annotator) if identity.login_is_needed() else True


def _serializer() -> URLSafeTimedSerializer:
    """Signs for one way of saying who one is: a login makes tokens of typed names invalid."""
    how = {"digest_method": hashlib.sha256, "key_derivation": "hmac"}
    return URLSafeTimedSerializer(key(projects_folder()), salt=_salt(), signer_kwargs=how)


def _salt() -> str:
    return f"{_SALT}.{'login' if identity.login_is_needed() else 'name'}"


def key(folder: Path) -> bytes:
    """The key of this projects folder, made on first use and readable by its owner alone.

    Whoever deletes the file makes every token invalid; the pages hand out new ones.
    """
    path = folder / KEY_FILE
    try:
        found = path.read_bytes()
    except FileNotFoundError:
        found = _make_key(path)
    if len(found) < KEY_BYTES:
        raise RuntimeError(f"{path} is not a key: delete it, and a new one is made")
    return found


def _make_key(path: Path) -> bytes:
    """Write a new key beside, then give it its name: whoever comes second takes the first's."""
    part = path.with_name(f"{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
    descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(secrets.token_bytes(KEY_BYTES))
            file.flush()
            os.fsync(file.fileno())
        with suppress(FileExistsError):
            os.link(part, path)
    finally:
        part.unlink()
    return path.read_bytes()
