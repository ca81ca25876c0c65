"""A command that has not begun can be cancelled; one that failed by no fault of its own can be queued again."""

import uuid

import pytest

from store.models import Command
from tests.till import Till, entry, run_drain

ORDER_ID = "01970000-0000-7000-8000-00000000abcd"


def fail(command_id: str, code: str) -> None:
    """As a worker leaves it that could not execute the command."""
    error = {"type": f"/problems/{code}", "title": "x", "detail": "x", "code": code, "retryable": True}
    Command.objects.filter(id=command_id).update(
        status="failed", error=error, attempts=3, started_at="2026-01-01T00:00:00Z", finished_at="2026-01-01T00:00:01Z"
    )


@pytest.mark.parametrize("by", ["submitter", "manager"])
def test_the_submitter_and_a_manager_cancel_a_queued_command(pos: Till, manager: Till, by: str) -> None:
    command = pos.submit("order.create").body
    till = pos if by == "submitter" else manager
    answer = till.post(f"/commands/{command['id']}/cancel")
    assert (answer.status, answer.body["status"]) == (200, "cancelled")
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["vary"] == "Prefer, Authorization"
    assert answer.body["finished_at"] is not None
    assert (answer.body["result"], answer.body["error"]) == (None, None)
    run_drain()
    assert pos.get(command["links"]["self"]).body == answer.body
    pos.get(command["links"]["order"]).problem(404, "not-found")


def test_cancelling_again_is_answered_alike(pos: Till) -> None:
    command = pos.submit("order.create").body
    answers = [pos.post(f"/commands/{command['id']}/cancel") for _ in range(3)]
    assert [answer.status for answer in answers] == [200] * 3
    assert answers[0].body == answers[1].body == answers[2].body


def test_a_parked_command_can_be_cancelled(pos: Till) -> None:
    command = pos.submit("order.create", not_before="2099-01-01T00:00:00Z").body
    assert pos.post(f"/commands/{command['id']}/cancel").body["status"] == "cancelled"


def test_another_till_does_not_find_it_and_an_auditor_may_not(pos: Till, integration: Till, auditor: Till) -> None:
    command = pos.submit("order.create").body
    integration.post(f"/commands/{command['id']}/cancel").problem(404, "not-found")
    auditor.post(f"/commands/{command['id']}/cancel").problem(403, "forbidden")
    assert pos.get(command["links"]["self"]).body["status"] == "queued"


@pytest.mark.parametrize(("type_", "status"), [("order.create", "succeeded"), ("order.cancel_draft", "failed")])
def test_an_executed_command_cannot_be_cancelled(pos: Till, type_: str, status: str) -> None:
    ended = pos.run(type_, order_id=ORDER_ID)
    answer = pos.post(f"/commands/{ended['id']}/cancel")
    assert status in answer.problem(409, "not-cancellable")["detail"]
    assert pos.get(ended["links"]["self"]).body == ended


def test_cancelling_one_command_leaves_the_next_of_its_order_alone(pos: Till) -> None:
    first, second = pos.batch(
        entry("order.create", {"note": "first"}, order_id=ORDER_ID),
        entry("order.create", {"note": "second"}, order_id=ORDER_ID),
    )
    pos.post(f"/commands/{first['command']['id']}/cancel")
    run_drain()
    assert pos.get(second["command"]["links"]["self"]).body["status"] == "succeeded"
    assert pos.get(f"/orders/{ORDER_ID}").body["note"] == "second"


@pytest.mark.parametrize("code", ["poisoned", "internal-error"])
def test_a_manager_queues_a_broken_command_again(pos: Till, manager: Till, code: str) -> None:
    command = pos.submit("order.create", key="k").body
    fail(command["id"], code)
    answer = manager.post(f"/commands/{command['id']}/retry")
    assert (answer.status, answer.headers["retry-after"]) == (202, "1")
    assert answer.headers["cache-control"] == "no-store"
    again = answer.body
    assert (again["status"], again["error"], again["attempts"]) == ("queued", None, 3)
    assert (again["started_at"], again["finished_at"]) == (None, None)
    run_drain()
    ended = pos.get(command["links"]["self"]).body
    assert (ended["status"], ended["attempts"]) == ("succeeded", 4)
    assert pos.submit("order.create", key="k").body["id"] == command["id"]


def test_a_retried_command_goes_to_the_end_of_its_orders_queue(pos: Till, manager: Till) -> None:
    manager.product("TEA", stock=5)
    pay, create = pos.batch(
        entry("order.pay", {"method": "cash"}, order_id=ORDER_ID),
        entry("order.create", {"items": [{"sku": "TEA", "qty": 1}]}, order_id=ORDER_ID),
    )
    fail(pay["command"]["id"], "poisoned")
    manager.post(f"/commands/{pay['command']['id']}/retry")
    run_drain()
    statuses = [pos.get(each["command"]["links"]["self"]).body["status"] for each in (create, pay)]
    assert statuses == ["succeeded", "succeeded"]


def test_a_command_that_failed_by_its_own_fault_cannot_be_retried(manager: Till) -> None:
    failed = manager.run("order.pay", {"method": "cash"}, order_id=ORDER_ID)
    manager.post(f"/commands/{failed['id']}/retry").problem(409, "not-retryable")
    assert manager.get(failed["links"]["self"]).body == failed


@pytest.mark.parametrize("status", ["queued", "succeeded", "cancelled"])
def test_a_command_that_did_not_fail_cannot_be_retried(manager: Till, status: str) -> None:
    command = manager.submit("order.create").body
    if status == "cancelled":
        manager.post(f"/commands/{command['id']}/cancel")
    elif status == "succeeded":
        run_drain()
    before = manager.get(command["links"]["self"]).body
    assert before["status"] == status
    manager.post(f"/commands/{command['id']}/retry").problem(409, "not-retryable")
    assert manager.get(command["links"]["self"]).body == before


def test_only_a_manager_retries(pos: Till, integration: Till, auditor: Till) -> None:
    command = pos.submit("order.create").body
    fail(command["id"], "poisoned")
    pos.post(f"/commands/{command['id']}/retry").problem(403, "forbidden")
    auditor.post(f"/commands/{command['id']}/retry").problem(403, "forbidden")
    integration.post(f"/commands/{command['id']}/retry").problem(404, "not-found")
    assert pos.get(command["links"]["self"]).body["status"] == "failed"


@pytest.mark.parametrize("way", ["cancel", "retry"])
def test_an_unknown_command_can_be_neither_cancelled_nor_retried(manager: Till, way: str) -> None:
    manager.post(f"/commands/{uuid.uuid4()}/{way}").problem(404, "not-found")
