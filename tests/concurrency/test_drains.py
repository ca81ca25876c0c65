"""Drains side by side: each command once, in order, no wake-up lost. Each race has its control with the guard off."""

import threading
from typing import Any

import psycopg
import pytest
from django.db import connection

from store import attempts, awake, ending, inbox, loading, queue
from tests import invariants
from tests.concurrency.workers import at_once
from tests.guards import guards_asleep
from tests.till import Till, run_drain
from worker import execute
from worker.drain import _Work


def queue_payments(till: Till, orders: int, skus: list[str]) -> None:
    """Draft orders with one piece of each product, and a queued payment for each."""
    entries = []
    for number in range(orders):
        created = till.run("order.create", {"items": [{"sku": sku, "qty": 1} for sku in skus]})
        entries.append(
            {
                "idempotency_key": f"pay-{number}",
                "type": "order.pay",
                "order_id": created["order_id"],
                "payload": {"method": "cash"},
            }
        )
    assert till.request("POST", "/commands/batch", {"commands": entries}).status == 200


def raw() -> psycopg.Connection[Any]:
    """The test's own connection."""
    connection.ensure_connection()
    mine: psycopg.Connection[Any] = connection.connection
    return mine


def statuses() -> dict[str, int]:
    """How many commands there are of each status."""
    return dict(raw().execute("SELECT status, count(*) FROM command GROUP BY status").fetchall())


def test_ten_drains_at_once_execute_each_command_once(manager: Till) -> None:
    tea = manager.product("TEA", stock=100)
    queue_payments(manager, 30, ["TEA"])
    drained = at_once(10, lambda: run_drain(batch_max=5))
    run_drain()
    assert sum(each.commands for each in drained) == 30
    assert manager.get(f"/products/{tea['id']}").body["on_hand"] == 70
    invariants.check(raw())


def test_without_the_lane_lock_drains_collide(manager: Till, monkeypatch: pytest.MonkeyPatch) -> None:
    """The control: two drains that both hold a lane execute the same commands."""
    manager.product("TEA", stock=100)
    queue_payments(manager, 4, ["TEA"])
    monkeypatch.setattr(
        queue, "_LOCK_READY_LANES", queue._LOCK_READY_LANES.replace("FOR NO KEY UPDATE SKIP LOCKED", "")
    )
    together = threading.Barrier(2)
    claim = queue.claim

    def claim_together(lanes: list[int], batch_max: int) -> list[queue.Claimed]:
        claimed = claim(lanes, batch_max)
        together.wait(timeout=10)
        return claimed

    monkeypatch.setattr(queue, "claim", claim_together)

    def one_batch() -> str:
        try:
            return str(execute.execute_batch(0, 200, 64))
        except execute.BatchFailed:
            return "collided"

    assert "collided" in at_once(2, one_batch)


@pytest.mark.parametrize("locked", [True, False], ids=["with the product lock", "control without it"])
def test_the_last_pieces_are_sold_once(manager: Till, monkeypatch: pytest.MonkeyPatch, locked: bool) -> None:
    manager.product("TEA", stock=10)
    queue_payments(manager, 20, ["TEA"])
    if not locked:
        monkeypatch.setattr(loading, "_LOCK_PRODUCTS", loading._READ_PRODUCTS)
    together = threading.Barrier(2)
    load = loading.load

    def load_together(commands: Any) -> Any:
        if not locked:
            world = load(commands)
            together.wait(timeout=10)
            return world
        return load(commands)

    monkeypatch.setattr(loading, "load", load_together)
    at_once(2, lambda: execute.execute_batch(0, 10, 5))
    monkeypatch.undo()
    run_drain()
    broken = invariants.broken_rules(raw())
    if locked:
        assert not broken
        assert raw().execute("SELECT count(*) FROM payment").fetchone() == (10,)
    else:
        assert "stock is the sum of its movements" in broken


@pytest.mark.parametrize("looks_again", [True, False], ids=["looks again", "control that does not"])
def test_a_command_that_comes_while_its_lane_is_locked_is_not_forgotten(
    manager: Till, monkeypatch: pytest.MonkeyPatch, looks_again: bool
) -> None:
    """Its own bell finds the lane locked and goes; the drain that holds the lane must execute it too."""
    created = manager.submit("order.create", {})
    order_id = created.body["order_id"]
    begin = attempts.begin
    once = iter([True])

    def a_command_comes(*args: Any) -> None:
        begin(*args)
        if next(once, False):
            at_once(1, lambda: manager.submit("order.cancel_draft", {}, order_id=order_id))
            assert at_once(1, run_drain)[0].commands == 0, "the lane was not locked"

    monkeypatch.setattr(attempts, "begin", a_command_comes)
    if looks_again:
        run_drain()
        assert statuses() == {"succeeded": 2}
    else:
        execute.execute_batch(0, 200, 64)
        assert statuses() == {"succeeded": 1, "queued": 1}


@pytest.mark.parametrize("looks_again", [True, False], ids=["looks again", "control that does not"])
def test_a_command_whose_bell_was_spared_is_not_forgotten(
    manager: Till, monkeypatch: pytest.MonkeyPatch, looks_again: bool
) -> None:
    """It comes after the drain's last look in vain, while its sign is still up: no bell rings for it."""
    hide = awake.hide
    last_look = iter([True])

    def a_command_comes() -> None:
        if next(last_look, False):
            assert awake.is_shown(), "the bell would ring"
            manager.submit("order.create", {})
            if not looks_again:
                monkeypatch.setattr(_Work, "look", lambda _self: False)
        hide()

    monkeypatch.setattr(awake, "hide", a_command_comes)
    run_drain()
    assert not awake.is_shown()
    assert statuses() == ({"succeeded": 1} if looks_again else {"queued": 1})


def test_a_cancel_and_a_drain_agree_on_who_came_first(manager: Till) -> None:
    for _round in range(10):
        race_a_cancel_and_a_drain(manager)
    invariants.check(raw())


def race_a_cancel_and_a_drain(manager: Till) -> None:
    """One of them ends the command, and the other knows it."""
    command = f"/commands/{manager.submit('order.create', {}).body['id']}"
    turns = iter([True, False])
    taking_turns = threading.Lock()

    def act() -> int | None:
        with taking_turns:
            cancels = next(turns)
        if cancels:
            return manager.request("POST", f"{command}/cancel").status
        run_drain()
        return None

    answered = next(status for status in at_once(2, act) if status)
    run_drain()
    assert (answered, manager.get(command).body["status"]) in {(200, "cancelled"), (409, "succeeded")}


def test_two_sweepers_expire_and_unpark_each_command_once(manager: Till) -> None:
    answer = manager.submit("order.create", {}, expires_at="2099-01-01T00:00:00Z")
    parked = manager.submit("order.create", {}, not_before="2099-01-01T00:00:00Z")
    with guards_asleep():
        raw().execute("UPDATE command SET expires_at = now() - interval '1 second' WHERE expires_at IS NOT NULL")
        raw().execute("UPDATE command SET not_before = now() - interval '1 second' WHERE not_before IS NOT NULL")
    assert sorted(len(ended.ids) for ended in at_once(2, lambda: ending.expire({"code": "expired"}))) == [0, 1]
    assert sorted(at_once(2, inbox.unpark)) == [0, 1]
    run_drain()
    assert manager.get(f"/commands/{answer.body['id']}").body["status"] == "expired"
    assert manager.get(f"/commands/{parked.body['id']}").body["status"] == "succeeded"
