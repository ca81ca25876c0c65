"""`order.cancel_draft`: a till gives up an order that nobody has paid."""

from dataclasses import dataclass
from datetime import datetime

from domain.cancelling import cancel
from domain.fields import Text, optional
from domain.outcome import Outcome, invalid_transition
from domain.registry import MANAGER, ORDER_ALONE, POS, Command, Scope, command
from domain.world import World


@command(
    "order.cancel_draft",
    roles=(POS, MANAGER),
    allowed=lambda order: order.status == "draft",
    example={"reason": "The customer left."},
)
@dataclass(frozen=True, slots=True, kw_only=True)
class CancelDraft:
    """Why, for the history."""

    reason: str | None = optional(Text(maximum=2_000))

    def scope(self) -> Scope:
        """Its order alone."""
        return ORDER_ALONE

    def decide(self, command: Command, world: World, now: datetime) -> Outcome:
        """Refuse anything but a draft."""
        order = world.order_of(command.order_id)
        if order.status != "draft":
            return invalid_transition(order, "cancelled")
        return cancel(order, world, self.reason)
