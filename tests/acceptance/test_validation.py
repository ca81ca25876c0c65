"""Every member of a command is checked, every breach named by its place and its rule."""

from typing import Any

import pytest

from api.parsing import BODY_BYTES_MAX
from domain import registry
from store.models import Command
from tests.till import Till, entry, errors_of, statuses

ORDER_ID = "01970000-0000-7000-8000-00000000abcd"
CREATE: dict[str, Any] = {"type": "order.create", "payload": {}}
PAY: dict[str, Any] = {"type": "order.pay", "payload": {"method": "cash"}, "order_id": ORDER_ID}
RECEIVE: dict[str, Any] = {"type": "stock.receive", "payload": {"sku": "A", "qty": 1}}
ADJUST: dict[str, Any] = {"type": "stock.adjust", "payload": {"sku": "A", "delta": 1, "reason": "x"}}

INVALID: list[tuple[object, list[tuple[str, str]]]] = [
    ({}, [("/type", "required"), ("/payload", "required")]),
    ({"type": None, "payload": None}, [("/type", "required"), ("/payload", "required")]),
    ([], [("", "not-an-object")]),
    ({"payload": {}}, [("/type", "required")]),
    ({"type": "order.create"}, [("/payload", "required")]),
    (CREATE | {"type": "order.nothing"}, [("/type", "unknown-type")]),
    (CREATE | {"type": "Order.Create"}, [("/type", "unknown-type")]),
    (CREATE | {"type": "order.create "}, [("/type", "unknown-type")]),
    (CREATE | {"type": 7}, [("/type", "not-a-string")]),
    (CREATE | {"type": ""}, [("/type", "too-short")]),
    (CREATE | {"type": "x" * 65}, [("/type", "too-long")]),
    (CREATE | {"payload": []}, [("/payload", "not-an-object")]),
    (CREATE | {"payload": "{}"}, [("/payload", "not-an-object")]),
    (CREATE | {"order_id": "7"}, [("/order_id", "not-a-uuid")]),
    (CREATE | {"order_id": 7}, [("/order_id", "not-a-uuid")]),
    (CREATE | {"expected_version": 1}, [("/expected_version", "not-applicable")]),
    (CREATE | {"idempotency_key": "k"}, [("/idempotency_key", "unknown-field")]),
    (CREATE | {"a/b": 1}, [("/a~1b", "unknown-field")]),
    (CREATE | {"expires_at": "tomorrow"}, [("/expires_at", "not-a-time")]),
    (CREATE | {"expires_at": "2099-01-01T00:00:00"}, [("/expires_at", "not-a-time")]),
    (CREATE | {"expires_at": 4070908800}, [("/expires_at", "not-a-time")]),
    (CREATE | {"not_before": "2099-13-01T00:00:00Z"}, [("/not_before", "not-a-time")]),
    (CREATE | {"occurred_at": "yesterday"}, [("/occurred_at", "not-a-time")]),
    (CREATE | {"device_sequence": -1}, [("/device_sequence", "out-of-range")]),
    (CREATE | {"device_sequence": 2**53}, [("/device_sequence", "out-of-range")]),
    (CREATE | {"device_sequence": 1.0}, [("/device_sequence", "not-an-integer")]),
    (CREATE | {"device_sequence": True}, [("/device_sequence", "not-an-integer")]),
    (PAY | {"order_id": None}, [("/order_id", "required")]),
    (PAY | {"expected_version": 0}, [("/expected_version", "out-of-range")]),
    (PAY | {"expected_version": 2**53}, [("/expected_version", "out-of-range")]),
    (PAY | {"expected_version": "3"}, [("/expected_version", "not-an-integer")]),
    (PAY | {"expected_version": 1e30}, [("/expected_version", "not-an-integer")]),
    (RECEIVE | {"order_id": ORDER_ID}, [("/order_id", "not-applicable")]),
    (ADJUST | {"order_id": ORDER_ID}, [("/order_id", "not-applicable")]),
    (RECEIVE | {"expected_version": 1}, [("/expected_version", "not-applicable")]),
    (PAY | {"payload": {"method": "cheque"}}, [("/payload/method", "not-a-choice")]),
    (PAY | {"payload": {"method": "online"}}, [("/payload/payment_method", "required")]),
    (PAY | {"payload": {"method": "online", "payment_method": "x"}}, [("/payload/method", "no-provider")]),
    (PAY | {"payload": {"method": "cash", "payment_method": "x"}}, [("/payload/payment_method", "online-only")]),
    (PAY | {"payload": {"method": "cash", "amount": 29.97}}, [("/payload/amount", "not-money")]),
    (RECEIVE | {"payload": {"sku": "A", "qty": 10**30}}, [("/payload/qty", "out-of-range")]),
    (
        {"type": "order.add_items", "payload": {"items": [{"sku": "A", "qty": 1}, {"sku": "B", "qty": 0}]}},
        [("/order_id", "required"), ("/payload/items/1/qty", "out-of-range")],
    ),
    (
        CREATE | {"payload": {"items": [{"qty": 1}], "note": 7}, "device_sequence": "x"},
        [("/device_sequence", "not-an-integer"), ("/payload/items/0", "one-of"), ("/payload/note", "not-a-string")],
    ),
]


