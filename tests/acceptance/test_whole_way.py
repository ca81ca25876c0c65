"""One command on its whole way, from the request to its webhook, as operators see it: logs, a trace, counts."""

import json
import urllib.request
import uuid
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
    """A system that sends its traces to the collector, and takes online payments."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PAYMENT_PROVIDER", "simulator")
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


def lines(system: System, name: str, mark: str = REQUEST_ID) -> list[dict[str, Any]]:
    """The lines of a process's log that know of the request, by whatever of its ids."""
    text = (system.data_dir / "logs" / f"{name}.log").read_text()
    return [json.loads(line) for line in text.splitlines() if mark in line]


def metrics(system: System) -> dict[str, float]:
    """Every sample, by its name and labels as they stand on the page."""
    with urllib.request.urlopen(f"{system.url}/metrics", timeout=20) as answer:
        told = str(answer.read().decode()).splitlines()
    return {name: float(value) for name, _space, value in (line.rpartition(" ") for line in told if line[0] != "#")}


def newer(found: dict[str, float], before: dict[str, float], counted: str) -> dict[str, float] | None:
    """What was found, if it has counted one more."""
    return found if found.get(counted, 0) > before.get(counted, 0) else None


def test_ids_and_the_trace_go_from_the_request_through_the_worker_to_the_webhook(
    system: System, collector: Collector
) -> None:
    key = system.register("boss", "manager")
    before = metrics(system)
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

    counted = (
        'orderly_commands_accepted_total{outcome="new",type="order.create"}',
        'orderly_commands_finished_total{status="succeeded",type="order.create"}',
        'orderly_webhook_attempts_total{outcome="delivered"}',
    )
    after = until(lambda: newer(metrics(system), before, counted[-1]), "the page, which is kept for a second, is new")
    assert [after[each] - before.get(each, 0) for each in counted] == [1, 1, 1]
    assert after['orderly_database_connections{process="other"}'] == 0
    assert after['orderly_database_connections{process="courier"}'] == 1


def test_an_online_payment_is_told_by_the_process_that_asks_the_provider(system: System, collector: Collector) -> None:
    key = system.register("shop", "manager")
    post(system, key, "/api/v1/products", {"sku": "TEA", "name": "Tea", "price": "2.50", "currency": "EUR"})
    asked = {"Prefer": "wait=20", "X_Request_Id": "till-7.payment", "traceparent": TRACEPARENT.replace("4bf", "5bf")}
    order_id = str(uuid.uuid4())
    for type_, payload in (
        ("stock.receive", {"sku": "TEA", "qty": 1}),
        ("order.create", {"items": [{"sku": "TEA", "qty": 1}]}),
        ("order.pay", {"method": "online", "payment_method": "approve"}),
    ):
        about = {"order_id": order_id} if type_.startswith("order.") else {}
        command = post(
            system,
            key,
            "/api/v1/commands",
            {"type": type_, "payload": payload, **about},
            Idempotency_Key=type_,
            **asked,
        )
        assert command["status"] == "succeeded"

    [told] = until(lambda: lines(system, "payments", "payment.asked"), "the process has told")
    assert (told["command_id"], told["request_id"]) == (command["id"], "till-7.payment")
    assert (told["provider"], told["outcome"], told["attempt"]) == ("simulator", "yes", 1)
    [span] = until(lambda: collector.named("ask simulator"), "the span has come")
    assert (span.trace_id, span.service) == (told["trace_id"], "orderly-payments")
    asked_for = 'orderly_provider_requests_total{outcome="yes",provider="simulator"}'
    after = until(lambda: newer(metrics(system), {}, asked_for), "the page is new")
    assert after[asked_for] == 1
    assert after['orderly_database_connections{process="payments"}'] >= 1
    assert after['orderly_database_connections{process="other"}'] == 0
