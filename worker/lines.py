"""HTTP/1.1 to one receiver: connections dialled to a checked address, kept for the next request while they are fresh.

Each endpoint has lines of its own, so none is ever used for another host that has the same address. There are no
redirects, proxies, cookies or decompression here to be switched off.
"""

import asyncio
import ssl
import time
from collections.abc import Mapping
from dataclasses import dataclass

import h11

from store.addresses import Destination

FRESH_SECONDS = 2.0
"""Shorter than servers keep a silent connection, so that hardly one is closed just as it is used again."""
ANSWER_BYTES_MAX = 64 * 1024
KEPT_BYTES = 1_024
_READ_BYTES = 16 * 1024


class NoAnswer(Exception):  # noqa: N818 - says what is
    """The receiver closed the connection instead of answering."""


@dataclass(slots=True)
class Answer:
    """What has come so far: `body` is its beginning."""

    status: int | None = None
    retry_after: str | None = None
    body: bytes = b""


class Lines:
    """The connections to one endpoint."""

    def __init__(self, tls: ssl.SSLContext) -> None:
        self._tls = tls
        self._idle: list[_Line] = []

    async def post(self, to: Destination, headers: Mapping[str, str], body: bytes, answer: Answer) -> None:
        """POST and fill in the answer as it comes, so that whoever loses patience has what there is.

        Raises OSError, ssl.SSLError, h11.RemoteProtocolError, NoAnswer. Reads `ANSWER_BYTES_MAX`, and a bit, at most.
        """
        line = self._fresh(to) or await _dial(to, self._tls)
        try:
            complete = await line.exchange(to, headers, body, answer)
        except BaseException:
            line.drop()
            raise
        if complete:
            self._idle.append(line)
        else:
            line.drop()

    def close(self) -> None:
        """Close what is idle."""
        while self._idle:
            self._idle.pop().drop()

    def _fresh(self, to: Destination) -> "_Line | None":
        """The line used last, if it leads where it should."""
        while self._idle:
            line = self._idle.pop()
            if line.leads_to(to):
                return line
            line.drop()
        return None


async def _dial(to: Destination, tls: ssl.SSLContext) -> "_Line":
    secure = to.scheme == "https"
    reader, writer = await asyncio.open_connection(
        to.address, to.port, ssl=tls if secure else None, server_hostname=to.host if secure else None
    )
    return _Line(to, reader, writer)


class _Line:
    """One connection."""

    def __init__(self, to: Destination, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._key = _key(to)
        self._reader = reader
        self._writer = writer
        self._http = h11.Connection(h11.CLIENT)
        self._used = time.monotonic()

    def leads_to(self, to: Destination) -> bool:
        """Whether it may still be used, and leads there."""
        fresh = time.monotonic() - self._used < FRESH_SECONDS
        return fresh and self._key == _key(to) and not self._reader.at_eof() and not self._writer.is_closing()

    async def exchange(self, to: Destination, headers: Mapping[str, str], body: bytes, answer: Answer) -> bool:
        """Send a request and read its answer; whether the line is ready for another."""
        http = self._http
        named = {"Host": to.authority, **headers, "Content-Length": str(len(body))}
        request = http.send(h11.Request(method="POST", target=to.target, headers=list(named.items())))
        assert request is not None
        http.send(h11.Data(body))
        http.send(h11.EndOfMessage())
        self._writer.write(request + body)
        if not await self._read(answer):
            return False
        self._used = time.monotonic()
        if http.our_state is not h11.DONE or http.their_state is not h11.DONE or http.trailing_data[0]:
            return False
        http.start_next_cycle()
        return True

    async def _read(self, answer: Answer) -> bool:
        """Read to the answer's end; False when it has more bytes than anybody wants."""
        read = 0
        while read <= ANSWER_BYTES_MAX:
            event = self._http.next_event()
            if event is h11.NEED_DATA:
                chunk = await self._reader.read(_READ_BYTES)
                if not chunk and not read:
                    raise NoAnswer
                read += len(chunk)
                self._http.receive_data(chunk)
            elif isinstance(event, h11.Response):
                answer.status = event.status_code
                answer.retry_after = dict(event.headers).get(b"retry-after", b"").decode("latin-1") or None
            elif isinstance(event, h11.Data):
                answer.body += bytes(event.data[: KEPT_BYTES - len(answer.body)])
            elif isinstance(event, h11.EndOfMessage):
                return True
        return False

    def drop(self) -> None:
        """Close at once; what is on its way is of no interest."""
        self._writer.transport.abort()


def _key(to: Destination) -> tuple[str, str, str, int]:
    return to.scheme, to.host, to.address, to.port
