"""A client's rate: what counts, what is refused and what is not, and that every answer says how much is left."""

import contextlib
import re
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from pytest_django.fixtures import Settings

from store import rates, redis
from store.models import Client, Command
from tests.away import redis_away
from tests.concurrency.workers import at_once
from tests.till import Answer, Till, entry, run_drain, statuses
from tests.web import web_server

CREATE = {"type": "order.create", "payload": {}}


@pytest.fixture(autouse=True)
def limit(settings: Settings) -> Iterator[Settings]:
    """A limit that a test reaches."""
    settings.RATE_LIMIT_PER_MINUTE = 5
    rates.forget()
    yield settings
    rates.forget()


def left(answer: Answer) -> int:
    """What the headers say is left, their shape checked."""
    told = re.fullmatch(r'"default";r=(\d+);t=(\d+)', answer.headers["ratelimit"])
    assert told, answer.headers
    assert 1 <= int(told[2]) <= 60
    assert re.fullmatch(r'"default";q=\d+;w=60', answer.headers["ratelimit-policy"])
    return int(told[1])


def test_each_request_costs_one_and_the_one_after_the_last_is_refused(pos: Till) -> None:
    assert [left(pos.submit("order.create")) for _ in range(5)] == [4, 3, 2, 1, 0]
    refused = pos.submit("order.create")
    refused.problem(429, "rate-limited")
    assert left(refused) == 0
    assert 1 <= int(refused.headers["retry-after"]) <= 60
    assert Command.objects.count() == 5


def test_reads_and_edits_over_the_rate_are_refused_at_once(manager: Till) -> None:
    for _ in range(5):
        assert manager.get("/orders").status == 200
    for path in ("/orders", "/commands", "/commands/stream", "/commands/01970000-0000-7000-8000-000000000001"):
        manager.get(path).problem(429, "rate-limited")
    manager.post("/products", {"sku": "TEA", "name": "Tea", "price": "1"}).problem(429, "rate-limited")
    manager.request("PATCH", "/nothing/here").problem(404, "not-found")


def test_clients_do_not_share_a_rate(pos: Till, integration: Till) -> None:
    for _ in range(6):
        pos.get("/orders")
    assert pos.get("/orders").status == 429
    assert left(integration.get("/orders")) == 4


def test_every_authenticated_answer_tells_also_when_it_says_no(pos: Till, limit: Settings) -> None:
    limit.RATE_LIMIT_PER_MINUTE = 1_000
    known = pos.post("/commands", CREATE, Idempotency_Key="k")
    said = {
        200: pos.get("/orders"),
        202: known,
        304: pos.get(f"/commands/{known.body['id']}", If_None_Match="*"),
        400: pos.post("/commands", {}, Idempotency_Key="x"),
        403: pos.post("/products", {}),
        404: pos.get("/orders/01970000-0000-7000-8000-000000000001"),
        405: pos.request("PUT", "/orders"),
        409: pos.post(f"/commands/{_ended(pos)}/cancel"),
        413: pos.request("POST", "/commands", raw=b'{"x":"%s"}' % (b"x" * 300_000), Idempotency_Key="y"),
        415: pos.request("POST", "/commands", raw=b"x", Content_Type="text/plain", Idempotency_Key="z"),
        422: pos.post("/commands", CREATE | {"device_sequence": 1}, Idempotency_Key="k"),
    }
    for status, answer in said.items():
        assert answer.status == status
        left(answer)


def _ended(till: Till) -> str:
    command_id = str(till.submit("order.create").body["id"])
    run_drain()
    return command_id


@pytest.mark.parametrize("path", ["/orders", "/health/", "/auth/token"])
def test_without_authentication_nothing_is_told(pos: Till, path: str) -> None:
    answer = pos.get(path, Authorization=None)
    assert not {"ratelimit", "ratelimit-policy"} & answer.headers.keys()


def test_a_known_key_is_answered_over_the_rate_and_what_is_wrong_is_told_first(pos: Till) -> None:
    first = pos.post("/commands", CREATE, Idempotency_Key="k")
    for _ in range(4):
        pos.get("/orders")
    replay = pos.post("/commands", CREATE, Idempotency_Key="k")
    assert (replay.status, replay.headers["idempotent-replayed"]) == (202, "true")
    assert replay.body["id"] == first.body["id"]
    pos.post("/commands", CREATE | {"device_sequence": 1}, Idempotency_Key="k").problem(422, "idempotency-key-reused")
    pos.submit("order.pay").problem(400, "invalid-request")
    pos.submit("stock.adjust", {"sku": "T", "delta": 1, "reason": "x"}).problem(403, "forbidden")
    pos.submit("order.create", expires_at="2020-01-01T00:00:00Z").problem(422, "expired")
    pos.submit("order.create").problem(429, "rate-limited")
    pos.post("/orders", {}, Idempotency_Key="new").problem(429, "rate-limited")
    assert pos.post("/orders", {}, Idempotency_Key="k").status == 202


def test_a_refusal_for_rate_uses_up_no_key(pos: Till, limit: Settings) -> None:
    for _ in range(5):
        pos.get("/orders")
    pos.post("/commands", CREATE, Idempotency_Key="k").problem(429, "rate-limited")
    limit.RATE_LIMIT_PER_MINUTE = 1_000
    answer = pos.post("/commands", CREATE, Idempotency_Key="k")
    assert (answer.status, answer.headers.get("idempotent-replayed")) == (202, None)


