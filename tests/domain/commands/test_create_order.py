"""`order.create`: its table of refusals, its yes cases, its payload."""

import dataclasses
import uuid
from typing import Any

import pytest

from domain.customers import Customer
from domain.outcome import StatusChange
from domain.stock import Movement
from tests.domain.scene import (
    NOW,
    OF_ANY,
    ORDER_ID,
    UNKNOWN_ID,
    Refusal,
    Scene,
    id_of,
    line,
    order,
    pairs,
    product,
    rows,
)

GOOD = Scene(
    type="order.create",
    payload={
        "workflow": "fulfilment",
        "items": [{"sku": "TEA", "qty": 2}, {"product_id": str(id_of("MUG")), "qty": 1}],
    },
    products=(product("TEA"), product("MUG", price=500)),
)


def of_customer(scene: Scene, *, is_active: bool) -> Scene:
    """The scene with a customer, whom the order is for."""
    customer = Customer(id=uuid.UUID(int=0xC5), is_active=is_active)
    named = scene.payload.get("customer_id", str(customer.id))  # a fault that came before may have named another
    return scene.but(customers=(customer,)).with_payload(customer_id=named)


def adding(scene: Scene, sku: str, qty: int = 1) -> Scene:
    """The scene with one more item, the last."""
    return scene.with_payload(items=[*scene.payload["items"], {"sku": sku, "qty": qty}])


REFUSALS = (
    *OF_ANY,
    Refusal("order-exists", lambda scene: scene.but(order=order())),
    Refusal("order-empty", lambda scene: scene.with_payload(items=[])),
    Refusal("customer-not-found", lambda scene: scene.with_payload(customer_id=str(UNKNOWN_ID))),
    Refusal("customer-inactive", lambda scene: of_customer(scene, is_active=False)),
    Refusal("product-not-found", lambda scene: adding(scene, "NONE")),
    Refusal("product-inactive", lambda scene: adding(scene.with_product(product("OLD", is_active=False)), "OLD")),
    Refusal("currency-mismatch", lambda scene: adding(scene.with_product(product("USA", currency="USD")), "USA")),
    Refusal("insufficient-stock", lambda scene: adding(scene, "TEA", qty=9)),
)


@pytest.mark.parametrize("refusal", rows(REFUSALS))
def test_refuses(refusal: Refusal) -> None:
    refusal.of(GOOD)


@pytest.mark.parametrize(("first", "second"), pairs(REFUSALS))
def test_the_first_of_two_refusals_wins(first: Refusal, second: Refusal) -> None:
    first.of(second.fault(GOOD))


def test_creates_a_counter_draft_and_takes_no_stock() -> None:
    scene = GOOD.with_payload(workflow="counter", note="at table 4", items=[{"sku": "TEA", "qty": 2}])
    applied = scene.applied()
    assert applied.order == dataclasses.replace(order(line("TEA", 2), version=1), note="at table 4", created_at=NOW)
    assert (applied.event, applied.products, applied.movements) == ("order.created", (), ())
    assert applied.status_change == StatusChange(source=None, target="draft")
    assert applied.payment is None


def test_creates_an_empty_counter_draft_in_the_default_currency() -> None:
    applied = Scene(type="order.create", payload={}).applied()
    assert applied.order == order(version=1, created_at=NOW)


def test_an_order_has_the_currency_it_names_or_that_of_its_first_item() -> None:
    usa = product("USA", currency="USD")
    of_item = Scene(type="order.create", payload={"items": [{"sku": "USA", "qty": 1}]}, products=(usa,)).applied()
    named = Scene(type="order.create", payload={"currency": "JPY"}).applied()
    assert of_item.order is not None
    assert named.order is not None
    assert (of_item.order.currency, named.order.currency) == ("USD", "JPY")


def test_items_in_another_currency_than_the_named_one_are_refused() -> None:
    assert GOOD.with_payload(currency="USD").refused().code == "currency-mismatch"


