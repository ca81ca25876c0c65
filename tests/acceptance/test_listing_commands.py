"""`GET /commands`: newest first, filtered, page by page."""

import base64
import json
from itertools import chain
from typing import Any

import pytest

from tests.till import Till, entry, run_drain

ORDER_ID = "01970000-0000-7000-8000-00000000abcd"


def keys(results: list[dict[str, Any]]) -> list[str]:
    return [command["idempotency_key"] for command in results]


@pytest.fixture
def seven(pos: Till) -> list[str]:
    """The keys of seven commands, newest first."""
    pos.batch(*(entry("order.create", key=f"k{number}") for number in range(7)))
    return [f"k{number}" for number in reversed(range(7))]


def test_lists_the_newest_first_as_single_reads_show_them(pos: Till) -> None:
    commands = [pos.submit("order.create", key=f"k{number}").body for number in range(3)]
    answer = pos.get("/commands")
    assert answer.body == {"results": commands[::-1], "next": None, "previous": None}
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["vary"] == "Prefer, Authorization"


def test_a_list_may_be_empty(pos: Till) -> None:
    assert pos.get("/commands").body == {"results": [], "next": None, "previous": None}


def test_filters_by_status_type_order_and_key(pos: Till, manager: Till) -> None:
    manager.product("TEA", stock=2)
    order_id = pos.run("order.create", {"items": [{"sku": "TEA", "qty": 1}]}, key="created")["order_id"]
    pos.run("order.pay", {"method": "cash"}, order_id=ORDER_ID, key="failed")
    pos.submit("order.pay", {"method": "cash"}, order_id=order_id, key="waiting")
    cases = {
        "": ["waiting", "failed", "created"],
        "?status=queued": ["waiting"],
        "?status=succeeded": ["created"],
        "?status=failed": ["failed"],
        "?status=uncertain": [],
        "?type=order.pay": ["waiting", "failed"],
        f"?order_id={order_id}": ["waiting", "created"],
        f"?order_id={order_id.upper()}&type=order.create": ["created"],
        f"?order_id={ORDER_ID}": ["failed"],
        "?idempotency_key=failed": ["failed"],
        "?idempotency_key=failed&status=queued": [],
    }
    assert {query: keys(pos.get(f"/commands{query}").body["results"]) for query in cases} == cases


def test_a_key_with_strange_characters_can_be_looked_for(pos: Till) -> None:
    pos.post("/commands", {"type": "order.create", "payload": {}}, Idempotency_Key=r'"a \"b\\ %c&+"')
    assert keys(pos.get("/commands?idempotency_key=a%20%22b%5C%20%25c%26%2B").body["results"]) == [r'a "b\ %c&+']


@pytest.mark.parametrize("size", [1, 2, 3, 6, 7, 8, 200])
def test_the_links_lead_through_all_of_it_and_back(pos: Till, seven: list[str], size: int) -> None:
    forwards = [keys(page) for page in pos.pages(f"/commands?page_size={size}")]
    assert list(chain(*forwards)) == seven
    assert all(len(page) == size for page in forwards[:-1])
    link = f"/commands?page_size={size}"
    while (following := pos.get(link).body["next"]) is not None:
        link = following
    backwards = [keys(page) for page in pos.pages(link, "previous")]
    assert list(chain(*reversed(backwards))) == seven
    assert all(len(page) == size for page in backwards[1:-1])


def test_a_page_is_the_same_from_either_side(pos: Till, seven: list[str]) -> None:
    first = pos.get("/commands?page_size=3")
    second = pos.get(first.body["next"])
    assert keys(second.body["results"]) == seven[3:6]
    back = pos.get(second.body["previous"])
    assert back.body["results"] == first.body["results"]
    assert back.body["previous"] is None
    assert pos.get(back.body["next"]).body["results"] == second.body["results"]


def test_what_arrives_meanwhile_neither_repeats_nor_hides_anything(pos: Till, seven: list[str]) -> None:
    first = pos.get("/commands?page_size=3")
    pos.submit("order.create", key="late")
    rest = [keys(page) for page in pos.pages(first.body["next"])]
    assert list(chain(*rest)) == seven[3:]


def test_the_links_keep_the_filters(pos: Till, seven: list[str]) -> None:
    run_drain()
    pos.submit("order.create", key="waiting")
    pages = list(pos.pages("/commands?status=succeeded&page_size=2"))
    assert keys(list(chain(*pages))) == seven


def test_a_page_has_fifty_by_default_and_two_hundred_at_most(pos: Till) -> None:
    pos.batch(*(entry("order.create") for _ in range(201)))
    sizes = [len(pos.get(f"/commands{query}").body["results"]) for query in ("", "?page_size=1", "?page_size=200")]
    assert sizes == [50, 1, 200]


@pytest.mark.parametrize("size", ["0", "201", "-1", "1.5", "x", "", "%2B5", "0x10", "99999999999"])
def test_any_other_page_size_is_refused(pos: Till, size: str) -> None:
    assert [place for place, _code in pos.get(f"/commands?page_size={size}").errors()] == ["page_size"]


def cursor(*parts: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(parts, separators=(",", ":")).encode()).decode()


@pytest.mark.parametrize(
    "hostile",
    [
        *("x", "AAAA", "bmV4dA==", "bzoxMDAw", "cD1hYmM=", "%00", "=", "!!!!", "a" * 501),
        cursor("next"),
        cursor("next", ORDER_ID, ORDER_ID),
        cursor("sideways", ORDER_ID),
        cursor("next", 7),
        cursor("next", None),
        cursor("next", [ORDER_ID]),
        cursor("next", "\0"),
        cursor("next", "\ud800"),
        cursor("next", "'; DROP TABLE command; --"),
        cursor("next", "2026-01-01T00:00:00Z", ORDER_ID),
        cursor("next", ORDER_ID) + "=",
        cursor("next", ORDER_ID).rstrip("=") + "!",
        base64.urlsafe_b64encode(f'["next", "{ORDER_ID}"]'.encode()).decode(),
        base64.urlsafe_b64encode(b"[" * 300).decode(),
    ],
)
def test_a_cursor_that_this_list_has_not_made_is_refused(pos: Till, hostile: str) -> None:
    answer = pos.get(f"/commands?cursor={hostile}")
    assert {place for place, _code in answer.errors()} == {"cursor"}


def test_a_cursor_of_one_list_is_none_of_another(pos: Till, seven: list[str]) -> None:
    link = pos.get("/commands?page_size=3").body["next"].partition("?")[2]
    assert pos.get(f"/orders?{link}").errors() == [("cursor", "malformed")]
