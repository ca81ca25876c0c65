"""Products over HTTP: created and edited by managers, read by all, their stock never set by hand."""

import uuid
from itertools import chain
from typing import Any

import pytest

from store.models import Product
from tests.till import Answer, Till, entry, run_drain

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
        "tax_rate": "0",
        "cost": None,
        "on_hand": 0,
        "reserved": 0,
        "available": 0,
        "low_stock_at": None,
        "is_active": True,
        "version": 1,
    }
    read = manager.get(answer.headers["location"])
    assert (read.body, read.headers["etag"]) == (answer.body, answer.headers["etag"])


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
        *(
            ({"tax_rate": rate}, [("/tax_rate", "not-a-percentage")])
            for rate in (23, 0.5, "", "-1", "1e1", "23.000", "101", "٢٣", "23%", True)
        ),
        ({"low_stock_at": -1}, [("/low_stock_at", "out-of-range")]),
        ({"low_stock_at": 1.0}, [("/low_stock_at", "not-an-integer")]),
        ({"is_active": "yes"}, [("/is_active", "not-a-boolean")]),
        ({"on_hand": 5}, [("/on_hand", "read-only")]),
        ({"reserved": 0}, [("/reserved", "read-only")]),
        ({"available": None}, [("/available", "read-only")]),
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
    path = f"/products/{uuid.uuid4()}"
    manager.get(path).problem(404, "not-found")
    manager.request("PATCH", path, {"name": 7}, If_Match='"1"').problem(404, "not-found")
    manager.get(f"{path}/movements").problem(404, "not-found")


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


def test_filters_by_sku_and_activity(manager: Till) -> None:
    for sku in ("TEA", "MUG", "tea"):
        manager.product(sku, is_active=sku != "MUG")
    cases = {
        "": ["MUG", "TEA", "tea"],
        "?is_active=any": ["MUG", "TEA", "tea"],
        "?is_active=true": ["TEA", "tea"],
        "?is_active=false": ["MUG"],
        "?sku=TEA": ["TEA"],
        "?sku=TEA&is_active=false": [],
        "?sku=none": [],
    }
    found = {query: {each["sku"] for each in chain(*manager.pages(f"/products{query}"))} for query in cases}
    assert found == {query: set(skus) for query, skus in cases.items()}


def patch(till: Till, product: dict[str, Any], body: object) -> Answer:
    return till.request("PATCH", f"/products/{product['id']}", body)


EDITS: dict[str, Any] = {
    "name": "Better tea",
    "description": "Ä\n🙂",
    "price": "12.50",
    "currency": "USD",
    "tax_rate": "23.00",
    "cost": "7.10",
    "low_stock_at": 5,
    "is_active": False,
}


def test_changes_what_is_sent_alone(manager: Till) -> None:
    tea = manager.product("TEA", stock=3)
    for version, (name, value) in enumerate(EDITS.items(), 2):
        answer = patch(manager, tea, {name: value})
        tea |= {name: value, "version": version}
        assert (answer.status, answer.body) == (200, tea)
        read = manager.get(f"/products/{tea['id']}")
        assert (read.body, read.headers["etag"]) == (tea, answer.headers["etag"])


def test_changes_everything_at_once(manager: Till) -> None:
    tea = manager.product("TEA")
    assert patch(manager, tea, EDITS | {"sku": "TEA"}).body == tea | EDITS | {"version": 2}


def test_null_resets_what_is_optional(manager: Till) -> None:
    tea = manager.product("TEA", **{name: value for name, value in EDITS.items() if name not in {"name", "price"}})
    answer = patch(
        manager, tea, dict.fromkeys(("description", "currency", "tax_rate", "cost", "low_stock_at", "is_active"))
    )
    assert answer.body == tea | {
        "description": "",
        "currency": "EUR",
        "tax_rate": "0",
        "cost": None,
        "low_stock_at": None,
        "is_active": True,
        "version": 2,
    }


@pytest.mark.parametrize("body", [None, {}, {"sku": "TEA"}, {"price": "9.9"}, {"low_stock_at": None, "name": "Tea"}])
def test_an_edit_that_changes_nothing_keeps_the_version(manager: Till, body: object) -> None:
    tea = manager.product("TEA", price="9.90")
    answer = patch(manager, tea, body)
    assert (answer.status, answer.body) == (200, tea)


