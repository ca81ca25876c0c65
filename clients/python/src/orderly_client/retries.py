"""Asking until there is an answer: what is worth another attempt, when, and when to give up.

Every request of this client is safe to repeat: it reads, or it carries an idempotency key, or it has the same effect
twice.
"""

import itertools
import random
import time
from collections.abc import Callable
from dataclasses import dataclass, replace

from orderly_client.conversation import Answer, Conversation, Lost, Pause, Request
from orderly_client.errors import OrderlyError, UnexpectedAnswerError, UnreachableError, error_of
from orderly_client.problems import Problem

_TRANSIENT = frozenset({429, 502, 503, 504})
_ARRIVAL_SECONDS = 2.0
"""How long after the end an answer may still arrive: a server that held it until then has yet to send it."""
_GOOD, _REDIRECTS = 200, 300


@dataclass(frozen=True, slots=True, kw_only=True)
class Retries:
    """How often and how long a request is repeated after a lost connection, a timeout, 429, 502, 503 or 504.

    The nth pause is random, between 0 and the nth double of `delay_seconds_first` (full jitter), after whatever
    `Retry-After` asks for. No attempt begins when `total_seconds` are over.
    """

    attempts_max: float = 10
    total_seconds: float = 60.0
    delay_seconds_first: float = 0.2
    delay_seconds_max: float = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """How long everything may take; time and chance are arguments."""

    retries: Retries
    timeout_seconds: float
    now: Callable[[], float] = time.monotonic
    uniform: Callable[[float, float], float] = random.SystemRandom().uniform

    def until(self, deadline: float) -> "Pace":
        """However many attempts it takes, but only until then."""
        retries = replace(self.retries, attempts_max=float("inf"), total_seconds=deadline - self.now())
        return replace(self, retries=retries)


type Fault = OrderlyError | None
type Judge = Callable[[Answer], Fault]


def fault_of(answer: Answer) -> Fault:
    """What is wrong with an answer, None for a good one."""
    shown = answer.json
    if _GOOD <= answer.status < _REDIRECTS and isinstance(shown, dict):
        return None
    try:
        return error_of(Problem.of(shown), answer.status)
    except (KeyError, TypeError, AttributeError):
        return UnexpectedAnswerError(answer.status, f"not an answer of Orderly's: {answer.body[:200]!r}")


def exchange(make: Callable[[], Request], pace: Pace, judge: Judge = fault_of) -> Conversation[Answer]:
    """The first good answer; `make` makes the request anew for each attempt. Raises what is wrong with the last one."""
    end = pace.now() + pace.retries.total_seconds
    for attempt in itertools.count():
        request = make()
        patience = min(request.timeout_seconds, max(end - pace.now(), 0.0) + _ARRIVAL_SECONDS)
        reply = yield replace(request, timeout_seconds=patience)
        assert reply is not None, "a request has a reply"
        fault = UnreachableError(reply.reason) if isinstance(reply, Lost) else judge(reply)
        if fault is None:
            assert isinstance(reply, Answer)
            return reply
        if isinstance(reply, Answer):
            fault.retry_after_seconds = reply.retry_after_seconds
        delay = _delay(attempt, fault, pace)
        if not is_transient(fault) or attempt + 1 >= pace.retries.attempts_max or pace.now() + delay >= end:
            raise fault
        yield Pause(delay)
    raise AssertionError("counting has no end")


def is_transient(error: OrderlyError) -> bool:
    """Whether the same request may well succeed later."""
    return isinstance(error, UnreachableError) or getattr(error, "status", None) in _TRANSIENT


def _delay(attempt: int, fault: OrderlyError, pace: Pace) -> float:
    # The exponent is bounded because a float overflows at 2 ** 1024, and waiting has no bound on attempts.
    ceiling = min(pace.retries.delay_seconds_first * 2 ** min(attempt, 30), pace.retries.delay_seconds_max)
    return (fault.retry_after_seconds or 0.0) + pace.uniform(0.0, ceiling)
