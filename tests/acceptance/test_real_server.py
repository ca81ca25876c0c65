"""What only a real server shows: repeated header lines, bodies without a length, connections that break."""

import json
import socket
from collections.abc import Iterator, Sequence
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import pytest

from api.parsing import BATCH_BYTES_MAX, BODY_BYTES_MAX
from store.models import Command
from tests.till import Answer, Till
from tests.web import web_server

BODY = b'{"type": "order.create", "payload": {}}'
type Lines = Sequence[tuple[str, str]]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the web server writes its log."""
    return tmp_path_factory.mktemp("web")


@pytest.fixture(scope="module")
def port(django_db_setup: None, folder: Path) -> Iterator[int]:
    """Where a web server listens that serves the test database."""
    with web_server(folder) as (number, _pid):
        yield number


def post(port: int, path: str, lines: Lines, body: bytes | None = BODY) -> Answer:
    """Send exactly these header lines, besides Host and the length of the body, if there is one."""
    exchange = HTTPConnection("127.0.0.1", port, timeout=20)
    try:
        exchange.putrequest("POST", path, skip_accept_encoding=True)
        for name, text in lines:
            exchange.putheader(name, text.encode("latin-1"))
        if body is not None:
            exchange.putheader("Content-Length", str(len(body)))
        exchange.endheaders(body)
        response = exchange.getresponse()
        raw = response.read()
        return Answer(response.status, {k.lower(): v for k, v in response.getheaders()}, json.loads(raw), raw)
    finally:
        exchange.close()


def headers_of(till: Till, *keys: str) -> list[tuple[str, str]]:
    return [
        ("Authorization", f"Api-Key {till.key}"),
        ("Content-Type", "application/json"),
        *(("Idempotency-Key", key) for key in keys),
    ]


@pytest.mark.parametrize("keys", [("a", "b"), ("a", "a"), ('"a"', '"b"'), ("a", ""), ("", "")])
def test_two_lines_of_the_key_are_invalid(port: int, pos: Till, keys: Sequence[str]) -> None:
    post(port, "/api/v1/commands", headers_of(pos, *keys)).problem(400, "idempotency-key-invalid")
    assert not Command.objects.exists()


@pytest.mark.parametrize("key", ["", "  ", "caf\xe9", "a b", "x" * 256])
def test_one_malformed_line_is_invalid(port: int, pos: Till, key: str) -> None:
    post(port, "/api/v1/commands", headers_of(pos, key)).problem(400, "idempotency-key-invalid")


def test_no_line_is_a_missing_key(port: int, pos: Till) -> None:
    post(port, "/api/v1/commands", headers_of(pos)).problem(400, "idempotency-key-missing")


@pytest.mark.parametrize("key", ["k", "  k", "k \t ", '"k"'])
def test_white_space_around_a_key_is_none_of_it(port: int, pos: Till, key: str) -> None:
    answer = post(port, "/api/v1/commands", headers_of(pos, key))
    assert (answer.status, answer.body["idempotency_key"]) == (202, "k")
    again = post(port, "/api/v1/commands", [*headers_of(pos), ("idempotency-KEY", "k")])
    assert (again.status, again.headers["idempotent-replayed"]) == (202, "true")


def test_two_lines_of_authorization_are_not_authenticated(port: int, pos: Till) -> None:
    twice = [*headers_of(pos, "k"), headers_of(pos)[0]]
    post(port, "/api/v1/commands", twice).problem(401, "unauthenticated")


@pytest.mark.parametrize(
    ("path", "limit"), [("/api/v1/commands", BODY_BYTES_MAX), ("/api/v1/commands/batch", BATCH_BYTES_MAX)]
)
def test_a_body_over_its_limit_is_too_large(port: int, pos: Till, path: str, limit: int) -> None:
    post(port, path, headers_of(pos, "k"), b" " * (limit + 1)).problem(413, "too-large")
    entry = b'{"commands": [{"idempotency_key": "k", "type": "order.create", "payload": {}}]}'
    body = BODY if limit == BODY_BYTES_MAX else entry
    assert post(port, path, headers_of(pos, "k"), body.ljust(limit)).status in {200, 202}


@pytest.mark.parametrize("body", [b"", None], ids=["length 0", "no length"])
def test_a_request_without_a_body_lacks_what_is_required(port: int, pos: Till, body: bytes | None) -> None:
    answer = post(port, "/api/v1/commands", headers_of(pos, "k"), body)
    assert answer.errors() == [("/type", "required"), ("/payload", "required")]
    command = pos.submit("order.create").body
    cancelled = post(port, f"{command['links']['self']}/cancel", headers_of(pos)[:1], body)
    assert (cancelled.status, cancelled.body["status"]) == (200, "cancelled")


@pytest.mark.parametrize("levels", [33, 5_000, 20_000])
def test_deep_nesting_does_not_overflow_the_stack_of_a_server_thread(port: int, pos: Till, levels: int) -> None:
    for opening, closing in ((b"[", b"]"), (b'{"a":', b"}")):
        answer = post(port, "/api/v1/commands", headers_of(pos, "k"), opening * levels + b"1" + closing * levels)
        assert {code for _place, code in answer.errors()} == {"too-deep"}


def test_a_path_that_leads_nowhere_is_a_problem_here_too(port: int, pos: Till) -> None:
    for path in ("/api/v1/commands/", "/nothing", "/problems/nothing"):
        post(port, path, headers_of(pos)).problem(404, "not-found")


def test_an_answer_that_was_held_back_has_its_requests_id(port: int, pos: Till) -> None:
    lines = [*headers_of(pos, "k"), ("X-Request-Id", "mine"), ("Prefer", "wait=1")]
    answer = post(port, "/api/v1/commands", lines)
    assert (answer.status, answer.headers["preference-applied"]) == (202, "wait=1")
    assert answer.headers["x-request-id"] == "mine"


def test_a_body_that_nobody_reads_is_refused_under_its_requests_id(port: int, pos: Till) -> None:
    lines = [*headers_of(pos, "k"), ("X-Request-Id", "mine"), ("Content-Length", "6000000")]
    answer = post(port, "/api/v1/commands", lines, None)
    answer.problem(413, "too-large")
    assert answer.headers["x-request-id"] == "mine"


def test_a_request_that_breaks_off_is_nobodys_command_and_no_error(port: int, pos: Till, folder: Path) -> None:
    lines = [f"{name}: {text}" for name, text in headers_of(pos, "k")]
    head = "\r\n".join(["POST /api/v1/commands HTTP/1.1", "Host: x", *lines, f"Content-Length: {len(BODY)}", "", ""])
    with socket.create_connection(("127.0.0.1", port)) as half:
        half.sendall(head.encode() + BODY[:20])
    assert post(port, "/api/v1/commands", headers_of(pos, "other")).status == 202
    assert list(Command.objects.values_list("idempotency_key", flat=True)) == ["other"]
    assert "Traceback" not in (folder / "web.log").read_text()


def test_one_connection_carries_one_request_after_another(port: int, pos: Till) -> None:
    exchange = HTTPConnection("127.0.0.1", port, timeout=20)
    named = dict(headers_of(pos))
    seen: list[tuple[int, Any]] = []
    for key, body in (("a", BODY), ("b", b"{"), ("a b", BODY), ("c", b""), ("a", BODY)):
        exchange.request("POST", "/api/v1/commands", body, named | {"Idempotency-Key": key})
        response = exchange.getresponse()
        seen.append((response.status, json.loads(response.read()).get("code")))
    exchange.close()
    assert seen == [
        (202, None),
        (400, "invalid-request"),
        (400, "idempotency-key-invalid"),
        (400, "invalid-request"),
        (202, None),
    ]


@pytest.mark.parametrize(("path", "passes"), [("/admin/login/", True), ("/api/v1/orders", False)])
def test_pages_pass_the_middleware_of_pages_and_the_api_does_not(port: int, path: str, passes: bool) -> None:
    exchange = HTTPConnection("127.0.0.1", port, timeout=20)
    exchange.request("GET", path)
    response = exchange.getresponse()
    exchange.close()
    assert (response.status, response.getheader("X-Frame-Options")) == ((200, "DENY") if passes else (401, None))
