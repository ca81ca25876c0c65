"""Changes of commands, told to whoever waits: their ids on a Redis channel, after the commit.

A word may be lost, with its worker or with Redis; so whoever waits looks at the table by himself now and then.
"""

import enum
import uuid
from collections.abc import Iterable

from store import db, redis


class Change(enum.Enum):
    """What happened to a command, it moved on or ended: the first byte of a message, before the ids."""

    MOVED = b"m"
    ENDED = b"e"


def tell(change: Change, ids: Iterable[uuid.UUID]) -> None:
    """Tell all web processes; nothing happens when Redis is away."""
    packed = b"".join(each.bytes for each in ids)
    if packed:
        redis.ask(lambda client: client.publish(channel(), change.value + packed), None)


def channel() -> str:
    """The channel of this database."""
    return f"orderly:{db.identity()}:changes"


def read(message: bytes) -> tuple[Change, list[uuid.UUID]]:
    """What a message tells, and of which commands."""
    ids = [uuid.UUID(bytes=message[place : place + 16]) for place in range(1, len(message), 16)]
    return Change(message[:1]), ids
