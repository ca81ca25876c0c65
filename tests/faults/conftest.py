"""One system for all fault tests, a fresh catalogue and fresh tills for each."""

import uuid
from collections.abc import Iterator

import httpx
import pytest

from config import processes
from tests.faults.buying import Buyer
from tests.faults.system import System, running
from tests.faults.traffic import Traffic


@pytest.fixture(scope="module")
def system() -> Iterator[System]:
    """The whole system, hurt by one test after another."""
    with running() as system:
        yield system


@pytest.fixture(scope="module")
def listener(system: System) -> None:
    """A manager's endpoint for all there is, at rest: every event is written, none is sent, and the checker looks."""
    system.register("listener", "manager")
    with system.connect() as connection:
        connection.execute(
            """INSERT INTO webhook_endpoint (id, client_id, url, event_types, description, ordered, is_active, secret)
               SELECT gen_random_uuid(), id, 'https://example.com/', '{}', '', false, false, '' FROM client"""
        )


@pytest.fixture
def traffic(system: System) -> Traffic:
    """Tills that sell two products of which there is enough."""
    mark = uuid.uuid4().hex[:8]
    authorization = system.register(f"till-{mark}", "manager")
    traffic = Traffic(system.url, authorization, [f"{mark}-A", f"{mark}-B"])
    with httpx.Client(base_url=f"{system.url}/api/v1", headers={"Authorization": authorization}) as http:
        for sku in traffic.skus:
            http.post("/products", json={"sku": sku, "name": sku, "price": "1.50"}).raise_for_status()
            receive = {"type": "stock.receive", "payload": {"sku": sku, "qty": 1_000_000}}
            http.post("/commands", json=receive, headers={"Idempotency-Key": sku}).raise_for_status()
    return traffic


@pytest.fixture(scope="module")
def quick_to_start_again() -> Iterator[None]:
    """What dies often starts again as soon as what died once."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(processes, "DELAY_SECONDS_MAX", processes.DELAY_SECONDS_FIRST)
        yield


@pytest.fixture(scope="module")
def buyer(system: System, listener: None, quick_to_start_again: None) -> Iterator[Buyer]:
    """Somebody who pays online, for all tests of a file."""
    with Buyer.at(system) as buyer:
        yield buyer
