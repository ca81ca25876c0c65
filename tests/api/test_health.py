"""Health: for load balancers and operators, without authentication."""

from collections.abc import Iterator

import pytest
from django.test import Client

from store import presence, redis
from tests.away import database_away, redis_away
from tests.till import Till, entry, run_drain

KEYS = {"status", "database", "redis", "workers", "backlog", "oldest_queued_seconds"}


@pytest.fixture
def a_worker(database: None) -> Iterator[None]:
    """One worker that has just sent its heartbeat, and no other."""
    redis.ask(lambda client: client.delete("orderly:workers"), None)
    presence.seen("commands@here")
    yield
    presence.left("commands@here")


@pytest.mark.parametrize("path", ["/health/", "/health"])
def test_all_is_well(a_worker: None, path: str) -> None:
    answer = Client().get(path)
    assert answer.status_code == 200
    assert answer.json() == {
        "status": "ok",
        "database": True,
        "redis": True,
        "workers": 1,
        "backlog": 0,
        "oldest_queued_seconds": 0,
    }


def test_counts_what_waits(a_worker: None, pos: Till) -> None:
    pos.batch(*(entry("order.create") for _ in range(3)))
    body = Client().get("/health/").json()
    assert body["backlog"] == 3
    assert 0 < body["oldest_queued_seconds"] < 60
    run_drain()
    assert Client().get("/health/").json()["backlog"] == 0


def test_a_command_for_later_waits_but_is_not_overdue(a_worker: None, pos: Till) -> None:
    pos.submit("order.create", not_before="2099-01-01T00:00:00Z")
    body = Client().get("/health/").json()
    assert (body["backlog"], body["oldest_queued_seconds"]) == (1, 0)


def test_is_degraded_without_a_worker(a_worker: None) -> None:
    presence.left("commands@here")
    answer = Client().get("/health/")
    assert (answer.status_code, answer.json()["status"], answer.json()["workers"]) == (200, "degraded", 0)


def test_is_degraded_without_redis(database: None) -> None:
    with redis_away():
        answer = Client().get("/health/")
    assert (answer.status_code, answer.json()["status"], answer.json()["redis"]) == (200, "degraded", False)
    assert answer.json().keys() == KEYS


@pytest.fixture
def no_database(database: None) -> Iterator[None]:
    """PostgreSQL is away."""
    with database_away():
        yield


def test_says_that_the_database_is_away(no_database: None) -> None:
    for path, status in (("/health/", 503), ("/health/ready", 503), ("/health/live", 200)):
        assert Client().get(path).status_code == status
    body = Client().get("/health/").json()
    assert body.keys() == KEYS
    assert (body["status"], body["database"], body["backlog"]) == ("degraded", False, 0)


def test_nothing_is_accepted_while_the_database_is_away(pos: Till, request: pytest.FixtureRequest) -> None:
    assert pos.get("/products").status == 200  # from here on, the key is remembered for a second
    request.getfixturevalue("no_database")
    body = {"type": "order.create", "payload": {}}
    for key in (pos.key, f"00000000.{pos.key}"):
        answer = pos.post("/commands", body, Idempotency_Key="k", Authorization=f"Api-Key {key}")
        answer.problem(503, "unavailable")
        assert answer.headers["retry-after"].isdigit()
    batch = pos.post("/commands/batch", {"commands": [body | {"idempotency_key": "k"}]})
    batch.problem(503, "unavailable")


def test_lives_and_is_ready(database: None) -> None:
    for path in ("/health/live", "/health/ready"):
        answer = Client().get(path)
        assert (answer.status_code, answer.json()["status"]) == (200, "ok")


def test_none_of_it_needs_authentication_and_all_of_it_stands_a_wrong_one(database: None) -> None:
    for path in ("/health/", "/health/live", "/health/ready"):
        assert Client().get(path, headers={"Authorization": "Api-Key junk"}).status_code == 200


@pytest.mark.parametrize("path", ["/health", "/health/", "/health/live", "/health/ready"])
def test_health_is_only_read(pos: Till, path: str) -> None:
    answer = pos.post(path, {}, Authorization=None)
    answer.problem(405, "method-not-allowed")
    assert answer.headers["allow"] == "GET, HEAD"
    assert pos.request("HEAD", path, Authorization=None).status == 200
