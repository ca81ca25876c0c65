"""An offline queue: what a till does without a network is durable in SQLite before anything is sent.

An entry waits until its answer is stored; whatever crashes in between, it is sent again under the same key, and the
server answers with a replay. So nothing is lost and nothing happens twice.
"""

import json
import sqlite3
import threading
import time
import uuid
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from http import HTTPStatus
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from uuid import UUID

from orderly_client.async_client import AsyncOrderly
from orderly_client.calls import COMMAND_BYTES_MAX, ENTRIES_MAX, portions, upload
from orderly_client.client import Orderly
from orderly_client.conversation import Conversation
from orderly_client.drafts import Draft, encode
from orderly_client.errors import InvalidRequestError, OrderlyError
from orderly_client.problems import Problem
from orderly_client.resources import Command
from orderly_client.retries import Pace, is_transient

BUSY_SECONDS_MAX = 30.0
"""How long a process waits for another one's write; each takes milliseconds."""
_BUSY_SECONDS_BETWEEN = 0.01
_VERSION = 1
_SCHEMA = """
CREATE TABLE entry (
    sequence INTEGER PRIMARY KEY AUTOINCREMENT,
    idempotency_key TEXT NOT NULL UNIQUE,
    body TEXT NOT NULL,
    state TEXT NOT NULL DEFAULT 'waiting' CHECK (state IN ('waiting', 'accepted', 'rejected')),
    answer TEXT,
    CHECK ((state = 'waiting') = (answer IS NULL))
);
CREATE INDEX entry_waiting ON entry (sequence) WHERE state = 'waiting';
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Queued:
    """A command that waits, with the `device_sequence` and the order's id that it was given."""

    sequence: int
    idempotency_key: str
    order_id: UUID | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Accepted:
    """A command that the server has; `command` is how it stood then. `Orderly.wait()` tells how it ends."""

    sequence: int
    command: Command


@dataclass(frozen=True, slots=True, kw_only=True)
class Rejected:
    """A command that the server will not take, and why; `body` is what was sent."""

    sequence: int
    idempotency_key: str
    body: dict[str, Any]
    problem: Problem


@dataclass(frozen=True, slots=True, kw_only=True)
class Flushed:
    """How many this flush got an answer for, how many still wait, and what stopped it if they do.

    `busy`: another one is flushing this queue now, so this one did nothing.
    """

    accepted: int = 0
    rejected: int = 0
    left: int = 0
    stopped_by: OrderlyError | None = None
    busy: bool = False


