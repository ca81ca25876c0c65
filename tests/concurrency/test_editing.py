"""Edits side by side, and beside a worker: no change is lost. Each race has its control with the guard off."""

import threading
import uuid
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import psycopg
import pytest
from django.db import connection

from store import editing, loading
from store.models import Customer, Product
from tests import invariants
from tests.concurrency.workers import at_once
from tests.polling import until
from tests.till import Answer, Till, run_drain


def raw() -> psycopg.Connection[Any]:
    """This thread's own connection."""
    connection.ensure_connection()
    mine: psycopg.Connection[Any] = connection.connection
    return mine


def somebody_waits() -> bool:
    """Whether a transaction waits for the lock of another."""
    return raw().execute("SELECT FROM pg_locks WHERE NOT granted").fetchone() is not None


def read_unlocked(model: type[Customer] | type[Product], row_id: uuid.UUID) -> Customer | Product | None:
    """What editing would do without its lock."""
    return model.objects.filter(id=row_id).first()


@pytest.fixture(params=["products", "customers"])
def path(request: pytest.FixtureRequest, manager: Till) -> str:
    """Of a new resource that can be edited."""
    new = {"products": {"sku": "TEA", "name": "Tea", "price": "1"}, "customers": {"name": "Ada"}}[request.param]
    location: str = manager.post(f"/{request.param}", new).headers["location"]
    return location


def edit_together(manager: Till, path: str, **headers: str) -> list[Answer]:
    """Two edits that start together, each with a name of its own."""
    names: Iterator[str] = iter([str(uuid.uuid4()), str(uuid.uuid4())])
    taking_turns = threading.Lock()

    def edit() -> Answer:
        with taking_turns:
            name = next(names)
        return Till(manager.name, manager.role, manager.key).request("PATCH", path, {"name": name}, None, **headers)

    return at_once(2, edit)


def test_of_two_edits_of_one_version_one_wins(manager: Till, path: str) -> None:
    for version in range(1, 11):
        answers = edit_together(manager, path, If_Match=f'"{version}"')
        assert sorted(answer.status for answer in answers) == [200, 412]
        (won,) = [answer for answer in answers if answer.status == 200]
        assert manager.get(path).body == won.body
        assert won.body["version"] == version + 1


def test_without_the_lock_both_think_that_they_are_first(
    manager: Till, path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The control: both have read version 1; the update that names its version is all that stands between them."""
    together = threading.Barrier(2)

    def read_together(*args: Any) -> Any:
        row = read_unlocked(*args)
        together.wait(timeout=10)
        return row

    monkeypatch.setattr(editing, "_locked", read_together)
    answers = edit_together(manager, path, If_Match='"1"')
    assert sorted(answer.status for answer in answers) == [200, 500]


def test_edits_without_a_precondition_all_happen_one_after_the_other(manager: Till, path: str) -> None:
    answers = edit_together(manager, path)
    assert sorted((answer.status, answer.body["version"]) for answer in answers) == [(200, 2), (200, 3)]


def save_whole(row: Product, changed: Mapping[str, object]) -> None:
    """What editing would do if it wrote every column."""
    for name, value in changed.items():
        setattr(row, name, value)
    row.version += 1
    row.save()


@pytest.mark.parametrize("guarded", [True, False], ids=["guarded", "control: no lock, every column written"])
def test_stock_that_a_worker_moves_during_an_edit_is_not_lost(
    manager: Till, monkeypatch: pytest.MonkeyPatch, guarded: bool
) -> None:
    tea = manager.product("TEA", stock=5)
    manager.submit("stock.receive", {"sku": "TEA", "qty": 2})
    save: Callable[..., None] = editing._save if guarded else save_whole
    if not guarded:
        monkeypatch.setattr(editing, "_locked", read_unlocked)
    draining: list[Future[Any]] = []

    def save_while_a_worker_drains(*args: Any) -> None:
        draining.append(threads.submit(at_once, 1, run_drain))
        until(somebody_waits if guarded else draining[0].done, "the worker has come to the product")
        save(*args)

    monkeypatch.setattr(editing, "_save", save_while_a_worker_drains)
    with ThreadPoolExecutor(1) as threads:
        assert manager.request("PATCH", f"/products/{tea['id']}", {"name": "Better tea"}).status == 200
        assert draining[0].result(timeout=60)[0].commands == 1
    after = manager.get(f"/products/{tea['id']}").body
    assert (after["name"], after["version"]) == ("Better tea", 2)
    broken = invariants.broken_rules(raw())
    if guarded:
        assert after["on_hand"] == 7
        assert not broken
    else:
        assert "stock is the sum of its movements" in broken


def test_an_edit_that_waits_for_a_worker_answers_with_the_stock_after_it(
    manager: Till, monkeypatch: pytest.MonkeyPatch
) -> None:
    tea = manager.product("TEA", stock=5)
    manager.submit("stock.receive", {"sku": "TEA", "qty": 2})
    load = loading.load
    edits: list[Future[list[Answer]]] = []

    def edit() -> Answer:
        return manager.request("PATCH", f"/products/{tea['id']}", {"price": "12.00"}, None, If_Match='"1"')

    def load_while_somebody_edits(*args: Any) -> Any:
        world = load(*args)
        edits.append(threads.submit(at_once, 1, edit))
        until(somebody_waits, "the edit has come to the product")
        return world

    monkeypatch.setattr(loading, "load", load_while_somebody_edits)
    with ThreadPoolExecutor(1) as threads:
        run_drain()
        (answer,) = edits[0].result(timeout=60)
    assert answer.status == 200
    assert answer.body == tea | {"price": "12.00", "version": 2, "on_hand": 7, "available": 7}
    assert manager.get(f"/products/{tea['id']}").body == answer.body
    invariants.check(raw())


def test_many_edits_beside_a_busy_worker_lose_nothing(manager: Till) -> None:
    tea = manager.product("TEA")
    for _ in range(30):
        manager.submit("stock.receive", {"sku": "TEA", "qty": 1})
    prices = iter(range(1, 31))
    turns: Iterator[bool] = iter([True, False, False])
    taking_turns = threading.Lock()

    def work() -> None:
        with taking_turns:
            edits = next(turns)
        if not edits:
            run_drain(batch_max=1)
            return
        till = Till(manager.name, manager.role, manager.key)
        for price in prices:
            assert till.request("PATCH", f"/products/{tea['id']}", {"price": f"{price}.00"}).status == 200

    at_once(3, work)
    run_drain()
    after = manager.get(f"/products/{tea['id']}").body
    assert (after["on_hand"], after["price"], after["version"]) == (30, "30.00", 31)
    invariants.check(raw())
