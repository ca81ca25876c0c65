"""Which worker nodes that execute commands are alive: a sorted set in Redis, refreshed by their heartbeats."""

import time

from store.redis import RedisError, client

ALIVE_SECONDS = 8
_KEY = "orderly:workers"


def seen(node: str) -> None:
    """The node is alive now. Does nothing when Redis is away: the next heartbeat tells it."""
    try:
        client().zadd(_KEY, {node: time.time()})
    except RedisError:
        return


def left(node: str) -> None:
    """The node has shut down."""
    try:
        client().zrem(_KEY, node)
    except RedisError:
        return


def alive() -> int | None:
    """How many nodes have been seen in the last seconds; None when Redis does not answer."""
    try:
        client().zremrangebyscore(_KEY, 0, time.time() - 3600)
        return int(client().zcount(_KEY, time.time() - ALIVE_SECONDS, "+inf"))
    except RedisError:
        return None
