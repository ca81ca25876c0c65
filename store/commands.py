"""Commands read back: one, by key, or a page of them, as rows that the API shows."""

import uuid
from collections.abc import Sequence
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
    purged_at: datetime | None = None

    @property
    def is_final(self) -> bool:
        """Whether it has ended."""
        return self.finished_at is not None

    @property
    def is_settled(self) -> bool:
        """Whether it has ended for good and still has its outcome: a failure that may be retried can change."""
        if self.finished_at is None or self.purged_at is not None:
            return False
        return self.error is None or self.error["code"] not in RETRYABLE


COLUMNS = ", ".join(CommandRow.__slots__)

_BY_ID = f"SELECT {COLUMNS} FROM command WHERE id = %s"  # noqa: S608 - the column list is a constant
_ENDED_AMONG = "SELECT id FROM command WHERE id = ANY (%b::uuid[]) AND finished_at IS NOT NULL"
_BY_KEYS = f"SELECT {COLUMNS} FROM command WHERE client_id = %s AND idempotency_key = ANY (%s)"  # noqa: S608


def command_rows(sql: str, parameters: Sequence[object]) -> list[CommandRow]:
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
