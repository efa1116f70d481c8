"""A small OpenID Connect provider: discovery, a page to log in on, code flow with PKCE, RS256."""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
import threading
import time
from dataclasses import dataclass, field
from html import escape
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlencode, urlsplit

from joserfc import jwt
from joserfc.jwk import RSAKey

CLIENT, SECRET = "groundwork", "a client's secret"


@dataclass
class Provider:
    """The provider's memory: who may log in, which codes are out, how often each path was asked."""

    people: dict[str, dict[str, Any]]
    key: RSAKey = field(default_factory=lambda: RSAKey.generate_key(2048, {"kid": "one"}))
    codes: dict[str, dict[str, str]] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    url: str = ""

    def start(self) -> ThreadingHTTPServer:
        server = ThreadingHTTPServer(("127.0.0.1", 0), type("Bound", (Handler,), {"of": self}))
        self.url = f"http://127.0.0.1:{server.server_port}"
        threading.Thread(target=server.serve_forever, daemon=True).start()
        return server

    def discovery(self) -> dict[str, Any]:
        return {
            "issuer": self.url,
            "authorization_endpoint": f"{self.url}/authorize",
            "token_endpoint": f"{self.url}/token",
            "jwks_uri": f"{self.url}/jwks",
            "end_session_endpoint": f"{self.url}/logout",
            "response_types_supported": ["code"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ["RS256"],
            "code_challenge_methods_supported": ["S256"],
        }

    def grant(self, person: str, asked: dict[str, str]) -> str:
        """Where the browser goes once somebody has chosen to be `person`."""
        code = secrets.token_urlsafe()
        self.codes[code] = {**asked, "person": person}
        return f"{asked['redirect_uri']}?{urlencode({'code': code, 'state': asked['state']})}"

    def redeem(self, form: dict[str, str]) -> dict[str, Any] | None:
        """The tokens for a code, once, and only for whoever can answer its PKCE challenge."""
        asked = self.codes.pop(form.get("code", ""), None)
        digest = hashlib.sha256(form.get("code_verifier", "").encode()).digest()
        answer = base64.urlsafe_b64encode(digest).decode().rstrip("=")
        if asked is None or asked["code_challenge"] != answer:
            return None
        now = int(time.time())
        claims = {"iss": self.url, "aud": CLIENT, "iat": now, "exp": now + 600}
        claims |= {"nonce": asked["nonce"], **self.people[asked["person"]]}
        signed = jwt.encode({"alg": "RS256", "kid": "one"}, claims, self.key)
        return {"access_token": "-", "token_type": "Bearer", "expires_in": 600, "id_token": signed}


class Handler(BaseHTTPRequestHandler):
    """HTTP for one Provider."""

    of: Provider

    def do_GET(self) -> None:
        path, query = urlsplit(self.path).path, dict(parse_qsl(urlsplit(self.path).query))
        self.of.asked.append(path)
        if path == "/.well-known/openid-configuration":
            self._json(self.of.discovery())
        elif path == "/jwks":
            self._json({"keys": [self.of.key.as_dict(private=False)]})
        elif path == "/authorize" and "person" in query:
            self._redirect(self.of.grant(query.pop("person"), query))
        elif path == "/authorize":
            links = (
                f'<p><a href="{escape(f"{self.path}&person={name}")}">{name}</a></p>'
                for name in self.of.people
            )
            self._answer(200, "text/html", "<h1>Who are you?</h1>" + "".join(links))
        elif path == "/logout":
            self._redirect(query["post_logout_redirect_uri"])
        else:
            self._answer(404, "text/plain", "no")

    def do_POST(self) -> None:
        form = parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
        wanted = base64.b64encode(f"{CLIENT}:{SECRET}".encode()).decode()
        self.of.asked.append(urlsplit(self.path).path)
        tokens = self.of.redeem({key: values[0] for key, values in form.items()})
        if tokens is None or self.headers["Authorization"] != f"Basic {wanted}":
            self._answer(401, "application/json", '{"error": "invalid_grant"}')
        else:
            self._json(tokens)

    def _json(self, body: dict[str, Any]) -> None:
        self._answer(200, "application/json", json.dumps(body))

    def _redirect(self, where: str) -> None:
        self._answer(302, "text/plain", "", Location=where)

    def _answer(self, status: int, kind: str, body: str, **headers: str) -> None:
        self.send_response(status)
        for name, value in {"Content-Type": kind, **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body.encode())

    def log_message(self, *_args: object) -> None:
        """Keep the test's output quiet."""
