"""Finished commands and their replays are answered by Redis; without it by PostgreSQL, with the same bytes."""

import uuid
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from redis import Redis

from domain import registry
from domain.outcome import Outcome
from domain.registry import Command
from domain.world import World
from store import cache, clients, db, redis
from tests.away import database_away, redis_away
from tests.guards import guards_asleep
from tests.store.shop import execute
from tests.till import Till, entry, run_drain, statuses
from worker.sweep import sweep

KEY = "the-key"
type Body = dict[str, Any]


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A busy machine is no reason to call Redis away."""
    monkeypatch.setattr(redis, "TIMEOUT_SECONDS", 10)
    monkeypatch.setattr(cache, "_met", set())
    monkeypatch.setattr(cache, "_met_before", set())
    redis.forget()
    yield
    redis.forget()


def order_of(till: Till, **payload: Any) -> str:
    """An order, read by nobody yet."""
    answer = till.submit("order.create", payload)
    run_drain()
    return str(answer.body["order_id"])


def paid(till: Till) -> Body:
    """A payment with change."""
    till.product("TEA", "3.50", stock=5)
    order_id = order_of(till, items=[{"sku": "TEA", "qty": 1}])
    payload = {"method": "cash", "tendered": "5", "reference": "döner & \U0001f9c3"}
    return {"type": "order.pay", "payload": payload, "order_id": order_id, "device_sequence": 7}


def received(till: Till) -> Body:
    """Stock that comes."""
    till.product("TEA")
    return {"type": "stock.receive", "payload": {"sku": "TEA", "qty": 3}, "occurred_at": "2026-01-01T10:00:00.5+01:00"}


def short(till: Till) -> Body:
    """A refusal that names shortages."""
    till.product("TEA")
    return {"type": "order.create", "payload": {"workflow": "fulfilment", "items": [{"sku": "TEA", "qty": 1}]}}


def conflicting(till: Till) -> Body:
    """A refusal that names a version."""
    return {"type": "order.cancel", "payload": {}, "order_id": order_of(till), "expected_version": 9}


EXECUTED = [paid, received, short, conflicting]


def finish(till: Till, body: Body) -> str:
    """Submit and execute; the command's path, which nobody has read."""
    answer = till.post("/commands", body, Idempotency_Key=KEY)
    assert answer.status == 202, answer
    run_drain()
    return f"/commands/{answer.body['id']}"


def cancelled(till: Till) -> str:
    """The path of a command that was cancelled while it waited."""
    path = f"/commands/{till.submit('order.create').body['id']}"
    assert till.post(f"{path}/cancel").status == 200
    return path


def expired(till: Till) -> str:
    """The path of a command that was not executed in time."""
    command_id = till.submit("order.create", expires_at="2099-01-01T00:00:00Z").body["id"]
    with guards_asleep():
        execute("UPDATE command SET expires_at = now() WHERE id = %s", uuid.UUID(command_id))
    sweep()
    return f"/commands/{command_id}"


def executed(make: Callable[[Till], Body]) -> Callable[[Till], str]:
    """The path of a command that a worker has ended."""
    return lambda till: finish(till, make(till))


@pytest.mark.parametrize("path_of", [*map(executed, EXECUTED), cancelled, expired])
def test_redis_and_postgresql_show_a_command_byte_for_byte_alike(manager: Till, path_of: Callable[[Till], str]) -> None:
    path = path_of(manager)
    manager.get(path)  # what no worker has ended is kept from the first look at it
    with database_away():
        kept = manager.get(path)
    with redis_away():
        stored = manager.get(path)
    assert (kept.status, kept.lasting_headers, kept.raw) == (200, stored.lasting_headers, stored.raw)
    assert manager.get(path, If_None_Match=stored.headers["etag"]).status == 304


@pytest.mark.parametrize("make", EXECUTED)
def test_what_a_worker_has_ended_is_read_and_replayed_without_postgresql(
    manager: Till, make: Callable[[Till], Body], monkeypatch: pytest.MonkeyPatch
) -> None:
    body = make(manager)
    path = finish(manager, body)
    monkeypatch.setattr(clients, "_REMEMBERED_SECONDS", 0.0)  # even the caller's key is asked for, in vain
    with database_away():
        replay = manager.post("/commands", body, Idempotency_Key=KEY)
        read = manager.get(path)
        batch = manager.batch({"idempotency_key": KEY, **body}, {"idempotency_key": KEY, **body})
        other = manager.post("/commands", body | {"device_sequence": 8}, Idempotency_Key=KEY)
        fresh = manager.post("/commands", body, Idempotency_Key="fresh")
    assert (replay.status, replay.headers["idempotent-replayed"]) == (200, "true")
    assert replay.headers["location"] == f"/api/v1{path}"
    assert replay.raw == read.raw
    assert batch == [{"status": 200, "replayed": True, "command": read.body}] * 2
    other.problem(422, "idempotency-key-reused")
    fresh.problem(503, "unavailable")


