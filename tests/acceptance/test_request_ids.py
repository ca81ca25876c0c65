"""Every request has an id: the client's or a new one; it is on every answer and stays with what the request caused."""

import re

import pytest

from store.models import Command, Event
from tests.till import Till, entry, run_drain
from tests.webhooks import endpoint

MADE = re.compile(r"[0-9a-f]{32}")


@pytest.mark.parametrize("given", ["a", "till-7.order_4", "Z" * 64])
def test_the_clients_own_id_is_answered_and_kept_with_the_command(pos: Till, given: str) -> None:
    answer = pos.post("/commands", {"type": "order.create", "payload": {}}, Idempotency_Key="k", X_Request_Id=given)
    assert answer.headers["x-request-id"] == given
    assert Command.objects.values_list("request_id", flat=True).get() == given


@pytest.mark.parametrize("given", [None, "", "a b", "Z" * 65, "näher", 'a"b', "a\tb"])
def test_without_a_usable_id_one_is_made_each_time(pos: Till, given: str | None) -> None:
    first, second = (pos.get("/products", X_Request_Id=given).headers["x-request-id"] for _ in range(2))
    assert MADE.fullmatch(first)
    assert MADE.fullmatch(second)
    assert first != second


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/health/live", 200),
        ("GET", "/problems/not-found", 200),
        ("GET", "/api/v1/nowhere", 404),
        ("GET", "/nowhere", 404),
        ("DELETE", "/commands", 405),
        ("POST", "/commands", 400),
        ("POST", "/commands/01970000-0000-7000-8000-00000000abcd/retry", 404),
    ],
)
def test_every_answer_has_it(pos: Till, method: str, path: str, status: int) -> None:
    answer = pos.request(method, path, X_Request_Id="mine")
    assert (answer.status, answer.headers["x-request-id"]) == (status, "mine")


def test_an_answer_without_a_key_or_with_a_bug_behind_it_has_it(pos: Till, monkeypatch: pytest.MonkeyPatch) -> None:
    assert pos.get("/products", Authorization=None, X_Request_Id="mine").headers["x-request-id"] == "mine"
    monkeypatch.setattr("api.products.ProductsView.get", lambda *_args: 1 / 0)
    answer = pos.get("/products", X_Request_Id="mine")
    assert (answer.status, answer.headers["x-request-id"]) == (500, "mine")


def test_pages_have_it(pos: Till) -> None:
    assert pos.http.get("/admin/login/", headers={"X-Request-Id": "mine"}).headers["X-Request-Id"] == "mine"


def test_each_entry_of_a_batch_keeps_it(pos: Till) -> None:
    body = {"commands": [entry("order.create"), entry("order.create")]}
    pos.post("/commands/batch", body, X_Request_Id="mine")
    assert list(Command.objects.values_list("request_id", flat=True)) == ["mine", "mine"]


def test_a_replay_keeps_the_first_requests_id(pos: Till) -> None:
    body = {"type": "order.create", "payload": {}}
    for request_id in ("first", "second"):
        pos.post("/commands", body, Idempotency_Key="k", X_Request_Id=request_id)
    assert Command.objects.values_list("request_id", flat=True).get() == "first"


@pytest.mark.parametrize("how", ["executed", "cancelled"])
def test_events_keep_what_asked_for_their_command(pos: Till, how: str) -> None:
    endpoint()
    trace = f"00-{'a' * 32}-{'b' * 16}-01"
    body = {"type": "order.create", "payload": {}}
    command = pos.post("/commands", body, Idempotency_Key="k", X_Request_Id="mine", traceparent=trace).body
    if how == "cancelled":
        pos.post(f"/commands/{command['id']}/cancel", X_Request_Id="another")
    run_drain()
    kept = set(Event.objects.values_list("request_id", "traceparent"))
    assert kept == {("mine", trace)}
    assert Event.objects.count() == (2 if how == "executed" else 1)
