"""The request that this thread answers: its id and its place in a trace, known to whoever is called meanwhile.

Log lines have both by themselves (config/logs.py).
"""

import re
import time
from contextvars import ContextVar, Token
from dataclasses import dataclass, field

from uuid_utils.compat import uuid7

HEADER = "X-Request-Id"
_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
_TRACEPARENT = re.compile(r"00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}")


@dataclass(slots=True)
class Underway:
    """A request while it is answered. `told` once a log line has said all about it; `code` is its problem's."""

    id: str
    traceparent: str | None
    began: float = field(default_factory=time.perf_counter)
    told: bool = False
    code: str | None = None

    @property
    def seconds(self) -> float:
        """How long it has taken so far."""
        return time.perf_counter() - self.began

    @property
    def duration_ms(self) -> float:
        """The same as log lines have it."""
        return round(self.seconds * 1_000, 2)


_underway: ContextVar[Underway | None] = ContextVar("underway", default=None)


def given(header: str | None) -> str:
    """The id that the client gave its request, if it is a usable one; else a new one."""
    return header if header is not None and _ID.fullmatch(header) else uuid7().hex


def parent(header: str | None) -> str | None:
    """The W3C trace context, if it is well-formed."""
    return header if header is not None and _TRACEPARENT.fullmatch(header) else None


def begin(underway: Underway) -> Token[Underway | None]:
    """This is the request in hand, until `end`."""
    return _underway.set(underway)


def end(token: Token[Underway | None]) -> None:
    """It has been answered."""
    _underway.reset(token)


def underway() -> Underway | None:
    """The request in hand, if there is one."""
    return _underway.get()


def current() -> str | None:
    """The id of the request in hand."""
    asked = _underway.get()
    return asked.id if asked else None


def traceparent() -> str | None:
    """Where the request in hand stands in its trace."""
    asked = _underway.get()
    return asked.traceparent if asked else None
