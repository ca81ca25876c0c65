"""`/metrics` for Prometheus, without authentication: what all processes have counted, and how the system stands."""

import threading
import time
from collections.abc import Iterator

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.metrics_core import GaugeMetricFamily, Metric
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector

from api.schema.operation import Answer, described
from store import metrics
from store.figures import Figures, Stored, figures

FRESH_SECONDS = 1.0
"""A page is shown for so long, so that no more is asked of PostgreSQL however many ask for it."""
CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


@described("read_metrics", {200: Answer("Text", media_type="text/plain")})
def show(_request: HttpRequest) -> HttpResponse:
    """Figures for Prometheus: 200, whoever is away."""
    return HttpResponse(page.get(), content_type=CONTENT_TYPE, headers={"Cache-Control": "no-store"})


class Page:
    """The text, a second old at most; whoever asks while it is made waits for it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._text = b""
        self._until = float("-inf")

    def get(self) -> bytes:
        """As it is, or made anew."""
        with self._lock:
            if time.monotonic() > self._until:
                self._text = _text()
                self._until = time.monotonic() + FRESH_SECONDS
            return self._text

    def forget(self) -> None:
        """Make it anew for the next who asks."""
        self._until = float("-inf")


page = Page()


def _text() -> bytes:
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Standing(figures()))
    with metrics.shared() as folder:
        if folder is not None:
            MultiProcessCollector(registry, str(folder))
        return generate_latest(registry)


class _Standing(Collector):
    """How the system stands as gauges; those that nobody can tell are left out."""

    def __init__(self, found: Figures) -> None:
        self._found = found

    def describe(self) -> list[Metric]:
        """Nothing: what is there depends on who answers."""
        return []

    def collect(self) -> Iterator[Metric]:
        """The gauges."""
        stored, workers = self._found.stored, self._found.workers
        yield _gauge("database_up", "Whether PostgreSQL answers", stored is not None)
        yield _gauge("redis_up", "Whether Redis answers", workers is not None)
        yield _gauge("backlog_limit", "Queued commands above which new ones get 503", settings.BACKLOG_LIMIT)
        if workers is not None:
            yield _gauge("workers", "Worker nodes that execute commands", workers)
        if stored is not None:
            yield from _of_stored(stored)


def _of_stored(stored: Stored) -> Iterator[Metric]:
    waiting = stored.waiting
    yield _gauge("backlog", "Queued commands", stored.backlog.queued)
    yield _gauge("oldest_queued_seconds", "Age of the oldest ready command", stored.backlog.seconds)
    yield _gauge("dead_letters", "Commands failed as internal-error or poisoned", waiting.dead_letters)
    yield _gauge("deliveries_pending", "Webhooks that have not been delivered yet", waiting.deliveries_pending)
    yield _gauge("oldest_due_delivery_seconds", "How long the longest due webhook waits", waiting.oldest_due_seconds)
    yield _gauge("endpoints_disabled", "Endpoints disabled because nothing arrives", waiting.endpoints_disabled)
    yield _gauge("payments_unsettled", "Charges and refunds without an answer yet", waiting.payments_unsettled)
    yield _gauge("oldest_unsettled_payment_seconds", "Age of the oldest of them", waiting.oldest_unsettled_seconds)
    yield _gauge("commands_uncertain", "Commands whose provider has not answered", waiting.commands_uncertain)
    connections = GaugeMetricFamily(
        "orderly_database_connections", "Connections to the database, by kind of process", labels=["process"]
    )
    for process, count in stored.connections.items():
        connections.add_metric([process], count)
    yield connections


def _gauge(name: str, documentation: str, value: float) -> Metric:
    return GaugeMetricFamily(f"orderly_{name}", documentation, value)
