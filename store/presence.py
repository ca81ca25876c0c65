"""Which worker nodes that execute commands are alive: a sorted set in Redis, refreshed by their heartbeats."""

import functools
import time

import redis
from django.conf import settings
from redis.backoff import NoBackoff
from redis.retry import Retry

ALIVE_SECONDS = 8
_KEY = "orderly:workers"


@functools.cache
def _redis() -> redis.Redis:
    retry = Retry(NoBackoff(), 0)
    return redis.Redis.from_url(settings.REDIS_URL, socket_timeout=0.3, socket_connect_timeout=0.3, retry=retry)


def seen(node: str) -> None:
    """The node is alive now. Does nothing when Redis is away: the next heartbeat tells it."""
    try:
        _redis().zadd(_KEY, {node: time.time()})
    except redis.RedisError:
        return


def left(node: str) -> None:
    """The node has shut down."""
    try:
        _redis().zrem(_KEY, node)
    except redis.RedisError:
        return


def alive() -> int | None:
    """How many nodes have been seen in the last seconds; None when Redis does not answer."""
    try:
        _redis().zremrangebyscore(_KEY, 0, time.time() - 3600)
        return int(_redis().zcount(_KEY, time.time() - ALIVE_SECONDS, "+inf"))
    except redis.RedisError:
        return None
