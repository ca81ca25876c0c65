"""Traces, when OTEL_EXPORTER_OTLP_ENDPOINT says where to: spans of requests, batches, commands and deliveries.

Off, what records and sends is not even imported, and a span is None. A span's place is a `traceparent` (W3C Trace
Context), because that is what stands in the tables between one process and the next.
"""

import importlib
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Protocol

from django.conf import settings

type Attributes = Mapping[str, str | int]


class Span(Protocol):
    """Something that is being done."""

    @property
    def traceparent(self) -> str:
        """Its place, for what it causes."""

    def name(self, name: str) -> None:
        """Call it otherwise, now that more is known."""

    def attributes(self, attributes: Attributes) -> None:
        """What it is about. Names: OpenTelemetry's semantic conventions."""

    def failed(self, why: str) -> None:
        """It came to no good end."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Executed:
    """A command of a batch, as its span says it; `error` is why it failed for no fault of its own."""

    name: str
    parent: str | None
    attributes: Attributes
    error: str | None = None


class Tracer(Protocol):
    """What store/telemetry.py does."""

    def server(self, name: str, parent: str | None) -> AbstractContextManager[Span]:
        """A request being answered."""

    def client(self, name: str, parent: str | None) -> AbstractContextManager[Span]:
        """A request being made."""

    def batch(self, began: int, ended: int, executed: Sequence[Executed]) -> None:
        """A batch that has committed, and its commands; nanoseconds since 1970."""

    def stop(self) -> None:
        """Send what has not been sent, within a second or so."""


_tracer: Tracer | None = None


def start(service: str) -> None:
    """Trace from now on, if that is asked for, as `service` unless OTEL_SERVICE_NAME says otherwise. After forks."""
    global _tracer
    if settings.OTEL_EXPORTER_OTLP_ENDPOINT:
        # By name, when needed: importing it costs 0.1 s and 20 MB that nobody owes who does not trace.
        _tracer = importlib.import_module("store.telemetry").OpenTelemetry(service)


def stop() -> None:
    """Send what has not been sent; nothing is traced afterwards."""
    global _tracer
    tracer, _tracer = _tracer, None
    if tracer is not None:
        tracer.stop()


def server(name: str, parent: str | None) -> AbstractContextManager[Span | None]:
    """A request being answered."""
    return _OFF if _tracer is None else _tracer.server(name, parent)


def client(name: str, parent: str | None) -> AbstractContextManager[Span | None]:
    """A request being made."""
    return _OFF if _tracer is None else _tracer.client(name, parent)


def is_on() -> bool:
    """Whether it is worth while to gather what a span says."""
    return _tracer is not None


def batch(began: int, ended: int, executed: Sequence[Executed]) -> None:
    """A batch that has committed, and its commands; nanoseconds since 1970."""
    if _tracer is not None:
        _tracer.batch(began, ended, executed)


def trace_id(traceparent: str) -> str:
    """The trace's own id, as trace viewers and log lines have it."""
    return traceparent[3:35]


_OFF = nullcontext(None)
