"""What each verb sends."""

import json
import uuid
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from orderly_client import AsyncOrderly, Draft, Orderly, drafts
from orderly_client.calls import BATCH_BYTES_MAX, COMMAND_BYTES_MAX, portions

ID = uuid.UUID("01a1fd5d-a08c-7614-bc41-b90e71b2481a")
TEA = {"sku": "TEA", "qty": 2}


@pytest.mark.parametrize(
    ("draft", "type_", "payload"),
    [
        (drafts.create_order(), "order.create", {}),
        (drafts.create_order(items={}), "order.create", {"items": []}),
        (
            drafts.create_order(items={ID: 1}, workflow="fulfilment", currency="EUR", customer_id=ID, note="n"),
            "order.create",
            {
                "items": [{"product_id": str(ID), "qty": 1}],
                "workflow": "fulfilment",
                "currency": "EUR",
                "customer_id": str(ID),
                "note": "n",
            },
        ),
        (drafts.add_items(ID, {"TEA": 2}), "order.add_items", {"items": [TEA]}),
        (drafts.remove_item(ID, "TEA"), "order.remove_item", {"sku": "TEA"}),
        (drafts.remove_item(ID, ID, qty=2), "order.remove_item", {"product_id": str(ID), "qty": 2}),
        (
            drafts.pay(ID, method="cash", amount="4.50", tendered=Decimal("1E+1")),
            "order.pay",
            {"method": "cash", "amount": "4.50", "tendered": "10"},
        ),
        (drafts.pay(ID, method="card", reference="t-9"), "order.pay", {"method": "card", "reference": "t-9"}),
        (drafts.pay_online(ID, "pm_1"), "order.pay", {"method": "online", "payment_method": "pm_1"}),
        (
            drafts.pay_online(ID, "pm_1", amount=Decimal("4.50"), reference="w-9"),
            "order.pay",
            {"method": "online", "payment_method": "pm_1", "amount": "4.50", "reference": "w-9"},
        ),
        (drafts.refund(ID, reason="r"), "order.refund", {"reason": "r"}),
        (drafts.refund(ID, reason="r", amount="4.50"), "order.refund", {"reason": "r", "amount": "4.50"}),
        (
            drafts.refund(ID, reason="r", items={"TEA": 2}, restock=False),
            "order.refund",
            {"reason": "r", "items": [TEA], "restock": False},
        ),
        (drafts.cancel(ID, reason="r"), "order.cancel", {"reason": "r"}),
        (drafts.cancel_draft(ID), "order.cancel_draft", {}),
        (drafts.change_status(ID, "shipped", note="n"), "order.change_status", {"to": "shipped", "note": "n"}),
        (drafts.archive(ID), "order.archive", {}),
        (drafts.receive_stock("TEA", 5), "stock.receive", {"sku": "TEA", "qty": 5}),
        (drafts.adjust_stock("TEA", -5, reason="r"), "stock.adjust", {"sku": "TEA", "delta": -5, "reason": "r"}),
    ],
)
def test_a_verb_sends_its_payload(draft: Draft, type_: str, payload: dict[str, Any]) -> None:
    sent = json.loads(draft.entry())
    uuid.UUID(sent.pop("idempotency_key"))
    assert sent.pop("order_id", None) == (None if type_ in {"order.create"} or "stock" in type_ else str(ID))
    assert sent == {"type": type_, "payload": payload}


def test_what_any_command_may_have_besides() -> None:
    now = datetime(2026, 11, 21, 9, tzinfo=UTC)
    draft = drafts.archive(
        ID,
        idempotency_key="k",
        expected_version=3,
        expires_at=now,
        not_before=now,
        occurred_at=now,
        device_sequence=0,
    )
    shown = "2026-11-21T09:00:00+00:00"
    assert json.loads(draft.entry()) == {
        "idempotency_key": "k",
        "type": "order.archive",
        "order_id": str(ID),
        "payload": {},
        "expected_version": 3,
        "expires_at": shown,
        "not_before": shown,
        "occurred_at": shown,
        "device_sequence": 0,
    }


@pytest.mark.parametrize("key", ["", "a b", "a,b", 'a"b', "a\\b", "a\r\nX-Evil: 1", "caf\xe9", "x" * 256])
def test_refuses_a_malformed_key_before_anything_is_sent(key: str) -> None:
    with pytest.raises(ValueError, match="idempotency key"):
        drafts.archive(ID, idempotency_key=key)


def test_refuses_a_time_without_an_offset() -> None:
    with pytest.raises(ValueError, match="occurred_at"):
        drafts.archive(ID, occurred_at=datetime(2026, 11, 21, 9))  # noqa: DTZ001 - the point of it


def test_refuses_money_that_is_none() -> None:
    with pytest.raises(TypeError, match="not float"):
        drafts.pay(ID, method="cash", amount=4.5)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="NaN"):
        drafts.pay(ID, method="cash", amount=Decimal("NaN"))


def test_refuses_a_refund_by_items_and_amount_at_once() -> None:
    with pytest.raises(ValueError, match="not both"):
        drafts.refund(ID, reason="r", items={"TEA": 1}, amount="1.00")


def test_the_type_checker_knows_the_parameters_of_every_verb() -> None:
    till = Orderly("http://127.0.0.1:1", "p.secret")
    with pytest.raises(TypeError):
        till.pay(ID)  # type: ignore[call-arg]
    with pytest.raises(TypeError):
        till.pay(ID, method="cash", tip="1.00")  # type: ignore[call-arg]
    till.close()


def test_help_shows_what_a_verb_takes() -> None:
    for kind in (Orderly, AsyncOrderly):
        assert kind.pay.__doc__ == drafts.pay.__doc__
        assert kind.pay.__name__ == "pay"


def test_a_batch_is_split_at_a_thousand_entries() -> None:
    assert [len(each) for each in portions([b"{}"] * 2_001)] == [1_000, 1_000, 1]


def test_a_batch_is_split_before_it_is_too_large() -> None:
    entries = [b"x" * COMMAND_BYTES_MAX] * 40
    split = list(portions(entries))
    assert [entry for portion in split for entry in portion] == entries
    for portion in split:
        body = b'{"commands":[' + b",".join(portion) + b"]}"
        assert BATCH_BYTES_MAX - COMMAND_BYTES_MAX - 100 < len(body) <= BATCH_BYTES_MAX or portion is split[-1]


def test_a_command_that_no_server_takes_is_refused_here() -> None:
    with pytest.raises(ValueError, match="the most"):
        list(portions([b"x" * (COMMAND_BYTES_MAX + 1)]))
