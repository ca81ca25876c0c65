"""Online payments over HTTP: an order waits while the provider is asked, and ends as the answer says."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.conf import LazySettings

from store.models import Command, Payment, Product
from tests import invariants
from tests.laws.workers import raw
from tests.online import ask, due_now, pay
from tests.till import Till, run_drain, taxed_draft


@pytest.fixture(autouse=True)
def simulated(settings: LazySettings) -> None:
    """A deployment with the simulator."""
    settings.PAYMENT_PROVIDER = "simulator"


@pytest.fixture
def order_id(manager: Till) -> str:
    """A draft of 3 teas at 23 % and a mug without tax: 34.97."""
    return taxed_draft(manager)


@pytest.fixture(autouse=True)
def sound(database: None) -> Iterator[None]:
    """Whatever a test has done, nothing is lost and nothing has happened twice."""
    yield
    invariants.check(raw())


def settled(till: Till, command: dict[str, Any]) -> dict[str, Any]:
    """The same once the answer has come and been settled."""
    run_drain()
    found: dict[str, Any] = till.get(f"/commands/{command['id']}").body
    return found


def stock(sku: str) -> tuple[int, int]:
    product = Product.objects.get(sku=sku)
    return product.on_hand, product.reserved


def test_the_order_waits_with_its_stock_reserved_until_the_provider_says_yes(pos: Till, order_id: str) -> None:
    before = pos.get(f"/orders/{order_id}")
    command = pay(pos, order_id, "approve")
    assert (command["status"], command["result"], command["error"], command["finished_at"]) == (
        "running", None, None, None,
    )  # fmt: skip
    assert command["started_at"] is not None
    pending = pos.get(f"/orders/{order_id}")
    assert pending.body == before.body | {"payment_pending": True}
    assert pending.headers["etag"] != before.headers["etag"]
    assert pos.get(f"/orders/{order_id}/available-actions").body["actions"] == []
    assert stock("TEA") == (9, 3)
    [payment] = pos.get(f"/orders/{order_id}/payments").body["results"]
    assert (payment["id"], payment["status"], payment["provider"]) == (command["id"], "pending", "simulator")
    frozen = pos.run("order.add_items", {"items": [{"sku": "TEA", "qty": 1}]}, order_id=order_id)
    assert frozen["error"]["code"] == "order-frozen"

    assert ask() == 1
    command = settled(pos, command)
    assert command["status"] == "succeeded"
    assert command["attempts"] == 1
    assert command["result"] == {
        "order": {"id": order_id, "status": "paid", "version": 2, "total": "34.97", "currency": "EUR"},
        "payment": {"method": "online", "amount": "34.97", "tendered": None, "change": None},
    }
    order = pos.get(f"/orders/{order_id}").body
    assert (order["status"], order["payment_pending"], order["paid_total"]) == ("paid", False, "34.97")
    assert (stock("TEA"), stock("MUG")) == ((6, 0), (8, 0))
    [payment] = pos.get(f"/orders/{order_id}/payments").body["results"]
    assert (payment["status"], payment["reference"]) == ("captured", f"simulated_{command['id']}")
    [_created, paid] = pos.get(f"/orders/{order_id}/history").body["results"]
    assert (paid["to_status"], paid["changed_by"], paid["command_id"]) == ("paid", pos.name, command["id"])


@pytest.mark.parametrize("payment_method", ["approve", "decline"])
def test_that_it_waited_is_known_afterwards(pos: Till, order_id: str, payment_method: str) -> None:
    command = pay(pos, order_id, payment_method)
    ask()
    settled(pos, command)
    ended = Command.objects.get(id=command["id"])
    assert ended.started_at is not None
    assert ended.moved_at is not None
    assert ended.finished_at is not None
    assert ended.started_at <= ended.moved_at <= ended.finished_at
    assert not Command.objects.exclude(id=ended.id).exclude(moved_at=None).exists(), "nothing else has waited"


def test_a_no_leaves_the_draft_as_it_was_and_it_may_be_paid_otherwise(pos: Till, order_id: str) -> None:
    before = pos.get(f"/orders/{order_id}")
    command = pay(pos, order_id, "decline")
    ask()
    command = settled(pos, command)
    assert (command["status"], command["error"]["code"], command["error"]["retryable"]) == (
        "failed", "payment-declined", False,
    )  # fmt: skip
    after = pos.get(f"/orders/{order_id}")
    assert (after.body, after.headers["etag"]) == (before.body, before.headers["etag"])
    assert stock("TEA") == (9, 0)
    assert pos.run("order.pay", {"method": "cash"}, order_id=order_id)["status"] == "succeeded"
    assert [each["status"] for each in pos.get(f"/orders/{order_id}/payments").body["results"]] == [
        "declined",
        "captured",
    ]


@pytest.mark.parametrize(
    ("payment_method", "end"),
    [("time_out", "succeeded"), ("answer_after_giving_up", "succeeded"), ("decline_after_giving_up", "failed")],
)
def test_without_an_answer_it_is_uncertain_until_the_provider_has_been_asked_again(
    pos: Till, order_id: str, payment_method: str, end: str
) -> None:
    command = pay(pos, order_id, payment_method)
    ask()
    command = settled(pos, command)
    assert (command["status"], command["error"]["code"], command["finished_at"]) == (
        "uncertain", "payment-uncertain", None,
    )  # fmt: skip
    assert stock("TEA") == (9, 3)
    assert pos.get(f"/orders/{order_id}").body["payment_pending"] is True
    assert ask() == 0
    due_now()
    assert ask() == 1
    command = settled(pos, command)
    assert command["status"] == end
    assert (command["error"] is None) == (end == "succeeded")
    assert Command.objects.filter(type="payment.settle").count() == 1


def test_money_paid_online_goes_back_through_the_provider_and_the_order_waits_for_it(
    manager: Till, order_id: str
) -> None:
    paid = pay(manager, order_id, "approve")
    ask()
    settled(manager, paid)
    refund = manager.run("order.refund", {"amount": "5.00", "reason": "late"}, order_id=order_id)
    assert refund["status"] == "running"
    order = manager.get(f"/orders/{order_id}").body
    assert (order["payment_pending"], order["refunded_total"], order["version"]) == (True, "0.00", 2)
    ask()
    refund = settled(manager, refund)
    assert (refund["status"], refund["result"]["order"]["version"]) == ("succeeded", 3)
    cancel = manager.run("order.cancel", {"reason": "all wrong"}, order_id=order_id)
    assert (cancel["status"], stock("TEA")) == ("running", (6, 0))
    ask()
    assert settled(manager, cancel)["status"] == "succeeded"
    order = manager.get(f"/orders/{order_id}").body
    assert (order["status"], order["refunded_total"]) == ("cancelled", "34.97")
    assert stock("TEA") == (9, 0)
    [payment] = manager.get(f"/orders/{order_id}/payments").body["results"]
    assert (payment["status"], [each["amount"] for each in payment["refunds"]]) == ("refunded", ["5.00", "29.97"])


def test_an_answer_that_comes_twice_settles_once(pos: Till, order_id: str) -> None:
    command = pay(pos, order_id, "approve")
    ask()
    due_now()
    assert ask() == 1
    assert settled(pos, command)["status"] == "succeeded"
    assert Command.objects.filter(type="payment.settle").count() == 1
    assert Payment.objects.filter(status="captured").count() == 1


def test_an_online_payment_is_refused_where_there_is_no_provider(
    pos: Till, order_id: str, settings: LazySettings
) -> None:
    settings.PAYMENT_PROVIDER = ""
    answer = pos.submit("order.pay", {"method": "online", "payment_method": "approve"}, order_id=order_id)
    assert answer.errors() == [("/payload/method", "no-provider")]


def test_nobody_submits_an_answer_but_orderly(manager: Till, order_id: str) -> None:
    command = pay(manager, order_id, "approve")
    answer = manager.submit("payment.settle", {"command_id": command["id"], "is_yes": True}, order_id=order_id)
    assert answer.errors() == [("/type", "unknown-type")]
    assert "payment.settle" not in str(answer.body)
