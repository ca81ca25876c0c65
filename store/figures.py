"""How the system stands, for `/metrics`: what PostgreSQL and Redis say."""

from dataclasses import dataclass

from django.db import Error

from domain.result import RETRYABLE
from store import backlog, db, observing, presence
from store.backlog import State

COUNTED_MAX = 100_000
"""More than so many are counted as so many."""

IS_DEAD = f"""status = 'failed' AND purged_at IS NULL
    AND error -> 'code' IN ({", ".join(f"'\"{code}\"'" for code in sorted(RETRYABLE))})"""
"""A dead letter, in the words of the index `command_dead`."""

# Each part reads an index of nothing but what it counts.
_WAITING = f"""
SELECT
    (SELECT count(*) FROM (
        SELECT FROM command WHERE {IS_DEAD} LIMIT %(max)s
    ) AS dead) AS dead_letters,
    (SELECT count(*) FROM (
        SELECT FROM webhook_delivery WHERE status = 'pending' LIMIT %(max)s
    ) AS pending) AS deliveries_pending,
    coalesce((
        SELECT greatest(extract(epoch FROM clock_timestamp() - min(first.next_attempt_at)), 0)::float
        FROM webhook_endpoint endpoint CROSS JOIN LATERAL (
            SELECT next_attempt_at FROM webhook_delivery
            WHERE endpoint_id = endpoint.id AND status = 'pending' ORDER BY next_attempt_at LIMIT 1
        ) first WHERE endpoint.deleted_at IS NULL
    ), 0) AS oldest_due_seconds,
    (SELECT count(*) FROM webhook_endpoint
     WHERE deleted_at IS NULL AND NOT is_active AND disabled_reason IS NOT NULL) AS endpoints_disabled,
    asked.count AS payments_unsettled,
    coalesce(greatest(extract(epoch FROM clock_timestamp() - asked.since), 0), 0)::float AS oldest_unsettled_seconds,
    (SELECT count(*) FROM (
        SELECT FROM command WHERE status = 'uncertain' AND purged_at IS NULL LIMIT %(max)s
    ) AS uncertain) AS commands_uncertain
FROM (
    SELECT count(*), min(asked_at) AS since
    FROM (SELECT asked_at FROM provider_request WHERE next_attempt_at IS NOT NULL LIMIT %(max)s) AS unsettled
) AS asked
"""  # noqa: S608
_CONNECTIONS = """
SELECT application_name AS name, count(*) AS connections FROM pg_stat_activity
WHERE datname = current_database() AND backend_type = 'client backend' GROUP BY application_name
"""


@dataclass(frozen=True, slots=True)
class Waiting:
    """What waits for somebody: an operator, a receiver, a payment provider."""

    dead_letters: int
    deliveries_pending: int
    oldest_due_seconds: float
    endpoints_disabled: int
    payments_unsettled: int
    oldest_unsettled_seconds: float
    commands_uncertain: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Stored:
    """What PostgreSQL says; `connections` by kind of process, `other` for what is none of ours."""

    backlog: State
    waiting: Waiting
    connections: dict[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """None where nobody answered."""

    stored: Stored | None
    workers: int | None


@dataclass(frozen=True, slots=True)
class _Named:
    name: str
    connections: int


def figures() -> Figures:
    """Ask both."""
    try:
        stored = _stored()
    except Error:
        stored = None
    return Figures(stored=stored, workers=presence.alive())


@db.reconnecting
def _stored() -> Stored:
    [waiting] = db.rows(Waiting, _WAITING, {"max": COUNTED_MAX})
    connections = dict.fromkeys((*observing.KINDS, "other"), 0)
    for found in db.rows(_Named, _CONNECTIONS):
        kind = found.name.removeprefix("orderly-")
        connections[kind if kind in connections else "other"] += found.connections
    return Stored(backlog=backlog.state(), waiting=waiting, connections=connections)
