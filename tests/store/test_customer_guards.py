"""Customers and the orders that refer to them, attacked by hand at the SQL prompt: the database itself refuses."""

import uuid
from typing import LiteralString

import pytest
from django.db import Error, transaction

from store.models import Customer
from tests.store.shop import Shop, execute, refused, value


@pytest.fixture
def customers(database: None) -> list[uuid.UUID]:
    """The ids of two customers."""
    return [Customer.objects.create(name=name).id for name in ("Ada", "Grace")]


def order_of(shop: Shop, customer_id: uuid.UUID | None) -> str:
    """The id of a new draft for this customer."""
    order_id: str = shop.pos.run("order.create", {"customer_id": customer_id and str(customer_id)})["order_id"]
    return order_id


def test_a_customer_is_never_deleted(customers: list[uuid.UUID]) -> None:
    refused(lambda: execute("DELETE FROM customer WHERE id = %s", customers[0]), "never deleted")
    refused(lambda: execute("TRUNCATE customer CASCADE"), error=Error)
    assert value("SELECT count(*) FROM customer") == 2


def test_no_customer_is_emptied_away_with_the_orders_left(customers: list[uuid.UUID]) -> None:
    refused(
        lambda: execute("TRUNCATE customer, orders, order_line, order_history, provider_request, payment, refund"),
        "never deleted|append",
    )


@pytest.mark.parametrize("change", ["NULL", "another", "from none"])
def test_the_customer_of_an_order_never_changes(customers: list[uuid.UUID], shop: Shop, change: str) -> None:
    order_id = order_of(shop, None if change == "from none" else customers[0])
    attack: LiteralString = "UPDATE orders SET customer_id = %s, version = version + 1 WHERE id = %s"
    refused(lambda: execute(attack, None if change == "NULL" else customers[1], order_id), "customer")


def test_an_order_of_a_customer_that_there_is_not_cannot_be_committed(database: None) -> None:
    def insert() -> None:
        with transaction.atomic():
            execute(
                "INSERT INTO orders (id, workflow, status, version, currency, total, customer_id, created_at, "
                "updated_at) VALUES (%s, 'counter', 'draft', 1, 'EUR', 0, %s, now(), now())",
                uuid.uuid4(), uuid.uuid4(),
            )  # fmt: skip
            inserted.append(value("SELECT count(*) FROM orders"))

    inserted: list[int] = []
    refused(insert, "orders_customer")
    assert inserted == [1]  # it was refused at the commit
    assert value("SELECT count(*) FROM orders") == 0
