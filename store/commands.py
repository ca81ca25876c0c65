"""Commands read back: one, by key, or a page of them, as rows that the API shows."""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from domain.result import RETRYABLE
from store import db


@dataclass(frozen=True, slots=True)
class CommandRow:
    """A command as it stands in its table, with its client's name left to the caller; `lane` is internal."""

    id: uuid.UUID
    client_id: int
    lane: int
    type: str
    status: str
    order_id: uuid.UUID | None
    idempotency_key: str
    body_hash: bytes
    result: dict[str, Any] | None
    error: dict[str, Any] | None
    attempts: int
    expected_version: int | None
    expires_at: datetime | None
    not_before: datetime | None
    occurred_at: datetime | None
    device_sequence: int | None
    accepted_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    moved_at: datetime | None = None
    purged_at: datetime | None = None
    request_id: str | None = None
    traceparent: str | None = None

    @property
    def is_final(self) -> bool:
        """Whether it has ended."""
        return self.finished_at is not None

    @property
    def changed_at(self) -> datetime:
        """When it came to stand as it does."""
        return self.finished_at or self.moved_at or self.accepted_at

    @property
    def is_settled(self) -> bool:
        """Whether it has ended for good and still has its outcome: a failure that may be retried can change."""
        if self.finished_at is None or self.purged_at is not None:
            return False
        return self.error is None or self.error["code"] not in RETRYABLE


COLUMNS = ", ".join(CommandRow.__slots__)

_BY_ID = f"SELECT {COLUMNS} FROM command WHERE id = %s"  # noqa: S608 - the column list is a constant
_ENDED_AMONG = "SELECT id FROM command WHERE id = ANY (%b::uuid[]) AND finished_at IS NOT NULL"
_BY_IDS = f"SELECT {COLUMNS} FROM command WHERE id = ANY (%b::uuid[]) AND purged_at IS NULL"  # noqa: S608
# Two ways to have changed, each with an index of its own: to have ended, and to be open still.
_CHANGED = f"""
SELECT {COLUMNS} FROM (
    (SELECT * FROM command
     WHERE finished_at >= %(moment)s AND (finished_at, id) > (%(moment)s, %(id)s) AND purged_at IS NULL AND ({{those}})
     ORDER BY finished_at, id LIMIT %(limit)s)
    UNION ALL
    (SELECT * FROM command
     WHERE status IN ('queued', 'running', 'uncertain') AND status <> 'succeeded' AND purged_at IS NULL
         AND (coalesce(moved_at, accepted_at), id) > (%(moment)s, %(id)s) AND ({{those}})
     ORDER BY coalesce(moved_at, accepted_at), id LIMIT %(limit)s)
) AS changed ORDER BY coalesce(finished_at, moved_at, accepted_at), id LIMIT %(limit)s
"""  # noqa: S608
_CHANGED_SINCE = _CHANGED.format(
    those="""(%(client_id)s::bigint IS NULL OR client_id = %(client_id)s)
         AND (%(order_id)s::uuid IS NULL OR order_id = %(order_id)s)"""
)
# Subqueries, because PostgreSQL makes a hash table of each: there may be thousands of ids for thousands of rows.
_RECENTLY_CHANGED = _CHANGED.format(
    those="""%(everything)s OR client_id IN (SELECT unnest(%(client_ids)s::bigint[]))
         OR order_id IN (SELECT unnest(%(order_ids)s::uuid[]))"""
)
_BY_KEYS = f"SELECT {COLUMNS} FROM command WHERE client_id = %s AND idempotency_key = ANY (%s)"  # noqa: S608


def command_rows(sql: str, parameters: Sequence[object] | Mapping[str, object]) -> list[CommandRow]:
    """Run a statement that returns `COLUMNS`."""
    return db.rows(CommandRow, sql, parameters)


@db.reconnecting
def by_id(command_id: uuid.UUID) -> CommandRow | None:
    """The command, if there is one."""
    return next(iter(command_rows(_BY_ID, [command_id])), None)


@db.reconnecting
def by_keys(client_id: int, keys: Sequence[str]) -> dict[str, CommandRow]:
    """The client's commands that were accepted under these idempotency keys."""
    return {row.idempotency_key: row for row in command_rows(_BY_KEYS, [client_id, list(keys)])}


@db.reconnecting
def ended_among(ids: Sequence[uuid.UUID]) -> list[uuid.UUID]:
    """Those of the commands that have ended."""
    return db.scalars(_ENDED_AMONG, [list(ids)])


@db.reconnecting
def by_ids(ids: Sequence[uuid.UUID]) -> list[CommandRow]:
    """The commands that there are of these, in any order; none that has been purged."""
    return command_rows(_BY_IDS, [list(ids)])


@db.reconnecting
def changed_since(
    moment: datetime,
    command_id: uuid.UUID,
    limit: int,
    client_id: int | None = None,
    order_id: uuid.UUID | None = None,
) -> list[CommandRow]:
    """Commands that have changed after this one changed at this moment, in the order of their changes."""
    wanted = {"moment": moment, "id": command_id, "limit": limit, "client_id": client_id, "order_id": order_id}
    return command_rows(_CHANGED_SINCE, wanted)


@db.reconnecting
def recently_changed(
    since: datetime, limit: int, order_ids: Sequence[uuid.UUID], client_ids: Sequence[int], *, everything: bool
) -> list[CommandRow]:
    """Commands that have changed since then, in the order of their changes: of these orders and clients, or all."""
    wanted = {"order_ids": list(order_ids), "client_ids": list(client_ids), "everything": everything}
    return command_rows(_RECENTLY_CHANGED, {"moment": since, "id": uuid.UUID(int=0), "limit": limit} | wanted)
