"""Batches: each command ends alone, whatever its neighbours do."""

import select
import threading
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import psycopg
import pytest
from django.db import connection

from domain import registry
from domain.outcome import Applied, Outcome
from domain.registry import ORDER_ALONE, Command, Scope
from domain.world import World
from store import attempts, db, queue
from tests.till import Till, run_drain
from worker.drain import drain


@dataclass(frozen=True, slots=True, kw_only=True)
class Exploding:
    """A payload whose decision goes wrong."""

    def scope(self) -> Scope:
        """Its order alone."""
        return ORDER_ALONE

    def decide(self, command: Command, world: World, now: datetime) -> Outcome:
        """Raise."""
        raise ZeroDivisionError("a bug")


@dataclass(frozen=True, slots=True, kw_only=True)
class Unsavable(Exploding):
    """A payload whose yes the database refuses: it skips a version."""

    def decide(self, command: Command, world: World, now: datetime) -> Outcome:
        """Say yes to the impossible."""
        order = world.order_of(command.order_id)
        return Applied(event="order.items_changed", order=replace(order, version=order.version + 2))


@pytest.fixture
def plant() -> Iterator[Callable[[type[Any]], str]]:
    """Register payload classes as command types for one test."""
    planted: list[str] = []

    def register(payload: type[Any]) -> str:
        name = f"order.{payload.__name__.lower()}"
        registry.command(name, roles=(registry.MANAGER,))(payload)
        planted.append(name)
        return name

    yield register
    for name in planted:
        del registry._TYPES[name]


def drafts(till: Till, number: int) -> list[str]:
    """New empty orders."""
    return [till.run("order.create")["order_id"] for _ in range(number)]


def outcome(till: Till, submitted: Any) -> tuple[str, str | None]:
    """Status and error code of a submitted command."""
    body = till.get(f"/commands/{submitted.body['id']}").body
    return body["status"], body["error"] and body["error"]["code"]


@pytest.mark.parametrize("payload", [Exploding, Unsavable])
def test_a_command_with_a_bug_fails_alone(manager: Till, plant: Callable[[type[Any]], str], payload: type[Any]) -> None:
    type_ = plant(payload)
    before, culprit, after = drafts(manager, 3)
    cancelled = [manager.submit("order.cancel_draft", order_id=before)]
    failed = manager.submit(type_, order_id=culprit)
    cancelled.append(manager.submit("order.cancel_draft", order_id=after))
    behind = manager.submit("order.cancel_draft", order_id=culprit)
    run_drain()
    assert outcome(manager, failed) == ("failed", "internal-error")
    assert {outcome(manager, each) for each in [*cancelled, behind]} == {("succeeded", None)}


def test_a_command_whose_type_is_gone_fails_alone(manager: Till, plant: Callable[[type[Any]], str]) -> None:
    type_ = plant(Exploding)
    (order,) = drafts(manager, 1)
    failed = manager.submit(type_, order_id=order)
    kept = registry._TYPES.pop(type_)
    run_drain()
    registry._TYPES[type_] = kept
    assert outcome(manager, failed) == ("failed", "internal-error")


def test_a_till_creates_fills_and_pays_without_waiting_and_every_version_is_saved(manager: Till) -> None:
    manager.product("TEA", stock=5)
    order = str(uuid.uuid4())
    manager.submit("order.create", order_id=order)
    manager.submit("order.add_items", {"items": [{"sku": "TEA", "qty": 2}]}, order_id=order)
    manager.submit("order.pay", {"method": "card"}, order_id=order)
    assert run_drain().batches == 1
    assert manager.get(f"/orders/{order}").body["status"] == "paid"
    assert manager.get(f"/orders/{order}").body["version"] == 3


def test_a_lock_that_lasts_too_long_is_waited_out(manager: Till) -> None:
    manager.product("TEA", stock=5)
    created = manager.run("order.create", {"items": [{"sku": "TEA", "qty": 2}]})
    paid = manager.submit("order.pay", {"method": "card"}, order_id=created["order_id"])
    with connection.cursor() as cursor:
        cursor.execute("SET lock_timeout = '50ms'")
    parameters = connection.get_connection_params()
    del parameters["cursor_factory"], parameters["context"]
    with psycopg.connect(**parameters) as other:
        other.execute("SELECT FROM product FOR UPDATE")
        threading.Timer(0.3, other.rollback).start()
        run_drain()
    assert outcome(manager, paid) == ("succeeded", None)


def test_a_full_batch_rings_once_for_a_further_drain(manager: Till) -> None:
    for _ in range(6):
        manager.submit("order.create")
    rung: list[int] = []
    drain(7, 4, rung.append)
    assert rung == [7]


def test_a_command_whose_worker_died_is_claimed_alone_and_then_its_mark_is_gone(manager: Till) -> None:
    submitted = [manager.submit("order.create") for _ in range(4)]
    lanes = queue.lock_ready_lanes(0, 200)
    attempts.begin(uuid.uuid4(), queue.claim(lanes, 200))
    claimed = queue.claim(lanes, 200)
    assert len(claimed) == 1
    assert claimed[0].deaths == 1
    assert run_drain().batches == 4
    assert {outcome(manager, each) for each in submitted} == {("succeeded", None)}
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM attempt")
        assert cursor.fetchone() == (0,)
    assert manager.get(f"/commands/{submitted[0].body['id']}").body["attempts"] == 2


def test_three_deaths_alone_poison_a_command(manager: Till) -> None:
    submitted = manager.submit("order.create")
    for _ in range(3):
        attempts.begin(uuid.uuid4(), queue.claim(queue.lock_ready_lanes(0, 1), 1))
    run_drain()
    assert outcome(manager, submitted) == ("failed", "poisoned")
    retried = manager.request("POST", f"/commands/{submitted.body['id']}/retry")
    assert retried.status == 202
    run_drain()
    assert outcome(manager, submitted) == ("succeeded", None)
    assert manager.get(f"/commands/{submitted.body['id']}").body["attempts"] == 5


def test_a_role_lost_since_acceptance_is_refused(manager: Till) -> None:
    submitted = manager.submit("order.create")
    with connection.cursor() as cursor:
        cursor.execute("UPDATE client SET role = 'auditor'")
    run_drain()
    with connection.cursor() as cursor:
        cursor.execute("SELECT error ->> 'code' FROM command WHERE id = %s", [submitted.body["id"]])
        assert cursor.fetchone() == ("forbidden",)


def test_a_batch_that_postgresql_ended_for_idleness_is_tried_again(
    manager: Till, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The whole machine was frozen: nobody is to blame, also not a command that was alone."""
    submitted = manager.submit("order.create")
    db.execute("SET idle_in_transaction_session_timeout = '50ms'")
    begin = attempts.begin
    frozen = iter([True])

    def freeze(*args: Any) -> None:
        begin(*args)
        if next(frozen, False):
            select.select([connection.connection.pgconn.socket], [], [], 5)

    monkeypatch.setattr(attempts, "begin", freeze)
    run_drain()
    assert outcome(manager, submitted) == ("succeeded", None)
