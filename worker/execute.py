"""One batch: claim, decide, save, in one transaction: effects, results and history commit together or not at all."""

import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import structlog
from celery.exceptions import SoftTimeLimitExceeded
from django.conf import settings
from django.db import transaction
from uuid_utils.compat import uuid7

from domain import fields, registry, result
from domain.commands import settle_payment
from domain.commands.settle_payment import SettlePayment
from domain.decision import decide
from domain.outcome import Applied, Asked, Question, Refused, Settled
from domain.registry import Command
from domain.world import World
from store import attempts, cache, changes, db, loading, outbox, queue, saving, saving_money
from store.changes import Change
from store.commands import CommandRow
from store.db import Statement
from store.effects import Effect, Standing
from store.queue import Claimed
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


@dataclass(frozen=True, slots=True)
class _Done:
    """The commands as they stand after a batch, and whether there are webhooks to send or questions to ask."""

    rows: list[CommandRow]
    has_deliveries: bool
    has_questions: bool = False


def execute_batch(first_lane: int, batch_max: int, lanes_max: int) -> int | None:
    """Execute up to `batch_max` ready commands of up to `lanes_max` free lanes, from `first_lane` on.

    Returns how many were executed, None when no free lane has any. Raises BatchFailed from whatever went wrong.
    """
    run = uuid7()
    began = Began()
    claimed: list[Claimed] = []
    done = _Done([], has_deliveries=False)
    try:
        with transaction.atomic(durable=True):
            lanes = queue.lock_ready_lanes(first_lane, min(lanes_max, batch_max))
            if not lanes:
                return None
            claimed = queue.claim(lanes, batch_max)
            if claimed:
                attempts.begin(run, claimed)
                done = _Batch(claimed).execute()
                attempts.end(run, claimed)
    except Exception as error:
        if not _took_too_long(error):
            attempts.forgive(run)
        raise BatchFailed(claimed) from error
    _tell(done)
    reporting.executed(began, lanes, done.rows)
    return len(claimed)


def fail(command: Claimed, error: BaseException | None) -> None:
    """End a command as failed that cannot be executed even alone, unless it has ended meanwhile."""
    done = _Done([], has_deliveries=False)
    began = Began()
    with transaction.atomic(durable=True):
        queue.lock_lanes([command.lane])
        if queue.is_queued(command.id):
            end = _failed(command, "internal-error", error)
            [(finished_at, _has_endpoints)] = db.execute_all([saving.commands([end], command.now)])
            rows = [end.row(command.now, finished_at)]
            done = _Done(rows, has_deliveries=outbox.write(rows, {}) > 0)
    _tell(done)
    if done.rows:
        reporting.executed(began, [command.lane], done.rows)


def _tell(done: _Done) -> None:
    """After the commit: tell whoever waits for these commands, and whoever has something to send because of them."""
    cache.keep(done.rows)
    changes.tell(Change.ENDED, [row.id for row in done.rows if row.is_final])
    changes.tell(Change.MOVED, [row.id for row in done.rows if not row.is_final])
    if done.has_deliveries:
        bell.ring_courier()
    if done.has_questions:
        bell.ring_payments()


def _took_too_long(error: Exception) -> bool:
    """Whether Celery's or PostgreSQL's time limit ended the batch: its mark stays, as if its worker had died."""
    return db.was_frozen(error) or isinstance(error, SoftTimeLimitExceeded)


