"""`GET /commands/stream`: server-sent events (WHATWG HTML, section 9.2), one for each change of a command.

The view says what is to be streamed; the server (config/rsgi.py) holds the connection and the hub finds the changes. An
event's id says when the command changed, so `Last-Event-ID` resumes from the table alone. Events of the seconds before
come once more then, with the same ids: what committed a little later than its clock says must not be missed.
"""

import re
import uuid
from collections.abc import Collection, Container, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from django.http import HttpResponse
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.views import APIView

from api.authentication import caller_of
from api.pages import filters_of
from api.problems import invalid_header
from api.reading import sees, sees_all
from api.schema.operation import Answer, described
from domain.fields import Identifier, optional
from store import commands, rendering
from store.clients import Caller
from store.commands import CommandRow

LATE_SECONDS = 12
"""How long after its own clock a transaction may commit: a little longer than PostgreSQL lets one stand idle."""
PAGE_SIZE = 500
RECENT_MAX = 10_000
RETRY_MILLISECONDS = 1_000
_EVENT_ID = re.compile(r"(?P<micros>[0-9]{1,17})-[0-9a-f]{32}", re.ASCII)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

type Place = tuple[datetime, uuid.UUID]
"""Where in the order of changes: when, and of which command."""
type About = uuid.UUID | int | None
"""What a stream is about: one order, one client's commands, or everything."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamFilters:
    """Which changes to stream."""

    order_id: uuid.UUID | None = optional(Identifier())


@dataclass(frozen=True, slots=True)
class Event:
    """One change of a command, ready to be sent."""

    id: str
    changed_at: datetime
    client_id: int
    order_id: uuid.UUID | None
    text: bytes

    @property
    def abouts(self) -> set[About]:
        """What the streams are about that may want it."""
        return _abouts(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class Stream:
    """What one client streams: the changes it may see from `begins` on, of one order or all; those `since` a moment
    come first.
    """

    caller: Caller
    order_id: uuid.UUID | None
    since: datetime | None
    begins: datetime

    @property
    def about(self) -> About:
        """The least that holds all it wants."""
        return self.order_id or (None if sees_all(self.caller) else self.caller.id)

    def wants(self, event: Event) -> bool:
        """Whether the event is for this client."""
        is_new = event.changed_at >= self.begins
        return is_new and sees(self.caller, event.client_id) and self.order_id in {None, event.order_id}

    def missed(self, after: Place | None) -> tuple[list[Event], Place | None]:
        """A page of what changed before the client listened, and where the next page begins, if there may be one."""
        if self.since is None:
            return [], None
        place = after or (self.since - timedelta(seconds=LATE_SECONDS), uuid.UUID(int=0))
        client_id = None if sees_all(self.caller) else self.caller.id
        rows = commands.changed_since(*place, PAGE_SIZE, client_id, self.order_id)
        more = len(rows) == PAGE_SIZE
        return [event_of(row) for row in rows], (rows[-1].changed_at, rows[-1].id) if more else None


class Streamed(HttpResponse):
    """The head of an answer whose body is a stream."""

    stream: Stream | None = None


class EventStreamRenderer(JSONRenderer):
    """So that a client may accept event streams alone; what goes wrong is told in JSON all the same."""

    media_type = "text/event-stream"


class StreamView(APIView):
    """`GET /commands/stream`."""

    renderer_classes = [JSONRenderer, EventStreamRenderer]

    @described(
        "stream_commands",
        {200: Answer("Event", ("Cache-Control", "Vary"), media_type="text/event-stream")},
        query=StreamFilters,
        headers=("Last-Event-ID",),
    )
    def get(self, request: Request) -> HttpResponse:
        """The changes from now on, or from `Last-Event-ID` on.

        An event `command` for each change that the caller may see; its data is the command. Events of the 12 seconds
        before the resumption come once more, under the same ids. After five minutes the stream ends, to be resumed.
        """
        filters = filters_of(StreamFilters, request)
        since = _since(request.META.get("HTTP_LAST_EVENT_ID"))
        headers = {"Cache-Control": "no-store", "Vary": "Authorization"}
        response = Streamed(content_type="text/event-stream", headers=headers)
        begins = datetime.now(UTC) - timedelta(seconds=LATE_SECONDS if since else 0)
        response.stream = Stream(caller=caller_of(request), order_id=filters.order_id, since=since, begins=begins)
        return response


def event_of(row: CommandRow) -> Event:
    """The event that tells of the command as it stands."""
    event_id = _id(row)
    text = b"id: %s\nevent: command\ndata: %s\n\n" % (event_id.encode(), rendering.command_json(row))
    return Event(event_id, row.changed_at, row.client_id, row.order_id, text)


def events_of(ids: Sequence[uuid.UUID], abouts: Collection[About]) -> list[Event]:
    """The events that tell of these commands as they stand, in the order given, as far as they are about these."""
    rows = {row.id: row for row in commands.by_ids(ids)}
    found = [rows[command_id] for command_id in ids if command_id in rows]
    return [event_of(row) for row in found if not _abouts(row).isdisjoint(abouts)]


def recent_events(abouts: Collection[About], told: Container[str]) -> list[Event]:
    """The events of the last seconds about these that have not been told: somebody may have missed them."""
    since = datetime.now(UTC) - timedelta(seconds=LATE_SECONDS)
    order_ids = [about for about in abouts if isinstance(about, uuid.UUID)]
    client_ids = [about for about in abouts if isinstance(about, int)]
    rows = commands.recently_changed(since, RECENT_MAX, order_ids, client_ids, everything=None in abouts)
    return [event_of(row) for row in rows if _id(row) not in told]


def _abouts(row: CommandRow | Event) -> set[About]:
    return {row.order_id, row.client_id, None}


def _id(row: CommandRow) -> str:
    return f"{(row.changed_at - _EPOCH) // timedelta(microseconds=1)}-{row.id.hex}"


def _since(event_id: str | None) -> datetime | None:
    if not event_id:
        return None
    match = _EVENT_ID.fullmatch(event_id)
    if match is None:
        raise invalid_header("Last-Event-ID", "must be the id of an event of this stream")
    return _EPOCH + timedelta(microseconds=int(match["micros"]))
