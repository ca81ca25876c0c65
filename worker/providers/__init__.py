"""Payment providers: the one small interface that Orderly asks for money with, and who stands behind it.

A provider is asked with no transaction open and no lock held (worker/payments.py). Each request has an id of ours,
which is the provider's idempotency key as well: asked twice with one id, it acts once.
"""

import uuid
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from domain.outcome import Answer

__all__ = ["Answer", "Charge", "NoAnswer", "Provider", "Return"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Charge:
    """Money to authorise and capture: `amount` in minor units of `currency`, `payment_method` the provider's token.

    `asked_at` is when it was asked for first.
    """

    id: uuid.UUID
    order_id: uuid.UUID
    amount: int
    currency: str
    payment_method: str
    asked_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Return:
    """Money to give back of a captured charge, which the provider knows by `reference`."""

    id: uuid.UUID
    order_id: uuid.UUID
    amount: int
    currency: str
    reference: str
    asked_at: datetime


class NoAnswer(Exception):  # noqa: N818 - the provider gave no answer; it is no program error
    """Nobody knows what has come of it: time ran out, the line broke, the provider is in trouble or still deciding."""


class Provider(Protocol):
    """A payment provider. Each method ends within the seconds that it was made with, by `NoAnswer` at the latest."""

    def charge(self, charge: Charge) -> Answer:
        """Authorise and capture; again with the same id, the answer of the first time."""

    def give_back(self, wanted: Return) -> Answer:
        """Give money back; again with the same id, the answer of the first time."""

    def look_up(self, request: Charge | Return) -> Answer | None:
        """What has come of a request, by our own id; None when the provider has never got it."""
