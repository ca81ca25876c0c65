"""Reading lists and single things, and whose connections are closed."""

import json
import uuid
from datetime import UTC, datetime
from decimal import Decimal

import httpx
import pytest

from orderly_client import AsyncOrderly, Draft, Orderly, UnexpectedAnswerError
from orderly_client.calls import products
from orderly_client.conversation import Answer
from orderly_client.drafts import encode
from tests.client.samples import ORDER_ID, PAID, answer
from tests.client.script import Script
from tests.client.standin import standing_in

TEA = {
    "id": ORDER_ID,
    "sku": "TEA",
    "name": "Tea",
    "description": "",
    "price": "3.95",
    "currency": "EUR",
    "tax_rate": "23.00",
    "on_hand": 5,
    "reserved": 2,
    "available": 3,
    "low_stock_at": None,
    "is_active": True,
    "version": 1,
}


def page(following: str | None) -> Answer:
    return answer(200, {"results": [TEA], "next": following, "previous": None})


def test_a_list_is_read_to_its_end_whatever_the_server_calls_itself() -> None:
    script = Script()
    link = "http://internal.name:8000/api/v1/products?cursor=b%3D&page_size=200"
    found = script.play(products(script.pace()), [page(link), page(None)])
    assert [product.price for product in found] == [Decimal("3.95")] * 2
    paths = [request.path for request in script.sent]
    assert paths == ["/products?page_size=200", "/products?cursor=b%3D&page_size=200"]


def test_money_that_is_none_is_no_answer() -> None:
    script = Script()
    strange = answer(200, {"results": [TEA | {"price": "a lot"}], "next": None})
    with pytest.raises(UnexpectedAnswerError):
        script.play(products(script.pace()), [strange])


def test_a_payload_may_hold_ids_times_and_decimals_but_nothing_that_is_no_json() -> None:
    now = datetime(2026, 11, 21, tzinfo=UTC)
    payload = {"id": uuid.UUID(ORDER_ID), "at": now, "price": Decimal("1.50")}
    sent = json.loads(Draft(type="x", payload=payload).entry())["payload"]
    assert sent == {"id": ORDER_ID, "at": now.isoformat(), "price": "1.50"}
    with pytest.raises(TypeError, match="object cannot be sent"):
        encode({"it": object()})
    with pytest.raises(ValueError, match="JSON compliant"):
        encode({"it": float("nan")})


@pytest.mark.parametrize("ending", ["", "/", "/api/v1", "/api/v1/"])
@pytest.mark.parametrize(
    ("key", "header"),
    [("p.s", "Api-Key p.s"), ("Api-Key p.s", "Api-Key p.s"), ("Bearer e.y.J", "Bearer e.y.J")],
)
def test_address_and_key_are_taken_as_they_are_printed(ending: str, key: str, header: str) -> None:
    with standing_in(lambda _asked: answer(200, PAID)) as server:
        with Orderly(server.url + ending, key) as till:
            assert till.get_command(ORDER_ID).succeeded
        [asked] = server.asked
        assert (asked.path, asked.headers["authorization"]) == (f"/api/v1/commands/{ORDER_ID}", header)
        assert asked.headers["user-agent"].startswith("orderly-client/")


def test_connections_of_the_callers_own_are_left_open() -> None:
    with httpx.Client() as http:
        Orderly("http://127.0.0.1:1", "p.s", http=http).close()
        assert not http.is_closed
    assert repr(AsyncOrderly("http://127.0.0.1:1", "p.s")) == "AsyncOrderly(http://127.0.0.1:1/api/v1)"
