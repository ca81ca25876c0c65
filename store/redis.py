"""The one connection to Redis, for what may be lost: it gives up at once, and nothing durable depends on it."""

import functools

from django.conf import settings
from redis import Redis, RedisError
from redis.backoff import NoBackoff
from redis.retry import Retry

__all__ = ["RedisError", "client"]

TIMEOUT_SECONDS = 0.3


@functools.cache
def client() -> Redis:
    """Connections to `REDIS_URL` that try once; raises RedisError."""
    return Redis.from_url(
        settings.REDIS_URL,
        socket_timeout=TIMEOUT_SECONDS,
        socket_connect_timeout=TIMEOUT_SECONDS,
        retry=Retry(NoBackoff(), 0),
    )
