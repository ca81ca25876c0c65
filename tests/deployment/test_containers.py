"""Every entrypoint of the compose file does its work, is healthy by its own check, and ends in order."""

import base64
import json
import shutil
import tempfile
import uuid
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import psycopg
import pytest

from config import embedded
from tests.deployment import image
from tests.deployment.containers import Containers
from tests.polling import until

PROCESSES = ("api", "worker", "sweeper", "courier", "payments", "beat", "flower")


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    """A folder that PostgreSQL's own user can reach, with the image in it and servers beside it."""
    folder = Path(tempfile.mkdtemp(prefix="orderly-deployment-"))
    folder.chmod(0o755)
    try:
        (folder / "app").mkdir()
        image.build(folder / "app")
        yield folder
    finally:
        embedded.remove(folder / "data")
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="module")
def containers(folder: Path) -> Iterator[Containers]:
    """All services, each of them healthy by its own check, and not before it ran; they end in order."""
    containers = Containers(folder, embedded.start(folder / "data", durable=False))
    before = files(containers.app)
    try:
        containers.start("migrate")
        assert containers.wait("migrate") == 0, containers.log("migrate").read_text()
        with ThreadPoolExecutor(len(PROCESSES)) as pool:
            assert not any(pool.map(containers.is_healthy, PROCESSES)), "a check that cannot fail"
            for name in PROCESSES:
                containers.start(name)
            list(pool.map(lambda name: until(lambda: containers.is_healthy(name), f"{name} is healthy"), PROCESSES))
        yield containers
    finally:
        ended = containers.stop_all()
    assert ended == dict.fromkeys(ended, 0)
    assert files(containers.app) == before, "a process writes where a container may only read"


def files(app: Path) -> set[Path]:
    """Everything in the image's folder."""
    return {path for path in app.rglob("*") if ".venv" not in path.parts}


def ask(url: str, body: object = None, headers: Mapping[str, str] | None = None) -> tuple[int, Any]:
    """Status and parsed body, or its text."""
    data = None if body is None else json.dumps(body).encode()
    request = Request(url, data, {"Content-Type": "application/json", **(headers or {})})
    try:
        with urlopen(request, timeout=30) as answer:
            status, text = answer.status, answer.read().decode()
    except HTTPError as error:
        status, text = error.code, error.read().decode()
    return status, json.loads(text) if text.startswith("{") else text


class Till:
    """A client whose key was made in the api's container."""

    def __init__(self, containers: Containers) -> None:
        made = containers.run(
            "api", "python", "manage.py", "create_client", f"t-{uuid.uuid4().hex[:8]}", "--role", "manager"
        )
        self._headers = {"Authorization": made.strip()}
        self._root = f"http://127.0.0.1:{containers.port}/api/v1"

    def submit(self, type_: str, payload: dict[str, Any], *, wait: int = 20, **members: Any) -> dict[str, Any]:
        """The command, after it has ended or so many seconds."""
        headers = self._headers | {"Idempotency-Key": str(uuid.uuid4()), "Prefer": f"wait={wait}"}
        status, command = ask(f"{self._root}/commands", {"type": type_, "payload": payload, **members}, headers)
        assert status in {200, 202}, command
        found: dict[str, Any] = command
        return found

    def command(self, command_id: str) -> Any:
        """How it stands."""
        return ask(f"{self._root}/commands/{command_id}", headers=self._headers)[1]

    def order(self, sku: str) -> str:
        """A draft with one line, not yet paid: its id."""
        ask(f"{self._root}/products", {"sku": sku, "name": sku, "price": "2.50", "currency": "EUR"}, self._headers)
        assert self.submit("stock.receive", {"sku": sku, "qty": 5})["status"] == "succeeded"
        created = self.submit("order.create", {"items": [{"sku": sku, "qty": 2}]})
        return str(created["result"]["order"]["id"])


def test_an_order_is_created_and_paid(containers: Containers) -> None:
    till = Till(containers)
    paid = till.submit("order.pay", {"method": "card"}, order_id=till.order("TEA"))
    assert paid["result"]["order"] | {"id": None, "version": None} == {
        "id": None, "version": None, "status": "paid", "total": "5.00", "currency": "EUR"
    }  # fmt: skip


def test_health_sees_the_servers_and_the_worker(containers: Containers) -> None:
    seen = until(lambda: _complete(ask(f"http://127.0.0.1:{containers.port}/health/")[1]))
    assert (seen["status"], seen["workers"]) == ("ok", 1)


def _complete(seen: Any) -> Any:
    return seen if seen["workers"] else None


def test_flower_lets_nobody_in_without_the_password(containers: Containers) -> None:
    def flower(path: str, user: str | None = None) -> int:
        key = {"Authorization": f"Basic {base64.b64encode(user.encode()).decode()}"} if user else {}
        return ask(f"http://127.0.0.1:{containers.flower_port}{path}", headers=key)[0]

    assert [flower("/workers", user) for user in (None, "ops:wrong-horse", "ops:correct-horse")] == [401, 401, 200]
    assert [flower("/api/workers", user) for user in (None, "ops:correct-horse")] == [401, 200]
    assert flower("/healthcheck") == 200


def test_the_worker_finishes_what_it_has_begun_when_it_is_stopped(containers: Containers) -> None:
    till = Till(containers)
    order_id = till.order("MUG")
    with psycopg.connect(containers.servers.database_url) as connection:
        connection.execute("SELECT FROM orders WHERE id = %s FOR UPDATE", [order_id])
        command = till.submit("order.pay", {"method": "card"}, wait=0, order_id=order_id)
        watching = psycopg.connect(containers.servers.database_url, autocommit=True)
        until(lambda: _waits_for_a_lock(watching), "the worker has begun")
        watching.close()
        with ThreadPoolExecutor(1) as pool:
            stopped = pool.submit(containers.stop, "worker")
            until(lambda: "shut" in containers.log("worker").read_text().lower(), "the worker has heard")
            connection.rollback()
            assert stopped.result() == 0
    try:
        ended = till.command(command["id"])
        assert (ended["status"], ended["attempts"]) == ("succeeded", 1)
    finally:
        containers.start("worker")
        until(lambda: containers.is_healthy("worker"), "the worker is back")


def _waits_for_a_lock(connection: psycopg.Connection[Any]) -> bool:
    return bool(connection.execute("SELECT FROM pg_stat_activity WHERE wait_event_type = 'Lock'").rowcount)


def test_the_web_server_is_healthy_where_browsers_come_by_https_to_one_host(containers: Containers) -> None:
    public = {"PUBLIC_URL": "https://orders.example.com", "ALLOWED_HOSTS": "orders.example.com"}
    other = Containers(containers.folder, containers.servers, public)
    other.start("api")
    try:
        until(lambda: other.is_healthy("api"), "it is healthy")
        hosts = ("orders.example.com", "api", "elsewhere.example.com")
        root = f"http://127.0.0.1:{other.port}/health/ready"
        assert [ask(root, headers={"Host": host})[0] for host in hosts] == [200, 200, 400]
    finally:
        other.stop_all()
