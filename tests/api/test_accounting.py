"""The books over HTTP, and read by Beancount itself."""

import csv
import io
from collections import defaultdict
from decimal import Decimal
from http.client import HTTPConnection
from pathlib import Path
from random import Random
from typing import Any

import pytest
from beancount.core import realization
from beancount.loader import load_string

from tests import invariants
from tests.laws.workers import raw
from tests.till import Till, entry, run_drain
from tests.web import web_server


@pytest.fixture
def order_id(manager: Till) -> str:
    """A paid order of three teas that cost 4.00 each."""
    manager.product("TEA", price="9.99", stock=9, tax_rate="23", cost="4.00")
    found: str = manager.run("order.create", {"items": [{"sku": "TEA", "qty": 3}]})["order_id"]
    assert manager.run("order.pay", {"method": "cash"}, order_id=found)["status"] == "succeeded"
    return found


def entries(till: Till, query: str = "") -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = till.get(f"/accounting/entries{query}").body["results"]
    return found


def test_a_payment_is_an_entry_that_its_order_leads_to(manager: Till, order_id: str) -> None:
    [made] = entries(manager, f"?order_id={order_id}")
    assert (made["kind"], made["order_id"], made["reverses"]) == ("payment", order_id, None)
    assert manager.get(f"/commands/{made['command_id']}").body["type"] == "order.pay"
    assert made["postings"] == [
        {"account": "cash", "debit": "29.97", "credit": "0.00", "currency": "EUR"},
        {"account": "revenue", "debit": "0.00", "credit": "24.37", "currency": "EUR"},
        {"account": "tax_payable", "debit": "0.00", "credit": "5.60", "currency": "EUR"},
        {"account": "cost_of_goods", "debit": "12.00", "credit": "0.00", "currency": "EUR"},
        {"account": "inventory", "debit": "0.00", "credit": "12.00", "currency": "EUR"},
    ]


@pytest.mark.parametrize("together", [False, True])
def test_a_cancellation_names_the_entry_that_it_reverses(manager: Till, order_id: str, together: bool) -> None:
    if together:
        order_id = manager.run("order.create", {"items": [{"sku": "TEA", "qty": 1}]})["order_id"]
        manager.submit("order.pay", {"method": "card"}, order_id=order_id)
    manager.run("order.cancel", order_id=order_id)
    cancellation, payment = entries(manager, f"?order_id={order_id}")
    assert (cancellation["kind"], cancellation["reverses"]) == ("cancellation", payment["id"])
    invariants.check(raw())


def test_lists_by_account_and_time(manager: Till, order_id: str) -> None:
    [payment] = entries(manager, "?account=revenue")
    assert {each["kind"] for each in entries(manager, "?account=inventory")} == {"payment", "receipt"}
    assert entries(manager, "?account=card_clearing") == []
    moment = payment["occurred_at"]
    assert [each["kind"] for each in entries(manager, f"?from={moment}")] == ["payment"]
    assert [each["kind"] for each in entries(manager, f"?to={moment}")] == ["receipt"]
    assert len(entries(manager, f"?from={moment[:10]}")) == 2


@pytest.mark.parametrize(
    ("query", "parameter"),
    [
        ("/entries?account=gold", "account"),
        ("/entries?from=yesterday", "from"),
        ("/entries?from_=2026-01-01", "from_"),
        ("/entries?order_id=7", "order_id"),
        ("/balances?at=2026-13-01", "at"),
        ("/export", "format"),
        ("/export?format=xml", "format"),
    ],
)
def test_a_bad_parameter_is_named(manager: Till, query: str, parameter: str) -> None:
    assert [place for place, _code in manager.get(f"/accounting{query}").errors()] == [parameter]


@pytest.mark.parametrize("path", ["entries", "accounts", "balances", "export?format=csv"])
@pytest.mark.parametrize(("role", "status"), [("pos", 403), ("integration", 403), ("auditor", 200)])
def test_managers_and_auditors_only(request: pytest.FixtureRequest, path: str, role: str, status: int) -> None:
    till: Till = request.getfixturevalue(role)
    assert till.get(f"/accounting/{path}").status == status


