"""Deliveries: claimed under a lease by whoever sends them, what came of each try recorded in bulk.

A claimed delivery is due again when its lease ends, so whatever a courier's death leaves behind is sent again, under
the same id. Nothing is locked while something is sent.
"""

import uuid
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from django.db import transaction

from store import db, outbox
from store.db import Statement
from store.models import Endpoint

LEASE_SECONDS = 30
"""Longer than a send and its record take."""
ASIDE_SECONDS = 300
"""How long a delivery is not looked at that waits for an earlier one of its order; the end of that one calls it."""
FAILING_DAYS_MAX = 5
GONE = "The receiver answered 410: it wants no more webhooks."
NOTHING_ARRIVES = f"Nothing could be delivered for {FAILING_DAYS_MAX} days."
CANCEL_MAX = 5_000
"""How many deliveries are cancelled at once, a tenth of a second: a dead endpoint may have a million of them."""
LOOK_MAX = 50
"""How many due deliveries of an ordered endpoint are looked at; those that wait for others are then set aside."""

End = Literal["delivered", "exhausted", "pending"]


@dataclass(frozen=True, slots=True)
class Claimed:
    """A delivery to be sent, with its event and where it goes. `order_id` is there when its endpoint wants order.

    Secrets are sealed; `previous_secret` is None once it no longer signs. `now` is PostgreSQL's clock at the claim.
    """

    id: uuid.UUID
    endpoint_id: uuid.UUID
    order_id: uuid.UUID | None
    attempts_made: int
    leased_until: datetime
    event_id: uuid.UUID
    event_type: str
    sequence: int | None
    occurred_at: datetime
    data: dict[str, Any]
    request_id: str | None
    traceparent: str | None
    url: str
    secret: bytes
    previous_secret: bytes | None
    now: datetime

    @property
    def command_id(self) -> str | None:
        """The command that made its event, if one did (shapes: domain/events.py)."""
        found: str | None = self.data.get("command_id") or self.data.get("command", {}).get("id")
        return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Tried:
    """What came of one try. `status` and `body` are the answer's, None when there was none; `error` says why not.

    `end` is the delivery's status from now on; while `pending` the next try is `delay_seconds` away. `gone`: the
    receiver wants no more. `asked_for_seconds` is how long it wants to be left alone; not recorded.
    """

    claimed: Claimed
    at: datetime
    duration_ms: int
    status: int | None = None
    error: str | None = None
    body: str | None = None
    end: End
    delay_seconds: float = 0.0
    gone: bool = False
    asked_for_seconds: float | None = None


@dataclass(frozen=True, slots=True)
class _Due:
    id: uuid.UUID
    endpoint_id: uuid.UUID
    due_at: datetime
    waits_until: datetime | None
    """When the delivery that it waits for is due, None when it waits for none."""


