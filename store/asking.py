"""What payment providers are asked: claimed under a lease by whoever asks, its answer handed to the order's lane.

A claimed request is due again when its lease ends, so whatever a death leaves behind is looked into again. Nothing is
locked while a provider is asked. Rows are locked in the order of a batch: the request, then its command.
"""

import hashlib
import json
import uuid
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson
from django.conf import settings
from django.db import transaction
from uuid_utils.compat import uuid7

from domain.commands import settle_payment
from domain.outcome import Answer
from domain.result import RETRYABLE
from store import audit, clients, commands, db, inbox
from store.audit import Actor
from store.inbox import Submission


@dataclass(frozen=True, slots=True)
class Request:
    """What is to be asked. With a `payment_method` it is a charge, without one money goes back of `charge_reference`.

    `attempts_made` counts this one. `is_yes` is the answer that somebody has got already, None as long as nobody has.
    """

    id: uuid.UUID
    order_id: uuid.UUID
    provider: str
    amount: int
    currency: str
    payment_method: str | None
    charge_reference: str | None
    asked_at: datetime
    attempts_made: int
    is_yes: bool | None
    reference: str | None
    detail: str | None
    request_id: str | None
    traceparent: str | None
    now: datetime
    is_alone: bool
    """Whether nothing else was due with it."""

    @property
    def answer(self) -> Answer | None:
        """What is known."""
        if self.is_yes is None:
            return None
        return Answer(is_yes=self.is_yes, reference=self.reference, detail=self.detail)


@dataclass(frozen=True, slots=True)
class _Open:
    next_attempt_at: datetime
    is_due: bool


MARGIN_SECONDS = 5.0
"""How much longer a lease lasts than the provider may take: for the claim, and for the record of the answer."""

# What has not been asked yet goes first: a provider in trouble must not keep the next customer waiting. It takes one
# call, a charge or a refund; later ones take two, a look-up before.
_CLAIM = """
WITH leased AS (
    UPDATE provider_request
    SET attempts_made = attempts_made + 1,
        next_attempt_at = clock_timestamp() + make_interval(secs => %s + least(attempts_made + 1, 2) * %s)
    WHERE id = (SELECT id FROM provider_request WHERE next_attempt_at <= now()
                ORDER BY attempts_made > 0, next_attempt_at LIMIT 1 FOR NO KEY UPDATE SKIP LOCKED)
    RETURNING *
)
SELECT leased.id, leased.order_id, payment.provider, leased.amount::bigint, payment.currency, leased.payment_method,
       payment.provider_reference AS charge_reference, leased.asked_at, leased.attempts_made,
       leased.is_yes, leased.reference, leased.detail, command.request_id, command.traceparent,
       clock_timestamp() AS now,
       NOT EXISTS (SELECT FROM provider_request WHERE next_attempt_at <= now() AND id <> leased.id) AS is_alone
FROM leased JOIN payment ON payment.id = leased.payment_id JOIN command ON command.id = leased.id
"""
_IS_DUE = "SELECT EXISTS (SELECT FROM provider_request WHERE next_attempt_at <= now())"
# The first answer stands.
_ANSWER = """
UPDATE provider_request
SET is_yes = %s, reference = %s, detail = %s, next_attempt_at = clock_timestamp() + make_interval(secs => %s)
WHERE id = %s AND is_yes IS NULL
"""
# Only under its own lease: whoever has it now may know more soon.
_POSTPONE = """
UPDATE provider_request SET next_attempt_at = clock_timestamp() + make_interval(secs => %s)
WHERE id = %s AND attempts_made = %s AND settled_at IS NULL
"""
_LOCK_OPEN = """
SELECT next_attempt_at, next_attempt_at <= clock_timestamp() AS is_due FROM provider_request
WHERE id = %s AND settled_at IS NULL FOR NO KEY UPDATE
"""
_MAKE_DUE = "UPDATE provider_request SET next_attempt_at = clock_timestamp() WHERE id = %s RETURNING next_attempt_at"
_IN_DOUBT = """
UPDATE command SET status = 'uncertain', error = %s::jsonb, moved_at = statement_timestamp()
WHERE id = %s AND status = 'running'
"""


def claim(timeout_seconds: float) -> Request | None:
    """Lease what is due, None when nothing is. A call of the provider takes `timeout_seconds` at most."""
    return next(iter(db.rows(Request, _CLAIM, [MARGIN_SECONDS, timeout_seconds])), None)


def is_due() -> bool:
    """Whether anything waits to be asked."""
    return bool(db.scalars(_IS_DUE)[0])


def answered(request: Request, answer: Answer, delay_seconds: float) -> int | None:
    """Keep the answer, unless there was one, and submit it to the order's lane: the lane, None if it was there already.

    After `delay_seconds` somebody looks whether it has been settled, and calls here again.
    """
    with transaction.atomic(durable=True):
        kept = db.execute(_ANSWER, [answer.is_yes, answer.reference, answer.detail, delay_seconds, request.id])
        if not kept:
            db.execute(_POSTPONE, [delay_seconds, request.id, request.attempts_made])
        submission = _submission(request, answer)
        accepted = inbox.accept([submission], settings.LANES)
    if accepted:
        return accepted[submission.id].lane
    before = commands.by_keys(submission.client_id, [submission.idempotency_key])[submission.idempotency_key]
    return inbox.retry(before.id, sorted(RETRYABLE))


def unanswered(request: Request, delay_seconds: float, error: dict[str, Any]) -> bool:
    """Have it asked again after `delay_seconds`; whether its command has become uncertain by that, with this error."""
    with transaction.atomic(durable=True):
        db.execute(_POSTPONE, [delay_seconds, request.id, request.attempts_made])
        return bool(db.execute(_IN_DOUBT, [json.dumps(error), request.id]))


def hasten(command_id: uuid.UUID, actor: Actor) -> bool:
    """Make due what the command asks, for `actor`; once is enough until somebody asks. False when nothing is open."""
    with transaction.atomic(durable=True):
        found = db.rows(_Open, _LOCK_OPEN, [command_id])
        if found and not found[0].is_due:
            [now] = db.scalars(_MAKE_DUE, [command_id])
            waited_for = {"next_attempt_at": [found[0].next_attempt_at.isoformat(), now.isoformat()]}
            audit.record(actor, "command.hastened", "command", command_id, waited_for)
        return bool(found)


def _submission(request: Request, answer: Answer) -> Submission:
    """The command of Orderly's own that settles it; one a request, whatever comes twice."""
    told = {"is_yes": answer.is_yes, "reference": answer.reference, "detail": answer.detail}
    payload = {"command_id": str(request.id), **{name: each for name, each in told.items() if each is not None}}
    return Submission(
        id=uuid7(),
        client_id=clients.own_id(),
        idempotency_key=f"settle-{request.id}",
        body_hash=hashlib.sha256(orjson.dumps(payload)).digest(),
        type=settle_payment.TYPE,
        order_id=request.order_id,
        lane_of=str(request.order_id),
        payload=payload,
        traceparent=request.traceparent,
        request_id=request.request_id,
    )
