"""Endpoints, events and deliveries as they stand in their tables, for tests of who hears and what becomes of it."""

import base64
import uuid
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from django.db.models.functions import Now
from standardwebhooks import Webhook
from uuid_utils.compat import uuid7

from store import clients, deliveries, sealing
from store.deliveries import Claimed, Tried
from store.models import Client, Delivery, Endpoint, Event
from store.rendering import shown_time
from tests.receiver import Received
from tests.till import Till

SECRET = bytes(range(32))
DATA = {"order": {"id": "1", "total": "29.97"}, "command_id": "2"}


def endpoint(
    url: str = "https://example.com/", *, of: Till | None = None, wants: Sequence[str] = (), **columns: Any
) -> Endpoint:
    """An endpoint of this client, or of a manager; without types it gets all."""
    owner = of or Till(name="owner", role="manager", key="")
    if not Client.objects.filter(name=owner.name).exists():
        clients.create_client(owner.name, owner.role)
    sealed = {"secret": sealing.seal(SECRET)} | columns
    return Endpoint.objects.create(
        client=Client.objects.get(name=owner.name), url=url, event_types=list(wants), **sealed
    )


def heard(where: Endpoint, *prefixes: str) -> list[str]:
    """The types of the events that are delivered there, oldest first; only those that begin so."""
    types = Delivery.objects.filter(endpoint=where).order_by("event_id").values_list("event__type", flat=True)
    return [name for name in types if name.startswith(prefixes or "")]


def body(event: Event) -> dict[str, Any]:
    """What a webhook posts."""
    return {
        "type": event.type,
        "timestamp": shown_time(event.occurred_at),
        "sequence": event.sequence,
        "data": event.data,
    }


def deliver(
    to: Endpoint, count: int = 1, *, order_id: uuid.UUID | None = None, first: int = 1, **columns: Any
) -> list[Delivery]:
    """As many new deliveries, due now; with an order its events from `first` on."""
    now = datetime.now(UTC)
    events = [
        Event(
            id=uuid7(),
            type="order.paid",
            sequence=first + number if order_id else None,
            order_id=order_id,
            data=DATA | {"number": number},
            occurred_at=now,
        )
        for number in range(count)
    ]
    Event.objects.bulk_create(events)
    wanted = {"next_attempt_at": Now()} | columns
    made = [
        Delivery(
            event=event,
            endpoint=to,
            event_type=event.type,
            generation=to.generation,
            order_id=event.order_id if to.ordered else None,
            sequence=event.sequence if to.ordered else None,
            **wanted,
        )
        for event in events
    ]
    Delivery.objects.bulk_create(made)
    return made


def claim(total: int = 100, room: int = 100) -> list[Claimed]:
    """What a courier would be given."""
    return deliveries.claim(total, {}, room)


def tried(claimed: Claimed, status: int | None = 200, **columns: Any) -> Tried:
    """What a courier would report."""
    end = "delivered" if status and status < 300 else "pending"
    given: dict[str, Any] = {"at": claimed.now, "duration_ms": 5, "end": end, "delay_seconds": 5.0, "body": "ok"}
    return Tried(claimed=claimed, status=status, **given | columns)


def fail_since(to: Endpoint, days: float) -> None:
    """Let its deliveries have failed for so long."""
    Endpoint.objects.filter(id=to.id).update(failing_since=Now() - timedelta(days=days))


def statuses(made: Sequence[Delivery]) -> list[str]:
    """How they stand now."""
    found = dict(Delivery.objects.filter(id__in=[each.id for each in made]).values_list("id", "status"))
    return [found[each.id] for each in made]


def verified(received: Received, secret: bytes = SECRET) -> Any:
    """The body, if the reference library of Standard Webhooks accepts it."""
    return Webhook(f"whsec_{base64.b64encode(secret).decode()}").verify(received.body, received.headers)
