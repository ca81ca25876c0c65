"""The one connection to Redis, for what may be lost: it gives up at once, and nothing durable depends on it."""

import functools
import time
from collections.abc import Callable

from django.conf import settings
from redis import Redis, RedisError
from redis.backoff import NoBackoff
from redis.retry import Retry

TIMEOUT_SECONDS = 0.1
"""A request that finds Redis silent is still answered in time."""
AWAY_SECONDS = 1.0
"""How long Redis is not asked again after it has not answered: one request a second finds out, the others go on."""

_away_until = 0.0


def ask[R](question: Callable[[Redis], R], otherwise: R) -> R:
    """What Redis answers, or `otherwise` when it does not, or did not a moment ago."""
    global _away_until
    if time.monotonic() < _away_until:
        return otherwise
    try:
        return question(_client())
    except RedisError:
        _away_until = time.monotonic() + AWAY_SECONDS
        return otherwise


def forget() -> None:
    """Connect anew at the next question: `REDIS_URL` has changed, or Redis is known to be back."""
    global _away_until
    _away_until = 0.0
    _client.cache_clear()


@functools.cache
def _client() -> Redis:
    return Redis.from_url(
        settings.REDIS_URL,
        socket_timeout=TIMEOUT_SECONDS,
        socket_connect_timeout=TIMEOUT_SECONDS,
        retry=Retry(NoBackoff(), 0),
    )
