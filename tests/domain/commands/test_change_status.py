"""`order.change_status`: its table of refusals, its yes cases, its payload."""

from typing import Any

import pytest

from domain.outcome import StatusChange
from domain.stock import Movement
from tests.domain.scene import OF_ANY_ORDER, Refusal, Scene, id_of, line, order, pairs, product, rows

GOOD = Scene(
    type="order.change_status",
    payload={"to": "shipped", "note": "by van"},
    order=order(line("TEA", 2), line("MUG", 1, 500), line("TEA", 1, 900), status="picked", workflow="fulfilment"),
    products=(product("TEA", reserved=4), product("MUG", reserved=1)),
)

REFUSALS = (*OF_ANY_ORDER, Refusal("invalid-transition", lambda scene: scene.with_order(status="delivered")))

MOVES = [("pending", "confirmed"), ("confirmed", "picked"), ("picked", "shipped"), ("shipped", "delivered")]


@pytest.mark.parametrize("refusal", rows(REFUSALS))
def test_refuses(refusal: Refusal) -> None:
    refusal.of(GOOD)


@pytest.mark.parametrize(("first", "second"), pairs(REFUSALS))
def test_the_first_of_two_refusals_wins(first: Refusal, second: Refusal) -> None:
    first.of(second.fault(GOOD))


@pytest.mark.parametrize("role", ["pos", "auditor", None])
def test_takes_an_integration_or_a_manager(role: str | None) -> None:
    assert GOOD.but(role=role).refused().code == "forbidden"
    GOOD.but(role="integration").applied()


def test_shipping_takes_what_was_reserved_from_the_shelf_once_a_product() -> None:
    applied = GOOD.applied()
    assert GOOD.order is not None
    assert applied.order == order(*GOOD.order.lines, status="shipped", workflow="fulfilment", version=4)
    assert (applied.event, applied.payment) == ("order.status_changed", None)
    assert applied.status_change == StatusChange(source="picked", target="shipped", note="by van")
    assert [(each.sku, each.on_hand, each.reserved) for each in applied.products] == [("TEA", 7, 1), ("MUG", 9, 0)]
    assert applied.movements == (
        Movement(product_id=id_of("TEA"), kind="ship", on_hand_delta=-3, reserved_delta=-3),
        Movement(product_id=id_of("MUG"), kind="ship", on_hand_delta=-1, reserved_delta=-1),
    )


@pytest.mark.parametrize(("source", "target"), [move for move in MOVES if move[1] != "shipped"])
def test_the_other_moves_leave_the_stock_alone(source: str, target: str) -> None:
    applied = GOOD.with_order(status=source).with_payload(to=target).applied()
    assert applied.order is not None
    assert (applied.order.status, applied.products, applied.movements) == (target, (), ())
    assert applied.status_change == StatusChange(source=source, target=target, note="by van")


@pytest.mark.parametrize(
    ("status", "to", "allowed"),
    [
        ("pending", "picked", ["confirmed", "cancelled"]),
        ("pending", "pending", ["confirmed", "cancelled"]),
        ("pending", "cancelled", ["confirmed", "cancelled"]),  # cancelling is a command of its own
        ("confirmed", "pending", ["picked", "cancelled"]),
        ("picked", "delivered", ["shipped"]),
        ("picked", "cancelled", ["shipped"]),
        ("shipped", "picked", ["delivered"]),
        ("delivered", "shipped", []),
        ("cancelled", "pending", []),
    ],
)
def test_any_other_move_names_those_that_are_allowed(status: str, to: str, allowed: list[str]) -> None:
    refused = GOOD.with_order(status=status).with_payload(to=to).refused()
    assert (refused.code, refused.extra) == ("invalid-transition", {"allowed": allowed})


@pytest.mark.parametrize("to", ["paid", "cancelled", "draft", "confirmed"])
def test_a_counter_order_has_no_such_moves(to: str) -> None:
    refused = GOOD.with_order(workflow="counter", status="draft").with_payload(to=to).refused()
    assert refused.code == "invalid-transition"


@pytest.mark.parametrize(
    ("payload", "breaches"),
    [
        ({}, [("/payload/to", "required")]),
        ({"to": "gone"}, [("/payload/to", "not-a-choice")]),
        ({"to": 1}, [("/payload/to", "not-a-choice")]),
        ({"to": "picked", "note": "x" * 2001}, [("/payload/note", "too-long")]),
        ({"to": "picked", "reason": "x"}, [("/payload/reason", "unknown-field")]),
    ],
)
def test_names_what_is_wrong_with_the_payload(payload: dict[str, Any], breaches: list[tuple[str, str]]) -> None:
    assert GOOD.but(payload=payload).breaches() == breaches
