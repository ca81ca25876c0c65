"""`stock.adjust`: its table of refusals, its yes cases, its payload."""

from typing import Any

import pytest

from domain.stock import Movement
from tests.domain.scene import OF_ANY, UNKNOWN_ID, Refusal, Scene, id_of, pairs, product, rows

GOOD = Scene(
    type="stock.adjust",
    payload={"sku": "TEA", "delta": -2, "reason": "broken"},
    products=(product("TEA", on_hand=10, reserved=4),),
    order_id=None,
)

REFUSALS = (
    *OF_ANY,
    Refusal("product-not-found", lambda scene: scene.with_payload(sku="NONE")),
    Refusal("insufficient-stock", lambda scene: scene.with_payload(delta=-7)),
)


@pytest.mark.parametrize("refusal", rows(REFUSALS))
def test_refuses(refusal: Refusal) -> None:
    refusal.of(GOOD)


@pytest.mark.parametrize(("first", "second"), pairs(REFUSALS))
def test_the_first_of_two_refusals_wins(first: Refusal, second: Refusal) -> None:
    first.of(second.fault(GOOD))


@pytest.mark.parametrize("role", ["pos", "integration", "auditor"])
def test_takes_a_manager(role: str) -> None:
    assert GOOD.but(role=role).refused().code == "forbidden"


@pytest.mark.parametrize(("delta", "on_hand"), [(-2, 8), (3, 13), (1_000_000, 1_000_010)])
def test_corrects_what_is_on_hand(delta: int, on_hand: int) -> None:
    applied = GOOD.with_payload(delta=delta).applied()
    assert applied.products == (product("TEA", on_hand=on_hand, reserved=4),)
    assert applied.movements == (
        Movement(product_id=id_of("TEA"), kind="adjust", on_hand_delta=delta, reserved_delta=0, reason="broken"),
    )
    assert applied.event == "stock.changed"


def test_goes_down_to_what_is_reserved_and_no_further() -> None:
    assert GOOD.with_payload(delta=-6).applied().products[0].available == 0
    refused = GOOD.with_payload(delta=-7).refused()
    assert refused.extra == {"shortages": [{"product_id": str(id_of("TEA")), "wanted": 7, "available": 6}]}


def test_never_goes_below_zero() -> None:
    empty = GOOD.with_product(product("TEA", on_hand=0))
    assert empty.with_payload(delta=-1).refused().code == "insufficient-stock"
    assert empty.with_payload(delta=1).applied().products[0].on_hand == 1


@pytest.mark.parametrize(
    ("payload", "breaches"),
    [
        ({}, [("/payload/delta", "required"), ("/payload/reason", "required")]),
        ({"delta": 1, "reason": "x"}, [("/payload", "one-of")]),
        ({"delta": 1, "reason": "x", "sku": "A", "product_id": str(UNKNOWN_ID)}, [("/payload", "one-of")]),
        ({"sku": "A", "delta": 0, "reason": "x"}, [("/payload/delta", "out-of-range")]),
        ({"sku": "A", "delta": 1_000_001, "reason": "x"}, [("/payload/delta", "out-of-range")]),
        ({"sku": "A", "delta": -1_000_001, "reason": "x"}, [("/payload/delta", "out-of-range")]),
        ({"sku": "A", "delta": 1, "reason": ""}, [("/payload/reason", "too-short")]),
        ({"sku": "A", "delta": 1, "reason": "x" * 2001}, [("/payload/reason", "too-long")]),
        ({"sku": "A", "delta": 1, "reason": "x", "qty": 1}, [("/payload/qty", "unknown-field")]),
    ],
)
def test_names_what_is_wrong_with_the_payload(payload: dict[str, Any], breaches: list[tuple[str, str]]) -> None:
    assert GOOD.but(payload=payload).breaches() == breaches
