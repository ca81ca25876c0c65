"""Rows to attack: orders, commands and stock as the application itself leaves them."""

from collections.abc import Callable
from typing import Any, LiteralString

import pytest
from django.db import Error, IntegrityError, connection

from tests.till import Till

ITEMS = [{"sku": "TEA", "qty": 2}, {"sku": "MUG", "qty": 1}]


class Shop:
    """A till and a manager with two products in stock."""

    def __init__(self) -> None:
        self.pos = Till.register("till-1", "pos")
        self.manager = Till.register("manager-1", "manager")
        self.tea = self.manager.product("TEA", price="9.99", stock=10)
        self.mug = self.manager.product("MUG", price="4.50", stock=10)

    def draft(self) -> str:
        """The id of a new draft with two lines."""
        order_id: str = self.pos.run("order.create", {"items": ITEMS})["order_id"]
        return order_id

    def paid(self) -> str:
        """The id of a new paid order."""
        order_id = self.draft()
        assert self.pos.run("order.pay", {"method": "cash"}, order_id=order_id)["status"] == "succeeded"
        return order_id

    def pending(self) -> str:
        """The id of a new fulfilment order, its stock reserved."""
        created = self.pos.run("order.create", {"workflow": "fulfilment", "items": ITEMS})
        assert created["status"] == "succeeded", created
        order_id: str = created["order_id"]
        return order_id


def execute(sql: LiteralString, *parameters: Any) -> int:
    """Run one statement by hand; how many rows it touched."""
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)
        touched: int = cursor.rowcount
        return touched


def value(sql: LiteralString, *parameters: Any) -> Any:
    """The only column of the only row."""
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)
        rows = cursor.fetchall()
    assert len(rows) == 1, rows
    return rows[0][0]


def refused(attack: Callable[[], object], why: str | None = None, error: type[Error] = IntegrityError) -> None:
    """The database refuses the attack, for this reason."""
    with pytest.raises(error, match=why):
        attack()
