"""Endpoints without a receiver: who hears what is decided when events are written, long before anything is sent."""

from typing import Any

from store.models import Client, Delivery, Endpoint, Event
from store.rendering import shown_time
from tests.till import Till


def endpoint(of: Till, *event_types: str, **columns: Any) -> Endpoint:
    """An endpoint of this client, as it stands in its table; without types it gets all."""
    client = Client.objects.get(name=of.name)
    return Endpoint.objects.create(
        client=client, url="https://example.com/", event_types=list(event_types), secret=b"sealed", **columns
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
