"""Refunds over HTTP: what an order and its payments show of money that went back."""

import uuid

import pytest

from store.models import Payment, Product
from tests import invariants
from tests.laws.workers import raw
from tests.till import Till, taxed_draft


@pytest.fixture
def order_id(manager: Till) -> str:
    """A paid order of 3 teas at 23 % and a mug without tax."""
    found = taxed_draft(manager)
    assert manager.run("order.pay", {"method": "card", "reference": "t-1"}, order_id=found)["status"] == "succeeded"
    return found


def on_hand(sku: str) -> int:
    return Product.objects.get(sku=sku).on_hand


def test_a_payment_shows_what_was_taken_and_every_refund_of_it(manager: Till, pos: Till, order_id: str) -> None:
    by_items = manager.run("order.refund", {"items": [{"sku": "TEA", "qty": 1}], "reason": "cold"}, order_id=order_id)
    assert by_items["status"] == "succeeded", by_items
    assert by_items["result"]["order"] | {"id": ""} == {
        "id": "", "status": "paid", "version": 3, "total": "34.97", "currency": "EUR",
    }  # fmt: skip
    by_amount = manager.run("order.refund", {"amount": "5", "reason": "late"}, order_id=order_id)
    order = pos.get(f"/orders/{order_id}").body
    assert (order["status"], order["paid_total"], order["refunded_total"]) == ("paid", "34.97", "14.99")
    [payment] = pos.get(f"/orders/{order_id}/payments").body["results"]
    refunds = payment.pop("refunds")
    assert {name: payment[name] for name in ("method", "reference", "amount", "currency", "status", "provider")} == {
        "method": "card", "reference": "t-1", "amount": "34.97", "currency": "EUR", "status": "captured",
        "provider": None,
    }  # fmt: skip
    shown = [(each["amount"], each["tax"], each["restock"], each["reason"], each["command_id"]) for each in refunds]
    assert shown == [("9.99", "1.87", True, "cold", by_items["id"]), ("5.00", "0.75", True, "late", by_amount["id"])]
    assert (on_hand("TEA"), on_hand("MUG")) == (7, 8)
    invariants.check(raw())


def test_cancelling_gives_back_the_rest_of_money_tax_and_pieces(manager: Till, order_id: str) -> None:
    lost = {"items": [{"sku": "TEA", "qty": 1}], "restock": False, "reason": "spilt"}
    assert manager.run("order.refund", lost, order_id=order_id)["status"] == "succeeded"
    assert manager.run("order.cancel", {"reason": "all wrong"}, order_id=order_id)["status"] == "succeeded"
    order = manager.get(f"/orders/{order_id}").body
    assert (order["status"], order["refunded_total"]) == ("cancelled", "34.97")
    [payment] = manager.get(f"/orders/{order_id}/payments").body["results"]
    assert payment["status"] == "refunded"
    assert [(each["amount"], each["tax"]) for each in payment["refunds"]] == [("9.99", "1.87"), ("24.98", "3.73")]
    assert (on_hand("TEA"), on_hand("MUG")) == (8, 9)
    invariants.check(raw())


def test_the_last_refund_returns_the_payment_and_there_is_no_other(manager: Till, order_id: str) -> None:
    assert manager.run("order.refund", {"reason": "sorry"}, order_id=order_id)["status"] == "succeeded"
    again = manager.run("order.refund", {"amount": "0.01", "reason": "sorry"}, order_id=order_id)
    assert (again["status"], again["error"]["code"]) == ("failed", "refund-exceeds-payment")
    assert Payment.objects.get().status == "refunded"
    assert manager.get(f"/orders/{order_id}").body["status"] == "paid"
    actions = manager.get(f"/orders/{order_id}/available-actions").body["actions"]
    assert [each["type"] for each in actions] == ["order.cancel"]
    assert manager.run("order.cancel", order_id=order_id)["status"] == "succeeded"
    assert (on_hand("TEA"), on_hand("MUG")) == (9, 9)
    invariants.check(raw())


def test_several_refunds_in_one_batch_are_each_decided_on_what_the_one_before_left(
    manager: Till, order_id: str
) -> None:
    asks = [
        manager.submit("order.refund", {"amount": "20.00", "reason": "x"}, order_id=order_id).body["id"]
        for _time in range(2)
    ]
    manager.run("order.refund", {"items": [{"sku": "MUG", "qty": 1}], "reason": "x"}, order_id=order_id)
    ends = [manager.get(f"/commands/{each}").body for each in asks]
    assert [(each["status"], each["error"] and each["error"]["code"]) for each in ends] == [
        ("succeeded", None),
        ("failed", "refund-exceeds-payment"),
    ]
    assert manager.get(f"/orders/{order_id}").body["refunded_total"] == "25.00"
    invariants.check(raw())


def test_the_events_of_an_order_go_on_without_a_gap(manager: Till, order_id: str) -> None:
    order = manager.get(f"/orders/{order_id}").body
    manager.run("order.refund", {"amount": "1", "reason": "x"}, order_id=order_id)
    assert manager.get(f"/orders/{order_id}").body["version"] == order["version"] + 1


@pytest.mark.parametrize("role", ["pos", "integration"])
def test_only_a_manager_refunds(request: pytest.FixtureRequest, order_id: str, role: str) -> None:
    till: Till = request.getfixturevalue(role)
    till.submit("order.refund", {"reason": "x"}, order_id=order_id).problem(403, "forbidden")


def test_payments_of_an_order_that_is_unpaid_or_unknown(manager: Till) -> None:
    draft = manager.run("order.create")["order_id"]
    assert manager.get(f"/orders/{draft}/payments").body["results"] == []
    manager.get(f"/orders/{uuid.uuid4()}/payments").problem(404, "not-found")
