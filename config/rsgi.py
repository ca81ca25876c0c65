"""The web server's entry point: `granian --interface rsgi config.rsgi:application`.

Requests are parsed in Rust and answered by Django on a few threads. An answer that is held back while a client waits
for its command stands on the event loop meanwhile: no thread and no database connection waits with it.
"""

import asyncio
import contextlib
import functools
import gc
import io
import math
import os
import queue
import resource
import signal
import sys
import threading
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, cast

from django.conf import settings
from django.core.cache import close_caches
from django.core.handlers.wsgi import WSGIHandler
from django.core.signals import request_finished, request_started
from django.core.wsgi import get_wsgi_application
from django.db import close_old_connections, reset_queries
from django.http.response import HttpResponseBase
from granian.rsgi import ProtocolClosed  # type: ignore[attr-defined]

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")


def _handlers() -> tuple[WSGIHandler, WSGIHandler]:
    """Django for the API and Django for pages. Sessions, CSRF tokens and the rest that a page needs cost 45 µs a
    request, a twelfth of what accepting a command takes, and the API uses none of it."""
    pages = get_wsgi_application()
    of_pages, settings.MIDDLEWARE = settings.MIDDLEWARE, settings.API_MIDDLEWARE
    api = WSGIHandler()
    settings.MIDDLEWARE = of_pages
    return api, pages


def _do_without() -> None:
    """What Django does around each request and nothing here needs: queries are kept when debugging alone, there are no
    caches of Django's, and a broken connection is found before it is used."""
    request_started.disconnect(reset_queries)
    request_finished.disconnect(close_caches)
    request_finished.disconnect(close_old_connections)


if settings.UNFIT_TO_SERVE:
    raise SystemExit(settings.UNFIT_TO_SERVE)
_api, _pages = _handlers()
_do_without()

from api import rates, request_ids  # noqa: E402 - needs what Django has set up
from api.hub import Hub, Listener  # noqa: E402
from api.prefer import CAN_WAIT  # noqa: E402
from api.problems import plain, too_large  # noqa: E402
from api.reading import as_they_stand  # noqa: E402
from api.stream import Place, Stream  # noqa: E402
from api.waiting import Wait  # noqa: E402
from store import key_use, metrics, observing  # noqa: E402

THREADS = 4
BODY_BYTES_MAX = 5 * 1024 * 1024
"""More than any body may have; each view says what it takes in its own words."""
STREAM_SECONDS_MAX = 300
"""After so long a stream ends; the client resumes it, and its key is checked anew."""
HEARTBEAT_SECONDS = 15
SHOW_SECONDS = 1.0
"""How often a process says how busy it is."""
PREAMBLE, HEARTBEAT = b"retry: 1000\n\n", b": still here\n\n"
RUN_OUT_SECONDS = 0.1
"""Waits run out at multiples of it, so that those that end at about the same time are answered together."""
LOOK_MAX = 200
"""How many answers are made anew at once: a few milliseconds."""
_OF_THE_REQUEST = {name.lower() for name in (*rates.HEADERS, request_ids.HEADER)}
"""Headers that a held-back answer keeps: they say something about the request, not about the command."""
FILES_MAX = 65_536
"""Every client that waits holds a socket."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What is to be sent, the wait before it and the stream or the parts after it, if there are any."""

    status: int
    headers: list[tuple[str, str]]
    body: bytes
    wait: Wait | None
    stream: Stream | None
    parts: Iterator[bytes] | None = None


class Threads:
    """A few threads with a database connection each, fed by the event loop."""

    def __init__(self, loop: asyncio.AbstractEventLoop, count: int) -> None:
        self._loop = loop
        self._jobs: queue.SimpleQueue[tuple[asyncio.Future[Any], Callable[[], Any]]] = queue.SimpleQueue()
        self._busy = [False] * count
        for number in range(count):
            threading.Thread(target=self._work, args=(number,), name=f"django-{number}", daemon=True).start()

    @property
    def busy(self) -> int:
        """How many threads have a job."""
        return sum(self._busy)

    @property
    def waiting(self) -> int:
        """How many jobs wait for a thread."""
        return self._jobs.qsize()

    async def run[R](self, job: Callable[[], R]) -> R:
        """Run the job on a thread; what it returns or raises."""
        done: asyncio.Future[R] = self._loop.create_future()
        self._jobs.put((done, job))
        return await done

    def _work(self, number: int) -> None:
        while True:
            done, job = self._jobs.get()
            self._busy[number] = True
            try:
                result = job()
            except Exception as error:
                self._loop.call_soon_threadsafe(_settle, done, done.set_exception, error)
            else:
                self._loop.call_soon_threadsafe(_settle, done, done.set_result, result)
            finally:
                self._busy[number] = False


