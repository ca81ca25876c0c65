"""`order.remove_item`: its table of refusals, its yes cases, its payload."""

from typing import Any

import pytest

from domain.orders import Line
from tests.domain.scene import OF_ANY_ORDER, UNKNOWN_ID, Refusal, Scene, id_of, line, order, pairs, rows

OLD, MUG, NEW = line("TEA", 2, 900), line("MUG", 1, 500), line("TEA", 3, 999)
GOOD = Scene(type="order.remove_item", payload={"sku": "TEA", "qty": 1}, order=order(OLD, MUG, NEW))

REFUSALS = (
    *OF_ANY_ORDER,
    Refusal("order-frozen", lambda scene: scene.with_order(status="paid")),
    Refusal("item-not-found", lambda scene: scene.with_payload(qty=6)),
)


@pytest.mark.parametrize("refusal", rows(REFUSALS))
def test_refuses(refusal: Refusal) -> None:
    refusal.of(GOOD)


@pytest.mark.parametrize(("first", "second"), pairs(REFUSALS))
def test_the_first_of_two_refusals_wins(first: Refusal, second: Refusal) -> None:
    first.of(second.fault(GOOD))


@pytest.mark.parametrize("payload", [{"sku": "TIN"}, {"product_id": str(UNKNOWN_ID)}, {"sku": "TIN", "qty": 1}])
def test_a_product_that_the_order_does_not_have_is_no_item(payload: dict[str, Any]) -> None:
    assert GOOD.but(payload=payload).refused().code == "item-not-found"


def test_nothing_can_be_removed_from_an_empty_draft() -> None:
    assert GOOD.but(order=order()).refused().code == "item-not-found"


@pytest.mark.parametrize(
    ("qty", "lines"),
    [
        (1, (OLD, MUG, line("TEA", 2, 999))),
        (3, (OLD, MUG)),
        (4, (line("TEA", 1, 900), MUG)),
        (5, (MUG,)),
        (None, (MUG,)),
    ],
)
def test_takes_from_the_newest_line_first_and_all_without_qty(qty: int | None, lines: tuple[Line, ...]) -> None:
    applied = GOOD.with_payload(qty=qty).applied()
    assert applied.order == order(*lines, version=4)
    assert (applied.event, applied.products, applied.movements) == ("order.items_changed", (), ())


def test_removing_the_last_item_leaves_an_empty_draft() -> None:
    applied = GOOD.but(order=order(line("TEA", 2)), payload={"product_id": str(id_of("TEA"))}).applied()
    assert applied.order == order(version=4)
    assert applied.status_change is None


def test_a_product_that_is_no_longer_known_can_still_be_removed() -> None:
    assert GOOD.but(products=()).applied().order == order(OLD, MUG, line("TEA", 2, 999), version=4)


@pytest.mark.parametrize(
    ("payload", "breaches"),
    [
        ({}, [("/payload", "one-of")]),
        ({"sku": "TEA", "product_id": str(UNKNOWN_ID)}, [("/payload", "one-of")]),
        ({"sku": "TEA", "qty": 0}, [("/payload/qty", "out-of-range")]),
        ({"sku": "TEA", "qty": -1}, [("/payload/qty", "out-of-range")]),
        ({"sku": 5}, [("/payload/sku", "not-a-string")]),
        ({"product_id": "TEA"}, [("/payload/product_id", "not-a-uuid")]),
        ({"sku": "TEA", "reason": "x"}, [("/payload/reason", "unknown-field")]),
    ],
)
def test_names_what_is_wrong_with_the_payload(payload: dict[str, Any], breaches: list[tuple[str, str]]) -> None:
    assert GOOD.but(payload=payload).breaches() == breaches
