"""Queued commands that end unexecuted: cancelled by who may, or expired; each end told with it (store/outbox.py).

The lane that holds such a command is locked first: in the hands of a worker, the worker ends it.
"""

import json
import uuid
from dataclasses import dataclass
from typing import Any

from django.db import transaction

from domain import registry
from store import audit, db, outbox, queue
from store.audit import Actor
from store.commands import COLUMNS, CommandRow, command_rows

_EXPIRED_LANES = "SELECT DISTINCT lane FROM command WHERE status = 'queued' AND expires_at <= clock_timestamp()"
_LOCK_FREE = "SELECT id FROM lane WHERE id = ANY (%b::smallint[]) ORDER BY id FOR NO KEY UPDATE SKIP LOCKED"
_EXPIRE = f"""
UPDATE command SET status = 'expired', error = %s::jsonb, finished_at = clock_timestamp()
WHERE status = 'queued' AND expires_at <= clock_timestamp() AND lane = ANY (%b::smallint[])
RETURNING {COLUMNS}
"""  # noqa: S608 - the column list is a constant
_CANCEL = f"""
UPDATE command SET status = 'cancelled', finished_at = clock_timestamp()
WHERE id = %s AND status = 'queued' AND type <> ALL (%s::text[])
RETURNING {COLUMNS}
"""  # noqa: S608


@dataclass(frozen=True, slots=True)
class Ended:
    """Commands that ended without being executed, and how many webhooks there are to send because of it."""

    rows: list[CommandRow]
    deliveries: int

    @property
    def ids(self) -> list[uuid.UUID]:
        """Theirs."""
        return [row.id for row in self.rows]


def cancel(command_id: uuid.UUID, lane: int, actor: Actor | None = None) -> Ended:
    """Cancel the command if it is still queued, and is none of Orderly's own. Waits for the lane's current batch."""
    with transaction.atomic(durable=True):
        queue.lock_lanes([lane])
        rows = command_rows(_CANCEL, [command_id, list(registry.own_names())])
        if rows and actor is not None:
            audit.record(actor, "command.cancelled", "command", command_id)
        return _ended(rows)


def expire(error: dict[str, Any]) -> Ended:
    """End queued commands past their `expires_at`. In lanes that a worker holds, it ends them itself."""
    with transaction.atomic(durable=True):
        lanes = db.scalars(_EXPIRED_LANES)
        free = db.scalars(_LOCK_FREE, [lanes]) if lanes else []
        return _ended(command_rows(_EXPIRE, [json.dumps(error), free]) if free else [])


def _ended(rows: list[CommandRow]) -> Ended:
    deliveries = outbox.write(sorted(rows, key=lambda row: row.id), {}) if rows else 0
    return Ended(rows, deliveries)
