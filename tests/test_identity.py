"""Names, roles and rights on the pages, and the signed tokens behind the labeling screen."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from itsdangerous import URLSafeTimedSerializer

from labeling.errors import GroundworkError
from pages.shared import identity, tokens
from pages.shared.identity import is_listed, vouched_name
from pages.shared.tokens import HOUR, Claim, TokenError

Secrets = Callable[[str], None]

# Whom a login vouches for


@pytest.mark.parametrize(
    ("claims", "name"),
    [
        ({"email": "Ann@Lab.org", "email_verified": True}, "ann@lab.org"),
        ({"email": "ann@lab.org", "email_verified": "true"}, "ann@lab.org"),
        ({"email": "ann@lab.org", "email_verified": False}, "42 (id.lab.org/t1)"),
        ({"email": "ann@lab.org", "email_verified": "false"}, "42 (id.lab.org/t1)"),
        ({"email": "ann@lab.org"}, "42 (id.lab.org/t1)"),
        ({"email": "a\u200bnn@lab.org", "email_verified": True}, "42 (id.lab.org/t1)"),
        ({"email": "", "email_verified": True}, "42 (id.lab.org/t1)"),
        ({"name": "ann@lab.org", "preferred_username": "ann@lab.org"}, "42 (id.lab.org/t1)"),
        ({"is_logged_in": False, "email": "ann@lab.org", "email_verified": True}, ""),
        ({"is_logged_in": "yes", "email": "ann@lab.org", "email_verified": True}, ""),
        ({"sub": ""}, ""),
    ],
)
def test_a_login_is_known_by_what_nobody_can_choose(claims: dict[str, object], name: str) -> None:
    said = {"is_logged_in": True, "sub": "42", "iss": "https://id.lab.org/t1/", **claims}
    assert vouched_name(said) == name


def test_no_subject_can_pass_for_an_address() -> None:
    said = {"is_logged_in": True, "sub": "ann@lab.org", "iss": "https://id.lab.org"}
    assert vouched_name(said) == "ann@lab.org (id.lab.org)"


@pytest.mark.parametrize(
    ("name", "admitted", "expected"),
    [
        ("ann@lab.org", ["@lab.org"], True),
        ("ann@lab.org", [" @LAB.org "], True),
        ("ann@lab.org", ["kim@gmail.com", "Ann@Lab.org"], True),
        ("ann@lab.org", ["@gmail.com", "kim@gmail.com"], False),
        ("ann@lab.org", [], False),
        ("ann@lab.org", ["", "@", "ann", "lab.org", "@org"], False),
        ("ann@evil.lab.org", ["@lab.org"], False),
        ("ann@lab.org.evil.com", ["@lab.org"], False),
        ("x@lab.org (evil.com)", ["@lab.org", "x@lab.org"], False),
        ("42 (evil.com/@lab.org)", ["@lab.org", "@lab.org)"], False),
        ("42 (id.lab.org)", ["@lab.org"], False),
        ("42 (id.lab.org)", ["42 (id.lab.org)"], True),
    ],
)
def test_a_list_admits_addresses_whole_domains_and_subjects(
    name: str, admitted: list[str], expected: bool
) -> None:
    assert is_listed(name, admitted) is expected


@pytest.mark.parametrize(
    "section",
    [
        "admit = '@lab.org'",
        "admit = [1]",
        "admits = ['@lab.org']",
        "admit = ['@lab.org']\nadmin = 'ann'",
        "",
    ],
)
def test_a_list_that_is_none_lets_nobody_in(secrets_file: Secrets, section: str) -> None:
    secrets_file(f"[auth]\nclient_id = 'x'\n[groundwork]\n{section}")
    with pytest.raises(GroundworkError, match="nobody is let in"):
        identity.admits("ann@lab.org")


def test_without_a_list_everybody_with_a_login_is_let_in_and_nobody_without(
    secrets_file: Secrets,
) -> None:
    secrets_file("[auth]\nclient_id = 'x'")
    assert identity.admits("ann@lab.org")
    assert not identity.admits("")


# Tokens


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The time in hours from now, to be set by the test."""
    hours, real = [0.0], time.time
    monkeypatch.setattr(time, "time", lambda: real() + hours[0] * HOUR)
    return hours


def test_a_token_says_whose_it_is_and_for_which_project(projects: Path) -> None:
    claim = tokens.read(tokens.issue("펭귄 1", "Ann <b>"))
    assert claim[:2] == ("펭귄 1", "Ann <b>")
    assert -1 < claim.age_seconds < 60
    assert tokens.read(tokens.issue("other", "Ann <b>")).project == "other"


def flipped(token: str, part: int) -> str:
    """The token with one letter changed in its payload (0), its time (1) or its signature (2)."""
    parts = token.split(".")
    middle = len(parts[part]) // 2
    other = "A" if parts[part][middle] != "A" else "B"
    parts[part] = parts[part][:middle] + other + parts[part][middle + 1 :]
    return ".".join(parts)


def forged(key: bytes, salt: str | None = None) -> str:
    how = tokens._serializer().signer_kwargs
    signer = URLSafeTimedSerializer(key, salt=salt or tokens._salt(), signer_kwargs=how)
    return str(signer.dumps(["p", "Ann", int(time.time())]))


@pytest.mark.parametrize("part", [0, 1, 2])
def test_a_changed_token_opens_nothing(projects: Path, part: int) -> None:
    refused(flipped(tokens.issue("p", "Ann"), part), "invalid")


