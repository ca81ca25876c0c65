"""Endpoints and deliveries as their owners change them: registered, edited, removed, pinged, sent again.

Whoever deactivates or deletes an endpoint locks its row against every writer of deliveries (store/outbox.py) and raises
its generation: what is pending of the one before is never sent. It is cancelled, the first few thousand at once. What
an `actor` does is in the audit trail.
"""

import base64
import secrets
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

from django.db import transaction
from django.db.models.functions import Now

from domain.events import DISABLED, PING
from store import audit, db, deliveries, ids, outbox, sealing
from store.audit import Actor
from store.models import Delivery, Endpoint
from store.outbox import EventRow, Receiver

SECRET_BYTES = 32
ROTATION = timedelta(hours=24)
"""How long the old secret signs beside the new one."""
ENDPOINTS_MAX = 100
"""How many endpoints a client may have: every batch of commands reads them all."""
REPLAY_PIECE = 1_000
"""How many events one transaction of a replay looks at: a courier that sends to the endpoint waits for it meanwhile."""
CLOCKS_DIFFER_MILLISECONDS = 60_000

_PUT_IN_ORDER = """
UPDATE webhook_delivery SET order_id = event.order_id, sequence = event.sequence
FROM webhook_event AS event
WHERE event.id = event_id AND endpoint_id = %s AND status = 'pending'
"""
# What was set aside to wait for its turn (store/deliveries.py) is due at once; what failed keeps its time.
_PUT_OUT_OF_ORDER = """
UPDATE webhook_delivery
SET order_id = NULL, sequence = NULL,
    next_attempt_at = CASE WHEN attempts_made = 0 AND leased_until IS NULL
                           THEN least(next_attempt_at, statement_timestamp()) ELSE next_attempt_at END
WHERE endpoint_id = %s AND status = 'pending' AND order_id IS NOT NULL
"""
# The ids begin with the time of writing, so the key's own index leads to the first event of interest.
_EVENTS_SINCE = f"""
SELECT id, type, sequence, order_id, client_id,
       CASE WHEN type = '{DISABLED}' THEN (data #>> '{{endpoint,id}}')::uuid END AS about
FROM webhook_event WHERE id > %s AND occurred_at >= %s AND type <> '{PING}'
ORDER BY id LIMIT %s
"""  # noqa: S608 - the types are constants


class TooManyEndpoints(Exception):  # noqa: N818 - an expected no
    """The client has `ENDPOINTS_MAX` endpoints already."""


def register(client_id: int, columns: Mapping[str, Any], actor: Actor | None = None) -> tuple[Endpoint, str]:
    """A new endpoint, and its secret, to be shown once. Raises TooManyEndpoints."""
    if Endpoint.objects.filter(client_id=client_id, deleted_at=None).count() >= ENDPOINTS_MAX:
        raise TooManyEndpoints
    key = secrets.token_bytes(SECRET_BYTES)
    with transaction.atomic(durable=True):
        endpoint = Endpoint.objects.create(client_id=client_id, secret=sealing.seal(key), **columns)
        _record(actor, "endpoint.created", endpoint.id, audit.created(_told(columns)))
    endpoint.refresh_from_db()
    return endpoint, _shown(key)


def change(
    endpoint_id: uuid.UUID, wanted: Callable[[Endpoint], Mapping[str, Any]], actor: Actor | None = None
) -> Endpoint | None:
    """The endpoint as `wanted` says its columns shall be; None when there is none. Raises what `wanted` raises.

    Deactivating it cancels its pending deliveries; what waits already is put in order, or no longer, as it wants now.
    """
    with transaction.atomic(durable=True):
        row = _locked(endpoint_id)
        if row is None:
            return None
        was_active, was_ordered = row.is_active, row.ordered
        columns = wanted(row)
        before, after = _told({name: getattr(row, name) for name in columns}), _told(columns)
        changes = {name: [before[name], after[name]] for name in after if getattr(row, name) != columns[name]}
        if changes:
            _record(actor, "endpoint.updated", row.id, changes)
        for name, value in columns.items():
            setattr(row, name, value)
        if was_active and not row.is_active:
            row.generation += 1
        row.save(update_fields=[*columns, "generation"])
        if was_active and not row.is_active:
            deliveries.cancel_left_behind()
        elif was_ordered != row.ordered:
            db.execute(_PUT_IN_ORDER if row.ordered else _PUT_OUT_OF_ORDER, [row.id])
        return row


