"""Online payments in tests: the simulator as the provider, asked here and now instead of by the payments process."""

from typing import Any

from store.models import ProviderRequest
from tests.till import Till, run_drain
from worker import payments
from worker.providers import Provider
from worker.providers.simulator import Simulator

APPROVE, DECLINE, SILENT = "approve", "decline", "time_out"
"""Tokens of the simulator: yes, no, and nothing at first."""


def ask(provider: Provider | None = None) -> int:
    """Do what the payments process does at a bell; time passes in no time."""
    return payments.ask(lambda _name: provider or Simulator(1, pause=lambda _seconds: None), timeout_seconds=1)


def pay(till: Till, order_id: str, payment_method: str) -> dict[str, Any]:
    """An online payment as it stands when the worker has begun it."""
    return till.run("order.pay", {"method": "online", "payment_method": payment_method}, order_id=order_id)


def paid(till: Till, order_id: str) -> str:
    """Pay the order online, to the end: the command's id."""
    command_id: str = pay(till, order_id, APPROVE)["id"]
    ask()
    run_drain()
    return command_id


def uncertain(till: Till, order_id: str) -> str:
    """Pay the order online with a provider that says nothing: the id of the command, which is uncertain."""
    command_id: str = pay(till, order_id, SILENT)["id"]
    ask()
    return command_id


def due_now() -> None:
    """Let the time pass until everything is due that waits to be asked again."""
    ProviderRequest.objects.filter(settled_at=None).update(next_attempt_at="2026-01-01T00:00:00Z")
