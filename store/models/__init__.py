"""The tables. Written in bulk by plain SQL (store/saving.py, store/inbox.py), read through these models elsewhere.

Money is in minor units of the currency beside it; quantities are pieces. Constraints repeat what the aggregates in
`domain/` assert, so that neither code nor a hand at the SQL prompt can break them; triggers stand in the migrations.
"""

from store.models.clients import ApiKey, AuditEntry, Client
from store.models.commands import DEAD, FINAL_STATUSES, OPEN_STATUSES, Attempt, Command, Lane
from store.models.money import (
    PAYMENT_STATUSES,
    JournalEntry,
    Payment,
    Posting,
    ProviderRequest,
    Refund,
    SimulatedPayment,
)
from store.models.orders import Order, OrderHistory, OrderLine
from store.models.shop import Customer, Product, StockMovement
from store.models.webhooks import DELIVERY_STATUSES, Delivery, DeliveryAttempt, Endpoint, Event

__all__ = [
    "DEAD",
    "DELIVERY_STATUSES",
    "FINAL_STATUSES",
    "OPEN_STATUSES",
    "PAYMENT_STATUSES",
    "ApiKey",
    "Attempt",
    "AuditEntry",
    "Client",
    "Command",
    "Customer",
    "Delivery",
    "DeliveryAttempt",
    "Endpoint",
    "Event",
    "JournalEntry",
    "Lane",
    "Order",
    "OrderHistory",
    "OrderLine",
    "Payment",
    "Posting",
    "Product",
    "ProviderRequest",
    "Refund",
    "SimulatedPayment",
    "StockMovement",
]
