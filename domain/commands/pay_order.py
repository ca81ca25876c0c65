"""`order.pay`: a counter draft is paid in full and its stock leaves the shelf."""

from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar

from domain import money, stock, workflow
from domain.fields import Amount, Choice, Text, optional, required
from domain.orders import Order
from domain.outcome import (
    Applied,
    Outcome,
    Payment,
    Refused,
    StatusChange,
    insufficient_stock,
    invalid_transition,
)
from domain.registry import MANAGER, POS, STOCK_OF_ORDER, Command, Scope, command
from domain.shapes import NULL, Schema
from domain.stock import Moved
from domain.world import World


@command(
    "order.pay",
    roles=(POS, MANAGER),
    allowed=lambda order: order.may("pay"),
    example={"method": "cash", "tendered": "5.00"},
)
@dataclass(frozen=True, slots=True, kw_only=True)
class PayOrder:
    """`card` was taken on a terminal; `amount`, when given, must be the total; `tendered` is the cash handed over."""

    method: str = required(Choice(("cash", "card")))
    amount: str | None = optional(Amount())
    tendered: str | None = optional(Amount())
    reference: str | None = optional(Text(maximum=100))
    rules: ClassVar[Schema] = {
        "anyOf": [{"properties": {"method": {"const": "cash"}}}, {"properties": {"tendered": NULL}}]
    }

    def breaches(self) -> list[tuple[str, str, str]]:
        """Rules over several members."""
        if self.tendered is not None and self.method != "cash":
            return [("tendered", "cash-only", "is for cash alone")]
        return []

    def scope(self) -> Scope:
        """The stock of what is on the order's lines."""
        return STOCK_OF_ORDER

    def decide(self, command: Command, world: World, now: datetime) -> Outcome:
        """Refuse what the table forbids, an empty order, wrong money or short stock; otherwise take the money."""
        order = world.order_of(command.order_id)
        move = workflow.find(order.workflow, order.status, "paid", "pay")
        if move is None:
            return invalid_transition(order, "paid")
        if not order.lines:
            return Refused("order-empty", "An order without items cannot be paid.")
        payment = self._payment(order)
        if isinstance(payment, Refused):
            return payment
        moved = stock.move(world.products, order.quantities(), move.effect)
        if not isinstance(moved, Moved):
            return insufficient_stock(moved)
        return Applied(
            event="order.paid",
            order=order.paid(payment.method),
            products=moved.products,
            movements=moved.movements,
            status_change=StatusChange(source=order.status, target=move.target),
            payment=payment,
        )

    def _payment(self, order: Order) -> Payment | Refused:
        total = money.to_text(order.total, order.currency)
        if self.amount is not None and money.to_minor(self.amount, order.currency) != order.total:
            return Refused("amount-mismatch", f"The amount {self.amount} is not the total {total} {order.currency}.")
        tendered = None
        if self.tendered is not None:
            tendered = money.to_minor(self.tendered, order.currency)
            if tendered is None:
                return Refused("amount-mismatch", f"{self.tendered} has more digits than {order.currency} allows.")
            if tendered < order.total:
                return Refused("tendered-too-low", f"{self.tendered} tendered is less than the total {total}.")
        return Payment(method=self.method, amount=order.total, tendered=tendered, reference=self.reference)
