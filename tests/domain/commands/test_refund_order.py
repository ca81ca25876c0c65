"""`order.refund`: its table of refusals, its yes cases, its payload, and sums that always come out."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain import tax
from domain.orders import Order
from domain.outcome import Applied, Refund
from domain.stock import Movement
from tests.domain.scene import OF_ANY_ORDER, Refusal, Scene, id_of, line, order, pairs, product, rows

GOOD = Scene(
    type="order.refund",
    payload={"amount": "10.00", "reason": "late"},
    order=order(
        line("TEA", 2, 999, tax_rate=2300), line("MUG", 1, 500), line("TEA", 1, 900, tax_rate=2300),
        status="paid", paid_total=3398,
    ),
    products=(product("TEA", reserved=4), product("MUG", reserved=1)),
)  # fmt: skip

REFUSALS = (
    *OF_ANY_ORDER,
    Refusal("invalid-transition", lambda scene: scene.with_order(status="cancelled")),
    Refusal("amount-mismatch", lambda scene: scene.with_payload(amount="10.001")),
    Refusal("refund-exceeds-payment", lambda scene: scene.with_order(refunded_total=2399)),
)
OF_ITEMS = GOOD.but(payload={"items": [{"sku": "TEA", "qty": 2}], "reason": "broken"})


@pytest.mark.parametrize("refusal", rows(REFUSALS))
def test_refuses(refusal: Refusal) -> None:
    refusal.of(GOOD)


@pytest.mark.parametrize(("first", "second"), pairs(REFUSALS))
def test_the_first_of_two_refusals_wins(first: Refusal, second: Refusal) -> None:
    first.of(second.fault(GOOD))


def test_an_item_that_the_order_has_not_comes_before_too_many_of_another() -> None:
    items = [{"sku": "TEA", "qty": 9}, {"sku": "POT", "qty": 1}]
    assert OF_ITEMS.with_payload(items=items).refused().code == "item-not-found"


@pytest.mark.parametrize("items", [[{"sku": "TEA", "qty": 4}], [{"sku": "MUG", "qty": 1}] * 2])
def test_never_more_pieces_than_are_left(items: list[dict[str, Any]]) -> None:
    assert OF_ITEMS.with_payload(items=items).refused().code == "refund-exceeds-payment"


def test_never_more_money_than_is_left_though_the_pieces_are() -> None:
    assert OF_ITEMS.with_order(refunded_total=2000).refused().code == "refund-exceeds-payment"


@pytest.mark.parametrize("role", ["pos", "integration", "auditor", None])
def test_takes_a_manager(role: str | None) -> None:
    assert GOOD.but(role=role).refused().code == "forbidden"


def test_pieces_go_back_at_their_price_and_tax_from_the_newest_line_first() -> None:
    applied = OF_ITEMS.applied()
    assert applied.refund == Refund(amount=1899, tax=168 + 187, restock=True, reason="broken")
    assert applied.order is not None
    assert (applied.order.status, applied.order.version) == ("paid", 4)
    assert [each.refunded_qty for each in applied.order.lines] == [1, 0, 1]
    assert (applied.order.refunded_total, applied.order.refunded_tax, applied.order.remainder) == (1899, 355, 1499)
    assert applied.movements == (Movement(product_id=id_of("TEA"), kind="restock", on_hand_delta=2, reserved_delta=0),)
    assert applied.status_change is None


def test_what_is_not_restocked_moves_no_stock() -> None:
    applied = OF_ITEMS.with_payload(restock=False).applied()
    assert (applied.products, applied.movements) == ((), ())
    assert applied.refund is not None
    assert not applied.refund.restock


def test_an_amount_takes_its_share_of_the_tax_and_no_pieces() -> None:
    applied = GOOD.applied()
    assert applied.refund == Refund(amount=1000, tax=round(542 * 1000 / 3398), restock=True, reason="late")
    assert applied.order is not None
    assert (applied.movements, [each.refunded_qty for each in applied.order.lines]) == ((), [0, 0, 0])


def test_without_items_or_amount_all_that_is_left_goes_back() -> None:
    partly = OF_ITEMS.applied().order
    assert partly is not None
    applied = GOOD.but(order=partly, payload={"reason": "all"}).applied()
    assert applied.refund == Refund(amount=1499, tax=542 - 355, restock=True, reason="all")
    assert applied.order is not None
    assert not applied.order.takes_refunds()
    assert GOOD.but(order=applied.order, payload={"reason": "more"}).refused().code == "refund-exceeds-payment"


def test_pieces_of_a_gift_go_back_without_money() -> None:
    free = order(line("TEA", 2, 0), status="paid")
    applied = OF_ITEMS.but(order=free).applied()
    assert applied.refund == Refund(amount=0, tax=0, restock=True, reason="broken")
    assert [each.on_hand_delta for each in applied.movements] == [2]


@pytest.mark.parametrize(
    ("payload", "breaches"),
    [
        ({}, [("/payload/reason", "required")]),
        ({"reason": ""}, [("/payload/reason", "too-short")]),
        ({"reason": "x", "items": []}, [("/payload/items", "wrong-length")]),
        ({"reason": "x", "items": [{"qty": 1}]}, [("/payload/items/0", "one-of")]),
        ({"reason": "x", "amount": 5}, [("/payload/amount", "not-money")]),
        ({"reason": "x", "amount": "-5"}, [("/payload/amount", "not-money")]),
        ({"reason": "x", "amount": "0.00"}, [("/payload/amount", "out-of-range")]),
        ({"reason": "x", "amount": "5", "items": [{"sku": "TEA", "qty": 1}]}, [("/payload", "one-of")]),
        ({"reason": "x", "restock": "no"}, [("/payload/restock", "not-a-boolean")]),
    ],
)
def test_names_what_is_wrong_with_the_payload(payload: dict[str, Any], breaches: list[tuple[str, str]]) -> None:
    assert GOOD.but(payload=payload).breaches() == breaches


LINES = st.tuples(
    st.sampled_from(["TEA", "MUG", "POT"]), st.integers(1, 7), st.integers(0, 2_000), st.integers(0, 10_000)
)


@given(
    lines=st.lists(LINES, min_size=1, max_size=5, unique_by=lambda each: (each[0], each[2], each[3])),
    asks=st.lists(
        st.one_of(
            st.integers(1, 20_000).map(lambda cents: {"amount": f"{cents / 100:.2f}"}),
            st.tuples(st.sampled_from(["TEA", "MUG", "POT"]), st.integers(1, 4)).map(
                lambda item: {"items": [{"sku": item[0], "qty": item[1]}]}
            ),
        ),
        max_size=12,
    ),
)
def test_any_refunds_in_any_order_end_at_exactly_nothing(
    lines: list[tuple[str, int, int, int]], asks: list[dict[str, Any]]
) -> None:
    """Negative remainders, drifting cents and tax that is left over or given twice: none, whatever was asked before."""
    bought = [line(sku, qty, price, tax_rate=rate) for sku, qty, price, rate in lines]
    paid = order(*bought, status="paid", paid_total=sum(each.total for each in bought))
    scene = GOOD.but(order=paid, products=tuple(product(sku) for sku in ("TEA", "MUG", "POT")))
    refunds: list[Refund] = []
    restocked = 0
    for ask in [*asks, {}]:
        outcome = scene.but(payload=ask | {"reason": "x"}).decide()
        if isinstance(outcome, Applied):
            assert outcome.refund is not None
            assert outcome.order is not None
            refunds.append(outcome.refund)
            restocked += sum(each.on_hand_delta for each in outcome.movements)
            scene = scene.but(order=outcome.order)
            _check(outcome.order, refunds)
    last = scene.order
    assert last is not None
    assert (last.remainder, last.tax_remainder) == (0, 0)
    assert sum(each.amount for each in refunds) == paid.total
    assert sum(each.tax for each in refunds) == sum(tax.included(each.total, each.tax_rate) for each in bought)
    assert restocked == sum(each.qty for each in bought)


def _check(refunded: Order, refunds: list[Refund]) -> None:
    assert all(0 <= each.tax <= each.amount for each in refunds)
    assert refunded.remainder == refunded.total - sum(each.amount for each in refunds) >= 0
    assert 0 <= refunded.tax_remainder <= refunded.remainder
