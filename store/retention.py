"""Retention: what a command asked and answered is let go 30 days after its end, the command and its key after 400.

Triggers (migration 0003) refuse anything sooner. A bite is one short statement of its own: it takes the oldest rows
first and passes over those that somebody else has locked, so nobody waits for it and any number may run at once.
"""

from store import db

RESULT_DAYS = 30
KEY_DAYS = 400
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


def purge(rows_max: int | None = None) -> int:
    """Let go of payload, result and error of the commands that ended longest ago: how many."""
    return db.execute(_PURGE, [RESULT_DAYS, rows_max or BITE])


def delete(rows_max: int | None = None) -> int:
    """Delete the commands whose keys nobody may still send again: how many."""
    return db.execute(_DELETE, [KEY_DAYS, rows_max or BITE])
