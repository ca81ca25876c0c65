"""The order of the checks: authentication, syntax, key look-up, role, validation, expiry, backlog."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from pytest_django.fixtures import Settings

from store import clients
from store.backlog import backlog
from store.models import Client, Command
from tests.guards import guards_asleep
from tests.till import Answer, Till

PAST = "2020-01-01T00:00:00Z"
CREATE: dict[str, Any] = {"type": "order.create", "payload": {}}
FORBIDDEN: dict[str, Any] = {"type": "stock.adjust", "payload": {"sku": "A", "delta": 1, "reason": "x"}}


@pytest.fixture
def full(settings: Settings, pos: Till) -> Iterator[None]:
    """A backlog over its limit."""
    settings.BACKLOG_LIMIT = 1
    assert pos.submit("order.create", key="waiting").status == 202
    backlog.forget()
    yield
    backlog.forget()


def post(till: Till, body: object, key: str | None = "k", **headers: str | None) -> Answer:
    return till.post("/commands", body, Idempotency_Key=key, **headers)


def demote(till: Till) -> None:
    """The client becomes an auditor, who may submit nothing."""
    Client.objects.filter(name=till.name).update(role="auditor")
    clients.forget()


def test_a_known_key_is_a_replay_though_the_role_is_lost(pos: Till) -> None:
    first = post(pos, CREATE)
    demote(pos)
    again = post(pos, CREATE)
    assert (again.status, again.body["id"]) == (202, first.body["id"])
    post(pos, CREATE, key="new").problem(403, "forbidden")


def test_a_known_key_is_a_replay_though_the_command_has_expired_since(pos: Till) -> None:
    body = CREATE | {"expires_at": "2099-01-01T00:00:00Z"}
    first = post(pos, body)
    with guards_asleep():
        Command.objects.update(expires_at=PAST)
    assert post(pos, body).body["id"] == first.body["id"]


@pytest.mark.parametrize("body", [CREATE | {"expires_at": PAST}, {"type": "nonsense"}, FORBIDDEN, {}, [], None])
def test_a_known_key_is_refused_for_another_body_before_that_body_is_checked(pos: Till, body: object) -> None:
    post(pos, CREATE)
    post(pos, body).problem(422, "idempotency-key-reused")


def test_a_known_key_is_a_replay_though_the_backlog_is_full(full: None, pos: Till) -> None:
    again = pos.submit("order.create", key="waiting")
    assert (again.status, again.headers["idempotent-replayed"]) == (202, "true")
    pos.submit("order.create", {"note": "x"}, key="waiting").problem(422, "idempotency-key-reused")


def test_authentication_comes_before_everything(pos: Till) -> None:
    post(pos, CREATE)
    for headers in ({"Authorization": None}, {"Authorization": "Api-Key 00000000.x"}):
        for body in (CREATE, {"type": "x" * 300_000}, {"type": "nonsense"}):
            post(pos, body, **headers).problem(401, "unauthenticated")
        pos.request("POST", "/commands", raw=b"{", **headers).problem(401, "unauthenticated")


def test_size_comes_before_syntax_and_the_key(pos: Till) -> None:
    post(pos, CREATE)
    pos.request("POST", "/commands", raw=b"{" * 300_000, Idempotency_Key="k").problem(413, "too-large")
    pos.request("POST", "/commands", raw=b"{" * 300_000).problem(413, "too-large")


def test_syntax_comes_before_the_key_look_up(pos: Till) -> None:
    post(pos, CREATE)
    pos.request("POST", "/commands", raw=b"{", Idempotency_Key="k").problem(400, "invalid-request")
    post(pos, CREATE, key="a b").problem(400, "idempotency-key-invalid")
    post(pos, {"type": "nonsense"}, key=None).problem(400, "idempotency-key-missing")


def test_the_role_comes_before_validation_and_expiry(pos: Till) -> None:
    post(pos, {"type": "stock.adjust", "payload": {"delta": 0}, "x": 1}).problem(403, "forbidden")
    post(pos, FORBIDDEN | {"expires_at": PAST}).problem(403, "forbidden")


@pytest.mark.parametrize("body", [CREATE, {"type": "nonsense"}, {"payload": {}}, {}, [], None, "x"])
def test_an_auditor_submits_nothing_valid_or_not(auditor: Till, body: object) -> None:
    post(auditor, body).problem(403, "forbidden")


def test_validation_comes_before_expiry(pos: Till) -> None:
    assert post(pos, CREATE | {"expires_at": PAST, "colour": 1}).errors() == [("/colour", "unknown-field")]


def test_everything_comes_before_the_backlog(full: None, pos: Till) -> None:
    post(pos, FORBIDDEN).problem(403, "forbidden")
    post(pos, {"type": "nonsense"}).problem(400, "invalid-request")
    post(pos, CREATE | {"expires_at": PAST}).problem(422, "expired")
    post(pos, CREATE).problem(503, "unavailable")


def test_a_command_that_has_expired_already_is_refused_and_not_stored(pos: Till) -> None:
    post(pos, CREATE | {"expires_at": PAST}).problem(422, "expired")
    assert not Command.objects.exists()


def test_a_full_backlog_stores_nothing_and_says_when_to_come_back(full: None, pos: Till) -> None:
    answer = post(pos, CREATE)
    answer.problem(503, "unavailable")
    assert answer.headers["retry-after"].isdigit()
    assert Command.objects.count() == 1


def test_room_in_the_backlog_lets_the_same_key_in(full: None, pos: Till) -> None:
    post(pos, CREATE).problem(503, "unavailable")
    waiting = pos.get("/commands").body["results"][0]
    assert pos.post(f"{waiting['links']['self']}/cancel").status == 200
    backlog.forget()
    assert post(pos, CREATE).status == 202


def too_large(till: Till) -> Answer:
    return till.request("POST", "/commands", raw=b" " * 300_000, Idempotency_Key="k")


REFUSED: dict[str, tuple[int, Callable[[Till], Answer]]] = {
    "not authenticated": (401, lambda till: post(till, CREATE, Authorization="Api-Key 00000000.x")),
    "too large": (413, too_large),
    "no JSON": (400, lambda till: till.request("POST", "/commands", raw=b"{", Idempotency_Key="k")),
    "wrong type": (415, lambda till: post(till, CREATE, Content_Type="text/plain")),
    "not acceptable": (406, lambda till: post(till, CREATE, Accept="text/html")),
    "forbidden": (403, lambda till: post(till, FORBIDDEN)),
    "invalid": (400, lambda till: post(till, CREATE | {"colour": 1})),
    "expired": (422, lambda till: post(till, CREATE | {"expires_at": PAST})),
}


@pytest.mark.parametrize(("status", "refused"), REFUSED.values(), ids=REFUSED)
def test_a_refused_request_uses_up_no_key(pos: Till, status: int, refused: Callable[[Till], Answer]) -> None:
    assert refused(pos).status == status
    assert not Command.objects.exists()
    accepted = post(pos, CREATE)
    assert accepted.status == 202
    assert "idempotent-replayed" not in accepted.headers
