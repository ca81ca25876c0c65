"""A command is accepted once: new, replayed while it waits and after it has ended, its key reused for another."""

import json
import uuid
from typing import Any

import pytest

from store.models import Command
from tests.till import Answer, Till, run_drain

ORDER_ID = "01970000-0000-7000-8000-00000000abcd"


def accepted(answer: Answer) -> dict[str, Any]:
    """The command of a 202, its headers checked."""
    assert answer.status == 202, answer
    assert answer.headers["location"] == answer.body["links"]["self"] == f"/api/v1/commands/{answer.body['id']}"
    assert answer.headers["retry-after"] == "1"
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["vary"] == "Prefer, Authorization"
    body: dict[str, Any] = answer.body
    return body


def test_a_new_command_is_accepted_and_shown_whole(pos: Till) -> None:
    members = {
        "expected_version": 3,
        "expires_at": "2099-11-20T21:00:00+01:00",
        "not_before": None,
        "occurred_at": "2026-11-20T19:58:12Z",
        "device_sequence": 17,
    }
    answer = pos.submit("order.pay", {"method": "cash"}, key="first", order_id=ORDER_ID, **members)
    command = accepted(answer)
    assert "idempotent-replayed" not in answer.headers
    assert uuid.UUID(command.pop("id"))
    assert command.pop("accepted_at").endswith("Z")
    links = command.pop("links")
    assert links["order"] == f"/api/v1/orders/{ORDER_ID}"
    assert command == members | {
        "type": "order.pay",
        "status": "queued",
        "order_id": ORDER_ID,
        "idempotency_key": "first",
        "client": "till-1",
        "result": None,
        "error": None,
        "attempts": 0,
        "expires_at": "2099-11-20T20:00:00Z",
        "started_at": None,
        "finished_at": None,
    }


def test_the_server_chooses_an_order_id_that_the_client_leaves_out(pos: Till) -> None:
    first, second = (accepted(pos.submit("order.create"))["order_id"] for _ in range(2))
    assert uuid.UUID(first) != uuid.UUID(second)


def test_the_client_may_choose_the_id_of_an_order_and_go_on_without_waiting(pos: Till, manager: Till) -> None:
    manager.product("TEA", stock=5)
    ids = [
        accepted(pos.submit("order.create", {"currency": "EUR"}, order_id=ORDER_ID.upper()))["id"],
        accepted(pos.submit("order.add_items", {"items": [{"sku": "TEA", "qty": 2}]}, order_id=ORDER_ID))["id"],
        accepted(pos.submit("order.pay", {"method": "card"}, order_id=ORDER_ID))["id"],
    ]
    run_drain()
    ended = [pos.get(f"/commands/{each}").body for each in ids]
    assert [each["status"] for each in ended] == ["succeeded"] * 3
    assert [each["result"]["order"]["version"] for each in ended] == [1, 2, 3]
    assert {each["order_id"] for each in ended} == {ORDER_ID}


def test_a_command_without_an_order_has_none(manager: Till) -> None:
    command = accepted(manager.submit("stock.receive", {"sku": "TEA", "qty": 1}))
    assert (command["order_id"], command["links"]["order"]) == (None, None)


def test_the_same_again_while_it_waits_is_a_replay(pos: Till) -> None:
    first = pos.submit("order.create", {"note": "x"}, key="k")
    again = pos.submit("order.create", {"note": "x"}, key="k")
    assert accepted(again) == accepted(first)
    assert again.headers["idempotent-replayed"] == "true"
    assert Command.objects.count() == 1


@pytest.mark.parametrize(
    ("type_", "status"), [("order.create", "succeeded"), ("order.cancel_draft", "failed")], ids=["success", "failure"]
)
def test_the_same_again_after_its_end_is_a_replay_with_its_outcome(pos: Till, type_: str, status: str) -> None:
    first = pos.submit(type_, key="k", order_id=ORDER_ID)
    run_drain()
    again = pos.submit(type_, key="k", order_id=ORDER_ID)
    assert (again.status, again.headers["idempotent-replayed"]) == (200, "true")
    assert "retry-after" not in again.headers
    assert again.headers["location"] == first.headers["location"]
    assert again.body["status"] == status
    assert (again.body["result"] is None, again.body["error"] is None) == (status == "failed", status != "failed")
    assert again.body == pos.get(f"/commands/{first.body['id']}").body
    assert Command.objects.count() == 1


def test_a_cancelled_command_is_replayed_as_cancelled(pos: Till) -> None:
    first = pos.submit("order.create", key="k")
    pos.post(f"{first.body['links']['self']}/cancel")
    again = pos.submit("order.create", key="k")
    assert (again.status, again.body["status"]) == (200, "cancelled")


