"""Commands by resource: each route is the command that the table names, with the same keys and answers."""

import uuid
from typing import Any

import pytest

from api.resources import ROUTES
from domain import registry
from tests.till import Answer, Till, run_drain

SKU = "TEA"


def send(till: Till, method: str, path: str, body: object = None, **headers: str | None) -> Answer:
    """A request under a new key unless one is given."""
    return till.request(method, path, body, None, **{"Idempotency_Key": str(uuid.uuid4())} | headers)


def done(till: Till, answer: Answer) -> dict[str, Any]:
    """The command that was accepted, once it has ended."""
    assert answer.status == 202, answer
    assert answer.headers["location"] == f"/api/v1/commands/{answer.body['id']}"
    assert answer.headers["retry-after"] == "1"
    run_drain()
    final: dict[str, Any] = till.get(f"/commands/{answer.body['id']}").body
    return final


@pytest.fixture
def draft(manager: Till) -> str:
    """A counter draft with two pieces of tea."""
    manager.product(SKU, "3.50", stock=10)
    created = manager.run("order.create", {"items": [{"sku": SKU, "qty": 2}]})
    return str(created["order_id"])


@pytest.fixture
def pending(manager: Till) -> str:
    """A fulfilment order with two pieces of tea."""
    manager.product(SKU, "3.50", stock=10)
    created = manager.run("order.create", {"workflow": "fulfilment", "items": [{"sku": SKU, "qty": 2}]})
    return str(created["order_id"])


def test_a_counter_order_lives_by_its_routes(manager: Till) -> None:
    tea = manager.product(SKU, "3.50", stock=10)["id"]
    order_id = str(uuid.uuid4())
    created = done(manager, send(manager, "POST", "/orders", {"order_id": order_id, "note": "table 4"}))
    assert (created["type"], created["status"], created["order_id"]) == ("order.create", "succeeded", order_id)
    added = done(manager, send(manager, "POST", f"/orders/{order_id}/items", {"items": [{"sku": SKU, "qty": 5}]}))
    assert (added["type"], added["result"]["order"]["total"]) == ("order.add_items", "17.50")
    fewer = done(manager, send(manager, "DELETE", f"/orders/{order_id}/items/{tea}?qty=2"))
    assert (fewer["type"], fewer["result"]["order"]["total"]) == ("order.remove_item", "10.50")
    paid = done(manager, send(manager, "POST", f"/orders/{order_id}/pay", {"method": "cash", "tendered": "20"}))
    assert (paid["type"], paid["result"]["payment"]["change"]) == ("order.pay", "9.50")
    cancelled = done(manager, send(manager, "POST", f"/orders/{order_id}/cancel", {"reason": "returned"}))
    assert (cancelled["type"], cancelled["result"]["order"]["status"]) == ("order.cancel", "cancelled")
    archived = done(manager, send(manager, "POST", f"/orders/{order_id}/archive"))
    assert (archived["type"], archived["result"]["order"]["version"]) == ("order.archive", 6)
    assert manager.get(f"/orders/{order_id}").body["archived"]
    assert manager.get("/orders").body["results"] == []
    assert [each["id"] for each in manager.get("/orders?archived=any").body["results"]] == [order_id]
    assert manager.get(f"/products/{tea}").body["on_hand"] == 10


def test_a_fulfilment_order_lives_by_its_routes(manager: Till, pending: str) -> None:
    [tea] = manager.get("/products").body["results"]
    assert (tea["on_hand"], tea["reserved"]) == (10, 2)
    for target in ("confirmed", "picked", "shipped", "delivered"):
        moved = done(manager, send(manager, "PATCH", f"/orders/{pending}/status", {"to": target, "note": "go"}))
        assert (moved["type"], moved["result"]["order"]["status"]) == ("order.change_status", target)
    [tea] = manager.get("/products").body["results"]
    assert (tea["on_hand"], tea["reserved"], tea["available"]) == (8, 0, 8)
    refused = done(manager, send(manager, "PATCH", f"/orders/{pending}/status", {"to": "picked"}))
    assert (refused["error"]["code"], refused["error"]["allowed"]) == ("invalid-transition", [])


