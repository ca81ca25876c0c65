"""What a decision says: `Applied` with everything that changes, or `Refused` with a stable code.

Where an outside payment provider has to be asked, it takes two: `Asked`, and `Settled` once there is an answer.
"""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from domain import workflow
from domain.orders import Order
from domain.stock import Movement, Product, Shortage


@dataclass(frozen=True, slots=True, kw_only=True)
class Payment:
    """Money taken for an order, in minor units; `tendered` and `change` are known for cash alone.

    `provider_reference` is what the outside provider that took it calls it.
    """

    method: str
    amount: int
    tendered: int | None = None
    reference: str | None = None
    provider_reference: str | None = None

    @property
    def change(self) -> int | None:
        """What goes back over the counter."""
        return None if self.tendered is None else self.tendered - self.amount


@dataclass(frozen=True, slots=True, kw_only=True)
class Refund:
    """Money given back, in minor units, and what of it is tax."""

    amount: int
    tax: int
    restock: bool
    reason: str | None = None
    provider_reference: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusChange:
    """One line of an order's history; `source` is None at creation."""

    source: str | None
    target: str
    note: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Applied:
    """A yes: the state after the command and the ledger lines that explain it.

    Without an `event` nothing has happened to the order yet, or no longer: stock was set aside for it, or let go.
    """

    event: str | None
    order: Order | None = None
    products: tuple[Product, ...] = ()
    movements: tuple[Movement, ...] = ()
    status_change: StatusChange | None = None
    payment: Payment | None = None
    refund: Refund | None = None


@dataclass(frozen=True, slots=True)
class Refused:
    """An expected no: nothing changes. `extra` holds further members of the problem object."""

    code: str
    detail: str
    extra: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What the provider is asked: to take an amount in minor units with its token `payment_method`, or, without one,
    to give it back. `provider` is None where the payment that is given back says which; `reference` is the client's.
    """

    amount: int
    provider: str | None = None
    payment_method: str | None = None
    reference: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """Neither yes nor no yet: the command goes on when the provider has answered. `applied` is what is set aside."""

    applied: Applied
    question: Question


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What the provider has decided: yes, with what it calls the payment or the refund, or no, with a reason."""

    is_yes: bool
    reference: str | None = None
    detail: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Settled:
    """The provider's answer ends the command that asked: with a yes, or `refused` once all is as it was before."""

    applied: Applied
    refused: Refused | None = None


type Outcome = Applied | Refused | Asked | Settled


def order_not_found(order_id: uuid.UUID | None) -> Refused:
    """The command speaks of an order that does not exist."""
    return Refused("order-not-found", f"There is no order {order_id}.")


def product_not_found(reference: uuid.UUID | str) -> Refused:
    """The payload speaks of a product that does not exist."""
    return Refused("product-not-found", f"There is no product {reference}.")


def invalid_transition(order: Order, wanted: str) -> Refused:
    """The command does not lead there from here; what the workflow allows, by whatever command, is named."""
    allowed = list(workflow.allowed(order.workflow, order.status))
    moves = ", ".join(allowed) or "nothing"
    detail = f"This command does not make an order {wanted} that is {order.status}; the workflow allows: {moves}."
    return Refused("invalid-transition", detail, {"allowed": allowed})


def refund_exceeds_payment(detail: str) -> Refused:
    """More is asked back than there is left."""
    return Refused("refund-exceeds-payment", detail)


def payment_declined(detail: str | None) -> Refused:
    """The provider said no."""
    return Refused("payment-declined", detail or "The payment provider declined.")


def insufficient_stock(shortages: Sequence[Shortage]) -> Refused:
    """Fewer pieces are available than wanted; every short product is named."""
    rows = [
        {"wanted": short.wanted, "available": short.available, "product_id": str(short.product_id)}
        for short in shortages
    ]
    short_of = "one product" if len(rows) == 1 else f"{len(rows)} products"
    return Refused("insufficient-stock", f"There is not enough stock of {short_of}.", {"shortages": rows})
