"""`order.cancel`: an order is cancelled from any status that allows it, with its stock and its payment given back."""

from dataclasses import dataclass
from datetime import datetime

from domain import asking
from domain.cancelling import cancel
from domain.fields import Text, optional
from domain.outcome import Answer, Outcome, Settled
from domain.registry import MANAGER, STOCK_OF_ORDER, Command, Scope, command
from domain.world import World


@command(
    "order.cancel",
    roles=(MANAGER,),
    allowed=lambda order: order.may("cancel"),
    example={"reason": "The customer changed their mind."},
)
@dataclass(frozen=True, slots=True, kw_only=True)
class CancelOrder:
    """Why, for the history."""

    reason: str | None = optional(Text(maximum=2_000))

    def scope(self) -> Scope:
        """The stock of what is on the order's lines."""
        return STOCK_OF_ORDER

    def decide(self, command: Command, world: World, now: datetime) -> Outcome:
        """As the workflow table says."""
        order = world.order_of(command.order_id)
        return asking.through_provider(command, order, cancel(order, world, self.reason))

    def settle(self, command: Command, world: World, answer: Answer) -> Settled:
        """Cancel now that the provider has given the money back."""
        order = world.order_of(command.order_id)
        return asking.settle(order, answer, lambda thawed: cancel(thawed, world, self.reason))
