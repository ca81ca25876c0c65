"""Orders over HTTP: one with its lines and its version as ETag; all of them, newest first, filtered."""

import uuid
from datetime import UTC, datetime, timedelta
from itertools import chain
from typing import Any
from urllib.parse import quote

import pytest

from store.models import Order, Product
from tests.guards import guards_asleep
from tests.till import Till, entry, run_drain

NOON = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)


def ids(results: list[dict[str, Any]]) -> list[str]:
    return [order["id"] for order in results]


def create(till: Till, count: int, **payload: Any) -> list[str]:
    """So many orders of one batch."""
    results = till.batch(*(entry("order.create", payload) for _ in range(count)))
    run_drain()
    return [result["command"]["order_id"] for result in results]


def created_at(order_id: str, moment: datetime) -> None:
    with guards_asleep():
        Order.objects.filter(id=order_id).update(created_at=moment)


def test_shows_an_order_with_its_lines(pos: Till, manager: Till) -> None:
    tea, mug = manager.product("TEA", "9.99"), manager.product("MUG", "4.50")
    items = [{"sku": "TEA", "qty": 3}, {"product_id": mug["id"], "qty": 1}]
    order_id = pos.run("order.create", {"items": items, "note": "table 4"})["order_id"]
    order = pos.get(f"/orders/{order_id}").body
    assert order["created_at"].endswith("Z")
    assert order.pop("created_at") <= order.pop("updated_at")
    links = order.pop("links")
    assert links["self"] == f"/api/v1/orders/{order_id}"
    assert order == {
        "id": order_id,
        "workflow": "counter",
        "status": "draft",
        "version": 1,
        "currency": "EUR",
        "total": "34.47",
        "tax_total": "0.00",
        "paid_total": "0.00",
        "refunded_total": "0.00",
        "payment_pending": False,
        "customer_id": None,
        "note": "table 4",
        "items": [
            {
                "product_id": tea["id"],
                "sku": "TEA",
                "name": "Tea",
                "qty": 3,
                "unit_price": "9.99",
                "line_total": "29.97",
                "tax_rate": "0",
                "tax": "0.00",
            },
            {
                "product_id": mug["id"],
                "sku": "MUG",
                "name": "Mug",
                "qty": 1,
                "unit_price": "4.50",
                "line_total": "4.50",
                "tax_rate": "0",
                "tax": "0.00",
            },
        ],
        "archived": False,
    }


def test_the_version_is_the_etag(pos: Till) -> None:
    order_id = pos.run("order.create")["order_id"]
    assert pos.get(f"/orders/{order_id}").headers["etag"] == '"1"'
    answer = pos.get(f"/orders/{order_id}", If_None_Match='"1"')
    assert (answer.status, answer.raw, answer.headers["etag"]) == (304, b"", '"1"')
    pos.run("order.cancel_draft", order_id=order_id)
    answer = pos.get(f"/orders/{order_id}", If_None_Match='"1"')
    assert (answer.status, answer.headers["etag"], answer.body["version"]) == (200, '"2"', 2)


def test_prices_are_frozen_when_a_line_is_added(pos: Till, manager: Till) -> None:
    manager.product("TEA", "9.99", stock=9)
    items = {"items": [{"sku": "TEA", "qty": 1}]}
    order_id = pos.run("order.create", items)["order_id"]
    Product.objects.update(price=1099, name="Better tea")
    pos.run("order.add_items", items, order_id=order_id)
    pos.run("order.add_items", items, order_id=order_id)
    lines = [(line["unit_price"], line["qty"], line["name"]) for line in pos.get(f"/orders/{order_id}").body["items"]]
    assert lines == [("9.99", 1, "Tea"), ("10.99", 2, "Better tea")]
    pos.run("order.remove_item", {"sku": "TEA", "qty": 2}, order_id=order_id)
    paid = pos.run("order.pay", {"method": "cash"}, order_id=order_id)
    assert paid["result"]["order"]["total"] == "9.99"
    Product.objects.update(price=1)
    assert pos.get(f"/orders/{order_id}").body["total"] == "9.99"
    assert pos.run("order.add_items", items, order_id=order_id)["error"]["code"] == "order-frozen"


def test_removing_the_last_item_leaves_an_empty_draft(pos: Till, manager: Till) -> None:
    manager.product("TEA")
    order_id = pos.run("order.create", {"items": [{"sku": "TEA", "qty": 2}]})["order_id"]
    pos.run("order.remove_item", {"sku": "TEA"}, order_id=order_id)
    order = pos.get(f"/orders/{order_id}").body
    assert (order["status"], order["items"], order["total"], order["version"]) == ("draft", [], "0.00", 2)
    assert pos.run("order.pay", {"method": "cash"}, order_id=order_id)["error"]["code"] == "order-empty"


