"""The entries that commands make: balanced, and what a bookkeeper would write."""

from collections import Counter
from dataclasses import replace

import pytest

from domain import books
from domain.books import Entry
from domain.outcome import Settled
from tests.domain.scene import COMMAND_ID, Scene, line, order, product

TEA = line("TEA", 3, 999, tax_rate=2300, unit_cost=400)
MUG = line("MUG", 1, 500)
PRODUCTS = (product("TEA", cost=400), product("MUG"))
DRAFT = order(TEA, MUG)
PAID = replace(DRAFT, status="paid", paid_by="card", paid_total=DRAFT.total)


def entry_of(scene: Scene) -> Entry | None:
    """The entry that the scene's yes makes."""
    return books.entry(scene.applied(), scene.order)


@pytest.mark.parametrize(("method", "account"), [("cash", "cash"), ("card", "card_clearing")])
def test_a_payment_is_revenue_and_tax_and_takes_the_goods_from_the_shelf(method: str, account: str) -> None:
    made = entry_of(Scene(type="order.pay", payload={"method": method}, order=DRAFT, products=PRODUCTS))
    postings = {account: 3497, "revenue": -2937, "tax_payable": -560, "cost_of_goods": 1200, "inventory": -1200}
    assert made == Entry(kind="payment", currency="EUR", postings=postings)


ONLINE = {"method": "online", "payment_method": "approve"}
ONLINE_PAID = replace(PAID, paid_by="online")
RESERVED = (product("TEA", cost=400, reserved=3), product("MUG", reserved=1))
ASKING = {
    "order.pay": Scene(type="order.pay", payload=ONLINE, order=DRAFT, products=PRODUCTS),
    "order.refund": Scene(
        type="order.refund",
        payload={"items": [{"sku": "TEA", "qty": 1}], "reason": "x"},
        order=ONLINE_PAID,
        products=PRODUCTS,
    ),
    "order.cancel": Scene(type="order.cancel", payload={}, order=ONLINE_PAID, products=PRODUCTS),
}


def settled(scene: Scene, *, is_yes: bool) -> tuple[Settled, Scene]:
    """What the provider's answer makes of a scene's question, and the scene of the answer."""
    payload = {"command_id": str(COMMAND_ID), "is_yes": is_yes, "reference": "r"}
    answer = scene.but(type="payment.settle", payload=payload, asked=(scene.type, scene.payload), products=RESERVED)
    waiting = answer.with_order(asked_by=COMMAND_ID)
    return waiting.settles(), waiting


@pytest.mark.parametrize("scene", ASKING.values(), ids=ASKING)
def test_what_the_provider_is_asked_is_not_booked_and_neither_is_its_no(scene: Scene) -> None:
    assert books.entry(scene.asks().applied, scene.order) is None
    no, waiting = settled(scene, is_yes=False)
    assert books.entry(no.applied, waiting.order) is None


@pytest.mark.parametrize("scene", ASKING.values(), ids=ASKING)
def test_its_yes_is_booked_as_if_it_had_been_paid_at_the_counter_but_for_the_account(scene: Scene) -> None:
    yes, waiting = settled(scene, is_yes=True)
    online = books.entry(yes.applied, waiting.order)
    if scene.type == "order.pay":
        card = entry_of(scene.but(payload={"method": "card"}))
    else:
        card = entry_of(scene.with_order(paid_by="card"))
    assert card is not None
    postings = {name.replace("card_clearing", "provider_clearing"): amount for name, amount in card.postings.items()}
    assert online == replace(card, postings=postings)


def test_a_cancellation_reverses_the_whole_sale() -> None:
    made = entry_of(Scene(type="order.cancel", payload={}, order=PAID, products=PRODUCTS))
    postings = {
        "card_clearing": -3497, "revenue": 2937, "tax_payable": 560, "cost_of_goods": -1200, "inventory": 1200,
    }  # fmt: skip
    assert made == Entry(kind="cancellation", currency="EUR", postings=postings, reverses_payment=True)


@pytest.mark.parametrize(("restock", "cost"), [(True, 400), (False, 0)])
def test_a_refund_of_pieces_puts_their_cost_back_where_they_are_restocked(restock: bool, cost: int) -> None:
    payload = {"items": [{"sku": "TEA", "qty": 1}], "reason": "x", "restock": restock}
    made = entry_of(Scene(type="order.refund", payload=payload, order=PAID, products=PRODUCTS))
    assert made is not None
    goods = {"cost_of_goods": -cost, "inventory": cost} if cost else {}
    assert made.postings == {"card_clearing": -999, "revenue": 812, "tax_payable": 187} | goods
    assert (made.kind, made.reverses_payment) == ("refund", False)


def test_a_cancellation_after_a_refund_books_the_rest_and_reverses_no_entry() -> None:
    refund = Scene(
        type="order.refund", payload={"items": [{"sku": "TEA", "qty": 1}], "reason": "x"}, order=PAID, products=PRODUCTS
    )
    partly = refund.applied().order
    cancel = Scene(type="order.cancel", payload={}, order=partly, products=PRODUCTS)
    pay = Scene(type="order.pay", payload={"method": "card"}, order=DRAFT, products=PRODUCTS)
    made = [entry_of(scene) for scene in (pay, refund, cancel)]
    total: Counter[str] = Counter()
    for each in made:
        assert each is not None
        total.update(each.postings)
    assert not any(total.values()), "nothing is left of an order that was sold and wholly returned"
    assert made[2] is not None
    assert not made[2].reverses_payment


@pytest.mark.parametrize(
    ("scene", "kind", "value"),
    [
        (Scene(type="stock.receive", payload={"sku": "TEA", "qty": 5}, order_id=None), "receipt", 2000),
        (
            Scene(type="stock.adjust", payload={"sku": "TEA", "delta": -2, "reason": "x"}, order_id=None),
            "adjustment",
            -800,
        ),
    ],
)
def test_goods_of_a_known_cost_that_come_or_get_lost_are_booked(scene: Scene, kind: str, value: int) -> None:
    made = entry_of(replace(scene, products=PRODUCTS))
    assert made == Entry(kind=kind, currency="EUR", postings={"inventory": value, "stock_adjustments": -value})


@pytest.mark.parametrize(
    "scene",
    [
        Scene(type="stock.receive", payload={"sku": "MUG", "qty": 5}, products=PRODUCTS, order_id=None),
        Scene(type="order.create", payload={"items": [{"sku": "TEA", "qty": 1}]}, products=PRODUCTS),
        Scene(type="order.cancel", payload={}, order=DRAFT, products=PRODUCTS),
        Scene(type="order.pay", payload={"method": "cash"}, order=order(line("MUG", 1, 0)), products=PRODUCTS),
    ],
)
def test_where_neither_money_nor_a_known_cost_moves_there_is_no_entry(scene: Scene) -> None:
    assert entry_of(scene) is None


def test_an_entry_that_does_not_balance_cannot_be_made() -> None:
    with pytest.raises(AssertionError, match="balance"):
        Entry(kind="payment", currency="EUR", postings={"cash": 1})
    with pytest.raises(AssertionError, match="idle"):
        Entry(kind="payment", currency="EUR", postings={"cash": 0})