class Looks:
    """Answers made anew: those asked for while a look is under way share the next one, its thread and its queries."""

    def __init__(self, threads: Threads) -> None:
        self._threads = threads
        self._asked: list[tuple[Wait, Answer, asyncio.Future[Answer]]] = []
        self._looking: asyncio.Task[None] | None = None

    async def again(self, wait: Wait, for_now: Answer) -> Answer:
        """The answer as the command stands by now; the one that there is when nobody can say."""
        done: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self._asked.append((wait, for_now, done))
        if self._looking is None:
            self._looking = asyncio.ensure_future(self._look())
        return await done

    async def _look(self) -> None:
        while self._asked:
            asked, self._asked = self._asked[:LOOK_MAX], self._asked[LOOK_MAX:]
            waits = [(wait, for_now) for wait, for_now, _done in asked]
            answers = await self._threads.run(functools.partial(_again, waits))
            for (_wait, _for_now, done), answer in zip(asked, answers, strict=True):
                _settle(done, done.set_result, answer)
        self._looking = None


class Application:
    """An RSGI application: `__rsgi_init__` is called once with the loop, `__rsgi__` for each request."""

    def __rsgi_init__(self, loop: asyncio.AbstractEventLoop) -> None:
        """Start the threads and, once the loop runs, the hub."""
        threading.Thread(target=key_use.keep_writing, name="key-use", daemon=True).start()
        gc.freeze()  # what has been imported stays for ever: collections need not walk through it
        _allow_many_sockets()
        observing.start("web")
        self._threads = Threads(loop, THREADS)
        self._hub = Hub(self._threads.run)
        self._looks = Looks(self._threads)
        # The server ends after its last answer; whoever waits or listens would hold it up for as long as they like.
        # Its own handler is the loop's, and is called as well.
        signal.signal(signal.SIGTERM, lambda *_: loop.call_soon_threadsafe(self._hub.stop))
        loop.call_soon(self._hub.start)
        loop.call_soon(self._show, loop)

    def __rsgi_del__(self, loop: asyncio.AbstractEventLoop) -> None:
        """Let nobody wait any longer: the server is about to stop."""
        self._hub.stop()
        observing.stop()

    def _show(self, loop: asyncio.AbstractEventLoop) -> None:
        """Let `/metrics` know how this process stands, every second."""
        metrics.web_is(
            threads_busy=self._threads.busy,
            jobs_waiting=self._threads.waiting,
            clients_waiting=self._hub.clients_waiting,
            streams=self._hub.streams,
        )
        loop.call_later(SHOW_SECONDS, self._show, loop)

    async def __rsgi__(self, scope: Any, protocol: Any) -> None:
        """Answer one request."""
        try:
            answer = await self._answer(scope, protocol)
        except ProtocolClosed:
            return  # before the whole request was here: nothing has been done, and nobody is there to be told
        if answer.stream is not None:
            await self._stream(answer, answer.stream, protocol)
        elif answer.parts is not None:
            await self._send_parts(answer, answer.parts, protocol)
        elif answer.body:
            protocol.response_bytes(answer.status, answer.headers, answer.body)
        else:
            protocol.response_empty(answer.status, answer.headers)

    async def _send_parts(self, answer: Answer, parts: Iterator[bytes], protocol: Any) -> None:
        """Send each part before the next is made."""
        transport = protocol.response_stream(answer.status, answer.headers)
        with contextlib.suppress(ProtocolClosed):
            while (part := await self._threads.run(lambda: next(parts, None))) is not None:
                await transport.send_bytes(part)

    async def _stream(self, answer: Answer, stream: Stream, protocol: Any) -> None:
        """Send events until the client has gone, is too slow, or has to show its key again."""
        ends = {asyncio.ensure_future(end) for end in (protocol.client_disconnect(), self._hub.over.wait())}
        headers = [(name, text) for name, text in answer.headers if name != "content-length"]
        transport = protocol.response_stream(answer.status, headers)
        try:
            async with asyncio.timeout(STREAM_SECONDS_MAX):
                with self._hub.listening(stream) as listener:
                    for end in ends:
                        end.add_done_callback(lambda _end: listener.wake())
                    await self._send_events(stream, listener, transport, ends)
        except (TimeoutError, ProtocolClosed):
            return
        finally:
            for end in ends:
                end.cancel()

    async def _send_events(
        self, stream: Stream, listener: Listener, transport: Any, ends: Collection[asyncio.Future[Any]]
    ) -> None:
        await transport.send_bytes(PREAMBLE)
        sent: set[str] = set()
        place: Place | None = None
        while True:
            events, place = await self._threads.run(functools.partial(stream.missed, place))
            for event in events:
                sent.add(event.id)
                await transport.send_bytes(event.text)
            if place is None:
                break
        while not (listener.too_slow or any(end.done() for end in ends)):
            events = await listener.news(HEARTBEAT_SECONDS)
            for event in events:
                if event.id not in sent:
                    await transport.send_bytes(event.text)
            if not events:
                await transport.send_bytes(HEARTBEAT)

    async def _answer(self, scope: Any, protocol: Any) -> Answer:
        body = await _body(scope, protocol)
        if body is None:
            response = plain(too_large(BODY_BYTES_MAX))
            response[request_ids.HEADER] = request_ids.given(scope.headers.get(request_ids.HEADER))
            return _of_response(response)
        answer = await self._threads.run(lambda: _serve(scope, body))
        return answer if answer.wait is None else await self._held_back(answer, answer.wait)

    async def _held_back(self, answer: Answer, wait: Wait) -> Answer:
        """The answer once the command has ended or the time is up."""
        clock = asyncio.get_running_loop().time
        deadline = math.ceil((clock() + wait.seconds) / RUN_OUT_SECONDS) * RUN_OUT_SECONDS
        ended = self._hub.has_ended(wait.command_id)  # believed once: asking again and again would not change it
        while answer.wait is not None and clock() < deadline and not self._hub.over.is_set():
            if not ended:
                await self._hub.until_ended(wait.command_id, deadline)
            ended = False
            answer = await self._looks.again(wait, answer)
        return answer


