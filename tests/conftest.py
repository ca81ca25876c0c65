"""What most tests need: the migrated database, emptied before each test, and clients with keys.

Rows are committed for real, because acceptance and execution are transactions of their own.
"""

from collections.abc import Iterator

import pytest
from django.db import connection
from pytest_django import DjangoDbBlocker

from store import backlog, clients
from tests.till import Till

_TABLES = "command, attempt, payment, order_history, order_line, stock_movement, orders, product, api_key, client"


@pytest.fixture
def database(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[None]:
    """The database, empty but for the lanes."""
    with django_db_blocker.unblock():
        empty()
        yield
        connection.close()


def empty() -> None:
    """Empty all tables; the guards against truncation sleep meanwhile."""
    with connection.cursor() as cursor:
        cursor.execute("SET session_replication_role = replica")
        cursor.execute(f"TRUNCATE {_TABLES}")
        cursor.execute("SET session_replication_role = origin")
    clients.forget()
    backlog.backlog.forget()


@pytest.fixture
def pos(database: None) -> Till:
    """A till."""
    return Till.register("till-1", "pos")


@pytest.fixture
def manager(database: None) -> Till:
    """A person in charge."""
    return Till.register("manager-1", "manager")


@pytest.fixture
def integration(database: None) -> Till:
    """A shop or an ERP."""
    return Till.register("shop-1", "integration")


@pytest.fixture
def auditor(database: None) -> Till:
    """Somebody who reads everything."""
    return Till.register("auditor-1", "auditor")
