"""Takes PostgreSQL or Redis away from this process for the length of a block."""

from collections.abc import Iterator
from contextlib import contextmanager

from django.conf import settings
from django.db import connection

from store import redis

_NOBODY = 1
"""A port on which nobody listens."""


@contextmanager
def database_away() -> Iterator[None]:
    """PostgreSQL is nowhere to be found; not even a connection to it is left."""
    port = connection.settings_dict["PORT"]
    connection.close()
    connection.settings_dict["PORT"] = str(_NOBODY)
    try:
        yield
    finally:
        connection.settings_dict["PORT"] = port


@contextmanager
def redis_away(url: str = f"redis://127.0.0.1:{_NOBODY}/0") -> Iterator[None]:
    """Redis is at another address, by default one where nobody answers."""
    before = settings.REDIS_URL
    settings.REDIS_URL = url
    redis.forget()
    try:
        yield
    finally:
        settings.REDIS_URL = before
        redis.forget()
