"""What clients see of rows: commands, orders, products, customers, webhooks. Shapes: CONTRACT."""

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

import orjson

from domain import tax
from domain.money import to_text
from store.clients import name_of
from store.commands import CommandRow
from store.models import (
    Customer,
    Delivery,
    DeliveryAttempt,
    Endpoint,
    JournalEntry,
    Order,
    OrderHistory,
    OrderLine,
    Payment,
    Posting,
    Product,
    Refund,
    StockMovement,
)

API = "/api/v1"


def shown_time(moment: datetime | None) -> str | None:
    """RFC 3339 in UTC."""
    if moment is None:
        return None
    text = moment.isoformat()
    if not text.endswith("+00:00"):
        text = moment.astimezone(UTC).isoformat()
    return f"{text[:-6]}Z"


def command_json(row: CommandRow) -> bytes:
    """The command resource as it is sent: the same bytes whether its row comes from the table or was just written."""
    return orjson.dumps(command(row), option=orjson.OPT_UTC_Z)


def command(row: CommandRow) -> dict[str, Any]:
    """The command resource; whoever makes JSON of it turns ids and times into text."""
    return {
        "id": row.id,
        "type": row.type,
        "status": row.status,
        "order_id": row.order_id,
        "idempotency_key": row.idempotency_key,
        "client": name_of(row.client_id),
        "result": row.result,
        "error": row.error,
        "attempts": row.attempts,
        "expected_version": row.expected_version,
        "expires_at": row.expires_at,
        "not_before": row.not_before,
        "occurred_at": row.occurred_at,
        "device_sequence": row.device_sequence,
        "accepted_at": row.accepted_at,
        "started_at": row.started_at,
        "finished_at": row.finished_at,
        "links": {
            "self": f"{API}/commands/{row.id}",
            "order": f"{API}/orders/{row.order_id}" if row.order_id else None,
        },
    }


def order(row: Order, lines: Iterable[OrderLine]) -> dict[str, Any]:
    """The order resource; lines oldest first."""
    lines = list(lines)
    return {
        "id": str(row.id),
        "workflow": row.workflow,
        "status": row.status,
        "version": row.version,
        "currency": row.currency,
        "total": to_text(int(row.total), row.currency),
        "tax_total": to_text(sum(_tax(line) for line in lines), row.currency),
        "paid_total": to_text(int(row.paid_total), row.currency),
        "refunded_total": to_text(int(row.refunded_total), row.currency),
        "payment_pending": row.asked_by is not None,
        "customer_id": row.customer_id and str(row.customer_id),
        "note": row.note,
        "items": [_line(line, row.currency) for line in lines],
        "archived": row.archived,
        "created_at": shown_time(row.created_at),
        "updated_at": shown_time(row.updated_at),
        "links": {"self": f"{API}/orders/{row.id}", "commands": f"{API}/commands?order_id={row.id}"},
    }


def status_change(row: OrderHistory) -> dict[str, Any]:
    """One line of an order's history."""
    return {
        "from_status": row.from_status,
        "to_status": row.to_status,
        "changed_by": row.changed_by,
        "command_id": str(row.command_id),
        "note": row.note,
        "changed_at": shown_time(row.changed_at),
    }


def payment(row: Payment) -> dict[str, Any]:
    """The payment resource with its refunds, oldest first."""
    return {
        "id": str(row.id),
        "method": row.method,
        "provider": row.provider,
        "reference": row.reference or row.provider_reference,
        "amount": to_text(int(row.amount), row.currency),
        "currency": row.currency,
        "status": row.status,
        "command_id": str(row.command_id),
        "created_at": shown_time(row.created_at),
        "refunds": [_refund(each) for each in row.refunds.all()],
    }


def product(row: Product) -> dict[str, Any]:
    """The product resource."""
    return {
        "id": str(row.id),
        "sku": row.sku,
        "name": row.name,
        "description": row.description,
        "price": to_text(row.price, row.currency),
        "currency": row.currency,
        "tax_rate": tax.to_text(row.tax_rate),
        "cost": None if row.cost is None else to_text(row.cost, row.currency),
        "on_hand": row.on_hand,
        "reserved": row.reserved,
        "available": row.on_hand - row.reserved,
        "low_stock_at": row.low_stock_at,
        "is_active": row.is_active,
        "version": row.version,
    }


