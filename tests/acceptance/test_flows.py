"""What commands leave behind: stock, movements, payments, and a history of who changed what by which command."""

import pytest

from store.models import OrderHistory, Payment, StockMovement
from tests.till import Till, entry, run_drain

ITEMS = {"items": [{"sku": "TEA", "qty": 2}, {"sku": "MUG", "qty": 1}, {"sku": "TEA", "qty": 1}]}


@pytest.fixture
def stock(manager: Till) -> dict[str, str]:
    """The ids of two products with ten pieces each."""
    return {sku: manager.product(sku, price, stock=10)["id"] for sku, price in (("TEA", "9.99"), ("MUG", "4.50"))}


def on_hand(till: Till, stock: dict[str, str]) -> dict[str, tuple[int, int]]:
    found = {sku: till.get(f"/products/{each}").body for sku, each in stock.items()}
    return {sku: (product["on_hand"], product["reserved"]) for sku, product in found.items()}


def test_paying_and_cancelling_moves_each_product_once_there_and_back(
    pos: Till, manager: Till, stock: dict[str, str]
) -> None:
    order_id = pos.run("order.create", ITEMS)["order_id"]
    pos.run("order.pay", {"method": "card", "reference": "T-7"}, order_id=order_id)
    assert on_hand(pos, stock) == {"TEA": (7, 0), "MUG": (9, 0)}
    payment = Payment.objects.get()
    assert (payment.method, int(payment.amount), payment.currency, payment.status) == ("card", 3447, "EUR", "captured")
    assert payment.reference == "T-7"
    cancelled = manager.run("order.cancel", {"reason": "returned"}, order_id=order_id)
    assert cancelled["result"]["order"]["status"] == "cancelled"
    assert on_hand(pos, stock) == {"TEA": (10, 0), "MUG": (10, 0)}
    assert Payment.objects.values_list("status", flat=True).get() == "refunded"
    moved = StockMovement.objects.filter(order_id=order_id).order_by("created_at", "-on_hand_delta")
    assert sorted(moved.values_list("kind", "on_hand_delta")) == [
        ("restock", 1),
        ("restock", 3),
        ("sale", -3),
        ("sale", -1),
    ]


def test_a_fulfilment_order_reserves_and_its_cancellation_releases(
    integration: Till, manager: Till, stock: dict[str, str]
) -> None:
    order_id = integration.run("order.create", {"workflow": "fulfilment", **ITEMS})["order_id"]
    assert on_hand(manager, stock) == {"TEA": (10, 3), "MUG": (10, 1)}
    assert manager.run("order.cancel", order_id=order_id)["status"] == "succeeded"
    assert on_hand(manager, stock) == {"TEA": (10, 0), "MUG": (10, 0)}


def test_history_says_who_changed_the_status_and_by_which_command(
    pos: Till, manager: Till, stock: dict[str, str]
) -> None:
    created = pos.run("order.create", ITEMS)
    order_id = created["order_id"]
    pos.run("order.remove_item", {"sku": "MUG"}, order_id=order_id)
    paid = pos.run("order.pay", {"method": "cash"}, order_id=order_id)
    cancelled = manager.run("order.cancel", {"reason": "returned"}, order_id=order_id)
    history = OrderHistory.objects.filter(order_id=order_id).order_by("version")
    columns = ("version", "from_status", "to_status", "changed_by", "note")
    assert list(history.values_list(*columns)) == [
        (1, None, "draft", "till-1", None),
        (3, "draft", "paid", "till-1", None),
        (4, "paid", "cancelled", "manager-1", "returned"),
    ]
    assert [str(row.command_id) for row in history] == [created["id"], paid["id"], cancelled["id"]]


def test_every_success_raises_the_version_by_one_and_a_refusal_leaves_it(pos: Till, stock: dict[str, str]) -> None:
    order_id = pos.run("order.create", ITEMS)["order_id"]
    assert pos.run("order.remove_item", {"sku": "NONE"}, order_id=order_id)["status"] == "failed"
    assert pos.run("order.add_items", ITEMS, order_id=order_id)["result"]["order"]["version"] == 2
    assert pos.run("order.pay", {"method": "cash", "amount": "1"}, order_id=order_id)["status"] == "failed"
    assert pos.run("order.cancel_draft", order_id=order_id, expected_version=2)["result"]["order"]["version"] == 3


def test_a_refusal_moves_nothing(pos: Till, stock: dict[str, str]) -> None:
    order_id = pos.run("order.create", {"items": [{"sku": "TEA", "qty": 1}, {"sku": "MUG", "qty": 11}]})["order_id"]
    before = StockMovement.objects.count()
    short = pos.run("order.pay", {"method": "cash"}, order_id=order_id)
    assert short["error"]["shortages"] == [{"product_id": stock["MUG"], "wanted": 11, "available": 10}]
    assert on_hand(pos, stock) == {"TEA": (10, 0), "MUG": (10, 0)}
    assert (StockMovement.objects.count(), Payment.objects.count()) == (before, 0)
    assert pos.get(f"/orders/{order_id}").body["status"] == "draft"


def test_the_last_piece_is_sold_once(pos: Till, manager: Till, stock: dict[str, str]) -> None:
    manager.run("stock.adjust", {"sku": "TEA", "delta": -9, "reason": "counted"})
    one = {"items": [{"sku": "TEA", "qty": 1}]}
    orders = [pos.run("order.create", one)["order_id"] for _ in range(5)]
    results = pos.batch(*(entry("order.pay", {"method": "cash"}, order_id=order_id) for order_id in orders))
    run_drain()
    ended = [pos.get(result["command"]["links"]["self"]).body for result in results]
    assert sorted(each["status"] for each in ended) == ["failed"] * 4 + ["succeeded"]
    assert {each["error"]["code"] for each in ended if each["error"]} == {"insufficient-stock"}
    assert on_hand(pos, stock)["TEA"] == (0, 0)


def test_stock_can_be_corrected_down_to_what_is_reserved(pos: Till, manager: Till, stock: dict[str, str]) -> None:
    pos.run("order.create", {"workflow": "fulfilment", "items": [{"sku": "TEA", "qty": 4}]})
    adjust = {"sku": "TEA", "reason": "broken"}
    short = manager.run("stock.adjust", adjust | {"delta": -7})
    assert short["error"]["shortages"] == [{"product_id": stock["TEA"], "wanted": 7, "available": 6}]
    assert manager.run("stock.adjust", adjust | {"delta": -6})["result"]["product"]["available"] == 0
    assert on_hand(pos, stock)["TEA"] == (4, 4)


def test_an_order_is_created_once_under_one_id(pos: Till) -> None:
    first = pos.run("order.create", {"note": "first"})
    second = pos.run("order.create", {"note": "second"}, order_id=first["order_id"])
    assert second["error"]["code"] == "order-exists"
    assert pos.get(f"/orders/{first['order_id']}").body["note"] == "first"


def test_a_customer_that_there_is_not_is_refused(pos: Till) -> None:
    refused = pos.run("order.create", {"customer_id": "01970000-0000-7000-8000-00000000abcd"})
    assert refused["error"]["code"] == "customer-not-found"
