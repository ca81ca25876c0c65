"""`order.archive`: an order that is over leaves the everyday lists."""

from dataclasses import dataclass
from datetime import datetime

from domain.orders import Order
from domain.outcome import Applied, Outcome, invalid_transition
from domain.registry import MANAGER, ORDER_ALONE, Command, Scope, command
from domain.world import World


@command("order.archive", roles=(MANAGER,), allowed=Order.is_over)
@dataclass(frozen=True, slots=True, kw_only=True)
class ArchiveOrder:
    """Nothing to say."""

    def scope(self) -> Scope:
        """Its order alone."""
        return ORDER_ALONE

    def decide(self, command: Command, world: World, now: datetime) -> Outcome:
        """Refuse an order that is not over; one that is archived has been refused before."""
        order = world.order_of(command.order_id)
        if not order.is_over():
            return invalid_transition(order, "archived")
        return Applied(event="order.archived", order=order.set_aside())
