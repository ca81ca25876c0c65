"""Spans as OpenTelemetry has them, sent by OTLP over HTTP; imported only where tracing is on (store/traces.py).

Spans wait in a bounded queue for a thread that sends them. A collector that is away costs spans, nothing else.
"""

import os
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import SERVICE_NAME, Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import Link, SpanContext, SpanKind, Status, StatusCode, get_current_span
from opentelemetry.trace import Span as Recorded
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from store.traces import Attributes, Executed

EXPORT_SECONDS_MAX = 5.0
STOP_SECONDS_MAX = 1.5
LINKS_MAX = 100
"""How many commands a batch's span names; each command's span names its batch anyway."""

_propagator = TraceContextTextMapPropagator()


class Span:
    """A span that is being recorded."""

    def __init__(self, recorded: Recorded) -> None:
        self._recorded = recorded

    @property
    def traceparent(self) -> str:
        """Its place, for what it causes."""
        return _traceparent(self._recorded.get_span_context())

    def name(self, name: str) -> None:
        """Call it otherwise, now that more is known."""
        self._recorded.update_name(name)

    def attributes(self, attributes: Attributes) -> None:
        """What it is about."""
        self._recorded.set_attributes(attributes)

    def failed(self, why: str) -> None:
        """It came to no good end."""
        self._recorded.set_status(Status(StatusCode.ERROR, why))


class OpenTelemetry:
    """One a process, made after the last fork; what else there is to set, OTEL_ variables set."""

    def __init__(self, service: str) -> None:
        named = {} if os.environ.get("OTEL_SERVICE_NAME") else {SERVICE_NAME: service}
        self._provider = TracerProvider(resource=Resource.create(named), shutdown_on_exit=False)
        self._exporter = OTLPSpanExporter(timeout=EXPORT_SECONDS_MAX)
        self._provider.add_span_processor(BatchSpanProcessor(self._exporter))
        self._tracer = self._provider.get_tracer("orderly")

    @contextmanager
    def server(self, name: str, parent: str | None) -> Iterator[Span]:
        """A request being answered."""
        with self._tracer.start_as_current_span(name, _context(parent), SpanKind.SERVER) as recorded:
            yield Span(recorded)

    @contextmanager
    def client(self, name: str, parent: str | None) -> Iterator[Span]:
        """A request being made."""
        with self._tracer.start_as_current_span(name, _context(parent), SpanKind.CLIENT) as recorded:
            yield Span(recorded)

    def batch(self, began: int, ended: int, executed: Sequence[Executed]) -> None:
        """A batch that has committed, and its commands, each in the trace of the request that asked for it."""
        links = [_link(each.parent) for each in executed[:LINKS_MAX] if each.parent]
        size = {"orderly.batch.commands": len(executed)}
        whole = self._tracer.start_span("batch", Context(), SpanKind.CONSUMER, size, links, began)
        whole.end(ended)
        to_whole = [Link(whole.get_span_context())]
        for each in executed:
            context = _context(each.parent)
            span = self._tracer.start_span(each.name, context, SpanKind.CONSUMER, each.attributes, to_whole, began)
            if each.error is not None:
                span.set_status(Status(StatusCode.ERROR, each.error))
            span.end(ended)

    def stop(self) -> None:
        """Send what has not been sent; whoever stops does not wait longer for a collector that is away."""
        last = threading.Thread(target=self._provider.shutdown, daemon=True)
        last.start()
        last.join(STOP_SECONDS_MAX)
        if last.is_alive():
            self._exporter.shutdown()  # it tries no more
            last.join(STOP_SECONDS_MAX)


def _context(traceparent: str | None) -> Context:
    """As it came from elsewhere; without one a new trace begins."""
    return _propagator.extract({"traceparent": traceparent} if traceparent else {}, Context())


def _link(traceparent: str) -> Link:
    return Link(get_current_span(_context(traceparent)).get_span_context())


def _traceparent(place: SpanContext) -> str:
    return f"00-{place.trace_id:032x}-{place.span_id:016x}-{place.trace_flags:02x}"
