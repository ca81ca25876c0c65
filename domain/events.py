"""Events: which of them a finished command makes, and the catalogue of all types that webhooks tell. Shapes: CONTRACT.

Every final command makes exactly one `command.*` event, every successful order command one `order.*` event whose
`sequence` is the order's version. Schemas are JSON Schema 2020-12, of the whole body that a webhook posts.
"""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from domain import result, shapes
from domain.money import to_text
from domain.outcome import Applied
from domain.shapes import ANY_OBJECT, ID, NULL, TIME, VERSION, Schema, object_of
from domain.stock import Product

PING, DISABLED = "endpoint.ping", "endpoint.disabled"


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """Something that happened; `order_id` and `sequence`, the order's version, are those of `order.*` events alone."""

    type: str
    data: Mapping[str, Any]
    order_id: uuid.UUID | None = None
    sequence: int | None = None


def of_ended(status: str, command: Mapping[str, Any]) -> Event:
    """How a command has ended; `command` is the resource as clients see it."""
    return Event(type=f"command.{status}", data={"command": command})


def of_applied(applied: Applied, command_id: uuid.UUID) -> list[Event]:
    """What a yes has changed: its order, if it has one, and each product whose stock it moved."""
    events = []
    order = applied.order
    if order is not None and applied.event is not None:
        shown = result.of_order(order) | {"tax_total": to_text(order.tax_total, order.currency)}
        data = {"order": shown, "command_id": str(command_id)}
        events.append(Event(type=applied.event, data=data, order_id=order.id, sequence=order.version))
    for product in applied.products:
        data = {"product": result.of_product(product), "command_id": str(command_id)}
        events.append(Event(type="stock.changed", data=data))
        if _has_become_low(product, applied):
            events.append(Event(type="stock.low", data=data))
    return events


def _has_become_low(product: Product, applied: Applied) -> bool:
    """Whether `available` is at `low_stock_at` or under now, and was above before."""
    if product.low_stock_at is None or product.available > product.low_stock_at:
        return False
    delta = sum(
        movement.on_hand_delta - movement.reserved_delta
        for movement in applied.movements
        if movement.product_id == product.id
    )
    return product.available - delta > product.low_stock_at


@dataclass(frozen=True, slots=True, kw_only=True)
class EventType:
    """A type of event, for whoever receives it: the JSON Schema of a body and an example of one."""

    name: str
    description: str
    schema: Mapping[str, Any]
    example: Mapping[str, Any]


def _command(status: str) -> Schema:
    has_result, has_error = status == "succeeded", status in {"failed", "expired"}
    schema = shapes.command({"const": status}, ANY_OBJECT if has_result else NULL, ANY_OBJECT if has_error else NULL)
    schema["properties"]["finished_at"] = TIME
    return schema


_AT = "2026-11-21T09:08:54.734335Z"
_ORDER_ID, _COMMAND_ID = "01a1fd5d-a08c-7614-bc41-b90e71b2481a", "01a1fd5d-a339-77a5-a716-1bb2f675ef1b"
_A_PRODUCT = {
    "id": "01a1fd5c-f309-731f-a8aa-84aedae4c821",
    "sku": "OAT-1L",
    "on_hand": 5,
    "reserved": 1,
    "available": 4,
}
_AN_ENDPOINT = {
    "id": "01a1fd61-77f0-7c52-9a0e-2f64a7a6a0c3",
    "client": "shop-1",
    "url": "https://shop.example.com/orderly",
    "event_types": ["order.paid"],
    "description": "",
    "ordered": False,
    "is_active": True,
    "disabled_reason": None,
    "created_at": "2026-11-21T08:00:00Z",
}


def _an_order(status: str, version: int) -> dict[str, Any]:
    return {"id": _ORDER_ID, "total": "4.58", "status": status, "version": version, "currency": "EUR"}