def test_a_process_that_has_not_met_the_key_asks_redis_when_postgresql_is_away(pos: Till) -> None:
    body = {"type": "order.create", "payload": {}}
    finish(pos, body)
    cache._met.clear()
    cache._met_before.clear()
    with database_away():
        assert pos.post("/commands", body, Idempotency_Key=KEY).headers["idempotent-replayed"] == "true"
        batch = pos.batch({"idempotency_key": KEY, **body}, {}, entry("order.create"))
    assert statuses(batch) == [200, 400, 503]


def test_a_new_key_is_not_asked_for(pos: Till) -> None:
    assert cache.seen(1, ["a", "b"]) == []
    assert cache.seen(1, ["b", "c"]) == ["b"]
    assert cache.seen(2, ["a"]) == []


@pytest.mark.parametrize("make", EXECUTED)
def test_without_redis_the_answers_are_the_same(manager: Till, make: Callable[[Till], Body]) -> None:
    body = make(manager)
    with redis_away():
        path = finish(manager, body)
        replay = manager.post("/commands", body, Idempotency_Key=KEY)
        other = manager.post("/commands", body | {"device_sequence": 8}, Idempotency_Key=KEY)
        read = manager.get(path)
    assert (replay.status, replay.headers["idempotent-replayed"], replay.raw) == (200, "true", read.raw)
    other.problem(422, "idempotency-key-reused")


def test_a_batch_mixes_what_is_kept_and_what_is_new(pos: Till) -> None:
    finish(pos, {"type": "order.create", "payload": {}})
    old = {"idempotency_key": KEY, "type": "order.create", "payload": {}}
    results = pos.batch(entry("order.create"), old, {}, old | {"payload": {"note": "x"}}, entry("order.create"))
    assert statuses(results) == [202, 200, 400, 422, 202]


def test_what_is_kept_is_its_own_clients(pos: Till, integration: Till, auditor: Till) -> None:
    body = {"type": "order.create", "payload": {}}
    path = finish(pos, body)
    integration.get(path).problem(404, "not-found")
    assert auditor.get(path).status == 200
    again = integration.post("/commands", body, Idempotency_Key=KEY)
    assert (again.status, again.headers.get("idempotent-replayed")) == (202, None)


def test_a_failure_that_may_be_retried_is_not_kept(manager: Till, monkeypatch: pytest.MonkeyPatch) -> None:
    def explode(_self: object, _command: Command, _world: World, _now: object) -> Outcome:
        raise ZeroDivisionError("a bug")

    kind = registry.find("order.create")
    assert kind is not None
    with monkeypatch.context() as broken:
        broken.setattr(kind.payload, "decide", explode)
        path = finish(manager, {"type": "order.create", "payload": {}})
        assert manager.get(path).body["error"]["code"] == "internal-error"
    assert manager.post(f"{path}/retry").status == 202
    assert manager.get(path).body["status"] == "queued"
    run_drain()
    assert manager.get(path).body["status"] == "succeeded"


def test_what_is_read_from_its_table_is_kept_anew(pos: Till) -> None:
    path = finish(pos, {"type": "order.create", "payload": {}})
    redis.ask(lambda client: client.flushdb(), None)
    pos.get(path)
    with database_away():
        assert pos.get(path).status == 200


_GONE = -2
"""What Redis says of the life of a key that is not there."""


def test_what_is_kept_fades(pos: Till) -> None:
    finish(pos, {"type": "order.create", "payload": {}})
    found: list[bytes] = redis.ask(lambda client: list(client.scan_iter(f"orderly:{db.identity()}:*")), [])
    names = [name for name in found if name.split(b":")[2] in {b"command", b"key"}]
    lives = [redis.ask(lambda client, name=name: client.ttl(name), -1) for name in names]  # type: ignore[misc]
    lives = [life for life in lives if life != _GONE]  # what other tests left may fade between the two questions
    assert len(lives) >= 2
    assert all(0 <= life <= cache.KEPT_SECONDS for life in lives)  # 0 is less than half a second, -1 for ever


def test_another_database_on_the_same_redis_finds_nothing(pos: Till, monkeypatch: pytest.MonkeyPatch) -> None:
    path = finish(pos, {"type": "order.create", "payload": {}})
    monkeypatch.setattr(db, "identity", lambda: "another")
    with database_away():
        pos.get(path).problem(503, "unavailable")


def test_a_redis_that_is_away_is_asked_once_a_second(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Redis] = []

    def ping(client: Redis) -> bool:
        asked.append(client)
        return bool(client.ping())

    with redis_away():
        assert not any(redis.ask(ping, otherwise=False) for _ in range(5))
        assert len(asked) == 1
        monkeypatch.setattr(redis, "AWAY_SECONDS", 0)
        monkeypatch.setattr(redis, "_away_until", 0.0)
        assert not any(redis.ask(ping, otherwise=False) for _ in range(5))
        assert len(asked) == 6
    assert redis.ask(ping, otherwise=False)