@pytest.mark.parametrize(("body", "errors"), INVALID)
def test_names_everything_that_is_wrong(manager: Till, body: object, errors: list[tuple[str, str]]) -> None:
    assert manager.post("/commands", body, Idempotency_Key="k").errors() == errors
    assert not Command.objects.exists()


@pytest.mark.parametrize("not_before", ["2099-01-01T00:00:00Z", "2099-01-01T00:00:00.000001Z", "2099-01-01T00:30:00Z"])
def test_a_command_must_become_ready_before_it_expires(pos: Till, not_before: str) -> None:
    answer = pos.submit("order.create", expires_at="2099-01-01T01:00:00+01:00", not_before=not_before)
    assert answer.errors() == [("/not_before", "not-before-expiry")]


def test_an_unknown_type_names_the_known_ones(pos: Till) -> None:
    answer = pos.submit("order.nothing")
    assert all(name in answer.body["errors"][0]["detail"] for name in registry.names())


@pytest.mark.parametrize("name", [name for name in registry.names() if name.startswith("order.")])
def test_every_order_command_but_creation_needs_an_order_id(manager: Till, name: str) -> None:
    needs = ("/order_id", "required") in manager.submit(name, {"x": 1}).errors()
    assert needs == (name != "order.create")


@pytest.mark.parametrize(
    "members",
    [
        {"device_sequence": 0},
        {"device_sequence": 2**53 - 1},
        {"occurred_at": "0001-01-01T00:00:00Z"},
        {"occurred_at": "9999-12-31T23:59:59.999999Z"},
        {"not_before": "0001-01-01T00:00:00Z", "expires_at": "9999-12-31T23:59:59Z"},
        {"order_id": "00000000-0000-0000-0000-000000000000"},
        {"order_id": "FFFFFFFF-FFFF-FFFF-FFFF-FFFFFFFFFFFF"},
    ],
)
def test_takes_values_at_their_bounds(pos: Till, members: dict[str, Any]) -> None:
    answer = pos.submit("order.create", **members)
    assert answer.status == 202, answer
    again = pos.get(answer.body["links"]["self"]).body
    assert {name: again[name].lower() if name == "order_id" else again[name] for name in members} == {
        name: value.lower() if name == "order_id" else value for name, value in members.items()
    }


def test_takes_a_body_of_the_largest_size_and_no_larger(pos: Till) -> None:
    body = b'{"type": "order.create", "payload": {}}'
    padded = body + b" " * (BODY_BYTES_MAX - len(body))
    assert BODY_BYTES_MAX == 256 * 1024
    assert pos.request("POST", "/commands", raw=padded, Idempotency_Key="a").status == 202
    pos.request("POST", "/commands", raw=padded + b" ", Idempotency_Key="b").problem(413, "too-large")


def test_money_with_more_digits_than_the_currency_of_the_order_is_refused(pos: Till) -> None:
    euros, dinars = (pos.run("order.create", {"currency": each})["order_id"] for each in ("EUR", "KWD"))
    payload = {"method": "cash", "amount": "1.0000", "tendered": "1.000"}
    too_many = [("/payload/amount", "not-money"), ("/payload/tendered", "not-money")]
    assert pos.submit("order.pay", payload, order_id=euros).errors() == too_many
    assert pos.submit("order.pay", payload, order_id=dinars).errors() == too_many[:1]
    (result,) = pos.batch(entry("order.pay", payload, order_id=euros))
    assert errors_of(result["error"]) == too_many


def test_money_of_an_order_that_does_not_exist_yet_is_checked_when_its_turn_comes(pos: Till) -> None:
    results = pos.batch(
        entry("order.create", {"currency": "EUR"}, order_id=ORDER_ID),
        entry("order.pay", {"method": "cash", "amount": "1.000"}, order_id=ORDER_ID),
    )
    assert statuses(results) == [202, 202]


def test_the_detail_of_a_problem_names_the_first_place(pos: Till) -> None:
    answer = pos.submit("order.create", {"note": 7, "colour": 1})
    assert "/payload/colour" in answer.body["detail"]
    assert "1 more" in answer.body["detail"]


def test_a_type_that_the_role_may_not_submit_is_named(pos: Till) -> None:
    assert "order.cancel" in pos.submit("order.cancel", order_id=ORDER_ID).problem(403, "forbidden")["detail"]


def test_a_summary_ends_with_one_full_stop(manager: Till) -> None:
    answer = manager.post("/webhooks/endpoints", {"url": "https://127.0.0.1/"})
    detail = answer.problem(400, "invalid-request")["detail"]
    assert detail.endswith(".")
    assert not detail.endswith("..")
