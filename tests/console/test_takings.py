"""The takings of a day as a page."""

from datetime import UTC, datetime

import pytest
from django.conf import LazySettings

from store.models import JournalEntry
from tests import online
from tests.console.desk import Desk
from tests.guards import guards_asleep
from tests.till import Till, run_drain


@pytest.fixture
def sold(manager: Till, pos: Till) -> None:
    """One sale of 9.99 at the till."""
    manager.product("TEA", price="9.99", stock=9)
    order_id = pos.run("order.create", {"items": [{"sku": "TEA", "qty": 1}]})["order_id"]
    assert pos.run("order.pay", {"method": "card"}, order_id=order_id)["status"] == "succeeded"
    on_that_day()


def on_that_day() -> None:
    """Whatever stands in the books, as if it had happened then."""
    with guards_asleep():
        JournalEntry.objects.update(occurred_at=datetime(2026, 1, 15, 12, tzinfo=UTC))


def test_shows_what_a_day_has_brought_in(reader: Desk, sold: None) -> None:
    page = reader.get("takings/?date=2026-01-15").content.decode()
    assert "till-1" in page
    assert "9.99" in page
    assert '"name": "EUR"' in page


def test_a_day_without_sales_says_so(reader: Desk, sold: None) -> None:
    assert "Nothing was taken" in reader.get("takings/?date=2020-01-01").content.decode()


def test_what_was_paid_online_stands_on_its_own_with_what_went_back(
    manager: Till, reader: Desk, settings: LazySettings
) -> None:
    settings.PAYMENT_PROVIDER = "simulator"
    manager.product("TEA", price="9.99", stock=9)
    items = [{"sku": "TEA", "qty": 2}]
    for token in (online.APPROVE, online.DECLINE, online.SILENT):
        order_id = manager.run("order.create", {"items": items})["order_id"]
        online.pay(manager, order_id, token)
        online.ask()
        run_drain()
        if token == online.APPROVE:
            assert manager.run("order.refund", {"amount": "5.00", "reason": "late"}, order_id=order_id)
            online.ask()
            run_drain()
    on_that_day()
    row = f"{manager.name} online 19.98 EUR 1 5.00 EUR 1 14.98 EUR 0.00 EUR"
    assert row in reader.text("takings/?date=2026-01-15")
    [told] = manager.get("/reports/daily?date=2026-01-15").body["takings"]
    assert (told["method"], told["sales"], told["refunds"], told["net"]) == ("online", "19.98", "5.00", "14.98")


@pytest.mark.parametrize(
    "query", ["date=yesterday", "date=2026-02-31", "date=%00&client=%00", "client=%27--", "date=9999-12-31"]
)
def test_nonsense_is_answered_by_a_page(reader: Desk, query: str) -> None:
    assert reader.get(f"takings/?{query}").status_code == 200


def test_the_same_as_a_file(reader: Desk, sold: None) -> None:
    answer = reader.get("takings/?date=2026-01-15&format=csv")
    assert answer.headers["Content-Type"] == "text/csv; charset=utf-8"
    assert "till-1,card,EUR,1,0,9.99,0.00,9.99,0.00" in answer.content.decode()
