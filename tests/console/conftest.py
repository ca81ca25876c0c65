"""People at the console, and a shop to look at."""

import pytest

from api.console import dashboard
from tests.console.desk import Desk
from tests.store.shop import Shop


@pytest.fixture(autouse=True)
def fresh_figures() -> None:
    """The dashboard keeps nothing of the test before."""
    dashboard.forget()


@pytest.fixture
def boss(database: None) -> Desk:
    """A manager; her name is ana."""
    return Desk.of("ana", "manager")


@pytest.fixture
def reader(database: None) -> Desk:
    """An auditor; his name is bob."""
    return Desk.of("bob", "auditor")


@pytest.fixture
def shop(database: None) -> Shop:
    """A till, a manager by key, two products in stock."""
    return Shop()
