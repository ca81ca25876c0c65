"""A Stripe on this machine: localstripe in a process of its own, behind a server of ours that adds what it lacks.

It lacks replay by Idempotency-Key, the filter and order of lists, the limit of refunds, the parameters of today's API,
and every kind of trouble: it can be told to freeze, to hang up, to say something else, to lose its answer after it has
acted, or to let it drip.
"""

import json
import os
import socket
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Literal
from urllib.parse import parse_qs, parse_qsl, urlencode, urlsplit

from config.processes import free_port, spawn, stop_one
from tests.polling import until

KEY = "sk_test_of_the_stand_in"
# It would listen on every address, and keep one file in /tmp for all who ever ran it.
_LOCALSTRIPE = """
import sys
from aiohttp import web
from localstripe import resources, server
resources.Store.dump_to_disk = lambda store: None
web.run_app(server.app, host="127.0.0.1", port=int(sys.argv[1]), print=None)
"""


@contextmanager
def localstripe(log: Path) -> Iterator[int]:
    """Its port, for the length of the block."""
    port = free_port()
    process = spawn([sys.executable, "-c", _LOCALSTRIPE, str(port)], os.environ, log)

    def listens() -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", port)) == 0

    try:
        until(listens, "localstripe listens")
        yield port
    finally:
        stop_one(process)


@dataclass(frozen=True, slots=True)
class Trouble:
    """`freeze` and `hang_up` come before anything is done, `say` instead of it, `drop` and `drip` after it."""

    kind: Literal["freeze", "hang_up", "say", "drop", "drip"]
    status: int = 500
    body: bytes = b'{"error": {"type": "api_error", "message": "Something is wrong at Stripe."}}'


@dataclass(frozen=True, slots=True)
class Asked:
    """A request that came."""

    method: str
    path: str
    key: str | None
    form: dict[str, str]


@dataclass(frozen=True, slots=True)
class Told:
    """An answer."""

    status: int
    body: bytes

    def json(self) -> Any:
        """What it says."""
        return json.loads(self.body)


def refusal(status: int, message: str, kind: str = "invalid_request_error", **more: str) -> Told:
    """An answer that Stripe would give so."""
    return Told(status, json.dumps({"error": {"type": kind, "message": message} | more}).encode())


