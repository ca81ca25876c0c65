"""The edge to PostgreSQL: plain, prepared SQL on Django's own connection, and what to do when it is lost."""

import functools
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import psycopg
from django.db import DEFAULT_DB_ALIAS, InterfaceError, OperationalError, connection, connections
from psycopg.rows import kwargs_row, scalar_row
from psycopg.types.json import JsonbLoader

TRANSIENT = (OperationalError, InterfaceError)
"""What may pass when tried again: lost connection, deadlock, serialization failure, lock or statement time-out."""


_IDENTITY = """
SELECT system_identifier || '.' || (SELECT oid FROM pg_database WHERE datname = current_database())
FROM pg_control_system()
"""


def may_pass(error: BaseException | None) -> bool:
    """Whether the batch may succeed when tried again: also after its process was frozen, or an order was created by
    another lane meanwhile.
    """
    return isinstance(error, TRANSIENT) or was_frozen(error) or _was_created_meanwhile(error)


def was_frozen(error: BaseException | None) -> bool:
    """Whether PostgreSQL ended the transaction because nothing came for too long."""
    return isinstance(getattr(error, "__cause__", None), psycopg.errors.IdleInTransactionSessionTimeout)


def _was_created_meanwhile(error: BaseException | None) -> bool:
    """Two creations of one order are in one lane, unless LANES has changed between them."""
    cause = getattr(error, "__cause__", None)
    return isinstance(cause, psycopg.errors.UniqueViolation) and cause.diag.constraint_name == "orders_pkey"


@contextmanager
def session() -> Iterator[psycopg.Connection[Any]]:
    """Django's own connection as psycopg sees it, inside Django's transaction; raises Django's exceptions."""
    mine = connections[DEFAULT_DB_ALIAS]  # looked up once: `connection` looks it up for each word after it
    mine.ensure_connection()
    with mine.wrap_database_errors:
        yield mine.connection


def rows[R](make: Callable[..., R], sql: str, parameters: Sequence[object] | Mapping[str, object] = ()) -> list[R]:
    """Run one statement; each row becomes `make(**columns)`. The statement is prepared once a connection."""
    with session() as raw:
        cursor: _Cursor[R] = _Cursor(raw, row_factory=kwargs_row(make))
        return cursor.execute(sql, parameters, prepare=True).fetchall()


def scalars(sql: str, parameters: Sequence[object] = ()) -> list[Any]:
    """Run one statement; the first column of each row."""
    with session() as raw:
        cursor: _Cursor[Any] = _Cursor(raw, row_factory=scalar_row)
        return cursor.execute(sql, parameters, prepare=True).fetchall()


def execute(sql: str, parameters: Sequence[object] = ()) -> int:
    """Run one statement; how many rows it touched."""
    with session() as raw, psycopg.Cursor(raw) as cursor:
        return cursor.execute(sql, parameters, prepare=True).rowcount


@functools.cache
def identity() -> str:
    """What tells this database from any other that shares its Redis, also from one of its name that was made anew."""
    return str(scalars(_IDENTITY)[0])


def columns(rows: Sequence[tuple[object, ...]]) -> list[list[object]]:
    """Rows as the arrays, one a column, that `unnest` makes rows of again."""
    return [list(column) for column in zip(*rows, strict=True)]


@dataclass(frozen=True, slots=True)
class Statement:
    """A statement and how many rows it must touch; None when that is not known."""

    sql: str
    parameters: Sequence[object]
    touches: int | None = None


def execute_all(statements: Sequence[Statement]) -> list[tuple[Any, ...]]:
    """Run several statements in two round trips; a wrong row count is a bug and stops the transaction.

    Returns the rows of the last one.
    The last one runs after the pipeline: a pipeline leaves PostgreSQL's idle-in-transaction limit switched off, and a
    worker frozen then would keep its locks.
    """

    def run(each: Statement) -> psycopg.Cursor[Any]:
        return psycopg.Cursor(raw).execute(each.sql, each.parameters, prepare=True)

    with session() as raw:
        cursors = []
        if len(statements) > 1:
            with raw.pipeline():
                cursors = [run(each) for each in statements[:-1]]
        cursors.append(run(statements[-1]))
        for statement, cursor in zip(statements, cursors, strict=True):
            assert statement.touches in {None, cursor.rowcount}, f"{cursor.rowcount} rows touched by {statement.sql}"
        return cursors[-1].fetchall()


def reconnecting[**P, R](operation: Callable[P, R]) -> Callable[P, R]:
    """Run an operation that may safely run twice; once more on a fresh connection when the old one turns out dead.

    A connection that PostgreSQL closed since the last request shows itself by the first statement that fails.
    """

    @functools.wraps(operation)
    def twice(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return operation(*args, **kwargs)
        except TRANSIENT:
            if connection.in_atomic_block or not lost():
                raise
            connection.close()
            return operation(*args, **kwargs)

    return twice


def lost() -> bool:
    """Whether the connection is unusable, for psycopg or for the server."""
    raw = connection.connection
    return raw is None or raw.closed or not connection.is_usable()


class _Cursor[R](psycopg.Cursor[R]):
    """A cursor that reads jsonb as Python values; Django has taught its connection to leave it as text."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.adapters.register_loader("jsonb", JsonbLoader)