@pytest.mark.parametrize(
    ("members", "errors"),
    [
        ({"sku": "MUG"}, [("/sku", "unchangeable")]),
        ({"sku": "tea"}, [("/sku", "unchangeable")]),
        ({"sku": None}, [("/sku", "required")]),
        ({"sku": 7}, [("/sku", "not-a-string")]),
        ({"name": None, "price": None}, [("/name", "required"), ("/price", "required")]),
        ({"name": ""}, [("/name", "too-short")]),
        ({"currency": "JPY"}, [("/price", "not-money")]),
        ({"currency": "XXX"}, [("/currency", "not-a-currency")]),
        ({"price": "9.999"}, [("/price", "not-money")]),
        ({"price": "10000000000"}, [("/price", "out-of-range")]),
        ({"price": 9}, [("/price", "not-money")]),
        ({"cost": "1.001"}, [("/cost", "not-money")]),
        ({"cost": "10000000000"}, [("/cost", "out-of-range")]),
        ({"tax_rate": "100.01"}, [("/tax_rate", "not-a-percentage")]),
        ({"low_stock_at": 2**63}, [("/low_stock_at", "out-of-range")]),
        ({"is_active": "no"}, [("/is_active", "not-a-boolean")]),
        ({"on_hand": 3}, [("/on_hand", "read-only")]),
        ({"reserved": None, "available": 3}, [("/reserved", "read-only"), ("/available", "read-only")]),
        ({"version": 1}, [("/version", "unknown-field")]),
        ({"colour": 1}, [("/colour", "unknown-field")]),
    ],
)
def test_a_bad_edit_is_named_and_changes_nothing(
    manager: Till, members: dict[str, Any], errors: list[tuple[str, str]]
) -> None:
    tea = manager.product("TEA", stock=3)
    assert patch(manager, tea, {"name": "Better tea"} | members).errors() == errors
    assert manager.get(f"/products/{tea['id']}").body == tea


def test_says_what_stock_is_changed_by(manager: Till) -> None:
    tea = manager.product("TEA")
    for answer in (patch(manager, tea, {"on_hand": 1}), manager.post("/products", TEA | {"sku": "B", "on_hand": 1})):
        assert "stock commands" in answer.problem(400, "invalid-request")["detail"]


def test_a_price_keeps_its_text_when_the_currency_changes(manager: Till) -> None:
    tea = manager.product("TEA", "9.99")
    assert patch(manager, tea, {"currency": "KWD"}).body["price"] == "9.990"
    assert patch(manager, tea, {"currency": "JPY", "price": "1200"}).body["price"] == "1200"


def test_managers_alone_may_write(manager: Till, pos: Till, integration: Till, auditor: Till) -> None:
    tea = manager.product("TEA")
    for till in (pos, integration, auditor):
        patch(till, tea, {"name": 7}).problem(403, "forbidden")
        till.post("/products", TEA).problem(403, "forbidden")
        assert till.get(f"/products/{tea['id']}").body == tea


def test_lists_the_movements_of_one_product_newest_first(manager: Till, pos: Till) -> None:
    tea = manager.product("TEA", stock=10)
    manager.product("MUG", stock=1)
    order = manager.run("order.create", {"workflow": "fulfilment", "items": [{"sku": "TEA", "qty": 3}]})
    adjusted = manager.run("stock.adjust", {"sku": "TEA", "delta": -2, "reason": "broken"})
    path = f"/products/{tea['id']}/movements"
    newest, reserved, received = pos.get(path).body["results"]
    assert newest.pop("created_at").endswith("Z")
    assert uuid.UUID(newest.pop("id"))
    assert newest == {
        "product_id": tea["id"],
        "kind": "adjust",
        "on_hand_delta": -2,
        "reserved_delta": 0,
        "order_id": None,
        "command_id": adjusted["id"],
        "reason": "broken",
    }
    assert (reserved["reserved_delta"], reserved["order_id"]) == (3, order["order_id"])
    assert (received["on_hand_delta"], received["order_id"]) == (10, None)


@pytest.mark.parametrize("size", [1, 2, 3, 7])
def test_leads_through_the_movements_page_by_page(manager: Till, size: int) -> None:
    path = f"/products/{manager.product('TEA')['id']}/movements"
    assert manager.get(path).body == {"results": [], "next": None, "previous": None}
    manager.batch(*(entry("stock.receive", {"sku": "TEA", "qty": qty}) for qty in range(1, 7)))
    run_drain()
    walked = [each["on_hand_delta"] for each in chain(*manager.pages(f"{path}?page_size={size}"))]
    assert walked == [6, 5, 4, 3, 2, 1]
    assert manager.get(f"{path}?page_size=0").errors() == [("page_size", "out-of-range")]
    assert manager.get(f"{path}?cursor=zz").errors() == [("cursor", "malformed")]
