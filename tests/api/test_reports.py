"""The Z-report: what a day has brought in, by till and method."""

import csv
import io
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from store.models import JournalEntry
from tests.guards import guards_asleep
from tests.till import Till

TODAY = "2026-01-15"
NOON = datetime(2026, 1, 15, 12, tzinfo=UTC)


@pytest.fixture(autouse=True)
def traded(manager: Till, pos: Till) -> None:
    """Two sales at the till, one by the manager in another currency, and a refund by the manager."""
    manager.product("TEA", price="9.99", stock=9, tax_rate="23")
    manager.product("FAN", price="500", stock=9, currency="JPY")
    orders = [sold(pos, "TEA", 3, "cash"), sold(pos, "TEA", 1, "card"), sold(manager, "FAN", 2, "cash")]
    refund = manager.run("order.refund", {"amount": "10.00", "reason": "x"}, order_id=orders[0])
    assert refund["status"] == "succeeded", refund
    with guards_asleep():
        JournalEntry.objects.update(occurred_at=NOON)


def sold(till: Till, sku: str, qty: int, method: str) -> str:
    order_id: str = till.run("order.create", {"items": [{"sku": sku, "qty": qty}]})["order_id"]
    assert till.run("order.pay", {"method": method}, order_id=order_id)["status"] == "succeeded"
    return order_id


def report(till: Till, query: str = "") -> dict[str, Any]:
    body: dict[str, Any] = till.get(f"/reports/daily?date={TODAY}{query}").body
    return body


def test_sales_and_refunds_stand_by_till_and_method_and_in_all(auditor: Till) -> None:
    shown = report(auditor)
    assert (shown["date"], shown["client"]) == (TODAY, None)
    rows = [[row[name] for name in ("client", "method", "currency", "sales_count", "sales", "refunds", "net", "tax")]
            for row in shown["takings"]]  # fmt: skip
    assert rows == [
        ["manager-1", "cash", "EUR", 0, "0.00", "10.00", "-10.00", "-1.87"],
        ["manager-1", "cash", "JPY", 1, "1000", "0", "1000", "0"],
        ["till-1", "card", "EUR", 1, "9.99", "0.00", "9.99", "1.87"],
        ["till-1", "cash", "EUR", 1, "29.97", "0.00", "29.97", "5.60"],
    ]
    assert shown["totals"][0] == {
        "currency": "EUR", "sales_count": 2, "refunds_count": 1, "sales": "39.96", "refunds": "10.00", "net": "29.96",
        "tax": "5.60",
    }  # fmt: skip
    assert [each["currency"] for each in shown["totals"]] == ["EUR", "JPY"]


def test_one_till_alone(auditor: Till) -> None:
    assert {row["client"] for row in report(auditor, "&client=till-1")["takings"]} == {"till-1"}
    assert report(auditor, "&client=nobody")["takings"] == []


def test_a_day_ends_where_the_next_one_begins(auditor: Till) -> None:
    midnight = datetime.fromisoformat(f"{TODAY}T00:00:00+00:00")
    first, second, third, _refund = JournalEntry.objects.order_by("id").filter(kind__in=("payment", "refund"))
    with guards_asleep():
        for entry, moment in (
            (first, midnight - timedelta(microseconds=1)), (second, midnight), (third, midnight + timedelta(days=1)),
        ):  # fmt: skip
            JournalEntry.objects.filter(id=entry.id).update(occurred_at=moment)
    assert [(row["method"], row["sales_count"]) for row in report(auditor)["takings"]] == [("cash", 0), ("card", 1)]


def test_the_same_as_csv(auditor: Till) -> None:
    answer = auditor.get(f"/reports/daily?date={TODAY}&format=csv", Accept="text/csv")
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    rows = list(csv.DictReader(io.StringIO(answer.raw.decode(), newline="")))
    assert [row["net"] for row in rows] == [row["net"] for row in report(auditor)["takings"]]


@pytest.mark.parametrize(
    ("query", "parameter"),
    [("", "date"), ("?date=today", "date"), ("?date=2026-02-30", "date"), (f"?date={TODAY}&format=pdf", "format"),
     (f"?date={TODAY}&till=x", "till")],
)  # fmt: skip
def test_a_bad_parameter_is_named(auditor: Till, query: str, parameter: str) -> None:
    assert [place for place, _code in auditor.get(f"/reports/daily{query}").errors()] == [parameter]


@pytest.mark.parametrize("role", ["pos", "integration"])
def test_managers_and_auditors_only(request: pytest.FixtureRequest, role: str) -> None:
    till: Till = request.getfixturevalue(role)
    till.get(f"/reports/daily?date={TODAY}").problem(403, "forbidden")
