"""`Prefer: wait`: the answer is held back until the command has ended or the time is up, whatever Redis does."""

import asyncio
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor

import httpx
import psutil
import pytest
from django.db import connection

from store import changes, db
from store.models import Command
from tests.polling import until
from tests.till import Till, run_drain
from tests.web import web_server

NOBODY = "redis://127.0.0.1:1/0"


@pytest.fixture(scope="module")
def server(django_db_setup: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[int, int]]:
    """Port and process id of a web server."""
    with web_server(tmp_path_factory.mktemp("web")) as found:
        yield found


@pytest.fixture(scope="module")
def deaf_server(django_db_setup: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[int, int]]:
    """The same, without Redis."""
    with web_server(tmp_path_factory.mktemp("web"), REDIS_URL=NOBODY) as found:
        yield found


class Waiter:
    """A client that waits for its answers in threads of its own."""

    def __init__(self, port: int, till: Till) -> None:
        self._threads = ThreadPoolExecutor()
        self._url = f"http://127.0.0.1:{port}/api/v1/commands"
        self._headers = {"Authorization": f"Api-Key {till.key}"}

    def post(self, prefer: str, key: str = "k", **members: object) -> Future[httpx.Response]:
        """Submit `order.create`."""
        body = {"type": "order.create", "payload": {}} | members
        headers = {**self._headers, "Idempotency-Key": key, "Prefer": prefer}
        return self._threads.submit(httpx.post, self._url, json=body, headers=headers, timeout=40)

    def get(self, command_id: str, prefer: str, **headers: str) -> Future[httpx.Response]:
        """Read a command."""
        headers = {**self._headers, "Prefer": prefer, **headers}
        return self._threads.submit(httpx.get, f"{self._url}/{command_id}", headers=headers, timeout=40)


@pytest.fixture
def waiter(server: tuple[int, int], pos: Till) -> Waiter:
    """A till that waits."""
    return Waiter(server[0], pos)


def accepted() -> str:
    """The id of the one command that waits, once it is there."""
    return str(until(lambda: Command.objects.filter(status="queued").first(), "it is accepted").id)


def drained() -> None:
    """Execute the one command that waits."""
    accepted()
    run_drain()


def check_final(answer: httpx.Response, prefer: str, status: str = "succeeded") -> None:
    """A final command, and the preference honoured."""
    assert (answer.status_code, answer.json()["status"]) == (200, status), answer.text
    assert answer.headers["preference-applied"] == prefer
    assert "retry-after" not in answer.headers


def test_a_post_is_answered_when_its_command_has_ended(waiter: Waiter) -> None:
    asked = waiter.post("wait=20")
    drained()
    answer = asked.result()
    check_final(answer, "wait=20")
    assert answer.headers["location"] == f"/api/v1/commands/{answer.json()['id']}"
    assert "idempotent-replayed" not in answer.headers


def test_a_command_that_failed_has_ended_as_well(waiter: Waiter) -> None:
    asked = waiter.post("wait=20", payload={"workflow": "fulfilment"})
    drained()
    check_final(asked.result(), "wait=20", "failed")


def test_a_post_is_answered_for_now_when_the_time_is_up(waiter: Waiter) -> None:
    answer = waiter.post("wait=1").result()
    assert (answer.status_code, answer.json()["status"]) == (202, "queued")
    assert (answer.headers["preference-applied"], answer.headers["retry-after"]) == ("wait=1", "1")


def test_a_replay_waits_too(waiter: Waiter, pos: Till) -> None:
    pos.submit("order.create", key="k")
    asked = waiter.post("wait=20")
    until(lambda: not asked.done())
    drained()
    check_final(asked.result(), "wait=20")
    assert asked.result().headers["idempotent-replayed"] == "true"
    check_final(waiter.post("wait=20").result(), "wait=20")


def test_a_get_is_answered_when_the_command_has_ended(waiter: Waiter, pos: Till) -> None:
    command_id = pos.submit("order.create").body["id"]
    etag = pos.get(f"/commands/{command_id}").headers["etag"]
    asked = [waiter.get(command_id, "wait=20"), waiter.get(command_id, "wait=20", **{"If-None-Match": etag})]
    drained()
    for each in asked:
        check_final(each.result(), "wait=20")
        assert each.result().headers["etag"] == pos.get(f"/commands/{command_id}").headers["etag"]


def test_a_get_is_answered_as_things_stand_when_the_time_is_up(waiter: Waiter, pos: Till) -> None:
    command_id = pos.submit("order.create").body["id"]
    answer = waiter.get(command_id, "wait=1").result()
    assert (answer.status_code, answer.json()["status"]) == (200, "queued")
    assert (answer.headers["preference-applied"], answer.headers["retry-after"]) == ("wait=1", "1")
    waiter_etag = {"If-None-Match": answer.headers["etag"]}
    assert waiter.get(command_id, "wait=1", **waiter_etag).result().status_code == 304


