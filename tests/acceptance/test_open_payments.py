"""A command that waits for the payment provider: not to be cancelled, not to be retried, and worth waiting for."""

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import httpx
import pytest
from django.conf import LazySettings

from store.models import AuditEntry, Command, ProviderRequest
from tests import invariants
from tests.laws.workers import raw
from tests.polling import until
from tests.till import Till, run_drain
from tests.web import web_server
from worker import payments
from worker.providers.simulator import Simulator

ONLINE = {"method": "online", "payment_method": "approve"}


@pytest.fixture(scope="module")
def port(django_db_setup: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """Where a web server listens."""
    with web_server(tmp_path_factory.mktemp("web"), PAYMENT_PROVIDER="simulator") as (found, _pid):
        yield found


@pytest.fixture(autouse=True)
def simulated(settings: LazySettings) -> None:
    """A deployment with the simulator."""
    settings.PAYMENT_PROVIDER = "simulator"


@pytest.fixture
def order_id(manager: Till) -> str:
    """A draft of a tea."""
    manager.product("TEA", stock=5)
    found: str = manager.run("order.create", {"items": [{"sku": "TEA", "qty": 1}]})["order_id"]
    return found


def ask() -> None:
    """What the payments process does at a bell; time passes in no time."""
    payments.ask(lambda _name: Simulator(1, pause=lambda _seconds: None), timeout_seconds=1)


def settle() -> None:
    """Let the provider answer, also if it is to be asked again, and what it says be settled."""
    ProviderRequest.objects.filter(settled_at=None).update(next_attempt_at="2026-01-01T00:00:00Z")
    ask()
    run_drain()


def running(till: Till, order_id: str) -> dict[str, Any]:
    """A payment whose provider has not been asked yet."""
    command = till.run("order.pay", ONLINE, order_id=order_id)
    assert command["status"] == "running"
    return command


def uncertain(till: Till, order_id: str) -> dict[str, Any]:
    """A payment that the provider has not answered."""
    command = till.run("order.pay", ONLINE | {"payment_method": "time_out"}, order_id=order_id)
    ask()
    found: dict[str, Any] = till.get(command["links"]["self"]).body
    assert found["status"] == "uncertain"
    return found


type Pay = Callable[[Till, str], dict[str, Any]]


@pytest.mark.parametrize("pay", [running, uncertain])
@pytest.mark.parametrize("by", ["submitter", "manager"])
def test_nobody_cancels_it(pos: Till, manager: Till, order_id: str, pay: Pay, by: str) -> None:
    command = pay(pos, order_id)
    audited = AuditEntry.objects.count()
    answer = (pos if by == "submitter" else manager).post(f"/commands/{command['id']}/cancel")
    assert command["status"] in answer.problem(409, "not-cancellable")["detail"]
    assert pos.get(command["links"]["self"]).body == command
    assert AuditEntry.objects.count() == audited
    settle()
    assert pos.get(command["links"]["self"]).body["status"] == "succeeded"
    invariants.check(raw())


def test_nobody_cancels_the_answer_to_it(pos: Till, manager: Till, order_id: str) -> None:
    command = running(pos, order_id)
    ask()
    answer = str(Command.objects.get(type="payment.settle", status="queued").id)
    manager.post(f"/commands/{answer}/cancel").problem(409, "not-cancellable")
    pos.post(f"/commands/{answer}/cancel").problem(404, "not-found")
    run_drain()
    assert pos.get(command["links"]["self"]).body["status"] == "succeeded"
    assert manager.get(f"/commands/{answer}").body["status"] == "succeeded"


@pytest.mark.parametrize("pay", [running, uncertain])
def test_nobody_retries_it(pos: Till, manager: Till, order_id: str, pay: Pay) -> None:
    command = pay(pos, order_id)
    manager.post(f"/commands/{command['id']}/retry").problem(409, "not-retryable")
    assert pos.get(command["links"]["self"]).body == command
    assert ProviderRequest.objects.count() == 1
    settle()
    invariants.check(raw(), [Command.objects.get(id=command["id"]).id])


def test_nobody_retries_what_was_declined(manager: Till, order_id: str) -> None:
    command = manager.run("order.pay", ONLINE | {"payment_method": "decline"}, order_id=order_id)
    settle()
    manager.post(f"/commands/{command['id']}/retry").problem(409, "not-retryable")


@pytest.mark.parametrize("pay", [running, uncertain])
def test_the_same_key_finds_it_as_it_stands(pos: Till, order_id: str, pay: Pay) -> None:
    command = pay(pos, order_id)
    token = "approve" if pay is running else "time_out"
    answer = pos.submit(
        "order.pay", ONLINE | {"payment_method": token}, order_id=order_id, key=command["idempotency_key"]
    )
    assert (answer.status, answer.body, answer.headers["idempotent-replayed"]) == (202, command, "true")


class Waiter:
    """A till that waits for its answers in threads of its own."""

    def __init__(self, port: int, till: Till) -> None:
        self._threads = ThreadPoolExecutor()
        self._url = f"http://127.0.0.1:{port}/api/v1/commands"
        self._headers = {"Authorization": f"Api-Key {till.key}", "Idempotency-Key": "k"}

    def pay(self, order_id: str, prefer: str, payment_method: str = "approve") -> Future[httpx.Response]:
        """Submit `order.pay`."""
        body = {"type": "order.pay", "order_id": order_id, "payload": ONLINE | {"payment_method": payment_method}}
        headers = self._headers | {"Prefer": prefer}
        return self._threads.submit(httpx.post, self._url, json=body, headers=headers, timeout=40)

    def get(self, command_id: str, prefer: str) -> Future[httpx.Response]:
        """Read a command."""
        headers = self._headers | {"Prefer": prefer}
        return self._threads.submit(httpx.get, f"{self._url}/{command_id}", headers=headers, timeout=40)


@pytest.mark.parametrize(("payment_method", "end"), [("approve", "succeeded"), ("decline", "failed")])
def test_who_waits_is_answered_when_it_has_ended_and_not_when_it_has_asked(
    port: int, pos: Till, order_id: str, payment_method: str, end: str
) -> None:
    asked = Waiter(port, pos).pay(order_id, "wait=25", payment_method)
    until(lambda: Command.objects.filter(type="order.pay", status="queued").exists(), "it is accepted")
    run_drain()
    assert Command.objects.get(type="order.pay").status == "running"
    settle()
    answer = asked.result()
    assert (answer.status_code, answer.json()["status"]) == (200, end)


def test_who_waits_sits_through_a_doubt(port: int, pos: Till, order_id: str) -> None:
    asked = Waiter(port, pos).pay(order_id, "wait=25", "time_out")
    until(lambda: Command.objects.filter(type="order.pay", status="queued").exists(), "it is accepted")
    run_drain()
    ask()
    assert Command.objects.get(type="order.pay").status == "uncertain"
    settle()
    answer = asked.result()
    assert (answer.status_code, answer.json()["status"], answer.json()["error"]) == (200, "succeeded", None)


@pytest.mark.parametrize("pay", [running, uncertain])
def test_who_has_waited_long_enough_is_told_how_it_stands(port: int, pos: Till, order_id: str, pay: Pay) -> None:
    command = pay(pos, order_id)
    answer = Waiter(port, pos).get(command["id"], "wait=1").result()
    assert (answer.status_code, answer.json()) == (200, command)
    assert (answer.headers["preference-applied"], answer.headers["retry-after"]) == ("wait=1", "1")