def test_stock_moves_by_its_route(manager: Till, integration: Till) -> None:
    tea = manager.product(SKU)["id"]
    received = done(integration, send(integration, "PATCH", f"/products/{tea}/stock", {"qty": 7}))
    assert (received["type"], received["result"]["product"]["on_hand"]) == ("stock.receive", 7)
    adjusted = done(manager, send(manager, "PATCH", f"/products/{tea}/stock", {"delta": -2, "reason": "broken"}))
    assert (adjusted["type"], adjusted["result"]["product"]["on_hand"]) == ("stock.adjust", 5)
    send(integration, "PATCH", f"/products/{tea}/stock", {"delta": -2, "reason": "x"}).problem(403, "forbidden")


@pytest.mark.parametrize("body", [{}, {"qty": 1, "delta": 1, "reason": "x"}, {"reason": "x"}, {"qty": None}])
def test_stock_takes_either_a_delta_or_a_quantity(manager: Till, body: dict[str, Any]) -> None:
    tea = manager.product(SKU)["id"]
    assert send(manager, "PATCH", f"/products/{tea}/stock", body).errors() == [("", "one-of")]


@pytest.mark.parametrize(("role", "type_"), [("pos", "order.cancel_draft"), ("manager", "order.cancel")])
def test_deleting_an_order_cancels_as_far_as_the_caller_may(
    request: pytest.FixtureRequest, draft: str, role: str, type_: str
) -> None:
    till: Till = request.getfixturevalue(role)
    cancelled = done(till, send(till, "DELETE", f"/orders/{draft}?reason=changed%20their%20mind"))
    assert (cancelled["type"], cancelled["result"]["order"]["status"]) == (type_, "cancelled")
    [_created, last] = till.get(f"/orders/{draft}/history").body["results"]
    assert last["note"] == "changed their mind"


def test_an_integration_may_not_delete_an_order(integration: Till, draft: str) -> None:
    send(integration, "DELETE", f"/orders/{draft}").problem(403, "forbidden")


SAME = [
    ("POST", "/orders", {"note": "x"}, {"type": "order.create", "payload": {"note": "x"}}),
    ("POST", "/orders", {"order_id": "{order}"}, {"type": "order.create", "order_id": "{order}", "payload": {}}),
    ("POST", "/orders/{order}/pay", {"method": "card"}, {"type": "order.pay", "payload": {"method": "card"}}),
    ("POST", "/orders/{order}/cancel", None, {"type": "order.cancel", "payload": {}}),
    ("DELETE", "/orders/{order}?reason=x", None, {"type": "order.cancel", "payload": {"reason": "x"}}),
    ("PATCH", "/orders/{order}/status", {"to": "picked"}, {"type": "order.change_status", "payload": {"to": "picked"}}),
    ("POST", "/orders/{order}/archive", {}, {"type": "order.archive", "payload": {}}),
    (
        *("POST", "/orders/{order}/items", {"items": [{"sku": "TEA", "qty": 1}]}),
        {"type": "order.add_items", "payload": {"items": [{"sku": "TEA", "qty": 1}]}},
    ),
    (
        *("DELETE", "/orders/{order}/items/{product}?qty=2", None),
        {"type": "order.remove_item", "payload": {"product_id": "{product}", "qty": 2}},
    ),
    (
        *("PATCH", "/products/{product}/stock", {"qty": 3}),
        {"type": "stock.receive", "payload": {"product_id": "{product}", "qty": 3}},
    ),
    (
        *("PATCH", "/products/{product}/stock", {"delta": -3, "reason": "x"}),
        {"type": "stock.adjust", "payload": {"product_id": "{product}", "delta": -3, "reason": "x"}},
    ),
]
ORDER, PRODUCT = str(uuid.UUID(int=0x0DE)), str(uuid.UUID(int=0x9D))


def filled(value: Any) -> Any:
    """The value with the ids in their places."""
    if isinstance(value, str):
        return value.replace("{order}", ORDER).replace("{product}", PRODUCT)
    if isinstance(value, dict):
        return {name: filled(member) for name, member in value.items()}
    return value


