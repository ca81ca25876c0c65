"""A TCP proxy that hurts one request after another, as a bad network does."""

import enum
import select
import socket
import struct
import threading
from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress

_CHUNK_BYTES = 65_536


class Cut(enum.Enum):
    """What happens to a request."""

    BEFORE = "the connection is reset before the request has left"
    HALF_REQUEST = "half of its beginning arrives"
    ANSWER_LOST = "it is carried out, and the answer lost"
    HALF_ANSWER = "it is carried out, and half of the answer's beginning arrives"
    STALL = "silence"


_ON_THE_WAY = frozenset({Cut.BEFORE, Cut.HALF_REQUEST, Cut.STALL})
_HALVES = frozenset({Cut.HALF_REQUEST, Cut.HALF_ANSWER})


class CuttingProxy:
    """Listens on `port`. `plan` is what happens to the next requests, None for nothing; `suffered` what happened."""

    def __init__(self, upstream_port: int) -> None:
        self._upstream = ("127.0.0.1", upstream_port)
        self.plan: deque[Cut | None] = deque()
        self.suffered: list[Cut] = []
        self._lock = threading.Lock()
        self._sockets: set[socket.socket] = set()
        self._threads: list[threading.Thread] = []
        self._listener = self._listen(0)
        self.port: int = self._listener.getsockname()[1]

    @property
    def url(self) -> str:
        """Where clients find it."""
        return f"http://127.0.0.1:{self.port}"

    def will(self, *cuts: Cut | None) -> None:
        """Hurt the next requests so, one after the other."""
        self.plan = deque(cuts)
        self.suffered = []

    def go_away(self) -> None:
        """Refuse and break all connections."""
        _end(self._listener)
        with self._lock:
            for each in self._sockets:
                _end(each)
        for thread in self._threads:
            thread.join(timeout=10)
        assert not any(thread.is_alive() for thread in self._threads), "the proxy is stuck"
        self._threads.clear()

    def come_back(self) -> None:
        """Listen again, where it was."""
        self._listener = self._listen(self.port)

    def _listen(self, port: int) -> socket.socket:
        listener = socket.create_server(("127.0.0.1", port))
        self._threads.append(thread := threading.Thread(target=self._accept, args=[listener], daemon=True))
        thread.start()
        return listener

    def _accept(self, listener: socket.socket) -> None:
        with listener, suppress(OSError):
            while True:
                client, _address = listener.accept()
                self._threads.append(thread := threading.Thread(target=self._carry, args=[client], daemon=True))
                thread.start()

    def _carry(self, client: socket.socket) -> None:
        with (
            suppress(OSError),
            client,
            socket.create_connection(self._upstream) as server,
            self._known(client, server),
        ):
            for cut in self._requests(client, server):
                self.suffered.append(cut)
                if cut is Cut.BEFORE:  # closed without lingering, a connection is reset
                    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                while cut is Cut.STALL and client.recv(_CHUNK_BYTES):
                    pass
                return

    def _requests(self, client: socket.socket, server: socket.socket) -> Iterator[Cut]:
        """Carry request after request; at a cut, do its share and yield it. Ends when either side has closed."""
        asking, cut = False, None
        while True:
            for side in select.select([client, server], [], [])[0]:
                chunk = side.recv(_CHUNK_BYTES)
                if not chunk:
                    return
                if side is client and not asking:
                    cut = self.plan.popleft() if self.plan else None
                asking = side is client
                other = server if side is client else client
                if cut is None or asking != (cut in _ON_THE_WAY):
                    other.sendall(chunk)
                    continue
                if cut in _HALVES:
                    other.sendall(chunk[: len(chunk) // 2])
                yield cut

    @contextmanager
    def _known(self, *sockets: socket.socket) -> Iterator[None]:
        with self._lock:
            self._sockets.update(sockets)
        try:
            yield
        finally:
            with self._lock:
                self._sockets.difference_update(sockets)


@contextmanager
def cutting(upstream_port: int) -> Iterator[CuttingProxy]:
    """A proxy for the length of a block."""
    proxy = CuttingProxy(upstream_port)
    try:
        yield proxy
    finally:
        proxy.go_away()


def spread(cuts: Iterable[Cut]) -> list[Cut | None]:
    """Each cut with a request between it and the next that goes well."""
    return [each for cut in cuts for each in (cut, None)]


def _end(one: socket.socket) -> None:
    """Wake up whoever reads or accepts there."""
    with suppress(OSError):
        one.shutdown(socket.SHUT_RDWR)
