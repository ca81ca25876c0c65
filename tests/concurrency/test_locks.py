"""Each lock and each guard alone: a race that it decides, and beside it the same race with the guard off."""

import threading
import uuid
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, nullcontext
from typing import Any

import psycopg
import pytest
from django.conf import settings
from django.db import connection

from store import attempts, ending, inbox, loading, queue, saving
from store.inbox import Submission
from store.models import Client, Command, Order
from tests import invariants
from tests.concurrency.workers import at_once
from tests.guards import guards_asleep
from tests.polling import until
from tests.till import Till, run_drain
from worker.drain import _Work
from worker.execute import BatchFailed, execute_batch

LANES_OF = ("TEA", "MUG")
"""Two names whose lanes differ."""


@pytest.mark.parametrize("guards", ["lock", "version", "none"], ids=["the lock", "control: version", "control: none"])
def test_two_workers_change_one_order_one_after_the_other(
    manager: Till, monkeypatch: pytest.MonkeyPatch, guards: str
) -> None:
    """Its commands stand in two lanes, as after a change of LANES. Without its lock the version notices; without
    version and triggers a change is lost."""
    manager.product("TEA", stock=5)
    order = manager.run("order.create")["order_id"]
    added = [
        accept(manager, "order.add_items", {"items": [{"sku": "TEA", "qty": 1}]}, order, name) for name in LANES_OF
    ]
    both_pass(monkeypatch, queue, "claim")
    if guards != "lock":
        monkeypatch.setattr(loading, "_LOCK_ORDERS", loading._LOCK_ORDERS.replace("FOR NO KEY UPDATE", ""))
        both_pass(monkeypatch, loading, "load")
    if guards == "none":
        unguarded = saving._UPDATE_ORDERS.replace("AND orders.version = new.version - 1", "")
        monkeypatch.setattr(saving, "_UPDATE_ORDERS", unguarded)
    went = two_batches(guards_asleep if guards == "none" else nullcontext)
    monkeypatch.undo()
    assert went == (Counter(ended=1, collided=1) if guards == "version" else Counter(ended=2))
    run_drain()
    assert ends(added) == Counter(succeeded=2)
    pieces = sum(Order.objects.get(id=order).lines.values_list("qty", flat=True))
    lost = "an order's version counts its successful commands" in invariants.broken_rules(raw())
    assert (pieces, lost) == ((1, True) if guards == "none" else (2, False))


@pytest.mark.parametrize("locked", [True, False], ids=["with the lock", "control without it"])
@pytest.mark.parametrize("wants", [("reserve", "reserve"), ("reserve", "sell"), ("sell", "count")], ids="-".join)
def test_the_last_pieces_go_to_one_of_two_lanes(
    manager: Till, monkeypatch: pytest.MonkeyPatch, wants: tuple[str, str], locked: bool
) -> None:
    """Two orders, or an order and a count, in lanes of their own; what they share is the product alone."""
    manager.product("TEA", stock=10)
    wanted = [all_pieces(manager, want) for want in wants]
    asked = [accept(manager, *want, name) for want, name in zip(wanted, LANES_OF, strict=True)]
    both_pass(monkeypatch, queue, "claim")
    if not locked:
        monkeypatch.setattr(loading, "_LOCK_PRODUCTS", loading._READ_PRODUCTS)
        both_pass(monkeypatch, loading, "load")
    assert two_batches(nullcontext) == Counter(ended=2)
    broken = invariants.broken_rules(raw())
    if locked:
        assert ends(asked) == Counter({"succeeded": 1, "insufficient-stock": 1})
        assert not broken
    else:
        assert ends(asked) == Counter(succeeded=2)
        assert "stock is the sum of its movements" in broken


