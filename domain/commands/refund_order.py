"""`order.refund`: money of a paid order goes back, by lines, by amount or all that is left; the order stays paid."""

from dataclasses import dataclass
from datetime import datetime

from domain import asking, money, refunds, stock, workflow
from domain.fields import Amount, Boolean, ListOf, Text, optional, required
from domain.items import Item
from domain.orders import Order
from domain.outcome import Answer, Applied, Outcome, Refund, Refused, Settled
from domain.refunds import Taken
from domain.registry import MANAGER, ORDER_ALONE, STOCK_OF_ORDER, Command, Scope, command
from domain.stock import Moved
from domain.workflow import StockEffect
from domain.world import World


@command(
    "order.refund",
    roles=(MANAGER,),
    allowed=Order.takes_refunds,
    example={"items": [{"sku": "OAT-1L", "qty": 1}], "reason": "turned sour"},
)
@dataclass(frozen=True, slots=True, kw_only=True)
class RefundOrder:
    """Without `items` and `amount` all that is left; `restock` puts refunded pieces back on the shelf."""

    items: tuple[Item, ...] | None = optional(ListOf(record=Item, minimum=1, maximum=500))
    amount: str | None = optional(Amount())
    restock: bool = optional(Boolean(), default=True)
    reason: str = required(Text(minimum=1, maximum=2_000))

    def breaches(self) -> list[tuple[str, str, str]]:
        """Rules over several members."""
        if self.items is not None and self.amount is not None:
            return [("", "one-of", "must have either items or amount, or neither for all that is left")]
        if self.amount is not None and not self.amount.strip("0."):
            return [("amount", "out-of-range", "must be more than 0")]
        return []

    def scope(self) -> Scope:
        """The stock of what is on the order's lines, where pieces come back."""
        return STOCK_OF_ORDER if self.restock and self.amount is None else ORDER_ALONE

    def decide(self, command: Command, world: World, now: datetime) -> Outcome:
        """Refuse an order that is not paid, and more than is left; otherwise give back."""
        order = world.order_of(command.order_id)
        return asking.through_provider(command, order, self._give_back(order, world))

    def settle(self, command: Command, world: World, answer: Answer) -> Settled:
        """Give back what the provider has given back."""
        order = world.order_of(command.order_id)
        return asking.settle(order, answer, lambda thawed: self._give_back(thawed, world))

    def _give_back(self, order: Order, world: World) -> Outcome:
        if order.status != "paid":
            allowed = list(workflow.allowed(order.workflow, order.status))
            detail = f"Money of a paid order is refunded; the order is {order.status}."
            return Refused("invalid-transition", detail, {"allowed": allowed})
        taken = self._taken(order)
        if isinstance(taken, Refused):
            return taken
        moved = stock.move(world.products, taken.pieces, StockEffect.RESTOCK) if self.restock else Moved()
        assert isinstance(moved, Moved), "putting back takes nothing"
        return Applied(
            event="order.refunded",
            order=order.refunded(taken.amount, taken.tax, taken.lines),
            products=moved.products,
            movements=moved.movements,
            refund=Refund(amount=taken.amount, tax=taken.tax, restock=self.restock, reason=self.reason),
        )

    def _taken(self, order: Order) -> Taken | Refused:
        if self.items is not None:
            return refunds.of_items(order, self.items)
        if self.amount is None:
            return refunds.all_left(order)
        amount = money.to_minor(self.amount, order.currency)
        if amount is None:
            return Refused("amount-mismatch", f"{self.amount} has more digits than {order.currency} allows.")
        return refunds.of_amount(order, amount)
