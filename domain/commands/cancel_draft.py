"""`order.cancel_draft`: a till gives up an order that nobody has paid."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from domain import workflow
from domain.cancelling import cancel
from domain.fields import Text, optional
from domain.outcome import Outcome, invalid_transition
from domain.registry import MANAGER, POS, Command, command
from domain.world import ProductKey, World


@command("order.cancel_draft", roles=(POS, MANAGER))
@dataclass(frozen=True, slots=True, kw_only=True)
class CancelDraft:
    """Why, for the history."""

    reason: str | None = optional(Text(maximum=2_000))

    def products(self) -> Iterable[ProductKey]:
        """None."""
        return ()

    def moves_stock(self) -> bool:
        """No."""
        return False

    def decide(self, command: Command, world: World, now: datetime) -> Outcome:
        """Refuse anything but a draft."""
        order = world.order_of(command.order_id)
        if order.status != "draft":
            return invalid_transition(order, "cancelled", workflow.allowed(order.workflow, order.status))
        return cancel(order, world, self.reason)