def test_an_order_created_from_two_lanes_exists_once_and_the_second_is_told_so(
    manager: Till, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As when LANES changes while a till sends its creation twice under two keys."""
    order = str(uuid.uuid4())
    created = [accept(manager, "order.create", {}, order, name) for name in LANES_OF]
    both_pass(monkeypatch, loading, "load")
    at_once(2, lambda: _Work(0, 1).look())
    monkeypatch.undo()
    run_drain()
    assert Order.objects.count() == 1
    assert ends(created) == Counter({"succeeded": 1, "order-exists": 1})


def cancel(command: Command) -> object:
    """As its submitter does."""
    return ending.cancel(command.id, command.lane).ids


def expire(command: Command) -> object:
    """As the sweeper does, the time being over."""
    with guards_asleep():
        Command.objects.filter(id=command.id).update(expires_at=command.accepted_at)
    return ending.expire({"code": "expired"}).ids


@pytest.mark.parametrize("guarded", [True, False], ids=["guarded", "control: no lane lock"])
@pytest.mark.parametrize("end", [cancel, expire])
def test_a_command_in_hand_is_ended_by_its_worker_alone(
    manager: Till, monkeypatch: pytest.MonkeyPatch, end: Callable[[Command], object], guarded: bool
) -> None:
    """A cancel waits for the worker, a sweeper passes by. Without the lane's lock they end it too, and the worker's
    batch is thrown away."""
    command = Command.objects.get(id=manager.submit("order.create").body["id"])
    begin = attempts.begin
    meddling: list[Future[list[object]]] = []

    def begin_while_somebody_meddles(*args: Any) -> None:
        begin(*args)
        meddling.append(threads.submit(at_once, 1, lambda: end(command)))
        until(lambda: meddling[0].done() or somebody_waits(), "it has ended or waits")

    monkeypatch.setattr(attempts, "begin", begin_while_somebody_meddles)
    if not guarded:
        monkeypatch.setattr(queue, "lock_lanes", lambda _lanes: None)
        monkeypatch.setattr(ending, "_LOCK_FREE", ending._LOCK_FREE.replace("FOR NO KEY UPDATE SKIP LOCKED", ""))
    with ThreadPoolExecutor(1) as threads:
        went = one_batch()
        (ended_it,) = meddling[0].result(timeout=60)
    assert (went, bool(ended_it)) == (("ended", False) if guarded else ("collided", True))
    command.refresh_from_db()
    assert (command.status == "succeeded") is guarded
    assert Order.objects.exists() is guarded


@pytest.mark.parametrize("constrained", [True, False], ids=["constrained", "control without the constraint"])
def test_one_key_makes_one_row(manager: Till, monkeypatch: pytest.MonkeyPatch, constrained: bool) -> None:
    if not constrained:
        unguarded = inbox._ACCEPT.replace("ON CONFLICT (client_id, idempotency_key)", "ON CONFLICT")
        monkeypatch.setattr(inbox, "_ACCEPT", unguarded)

    def submit() -> int:
        mine = submission(manager, "order.create", {}, str(uuid.uuid4()), "TEA", key="k")
        return len(inbox.accept([mine], settings.LANES))

    with nullcontext() if constrained else without_unique_keys():
        assert sum(at_once(10, submit)) == Command.objects.count() == (1 if constrained else 10)


def raw() -> psycopg.Connection[Any]:
    """This thread's own connection."""
    connection.ensure_connection()
    mine: psycopg.Connection[Any] = connection.connection
    return mine


def somebody_waits() -> bool:
    """Whether a transaction waits for the lock of another."""
    return raw().execute("SELECT FROM pg_locks WHERE NOT granted").fetchone() is not None


def submission(
    till: Till, type_: str, payload: dict[str, Any], order_id: str | None, lane_of: str, key: str | None = None
) -> Submission:
    """One command for the lane of `lane_of`."""
    return Submission(
        id=uuid.uuid4(),
        client_id=Client.objects.get(name=till.name).id,
        idempotency_key=key or str(uuid.uuid4()),
        body_hash=b"",
        type=type_,
        order_id=uuid.UUID(order_id) if order_id else None,
        lane_of=lane_of,
        payload=payload,
    )


def accept(till: Till, type_: str, payload: dict[str, Any], order_id: str | None, lane_of: str) -> uuid.UUID:
    """Put one command into the inbox: its id."""
    (row,) = inbox.accept([submission(till, type_, payload, order_id, lane_of)], settings.LANES).values()
    return row.id


def all_pieces(till: Till, want: str) -> tuple[str, dict[str, Any], str | None]:
    """Type, payload and order of a command that wants all ten pieces."""
    items = [{"sku": "TEA", "qty": 10}]
    if want == "reserve":
        return "order.create", {"workflow": "fulfilment", "items": items}, str(uuid.uuid4())
    if want == "sell":
        return "order.pay", {"method": "cash"}, till.run("order.create", {"items": items})["order_id"]
    return "stock.adjust", {"sku": "TEA", "delta": -10, "reason": "broken"}, None


def both_pass(monkeypatch: pytest.MonkeyPatch, module: Any, name: str) -> None:
    """Two threads leave this function only when both have come through it."""
    act: Callable[..., Any] = getattr(module, name)
    barrier = threading.Barrier(2)

    def act_together(*args: Any) -> Any:
        done = act(*args)
        barrier.wait(timeout=10)
        return done

    monkeypatch.setattr(module, name, act_together)


def two_batches(within: Callable[[], Any]) -> Counter[str]:
    """Two workers at once with a batch of one lane each: how their batches went."""

    def work() -> str:
        with within():
            return one_batch()

    return Counter(at_once(2, work))


def one_batch() -> str:
    """How a batch of one command went."""
    try:
        assert execute_batch(0, 1, 1) == 1
    except BatchFailed:
        return "collided"
    return "ended"


def ends(commands: Iterable[uuid.UUID]) -> Counter[str]:
    """How these commands ended: the code of a no, the status of a yes."""
    rows = Command.objects.filter(id__in=list(commands)).values_list("status", "error__code")
    return Counter(code or status for status, code in rows)


@contextmanager
def without_unique_keys() -> Iterator[None]:
    """For the length of the block no constraint knows a key again."""
    raw().execute("ALTER TABLE command DROP CONSTRAINT command_client_key")
    try:
        yield
    finally:
        with guards_asleep():
            raw().execute("DELETE FROM command")
        raw().execute("ALTER TABLE command ADD CONSTRAINT command_client_key UNIQUE (client_id, idempotency_key)")
