"""`order.pay`: a counter draft is paid in full and its stock leaves the shelf.

Online it takes two steps: the stock is reserved and the provider asked, and its answer sells the stock or lets it go.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar

from domain import money, stock, workflow
from domain.asking import ONLINE
from domain.fields import Amount, Choice, Text, optional, required
from domain.orders import Order
from domain.outcome import (
    Answer,
    Applied,
    Asked,
    Outcome,
    Payment,
    Question,
    Refused,
    Settled,
    StatusChange,
    insufficient_stock,
    invalid_transition,
    payment_declined,
)
from domain.registry import MANAGER, POS, STOCK_OF_ORDER, Command, Scope, command
from domain.shapes import NULL, TEXT, Schema
from domain.stock import Moved
from domain.workflow import StockEffect
from domain.world import World


@command(
    "order.pay",
    roles=(POS, MANAGER),
    allowed=lambda order: order.may("pay"),
    example={"method": "cash", "tendered": "5.00"},
)
@dataclass(frozen=True, slots=True, kw_only=True)
class PayOrder:
    """`card` was taken on a terminal, `online` takes `payment_method`, a token of the deployment's payment provider.

    `amount`, when given, must be the total; `tendered` is the cash handed over.
    """

    method: str = required(Choice(("cash", "card", ONLINE)))
    amount: str | None = optional(Amount())
    tendered: str | None = optional(Amount())
    reference: str | None = optional(Text(maximum=100))
    payment_method: str | None = optional(
        Text(minimum=1, maximum=255),
        doc="A token of the deployment's payment provider, for `online`; of the simulated one `approve`, `decline`, "
        "`answer_late`, `time_out`, `answer_after_giving_up` or `decline_after_giving_up`.",
    )
    rules: ClassVar[Schema] = {
        "anyOf": [
            {"properties": {"method": {"const": "cash"}, "payment_method": NULL}},
            {"properties": {"method": {"const": "card"}, "payment_method": NULL, "tendered": NULL}},
            {
                "properties": {"method": {"const": ONLINE}, "payment_method": TEXT, "tendered": NULL},
                "required": ["payment_method"],
            },
        ]
    }

    def breaches(self) -> list[tuple[str, str, str]]:
        """Rules over several members."""
        found = []
        if self.tendered is not None and self.method != "cash":
            found.append(("tendered", "cash-only", "is for cash alone"))
        if self.method == ONLINE and self.payment_method is None:
            found.append(("payment_method", "required", "is required for online: the payment provider's token"))
        if self.method != ONLINE and self.payment_method is not None:
            found.append(("payment_method", "online-only", "is for online alone"))
        return found

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
        asks = self.method == ONLINE and order.total > 0
        moved = stock.move(world.products, order.quantities(), StockEffect.RESERVE if asks else move.effect)
        if not isinstance(moved, Moved):
            return insufficient_stock(moved)
        if asks:
            return self._asked(command, order, world.provider, moved)
        return _paid(order, payment, moved)

    def settle(self, command: Command, world: World, answer: Answer) -> Settled:
        """Sell what was reserved and take the money; let it go if the provider said no."""
        order = world.order_of(command.order_id).thawed()
        if not answer.is_yes:
            moved = stock.move(world.products, order.quantities(), StockEffect.RELEASE)
            assert isinstance(moved, Moved), "letting go takes nothing"
            released = Applied(event=None, order=order, products=moved.products, movements=moved.movements)
            return Settled(applied=released, refused=payment_declined(answer.detail))
        payment = Payment(
            method=self.method, amount=order.total, reference=self.reference, provider_reference=answer.reference
        )
        return Settled(applied=_paid(order, payment, stock.sell_reserved(world.products, order.quantities())))

    def _asked(self, command: Command, order: Order, provider: str | None, reserved: Moved) -> Outcome:
        if provider is None:
            return payment_declined("There is no payment provider any more.")
        set_aside = Applied(
            event=None, order=order.frozen(command.id), products=reserved.products, movements=reserved.movements
        )
        question = Question(
            amount=order.total, provider=provider, payment_method=self.payment_method, reference=self.reference
        )
        return Asked(applied=set_aside, question=question)

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


def _paid(order: Order, payment: Payment, moved: Moved) -> Applied:
    return Applied(
        event="order.paid",
        order=order.paid(payment.method),
        products=moved.products,
        movements=moved.movements,
        status_change=StatusChange(source=order.status, target="paid"),
        payment=payment,
    )
