"""One line for each request that changed or refused something, without what nobody should read in a log."""

from collections.abc import Iterator, MutableMapping
from typing import Any

import pytest
from structlog.testing import capture_logs

from api.submission import LINE_COMMANDS_MAX
from config import logs
from tests.till import Till, entry

type Line = MutableMapping[str, Any]


@pytest.fixture
def lines() -> Iterator[list[Line]]:
    """What is logged, with what every line has."""
    with capture_logs(processors=[logs.placed]) as captured:
        yield captured


def test_an_accepted_command_is_one_line(pos: Till, lines: list[Line]) -> None:
    command = pos.post(
        "/commands", {"type": "order.create", "payload": {}}, Idempotency_Key="k", X_Request_Id="mine"
    ).body
    [line] = lines
    assert line.pop("duration_ms") > 0
    line.pop("timestamp")
    assert {name: str(value) for name, value in line.items()} == {
        "event": "command.accepted",
        "command_id": command["id"],
        "request_id": "mine",
        "client": "till-1",
        "type": "order.create",
        "order_id": "None",
        "level": "info",
        "log_level": "info",
    }


def test_a_replay_says_so(pos: Till, lines: list[Line]) -> None:
    first, again = (pos.submit("order.create", key="k").body for _ in range(2))
    assert [line["event"] for line in lines] == ["command.accepted", "command.replayed"]
    assert {str(line["command_id"]) for line in lines} == {first["id"], again["id"]} == {first["id"]}


def test_a_batch_is_few_lines_with_every_command(pos: Till, lines: list[Line]) -> None:
    count = LINE_COMMANDS_MAX + 1
    results = pos.batch(*(entry("order.create") for _ in range(count)), entry("order.nothing"))
    assert [(line["event"], len(line["commands"])) for line in lines] == [
        ("commands.accepted", LINE_COMMANDS_MAX),
        ("commands.accepted", 1),
    ]
    told = [str(command["command_id"]) for line in lines for command in line["commands"]]
    assert told == [result["command"]["id"] for result in results[:count]]


def test_a_full_line_of_a_batch_is_not_cut_on_its_way() -> None:
    command = {"command_id": "0" * 36, "type": "order.cancel_draft", "order_id": "0" * 36, "replayed": True}
    line = {"event": "commands.accepted", "client": "c" * 64, "commands": [command] * LINE_COMMANDS_MAX}
    assert len(logs.render(None, "info", {**line, "request_id": "r" * 64, "trace_id": "t" * 32})) < 16 * 1024


def test_a_trace_is_named_in_every_line_of_its_request(pos: Till, lines: list[Line]) -> None:
    trace_id = "a" * 32
    pos.post("/commands", {}, Idempotency_Key="k", traceparent=f"00-{trace_id}-{'b' * 16}-01")
    assert [line["trace_id"] for line in lines] == [trace_id]


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [({"type": "order.create", "payload": 1}, 400, "invalid-request"), ({"type": "stock.receive"}, 403, "forbidden")],
)
def test_a_refused_request_is_one_line_with_its_code(
    pos: Till, lines: list[Line], body: object, status: int, code: str
) -> None:
    pos.post("/commands", body, Idempotency_Key="k")
    [line] = lines
    assert (line["event"], line["status"], line["code"]) == ("request.refused", status, code)
    assert (line["method"], line["path"], line["client"]) == ("POST", "/api/v1/commands", "till-1")


def test_what_changes_anything_else_is_one_line(manager: Till, lines: list[Line]) -> None:
    manager.request("POST", "/products", {"sku": "TEA", "name": "Tea", "price": "1"})
    assert [(line["event"], line["status"], line["path"]) for line in lines] == [
        ("request.done", 201, "/api/v1/products")
    ]


def test_reads_and_health_say_nothing(pos: Till, lines: list[Line]) -> None:
    for path in ("/products", "/commands", "/health/", "/health/ready"):
        assert pos.get(path).status == 200
    assert lines == []


def test_a_bug_is_one_line_with_its_traceback(
    pos: Till, lines: list[Line], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("api.products.ProductsView.get", lambda *_args: 1 / 0)
    assert pos.get("/products").status == 500
    [line] = lines
    assert (line["event"], line["level"], line["code"]) == ("request.failed", "error", "internal-error")
    assert isinstance(line["exc_info"], ZeroDivisionError)
    assert line["request_id"]


def test_no_line_has_a_secret_or_a_payload(manager: Till, lines: list[Line]) -> None:
    note, password = "a private note", "correct horse battery staple"
    manager.submit("order.create", {"note": note}, key="the-key")
    manager.submit("order.create", {"note": note, "more": 1}, key="another-key")
    manager.post("/auth/token", {"username": "ann", "password": password})
    manager.get(f"/orders?status={password}", Authorization=f"Api-Key {manager.key}x")
    text = str(lines)
    assert len(lines) == 4
    assert [secret for secret in (note, password, manager.key, "the-key", "another-key") if secret in text] == []
