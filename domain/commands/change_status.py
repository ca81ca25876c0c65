"""`order.change_status`: a fulfilment order moves on; shipping takes what was reserved from the shelf."""

from dataclasses import dataclass
from datetime import datetime

from domain import stock, workflow
from domain.fields import Choice, Text, optional, required
from domain.outcome import Applied, Outcome, StatusChange, invalid_transition
from domain.registry import INTEGRATION, MANAGER, ORDER_ALONE, STOCK_OF_ORDER, Command, Scope, command
from domain.stock import Moved
from domain.world import World

VERB = "change_status"


@command(
    "order.change_status",
    roles=(INTEGRATION, MANAGER),
    allowed=lambda order: order.may(VERB),
    example={"to": "confirmed", "note": "Confirmed by phone."},
)
@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeStatus:
    """Where to, and a note for the history."""

    to: str = required(Choice(workflow.STATUSES))
    note: str | None = optional(Text(maximum=2_000))

    def scope(self) -> Scope:
        """The stock of what is on the order's lines, for a move that has an effect on it."""
        return STOCK_OF_ORDER if workflow.moves_stock(self.to, VERB) else ORDER_ALONE

    def decide(self, command: Command, world: World, now: datetime) -> Outcome:
        """Refuse any move that the table does not have; otherwise make it, with its stock effect."""
        order = world.order_of(command.order_id)
        move = workflow.find(order.workflow, order.status, self.to, VERB)
        if move is None:
            return invalid_transition(order, self.to)
        moved = stock.move(world.products, order.quantities(), move.effect)
        assert isinstance(moved, Moved), "what is shipped was reserved"
        return Applied(
            event="order.status_changed",
            order=order.moved(move.target),
            products=moved.products,
            movements=moved.movements,
            status_change=StatusChange(source=order.status, target=move.target, note=self.note),
        )
