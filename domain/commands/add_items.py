"""`order.add_items`: more pieces in a counter draft, at the price each product has now."""

from dataclasses import dataclass
from datetime import datetime

from domain.fields import ListOf, required
from domain.items import Item, resolve
from domain.orders import Order, with_added
from domain.outcome import Applied, Outcome, Refused
from domain.registry import INTEGRATION, MANAGER, POS, Command, Scope, command
from domain.world import World


@command(
    "order.add_items",
    roles=(POS, INTEGRATION, MANAGER),
    allowed=Order.takes_items,
    example={"items": [{"sku": "OAT-1L", "qty": 2}, {"sku": "MUG-WHITE", "qty": 1}]},
)
@dataclass(frozen=True, slots=True, kw_only=True)
class AddItems:
    """The items to add."""

    items: tuple[Item, ...] = required(ListOf(record=Item, minimum=1, maximum=500))

    def scope(self) -> Scope:
        """The products of its items."""
        return Scope(products=tuple(item.key for item in self.items))

    def decide(self, command: Command, world: World, now: datetime) -> Outcome:
        """Refuse a frozen order or an item that cannot be sold; otherwise add them all."""
        order = world.order_of(command.order_id)
        if not order.takes_items():
            return Refused("order-frozen", f"Items change in a counter draft only; the order is {order.status}.")
        additions = resolve(self.items, world, order.currency)
        if isinstance(additions, Refused):
            return additions
        return Applied(event="order.items_changed", order=order.with_lines(with_added(order.lines, additions)))
