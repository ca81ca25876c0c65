"""`order.pay`: its table of refusals, its yes cases, its payload."""

from typing import Any

import pytest

from domain.outcome import Payment, StatusChange
from domain.result import of_applied
from domain.stock import Movement
from tests.domain.scene import OF_ANY_ORDER, Refusal, Scene, id_of, line, order, pairs, product, rows

TOTAL = "32.97"  # 2 x 9.99 + 2 x 4.50 + 3.99
GOOD = Scene(
    type="order.pay",
    payload={"method": "cash"},
    order=order(line("TEA", 2), line("MUG", 2, 450), line("TEA", 1, 399)),
    products=(product("TEA"), product("MUG", price=500)),
)

REFUSALS = (
    *OF_ANY_ORDER,
    Refusal("invalid-transition", lambda scene: scene.with_order(status="paid")),
    Refusal("order-empty", lambda scene: scene.with_order(lines=())),
    Refusal("amount-mismatch", lambda scene: scene.with_payload(amount="32.96")),
    Refusal("tendered-too-low", lambda scene: scene.with_payload(tendered="0.01")),
    Refusal("insufficient-stock", lambda scene: scene.with_product(product("TEA", on_hand=4, reserved=2))),
)


@pytest.mark.parametrize("refusal", rows(REFUSALS))
def test_refuses(refusal: Refusal) -> None:
    refusal.of(GOOD)


@pytest.mark.parametrize(("first", "second"), pairs(REFUSALS))
def test_the_first_of_two_refusals_wins(first: Refusal, second: Refusal) -> None:
    first.of(second.fault(GOOD))


@pytest.mark.parametrize(
    ("workflow", "status", "allowed"),
    [
        ("counter", "paid", ["cancelled"]),
        ("counter", "cancelled", []),
        ("fulfilment", "pending", ["confirmed", "cancelled"]),
        ("fulfilment", "shipped", ["delivered"]),
    ],
)
def test_only_a_counter_draft_is_paid_and_the_moves_allowed_are_named(
    workflow: str, status: str, allowed: list[str]
) -> None:
    refused = GOOD.with_order(workflow=workflow, status=status).refused()
    assert (refused.code, refused.extra) == ("invalid-transition", {"allowed": allowed})


def test_debits_each_product_once_with_the_quantities_of_all_its_lines() -> None:
    applied = GOOD.applied()
    assert [(each.sku, each.on_hand, each.reserved) for each in applied.products] == [("TEA", 7, 0), ("MUG", 8, 0)]
    assert applied.movements == (
        Movement(product_id=id_of("TEA"), kind="sale", on_hand_delta=-3, reserved_delta=0),
        Movement(product_id=id_of("MUG"), kind="sale", on_hand_delta=-2, reserved_delta=0),
    )


def test_the_paid_order_keeps_its_lines_and_its_total() -> None:
    applied = GOOD.applied()
    assert GOOD.order is not None
    assert applied.order == order(
        *GOOD.order.lines, status="paid", version=4, paid_by="cash", paid_total=GOOD.order.total
    )
    assert applied.event == "order.paid"
    assert applied.status_change == StatusChange(source="draft", target="paid")
    assert applied.refund is None
    assert applied.order is not None
    assert applied.order.paid_total == applied.order.total


def test_refuses_the_whole_order_when_one_line_is_short() -> None:
    refused = GOOD.with_product(product("TEA", on_hand=4, reserved=2)).refused()
    assert refused.extra == {"shortages": [{"product_id": str(id_of("TEA")), "wanted": 3, "available": 2}]}


def test_sells_the_last_piece_but_nothing_that_is_reserved() -> None:
    applied = GOOD.with_product(product("TEA", on_hand=5, reserved=2)).applied()
    assert applied.products[0].available == 0
    assert GOOD.with_product(product("TEA", on_hand=5, reserved=3)).refused().code == "insufficient-stock"


@pytest.mark.parametrize(
    ("members", "payment"),
    [
        ({}, Payment(method="cash", amount=3297)),
        ({"tendered": "32.97"}, Payment(method="cash", amount=3297, tendered=3297)),
        ({"tendered": "50"}, Payment(method="cash", amount=3297, tendered=5000)),
        ({"amount": TOTAL, "tendered": "33.0"}, Payment(method="cash", amount=3297, tendered=3300)),
        ({"method": "card", "reference": "T-1"}, Payment(method="card", amount=3297, reference="T-1")),
        ({"method": "card", "amount": TOTAL}, Payment(method="card", amount=3297)),
    ],
)
def test_takes_the_total(members: dict[str, Any], payment: Payment) -> None:
    assert GOOD.with_payload(**members).applied().payment == payment


def test_shows_the_change() -> None:
    assert of_applied(GOOD.with_payload(tendered="50").applied())["payment"] == {
        "method": "cash",
        "amount": "32.97",
        "tendered": "50.00",
        "change": "17.03",
    }


def test_an_amount_with_more_digits_than_the_currency_is_no_match() -> None:
    assert GOOD.with_payload(amount="32.970").refused().code == "amount-mismatch"
    assert GOOD.with_payload(tendered="50.000").refused().code == "amount-mismatch"


def test_a_product_taken_off_sale_after_it_was_added_is_still_sold() -> None:
    assert GOOD.with_product(product("TEA", is_active=False)).applied().order is not None


def test_an_order_of_free_products_is_paid_with_nothing() -> None:
    free = GOOD.but(order=order(line("TEA", 1, 0)))
    assert free.with_payload(amount="0", tendered="0").applied().payment == Payment(method="cash", amount=0, tendered=0)


@pytest.mark.parametrize(
    ("payload", "breaches"),
    [
        ({}, [("/payload/method", "required")]),
        ({"method": "online"}, [("/payload/method", "not-a-choice")]),
        ({"method": "card", "tendered": "50"}, [("/payload/tendered", "cash-only")]),
        ({"method": "cash", "amount": 32.97}, [("/payload/amount", "not-money")]),
        ({"method": "cash", "amount": "3e1"}, [("/payload/amount", "not-money")]),
        ({"method": "cash", "tendered": "-1"}, [("/payload/tendered", "not-money")]),
        ({"method": "cash", "reference": "x" * 101}, [("/payload/reference", "too-long")]),
        ({"method": "cash", "change": "1"}, [("/payload/change", "unknown-field")]),
    ],
)
def test_names_what_is_wrong_with_the_payload(payload: dict[str, Any], breaches: list[tuple[str, str]]) -> None:
    assert GOOD.but(payload=payload).breaches() == breaches
