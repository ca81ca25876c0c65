"""What happens, counted by every process for `/metrics`: one function for each thing that happens.

Counting costs a microsecond or two and never fails. Nothing is opened before something is counted, so `manage.py`
leaves no files behind. Labels are few: routes, not paths, and command types that exist.
"""

import functools
import os
from bisect import bisect_left
from collections import Counter as Tally
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import structlog
from django.conf import settings
from prometheus_client import Counter, Gauge, Histogram, values

from domain import registry
from store import metric_files
from store.commands import CommandRow

FAST = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
"""Bounds in seconds: an answer should take milliseconds."""
SLOW = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 1800.0)
"""Bounds in seconds: a command should take less than one, and may have to wait for hours."""
SIZES = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000)

log = structlog.get_logger()


class _Instruments:
    """One a process, made by the first count."""

    def __init__(self) -> None:
        self.accepted = _counter("commands_accepted", "Commands submitted, by what came of it", "type", "outcome")
        self.accept = _histogram("accept_seconds", "From a submission's arrival to its answer", FAST)
        self.requests = _counter("requests", "Requests answered", "route", "method", "status")
        self.request = _histogram("request_seconds", "From a request's arrival to its answer", FAST, "route", "method")
        self.refusals = _counter("refusals", "Requests and commands refused", "code")
        self.finished = _counter("commands_finished", "Commands that have ended", "type", "status")
        self.command = _histogram("command_seconds", "From a command's acceptance to its end", SLOW)
        self.batch = _histogram("batch_commands", "How many commands a batch executed", SIZES)
        self.batch_time = _histogram("batch_seconds", "How long a batch took", FAST)
        self.batches_failed = _counter("batches_failed", "Batches that rolled back", "passing")
        self.attempts = _counter("webhook_attempts", "Tries of deliveries", "outcome")
        self.attempt = _histogram("webhook_seconds", "How long a try took", (*FAST, 15.0))
        self.asked = _counter("provider_requests", "Times that a payment provider was asked", "provider", "outcome")
        self.ask = _histogram("provider_seconds", "How long a payment provider took", (*FAST, 15.0, 30.0, 60.0))
        self.bells_lost = _counter("bells_lost", "Bells that the broker did not take", "task")
        self.sweeps = _counter("sweeps", "Sweeps done")
        self.threads = _gauge("web_threads_busy", "Threads of the web server that answer")
        self.jobs = _gauge("web_jobs_waiting", "Requests that wait for a thread")
        self.waiting = _gauge("waiting_clients", "Answers held back until a command ends")
        self.streams = _gauge("streams", "Event streams that are open")


def submitted(type_: object, outcome: str, count: int = 1) -> None:
    """A submission came to `new`, `replayed` or `refused`."""
    kind = registry.find_public(type_)
    known = kind.name if kind else "unknown"
    _child("accepted", known, outcome).inc(count)


def accept_took(seconds: float) -> None:
    """One submission, or a batch of them, was answered with a command."""
    _instruments().accept.observe(seconds)


def answered(route: str, method: str, status: int, seconds: float) -> None:
    """A request was answered; `route` as the URL table has it."""
    requests, request = _route_children(route, method, status)
    requests.inc()
    request.observe(seconds)


def refused(code: str) -> None:
    """A request was refused."""
    _child("refusals", code).inc()


def ended(rows: Sequence[CommandRow]) -> None:
    """Those of these commands that have ended count; a refusal counts as one."""
    rows = [row for row in rows if row.is_final]
    took = [(row.finished_at - row.accepted_at).total_seconds() for row in rows if row.finished_at]
    _observe_all(_instruments().command, SLOW, took)
    for (type_, status), count in Tally((row.type, row.status) for row in rows).items():
        _child("finished", type_, status).inc(count)
    for code, count in Tally(row.error["code"] for row in rows if row.error).items():
        _child("refusals", code).inc(count)


def batch_executed(commands: int, seconds: float) -> None:
    """A batch has committed."""
    _instruments().batch.observe(commands)
    _instruments().batch_time.observe(seconds)


def batch_failed(*, passing: bool) -> None:
    """A batch has rolled back."""
    _child("batches_failed", "true" if passing else "false").inc()


def attempted(outcome: str, seconds: float) -> None:
    """A delivery was tried: it is `delivered`, `pending` or `exhausted` now."""
    _child("attempts", outcome).inc()
    _instruments().attempt.observe(seconds)


def provider_asked(provider: str, outcome: str, seconds: float) -> None:
    """A payment provider was asked, and said `yes`, `no`, or nothing (`unknown`)."""
    _child("asked", provider, outcome).inc()
    _instruments().ask.observe(seconds)


def bell_lost(task: str) -> None:
    """The broker did not take a bell."""
    _child("bells_lost", task).inc()


def swept() -> None:
    """A sweep has ended."""
    _instruments().sweeps.inc()


def web_is(*, threads_busy: int, jobs_waiting: int, clients_waiting: int, streams: int) -> None:
    """How this web process stands now."""
    instruments = _instruments()
    instruments.threads.set(threads_busy)
    instruments.jobs.set(jobs_waiting)
    instruments.waiting.set(clients_waiting)
    instruments.streams.set(streams)


def tidy() -> None:
    """At the start of a process: add up what dead ones have counted."""
    _instruments()
    folder = Path(settings.PROMETHEUS_MULTIPROC_DIR)
    try:
        metric_files.tidy(folder)
    except OSError as error:
        log.warning("metrics.untidy", folder=str(folder), cause=str(error))


@contextmanager
def shared() -> Iterator[Path | None]:
    """The folder with everybody's counts, while nobody tidies up there; None when there is none."""
    folder = Path(settings.PROMETHEUS_MULTIPROC_DIR)
    if not (folder / "lock").exists():
        yield None
        return
    with metric_files.held_still(folder):
        yield folder


@functools.cache
def _instruments() -> _Instruments:
    folder = Path(settings.PROMETHEUS_MULTIPROC_DIR)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "lock").touch()
    except OSError as error:
        log.warning("metrics.unshared", folder=str(folder), cause=str(error))  # counted for nobody, but nothing breaks
        return _Instruments()
    os.environ["PROMETHEUS_MULTIPROC_DIR"] = str(folder)
    values.ValueClass = values.MultiProcessValue(metric_files.process)
    return _Instruments()


@functools.cache
def _child(instrument: str, *labels: str) -> Any:
    return getattr(_instruments(), instrument).labels(*labels)


@functools.cache
def _route_children(route: str, method: str, status: int) -> tuple[Any, Any]:
    return _child("requests", route, method, str(status)), _child("request", route, method)


def _observe_all(histogram: Histogram, bounds: Sequence[float], observed: Sequence[float]) -> None:
    """As if each had been observed, in a tenth of the time: the library knows one at a time only."""
    for bucket, count in Tally(bisect_left(bounds, each) for each in observed).items():
        histogram._buckets[bucket].inc(count)
    histogram._sum.inc(sum(observed))


def _counter(name: str, documentation: str, *labels: str) -> Counter:
    return Counter(f"orderly_{name}", documentation, labels, registry=None)


def _histogram(name: str, documentation: str, bounds: tuple[float, ...], *labels: str) -> Histogram:
    return Histogram(f"orderly_{name}", documentation, labels, buckets=bounds, registry=None)


def _gauge(name: str, documentation: str) -> Gauge:
    return Gauge(f"orderly_{name}", documentation, multiprocess_mode="livesum", registry=None)
