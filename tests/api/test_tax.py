"""Tax on orders: the rate is the product's when the line is added, and stays with the line."""

import uuid

from tests.till import Till


def test_a_line_keeps_the_rate_it_was_added_at(manager: Till) -> None:
    tea = manager.product("TEA", price="9.99", stock=9, tax_rate="23")
    order_id = str(uuid.uuid4())
    assert (
        manager.run("order.create", {"items": [{"sku": "TEA", "qty": 3}]}, order_id=order_id)["status"] == "succeeded"
    )
    manager.request("PATCH", f"/products/{tea['id']}", {"tax_rate": "6.5"})
    assert (
        manager.run("order.add_items", {"items": [{"sku": "TEA", "qty": 1}]}, order_id=order_id)["status"]
        == "succeeded"
    )
    assert manager.run("order.pay", {"method": "cash"}, order_id=order_id)["status"] == "succeeded"
    shown = manager.get(f"/orders/{order_id}").body
    lines = [(item["qty"], item["line_total"], item["tax_rate"], item["tax"]) for item in shown["items"]]
    assert lines == [(3, "29.97", "23.00", "5.60"), (1, "9.99", "6.50", "0.61")]
    assert (shown["total"], shown["tax_total"]) == ("39.96", "6.21")
    assert [each for each in manager.get("/orders").body["results"] if each["id"] == order_id] == [shown]


def test_pieces_taken_back_take_their_tax_with_them(manager: Till) -> None:
    manager.product("TEA", price="1.00", tax_rate="10")
    order_id = manager.run("order.create", {"items": [{"sku": "TEA", "qty": 11}]})["order_id"]
    manager.run("order.remove_item", {"sku": "TEA", "qty": 10}, order_id=order_id)
    shown = manager.get(f"/orders/{order_id}").body
    assert (shown["total"], shown["tax_total"]) == ("1.00", "0.09")
