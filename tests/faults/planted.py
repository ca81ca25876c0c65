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

from domain.outcome import Answer, Outcome
from domain.registry import MANAGER, ORDER_ALONE, POS, Command, Scope, command
from domain.world import World
from store import attempts
from store.queue import Claimed
from worker.app import app

django.setup()

from store import asking, deliveries  # noqa: E402 - they need the models
from store.asking import Request  # noqa: E402
from store.deliveries import Tried  # noqa: E402
from worker import payments  # noqa: E402
from worker.providers import Provider  # noqa: E402

__all__ = ["app"]

_HOUR_SECONDS = 3_600.0

_folder = Path(os.environ["FAULTS"])
_end = attempts.end
_record = deliveries.record
_claim = asking.claim
_answered = asking.answered
_delay_seconds = payments.delay_seconds
_ask = payments._ask
_commit: Callable[[Any], None] = DatabaseWrapper._commit  # type: ignore[attr-defined] # the stubs lack it
_ending_types: set[str] = set()
"""What the batch has executed whose commit comes next."""


def _takes(fault: str) -> bool:
    try:
        (_folder / fault).unlink()
    except FileNotFoundError:
        return False
    return True


def _die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def _batch_takes(fault: str, types: set[str]) -> bool:
    """Whether a batch of commands of these types suffers it; `fault-of-type` waits for one of that type."""
    return any(map(_takes, [fault, *(f"{fault}-of-{each}" for each in types)]))


def _end_of_batch(run: uuid.UUID, claimed: Sequence[Claimed]) -> None:
    global _ending_types
    types = {each.type for each in claimed}
    if _takes("freeze-before-commit"):
        os.kill(os.getpid(), signal.SIGSTOP)
    if _batch_takes("die-before-commit", types):
        _die()
    _end(run, claimed)
    _ending_types = types


def _commit_of_batch(wrapper: DatabaseWrapper) -> None:
    global _ending_types
    types, _ending_types = _ending_types, set()
    raw = wrapper.connection
    if types and _batch_takes("die-during-commit", types):
        raw.pgconn.send_query(b"COMMIT")
        _die()
    if types and _batch_takes("lose-commit-answer", types):
        raw.pgconn.send_query(b"COMMIT")
        raw.close()
    _commit(wrapper)
    if types and _batch_takes("die-after-commit", types):
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


def _claim_request(timeout_seconds: float) -> Request | None:
    """The provider has not been asked yet."""
    request = _claim(timeout_seconds)
    if request is not None and _takes("die-before-asking"):
        _die()
    return request


def _keep_answer(request: Request, answer: Answer, delay_seconds: float) -> int | None:
    """The provider has acted, and nobody here knows it yet; then it is known, and its lane is not."""
    if _takes("die-before-keeping-the-answer"):
        _die()
    lane = _answered(request, answer, delay_seconds)
    if _takes("die-before-ringing-the-lane"):
        _die()
    return lane


def _ask_provider(request: Request, provider_named: Callable[[str], Provider]) -> None:
    _ask(request, provider_named)
    if _takes("die-after-ringing-the-lane"):
        _die()


def _delay_of(attempts_made: int, chance: float) -> float:
    """Long enough for a test to let the time pass itself."""
    return _HOUR_SECONDS if (_folder / "long-delays").exists() else _delay_seconds(attempts_made, chance)


attempts.end = _end_of_batch
asking.claim = _claim_request
asking.answered = _keep_answer
payments._ask = _ask_provider
payments.delay_seconds = _delay_of
asking.MARGIN_SECONDS = 2.0  # instead of 5: what a death leaves behind is due again so much sooner
payments.SETTLE_SECONDS = 3.0  # instead of half a minute
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
