"""One command on its whole way, from the request to its webhook, as operators see it: logs, a trace, counts."""

import json
import urllib.request
from collections.abc import Iterator
from typing import Any

import pytest

from tests.collector import Collected, Collector
from tests.faults.system import System, running
from tests.polling import until
from tests.receiver import Receiver

REQUEST_ID = "till-7.request-1"
TRACE_ID, SPAN_ID = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
TRACEPARENT = f"00-{TRACE_ID}-{SPAN_ID}-01"
CREATE = {"type": "order.create", "payload": {}}


@pytest.fixture(scope="module")
def collector() -> Iterator[Collector]:
    with Collector().serving() as collecting:
        yield collecting


@pytest.fixture(scope="module")
def system(collector: Collector) -> Iterator[System]:
    """A system that sends its traces to the collector."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url)
        patch.setenv("OTEL_BSP_SCHEDULE_DELAY", "100")
        with running() as system:
            yield system


def post(system: System, key: str, path: str, body: object, **headers: str) -> dict[str, Any]:
    named = {name.replace("_", "-"): text for name, text in headers.items()}
    request = urllib.request.Request(
        f"{system.url}{path}",
        json.dumps(body).encode(),
        {"Authorization": key, "Content-Type": "application/json", **named},
        method="POST",
    )
    with urllib.request.urlopen(request, timeout=20) as answer:
        assert answer.headers["X-Request-Id"]
        parsed: dict[str, Any] = json.loads(answer.read())
        return parsed


def lines(system: System, name: str) -> list[dict[str, Any]]:
    """The lines of a process's log that know of the request, by whatever of its ids."""
    text = (system.data_dir / "logs" / f"{name}.log").read_text()
    return [json.loads(line) for line in text.splitlines() if REQUEST_ID in line]


def metrics(system: System) -> list[str]:
    with urllib.request.urlopen(f"{system.url}/metrics", timeout=20) as answer:
        return str(answer.read().decode()).splitlines()


def test_ids_and_the_trace_go_from_the_request_through_the_worker_to_the_webhook(
    system: System, collector: Collector
) -> None:
    key = system.manage("create_client", "boss", "--role", "manager")
    with Receiver().serving() as receiver:
        wanted = {"url": receiver.url("/ok/"), "event_types": ["order.created"]}
        endpoint = post(system, key, "/api/v1/webhooks/endpoints", wanted)
        asked = {"Idempotency_Key": "1", "X_Request_Id": REQUEST_ID, "traceparent": TRACEPARENT}
        command = post(system, key, "/api/v1/commands", CREATE, **asked)
        [received] = until(lambda: list(receiver.received), "the webhook has come")

    [accepted] = lines(system, "web")
    assert (accepted["action"], accepted["command_id"]) == ("command.accepted", command["id"])
    assert (accepted["client"], accepted["trace_id"]) == ("boss", TRACE_ID)
    [executed] = until(lambda: lines(system, "worker"), "the worker has told")
    done = {"command_id": command["id"], "request_id": REQUEST_ID, "status": "succeeded", "trace_id": TRACE_ID}
    assert (executed["action"], executed["commands"]) == ("batch.executed", [done])
    [delivered] = until(lambda: lines(system, "courier"), "the courier has told")
    assert (delivered["action"], delivered["outcome"]) == ("delivery.attempted", "delivered")
    assert (delivered["command_id"], delivered["webhook_id"]) == (command["id"], received.webhook_id)
    assert (delivered["endpoint_id"], delivered["trace_id"]) == (endpoint["id"], TRACE_ID)

    def of_the_trace() -> dict[str, Collected]:
        return {span.name: span for span in collector.spans if span.trace_id == TRACE_ID}

    spans = until(lambda: len(of_the_trace()) == 3 and of_the_trace(), "all spans have come")
    server = spans["POST /api/v1/commands"]
    execution, delivery = spans["execute order.create"], spans["deliver order.created"]
    assert [span.parent_id for span in (server, execution, delivery)] == [SPAN_ID, server.span_id, server.span_id]
    services = ["orderly-web", "orderly-worker", "orderly-courier"]
    assert [span.service for span in (server, execution, delivery)] == services
    assert received.headers["traceparent"] == f"00-{TRACE_ID}-{delivery.span_id}-01"
    assert received.headers["x-request-id"] == REQUEST_ID
    [batch] = [span for span in collector.named("batch") if span.span_id in execution.links]
    assert batch.links == [server.span_id]

    assert 'orderly_commands_accepted_total{outcome="new",type="order.create"} 1.0' in metrics(system)
    assert 'orderly_commands_finished_total{status="succeeded",type="order.create"} 1.0' in metrics(system)
    assert 'orderly_webhook_attempts_total{outcome="delivered"} 1.0' in metrics(system)
    connections = [line for line in metrics(system) if line.startswith("orderly_database_connections")]
    assert 'orderly_database_connections{process="other"} 0.0' in connections
    assert 'orderly_database_connections{process="courier"} 1.0' in connections