def test_every_route_and_every_command_has_its_like() -> None:
    assert {body["type"] for _method, _path, _sent, body in SAME} == set(registry.names()) - {
        "order.cancel_draft",
        "order.refund",
    }
    assert len({(method, path.partition("?")[0]) for method, path, *_rest in SAME}) == len(ROUTES)


@pytest.mark.parametrize("by_route_first", [True, False])
@pytest.mark.parametrize(("method", "path", "sent", "body"), SAME)
def test_one_key_with_the_same_meaning_is_a_replay(
    manager: Till, method: str, path: str, sent: Any, body: dict[str, Any], by_route_first: bool
) -> None:
    body = filled(body)
    if body["type"].startswith("order.") and body["type"] != "order.create":
        body["order_id"] = ORDER

    def by_route() -> Answer:
        return send(manager, method, filled(path), filled(sent), Idempotency_Key="one")

    def by_command() -> Answer:
        return manager.post("/commands", body, Idempotency_Key="one")

    first, second = (by_route, by_command) if by_route_first else (by_command, by_route)
    new, again = first(), second()
    assert (new.status, new.headers.get("idempotent-replayed")) == (202, None), new
    assert (again.status, again.headers["idempotent-replayed"], again.body) == (202, "true", new.body)
    run_drain()
    ended = second()
    assert (ended.status, ended.headers["idempotent-replayed"], ended.body["id"]) == (200, "true", new.body["id"])


def test_another_meaning_under_one_key_is_refused(manager: Till) -> None:
    send(manager, "POST", f"/orders/{ORDER}/pay", {"method": "cash"}, Idempotency_Key="one")
    for path, body in [(f"/orders/{ORDER}/pay", {"method": "card"}), (f"/orders/{ORDER}/cancel", None)]:
        send(manager, "POST", path, body, Idempotency_Key="one").problem(422, "idempotency-key-reused")
    answer = send(manager, "POST", f"/orders/{ORDER}/pay", {"method": "cash"}, Idempotency_Key="one", If_Match='"1"')
    answer.problem(422, "idempotency-key-reused")
    stock = send(manager, "PATCH", f"/products/{PRODUCT}/stock", {}, Idempotency_Key="one")
    stock.problem(422, "idempotency-key-reused")


def test_if_match_is_the_expected_version(manager: Till, draft: str) -> None:
    late = done(manager, send(manager, "POST", f"/orders/{draft}/pay", {"method": "cash"}, If_Match='"2"'))
    assert (late["expected_version"], late["error"]["code"]) == (2, "version-conflict")
    etag = manager.get(f"/orders/{draft}").headers["etag"]
    paid = done(manager, send(manager, "POST", f"/orders/{draft}/pay", {"method": "cash"}, If_Match=etag))
    assert (paid["expected_version"], paid["status"]) == (1, "succeeded")


@pytest.mark.parametrize("path", ["/orders", f"/products/{PRODUCT}/stock"])
def test_if_match_has_no_place_where_there_is_no_version(manager: Till, path: str) -> None:
    method, body = ("POST", {}) if path == "/orders" else ("PATCH", {"qty": 1})
    assert send(manager, method, path, body, If_Match='"1"').errors() == [("If-Match", "not-applicable")]


def test_an_unknown_order_is_accepted_and_then_not_found(pos: Till) -> None:
    refused = done(pos, send(pos, "POST", f"/orders/{ORDER}/pay", {"method": "cash"}))
    assert refused["error"]["code"] == "order-not-found"


