"""`order.remove_item`: fewer pieces of one product in a counter draft, taken from the newest line first."""

import uuid
from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar

from domain.fields import Identifier, optional
from domain.items import ONE_REFERENCE, QTY, SKU, one_reference, reference
from domain.orders import Order, with_removed
from domain.outcome import Applied, Outcome, Refused
from domain.registry import INTEGRATION, MANAGER, ORDER_ALONE, POS, Command, Scope, command
from domain.shapes import Schema
from domain.world import World


@command(
    "order.remove_item",
    roles=(POS, INTEGRATION, MANAGER),
    allowed=Order.takes_items,
    example={"sku": "OAT-1L", "qty": 1},
)
@dataclass(frozen=True, slots=True, kw_only=True)
class RemoveItem:
    """The product, and how many pieces of it; all of them without `qty`."""

    product_id: uuid.UUID | None = optional(Identifier())
    sku: str | None = optional(SKU)
    qty: int | None = optional(QTY)
    rules: ClassVar[Schema] = ONE_REFERENCE

    def breaches(self) -> list[tuple[str, str, str]]:
        """Rules over several members."""
        return one_reference(self.product_id, self.sku)

    def scope(self) -> Scope:
        """Its order alone: what may be removed stands on its lines."""
        return ORDER_ALONE

    def decide(self, command: Command, world: World, now: datetime) -> Outcome:
        """Refuse a frozen order, or more pieces than it has; otherwise remove them."""
        order = world.order_of(command.order_id)
        if not order.takes_items():
            return Refused("order-frozen", f"Items change in a counter draft only; the order is {order.status}.")
        key = reference(self.product_id, self.sku)
        lines = [line for line in order.lines if key in {line.product_id, line.sku}]
        present = sum(line.qty for line in lines)
        if not lines or (self.qty or 0) > present:
            return Refused("item-not-found", f"The order has {present} pieces of the product {key}.")
        remaining = with_removed(order.lines, lines[0].product_id, self.qty)
        return Applied(event="order.items_changed", order=order.with_lines(remaining))
