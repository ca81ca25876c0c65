"""Attempts, counted where a killed process cannot roll them back: on a connection of their own, committed at once.

A batch writes which commands it is about to execute; its own transaction deletes the mark again. A mark that is still
there once the lane can be locked was left by a worker that died.
"""

import threading
import uuid
from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import Any

import psycopg
from django.db import connection

from store import db
from store.queue import Claimed

_connection: psycopg.Connection[Any] | None = None
_opening = threading.Lock()

_BEGIN = """
INSERT INTO attempt (lane, run, seqs)
SELECT lane, %s, string_to_array(seqs, ',')::bigint[] FROM unnest(%b::smallint[], %b::text[]) AS mark (lane, seqs)
"""
_FORGET = "DELETE FROM attempt WHERE run = %s"
# A dead worker's mark has served once none of its commands waits any more.
_SETTLE = """
DELETE FROM attempt WHERE lane = ANY (%b::smallint[]) AND NOT EXISTS (
    SELECT FROM command WHERE command.lane = attempt.lane AND command.seq = ANY (attempt.seqs)
        AND command.status = 'queued' AND NOT command.parked)
"""


def begin(run: uuid.UUID, claimed: Sequence[Claimed]) -> None:
    """Write down, for good, that `run` is about to execute these commands."""
    seqs: dict[int, list[str]] = defaultdict(list)
    for command in claimed:
        seqs[command.lane].append(str(command.seq))
    _apart(_BEGIN, [run, list(seqs), [",".join(group) for group in seqs.values()]])


def end(run: uuid.UUID, claimed: Sequence[Claimed]) -> None:
    """Take the mark back within the batch's own transaction, and the dead workers' marks that it settles."""
    db.execute(_FORGET, [run])
    if any(command.deaths for command in claimed):
        db.execute(_SETTLE, [[command.lane for command in claimed]])


def forgive(run: uuid.UUID) -> None:
    """Take the mark of a batch back that failed for no fault of its commands; leaves it there if that fails too."""
    try:
        _apart(_FORGET, [run])
    except psycopg.OperationalError:
        return


def _apart(sql: str, parameters: Sequence[object]) -> None:
    with connection.wrap_database_errors:
        try:
            _open().execute(sql, parameters, prepare=True)
        except psycopg.OperationalError:
            _open(fresh=True).execute(sql, parameters, prepare=True)


def _open(*, fresh: bool = False) -> psycopg.Connection[Any]:
    global _connection
    with _opening:
        if _connection is None or _connection.closed or fresh:
            if _connection is not None:
                _connection.close()
            connect: Callable[..., psycopg.Connection[Any]] = psycopg.connect
            parameters = connection.get_connection_params()
            wanted = {name: value for name, value in parameters.items() if name not in {"cursor_factory", "context"}}
            _connection = connect(**wanted, autocommit=True)
        return _connection