def test_a_batch_costs_its_entries_and_the_first_that_fit_are_taken(pos: Till) -> None:
    pos.post("/commands", CREATE, Idempotency_Key="known")
    known = {"idempotency_key": "known", **CREATE}
    twice = entry("order.create")
    results = pos.batch(entry("order.create"), {}, known, twice, known, twice, entry("order.create"), {})
    assert statuses(results) == [202, 400, 202, 202, 202, 202, 429, 400]
    assert results[6]["error"]["code"] == "rate-limited"
    assert [result.get("replayed", False) for result in results] == [
        False,
        False,
        True,
        False,
        True,
        True,
        False,
        False,
    ]
    assert Command.objects.count() == 3
    pos.get("/orders").problem(429, "rate-limited")


def test_a_batch_that_fits_exactly_is_taken_whole(pos: Till) -> None:
    answer = pos.post("/commands/batch", {"commands": [entry("order.create") for _ in range(5)]})
    assert statuses(answer.body["results"]) == [202] * 5
    assert left(answer) == 0


def test_a_batch_that_is_none_costs_one(pos: Till) -> None:
    assert left(pos.post("/commands/batch", {"commands": []})) == 4


def test_when_the_window_ends_another_begins(pos: Till, monkeypatch: pytest.MonkeyPatch) -> None:
    for _ in range(6):
        refused = pos.get("/orders")
    assert refused.status == 429
    client_id = next(iter(rates._accounts))
    assert redis.ask(lambda client: client.delete(*client.keys(f"*:rate:{client_id}")), 0) == 1  # as its end would
    assert left(pos.get("/orders")) == 4


def test_a_process_forgets_what_it_took_in_a_window_that_has_ended(pos: Till, limit: Settings) -> None:
    limit.RATE_LIMIT_PER_MINUTE = 6_000
    assert left(pos.get("/orders")) == 5_999
    (account,) = rates._accounts.values()
    assert account.units == 9
    account.ends_at = 0.0
    pos.get("/orders")
    assert account.units == 9, "ten new ones, of which one is used"


def test_a_window_lasts_a_minute_from_its_first_request(pos: Till) -> None:
    for _ in range(3):
        pos.get("/orders")
    client_id = next(iter(rates._accounts))
    lives: list[int] = redis.ask(lambda client: [client.pttl(name) for name in client.keys(f"*:rate:{client_id}")], [])
    assert len(lives) == 1
    assert 0 < lives[0] <= 60_000


def test_without_redis_nobody_is_refused(pos: Till) -> None:
    with redis_away():
        answers = [pos.submit("order.create") for _ in range(8)]
    assert {answer.status for answer in answers} == {202}
    assert {left(answer) for answer in answers} == {5}


def test_who_was_refused_is_not_any_longer_when_redis_goes_away(pos: Till) -> None:
    for _ in range(6):
        refused = pos.submit("order.create")
    assert refused.status == 429
    with redis_away():
        assert pos.submit("order.create").status == 202


def test_threads_of_one_process_never_take_more_than_the_limit(pos: Till, limit: Settings) -> None:
    limit.RATE_LIMIT_PER_MINUTE = 50
    together = at_once(8, lambda: [rates.take(pos_id(pos), 1, 50).granted for _ in range(20)])
    assert sum(map(sum, together)) == 50


def pos_id(till: Till) -> int:
    """The id of the client."""
    return Client.objects.get(name=till.name).id


@pytest.mark.parametrize("limit_per_minute", [12, 1_300])
def test_two_web_processes_share_one_limit(pos: Till, tmp_path: Path, limit_per_minute: int) -> None:
    """Small limits exactly; of a large one each process has taken a portion."""
    headers = {"Authorization": f"Api-Key {pos.key}"}
    with contextlib.ExitStack() as stack:
        servers = []
        for name in ("one", "two"):
            (tmp_path / name).mkdir()
            server = web_server(tmp_path / name, RATE_LIMIT_PER_MINUTE=str(limit_per_minute))
            servers.append(f"http://127.0.0.1:{stack.enter_context(server)[0]}/api/v1/commands/batch")
        taken = 0
        with httpx.Client(headers=headers, timeout=30) as http:
            for turn in range(6):
                entries = [entry("order.create") for _ in range(limit_per_minute // 4)]
                results = http.post(servers[turn % 2], json={"commands": entries}).json().get("results", [])
                taken += statuses(results).count(202)
        assert limit_per_minute - 2 * (limit_per_minute // rates.PORTIONS) <= taken <= limit_per_minute


def test_an_answer_that_was_held_back_tells_too(pos: Till, tmp_path: Path) -> None:
    headers = {"Authorization": f"Api-Key {pos.key}", "Prefer": "wait=1", "Idempotency-Key": "k"}
    with web_server(tmp_path) as (port, _pid):
        answer = httpx.post(f"http://127.0.0.1:{port}/api/v1/commands", headers=headers, json=CREATE, timeout=30)
        with httpx.stream("GET", f"http://127.0.0.1:{port}/api/v1/commands/stream", headers=headers) as stream:
            assert {"ratelimit", "ratelimit-policy"} <= stream.headers.keys()
    assert (answer.status_code, answer.headers["preference-applied"]) == (202, "wait=1")
    assert answer.headers.get_list("ratelimit") == ['"default";r=59999;t=60']
    assert answer.headers.get_list("ratelimit-policy") == ['"default";q=60000;w=60']