def test_a_key_used_for_another_request_is_refused_and_the_first_is_not_disclosed(pos: Till) -> None:
    first = pos.submit("order.create", {"note": "a secret note"}, key="k")
    for done in (False, True):
        reused = pos.submit("order.create", {"note": "another note"}, key="k")
        reused.problem(422, "idempotency-key-reused")
        assert b"secret" not in reused.raw
        assert first.body["id"].encode() not in reused.raw
        if not done:
            run_drain()
    assert Command.objects.count() == 1


@pytest.mark.parametrize(
    "other",
    [
        {"type": "order.create", "payload": {"note": "x", "workflow": "counter"}},
        {"type": "order.create", "payload": {"note": "x "}},
        {"type": "order.create", "payload": {"note": "x"}, "order_id": ORDER_ID},
        {"type": "order.create", "payload": {"note": "x"}, "device_sequence": 0},
        {"type": "order.cancel_draft", "payload": {"note": "x"}},
        {"type": "order.create"},
        [],
        None,
    ],
)
def test_any_other_body_is_another_request(pos: Till, other: object) -> None:
    pos.submit("order.create", {"note": "x"}, key="k")
    raw = json.dumps(other).encode()
    pos.request("POST", "/commands", raw=raw, Idempotency_Key="k").problem(422, "idempotency-key-reused")


@pytest.mark.parametrize(
    "same",
    [
        '{"payload": {"items": [{"qty": 1, "sku": "A"}], "note": "\\u0078"}, "type": "order.create"}',
        '{ "type":"order.create",\n"payload":{"note":"x","items":[{"sku":"A","qty":1}]} }',
        '{"type":"order.create","payload":{"note":"x","items":[{"sku":"A","qty":1,"product_id":null}]},"order_id":null}',
        '{"type":"order.create","payload":{"note":"x","items":[{"sku":"A","qty":1}],"customer_id":null}}',
    ],
    ids=["order of members", "white space", "null in an item", "null in the payload"],
)
def test_order_of_members_white_space_and_nulls_make_no_difference(pos: Till, same: str) -> None:
    first = pos.submit("order.create", {"note": "x", "items": [{"sku": "A", "qty": 1}]}, key="k")
    again = pos.request("POST", "/commands", raw=same.encode(), Idempotency_Key="k")
    assert accepted(again)["id"] == first.body["id"]
    assert again.headers["idempotent-replayed"] == "true"


def test_one_and_one_point_zero_are_two_bodies(pos: Till) -> None:
    pos.submit("order.create", {"items": [{"sku": "A", "qty": 1}]}, key="k")
    other = pos.submit("order.create", {"items": [{"sku": "A", "qty": 1.0}]}, key="k")
    other.problem(422, "idempotency-key-reused")


def test_the_order_of_a_list_makes_a_difference(pos: Till) -> None:
    items = [{"sku": "A", "qty": 1}, {"sku": "B", "qty": 1}]
    pos.submit("order.create", {"items": items}, key="k")
    pos.submit("order.create", {"items": items[::-1]}, key="k").problem(422, "idempotency-key-reused")


def test_headers_do_not_count(pos: Till) -> None:
    body = {"type": "order.create", "payload": {}}
    trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
    first = pos.post("/commands", body, Idempotency_Key="k", traceparent=trace)
    again = pos.post("/commands", body, Idempotency_Key="k", Accept="application/json", traceparent="junk")
    assert again.body == first.body
    assert again.headers["idempotent-replayed"] == "true"


def test_two_clients_may_use_one_key(pos: Till, manager: Till) -> None:
    ids = {accepted(each.submit("order.create", key="k"))["id"] for each in (pos, manager)}
    assert len(ids) == 2


@pytest.mark.parametrize(
    ("header", "kept"),
    [
        ("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", True),
        ("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-1", False),
        ("00-00000000000000000000000000000000-00f067aa0ba902b7-01", False),
        ("00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01", False),
        ("junk", False),
        ("", False),
    ],
)
def test_a_traceparent_is_kept_and_a_malformed_one_ignored(pos: Till, header: str, kept: bool) -> None:
    accepted(pos.post("/commands", {"type": "order.create", "payload": {}}, Idempotency_Key="k", traceparent=header))
    assert Command.objects.values_list("traceparent", flat=True).get() == (header if kept else None)


def test_the_words_of_the_client_are_kept_to_the_letter(pos: Till) -> None:
    note = "Zürich 😀 \u2028 \\ \" ' %s {} </script>"
    created = pos.run("order.create", {"note": note})
    assert pos.get(created["links"]["order"]).body["note"] == note
