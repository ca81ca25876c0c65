"""Somebody who buys over HTTP and pays online, and what the payment provider's own books say about it."""

import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx

from tests import invariants
from tests.faults.system import System
from tests.polling import until

PIECES = 2
"""In each order."""
STOCK = 1_000_000


@dataclass(frozen=True, slots=True)
class Buyer:
    """A manager, and a product of which there is enough."""

    http: httpx.Client
    sku: str = field(default_factory=lambda: uuid.uuid4().hex[:8])

    @staticmethod
    @contextmanager
    def at(system: System) -> Iterator["Buyer"]:
        """A new one."""
        authorization = system.register(f"buyer-{uuid.uuid4().hex[:8]}", "manager")
        headers = {"Authorization": authorization}
        with httpx.Client(base_url=f"{system.url}/api/v1", headers=headers, timeout=30) as http:
            buyer = Buyer(http)
            product = {"sku": buyer.sku, "name": "Tea", "price": "1.50", "tax_rate": "23"}
            http.post("/products", json=product).raise_for_status()
            received = buyer.submit("stock.receive", {"sku": buyer.sku, "qty": STOCK})
            assert buyer.end_of(received)["status"] == "succeeded"
            yield buyer

    def draft(self) -> str:
        """A new order of 3.00."""
        items = [{"sku": self.sku, "qty": PIECES}]
        order: str = self.end_of(self.submit("order.create", {"items": items}))["order_id"]
        return order

    def pay(self, order_id: str, payment_method: str) -> str:
        """Begin to pay online; the command's id."""
        return self.submit("order.pay", {"method": "online", "payment_method": payment_method}, order_id)

    def submit(self, type_: str, payload: dict[str, Any], order_id: str | None = None) -> str:
        """The id of the command, which has been accepted."""
        body = {"type": type_, "payload": payload} | ({"order_id": order_id} if order_id else {})
        answer = self.http.post("/commands", json=body, headers={"Idempotency-Key": str(uuid.uuid4())})
        assert answer.status_code in {200, 202}, answer.text
        command: str = answer.json()["id"]
        return command

    def command(self, command: str, wait_seconds: int = 0) -> dict[str, Any]:
        """As it stands now, or as soon as it is final."""
        headers = {"Prefer": f"wait={wait_seconds}"} if wait_seconds else {}
        found: dict[str, Any] = self.http.get(f"/commands/{command}", headers=headers).raise_for_status().json()
        return found

    def end_of(self, command: str) -> dict[str, Any]:
        """The command once it is final."""
        return self._when(command, lambda found: found["finished_at"] is not None, wait_seconds=5)

    def doubt_of(self, command: str) -> dict[str, Any]:
        """The command once it is uncertain."""
        return self._when(command, lambda found: found["status"] == "uncertain")

    def _when(self, command: str, holds: Callable[[dict[str, Any]], bool], *, wait_seconds: int = 0) -> dict[str, Any]:
        found: dict[str, Any] = {}

        def look() -> bool:
            try:
                found.update(self.command(command, wait_seconds))
            except httpx.HTTPStatusError as error:
                if error.response.status_code != httpx.codes.SERVICE_UNAVAILABLE:
                    raise
                return False  # the database is not back yet
            return holds(found)

        until(look, f"the command {command} gets there")
        return found

    def order(self, order_id: str) -> dict[str, Any]:
        """As it is now."""
        order: dict[str, Any] = self.http.get(f"/orders/{order_id}").raise_for_status().json()
        return order

    def reserved(self) -> int:
        """How many pieces are set aside."""
        [product] = self.http.get("/products", params={"sku": self.sku}).raise_for_status().json()["results"]
        reserved: int = product["reserved"]
        return reserved


def asked_simulator(system: System, command: str) -> tuple[bool | None, int] | None:
    """What the simulator has done about the command and how often it was asked to; None if never."""
    with system.connect() as connection:
        query = "SELECT is_yes, asked FROM simulated_payment WHERE id = %s"
        return connection.execute(query, [command]).fetchone()


def attempts_made(system: System, command: str) -> int:
    """How often somebody has set out to ask the provider."""
    with system.connect() as connection:
        found = connection.execute("SELECT attempts_made FROM provider_request WHERE id = %s", [command]).fetchone()
    return found[0] if found else 0


def time_passes(system: System) -> None:
    """Until everything is due that waits to be asked again."""
    with system.connect() as connection:
        connection.execute("UPDATE provider_request SET next_attempt_at = now() WHERE settled_at IS NULL")


def check_payments(system: System, buyer: Buyer) -> None:
    """Everything has ended, no provider is asked any more, nothing is set aside, and everything adds up."""
    with system.connect() as connection:
        unfinished = "SELECT count(*) FROM command WHERE finished_at IS NULL"
        until(lambda: connection.execute(unfinished).fetchone() == (0,), "all commands have ended")
        asked = "SELECT count(*) FROM provider_request WHERE settled_at IS NULL"
        assert connection.execute(asked).fetchone() == (0,)
        invariants.check(connection)
    assert buyer.reserved() == 0
