"""What a buyer of such a system asks to see, each under its plain name: over HTTP, executed by real drains."""

import itertools
import threading
import uuid
from typing import Any

import pytest
from django.db import close_old_connections, connection

from store import saving
from store.db import Statement
from store.models import Command, Order, Payment, StockMovement
from tests import invariants
from tests.concurrency.workers import at_once
from tests.polling import until
from tests.till import Till, entry, run_drain
from worker.execute import BatchFailed, execute_batch

CASH = {"method": "cash"}


@pytest.fixture
def tea(manager: Till) -> str:
    """The path of a product of which there are ten pieces at 9.99."""
    return f"/products/{manager.product('TEA', '9.99', stock=10)['id']}"


def three_teas(**members: Any) -> dict[str, Any]:
    return {"items": [{"sku": "TEA", "qty": 3}], **members}


def stock(till: Till, path: str) -> tuple[int, int]:
    """Pieces on hand and reserved."""
    product = till.get(path).body
    return product["on_hand"], product["reserved"]


def test_pay(pos: Till, tea: str) -> None:
    order_id = pos.run("order.create", three_teas())["order_id"]
    paid = pos.run("order.pay", CASH | {"tendered": "30.00"}, order_id=order_id)
    assert paid["status"] == "succeeded"
    assert paid["result"]["order"]["status"] == "paid"
    assert paid["result"]["payment"] == {"method": "cash", "amount": "29.97", "tendered": "30.00", "change": "0.03"}
    assert pos.get(f"/orders/{order_id}").body["status"] == "paid"
    assert stock(pos, tea) == (7, 0)


def test_double_pay(pos: Till, tea: str) -> None:
    """Two terminals pay one order under keys of their own: one does, and the stock leaves the shelf once."""
    order_id = pos.run("order.create", three_teas())["order_id"]
    first, second = (pos.submit("order.pay", CASH, order_id=order_id).body["links"]["self"] for _ in range(2))
    run_drain()
    assert pos.get(first).body["status"] == "succeeded"
    assert pos.get(second).body["error"]["code"] == "invalid-transition"
    assert Payment.objects.filter(order_id=order_id).count() == 1
    assert stock(pos, tea) == (7, 0)


def test_cancel_with_refund(pos: Till, manager: Till, tea: str) -> None:
    order_id = pos.run("order.create", three_teas())["order_id"]
    pos.run("order.pay", CASH, order_id=order_id)
    cancelled = manager.run("order.cancel", {"reason": "returned"}, order_id=order_id)
    assert cancelled["result"]["order"]["status"] == "cancelled"
    assert [(int(each.amount), each.status) for each in Payment.objects.all()] == [(2997, "refunded")]
    assert stock(pos, tea) == (10, 0)


def test_double_cancel(pos: Till, manager: Till, tea: str) -> None:
    """The second finds nothing to cancel; payment and stock go back once."""
    order_id = pos.run("order.create", three_teas())["order_id"]
    pos.run("order.pay", CASH, order_id=order_id)
    first, second = (manager.submit("order.cancel", order_id=order_id).body["links"]["self"] for _ in range(2))
    run_drain()
    assert manager.get(first).body["status"] == "succeeded"
    assert manager.get(second).body["error"]["code"] == "invalid-transition"
    assert StockMovement.objects.filter(kind="restock").count() == 1
    assert stock(pos, tea) == (10, 0)


