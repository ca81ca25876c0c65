"""What a kind says in JSON Schema is what it takes."""

import re
from typing import Any

import pytest

from api.customers import Email
from api.pages import Filters
from api.tax_ids import TaxId
from api.webhooks import EventTypes
from domain.commands.pay_order import PayOrder
from domain.commands.remove_item import RemoveItem
from domain.fields import (
    Amount,
    Anything,
    Boolean,
    Choice,
    Currency,
    Identifier,
    Integer,
    Invalid,
    Kind,
    ListOf,
    Text,
    Timestamp,
    members_of,
    parse,
    schema_of,
)
from domain.items import DELTA, SKU, Item
from tests.openapi.document import breaches

ID = "01970000-0000-7000-8000-00000000abcd"
VALUES: list[tuple[Kind[Any], list[Any], list[Any]]] = [
    (Text(minimum=1, maximum=3), ["a", "abc"], ["", "abcd", 1, None]),
    (Text(maximum=9, pattern=re.compile("[a-z]+")), ["abc"], ["ABC", "abc1", "a b"]),
    (SKU, ["OAT-1L", "a.b_c"], ["", "a b", "x" * 65]),
    (Integer(minimum=1, maximum=9), [1, 9], [0, 10, "1", 1.5]),
    (DELTA, [-1, 1_000_000], [0, 1_000_001]),
    (Boolean(), [True, False], [0, "true", None]),
    (Choice(("a", "b")), ["a"], ["c", "", 1]),
    (Currency(), ["EUR", "JPY"], ["eur", "XXX", ""]),
    (Amount(), ["0", "29.97", "1.2345"], ["-1", "1.", ".5", "1e3", "1.23456", 1]),
    (Identifier(), [ID, ID.upper()], ["x", ID[:-1], 1]),
    (Timestamp(), ["2026-11-21T09:00:00Z", "2026-11-21T09:00:00.5+01:00"], ["2026-11-21", "now", 1]),
    (Anything(), [{}, {"a": 1}], [[], "x", None]),
    (ListOf(record=Item, minimum=1, maximum=2), [[{"sku": "a", "qty": 1}]], [[], [{}], {}, [{"sku": "a"}]]),
    (Email(), ["sol@example.com"], ["sol", "x" * 255 + "@example.com"]),
    (TaxId(), ["foreign 1"], ["", "x" * 51]),
    (EventTypes(), [[], ["order.paid"]], [["order.lost"], ["order.paid", "order.paid"], "order.paid"]),
]


@pytest.mark.parametrize(("kind", "good", "bad"), VALUES, ids=lambda each: type(each).__name__)
def test_a_schema_takes_what_its_kind_takes_and_nothing_else(kind: Kind[Any], good: list[Any], bad: list[Any]) -> None:
    for value in good:
        kind.parse(value, "")
        assert breaches(kind.schema(), value) == []
    for value in bad:
        with pytest.raises(Invalid):
            kind.parse(value, "")
        assert breaches(kind.schema(), value) != []


@pytest.mark.parametrize(
    ("record", "value", "is_good"),
    [
        (RemoveItem, {"sku": "a"}, True),
        (RemoveItem, {"sku": "a", "product_id": None, "qty": None}, True),
        (RemoveItem, {"product_id": ID, "qty": 2}, True),
        (RemoveItem, {}, False),
        (RemoveItem, {"sku": "a", "product_id": ID}, False),
        (RemoveItem, {"sku": "a", "other": 1}, False),
        (PayOrder, {"method": "cash", "tendered": "5"}, True),
        (PayOrder, {"method": "card", "tendered": None}, True),
        (PayOrder, {"method": "card", "tendered": "5"}, False),
        (PayOrder, {"method": None}, False),
    ],
)
def test_a_schema_says_the_rules_over_several_members_too(record: type, value: Any, is_good: bool) -> None:
    assert (breaches(schema_of(record), value) == []) == is_good
    if is_good:
        parse(record, value)
    else:
        with pytest.raises(Invalid):
            parse(record, value)


def test_a_change_may_leave_out_anything() -> None:
    assert breaches(schema_of(Item, partial=False), {"sku": "a"}) != []
    assert "required" not in schema_of(Item, partial=True)


def test_a_member_says_its_default_and_what_it_is_for() -> None:
    page_size = members_of(Filters)["page_size"]
    assert (page_size["default"], page_size["maximum"]) == (50, 200)
    assert page_size["description"].endswith(".")
