"""Products over HTTP: created by managers, read by all, their stock never set by hand."""

import uuid
from itertools import chain
from typing import Any

import pytest

from store.models import Product
from tests.till import Till

TEA: dict[str, Any] = {"sku": "TEA", "name": "Tea", "price": "9.99"}


def test_creates_a_product_without_stock(manager: Till) -> None:
    answer = manager.post("/products", TEA)
    assert answer.status == 201
    assert answer.headers["location"] == f"/api/v1/products/{answer.body['id']}"
    assert uuid.UUID(answer.body["id"])
    assert {name: value for name, value in answer.body.items() if name != "id"} == {
        "sku": "TEA",
        "name": "Tea",
        "description": "",
        "price": "9.99",
        "currency": "EUR",
        "on_hand": 0,
        "reserved": 0,
        "available": 0,
        "low_stock_at": None,
        "is_active": True,
        "version": 1,
    }
    assert manager.get(answer.headers["location"]).body == answer.body


def test_keeps_all_that_was_sent(manager: Till) -> None:
    sent = TEA | {"description": "Ä\n🙂", "currency": "JPY", "price": "1200", "low_stock_at": 5, "is_active": False}
    body = manager.post("/products", sent).body
    assert {name: body[name] for name in sent} == sent


@pytest.mark.parametrize(
    ("price", "currency", "shown"),
    [
        ("0", "EUR", "0.00"),
        ("5", "EUR", "5.00"),
        ("9999999999.99", "EUR", "9999999999.99"),
        ("1200", "JPY", "1200"),
        ("1.234", "KWD", "1.234"),
        ("9999999999.9899", "CLF", "9999999999.9899"),
    ],
)
def test_shows_the_price_with_the_digits_of_its_currency(manager: Till, price: str, currency: str, shown: str) -> None:
    answer = manager.post("/products", TEA | {"price": price, "currency": currency})
    assert (answer.status, answer.body["price"]) == (201, shown)


@pytest.mark.parametrize(
    ("members", "errors"),
    [
        ({"sku": None, "name": None, "price": None}, [(f"/{name}", "required") for name in ("sku", "name", "price")]),
        ({"sku": ""}, [("/sku", "too-short")]),
        ({"sku": "A" * 65}, [("/sku", "too-long")]),
        ({"sku": "A B"}, [("/sku", "malformed")]),
        ({"sku": "Ä"}, [("/sku", "malformed")]),
        ({"sku": "A\n"}, [("/sku", "malformed")]),
        ({"sku": 7}, [("/sku", "not-a-string")]),
        ({"name": ""}, [("/name", "too-short")]),
        ({"name": "x" * 201}, [("/name", "too-long")]),
        ({"description": "x" * 2001}, [("/description", "too-long")]),
        ({"price": 9.99}, [("/price", "not-money")]),
        ({"price": 9}, [("/price", "not-money")]),
        ({"price": "9.999"}, [("/price", "not-money")]),
        ({"price": "-1"}, [("/price", "not-money")]),
        ({"price": "1e3"}, [("/price", "not-money")]),
        ({"price": "10000000000"}, [("/price", "out-of-range")]),
        ({"price": "9999999999.991", "currency": "KWD"}, [("/price", "out-of-range")]),
        ({"price": "9.9", "currency": "JPY"}, [("/price", "not-money")]),
        ({"currency": "eur"}, [("/currency", "not-a-currency")]),
        ({"currency": "ZZZ"}, [("/currency", "not-a-currency")]),
        ({"low_stock_at": -1}, [("/low_stock_at", "out-of-range")]),
        ({"low_stock_at": 1.0}, [("/low_stock_at", "not-an-integer")]),
        ({"is_active": "yes"}, [("/is_active", "not-a-boolean")]),
        ({"on_hand": 5}, [("/on_hand", "unknown-field")]),
        ({"reserved": 0}, [("/reserved", "unknown-field")]),
        ({"available": 0}, [("/available", "unknown-field")]),
        ({"version": 1}, [("/version", "unknown-field")]),
        ({"id": str(uuid.UUID(int=1))}, [("/id", "unknown-field")]),
    ],
)
def test_names_everything_that_is_wrong(manager: Till, members: dict[str, Any], errors: list[tuple[str, str]]) -> None:
    assert manager.post("/products", TEA | members).errors() == errors
    assert not Product.objects.exists()


def test_takes_values_at_their_bounds(manager: Till) -> None:
    sku = "AZaz09._-".ljust(64, "x")
    sent = TEA | {"sku": sku, "name": "x" * 200, "description": "ä" * 2000, "low_stock_at": 2**53 - 1}
    assert manager.post("/products", sent).status == 201


def test_a_sku_is_taken_once(manager: Till) -> None:
    first = manager.post("/products", TEA).body
    answer = manager.post("/products", TEA | {"name": "Other"})
    assert "TEA" in answer.problem(409, "sku-exists")["detail"]
    assert manager.get(f"/products/{first['id']}").body == first
    assert manager.post("/products", TEA | {"sku": "tea"}).status == 201


def test_creating_a_product_takes_no_idempotency_key(manager: Till) -> None:
    assert manager.post("/products", TEA, Idempotency_Key="junk,junk").status == 201


def test_an_unknown_product_is_not_found(manager: Till) -> None:
    manager.get(f"/products/{uuid.uuid4()}").problem(404, "not-found")


def test_shows_what_is_on_hand_reserved_and_available(manager: Till) -> None:
    tea = manager.product("TEA", stock=10)
    created = manager.run("order.create", {"workflow": "fulfilment", "items": [{"sku": "TEA", "qty": 3}]})
    assert created["result"]["order"]["status"] == "pending"
    body = manager.get(f"/products/{tea['id']}").body
    assert (body["on_hand"], body["reserved"], body["available"]) == (10, 3, 7)


@pytest.mark.parametrize("size", [1, 2, 5, 200])
def test_lists_all_products_by_sku_page_by_page(manager: Till, size: int) -> None:
    for sku in ("d", "B", "a", "C", "a-1"):
        manager.post("/products", TEA | {"sku": sku})
    skus = [product["sku"] for product in chain(*manager.pages(f"/products?page_size={size}"))]
    assert skus == list(Product.objects.order_by("sku").values_list("sku", flat=True))
    assert sorted(skus) == ["B", "C", "a", "a-1", "d"]
