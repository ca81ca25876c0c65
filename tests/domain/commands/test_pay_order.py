"""`order.pay`: its table of refusals, its yes cases, its payload."""

from typing import Any

import pytest

from domain.outcome import Payment, Question, StatusChange
from domain.result import of_applied
from domain.stock import Movement
from tests.domain.scene import (
    COMMAND_ID,
    OF_ANY_ORDER,
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

TOTAL = "32.97"  # 2 x 9.99 + 2 x 4.50 + 3.99
GOOD = Scene(
    type="order.pay",
    payload={"method": "cash"},
    order=order(line("TEA", 2), line("MUG", 2, 450), line("TEA", 1, 399)),
    products=(product("TEA"), product("MUG", price=500)),
)


def _online(scene: Scene) -> dict[str, Any]:
    """The same payment with the provider's token, and without cash."""
    kept = {name: each for name, each in scene.payload.items() if name != "tendered"}
    return kept | {"method": "online", "payment_method": "approve"}


REFUSALS = (
    *OF_ANY_ORDER,
    Refusal("invalid-transition", lambda scene: scene.with_order(status="paid")),
    Refusal("order-empty", lambda scene: scene.with_order(lines=())),
    Refusal("amount-mismatch", lambda scene: scene.with_payload(amount="32.96")),
    Refusal("tendered-too-low", lambda scene: scene.with_payload(method="cash", payment_method=None, tendered="0.01")),
    Refusal("insufficient-stock", lambda scene: scene.with_product(product("TEA", on_hand=4, reserved=2))),
    Refusal("payment-declined", lambda scene: scene.but(payload=_online(scene), provider=None)),
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
        ({"method": "cheque"}, [("/payload/method", "not-a-choice")]),
        ({"method": "online"}, [("/payload/payment_method", "required")]),
        ({"method": "online", "payment_method": ""}, [("/payload/payment_method", "too-short")]),
        ({"method": "online", "payment_method": "x" * 256}, [("/payload/payment_method", "too-long")]),
        ({"method": "card", "payment_method": "x"}, [("/payload/payment_method", "online-only")]),
        ({"method": "online", "payment_method": "x", "tendered": "9"}, [("/payload/tendered", "cash-only")]),
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


def test_online_the_provider_is_asked_while_the_stock_is_reserved_and_the_order_frozen() -> None:
    scene = GOOD.but(payload={"method": "online", "payment_method": "approve", "reference": "web-7"})
    asked = scene.asks()
    assert GOOD.order is not None
    assert asked.question == Question(
        amount=GOOD.order.total, provider="simulator", payment_method="approve", reference="web-7"
    )
    assert asked.applied.order == GOOD.order.frozen(COMMAND_ID)
    assert (asked.applied.event, asked.applied.payment, asked.applied.status_change) == (None, None, None)
    assert [(each.sku, each.on_hand, each.reserved) for each in asked.applied.products] == [
        ("TEA", 10, 3),
        ("MUG", 10, 2),
    ]
    assert {each.kind for each in asked.applied.movements} == {"reserve"}


def test_online_an_order_that_costs_nothing_is_paid_without_a_question() -> None:
    applied = GOOD.but(payload=_online(GOOD), order=order(line("TEA", 1, 0)), provider=None).applied()
    assert applied.order is not None
    assert applied.order.status == "paid"
    assert applied.payment == Payment(method="online", amount=0)


@pytest.mark.parametrize("type_", ["order.pay", "order.cancel", "order.add_items", "order.remove_item", "order.refund"])
def test_while_the_provider_is_asked_the_order_refuses_everything(type_: str) -> None:
    payloads: dict[str, dict[str, Any]] = {
        "order.add_items": {"items": [{"sku": "TEA", "qty": 1}]},
        "order.remove_item": {"sku": "TEA"},
        "order.refund": {"reason": "no"},
        "order.pay": {"method": "cash"},
    }
    scene = GOOD.but(type=type_, payload=payloads.get(type_, {})).with_order(asked_by=UNKNOWN_ID)
    assert scene.refused().code == "order-frozen"