@pytest.mark.parametrize(
    ("method", "path", "body", "errors"),
    [
        ("POST", "/orders/{order}/pay", {}, [("/method", "required")]),
        ("POST", "/orders/{order}/pay", {"method": "cash", "x": 1}, [("/x", "unknown-field")]),
        ("POST", "/orders/{order}/pay", [], [("", "not-an-object")]),
        ("POST", "/orders", {"order_id": "x", "note": 1}, [("/order_id", "not-a-uuid"), ("/note", "not-a-string")]),
        ("POST", "/orders", {"items": [{"qty": 1}]}, [("/items/0", "one-of")]),
        ("PATCH", "/orders/{order}/status", {"to": "gone"}, [("/to", "not-a-choice")]),
        ("PATCH", "/products/{product}/stock", {"qty": 1, "sku": "TEA"}, [("/sku", "unknown-field")]),
        ("PATCH", "/products/{product}/stock", {"delta": 1}, [("/reason", "required")]),
        ("PATCH", "/products/{product}/stock", {"qty": 0}, [("/qty", "out-of-range")]),
        ("DELETE", "/orders/{order}?why=x", None, [("why", "unknown-field")]),
        ("DELETE", "/orders/{order}?reason=%00", None, [("reason", "nul")]),
        ("DELETE", "/orders/{order}?reason=a&reason=b", None, [("reason", "duplicate-name")]),
        ("DELETE", "/orders/{order}", {"reason": "x"}, [("", "not-applicable")]),
        ("DELETE", "/orders/{order}/items/{product}?qty=x", None, [("qty", "not-an-integer")]),
        ("DELETE", "/orders/{order}/items/{product}?qty=0", None, [("qty", "out-of-range")]),
        ("DELETE", "/orders/{order}/items/{product}?qty=99999999999999999999", None, [("qty", "not-an-integer")]),
        ("DELETE", "/orders/{order}/items/{product}?sku=TEA", None, [("sku", "unknown-field")]),
    ],
)  # fmt: skip
def test_names_what_is_wrong_where_the_client_put_it(
    manager: Till, method: str, path: str, body: Any, errors: list[tuple[str, str]]
) -> None:
    assert send(manager, method, filled(path), body).errors() == errors


@pytest.mark.parametrize("header", ["3", '"x"', 'W/"3"', '"3", "4"', '"0"', '""'])
def test_an_if_match_that_is_no_version_is_refused(manager: Till, header: str) -> None:
    answer = send(manager, "POST", f"/orders/{ORDER}/pay", {"method": "cash"}, If_Match=header)
    assert answer.errors() == [("If-Match", "malformed")]


def test_needs_a_key_like_every_command(pos: Till) -> None:
    pos.request("POST", "/orders", {}).problem(400, "idempotency-key-missing")


@pytest.mark.parametrize(
    ("method", "path", "allow"),
    [
        ("PUT", "/orders", "GET, HEAD, POST, OPTIONS"),
        ("PATCH", "/orders/{order}", "GET, HEAD, DELETE, OPTIONS"),
        ("GET", "/orders/{order}/pay", "POST, OPTIONS"),
        ("POST", "/products/{product}/stock", "PATCH, OPTIONS"),
    ],
)
def test_other_methods_are_refused_and_those_allowed_are_named(
    manager: Till, method: str, path: str, allow: str
) -> None:
    answer = manager.request(method, filled(path))
    answer.problem(405, "method-not-allowed")
    assert answer.headers["allow"] == allow


def test_shows_what_may_be_done_now(manager: Till, pos: Till, integration: Till, auditor: Till, pending: str) -> None:
    def actions(till: Till) -> Any:
        body = till.get(f"/orders/{pending}/available-actions").body
        assert (body["order_id"], body["version"]) == (pending, 1)
        return body["actions"]

    confirm = {"type": "order.change_status", "to": ["confirmed"]}
    assert actions(manager) == [{"type": "order.cancel"}, confirm]
    assert actions(integration) == [confirm]
    assert actions(pos) == actions(auditor) == []
    pos.get(f"/orders/{ORDER}/available-actions").problem(404, "not-found")


def test_shows_the_history_of_an_order(manager: Till, pos: Till, pending: str) -> None:
    moved = manager.run("order.change_status", {"to": "confirmed", "note": "ok"}, order_id=pending)
    [created, confirmed] = pos.get(f"/orders/{pending}/history").body["results"]
    assert (created["from_status"], created["to_status"], created["changed_by"]) == (None, "pending", "manager-1")
    assert confirmed == {
        "from_status": "pending",
        "to_status": "confirmed",
        "changed_by": "manager-1",
        "command_id": moved["id"],
        "note": "ok",
        "changed_at": moved["started_at"],
    }
    walked = [row for page in pos.pages(f"/orders/{pending}/history?page_size=1") for row in page]
    assert walked == [created, confirmed]
    pos.get(f"/orders/{ORDER}/history").problem(404, "not-found")