def _serve(scope: Any, body: bytes) -> Answer:
    headers: list[tuple[str, str]] = []

    def start_response(_status: str, sent: list[tuple[str, str]], _error: Any = None, /) -> Callable[[bytes], object]:
        headers.extend(sent)
        return body.__add__  # to write with, as the old days had it; Django does not

    django = _api if scope.path.startswith("/api/v1/") else _pages
    return _of_response(django(_environ(scope, body), start_response), headers)


def _parts(response: HttpResponseBase) -> Iterator[bytes]:
    try:
        yield from cast("Iterable[bytes]", response)
    finally:
        response.close()


def _again(asked: Sequence[tuple[Wait, Answer]]) -> list[Answer]:
    """Each answer anew, to the request of the one for now; that one when PostgreSQL does not say more."""
    try:
        found = as_they_stand([wait.command_id for wait, _for_now in asked])
        return [
            _anew(wait.again(found[wait.command_id]), for_now) if wait.command_id in found else for_now
            for wait, for_now in asked
        ]
    except Exception:
        return [for_now for _wait, for_now in asked]


def _anew(response: HttpResponseBase, for_now: Answer) -> Answer:
    answer = _of_response(response)
    answer.headers.extend(header for header in for_now.headers if header[0] in _OF_THE_REQUEST)
    return answer


def _of_response(response: HttpResponseBase, headers: list[tuple[str, str]] | None = None) -> Answer:
    sent = list(response.items()) if headers is None else headers
    parts = _parts(response) if response.streaming else None
    body = b"" if parts else b"".join(_parts(response))
    return Answer(
        response.status_code,
        [(name.lower(), text) for name, text in sent],
        body,
        getattr(response, "wait", None),
        getattr(response, "stream", None),
        parts,
    )


async def _body(scope: Any, protocol: Any) -> bytes | None:
    """The whole body; None when it is larger than anybody takes, and then it is not read."""
    length = scope.headers.get("content-length")
    if length is None and scope.headers.get("transfer-encoding") is None:
        return b""
    if length is not None:
        return None if int(length) > BODY_BYTES_MAX else cast("bytes", await protocol())
    body = bytearray()
    async for chunk in protocol:
        body += chunk
        if len(body) > BODY_BYTES_MAX:
            return None
    return bytes(body)


def _environ(scope: Any, body: bytes) -> dict[str, Any]:
    """The request as WSGI (PEP 3333) has it; a chunked body has been measured for Django, which reads none without."""
    host, _colon, port = scope.server.rpartition(":")
    environ: dict[str, Any] = {
        "REQUEST_METHOD": scope.method,
        "SCRIPT_NAME": "",
        "PATH_INFO": scope.path.encode().decode("latin-1"),
        "QUERY_STRING": scope.query_string.encode().decode("latin-1"),
        "SERVER_NAME": host,
        "SERVER_PORT": port,
        "SERVER_PROTOCOL": f"HTTP/{scope.http_version}",
        "REMOTE_ADDR": _address(scope.client),
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": scope.scheme,
        "wsgi.input": io.BytesIO(body),
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": True,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
        CAN_WAIT: True,
    }
    environ |= _headers(scope)
    environ["CONTENT_TYPE"] = environ.pop("HTTP_CONTENT_TYPE", "")
    environ["CONTENT_LENGTH"] = str(len(body))
    return environ


def _address(client: str) -> str:
    """Without the port, and without the brackets of IPv6."""
    return client.rpartition(":")[0].strip("[]")


def _headers(scope: Any) -> dict[str, str]:
    """The headers as WSGI names them; lines of one name joined, and one that is not ASCII as what nobody accepts."""
    headers: dict[str, str] = {}
    for name, text in scope.headers.items():
        variable = _variable(name)
        headers[variable] = f"{headers[variable]},{text}" if variable in headers else text
    for name in scope.headers.keys():  # noqa: SIM118 - no dict
        headers.setdefault(_variable(name), "\xff")
    headers.pop("", None)
    return headers


@functools.lru_cache(maxsize=1_000)
def _variable(name: str) -> str:
    # A name with an underscore would pass for the one with a dash.
    return "" if "_" in name else f"HTTP_{name.upper().replace('-', '_')}"


def _settle(done: asyncio.Future[Any], settle: Callable[[Any], None], outcome: object) -> None:
    if not done.cancelled():
        settle(outcome)


def _allow_many_sockets() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = FILES_MAX if hard == resource.RLIM_INFINITY else min(FILES_MAX, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


application = Application()
