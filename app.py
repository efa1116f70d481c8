"""Groundwork, the application: start it with `streamlit run app.py`."""

from __future__ import annotations

import asyncio
import base64
import gc
import hashlib
import os
import re
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

os.environ["GX_ANALYTICS_ENABLED"] = "false"  # read when Great Expectations is first imported

import streamlit as st
from starlette.datastructures import MutableHeaders
from starlette.middleware import Middleware
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from pages.shared.labeler import route
from pages.shared.shell import show_fault

ROUTER = Path(__file__).resolve().parent / "pages" / "shared" / "router.py"
SECONDS_BETWEEN_COLLECTIONS = 60


def inline_script_hashes() -> str:
    """The CSP sources of the scripts that Streamlit's own index page holds inline."""
    page = (Path(st.__file__).parent / "static" / "index.html").read_text(encoding="utf-8")
    scripts = re.findall(r"<script>(.*?)</script>", page, flags=re.DOTALL)
    digests = (hashlib.sha256(script.encode()).digest() for script in scripts)
    return " ".join(f"'sha256-{base64.b64encode(digest).decode()}'" for digest in digests)


SECURITY_HEADERS = {
    "Content-Security-Policy": "; ".join(
        [
            "default-src 'self'",
            f"script-src 'self' {inline_script_hashes()}",
            "style-src 'self' 'unsafe-inline'",  # Streamlit's styles are made in the browser
            "img-src 'self' data: blob:",
            "media-src 'self' blob:",
            "font-src 'self' data:",
            "worker-src 'self' blob:",
            "object-src 'none'",
            "base-uri 'self'",
            "form-action 'self'",
            "frame-ancestors 'self'",
        ]
    ),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "SAMEORIGIN",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=(), payment=(), usb=()",
}


COMPONENTS = "/_stcore/bidi-components/"


class SecurityHeaders:
    """ASGI middleware that adds SECURITY_HEADERS to every HTTP response."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers.update(SECURITY_HEADERS)
                if COMPONENTS in scope["path"]:
                    headers["Cache-Control"] = "no-cache"  # asked anew, so that an update arrives
            await send(message)

        await self.app(scope, receive, send_with_headers if scope["type"] == "http" else send)


def say_address() -> None:
    """Say where the app is. Streamlit's own words would ask an outside server for our address."""
    address, port = st.get_option("server.address"), st.get_option("server.port")
    everywhere = address in {"0.0.0.0", "::"}
    host = "localhost" if everywhere else f"[{address}]" if ":" in address else address
    open_to = ", and on every other address of this machine" if everywhere else ""
    sys.stdout.write(f"Groundwork is at http://{host}:{port}{open_to}. Ctrl+C ends it.\n")
    sys.stdout.flush()


async def collect_garbage_forever() -> None:
    while True:
        await asyncio.sleep(SECONDS_BETWEEN_COLLECTIONS)
        gc.collect()


@asynccontextmanager
async def lifespan(_app: st.App) -> AsyncIterator[None]:
    """Collect on a timer instead of after every run, and never walk what start-up made."""
    say_address()
    gc.collect()
    gc.freeze()
    collector = asyncio.create_task(collect_garbage_forever())
    yield
    collector.cancel()
    with suppress(asyncio.CancelledError):
        await collector


app = st.App(
    ROUTER,
    lifespan=lifespan,
    routes=route.routes(),
    middleware=[Middleware(SecurityHeaders)],
    on_script_error=show_fault,
)
