"""Webhooks: how long a healthy endpoint waits, from the commit to the receipt, beside one that never answers.

Every event goes to all endpoints, so 1,000 events are 20,000 deliveries to healthy ones and 1,000 to the dead one.
They are committed at a steady pace, as commands would write them; the courier, the sweeper and beat are those of
`make up`. Writer, receiver and courier share the machine. `python -m bench.webhooks PORT` is the receiver.
"""

import asyncio
import json
import sys
import time
import urllib.request
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

import psycopg
from celery import Celery
from uuid_utils.compat import uuid7

from bench import processes
from bench.design import Site
from bench.figures import percentile
from bench.measures import WrongError
from bench.orderly import Orderly
from bench.stage import Stage
from config.processes import commands, free_port

HEALTHY, DEAD = 20, 1
_PER_SECOND = 40
_DRAIN_SECONDS_MAX = 120.0

_REGISTER = """
import sys
from store import sealing
from store.models import Client, Endpoint
client = Client.objects.first()
for url in sys.stdin.read().split():
    print(Endpoint.objects.create(client=client, url=url, secret=sealing.seal(bytes(32))).id)
"""
_INSERT = """
WITH event AS (
    INSERT INTO webhook_event (id, type, sequence, order_id, data, occurred_at)
    SELECT %(event)s, 'order.paid', 2, %(event)s, %(data)s, now()
)
INSERT INTO webhook_delivery (id, event_id, endpoint_id, event_type, next_attempt_at)
SELECT delivery, %(event)s, endpoint, 'order.paid', now()
FROM unnest(%(deliveries)s::uuid[], %(endpoints)s::uuid[]) AS new (delivery, endpoint)
"""
_DATA = {
    "order": {"id": str(uuid.UUID(int=1)), "total": "29.97", "status": "paid", "version": 2, "currency": "EUR"},
    "command_id": str(uuid.UUID(int=2)),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Waits:
    """From commit to receipt at the healthy endpoints."""

    per_second: float
    p50_ms: float
    p99_ms: float
    worst_ms: float


def waits(stage: Stage, *, events: int) -> Waits:
    """Commit so many events, each for all endpoints, and wait until all healthy ones have theirs."""
    with stage.site(Orderly()) as site, _receiving(site) as port, site.connect() as connection:
        paths = [f"/ok/{number}" for number in range(HEALTHY)] + [f"/dead/{number}" for number in range(DEAD)]
        endpoints = _register(site, [f"http://127.0.0.1:{port}{path}" for path in paths])
        with _sending(site):
            _settle(site, connection, port, endpoints[:HEALTHY])
            committed = _write(site, connection, endpoints, events, _PER_SECOND)
            received = _received(port, events * HEALTHY)
    _check_all_came_once(received, events)
    late = [(at - committed[event]) * 1_000 for event, moments in received.items() for at in moments]
    span = max(at for moments in received.values() for at in moments) - min(committed.values())
    return Waits(
        per_second=round(len(late) / span, 1),
        p50_ms=round(percentile(late, 50), 1),
        p99_ms=round(percentile(late, 99), 1),
        worst_ms=round(max(late), 1),
    )


def _check_all_came_once(received: Mapping[str, Sequence[float]], events: int) -> None:
    """A courier may send twice when it or PostgreSQL dies; here nobody does."""
    wrong = [event for event, moments in received.items() if len(moments) != HEALTHY]
    if wrong or len(received) != events:
        raise WrongError(f"{len(received)} events of {events} were delivered, {len(wrong)} of them not once to each")


@contextmanager
def _receiving(site: Site) -> Iterator[int]:
    """The receiver, a process of its own: its port."""
    port = free_port()
    argv = processes.python("-m", "bench.webhooks", str(port))
    with processes.running(f"{site.name}-receiver", argv, site.env, site.logs) as log:
        processes.wait_for_port(port, log)
        yield port


@contextmanager
def _sending(site: Site) -> Iterator[None]:
    env = {**site.env, "WEBHOOK_ALLOWED_NETWORKS": "127.0.0.1/32"}
    with ExitStack() as stack:
        for name in ("courier", "sweeper", "beat"):
            argv = commands(0, 0, site.logs)[name]
            stack.enter_context(processes.running(f"{site.name}-{name}", argv, env, site.logs))
        yield


def _register(site: Site, urls: Sequence[str]) -> list[uuid.UUID]:
    shell = processes.python("manage.py", "shell", "-v", "0", "-c", _REGISTER)
    return [uuid.UUID(line) for line in processes.run(shell, site.env, "\n".join(urls)).split()]


def _settle(site: Site, connection: psycopg.Connection[Any], port: int, endpoints: Sequence[uuid.UUID]) -> None:
    """Wait until the courier is there, and forget what it has sent so far."""
    _write(site, connection, endpoints, 20, 100)
    _received(port, 20 * len(endpoints))
    connection.execute("ANALYZE")


def _write(
    site: Site, connection: psycopg.Connection[Any], endpoints: Sequence[uuid.UUID], events: int, per_second: float
) -> dict[str, float]:
    """When each event had been committed, by its id."""
    committed = {}
    began = time.monotonic()
    with Celery(broker=site.broker_url) as app:
        for number in range(events):
            time.sleep(max(0.0, began + number / per_second - time.monotonic()))
            event = uuid7()
            deliveries = [uuid7() for _ in endpoints]
            values = {"event": event, "data": json.dumps(_DATA), "deliveries": deliveries, "endpoints": list(endpoints)}
            connection.execute(_INSERT, values)
            committed[str(event)] = time.time()
            app.send_task("deliver", queue="webhooks")
    return committed


def _received(port: int, count: int) -> dict[str, list[float]]:
    """What the healthy endpoints have received since this was last asked, at least so many: when, by event."""
    deadline = time.monotonic() + _DRAIN_SECONDS_MAX
    while time.monotonic() < deadline:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/count") as answer:
            if int(answer.read()) >= count:
                break
        time.sleep(0.2)
    else:
        raise processes.ProcessError(f"not all of {count} webhooks arrived within {_DRAIN_SECONDS_MAX:g} s")
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/report") as answer:
        received: dict[str, list[float]] = json.loads(answer.read())
    return received


class _Receiver(asyncio.Protocol):
    """As little as a receiver can do: note id and time, answer 200."""

    moments: dict[str, list[float]] = {}
    count = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._read = b""

    def data_received(self, data: bytes) -> None:
        self._read += data
        head, separator, rest = self._read.partition(b"\r\n\r\n")
        headers = {
            name.lower(): text.strip()
            for name, _colon, text in (line.partition(b":") for line in head.split(b"\r\n")[1:])
        }
        length = int(headers.get(b"content-length", b"0"))
        if not separator or len(rest) < length:
            return
        self._read = rest[length:]
        self._answer(head.split(b" ", 2)[1], headers.get(b"webhook-id", b"").decode())

    def _answer(self, path: bytes, webhook_id: str) -> None:
        kind = _Receiver
        answer = b"ok"
        if path.startswith(b"/dead"):
            return
        if path.startswith(b"/ok"):
            kind.moments.setdefault(webhook_id, []).append(time.time())
            kind.count += 1
        if path == b"/count":
            answer = str(kind.count).encode()
        if path == b"/report":
            answer = json.dumps(kind.moments).encode()
            kind.moments, kind.count = {}, 0
        self._transport.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(answer), answer))


async def _receive(port: int) -> None:
    server = await asyncio.get_running_loop().create_server(_Receiver, "127.0.0.1", port, backlog=1_000)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(_receive(int(sys.argv[1])))
