"""The load generator against real servers that keep connections, close them, or answer in pieces."""

import http.server
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from bench.connection import parse
from bench.load import Plan, Run


class _Commands(http.server.BaseHTTPRequestHandler):
    """Accepts commands; each becomes final when it is asked for the second time."""

    protocol_version = "HTTP/1.1"
    closes = False
    posted: list[tuple[str, str]]
    asked: dict[str, int]

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.posted.append((self.headers["Idempotency-Key"], body.decode()))
        self._answer(202, {"status": "queued"}, f"/commands/{len(self.posted)}")

    def do_GET(self) -> None:
        self.asked[self.path] = self.asked.get(self.path, 0) + 1
        self._answer(200, {"status": "succeeded" if self.asked[self.path] >= 2 else "queued"})

    def log_message(self, format: str, *args: object) -> None:
        """Nothing to say."""

    def _answer(self, status: int, content: dict[str, str], location: str = "/") -> None:
        body = json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Location", location)
        self.send_header("Content-Length", str(len(body)))
        if self.closes:
            self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(body)


@contextmanager
def _serving(*, closes: bool) -> Iterator[tuple[int, type[_Commands]]]:
    handler = type("Handler", (_Commands,), {"closes": closes, "posted": [], "asked": {}})
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield server.server_address[1], handler
        finally:
            server.shutdown()
            thread.join()


@pytest.mark.parametrize("closes", [False, True])
@pytest.mark.parametrize("follow", [False, True])
def test_every_body_is_sent_once_and_followed_to_its_end(closes: bool, follow: bool) -> None:
    bodies = [(f"key-{number}", json.dumps({"number": number})) for number in range(40)]
    with _serving(closes=closes) as (port, handler):
        plan = Plan(port=port, authorization="x", path="/commands", bodies=bodies, connections=4, follow=follow)
        outcome = Run(plan).carry_out()

    assert sorted(handler.posted) == sorted((f'"{key}"', body) for key, body in bodies)
    assert (outcome.completed, outcome.requests) == (40, 120 if follow else 40)
    assert outcome.answers == ({"succeeded": 40} if follow else {"202": 40})
    assert set(handler.asked.values()) == ({2} if follow else set())
    assert 0 < outcome.p50_ms <= outcome.p99_ms


def test_a_storm_sends_every_request_over_and_over_until_its_time_is_up() -> None:
    bodies = [(f"key-{number}", "{}") for number in range(3)]
    reads = [f"/commands/{number}" for number in range(3)]
    with _serving(closes=False) as (port, handler):
        plan = Plan(
            port=port,
            authorization="x",
            path="/commands",
            bodies=bodies,
            reads=reads,
            connections=4,
            repeat_seconds=0.3,
        )
        outcome = Run(plan).carry_out()

    sent = [len([key for key, _body in handler.posted if key == f'"key-{number}"']) for number in range(3)]
    sent += [handler.asked[path] for path in reads]
    assert min(sent) > 1
    assert max(sent) - min(sent) <= 1
    assert outcome.completed == outcome.requests == sum(sent)
    assert set(outcome.answers) == {"202", "200"}
    assert outcome.seconds >= 0.3


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
        b"HTTP/1.1 200 OK\r\ncontent-length:5\r\nX: y\r\n\r\nhello",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhe\r\n3;x=y\r\nllo\r\n0\r\n\r\n",
    ],
)
def test_an_answer_in_pieces_is_complete_with_its_last_byte(answer: bytes) -> None:
    assert [parse(answer[:length]) for length in range(len(answer))] == [None] * len(answer)
    complete = parse(answer)
    assert complete is not None
    assert (complete.status, complete.body) == (200, b"hello")
