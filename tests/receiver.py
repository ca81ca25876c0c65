"""A receiver of webhooks that behaves as its paths say: a real server on this machine, on a thread of its own.

`/ok/...` answers 200, `/hang/...` never answers, `/drip/...` sends its head byte by byte, `/slow-body/...` its body,
`/redirect/...` points inward, `/huge/...` answers for ever, `/flap/...` fails every other time, `/close/...` hangs up,
`/garbage/...` is no HTTP, `/chunked/...` answers in chunks, `/500/...` with any such status, `/503-after-7/...` asks
for time.
"""

import asyncio
import ssl
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

_PIECE = b"x" * 65_536


@dataclass(frozen=True, slots=True)
class Received:
    """A request that has been read completely; header names in lower case, `at` is `time.time()`."""

    path: str
    headers: dict[str, str]
    body: bytes
    at: float

    @property
    def webhook_id(self) -> str:
        """The same for each attempt."""
        return self.headers["webhook-id"]


@dataclass(slots=True)
class Receiver:
    """What came, in order; `written` counts the bytes answered, `open` the connections, `server_names` what TLS asked
    for.
    """

    tls: ssl.SSLContext | None = None
    received: list[Received] = field(default_factory=list)
    written: int = 0
    connections: int = 0
    server_names: list[str | None] = field(default_factory=list)
    port: int = 0
    _times: Counter[str] = field(default_factory=Counter)
    _loop: asyncio.AbstractEventLoop | None = None
    _answering: set["asyncio.Task[None]"] = field(default_factory=set)
    _done: asyncio.Event = field(default_factory=asyncio.Event)

    def url(self, path: str, host: str = "127.0.0.1") -> str:
        """Where this path is."""
        return f"http{'s' if self.tls else ''}://{host}:{self.port}{path}"

    def ids(self, prefix: str = "/") -> list[str]:
        """The ids that came to paths that begin so."""
        return [each.webhook_id for each in self.received if each.path.startswith(prefix)]

    @contextmanager
    def serving(self) -> Iterator["Receiver"]:
        """For the length of the block."""
        ready = threading.Event()
        thread = threading.Thread(target=lambda: asyncio.run(self._serve(ready)), daemon=True)
        thread.start()
        assert ready.wait(10)
        try:
            yield self
        finally:
            assert self._loop is not None
            self._loop.call_soon_threadsafe(self._done.set)
            thread.join(10)

    async def _serve(self, ready: threading.Event) -> None:
        self._loop = asyncio.get_running_loop()
        if self.tls is not None:
            self.tls.sni_callback = lambda _socket, name, _context: self.server_names.append(name)
        server = await asyncio.start_server(self._connected, "127.0.0.1", self.port, ssl=self.tls, backlog=1_000)
        self.port = server.sockets[0].getsockname()[1]
        ready.set()
        await self._done.wait()
        for each in server.sockets:
            self._loop.remove_reader(each)
        await asyncio.sleep(0)  # what is accepted has its transport now; in a closed server it would never be closed
        server.close()
        while others := asyncio.all_tasks() - {asyncio.current_task()}:
            server.abort_clients()
            for task in others & self._answering:
                task.cancel()
            await asyncio.wait(others, timeout=0.1)
        await server.wait_closed()

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        task = asyncio.current_task()
        assert task is not None
        self._answering.add(task)
        with suppress(OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            while not self._done.is_set():
                head = await reader.readuntil(b"\r\n\r\n")
                await self._answer(await self._read(head, reader), writer)
        writer.close()

    async def _read(self, head: bytes, reader: asyncio.StreamReader) -> Received:
        first, *lines = head.decode("latin-1").strip().split("\r\n")
        headers = {name.lower(): text.strip() for name, _colon, text in (line.partition(":") for line in lines)}
        body = await reader.readexactly(int(headers["content-length"]))
        self.received.append(Received(first.split(" ")[1], headers, body, time.time()))
        return self.received[-1]

    async def _answer(self, request: Received, writer: asyncio.StreamWriter) -> None:
        mode = request.path.split("/")[1]
        self._times[request.path] += 1
        match mode.split("-"):
            case ["hang"]:
                await asyncio.sleep(3_600)
            case ["drip"]:
                await self._drip(writer, _answer(200, b"ok"))
            case ["slow", "body"]:
                self._write(writer, b"HTTP/1.1 200 OK\r\nContent-Length: 9999\r\n\r\nhello")
                await self._drip(writer, _PIECE)
            case ["huge"]:
                await self._flood(writer)
            case ["close" | "garbage"]:
                self._write(writer, b"" if mode == "close" else b"SSH-2.0-OpenSSH\r\n")
                raise ConnectionError
            case [status, "after", seconds]:
                self._write(writer, _answer(int(status), b"later", f"Retry-After: {seconds}\r\n"))
            case _:
                self._write(writer, self._plain(mode, self._times[request.path]))

    def _plain(self, mode: str, times: int) -> bytes:
        """What can be said in one go."""
        answers = {
            "ok": _answer(200, b"ok"),
            "flap": _answer(500 if times % 2 else 200, b"flap"),
            "redirect": _answer(307, b"", f"Location: {self.url('/ok/inward')}\r\n"),
            "chunked": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
        }
        return answers.get(mode) or _answer(int(mode), b"no \x00 thanks")

    def _write(self, writer: asyncio.StreamWriter, answer: bytes) -> None:
        self.written += len(answer)
        writer.write(answer)

    async def _drip(self, writer: asyncio.StreamWriter, answer: bytes) -> None:
        for byte in answer:
            self._write(writer, bytes([byte]))
            await writer.drain()
            await asyncio.sleep(0.2)

    async def _flood(self, writer: asyncio.StreamWriter) -> None:
        self._write(writer, b"HTTP/1.1 200 OK\r\nContent-Length: 10000000000\r\n\r\n")
        while True:
            self._write(writer, _PIECE)
            await writer.drain()


def _answer(status: int, body: bytes, headers: str = "") -> bytes:
    return f"HTTP/1.1 {status} X\r\n{headers}Content-Length: {len(body)}\r\n\r\n".encode() + body
