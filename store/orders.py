"""Single facts about orders."""

import uuid

from store import db


@db.reconnecting
def currency_of(order_id: uuid.UUID) -> str | None:
    """The order's currency, if there is such an order."""
    return next(iter(db.scalars("SELECT currency FROM orders WHERE id = %s", [order_id])), None)
