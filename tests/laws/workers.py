"""Asks put into the inbox while several workers drain it, and what PostgreSQL holds afterwards."""

import itertools
import threading
import uuid
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, LiteralString

import psycopg
from django.conf import settings
from django.db import connection
from uuid_utils.compat import uuid7

from domain.outcome import Outcome
from store import inbox, queue
from store.inbox import Submission
from tests.concurrency.workers import at_once
from tests.laws.asks import Ask
from tests.polling import until
from tests.till import run_drain

WORKERS = 4
BATCH_MAX = 6
"""Small, so that batches of all workers come between one order's commands."""
UPLOAD = 20
"""How many commands are accepted at a time."""
TABLES: tuple[LiteralString, ...] = (
    *("orders", "order_line", "product", "stock_movement", "order_history", "payment", "command", "attempt"),
)


@dataclass(frozen=True, slots=True)
class Asked:
    """An ask under the id of its command, and what the pure core said when it played all in order."""

    id: uuid.UUID
    ask: Ask
    outcome: Outcome

    @staticmethod
    def of(ask: Ask, outcome: Outcome) -> "Asked":
        """Ready to be submitted."""
        return Asked(uuid7(), ask, outcome)


def submission(asked: Asked, clients: dict[str | None, int], lane_of: str) -> Submission:
    """As the API would make it; the role is checked when the command is executed."""
    ask = asked.ask
    return Submission(
        id=asked.id,
        client_id=clients[ask.role],
        idempotency_key=str(asked.id),
        body_hash=asked.id.bytes,
        type=ask.type,
        order_id=ask.order_id,
        lane_of=lane_of,
        payload=ask.payload,
        expected_version=ask.expected_version,
        expires_at=None if ask.expires_in is None else datetime.now(UTC) + timedelta(seconds=ask.expires_in),
    )


def execute(submissions: Sequence[Submission]) -> None:
    """Accept them in this order, each twice, while the workers execute; return when all have ended."""
    all_in = threading.Event()

    def accept() -> None:
        try:
            for upload in itertools.batched(submissions, UPLOAD, strict=False):
                assert len(inbox.accept(upload, settings.LANES)) == len(upload)
                assert not inbox.accept(upload, settings.LANES), "a key was taken twice"
        finally:
            all_in.set()

    def work(first_lane: int) -> Callable[[], None]:
        def drain_all() -> None:
            until(
                lambda: run_drain(first_lane, BATCH_MAX) and all_in.is_set() and not queue.a_ready_lane(),
                "every command has ended",
            )

        return drain_all

    acts = deque([accept, *(work(number * settings.LANES // WORKERS) for number in range(WORKERS))])

    def act() -> None:
        acts.popleft()()

    at_once(1 + WORKERS, act)


def query(sql: LiteralString) -> list[tuple[Any, ...]]:
    """Rows by the test's own SQL."""
    return raw().execute(sql).fetchall()


def raw() -> psycopg.Connection[Any]:
    """The test's own connection."""
    connection.ensure_connection()
    mine: psycopg.Connection[Any] = connection.connection
    return mine


def everything() -> dict[str, list[tuple[Any, ...]]]:
    """Every row of every table, and the transaction that wrote it."""
    with raw().cursor() as cursor:
        return {
            table: cursor.execute(f"SELECT row::text, xmin::text FROM {table} AS row ORDER BY 1").fetchall()
            for table in TABLES
        }
