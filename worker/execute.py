"""One batch: claim, decide, save, in one transaction: effects, results and history commit together or not at all."""

import uuid
from collections.abc import Callable, Iterable

import structlog
from celery.exceptions import SoftTimeLimitExceeded
from django.db import transaction
from uuid_utils.compat import uuid7

from domain import fields, registry, result
from domain.decision import decide
from domain.outcome import Applied, Outcome, Refused
from domain.registry import Command
from domain.world import World
from store import attempts, cache, changes, db, loading, outbox, queue, saving
from store.changes import Change
from store.commands import CommandRow
from store.db import Statement
from store.queue import Claimed
from store.saving import Effect, Finished
from worker import reporting
from worker.bell import bell
from worker.reporting import Began

DEATHS_MAX = 3
"""A command that kills its worker this often while nothing else is in hand is not tried again."""

log = structlog.get_logger()


class BatchFailed(Exception):  # noqa: N818 - past tense, like an event
    """A batch that could not be executed; nothing has happened. `claimed` are its commands, the cause is chained."""

    def __init__(self, claimed: list[Claimed]) -> None:
        super().__init__(f"a batch of {len(claimed)} commands failed")
        self.claimed = claimed


def execute_batch(first_lane: int, batch_max: int, lanes_max: int) -> int | None:
    """Execute up to `batch_max` ready commands of up to `lanes_max` free lanes, from `first_lane` on.

    Returns how many ended, None when no free lane has any. Raises BatchFailed from whatever went wrong.
    """
    run = uuid7()
    began = Began()
    claimed: list[Claimed] = []
    ended: list[CommandRow] = []
    deliveries = 0
    try:
        with transaction.atomic(durable=True):
            lanes = queue.lock_ready_lanes(first_lane, min(lanes_max, batch_max))
            if not lanes:
                return None
            claimed = queue.claim(lanes, batch_max)
            if claimed:
                attempts.begin(run, claimed)
                ended, deliveries = _execute(claimed)
                attempts.end(run, claimed)
    except Exception as error:
        if not _took_too_long(error):
            attempts.forgive(run)
        raise BatchFailed(claimed) from error
    _tell(ended, deliveries)
    reporting.executed(began, lanes, ended)
    return len(claimed)


def fail(command: Claimed, error: BaseException | None) -> None:
    """End a command as failed that cannot be executed even alone, unless it has ended meanwhile."""
    ended: list[CommandRow] = []
    deliveries = 0
    began = Began()
    with transaction.atomic(durable=True):
        queue.lock_lanes([command.lane])
        if queue.is_queued(command.id):
            end = _failed(command, "internal-error", error)
            [(finished_at, _has_endpoints)] = db.execute_all([saving.ends([end], command.now)])
            ended = [end.row(command.now, finished_at)]
            deliveries = outbox.write(ended, {})
    _tell(ended, deliveries)
    if ended:
        reporting.executed(began, [command.lane], ended)


def _tell(ended: list[CommandRow], deliveries: int) -> None:
    """After the commit: tell whoever waits for these commands or their webhooks."""
    cache.keep(ended)
    changes.tell(Change.ENDED, [row.id for row in ended])
    if deliveries:
        bell.ring_courier()


def _took_too_long(error: Exception) -> bool:
    """Whether Celery's or PostgreSQL's time limit ended the batch: its mark stays, as if its worker had died."""
    return db.was_frozen(error) or isinstance(error, SoftTimeLimitExceeded)


def _execute(claimed: list[Claimed]) -> tuple[list[CommandRow], int]:
    """The commands as they have ended, and how many webhooks there are to send because of it."""
    now = claimed[0].now
    finished: list[Finished] = []
    effects: list[Effect] = []
    statements: list[Statement] = []
    commands = {row.id: command for row in claimed if (command := _readable(row, finished))}
    world = loading.load(list(commands.values()))
    for wave in _waves([row for row in claimed if row.id in commands]):
        decided = [effect for row in wave if (effect := _decide(row, commands[row.id], world, finished))]
        statements += saving.orders(decided, now)
        effects += decided
    written = db.execute_all(
        [*statements, *saving.stock(effects, now), *saving.books(effects, now), saving.ends(finished, now)]
    )
    finished_at, has_endpoints = written[0]
    ended = [end.row(now, finished_at) for end in finished]
    if not has_endpoints:
        return ended, 0
    return ended, outbox.write(ended, {effect.claimed.id: effect.applied for effect in effects})


def _readable(row: Claimed, finished: list[Finished]) -> Command | None:
    """The command of a row; None when it is not to be decided, and has ended here."""
    if row.deaths_alone >= DEATHS_MAX:
        finished.append(_failed(row, "poisoned"))
        return None
    try:
        return _command(row)
    except Exception as error:
        finished.append(_failed(row, "internal-error", error))
        return None


def _command(row: Claimed) -> Command:
    kind = registry.find(row.type)
    if kind is None:
        raise LookupError(f"no command type {row.type}")
    return Command(
        id=row.id,
        type=row.type,
        order_id=row.order_id,
        action=fields.parse(kind.payload, row.payload, "/payload"),
        expected_version=row.expected_version,
        expires_at=row.expires_at,
        role=row.role,
    )


def _waves(claimed: Iterable[Claimed]) -> Iterable[list[Claimed]]:
    """The first command of every order, then the second of each, and so on: each version of an order is saved."""
    waves: list[list[Claimed]] = []
    seen: dict[uuid.UUID | None, int] = {}
    for row in claimed:
        turn = seen.get(row.order_id, 0) if row.order_id else 0
        seen[row.order_id] = turn + 1
        if turn == len(waves):
            waves.append([])
        waves[turn].append(row)
    return waves


def _decide(row: Claimed, command: Command, world: World, finished: list[Finished]) -> Effect | None:
    """Decide one command; its end goes to `finished`, its yes to the world and the caller."""
    before = world.orders.get(row.order_id) if row.order_id else None
    try:
        outcome = decide(command, world, row.now)
    except Exception as error:
        finished.append(_failed(row, "internal-error", error))
        return None
    finished.append(_finished(row, outcome))
    if isinstance(outcome, Refused):
        return None
    world.apply(outcome)
    return Effect(claimed=row, applied=outcome, before=before)


def _finished(row: Claimed, outcome: Outcome) -> Finished:
    if isinstance(outcome, Applied):
        return Finished(claimed=row, status="succeeded", result=result.of_applied(outcome))
    status = "expired" if outcome.code == "expired" else "failed"
    return Finished(claimed=row, status=status, error=result.of_refused(outcome))


_EXPLANATIONS: dict[str, Callable[[Claimed], str]] = {
    "poisoned": lambda row: f"{row.deaths} workers died while executing the command; it is not tried again by itself.",
    "internal-error": lambda _row: "Something unexpected happened; nothing was changed. The log has the details.",
}


def _failed(row: Claimed, code: str, error: BaseException | None = None) -> Finished:
    log.error(
        "command.failed",
        command_id=row.id,
        request_id=row.request_id,
        type=row.type,
        code=code,
        lane=row.lane,
        exc_info=error,
    )
    return Finished(claimed=row, status="failed", error=result.of_refused(Refused(code, _EXPLANATIONS[code](row))))