# Each endpoint by itself, from the index of what is due: a long row at one of them costs the others nothing.
_LOOK = """
SELECT due.id, endpoint.id AS endpoint_id, due.next_attempt_at AS due_at, earlier.next_attempt_at AS waits_until
FROM (
    SELECT e.id, e.ordered, e.generation, coalesce(room.free, %s::int) AS free
    FROM webhook_endpoint e
    LEFT JOIN unnest(%s::uuid[], %s::int[]) AS room (endpoint_id, free) ON room.endpoint_id = e.id
    WHERE e.deleted_at IS NULL
) endpoint
CROSS JOIN LATERAL (
    SELECT id, order_id, sequence, next_attempt_at FROM webhook_delivery
    WHERE endpoint_id = endpoint.id AND generation = endpoint.generation AND status = 'pending'
        AND next_attempt_at <= now() AND (leased_until IS NULL OR leased_until <= now())
    ORDER BY next_attempt_at LIMIT CASE WHEN endpoint.ordered THEN greatest(endpoint.free, %s) ELSE endpoint.free END
) due
LEFT JOIN LATERAL (
    SELECT next_attempt_at FROM webhook_delivery
    WHERE endpoint_id = endpoint.id AND generation = endpoint.generation AND status = 'pending'
        AND order_id = due.order_id AND sequence < due.sequence
    ORDER BY sequence LIMIT 1
) earlier ON true
WHERE endpoint.free > 0
ORDER BY due.next_attempt_at
"""
# Chosen by ids in an array, not by a join: the plan is the same however many rows the statistics promise.
_CLAIM = """
WITH leased AS (
    UPDATE webhook_delivery SET next_attempt_at = lease.until, leased_until = lease.until
    FROM (SELECT now() + make_interval(secs => %s) AS until) lease
    WHERE id = ANY (ARRAY(
        SELECT id FROM webhook_delivery
        WHERE id = ANY (%s::uuid[]) AND status = 'pending' AND next_attempt_at <= now()
            AND (leased_until IS NULL OR leased_until <= now())
            AND generation = (SELECT generation FROM webhook_endpoint WHERE id = endpoint_id)
        FOR UPDATE SKIP LOCKED))
    RETURNING id, endpoint_id, order_id, attempts_made, leased_until, event_id
)
SELECT leased.*, event.type AS event_type, event.sequence, event.occurred_at, event.data,
       event.request_id, event.traceparent, endpoint.url, endpoint.secret,
       CASE WHEN endpoint.previous_secret_until > now() THEN endpoint.previous_secret END AS previous_secret,
       clock_timestamp() AS now
FROM leased JOIN webhook_event event ON event.id = leased.event_id
JOIN webhook_endpoint endpoint ON endpoint.id = leased.endpoint_id
ORDER BY event.id
"""
# Only if it has not been called since it was looked at: whoever calls it changes the time.
# What has a next attempt is pending; to say so would only tempt the planner to read all that is.
_SET_ASIDE = """
UPDATE webhook_delivery d SET next_attempt_at = greatest(aside.waits_until, now() + make_interval(secs => %s))
FROM unnest(%s::uuid[], %s::timestamptz[], %s::timestamptz[]) AS aside (id, due_at, waits_until)
WHERE d.id = aside.id AND d.next_attempt_at = aside.due_at
"""
_LOCK_ENDPOINTS = "SELECT FROM webhook_endpoint WHERE id = ANY (%s::uuid[]) ORDER BY id FOR NO KEY UPDATE"
# A delivery may be gone, with its event; a try may have been recorded before, by a courier that never heard of it.
_INSERT_TRIES = """
INSERT INTO webhook_attempt (delivery_id, at, duration_ms, status, error, body)
SELECT tried.* FROM unnest(%s::uuid[], %s::timestamptz[], %s::int[], %s::int[], %s::text[], %s::text[]) AS tried (id)
JOIN webhook_delivery d ON d.id = tried.id
ON CONFLICT DO NOTHING
"""
# Only under the lease it was sent with: what was cancelled or leased once more meanwhile is no longer ours to end. A
# failure does not count if it was started afresh meanwhile: it is tried again when the lease ends.
_END = """
UPDATE webhook_delivery d
SET status = tried.status, attempts_made = d.attempts_made + 1, leased_until = NULL,
    next_attempt_at = CASE WHEN tried.status = 'pending' THEN now() + make_interval(secs => tried.delay) END
FROM unnest(%s::uuid[], %s::timestamptz[], %s::int[], %s::text[], %s::float8[])
     AS tried (id, leased_until, attempts_made, status, delay)
WHERE d.id = tried.id AND d.status = 'pending' AND d.leased_until = tried.leased_until
    AND (d.attempts_made = tried.attempts_made OR tried.status = 'delivered')
"""
_CALL_NEXT = """
UPDATE webhook_delivery d SET next_attempt_at = now()
WHERE id = ANY (ARRAY(
    SELECT next.id FROM unnest(%s::uuid[], %s::uuid[]) AS ended (endpoint_id, order_id)
    JOIN webhook_endpoint endpoint ON endpoint.id = ended.endpoint_id
    CROSS JOIN LATERAL (
        SELECT id FROM webhook_delivery
        WHERE endpoint_id = endpoint.id AND generation = endpoint.generation AND status = 'pending'
            AND order_id = ended.order_id
        ORDER BY sequence LIMIT 1
    ) next))
AND (leased_until IS NULL OR leased_until < now())
"""
_RUN_OF_FAILURES = """
UPDATE webhook_endpoint e SET failing_since = run.since
FROM (
    SELECT e.id, CASE WHEN tried.succeeded THEN tried.since ELSE coalesce(e.failing_since, tried.since) END AS since
    FROM unnest(%s::uuid[], %s::bool[], %s::timestamptz[]) AS tried (id, succeeded, since)
    JOIN webhook_endpoint e ON e.id = tried.id
) run
WHERE e.id = run.id AND e.is_active AND e.failing_since IS DISTINCT FROM run.since
RETURNING e.id
"""
# The strongest lock: it waits for whoever is writing deliveries to the endpoint (store/outbox.py), and stops others.
_LOCK_TO_DISABLE = """
SELECT id FROM webhook_endpoint
WHERE id = ANY (%s::uuid[]) AND is_active AND deleted_at IS NULL
    AND (id = ANY (%s::uuid[]) OR failing_since <= now() - make_interval(days => %s))
ORDER BY id FOR UPDATE
"""
_DISABLE = """
UPDATE webhook_endpoint
SET is_active = false, generation = generation + 1, failing_since = NULL,
    disabled_reason = CASE WHEN id = ANY (%s::uuid[]) THEN %s ELSE %s END
WHERE id = ANY (%s::uuid[])
"""
_CANCEL_LEFT_BEHIND = """
UPDATE webhook_delivery SET status = 'cancelled', next_attempt_at = NULL, leased_until = NULL
WHERE id = ANY (ARRAY(
    SELECT past.id FROM webhook_endpoint endpoint CROSS JOIN LATERAL (
        SELECT id FROM webhook_delivery
        WHERE endpoint_id = endpoint.id AND generation < endpoint.generation AND status = 'pending'
        LIMIT %s FOR UPDATE SKIP LOCKED
    ) past
    LIMIT %s))
"""
_ARE_DUE = """
SELECT EXISTS (
    SELECT FROM webhook_endpoint endpoint CROSS JOIN LATERAL (
        SELECT FROM webhook_delivery
        WHERE endpoint_id = endpoint.id AND generation = endpoint.generation AND status = 'pending'
            AND next_attempt_at <= now() AND (leased_until IS NULL OR leased_until <= now())
        LIMIT 1
    ) due
    WHERE endpoint.deleted_at IS NULL)
"""


