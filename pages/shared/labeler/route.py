"""The route behind the labeling screen: signed tokens in, receipts and items out.

It runs no script. Each answer is on disk before its receipt leaves.
"""

from __future__ import annotations

import asyncio
import json
import logging
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import streamlit as st
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from labeling import people, session
from labeling.errors import BusyError, ForbiddenError, InputError, NotFoundError
from labeling.project import Project, open_project
from pages.shared import identity, tokens
from pages.shared.choice import projects_by_name
from pages.shared.tokens import Claim, TokenError

MOST_BYTES = 1_000_000
MOST_DROPPED = 50_000_000
LONGEST_WAIT = 8.0  # seconds for other writers; the browser asks again

_log = logging.getLogger("groundwork")
_writers = ThreadPoolExecutor(8, thread_name_prefix="labeler")
_readers = ThreadPoolExecutor(4, thread_name_prefix="labeler-reads")  # never wait for a writer
_own = threading.local()


class TooLargeError(InputError):
    """The request has more bytes than anything that a session sends."""


Told = dict[str, Any] | tuple[bytes, str]
Verb = Callable[[Project, Claim, Mapping[str, Any]], Told]


def address() -> str:
    """Where the route is, below the address of the app."""
    base = str(st.get_option("server.baseUrlPath") or "").strip("/")
    return f"/{base}/labeler" if base else "/labeler"


def routes() -> list[Route]:
    """One POST route for each verb of the session."""
    return [
        Route(f"{address()}/{name}", _endpoint(verb), methods=["POST"])
        for name, verb in VERBS.items()
    ]


def _sync(project: Project, claim: Claim, body: Mapping[str, Any]) -> dict[str, Any]:
    role = identity.role_in(project, claim.annotator)
    request = session.read_request(body)
    may_rule = people.allows(role, people.REVIEWER)
    told = session.exchange(project, claim.annotator, request, may_rule=may_rule)
    return told | {"token": tokens.renewed(claim)}


def _history(project: Project, claim: Claim, body: Mapping[str, Any]) -> dict[str, Any]:
    before, limit = body.get("before"), body.get("limit", 50)
    if not isinstance(limit, int) or not isinstance(before, int | None):
        raise InputError("before and limit: expected whole numbers")
    search = str(body.get("search", ""))[:1000]
    return session.history(project, claim.annotator, search=search, before=before, limit=limit)


def _item(project: Project, claim: Claim, body: Mapping[str, Any]) -> dict[str, Any]:
    return session.whole_item(project, claim.annotator, str(body.get("item", "")))


def _image(project: Project, claim: Claim, body: Mapping[str, Any]) -> tuple[bytes, str]:
    return session.image(project, claim.annotator, str(body.get("item", "")))


VERBS: dict[str, Verb] = {"sync": _sync, "history": _history, "item": _item, "image": _image}


def _endpoint(verb: Verb) -> Callable[[Request], Any]:
    threads = _writers if verb is _sync else _readers

    async def endpoint(request: Request) -> Response:
        try:
            body = _parse(await _read(request))
            loop = asyncio.get_running_loop()
            return await loop.run_in_executor(threads, _answer, verb, body)
        except Exception as error:
            return _refusal(error)

    return endpoint


async def _read(request: Request) -> bytes:
    """The body. Raises TooLargeError if it is longer than MOST_BYTES.

    What is too much is read and dropped, up to a point: a browser hears a refusal only once it has
    sent everything.
    """
    received, length = bytearray(), 0
    async for chunk in request.stream():
        length += len(chunk)
        if length <= MOST_BYTES:
            received += chunk
        elif length > MOST_DROPPED:
            break
    if length > MOST_BYTES:
        raise TooLargeError(f"a request has at most {MOST_BYTES:,} bytes")
    return bytes(received)


def _parse(received: bytes) -> dict[str, Any]:
    try:
        body = json.loads(received)
    except (ValueError, RecursionError) as error:
        raise InputError("expected JSON") from error
    if not isinstance(body, dict):
        raise InputError("expected a JSON object")
    return body


def _answer(verb: Verb, body: Mapping[str, Any]) -> Response:
    claim = tokens.read(body.get("token", ""))
    told = verb(_project(claim.project), claim, body)
    if isinstance(told, tuple):
        return Response(told[0], media_type=told[1], headers=_PRIVATE)
    return JSONResponse(told, headers=_PRIVATE)


_PRIVATE = {"Cache-Control": "no-store"}


def _project(name: str) -> Project:
    """The project, kept open by each thread: closing the last connection would flush the log."""
    info = projects_by_name().get(name)
    if info is None:
        raise NotFoundError(f"there is no project '{name}' here any more")
    kept: dict[Path, tuple[int, Project]] = _own.__dict__.setdefault("projects", {})
    file = info.path.stat().st_ino
    if info.path not in kept or kept[info.path][0] != file:
        if info.path in kept:
            kept.pop(info.path)[1].close()
        kept[info.path] = (file, open_project(info.path, wait=LONGEST_WAIT))
    return kept[info.path][1]


STATUS: dict[type[Exception], int] = {
    TooLargeError: 413,
    ForbiddenError: 403,
    NotFoundError: 404,
    BusyError: 503,
    InputError: 400,
}


def _refusal(error: Exception) -> Response:
    """An error as the browser is told it: nothing of a request that failed is acknowledged."""
    if isinstance(error, TokenError):
        words = "this session has run out" if error.reason == "expired" else "this is no session"
        return JSONResponse({"error": words, "reason": error.reason}, 401)
    for kind, status in STATUS.items():
        if isinstance(error, kind):
            _log.log(logging.WARNING if status == 503 else logging.DEBUG, "%d: %s", status, error)
            return JSONResponse({"error": str(error)}, status)
    _log.error("A request of the labeling screen failed", exc_info=error)
    return JSONResponse({"error": "something went wrong on our side"}, 500)
