"""One non-blocking HTTP/1.1 connection to a server on this machine: as little parsing as a load generator needs."""

import selectors
import socket
from dataclasses import dataclass
from typing import Any


class BrokenError(Exception):
    """The server did not answer as HTTP, or closed the connection twice in a row."""


@dataclass(frozen=True, slots=True)
class Response:
    """A complete answer; the head is kept as bytes and read when asked."""

    status: int
    head: bytes
    body: bytes

    def header(self, name: bytes) -> str:
        """A header's value, empty when absent; `name` in lower case."""
        return _value(self.head, name).decode("latin-1")


class Connection:
    """A connection kept alive where the server allows it, opened anew where it does not."""

    def __init__(self, port: int, selector: selectors.BaseSelector) -> None:
        """Connects with the first request, so that a server without keep-alive pays its price in the latency."""
        self._port = port
        self._selector = selector
        self._socket: socket.socket | None = None
        self._received = bytearray()
        self._request = b""
        self._asker: Any = None
        self._attempts = 0

    def send(self, request: bytes, asker: Any) -> None:
        """Send a request; `asker` comes back with its answer."""
        self._request, self._asker, self._attempts = request, asker, 0
        self._transmit()

    def receive(self) -> tuple[Any, Response] | None:
        """What has arrived: the asker and the answer once it is complete."""
        assert self._socket is not None
        try:
            piece = self._socket.recv(262_144)
        except ConnectionResetError:
            piece = b""
        if not piece:
            # An idle connection may be closed just as a request leaves; its key makes it safe to send again.
            self.close()
            self._transmit()
            return None
        self._received += piece
        response = parse(bytes(self._received))
        if response is None:
            return None
        self._received.clear()
        if response.header(b"connection").lower() == "close":
            self.close()
        return self._asker, response

    def close(self) -> None:
        """Close the socket, if one is open."""
        if self._socket is not None:
            self._selector.unregister(self._socket)
            self._socket.close()
            self._socket = None
        self._received.clear()

    def _transmit(self) -> None:
        self._attempts += 1
        if self._attempts > 2:
            raise BrokenError(f"port {self._port} closed the connection twice without an answer")
        if self._socket is None:
            self._socket = socket.create_connection(("127.0.0.1", self._port), timeout=10)
            self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._selector.register(self._socket, selectors.EVENT_READ, self)
        # Sent in blocking mode: a loopback buffer takes a request at once, and a batch in a few pieces.
        try:
            self._socket.sendall(self._request)
        except (BrokenPipeError, ConnectionResetError):
            self.close()
            self._transmit()


def parse(received: bytes) -> Response | None:
    """The response when it is complete: with a length, chunked, or without a body."""
    end = received.find(b"\r\n\r\n")
    if end < 0:
        return None
    if not received.startswith(b"HTTP/1."):
        raise BrokenError(f"not HTTP: {received[:40]!r}")
    head = received[:end]
    status = int(head[9:12])
    if _value(head, b"transfer-encoding").lower() == b"chunked":
        body = _unchunk(received[end + 4 :])
        return None if body is None else Response(status, head, body)
    length = int(_value(head, b"content-length") or 0)
    if len(received) < end + 4 + length:
        return None
    return Response(status, head, received[end + 4 : end + 4 + length])


def _value(head: bytes, name: bytes) -> bytes:
    start = head.lower().find(b"\r\n" + name + b":")
    if start < 0:
        return b""
    start += len(name) + 3
    end = head.find(b"\r\n", start)
    return head[start : end if end >= 0 else len(head)].strip()


def _unchunk(rest: bytes) -> bytes | None:
    body = b""
    while True:
        end = rest.find(b"\r\n")
        if end < 0:
            return None
        size = int(rest[:end].split(b";")[0], 16)
        if len(rest) < end + 4 + size:
            return None
        if size == 0:
            return body
        body += rest[end + 2 : end + 2 + size]
        rest = rest[end + 4 + size :]
