"""When each API key was used last: collected in memory, written now and then, never on the path of a request.

What a process has not written when it dies is lost, and nothing depends on it: operators read here which key of two may
be revoked.
"""

import time
from datetime import UTC, datetime

from django.db import DatabaseError, InterfaceError, connection

from store import db

WRITE_SECONDS = 10.0
"""How often a process looks whether there is something to write."""
REST_SECONDS = 60.0
"""How long a key that has been written is left alone, however often it is used."""

_WRITE = """
UPDATE api_key SET last_used_at = used_at
FROM unnest(%b::text[], %b::timestamptz[]) AS used (key, used_at)
WHERE prefix = key AND (last_used_at IS NULL OR last_used_at < used_at)
"""
_used: dict[str, float] = {}
_rests_until: dict[str, float] = {}


def note(prefix: str) -> None:
    """The key has just been used."""
    _used[prefix] = time.time()


def write() -> None:
    """Write what has been noted, in one statement; without PostgreSQL it is kept for the next time."""
    now = time.time()
    due = {prefix: at for prefix, at in _used.copy().items() if now >= _rests_until.get(prefix, 0.0)}
    if not due:
        return
    rows: list[tuple[object, ...]] = [(prefix, datetime.fromtimestamp(at, UTC)) for prefix, at in sorted(due.items())]
    try:
        db.execute(_WRITE, db.columns(rows))
    except (DatabaseError, InterfaceError):
        return
    _rests_until.update(dict.fromkeys(due, now + REST_SECONDS))
    for prefix, at in due.items():
        if _used[prefix] == at:
            del _used[prefix]


def keep_writing() -> None:
    """Write for as long as the process lives; without a connection in between."""
    while True:
        time.sleep(WRITE_SECONDS)
        write()
        connection.close()


def forget() -> None:
    """Nothing has been used, nothing written."""
    _used.clear()
    _rests_until.clear()