class OfflineQueue:
    """A queue in one file; any number of threads and processes may share it, and one of them flushes at a time."""

    def __init__(self, path: str | Path, *, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._path = Path(path)
        self._now = now
        self._lock = threading.Lock()
        self._database = sqlite3.connect(self._path, timeout=BUSY_SECONDS_MAX, autocommit=True, check_same_thread=False)
        try:
            self._prepare()
        except BaseException:
            self._database.close()
            raise

    def enqueue(self, draft: Draft) -> Queued:
        """Store one command; see `enqueue_all`."""
        return self.enqueue_all([draft])[0]

    def enqueue_all(self, drafts: Sequence[Draft]) -> list[Queued]:
        """Store commands, all or none; when this returns they survive a power cut.

        Each gets the next `device_sequence`, now as `occurred_at` unless it has one, and an order that is created an
        id. Raises ValueError for one that is too large, that has a `device_sequence`, or whose key is in the queue.
        """
        with self._transaction() as database:
            return [self._insert(database, draft) for draft in drafts]

    def flush(self, client: Orderly, *, batch_max: int = ENTRIES_MAX) -> Flushed:
        """Upload what waits, oldest first, batch after batch, until nothing is left or the network gives out.

        That it is still away is no error but `Flushed.stopped_by`. Raises what needs a person: a wrong API key, for
        example. Nothing leaves the queue then.
        """
        return client.run(self._flushing(client.pace, batch_max))

    async def flush_async(self, client: AsyncOrderly, *, batch_max: int = ENTRIES_MAX) -> Flushed:
        """`flush` for asyncio; it writes to the file between two requests, without leaving the event loop."""
        return await client.run(self._flushing(client.pace, batch_max))

    def __len__(self) -> int:
        """How many wait."""
        count: int = self._rows("SELECT count(*) FROM entry WHERE state = 'waiting'")[0][0]
        return count

    def accepted(self) -> list[Accepted]:
        """What the server has taken, oldest first."""
        rows = self._rows("SELECT sequence, answer FROM entry WHERE state = 'accepted' ORDER BY sequence")
        return [Accepted(sequence=sequence, command=Command.of(json.loads(answer))) for sequence, answer in rows]

    def rejected(self) -> list[Rejected]:
        """What the server has refused, oldest first."""
        query = """SELECT sequence, idempotency_key, body, answer FROM entry WHERE state = 'rejected'
                   ORDER BY sequence"""
        return [
            Rejected(sequence=sequence, idempotency_key=key, body=json.loads(body), problem=Problem.of(json.loads(no)))
            for sequence, key, body, no in self._rows(query)
        ]

    def forget(self, sequences: Iterable[int]) -> None:
        """Delete entries that have an answer, once you have dealt with it."""
        with self._transaction() as database:
            database.executemany(
                "DELETE FROM entry WHERE sequence = ? AND state <> 'waiting'", [(each,) for each in sequences]
            )

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._database.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def _prepare(self) -> None:
        self._choose_journal()
        self._database.execute("PRAGMA synchronous = FULL")  # a commit is on the disk, not on its way there
        with self._transaction() as database:
            version = database.execute("PRAGMA user_version").fetchone()[0]
            if version not in {0, _VERSION}:
                raise ValueError(f"{self._path} was written by another version of this package")
            if version == 0:
                for statement in _SCHEMA.split(";\n"):
                    database.execute(statement)
                database.execute(f"PRAGMA user_version = {_VERSION}")

    def _choose_journal(self) -> None:
        """WAL: one fsync a commit. SQLite waits for no lock in this statement, whatever its timeout; so we do."""
        until = time.monotonic() + BUSY_SECONDS_MAX
        while True:
            try:
                self._database.execute("PRAGMA journal_mode = WAL")
                return
            except sqlite3.OperationalError as error:
                # The low byte tells the kind; the rest of the number, which of its cases.
                if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > until:
                    raise
            time.sleep(_BUSY_SECONDS_BETWEEN)

    def _insert(self, database: sqlite3.Connection, draft: Draft) -> Queued:
        if draft.device_sequence is not None:
            raise ValueError("the queue itself numbers its commands")
        # AUTOINCREMENT remembers the highest number even when its entry is gone; the lock is ours since BEGIN.
        query = "SELECT coalesce(max(seq), 0) + 1 FROM sqlite_sequence WHERE name = 'entry'"
        sequence: int = database.execute(query).fetchone()[0]
        numbered = replace(
            draft,
            order_id=draft.order_id or (uuid.uuid4() if draft.type == "order.create" else None),
            occurred_at=draft.occurred_at or self._now(),
            device_sequence=sequence,
        )
        entry = numbered.entry()
        if len(entry) > COMMAND_BYTES_MAX:
            raise ValueError(f"a command of {len(entry)} bytes; {COMMAND_BYTES_MAX} are the most")
        try:
            database.execute(
                "INSERT INTO entry (sequence, idempotency_key, body) VALUES (?, ?, ?)",
                (sequence, draft.idempotency_key, entry.decode()),
            )
        except sqlite3.IntegrityError:
            raise ValueError(f"the key {draft.idempotency_key} is in the queue already") from None
        order_id = UUID(str(numbered.order_id)) if numbered.order_id else None
        return Queued(sequence=sequence, idempotency_key=draft.idempotency_key, order_id=order_id)

    def _flushing(self, pace: Pace, batch_max: int) -> Conversation[Flushed]:
        with self._alone() as is_alone:
            if not is_alone:
                return Flushed(left=len(self), busy=True)
            done = Flushed()
            while entries := self._oldest(batch_max):
                try:
                    outcomes = yield from _uploaded(list(entries.values()), pace)
                except OrderlyError as error:
                    if is_transient(error):
                        return replace(done, left=len(self), stopped_by=error)
                    raise
                self._settle(dict(zip(entries, outcomes, strict=False)))
                no = sum(isinstance(each, Problem) for each in outcomes)
                done = replace(done, accepted=done.accepted + len(outcomes) - no, rejected=done.rejected + no)
            return replace(done, left=len(self))

    def _oldest(self, batch_max: int) -> dict[int, bytes]:
        """The next batch, by sequence."""
        query = "SELECT sequence, body FROM entry WHERE state = 'waiting' ORDER BY sequence LIMIT ?"
        waiting = {sequence: body.encode() for sequence, body in self._rows(query, (min(batch_max, ENTRIES_MAX),))}
        first = next(portions(waiting.values()), [])
        return dict(list(waiting.items())[: len(first)])

    def _settle(self, outcomes: dict[int, Command | Problem]) -> None:
        """Store answers; only with its answer an entry ceases to wait."""
        answers = [(*_stored(outcome), sequence) for sequence, outcome in outcomes.items()]
        with self._transaction() as database:
            database.executemany(
                "UPDATE entry SET state = ?, answer = ? WHERE sequence = ? AND state = 'waiting'", answers
            )

    @contextmanager
    def _alone(self) -> Iterator[bool]:
        """Whether nobody else flushes. A lock of a database beside the queue ends with its process, however it ends."""
        beside = self._path.with_name(f"{self._path.name}.flushing")
        with closing(sqlite3.connect(beside, timeout=0, autocommit=True, check_same_thread=False)) as lock:
            try:
                lock.execute("BEGIN EXCLUSIVE")
            except sqlite3.OperationalError:
                yield False
            else:
                yield True

    def _rows(self, query: str, parameters: Sequence[Any] = ()) -> list[Any]:
        with self._lock:
            return self._database.execute(query, parameters).fetchall()

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        """For writing alone, from its first statement on."""
        with self._lock:
            self._database.execute("BEGIN IMMEDIATE")
            try:
                yield self._database
            except BaseException:
                self._database.execute("ROLLBACK")
                raise
            self._database.execute("COMMIT")


def _uploaded(entries: list[bytes], pace: Pace) -> Conversation[list[Command | Problem]]:
    """Outcomes of the first entries, of at least one.

    A batch refused as a whole is halved until the entry that spoils it stands alone; the rest must not wait for it.
    """
    while True:
        try:
            return (yield from upload(entries, pace))
        except InvalidRequestError as error:
            if not _spoiled_by_an_entry(error):
                raise
            if len(entries) == 1:
                return [error.problem]
            entries = entries[: len(entries) // 2]


def _spoiled_by_an_entry(error: InvalidRequestError) -> bool:
    """Not by a header, say: that would be wrong with every entry, and none deserves to be moved aside for it."""
    in_the_body = [fault.place == "" or fault.place.startswith("/") for fault in error.errors]
    return error.status == HTTPStatus.REQUEST_ENTITY_TOO_LARGE or (bool(in_the_body) and all(in_the_body))


def _stored(outcome: Command | Problem) -> tuple[str, str]:
    state = "accepted" if isinstance(outcome, Command) else "rejected"
    return state, encode(outcome.shown).decode()
