"""Submitting: one command or a thousand, each answered as if it had come alone.

The order of checks is the contract's: body, key look-up, role, validation, expiry, rate, backlog. A key that this
process has met before is looked up in Redis first. A good new command costs one statement; its key is looked up by the
insert itself. Keys of all others are looked up apart, and in Redis when PostgreSQL is away.
"""

import itertools
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from django.conf import settings
from structlog import get_logger
from uuid_utils.compat import uuid7

from api import envelope, request_ids
from api.envelope import Envelope
from api.idempotency import body_hash, parse_key
from api.problems import Problem, invalid, unavailable
from api.rates import over_rate
from api.reading import Shown
from domain import fields, money
from domain.asking import ONLINE
from domain.fields import Breach
from domain.registry import CommandType
from store import cache, commands, db, inbox, metrics, orders, rendering
from store.backlog import backlog
from store.cache import Kept
from store.clients import Caller
from store.commands import CommandRow
from store.inbox import Submission
from store.rates import Standing
from worker.bell import bell

COMMON_DIGITS = 2
LINE_COMMANDS_MAX = 64
"""How many commands of a batch stand in one log line: lines above 16 KiB are cut on their way."""

log = get_logger()


@dataclass(frozen=True, slots=True)
class Request:
    """What a client sent for one command: the key as it stands in the header or the entry, and the body.

    `problem` is what is known to be wrong with it already; like all that is wrong it counts only if the key is new.
    """

    key: object
    body: object
    problem: Problem | None = None


@dataclass(frozen=True, slots=True)
class Accepted:
    """The command that a request made or, `replayed`, had made before, as the client sees it."""

    id: uuid.UUID
    shown: Shown
    replayed: bool


type Answer = Accepted | Problem


@dataclass(frozen=True, slots=True)
class _Keyed:
    """A request with its key, and the hash of its body."""

    key: str
    body_hash: bytes
    request: Request


@dataclass(frozen=True, slots=True)
class _Checked:
    """A request under a key that no finished command at hand has, and what is to be stored if nothing is wrong."""

    key: str
    body_hash: bytes
    outcome: Submission | Problem


def submit(caller: Caller, standing: Standing, requests: Sequence[Request | Problem]) -> list[Answer]:
    """Accept the commands in the order given, all new ones in one transaction, and ring for their lanes.

    A request that could not even be read stands as its Problem. Of those beyond the client's rate none is accepted.
    """
    answers = _answers(caller, standing, requests)
    _tell(caller, [(_body(each), answer) for each, answer in zip(requests, answers, strict=True)])
    return answers


def _answers(caller: Caller, standing: Standing, requests: Sequence[Request | Problem]) -> list[Answer]:
    keyed = [_keyed(each) for each in requests]
    keys = [each.key for each in keyed if isinstance(each, _Keyed)]
    kept = cache.by_keys(caller.id, cache.seen(caller.id, keys))
    try:
        return _submit(caller, standing, keyed, kept)
    except db.TRANSIENT:
        kept = cache.by_keys(caller.id, keys)
        if not kept:
            raise
        return [_known(each, kept) or unavailable("The database cannot be reached.") for each in keyed]


def _submit(
    caller: Caller, standing: Standing, keyed: Sequence[_Keyed | Problem], kept: dict[str, Kept]
) -> list[Answer]:
    now = datetime.now(UTC)
    checked = [_known(each, kept) or _check(caller, each, now) for each in keyed]
    for place in range(standing.granted, len(checked)):
        checked[place] = _unless_new(checked[place], standing)
    faulty = [each.key for each in checked if isinstance(each, _Checked) and isinstance(each.outcome, Problem)]
    known = commands.by_keys(caller.id, faulty) if faulty else {}
    good = [each.outcome for each in checked if isinstance(each, _Checked) and isinstance(each.outcome, Submission)]
    accepted = _accept(good)
    bell.ring({row.lane for row in accepted.values()})
    missed = [submission.idempotency_key for submission in good if submission.id not in accepted]
    if missed:
        found = commands.by_keys(caller.id, missed)
        known |= {key: row for key, row in found.items() if row.id not in accepted}
    cache.keep(known.values())
    return [_answer(each, accepted, known) for each in checked]


def _keyed(request: Request | Problem) -> _Keyed | Problem:
    if isinstance(request, Problem):
        return request
    try:
        return _Keyed(parse_key(request.key), body_hash(request.body), request)
    except Problem as problem:
        return problem


def _known(keyed: _Keyed | Problem, kept: dict[str, Kept]) -> Answer | None:
    """What is known to be answered: that the request cannot be read, or what its key's command has come to."""
    if isinstance(keyed, Problem):
        return keyed
    command = kept.get(keyed.key)
    if command is None:
        return None
    if command.body_hash != keyed.body_hash:
        return _reused()
    return Accepted(command.id, Shown(command.shown, is_final=True), replayed=True)


def _check(caller: Caller, keyed: _Keyed | Problem, now: datetime) -> _Checked:
    assert isinstance(keyed, _Keyed), "a problem is known to be answered"
    if keyed.request.problem is not None:
        return _Checked(keyed.key, keyed.body_hash, keyed.request.problem)
    try:
        envelope.demand_role(keyed.request.body, caller.role)
        submission = _submission(caller, keyed, now)
    except Problem as problem:
        return _Checked(keyed.key, keyed.body_hash, problem)
    return _Checked(keyed.key, keyed.body_hash, submission)


