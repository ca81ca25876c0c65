"""`order.cancel`: an order is cancelled from any status that allows it, with its stock and its payment given back."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from domain.cancelling import cancel
from domain.fields import Text, optional
from domain.outcome import Outcome
from domain.registry import MANAGER, Command, command
from domain.world import ProductKey, World


@command("order.cancel", roles=(MANAGER,))
@dataclass(frozen=True, slots=True, kw_only=True)
class CancelOrder:
    """Why, for the history."""

    reason: str | None = optional(Text(maximum=2_000))

    def products(self) -> Iterable[ProductKey]:
        """None: the order's lines say what comes back."""
        return ()

    def moves_stock(self) -> bool:
        """Yes."""
        return True

    def decide(self, command: Command, world: World, now: datetime) -> Outcome:
        """As the workflow table says."""
        return cancel(world.order_of(command.order_id), world, self.reason)
