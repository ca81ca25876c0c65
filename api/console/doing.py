"""The acts themselves: the same functions of the store that the API calls, which write it into the audit trail."""

import uuid
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from api.console.acts import Refused
from api.editing import merged
from domain.fields import parse
from domain.result import RETRYABLE
from store import asking, changes, editing, ending, inbox, rendering, webhooks
from store.audit import Actor
from store.changes import Change
from store.models import Command, Customer, Delivery, Endpoint, Product
from worker.bell import bell

_NO_ENDPOINT = "The endpoint has been deleted meanwhile."


def cancel(actor: Actor, row: Command) -> None:
    """Cancel a command that has not begun; Refused when it has."""
    ended = ending.cancel(row.id, row.lane, actor)
    changes.tell(Change.ENDED, ended.ids)
    bell.ring([row.lane])  # a drain that found the lane locked by this cancel has gone
    if ended.deliveries:
        bell.ring_courier()
    if not ended.ids:
        status = Command.objects.values_list("status", flat=True).get(id=row.id)
        raise Refused(f"The command is {status} by now; only a queued one of a client can be cancelled.")


def retry(actor: Actor, rows: list[Command]) -> int:
    """Queue those of the commands again that failed through no fault of their own: how many."""
    lanes = [inbox.retry(row.id, sorted(RETRYABLE), actor) for row in rows]
    bell.ring(lane for lane in lanes if lane is not None)
    return sum(lane is not None for lane in lanes)


def hasten(actor: Actor, row: Command) -> None:
    """Have the provider asked now what the command waits for; Refused when it waits for nothing any more."""
    if not asking.hasten(row.id, actor):
        raise Refused("It waits for no answer of a payment provider, or no longer.")
    bell.ring_payments()


def edit[R: (Customer, Product)](
    actor: Actor, row: R, record: type[Any], sent: Mapping[str, object], version: int, columns: Callable[[Any], Any]
) -> bool:
    """Change what is sent, if the row still has this version: whether anything differed. Raises Invalid, Refused.

    `record` describes the row as the API's clients do, `columns` makes the table's columns of it.
    """
    kind = type(row).__name__.lower()
    show = rendering.product if isinstance(row, Product) else rendering.customer

    def wanted(locked: R) -> dict[str, Any]:
        changed: dict[str, Any] = columns(parse(record, merged(record, show(locked), dict(sent))))
        return changed

    try:
        edited = editing.edit(type(row), row.id, lambda present: present == version, wanted, actor)
    except editing.Stale:
        raise Refused(f"Somebody has changed this {kind} meanwhile; look at it again.") from None
    if edited is None:
        raise Refused(f"There is no such {kind}.")
    return edited.version != version


def switch(actor: Actor, row: Endpoint, *, on: bool) -> None:
    """Enable the endpoint, which starts it afresh, or disable it, which cancels what it has not been sent yet."""

    def wanted(_locked: Endpoint) -> dict[str, Any]:
        if on:
            return {"is_active": True, "failing_since": None, "disabled_reason": None}
        return {"is_active": False, "disabled_reason": f"Disabled by {actor.name} at the console."}

    if webhooks.change(row.id, wanted, actor) is None:
        raise Refused(_NO_ENDPOINT)


def ping(actor: Actor, row: Endpoint) -> uuid.UUID:
    """Send a ping: its delivery."""
    delivery = webhooks.ping(row.id, actor)
    if delivery is None:
        raise Refused(_NO_ENDPOINT)
    bell.ring_courier()
    return delivery.id


def replay(actor: Actor, row: Endpoint, since: datetime) -> int:
    """Deliver again what has happened since then: how many events."""
    delivered = webhooks.replay(row.id, since, actor)
    if delivered:
        bell.ring_courier()
    return delivered


def deliver_again(actor: Actor, row: Delivery) -> None:
    """Start the delivery afresh, under the same webhook-id."""
    if not webhooks.retry(row, actor):
        raise Refused("Its endpoint is disabled or deleted; enable it first.")
    bell.ring_courier()
