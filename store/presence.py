"""Which worker nodes that execute commands are alive: a sorted set in Redis, refreshed by their heartbeats."""

import time

from store import redis

ALIVE_SECONDS = 8
_KEY = "orderly:workers"


def seen(node: str) -> None:
    """The node is alive now. Does nothing when Redis is away: the next heartbeat tells it."""
    redis.ask(lambda client: client.zadd(_KEY, {node: time.time()}), None)


def left(node: str) -> None:
    """The node has shut down."""
    redis.ask(lambda client: client.zrem(_KEY, node), None)


def alive() -> int | None:
    """How many nodes have been seen in the last seconds; None when Redis does not answer."""
    redis.ask(lambda client: client.zremrangebyscore(_KEY, 0, time.time() - 3600), None)
    return redis.ask(lambda client: int(client.zcount(_KEY, time.time() - ALIVE_SECONDS, "+inf")), None)
