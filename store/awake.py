"""Whether a drain, or a courier, is awake: then new work needs no bell, for it looks again before it goes.

Either takes its sign down first and looks for work afterwards, so a bell spared because of the sign is never missed. A
sign whose owner has died fades by itself; until then the sweeper rings.
"""

import enum

from store import redis

FADES_MILLISECONDS = 2_000
"""Longer than a drain lasts."""


class Sign(enum.Enum):
    """Who is awake."""

    DRAIN = "orderly:awake"
    COURIER = "orderly:courier-awake"


def show(sign: Sign = Sign.DRAIN) -> None:
    """Its owner has begun to look for work."""
    redis.ask(lambda client: client.set(sign.value, 1, px=FADES_MILLISECONDS), None)


def hide(sign: Sign = Sign.DRAIN) -> None:
    """Its owner is about to look for the last time."""
    redis.ask(lambda client: client.delete(sign.value), None)


def is_shown(sign: Sign = Sign.DRAIN) -> bool:
    """Whether its owner will look once more; False when Redis does not answer."""
    return redis.ask(lambda client: bool(client.exists(sign.value)), otherwise=False)
