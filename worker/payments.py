"""Payments: asks providers what commands wait for, with no transaction open, and hands each answer to its lane.

Whoever may have been asked before is asked what has come of it first; so a worker may die at any point, an answer may
be lost or come twice. While nobody knows, it is asked again and again, ever more slowly.
"""

import dataclasses
import random
import time
from collections.abc import Callable
from datetime import timedelta

import structlog

from domain import result
from domain.outcome import Answer, Refused
from store import asking, changes, metrics, traces
from store.asking import Request
from store.changes import Change
from worker.bell import bell
from worker.providers import Charge, NoAnswer, Provider, Return

SECONDS_MAX = 5.0
"""How long one task goes on before it makes room for another, beside the last request it began with."""
DELAY_SECONDS_MAX = 300.0
JITTER = 0.2
REPEAT_HOURS_MAX = 23
"""How long a provider knows an id for certain, so that asking twice is asking once: Stripe for 24 hours."""
SETTLE_SECONDS = 30.0
"""How long after an answer somebody looks whether it has been settled."""
DETAIL_MAX = 500
"""How many characters of a provider's reason are kept; it may say anything."""

UNCERTAIN = Refused("payment-uncertain", "The payment provider has not answered yet; it is asked until it does.")
NEVER_ARRIVED = Answer(is_yes=False, detail="The payment provider never got the request.")

log = structlog.get_logger()


def ask(provider_named: Callable[[str], Provider], timeout_seconds: float) -> int:
    """Ask what is due until nothing is, or the time is up: how often.

    With more due it rings for another to join in, or to go on: one bell for each that was heard, so that they do not
    pile up while a provider is away.
    """
    asked = 0
    rung = False
    deadline = time.monotonic() + SECONDS_MAX
    while time.monotonic() < deadline and (request := asking.claim(timeout_seconds)):
        if not request.is_alone and not rung:
            bell.ring_payments()
            rung = True
        _ask(request, provider_named)
        asked += 1
    return asked


def delay_seconds(attempts_made: int, chance: float) -> float:
    """How long to wait after so many attempts without an answer: 1 s, 2 s, 4 s up to 5 minutes. `chance` is 0 to 1."""
    seconds = min(DELAY_SECONDS_MAX, 2.0 ** min(attempts_made - 1, 16))
    return seconds * (1 - JITTER + 2 * JITTER * chance)


def _ask(request: Request, provider_named: Callable[[str], Provider]) -> None:
    delay = delay_seconds(request.attempts_made, random.random())  # noqa: S311 - jitter is no secret
    answer = request.answer or _answer(request, provider_named)
    if answer is None:
        if asking.unanswered(request, delay, result.of_refused(UNCERTAIN)):
            changes.tell(Change.MOVED, [request.id])
        return
    lane = asking.answered(request, answer, max(delay, SETTLE_SECONDS))
    if lane is not None:
        bell.ring([lane])


def _answer(request: Request, provider_named: Callable[[str], Provider]) -> Answer | None:
    """What the provider says; None when nobody knows. Whatever happens ends here, with a line."""
    began = time.monotonic()
    answer: Answer | None = None
    why: str | None = None
    with traces.client(f"ask {request.provider}", request.traceparent) as span:
        try:
            answer = _usable(_asked(request, provider_named(request.provider)))
        except NoAnswer as silence:
            why = str(silence)
        except Exception as error:
            why = f"{type(error).__name__}: {error}"
            log.error("payment.unasked", command_id=request.id, provider=request.provider, exc_info=error)
        if span is not None and why is not None:
            span.failed(why)
    seconds = time.monotonic() - began
    outcome = "unknown" if answer is None else "yes" if answer.is_yes else "no"
    metrics.provider_asked(request.provider, outcome, seconds)
    log.info(
        "payment.asked",
        command_id=request.id,
        order_id=request.order_id,
        request_id=request.request_id,
        trace_id=traces.trace_id(request.traceparent) if request.traceparent else None,
        provider=request.provider,
        kind="refund" if request.payment_method is None else "charge",
        attempt=request.attempts_made,
        outcome=outcome,
        reference=answer.reference if answer else None,
        why=why or (answer.detail if answer else None),
        duration_ms=int(seconds * 1_000),
    )
    return answer


def _asked(request: Request, provider: Provider) -> Answer:
    wanted = _wanted(request)
    if request.attempts_made > 1:
        found = provider.look_up(wanted)
        if found is not None:
            return found
        if request.now - request.asked_at > timedelta(hours=REPEAT_HOURS_MAX):
            return NEVER_ARRIVED
    return provider.charge(wanted) if isinstance(wanted, Charge) else provider.give_back(wanted)


def _usable(answer: Answer) -> Answer:
    """The answer as the database takes it: one that it refused would come for ever and settle nothing."""
    if answer.is_yes and not (answer.reference and answer.reference.isprintable() and len(answer.reference) <= 255):
        raise NoAnswer("It says yes, but not what it calls the payment: nothing could be given back of that.")
    detail = (answer.detail or "").replace("\0", "")[:DETAIL_MAX].encode(errors="replace").decode()
    return dataclasses.replace(answer, detail=detail or None)


def _wanted(request: Request) -> Charge | Return:
    if request.payment_method is not None:
        return Charge(
            id=request.id,
            order_id=request.order_id,
            amount=request.amount,
            currency=request.currency,
            payment_method=request.payment_method,
            asked_at=request.asked_at,
        )
    assert request.charge_reference is not None, "a captured payment has the provider's reference"
    return Return(
        id=request.id,
        order_id=request.order_id,
        amount=request.amount,
        currency=request.currency,
        reference=request.charge_reference,
        asked_at=request.asked_at,
    )
