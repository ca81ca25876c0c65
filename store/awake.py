"""Whether a drain is awake: then a new command needs no bell, for the drain looks again before it goes.

A drain takes the sign down first and looks for commands afterwards, so a bell spared because of the sign is never
missed. A sign whose drain has died fades by itself; until then the sweeper rings.
"""

from store import redis

FADES_MILLISECONDS = 2_000
"""Longer than a drain lasts."""
_KEY = "orderly:awake"


def show() -> None:
    """A drain has begun to look for commands."""
    redis.ask(lambda client: client.set(_KEY, 1, px=FADES_MILLISECONDS), None)


def hide() -> None:
    """A drain is about to look for the last time."""
    redis.ask(lambda client: client.delete(_KEY), None)


def is_shown() -> bool:
    """Whether some drain will look once more; False when Redis does not answer."""
    return redis.ask(lambda client: bool(client.exists(_KEY)), otherwise=False)
