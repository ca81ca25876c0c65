"""The takings of a day as a page."""

from datetime import UTC, datetime

import pytest

from store.models import JournalEntry
from tests.console.desk import Desk
from tests.guards import guards_asleep
from tests.till import Till


@pytest.fixture
def sold(manager: Till, pos: Till) -> None:
    """One sale of 9.99 at the till."""
    manager.product("TEA", price="9.99", stock=9)
    order_id = pos.run("order.create", {"items": [{"sku": "TEA", "qty": 1}]})["order_id"]
    assert pos.run("order.pay", {"method": "card"}, order_id=order_id)["status"] == "succeeded"
    with guards_asleep():
        JournalEntry.objects.update(occurred_at=datetime(2026, 1, 15, 12, tzinfo=UTC))


def test_shows_what_a_day_has_brought_in(reader: Desk, sold: None) -> None:
    page = reader.get("takings/?date=2026-01-15").content.decode()
    assert "till-1" in page
    assert "9.99" in page
    assert '"name": "EUR"' in page


def test_a_day_without_sales_says_so(reader: Desk, sold: None) -> None:
    assert "Nothing was taken" in reader.get("takings/?date=2020-01-01").content.decode()


@pytest.mark.parametrize(
    "query", ["date=yesterday", "date=2026-02-31", "date=%00&client=%00", "client=%27--", "date=9999-12-31"]
)
def test_nonsense_is_answered_by_a_page(reader: Desk, query: str) -> None:
    assert reader.get(f"takings/?{query}").status_code == 200


def test_the_same_as_a_file(reader: Desk, sold: None) -> None:
    answer = reader.get("takings/?date=2026-01-15&format=csv")
    assert answer.headers["Content-Type"] == "text/csv; charset=utf-8"
    assert "till-1,card,EUR,1,0,9.99,0.00,9.99,0.00" in answer.content.decode()