def entry(row: JournalEntry) -> dict[str, Any]:
    """The journal entry with its postings."""
    return {
        "id": str(row.id),
        "kind": row.kind,
        "order_id": row.order_id and str(row.order_id),
        "command_id": str(row.command_id),
        "reverses": row.reverses_id and str(row.reverses_id),
        "occurred_at": shown_time(row.occurred_at),
        "postings": [_posting(each) for each in row.postings.all()],
    }


def _posting(row: Posting) -> dict[str, Any]:
    return {"account": row.account, **sides(int(row.amount), row.currency), "currency": row.currency}


def sides(amount: int, currency: str) -> dict[str, str]:
    """A signed amount as debit and credit, one of them zero."""
    return {"debit": to_text(max(amount, 0), currency), "credit": to_text(max(-amount, 0), currency)}


def movement(row: StockMovement) -> dict[str, Any]:
    """A line of the stock ledger."""
    return {
        "id": str(row.id),
        "product_id": str(row.product_id),
        "kind": row.kind,
        "on_hand_delta": row.on_hand_delta,
        "reserved_delta": row.reserved_delta,
        "order_id": row.order_id and str(row.order_id),
        "command_id": str(row.command_id),
        "reason": row.reason,
        "created_at": shown_time(row.created_at),
    }


def customer(row: Customer) -> dict[str, Any]:
    """The customer resource."""
    return {
        "id": str(row.id),
        "name": row.name,
        "tax_id": row.tax_id,
        "email": row.email,
        "phone": row.phone,
        "address": row.address,
        "is_active": row.is_active,
        "version": row.version,
    }


def endpoint(row: Endpoint) -> dict[str, Any]:
    """The endpoint resource, without its secret."""
    return {
        "id": str(row.id),
        "client": name_of(row.client_id),
        "url": row.url,
        "event_types": list(row.event_types),
        "description": row.description,
        "ordered": row.ordered,
        "is_active": row.is_active,
        "disabled_reason": row.disabled_reason,
        "created_at": shown_time(row.created_at),
    }


def delivery(row: Delivery, attempts: Iterable[DeliveryAttempt]) -> dict[str, Any]:
    """The delivery resource; attempts oldest first.

    What its endpoint has left behind is never sent, and shown as cancelled before its turn to be cancelled has come.
    """
    is_over = row.status == "pending" and row.generation < row.endpoint.generation
    return {
        "id": str(row.id),
        "endpoint_id": str(row.endpoint_id),
        "webhook_id": str(row.event_id),
        "event_type": row.event_type,
        "status": "cancelled" if is_over else row.status,
        "next_attempt_at": None if is_over else shown_time(row.next_attempt_at),
        "attempts": [_attempt(each) for each in attempts],
        "created_at": shown_time(row.created_at),
    }


def _refund(row: Refund) -> dict[str, Any]:
    return {
        "id": str(row.id),
        "amount": to_text(int(row.amount), row.currency),
        "tax": to_text(int(row.tax), row.currency),
        "restock": row.restock,
        "reason": row.reason,
        "command_id": str(row.command_id),
        "created_at": shown_time(row.created_at),
    }


def _attempt(row: DeliveryAttempt) -> dict[str, Any]:
    return {
        "at": shown_time(row.at),
        "duration_ms": row.duration_ms,
        "status": row.status,
        "error": row.error,
        "body": row.body,
    }


def _line(line: OrderLine, currency: str) -> dict[str, Any]:
    return {
        "product_id": str(line.product_id),
        "sku": line.sku,
        "name": line.name,
        "qty": line.qty,
        "unit_price": to_text(line.unit_price, currency),
        "line_total": to_text(line.qty * line.unit_price, currency),
        "tax_rate": tax.to_text(line.tax_rate),
        "tax": to_text(_tax(line), currency),
    }


def _tax(line: OrderLine) -> int:
    return tax.included(line.qty * line.unit_price, line.tax_rate)
