"""Cancelling an order: the move and its stock effect, shared by the two commands that may ask for it."""

from domain import stock, workflow
from domain.orders import Order
from domain.outcome import Applied, Outcome, Refund, StatusChange, insufficient_stock, invalid_transition
from domain.stock import Moved
from domain.world import World


def cancel(order: Order, world: World, reason: str | None) -> Outcome:
    """Cancel if the workflow table allows it, giving back whatever stock the order holds or has taken."""
    move = workflow.find(order.workflow, order.status, "cancelled", "cancel")
    if move is None:
        return invalid_transition(order, "cancelled")
    moved = stock.move(world.products, order.quantities(), move.effect)
    if not isinstance(moved, Moved):
        return insufficient_stock(moved)
    return Applied(
        event="order.cancelled",
        order=order.cancelled(),
        products=moved.products,
        movements=moved.movements,
        status_change=StatusChange(source=order.status, target=move.target, note=reason),
        refund=Refund(amount=order.remainder, tax=order.tax_remainder, restock=True, reason=reason)
        if order.remainder
        else None,
    )
