"""The worker's Celery application with places planted in it where a test can make the process die or freeze.

A test writes a file named after a fault into the folder FAULTS; the first process that comes by takes it and suffers
the fault. Everything else is the real worker: `celery -A tests.faults.planted worker`.
"""

import os
import signal
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import django
from django.db.backends.postgresql.base import DatabaseWrapper

from domain.outcome import Outcome
from domain.registry import MANAGER, ORDER_ALONE, POS, Command, Scope, command
from domain.world import World
from store import attempts
from store.queue import Claimed
from worker.app import app

django.setup()

from store import deliveries  # noqa: E402 - needs the models
from store.deliveries import Tried  # noqa: E402

__all__ = ["app"]

_folder = Path(os.environ["FAULTS"])
_end = attempts.end
_record = deliveries.record
_commit: Callable[[Any], None] = DatabaseWrapper._commit  # type: ignore[attr-defined] # the stubs lack it
_batch_ends_here = False


def _takes(fault: str) -> bool:
    try:
        (_folder / fault).unlink()
    except FileNotFoundError:
        return False
    return True


def _die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def _end_of_batch(run: uuid.UUID, claimed: Sequence[Claimed]) -> None:
    global _batch_ends_here
    if _takes("freeze-before-commit"):
        os.kill(os.getpid(), signal.SIGSTOP)
    if _takes("die-before-commit"):
        _die()
    _end(run, claimed)
    _batch_ends_here = True


def _commit_of_batch(wrapper: DatabaseWrapper) -> None:
    global _batch_ends_here
    planted, _batch_ends_here = _batch_ends_here, False
    raw = wrapper.connection
    if planted and _takes("die-during-commit"):
        raw.pgconn.send_query(b"COMMIT")
        _die()
    if planted and _takes("lose-commit-answer"):
        raw.pgconn.send_query(b"COMMIT")
        raw.close()
    _commit(wrapper)
    if planted and _takes("die-after-commit"):
        _die()


def _record_tries(tries: Sequence[Tried]) -> None:
    """What was received has been, and nobody here knows it yet."""
    if any(each.status == 200 for each in tries):
        if _takes("die-before-record"):
            _die()
        if _takes("freeze-before-record"):
            os.kill(os.getpid(), signal.SIGSTOP)
    _record(tries)
    if _takes("die-after-record"):
        _die()


attempts.end = _end_of_batch
deliveries.record = _record_tries
deliveries.LEASE_SECONDS = 5  # instead of half a minute
DatabaseWrapper._commit = _commit_of_batch  # type: ignore[attr-defined]


@command("order.kill_worker", roles=(POS, MANAGER))
@dataclass(frozen=True, slots=True, kw_only=True)
class KillWorker:
    """A command that no worker survives."""

    def scope(self) -> Scope:
        """Its order alone."""
        return ORDER_ALONE

    def decide(self, command: Command, world: World, now: datetime) -> Outcome:
        """Die."""
        _die()
        raise AssertionError("unreachable")
