"""Tills at work while things break: each sends order after order, and remembers every command that was accepted."""

import itertools
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx

from tests import invariants
from tests.faults.system import System
from tests.polling import until

TILLS = 3
PAUSE_SECONDS = 0.02


@dataclass(slots=True)
class Traffic:
    """What was accepted (command ids), and what was answered instead of 200 or 202."""

    url: str
    authorization: str
    skus: list[str]
    accepted: list[uuid.UUID] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    _stop: threading.Event = field(default_factory=threading.Event)

    @contextmanager
    def flowing(self) -> Iterator["Traffic"]:
        """Send until the block ends, at least one order a till."""
        tills = [threading.Thread(target=self._till, daemon=True) for _ in range(TILLS)]
        for till in tills:
            till.start()
        try:
            yield self
        finally:
            self._stop.set()
            for till in tills:
                till.join(timeout=60)
        assert not any(till.is_alive() for till in tills), "a till is stuck"

    def wait_for(self, commands: int) -> None:
        """Wait until so many more commands have been accepted."""
        target = len(self.accepted) + commands
        deadline = time.monotonic() + 60
        while len(self.accepted) < target:
            assert time.monotonic() < deadline, f"only {len(self.accepted)} of {target} accepted; {self.refused[-3:]}"
            time.sleep(0.01)

    def _till(self) -> None:
        with httpx.Client(base_url=self.url, headers={"Authorization": self.authorization}, timeout=15) as http:
            for number in itertools.count():
                self._order(http, number)
                if self._stop.is_set():
                    return

    def _order(self, http: httpx.Client, number: int) -> None:
        order = str(uuid.uuid4())
        items = [{"sku": sku, "qty": 1 + number % 3} for sku in self.skus]
        self._send(http, {"type": "order.create", "order_id": order, "payload": {}})
        self._send(http, {"type": "order.add_items", "order_id": order, "payload": {"items": items}})
        self._send(http, {"type": "order.pay", "order_id": order, "payload": {"method": "cash"}})
        if number % 4 == 0:
            self._send(http, {"type": "order.cancel", "order_id": order, "payload": {}})

    def _send(self, http: httpx.Client, body: dict[str, Any]) -> None:
        """POST under one key until it is accepted, as a till does."""
        key = str(uuid.uuid4())
        while True:
            try:
                answer = http.post("/api/v1/commands", json=body, headers={"Idempotency-Key": key})
            except httpx.TransportError as error:
                self.refused.append(repr(error))
            else:
                if answer.status_code in {200, 202}:
                    self.accepted.append(uuid.UUID(answer.json()["id"]))
                    time.sleep(PAUSE_SECONDS)
                    return
                self.refused.append(f"{answer.status_code} {answer.text}")
            time.sleep(0.1)


def check(system: System, traffic: Traffic) -> None:
    """Every accepted command ends within seconds, and everything adds up."""
    with system.connect() as connection:
        open_commands = "SELECT count(*) FROM command WHERE finished_at IS NULL"
        until(lambda: connection.execute(open_commands).fetchone() == (0,), "all commands have ended")
        invariants.check(connection, traffic.accepted)
