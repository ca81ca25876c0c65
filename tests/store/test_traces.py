"""Traces are off and free until they are asked for, and never in the way."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator

import pytest

from config.processes import PROJECT, free_port
from store import traces
from store.telemetry import OpenTelemetry
from store.traces import Executed
from tests.collector import Collector

PARENT = f"00-{'a' * 32}-{'b' * 16}-01"


@pytest.fixture
def collector(monkeypatch: pytest.MonkeyPatch) -> Iterator[Collector]:
    with Collector().serving() as collecting:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collecting.url)
        monkeypatch.delenv("OTEL_SERVICE_NAME", raising=False)
        yield collecting


def execution(**members: str | None) -> Executed:
    given = {"name": "execute order.pay", "parent": PARENT, "error": None} | members
    return Executed(name=str(given["name"]), parent=given["parent"], error=given["error"], attributes={"size": 1})


def test_off_nothing_is_recorded_and_what_records_is_not_imported() -> None:
    script = (
        "import django; django.setup()\n"
        "import sys, worker.tasks, worker.app, api.urls\n"
        "from store import traces\n"
        "traces.start('orderly-web')\n"
        "with traces.server('GET', None) as span: assert span is None\n"
        "assert not traces.is_on()\n"
        "assert not sys.modules.keys() & {'opentelemetry.sdk.trace', 'opentelemetry.exporter', 'store.telemetry'}\n"
    )
    variables = {**os.environ, "DJANGO_SETTINGS_MODULE": "config.settings", "OTEL_EXPORTER_OTLP_ENDPOINT": ""}
    subprocess.run([sys.executable, "-c", script], cwd=PROJECT, env=variables, check=True)


def test_a_span_stands_below_its_parent_and_says_what_failed(collector: Collector) -> None:
    tracer = OpenTelemetry("orderly-web")
    with tracer.server("GET", PARENT) as span:
        place = span.traceparent
        span.name("GET /api/v1/orders")
        span.attributes({"http.response.status_code": 503})
        span.failed("unavailable")
    tracer.stop()
    [came] = collector.spans
    assert (came.name, came.service, came.failed) == ("GET /api/v1/orders", "orderly-web", True)
    assert (came.trace_id, came.parent_id) == ("a" * 32, "b" * 16)
    assert place == f"00-{came.trace_id}-{came.span_id}-01"
    assert came.attributes == {"http.response.status_code": 503}


def test_without_a_parent_a_trace_begins(collector: Collector) -> None:
    tracer = OpenTelemetry("orderly-courier")
    for _ in range(2):
        with tracer.client("deliver order.paid", None):
            pass
    tracer.stop()
    first, second = collector.spans
    assert (first.parent_id, second.parent_id) == ("", "")
    assert first.trace_id != second.trace_id


def test_what_a_client_wants_unrecorded_stays_so_and_keeps_its_trace(collector: Collector) -> None:
    tracer = OpenTelemetry("orderly-web")
    with tracer.server("POST", f"{PARENT[:-2]}00") as span:
        assert span.traceparent.startswith(f"00-{'a' * 32}-")
        assert span.traceparent.endswith("-00")
    tracer.stop()
    assert collector.spans == []


def test_a_batch_is_linked_with_its_commands_both_ways(collector: Collector) -> None:
    tracer = OpenTelemetry("orderly-worker")
    bug = execution(name="execute order.create", parent=None, error="internal-error")
    tracer.batch(1_000, 2_000, [execution(), bug])
    tracer.stop()
    whole, paid, created = (collector.named(name)[0] for name in ("batch", "execute order.pay", "execute order.create"))
    assert (whole.links, paid.links, created.links) == (["b" * 16], [whole.span_id], [whole.span_id])
    assert (paid.trace_id, paid.failed) == ("a" * 32, False)
    assert (created.parent_id, created.failed) == ("", True)


def test_the_service_may_be_named_by_its_variable(collector: Collector, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_SERVICE_NAME", "shop-in-lisbon")
    tracer = OpenTelemetry("orderly-worker")
    tracer.batch(1_000, 2_000, [execution()])
    tracer.stop()
    assert {span.service for span in collector.spans} == {"shop-in-lisbon"}


def test_a_collector_that_is_away_costs_spans_and_nothing_else(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", f"http://127.0.0.1:{free_port()}")
    tracer = OpenTelemetry("orderly-worker")
    for _ in range(10):
        tracer.batch(1_000, 2_000, [execution()] * 1_000)
    began = time.monotonic()
    tracer.stop()
    assert time.monotonic() - began < 5, "a stop waits a second or two, not for the collector"


def test_started_it_traces_and_stopped_it_does_not(collector: Collector, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("django.conf.settings.OTEL_EXPORTER_OTLP_ENDPOINT", collector.url)
    traces.start("orderly-web")
    with traces.client("deliver order.paid", PARENT) as span:
        assert span is not None
    traces.stop()
    assert not traces.is_on()
    assert [each.name for each in collector.spans] == ["deliver order.paid"]
