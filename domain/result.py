"""What a finished command shows: the `result` of a yes and the `error` of a no. Shapes: CONTRACT.

Members stand in the order in which PostgreSQL's jsonb keeps them, the shorter name first: then a result is shown byte
for byte alike whether it was just made or read back.
"""

import uuid
from typing import Any

from domain.money import to_text
from domain.orders import Order
from domain.outcome import Applied, Payment, Refused
from domain.stock import Product

TITLES: dict[str, str] = {
    "expired": "The command expired",
    "forbidden": "The client may not do this",
    "order-exists": "The order exists already",
    "order-not-found": "There is no such order",
    "version-conflict": "The order has changed",
    "order-frozen": "The order can no longer change",
    "invalid-transition": "The workflow does not allow this",
    "item-not-found": "The order has no such item",
    "order-empty": "The order is empty",
    "customer-not-found": "There is no such customer",
    "customer-inactive": "The customer is no longer active",
    "product-not-found": "There is no such product",
    "product-inactive": "The product is not for sale",
    "currency-mismatch": "The currencies differ",
    "amount-mismatch": "The amount does not fit",
    "tendered-too-low": "Too little cash was tendered",
    "refund-exceeds-payment": "More than is left to refund",
    "insufficient-stock": "There is not enough stock",
    "payment-declined": "The payment was declined",
    "payment-uncertain": "Nobody knows yet what the payment has come to",
    "poisoned": "The command kept killing its worker",
    "internal-error": "The command failed unexpectedly",
}
RETRYABLE: frozenset[str] = frozenset({"poisoned", "internal-error"})


def of_applied(applied: Applied) -> dict[str, Any]:
    """The `result` member: the order (with its payment, if one was taken) or the product."""
    if applied.order is None:
        return {"product": of_product(applied.products[0])}
    result: dict[str, Any] = {"order": of_order(applied.order)}
    if applied.payment is not None:
        result["payment"] = _payment(applied.payment, applied.order.currency)
    return result


def of_settled(command_id: uuid.UUID, status: str) -> dict[str, Any]:
    """The `result` of a provider's answer: the command that it has ended."""
    return {"command": {"id": str(command_id), "status": status}}


def of_refused(refused: Refused) -> dict[str, Any]:
    """The `error` member: a problem object without `status`, with `retryable` (RFC 9457)."""
    error = {
        "type": f"/problems/{refused.code}",
        "title": TITLES[refused.code],
        "detail": refused.detail,
        "code": refused.code,
        "retryable": refused.code in RETRYABLE,
        **refused.extra,
    }
    return {name: error[name] for name in sorted(error, key=lambda name: (len(name), name))}


def of_order(order: Order) -> dict[str, Any]:
    """An order as results and events show it."""
    return {
        "id": str(order.id),
        "total": to_text(order.total, order.currency),
        "status": order.status,
        "version": order.version,
        "currency": order.currency,
    }


def of_product(product: Product) -> dict[str, Any]:
    """A product's stock as results and events show it."""
    return {
        "id": str(product.id),
        "sku": product.sku,
        "on_hand": product.on_hand,
        "reserved": product.reserved,
        "available": product.available,
    }


def _payment(payment: Payment, currency: str) -> dict[str, Any]:
    change = payment.change
    return {
        "amount": to_text(payment.amount, currency),
        "change": None if change is None else to_text(change, currency),
        "method": payment.method,
        "tendered": None if payment.tendered is None else to_text(payment.tendered, currency),
    }
