"""`order.cancel`: its table of refusals, its yes cases, its payload."""

from typing import Any

import pytest

from domain.outcome import Refund, StatusChange
from domain.stock import Movement
from tests.domain.scene import OF_ANY_ORDER, Refusal, Scene, id_of, line, order, pairs, product, rows

GOOD = Scene(
    type="order.cancel",
    payload={"reason": "returned"},
    order=order(line("TEA", 2), line("MUG", 1, 500), line("TEA", 1, 900), status="paid", paid_total=3398),
    products=(product("TEA", reserved=4), product("MUG", reserved=1)),
)

REFUSALS = (*OF_ANY_ORDER, Refusal("invalid-transition", lambda scene: scene.with_order(status="cancelled")))


@pytest.mark.parametrize("refusal", rows(REFUSALS))
def test_refuses(refusal: Refusal) -> None:
    refusal.of(GOOD)


@pytest.mark.parametrize(("first", "second"), pairs(REFUSALS))
def test_the_first_of_two_refusals_wins(first: Refusal, second: Refusal) -> None:
    first.of(second.fault(GOOD))


@pytest.mark.parametrize("role", ["pos", "integration", "auditor", None])
def test_takes_a_manager(role: str | None) -> None:
    assert GOOD.but(role=role).refused().code == "forbidden"


def test_a_paid_order_gives_back_each_product_once_and_its_payment() -> None:
    applied = GOOD.applied()
    assert GOOD.order is not None
    assert applied.order == order(
        *GOOD.order.lines, status="cancelled", version=4, paid_total=3398, refunded_total=3398
    )
    assert applied.status_change == StatusChange(source="paid", target="cancelled", note="returned")
    assert [(each.sku, each.on_hand, each.reserved) for each in applied.products] == [("TEA", 13, 4), ("MUG", 11, 1)]
    assert applied.movements == (
        Movement(product_id=id_of("TEA"), kind="restock", on_hand_delta=3, reserved_delta=0),
        Movement(product_id=id_of("MUG"), kind="restock", on_hand_delta=1, reserved_delta=0),
    )
    assert applied.refund == Refund(amount=3398, tax=0, restock=True, reason="returned")


def test_what_was_refunded_before_is_not_given_back_again() -> None:
    lines = (line("TEA", 2, refunded_qty=2), line("MUG", 1, 500), line("TEA", 1, 900))
    applied = GOOD.but(order=order(*lines, status="paid", paid_total=3398, refunded_total=2000)).applied()
    assert applied.refund == Refund(amount=1398, tax=0, restock=True, reason="returned")
    assert [(each.product_id, each.on_hand_delta) for each in applied.movements] == [
        (id_of("MUG"), 1),
        (id_of("TEA"), 1),
    ]


def test_nothing_is_left_to_give_back_after_a_full_refund() -> None:
    lines = (line("TEA", 1, refunded_qty=1),)
    applied = GOOD.but(order=order(*lines, status="paid", paid_total=999, refunded_total=999)).applied()
    assert (applied.refund, applied.movements) == (None, ())


def test_a_draft_has_nothing_to_give_back() -> None:
    applied = GOOD.with_order(status="draft", paid_total=0).applied()
    assert applied.order is not None
    assert (applied.order.status, applied.products, applied.movements) == ("cancelled", (), ())
    assert applied.refund is None


@pytest.mark.parametrize("status", ["pending", "confirmed"])
def test_a_fulfilment_order_releases_what_it_reserved(status: str) -> None:
    applied = GOOD.with_order(workflow="fulfilment", status=status, paid_total=0).applied()
    assert [(each.sku, each.on_hand, each.reserved) for each in applied.products] == [("TEA", 10, 1), ("MUG", 10, 0)]
    assert {movement.kind for movement in applied.movements} == {"release"}
    assert applied.refund is None


@pytest.mark.parametrize(
    ("workflow", "status", "allowed"),
    [
        ("counter", "cancelled", []),
        ("fulfilment", "picked", ["shipped"]),
        ("fulfilment", "shipped", ["delivered"]),
        ("fulfilment", "delivered", []),
    ],
)
def test_what_cannot_be_cancelled_names_what_it_can_become(workflow: str, status: str, allowed: list[str]) -> None:
    refused = GOOD.with_order(workflow=workflow, status=status).refused()
    assert (refused.code, refused.extra) == ("invalid-transition", {"allowed": allowed})


@pytest.mark.parametrize(
    ("payload", "breaches"),
    [
        ({"reason": "x" * 2001}, [("/payload/reason", "too-long")]),
        ({"reason": []}, [("/payload/reason", "not-a-string")]),
        ({"restock": True}, [("/payload/restock", "unknown-field")]),
    ],
)
def test_names_what_is_wrong_with_the_payload(payload: dict[str, Any], breaches: list[tuple[str, str]]) -> None:
    assert GOOD.but(payload=payload).breaches() == breaches
