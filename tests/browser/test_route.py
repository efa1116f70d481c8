"""The route behind the labeling screen, on the real app: who gets in, with what, and what not."""

from __future__ import annotations

import io
import json
import time
import unicodedata
import urllib.error
import urllib.request
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from itsdangerous import URLSafeTimedSerializer
from PIL import Image

from labeling import imports, people, review, verification
from labeling.core.features import Content
from labeling.ingest import Roles
from labeling.project import opened
from labeling.store import changes, events
from pages.shared import tokens
from pages.shared.labeler.route import MOST_BYTES
from tests.browser.conftest import Server
from tests.factories import answer_queue, make_project, text_frame, truth_of

FRAME = text_frame(120)
NASTY = '<img src=x onerror="document.title=1"><script>alert(1)</script> **b** $x$ \u202eabc'

Post = Callable[..., tuple[int, Any]]


@pytest.fixture(scope="module")
def projects(server: Server) -> Iterator[Path]:
    make_project(server.projects / "one.db", FRAME).close()
    make_project(server.projects / "other.db", text_frame(60, seed=4)).close()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GROUNDWORK_PROJECTS", str(server.projects))
        yield server.projects


@pytest.fixture
def post(server: Server, projects: Path) -> Post:
    def send(verb: str, body: Any = None, *, raw: bytes | None = None) -> tuple[int, Any]:
        data = json.dumps(body).encode() if raw is None else raw
        request = urllib.request.Request(f"{server.url}/labeler/{verb}", data, method="POST")
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                kind, got = answer.headers["Content-Type"], answer.read()
                return answer.status, json.loads(got) if "json" in kind else (kind, got)
        except urllib.error.HTTPError as error:
            return error.code, json.loads(error.read() or b"{}")

    return send


def ask(token: str, **more: Any) -> dict[str, Any]:
    return {"token": token, "queue": "batch", "want": 3, **more}


def label(item: dict[str, Any], value: str = "sport") -> dict[str, Any]:
    own = str(uuid.uuid4())
    return {"uid": own, "kind": "label", "slot": item["slot"], "item": item["item"], "value": value}


def forged(how: str) -> str:
    good = tokens.issue("one", "ann")
    payload, stamp, signature = good.split(".")
    other = URLSafeTimedSerializer(b"another key", salt="groundwork.labeler.1")
    return {
        "empty": "",
        "noise": "a.b.c",
        "cut": good[:-3],
        "another name": ".".join([tokens.issue("one", "bob").split(".")[0], stamp, signature]),
        "another stamp": ".".join([payload, "aaaaaa", signature]),
        "another key": str(other.dumps(["one", "ann", int(time.time())])),
        "no text": 7,  # type: ignore[dict-item]
        "very long": good + "x" * 100_000,
    }[how]


@pytest.mark.parametrize(
    "how",
    ["empty", "noise", "cut", "another name", "another stamp", "another key", "no text",
     "very long"],
)  # fmt: skip
@pytest.mark.parametrize("verb", ["sync", "history", "item", "image"])
def test_a_forged_token_opens_nothing(post: Post, verb: str, how: str) -> None:
    status, told = post(verb, {"token": forged(how), "item": "x"})
    assert (status, told["reason"]) == (401, "invalid")
    assert "items" not in told


def test_an_expired_token_opens_nothing_and_says_so(
    post: Post, monkeypatch: pytest.MonkeyPatch
) -> None:
    past = time.time() - tokens.LIFETIME - 60
    with monkeypatch.context() as patch:
        patch.setattr(time, "time", lambda: past)
        old = tokens.issue("one", "ann")
    status, told = post("sync", ask(old))
    assert (status, told["reason"]) == (401, "expired")


def test_a_token_is_renewed_while_it_is_used(post: Post, monkeypatch: pytest.MonkeyPatch) -> None:
    earlier = time.time() - 2 * 3600
    with monkeypatch.context() as patch:
        patch.setattr(time, "time", lambda: earlier)
        old = tokens.issue("one", "ann")
    fresh = post("sync", ask(old, want=0))[1]["token"]
    assert tokens.read(fresh).annotator == "ann"
    assert post("sync", ask(fresh, want=0))[1]["token"] is None


def test_a_token_is_good_for_one_project_and_one_person(post: Post, projects: Path) -> None:
    mine = post("sync", ask(tokens.issue("one", "ann")))[1]["items"][0]
    other = tokens.issue("other", "ann")
    told = post("sync", ask(other, ops=[label(mine)]))[1]
    assert told["receipts"][0]["state"] == "refused", "the other project has no such item"
    spoofed = label(mine) | {"annotator": "bob"}
    post("sync", ask(tokens.issue("one", "eve"), ops=[spoofed], annotator="bob"))
    with opened(projects / "one.db") as project:
        stored = events.get(project.db, spoofed["uid"])
        assert stored is not None
        assert stored.annotator == "eve", "the token says who one is, not the request"
    assert post("history", {"token": tokens.issue("one", "bob")})[1]["rows"] == []
    assert post("item", {"token": tokens.issue("one", "bob"), "item": mine["item"]})[0] == 404


@pytest.mark.parametrize("name", ["nonesuch", "../one", "/etc/passwd", "one.db/../../x", ""])
def test_a_token_for_what_is_no_project_finds_nothing(post: Post, name: str) -> None:
    assert post("sync", ask(tokens.issue(name, "ann")))[0] in (400, 404)


