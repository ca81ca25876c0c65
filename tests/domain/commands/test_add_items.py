"""`order.add_items`: its table of refusals, its yes cases, its payload."""

from typing import Any

import pytest

from tests.domain.scene import OF_ANY_ORDER, Refusal, Scene, id_of, line, order, pairs, product, rows

GOOD = Scene(
    type="order.add_items",
    payload={"items": [{"sku": "TEA", "qty": 2}]},
    order=order(line("MUG", 1, 500)),
    products=(product("TEA"), product("MUG", price=500)),
)


def adding(scene: Scene, sku: str) -> Scene:
    """The scene with one more item, the last."""
    return scene.with_payload(items=[*scene.payload["items"], {"sku": sku, "qty": 1}])


REFUSALS = (
    *OF_ANY_ORDER,
    Refusal("order-frozen", lambda scene: scene.with_order(status="paid")),
    Refusal("product-not-found", lambda scene: adding(scene, "NONE")),
    Refusal("product-inactive", lambda scene: adding(scene.with_product(product("OLD", is_active=False)), "OLD")),
    Refusal("currency-mismatch", lambda scene: adding(scene.with_product(product("USA", currency="USD")), "USA")),
)


@pytest.mark.parametrize("refusal", rows(REFUSALS))
def test_refuses(refusal: Refusal) -> None:
    refusal.of(GOOD)


@pytest.mark.parametrize(("first", "second"), pairs(REFUSALS))
def test_the_first_of_two_refusals_wins(first: Refusal, second: Refusal) -> None:
    first.of(second.fault(GOOD))


@pytest.mark.parametrize("status", ["paid", "cancelled"])
def test_items_of_an_order_that_is_no_draft_are_frozen(status: str) -> None:
    assert GOOD.with_order(status=status).refused().code == "order-frozen"


@pytest.mark.parametrize("status", ["pending", "confirmed", "shipped"])
def test_items_of_a_fulfilment_order_are_frozen(status: str) -> None:
    assert GOOD.with_order(workflow="fulfilment", status=status).refused().code == "order-frozen"


def test_adds_lines_at_the_price_of_now_and_moves_no_stock() -> None:
    applied = GOOD.applied()
    assert applied.order == order(line("MUG", 1, 500), line("TEA", 2, 999), version=4)
    assert applied.event == "order.items_changed"
    assert (applied.products, applied.movements, applied.status_change) == ((), (), None)


def test_adds_to_the_line_of_the_same_price_and_makes_a_second_one_at_another() -> None:
    draft = order(line("TEA", 1, 999), line("MUG", 1, 450))
    scene = adding(adding(GOOD.but(order=draft), "MUG"), "MUG")
    assert scene.applied().order == order(line("TEA", 3, 999), line("MUG", 1, 450), line("MUG", 2, 500), version=4)


def test_the_version_that_was_expected_is_let_in() -> None:
    assert GOOD.but(expected_version=3).applied().order is not None


def test_adds_more_than_there_is_in_stock() -> None:
    applied = GOOD.with_payload(items=[{"product_id": str(id_of("TEA")), "qty": 1_000_000}]).applied()
    assert applied.order is not None
    assert applied.order.total == 999 * 1_000_000 + 500


@pytest.mark.parametrize(
    ("payload", "breaches"),
    [
        ({}, [("/payload/items", "required")]),
        ({"items": []}, [("/payload/items", "wrong-length")]),
        ({"items": [{"sku": "A", "qty": 1}] * 501}, [("/payload/items", "wrong-length")]),
        ({"items": [3]}, [("/payload/items/0", "not-an-object")]),
        ({"items": [{"sku": "A", "qty": "1"}]}, [("/payload/items/0/qty", "not-an-integer")]),
        ({"items": [{"sku": "", "qty": 1}]}, [("/payload/items/0/sku", "too-short")]),
        ({"items": [{"sku": "A", "qty": 1, "price": "1"}]}, [("/payload/items/0/price", "unknown-field")]),
    ],
)
def test_names_what_is_wrong_with_the_payload(payload: dict[str, Any], breaches: list[tuple[str, str]]) -> None:
    assert Scene(type="order.add_items", payload=payload).breaches() == breaches
