"""The crowd: thousands of clients that wait, in a process of their own that sleeps as long as they do.

`python -m bench.crowd` reads a `Plan` as a line of JSON from standard input, connects everybody, and answers that and
each further line with a `Count`, as a line of JSON on standard output. It goes when its input ends.

A client that waits for a command by `Prefer: wait` asks again, on the same connection, as soon as it is told that the
command has not ended. The first wait of each is of another length, so that in any second as many run out as in any
other, as it is with clients that know nothing of each other.
"""

import asyncio
import dataclasses
import json
import resource
import socket
import struct
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

from bench import processes
from bench.connection import Response, parse
from bench.load import FINAL
from bench.processes import ProcessError

_AT_ONCE = 64
_FILES_BESIDE = 100
_LINE_BYTES_MAX = 16 * 1024 * 1024
_RESET = struct.pack("ii", 1, 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Who waits: a client for each of the commands, up to so many seconds a time, and one for each of the streams."""

    port: int
    authorization: str
    commands: list[str]
    streams: list[str]
    wait_seconds: int = 25


@dataclass(slots=True, kw_only=True)
class Count:
    """How the clients stand. `waiting` have a request that is not answered, or an open stream; `ended` know the end of
    their command, the last one since `last_end_at`, by `time.time()`; `broken` got something else, the last one `why`.

    Of the waits that ran out, `renewed` in number, none ended more than `early_seconds` too early.
    """

    waiting: int = 0
    ended: int = 0
    last_end_at: float = 0.0
    broken: int = 0
    why: str = ""
    renewed: int = 0
    early_seconds: float = 0.0


@contextmanager
def gathered(plan: Plan, env: Mapping[str, str]) -> Iterator[Callable[[], Count]]:
    """The crowd, for the length of the block, with everybody connected: asks how it stands."""
    argv = processes.python("-m", "bench.crowd")
    with subprocess.Popen(argv, env=dict(env), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdin is not None
        assert child.stdout is not None
        given, told = child.stdin, child.stdout

        def ask(line: str = "") -> Count:
            print(line, file=given, flush=True)
            answer = told.readline()
            if not answer:
                raise ProcessError("the crowd has gone; its last words stand above")
            return Count(**json.loads(answer))

        ask(json.dumps(dataclasses.asdict(plan)))
        yield ask


class _Client(asyncio.Protocol):
    """One that asks when it is connected, and leaves when it knows what it wanted to."""

    def __init__(self, plan: Plan, count: Count, path: str) -> None:
        self._plan = plan
        self._count = count
        self._path = path
        self._received = b""
        self._is_waiting = True

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._count.waiting += 1

    def connection_lost(self, error: Exception | None) -> None:
        self._break(f"the connection was lost: {error}")

    def data_received(self, data: bytes) -> None:
        self._received += data

    def _ask(self, headers: str) -> None:
        host = f"GET {self._path} HTTP/1.1\r\nHost: 127.0.0.1:{self._plan.port}\r\n"
        self._transport.write(f"{host}Authorization: {self._plan.authorization}\r\n{headers}\r\n".encode())

    def _leave(self) -> None:
        self._is_waiting = False
        self._count.waiting -= 1
        self._transport.abort()

    def _break(self, why: str) -> None:
        if self._is_waiting:
            self._leave()
            self._count.broken += 1
            self._count.why = why


class _Waiter(_Client):
    """Waits for the end of one command."""

    def __init__(self, plan: Plan, count: Count, path: str, first_seconds: int) -> None:
        super().__init__(plan, count, path)
        self._seconds = first_seconds

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self._wait()

    def _wait(self) -> None:
        self._since = time.monotonic()
        self._ask(f"Prefer: wait={self._seconds}\r\n")

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        response = parse(self._received)
        if response is not None:
            self._received = b""
            self._hear(response)

    def _hear(self, response: Response) -> None:
        if response.status != 200:
            self._break(f"{self._path} was answered with {response.status}")
        elif json.loads(response.body)["status"] in FINAL:
            self._leave()
            self._count.ended += 1
            self._count.last_end_at = time.time()
        else:
            early = self._since + self._seconds - time.monotonic()
            self._count.renewed += 1
            self._count.early_seconds = max(self._count.early_seconds, early)
            self._seconds = self._plan.wait_seconds
            self._wait()


class _Listener(_Client):
    """Listens to a stream; what comes is forgotten."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self._ask("Accept: text/event-stream\r\n")

    def data_received(self, data: bytes) -> None:
        if not self._received and not data.startswith(b"HTTP/1.1 200 "):
            self._break(f"{self._path} was answered with {data[:20]!r}")
        self._received = data


async def _gather(plan: Plan, count: Count) -> None:
    """Connect everybody, a few at once, so that no connection is refused."""
    lengths = range(1, plan.wait_seconds + 1)
    waiters = [_Waiter(plan, count, path, lengths[number % len(lengths)]) for number, path in enumerate(plan.commands)]
    places = asyncio.Semaphore(_AT_ONCE)

    async def connect(client: _Client) -> None:
        async with places:
            await asyncio.get_running_loop().create_connection(lambda: client, sock=await _connected(plan.port))

    clients: list[_Client] = [*waiters, *(_Listener(plan, count, path) for path in plan.streams)]
    await asyncio.gather(*map(connect, clients))


async def _connected(port: int) -> socket.socket:
    """A connection that is reset at its end: thousands of closed ones would keep their ports for a minute."""
    made = socket.socket()
    made.setblocking(False)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
    await asyncio.get_running_loop().sock_connect(made, ("127.0.0.1", port))
    return made


async def main() -> None:
    """Wait as the plan says, and say how it goes whenever somebody asks."""
    given = asyncio.StreamReader(limit=_LINE_BYTES_MAX)
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(given), sys.stdin)
    plan, count = Plan(**json.loads(await given.readline())), Count()
    _allow_files(len(plan.commands) + len(plan.streams) + _FILES_BESIDE)
    await _gather(plan, count)
    print(json.dumps(dataclasses.asdict(count)), flush=True)
    while await given.readline():
        print(json.dumps(dataclasses.asdict(count)), flush=True)


def _allow_files(wanted: int) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < wanted:
        sys.exit(f"{wanted} open files are needed and {hard} allowed: raise the hard limit (ulimit -Hn)")
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


if __name__ == "__main__":
    asyncio.run(main())