@pytest.mark.parametrize("is_heard", [True, False], ids=["heard", "unheard"])
def test_an_end_between_two_waits_is_told(
    waiter: Waiter, pos: Till, monkeypatch: pytest.MonkeyPatch, *, is_heard: bool
) -> None:
    """The second wait begins where the first one has left off, without a look of its own."""
    command_id = pos.submit("order.create").body["id"]
    assert waiter.get(command_id, "wait=1").result().json()["status"] == "queued"
    if not is_heard:
        monkeypatch.setattr(changes, "tell", lambda _change, _ids: None)
    drained()
    check_final(waiter.get(command_id, "wait=25").result(), "wait=25")


def test_cancelling_ends_a_wait(waiter: Waiter, pos: Till) -> None:
    asked = waiter.post("wait=20")
    assert pos.post(f"/commands/{accepted()}/cancel").status == 200
    check_final(asked.result(), "wait=20", "cancelled")


def test_a_resource_route_waits_too(server: tuple[int, int], pos: Till) -> None:
    with ThreadPoolExecutor() as threads:
        headers = {"Authorization": f"Api-Key {pos.key}", "Idempotency-Key": "k", "Prefer": "wait=20"}
        url = f"http://127.0.0.1:{server[0]}/api/v1/orders"
        asked = threads.submit(httpx.post, url, json={}, headers=headers, timeout=40)
        drained()
        check_final(asked.result(), "wait=20")


@pytest.mark.parametrize(
    ("prefer", "applied"),
    [
        ("wait=26", "wait=25"),
        ("wait=99999999999999999999", "wait=25"),
        ("WAIT = 7", "wait=7"),
        ('wait="7"', "wait=7"),
        ("respond-async, wait=7", "wait=7"),
        ("wait=7; x=y, wait=9", "wait=7"),
    ],
)
def test_reads_the_preference_as_it_is_written(waiter: Waiter, prefer: str, applied: str) -> None:
    asked = waiter.post(prefer)
    drained()
    check_final(asked.result(), applied)


@pytest.mark.parametrize("prefer", ["wait=-1", "wait=1.5", "wait=soon", "wait", "wait=", "respond-async", "x" * 999])
def test_an_unreadable_preference_is_ignored(waiter: Waiter, prefer: str) -> None:
    answer = waiter.post(prefer).result()
    assert answer.status_code == 202
    assert "preference-applied" not in answer.headers


def test_what_is_wrong_is_told_at_once(waiter: Waiter, pos: Till) -> None:
    assert waiter.get(str(uuid.uuid4()), "wait=25").result().status_code == 404
    assert waiter.post("wait=25", payload=None).result().status_code == 400


@pytest.fixture
def unheard(monkeypatch: pytest.MonkeyPatch) -> None:
    """Workers that die between their commit and their word."""
    monkeypatch.setattr(changes, "tell", lambda _change, _ids: None)


def test_a_wait_ends_though_the_word_got_lost(waiter: Waiter, unheard: None) -> None:
    asked = waiter.post("wait=25")
    drained()
    check_final(asked.result(), "wait=25")


def test_a_wait_ends_though_redis_is_away(deaf_server: tuple[int, int], pos: Till) -> None:
    asked = Waiter(deaf_server[0], pos).post("wait=25")
    drained()
    check_final(asked.result(), "wait=25")


def test_many_wait_without_a_thread_or_a_connection_each(server: tuple[int, int], pos: Till) -> None:
    port, pid = server
    [worker] = psutil.Process(pid).children()
    command_id = pos.submit("order.create").body["id"]

    async def wait_together(count: int, meanwhile: Callable[[], None]) -> list[int]:
        limits = httpx.Limits(max_connections=None)
        headers = {"Authorization": f"Api-Key {pos.key}", "Prefer": "wait=25"}
        async with httpx.AsyncClient(limits=limits, timeout=60) as http:
            url = f"http://127.0.0.1:{port}/api/v1/commands/{command_id}"
            asked = [asyncio.ensure_future(http.get(url, headers=headers)) for _ in range(count)]
            await asyncio.to_thread(until, lambda: len(worker.net_connections("tcp")) >= count, "all are connected")
            await asyncio.to_thread(meanwhile)
            answers = await asyncio.gather(*asked)
            return [answer.status_code for answer in answers if answer.json()["status"] == "succeeded"]

    def look_and_drain() -> None:
        assert worker.num_threads() < 20
        assert db.scalars("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()")[0] < 12
        run_drain()
        connection.close()  # this thread's own

    assert asyncio.run(wait_together(400, look_and_drain)) == [200] * 400
