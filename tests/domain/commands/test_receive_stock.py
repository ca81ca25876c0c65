"""`stock.receive`: its table of refusals, its yes cases, its payload."""

from typing import Any

import pytest

from domain.result import of_applied
from domain.stock import Movement
from tests.domain.scene import OF_ANY, UNKNOWN_ID, Refusal, Scene, id_of, pairs, product, rows

GOOD = Scene(
    type="stock.receive",
    payload={"sku": "TEA", "qty": 5, "reason": "delivery 7"},
    products=(product("TEA", on_hand=2, reserved=1),),
    order_id=None,
    role="integration",
)

REFUSALS = (*OF_ANY, Refusal("product-not-found", lambda scene: scene.with_payload(sku="NONE")))


@pytest.mark.parametrize("refusal", rows(REFUSALS))
def test_refuses(refusal: Refusal) -> None:
    refusal.of(GOOD)


@pytest.mark.parametrize(("first", "second"), pairs(REFUSALS))
def test_the_first_of_two_refusals_wins(first: Refusal, second: Refusal) -> None:
    first.of(second.fault(GOOD))


@pytest.mark.parametrize(
    "reference", [{"sku": "TEA"}, {"product_id": str(id_of("TEA"))}, {"product_id": str(id_of("TEA")).upper()}]
)
def test_puts_the_pieces_on_the_shelf(reference: dict[str, str]) -> None:
    applied = GOOD.but(payload={"qty": 5, "reason": "delivery 7", **reference}).applied()
    assert applied.products == (product("TEA", on_hand=7, reserved=1),)
    assert applied.movements == (
        Movement(product_id=id_of("TEA"), kind="receive", on_hand_delta=5, reserved_delta=0, reason="delivery 7"),
    )
    assert (applied.event, applied.order, applied.status_change) == ("stock.changed", None, None)


def test_shows_the_product_as_it_is_then() -> None:
    assert of_applied(GOOD.applied()) == {
        "product": {"id": str(id_of("TEA")), "sku": "TEA", "on_hand": 7, "reserved": 1, "available": 6}
    }


def test_an_inactive_product_can_be_received() -> None:
    assert GOOD.with_product(product("TEA", is_active=False)).applied().products[0].on_hand == 15


@pytest.mark.parametrize("role", ["pos", "auditor"])
def test_takes_a_manager_or_an_integration(role: str) -> None:
    assert GOOD.but(role=role).refused().code == "forbidden"


@pytest.mark.parametrize(
    ("payload", "breaches"),
    [
        ({}, [("/payload/qty", "required")]),
        ({"qty": 5}, [("/payload", "one-of")]),
        ({"qty": 5, "sku": "TEA", "product_id": str(UNKNOWN_ID)}, [("/payload", "one-of")]),
        ({"sku": "TEA", "qty": 0}, [("/payload/qty", "out-of-range")]),
        ({"sku": "TEA", "qty": 1_000_001}, [("/payload/qty", "out-of-range")]),
        ({"sku": "TEA", "qty": 1.0}, [("/payload/qty", "not-an-integer")]),
        ({"sku": "TEA", "qty": 1, "reason": "x" * 2001}, [("/payload/reason", "too-long")]),
        ({"sku": "TEA", "qty": 1, "delta": 1}, [("/payload/delta", "unknown-field")]),
    ],
)
def test_names_what_is_wrong_with_the_payload(payload: dict[str, Any], breaches: list[tuple[str, str]]) -> None:
    assert GOOD.but(payload=payload).breaches() == breaches
