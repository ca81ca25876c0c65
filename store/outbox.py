"""The outbox: events and their deliveries, written in the very transaction of what they tell.

Nothing is written, and next to nothing computed, while nobody has registered an endpoint. Endpoints are read under a
lock that lets others do anything but what store/webhooks.py does: no delivery is written to an endpoint that its owner
has deactivated or deleted.
"""

import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import orjson
from uuid_utils.compat import uuid7

from domain import events
from domain.access import roles_of
from domain.events import DISABLED, PING, Event
from domain.outcome import Applied
from store import db, rendering
from store.commands import CommandRow
from store.models import Endpoint

_RECEIVERS = """
SELECT endpoint.id, client_id, client.role = ANY (%s) AS sees_all, event_types, endpoint.is_active, ordered, generation
FROM webhook_endpoint AS endpoint JOIN client ON client.id = client_id
WHERE deleted_at IS NULL AND client.is_active
ORDER BY endpoint.id
FOR KEY SHARE OF endpoint
"""
_INSERT_EVENTS = """
INSERT INTO webhook_event (id, type, sequence, order_id, client_id, data, occurred_at, request_id, traceparent)
SELECT id, type, sequence, order_id, client_id, data::jsonb, coalesce(occurred_at, statement_timestamp()),
       request_id, traceparent
FROM unnest(%b::uuid[], %b::text[], %b::bigint[], %b::uuid[], %b::bigint[], %b::text[], %b::timestamptz[],
            %b::text[], %b::text[])
     AS new (id, type, sequence, order_id, client_id, data, occurred_at, request_id, traceparent)
"""
_INSERT_DELIVERIES = """
INSERT INTO webhook_delivery (next_attempt_at, id, event_id, endpoint_id, event_type, generation, order_id, sequence)
SELECT statement_timestamp(), *
FROM unnest(%b::uuid[], %b::uuid[], %b::uuid[], %b::text[], %b::int[], %b::uuid[], %b::bigint[])
"""
# A courier that has one in hand loses its lease, and with it the say about how this one ends.
_DELIVER_AGAIN = f"""
{_INSERT_DELIVERIES}
ON CONFLICT (event_id, endpoint_id) DO UPDATE SET
    status = 'pending', attempts_made = 0, generation = excluded.generation, next_attempt_at = excluded.next_attempt_at,
    order_id = excluded.order_id, sequence = excluded.sequence, leased_until = NULL
"""


@dataclass(frozen=True, slots=True)
class Receiver:
    """An endpoint as far as it says which events go there; `sees_all` if its client sees everybody's commands."""

    id: uuid.UUID
    client_id: int
    sees_all: bool
    event_types: list[str]
    is_active: bool
    ordered: bool
    generation: int

    def wants(self, event_type: str, client_id: int | None) -> bool:
        """Whether an event goes there; `client_id` is the client whose business it is, None if it is everybody's."""
        if client_id is not None and client_id != self.client_id and not self.sees_all:
            return False
        return not self.event_types or event_type in self.event_types


@dataclass(frozen=True, slots=True, kw_only=True)
class EventRow:
    """An event as far as its deliveries need it."""

    id: uuid.UUID
    type: str
    sequence: int | None
    order_id: uuid.UUID | None
    client_id: int | None


def write(moved: Iterable[CommandRow], applied: Mapping[uuid.UUID, Applied]) -> int:
    """Write the events of commands that have ended just now, or changed something on their way: how many deliveries.

    `applied` has what each has changed, by command.
    """
    found = receivers()
    if not found:
        return 0
    happened = [each for row in moved for each in [*_changes(row, applied.get(row.id)), *_ends(row)]]
    return _write(happened, found)


def endpoint_disabled(endpoint: Endpoint) -> int:
    """Tell the other endpoints, of its client and of managers, that this one is disabled: how many deliveries."""
    event = Event(type=DISABLED, data={"endpoint": rendering.endpoint(endpoint)})
    others = [each for each in receivers() if each.id != endpoint.id]
    return _write([_Happened(event, client_id=endpoint.client_id)], others)


def ping(endpoint: Endpoint) -> uuid.UUID:
    """Write a ping of this endpoint, active or not, whatever it wants: the id of the delivery."""
    event = _Happened(Event(type=PING, data={"endpoint": rendering.endpoint(endpoint)}), client_id=endpoint.client_id)
    delivery_id = uuid7()
    db.execute(_INSERT_EVENTS, db.columns([event.columns()]))
    db.execute(
        _INSERT_DELIVERIES, db.columns([(delivery_id, event.id, endpoint.id, PING, endpoint.generation, None, None)])
    )
    return delivery_id


def deliver_again(receiver: Receiver, past: Sequence[EventRow]) -> int:
    """Have these events delivered to the endpoint as if they had just happened, under the ids they have: how many.

    None while it is not active.
    """
    if not receiver.is_active:
        return 0
    rows = [_delivery(receiver, each.id, each.type, each.order_id, each.sequence) for each in past]
    return db.execute(_DELIVER_AGAIN, db.columns(rows)) if rows else 0


def receivers() -> list[Receiver]:
    """The endpoints of active clients, locked against deletion and deactivation until the transaction ends."""
    return db.rows(Receiver, _RECEIVERS, [sorted(roles_of("commands.see_all"))])


class _Happened:
    """An event about to be written; `client_id` is the one client whose business it is, `made_by` the command."""

    __slots__ = ("client_id", "event", "id", "made_by")

    def __init__(self, event: Event, made_by: CommandRow | None = None, client_id: int | None = None) -> None:
        self.id = uuid7()
        self.event = event
        self.made_by = made_by
        self.client_id = client_id

    def columns(self) -> tuple[object, ...]:
        """As `_INSERT_EVENTS` takes them."""
        event = self.event
        data = orjson.dumps(event.data, option=orjson.OPT_UTC_Z).decode()
        by = self.made_by
        whence = (by.changed_at, by.request_id, by.traceparent) if by else (None, None, None)
        return self.id, event.type, event.sequence, event.order_id, self.client_id, data, *whence


def _changes(row: CommandRow, applied: Applied | None) -> list[_Happened]:
    if applied is None:
        return []
    return [_Happened(event, row) for event in events.of_applied(applied, row.id)]


def _ends(row: CommandRow) -> list[_Happened]:
    if not row.is_final:
        return []
    return [_Happened(events.of_ended(row.status, rendering.command(row)), row, row.client_id)]


def _write(happened: Sequence[_Happened], found: Sequence[Receiver]) -> int:
    rows: list[tuple[object, ...]] = []
    deliveries: list[tuple[object, ...]] = []
    for each in happened:
        event = each.event
        wanting = [receiver for receiver in found if receiver.wants(event.type, each.client_id)]
        if wanting:
            rows.append(each.columns())
            deliveries += [
                _delivery(receiver, each.id, event.type, event.order_id, event.sequence)
                for receiver in wanting
                if receiver.is_active
            ]
    if rows:
        db.execute(_INSERT_EVENTS, db.columns(rows))
    if deliveries:
        db.execute(_INSERT_DELIVERIES, db.columns(deliveries))
    return len(deliveries)


def _delivery(
    receiver: Receiver, event_id: uuid.UUID, event_type: str, order_id: uuid.UUID | None, sequence: int | None
) -> tuple[object, ...]:
    queued = (order_id, sequence) if receiver.ordered else (None, None)
    return (uuid7(), event_id, receiver.id, event_type, receiver.generation, *queued)
