"""Retention: what a command asked and answered is let go 30 days after its end, the command and its key after 400;
events go after 30 days, with all that came of them.

Triggers (migration 0003) refuse anything sooner for commands. A bite is one short statement of its own: it takes the
oldest rows first and passes over those that somebody else has locked, so nobody waits for it and any number may run at
once.
"""

from store import db

RESULT_DAYS = 30
KEY_DAYS = 400
EVENT_DAYS = 30
BITE = 500
"""How many rows one bite takes at most: a purge of 500 takes 20 ms, deleting them 5 ms."""

# Chosen by ids in an array, not by a join: the plan is the same however many rows the statistics promise.
_PURGE = """
UPDATE command SET payload = NULL, result = NULL, error = NULL, purged_at = now()
WHERE id = ANY (ARRAY(
    SELECT id FROM command
    WHERE finished_at < now() - make_interval(days => %s) AND purged_at IS NULL
    ORDER BY finished_at LIMIT %s
    FOR UPDATE SKIP LOCKED))
"""
_DELETE = """
DELETE FROM command
WHERE id = ANY (ARRAY(
    SELECT id FROM command
    WHERE finished_at < now() - make_interval(days => %s) AND purged_at IS NOT NULL
    ORDER BY finished_at LIMIT %s
    FOR UPDATE SKIP LOCKED))
"""
# An id begins with the milliseconds since 1970 (RFC 9562, version 7), so the key's own index has the oldest first.
# What is pending stays; when a delivery is asked for again in this very moment, its foreign key refuses the whole bite.
_FORGET = """
WITH old AS (
    SELECT id FROM webhook_event event
    WHERE id < (lpad(to_hex((extract(epoch FROM now() - make_interval(days => %s)) * 1000)::bigint), 12, '0')
                || repeat('0', 20))::uuid
        AND occurred_at < now() - make_interval(days => %s)
        AND NOT EXISTS (SELECT FROM webhook_delivery WHERE event_id = event.id AND status = 'pending')
    ORDER BY id LIMIT %s
    FOR UPDATE SKIP LOCKED
), deliveries AS (
    DELETE FROM webhook_delivery WHERE event_id = ANY (ARRAY(SELECT id FROM old)) AND status <> 'pending' RETURNING id
), attempts AS (
    DELETE FROM webhook_attempt WHERE delivery_id = ANY (ARRAY(SELECT id FROM deliveries))
)
DELETE FROM webhook_event WHERE id = ANY (ARRAY(SELECT id FROM old))
"""


def purge(rows_max: int | None = None) -> int:
    """Let go of payload, result and error of the commands that ended longest ago: how many."""
    return db.execute(_PURGE, [RESULT_DAYS, rows_max or BITE])


def delete(rows_max: int | None = None) -> int:
    """Delete the commands whose keys nobody may still send again: how many."""
    return db.execute(_DELETE, [KEY_DAYS, rows_max or BITE])


def forget_events(rows_max: int | None = None) -> int:
    """Delete the oldest events of which nothing is pending, with their deliveries and attempts: how many events."""
    return db.execute(_FORGET, [EVENT_DAYS, EVENT_DAYS, rows_max or BITE])