class _Batch:
    """Claimed commands on their way: each decided on what those before it have left, all of them saved together."""

    def __init__(self, claimed: Sequence[Claimed]) -> None:
        self._claimed = claimed
        self._now = claimed[0].now
        self._standings: list[Standing] = []
        self._effects: list[Effect] = []
        answers = [uuid.UUID(row.payload["command_id"]) for row in claimed if row.type == settle_payment.TYPE]
        self._asked = queue.asked(answers) if answers else {}
        """The commands that wait for the answers among these."""

    def execute(self) -> _Done:
        """Decide and save."""
        commands = {row.id: command for row in self._claimed if (command := self._readable(row))}
        world = loading.load(list(commands.values()))
        world.provider = settings.PAYMENT_PROVIDER or None
        statements: list[Statement] = []
        for wave in _waves([row for row in self._claimed if row.id in commands]):
            effects = [effect for row in wave if (effect := self._decide(row, commands[row.id], world))]
            statements += saving.orders(effects, self._now)
            self._effects += effects
        statements += saving.stock(self._effects, self._now)
        statements += saving_money.books(self._effects, self._now)
        written = db.execute_all([*statements, saving.commands(self._standings, self._now)])
        moved_at, has_endpoints = written[0]
        rows = [each.row(self._now, moved_at) for each in self._standings]
        applied = {each.claimed.id: each.applied for each in self._effects}
        deliveries = outbox.write(rows, applied) if has_endpoints else 0
        return _Done(rows, deliveries > 0, has_questions=any(each.question for each in self._effects))

    def _readable(self, row: Claimed) -> Command | None:
        """The command of a row; None when it is not to be decided, and has ended here."""
        if row.deaths_alone >= DEATHS_MAX:
            self._standings.append(_failed(row, "poisoned"))
            return None
        try:
            return _command(row, self._asked)
        except Exception as error:
            self._standings.append(_failed(row, "internal-error", error))
            return None

    def _decide(self, row: Claimed, command: Command, world: World) -> Effect | None:
        """Decide one command: how it stands then is noted, what changes goes to the world and the caller."""
        before = world.orders.get(row.order_id) if row.order_id else None
        try:
            outcome = decide(command, world, row.now)
        except Exception as error:
            self._standings.append(_failed(row, "internal-error", error))
            return None
        whose = row
        question: Question | None = None
        match outcome:
            case Refused():
                self._standings.append(_refused(row, outcome))
                return None
            case Applied() as applied:
                self._standings.append(_succeeded(row, result.of_applied(applied)))
            case Asked(applied=applied, question=question):
                self._standings.append(Standing(claimed=row, status="running"))
            case Settled(applied=applied, refused=refused):
                assert command.asked is not None, "only the answer to a command settles it"
                whose = self._asked[command.asked.id]
                end = _refused(whose, refused) if refused else _succeeded(whose, result.of_applied(applied))
                self._standings += [end, _succeeded(row, result.of_settled(whose.id, end.status))]
        world.apply(applied)
        return Effect(claimed=whose, applied=applied, before=before, question=question)


def _command(row: Claimed, asked: Mapping[uuid.UUID, Claimed]) -> Command:
    kind = registry.find(row.type)
    if kind is None:
        raise LookupError(f"no command type {row.type}")
    action = fields.parse(kind.payload, row.payload, "/payload")
    waiting = asked.get(action.command_id) if isinstance(action, SettlePayment) else None
    return Command(
        id=row.id,
        type=row.type,
        order_id=row.order_id,
        action=action,
        expected_version=row.expected_version,
        expires_at=row.expires_at,
        role=row.role,
        asked=None if waiting is None else _command(waiting, {}),
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


def _succeeded(row: Claimed, shown: dict[str, Any]) -> Standing:
    return Standing(claimed=row, status="succeeded", result=shown)


def _refused(row: Claimed, refused: Refused) -> Standing:
    status = "expired" if refused.code == "expired" else "failed"
    return Standing(claimed=row, status=status, error=result.of_refused(refused))


_EXPLANATIONS: dict[str, Callable[[Claimed], str]] = {
    "poisoned": lambda row: f"{row.deaths} workers died while executing the command; it is not tried again by itself.",
    "internal-error": lambda _row: "Something unexpected happened; nothing was changed. The log has the details.",
}


def _failed(row: Claimed, code: str, error: BaseException | None = None) -> Standing:
    log.error(
        "command.failed",
        command_id=row.id,
        request_id=row.request_id,
        type=row.type,
        code=code,
        lane=row.lane,
        exc_info=error,
    )
    return _refused(row, Refused(code, _EXPLANATIONS[code](row)))