def test_an_unknown_order_is_not_found(pos: Till) -> None:
    pos.get(f"/orders/{uuid.uuid4()}").problem(404, "not-found")


def test_lists_the_newest_first(pos: Till) -> None:
    order_ids = [pos.run("order.create")["order_id"] for _ in range(3)]
    body = pos.get("/orders").body
    assert ids(body["results"]) == order_ids[::-1]
    assert body["results"][0] == pos.get(f"/orders/{order_ids[-1]}").body


@pytest.mark.parametrize("minutes", [[0] * 7, [0, 0, 1, 1, 1, 2, 2]], ids=["one instant", "newer with lower ids"])
@pytest.mark.parametrize("size", [1, 2, 3, 7, 8])
def test_the_links_lead_through_orders_of_few_instants_and_back(pos: Till, size: int, minutes: list[int]) -> None:
    moments = {}
    for order_id, minute in zip(sorted(create(pos, 7), reverse=True), minutes, strict=True):
        moments[order_id] = NOON + timedelta(minutes=minute)
        created_at(order_id, moments[order_id])
    order_ids = sorted(moments, key=lambda order_id: (moments[order_id], order_id), reverse=True)
    assert ids(list(chain(*pos.pages(f"/orders?page_size={size}")))) == order_ids
    link = f"/orders?page_size={size}"
    while (following := pos.get(link).body["next"]) is not None:
        link = following
    assert ids(list(chain(*reversed(list(pos.pages(link, "previous")))))) == order_ids


def test_filters_by_status_workflow_and_customer(pos: Till, manager: Till) -> None:
    manager.product("TEA", stock=9)
    items = [{"sku": "TEA", "qty": 1}]
    draft = pos.run("order.create")["order_id"]
    paid = pos.run("order.create", {"items": items})["order_id"]
    pos.run("order.pay", {"method": "cash"}, order_id=paid)
    pending = pos.run("order.create", {"workflow": "fulfilment", "items": items})["order_id"]
    cases = {
        "": [pending, paid, draft],
        "?status=draft": [draft],
        "?status=paid": [paid],
        "?status=cancelled": [],
        "?workflow=fulfilment": [pending],
        "?workflow=counter": [paid, draft],
        "?workflow=counter&status=paid": [paid],
        f"?customer_id={uuid.uuid4()}": [],
    }
    assert {query: ids(pos.get(f"/orders{query}").body["results"]) for query in cases} == cases


def test_archived_orders_are_listed_only_when_asked_for(pos: Till) -> None:
    kept, archived = create(pos, 2)
    pos.run("order.cancel_draft", order_id=archived)
    with guards_asleep():
        Order.objects.filter(id=archived).update(archived=True)
    cases = {
        "": {kept},
        "?archived=false": {kept},
        "?archived=true": {archived},
        "?archived=any": {kept, archived},
    }
    assert {query: set(ids(pos.get(f"/orders{query}").body["results"])) for query in cases} == cases
    assert pos.get(f"/orders/{archived}").body["archived"] is True


def test_created_after_is_inclusive_and_created_before_exclusive(pos: Till) -> None:
    before, at, after = create(pos, 3)
    instant = timedelta(microseconds=1)
    for order_id, moment in ((before, NOON - instant), (at, NOON), (after, NOON + instant)):
        created_at(order_id, moment)
    noon = "2026-11-20T12:00:00Z"
    cases = {
        f"?created_after={noon}": [after, at],
        f"?created_before={noon}": [before],
        f"?created_after={noon}&created_before=2026-11-20T12:00:00.000001Z": [at],
        f"?created_after={quote('2026-11-20T13:00:00+01:00')}": [after, at],
        f"?created_after={noon}&created_before={noon}": [],
        "?created_after=0001-01-01T00:00:00Z": [after, at, before],
        "?created_before=9999-12-31T23:59:59Z": [after, at, before],
    }
    assert {query: ids(pos.get(f"/orders{query}").body["results"]) for query in cases} == cases


@pytest.mark.parametrize(
    "query",
    ["status=open", "workflow=shop", "customer_id=7", "created_after=today", "created_before=2026-11-20", "archived=1"],
)
def test_a_bad_filter_is_refused_and_named(pos: Till, query: str) -> None:
    assert [place for place, _code in pos.get(f"/orders?{query}").errors()] == [query.partition("=")[0]]