@pytest.mark.parametrize("name", ["data (1)", "Q&A+b", unicodedata.normalize("NFD", "한국어")])
def test_whatever_a_project_file_is_called_people_can_label(
    post: Post, projects: Path, name: str
) -> None:
    make_project(projects / f"{name}.db", text_frame(30, seed=6)).close()
    status, told = post("sync", ask(tokens.issue(name, "ann")))
    assert status == 200
    assert len(told["items"]) == 3


def test_a_demoted_reviewer_is_out_at_the_next_request(post: Post, projects: Path) -> None:
    truth = truth_of(FRAME)
    with opened(projects / "one.db") as project:
        people.set_roles(project, {"olga": "owner", "rev": "reviewer"}, author="olga")
        answer_queue(project, truth, annotator="kim", limit=2)
        item = events.answers(project.db)[-1][0]
        events_before = events.last(project.db)
        with project.writing():
            change = changes.last_batch(project.db)
            dispute = events.NewEvent(
                str(uuid.uuid4()), change, "label", item, "lee", "money", 9, 1, None, "now"
            )
            same = events.NewEvent(
                str(uuid.uuid4()), change, "label", item, "lou", "sport", 9, 1, None, "now"
            )
            events.append(project.db, [dispute, same])
        assert events.last(project.db) == events_before + 2
        queue = review.adjudicate(project, 1, author="olga")
    rev = tokens.issue("one", "rev")
    assert post("sync", ask(rev) | {"queue": queue})[0] == 200
    assert post("sync", ask(tokens.issue("one", "ann")) | {"queue": queue})[0] == 403
    with opened(projects / "one.db") as project:
        people.set_roles(project, {"rev": "annotator"}, author="olga")
    assert post("sync", ask(rev) | {"queue": queue})[0] == 403


@pytest.mark.parametrize(
    ("raw", "status"),
    [
        (b"", 400),
        (b"[]", 400),
        (b"\xff\xfe", 400),
        (b"[" * 100_000, 400),
        (b'{"token": "' + b"x" * MOST_BYTES + b'"}', 413),
    ],
    ids=["nothing", "no object", "no text", "deep", "too large"],
)
def test_what_is_no_request_is_refused_before_anything_is_read(
    post: Post, raw: bytes, status: int
) -> None:
    found, told = post("sync", raw=raw)
    assert found == status
    assert told["error"]


def test_ten_megabytes_of_answer_are_refused_and_leave_no_trace(post: Post, projects: Path) -> None:
    token = tokens.issue("one", "ann")
    item = post("sync", ask(token))[1]["items"][0]
    with opened(projects / "one.db") as project:
        before = events.last(project.db)
    flag = label(item) | {"kind": "flag", "value": "x" * 10_000_000}
    assert post("sync", ask(token, ops=[flag]))[0] == 413
    with opened(projects / "one.db") as project:
        assert events.last(project.db) == before


def test_the_route_answers_posts_only_and_carries_the_security_headers(
    server: Server, projects: Path
) -> None:
    with urllib.request.urlopen(f"{server.url}/labeler/sync", timeout=30) as page:
        assert "text/html" in page.headers["Content-Type"], "only the app's empty shell"
    body = json.dumps(ask(tokens.issue("one", "ann"))).encode()
    request = urllib.request.Request(f"{server.url}/labeler/sync", body, method="POST")
    with urllib.request.urlopen(request, timeout=30) as answer:
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["Cache-Control"] == "no-store"
        assert "default-src 'self'" in answer.headers["Content-Security-Policy"]


def test_markup_and_script_come_back_as_the_very_text_they_are(post: Post, projects: Path) -> None:
    frame = pd.DataFrame({"text": [NASTY, "b"], "label": [NASTY, "y"]}, dtype=object)
    roles = Roles(Content("text", ("text",)), classes=(NASTY.strip(), "y"), reserve=0.0)
    path = projects / "nasty.db"
    imports.create_project(path, frame, roles=roles, source="f", author=NASTY)[0].close()
    token = tokens.issue("nasty", NASTY)
    told = post("sync", ask(token))[1]
    item = next(i for i in told["items"] if "<script>" in i["fields"][0]["value"])
    assert item["fields"][0]["value"] == NASTY
    assert told["progress"]["people"] == 1
    receipt = post("sync", ask(token, ops=[label(item, NASTY.strip())], want=0))[1]["receipts"][0]
    assert receipt["state"] == "saved"
    assert post("history", {"token": token})[1]["rows"][0]["value"] == NASTY.strip()
    with opened(path) as project:
        assert verification.verify(project).empty


def test_images_of_any_format_arrive_as_one_a_browser_can_show(post: Post, projects: Path) -> None:
    frame = pd.DataFrame({"image": [encoded(n, f) for n, f in enumerate(FORMATS)]}, dtype=object)
    roles = Roles(Content("image", ("image",)), classes=("a", "b"), reserve=0.0)
    path = projects / "pictures.db"
    imports.create_project(path, frame, roles=roles, source="f", author="t")[0].close()
    token = tokens.issue("pictures", "ann")
    told = post("sync", ask(token, want=9))[1]
    kinds = []
    for item in told["items"]:
        status, (kind, data) = post("image", {"token": token, "item": item["item"]})
        assert status == 200
        with Image.open(io.BytesIO(data)) as image:
            assert image.get_format_mimetype() == kind
        kinds.append(kind)
    assert sorted(kinds) == ["image/jpeg", "image/png", "image/png"]
    assert post("image", {"token": tokens.issue("pictures", "eve"), "item": item["item"]})[0] == 404


FORMATS = ("PNG", "JPEG", "TIFF")


def encoded(seed: int, kind: str) -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (8, 8), (40 * seed, 90, 120)).save(out, kind)
    return out.getvalue()
