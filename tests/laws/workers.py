"""Asks put into the inbox while several workers drain it, and what PostgreSQL holds afterwards."""

import dataclasses
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

from domain import result
from domain.outcome import Answer, Outcome
from store import asking, clients, commands, inbox, queue
from store.asking import Request
from store.inbox import Submission
from tests.concurrency.workers import at_once
from tests.laws.asks import SETTLE, Ask
from tests.laws.core import asked_by
from tests.polling import until
from tests.till import run_drain
from worker.payments import UNCERTAIN

WORKERS = 4
BATCH_MAX = 6
"""Small, so that batches of all workers come between one order's commands."""
UPLOAD = 20
"""How many commands are accepted at a time."""
TABLES: tuple[LiteralString, ...] = (
    *("orders", "order_line", "product", "stock_movement", "order_history", "payment", "refund", "provider_request"),
    *("journal_entry", "posting", "command", "attempt"),
)


LEASE_SECONDS = 600.0


@dataclass(frozen=True, slots=True)
class Played:
    """An ask under the id of its command, and what the pure core said when it played all in order."""

    id: uuid.UUID
    ask: Ask
    outcome: Outcome


def submission(played: Played, clients: dict[str | None, int], lane_of: str) -> Submission:
    """As the API would make it; the role is checked when the command is executed."""
    ask = played.ask
    return Submission(
        id=played.id,
        client_id=clients[ask.role],
        idempotency_key=str(played.id),
        body_hash=played.id.bytes,
        type=ask.type,
        order_id=ask.order_id,
        lane_of=lane_of,
        payload=ask.payload,
        expected_version=ask.expected_version,
        expires_at=None if ask.expires_in is None else datetime.now(UTC) + timedelta(seconds=ask.expires_in),
    )


def execute(played: Sequence[Played], inlet: "Inlet") -> None:
    """Accept them in this order, each twice, while the workers execute; return when all that can end has ended."""
    all_in = threading.Event()

    def accept() -> None:
        try:
            for each in played:
                inlet.take(each)
            inlet.upload()
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


class Inlet:
    """Where commands and answers come in, one after the other; `taken` are those that did.

    Answers come as a provider gives them, once their command has asked; they get the ids that Orderly gives them.
    """

    def __init__(self, submission_of: Callable[[Played], Submission]) -> None:
        self.taken: list[Played] = []
        self._submission_of = submission_of
        self._waiting: list[Submission] = []
        self._leased: dict[uuid.UUID, Request] = {}

    def take(self, played: Played) -> None:
        """Let it in, a little later maybe but before the next."""
        answered = self._answer(played.ask) if played.ask.type == SETTLE else None
        self.taken.append(dataclasses.replace(played, id=answered or played.id))
        if answered is None:
            self._waiting.append(self._submission_of(played))
            if len(self._waiting) == UPLOAD:
                self.upload()

    def upload(self) -> None:
        """Have all accepted that has come in."""
        upload, self._waiting = self._waiting, []
        assert len(inbox.accept(upload, settings.LANES)) == len(upload)
        assert not inbox.accept(upload, settings.LANES), "a key was taken twice"

    def _answer(self, ask: Ask) -> uuid.UUID | None:
        """Give the answer, twice: the id of the command that settles it; None if nobody waits for it there."""
        self.upload()
        until(lambda: not queue.is_queued(asked_by(ask)), "the command has been executed")
        asking_one = commands.by_id(asked_by(ask))
        key = f"settle-{asked_by(ask)}"
        is_open = asking_one is not None and asking_one.finished_at is None and asking_one.order_id == ask.order_id
        if not is_open or commands.by_keys(clients.own_id(), [key]):
            return None
        answer = Answer(is_yes=ask.payload["is_yes"], reference=ask.payload.get("reference"))
        request = self._lease(asked_by(ask))
        if len(self.taken) % 3 == 0:
            assert asking.unanswered(request, 0, result.of_refused(UNCERTAIN))
            del self._leased[request.id]
            request = self._lease(request.id)
        assert asking.answered(request, answer, LEASE_SECONDS) is not None
        assert asking.answered(request, Answer(is_yes=not answer.is_yes), LEASE_SECONDS) is None, "settled twice"
        return commands.by_keys(clients.own_id(), [key])[key].id

    def _lease(self, request_id: uuid.UUID) -> Request:
        while request_id not in self._leased:
            request = until(lambda: asking.claim(LEASE_SECONDS), "it is due")
            self._leased[request.id] = request
        return self._leased[request_id]


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
