"""Which role may do what; who sees which command."""

from typing import Any

import pytest

from store.models import Client, Command
from tests.till import Till, entry, run_drain

ORDER_ID = "01970000-0000-7000-8000-00000000abcd"
UNKNOWN_ID = "01970000-0000-7000-8000-00000000ffff"
ITEMS = {"items": [{"sku": "TEA", "qty": 1}]}
ON_ORDER = {"order_id": ORDER_ID}
SUBMISSIONS: dict[str, tuple[dict[str, Any], dict[str, Any], set[str]]] = {
    "order.create": ({}, {}, {"pos", "integration", "manager"}),
    "order.add_items": (ITEMS, ON_ORDER, {"pos", "integration", "manager"}),
    "order.remove_item": ({"sku": "TEA"}, ON_ORDER, {"pos", "integration", "manager"}),
    "order.pay": ({"method": "cash"}, ON_ORDER, {"pos", "manager"}),
    "order.cancel_draft": ({}, ON_ORDER, {"pos", "manager"}),
    "order.cancel": ({}, ON_ORDER, {"manager"}),
    "stock.receive": ({"sku": "TEA", "qty": 1}, {}, {"integration", "manager"}),
    "stock.adjust": ({"sku": "TEA", "delta": 1, "reason": "x"}, {}, {"manager"}),
}
ROLES = ("pos", "integration", "manager", "auditor")


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("type_", SUBMISSIONS)
def test_a_role_submits_what_it_may_and_nothing_else(database: None, role: str, type_: str) -> None:
    payload, members, allowed = SUBMISSIONS[type_]
    till = Till.register("someone", role)
    answer = till.submit(type_, payload, **members)
    (in_batch,) = till.batch(entry(type_, payload, **members))
    if role in allowed:
        assert (answer.status, in_batch["status"]) == (202, 202)
    else:
        assert type_ in answer.problem(403, "forbidden")["detail"] or role == "auditor"
        assert in_batch["error"] == answer.body
    assert Command.objects.count() == (2 if role in allowed else 0)


def test_any_till_may_act_on_any_order(pos: Till, integration: Till, manager: Till) -> None:
    manager.product("TEA", stock=5)
    created = integration.run("order.create", ITEMS)
    other = Till.register("till-2", "pos")
    assert other.run("order.add_items", ITEMS, order_id=created["order_id"])["status"] == "succeeded"
    assert pos.run("order.pay", {"method": "cash"}, order_id=created["order_id"])["status"] == "succeeded"


@pytest.mark.parametrize("reader", ROLES)
@pytest.mark.parametrize("submitter", ["pos", "integration", "manager"])
def test_managers_and_auditors_see_all_commands_and_others_their_own(
    database: None, submitter: str, reader: str
) -> None:
    theirs = Till.register("submitter", submitter).submit("order.create").body
    till = Till.register("reader", reader)
    own = [till.submit("order.create").body] if reader != "auditor" else []
    sees_all = reader in {"manager", "auditor"}
    expected = [*own, theirs] if sees_all else own
    assert till.get("/commands").body["results"] == expected
    assert till.get(f"/commands?idempotency_key={theirs['idempotency_key']}").body["results"] == [theirs] * sees_all
    assert till.get(theirs["links"]["self"]).status == (200 if sees_all else 404)


@pytest.mark.parametrize("way", ["", "/cancel", "/retry"])
def test_a_foreign_command_and_an_unknown_one_are_answered_alike(pos: Till, manager: Till, way: str) -> None:
    foreign = manager.submit("order.create").body["id"]
    method = "POST" if way else "GET"
    answers = [pos.request(method, f"/commands/{each}{way}") for each in (foreign, UNKNOWN_ID)]
    for answer in answers:
        answer.problem(404, "not-found")
        assert answer.headers["cache-control"] == "no-store"
    assert answers[0].raw == answers[1].raw
    assert answers[0].lasting_headers == answers[1].lasting_headers


def test_a_role_lost_after_acceptance_fails_the_command(manager: Till) -> None:
    manager.product("TEA", stock=5)
    waiting = manager.submit("stock.adjust", {"sku": "TEA", "delta": -1, "reason": "x"}).body
    Client.objects.filter(name=manager.name).update(role="pos")
    run_drain()
    ended = Till.register("boss", "manager").get(waiting["links"]["self"]).body
    assert (ended["status"], ended["error"]["code"], ended["error"]["retryable"]) == ("failed", "forbidden", False)


@pytest.mark.parametrize("role", ROLES)
def test_all_may_read_orders_and_products(database: None, role: str) -> None:
    boss = Till.register("boss", "manager")
    tea = boss.product("TEA", stock=5)
    order_id = boss.run("order.create", ITEMS)["order_id"]
    reader = Till.register("reader", role)
    for path in ("/orders", f"/orders/{order_id}", "/products", f"/products/{tea['id']}"):
        assert reader.get(path).status == 200


@pytest.mark.parametrize("role", ["pos", "integration", "auditor"])
def test_only_a_manager_creates_products(database: None, role: str) -> None:
    till = Till.register("someone", role)
    till.post("/products", {"sku": "TEA", "name": "Tea", "price": "1"}).problem(403, "forbidden")
    till.post("/products", {"nonsense": 1}).problem(403, "forbidden")
