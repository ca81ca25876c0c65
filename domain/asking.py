"""Asking the payment provider for money back: a refund or a cancellation in two steps, where it was paid online."""

import dataclasses
from collections.abc import Callable

from domain.orders import Order
from domain.outcome import Answer, Applied, Asked, Outcome, Question, Settled, payment_declined
from domain.registry import Command

ONLINE = "online"
"""The method of payment that an outside provider takes care of."""


def through_provider(command: Command, order: Order, outcome: Outcome) -> Outcome:
    """The outcome itself or, where it gives back money that the provider took, the question that has to come first."""
    if order.paid_by != ONLINE or not isinstance(outcome, Applied) or outcome.refund is None:
        return outcome
    if not outcome.refund.amount:
        return outcome
    frozen = Applied(event=None, order=order.frozen(command.id))
    return Asked(applied=frozen, question=Question(amount=outcome.refund.amount))


def settle(order: Order, answer: Answer, give_back: Callable[[Order], Outcome]) -> Settled:
    """What `give_back` makes of the order, now that the provider has given its money back; nothing if it did not."""
    if not answer.is_yes:
        return Settled(applied=Applied(event=None, order=order.thawed()), refused=payment_declined(answer.detail))
    given = give_back(order.thawed())
    assert isinstance(given, Applied), "nothing has changed since the provider was asked"
    assert given.refund is not None, "the provider was asked for money"
    refund = dataclasses.replace(given.refund, provider_reference=answer.reference)
    return Settled(applied=dataclasses.replace(given, refund=refund))
