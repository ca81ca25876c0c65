"""`GET /commands/{id}`: the command whatever its outcome, with an ETag, and a Retry-After until it is final."""

import uuid
from typing import Any

import pytest

from store.models import Command
from tests.guards import guards_asleep
from tests.till import Answer, Till, run_drain

ORDER_ID = "01970000-0000-7000-8000-00000000abcd"


def read(till: Till, command: dict[str, Any], **headers: str) -> Answer:
    answer = till.get(command["links"]["self"], **headers)
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["vary"] == "Prefer, Authorization"
    return answer


def test_says_when_to_ask_again_until_the_command_is_final(pos: Till) -> None:
    command = pos.submit("order.create").body
    assert read(pos, command).headers["retry-after"] == "1"
    run_drain()
    ended = read(pos, command)
    assert (ended.status, ended.body["status"]) == (200, "succeeded")
    assert "retry-after" not in ended.headers


def test_a_failed_command_is_still_a_200(pos: Till) -> None:
    failed = pos.run("order.pay", {"method": "cash"}, order_id=ORDER_ID)
    answer = read(pos, failed)
    assert (answer.status, answer.body["status"], answer.body["result"]) == (200, "failed", None)
    assert "retry-after" not in answer.headers
    assert answer.body["error"] == {
        "type": "/problems/order-not-found",
        "title": answer.body["error"]["title"],
        "detail": f"There is no order {ORDER_ID}.",
        "code": "order-not-found",
        "retryable": False,
    }


def test_a_command_that_expired_while_it_waited_says_so(pos: Till) -> None:
    command = pos.submit("order.create", expires_at="2099-01-01T00:00:00Z").body
    pos.submit("order.create")
    with guards_asleep():
        Command.objects.filter(id=command["id"]).update(expires_at="2020-01-01T00:00:00Z")
    run_drain()
    ended = read(pos, command).body
    assert (ended["status"], ended["error"]["code"], ended["result"]) == ("expired", "expired", None)


def test_the_times_of_a_command_are_in_order(pos: Till) -> None:
    ended = pos.run("order.create")
    times = [ended["accepted_at"], ended["started_at"], ended["finished_at"]]
    assert times == sorted(times)
    assert all(moment.endswith("Z") for moment in times)
    assert ended["attempts"] == 1


def test_the_etag_changes_with_the_command_alone(pos: Till) -> None:
    command = pos.submit("order.create").body
    first, second = read(pos, command), read(pos, command)
    etag = first.headers["etag"]
    assert etag == second.headers["etag"]
    assert etag.startswith('"')
    assert etag.endswith('"')
    run_drain()
    assert read(pos, command).headers["etag"] != etag


@pytest.mark.parametrize("form", ["{}", "W/{}", '"other", {}', "*", " {} "])
def test_what_the_client_has_already_is_not_sent_again(pos: Till, form: str) -> None:
    command = pos.submit("order.create").body
    etag = read(pos, command).headers["etag"]
    answer = read(pos, command, If_None_Match=form.format(etag))
    assert (answer.status, answer.raw, answer.headers["etag"]) == (304, b"", etag)
    assert answer.headers["retry-after"] == "1"
    run_drain()
    if form != "*":
        assert read(pos, command, If_None_Match=form.format(etag)).status == 200


@pytest.mark.parametrize("form", ['"other"', "", "junk", '"{}"'])
def test_another_etag_is_no_match(pos: Till, form: str) -> None:
    command = pos.submit("order.create").body
    assert read(pos, command, If_None_Match=form).status == 200


def test_an_unknown_command_is_not_found(pos: Till) -> None:
    pos.get(f"/commands/{uuid.uuid4()}").problem(404, "not-found")


def test_results_are_shown_as_the_contract_says(pos: Till, manager: Till) -> None:
    tea = manager.product("TEA", price="9.99", stock=10)
    created = pos.run("order.create", {"items": [{"sku": "TEA", "qty": 3}]})
    order_id = created["order_id"]
    shown = {"id": order_id, "status": "draft", "version": 1, "total": "29.97", "currency": "EUR"}
    assert created["result"] == {"order": shown}
    paid = pos.run("order.pay", {"method": "card", "reference": "T1"}, order_id=order_id)
    assert paid["result"] == {
        "order": shown | {"status": "paid", "version": 2},
        "payment": {"method": "card", "amount": "29.97", "tendered": None, "change": None},
    }
    received = manager.run("stock.receive", {"sku": "TEA", "qty": 5})
    assert received["result"] == {
        "product": {"id": tea["id"], "sku": "TEA", "on_hand": 12, "reserved": 0, "available": 12}
    }


def test_errors_carry_what_the_client_needs_to_go_on(pos: Till, manager: Till) -> None:
    tea = manager.product("TEA", stock=2)
    order_id = pos.run("order.create", {"items": [{"sku": "TEA", "qty": 3}]})["order_id"]
    conflict = pos.run("order.pay", {"method": "cash"}, order_id=order_id, expected_version=7)["error"]
    assert (conflict["code"], conflict["version"]) == ("version-conflict", 1)
    short = pos.run("order.pay", {"method": "cash"}, order_id=order_id)["error"]
    assert short["code"] == "insufficient-stock"
    assert short["shortages"] == [{"product_id": tea["id"], "wanted": 3, "available": 2}]
    pos.run("order.cancel_draft", order_id=order_id)
    transition = pos.run("order.pay", {"method": "cash"}, order_id=order_id)["error"]
    assert (transition["code"], transition["allowed"]) == ("invalid-transition", [])
