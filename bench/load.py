"""The load generator: keep-alive HTTP/1.1 clients on one thread, a process of their own, a few microseconds a request.

`python -m bench.load` reads a `Plan` as JSON from standard input and writes an `Outcome` as JSON to standard output.
Each client is a generator: it yields a request and gets its response, or yields a pause and gets nothing.
"""

import dataclasses
import heapq
import itertools
import json
import selectors
import sys
import time
from collections import Counter
from collections.abc import Generator, Iterator
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from bench.connection import Connection, Response
from bench.figures import percentile

FINAL = frozenset({"succeeded", "failed", "cancelled", "expired"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What to send: each body and each read once, from `connections` clients; with `follow` each body until its
    command is final, with `repeat_seconds` all of them over and over for that long.
    """

    port: int
    authorization: str
    path: str
    bodies: list[tuple[str, str]]  # POST: Idempotency-Key (may be empty) and JSON
    connections: int
    reads: list[str] = field(default_factory=list)  # GET: other paths
    repeat_seconds: float = 0.0
    follow: bool = False
    rest_seconds: float = 0.0  # each client's pause before a command
    # A client that follows asks soon at first, then more and more politely. Of the paces tried, from 2 to 50 ms at
    # first and up to 20, 50 or 100 ms later, this one suited the ordinary design best; Orderly hardly notices.
    poll_first_seconds: float = 0.002
    poll_growth: float = 1.5
    poll_last_seconds: float = 0.05
    seconds_max: float = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What came of it: completed requests (or followed commands), their rate and latencies."""

    completed: int
    requests: int
    seconds: float
    rate: float
    p50_ms: float
    p99_ms: float
    answers: dict[str, int]


type Step = bytes | float
type Client = Generator[Step, Response | None]


class Run:
    """One plan being carried out."""

    def __init__(self, plan: Plan) -> None:
        """Requests are made ready before the clock starts."""
        self._plan = plan
        ready = [_post(plan, key, body) for key, body in plan.bodies] + [_get(plan, path) for path in plan.reads]
        self._requests: Iterator[bytes] = itertools.cycle(ready) if plan.repeat_seconds else iter(ready)
        self._latencies: list[float] = []
        self._answers: Counter[str] = Counter()
        self._selector = selectors.DefaultSelector()
        self._pauses: list[tuple[float, int, Client, Connection]] = []
        self._tickets = itertools.count()
        self._open = 0
        self._sent = 0

    def carry_out(self) -> Outcome:
        """Run all clients to the end of the requests, or to the end of the time."""
        began = time.perf_counter()
        if self._plan.repeat_seconds:
            until = began + self._plan.repeat_seconds
            self._requests = itertools.takewhile(lambda _: time.perf_counter() < until, self._requests)
        deadline = began + self._plan.seconds_max
        for _ in range(self._plan.connections):
            self._open += 1
            self._advance(self._client(), Connection(self._plan.port, self._selector), None)
        while self._open and time.perf_counter() < deadline:
            self._wait(deadline)
        seconds = time.perf_counter() - began
        latencies = self._latencies or [float("nan")]
        return Outcome(
            completed=len(self._latencies),
            requests=self._sent,
            seconds=seconds,
            rate=len(self._latencies) / seconds,
            p50_ms=percentile(latencies, 50) * 1000,
            p99_ms=percentile(latencies, 99) * 1000,
            answers=dict(self._answers),
        )

    def _client(self) -> Client:
        for request in self._requests:
            if self._plan.rest_seconds:
                yield self._plan.rest_seconds
            began = time.perf_counter()
            answer = yield request
            assert answer is not None
            outcome = str(answer.status)
            if self._plan.follow and answer.status == 202:
                outcome = yield from self._follow(answer)
            self._latencies.append(time.perf_counter() - began)
            self._answers[outcome] += 1

    def _follow(self, answer: Response) -> Generator[Step, Response | None, str]:
        request = _get(self._plan, urlsplit(answer.header(b"location")).path)
        pause = self._plan.poll_first_seconds
        while True:
            yield pause
            pause = min(pause * self._plan.poll_growth, self._plan.poll_last_seconds)
            polled = yield request
            assert polled is not None
            if polled.status != 200:
                return str(polled.status)
            status = str(json.loads(polled.body)["status"])
            if status in FINAL:
                return status

    def _advance(self, client: Client, connection: Connection, answer: Response | None) -> None:
        """Give a client what it waited for and start what it asks for next."""
        try:
            step = client.send(answer)
        except StopIteration:
            connection.close()
            self._open -= 1
            return
        if isinstance(step, bytes):
            self._sent += 1
            connection.send(step, client)
        else:
            heapq.heappush(self._pauses, (time.perf_counter() + step, next(self._tickets), client, connection))

    def _wait(self, deadline: float) -> None:
        """Sleep until the next answer or the end of the next pause, and serve whatever is due."""
        wake = min(deadline, self._pauses[0][0]) if self._pauses else deadline
        for key, _events in self._selector.select(max(0.0, wake - time.perf_counter())):
            connection: Connection = key.data
            answered = connection.receive()
            if answered is not None:
                self._advance(answered[0], connection, answered[1])
        now = time.perf_counter()
        while self._pauses and self._pauses[0][0] <= now:
            _due, _ticket, client, connection = heapq.heappop(self._pauses)
            self._advance(client, connection, None)


def _post(plan: Plan, key: str, body: str) -> bytes:
    key_header = f'Idempotency-Key: "{key}"\r\n' if key else ""
    content = body.encode()
    return (
        f"POST {plan.path} HTTP/1.1\r\nHost: 127.0.0.1:{plan.port}\r\nAuthorization: {plan.authorization}\r\n"
        f"{key_header}Content-Type: application/json\r\nContent-Length: {len(content)}\r\n\r\n"
    ).encode() + content


def _get(plan: Plan, path: str) -> bytes:
    return (
        f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{plan.port}\r\nAuthorization: {plan.authorization}\r\n\r\n"
    ).encode()


def main() -> None:
    """Carry out the plan on standard input."""
    given = json.load(sys.stdin)
    given["bodies"] = [(key, body) for key, body in given["bodies"]]
    outcome = Run(Plan(**given)).carry_out()
    json.dump(dataclasses.asdict(outcome), sys.stdout)


if __name__ == "__main__":
    main()
