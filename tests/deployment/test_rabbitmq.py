"""The whole system once on RabbitMQ. No test needs a RabbitMQ but these: without one at TEST_AMQP_URL they are skipped.

The broker's other users are not disturbed: with `rabbitmqctl` at hand the system gets a virtual host of its own, and
otherwise its queues are deleted afterwards.
"""

import os
import shutil
import signal
import subprocess
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psutil
import pytest
from kombu import Connection, Queue

from config import settings
from config.seed import Api
from tests.config.running import Running
from tests.polling import until
from tests.receiver import Receiver

AMQP_URL = os.environ.get("TEST_AMQP_URL") or "amqp://guest:guest@127.0.0.1:5672//"
QUEUES = {"celery", *(route["queue"] for route in settings.CELERY_TASK_ROUTES.values())}


def _answers() -> bool:
    try:
        with Connection(AMQP_URL, connect_timeout=2) as connection:
            connection.connect()
    except OSError:
        return False
    return True


pytestmark = pytest.mark.skipif(not _answers(), reason=f"no RabbitMQ at {AMQP_URL}; set TEST_AMQP_URL")


@pytest.fixture(scope="module")
def receiver() -> Iterator[Receiver]:
    """Who hears of everything."""
    with Receiver().serving() as receiver:
        yield receiver


@pytest.fixture(scope="module")
def system() -> Iterator[Running]:
    """`make up` with RabbitMQ as its broker."""
    folder = Path(tempfile.mkdtemp(prefix="orderly-rabbitmq-"))
    folder.chmod(0o755)
    with _place_of_our_own() as url:
        running = Running(folder / "data", BROKER_URL=url, WEBHOOK_ALLOWED_NETWORKS="127.0.0.1/32")
        try:
            yield running
        finally:
            ended = running.stop(signal.SIGTERM)
        assert ended == 0
        assert running.left_behind() == []
    shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _place_of_our_own() -> Iterator[str]:
    name, user = f"orderly-{uuid.uuid4().hex[:8]}", urlsplit(AMQP_URL).username or "guest"
    if _ctl("add_vhost", name) is None:
        yield from _shared_place()
        return
    try:
        assert _ctl("set_permissions", "-p", name, user, ".*", ".*", ".*") is not None
        yield urlsplit(AMQP_URL)._replace(path=f"/{name}").geturl()
        left = _ctl("list_queues", "-q", "--no-table-headers", "-p", name, "name") or ""
        assert set(left.split()) == QUEUES, "a queue is missing, or outlives its process"
    finally:
        _ctl("delete_vhost", name)


def _shared_place() -> Iterator[str]:
    try:
        yield AMQP_URL
    finally:
        with Connection(AMQP_URL) as connection:
            for queue in QUEUES:
                Queue(queue).bind(connection.default_channel).delete()


def _ctl(*arguments: str) -> str | None:
    """What `rabbitmqctl` says; None when it is not here or may not."""
    try:
        ended = subprocess.run(["rabbitmqctl", *arguments], capture_output=True, text=True, timeout=60, check=False)
    except OSError:
        return None
    return None if ended.returncode else ended.stdout


def submit(api: Api, key: str, type_: str, order_id: str, payload: dict[str, Any]) -> Any:
    """The command's answer."""
    body = {"type": type_, "order_id": order_id, "payload": payload}
    status, answer = api.ask("POST", "/api/v1/commands", body, key=key, idempotency_key=str(uuid.uuid4()))
    assert status == 202, answer
    return answer


def paid(system: Running, **how: str) -> str:
    """A new order's id, once it is paid, by card if nothing else is said."""
    order_id, key = str(uuid.uuid4()), system.keys["pos"]
    submit(system.api, key, "order.create", order_id, {"items": [{"sku": "WATER-05", "qty": 1}]})
    submit(system.api, key, "order.pay", order_id, how or {"method": "card"})
    until(lambda: status_of(system, order_id) == "paid", "the order is paid")
    return order_id


def status_of(system: Running, order_id: str) -> str:
    return str(system.api.ask("GET", f"/api/v1/orders/{order_id}", key=system.keys["auditor"])[1].get("status"))


def test_an_order_is_paid_and_cancelled(system: Running) -> None:
    order_id = paid(system)
    submit(system.api, system.keys["manager"], "order.cancel", order_id, {})
    until(lambda: status_of(system, order_id) == "cancelled", "the order is cancelled")


def test_bells_alone_wake_the_worker(system: Running) -> None:
    with frozen(system, "sweeper@"):
        paid(system)


def test_the_payment_provider_is_asked_by_bells_alone(system: Running) -> None:
    with frozen(system, "sweeper@"):
        paid(system, method="online", payment_method="approve")


def test_webhooks_are_delivered_by_bells_alone(system: Running, receiver: Receiver) -> None:
    endpoint = {"url": receiver.url("/ok/rabbit"), "event_types": ["order.paid"]}
    status, answer = system.api.ask("POST", "/api/v1/webhooks/endpoints", endpoint, key=system.keys["manager"])
    assert status == 201, answer
    with frozen(system, "sweeper@"):
        order_id = paid(system)
        until(lambda: any(order_id.encode() in each.body for each in receiver.received), "the webhook has come")


def test_a_killed_worker_comes_back_and_nothing_is_lost(system: Running) -> None:
    before = until(lambda: system.pid_of("commands@%h"))
    os.kill(before, signal.SIGKILL)
    paid(system)
    assert system.pid_of("commands@%h") not in {0, before}


@contextmanager
def frozen(system: Running, name: str) -> Iterator[None]:
    """The system with a process and its children at a stop."""
    main = psutil.Process(until(lambda: system.pid_of(f"{name}%h")))
    processes = [main, *main.children(recursive=True)]
    for process in processes:
        process.suspend()
    try:
        yield
    finally:
        for process in processes:
            process.resume()
