"""Webhooks over HTTP: endpoints, their secrets, their deliveries, the catalogue; who may do and see what."""

import base64
import uuid
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from domain.events import CATALOGUE
from store import rendering, sealing, webhooks
from store.models import Delivery, DeliveryAttempt, Endpoint, Event
from tests.schemas import breaches
from tests.till import Till
from tests.webhooks import body, endpoint, heard
from worker.bell import Bell

ADDRESS = "https://93.184.215.14/hooks"
"""Public, and needs no name server; nothing is sent in these tests."""
ENDPOINTS, DELIVERIES = "/webhooks/endpoints", "/webhooks/deliveries"
LONG_AGO = "2020-01-01T00:00:00Z"


@pytest.fixture(autouse=True)
def rings(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """One entry for each ring for the courier."""
    found: list[str] = []
    monkeypatch.setattr(Bell, "ring_courier", lambda _bell: found.append("rung"))
    return found


def register(till: Till, **members: Any) -> dict[str, Any]:
    answer = till.post(ENDPOINTS, {"url": ADDRESS, **members})
    assert answer.status == 201, answer
    made: dict[str, Any] = answer.body
    return made


def path(shown: dict[str, Any], *more: str) -> str:
    return "/".join((ENDPOINTS, shown["id"], *more))


def patch(till: Till, shown: dict[str, Any], members: object) -> Any:
    return till.request("PATCH", path(shown), members)


def sealed(endpoint_id: str) -> tuple[bytes, bytes | None]:
    """The keys that sign."""
    row = Endpoint.objects.get(id=endpoint_id)
    previous = None if row.previous_secret is None else sealing.unseal(bytes(row.previous_secret))
    return sealing.unseal(bytes(row.secret)), previous


def key_of(secret: str) -> bytes:
    assert secret.startswith("whsec_")
    key = base64.b64decode(secret.removeprefix("whsec_"), validate=True)
    assert len(key) == 32
    return key


def statuses(where: dict[str, Any]) -> list[str]:
    """Of the deliveries there, oldest event first."""
    return list(Delivery.objects.filter(endpoint=where["id"]).order_by("event_id").values_list("status", flat=True))


def test_registers_an_endpoint_and_shows_its_secret_once(manager: Till) -> None:
    answer = manager.post(ENDPOINTS, {"url": ADDRESS})
    assert (answer.status, answer.headers["cache-control"]) == (201, "no-store")
    assert answer.headers["location"] == f"/api/v1{path(answer.body)}"
    shown = {name: each for name, each in answer.body.items() if name != "secret"}
    assert {name: each for name, each in shown.items() if name not in {"id", "created_at"}} == {
        "client": "manager-1",
        "url": ADDRESS,
        "event_types": [],
        "description": "",
        "ordered": False,
        "is_active": True,
        "disabled_reason": None,
    }
    assert key_of(answer.body["secret"]) == sealed(shown["id"])[0]
    assert key_of(answer.body["secret"]) not in bytes(Endpoint.objects.get().secret)
    assert manager.get(answer.headers["location"]).body == shown
    assert manager.get(ENDPOINTS).body == {"results": [shown], "next": None, "previous": None}
    assert patch(manager, shown, {}).body == shown


@pytest.mark.parametrize(
    ("members", "errors"),
    [
        ({"url": None}, [("/url", "required")]),
        ({"url": 7}, [("/url", "not-a-string")]),
        ({"url": ""}, [("/url", "too-short")]),
        ({"url": "https://x.example/" + "x" * 2_000}, [("/url", "too-long")]),
        ({"url": "https://127.0.0.1/"}, [("/url", "refused-address")]),
        ({"url": "https://[::ffff:10.0.0.1]/"}, [("/url", "refused-address")]),
        ({"url": "http://93.184.215.14/"}, [("/url", "refused-address")]),
        ({"url": "ftp://93.184.215.14/"}, [("/url", "refused-address")]),
        ({"url": "not a url"}, [("/url", "refused-address")]),
        ({"event_types": "order.paid"}, [("/event_types", "not-a-list")]),
        ({"event_types": ["order.paid", "order.sold"]}, [("/event_types/1", "not-a-choice")]),
        ({"event_types": [["order.paid"]]}, [("/event_types/0", "not-a-choice")]),
        ({"event_types": ["order.paid"] * 2}, [("/event_types/1", "duplicate")]),
        ({"event_types": ["order.paid"] * 99}, [("/event_types", "wrong-length")]),
        ({"description": "x" * 2_001}, [("/description", "too-long")]),
        ({"ordered": "yes", "is_active": 1}, [("/ordered", "not-a-boolean"), ("/is_active", "not-a-boolean")]),
        ({"secret": "whsec_"}, [("/secret", "unknown-field")]),
        ({"disabled_reason": "x"}, [("/disabled_reason", "unknown-field")]),
    ],
    ids=str,
)
def test_refuses_a_wrong_endpoint_at_registration_and_in_an_edit(
    manager: Till, members: dict[str, Any], errors: list[tuple[str, str]]
) -> None:
    there = register(manager)
    assert manager.post(ENDPOINTS, {"url": ADDRESS} | members).errors() == errors
    assert patch(manager, there, members).errors() == errors
    assert Endpoint.objects.count() == 1


@pytest.mark.parametrize("sent", [[], "x", None])
def test_refuses_what_is_no_object(manager: Till, sent: object) -> None:
    there = register(manager)
    raw = b"null" if sent is None else None
    for method, where in (("POST", ENDPOINTS), ("PATCH", path(there)), ("POST", path(there, "replay"))):
        assert manager.request(method, where, sent, raw).errors() == [("", "not-an-object")]


def test_a_client_has_a_hundred_endpoints_at_most(
    integration: Till, manager: Till, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(webhooks, "ENDPOINTS_MAX", 2)
    first, _second = register(integration), register(integration)
    assert integration.post(ENDPOINTS, {"url": ADDRESS}).errors() == [("", "too-many")]
    register(manager)
    assert integration.request("DELETE", path(first)).status == 204
    register(integration)


def test_an_edit_changes_what_is_sent_and_null_puts_back_what_is_optional(manager: Till) -> None:
    there = register(manager, event_types=["order.paid"], description="till", ordered=True)
    changed = patch(manager, there, {"url": "https://1.1.1.1/", "description": None})
    assert changed.status == 200
    assert changed.body == {
        **{name: each for name, each in there.items() if name != "secret"},
        "url": "https://1.1.1.1/",
        "description": "",
    }
    assert patch(manager, there, {"event_types": None}).body["event_types"] == []


def test_an_edit_that_does_not_touch_the_address_does_not_look_it_up(manager: Till) -> None:
    """A name that cannot be resolved for the moment is no reason to refuse a new description."""
    there = register(manager)
    Endpoint.objects.update(url="https://gone.invalid/")
    assert patch(manager, there, {"description": "still here"}).status == 200


def test_deactivating_cancels_what_is_pending_and_activating_starts_afresh(manager: Till) -> None:
    there = register(manager, event_types=["order.created"])
    for _ in range(2):
        manager.run("order.create")
    Delivery.objects.filter(id=Delivery.objects.first().id).update(status="delivered", next_attempt_at=None)  # type: ignore[union-attr]
    Endpoint.objects.update(failing_since=datetime.now(UTC), disabled_reason="It is gone.")
    resting = patch(manager, there, {"is_active": False}).body
    assert (resting["is_active"], resting["disabled_reason"]) == (False, "It is gone.")
    assert sorted(statuses(there)) == ["cancelled", "delivered"]
    manager.run("order.create")
    assert patch(manager, there, {"description": "x"}).body["disabled_reason"] == "It is gone."
    active = patch(manager, there, {"is_active": True}).body
    assert (active["is_active"], active["disabled_reason"]) == (True, None)
    assert Endpoint.objects.get().failing_since is None
    assert sorted(statuses(there)) == ["cancelled", "delivered"]
    manager.run("order.create")
    assert sorted(statuses(there)) == ["cancelled", "delivered", "pending"]


@pytest.mark.parametrize("ordered", [True, False])
def test_what_waits_is_put_in_order_or_no_longer_when_the_endpoint_wants_it(manager: Till, ordered: bool) -> None:
    there = register(manager, event_types=["order.created", "command.succeeded"], ordered=not ordered)
    order_id = manager.run("order.create")["order_id"]
    assert patch(manager, there, {"ordered": ordered}).body["ordered"] is ordered
    found = {each.event_type: (each.order_id, each.sequence) for each in Delivery.objects.all()}
    kept = (uuid.UUID(order_id), 1) if ordered else (None, None)
    assert found == {"order.created": kept, "command.succeeded": (None, None)}


def test_what_was_set_aside_to_wait_for_its_turn_is_due_when_order_matters_no_more(manager: Till) -> None:
    there = register(manager, event_types=["order.created"], ordered=True)
    for _ in range(3):
        manager.run("order.create")
    later = datetime(2099, 1, 1, tzinfo=UTC)
    waiting, failed, held = Delivery.objects.order_by("id")
    Delivery.objects.update(next_attempt_at=later)
    Delivery.objects.filter(id=failed.id).update(attempts_made=1)
    Delivery.objects.filter(id=held.id).update(leased_until=later)
    patch(manager, there, {"ordered": False})
    due = [Delivery.objects.get(id=each.id).next_attempt_at == later for each in (waiting, failed, held)]
    assert due == [False, True, True]


def test_a_deleted_endpoint_is_gone_and_gets_nothing_more(manager: Till) -> None:
    there = register(manager)
    manager.run("order.create")
    assert manager.request("DELETE", path(there)).status == 204
    assert set(statuses(there)) == {"cancelled"}
    manager.run("order.create")
    assert len(statuses(there)) == 2
    for method in ("GET", "PATCH", "DELETE"):
        manager.request(method, path(there), {} if method == "PATCH" else None).problem(404, "not-found")
    for action in ("rotate-secret", "ping"):
        manager.post(path(there, action)).problem(404, "not-found")
    manager.post(path(there, "replay"), {"since": LONG_AGO}).problem(404, "not-found")
    assert manager.get(ENDPOINTS).body["results"] == []
    deliveries = manager.get(DELIVERIES).body["results"]
    assert len(deliveries) == 2
    manager.post(f"{DELIVERIES}/{deliveries[0]['id']}/retry").problem(404, "not-found")


def test_a_new_secret_signs_beside_the_old_one_for_a_day(manager: Till) -> None:
    there = register(manager)
    answer = manager.post(path(there, "rotate-secret"))
    assert (answer.status, answer.headers["cache-control"]) == (200, "no-store")
    assert key_of(answer.body["secret"]) != key_of(there["secret"])
    assert sealed(there["id"]) == (key_of(answer.body["secret"]), key_of(there["secret"]))
    until = Endpoint.objects.get().previous_secret_until
    assert until is not None
    assert abs(until - datetime.now(UTC) - timedelta(hours=24)) < timedelta(minutes=1)
    again = manager.post(path(there, "rotate-secret")).body
    assert sealed(there["id"]) == (key_of(again["secret"]), key_of(answer.body["secret"]))
    assert "secret" not in manager.get(path(there)).body


@pytest.mark.parametrize("members", [{}, {"is_active": False}, {"event_types": ["order.paid"]}], ids=str)
def test_a_ping_is_for_one_endpoint_whatever_it_wants(manager: Till, members: dict[str, Any], rings: list[str]) -> None:
    there, other = register(manager, **members), register(manager)
    answer = manager.post(path(there, "ping"))
    assert (answer.status, rings) == (202, ["rung"])
    assert manager.get(f"{DELIVERIES}/{answer.body['id']}").body == answer.body
    assert {name: answer.body[name] for name in ("endpoint_id", "event_type", "status", "attempts")} == {
        "endpoint_id": there["id"],
        "event_type": "endpoint.ping",
        "status": "pending",
        "attempts": [],
    }
    event = Event.objects.get(id=answer.body["webhook_id"])
    assert event.data == {"endpoint": manager.get(path(there)).body}
    assert breaches(dict(CATALOGUE["endpoint.ping"].schema), body(event)) == []
    assert statuses(other) == []


def tried(delivery: Delivery, *attempts: dict[str, Any]) -> None:
    """Attempts as a courier records them."""
    for number, attempt in enumerate(attempts):
        at = datetime(2026, 11, 21, 12, number, tzinfo=UTC)
        DeliveryAttempt.objects.create(delivery=delivery, at=at, duration_ms=12, **attempt)


def test_a_delivery_shows_its_attempts(manager: Till) -> None:
    there = register(manager, event_types=["order.created"])
    manager.run("order.create")
    delivery = Delivery.objects.get()
    tried(delivery, {"error": "timed out"}, {"status": 500, "body": "no"})
    shown = manager.get(f"{DELIVERIES}/{delivery.id}").body
    assert shown == {
        "id": str(delivery.id),
        "endpoint_id": there["id"],
        "webhook_id": str(delivery.event_id),
        "event_type": "order.created",
        "status": "pending",
        "next_attempt_at": rendering.shown_time(delivery.next_attempt_at),
        "attempts": [
            {"at": "2026-11-21T12:00:00Z", "duration_ms": 12, "status": None, "error": "timed out", "body": None},
            {"at": "2026-11-21T12:01:00Z", "duration_ms": 12, "status": 500, "error": None, "body": "no"},
        ],
        "created_at": rendering.shown_time(delivery.created_at),
    }
    assert manager.get(DELIVERIES).body["results"] == [shown]


def test_lists_deliveries_newest_first_by_endpoint_status_and_type(manager: Till) -> None:
    first, second = register(manager), register(manager, event_types=["order.created"])
    for _ in range(3):
        manager.run("order.create")
    done = Delivery.objects.filter(endpoint=first["id"], event_type="order.created")
    done.update(status="delivered", next_attempt_at=None)

    def found(query: str) -> list[str]:
        rows = [row for page in manager.pages(f"{DELIVERIES}?page_size=2{query}") for row in page]
        ids = [row["id"] for row in rows]
        assert ids == sorted(ids, reverse=True)
        return [f"{'first' if row['endpoint_id'] == first['id'] else 'second'} {row['event_type']}" for row in rows]

    ends, created, others = ["first command.succeeded"], ["first order.created"], ["second order.created"]
    assert sorted(found("")) == sorted((ends + created + others) * 3)
    assert found(f"&endpoint_id={second['id']}") == others * 3
    assert found("&status=delivered") == created * 3
    assert sorted(found("&status=pending")) == sorted((ends + others) * 3)
    assert sorted(found("&event_type=order.created")) == sorted((created + others) * 3)
    assert found(f"&endpoint_id={first['id']}&status=pending&event_type=command.succeeded") == ends * 3
    assert found(f"&endpoint_id={uuid.uuid4()}") == []
    errors = manager.get(f"{DELIVERIES}?endpoint_id=x&status=lost&event_type=x").errors()
    assert errors == [("endpoint_id", "not-a-uuid"), ("status", "not-a-choice"), ("event_type", "not-a-choice")]


@pytest.mark.parametrize("status", ["exhausted", "cancelled", "delivered", "pending"])
def test_a_retried_delivery_starts_afresh_under_its_webhook_id(manager: Till, status: str, rings: list[str]) -> None:
    register(manager, event_types=["order.created"], ordered=True)
    order_id = manager.run("order.create")["order_id"]
    delivery = Delivery.objects.get()
    tried(delivery, {"status": 500})
    due = datetime(2099, 1, 1, tzinfo=UTC) if status == "pending" else None
    Delivery.objects.update(status=status, next_attempt_at=due, attempts_made=8, order_id=None, sequence=None)
    del rings[:]
    answer = manager.post(f"{DELIVERIES}/{delivery.id}/retry")
    assert (answer.status, answer.body["status"], rings) == (202, "pending", ["rung"])
    assert (answer.body["id"], answer.body["webhook_id"]) == (str(delivery.id), str(delivery.event_id))
    assert len(answer.body["attempts"]) == 1
    delivery.refresh_from_db()
    assert delivery.attempts_made == 0
    assert delivery.next_attempt_at is not None
    assert delivery.next_attempt_at < datetime.now(UTC) + timedelta(minutes=1)
    assert (delivery.order_id, delivery.sequence) == (uuid.UUID(order_id), 1)


def test_a_retry_takes_its_lease_from_a_courier(manager: Till) -> None:
    register(manager, event_types=["order.created"])
    manager.run("order.create")
    until = datetime(2099, 1, 1, tzinfo=UTC)
    Delivery.objects.update(leased_until=until, next_attempt_at=until)
    assert manager.post(f"{DELIVERIES}/{Delivery.objects.get().id}/retry").status == 202
    assert Delivery.objects.get().leased_until is None


def test_an_endpoint_that_is_not_active_gets_nothing_again(manager: Till) -> None:
    there = register(manager, event_types=["order.created"])
    manager.run("order.create")
    patch(manager, there, {"is_active": False})
    answer = manager.post(f"{DELIVERIES}/{Delivery.objects.get().id}/retry")
    assert (answer.status, answer.body["status"]) == (202, "cancelled")
    assert manager.post(path(there, "replay"), {"since": LONG_AGO}).body == {"deliveries": 0}
    assert statuses(there) == ["cancelled"]
    patch(manager, there, {"is_active": True})
    assert manager.post(path(there, "replay"), {"since": LONG_AGO}).body == {"deliveries": 1}
    assert statuses(there) == ["pending"]


@pytest.mark.parametrize("piece", [1, 3, 5_000])
def test_a_replay_sends_what_was_missed_and_what_was_sent_once_more(
    manager: Till, integration: Till, rings: list[str], monkeypatch: pytest.MonkeyPatch, piece: int
) -> None:
    monkeypatch.setattr(webhooks, "REPLAY_PIECE", piece)
    everything = endpoint(of=manager)
    manager.run("order.create")
    late = register(integration, event_types=["order.created", "command.succeeded"])
    since = datetime.now(UTC).isoformat()
    manager.run("order.create")
    integration.run("order.create")
    integration.post(path(late, "ping"))
    Delivery.objects.update(status="delivered", next_attempt_at=None)
    del rings[:]
    answer = integration.post(path(late, "replay"), {"since": since})
    assert (answer.status, answer.body, rings) == (202, {"deliveries": 3}, ["rung"])
    assert heard(Endpoint.objects.get(id=late["id"])) == ["order.created"] * 2 + ["command.succeeded", "endpoint.ping"]
    assert statuses(late) == ["pending"] * 3 + ["delivered"]
    assert integration.post(path(late, "replay"), {"since": LONG_AGO}).body == {"deliveries": 4}
    assert statuses(late) == ["pending"] * 4 + ["delivered"]
    assert set(Delivery.objects.filter(endpoint=everything).values_list("status", flat=True)) == {"delivered"}
    assert integration.post(path(late, "replay"), {"since": "2099-01-01T00:00:00+05:00"}).body == {"deliveries": 0}
    assert integration.post(path(late, "replay"), {"since": "0001-01-01T00:00:00Z"}).body == {"deliveries": 4}
    assert rings == ["rung"] * 3


def test_a_replay_does_not_tell_an_endpoint_that_it_was_disabled_itself(manager: Till) -> None:
    broken, other = register(manager), register(manager)
    row = Endpoint.objects.get(id=broken["id"])
    Event.objects.create(
        type="endpoint.disabled", data={"endpoint": rendering.endpoint(row)}, occurred_at=row.created_at
    )
    assert manager.post(path(broken, "replay"), {"since": LONG_AGO}).body == {"deliveries": 0}
    assert manager.post(path(other, "replay"), {"since": LONG_AGO}).body == {"deliveries": 1}


@pytest.mark.parametrize(
    ("sent", "errors"),
    [
        ({}, [("/since", "required")]),
        ({"since": "yesterday"}, [("/since", "not-a-time")]),
        ({"since": "2026-01-01T00:00:00"}, [("/since", "not-a-time")]),
        ({"since": LONG_AGO, "until": LONG_AGO}, [("/until", "unknown-field")]),
    ],
    ids=str,
)
def test_a_replay_needs_a_time(manager: Till, sent: dict[str, Any], errors: list[tuple[str, str]]) -> None:
    assert manager.post(path(register(manager), "replay"), sent).errors() == errors


def test_the_catalogue_has_a_schema_and_an_example_of_every_type(integration: Till) -> None:
    answer = integration.get("/webhooks/event-types")
    assert (answer.status, answer.body["next"], answer.body["previous"]) == (200, None, None)
    assert [each["type"] for each in answer.body["results"]] == list(CATALOGUE)
    for each in answer.body["results"]:
        assert each.keys() == {"type", "description", "schema", "example"}
        assert breaches(each["schema"], each["example"]) == []


type Ask = Callable[[Till, str, str], Any]
READS: dict[str, Ask] = {
    "list endpoints": lambda till, _endpoint, _delivery: till.get(ENDPOINTS),
    "read endpoint": lambda till, endpoint_id, _delivery: till.get(f"{ENDPOINTS}/{endpoint_id}"),
    "list deliveries": lambda till, _endpoint, _delivery: till.get(DELIVERIES),
    "read delivery": lambda till, _endpoint, delivery_id: till.get(f"{DELIVERIES}/{delivery_id}"),
    "catalogue": lambda till, _endpoint, _delivery: till.get("/webhooks/event-types"),
}
WRITES: dict[str, tuple[Ask, int]] = {
    "register": (lambda till, _endpoint, _delivery: till.post(ENDPOINTS, {"url": ADDRESS}), 201),
    "edit": (lambda till, endpoint_id, _delivery: till.request("PATCH", f"{ENDPOINTS}/{endpoint_id}", {}), 200),
    "rotate": (lambda till, endpoint_id, _delivery: till.post(f"{ENDPOINTS}/{endpoint_id}/rotate-secret"), 200),
    "ping": (lambda till, endpoint_id, _delivery: till.post(f"{ENDPOINTS}/{endpoint_id}/ping"), 202),
    "replay": (
        lambda till, endpoint_id, _delivery: till.post(f"{ENDPOINTS}/{endpoint_id}/replay", {"since": LONG_AGO}),
        202,
    ),
    "retry": (lambda till, _endpoint, delivery_id: till.post(f"{DELIVERIES}/{delivery_id}/retry"), 202),
    "delete": (lambda till, endpoint_id, _delivery: till.request("DELETE", f"{ENDPOINTS}/{endpoint_id}"), 204),
}


@pytest.fixture
def subject(integration: Till) -> tuple[str, str]:
    """An integration's endpoint and a delivery there."""
    there = register(integration)
    integration.run("order.create")
    return there["id"], str(Delivery.objects.filter(endpoint=there["id"]).latest("id").id)


@pytest.mark.parametrize("role", ["pos", "integration", "manager", "auditor"])
def test_managers_and_auditors_read_all_integrations_their_own_tills_nothing(
    subject: tuple[str, str], role: str
) -> None:
    reader = Till.register("reader", role)
    own = register(reader)["id"] if role == "integration" else None
    for name, ask in READS.items():
        answer = ask(reader, *subject)
        if role == "pos":
            answer.problem(403, "forbidden")
        elif role == "integration" and name.startswith("read"):
            answer.problem(404, "not-found")
        else:
            assert answer.status == 200, (name, answer)
        if name.startswith("list") and role != "pos":
            ids = {each.get("endpoint_id", each["id"]) for each in answer.body["results"]}
            assert ids == ({subject[0]} if role != "integration" else {own} if name == "list endpoints" else set())


@pytest.mark.parametrize("role", ["pos", "integration", "manager", "auditor"])
def test_managers_write_all_integrations_their_own_others_nothing(
    subject: tuple[str, str], role: str, integration: Till
) -> None:
    writer = Till.register("writer", role)
    for name, (ask, status) in WRITES.items():
        answer = ask(writer, *subject)
        if role in {"pos", "auditor"}:
            answer.problem(403, "forbidden")
        elif role == "integration" and name != "register":
            answer.problem(404, "not-found")
        else:
            assert answer.status == status, (name, answer)
    if role == "integration":
        assert [ask(integration, *subject).status for ask, _status in WRITES.values()] == [
            status for _ask, status in WRITES.values()
        ]


def test_nobody_gets_in_without_a_key(subject: tuple[str, str], integration: Till) -> None:
    stranger = Till("stranger", "manager", "nobody.nothing")
    for ask in [*READS.values(), *(ask for ask, _status in WRITES.values())]:
        ask(stranger, *subject).problem(401, "unauthenticated")