def test_cancel_rollback(pos: Till, manager: Till, tea: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The connection breaks when order, payment and stock have been written, and before the commit."""
    order_id = pos.run("order.create", three_teas())["order_id"]
    pos.run("order.pay", CASH, order_id=order_id)
    cancel = manager.submit("order.cancel", order_id=order_id).body["links"]["self"]
    before = manager.get(f"/orders/{order_id}").body

    def then_break(*args: Any) -> list[Statement]:
        return [*write_stock(*args), Statement("SELECT pg_terminate_backend(pg_backend_pid())", [])]

    write_stock = saving.stock
    with monkeypatch.context() as broken:
        broken.setattr(saving, "stock", then_break)
        with pytest.raises(BatchFailed):
            execute_batch(0, 200, 64)
    close_old_connections()
    assert manager.get(f"/orders/{order_id}").body == before
    assert manager.get(f"/orders/{order_id}").body["status"] == "paid"
    assert manager.get(cancel).body["status"] == "queued"
    assert Payment.objects.get().status == "captured"
    assert not StockMovement.objects.filter(kind="restock").exists()
    assert stock(pos, tea) == (7, 0)

    run_drain()
    assert manager.get(cancel).body["status"] == "succeeded"
    assert Payment.objects.get().status == "refunded"
    assert stock(pos, tea) == (10, 0)


def test_stock_locking(pos: Till, manager: Till, tea: str) -> None:
    """Two orders want the last ten pieces, and two workers are at it at once."""
    for sold in range(1, 4):
        orders = [pos.run("order.create", {"items": [{"sku": "TEA", "qty": 10}]})["order_id"] for _ in range(2)]
        pays = [pos.submit("order.pay", CASH, order_id=order_id).body["links"]["self"] for order_id in orders]
        at_once(2, lambda: execute_batch(0, 1, 1))
        run_drain()
        ended = [pos.get(pay).body for pay in pays]
        assert sorted(each["status"] for each in ended) == ["failed", "succeeded"]
        assert [each["error"]["code"] for each in ended if each["error"]] == ["insufficient-stock"]
        assert stock(pos, tea) == (0, 0)
        assert Payment.objects.count() == sold
        manager.run("stock.receive", {"sku": "TEA", "qty": 10})


def test_idempotency_does_not_duplicate(pos: Till, tea: str) -> None:
    """A till that sends everything again, before and after the execution, changes nothing."""
    order_id = str(uuid.uuid4())
    entries = [
        entry("order.create", three_teas(), key="create", order_id=order_id),
        entry("order.pay", CASH, key="pay", order_id=order_id),
    ]
    first = pos.batch(*entries)
    again = pos.batch(*entries)
    run_drain()
    after = pos.batch(*entries)
    run_drain()
    ids = [[result["command"]["id"] for result in results] for results in (first, again, after)]
    assert ids[0] == ids[1] == ids[2]
    assert [(each["status"], each.get("replayed")) for each in first] == [(202, None)] * 2
    assert [(each["status"], each.get("replayed")) for each in again] == [(202, True)] * 2
    assert [(each["status"], each.get("replayed")) for each in after] == [(200, True)] * 2
    assert (Order.objects.count(), Payment.objects.count()) == (1, 1)
    assert stock(pos, tea) == (7, 0)


def test_creation_reserves_stock(integration: Till, tea: str) -> None:
    """Of what is reserved nothing is sold or reserved again."""
    created = integration.run("order.create", three_teas(workflow="fulfilment"))
    assert created["result"]["order"]["status"] == "pending"
    assert stock(integration, tea) == (10, 3)
    greedy = integration.run("order.create", {"workflow": "fulfilment", "items": [{"sku": "TEA", "qty": 8}]})
    assert greedy["error"]["code"] == "insufficient-stock"
    assert integration.get(f"/orders/{greedy['order_id']}").status == 404
    assert stock(integration, tea) == (10, 3)


def test_cancel_returns_stock(pos: Till, integration: Till, manager: Till, tea: str) -> None:
    """A fulfilment order releases what it held; a counter order puts back what it took."""
    held = integration.run("order.create", three_teas(workflow="fulfilment"))["order_id"]
    taken = pos.run("order.create", three_teas())["order_id"]
    pos.run("order.pay", CASH, order_id=taken)
    assert stock(pos, tea) == (7, 3)
    manager.run("order.cancel", order_id=held)
    assert stock(pos, tea) == (7, 0)
    manager.run("order.cancel", order_id=taken)
    assert stock(pos, tea) == (10, 0)
    kinds = StockMovement.objects.filter(order_id__isnull=False).values_list("kind", flat=True)
    assert sorted(kinds) == ["release", "reserve", "restock", "sale"]


def test_simultaneous_concurrency(manager: Till, tea: str) -> None:
    """Six clients send orders for more than there is while three workers execute them: everything adds up."""
    clients = [Till.register(f"client-{number}", "manager") for number in range(6)]
    turns = itertools.count()
    taking_turns = threading.Lock()
    done: list[Till] = []

    def send(till: Till) -> None:
        for number in range(8):
            order_id = str(uuid.uuid4())
            workflow = "fulfilment" if number % 2 else "counter"
            till.submit("order.create", {"workflow": workflow, "items": [{"sku": "TEA", "qty": 1}]}, order_id=order_id)
            till.submit("order.pay", CASH, order_id=order_id)
            if number % 3 == 0:
                till.submit("order.cancel", order_id=order_id)
        done.append(till)

    def act() -> None:
        with taking_turns:
            turn = next(turns)
        if turn < len(clients):
            send(clients[turn])
        else:
            until(lambda: run_drain(turn, batch_max=5) and len(done) == len(clients), "all has been sent")

    at_once(len(clients) + 3, act)
    run_drain()
    assert not Command.objects.filter(finished_at=None).exists()
    failed = Command.objects.filter(status="failed").values_list("error__code", flat=True)
    assert set(failed) <= {"insufficient-stock", "invalid-transition", "order-not-found"}
    assert stock(manager, tea)[0] >= 0
    connection.ensure_connection()
    invariants.check(connection.connection, Command.objects.values_list("id", flat=True))
