"""`GET /commands/stream`: one event for each change that the caller may see, resumed by `Last-Event-ID`."""

import json
import queue
import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException
from typing import Any

import pytest
from django.conf import LazySettings

from store import changes
from store.models import ProviderRequest
from tests.polling import until
from tests.till import Till, run_drain
from tests.web import web_server
from worker import payments
from worker.providers.simulator import Simulator

NOBODY = "redis://127.0.0.1:1/0"
WAIT_SECONDS = 20


@pytest.fixture(scope="module")
def port(django_db_setup: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """Where a web server listens."""
    with web_server(tmp_path_factory.mktemp("web")) as (found, _pid):
        yield found


@pytest.fixture(scope="module")
def deaf_port(django_db_setup: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """The same, without Redis."""
    with web_server(tmp_path_factory.mktemp("web"), REDIS_URL=NOBODY) as (found, _pid):
        yield found


@dataclass(frozen=True, slots=True)
class Heard:
    """One event as it came."""

    id: str
    command: dict[str, Any]


class Ear:
    """A client that listens to a stream in a thread of its own."""

    def __init__(self, port: int, till: Till, query: str = "", **headers: str) -> None:
        self._events: queue.Queue[Heard] = queue.Queue()
        self._http = HTTPConnection("127.0.0.1", port, timeout=60)
        named = {"Authorization": f"Api-Key {till.key}", "Accept": "text/event-stream", **headers}
        self._http.request("GET", f"/api/v1/commands/stream{query}", headers=named)
        self._socket = self._http.sock
        self._answer = self._http.getresponse()
        self._thread = threading.Thread(target=self._listen, daemon=True)

    def __enter__(self) -> "Ear":
        assert self._answer.headers["content-type"] == "text/event-stream"
        assert self._answer.headers["cache-control"] == "no-store"
        assert self._answer.readline() == b"retry: 1000\n"
        self._thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._socket.shutdown(socket.SHUT_RDWR)
        self._thread.join(WAIT_SECONDS)
        self._answer.close()
        self._socket.close()

    def next(self) -> Heard:
        """The next event."""
        return self._events.get(timeout=WAIT_SECONDS)

    def next_end(self) -> Heard:
        """The next event that tells of an end: a look at the table may have found the command waiting before."""
        return next(heard for heard in iter(self.next, None) if heard.command["finished_at"])

    def next_of(self, command_id: str) -> Heard:
        """The next event that tells of this command."""
        return next(heard for heard in iter(self.next, None) if heard.command["id"] == command_id)

    def silent(self) -> bool:
        """Whether nothing has come."""
        return self._events.empty()

    def _listen(self) -> None:
        event: dict[str, str] = {}
        while line := self._line():
            name, _colon, text = line.strip().partition(": ")
            if name:
                event[name] = text
            elif event:
                assert event["event"] == "command"
                self._events.put(Heard(event["id"], json.loads(event["data"])))
                event = {}

    def _line(self) -> str:
        try:
            return self._answer.readline().decode()
        except (OSError, HTTPException):
            return ""


def done(till: Till, type_: str = "order.create", **members: Any) -> str:
    """The id of a command that has been executed."""
    answer = till.submit(type_, **members)
    assert answer.status == 202
    run_drain()
    return str(answer.body["id"])


def test_tells_of_each_command_that_ends(port: int, pos: Till) -> None:
    with Ear(port, pos) as ear:
        ids = [done(pos) for _ in range(3)]
        heard = [ear.next() for _ in ids]
    assert [each.command["id"] for each in heard] == ids
    assert heard[0].command == pos.get(f"/commands/{ids[0]}").body
    assert len({each.id for each in heard}) == 3


def test_tells_of_what_is_cancelled_and_of_what_waits(port: int, pos: Till) -> None:
    with Ear(port, pos) as ear:
        command_id = pos.submit("order.create", not_before="2099-01-01T00:00:00Z").body["id"]
        queued = ear.next()
        pos.post(f"/commands/{command_id}/cancel")
        cancelled = ear.next()
    assert [each.command["status"] for each in (queued, cancelled)] == ["queued", "cancelled"]


def ask() -> None:
    """Ask the provider for what waits, also for what is not due yet."""
    ProviderRequest.objects.filter(settled_at=None).update(next_attempt_at="2026-01-01T00:00:00Z")
    payments.ask(lambda _name: Simulator(1, pause=lambda _seconds: None), timeout_seconds=1)


def settle() -> None:
    """Have the provider asked once more, and what it says settled."""
    ask()
    run_drain()


def pay_online(till: Till) -> str:
    """The id of a new order's payment that the provider will not answer at first; it waits to be executed."""
    order_id = till.run("order.create", {"items": [{"sku": "TEA", "qty": 1}]})["order_id"]
    online = {"method": "online", "payment_method": "time_out"}
    return str(till.submit("order.pay", online, order_id=order_id).body["id"])


@pytest.mark.parametrize("is_told", [True, False], ids=["told", "untold"])
def test_tells_each_step_of_an_online_payment_in_order(
    port: int, manager: Till, pos: Till, settings: LazySettings, monkeypatch: pytest.MonkeyPatch, is_told: bool
) -> None:
    settings.PAYMENT_PROVIDER = "simulator"
    manager.product("TEA", stock=5)
    if not is_told:
        monkeypatch.setattr(changes, "tell", lambda _change, _ids: None)
    with Ear(port, pos) as ear:
        command_id = pay_online(pos)
        heard = [ear.next_of(command_id)]
        for step in (run_drain, ask, settle):
            step()
            heard.append(ear.next_of(command_id))
    assert [each.command["status"] for each in heard] == ["queued", "running", "uncertain", "succeeded"]
    assert [bool(each.command["error"]) for each in heard] == [False, False, True, False]
    moments = [int(each.id.partition("-")[0]) for each in heard]
    assert moments == sorted(set(moments)), "each later than the one before"
    assert heard[-1].command == pos.get(f"/commands/{command_id}").body


def test_resumes_at_a_payment_that_is_still_open(port: int, manager: Till, pos: Till, settings: LazySettings) -> None:
    settings.PAYMENT_PROVIDER = "simulator"
    manager.product("TEA", stock=5)
    with Ear(port, pos) as ear:
        done(pos)
        last = ear.next()
    command_id = pay_online(pos)
    run_drain()
    ask()
    with Ear(port, pos, **{"Last-Event-ID": last.id}) as ear:
        assert ear.next_of(command_id).command["status"] == "uncertain"
        settle()
        assert ear.next_of(command_id).command["status"] == "succeeded"


def test_tells_nobody_of_what_happened_before(port: int, pos: Till) -> None:
    done(pos)
    with Ear(port, pos) as ear:
        command_id = done(pos)
        assert ear.next().command["id"] == command_id
        assert ear.silent()


def test_tells_a_client_of_its_own_commands_and_an_auditor_of_all(
    port: int, pos: Till, integration: Till, auditor: Till
) -> None:
    with Ear(port, pos) as ear, Ear(port, auditor) as all_ears:
        foreign, own = done(integration), done(pos)
        assert ear.next().command["id"] == own
        assert [all_ears.next().command["id"] for _ in range(2)] == [foreign, own]


def test_tells_of_one_order_alone(port: int, manager: Till) -> None:
    order_id = manager.run("order.create")["order_id"]
    with Ear(port, manager, f"?order_id={order_id}") as ear:
        done(manager)
        cancelled = done(manager, "order.cancel", order_id=order_id)
        assert ear.next().command["id"] == cancelled


def test_resumes_where_the_client_has_stopped(port: int, pos: Till, integration: Till) -> None:
    with Ear(port, pos) as ear:
        first = done(pos)
        last = ear.next()
    missed = [done(pos) for _ in range(3)]
    done(integration)
    with Ear(port, pos, **{"Last-Event-ID": last.id}) as ear:
        heard = [ear.next().command["id"] for _ in range(4)]
        later = done(pos)
        assert ear.next().command["id"] == later
        assert ear.silent()
    assert heard == [first, *missed]


def test_resumes_after_many_pages(port: int, pos: Till) -> None:
    with Ear(port, pos) as ear:
        done(pos)
        last = ear.next()
    for _ in range(2):
        pos.batch(*[{"idempotency_key": f"{_}-{n}", "type": "order.create", "payload": {}} for n in range(600)])
    until(lambda: run_drain().commands == 0)
    with Ear(port, pos, **{"Last-Event-ID": last.id}) as ear:
        heard = [ear.next().id for _ in range(1_201)]
    assert len(set(heard)) == 1_201


def test_tells_though_the_word_got_lost(port: int, pos: Till, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(changes, "tell", lambda _change, _ids: None)
    with Ear(port, pos) as ear:
        command_id = done(pos)
        assert ear.next().command["id"] == command_id


def test_tells_though_redis_is_away(deaf_port: int, pos: Till) -> None:
    with Ear(deaf_port, pos) as ear:
        ids = [done(pos) for _ in range(3)]
        assert [ear.next_end().command["id"] for _ in ids] == ids


@pytest.mark.parametrize(
    ("query", "headers", "errors"),
    [
        ("", {"Last-Event-ID": "x"}, [("Last-Event-ID", "malformed")]),
        ("", {"Last-Event-ID": f"{'9' * 18}-{'0' * 32}"}, [("Last-Event-ID", "malformed")]),
        ("?order_id=x", {}, [("order_id", "not-a-uuid")]),
        ("?status=queued", {}, [("status", "unknown-field")]),
    ],
)
def test_says_what_is_wrong_at_once(
    port: int, pos: Till, query: str, headers: dict[str, str], errors: list[tuple[str, str]]
) -> None:
    sent = {name.replace("-", "_"): text for name, text in headers.items()}
    assert pos.get(f"/commands/stream{query}", Accept="text/event-stream", **sent).errors() == errors


def test_needs_a_key_and_takes_an_event_source(port: int, pos: Till) -> None:
    pos.get("/commands/stream", Authorization=None, Accept="text/event-stream").problem(401, "unauthenticated")
    pos.get("/commands/stream", Accept="text/html").problem(406, "not-acceptable")