def test_balances_are_as_of_a_moment(manager: Till, order_id: str) -> None:
    [payment] = entries(manager, f"?order_id={order_id}")
    manager.run("order.refund", {"amount": "10.00", "reason": "x"}, order_id=order_id)
    now = {each["account"]: each for each in manager.get("/accounting/balances").body["results"]}
    assert now["cash"] == {
        "account": "cash", "debit": "29.97", "credit": "10.00", "balance": "19.97", "currency": "EUR",
    }  # fmt: skip
    then = manager.get(f"/accounting/balances?at={payment['occurred_at']}").body["results"]
    assert [each["balance"] for each in then if each["account"] == "cash"] == ["29.97"]
    assert sum(Decimal(each["balance"]) for each in now.values()) == 0


def test_accounts_are_the_chart(manager: Till) -> None:
    accounts = manager.get("/accounting/accounts").body["results"]
    assert {"account": "revenue", "name": "Sales without tax", "type": "income"} in accounts


def _trade(manager: Till, orders: int) -> None:
    """Random orders, many of them cancelled or refunded in parts, in two currencies."""
    random = Random(7)
    for sku, currency, rate, cost in (
        ("TEA", "EUR", "23", "4.00"),
        ("MUG", "EUR", "6.5", None),
        ("FAN", "JPY", "10", "300"),
    ):
        given = {"cost": cost} if cost else {}
        manager.product(
            sku, price="999" if currency == "JPY" else "9.99", stock=9_000, currency=currency, tax_rate=rate, **given
        )
    asked = []
    for number in range(orders):
        order_id = f"01970000-0000-7000-8000-{number:012d}"
        skus = random.choice((["TEA"], ["MUG"], ["TEA", "MUG"], ["FAN"]))
        items = [{"sku": sku, "qty": random.randint(1, 4)} for sku in skus]
        asked.append(entry("order.create", {"items": items}, order_id=order_id))
        asked.append(entry("order.pay", {"method": random.choice(("cash", "card"))}, order_id=order_id))
        for _time in range(random.choice((0, 0, 1, 2))):
            part = random.choice(({"amount": str(random.randint(1, 9))}, {"items": [{"sku": skus[0], "qty": 1}]}))
            asked.append(entry("order.refund", part | {"reason": "x"}, order_id=order_id))
        if random.randrange(4) == 0:
            asked.append(entry("order.cancel", order_id=order_id))
    for start in range(0, len(asked), 1_000):
        manager.batch(*asked[start : start + 1_000])
    run_drain()


def test_beancount_finds_no_error_in_thousands_of_orders_and_the_same_balances(manager: Till) -> None:
    _trade(manager, orders=1_500)
    invariants.check(raw())
    answer = manager.get("/accounting/export?format=beancount")
    loaded, errors, _options = load_string(answer.raw.decode())
    assert errors == []
    read: dict[tuple[str, str], Decimal] = {}
    for account in realization.iter_children(realization.realize(loaded)):  # type: ignore[no-untyped-call]
        for position in account.balance:
            read[account.account.rpartition(":")[2].lower(), position.units.currency] = position.units.number
    shown = {
        (each["account"].replace("_", ""), each["currency"]): Decimal(each["balance"])
        for each in manager.get("/accounting/balances").body["results"]
        if Decimal(each["balance"])
    }
    assert read == shown
    assert len(shown) >= 10


def test_the_csv_has_every_posting(manager: Till, order_id: str) -> None:
    manager.run("order.cancel", order_id=order_id)
    answer = manager.get("/accounting/export?format=csv", Accept="text/csv")
    assert (answer.status, answer.headers["content-type"]) == (200, "text/csv; charset=utf-8")
    rows = list(csv.DictReader(io.StringIO(answer.raw.decode(), newline="")))
    sums: dict[str, Decimal] = defaultdict(Decimal)
    for row in rows:
        sums[row["account"]] += Decimal(row["debit"]) - Decimal(row["credit"])
    shown = manager.get("/accounting/balances").body["results"]
    assert dict(sums) == {each["account"]: Decimal(each["balance"]) for each in shown}
    assert {row["reverses"] for row in rows} == {"", rows[2]["entry_id"]}


def test_a_real_server_sends_the_export_in_parts(manager: Till, order_id: str, tmp_path: Path) -> None:
    with web_server(tmp_path) as (port, _pid):
        exchange = HTTPConnection("127.0.0.1", port, timeout=20)
        exchange.request(
            "GET", "/api/v1/accounting/export?format=csv", headers={"Authorization": f"Api-Key {manager.key}"}
        )
        response = exchange.getresponse()
        assert (response.status, response.getheader("Transfer-Encoding")) == (200, "chunked")
        assert len(response.read().splitlines()) == 8
        exchange.close()