def test_a_counter_draft_may_want_more_than_there_is() -> None:
    scene = GOOD.with_payload(workflow="counter", items=[{"sku": "TEA", "qty": 1_000_000}])
    assert scene.applied().movements == ()


def test_a_fulfilment_order_reserves_each_product_once() -> None:
    applied = adding(GOOD, "TEA", qty=3).applied()
    assert applied.order is not None
    assert (applied.order.status, applied.order.lines) == ("pending", (line("TEA", 5), line("MUG", 1, 500)))
    assert [(each.sku, each.on_hand, each.reserved) for each in applied.products] == [("TEA", 10, 5), ("MUG", 10, 1)]
    assert applied.movements == (
        Movement(product_id=id_of("TEA"), kind="reserve", on_hand_delta=0, reserved_delta=5),
        Movement(product_id=id_of("MUG"), kind="reserve", on_hand_delta=0, reserved_delta=1),
    )


def test_refuses_the_whole_order_when_one_line_is_short_and_names_every_short_product() -> None:
    scene = GOOD.with_product(product("MUG", on_hand=3, reserved=3))
    refused = adding(scene, "TEA", qty=9).refused()
    assert refused.extra["shortages"] == [
        {"product_id": str(id_of("TEA")), "wanted": 11, "available": 10},
        {"product_id": str(id_of("MUG")), "wanted": 1, "available": 0},
    ]


def test_ids_and_skus_of_one_product_are_one_line() -> None:
    items = [{"sku": "TEA", "qty": 1}, {"product_id": str(id_of("TEA")), "qty": 2}]
    applied = GOOD.with_payload(items=items).applied()
    assert applied.order is not None
    assert applied.order.lines == (line("TEA", 3),)
    assert applied.order.id == ORDER_ID


@pytest.mark.parametrize(
    ("members", "breaches"),
    [
        ({"workflow": "delivery"}, [("/payload/workflow", "not-a-choice")]),
        ({"currency": "eur"}, [("/payload/currency", "not-a-currency")]),
        ({"customer_id": "7"}, [("/payload/customer_id", "not-a-uuid")]),
        ({"note": "x" * 2001}, [("/payload/note", "too-long")]),
        ({"items": {}}, [("/payload/items", "not-a-list")]),
        ({"items": [{"sku": "TEA", "qty": 1}] * 501}, [("/payload/items", "wrong-length")]),
        ({"items": [{"qty": 1}]}, [("/payload/items/0", "one-of")]),
        ({"items": [{"sku": "A", "product_id": str(UNKNOWN_ID), "qty": 1}]}, [("/payload/items/0", "one-of")]),
        ({"items": [{"sku": "A", "qty": 0}, {"sku": "A"}]}, [("/payload/items/0/qty", "out-of-range")]),
        ({"items": [{"sku": "A", "qty": 1_000_001}]}, [("/payload/items/0/qty", "out-of-range")]),
        ({"items": [{"sku": "A B", "qty": 1}]}, [("/payload/items/0/sku", "malformed")]),
        ({"items": [{"sku": "A" * 65, "qty": 1}]}, [("/payload/items/0/sku", "too-long")]),
        ({"status": "paid"}, [("/payload/status", "unknown-field")]),
    ],
)
def test_names_what_is_wrong_with_the_payload(members: dict[str, Any], breaches: list[tuple[str, str]]) -> None:
    assert Scene(type="order.create", payload=members).breaches()[: len(breaches)] == breaches


def test_takes_as_many_items_and_pieces_as_the_bounds_say() -> None:
    items = [{"sku": "TEA", "qty": 1_000_000}] * 500
    assert Scene(type="order.create", payload={"items": items, "note": "x" * 2000}).breaches() == []


def test_an_order_refers_to_its_customer() -> None:
    created = of_customer(GOOD, is_active=True).applied().order
    assert created is not None
    assert created.customer_id == uuid.UUID(int=0xC5)