def remove(endpoint_id: uuid.UUID, actor: Actor | None = None) -> bool:
    """Delete the endpoint and cancel its pending deliveries; whether there was one."""
    with transaction.atomic(durable=True):
        row = _locked(endpoint_id)
        if row is None:
            return False
        Endpoint.objects.filter(id=row.id).update(deleted_at=Now(), generation=row.generation + 1)
        deliveries.cancel_left_behind()
        _record(actor, "endpoint.deleted", row.id)
        return True


def rotate_secret(endpoint_id: uuid.UUID, actor: Actor | None = None) -> tuple[Endpoint, str] | None:
    """Give the endpoint a new secret, to be shown once; the one before signs beside it for a day."""
    key = secrets.token_bytes(SECRET_BYTES)
    with transaction.atomic(durable=True):
        row = _locked(endpoint_id)
        if row is None:
            return None
        row.previous_secret, row.secret = row.secret, sealing.seal(key)
        row.previous_secret_until = datetime.now(UTC) + ROTATION
        row.save(update_fields=["secret", "previous_secret", "previous_secret_until"])
        _record(actor, "endpoint.secret_rotated", row.id)
        return row, _shown(key)


def ping(endpoint_id: uuid.UUID, actor: Actor | None = None) -> Delivery | None:
    """Have a ping sent to the endpoint, active or not: its delivery; None when there is no endpoint."""
    with transaction.atomic(durable=True):
        row = _locked(endpoint_id)
        if row is None:
            return None
        _record(actor, "endpoint.pinged", row.id)
        return Delivery.objects.get(id=outbox.ping(row))


def retry(delivery: Delivery, actor: Actor | None = None) -> bool:
    """Start the delivery afresh, now, if its endpoint is active; False when that is no more."""
    event = delivery.event
    past = EventRow(
        id=event.id, type=event.type, sequence=event.sequence, order_id=event.order_id, client_id=event.client_id
    )
    with transaction.atomic(durable=True):
        receiver = _receiver(delivery.endpoint_id)
        if receiver is not None:
            outbox.deliver_again(receiver, [past])
            _record(actor, "delivery.retried", delivery.id)
        return receiver is not None


def replay(endpoint_id: uuid.UUID, since: datetime, actor: Actor | None = None) -> int:
    """Have every event since then delivered to the endpoint again that it wants and may see: how many.

    None while it is not active. Piece by piece, each a transaction: what is pending by then is sent meanwhile.
    """
    # Before the first piece: a replay that is cut short has been asked for all the same.
    _record(actor, "endpoint.replayed", endpoint_id, {"since": [None, since.isoformat()]})
    after, delivered = ids.first_of(since, earlier_milliseconds=CLOCKS_DIFFER_MILLISECONDS), 0
    while True:
        with transaction.atomic(durable=True):
            receiver = _receiver(endpoint_id)
            if receiver is None or not receiver.is_active:
                return delivered
            found = db.rows(_Past, _EVENTS_SINCE, [after, since, REPLAY_PIECE])
            wanted = [each for each in found if receiver.wants(each.type, each.client_id) and each.about != endpoint_id]
            delivered += outbox.deliver_again(receiver, wanted)
        if len(found) < REPLAY_PIECE:
            return delivered
        after = found[-1].id


@dataclass(frozen=True, slots=True, kw_only=True)
class _Past(EventRow):
    """An event, and the endpoint it is about, which is not to hear of itself."""

    about: uuid.UUID | None


def _record(
    actor: Actor | None, action: str, subject_id: uuid.UUID, changes: Mapping[str, object] | None = None
) -> None:
    if actor is not None:
        audit.record(actor, action, action.partition(".")[0], subject_id, changes)


def _told(columns: Mapping[str, Any]) -> dict[str, Any]:
    """What the audit trail may show: of a URL no more than its host, for path and query may be a password."""
    told = {name: value for name, value in columns.items() if name != "failing_since"}
    if "url" in told:
        told["url"] = "{0.scheme}://{0.hostname}/".format(urlsplit(told["url"]))
    return told


def _locked(endpoint_id: uuid.UUID) -> Endpoint | None:
    return Endpoint.objects.select_for_update().filter(id=endpoint_id, deleted_at=None).first()


def _receiver(endpoint_id: uuid.UUID) -> Receiver | None:
    """The endpoint, locked as couriers lock it before they touch its deliveries."""
    db.execute("SELECT FROM webhook_endpoint WHERE id = %s FOR NO KEY UPDATE", [endpoint_id])
    return next((each for each in outbox.receivers() if each.id == endpoint_id), None)


def _shown(key: bytes) -> str:
    return f"whsec_{base64.b64encode(key).decode()}"
