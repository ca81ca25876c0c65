"""`order.add_items`: more pieces in a counter draft, at the price each product has now."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from domain.fields import ListOf, required
from domain.items import Item, resolve
from domain.orders import with_added
from domain.outcome import Applied, Outcome, Refused
from domain.registry import INTEGRATION, MANAGER, POS, Command, command
from domain.world import ProductKey, World


@command("order.add_items", roles=(POS, INTEGRATION, MANAGER))
@dataclass(frozen=True, slots=True, kw_only=True)
class AddItems:
    """The items to add."""

    items: tuple[Item, ...] = required(ListOf(record=Item, minimum=1, maximum=500))

    def products(self) -> Iterable[ProductKey]:
        """The products of its items."""
        return [item.key for item in self.items]

    def moves_stock(self) -> bool:
        """No."""
        return False

    def decide(self, command: Command, world: World, now: datetime) -> Outcome:
        """Refuse a frozen order or an item that cannot be sold; otherwise add them all."""
        order = world.order_of(command.order_id)
        if not order.editable:
            return Refused("order-frozen", f"Items change in a counter draft only; the order is {order.status}.")
        additions = resolve(self.items, world, order.currency)
        if isinstance(additions, Refused):
            return additions
        return Applied(event="order.items_changed", order=order.with_lines(with_added(order.lines, additions)))
