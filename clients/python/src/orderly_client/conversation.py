"""A conversation says what to send and judges what comes back; it does no I/O, so that two thin shells share it.

It is a generator. The shell carries out each step that it yields and sends it the reply: an Answer or Lost for a
Request, None for a Pause. What it returns, or raises, is the outcome.
"""

import json
from collections.abc import Generator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """`path` is below the API's base path; `timeout_seconds` is how long any single read may take."""

    method: str
    path: str
    body: bytes | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    timeout_seconds: float


@dataclass(frozen=True, slots=True)
class Pause:
    """Do nothing for so long."""

    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """A whole answer; names of headers are in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        """The body, or None if it is no JSON."""
        try:
            return json.loads(self.body)
        except ValueError:
            return None

    @property
    def retry_after_seconds(self) -> float | None:
        """What `Retry-After` asks for, as seconds or as a date; a date counts from the answer's own."""
        text = self.headers.get("retry-after", "").strip()
        if text.isascii() and text.isdigit():
            return float(text)
        then, now = _date(text), _date(self.headers.get("date", ""))
        return max((then - now).total_seconds(), 0.0) if then and now else None

    @property
    def waited_seconds(self) -> int | None:
        """The wait that the server says it has granted (`Preference-Applied: wait=N`), if it has."""
        for preference in self.headers.get("preference-applied", "").replace(";", ",").split(","):
            name, _, value = preference.strip().partition("=")
            number = value.strip().strip('"')
            if name.strip().lower() == "wait" and number.isascii() and number.isdigit():
                return int(number)
        return None


@dataclass(frozen=True, slots=True)
class Lost:
    """No answer, and why."""

    reason: str


type Step = Request | Pause
type Reply = Answer | Lost | None
type Conversation[T] = Generator[Step, Reply, T]


def _date(text: str) -> datetime | None:
    try:
        then = parsedate_to_datetime(text)
    except ValueError:
        return None
    return then if then.utcoffset() is not None else None