def claim(total: int, rooms: Mapping[uuid.UUID, int], room: int) -> list[Claimed]:
    """Lease up to `total` due deliveries: the longest due of each endpoint, taken in turns, so that none waits for
    another's row; of each endpoint as many as it has room for in `rooms`, or `room` if it is not there.

    Of one order only the earliest pending delivery is claimed, where the endpoint wants order.
    """
    with transaction.atomic(durable=True):
        parameters = [room, list(rooms), list(rooms.values()), LOOK_MAX]
        due = db.rows(_Due, _LOOK, parameters)
        waiting = [each for each in due if each.waits_until is not None]
        if waiting:
            columns = [[each.id for each in waiting], [each.due_at for each in waiting]]
            db.execute(_SET_ASIDE, [ASIDE_SECONDS, *columns, [each.waits_until for each in waiting]])
        chosen = _in_turns([each for each in due if each.waits_until is None], rooms, room)[:total]
        return db.rows(Claimed, _CLAIM, [LEASE_SECONDS, chosen]) if chosen else []


def record(tries: Sequence[Tried]) -> None:
    """Write down what came of these tries, all or nothing: attempts, ends, next times, and what it says of endpoints.

    An endpoint that is gone, or that has failed for days, is disabled, and its pending deliveries are cancelled.
    """
    with transaction.atomic(durable=True):
        db.execute_all([*_of_deliveries(tries), *_of_endpoints(tries)])
        failed = {each.claimed.endpoint_id for each in tries if each.end != "delivered"}
        if failed:
            _disable(failed, {each.claimed.endpoint_id for each in tries if each.gone})


