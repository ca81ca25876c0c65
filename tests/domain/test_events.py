"""Which events a yes makes, and a catalogue that describes each of them."""

import copy
import uuid
from dataclasses import replace
from typing import Any

import pytest

from domain import events, registry, result
from domain.events import CATALOGUE, Event
from domain.money import to_text
from tests.domain.scene import ORDER_ID, Scene, line, order, product
from tests.schemas import breaches

COMMAND_ID = uuid.UUID(int=0xC0)
ITEMS = [{"sku": "TEA", "qty": 2}]
TEA = product("TEA")
DRAFT = order(line("TEA", 2), line("TEA", 1, unit_price=500), line("MUG", 1))
HELD = order(line("TEA", 2), workflow="fulfilment", status="pending")
TEA_HELD = product("TEA", reserved=2)

SCENES: dict[str, Scene] = {
    "order.created": Scene(type="order.create", payload={"items": ITEMS}, products=(TEA,)),
    "order.created, reserving": Scene(
        type="order.create", payload={"workflow": "fulfilment", "items": ITEMS}, products=(TEA,)
    ),
    "order.items_changed": Scene(type="order.add_items", payload={"items": ITEMS}, order=DRAFT, products=(TEA,)),
    "order.items_changed, removing": Scene(
        type="order.remove_item", payload={"sku": "TEA"}, order=DRAFT, products=(TEA,)
    ),
    "order.paid": Scene(type="order.pay", payload={"method": "cash"}, order=DRAFT, products=(TEA, product("MUG"))),
    "order.cancelled": Scene(type="order.cancel", payload={}, order=HELD, products=(TEA_HELD,)),
    "order.cancelled, a draft": Scene(type="order.cancel_draft", payload={}, order=DRAFT),
    "order.refunded": Scene(
        type="order.refund",
        payload={"amount": "1.00", "reason": "late"},
        order=replace(DRAFT, status="paid", paid_total=DRAFT.total),
    ),
    "order.status_changed": Scene(type="order.change_status", payload={"to": "confirmed"}, order=HELD),
    "order.archived": Scene(type="order.archive", payload={}, order=replace(HELD, status="cancelled")),
    "stock.changed": Scene(type="stock.receive", payload={"sku": "TEA", "qty": 1}, products=(TEA,), order_id=None),
    "stock.changed, adjusting": Scene(
        type="stock.adjust", payload={"sku": "TEA", "delta": -1, "reason": "x"}, products=(TEA,), order_id=None
    ),
}


def made(scene: Scene) -> list[Event]:
    return events.of_applied(scene.applied(), COMMAND_ID)


def body(event: Event) -> dict[str, Any]:
    """What a webhook posts."""
    return {
        "type": event.type,
        "timestamp": "2026-11-21T09:00:00Z",
        "sequence": event.sequence,
        "data": dict(event.data),
    }


def test_every_command_type_is_shown() -> None:
    assert {scene.type for scene in SCENES.values()} == set(registry.names())


@pytest.mark.parametrize("name", SCENES)
def test_a_yes_to_an_order_command_makes_one_event_of_the_order_with_its_version(name: str) -> None:
    scene = SCENES[name]
    applied = scene.applied()
    of_order = [event for event in made(scene) if event.type.startswith("order.")]
    if applied.order is None:
        assert of_order == []
    else:
        order = result.of_order(applied.order) | {"tax_total": to_text(applied.order.tax_total, applied.order.currency)}
        data = {"order": order, "command_id": str(COMMAND_ID)}
        version = applied.order.version
        assert of_order == [Event(type=name.partition(",")[0], data=data, order_id=ORDER_ID, sequence=version)]


@pytest.mark.parametrize("name", SCENES)
def test_each_product_moved_makes_one_event_with_its_stock_afterwards(name: str) -> None:
    applied = SCENES[name].applied()
    changed = [event for event in made(SCENES[name]) if event.type == "stock.changed"]
    assert [event.data["product"]["id"] for event in changed] == list(
        dict.fromkeys(str(movement.product_id) for movement in applied.movements)
    )
    assert [event.data["product"] for event in changed] == [result.of_product(each) for each in applied.products]
    assert {(event.order_id, event.sequence) for event in changed} <= {(None, None)}


@pytest.mark.parametrize("name", SCENES)
def test_every_event_made_is_as_the_catalogue_says(name: str) -> None:
    for event in made(SCENES[name]):
        assert breaches(dict(CATALOGUE[event.type].schema), body(event)) == []


@pytest.mark.parametrize(
    ("low_at", "delta", "lows"),
    [(None, -10, 0), (5, -4, 0), (5, -5, 1), (5, -10, 1), (0, -9, 0), (0, -10, 1), (10, -1, 0), (11, -1, 0), (5, 1, 0)],
)
def test_stock_becomes_low_once_when_it_falls_to_its_limit(low_at: int | None, delta: int, lows: int) -> None:
    scene = SCENES["stock.changed, adjusting"].with_payload(delta=delta)
    found = made(scene.with_product(product("TEA", low_stock_at=low_at)))
    assert [event.type for event in found] == ["stock.changed"] + ["stock.low"] * lows
    assert all(event.data["product"]["available"] == 10 + delta for event in found)


def test_reserving_makes_stock_low_and_shipping_what_was_reserved_does_not() -> None:
    reserving = SCENES["order.created, reserving"].with_product(product("TEA", low_stock_at=8))
    assert [event.type for event in made(reserving)] == ["order.created", "stock.changed", "stock.low"]
    picked = replace(HELD, status="picked")
    shipping = Scene(
        type="order.change_status",
        payload={"to": "shipped"},
        order=picked,
        products=(product("TEA", reserved=2, low_stock_at=8),),
    )
    assert [event.type for event in made(shipping)] == ["order.status_changed", "stock.changed"]


def test_the_limit_is_kept_from_one_movement_to_the_next() -> None:
    scene = SCENES["stock.changed, adjusting"].with_product(product("TEA", low_stock_at=5))
    (after,) = scene.applied().products
    assert after.low_stock_at == 5


@pytest.mark.parametrize("status", ["succeeded", "failed", "expired", "cancelled"])
def test_an_end_is_an_event_of_its_own_type(status: str) -> None:
    assert events.of_ended(status, {"id": "x"}) == Event(type=f"command.{status}", data={"command": {"id": "x"}})


@pytest.mark.parametrize("name", CATALOGUE)
def test_an_example_is_as_its_schema_says(name: str) -> None:
    kind = CATALOGUE[name]
    assert kind.name == name == kind.example["type"]
    assert kind.description.endswith(".")
    assert breaches(dict(kind.schema), kind.example) == []
    assert (kind.example["sequence"] is not None) == name.startswith("order.")


@pytest.mark.parametrize("name", CATALOGUE)
def test_a_schema_bites(name: str) -> None:
    kind = CATALOGUE[name]
    other = copy.deepcopy(dict(kind.example))
    del other["data"][next(iter(other["data"]))]
    assert breaches(dict(kind.schema), other) != []
    assert breaches(dict(kind.schema), dict(kind.example) | {"type": "other"}) != []
    assert breaches(dict(kind.schema), dict(kind.example) | {"sequence": "1"}) != []


def test_the_catalogue_is_complete() -> None:
    assert list(CATALOGUE) == [
        *("command.succeeded", "command.failed", "command.expired", "command.cancelled"),
        *("order.created", "order.items_changed", "order.paid", "order.cancelled", "order.refunded"),
        *("order.status_changed", "order.archived"),
        *("stock.changed", "stock.low", "endpoint.ping", "endpoint.disabled"),
    ]
