"""Puts the database's triggers to sleep, so that a test can set up what no code and no hand may do otherwise."""

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connection


@contextmanager
def guards_asleep() -> Iterator[None]:
    """For the length of the block, on this connection alone; constraints stay awake."""
    with connection.cursor() as cursor:
        cursor.execute("SET session_replication_role = replica")
    try:
        yield
    finally:
        with connection.cursor() as cursor:
            cursor.execute("SET session_replication_role = origin")