def _unless_new(checked: _Checked | Answer, standing: Standing) -> _Checked | Answer:
    """The same for a client over its rate, whose good commands are not taken unless they are known."""
    if isinstance(checked, _Checked) and isinstance(checked.outcome, Submission):
        return _Checked(checked.key, checked.body_hash, over_rate(standing))
    return checked


def _submission(caller: Caller, keyed: _Keyed, now: datetime) -> Submission:
    checked, kind = envelope.check(keyed.request.body, now)
    _check_digits(checked, kind)
    _check_provider(checked)
    order_id = checked.order_id or (uuid7() if kind.is_creation else None)
    payload = checked.payload
    return Submission(
        id=uuid7(),
        client_id=caller.id,
        idempotency_key=keyed.key,
        body_hash=keyed.body_hash,
        type=checked.type,
        order_id=order_id,
        lane_of=str(order_id or payload.get("product_id") or payload.get("sku")),
        payload=payload,
        expected_version=checked.expected_version,
        expires_at=checked.expires_at,
        not_before=checked.not_before,
        occurred_at=checked.occurred_at,
        device_sequence=checked.device_sequence,
        traceparent=request_ids.traceparent(),
        request_id=request_ids.current(),
    )


def _check_digits(checked: Envelope, kind: CommandType) -> None:
    """Refuse money with more digits than the order's currency. Two are common, so the order is asked for more only;
    an order that does not exist yet is asked when the command is executed."""
    amounts = fields.given(kind.payload, checked.payload, fields.Amount)
    precise = [name for name, amount in amounts.items() if money.fraction_digits(amount) > COMMON_DIGITS]
    currency = orders.currency_of(checked.order_id) if precise and checked.order_id else None
    if currency is not None:
        detail = f"may have at most {money.DIGITS[currency]} decimals in {currency}"
        breaches = [
            Breach(f"/payload/{name}", "not-money", detail)
            for name in precise
            if money.to_minor(amounts[name], currency) is None
        ]
        if breaches:
            raise invalid(breaches)


def _check_provider(checked: Envelope) -> None:
    """Refuse an online payment where nobody would take it."""
    if checked.payload.get("method") == ONLINE and not settings.PAYMENT_PROVIDER:
        raise invalid([Breach("/payload/method", "no-provider", "online: this deployment has no payment provider")])


def _accept(good: Sequence[Submission]) -> dict[Any, CommandRow]:
    if not good or not backlog.has_room(len(good), settings.BACKLOG_LIMIT):
        return {}
    return inbox.accept(good, settings.LANES)


def _answer(checked: _Checked | Answer, accepted: dict[Any, CommandRow], known: dict[str, CommandRow]) -> Answer:
    if not isinstance(checked, _Checked):
        return checked
    if isinstance(checked.outcome, Submission) and checked.outcome.id in accepted:
        row = accepted[checked.outcome.id]
        known[checked.key] = row  # from here on, the batch's later entries find the key in use
        return _accepted(row, replayed=False)
    row_before = known.get(checked.key)
    if row_before is None:
        return checked.outcome if isinstance(checked.outcome, Problem) else unavailable("Too many commands wait.")
    if row_before.body_hash != checked.body_hash:
        return _reused()
    if row_before.purged_at is not None:
        detail = f"The command ended as {row_before.status}; its result is no longer kept. It is not executed again."
        return Problem(409, "result-expired", detail, final_status=row_before.status)
    return _accepted(row_before, replayed=True)


def _accepted(row: CommandRow, *, replayed: bool) -> Accepted:
    return Accepted(row.id, Shown(rendering.command_json(row), row.is_final), replayed=replayed)


def _reused() -> Problem:
    return Problem(422, "idempotency-key-reused", "The key was used for another request; use a new one.")


def _tell(caller: Caller, told: Sequence[tuple[dict[str, Any], Answer]]) -> None:
    """Count what came of each, and log what was accepted: a line for one, few lines for many."""
    for body, answer in told:
        outcome = "refused" if isinstance(answer, Problem) else "replayed" if answer.replayed else "new"
        metrics.submitted(body.get("type"), outcome)
    accepted = [(body, answer) for body, answer in told if isinstance(answer, Accepted)]
    asked = request_ids.underway()
    if asked is None or not accepted:
        return
    asked.told = True
    metrics.accept_took(asked.seconds)
    if len(told) == 1:
        said = _named(*accepted[0]) | {"client": caller.name, "duration_ms": asked.duration_ms}
        if accepted[0][1].replayed:
            log.info("command.replayed", **said)
        else:
            log.info("command.accepted", **said)
        return
    for part in itertools.batched(accepted, LINE_COMMANDS_MAX, strict=False):
        named = [_named(body, answer) | ({"replayed": True} if answer.replayed else {}) for body, answer in part]
        log.info("commands.accepted", client=caller.name, duration_ms=asked.duration_ms, commands=named)


def _named(body: dict[str, Any], accepted: Accepted) -> dict[str, Any]:
    """The command as log lines have it; `order_id` as asked for, None when the server has chosen it."""
    return {"command_id": accepted.id, "type": body["type"], "order_id": body.get("order_id")}


def _body(request: Request | Problem) -> dict[str, Any]:
    body = None if isinstance(request, Problem) else request.body
    return body if isinstance(body, dict) else {}