def are_due() -> bool:
    """Whether any delivery waits to be sent."""
    return bool(db.scalars(_ARE_DUE)[0])


def cancel_left_behind() -> int:
    """Cancel what is pending of a generation that its endpoint has left behind, and so is never sent: how many."""
    return db.execute(_CANCEL_LEFT_BEHIND, [CANCEL_MAX, CANCEL_MAX])


def _in_turns(due: Iterable[_Due], rooms: Mapping[uuid.UUID, int], room: int) -> list[uuid.UUID]:
    """The first of each endpoint, then the second of each, and so on."""
    taken: dict[uuid.UUID, int] = defaultdict(int)
    turns: list[tuple[int, uuid.UUID]] = []
    for each in due:
        taken[each.endpoint_id] += 1
        if taken[each.endpoint_id] <= rooms.get(each.endpoint_id, room):
            turns.append((taken[each.endpoint_id], each.id))
    return [delivery for _turn, delivery in sorted(turns, key=lambda turn: turn[0])]


def _of_deliveries(tries: Sequence[Tried]) -> Iterable[Statement]:
    ids = [each.claimed.id for each in tries]
    columns = ("at", "duration_ms", "status", "error", "body")
    yield Statement(_LOCK_ENDPOINTS, [list({each.claimed.endpoint_id for each in tries})])
    yield Statement(_INSERT_TRIES, [ids, *([getattr(each, name) for each in tries] for name in columns)])
    leases = [each.claimed.leased_until for each in tries]
    made = [each.claimed.attempts_made for each in tries]
    yield Statement(_END, [ids, leases, made, [each.end for each in tries], [each.delay_seconds for each in tries]])
    ended = {(each.claimed.endpoint_id, each.claimed.order_id) for each in tries if each.end != "pending"}
    in_order = [(endpoint_id, order_id) for endpoint_id, order_id in ended if order_id is not None]
    if in_order:
        yield Statement(_CALL_NEXT, list(map(list, zip(*in_order, strict=True))))


def _of_endpoints(tries: Sequence[Tried]) -> Iterable[Statement]:
    """Since when each has been failing: since the first failure after its last success."""
    succeeded: dict[uuid.UUID, bool] = {}
    since: dict[uuid.UUID, datetime | None] = {}
    for each in sorted(tries, key=lambda each: each.at):
        endpoint_id = each.claimed.endpoint_id
        succeeded.setdefault(endpoint_id, False)
        if each.end == "delivered":
            succeeded[endpoint_id] = True
            since[endpoint_id] = None
        elif since.get(endpoint_id) is None:
            since[endpoint_id] = each.at
    yield Statement(_RUN_OF_FAILURES, [list(succeeded), list(succeeded.values()), [since[each] for each in succeeded]])


def _disable(failed: Iterable[uuid.UUID], gone: Iterable[uuid.UUID]) -> None:
    disabled = db.scalars(_LOCK_TO_DISABLE, [list(failed), list(gone), FAILING_DAYS_MAX])
    if disabled:
        db.execute(_DISABLE, [list(gone), GONE, NOTHING_ARRIVES, disabled])
        cancel_left_behind()
        for endpoint in Endpoint.objects.filter(id__in=disabled):
            outbox.endpoint_disabled(endpoint)
