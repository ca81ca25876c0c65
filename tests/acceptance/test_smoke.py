"""An order from creation to payment and back, over HTTP."""

from tests.till import Till


def test_pays_an_order_and_takes_its_stock(pos: Till, manager: Till) -> None:
    tea = manager.product("TEA", price="9.99", stock=10)
    created = pos.run("order.create", {"items": [{"sku": "TEA", "qty": 3}]})
    paid = pos.run("order.pay", {"method": "cash", "tendered": "30.00"}, order_id=created["order_id"])
    assert paid["status"] == "succeeded"
    assert paid["result"]["payment"] == {"method": "cash", "amount": "29.97", "tendered": "30.00", "change": "0.03"}
    assert manager.get(f"/products/{tea['id']}").body["on_hand"] == 7


def test_refuses_more_digits_than_the_orders_currency_at_once(pos: Till, manager: Till) -> None:
    manager.product("TEA", price="9.99", stock=1)
    created = pos.run("order.create", {"items": [{"sku": "TEA", "qty": 1}]})
    answer = pos.submit("order.pay", {"method": "cash", "tendered": "10.001"}, order_id=created["order_id"])
    assert answer.status == 400
    assert [error["pointer"] for error in answer.body["errors"]] == ["/payload/tendered"]


def test_an_id_in_a_path_may_have_capitals_as_in_a_body(pos: Till) -> None:
    submitted = pos.submit("order.create").body
    assert pos.get(f"/commands/{submitted['id'].upper()}").body["id"] == submitted["id"]