@dataclass(slots=True)
class StandIn:
    """What came is in `asked`; `url` is where it is while it is serving."""

    localstripe_port: int
    port: int = 0
    asked: list[Asked] = field(default_factory=list)
    _troubles: list[Trouble | None] = field(default_factory=list)
    _lasting: Trouble | None = None
    _saved: dict[str, tuple[Asked, Told]] = field(default_factory=dict)
    _at_work: set[str] = field(default_factory=set)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _over: threading.Event = field(default_factory=threading.Event)

    @property
    def url(self) -> str:
        """For STRIPE_API_BASE."""
        return f"http://127.0.0.1:{self.port}"

    @contextmanager
    def serving(self) -> Iterator["StandIn"]:
        """For the length of the block; nothing was ever paid at its beginning."""
        self._forward("DELETE", "/_config/data", {})
        server = _Server(self)
        self.port = server.server_port
        thread = threading.Thread(target=server.serve_forever, args=[0.02], daemon=True)
        thread.start()
        try:
            yield self
        finally:
            self._over.set()
            server.shutdown()
            server.server_close()
            thread.join(10)

    def misbehave(self, trouble: Trouble, times: int | None = None, after: int = 0) -> None:
        """For so many requests, or for all until `recover`; `after` so many that go well."""
        with self._lock:
            if times is None:
                self._lasting = trouble
            self._troubles += [None] * after + [trouble] * (times or 0)

    def recover(self) -> None:
        """From now on it behaves."""
        with self._lock:
            self._lasting = None
            self._troubles.clear()

    def intents(self) -> list[dict[str, Any]]:
        """All payment intents, whatever came of them."""
        return self._all("/v1/payment_intents")

    def charged(self) -> list[dict[str, Any]]:
        """Those that have succeeded."""
        return [each for each in self.intents() if each["status"] == "succeeded"]

    def refunded(self) -> list[dict[str, Any]]:
        """The refunds."""
        return self._all("/v1/refunds")

    def make(self, path: str, **form: str | int) -> dict[str, Any]:
        """Something in the account that did not come from us."""
        told = self._forward("POST", path, {name: str(value) for name, value in form.items()})
        assert told.status == 200, told
        return dict(told.json())

    # --- what its threads do -------------------------------------------------------------------------------------

    def next_trouble(self) -> Trouble | None:
        """What goes wrong with the request that has just come."""
        with self._lock:
            return self._troubles.pop(0) if self._troubles else self._lasting

    def wait(self, seconds: float | None = None) -> bool:
        """Until it is over, or so many seconds; whether it is over."""
        return self._over.wait(seconds)

    def answer(self, asked: Asked, authorization: str) -> Told:
        """As Stripe would: the answer of the first time to a request that comes again."""
        if asked.method != "POST" or asked.key is None:
            return self._act(asked, authorization)
        with self._lock:
            first, told = self._saved.get(asked.key, (asked, None))
            if first != asked:
                return refusal(400, "Keys for idempotent requests can only be used once.", "idempotency_error")
            if told is not None:
                return told
            if asked.key in self._at_work:
                return refusal(409, "It is still being worked on.", "idempotency_error", code="idempotency_key_in_use")
            self._at_work.add(asked.key)
        try:
            told = self._act(asked, authorization)
        finally:
            self._at_work.discard(asked.key)
        if told.status in {200, 402}:  # what does not pass the checks was never begun
            self._saved[asked.key] = asked, told
        return told

    def _act(self, asked: Asked, authorization: str) -> Told:
        url = urlsplit(asked.path)
        match asked.method, url.path:
            case "POST", "/v1/payment_intents":
                known = {name: text for name, text in asked.form.items() if not name.startswith("automatic_payment")}
                return self._forward("POST", url.path, known, authorization)
            case "GET", "/v1/payment_intents":
                return self._list_intents(parse_qs(url.query), authorization)
            case "POST", "/v1/refunds":
                too_much = self._too_much(asked.form, authorization)
                return too_much or self._forward("POST", url.path, asked.form, authorization)
        return self._forward(asked.method, asked.path, asked.form, authorization)

    def _list_intents(self, query: dict[str, list[str]], authorization: str) -> Told:
        """The newest first, created within bounds, page by page."""
        told = self._forward("GET", "/v1/payment_intents?limit=100000", {}, authorization)
        if told.status != 200:
            return told
        bounds = int(query["created[gte]"][0]), int(query["created[lte]"][0])
        found = [each for each in reversed(told.json()["data"]) if bounds[0] <= each["created"] <= bounds[1]]
        ids = [each["id"] for each in found]
        begin = ids.index(query["starting_after"][0]) + 1 if "starting_after" in query else 0
        end = begin + min(int(query["limit"][0]), 100)
        page = {"object": "list", "url": "/v1/payment_intents", "data": found[begin:end], "has_more": end < len(found)}
        return Told(200, json.dumps(page).encode())

    def _too_much(self, form: dict[str, str], authorization: str) -> Told | None:
        told = self._forward("GET", f"/v1/payment_intents/{form['payment_intent']}", {}, authorization)
        charge = told.json().get("latest_charge") if told.status == 200 else None
        if charge is None or int(form["amount"]) <= charge["amount"] - charge["amount_refunded"]:
            return None
        return refusal(
            400, "Refund amount is greater than unrefunded amount on charge.", code="charge_already_refunded"
        )

    def _all(self, path: str) -> list[dict[str, Any]]:
        return list(self._forward("GET", f"{path}?limit=100000", {}).json()["data"])

    def _forward(self, method: str, path: str, form: dict[str, str], authorization: str = f"Bearer {KEY}") -> Told:
        headers = {"Authorization": authorization, "Content-Type": "application/x-www-form-urlencoded"}
        connection = HTTPConnection("127.0.0.1", self.localstripe_port, timeout=20)
        try:
            connection.request(method, path, urlencode(form) if form else None, headers)
            answer = connection.getresponse()
            return Told(answer.status, answer.read())
        finally:
            connection.close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, stand_in: StandIn) -> None:
        super().__init__(("127.0.0.1", stand_in.port), _Handler)
        self.stand_in = stand_in


class _Handler(BaseHTTPRequestHandler):
    server: _Server

    def do_GET(self) -> None:
        with suppress(OSError):
            self._serve(self.server.stand_in)

    do_POST = do_GET  # noqa: N815 - http.server's name

    def log_message(self, *_words: object) -> None:
        """Nothing."""

    def _serve(self, stand_in: StandIn) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        form = dict(parse_qsl(body.decode(), keep_blank_values=True))
        asked = Asked(self.command, self.path, self.headers.get("Idempotency-Key"), form)
        stand_in.asked.append(asked)
        trouble = stand_in.next_trouble()
        if trouble is not None and trouble.kind in {"freeze", "hang_up", "say"}:
            self._do_nothing(trouble, stand_in)
            return
        told = stand_in.answer(asked, self.headers.get("Authorization", ""))
        if trouble is None:
            self.wfile.write(_as_http(told))
        elif trouble.kind == "drip":
            self._drip(_as_http(told), stand_in)

    def _do_nothing(self, trouble: Trouble, stand_in: StandIn) -> None:
        if trouble.kind == "freeze":
            stand_in.wait()
        elif trouble.kind == "say":
            self.wfile.write(_as_http(Told(trouble.status, trouble.body)))

    def _drip(self, answer: bytes, stand_in: StandIn) -> None:
        for byte in answer:
            self.wfile.write(bytes([byte]))
            if stand_in.wait(0.1):
                return


def _as_http(told: Told) -> bytes:
    head = f"HTTP/1.1 {told.status} X\r\nContent-Type: application/json\r\nContent-Length: {len(told.body)}\r\n"
    return f"{head}Connection: close\r\n\r\n".encode() + told.body