def test_a_token_with_another_payload_and_the_same_signature_opens_nothing(projects: Path) -> None:
    ann, eve = (tokens.issue("p", name).split(".") for name in ("Ann", "Eve"))
    refused(".".join([ann[0], *eve[1:]]), "invalid")


def test_a_token_signed_elsewhere_or_for_something_else_opens_nothing(projects: Path) -> None:
    ours = tokens.key(projects)
    assert tokens.read(forged(ours)).annotator == "Ann"
    refused(forged(b"another key, as long as it should be"), "invalid")
    refused(forged(ours, salt="reset-password"), "invalid")


@pytest.mark.parametrize("cut", [0, 1, 10, -1, -20])
def test_a_truncated_token_opens_nothing(projects: Path, cut: int) -> None:
    refused(tokens.issue("p", "Ann")[:cut], "invalid")


@pytest.mark.parametrize("text", ["", ".", "..", "null", "a" * 5000, "é.é.é", "\x00", None, 7, []])
def test_what_is_no_token_opens_nothing(projects: Path, text: str) -> None:
    refused(text, "invalid")


@pytest.mark.parametrize("said", ["Ann", ["p"], ["p", "Ann"], ["p", "Ann", 1, 2], {"a": 1}, None])
def test_a_payload_of_another_shape_opens_nothing(projects: Path, said: object) -> None:
    refused(str(tokens._serializer().dumps(said)), "invalid")


def test_a_token_lasts_twelve_hours(projects: Path, clock: list[float]) -> None:
    token = tokens.issue("p", "Ann")
    clock[0] = 11.9
    assert tokens.read(token).age_seconds == pytest.approx(11.9 * HOUR, abs=60)
    clock[0] = 12.1
    refused(token, "expired")


def test_a_token_from_the_future_has_to_be_asked_for_again(
    projects: Path, clock: list[float]
) -> None:
    token = tokens.issue("p", "Ann")
    clock[0] = -1.0  # the server's clock was set back
    refused(token, "expired")


def test_a_used_token_is_renewed_for_a_week_at_most(projects: Path, clock: list[float]) -> None:
    claim = tokens.read(tokens.issue("p", "Ann"))
    assert tokens.renewed(claim) is None, "younger than an hour"
    for clock[0] in range(2, 168, 2):
        token = tokens.renewed(claim._replace(age_seconds=2 * HOUR))
        assert token is not None
        claim = tokens.read(token)
        assert claim[:2] == ("p", "Ann")
    clock[0] = 169.0
    assert tokens.renewed(claim._replace(age_seconds=2 * HOUR)) is None


def refused(token: str, reason: str) -> Claim | None:
    with pytest.raises(TokenError) as error:
        return tokens.read(token)
    assert error.value.reason == reason
    return None


def test_a_login_ends_the_tokens_of_typed_names_and_the_other_way_round(
    projects: Path, secrets_file: Secrets
) -> None:
    typed = tokens.issue("p", "ann@lab.org")
    assert tokens.read(typed).annotator == "ann@lab.org"
    secrets_file("[auth]\nclient_id = 'x'")
    refused(typed, "invalid")
    vouched = tokens.issue("p", "ann@lab.org")
    assert tokens.read(vouched).annotator == "ann@lab.org"
    secrets_file("[other]\nx = 1")
    refused(vouched, "invalid")
    assert tokens.read(typed).annotator == "ann@lab.org"


def test_who_is_not_admitted_any_more_has_no_token(projects: Path, secrets_file: Secrets) -> None:
    secrets_file("[auth]\nclient_id = 'x'\n[groundwork]\nadmit = ['@lab.org']")
    token = tokens.issue("p", "ann@lab.org")
    assert tokens.read(token).project == "p"
    secrets_file("[auth]\nclient_id = 'x'\n[groundwork]\nadmit = ['kim@lab.org']")
    refused(token, "invalid")


# The key


def test_the_key_is_its_owners_alone(projects: Path) -> None:
    before = os.umask(0)
    try:
        tokens.issue("p", "Ann")
    finally:
        os.umask(before)
    assert [path.name for path in projects.iterdir()] == [tokens.KEY_FILE]
    assert stat.S_IMODE((projects / tokens.KEY_FILE).stat().st_mode) == 0o600
    assert len(tokens.key(projects)) == tokens.KEY_BYTES


READ_KEY = """
import sys, pathlib
from labeling.errors import GroundworkError
from pages.shared import identity, tokens
print("ready", flush=True)
sys.stdin.readline()
print(tokens.key(pathlib.Path(sys.argv[1])).hex(), flush=True)
"""


def test_processes_that_start_at_once_agree_on_one_key(root: Path, projects: Path) -> None:
    started = [
        subprocess.Popen(
            [sys.executable, "-c", READ_KEY, str(projects)],
            cwd=root,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(3)
    ]
    for process in started:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    with ThreadPoolExecutor() as together:
        told = list(together.map(lambda each: each.communicate("go\n", timeout=60)[0], started))
    assert set(told) == {tokens.key(projects).hex() + "\n"}
    assert [path.name for path in projects.iterdir()] == [tokens.KEY_FILE]


def test_a_key_that_is_cut_off_is_not_used(projects: Path) -> None:
    (projects / tokens.KEY_FILE).write_bytes(b"short")
    with pytest.raises(RuntimeError, match="delete it"):
        tokens.issue("p", "Ann")


def test_deleting_the_key_ends_every_token(projects: Path) -> None:
    token = tokens.issue("p", "Ann")
    (projects / tokens.KEY_FILE).unlink()
    refused(token, "invalid")
