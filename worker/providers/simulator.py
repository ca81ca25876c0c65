"""A payment provider that moves no money: `make up` pays with it, and tests see every way in which one may answer.

The payment method says how it behaves, the first time that a charge is asked for; asked again with the same id, it
answers at once what it has decided. Its books are in PostgreSQL (store/simulated.py): they are right for any number of
processes, and after any of them was killed.
"""

import time
import uuid
from collections.abc import Callable
from enum import Enum

from store import simulated
from worker.providers import Answer, Charge, NoAnswer, Return

LATE_SECONDS_MAX = 3.0
_PREFIX = "simulated_"


class When(Enum):
    """When the first answer comes: at once, after a good part of the time-out, or after it."""

    AT_ONCE = "at once"
    LATE = "late"
    TOO_LATE = "too late"


# Whether the charge is made, None for one that is lost on its way, and when the answer comes.
METHODS: dict[str, tuple[bool | None, When]] = {
    "approve": (True, When.AT_ONCE),
    "decline": (False, When.AT_ONCE),
    "answer_late": (True, When.LATE),
    "time_out": (None, When.TOO_LATE),
    "answer_after_giving_up": (True, When.TOO_LATE),
    "decline_after_giving_up": (False, When.TOO_LATE),
    # Stripe's own names, https://docs.stripe.com/testing: one set for both.
    "pm_card_visa": (True, When.AT_ONCE),
    "pm_card_chargeDeclined": (False, When.AT_ONCE),
    "pm_card_visa_chargeDeclined": (False, When.AT_ONCE),
    "pm_card_chargeCustomerFail": (False, When.AT_ONCE),
}


class Simulator:
    """Answers within `timeout_seconds`, or spends them all and gives no answer. `pause` is how it lets time pass."""

    def __init__(self, timeout_seconds: float, pause: Callable[[float], None] = time.sleep) -> None:
        self._timeout_seconds = timeout_seconds
        self._pause = pause

    def charge(self, charge: Charge) -> Answer:
        """As its payment method says; one that is not known is declined."""
        is_yes, when = METHODS.get(charge.payment_method, (False, When.AT_ONCE))
        detail = _why_not(charge.payment_method) if is_yes is False else None
        known = simulated.charge(charge.id, charge.amount, charge.currency, is_yes=is_yes, detail=detail)
        if known.asked == 1:
            self._take_time(when)
        return _answer(known, charge)

    def give_back(self, wanted: Return) -> Answer:
        """Yes while the charge has as much left that was not given back."""
        charge_id = _charge_id(wanted.reference)
        no = "More than what is left of the payment."
        known = charge_id and simulated.give_back(wanted.id, charge_id, wanted.amount, wanted.currency, no=no)
        return _answer(known, wanted) if known else Answer(is_yes=False, detail="The simulator knows no such payment.")

    def look_up(self, request: Charge | Return) -> Answer | None:
        """What was lost on its way was never here."""
        known = simulated.find(request.id)
        return None if known is None or known.is_yes is None else _answer(known, request)

    def _take_time(self, when: When) -> None:
        match when:
            case When.LATE:
                self._pause(min(LATE_SECONDS_MAX, self._timeout_seconds / 2))
            case When.TOO_LATE:
                self._pause(self._timeout_seconds)
                raise NoAnswer(f"The simulator did not answer within {self._timeout_seconds:g} s.")


def _why_not(payment_method: str) -> str:
    if payment_method in METHODS:
        return "The simulator declined the payment, as its payment method asks for."
    return f"The simulator does not know this payment method; it knows {', '.join(METHODS)}."


def _answer(known: simulated.Request, asked: Charge | Return) -> Answer:
    if (known.amount, known.currency) != (asked.amount, asked.currency):
        raise NoAnswer(f"{asked.id} was asked for before, with another amount.")
    assert known.is_yes is not None, f"{asked.id} was lost on its way, so nobody can have heard of it"
    reference = f"{_PREFIX}{known.id}" if known.is_yes else None
    return Answer(is_yes=known.is_yes, reference=reference, detail=known.detail)


def _charge_id(reference: str) -> uuid.UUID | None:
    """The id of the charge that a reference of ours names; None for another provider's."""
    try:
        return uuid.UUID(reference.removeprefix(_PREFIX))
    except ValueError:
        return None
