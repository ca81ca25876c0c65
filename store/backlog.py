"""How many commands wait, known to every accept without counting each time."""

import threading
import time
from dataclasses import dataclass

from store import db

# What is queued is never purged: saying so lets the list's index by status serve.
_COUNT = "SELECT count(*) FROM (SELECT FROM command WHERE status = 'queued' AND purged_at IS NULL LIMIT %s) AS waiting"
_STATE = """
SELECT count(*) AS queued,
       coalesce(extract(epoch FROM clock_timestamp() - min(accepted_at) FILTER (WHERE NOT parked)), 0)::float AS seconds
FROM command WHERE status = 'queued' AND purged_at IS NULL
"""
_FRESH_SECONDS = 1.0
_FRESH_SECONDS_WHEN_FULL = 0.1


class Backlog:
    """One process's view: the last count plus what it has accepted since, so it never thinks too few wait."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counted_at = float("-inf")
        self._waiting = 0

    def has_room(self, commands: int, limit: int) -> bool:
        """Whether so many more may be accepted; counts anew once a second, sooner when it looks full."""
        with self._lock:
            full = self._waiting + commands > limit
            age = time.monotonic() - self._counted_at
            if age > (_FRESH_SECONDS_WHEN_FULL if full else _FRESH_SECONDS):
                self._waiting = _count(limit)
                self._counted_at = time.monotonic()
            if self._waiting + commands > limit:
                return False
            self._waiting += commands
            return True

    def forget(self) -> None:
        """Count anew at the next question."""
        with self._lock:
            self._counted_at = float("-inf")


@dataclass(frozen=True, slots=True)
class State:
    """`queued` commands wait; the oldest ready one has waited for `seconds`."""

    queued: int
    seconds: float


@db.reconnecting
def state() -> State:
    """Count now."""
    return db.rows(State, _STATE)[0]


@db.reconnecting
def _count(limit: int) -> int:
    return int(db.scalars(_COUNT, [limit])[0])


backlog = Backlog()
