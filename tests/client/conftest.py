"""One real system for all tests of the client, with a till, a manager and goods enough."""

import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from orderly_client import OfflineQueue, Orderly
from tests.client.cutting import CuttingProxy, cutting
from tests.faults.system import System, running


@dataclass(frozen=True, slots=True, kw_only=True)
class Shop:
    """A running system and two keys for it."""

    system: System
    pos: str
    manager: str

    @property
    def url(self) -> str:
        """Where the web server answers."""
        return self.system.url

    def sku(self, price: str = "1.50", stock: int = 100_000) -> str:
        """A new product with stock."""
        sku = uuid.uuid4().hex[:12]
        headers = {"Authorization": self.manager}
        product = {"sku": sku, "name": sku, "price": price}
        httpx.post(f"{self.url}/api/v1/products", json=product, headers=headers, timeout=30).raise_for_status()
        with Orderly(self.url, self.manager) as manager:
            manager.receive_stock(sku, stock).raise_for_failure()
        return sku

    def rows(self, query: Any, *parameters: object) -> list[tuple[Any, ...]]:
        """What stands in the database."""
        with self.system.connect() as connection:
            return connection.execute(query, parameters).fetchall()


@pytest.fixture(scope="session")
def shop() -> Iterator[Shop]:
    """The whole system, with the simulator as its payment provider."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PAYMENT_PROVIDER", "simulator")
        patch.setenv("PAYMENT_TIMEOUT_SECONDS", "1")
        with running() as system:
            roles = ("pos", "manager")
            keys = {role: system.register(f"client-{role}", role) for role in roles}
            yield Shop(system=system, **keys)


@pytest.fixture(scope="session")
def network(shop: Shop) -> Iterator[CuttingProxy]:
    """The network between tills and the system."""
    with cutting(shop.system.port) as proxy:
        yield proxy


@pytest.fixture
def till(shop: Shop) -> Iterator[Orderly]:
    """A till with a good connection."""
    with Orderly(shop.url, shop.pos) as till:
        yield till


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where a queue lies."""
    return tmp_path / "queue.sqlite"


@pytest.fixture
def queue(path: Path) -> Iterator[OfflineQueue]:
    """An empty queue."""
    with OfflineQueue(path) as queue:
        yield queue
