"""The queue: lanes locked by whoever drains them, the oldest ready commands claimed under that lock.

A queued command changes its state only under its lane's lock, here and in store/ending.py; so claimed rows need no
locks of their own.
"""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from store import db


@dataclass(frozen=True, slots=True)
class Claimed:
    """A command as its row says, queued or waiting for a provider's answer. `deaths` counts the workers that died
    executing it, `deaths_alone` those that had no other command in hand; `role` is the client's now, None once it is
    inactive; `started_at` is None while it is queued; `now` is PostgreSQL's clock.
    """

    id: uuid.UUID
    seq: int
    lane: int
    type: str
    order_id: uuid.UUID | None
    payload: dict[str, Any]
    expected_version: int | None
    expires_at: datetime | None
    client: str
    role: str | None
    attempts: int
    deaths: int
    deaths_alone: int
    now: datetime
    client_id: int
    idempotency_key: str
    body_hash: bytes
    not_before: datetime | None
    occurred_at: datetime | None
    device_sequence: int | None
    accepted_at: datetime
    started_at: datetime | None
    moved_at: datetime | None
    request_id: str | None
    traceparent: str | None


# The lanes with ready commands are found by hopping through the index from lane to lane: two probes when idle.
_LOCK_READY_LANES = """
WITH RECURSIVE ready (lane) AS (
    (SELECT lane FROM command WHERE status = 'queued' AND NOT parked ORDER BY lane LIMIT 1)
    UNION ALL
    SELECT (SELECT command.lane FROM command
            WHERE status = 'queued' AND NOT parked AND command.lane > ready.lane ORDER BY command.lane LIMIT 1)
    FROM ready WHERE ready.lane IS NOT NULL
)
SELECT id FROM lane WHERE id IN (SELECT lane FROM ready)
ORDER BY (id - %s::int + 1024) %% 1024 LIMIT %s
FOR NO KEY UPDATE SKIP LOCKED
"""

_COLUMNS = """
       c.id, c.seq, c.lane, c.type, c.order_id, c.payload, c.expected_version, c.expires_at,
       client.name AS client, CASE WHEN client.is_active THEN client.role END AS role, c.attempts,
       clock_timestamp() AS now,
       c.client_id, c.idempotency_key, c.body_hash, c.not_before, c.occurred_at, c.device_sequence, c.accepted_at,
       c.started_at, c.moved_at, c.request_id, c.traceparent
"""
# A statement of its own, after the lock: its snapshot must see what the lane's former holder committed.
_CLAIM = f"""
SELECT {_COLUMNS}, attempted.deaths, attempted.deaths_alone
FROM unnest(%b::smallint[]) AS locked (lane)
CROSS JOIN LATERAL (
    SELECT * FROM command
    WHERE lane = locked.lane AND status = 'queued' AND NOT parked
    ORDER BY seq LIMIT %s
) c
JOIN client ON client.id = c.client_id
CROSS JOIN LATERAL (
    SELECT count(*) AS deaths, count(*) FILTER (WHERE cardinality(seqs) = 1) AS deaths_alone
    FROM attempt WHERE attempt.lane = c.lane AND c.seq = ANY (attempt.seqs)
) attempted
ORDER BY c.seq
"""  # noqa: S608 - the column list is a constant
_ASKED = f"""
SELECT {_COLUMNS}, 0 AS deaths, 0 AS deaths_alone
FROM command c JOIN client ON client.id = c.client_id
WHERE c.id = ANY (%b::uuid[]) AND c.status IN ('running', 'uncertain')
"""  # noqa: S608


def lock_ready_lanes(first_lane: int, lanes_max: int) -> list[int]:
    """Lock up to `lanes_max` free lanes that have ready commands, from `first_lane` on, until the transaction ends."""
    return db.scalars(_LOCK_READY_LANES, [first_lane, lanes_max])


def claim(lanes: Sequence[int], batch_max: int) -> list[Claimed]:
    """The oldest ready commands of lanes that the transaction has locked, oldest first.

    A command whose worker died is claimed alone, after those before it in its lane.
    """
    claimed = db.rows(Claimed, _CLAIM, [lanes, batch_max // len(lanes)])
    suspect = next((command for command in claimed if command.deaths), None)
    if suspect is None:
        return claimed
    return [next(command for command in claimed if command.lane == suspect.lane)]


def asked(ids: Sequence[uuid.UUID]) -> dict[uuid.UUID, Claimed]:
    """Those of the commands that wait for a provider's answer, by id; their lanes are locked by the transaction."""
    return {row.id: row for row in db.rows(Claimed, _ASKED, [list(ids)])}


def is_queued(command_id: uuid.UUID) -> bool:
    """Whether the command still waits; asked under its lane's lock."""
    return db.scalars("SELECT status = 'queued' FROM command WHERE id = %s", [command_id]) == [True]


def a_ready_lane() -> list[int]:
    """One lane in which a ready command waits, or none."""
    return db.scalars("SELECT lane FROM command WHERE status = 'queued' AND NOT parked LIMIT 1")


def lock_lanes(lanes: Sequence[int]) -> None:
    """Wait for these lanes, in order; a wait over `lock_timeout` raises OperationalError."""
    db.execute("SELECT FROM lane WHERE id = ANY (%b::smallint[]) ORDER BY id FOR NO KEY UPDATE", [sorted(set(lanes))])