def _a_command(status: str, **changes: object) -> dict[str, Any]:
    return {
        "id": _COMMAND_ID,
        "type": "order.pay",
        "status": status,
        "order_id": _ORDER_ID,
        "idempotency_key": "a22acc2a-f045-4e15-9ff8-167c6e502f70",
        "client": "till-7",
        "result": None,
        "error": None,
        "attempts": 1,
        "expected_version": None,
        "expires_at": None,
        "not_before": None,
        "occurred_at": None,
        "device_sequence": None,
        "accepted_at": "2026-11-21T09:08:54.713816Z",
        "started_at": "2026-11-21T09:08:54.726609Z",
        "finished_at": _AT,
        "links": {"self": f"/api/v1/commands/{_COMMAND_ID}", "order": f"/api/v1/orders/{_ORDER_ID}"},
        **changes,
    }


def _an_error(code: str, detail: str) -> dict[str, Any]:
    problem = {"type": f"/problems/{code}", "title": result.TITLES[code], "detail": detail}
    return problem | {"code": code, "retryable": code in result.RETRYABLE}


def _type(name: str, description: str, schema: Schema, data: dict[str, Any], sequence: int | None = None) -> EventType:
    counted: Schema = NULL if sequence is None else VERSION
    return EventType(
        name=name,
        description=description,
        schema={
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            **object_of(type={"const": name}, timestamp=TIME, sequence=counted, data=schema),
        },
        example={"type": name, "timestamp": _AT, "sequence": sequence, "data": data},
    )


def _of_command(status: str, description: str, **example: object) -> EventType:
    schema, data = object_of(command=_command(status)), {"command": _a_command(status, **example)}
    return _type(f"command.{status}", description, schema, data)


def _of_order(event: str, description: str, status: str, version: int) -> EventType:
    schema = object_of(order=shapes.ORDER_OF_EVENT, command_id=ID)
    data = {"order": _an_order(status, version) | {"tax_total": "0.37"}, "command_id": _COMMAND_ID}
    return _type(f"order.{event}", description, schema, data, version)


def _of_stock(event: str, description: str) -> EventType:
    schema, data = object_of(product=shapes.PRODUCT, command_id=ID), {"product": _A_PRODUCT, "command_id": _COMMAND_ID}
    return _type(f"stock.{event}", description, schema, data)


def _of_endpoint(event: str, description: str, **example: object) -> EventType:
    schema, data = object_of(endpoint=shapes.ENDPOINT), {"endpoint": _AN_ENDPOINT | example}
    return _type(f"endpoint.{event}", description, schema, data)


_TYPES = (
    _of_command("succeeded", "A command was executed.", result={"order": _an_order("paid", 2)}),
    _of_command(
        "failed",
        "A command was refused, or could not be executed.",
        error=_an_error("order-empty", "An order without items cannot be paid."),
    ),
    _of_command(
        "expired",
        "A command was not executed before its expires_at.",
        error=_an_error("expired", "The command was not executed before its expires_at."),
        attempts=0,
        started_at=None,
        expires_at="2026-11-21T09:08:54Z",
    ),
    _of_command("cancelled", "A command was cancelled before it was executed.", attempts=0, started_at=None),
    _of_order("created", "An order was created.", "draft", 1),
    _of_order("items_changed", "Items were added to an order or removed from it.", "draft", 2),
    _of_order("paid", "An order was paid.", "paid", 2),
    _of_order("cancelled", "An order was cancelled.", "cancelled", 3),
    _of_order("refunded", "Money of a paid order was given back.", "paid", 3),
    _of_order("status_changed", "An order moved on in its workflow.", "confirmed", 2),
    _of_order("archived", "An order was archived.", "cancelled", 4),
    _of_stock("changed", "Stock of a product was moved or reserved."),
    _of_stock("low", "What is available of a product has fallen to its low_stock_at or under."),
    _of_endpoint("ping", "Somebody asked for a ping of this endpoint."),
    _of_endpoint(
        "disabled",
        "An endpoint was disabled because its deliveries kept failing.",
        is_active=False,
        disabled_reason="No delivery has succeeded for five days.",
    ),
)
CATALOGUE: dict[str, EventType] = {each.name: each for each in _TYPES}
"""Every type of event, by name."""
