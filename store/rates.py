"""How much each client may still ask for in its minute, shared by all web processes.

The count stands in Redis. A process takes a portion of what is left for itself, and asks again when that is used up: of
many requests, few make a round trip. Without Redis nobody is refused.
"""

import functools
import threading
import time
from dataclasses import dataclass, field
from typing import cast

from redis import Redis
from redis.commands.core import Script

from store import db, redis

WINDOW_SECONDS = 60
"""A window begins with a client's first request after the one before has ended."""
PORTIONS = 600
"""A process takes this part of the limit at a time; of a limit below, one by one, so that small limits are exact."""
_ACCOUNTS_MAX = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """How a client stands after it asked: how much of that it was granted, how much is left, until when."""

    granted: int
    limit: int
    remaining: int
    seconds: int


@dataclass(slots=True)
class _Account:
    """What this process has taken for a client: `units` for itself, `shared` left for all; both end at a time."""

    lock: threading.Lock = field(default_factory=threading.Lock)
    units: int = 0
    shared: int = 0
    ends_at: float = 0.0


_accounts: dict[int, _Account] = {}


def take(client_id: int, cost: int, limit: int) -> Standing:
    """Take so much of the client's rate, or what is left of it."""
    if len(_accounts) >= _ACCOUNTS_MAX:
        _accounts.clear()
    account = _accounts.get(client_id) or _accounts.setdefault(client_id, _Account())
    with account.lock:
        if time.monotonic() >= account.ends_at:
            account.units = 0
        if account.units < cost and not _take_portion(account, client_id, cost - account.units, limit):
            return Standing(granted=cost, limit=limit, remaining=limit, seconds=WINDOW_SECONDS)
        granted = min(cost, account.units)
        account.units -= granted
        seconds = max(1, int(account.ends_at - time.monotonic() + 0.999))
        return Standing(granted=granted, limit=limit, remaining=account.shared + account.units, seconds=seconds)


def forget() -> None:
    """Give back nothing, and ask Redis again."""
    _accounts.clear()


def _take_portion(account: _Account, client_id: int, wanted: int, limit: int) -> bool:
    """Put what Redis grants into the account; whether Redis answered."""
    name = f"orderly:{db.identity()}:rate:{client_id}"
    ask = max(wanted, limit // PORTIONS)
    found = redis.ask(lambda client: _lease(client)(keys=[name], args=[ask, limit, WINDOW_SECONDS * 1000]), None)
    if found is None:
        return False
    granted, account.shared, milliseconds = cast("list[int]", found)
    account.units += granted
    account.ends_at = time.monotonic() + milliseconds / 1000
    return True


@functools.cache
def _lease(client: Redis) -> Script:
    # A limit that was lowered meanwhile leaves less than nothing; a count never stays without its end.
    return client.register_script("""
        local used = tonumber(redis.call('GET', KEYS[1]) or '0')
        local granted = math.max(0, math.min(tonumber(ARGV[1]), tonumber(ARGV[2]) - used))
        local count = redis.call('INCRBY', KEYS[1], granted)
        local ends = redis.call('PTTL', KEYS[1])
        if ends < 0 then
            redis.call('PEXPIRE', KEYS[1], ARGV[3])
            ends = tonumber(ARGV[3])
        end
        return {granted, math.max(0, tonumber(ARGV[2]) - count), ends}
    """)
